"""Shared savings (MSSP BASIC levels) and full risk: capitation with individual and aggregate stop-loss."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from episodes.alignment.steps import SharedAmount, StepsTaken
from episodes.alignment.terms import SharedSavingsLevel, Term, as_cap, parameters
from episodes.errors import ArgumentError, unknown_name
from episodes.money import Rate, dollars, round_half_up
from episodes.pricing.checks import exact_in_range, true_or_false, whole_cents


def shared_savings(
    level: str,
    benchmark_cents: int,
    expenditure_cents: int,
    revenue_cents: int | None = None,
    msr: Rate = 0.02,
    quality_met: bool = True,
) -> SharedAmount:
    """Settle a year of shared savings at a level of the BASIC track.

    Savings of at least the minimum rate are shared from the first dollar if the quality standard is met, up to the
    limit of the benchmark. Losses of at least the same rate are shared at levels C to E, up to the loss limit.

    Args:
        level: `A` to `E`; A and B have no downside.
        benchmark_cents, expenditure_cents: of the assigned people in the year, 0 or more.
        revenue_cents: Medicare revenue of the ACO's participants, for the loss limit; None: not known, and the part
            of the benchmark alone limits a loss (the step says so).
        msr: minimum savings rate, and minimum loss rate, as a share of the benchmark.
        quality_met: whether the quality standard is met; losses do not depend on it.

    Returns:
        `.amount_cents` (plus: paid to the ACO; minus: owed by it) and `.steps`; rounded half up after each step.

    Raises:
        ArgumentError: an unknown level, an amount below zero, a rate out of range.

    Regulation: 42 CFR 425.605(d)(1).

    Example:
        >>> shared_savings("E", 10_000_000, 9_000_000).amount_cents
        500000
        >>> shared_savings("E", 10_000_000, 12_000_000, revenue_cents=3_000_000).amount_cents
        -240000
    """
    levels = parameters().shared_savings_basic
    named = str(level).upper()
    if named not in levels:
        raise ArgumentError(unknown_name("level of the BASIC track", str(level), levels))
    terms = levels[named]
    benchmark = whole_cents("benchmark_cents", benchmark_cents, minimum=0)
    expenditure = whole_cents("expenditure_cents", expenditure_cents, minimum=0)
    revenue = None if revenue_cents is None else whole_cents("revenue_cents", revenue_cents, minimum=0)
    minimum = exact_in_range("msr", msr, 0, 1) * benchmark
    passed = true_or_false("quality_met", quality_met)
    taken = StepsTaken()
    taken.to("savings", benchmark - expenditure, None, "benchmark less expenditure; minus: a loss")
    reached = abs(taken.amount_cents) >= minimum and taken.amount_cents != 0
    note = None if reached else f"less than the minimum of {dollars(round_half_up(minimum))}: nothing is shared"
    taken.to("minimum_rate", taken.amount_cents if reached else 0, terms.sharing_rate, note)
    if taken.amount_cents >= 0:
        _share_savings(taken, terms, benchmark, passed)
    else:
        _share_losses(taken, terms, benchmark, revenue)
    return SharedAmount(taken.amount_cents, tuple(taken.rows))


def _share_savings(taken: StepsTaken, terms: SharedSavingsLevel, benchmark: int, quality_met: bool) -> None:
    note = None if quality_met else "the quality standard is not met"
    taken.to("quality", taken.amount_cents if quality_met else 0, terms.sharing_rate, note)
    rate = Fraction(terms.sharing_rate.value)
    taken.to("sharing_rate", round_half_up(rate * taken.amount_cents), terms.sharing_rate, f"{float(rate):.0%}")
    limit = round_half_up(Fraction(terms.gain_limit.value) * benchmark)
    held = taken.amount_cents > limit
    note = f"held at {dollars(limit)}" if held else None
    taken.to("gain_limit", min(taken.amount_cents, limit), terms.gain_limit, note)


def _share_losses(taken: StepsTaken, terms: SharedSavingsLevel, benchmark: int, revenue: int | None) -> None:
    loss_rate = as_cap(terms.loss_rate.value)
    if loss_rate is None:
        taken.to("loss_rate", 0, terms.loss_rate, "the level has no downside")
        return
    rate = Fraction(loss_rate)
    taken.to("loss_rate", round_half_up(rate * taken.amount_cents), terms.loss_rate, f"{float(rate):.0%}")
    of_benchmark, of_revenue = as_cap(terms.loss_limit_of_benchmark.value), as_cap(terms.loss_limit_of_revenue.value)
    assert of_benchmark is not None
    assert of_revenue is not None
    limit = Fraction(of_benchmark) * benchmark
    deciding: Term[Any] = terms.loss_limit_of_benchmark
    if revenue is not None and Fraction(of_revenue) * revenue < limit:
        limit = Fraction(of_revenue) * revenue
        deciding = terms.loss_limit_of_revenue
    most = round_half_up(limit)
    notes = [f"held at {dollars(most)}"] if -taken.amount_cents > most else []
    notes += ["revenue not known: the share of the benchmark alone limits the loss"] if revenue is None else []
    taken.to("loss_limit", max(taken.amount_cents, -most), deciding, "; ".join(notes) or None)


def individual_recoveries(
    claims_cents: Sequence[int], *, attachment_cents: int, coinsurance: Rate, limit_cents: int | None = None
) -> int:
    """What individual stop-loss pays: a share of each person's claims beyond the attachment point.

    Args:
        claims_cents: claims of the year, one number a person, 0 or more.
        attachment_cents: from which on the insurer pays.
        coinsurance: the insurer's share beyond it, 0 to 1 (0.9: the insurer pays 90 %).
        limit_cents: the most it pays for one person; None: no limit.

    Returns:
        Cents; each person's recovery is rounded half up.

    Example:
        >>> individual_recoveries([50_000, 300_000], attachment_cents=100_000, coinsurance=0.9)
        180000
    """
    attachment = whole_cents("attachment_cents", attachment_cents, minimum=0)
    share = exact_in_range("coinsurance", coinsurance, 0, 1)
    most = None if limit_cents is None else whole_cents("limit_cents", limit_cents, minimum=0)
    total = 0
    for claims in claims_cents:
        beyond = max(0, whole_cents("claims_cents", claims, minimum=0) - attachment)
        recovery = round_half_up(share * beyond)
        total += recovery if most is None else min(recovery, most)
    return total


def full_risk(
    *,
    premium_cents: int,
    claims_cents: Sequence[int],
    reinsurance_premium_cents: int = 0,
    attachment_cents: int | None = None,
    coinsurance: Rate = 1,
    individual_limit_cents: int | None = None,
    aggregate_corridors: Sequence[tuple[Rate, Rate]] = (),
) -> SharedAmount:
    """The margin of a year at full risk: premium less claims and reinsurance, plus what stop-loss pays.

    Args:
        premium_cents: capitation of the year.
        claims_cents: claims of the year, one number a person.
        reinsurance_premium_cents: price of the stop-loss cover.
        attachment_cents, coinsurance, individual_limit_cents: individual stop-loss, see `individual_recoveries`;
            attachment_cents None: no such cover.
        aggregate_corridors: (from share of the premium, insurer's share) by rising start, up to the next one's start:
            [(1.1, 0.8)] pays 80 % of claims, after individual recoveries, beyond 110 % of the premium.

    Returns:
        `.amount_cents` (minus: a loss) and `.steps`.

    Raises:
        ArgumentError: a number out of range, corridors out of order.

    Law: full financial risk, 42 CFR 411.357(aa)(1). The arithmetic is the contract's.

    Example:
        >>> full_risk(premium_cents=1_000_000, claims_cents=[900_000, 300_000], reinsurance_premium_cents=20_000,
        ...           attachment_cents=500_000, coinsurance=0.9).amount_cents
        140000
    """
    premium = whole_cents("premium_cents", premium_cents, minimum=0)
    reinsurance = whole_cents("reinsurance_premium_cents", reinsurance_premium_cents, minimum=0)
    claims = [whole_cents("claims_cents", one, minimum=0) for one in claims_cents]
    taken = StepsTaken()
    taken.to("premium", premium, None)
    taken.to("claims", premium - sum(claims), None, f"{len(claims):,} people")
    taken.to("reinsurance_premium", taken.amount_cents - reinsurance, None)
    recovered = 0
    if attachment_cents is not None:
        recovered = individual_recoveries(
            claims, attachment_cents=attachment_cents, coinsurance=coinsurance, limit_cents=individual_limit_cents
        )
        taken.to("individual_stop_loss", taken.amount_cents + recovered, None)
    if aggregate_corridors:
        more = _corridors(sum(claims) - recovered, premium, aggregate_corridors)
        taken.to("aggregate_stop_loss", taken.amount_cents + more, None)
    return SharedAmount(taken.amount_cents, tuple(taken.rows))


def _corridors(net_claims: int, premium: int, corridors: Sequence[tuple[Rate, Rate]]) -> int:
    """What the insurer pays of net claims that lie in the corridors."""
    bounds = [
        (exact_in_range("corridor start", start, 0) * premium, exact_in_range("corridor share", share, 0, 1))
        for start, share in corridors
    ]
    starts = [start for start, _ in bounds]
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise ArgumentError("aggregate_corridors start at rising shares of the premium. Put them in order.")
    paid = Fraction(0)
    for (start, share), end in zip(bounds, [*starts[1:], None], strict=True):
        reached = Fraction(net_claims) if end is None else min(Fraction(net_claims), end)
        paid += share * max(Fraction(0), reached - start)
    return round_half_up(paid)
