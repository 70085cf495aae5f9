"""What readmissions and complications cost: the stay that shows them, and the professional services dated within it."""

from __future__ import annotations

import polars as pl

from episodes.errors import ContractError, count_of

_SERVICE_COLUMNS = (
    "episode_id",
    "claim_id",
    "setting",
    "service_start",
    "service_end",
    "period",
    "disposition",
    "cents",
)


def event_costs(outcomes: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    """Cents of each readmission and complication within its episode.

    A complication of the anchor stay itself has no cost of its own: its stay would be there without it. What lies after
    the episode's end, and what the episode leaves out, is not its cost.

    Args:
        outcomes: as `outcomes_of` gives them.
        services: as `built.services` (collected): one row a payable item and period, cents on the run's basis.

    Returns:
        One row an event that was seen on a later stay: episode_id, measure, event_claim_id, facility_cents,
        professional_cents, cents (their sum; 0: outside the episode, or left out of it). A stay may stand behind
        several measures: sum within one measure only.

    Raises:
        ContractError: `services` lacks columns.

    Source: own rule, after CMS's exclusion of services within an excluded stay.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
        >>> tables = [claims.table(name).collect() for name in ("claims", "lines", "beneficiaries")]
        >>> costs = ep.outcomes.event_costs(ep.outcomes.outcomes_of(built.final(), *tables), built.services.collect())
        >>> (costs["cents"] == costs["facility_cents"] + costs["professional_cents"]).all()
        True
    """
    lacking = [name for name in _SERVICE_COLUMNS if name not in services.columns]
    if lacking:
        raise ContractError(
            f"The services table lacks {count_of(len(lacking), 'column')}: {', '.join(lacking)}. "
            "Hand in the table that build_episodes makes (built.services.collect())."
        )
    of_anchor = pl.col("measure").str.starts_with("complication") & (pl.col("days") == 0)
    stays = outcomes.filter(
        pl.col("event").fill_null(False)
        & pl.col("measure").str.contains("^(readmission|complication)_")
        & pl.col("event_claim_id").is_not_null()
        & ~of_anchor
    ).select("episode_id", "measure", "event_claim_id")
    text = pl.col("setting", "period", "disposition").cast(pl.String)
    counted = services.with_columns(text).filter(
        (pl.col("disposition") == "included") & (pl.col("period") != "post_episode")
    )
    of_stay = counted.join(
        stays.select("episode_id", "event_claim_id").drop_nulls().unique(),
        left_on=["episode_id", "claim_id"],
        right_on=["episode_id", "event_claim_id"],
        how="semi",
    )
    facility = of_stay.group_by("episode_id", event_claim_id="claim_id").agg(
        facility_cents=pl.col("cents").sum(), start=pl.col("service_start").min(), end=pl.col("service_end").max()
    )
    professional = (
        facility.join(counted.filter(pl.col("setting") == "professional"), on="episode_id", how="inner")
        .filter(pl.col("service_start").is_between("start", "end"))
        .group_by("episode_id", "event_claim_id")
        .agg(professional_cents=pl.col("cents").sum())
    )
    keys = ["episode_id", "event_claim_id"]
    return (
        stays.join(facility.drop("start", "end"), on=keys, how="left", maintain_order="left")
        .join(professional, on=keys, how="left", maintain_order="left")
        .with_columns(pl.col("facility_cents", "professional_cents").fill_null(0))
        .with_columns(cents=pl.col("facility_cents") + pl.col("professional_cents"))
    )
