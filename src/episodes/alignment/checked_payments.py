"""Checks of money: caps, how often somebody is paid, sums, and the limits of alignment payments."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction

import polars as pl

from episodes.alignment.arrangement import Arrangement, GainsharingTerms
from episodes.alignment.facts import fee_schedule_of
from episodes.alignment.finding import CANNOT_TELL, FAIL, PASS, Finding
from episodes.alignment.ledger import RESIDUAL
from episodes.alignment.settling import SettledArrangement
from episodes.alignment.terms import as_cap, sharing_limits
from episodes.money import dollars


def cap(arrangement: Arrangement, settled: SettledArrangement | None) -> Finding | None:
    """The contract's cap against the programme's, and payments, settled or already made, against the cap."""
    if arrangement.kind not in ("gainsharing", "ace"):
        return None
    allowed = as_cap(sharing_limits(arrangement.program, arrangement.performance_year).cap_share.value)
    term = getattr(arrangement.terms, "cap_share", None)
    own = None if term is None else as_cap(term.value)
    faults = []
    if term is not None and allowed is not None and (own is None or own > allowed):
        said = "no cap" if own is None else f"a cap of {own:.0%}"
        faults.append(f"the contract sets {said} where {arrangement.program} allows {allowed:.0%} of the fee schedule")
    held = allowed if own is None else own if allowed is None else min(own, allowed)
    if held is None:
        return Finding(PASS, f"neither {arrangement.program} nor the contract sets a cap")
    unknown = 0
    for party in arrangement.parties:
        paid = sum(payment.cents for payment in arrangement.payments if payment.party == party.id)
        amount = party.fee_schedule_cents if settled is None else fee_schedule_of(party, settled.facts)
        if amount is None:
            unknown += paid > 0
        elif paid > held * amount:
            faults.append(f"{party.name} was paid {dollars(paid)}, more than {held:.0%} of {dollars(amount)}")
    if settled is not None and "gainsharing" in settled.ledgers:
        over = settled.ledgers["gainsharing"].filter(pl.col("paid_cents") > pl.col("cap_cents"))
        faults += [f"{over.height} payments are above their cap"] if over.height else []
    if faults:
        return Finding(FAIL, "; ".join(faults))
    if settled is None or unknown:
        return Finding(CANNOT_TELL, f"the contract's cap is within what is allowed ({held:.0%}); amounts are not known")
    return Finding(PASS, f"every payment is within {held:.0%} of the party's fee-schedule amount")


def once_a_year(arrangement: Arrangement, settled: SettledArrangement | None) -> Finding | None:
    """Payments that were made, and the one that is settled on its date, counted by party and calendar year."""
    if arrangement.kind not in ("gainsharing", "ace"):
        return None
    most = sharing_limits(arrangement.program, arrangement.performance_year).distributions_a_year.value
    counted = Counter((payment.party, payment.paid_on.year) for payment in arrangement.payments)
    distributed_on = arrangement.agreement.distributed_on
    if settled is not None and distributed_on is not None:
        counted.update(
            (party.id, distributed_on.year) for party in arrangement.parties if settled.paid_to(party.id) > 0
        )
    names = {party.id: party.name for party in arrangement.parties}
    often = [f"{names[party]} {number} times in {year}" for (party, year), number in counted.items() if number > most]
    if often:
        return Finding(FAIL, ", ".join(often))
    if settled is not None and distributed_on is None and arrangement.payments:
        return Finding(
            CANNOT_TELL, "payments were made, and the file gives no date (distributed_on) of the settled one"
        )
    if not arrangement.payments:
        return Finding(PASS, "one distribution is settled; the file names no other payment")
    return Finding(PASS, f"no more than {most} a calendar year among {len(arrangement.payments)} payments")


def sums(arrangement: Arrangement, settled: SettledArrangement | None) -> Finding:
    """Ledgers against pools, members against their group, and sharing against what was received."""
    if settled is None:
        return Finding(CANNOT_TELL, "sums are known when the year is settled")
    faults = []
    for name, ledger in settled.ledgers.items():
        if name.startswith("members of "):
            group = name.removeprefix("members of ")
            received = int(settled.entries.filter(pl.col("to_party") == group)["amount_cents"].sum())
            if int(ledger.filter(pl.col("party") != RESIDUAL)["paid_cents"].sum()) > received:
                faults.append(f"members of {group} get more than the group")
    if isinstance(arrangement.terms, GainsharingTerms):
        received = max(0, settled.facts.amount_cents or 0)
        savings = settled.figures.get("internal_savings") or 0
        shared = int(settled.ledgers["gainsharing"].filter(pl.col("party") != RESIDUAL)["paid_cents"].sum())
        shared += sum(payment.cents for payment in arrangement.payments)
        if shared > received + savings:
            faults.append(f"{dollars(shared)} are shared, {dollars(received + savings)} were received and saved")
    if faults:
        return Finding(FAIL, "; ".join(faults))
    return Finding(
        PASS, f"{len(settled.ledgers)} ledgers sum to their pools to the cent, and the pool comes out at zero"
    )


def alignment_limits(arrangement: Arrangement, settled: SettledArrangement | None) -> Finding | None:
    """Agreed shares against the limits, and charges against what is owed."""
    if not isinstance(arrangement.terms, GainsharingTerms):
        return None
    limits = sharing_limits(arrangement.program, arrangement.performance_year)
    single, aco = limits.alignment_single_limit.value, limits.alignment_aco_limit.value
    faults = [
        f"{party.name} agreed to {party.agreed_share:.0%}"
        for party in arrangement.parties
        if party.agreed_share > (aco if party.kind == "aco" else single)
    ]
    agreed = sum((party.agreed_share for party in arrangement.parties), Decimal(0))
    if agreed > limits.alignment_total_limit.value:
        faults.append(f"all together {agreed:.0%}")
    if settled is not None and "alignment" in settled.ledgers:
        ledger = settled.ledgers["alignment"]
        charged = int(ledger.filter(pl.col("party") != RESIDUAL)["paid_cents"].sum())
        if charged > Fraction(limits.alignment_total_limit.value) * int(ledger["paid_cents"].sum()):
            faults.append("more is charged than all together may bear")
    within = f"{single:.0%} for one (an ACO {aco:.0%}) and {limits.alignment_total_limit.value:.0%} together"
    if faults:
        return Finding(FAIL, f"beyond {within}: {', '.join(faults)}")
    return Finding(PASS, f"agreed shares and charges stay within {within}")
