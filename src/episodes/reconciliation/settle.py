"""Settling target against actual spending, step by step in the programme's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, get_args

import polars as pl

from episodes.errors import ArgumentError, count_of, unknown_name
from episodes.money import Rate, dollars, round_half_up
from episodes.pricing.checks import exact_in_range, frame_of, rule_at, whole_cents, with_columns
from episodes.programs import Program
from episodes.programs.settlement_rules import HospitalClass, TrackTerms
from episodes.programs.tracks import years_of_track
from episodes.reconciliation import step_kinds  # noqa: F401  (registers the kinds)
from episodes.reconciliation.steps import CategoryAmounts, SettlementInput, SettlementState, step_of

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

_AS_WHAT_IF = (
    "reconcile and compare_tracks settle on its terms there, as a what-if, with what_if_tracks=True (episodes tracks "
    "and episodes statement: --what-if-tracks)."
)
_CATEGORY_COLUMNS = ("category", "target_cents", "actual_cents")


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
        target_cents, actual_cents: sums over the party's episodes; the target is the one after the effective
            discount (`composite_quality_score(...).discount`) where quality changes it.
        quality_score: TEAM 0 to 100, CJR 0 to 20, BPCI Advanced 0 to 1; None: not known, the programme's
            `when_unknown` is used and the step says so.
        post_episode_excess_cents: 0 or more, from `post_episode_excess`.
        categories: category, target_cents, actual_cents, baseline_episodes (absent or null: not known), for the
            low-volume rule; the amounts must sum to the two above.
        hospital_class: `rural`, `sole_community`, `medicare_dependent` or `rural_referral_center`, where the
            programme limits the losses of such hospitals otherwise.
        previous_cents: what an earlier calculation of the same year settled (signed); the amount is then the
            difference that the second one pays or takes.
        repayment_target_cents: the target with the discount on money owed, where the programme has one; not
            less than `target_cents`.

    Returns:
        `.amount_cents` (minus: owed by the hospital) and `.steps`.

    Raises:
        ArgumentError: an unknown track or category, an amount or score out of range, categories that do not
            sum to the totals, or an argument that no step of the programme uses.

    Source: 42 CFR 512.550 for TEAM, 510.305 for CJR.

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
    refuse_unused(resolved, [name for name, (value, default) in optional.items() if value != default])
    target = whole_cents("target_cents", target_cents, minimum=0)
    actual = whole_cents("actual_cents", actual_cents)
    repayment = repayment_target_cents
    given = SettlementInput(
        target_cents=target,
        actual_cents=actual,
        quality_score=None if quality_score is None else score_in_range(resolved, quality_score),
        post_episode_excess_cents=whole_cents("post_episode_excess_cents", post_episode_excess_cents, minimum=0),
        hospital_class=None if hospital_class is None else _known_class(hospital_class),
        categories=None if categories is None else _read_categories(resolved, categories, target, actual),
        previous_cents=whole_cents("previous_cents", previous_cents),
        repayment_target_cents=None if repayment is None else _repayment_target(repayment, target),
    )
    return settle_amounts(resolved, resolved.settlement.default_track.value if track is None else str(track), given)


def score_in_range(program: Program, score: Rate) -> Fraction:
    """A quality score as an exact fraction, from 0 to the highest of the programme."""
    quality = program.settlement.quality
    return exact_in_range("quality_score", score, 0, 100 if quality is None else int(quality.highest_score.value))


def _known_class(hospital_class: str) -> str:
    known = get_args(HospitalClass)
    if hospital_class not in known:
        raise ArgumentError(unknown_name("hospital class", str(hospital_class), known))
    return hospital_class


def _repayment_target(repayment_target_cents: int, target_cents: int) -> int:
    cents = whole_cents("repayment_target_cents", repayment_target_cents, minimum=0)
    if cents < target_cents:
        raise ArgumentError(
            "repayment_target_cents must not be less than target_cents: the discount on money owed is never the larger."
        )
    return cents


def settle_amounts(program: Program, track: str, given: SettlementInput) -> SettledAmount:
    """Settle amounts that are already checked: the steps themselves."""
    start = given.target_cents - given.actual_cents
    state = SettlementState(
        program=program,
        terms=track_terms(program, track),
        given=given,
        amount_cents=start,
        limit_base_cents=given.target_cents,
    )
    records = []
    for order, kind in enumerate(program.settlement.steps.value, start=1):
        outcome = step_of(kind).function(state)
        after = round_half_up(outcome.amount)
        rule = rule_at(program, outcome.rule)
        shown = (outcome.rule, rule.citation, rule.status, outcome.note)
        records.append(StepRecord(order, kind, state.amount_cents, after, *shown))
        base = state.limit_base_cents if outcome.limit_base_cents is None else outcome.limit_base_cents
        state = replace(state, amount_cents=after, limit_base_cents=base)
    return SettledAmount(state.amount_cents, track, program.performance_year, start, tuple(records))


def track_terms(program: Program, track: str) -> TrackTerms:
    """The terms of a track of the programme's performance year."""
    tracks = program.settlement.tracks.value
    if track not in tracks:
        elsewhere = years_of_track(program, track)
        hint = f" Track {track} exists in performance year {', '.join(elsewhere)}; {_AS_WHAT_IF}" if elsewhere else ""
        raise ArgumentError(unknown_name(f"track of performance year {program.performance_year}", track, tracks) + hint)
    return tracks[track]


def refuse_unused(program: Program, given: Sequence[str]) -> None:
    """Arguments that no step of the programme reads are errors: they would change nothing, in silence."""
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
) -> tuple[CategoryAmounts, ...]:
    given = frame_of("categories", categories)
    rows = with_columns(given, "categories", _CATEGORY_COLUMNS, {"baseline_episodes": pl.Int64}).select(
        *_CATEGORY_COLUMNS, "baseline_episodes"
    )
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
    return tuple(read)
