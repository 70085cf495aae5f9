"""Post-acute facilities and the referral network: who goes where after the anchor, and what comes of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from episodes.attribution.cost_centres import counts
from episodes.attribution.judging import JudgingRules, judge
from episodes.attribution.parties import POST_ACUTE_CATEGORIES, UNKNOWN, eager, with_billers
from episodes.attribution.scorecards import CELLS, expected_costs, final_episodes, outcome_counts
from episodes.attribution.suppression import suppress_small_cells
from episodes.checks import with_columns

NOWHERE = "none"
"""The facility of an episode without any post-acute care."""
_STAY_CATEGORIES = ("snf", "irf", "ltch")
_NEEDED = ("episode_id", "setting", "category", "period", "disposition", "cents", "service_start", "service_end", "ccn")
_OPTIONAL = {"rendering_npi": pl.String, "tin": pl.String}


def post_acute_facilities(
    episodes: pl.DataFrame,
    services: pl.DataFrame | pl.LazyFrame,
    outcomes: pl.DataFrame | pl.LazyFrame | None = None,
    *,
    preferred: Collection[str] | None = None,
    measures: Sequence[str] = ("readmission_30",),
    rules: JudgingRules | None = None,
    suppress_below: int | None = None,
) -> pl.DataFrame:
    """Facilities after the anchor: who sends how many, days, cost, observed over expected, readmissions.

    Cost is what the facility was paid within the episodes. It is compared with what its kind of facility costs on
    average in episodes of the same category and price cell that use one; facilities are compared within their kind.

    Args:
        episodes: rows as in `built.episodes`; only final ones count.
        services: rows as in `built.services`.
        outcomes: rows as in `built.outcomes`.
        preferred: facilities (CCN) of a network; None: there is none.
        measures: measures of `outcomes` to count, of the episodes of the facility.
        rules: how to judge, see `judging_rules`.
        suppress_below: see `suppress_small_cells`.

    Returns:
        category (`snf`, `irf`, `ltch`, `home_health`, `hospice`), party_id (the CCN, or `unknown`), preferred,
        episodes, first_destination (episodes that go there first), hospitals (how many refer), days (of stays, within
        the episode; null where it is not a stay), observed_cents, expected_cents, mean_cents; ratio to episode_ids as
        `judge` has them; `<measure>_events`, `_episodes`, `_rate`.

    Example:
        >>> import datetime as dt
        >>> day = dt.date(2025, 1, 5)
        >>> episodes = pl.DataFrame({"episode_id": ["1"], "episode_cents": [300]})
        >>> services = pl.DataFrame(
        ...     {
        ...         "episode_id": ["1"], "setting": "snf", "category": "snf", "period": "post", "ccn": ["495001"],
        ...         "disposition": "included", "cents": [300], "service_start": [day], "service_end": [day],
        ...     }
        ... )
        >>> post_acute_facilities(episodes, services).select("party_id", "episodes", "days", "ratio").rows()
        [('495001', 1, 1, 1.0)]
    """
    final = final_episodes(episodes)
    rows = _post_acute_rows(final, services)
    by = ["category", "party_id"]
    per_episode = (
        rows.group_by("episode_id", *by)
        .agg(pl.col("cents").sum(), pl.col("days").sum(), pl.col("first").any())
        .join(final.select("episode_id", *CELLS, "anchor_ccn").rename({"category": "_category"}), on="episode_id")
    )
    kind = ["category", "_category", "price_cell"]
    per_episode = per_episode.with_columns(
        observed_cents="cents", expected_cents=pl.col("cents").sum().over(kind) / pl.len().over(kind)
    )
    judged = judge(per_episode, by, peer_group="category", rules=rules)
    volumes = per_episode.group_by(by).agg(
        first_destination=pl.col("first").sum().cast(pl.Int64),
        hospitals=pl.col("anchor_ccn").drop_nulls().n_unique().cast(pl.Int64),
        days=pl.col("days").sum().cast(pl.Int64),
    )
    table = (
        judged.join(volumes, on=by, how="left", maintain_order="left")
        .with_columns(days=pl.when(pl.col("category").is_in(_STAY_CATEGORIES)).then("days"))
        .select(
            *by,
            _preferred(pl.col("party_id"), preferred),
            "episodes",
            "first_destination",
            "hospitals",
            "days",
            *_cost_columns(),
            *judged.columns[judged.columns.index("ratio") :],
        )
    )
    if outcomes is not None:
        counts = outcome_counts(per_episode.select(*by, "episode_id"), outcomes, by, measures)
        table = table.join(counts, on=by, how="left", maintain_order="left")
    events = {measure: f"{measure}_episodes" for measure in measures if f"{measure}_events" in table.columns}
    return suppress_small_cells(table, suppress_below, names=[*by, "preferred"], events=events)


def referral_network(
    episodes: pl.DataFrame,
    services: pl.DataFrame | pl.LazyFrame,
    expected: pl.DataFrame | None = None,
    *,
    preferred: Collection[str] | None = None,
    rules: JudgingRules | None = None,
    suppress_below: int | None = None,
) -> pl.DataFrame:
    """Who refers to whom: surgeons to hospitals, surgeons and hospitals to the first facility after the anchor.

    Args:
        episodes: rows as in `built.episodes`; only final ones count.
        services: rows as in `built.services`.
        expected: episode_id, expected_cents; None: `expected_costs`.
        preferred: facilities (CCN) of a network; None: there is none.
        rules: how to judge, see `judging_rules`.
        suppress_below: see `suppress_small_cells`.

    Returns:
        from_kind (`physician`, `hospital`), from_id, to_kind (`hospital`, `post_acute`), to_id (`none`: no post-acute
        care), category of the facility, preferred, episodes, share_of_from (of the episodes that the sender has on
        edges of the kind), observed_cents, expected_cents, mean_cents (whole episodes); ratio to episode_ids as `judge`
        has them, each compared with the edges of its kind. Parties that the claims do not name are `unknown`.

    Example:
        >>> episodes = pl.DataFrame(
        ...     {"episode_id": ["1"], "episode_cents": [300], "anchor_ccn": ["x"], "operating_npi": ["a"]}
        ... )
        >>> services = pl.DataFrame(schema=dict.fromkeys(_NEEDED, pl.String))
        >>> referral_network(episodes, services).select("from_id", "to_id", "share_of_from").rows()
        [('x', 'none', 1.0), ('a', 'x', 1.0), ('a', 'none', 1.0)]
    """
    final = final_episodes(episodes)
    costs = (
        expected_costs(final)
        if expected is None
        else with_columns(expected, "expected", ("episode_id", "expected_cents"))
    )
    first = _post_acute_rows(final, services).filter("first").unique("episode_id", keep="first", maintain_order=True)
    whole = (
        final.select("episode_id", "anchor_ccn", "operating_npi", observed_cents="episode_cents")
        .join(costs.select("episode_id", "expected_cents"), on="episode_id", how="inner")
        .join(first.select("episode_id", "category", facility="party_id"), on="episode_id", how="left")
        .with_columns(pl.col("facility").fill_null(NOWHERE), pl.col("anchor_ccn", "operating_npi").fill_null(UNKNOWN))
    )
    no_category = pl.lit(None, dtype=pl.String).alias("category")
    edges = pl.concat(
        [
            _edge(whole, "hospital", "anchor_ccn", "post_acute", "facility", pl.col("category")),
            _edge(whole, "physician", "operating_npi", "hospital", "anchor_ccn", no_category),
            _edge(whole, "physician", "operating_npi", "post_acute", "facility", pl.col("category")),
        ]
    )
    by = ["from_kind", "from_id", "to_kind", "to_id", "category"]
    judged = judge(edges, by, peer_group="edge", rules=rules)
    sent = pl.col("episodes").sum().over("from_kind", "from_id", "to_kind")
    table = judged.select(
        *by,
        _preferred(pl.col("to_id"), preferred),
        "episodes",
        share_of_from=pl.col("episodes") / sent,
        **dict(zip(_COSTS, _cost_columns(), strict=True)),
        **{name: pl.col(name) for name in judged.columns[judged.columns.index("ratio") :]},
    )
    return suppress_small_cells(table, suppress_below, names=[*by, "preferred"])


_COSTS = ("observed_cents", "expected_cents", "mean_cents")


def _cost_columns() -> list[pl.Expr]:
    observed = pl.col("observed").round(0).cast(pl.Int64)
    return [
        observed.alias("observed_cents"),
        pl.col("expected").round(0).cast(pl.Int64).alias("expected_cents"),
        ((2 * observed + pl.col("episodes")) // (2 * pl.col("episodes"))).alias("mean_cents"),
    ]


def _post_acute_rows(final: pl.DataFrame, services: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """Post-acute service rows of final episodes: episode_id, category, party_id, cents, days, first.

    `first`: of the facility whose service starts first after the anchor; of several that day the one that comes first
    by kind (inpatient kinds before home health) and CCN.
    """
    known = with_columns(eager(services), "services", _NEEDED, _OPTIONAL)
    last_day = {"episode_end": pl.Date}
    ends = with_columns(final, "episodes", ("episode_id",), last_day).select("episode_id", "episode_end")
    rows = (
        with_billers(known.filter(counts() & pl.col("category").is_in(POST_ACUTE_CATEGORIES)))
        .filter(pl.col("biller_kind") == "post_acute")
        .join(ends, on="episode_id", how="inner")
    )
    until = pl.min_horizontal(pl.col("service_end").cast(pl.Date), "episode_end")
    order = pl.col("category").cast(pl.String).cast(pl.Enum(("ltch", "irf", "snf", "home_health", "hospice")))
    start = pl.col("service_start").cast(pl.Date)
    return (
        rows.select(
            "episode_id",
            "category",
            pl.col("cents").cast(pl.Int64),
            party_id=pl.col("biller_id").fill_null(UNKNOWN),
            days=((until - start).dt.total_days() + 1).clip(0),
            _start=start,
            _order=order.to_physical(),
        )
        .sort("episode_id", "_start", "_order", "party_id")
        .with_columns(
            first=(pl.col("category") == pl.col("category").first().over("episode_id"))
            & (pl.col("party_id") == pl.col("party_id").first().over("episode_id"))
        )
        .drop("_start", "_order")
    )


def _edge(
    whole: pl.DataFrame, from_kind: str, from_id: str, to_kind: str, to_id: str, category: pl.Expr
) -> pl.DataFrame:
    return whole.select(
        from_kind=pl.lit(from_kind),
        from_id=from_id,
        to_kind=pl.lit(to_kind),
        to_id=to_id,
        category=category,
        edge=pl.lit(f"{from_kind} to {to_kind}"),
        episode_id="episode_id",
        observed_cents="observed_cents",
        expected_cents="expected_cents",
    )


def _preferred(facility: pl.Expr, preferred: Collection[str] | None) -> pl.Expr:
    """Whether a facility is of the network; null without one, and where nobody went anywhere."""
    if preferred is None:
        return pl.lit(None, dtype=pl.Boolean).alias("preferred")
    return pl.when(facility != NOWHERE).then(facility.is_in(list(preferred))).alias("preferred")
