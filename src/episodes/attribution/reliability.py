"""How far a score can be trusted: reliability, shrinkage towards the mean, and the cost ratio of clinicians.

These take plain numbers; the tables of this room go through them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from episodes.checks import exact_in_range, whole_cents
from episodes.errors import ArgumentError, count_of
from episodes.money import exact, round_half_up

Amount = Any
"""A number, or an array of numbers."""
_SCALE = 10**40
"""Ratios are summed in units of its inverse: far below what could move a cent."""


def reliability(between_variance: float, within_variance: float, n: float) -> float:
    """The share of the variance of a party's mean that is due to the party, and not to chance.

    R = between / (between + within / n). It is 0 without episodes or where parties do not differ, and 1 where there
    is no chance.

    Args:
        between_variance: variance between the true values of parties, 0 or more.
        within_variance: variance between episodes of the same party, 0 or more, in the same unit squared.
        n: number of episodes, 0 or more.

    Raises:
        ArgumentError: a number that is negative, not finite, or no number.

    Source: methodology of profiling, as in Adams, Mehrotra and others, N Engl J Med 2010;362:1014.

    Example:
        >>> reliability(4.0, 100.0, 25)
        0.5
    """
    between = _not_negative("between_variance", between_variance)
    within = _not_negative("within_variance", within_variance)
    episodes = _not_negative("n", n)
    return 0.0 if episodes == 0 or between == 0 else float(signal_share(between, within, episodes))


def signal_share(between: Amount, within: Amount, n: Amount) -> Amount:
    """The formula of reliability, for numbers and arrays alike: between above 0, n above 0."""
    return between / (between + within / n)


def drawn_towards(mean: Amount, grand_mean: Amount, share: Amount) -> Amount:
    """The formula of shrinkage, for numbers and arrays alike."""
    return share * mean + (1 - share) * grand_mean


def shrink(mean: float | None, grand_mean: float, between_variance: float, within_variance: float, n: float) -> float:
    """A party's mean drawn towards the grand mean, by as much as it is unreliable (empirical Bayes).

    R x mean + (1 - R) x grand mean, with R as in `reliability`. A party without episodes has the grand mean; its own
    may then be None.

    Args:
        mean: the party's mean.
        grand_mean: the mean of all parties it is compared with, in the same unit.
        between_variance: variance between the true values of parties, 0 or more.
        within_variance: variance between episodes of the same party, 0 or more.
        n: number of the party's episodes, 0 or more.

    Raises:
        ArgumentError: a variance or count that is negative, or anything that is not a finite number.

    Example:
        >>> shrink(1.3, 1.0, 4.0, 100.0, 25)
        1.15
    """
    share = reliability(between_variance, within_variance, n)
    centre = _finite("grand_mean", grand_mean)
    if n == 0:
        return centre
    return float(drawn_towards(_finite("mean", mean), centre, share))


def episodes_for_reliability(target: float, between_variance: float, within_variance: float) -> int:
    """How many episodes a party needs for a reliability: n = R / (1 - R) x within / between, rounded up.

    Args:
        target: the reliability asked for, from 0 to below 1.
        between_variance: above 0.
        within_variance: 0 or more.

    Raises:
        ArgumentError: a number out of its range.

    Example:
        >>> episodes_for_reliability(0.7, 1.0, 10.0)
        24
    """
    wanted = exact_in_range("target", target, 0, 1)
    if wanted == 1:
        raise ArgumentError("target must be below 1: no number of episodes removes all chance.")
    between = exact(_not_negative("between_variance", between_variance))
    if between == 0:
        raise ArgumentError("between_variance must be above 0: parties that do not differ cannot be told apart.")
    return math.ceil(wanted / (1 - wanted) * exact(_not_negative("within_variance", within_variance)) / between)


@dataclass(frozen=True)
class CostRatioScore:
    """The mean ratio of observed to expected cost, and what it comes to at the national mean."""

    mean_ratio: float
    score_cents: int


def cost_ratio_score(
    observed_cents: Sequence[int], expected_cents: Sequence[Any], national_mean_cents: Any
) -> CostRatioScore:
    """The cost score of a clinician: mean of observed / expected over the episodes, times the national mean cost.

    It is the mean of ratios, not the ratio of sums: a cheap episode weighs as much as a dear one. The score is exact
    and rounded half up once.

    Args:
        observed_cents: whole cents of each episode (a list, a polars Series or an array).
        expected_cents: expected cents of each episode, in the same order, each above 0.
        national_mean_cents: national mean of observed cost in cents, 0 or more.

    Returns:
        `.mean_ratio` and `.score_cents`.

    Raises:
        ArgumentError: no episodes, lists of different length, an expected cost that is not above 0.

    Source: the episode-based cost measures of MIPS (published form; the score is unverified against the text).

    Example:
        >>> cost_ratio_score([1_200_00, 900_00], [1_000_00, 1_000_00], 2_000_00)
        CostRatioScore(mean_ratio=1.05, score_cents=210000)
    """
    observed = [whole_cents("each of observed_cents", value) for value in _listed(observed_cents)]
    expected = [exact_in_range("each of expected_cents", value, 0) for value in _listed(expected_cents)]
    national = exact_in_range("national_mean_cents", national_mean_cents, 0)
    if len(observed) != len(expected):
        raise ArgumentError(
            f"There are {count_of(len(observed), 'observed cost')} and {len(expected):,} expected: give one of each "
            "for every episode."
        )
    if not observed:
        raise ArgumentError("There is no score without episodes.")
    if not all(expected):
        zero = count_of(expected.count(Fraction(0)), "expected cost is", "expected costs are")
        raise ArgumentError(f"{zero} 0: each must be above 0.")
    return _score(observed, expected, national)


def _score(observed: list[int], expected: list[Fraction], national: Fraction) -> CostRatioScore:
    """Ratios are summed rounded down, which bounds the sum; where the bounds round to different cents, exactly."""
    number = len(observed)
    low = sum(cost * of.denominator * _SCALE // of.numerator for cost, of in zip(observed, expected, strict=True))
    bounds = {round_half_up(national * total / (number * _SCALE)) for total in (low, low + number)}
    if len(bounds) == 1:
        return CostRatioScore(float(Fraction(low, number * _SCALE)), bounds.pop())
    mean = _exact_sum([cost / of for cost, of in zip(observed, expected, strict=True)]) / number
    return CostRatioScore(float(mean), round_half_up(mean * national))


def _exact_sum(terms: list[Fraction]) -> Fraction:
    """Halves first, so that denominators grow as late as possible."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return _exact_sum(terms[:middle]) + _exact_sum(terms[middle:])


def _listed(values: Any) -> list[Any]:
    """A polars Series or an array as plain values."""
    return list(values.tolist()) if hasattr(values, "tolist") else list(values)


def _finite(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name} must be a number, not a {type(value).__name__}.") from None
    if not math.isfinite(number):
        raise ArgumentError(f"{name} must be a finite number.")
    return number


def _not_negative(name: str, value: Any) -> float:
    number = _finite(name, value)
    if number < 0:
        raise ArgumentError(f"{name} must be 0 or more.")
    return number
