"""Settling target against actual spending, step by step in the programme's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, count_of, unknown_name
from episodes.money import Rate, dollars, round_half_up
from episodes.pricing.checks import exact_in_range, rule_at, whole_cents, with_columns
from episodes.programs import Program
from episodes.programs.settlement_rules import TrackTerms
from episodes.reconciliation.steps import CategoryAmounts, SettlementState, step_of

STEP_SCHEMA = {
    "order": pl.Int32,
    "step": pl.String,
    "before_cents": pl.Int64,
    "change_cents": pl.Int64,
    "after_cents": pl.Int64,
    "rule": pl.String,
    "citation": pl.String,
    "status": pl.String,
    "note": pl.String,
}

_CATEGORY_COLUMNS = ("category", "target_cents", "actual_cents", "baseline_episodes")


@dataclass(frozen=True)
class StepRecord:
    """One settlement step as it happened; `after_cents` is rounded half up."""

    order: int
    step: str
    before_cents: int
    after_cents: int
    rule: str
    citation: str
    status: str
    note: str | None

    @property
    def change_cents(self) -> int:
        """What the step added."""
        return self.after_cents - self.before_cents

    def as_row(self) -> tuple[Any, ...]:
        """The values in the order of `STEP_SCHEMA`."""
        return tuple(getattr(self, name) for name in STEP_SCHEMA)


@dataclass(frozen=True)
class SettledAmount:
    """What a hospital is paid (plus) or owes (minus), and how that came about.

    Attributes:
        amount_cents: signed cents; minus: owed by the hospital.
        track, performance_year: the terms that were used.
        steps: a frame, one row a step: order, step, before_cents, change_cents, after_cents, rule, citation,
            status, note.
    """

    amount_cents: int
    track: str
    performance_year: str
    start_cents: int = field(repr=False)
    records: tuple[StepRecord, ...] = field(repr=False)

    @property
    def steps(self) -> pl.DataFrame:
        """One row a step, in the programme's order."""
        return pl.DataFrame([record.as_row() for record in self.records], schema=STEP_SCHEMA, orient="row")

    def change_of(self, step: str) -> int:
        """What a step added; 0 where the programme has no such step."""
        return sum(record.change_cents for record in self.records if record.step == step)

    def _repr_html_(self) -> str:
        return f"<p>Settled amount {dollars(self.amount_cents)}</p>{self.steps._repr_html_()}"


def settle(
    program: Program,
    *,
    track: str | int | None = None,
    performance_year: str | int | None = None,
    target_cents: int,
    actual_cents: int,
    quality_score: Rate | None = None,
    post_episode_excess_cents: int = 0,
    hospital_class: str | None = None,
    categories: pl.DataFrame | None = None,
    previous_cents: int = 0,
    repayment_target_cents: int | None = None,
) -> SettledAmount:
    """Settle aggregate target against aggregate actual spending.

    Args:
        program: its settlement steps are taken in order.
        track: a track of the year; default: the programme's default track.
        performance_year: wins over the programme's own.
        target_cents, actual_cents: sums over the hospital's episodes.
        quality_score: 0 to 100; None: not known, the programme's `when_unknown` is used and the step says so.
        post_episode_excess_cents: 0 or more, from `post_episode_excess`.
        categories: category, target_cents, actual_cents, baseline_episodes (null: not known), for the
            low-volume rule; the amounts must sum to the two above.
        hospital_class, previous_cents, repayment_target_cents: for programmes with steps that use them.

    Returns:
        `.amount_cents` (minus: owed by the hospital) and `.steps`.

    Raises:
        ArgumentError: an unknown track or category, an amount or score out of range, categories that do not
            sum to the totals, or an argument that no step of the programme uses.

    Source: 42 CFR 512.550 for TEAM.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> settle(team, track=3, target_cents=100_000, actual_cents=90_000, quality_score=50).amount_cents
        9500
    """
    resolved = program.for_year(performance_year)
    optional = {
        "quality_score": (quality_score, None),
        "post_episode_excess_cents": (post_episode_excess_cents, 0),
        "hospital_class": (hospital_class, None),
        "previous_cents": (previous_cents, 0),
        "repayment_target_cents": (repayment_target_cents, None),
    }
    _refuse_unused(resolved, [name for name, (value, default) in optional.items() if value != default])
    target = whole_cents("target_cents", target_cents, minimum=0)
    actual = whole_cents("actual_cents", actual_cents)
    return settle_amounts(
        resolved,
        track=resolved.settlement.default_track.value if track is None else str(track),
        target_cents=target,
        actual_cents=actual,
        quality_score=None if quality_score is None else exact_in_range("quality_score", quality_score, 0, 100),
        post_episode_excess_cents=whole_cents("post_episode_excess_cents", post_episode_excess_cents, minimum=0),
        categories=None if categories is None else _read_categories(resolved, categories, target, actual),
    )


def settle_amounts(
    program: Program,
    *,
    track: str,
    target_cents: int,
    actual_cents: int,
    quality_score: Fraction | None,
    post_episode_excess_cents: int,
    categories: Sequence[CategoryAmounts] | None,
) -> SettledAmount:
    """Settle amounts that are already checked: the steps themselves."""
    start = target_cents - actual_cents
    state = SettlementState(
        program=program,
        terms=track_terms(program, track),
        amount_cents=start,
        target_cents=target_cents,
        quality_score=quality_score,
        post_episode_excess_cents=post_episode_excess_cents,
        categories=None if categories is None else tuple(categories),
    )
    records = []
    for order, kind in enumerate(program.settlement.steps.value, start=1):
        outcome = step_of(kind).function(state)
        after = round_half_up(outcome.amount)
        rule = rule_at(program, outcome.rule)
        shown = (outcome.rule, rule.citation, rule.status, outcome.note)
        records.append(StepRecord(order, kind, state.amount_cents, after, *shown))
        state = replace(state, amount_cents=after)
    return SettledAmount(state.amount_cents, track, program.performance_year, start, tuple(records))


def track_terms(program: Program, track: str) -> TrackTerms:
    """The terms of a track of the programme's performance year."""
    tracks = program.settlement.tracks.value
    if track not in tracks:
        raise ArgumentError(unknown_name(f"track of performance year {program.performance_year}", track, tracks))
    return tracks[track]


def _refuse_unused(program: Program, given: Sequence[str]) -> None:
    kinds = program.settlement.steps.value
    used = frozenset[str]().union(*(step_of(kind).uses for kind in kinds))
    unused = [name for name in given if name not in used]
    if unused:
        raise ArgumentError(
            f"{program.id} does not use {', '.join(unused)}: none of its settlement steps "
            f"({', '.join(kinds)}) does. Leave it out."
        )


def _read_categories(
    program: Program, categories: pl.DataFrame, target_cents: int, actual_cents: int
) -> list[CategoryAmounts]:
    rows = with_columns(categories, "categories", _CATEGORY_COLUMNS).select(_CATEGORY_COLUMNS)
    read = []
    for category, target, actual, episodes in rows.iter_rows():
        if category not in program.rules.categories:
            raise ArgumentError(unknown_name("category", str(category), program.rules.categories))
        volume = None if episodes is None else whole_cents("baseline_episodes", episodes, minimum=0)
        target_of, actual_of = (
            whole_cents("target_cents", target, minimum=0),
            whole_cents("actual_cents", actual),
        )
        read.append(CategoryAmounts(str(category), target_of, actual_of, volume))
    repeated = len(read) - len({item.category for item in read})
    if repeated:
        raise ArgumentError(f"categories repeats {count_of(repeated, 'category', 'categories')}. Give one row each.")
    if (sum(item.target_cents for item in read), sum(item.actual_cents for item in read)) != (
        target_cents,
        actual_cents,
    ):
        raise ArgumentError("target_cents and actual_cents of categories do not sum to target_cents and actual_cents.")
    return read
