"""Sections 8 and 9 of the BPCI Advanced reference: which claims are looked at, and what becomes of each.

The amounts of section 10 are in `bpci_amounts`. An item that falls in no period writes no row.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from oracle.bpci_amounts import Amounts, Split, by_gmlos, by_parts, whole
from oracle.bpci_anchors import is_valve_stay
from oracle.bpci_codes import (
    ANCHOR_DAY_PLACES,
    BOWEL_DISEASE_DRGS,
    CARDIAC_REHABILITATION,
    CARDIAC_REHABILITATION_PLACES,
    CARE_CHOICES_BILLS,
    CARE_CHOICES_DEMONSTRATION,
    COMPONENT_MODIFIERS,
    CORONARY_INTERVENTIONS,
    EMERGENCY_CENTERS,
    EMERGENCY_PLACE,
    GLOBAL_SURGERY_DAYS,
    NOT_A_VISIT,
    ONCOLOGY_MONTHLY,
    PASS_THROUGH_STATUS,
    VISIT_CENTERS,
    References,
    Row,
    global_days,
    is_clotting_factor,
    listed,
    mean_stay,
    packaged,
)
from oracle.bpci_flags import is_excluded_drg, is_excluded_mdc
from oracle.bpci_stays import is_paid_by_stay

LOOK_BACK = {"outpatient", "professional"}
EXCLUDED_STAYS = {"excluded_readmission_drg", "excluded_readmission_mdc", "tavr_in_pci_episode"}
ONE_DAY = timedelta(days=1)


def services_of(candidate: Row, items: list[Row], references: References, pricing_year: int) -> list[Row]:
    """The service rows of one candidate, whatever its status."""
    looked_at = [item for item in items if is_looked_at(item, candidate)]
    rows = []
    emergency_days = set()
    excluded_stays = []
    for item in sorted(looked_at, key=lambda item: (item["setting"] == "professional", item["order"], item["id"][1])):
        split = split_of(item, candidate, references, emergency_days)
        reason = reason_of(item, candidate, split, references, pricing_year)
        if reason is None and is_in_excluded_stay(item, split, excluded_stays):
            reason = "professional_in_excluded_stay"
        if not split:
            continue
        if reason is None:
            if is_emergency_line(item) and item["start"] <= candidate["anchor_start"]:
                emergency_days.add(item["start"])
            rows += [row_of(item, candidate, period, None, amounts) for period, amounts in split.items()]
        else:
            if reason in EXCLUDED_STAYS:
                excluded_stays.append(item)
            rows.append(row_of(item, candidate, next(iter(split)), reason, Amounts()))
    return rows


def row_of(item: Row, candidate: Row, period: str, reason: str | None, amounts: Amounts) -> dict[str, Any]:
    return {
        "key": candidate["key"],
        "claim_id": item["id"][0],
        "line_number": item["id"][1],
        "setting": item["setting"],
        "period": period,
        "disposition": "included" if reason is None else "excluded",
        "reason": reason,
        "full_cents": item["amount"] or 0,
        "cents": amounts.cents,
        "allowed_cents": amounts.allowed,
        "standardized_cents": amounts.standardized,
    }


# --- 8. which claims are looked at --------------------------------------------------------------------------


def is_own_stay(item: Row, candidate: Row) -> bool:
    """The anchor stay and its legs. The trigger line of an outpatient anchor is a line like any other."""
    return candidate["anchor_setting"] == "inpatient" and any(item is leg for leg in candidate["own"])


def is_looked_at(item: Row, candidate: Row) -> bool:
    if is_own_stay(item, candidate):
        return True
    if item["start"] is None:
        return False
    if item["setting"] == "inpatient" and item["claim"]["keep_inner_outer"] is False:
        return False
    first = candidate["anchor_start"] - (ONE_DAY if item["setting"] in LOOK_BACK else timedelta())
    return bool(first <= item["start"] <= candidate["post_episode_end"])


def plain_period(day: date, candidate: Row) -> str | None:
    """By the start date alone. The discharge day belongs to the post-discharge period."""
    if candidate["anchor_start"] <= day < candidate["anchor_end"]:
        return "anchor"
    if candidate["anchor_end"] <= day <= candidate["episode_end"]:
        return "post"
    if candidate["episode_end"] < day <= candidate["post_episode_end"]:
        return "post_episode"
    return None


# --- 9. periods by setting ----------------------------------------------------------------------------------


def split_of(item: Row, candidate: Row, references: References, emergency_days: set[date]) -> Split:
    """The periods of an item, each with its amounts; none where the item is not grouped."""
    setting = item["setting"]
    if setting == "inpatient":
        return inpatient_split(item, candidate, references)
    if setting == "home_health" and item["claim"]["low_utilization"]:
        return visits_split(item, candidate)
    if setting in {"snf", "hospice", "home_health"}:
        return days_split(item, candidate)
    if setting == "outpatient":
        period = outpatient_period(item, candidate)
    elif setting == "professional":
        period = professional_period(item, candidate, references, emergency_days)
    else:
        period = plain_period(item["start"], candidate)
    return whole(item, period)


def is_emergency_line(item: Row) -> bool:
    return item["setting"] == "outpatient" and (item["line"]["revenue_center"] or "")[:4] in EMERGENCY_CENTERS


def outpatient_period(item: Row, candidate: Row) -> str | None:
    start = candidate["anchor_start"]
    if is_emergency_line(item) and start - ONE_DAY <= item["start"] <= start:
        return "anchor"
    if candidate["anchor_setting"] == "outpatient" and item["start"] == start:
        return "anchor"
    return plain_period(item["start"], candidate)


def professional_period(item: Row, candidate: Row, references: References, emergency_days: set[date]) -> str | None:
    start, end, day = candidate["anchor_start"], candidate["anchor_end"], item["start"]
    place = item["line"]["place_of_service"]
    is_emergency = place == EMERGENCY_PLACE and day in emergency_days
    if (is_emergency or is_global_surgery(item, references)) and start - ONE_DAY <= day <= start:
        return "anchor"
    if start <= day < end:
        return "anchor"
    if day == end and place in ANCHOR_DAY_PLACES:
        return "anchor"
    return plain_period(day, candidate)


def is_global_surgery(item: Row, references: References) -> bool:
    components = [code for code in (item["line"]["modifiers"] or [])[:4] if code in COMPONENT_MODIFIERS]
    if len(components) > 1:
        return False
    modifier = components[0] if components else None
    return global_days(references, item["line"]["hcpcs"], modifier, item["start"]) in GLOBAL_SURGERY_DAYS


def inpatient_split(item: Row, candidate: Row, references: References) -> Split:
    if is_own_stay(item, candidate):
        return whole(item, "anchor")
    if candidate["anchor_setting"] == "inpatient" and item["start"] < candidate["anchor_end"]:
        return {}
    start, end, length = item["start"], item["end"], item["length"]
    last, very_last = candidate["episode_end"], candidate["post_episode_end"]
    if not (start <= last < end or start <= very_last < end):
        return whole(item, plain_period(start, candidate))
    inside = beyond = 0
    if start <= last < end:
        inside = (min(last, end) - max(candidate["anchor_end"], start)).days + 1
    if start < last + ONE_DAY <= end or start <= very_last < end:
        beyond = (min(very_last, end) - max(last + ONE_DAY, start)).days + 1
    if not is_paid_by_stay(item["claim"]):
        return by_parts(item, {"post": inside, "post_episode": beyond}, length)
    drg = item["claim"]["ms_drg"] or item["claim"]["pricing_drg"]
    return by_gmlos(item, inside, beyond, length, mean_stay(references, drg, end))


def days_split(item: Row, candidate: Row) -> Split:
    """Skilled nursing, hospice, home health: by days where a boundary is crossed."""
    start, end, first, through = candidate["anchor_start"], candidate["anchor_end"], item["start"], item["end"]
    last, very_last = candidate["episode_end"], candidate["post_episode_end"]
    over_discharge = first < end <= through
    over_end = first <= last < through
    over_very_end = first <= very_last < through
    if first == through or not (over_discharge or over_end or over_very_end):
        return whole(item, plain_period(first, candidate))
    days = {"anchor": 0, "post": 0, "post_episode": 0}
    if over_discharge:
        days["anchor"] = (min(end, through) - max(start, first)).days
    if over_discharge or over_end:
        days["post"] = (min(last, through) - max(end, first)).days + 1
    if first < last + ONE_DAY <= through or over_very_end:
        days["post_episode"] = (min(very_last, through) - max(last + ONE_DAY, first)).days + 1
    return by_parts(item, days, item["length"])


def visits_split(item: Row, candidate: Row) -> Split:
    """Home health with few visits: by visits, those outside every period counted in the total."""
    visits = [line["service_date"] or item["claim"]["from_date"] for line in item["lines"] if is_visit(line)]
    counted = Counter(plain_period(day, candidate) for day in visits)
    parts = {period: counted[period] for period in ("anchor", "post", "post_episode")}
    return by_parts(item, parts, len(visits)) if visits else {}


def is_visit(line: Row) -> bool:
    paid = (line["charge_cents"] or 0) - (line["noncovered_charge_cents"] or 0)
    return (line["revenue_center"] or "")[:3] in VISIT_CENTERS and paid > 0 and line["hcpcs"] not in NOT_A_VISIT


# --- 9. exclusions ------------------------------------------------------------------------------------------


def is_in_excluded_stay(item: Row, split: Split, excluded_stays: list[Row]) -> bool:
    """A professional line dated in an excluded stay of the episode, unless it is an anchor line."""
    return (
        item["setting"] == "professional"
        and "anchor" not in split
        and any(stay["start"] <= item["start"] <= stay["end"] for stay in excluded_stays)
    )


def reason_of(item: Row, candidate: Row, split: Split, references: References, pricing_year: int) -> str | None:
    """The first bar or exclusion that holds for an item by itself."""
    if is_own_stay(item, candidate):
        return None
    if item["setting"] == "drug":
        return "setting_not_covered"
    if item["amount"] is None:
        return "no_amount_on_basis"
    if item["amount"] <= 0:
        return "non_positive_amount"
    if item["primary_payer"] > 0:
        return "other_payer"
    if item["setting"] == "inpatient":
        return stay_reason(item, candidate, split, references, pricing_year)
    if item["setting"] == "hospice" and is_care_choices(item["claim"]):
        return "care_choices_monthly_payment"
    if item["setting"] == "home_health" and item["claim"]["low_utilization"] is None:
        return "low_utilization_unknown"
    if item["setting"] in {"outpatient", "professional", "dme"}:
        return line_reason(item, candidate, references)
    return None


def stay_reason(item: Row, candidate: Row, split: Split, references: References, pricing_year: int) -> str | None:
    if is_excluded_drg(item["claim"], references, pricing_year):
        return "excluded_readmission_drg"
    if is_excluded_mdc(item["claim"], references, pricing_year):
        return "excluded_readmission_mdc"
    wholly_after = candidate["episode_end"] < item["start"] and item["end"] <= candidate["post_episode_end"]
    if (
        candidate["category"].upper() in CORONARY_INTERVENTIONS
        and is_valve_stay(item, references, pricing_year)
        and not wholly_after
    ):
        return "tavr_in_pci_episode"
    return None


def is_care_choices(claim: Row) -> bool:
    bill = (claim["bill_type"] or "")[:2]
    return bill in CARE_CHOICES_BILLS and CARE_CHOICES_DEMONSTRATION in (claim["demonstration_codes"] or [])


def line_reason(item: Row, candidate: Row, references: References) -> str | None:
    setting, line, hcpcs = item["setting"], item["line"], item["line"]["hcpcs"]
    if is_clotting_factor(references, hcpcs, item["start"]):
        return "clotting_factor"
    if hcpcs in packaged("excluded_part_b_drugs", "hcpcs"):
        return "excluded_part_b_drug"
    if hcpcs in CARDIAC_REHABILITATION and (setting == "outpatient" or is_rehabilitation_visit(item)):
        return "cardiac_rehabilitation"
    if candidate["anchor_drg"] in BOWEL_DISEASE_DRGS and hcpcs in listed("inflammatory_bowel_drugs", "hcpcs"):
        return "inflammatory_bowel_drug"
    if setting == "outpatient" and line["status_indicator"] == PASS_THROUGH_STATUS:
        return "device_pass_through"
    if setting == "professional" and hcpcs in ONCOLOGY_MONTHLY:
        return "oncology_monthly_payment"
    return None


def is_rehabilitation_visit(item: Row) -> bool:
    valid_from = CARDIAC_REHABILITATION_PLACES.get(item["line"]["place_of_service"] or "")
    return item["setting"] == "professional" and valid_from is not None and item["start"] >= valid_from
