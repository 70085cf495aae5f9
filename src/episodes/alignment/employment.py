"""Employment and professional services: pay by wRVU and quality, withholds, and the caps that hold the total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from episodes.alignment.ledger import RESIDUAL, LedgerRow, ledger_of
from episodes.errors import ArgumentError
from episodes.money import Rate, round_half_up
from episodes.pricing.checks import exact_in_range, whole_cents


def productivity_pay(wrvu: Rate, tiers: Sequence[tuple[Rate, Rate]]) -> int:
    """Pay for personally performed work: the wRVUs in each tier times the rate of the tier.

    Args:
        wrvu: work relative value units, 0 or more.
        tiers: (from_wrvu, cents_per_wrvu) a tier, from the lowest on; a tier goes up to the next one's start. Below
            the first tier nothing is paid.

    Returns:
        Cents, rounded half up once.

    Raises:
        ArgumentError: no tier, tiers out of order, a number below zero.

    Law: pay for personally performed services does not vary with referrals (42 CFR 411.354(d)(5)-(6)).

    Example:
        >>> productivity_pay(6_000, [(0, 5_000), (5_000, 6_000)])
        31000000
    """
    amount = exact_in_range("wrvu", wrvu, 0)
    if len(tiers) == 0:
        raise ArgumentError("tiers is a list of (from_wrvu, cents_per_wrvu) with at least one tier.")
    bounds = [
        (exact_in_range("from_wrvu", start, 0), exact_in_range("cents_per_wrvu", rate, 0)) for start, rate in tiers
    ]
    starts = [start for start, _ in bounds]
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise ArgumentError("tiers start at rising wRVUs, each tier once. Put them in order.")
    ends = [*starts[1:], None]
    total = sum(
        (max(amount if end is None else min(amount, end), start) - start) * rate
        for (start, rate), end in zip(bounds, ends, strict=True)
    )
    return round_half_up(total)


@dataclass(frozen=True)
class Pay:
    """A year's pay of one physician or group, and what holds it.

    Attributes:
        paid_cents: what is paid: the parts together, within the caps.
        earned_cents: the parts together, before the caps.
        withheld_cents: what was withheld during the year; its returned part is among the parts.
        ledger: a row a part (`productivity`, `practice_cost`, `quality`, `withhold_returned`), with what the caps left
            of it, and `residual`: what the caps cut, what quality and the withhold did not earn. It sums to all that
            could be earned.
    """

    paid_cents: int
    earned_cents: int
    withheld_cents: int
    ledger: pl.DataFrame


def employment_pay(
    *,
    productivity_cents: int,
    quality_pool_cents: int,
    quality_earned_cents: int,
    withhold_share: Rate = 0,
    withhold_level: Rate = 1,
    practice_cost_cents: int = 0,
    contract_cap_cents: int | None = None,
    fair_market_cap_cents: int | None = None,
) -> Pay:
    """Put a year's pay together: productivity less withhold, what of the withhold is returned, quality, and caps.

    Args:
        productivity_cents: from `productivity_pay`.
        quality_pool_cents, quality_earned_cents: the most a scorecard can earn, and what it earned (`scorecard`).
        withhold_share: part of productivity that is held back until the score is known, 0 to 1.
        withhold_level: part of the withhold that the score returns, 0 to 1.
        practice_cost_cents: under a professional services agreement, the practice's cost that the hospital pays; it
            is cost, not compensation, and stands outside the caps.
        contract_cap_cents, fair_market_cap_cents: caps of the compensation; the lower holds; None: there is none.

    Raises:
        ArgumentError: a negative amount, a share out of range, more quality earned than the pool holds.

    Law: fair market value, 42 CFR 411.357(c) (employment), (d) and (l) (services, fair market value).

    Example:
        >>> pay = employment_pay(productivity_cents=100_000, quality_pool_cents=20_000, quality_earned_cents=15_000,
        ...                      withhold_share=0.1, withhold_level=0.5, contract_cap_cents=105_000)
        >>> pay.earned_cents, pay.paid_cents
        (110000, 105000)
    """
    named = {
        "productivity": whole_cents("productivity_cents", productivity_cents, minimum=0),
        "quality_pool": whole_cents("quality_pool_cents", quality_pool_cents, minimum=0),
        "quality": whole_cents("quality_earned_cents", quality_earned_cents, minimum=0),
        "practice_cost": whole_cents("practice_cost_cents", practice_cost_cents, minimum=0),
    }
    if named["quality"] > named["quality_pool"]:
        raise ArgumentError("quality_earned_cents is more than quality_pool_cents: a scorecard earns its pool at most.")
    withheld = round_half_up(exact_in_range("withhold_share", withhold_share, 0, 1) * named["productivity"])
    returned = round_half_up(exact_in_range("withhold_level", withhold_level, 0, 1) * withheld)
    caps = {"contract_cap_cents": contract_cap_cents, "fair_market_cap_cents": fair_market_cap_cents}
    given = [whole_cents(name, cap, minimum=0) for name, cap in caps.items() if cap is not None]
    parts = [
        ("productivity", named["productivity"] - withheld, named["productivity"] - withheld, None),
        ("withhold_returned", withheld, returned, "level" if returned < withheld else None),
        (
            "quality",
            named["quality_pool"],
            named["quality"],
            "level" if named["quality"] < named["quality_pool"] else None,
        ),
    ]
    room = min(given) if given else None
    rows = []
    for name, offered, earned, reason in parts:
        kept = earned if room is None else min(earned, room)
        rows.append(LedgerRow(name, offered, None, kept, "cap" if kept < earned else reason))
        room = None if room is None else room - kept
    rows.append(LedgerRow("practice_cost", named["practice_cost"], None, named["practice_cost"]))
    could_be = named["productivity"] + named["quality_pool"] + named["practice_cost"]
    ledger = ledger_of(rows, could_be, "unearned")
    paid = int(ledger.filter(ledger["party"] != RESIDUAL)["paid_cents"].sum())
    earned = sum(part[2] for part in parts) + named["practice_cost"]
    return Pay(paid, earned, withheld, ledger)
