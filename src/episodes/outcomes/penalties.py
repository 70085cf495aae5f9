"""The payment adjustment of the Hospital Readmissions Reduction Program (42 CFR 412.152, 412.154)."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from episodes.errors import ArgumentError
from episodes.money import exact, round_half_up
from episodes.outcomes.rules import OutcomeRules, outcome_rules


@dataclass(frozen=True)
class ReadmissionPenalty:
    """What excess readmissions cost a hospital.

    Attributes:
        excess_cents: payments for excess readmissions, rounded half up once, over all conditions.
        share: of the base payments of all discharges, before the limit; a fraction, for display.
        factor: what base payments are multiplied with, not below one minus the limit; for display.
        exact_share, exact_factor: the same as exact fractions.
    """

    excess_cents: int
    share: float
    factor: float
    exact_share: Fraction
    exact_factor: Fraction


def excess_readmission_penalty(
    payments_cents: Iterable[int] | Mapping[str, int],
    ratios: Iterable[float] | Mapping[str, float],
    medians: Iterable[float] | Mapping[str, float],
    *,
    neutrality: float,
    base_cents: int,
    rules: OutcomeRules | None = None,
) -> ReadmissionPenalty:
    """The payment adjustment factor of a hospital, from its excess readmission ratios.

    The sum over conditions of payment times what the ratio exceeds its peer group's median by, times the neutrality
    modifier, over the base payments of all discharges; one minus that share, which is limited (3 percent).

    Args:
        payments_cents: base operating DRG payments of each condition's admissions. Leave out conditions with fewer than
            25 discharges: they do not enter.
        ratios: excess readmission ratio (predicted over expected) of each condition, in the same order.
        medians: median ratio of the hospital's peer group, in the same order. Or all three by name of the condition.
        neutrality: the neutrality modifier, 0 or more.
        base_cents: base operating DRG payments of all discharges, above 0.
        rules: the limit; default: `outcome_rules()`.

    Returns:
        `.excess_cents`, `.share`, `.factor` (and the exact fractions).

    Raises:
        ArgumentError: lists of different length; negative or missing numbers; cents that are not whole.

    Regulation: 42 CFR 412.152, 412.154.

    Example:
        >>> import episodes as ep
        >>> ep.outcomes.excess_readmission_penalty(
        ...     [1_000_000_00, 500_000_00], [1.05, 0.9], [1.0, 0.98], neutrality=0.96, base_cents=10_000_000_00
        ... ).factor
        0.9952
    """
    if isinstance(payments_cents, Mapping):
        ratios, medians = (_named_alike(payments_cents, given) for given in (ratios, medians))
        payments_cents = payments_cents.values()
    payments = [_cents("payments_cents", item) for item in payments_cents]
    own = [_number("ratios", item) for item in ratios]
    peers = [_number("medians", item) for item in medians]
    if not len(payments) == len(own) == len(peers):
        raise ArgumentError(
            f"payments_cents, ratios and medians are of one condition each, in the same order; "
            f"given are {len(payments)}, {len(own)} and {len(peers)}."
        )
    base = _cents("base_cents", base_cents)
    if base == 0:
        raise ArgumentError("base_cents must be above 0: it is what the excess is a share of.")
    modifier = _number("neutrality", neutrality)
    limit = Fraction((rules or outcome_rules()).penalty.limit.value)
    excess = modifier * sum(
        (
            payment * max(Fraction(0), ratio - median)
            for payment, ratio, median in zip(payments, own, peers, strict=True)
        ),
        Fraction(0),
    )
    share = excess / base
    factor = 1 - min(limit, share)
    return ReadmissionPenalty(round_half_up(excess), float(share), float(factor), share, factor)


def _named_alike(payments: Mapping[str, int], given: Iterable[float] | Mapping[str, float]) -> list[float]:
    """Values of the conditions, in the order of their payments."""
    if not isinstance(given, Mapping) or set(given) != set(payments):
        raise ArgumentError("payments_cents names its conditions: ratios and medians must name the same ones.")
    return [given[condition] for condition in payments]


def _cents(name: str, value: Any) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(f"{name} must be whole cents; one is a {type(value).__name__}.") from None
    if number < 0:
        raise ArgumentError(f"{name} must be 0 or more.")
    return number


def _number(name: str, value: Any) -> Fraction:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = exact(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{name} must be numbers; one is a {type(value).__name__}.") from None
    if number < 0:
        raise ArgumentError(f"{name} must be 0 or more.")
    return number
