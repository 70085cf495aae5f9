"""Settling the risk-adjusted mean of a provider against thresholds, as state episodes do.

Below the commendable threshold half of the distance is paid, if quality passed; above the acceptable one half of it is
owed; between them nothing. The mean counts down to the gain limit only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, count_of
from episodes.money import Rate, dollars, round_half_up
from episodes.pricing.checks import exact_factor, frame_of, rule_at, true_or_false, whole_cents, with_columns
from episodes.programs import Program
from episodes.reconciliation.settle import STEP_SCHEMA, StepRecord


@dataclass(frozen=True)
class ThresholdAmount:
    """What a provider gains (plus) or owes (minus), and how that came about.

    Attributes:
        amount_cents: signed cents.
        mean_cents: the risk-adjusted mean, rounded half up for display; None without episodes.
        episodes: valid episodes.
        reason: why nothing is settled (`too_few_episodes`), else None.
        steps: a frame, one row a step, columns as of `settle(...).steps`.
    """

    amount_cents: int
    mean_cents: int | None
    episodes: int
    reason: str | None
    records: tuple[StepRecord, ...] = field(repr=False)

    @property
    def steps(self) -> pl.DataFrame:
        """One row a step, in order."""
        return pl.DataFrame([record.as_row() for record in self.records], schema=STEP_SCHEMA, orient="row")


TOO_FEW_EPISODES = "too_few_episodes"
"""Reason code of a provider with fewer valid episodes than the programme's minimum."""


def settle_thresholds(
    program: Program,
    *,
    costs_cents: Sequence[int],
    risk_weights: Sequence[Rate],
    commendable_cents: int,
    acceptable_cents: int,
    gain_limit_cents: int,
    quality_passed: bool,
) -> ThresholdAmount:
    """Settle the mean of a provider's valid episodes against thresholds.

    Args:
        program: a programme that settles by thresholds; its minimum of episodes and shares are used.
        costs_cents: cost of each valid episode.
        risk_weights: risk weight of each, above 0; an episode's risk-adjusted cost is cost / weight.
        commendable_cents, acceptable_cents: the thresholds; a mean at one of them is neither gain nor loss.
        gain_limit_cents: the lowest mean that is paid for; not above commendable.
        quality_passed: whether every quality metric tied to gain sharing was met; it does not touch a loss.

    Returns:
        `.amount_cents` (minus: owed by the provider), `.mean_cents`, `.steps`, `.reason`. Fewer episodes than the
        minimum: nothing is settled, and the reason says so.

    Raises:
        ArgumentError: another number of weights than of costs, a weight of 0 or less, thresholds out of order.

    Source: Tennessee, episodes of care, technical documents (risk-adjusted cost); structure of thresholds unverified.

    Example:
        A mean of $90 against a commendable threshold of $100: half of $10, for five episodes.

        >>> import episodes as ep
        >>> state = ep.load_program("tenncare-tjr")
        >>> settle_thresholds(
        ...     state, costs_cents=[9_000] * 5, risk_weights=[1] * 5, commendable_cents=10_000,
        ...     acceptable_cents=12_000, gain_limit_cents=8_000, quality_passed=True,
        ... ).amount_cents
        2500
    """
    terms = program.threshold_settlement
    costs = [whole_cents("costs_cents", cost) for cost in costs_cents]
    weights = [exact_factor("risk_weights", weight) for weight in risk_weights]
    if len(costs) != len(weights):
        raise ArgumentError(
            f"There are {len(costs)} costs_cents and {len(weights)} risk_weights. Give one weight for each episode."
        )
    commendable = whole_cents("commendable_cents", commendable_cents, minimum=0)
    acceptable = whole_cents("acceptable_cents", acceptable_cents, minimum=0)
    gain_limit = whole_cents("gain_limit_cents", gain_limit_cents, minimum=0)
    if not gain_limit <= commendable <= acceptable:
        raise ArgumentError("The thresholds must ascend: gain_limit_cents, commendable_cents, acceptable_cents.")
    passed = true_or_false("quality_passed", quality_passed)
    number = len(costs)
    mean = sum((cost / weight for cost, weight in zip(costs, weights, strict=True)), Fraction(0))
    mean = mean / number if number else mean
    walk = _Walk(program)
    minimum = terms.minimum_episodes.value
    if number < minimum:
        note = f"{count_of(number, 'valid episode')}, fewer than {minimum}: nothing is settled"
        walk.take("minimum_episodes", 0, "settlement.minimum_episodes", note)
        return walk.done(round_half_up(mean) if number else None, number, TOO_FEW_EPISODES)
    walk.take("minimum_episodes", 0, "settlement.minimum_episodes", f"{count_of(number, 'valid episode')}")
    _share(walk, mean, number, (gain_limit, commendable, acceptable))
    if walk.amount > 0 and terms.gain_needs_quality.value and not passed:
        walk.take("quality_gate", 0, "settlement.gain_needs_quality", "a quality metric was not met: no gain")
    if terms.risk_weight_restored.value:
        restored = walk.amount * sum(weights, Fraction(0)) / number
        walk.take("risk_weight", restored, "settlement.risk_weight_restored", "times the mean risk weight")
    if terms.stop_loss is not None:
        limit = -Fraction(terms.stop_loss.value) * sum(costs)
        reached = "stop-loss reached" if walk.amount < limit else None
        walk.take("stop_loss", max(Fraction(walk.amount), limit), "settlement.stop_loss", reached)
    return walk.done(round_half_up(mean), number, None)


def _share(walk: _Walk, mean: Fraction, number: int, thresholds: tuple[int, int, int]) -> None:
    gain_limit, commendable, acceptable = thresholds
    terms = walk.program.threshold_settlement
    shown = f"mean {dollars(round_half_up(mean))}"
    if mean < commendable:
        counted = max(mean, Fraction(gain_limit))
        limited = ", counted down to the gain limit" if mean < gain_limit else ""
        gain = (commendable - counted) * number * Fraction(terms.gain_share.value)
        note = f"{shown} below commendable {dollars(commendable)}{limited}"
        walk.take("gain_share", gain, "settlement.gain_share", note)
    elif mean > acceptable:
        loss = (acceptable - mean) * number * Fraction(terms.risk_share.value)
        walk.take("risk_share", loss, "settlement.risk_share", f"{shown} above acceptable {dollars(acceptable)}")
    else:
        between = f"{shown} between commendable {dollars(commendable)} and acceptable {dollars(acceptable)}"
        walk.take("risk_share", 0, "settlement.risk_share", between)


class _Walk:
    """Steps taken one after the other, each rounded half up once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.amount = 0
        self.records: list[StepRecord] = []

    def take(self, step: str, after: Fraction | int, rule_id: str, note: str | None) -> None:
        rounded = round_half_up(after)
        rule = rule_at(self.program, rule_id)
        shown = (rule_id, rule.citation, rule.status, note)
        self.records.append(StepRecord(len(self.records) + 1, step, self.amount, rounded, *shown))
        self.amount = rounded

    def done(self, mean_cents: int | None, number: int, reason: str | None) -> ThresholdAmount:
        return ThresholdAmount(self.amount, mean_cents, number, reason, tuple(self.records))


@dataclass(frozen=True)
class QualityGates:
    """Whether the quality metrics tied to gain sharing are all met.

    Attributes:
        passed: whether all are.
        failed: those that are not, in the order given.
        without_value: those that had no value; the programme says what that means.
    """

    passed: bool
    failed: tuple[str, ...]
    without_value: tuple[str, ...]


def quality_gates(program: Program, measures: pl.DataFrame) -> QualityGates:
    """Hold the quality metrics of a provider against their thresholds: each must be met.

    Args:
        program: a programme that settles by thresholds.
        measures: measure, value (null: none), threshold, higher_is_better. A value at its threshold is met.

    Returns:
        `.passed`, for `settle_thresholds(quality_passed=...)`, `.failed`, `.without_value`.

    Raises:
        ArgumentError: a metric given twice, or without a threshold.
    """
    columns = ["measure", "value", "threshold", "higher_is_better"]
    rows = with_columns(frame_of("measures", measures), "measures", columns).select(columns)
    names = rows["measure"].to_list()
    if len(names) != len(set(names)):
        raise ArgumentError("A quality metric is given more than once. Give one row a metric.")
    if unknown := rows.filter(pl.col("threshold").is_null() | pl.col("higher_is_better").is_null())[
        "measure"
    ].to_list():
        raise ArgumentError(f"Quality metrics without threshold or direction: {', '.join(map(str, unknown))}.")
    without = [name for name, value, _, _ in rows.iter_rows() if value is None]
    failed = [name for name, *rest in rows.iter_rows() if not _met(*rest)]
    if program.threshold_settlement.gate_without_value.value == "passed":
        failed = [name for name in failed if name not in without]
    return QualityGates(not failed, tuple(map(str, failed)), tuple(map(str, without)))


def _met(value: Any, threshold: Any, higher_is_better: bool) -> bool:
    if value is None:
        return False
    return bool(value >= threshold if higher_is_better else value <= threshold)
