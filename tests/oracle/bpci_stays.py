"""Sections 2 to 4 of the BPCI Advanced reference: DRG remapping, provider flags, transfers between acute hospitals."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

from oracle.bpci_codes import References, Row, fiscal_year, packaged_rows

# What a provider type that the claim states stands for; it wins over the number (reading 3.1).
FLAGS_OF_TYPE = {
    "acute": {"ipps"},
    "cah": {"cah"},
    "ltch": {"ltch"},
    "irf": {"irf"},
    "ipf": {"ipf"},
    "childrens": {"child_hosp"},
    "cancer": {"cancer_hosp", "ipps"},
    "emergency": {"emerg_hosp"},
    "veteran": {"veteran_hosp"},
    "swing_bed": {"ssnf"},
    "snf": {"snf"},
    "home_health": {"home_health"},
}
TRANSFER_FLAGS = {"ipps", "cah", "emerg_hosp", "veteran_hosp"}
ENCLOSING_FLAGS = {"ltch", "irf", "sirf", "ipf", "ipu"}
FIRST_FISCAL_YEAR = 2019


# --- 2. DRG remapping ---------------------------------------------------------------------------------------


def drgs_by_year(claim: Row, references: References, pricing_year: int) -> dict[int, str | None]:
    """For every fiscal year to the pricing year, the DRG that the stay would have had."""
    years = range(FIRST_FISCAL_YEAR, pricing_year + 1)
    billed = claim["ms_drg"]
    if not references["drg_remap"]:
        return dict.fromkeys(years, billed)
    discharge = discharge_of(claim)
    drgs: dict[int, str | None] = {}
    for rule in rules_in_order(claim, references):
        written = year_written(rule, discharge)
        if written is not None and written not in drgs and meets_conditions(rule, claim):
            drgs[written] = rule["to_drg"]
    if FIRST_FISCAL_YEAR <= fiscal_year(discharge) <= pricing_year:
        drgs[fiscal_year(discharge)] = billed
    for year in reversed(years):
        if year not in drgs and year + 1 in drgs:
            drgs[year] = drgs[year + 1]
    for year in years:
        if year not in drgs and year - 1 in drgs:
            drgs[year] = drgs[year - 1]
    return {year: drgs.get(year) for year in years}


def rules_in_order(claim: Row, references: References) -> list[Row]:
    """The rules of the billed DRG: by direction and date, those with more conditions first."""
    rules = [rule for rule in references["drg_remap"] if rule["from_drg"] == claim["ms_drg"]]
    return sorted(
        rules, key=lambda rule: (rule["direction"], rule["effective_date"], -len(conditions_of(rule["conditions"])))
    )


def year_written(rule: Row, discharge: date) -> int | None:
    """The fiscal year that a rule fills for a discharge of that day, null where it does not apply."""
    day: date = rule["effective_date"]
    if rule["direction"] == "forward":
        return day.year + 1 if discharge < day else None
    return day.year if discharge >= day else None


def conditions_of(text: str | None) -> list[tuple[str, set[str]]]:
    """`any_procedure=A|B; principal_dx=C` as (field, codes) pairs, all of which must hold (reading 2.3)."""
    parts = [part.split("=") for part in (text or "").split(";") if part.strip()]
    return [(field.strip(), {code.strip() for code in codes.split("|")}) for field, codes in parts]


def meets_conditions(rule: Row, claim: Row) -> bool:
    has = {
        "any_procedure": set((claim["procedures"] or [])[:25]),
        "any_dx": set((claim["diagnoses"] or [])[:25]),
        "principal_dx": set((claim["diagnoses"] or [])[:1]),
    }
    return all(has[field] & codes for field, codes in conditions_of(rule["conditions"]))


def pricing_drg(claim: Row, references: References, pricing_year: int) -> str | None:
    """`drg_2024` of the text: what the claim states, else what the rules make of the billed one."""
    if claim["pricing_drg"] is not None:
        return str(claim["pricing_drg"])
    return drgs_by_year(claim, references, pricing_year)[pricing_year]


# --- 3. provider flags --------------------------------------------------------------------------------------


@cache
def flags_of_ccn(ccn: str | None) -> frozenset[str]:
    """Every flag of the number table that a CCN raises."""
    if ccn is None or len(ccn) != 6:
        return frozenset()
    all_digits = re.fullmatch(r"[0-9]{6}", ccn) is not None
    flags = set()
    for row in packaged_rows("ccn_provider_type_ranges"):
        basis = row["match_basis"]
        if basis in {"last4", "full6"}:
            part = (ccn[2:] if basis == "last4" else ccn) if all_digits else ""
        elif basis == "first2":
            part = ccn[:2]
        else:  # "char3": the third character
            part = ccn[int(basis.removeprefix("char")) - 1]
        if row["code_from"] <= part <= row["code_to"]:
            flags.add(row["flag"])
    return frozenset(flags)


def flags_of(claim: Row) -> set[str]:
    by_number = set(flags_of_ccn(claim["ccn"]))
    if claim["provider_type"] is None:
        return by_number
    return FLAGS_OF_TYPE.get(claim["provider_type"], set()) | (by_number & {"state"})


def is_paid_by_stay(claim: Row) -> bool:
    """`ipps_provider` of the text, a long-term or a rehabilitation hospital: prorated by GMLOS."""
    flags = flags_of(claim)
    ipps_provider = "ipps" in flags and not flags & {"state", "emerg_hosp", "veteran_hosp", "cancer_hosp"}
    return ipps_provider or bool(flags & {"ltch", "irf"})


# --- 4. stays and transfer chains ---------------------------------------------------------------------------


def admission_of(claim: Row) -> date:
    day: date = claim["admission_date"] or claim["from_date"]
    return day


def discharge_of(claim: Row) -> date:
    return max(admission_of(claim), claim["discharge_date"] or claim["thru_date"])


def counts_as_inner(stay: Row, others: list[Row]) -> bool:
    said = stay["claim"]["keep_inner"]
    if said is not None:
        return bool(said)
    if not flags_of(stay["claim"]) & ENCLOSING_FLAGS:
        return True
    return not any(
        flags_of(other["claim"]) & TRANSFER_FLAGS and stay["start"] <= other["start"] and other["end"] <= stay["end"]
        for other in others
    )


def null_first(value: object) -> tuple[object, ...]:
    return (False,) if value is None else (True, value)


def chains_of(stays: list[Row]) -> list[list[Row]]:
    """Chains of acute stays: a stay at another hospital that begins on the day the preceding one ends joins it."""
    acute = [stay for stay in stays if flags_of(stay["claim"]) & TRANSFER_FLAGS and counts_as_inner(stay, stays)]
    acute.sort(
        key=lambda stay: (
            stay["start"],
            stay["end"],
            null_first(stay["claim"]["process_date"]),
            null_first(stay["claim"]["ccn"]),
            stay["order"],
        )
    )
    chains: list[list[Row]] = []
    for stay in acute:
        preceding = chains[-1][-1] if chains else None
        if (
            preceding is not None
            and stay["claim"]["ccn"] != preceding["claim"]["ccn"]
            and stay["start"] == preceding["end"]
        ):
            chains[-1].append(stay)
        else:
            chains.append([stay])
    return chains
