"""Cost centres: every service row, and so every dollar of an episode, has exactly one."""

from __future__ import annotations

from typing import Any

import polars as pl

from episodes.attribution.arrangements import UNEXPLAINED, attribution_rules
from episodes.checks import with_columns
from episodes.errors import ContractError, unknown_name

IN_EPISODE = ("pre", "anchor", "post")
"""Periods whose cents are the cost of the episode."""


_STAYS = ["readmission", "ipf"]


def counts() -> pl.Expr:
    """Whether a service row makes up the cost of its episode: included, and not after the episode's end."""
    return (pl.col("disposition") == "included") & pl.col("period").is_in(list(IN_EPISODE))


def with_cost_centres(services: pl.DataFrame, outcomes: pl.DataFrame | None = None) -> pl.DataFrame:
    """Name the cost centre of each service row.

    Args:
        services: rows as in `built.services`; needed are episode_id, category, period; with outcomes also claim_id,
            service_start and service_end.
        outcomes: rows as in `built.outcomes`. A readmission that is the event of a complication measure, and the
            professional services within it, are the centre `complication`. Without outcomes nothing is: all
            readmissions are `readmission`.

    Returns:
        The rows in their order, with `cost_centre`.

    Raises:
        ContractError: a category that no cost centre has.

    Source: the centres are a proposal (`attribution_rules().cost_centres`); complication cost as the methodology of
    outcomes has it, facility and professional dated within the stay.

    Example:
        >>> rows = pl.DataFrame({"episode_id": ["e", "e"], "category": ["snf", "professional"], "period": "post"})
        >>> with_cost_centres(rows)["cost_centre"].to_list()
        ['snf', 'professional_post']
    """
    centres = attribution_rules().cost_centres
    known = [category for centre in centres for category in centre.categories]
    if strange := set(services["category"].cast(pl.String).unique().to_list()) - set(known):
        raise ContractError(
            unknown_name("category of a service", str(min(map(str, strange))), known)
            + " Services are the table that building returns."
        )
    in_complication = _in_complication(services, outcomes)
    chain: Any = pl.when(pl.lit(False)).then(pl.lit(UNEXPLAINED))
    for centre in centres:
        fits = pl.col("category").is_in(list(centre.categories))
        if centre.periods:
            fits &= pl.col("period").is_in(list(centre.periods))
        if centre.in_complication:
            fits &= pl.col("_in_complication")
        chain = chain.when(fits).then(pl.lit(centre.id))
    return services.with_columns(in_complication).with_columns(cost_centre=chain).drop("_in_complication")


def cost_by_centre(
    episodes: pl.DataFrame, services: pl.DataFrame | pl.LazyFrame, outcomes: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The cost of each episode by cost centre.

    Args:
        episodes: rows as in `built.episodes`; needed are episode_id and episode_cents.
        services: rows as in `built.services`.
        outcomes: as in `with_cost_centres`.

    Returns:
        episode_id, cost_centre, cents: in the order of the episodes, then of the centres. Cents of an episode sum to
        `episode_cents` exactly; what no service explains is the centre `not_in_services`.

    Example:
        >>> episodes = pl.DataFrame({"episode_id": ["e"], "episode_cents": [100]})
        >>> services = pl.DataFrame(
        ...     {"episode_id": ["e"], "category": "snf", "period": "post", "disposition": "included", "cents": [70]}
        ... )
        >>> cost_by_centre(episodes, services).rows()
        [('e', 'snf', 70), ('e', 'not_in_services', 30)]
    """
    known = with_columns(episodes, "episodes", ("episode_id", "episode_cents")).with_row_index("_row")
    needed = ("episode_id", "category", "period", "disposition", "cents")
    rows = with_columns(services.lazy().collect(), "services", needed).filter(counts())
    order = pl.Enum((*attribution_rules().centre_ids(), UNEXPLAINED))
    explained = (
        with_cost_centres(rows, outcomes)
        .join(known.select("_row", "episode_id"), on="episode_id", how="inner")
        .group_by("_row", "cost_centre")
        .agg(pl.col("cents").cast(pl.Int64).sum())
    )
    total = explained.group_by("_row").agg(explained=pl.col("cents").sum())
    rest = known.join(total, on="_row", how="left").select(
        "_row", cost_centre=pl.lit(UNEXPLAINED), cents=pl.col("episode_cents") - pl.col("explained").fill_null(0)
    )
    return (
        pl.concat([explained, rest.filter(pl.col("cents") != 0)])
        .with_columns(pl.col("cost_centre").cast(order))
        .sort("_row", "cost_centre")
        .join(known.select("_row", "episode_id"), on="_row", how="left", maintain_order="left")
        .select("episode_id", pl.col("cost_centre").cast(pl.String), "cents")
    )


def _in_complication(services: pl.DataFrame, outcomes: pl.DataFrame | None) -> pl.Series:
    """Rows of stays that are the event of a complication, and professional rows dated within them."""
    nothing = pl.Series("_in_complication", [False], dtype=pl.Boolean).new_from_index(0, services.height)
    if outcomes is None or services.is_empty():
        return nothing
    outcomes = with_columns(outcomes, "outcomes", ["episode_id", "measure", "event", "event_claim_id"])
    events = (
        outcomes.filter(
            pl.col("measure").cast(pl.String).str.starts_with("complication_")
            & pl.col("event").fill_null(False)
            & pl.col("event_claim_id").is_not_null()
        )
        .select("episode_id", claim_id="event_claim_id")
        .unique()
    )
    if events.is_empty():
        return nothing
    needed = ["episode_id", "claim_id", "category", "period", "service_start", "service_end"]
    rows = with_columns(services, "services", needed).select(needed).with_row_index("_row")
    stays = rows.filter(pl.col("category").is_in(_STAYS)).join(events, on=["episode_id", "claim_id"], how="semi")
    within = (
        rows.filter(~pl.col("category").is_in(_STAYS) & (pl.col("period") == "post"))
        .join(stays.select("episode_id", _from="service_start", _to="service_end"), on="episode_id", how="inner")
        .filter(pl.col("service_start").is_between("_from", "_to"))
    )
    found = pl.concat([stays["_row"], within["_row"]]).unique()
    return rows["_row"].is_in(found.implode()).rename("_in_complication")
