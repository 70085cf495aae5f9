"""How each kind of arrangement is settled: terms and facts to the public functions, their ledgers to entries."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.alignment.ace import ace_bundle
from episodes.alignment.alignment_payments import alignment_payments
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
from episodes.alignment.co_management import co_management, scorecard
from episodes.alignment.employment import employment_pay, productivity_pay
from episodes.alignment.facts import billed_for, fee_schedule_of, scores_of, weights_and_levels
from episodes.alignment.gainsharing import distribute_within_group, gainshare, internal_savings, pool
from episodes.alignment.ledger import POOL, RESIDUAL, LedgerRow, ledger_of
from episodes.alignment.networks import joint_venture, network_distribution
from episodes.alignment.settling import HOSPITAL, MEDICARE, Settling
from episodes.alignment.shared_savings import full_risk, shared_savings
from episodes.alignment.terms import SharingLimits, Term, as_cap, sharing_limits
from episodes.errors import ArgumentError
from episodes.money import dollars, round_half_up, split_by_largest_remainder


def _limits(settling: Settling) -> SharingLimits:
    return sharing_limits(settling.arrangement.program, settling.arrangement.performance_year)


def _lower(own: Term[Any] | None, programme: Term[Any]) -> Term[Any]:
    """The lower of a contract's and a programme's limit; `none` is no limit."""
    if own is None or as_cap(own.value) is None:
        return programme
    allowed = as_cap(programme.value)
    return own if allowed is None or Decimal(own.value) <= allowed else programme


# --- gainsharing ---------------------------------------------------------------------------------------------


def settle_gainsharing(settling: Settling, terms: GainsharingTerms) -> None:
    """Pool and gainsharing of a payment and of internal savings; alignment payments where the hospital owes."""
    amount = settling.needed("amount_cents")
    items = [item.model_dump() for item in terms.internal_savings]
    savings = internal_savings(pl.DataFrame(items)) if items else 0
    whole = pool(
        reconciliation_cents=amount,
        internal_savings_cents=savings,
        reconciliation_share=terms.reconciliation_share.value,
        savings_share=terms.savings_share.value,
    )
    of_reconciliation = min(whole, round_half_up(Fraction(terms.reconciliation_share.value) * max(0, amount)))
    settling.figures |= {"settled": amount, "internal_savings": savings, "pool": whole}
    journal = settling.journal
    journal.move(HOSPITAL, POOL, of_reconciliation, "pool", terms.reconciliation_share, "share of the reconciliation")
    journal.move(HOSPITAL, POOL, whole - of_reconciliation, "pool", terms.savings_share, "share of internal savings")
    cap = _lower(terms.cap_share, _limits(settling).cap_share)
    partners = settling.partners()
    _decide_gates(settling, terms, partners)
    ledger = gainshare(
        whole,
        {party.id: party.weight for party in partners},
        _fee_schedule(settling, partners, cap),
        as_cap(cap.value),
        gate={party: met for party, (met, _) in settling.gates.items()},
        residual=terms.residual.value,
    )
    settling.pay_out("gainsharing", ledger, "gainsharing", cap, "share by weight")
    for party in partners:
        _within_group(settling, party, ledger, cap)
    if amount < 0:
        _settle_alignment(settling, terms, -amount, partners)


def _fee_schedule(settling: Settling, partners: list[ArrangementParty], cap: Term[Any]) -> dict[str, int] | None:
    if as_cap(cap.value) is None:
        return None
    amounts = {party.id: fee_schedule_of(party, settling.facts) for party in partners}
    unknown = sum(amount is None for amount in amounts.values())
    if unknown:
        raise ArgumentError(
            f"The arrangement caps pay at a share of fee-schedule amounts, and those of {unknown} of {len(amounts)} "
            "parties are not known. Give the claims of the run (--claims, or facts_of(..., claims=, lines=)), or "
            "fee_schedule_cents of each party in the file."
        )
    return {party: amount for party, amount in amounts.items() if amount is not None}


def _decide_gates(settling: Settling, terms: GainsharingTerms, partners: list[ArrangementParty]) -> None:
    for party in partners:
        if party.gate is not None:
            said = "met" if party.gate.met else "not met"
            settling.gates[party.id] = (party.gate.met, f"decided {party.gate.decided}: {said}")
        if not terms.gate_metrics:
            continue
        scores = scores_of(settling.arrangement, party, settling.facts, terms.gate_metrics)
        settling.scores.extend(scores)
        if party.gate is not None:
            continue
        failed = [score.metric.id for score in scores if score.level is not None and score.level == 0]
        unknown = [score.metric.id for score in scores if score.level is None]
        if failed:
            settling.gates[party.id] = (False, f"below the threshold of {', '.join(failed)}")
        elif unknown:
            passes = terms.unmeasured_gate.value == "pass"
            settling.gates[party.id] = (
                passes,
                f"not scored: {', '.join(unknown)}; unmeasured_gate = {terms.unmeasured_gate.value}",
            )
        else:
            settling.gates[party.id] = (True, "threshold reached in every gate metric")


def _within_group(settling: Settling, party: ArrangementParty, ledger: pl.DataFrame, cap: Term[Any]) -> None:
    """Distribute what a group was paid among its members; what no member takes stays with the group."""
    if not party.members:
        return
    paid = int(ledger.filter(pl.col("party") == party.id)["paid_cents"].sum())
    billed = {
        member.id: billed_for(party.id, member.id, settling.facts)
        if member.billed_cents is None
        else member.billed_cents
        for member in party.members
    }
    direct = {member.id for member in party.members if member.direct_agreement}
    direct |= {member.id for member in party.members} & {one.id for one in settling.arrangement.parties}
    known = {member: cents for member, cents in billed.items() if cents is not None}
    within = distribute_within_group(
        paid, {member.id: member.weight for member in party.members}, known, as_cap(cap.value), direct
    )
    settling.ledgers[f"members of {party.id}"] = within
    for row in within.filter(pl.col("party") != RESIDUAL).iter_rows(named=True):
        settling.journal.move(party.id, row["party"], row["paid_cents"], "distribution", cap, "member of the group")


def _settle_alignment(
    settling: Settling, terms: GainsharingTerms, repayment: int, partners: list[ArrangementParty]
) -> None:
    limits = _limits(settling)
    single = _lower(terms.single_limit, limits.alignment_single_limit)
    total = _lower(terms.total_limit, limits.alignment_total_limit)
    by_party = {party.id: single.value for party in partners}
    by_party |= {party.id: limits.alignment_aco_limit.value for party in partners if party.kind == "aco"}
    agreed = {party.id: party.agreed_share for party in partners}
    ledger = alignment_payments(repayment, agreed, single_limit=by_party, total_limit=total.value)
    settling.ledgers["alignment"] = ledger
    settling.figures["repayment"] = repayment
    for row in ledger.iter_rows(named=True):
        source = HOSPITAL if row["party"] == RESIDUAL else row["party"]
        settling.journal.move(source, POOL, row["paid_cents"], "alignment", single, row["reason"] or "agreed share")
    settling.journal.move(POOL, MEDICARE, repayment, "repayment", total, "the amount that is owed")


# --- fees and pay --------------------------------------------------------------------------------------------


def settle_co_management(settling: Settling, terms: CoManagementTerms) -> None:
    """The fee by base and metrics of the service line; several companies divide what is paid by weight."""
    partners = settling.partners()
    scores = scores_of(settling.arrangement, partners[0], settling.facts, list(terms.metric_weights))
    settling.scores.extend(scores)
    weights, levels = weights_and_levels(dict(terms.metric_weights), scores)
    fee = terms.fee_cents.value
    ledger = co_management(fee, terms.base_share.value, levels, weights)
    settling.ledgers["fee"] = ledger
    unearned = int(ledger.filter(pl.col("party") == RESIDUAL)["paid_cents"].sum())
    settling.figures |= {"fee": fee, "unearned": unearned}
    journal = settling.journal
    journal.move(HOSPITAL, POOL, fee, "fee", terms.fee_cents, "fixed in dollars ahead of the year")
    shares = [party.weight or Decimal(len(partners) == 1) for party in partners]
    split = split_by_largest_remainder(fee - unearned, shares)
    for party, cents in zip(partners, split, strict=True):
        journal.move(POOL, party.id, cents, "fee", terms.base_share, "base and earned incentive")
    journal.move(POOL, HOSPITAL, unearned, "fee", terms.base_share, "incentive that was not earned")


def settle_pay(settling: Settling, terms: PayTerms) -> None:
    """Each party's pay: wRVU tiers less the withhold, the scorecard, the returned withhold, the caps."""
    for party in settling.partners():
        if party.wrvu is None:
            raise ArgumentError(f"The arrangement {settling.arrangement.id!r} pays by wRVU, and a party has none.")
        scores = scores_of(settling.arrangement, party, settling.facts, list(terms.metric_weights))
        settling.scores.extend(scores)
        weights, levels = weights_and_levels(dict(terms.metric_weights), scores)
        gates = {gate: gate not in party.closed_gates for gate in terms.gates}
        card = scorecard(party.quality_pool_cents, weights, levels, gates)
        earned = int(card.filter(pl.col("party") != RESIDUAL)["paid_cents"].sum())
        score = (
            sum((weights[name] * levels[name] for name in weights), Fraction(0)) if all(gates.values()) else Fraction(0)
        )
        pay = employment_pay(
            productivity_cents=productivity_pay(party.wrvu, terms.tiers.value),
            quality_pool_cents=party.quality_pool_cents,
            quality_earned_cents=earned,
            withhold_share=terms.withhold_share.value,
            withhold_level=score,
            practice_cost_cents=party.practice_cost_cents,
            contract_cap_cents=party.contract_cap_cents,
            fair_market_cap_cents=party.fair_market_cap_cents,
        )
        settling.ledgers[f"scorecard of {party.id}"] = card
        settling.ledgers[f"pay of {party.id}"] = pay.ledger
        whole = int(pay.ledger["paid_cents"].sum())
        settling.journal.move(HOSPITAL, POOL, whole, "pay", terms.tiers, "all that could be earned")
        for row in pay.ledger.iter_rows(named=True):
            target = HOSPITAL if row["party"] == RESIDUAL else party.id
            why = row["party"] if row["reason"] is None else f"{row['party']}; {row['reason']}"
            settling.journal.move(POOL, target, row["paid_cents"], "pay", terms.tiers, why)


# --- networks, shared savings, ventures, bundles -------------------------------------------------------------


def settle_network(settling: Settling, terms: NetworkTerms) -> None:
    """The network's pool: a share of the reconciliation and other income, less costs, by class and quality."""
    share = Fraction(terms.reconciliation_share.value)
    amount = settling.needed("amount_cents") if share else 0
    of_reconciliation = round_half_up(share * max(0, amount))
    whole = of_reconciliation + terms.other_income_cents.value
    rows = []
    for party in settling.partners():
        quality = party.quality_score
        if quality is None:
            scores = scores_of(
                settling.arrangement, party, settling.facts, [m.id for m in settling.arrangement.metrics]
            )
            settling.scores.extend(scores)
            known = [score.level for score in scores if score.level is not None]
            quality = Decimal(str(float(sum(known, Fraction(0)) / len(known)))) if known else Decimal(0)
        figures = (quality, party.participation, party.year_share, party.lives)
        rows.append((party.id, party.class_, *(None if figure is None else float(figure) for figure in figures)))
    columns = {"party": pl.String, "class": pl.String} | dict.fromkeys(
        ("quality_score", "participation", "year_share", "lives"), pl.Float64
    )
    ledger = network_distribution(
        whole,
        pl.DataFrame(rows, schema=columns, orient="row"),
        terms.class_shares,
        infrastructure_cents=terms.infrastructure_cents.value,
        reserve_share=terms.reserve_share.value,
    )
    settling.figures |= {"pool": whole}
    journal = settling.journal
    journal.move(HOSPITAL, POOL, of_reconciliation, "pool", terms.reconciliation_share, "share of the reconciliation")
    journal.move("payers", POOL, terms.other_income_cents.value, "pool", terms.other_income_cents, "other income")
    settling.pay_out("distribution", ledger, "distribution", terms.reserve_share, "class, quality, participation")


def settle_shared_savings(settling: Settling, terms: SharedSavingsTerms) -> None:
    """What the programme pays or takes, divided among the parties by weight."""
    benchmark = settling.needed("target_cents") if terms.benchmark_cents is None else terms.benchmark_cents
    spent = settling.needed("actual_cents") if terms.expenditure_cents is None else terms.expenditure_cents
    shared = shared_savings(
        terms.level.value,
        benchmark,
        spent,
        revenue_cents=terms.revenue_cents,
        msr=terms.msr.value,
        quality_met=terms.quality_met.value,
    )
    _divide(settling, shared.amount_cents, MEDICARE, "shared savings", terms.level)


def settle_full_risk(settling: Settling, terms: FullRiskTerms) -> None:
    """The year's margin, divided among the parties by weight."""
    margin = full_risk(
        premium_cents=terms.premium_cents.value,
        claims_cents=terms.claims_cents,
        reinsurance_premium_cents=terms.reinsurance_premium_cents.value,
        attachment_cents=terms.attachment_cents.value,
        coinsurance=terms.coinsurance.value,
        aggregate_corridors=terms.aggregate_corridors,
    )
    _divide(settling, margin.amount_cents, "payer", "margin", terms.premium_cents)


def _divide(settling: Settling, amount: int, counterparty: str, name: str, term: Term[Any]) -> None:
    """Divide a gain or a loss among all parties, the hospital included, by weight."""
    parties = settling.arrangement.parties
    shares = split_by_largest_remainder(abs(amount), [party.weight for party in parties])
    rows = [LedgerRow(party.id, cents, None, cents) for party, cents in zip(parties, shares, strict=True)]
    settling.figures[name] = amount
    settling.ledgers["gain" if amount >= 0 else "loss"] = ledger_of(rows, abs(amount), "kept")
    journal = settling.journal
    if amount >= 0:
        journal.move(counterparty, POOL, amount, name, term, "gain")
    for row in rows:
        source, target = (POOL, row.party) if amount >= 0 else (row.party, POOL)
        journal.move(source, target, row.paid_cents, name, term, "share by weight")
    if amount < 0:
        settling.notes.append(f"A loss of {dollars(-amount)} is divided among the parties: they pay.")
        journal.move(POOL, counterparty, -amount, name, term, "loss")


def settle_joint_venture(settling: Settling, terms: JointVentureTerms) -> None:
    """The profit by ownership; the checks show the flags."""
    profit = terms.profit_cents.value
    venture = joint_venture(profit, settling.arrangement.owners())
    settling.journal.move("venture", POOL, profit, "profit", terms.profit_cents, "profit that is distributed")
    settling.pay_out("distribution", venture.ledger, "profit", terms.profit_cents, "ownership")
    settling.figures["profit"] = profit


def settle_ace(settling: Settling, terms: AceTerms) -> None:
    """The bundle price, the patients' part of Medicare's savings, and the physicians' shares within their cap."""
    premium = None if terms.premium_cents is None else terms.premium_cents.value
    price, saved, patients = 0, 0, 0
    for stay in terms.stays:
        amounts = (stay.part_a_cents, stay.part_b_cents)
        bundle = ace_bundle(*amounts, terms.discount_a.value, terms.discount_b.value, premium_cents=premium)
        price += bundle.bundle_cents
        saved += bundle.medicare_savings_cents
        patients += 0 if stay.medicaid else bundle.beneficiary_cents
    cap = _lower(terms.cap_share, _limits(settling).cap_share)
    partners = settling.partners()
    whole = terms.physician_pool_cents.value
    gates = {party.id: party.gate for party in partners if party.gate is not None}
    settling.gates |= {party: (gate.met, f"decided {gate.decided}") for party, gate in gates.items()}
    ledger = gainshare(
        whole,
        {party.id: party.weight for party in partners},
        _fee_schedule(settling, partners, cap),
        as_cap(cap.value),
        gate={party: gate.met for party, gate in gates.items()},
    )
    journal = settling.journal
    journal.move(MEDICARE, HOSPITAL, price, "bundle", terms.discount_a, "one payment a stay")
    journal.move(MEDICARE, "patients", patients, "patients", terms.discount_a, "share of Medicare's savings")
    journal.move(HOSPITAL, POOL, whole, "pool", terms.physician_pool_cents, "savings that are shared with physicians")
    settling.pay_out("gainsharing", ledger, "gainsharing", cap, "share by weight")
    settling.figures |= {"bundles": price, "medicare_savings": saved, "patients": patients, "pool": whole}
