"""Scorecards of physicians and hospitals: volume, cost, observed over expected, how sure, the episodes behind it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from episodes.attribution.arrangements import METHODS, attribution_rules, settings_with
from episodes.attribution.hierarchical import ONLY_SURGEON
from episodes.attribution.judging import JudgingRules, judge
from episodes.attribution.parties import UNATTRIBUTED, UNKNOWN, eager
from episodes.attribution.reliability import cost_ratio_score
from episodes.attribution.suppression import suppress_small_cells
from episodes.checks import with_columns
from episodes.errors import ArgumentError, unknown_name

CELLS = ("category", "price_cell")
"""Columns of episodes within which costs are comparable."""


def expected_costs(episodes: pl.DataFrame) -> pl.DataFrame:
    """What each episode would cost on average: the mean of its category and price cell among the given final episodes.

    It adjusts for what was done, and for nothing of the patient: hand a risk model's expectation to the scorecards in
    its place where there is one.

    Args:
        episodes: rows as in `built.episodes`; without `status` all count.

    Returns:
        episode_id, expected_cents (a number with decimals).

    Example:
        >>> episodes = pl.DataFrame({"episode_id": ["a", "b"], "price_cell": "470", "episode_cents": [100, 300]})
        >>> expected_costs(episodes)["expected_cents"].to_list()
        [200.0, 200.0]
    """
    final = final_episodes(episodes)
    total, number = pl.col("episode_cents").sum().over(CELLS), pl.len().over(CELLS)
    return final.select("episode_id", expected_cents=total / number)


def final_episodes(episodes: pl.DataFrame) -> pl.DataFrame:
    """The episodes that count, with the columns that the tables of this room read."""
    text = ("category", "price_cell", "anchor_ccn", "operating_npi", "attending_npi")
    known = with_columns(episodes, "episodes", ("episode_id", "episode_cents"), dict.fromkeys(text, pl.String))
    return known.filter(pl.col("status") == "final") if "status" in known.columns else known


def cost_rows(
    episodes: pl.DataFrame, attribution: pl.DataFrame | pl.LazyFrame, expected: pl.DataFrame | None, method: str
) -> pl.DataFrame:
    """What each party of a method cost, and what it was expected to: one row an episode, party and role.

    A party that owns (a share of) the episode is compared with (that share of) its expected cost. Where a method splits
    the dollars by what they paid for, a party is compared with what its role costs on average where it appears in
    episodes of the same cell, scaled by how dear the episode was expected to be.

    Returns:
        episode_id, party_kind, party_id, role, share, observed_cents, expected_cents.
    """
    if method not in METHODS:
        raise ArgumentError(unknown_name("attribution method", str(method), METHODS))
    final = final_episodes(episodes)
    costs = (
        expected_costs(final)
        if expected is None
        else with_columns(expected, "expected", ("episode_id", "expected_cents"))
    )
    own = (
        attribution.lazy()
        .filter(pl.col("method") == method)
        .collect()
        .join(final.select("episode_id", *CELLS, "episode_cents"), on="episode_id", how="inner")
        .join(costs.select("episode_id", "expected_cents"), on="episode_id", how="inner")
    )
    if attribution_rules().method(method).expected == "whole":
        part = pl.col("share")
    else:
        cell = [*CELLS, "party_kind", "role"]
        part = pl.col("cents").sum().over(cell) / pl.col("episode_cents").sum().over(cell)
    return own.select(
        "episode_id",
        "party_kind",
        "party_id",
        "role",
        "share",
        observed_cents="cents",
        expected_cents=pl.col("expected_cents").cast(pl.Float64) * pl.when(part.is_finite()).then(part).otherwise(0.0),
    )


def physician_scorecard(
    episodes: pl.DataFrame,
    attribution: pl.DataFrame | pl.LazyFrame,
    expected: pl.DataFrame | None = None,
    outcomes: pl.DataFrame | pl.LazyFrame | None = None,
    *,
    method: str = "operating",
    party_kind: str = "physician",
    names: pl.DataFrame | None = None,
    peer_groups: pl.DataFrame | None = None,
    within: Sequence[str] = (),
    measures: Sequence[str] = ("readmission_30", "complication_any", "mortality_30"),
    rules: JudgingRules | None = None,
    suppress_below: int | None = None,
) -> pl.DataFrame:
    """Physicians (or groups): volume, cost, observed over expected, how sure, outcomes, and the episodes behind it.

    Args:
        episodes: rows as in `built.episodes`; only final ones count.
        attribution: rows as `attribute` returns them.
        expected: episode_id, expected_cents; None: the mean of category and price cell (`expected_costs`). Episodes
            that it lacks are left out.
        outcomes: rows as in `built.outcomes`.
        method: whose attribution.
        party_kind: `physician`, or `group` where attribution was made with `unit="group"`.
        names: a table with `npi` (or `tin`, or party_id) and `name`, such as the claims' clinicians.
        peer_groups: party_id, peer_group: who is compared with whom. None: everyone with everyone.
        within: columns of episodes, such as `category`, that split each physician into rows of their own, compared
            only with the same.
        measures: measures of `outcomes` to count; those that it lacks are left out.
        rules: how to judge, see `judging_rules`.
        suppress_below: see `suppress_small_cells`; such as 11 for a table that leaves the house.

    Returns:
        party_kind, party_id, name, the columns of `within`, peer_group, episodes, attributed_episodes (sum of shares),
        observed_cents, expected_cents, mean_cents (observed a episode), hospitals (where they work, by the episodes),
        separable and inseparable_reason (whether the episodes can tell the physician from the hospital); ratio to
        episode_ids as `judge` has them; and for each measure `<measure>_events`, `<measure>_episodes` (of which it is
        known), `<measure>_rate`. One row a party; unknown parties have none.

    Raises:
        ArgumentError: an unknown method.
        ContractError: a missing column.

    Example:
        >>> episodes = pl.DataFrame({"episode_id": ["1", "2"], "episode_cents": [100, 300]})
        >>> attribution = pl.DataFrame(
        ...     {
        ...         "episode_id": ["1", "2"], "method": "operating", "party_kind": "physician", "party_id": ["a", "b"],
        ...         "role": "operating", "share": 1.0, "cents": [100, 300],
        ...     }
        ... )
        >>> physician_scorecard(episodes, attribution).select("party_id", "episodes", "ratio").rows()
        [('a', 1, 0.5), ('b', 1, 1.5)]
    """
    card = _scorecard(
        episodes, attribution, expected, outcomes, method, party_kind, names, peer_groups, within, measures, rules
    )
    return _suppressed(card, within, measures, suppress_below)


def hospital_scorecard(
    episodes: pl.DataFrame,
    attribution: pl.DataFrame | pl.LazyFrame,
    expected: pl.DataFrame | None = None,
    outcomes: pl.DataFrame | pl.LazyFrame | None = None,
    *,
    method: str = "hospital",
    names: pl.DataFrame | None = None,
    peer_groups: pl.DataFrame | None = None,
    within: Sequence[str] = (),
    measures: Sequence[str] = ("readmission_30", "complication_any", "mortality_30"),
    rules: JudgingRules | None = None,
    suppress_below: int | None = None,
) -> pl.DataFrame:
    """Hospitals: volume, cost, observed over expected, how sure, outcomes, and the episodes behind it.

    Arguments and columns as `physician_scorecard`; names come from a table with `ccn` and `name`, such as the claims'
    hospitals; `surgeons` (how many operate there) stands in place of `hospitals`.

    Example:
        >>> episodes = pl.DataFrame({"episode_id": ["1", "2"], "episode_cents": [100, 300]})
        >>> attribution = pl.DataFrame(
        ...     {
        ...         "episode_id": ["1", "2"], "method": "hospital", "party_kind": "hospital", "party_id": ["x", "x"],
        ...         "role": "anchor_hospital", "share": 1.0, "cents": [100, 300],
        ...     }
        ... )
        >>> hospital_scorecard(episodes, attribution).select("party_id", "episodes", "mean_cents").rows()
        [('x', 2, 200)]
    """
    card = _scorecard(
        episodes, attribution, expected, outcomes, method, "hospital", names, peer_groups, within, measures, rules
    )
    return _suppressed(card, within, measures, suppress_below)


def _scorecard(
    episodes: pl.DataFrame,
    attribution: pl.DataFrame | pl.LazyFrame,
    expected: pl.DataFrame | None,
    outcomes: pl.DataFrame | pl.LazyFrame | None,
    method: str,
    party_kind: str,
    names: pl.DataFrame | None,
    peer_groups: pl.DataFrame | None,
    within: Sequence[str],
    measures: Sequence[str],
    rules: JudgingRules | None,
) -> pl.DataFrame:
    final = final_episodes(episodes)
    by = ["party_id", *within]
    rows = (
        cost_rows(episodes, attribution, expected, method)
        .filter((pl.col("party_kind") == party_kind) & ~pl.col("party_id").is_in([UNKNOWN, UNATTRIBUTED]))
        .join(
            with_columns(final, "episodes", within).select("episode_id", "anchor_ccn", "operating_npi", *within),
            on="episode_id",
        )
    )
    rows = rows.join(_peers(peer_groups), on="party_id", how="left", maintain_order="left").with_columns(
        _peers=pl.concat_str(
            [pl.col("peer_group").fill_null("all"), *(pl.col(w).fill_null("none") for w in within)], separator=" "
        )
    )
    judged = judge(rows, by, peer_group="_peers", rules=rules)
    volumes = rows.group_by(by).agg(attributed_episodes=pl.col("share").sum().round(9))
    other, network = ("surgeons", "operating_npi") if party_kind == "hospital" else ("hospitals", "anchor_ccn")
    links = rows.group_by(by).agg(pl.col(network).drop_nulls().n_unique().cast(pl.Int64).alias(other))
    card = (
        judged.join(volumes, on=by, how="left", nulls_equal=True, maintain_order="left")
        .join(links, on=by, how="left", nulls_equal=True, maintain_order="left")
        .join(_inseparable(rows, party_kind), on="party_id", how="left", maintain_order="left")
        .join(_named(names), on="party_id", how="left", maintain_order="left")
        .select(
            pl.lit(party_kind).alias("party_kind"),
            "party_id",
            "name",
            *within,
            "peer_group",
            "episodes",
            "attributed_episodes",
            observed_cents=pl.col("observed").round(0).cast(pl.Int64),
            expected_cents=pl.col("expected").round(0).cast(pl.Int64),
            mean_cents=(
                (2 * pl.col("observed").round(0).cast(pl.Int64) + pl.col("episodes")) // (2 * pl.col("episodes"))
            ),
            **{other: pl.col(other)},
            separable=pl.col("inseparable_reason").is_null(),
            inseparable_reason="inseparable_reason",
            **{name: pl.col(name) for name in judged.columns[judged.columns.index("ratio") :]},
        )
    )
    if outcomes is None:
        return card
    return card.join(
        outcome_counts(rows.select(*by, "episode_id").unique(), outcomes, by, measures),
        on=by,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )


def cost_ratio_scores(
    episodes: pl.DataFrame,
    attribution: pl.DataFrame | pl.LazyFrame,
    expected: pl.DataFrame | None = None,
    *,
    national_mean_cents: int,
    method: str = "operating",
    party_kind: str = "physician",
) -> pl.DataFrame:
    """The cost score of each party: mean of observed over expected, times the national mean (`cost_ratio_score`).

    Args:
        episodes, attribution, expected, method, party_kind: as in `physician_scorecard`.
        national_mean_cents: national mean of observed cost.

    Returns:
        party_id, episodes, mean_ratio, score_cents, enough (whether there are as many episodes as the setting
        `minimum_episodes` asks for); sorted by party_id. Rows whose expected cost is not above 0 are left out.

    Example:
        >>> episodes = pl.DataFrame({"episode_id": ["1", "2"], "episode_cents": [100, 300]})
        >>> attribution = pl.DataFrame(
        ...     {
        ...         "episode_id": ["1", "2"], "method": "operating", "party_kind": "physician", "party_id": ["a", "b"],
        ...         "role": "operating", "share": 1.0, "cents": [100, 300],
        ...     }
        ... )
        >>> cost_ratio_scores(episodes, attribution, national_mean_cents=1000)["score_cents"].to_list()
        [500, 1500]
    """
    rows = (
        cost_rows(episodes, attribution, expected, method)
        .filter((pl.col("party_kind") == party_kind) & ~pl.col("party_id").is_in([UNKNOWN, UNATTRIBUTED]))
        .group_by("party_id", "episode_id")
        .agg(pl.col("observed_cents", "expected_cents").sum())
        .filter(pl.col("expected_cents") > 0)
        .sort("party_id", "episode_id")
        .group_by("party_id", maintain_order=True)
        .agg("observed_cents", "expected_cents")
    )
    scores = [
        cost_ratio_score(observed, of, national_mean_cents)
        for observed, of in rows.select("observed_cents", "expected_cents").iter_rows()
    ]
    least = settings_with().minimum_episodes.value
    number = pl.col("observed_cents").list.len().cast(pl.Int64)
    return rows.select(
        "party_id",
        episodes=number,
        mean_ratio=pl.Series([score.mean_ratio for score in scores], dtype=pl.Float64),
        score_cents=pl.Series([score.score_cents for score in scores], dtype=pl.Int64),
        enough=number >= least,
    )


def outcome_counts(
    rows: pl.DataFrame, outcomes: pl.DataFrame | pl.LazyFrame, by: Sequence[str], measures: Sequence[str]
) -> pl.DataFrame:
    """Events of each party's episodes: for each measure that there is, `_events`, `_episodes` and `_rate`.

    An episode is of a measure if `outcomes` has a row of it whose event is known.
    """
    known = with_columns(eager(outcomes), "outcomes", ("episode_id", "measure", "event")).select(
        "episode_id", pl.col("measure").cast(pl.String), "event"
    )
    counts = rows.select(by).unique()
    for measure in measures:
        own = known.filter((pl.col("measure") == measure) & pl.col("event").is_not_null())
        if own.is_empty():
            continue
        of_episodes = own.group_by("episode_id").agg(pl.col("event").any())
        number, events = pl.len().cast(pl.Int64), pl.col("event").sum().cast(pl.Int64)
        found = (
            rows.join(of_episodes, on="episode_id", how="inner")
            .group_by(by)
            .agg(
                events.alias(f"{measure}_events"),
                number.alias(f"{measure}_episodes"),
                (events / number).alias(f"{measure}_rate"),
            )
        )
        counts = counts.join(found, on=list(by), how="left", nulls_equal=True)
    return counts


def _inseparable(rows: pl.DataFrame, party_kind: str) -> pl.DataFrame:
    """Parties whose effect nothing separates from another's: hospital and physician, each the other's only one."""
    mine, theirs = ("party_id", "anchor_ccn") if party_kind != "hospital" else ("party_id", "operating_npi")
    pairs = rows.select(mine, theirs).drop_nulls().unique()
    alone = pairs.filter((pl.len().over(mine) == 1) & (pl.len().over(theirs) == 1))
    return alone.select("party_id", inseparable_reason=pl.lit(ONLY_SURGEON))


def _peers(peer_groups: pl.DataFrame | None) -> pl.DataFrame:
    if peer_groups is None:
        return pl.DataFrame(schema={"party_id": pl.String, "peer_group": pl.String})
    known = with_columns(peer_groups, "peer_groups", ("party_id", "peer_group"))
    return known.select("party_id", pl.col("peer_group").cast(pl.String)).unique("party_id", keep="first")


def _named(names: pl.DataFrame | None) -> pl.DataFrame:
    """party_id and name: of several rows of a party the last by start."""
    if names is None:
        return pl.DataFrame(schema={"party_id": pl.String, "name": pl.String})
    key = next((name for name in ("party_id", "npi", "ccn", "tin") if name in names.columns), "party_id")
    known = with_columns(names, "names", (key, "name"), {"start_date": pl.Date})
    ordered = known.sort("start_date", nulls_last=False, maintain_order=True)
    return ordered.select("name", party_id=key).drop_nulls("party_id").unique("party_id", keep="last")


def _suppressed(
    card: pl.DataFrame, within: Sequence[str], measures: Sequence[str], suppress_below: int | None
) -> pl.DataFrame:
    events = {measure: f"{measure}_episodes" for measure in measures if f"{measure}_events" in card.columns}
    names = ["party_kind", "party_id", "name", "peer_group", *within]
    return suppress_small_cells(card, suppress_below, names=names, events=events)
