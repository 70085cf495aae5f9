"""Sections 5 and 6 of the BPCI Advanced reference: inpatient and outpatient anchors, APC, J1 rank."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

from oracle.bpci_codes import (
    LOWER_JOINT,
    TAVR_DRGS,
    UPPER_JOINT,
    UPPER_JOINT_DRG,
    References,
    Row,
    apc_rows,
    inpatient_triggers,
    is_valve_procedure,
    j1_entry,
    listed,
    mdc_of,
    outpatient_triggers,
)
from oracle.bpci_stays import chains_of, flags_of, null_first, pricing_drg

JOINT_PRICE_CODES = {LOWER_JOINT: "470", UPPER_JOINT: "483"}


# --- 5. inpatient anchors -----------------------------------------------------------------------------------


def inpatient_anchors(items: list[Row], references: References, pricing_year: int) -> list[Row]:
    """One candidate a chain whose last leg triggers. The stays given have a positive amount."""
    anchors = []
    for legs in chains_of([item for item in items if item["setting"] == "inpatient"]):
        first, last = legs[0], legs[-1]
        drg = pricing_drg(last["claim"], references, pricing_year)
        category = inpatient_triggers().get(drg or "")
        if category is None or not has_needed_procedure(last, drg):
            continue
        anchor = candidate_of("inpatient", category, legs, first["claim"], last["claim"], first["start"], last["end"])
        anchor["anchor_code"] = last["claim"]["ms_drg"] or drg
        anchor["price_code"] = anchor["anchor_drg"] = drg
        anchor["anchor_mdc"] = last["claim"]["mdc"] or mdc_of(references, drg, pricing_year)
        anchor["attribution_start"] = first["start"] - timedelta(days=1)
        anchor["attribution_end"] = first["end"]
        anchors.append(anchor)
    return anchors


def has_needed_procedure(stay: Row, drg: str | None) -> bool:
    procedures = stay["claim"]["procedures"] or []
    if drg in TAVR_DRGS:
        return any(is_valve_procedure(code, stay["end"]) for code in procedures)
    if drg == UPPER_JOINT_DRG:
        return any(code in listed("upper_joint_procedures", "procedure") for code in procedures)
    return True


def is_valve_stay(stay: Row, references: References, pricing_year: int) -> bool:
    """A stay of a TAVR DRG with a TAVR procedure."""
    drg = pricing_drg(stay["claim"], references, pricing_year)
    return drg in TAVR_DRGS and has_needed_procedure(stay, drg)


def candidate_of(
    setting: str, category: str, own: list[Row], hospital: Row, anchor: Row, start: date, end: date
) -> Row:
    return {
        "key": (anchor["beneficiary_id"], setting, anchor["claim_id"], start),
        "beneficiary_id": anchor["beneficiary_id"],
        "category": category,
        "anchor_setting": setting,
        "anchor_claim_id": anchor["claim_id"],
        "anchor_ccn": hospital["ccn"],
        "attending_npi": hospital["attending_npi"],
        "operating_npi": hospital["operating_npi"],
        "anchor_start": start,
        "anchor_end": end,
        "episode_start": start,
        "length_of_stay": max((end - start).days, 1),
        "transfers": len(own) - 1,
        "apc": None,
        "complexity_adjusted": None,
        "highest_ranked": True,
        "own": own,
        "hospital_flags": flags_of(hospital),
        "discharge_status": anchor["discharge_status"],
        "anchor_drg": None,
        "anchor_mdc": None,
    }


# --- 6. outpatient anchors ----------------------------------------------------------------------------------


def outpatient_anchors(items: list[Row], references: References, pricing_year: int) -> list[Row]:
    """One a day: the best trigger line of the day, over all hospitals and categories; the others vanish."""
    lines_by_day = defaultdict(list)
    for item in items:
        if is_trigger_line(item):
            lines_by_day[item["start"]].append(item)
    anchors = []
    for day, lines in sorted(lines_by_day.items()):
        best = best_trigger_line(lines)
        anchors.append(outpatient_candidate(best, day, items, references, pricing_year))
    return anchors


def is_trigger_line(item: Row) -> bool:
    return (
        item["setting"] == "outpatient"
        and item["line"]["service_date"] is not None
        and (item["amount"] or 0) > 0
        and item["line"]["hcpcs"] in outpatient_triggers()
    )


def best_trigger_line(lines: list[Row]) -> Row:
    lowest_id_first = sorted(lines, key=lambda item: (item["order"], item["line"]["line_number"]))
    return max(  # the first of several equal ones
        lowest_id_first,
        key=lambda item: (
            item["amount"],
            null_first(item["claim"]["process_date"]),
            null_first(item["line"]["charge_cents"]),
        ),
    )


def outpatient_candidate(trigger: Row, day: date, items: list[Row], references: References, pricing_year: int) -> Row:
    claim, hcpcs = trigger["claim"], trigger["line"]["hcpcs"]
    of_claim = [item for item in items if item["id"][0] == claim["claim_id"]]
    category = outpatient_triggers()[hcpcs]
    anchor = candidate_of("outpatient", category, [trigger], claim, claim, day, day)
    anchor["anchor_code"] = hcpcs
    anchor["apc"], anchor["complexity_adjusted"] = apc_of(trigger, of_claim, references, day.year)
    pricing_apc, _ = apc_of(trigger, of_claim, references, pricing_year)
    anchor["price_code"] = JOINT_PRICE_CODES.get(category.upper(), pricing_apc)
    anchor["attribution_start"], anchor["attribution_end"] = day - timedelta(days=1), day
    base, _ = apc_rows(references, hcpcs, day.year)
    comprehensive = base is not None and bool(base["comprehensive"])
    anchor["highest_ranked"] = is_highest_ranked(trigger, of_claim, references, pricing_year, comprehensive)
    return anchor


def apc_of(trigger: Row, of_claim: list[Row], references: References, year: int) -> tuple[str | None, bool]:
    """The APC of a year, and whether another line of the claim raises it."""
    base, adjusted = apc_rows(references, trigger["line"]["hcpcs"], year)
    for other in of_claim:
        if (
            other["line"]["line_number"] != trigger["line"]["line_number"]
            and other["amount"] is not None
            and other["amount"] >= 0
            and other["line"]["service_date"] is not None
            and other["line"]["hcpcs"] in adjusted
        ):
            return adjusted[other["line"]["hcpcs"]]["apc"], True
    return (base["apc"] if base else None), False


def is_highest_ranked(
    trigger: Row, of_claim: list[Row], references: References, pricing_year: int, comprehensive: bool
) -> bool:
    ranked = []
    for item in of_claim:
        entry = j1_entry(references, item["line"]["hcpcs"], pricing_year)
        if entry is not None and (item["amount"] or 0) > 0:
            j1 = item["line"]["status_indicator"] == entry["status_indicator"]
            number = item["line"]["line_number"]
            ranked.append((not j1, entry["j1_rank"], item is not trigger, number))
    if not ranked:
        return True
    not_j1, _, not_the_trigger, _ = min(ranked)
    return not not_the_trigger and not (comprehensive and not_j1)
