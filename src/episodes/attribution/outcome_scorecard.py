"""Outcomes by party: events over those expected, with exact limits, reliability and flags."""

from __future__ import annotations

import polars as pl

from episodes.attribution.arrangements import settings_with
from episodes.attribution.judging import JudgingRules, judge, judging_rules
from episodes.attribution.parties import UNATTRIBUTED, UNKNOWN, eager
from episodes.attribution.scorecards import CELLS, final_episodes
from episodes.attribution.suppression import suppress_small_cells
from episodes.checks import with_columns
from episodes.errors import ArgumentError, unknown_name


def outcome_scorecard(
    episodes: pl.DataFrame,
    attribution: pl.DataFrame | pl.LazyFrame,
    outcomes: pl.DataFrame | pl.LazyFrame,
    measure: str,
    expected: pl.DataFrame | None = None,
    *,
    method: str = "operating",
    party_kind: str = "physician",
    rules: JudgingRules | None = None,
    suppress_below: int | None = None,
) -> pl.DataFrame:
    """Events of one measure by party: how many, how many were expected, the ratio and how sure it is.

    A party's episodes are those that it has a part of under the method; an event counts once, whatever the share.

    Args:
        episodes: rows as in `built.episodes`; only final ones count.
        attribution: rows as `attribute` returns them.
        outcomes: rows as in `built.outcomes`; rows whose event is not known are left out.
        measure: a measure of `outcomes`.
        expected: episode_id, expected (the probability of the event); None: the rate in the category and price cell.
        method, party_kind: whose attribution, and which of its parties.
        rules: how to judge; default: exact Poisson limits, and for complications the minimum volume of the setting
            `minimum_episodes_complications`.
        suppress_below: see `suppress_small_cells`.

    Returns:
        party_kind, party_id, measure, peer_group, episodes, measured_events, expected_events, measured_rate; ratio to
        episode_ids as `judge` has them.

    Raises:
        ArgumentError: a measure that `outcomes` lacks.

    Example:
        >>> episodes = pl.DataFrame({"episode_id": ["1", "2"], "episode_cents": [100, 300]})
        >>> attribution = pl.DataFrame(
        ...     {"episode_id": ["1", "2"], "method": "operating", "party_kind": "physician", "party_id": ["a", "b"]}
        ... )
        >>> outcomes = pl.DataFrame({"episode_id": ["1", "2"], "measure": "mortality_30", "event": [True, False]})
        >>> outcome_scorecard(episodes, attribution, outcomes, "mortality_30").select("party_id", "ratio").rows()
        [('a', 2.0), ('b', 0.0)]
    """
    known = with_columns(eager(outcomes), "outcomes", ("episode_id", "measure", "event"))
    measures = known["measure"].cast(pl.String)
    if measure not in measures:
        raise ArgumentError(unknown_name("measure", measure, measures.unique().to_list()))
    of_measure = (
        known.filter((measures == measure) & known["event"].is_not_null())
        .group_by("episode_id")
        .agg(event=pl.col("event").any().cast(pl.Int64))
    )
    final = final_episodes(episodes).join(of_measure, on="episode_id", how="inner")
    if expected is None:
        final = final.with_columns(expected=pl.col("event").mean().over(CELLS))
    else:
        given = with_columns(expected, "expected", ("episode_id", "expected"))
        final = final.drop("expected", strict=False).join(given.select("episode_id", "expected"), on="episode_id")
    parties = (
        attribution.lazy()
        .filter((pl.col("method") == method) & (pl.col("party_kind") == party_kind))
        .filter(~pl.col("party_id").is_in([UNKNOWN, UNATTRIBUTED]))
        .select("episode_id", "party_id")
        .unique()
        .collect()
    )
    rows = parties.join(final.select("episode_id", "event", "expected"), on="episode_id", how="inner")
    rules = rules or _default_rules(measure)
    judged = judge(rows, ["party_id"], observed="event", expected="expected", rules=rules)
    card = judged.select(
        pl.lit(party_kind).alias("party_kind"),
        "party_id",
        pl.lit(measure).alias("measure"),
        "peer_group",
        "episodes",
        measured_events=pl.col("observed").cast(pl.Int64),
        expected_events="expected",
        measured_rate=pl.col("observed") / pl.col("episodes"),
        **{name: pl.col(name) for name in judged.columns[judged.columns.index("ratio") :]},
    )
    if suppress_below is None:
        return card
    counted = card.rename({name: f"measured_{name}" for name in _FROM_EVENTS})
    blanked = suppress_small_cells(
        counted,
        suppress_below,
        names=["party_kind", "party_id", "measure", "peer_group"],
        events={"measured": "episodes"},
    )
    return blanked.rename({f"measured_{name}": name for name in _FROM_EVENTS})


def _default_rules(measure: str) -> JudgingRules:
    least = settings_with().minimum_episodes_complications.value
    return judging_rules(
        interval="exact_poisson",
        settings={"minimum_episodes": least} if measure.startswith("complication_") else None,
    )


_FROM_EVENTS = (
    "ratio",
    "ratio_low",
    "ratio_high",
    "p_value",
    "q_value",
    "shrunken_ratio",
    "shrunken_low",
    "shrunken_high",
)
"""Columns from which the number of events could be had."""
