"""How a figure of a statement came about, in sentences, for each kind of arrangement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.alignment.arrangement import (
    AceTerms,
    ArrangementParty,
    CoManagementTerms,
    FullRiskTerms,
    GainsharingTerms,
    JointVentureTerms,
    NetworkTerms,
    PayTerms,
    SharedSavingsTerms,
)
from episodes.alignment.employment import productivity_pay
from episodes.alignment.facts import fee_schedule_of
from episodes.alignment.ledger import REASONS, RESIDUAL
from episodes.alignment.settling import SettledArrangement
from episodes.money import dollars


def steps_of(settled: SettledArrangement, party: str) -> list[str]:
    """The way to what a party, or a member of a group, is paid: numbered sentences."""
    own = next((one for one in settled.arrangement.parties if one.id == party), None)
    if own is None:
        sentences = _of_member(settled, party)
    else:
        terms = settled.arrangement.terms
        sentences = _STEPS[type(terms)](settled, own, terms)
    return [f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1)]


def row_of(ledger: pl.DataFrame, party: str) -> Mapping[str, Any]:
    """A party's row of a ledger."""
    return ledger.filter(pl.col("party") == party).row(0, named=True)


def _gainsharing(settled: SettledArrangement, own: ArrangementParty, terms: GainsharingTerms) -> Iterator[str]:
    figures = settled.figures
    amount = figures["settled"] or 0
    came = "Medicare paid the hospital" if amount >= 0 else "The hospital owes Medicare"
    yield f"{came} {dollars(abs(amount))} for the year."
    yield (
        f"The pool is {_percent(terms.reconciliation_share.value)} of a payment and "
        f"{_percent(terms.savings_share.value)} of measured internal savings of "
        f"{dollars(figures['internal_savings'])}: {dollars(figures['pool'])}."
    )
    yield from _shared(settled, own)
    if "alignment" in settled.ledgers:
        row = row_of(settled.ledgers["alignment"], own.id)
        yield (
            f"Of the repayment you agreed to bear {_percent(own.agreed_share)}, {dollars(row['offered_cents'])}; "
            f"you are charged {dollars(row['paid_cents'])}{_why(row)}."
        )


def _shared(settled: SettledArrangement, own: ArrangementParty) -> Iterator[str]:
    """Gate, weight, cap and payment of a pool that is shared by weight."""
    ledger = settled.ledgers["gainsharing"]
    row = row_of(ledger, own.id)
    met, how = settled.gates.get(own.id, (True, "there is none"))
    yield f"Your quality gate is {'met' if met else 'not met'} ({how})."
    playing = [one for one in settled.arrangement.parties if settled.gates.get(one.id, (True, ""))[0]]
    in_play = sum((Fraction(one.weight) for one in playing if one.kind != "hospital"), Fraction(0))
    if met and in_play:
        share = Fraction(own.weight) / in_play
        yield (
            f"Your weight is {own.weight} of {float(in_play):g} in play, {float(share):.1%} of the pool: "
            f"{dollars(row['offered_cents'])} are offered to you."
        )
    if row["cap_cents"] is not None:
        of = f"{dollars(fee_schedule_of(own, settled.facts))} under the fee schedule in episodes of the year"
        yield f"Your cap is {dollars(row['cap_cents'])}, from {of}."
    yield f"You are paid {dollars(row['paid_cents'])}{_why(row)}."
    left = row_of(ledger, RESIDUAL)["paid_cents"]
    others = (settled.figures["pool"] or 0) - row["paid_cents"] - left
    yield f"The other parties are paid {dollars(others)} together, and {dollars(left)} stay with the hospital."


def _co_management(settled: SettledArrangement, own: ArrangementParty, terms: CoManagementTerms) -> Iterator[str]:
    fee, unearned = settled.figures["fee"] or 0, settled.figures["unearned"] or 0
    base = row_of(settled.ledgers["fee"], "base")["paid_cents"]
    yield f"The fee is {dollars(fee)}, fixed in dollars ahead of the year."
    yield (
        f"{_percent(terms.base_share.value)} of it, {dollars(base)}, is the base, for {terms.documented_hours:,} "
        f"documented hours at {dollars(terms.hourly_rate_cents.value)}."
    )
    yield (
        f"Of the incentive of {dollars(fee - base)} the levels that were reached earn "
        f"{dollars(fee - base - unearned)}; {dollars(unearned)} are not earned and stay with the hospital."
    )
    if settled.paid_to(own.id) != fee - unearned:
        yield f"Your part of both is {dollars(settled.paid_to(own.id))}, by weight."


def _pay(settled: SettledArrangement, own: ArrangementParty, terms: PayTerms) -> Iterator[str]:
    pay = settled.ledgers[f"pay of {own.id}"]
    tiers = "; ".join(f"from {start:,} at {dollars(int(rate))}" for start, rate in terms.tiers.value)
    productivity = productivity_pay(own.wrvu or 0, terms.tiers.value)
    yield f"Your {own.wrvu:,} wRVU come to {dollars(productivity)} ({tiers})."
    withheld = row_of(pay, "withhold_returned")
    if withheld["offered_cents"]:
        yield (
            f"{_percent(terms.withhold_share.value)} of it, {dollars(withheld['offered_cents'])}, was withheld; your "
            f"score returns {dollars(withheld['paid_cents'])}."
        )
    if own.closed_gates:
        yield f"Closed: {', '.join(own.closed_gates)}. Nothing of the scorecard is earned."
    quality = row_of(pay, "quality")
    yield f"Of your quality pool of {dollars(quality['offered_cents'])} you earn {dollars(quality['paid_cents'])}."
    if own.practice_cost_cents:
        yield f"The practice's cost of {dollars(own.practice_cost_cents)} is paid beside it, outside the caps."
    caps = {"contract": own.contract_cap_cents, "fair market value": own.fair_market_cap_cents}
    known = [f"{name} {dollars(cents)}" for name, cents in caps.items() if cents is not None]
    if known:
        held = "They hold it" if "cap" in pay["reason"].to_list() else "They are not reached"
        yield f"Caps: {', '.join(known)}. {held}."


def _network(settled: SettledArrangement, own: ArrangementParty, terms: NetworkTerms) -> Iterator[str]:
    ledger = settled.ledgers["distribution"]
    costs, reserve = (row_of(ledger, name)["paid_cents"] for name in ("infrastructure", "reserve"))
    yield (
        f"The network's pool is {dollars(settled.figures['pool'])}, less {dollars(costs)} for infrastructure and "
        f"{dollars(reserve)} for the reserve."
    )
    yield f"Your class ({own.class_}) has {_percent(terms.class_shares[own.class_ or ''])} of what is left."
    counted = "attributed lives, quality, participation and part of the year"
    yield f"Within the class shares go by {counted if own.lives is not None else counted.partition(', ')[2]}."
    yield f"You are paid {dollars(row_of(ledger, own.id)['paid_cents'])}."


def _divided(
    settled: SettledArrangement, own: ArrangementParty, _terms: SharedSavingsTerms | FullRiskTerms
) -> Iterator[str]:
    name, amount = next(iter(settled.figures.items()))
    whole = sum((Fraction(one.weight) for one in settled.arrangement.parties), Fraction(0))
    what = "a gain" if (amount or 0) >= 0 else "a loss"
    yield f"The year ends with {what} of {dollars(abs(amount or 0))} ({name})."
    yield f"Your share is {float(Fraction(own.weight) / whole):.1%}: {dollars(abs(settled.paid_to(own.id)))}."


def _joint_venture(settled: SettledArrangement, own: ArrangementParty, terms: JointVentureTerms) -> Iterator[str]:
    yield f"The venture distributes {dollars(terms.profit_cents.value)}."
    yield f"You own {_percent(own.ownership or 0)} of it: {dollars(settled.paid_to(own.id))}."


def _ace(settled: SettledArrangement, own: ArrangementParty, _terms: AceTerms) -> Iterator[str]:
    yield f"The hospital shares {dollars(settled.figures['pool'])} of its savings with physicians."
    yield from _shared(settled, own)


def _of_member(settled: SettledArrangement, member: str) -> Iterator[str]:
    for name, ledger in settled.ledgers.items():
        if name.startswith("members of ") and member in ledger["party"].to_list():
            row = row_of(ledger, member)
            cap = "" if row["cap_cents"] is None else f" Your cap is {dollars(row['cap_cents'])}."
            yield f"Your group offers you {dollars(row['offered_cents'])} of its payment by weight.{cap}"
            yield f"You are paid {dollars(row['paid_cents'])}{_why(row)}."


_STEPS: dict[type, Callable[[SettledArrangement, ArrangementParty, Any], Iterator[str]]] = {
    GainsharingTerms: _gainsharing,
    CoManagementTerms: _co_management,
    PayTerms: _pay,
    NetworkTerms: _network,
    SharedSavingsTerms: _divided,
    FullRiskTerms: _divided,
    JointVentureTerms: _joint_venture,
    AceTerms: _ace,
}


def _why(row: Mapping[str, Any]) -> str:
    return f" ({REASONS[row['reason']]})" if row["reason"] else ""


def _percent(share: Any) -> str:
    return f"{float(share) * 100:g} %"
