"""Compliance checks of an arrangement: pass, fail or cannot tell, each with the law it comes from. No legal advice."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import polars as pl

from episodes.alignment.arrangement import (
    FORBIDDEN_INPUTS,
    Arrangement,
    ArrangementParty,
    CoManagementTerms,
    JointVentureTerms,
)
from episodes.alignment.checked_payments import alignment_limits, cap, once_a_year, sums
from episodes.alignment.finding import CANNOT_TELL, FAIL, PASS, Finding
from episodes.alignment.networks import joint_venture
from episodes.alignment.settling import SettledArrangement
from episodes.alignment.terms import TermStatus, parameters, sharing_limits
from episodes.programs.rule import Part

DISCLAIMER = (
    "These checks are arithmetic and red flags, not legal advice: a pass does not make an arrangement lawful, and a "
    "fail is for counsel to judge."
)

CHECK_SCHEMA = {
    "check": pl.String,
    "result": pl.String,
    "finding": pl.String,
    "question": pl.String,
    "citation": pl.String,
    "status": pl.String,
}


class CheckRule(Part):
    """What a check asks, under which law, and how well that is established."""

    question: str
    citation: str
    status: TermStatus


@lru_cache(maxsize=1)
def check_rules() -> dict[str, CheckRule]:
    """The packaged checks (`compliance.toml`).

    >>> check_rules()["once_a_year"].citation
    '42 CFR 510.500(c)(1)(ii)'
    """
    text = (files("episodes.alignment") / "compliance.toml").read_text(encoding="utf-8")
    return {name: CheckRule.model_validate(rule) for name, rule in tomllib.loads(text).items()}


def check_compliance(arrangement: Arrangement, settled: SettledArrangement | None = None) -> pl.DataFrame:
    """Check an arrangement, and what was settled under it.

    Args:
        arrangement: from `load_arrangement`.
        settled: the arrangement settled on a year; None: the file alone is checked, and what needs the year's amounts
            cannot be told.

    Returns:
        One row a check: check, result (`pass`, `fail`, `cannot tell`), finding, question, citation, status. Checks that
        do not apply to the kind of arrangement are left out. It flags; it gives no legal advice (`DISCLAIMER`).

    Example:
        >>> from episodes.alignment.arrangement import load_arrangement
        >>> checks = check_compliance(load_arrangement("team_gainsharing"))
        >>> checks.filter(check="set_in_advance")["result"].to_list()
        ['pass']
    """
    rows = []
    for name, check in _CHECKS.items():
        found = check(arrangement, settled)
        if found is not None:
            rule = check_rules()[name]
            rows.append((name, found.result, found.finding, rule.question, rule.citation, rule.status))
    return pl.DataFrame(rows, schema=CHECK_SCHEMA, orient="row")


def _partners(arrangement: Arrangement) -> list[ArrangementParty]:
    return [party for party in arrangement.parties if party.kind != "hospital"]


def _names(parties: Sequence[ArrangementParty]) -> str:
    return ", ".join(party.name for party in parties)


def _volume_or_value(arrangement: Arrangement, _settled: SettledArrangement | None) -> Finding:
    forbidden = [one for one in arrangement.inputs if one.kind in FORBIDDEN_INPUTS]
    if forbidden:
        listed = ", ".join(f"{one.name} ({one.kind.replace('_', ' ')})" for one in forbidden)
        return Finding(FAIL, f"the formula looks at {listed}")
    if not arrangement.inputs:
        return Finding(CANNOT_TELL, "the file names no input of the formula")
    return Finding(
        PASS, f"{len(arrangement.inputs)} inputs, none of them referrals, admissions, orders, revenue or cases"
    )


def _set_in_advance(arrangement: Arrangement, _settled: SettledArrangement | None) -> Finding:
    agreement = arrangement.agreement
    starts = agreement.starts
    dated = {
        "agreement": agreement.signed,
        "formula": agreement.formula_set,
        "quality criteria": agreement.quality_criteria_set,
    }
    dated |= {party.name: party.signed for party in _partners(arrangement)}
    late = [f"{name} {day}" for name, day in dated.items() if day is not None and day >= starts]
    if late:
        return Finding(FAIL, f"not set or signed before the first service ({starts}): {', '.join(late)}")
    undated = [name for name, day in dated.items() if day is None]
    if undated:
        return Finding(CANNOT_TELL, f"no date for: {', '.join(undated)}")
    return Finding(PASS, f"everything is dated before {starts}; formula version {agreement.formula_version}")


def _quality_gate(arrangement: Arrangement, settled: SettledArrangement | None) -> Finding | None:
    if arrangement.kind not in ("gainsharing", "ace"):
        return None
    if settled is None:
        without = [party for party in _partners(arrangement) if party.gate is None]
        metrics = getattr(arrangement.terms, "gate_metrics", ())
        if without and not metrics:
            return Finding(FAIL, f"no quality gate, and no gate metric, for: {_names(without)}")
        return Finding(CANNOT_TELL, "whether the gates were met is known when the year is settled")
    paid = [party for party in _partners(arrangement) if settled.paid_to(party.id) > 0]
    without = [party for party in paid if party.id not in settled.gates]
    unmet = [party for party in paid if party.id in settled.gates and not settled.gates[party.id][0]]
    if unmet or without:
        return Finding(FAIL, f"paid without a gate that was met: {_names([*unmet, *without])}")
    return Finding(PASS, f"{len(paid)} paid parties, each with a gate that was met; nothing was paid where it was not")


def _fair_market_value(arrangement: Arrangement, settled: SettledArrangement | None) -> Finding:
    bands = parameters().fair_market_value
    above: list[str] = []
    flagged: list[str] = []
    unknown: list[str] = []
    for party in _partners(arrangement):
        pay = party.compensation
        if pay is None or (pay.opinion_cents is None and pay.percentile is None):
            unknown.append(party.name)
        elif pay.opinion_cents is not None:
            total = max(
                pay.total_cents, 0 if settled is None else settled.paid_to(party.id) - party.practice_cost_cents
            )
            above += [party.name] if total > pay.opinion_cents else []
        elif pay.percentile is not None:
            above += [party.name] if pay.percentile > bands.stop_above.value else []
            flagged += [party.name] if bands.flag_above.value < pay.percentile <= bands.stop_above.value else []
    if above:
        return Finding(FAIL, f"above the opinion, or the {bands.stop_above.value}th percentile: {', '.join(above)}")
    if flagged or unknown:
        said = (
            [f"between the {bands.flag_above.value}th and {bands.stop_above.value}th percentile: {', '.join(flagged)}"]
            if flagged
            else []
        )
        said += [f"no opinion or percentile for: {', '.join(unknown)}"] if unknown else []
        return Finding(CANNOT_TELL, "; ".join(said))
    return Finding(PASS, "every party's compensation is within its opinion or below the flag")


def _hours(arrangement: Arrangement, _settled: SettledArrangement | None) -> Finding | None:
    terms = arrangement.terms
    if not isinstance(terms, CoManagementTerms):
        return None
    worth = terms.documented_hours * terms.hourly_rate_cents.value
    base = terms.fee_cents.value * terms.base_share.value
    if terms.other_directorship:
        return Finding(FAIL, "a party also holds another medical directorship of the same service line")
    if base > worth:
        return Finding(
            FAIL,
            f"the base fee is {base / worth - 1:.1%} above the documented hours at the rate"
            if worth
            else "no hours are documented",
        )
    return Finding(PASS, "the documented hours at the rate are worth the base fee")


def _needed_care(_arrangement: Arrangement, settled: SettledArrangement | None) -> Finding:
    guards = None if settled is None else settled.facts.guards
    if guards is None or guards.is_empty():
        return Finding(CANNOT_TELL, "no earlier year to compare costs and outcomes with")
    known = guards.filter(pl.col("flag") != "cannot_tell")
    counts = dict(known.group_by("flag").len().iter_rows())
    if counts.get("alarm"):
        return Finding(FAIL, f"{counts['alarm']} guards show lower cost with an outcome that rose beyond chance")
    if known.is_empty():
        return Finding(CANNOT_TELL, "no party has episodes in both years")
    return Finding(PASS, f"{known.height} guards, none beyond chance; {counts.get('watch', 0)} to be watched")


def _eligible_partner(arrangement: Arrangement, settled: SettledArrangement | None) -> Finding | None:
    if arrangement.kind not in ("gainsharing", "ace"):
        return None
    partners = _partners(arrangement)
    barred = [party for party in partners if party.open_compliance_action]
    if barred or not arrangement.agreement.traceable_payment:
        what = [f"an open compliance action: {_names(barred)}"] if barred else []
        what += [] if arrangement.agreement.traceable_payment else ["payments cannot be traced"]
        return Finding(FAIL, "; ".join(what))
    amounts = None if settled is None else settled.facts.fee_schedule
    if settled is None or amounts is None:
        return Finding(CANNOT_TELL, "who furnished services in episodes is not known without the claims")
    served = {*amounts["npi"], *amounts["tin"]}
    idle = [party for party in partners if settled.paid_to(party.id) > 0 and party.id not in served]
    if idle:
        return Finding(FAIL, f"paid, but without a service in an episode of the year: {_names(idle)}")
    return Finding(PASS, "each paid party furnished a service in an episode; no open compliance action")


def _exception(arrangement: Arrangement, _settled: SettledArrangement | None) -> Finding | None:
    agreement = arrangement.agreement
    named = agreement.exception
    if named in ("model_waiver", "employment", "services_at_fair_value"):
        return None
    if named == "none":
        return Finding(CANNOT_TELL, "the file names no exception that the arrangement rests on")
    tests: dict[str, Any] = {
        "records of six years": agreement.record_years >= 6,
        "duration": agreement.ends is not None,
    }
    if named != "full_financial_risk":
        tests |= {
            "writing": agreement.written,
            "signature": agreement.signed is not None,
            "outcome measures": bool(arrangement.metrics),
        }
    if named == "value_based_arrangement":
        tests["monitored yearly"] = agreement.monitored_yearly
    if named == "full_financial_risk":
        tests["full risk in its terms"] = arrangement.kind == "full_risk"
    failed = [test for test, holds in tests.items() if not holds]
    said = named.replace("_", " ")
    if failed:
        return Finding(FAIL, f"{said}: not fulfilled: {', '.join(failed)}")
    return Finding(PASS, f"{said}: {', '.join(tests)}")


def _downside(arrangement: Arrangement, _settled: SettledArrangement | None) -> Finding | None:
    if arrangement.agreement.exception != "meaningful_downside":
        return None
    least = parameters().meaningful_downside.value
    physicians = [party for party in _partners(arrangement) if party.kind == "physician"]
    unknown = [party for party in physicians if party.compensation is None or party.compensation.at_risk_cents is None]
    short = [
        party
        for party in physicians
        if party.compensation is not None
        and party.compensation.at_risk_cents is not None
        and party.compensation.at_risk_cents < least * party.compensation.total_cents
    ]
    if short:
        return Finding(FAIL, f"less than {least:.0%} of remuneration at risk: {_names(short)}")
    if unknown or not physicians:
        return Finding(CANNOT_TELL, f"what is at risk is not said for: {_names(unknown) or 'any physician'}")
    return Finding(PASS, f"at least {least:.0%} of remuneration is at risk for {len(physicians)} physicians")


def _model_waiver(arrangement: Arrangement, settled: SettledArrangement | None) -> Finding | None:
    if arrangement.agreement.exception != "model_waiver":
        return None
    if arrangement.program == "none":
        return Finding(FAIL, "a model's waiver is named, but no programme")
    if settled is None or settled.facts.amount_cents is None:
        return Finding(CANNOT_TELL, f"participation in {arrangement.program} is not known from the file")
    if settled.facts.program not in (None, arrangement.program):
        return Finding(
            FAIL, f"the file names {arrangement.program}, the run was reconciled under {settled.facts.program}"
        )
    return Finding(
        PASS, f"the hospital was reconciled under {arrangement.program}; the waiver's own conditions are for counsel"
    )


def _records(arrangement: Arrangement, _settled: SettledArrangement | None) -> Finding:
    agreement = arrangement.agreement
    asked = sharing_limits(arrangement.program, arrangement.performance_year).record_years.value
    faults = [] if agreement.written else ["not in writing"]
    faults += [f"records of {agreement.record_years} years, {asked} asked"] if agreement.record_years < asked else []
    if faults:
        return Finding(FAIL, "; ".join(faults))
    return Finding(PASS, f"in writing, records of {agreement.record_years} years")


def _venture(tests: Sequence[str]) -> Callable[[Arrangement, SettledArrangement | None], Finding | None]:
    def check(arrangement: Arrangement, _settled: SettledArrangement | None) -> Finding | None:
        if not isinstance(arrangement.terms, JointVentureTerms):
            return None
        flags = [flag for flag in joint_venture(0, arrangement.owners()).flags if flag.test in tests]
        names = {party.id: party.name for party in arrangement.parties}
        failed = [f"{names[flag.party]} ({flag.test.replace('_', ' ')})" for flag in flags if flag.passed is False]
        unknown = [f"{names[flag.party]} ({flag.test.replace('_', ' ')})" for flag in flags if flag.passed is None]
        if failed:
            return Finding(FAIL, ", ".join(failed))
        if unknown:
            return Finding(CANNOT_TELL, f"not said: {', '.join(unknown)}")
        return Finding(PASS, f"{len(flags)} tests of owners that refer")

    return check


_CHECKS: dict[str, Callable[[Arrangement, SettledArrangement | None], Finding | None]] = {
    "volume_or_value": _volume_or_value,
    "set_in_advance": _set_in_advance,
    "quality_gate": _quality_gate,
    "cap": cap,
    "once_a_year": once_a_year,
    "sums": sums,
    "alignment_limits": alignment_limits,
    "fair_market_value": _fair_market_value,
    "hours": _hours,
    "needed_care": _needed_care,
    "eligible_partner": _eligible_partner,
    "value_based_exception": _exception,
    "downside": _downside,
    "model_waiver": _model_waiver,
    "records": _records,
    "one_third": _venture(("one_third_income", "one_third_procedures")),
    "fair_value_of_ownership": _venture(("fair_value",)),
}
