"""Co-management fees and scorecards: a fixed amount divided over metrics, each earned by the level that was reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import polars as pl

from episodes.alignment.ledger import LedgerRow, ledger_of, need_parties, need_same_parties, need_sum_of_one
from episodes.errors import ArgumentError
from episodes.money import Rate, round_half_up, split_by_largest_remainder
from episodes.pricing.checks import exact_in_range, whole_cents

BASE = "base"
"""The ledger's row of the base fee, which documented hours earn."""


def co_management(
    fee_cents: int, base_share: Rate, levels: Mapping[str, Rate], weights: Mapping[str, Rate]
) -> pl.DataFrame:
    """Settle a co-management fee: the base, and the incentive by metric and level.

    Args:
        fee_cents: the whole fee, fixed in dollars ahead of the year, 0 or more.
        base_share: the part that is the base fee, 0 to 1; the rest is the incentive.
        levels: metric to the level reached, 0 to 1 (commonly 0, 0.5, 0.75, 1: nothing, threshold, target, stretch).
        weights: metric to weight; they sum to 1.

    Returns:
        A ledger with a row `base`, a row a metric, and `residual`: the incentive that was not earned. What is paid is
        base + incentive × sum of weight × level, the sum rounded half up once; paid_cents sums to the fee.

    Raises:
        ArgumentError: weights that do not sum to 1, a level out of range, metrics that differ between the two.

    Source: structure as published (beckersasc.com, healthcareappraisers.com); the fee is at fair market value and
    not re-scaled with volume.

    Example:
        >>> ledger = co_management(1_000_000, 0.6, {"length_of_stay": 0.5, "readmissions": 1},
        ...                        {"length_of_stay": 0.5, "readmissions": 0.5})
        >>> ledger.select("party", "paid_cents").rows()
        [('base', 600000), ('length_of_stay', 100000), ('readmissions', 200000), ('residual', 100000)]
    """
    fee = whole_cents("fee_cents", fee_cents, minimum=0)
    base = round_half_up(exact_in_range("base_share", base_share, 0, 1) * fee)
    if BASE in weights:
        raise ArgumentError(f"No metric may be called {BASE!r}: it is the ledger's row of the base fee.")
    rows = _earned(fee - base, weights, levels, open_gates=True)
    return ledger_of([LedgerRow(BASE, base, None, base), *rows], fee, "unearned")


def scorecard(
    pool_cents: int,
    weights: Mapping[str, Rate],
    levels: Mapping[str, Rate],
    gates: Mapping[str, bool] | Sequence[bool] | None = None,
) -> pl.DataFrame:
    """Settle a quality bonus: a pool over metrics by weight and level, if every gate is open.

    Args:
        pool_cents: the most that can be earned, 0 or more.
        weights: metric to weight, such as patient satisfaction 0.3; they sum to 1.
        levels: metric to the score reached, 0 to 1.
        gates: gate (such as citizenship) to whether it was met (true, false, 1, 0), or a list of that. One that was
            not closes the whole scorecard.

    Returns:
        A ledger with a row a metric, and `residual`: what was not earned. What is earned is pool × sum of
        weight × level, rounded half up once; paid_cents sums to the pool.

    Raises:
        ArgumentError: weights that do not sum to 1, a level out of range, metrics that differ between the two.

    Source: hfma.org 2020-10-15, specialists' pay modified by service, quality, financial and citizenship scores.

    Example:
        >>> scorecard(10_000, {"satisfaction": 0.3, "quality": 0.7}, {"satisfaction": 1, "quality": 0.5}).select(
        ...     "party", "paid_cents").rows()
        [('satisfaction', 3000), ('quality', 3500), ('residual', 3500)]
    """
    amount = whole_cents("pool_cents", pool_cents, minimum=0)
    named = gates if isinstance(gates, Mapping) else {str(place): met for place, met in enumerate(gates or (), start=1)}
    wrong = [name for name, met in named.items() if met not in (True, False)]
    if wrong:
        raise ArgumentError(f"gates says true or false (1 or 0) for each gate; it does not for {', '.join(wrong)}.")
    rows = _earned(amount, weights, levels, open_gates=all(named.values()))
    return ledger_of(rows, amount, "unearned")


def _earned(
    amount: int, weights: Mapping[str, Rate], levels: Mapping[str, Rate], *, open_gates: bool
) -> list[LedgerRow]:
    """Rows of metrics: what is earned in sum, once rounded, divided by weight × level; what is not, by the rest."""
    shares = {
        metric: exact_in_range(f"weights[{metric!r}]", weight, 0, 1)
        for metric, weight in need_parties("weights", weights).items()
    }
    need_same_parties("levels", levels, shares)
    need_sum_of_one("weights", shares)
    reached = {metric: exact_in_range(f"levels[{metric!r}]", levels[metric], 0, 1) for metric in shares}
    earning = {metric: weight * reached[metric] if open_gates else Fraction(0) for metric, weight in shares.items()}
    whole = sum(shares.values(), Fraction(0))
    total = round_half_up(amount * sum(earning.values(), Fraction(0)) / whole)
    paid = _divided(total, list(earning.values()))
    missed = _divided(amount - total, [shares[metric] - earning[metric] for metric in shares])
    return [
        LedgerRow(metric, earned + lost, None, earned, _why(open_gates, reached[metric]))
        for metric, earned, lost in zip(shares, paid, missed, strict=True)
    ]


def _divided(amount: int, weights: list[Fraction]) -> list[int]:
    return split_by_largest_remainder(amount, weights) if amount else [0] * len(weights)


def _why(open_gates: bool, level: Fraction) -> str | None:
    if not open_gates:
        return "gate_closed"
    if level == 0:
        return "not_reached"
    return None if level == 1 else "level"
