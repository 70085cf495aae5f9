"""Code lists and reference look-ups of the BPCI Advanced oracle, as plain sets and dicts.

Lists that the package holds are read from it; those of BPCI Advanced alone from `tests/cases/bpci_advanced/tables`.
"""

from __future__ import annotations

import csv
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from episodes.programs.code_tables import load_codes

Row = dict[str, Any]
References = dict[str, list[Row]]

TABLES = Path(__file__).resolve().parents[1] / "cases" / "bpci_advanced" / "tables"

EMERGENCY_CENTERS = {"0450", "0451", "0452", "0456", "0459", "0981"}
EMERGENCY_PLACE = "23"
ANCHOR_DAY_PLACES = {"21", "23"}
COMPONENT_MODIFIERS = {"TC", "26", "53"}
GLOBAL_SURGERY_DAYS = {"000", "010", "090", "YYY"}
CARDIAC_REHABILITATION = {"93797", "93798", "G0422", "G0423"}
CARDIAC_REHABILITATION_PLACES = {
    "11": date(2013, 1, 1),
    "22": date(2013, 1, 1),
    "19": date(2013, 1, 1),
    "02": date(2020, 1, 27),
}
ONCOLOGY_MONTHLY = {"G9678", "M0010"}
CARE_CHOICES_BILLS = {"81", "82"}
CARE_CHOICES_DEMONSTRATION = "73"
PASS_THROUGH_STATUS = "H"
VISIT_CENTERS = {"042", "043", "044", "055", "056", "057"}
NOT_A_VISIT = {"Q5001", "Q5002", "Q5009", "G0320", "G0321", "G0322"}
EXCLUDED_MDCS = {"02", "14", "15", "25"}
BOWEL_DISEASE_DRGS = {"385", "386", "387"}
TAVR_DRGS = {"266", "267"}
UPPER_JOINT_DRG = "483"
REMOVED_CCN = "670899"
ICD_10_STARTS = date(2015, 10, 1)
LAST_CLOTTING_QUARTER = (2024, 2)
LOWER_JOINT = "MS-MAJOR JOINT REPLACEMENT OF THE LOWER EXTREMITY"
UPPER_JOINT = "MS-MAJOR JOINT REPLACEMENT OF THE UPPER EXTREMITY"
CORONARY_INTERVENTIONS = {
    "IP-PERCUTANEOUS CORONARY INTERVENTION",
    "OP-PERCUTANEOUS CORONARY INTERVENTION",
}
VALVE_REPLACEMENT = "IP-TRANSCATHETER AORTIC VALVE REPLACEMENT"


# --- lists --------------------------------------------------------------------------------------------------


@cache
def table(name: str) -> tuple[Row, ...]:
    """A CSV file of text columns; lines that begin with # are remarks, an empty cell is null."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(line for line in text if not line.startswith("#"))
        return tuple({column: value or None for column, value in row.items()} for row in rows)


@cache
def listed(name: str, column: str) -> frozenset[str]:
    return frozenset(row[column] for row in table(name))


@cache
def packaged(name: str, column: str) -> frozenset[str]:
    return frozenset(load_codes(name)[column].to_list())


@cache
def packaged_rows(name: str) -> tuple[Row, ...]:
    return tuple(load_codes(name).to_dicts())


@cache
def inpatient_triggers() -> dict[str, str]:
    """MS-DRG to clinical episode category."""
    return {row["ms_drg"]: row["category"] for row in table("inpatient_triggers")}


@cache
def outpatient_triggers() -> dict[str, str]:
    """HCPCS to clinical episode category."""
    return {row["hcpcs"]: row["category"] for row in table("outpatient_triggers")}


def is_valve_procedure(code: str, discharge: date) -> bool:
    version = "ICD-10" if discharge >= ICD_10_STARTS else "ICD-9"
    rows = table("tavr_procedures")
    return any(row["procedure"] == code and row["icd_version"] == version for row in rows)


def rural_demonstrations(ccn: str | None) -> list[tuple[date, date]]:
    return [
        (date.fromisoformat(str(row["start_date"])), date.fromisoformat(str(row["end_date"])))
        for row in packaged_rows("rural_community_hospital_demo")
        if row["ccn"] == ccn
    ]


def pennsylvania_start(ccn: str | None) -> tuple[bool, date | None]:
    """Whether a hospital is listed, and since when (null: ever since)."""
    for row in table("pennsylvania_rural_hospitals"):
        if row["ccn"] == ccn:
            return True, row["model_start"] and date.fromisoformat(row["model_start"])
    return False, None


# --- reference tables of a run ------------------------------------------------------------------------------


def fiscal_year(day: date) -> int:
    return day.year + (day.month >= 10)


def drg_row(references: References, drg: str | None, year: int) -> Row | None:
    """The row of a DRG in the table of a fiscal year; where that whole year is not at hand, of the nearest one."""
    rows = references["ms_drgs"]
    years = sorted({row["fiscal_year"] for row in rows}, key=lambda at_hand: (abs(at_hand - year), at_hand))
    for row in rows:
        if years and row["fiscal_year"] == years[0] and row["ms_drg"] == drg:
            return row
    return None


def mean_stay(references: References, drg: str | None, discharge: date) -> Fraction | None:
    """GMLOS in days."""
    row = drg_row(references, drg, fiscal_year(discharge))
    if row is None or row["gmlos"] is None:
        return None
    return Fraction(str(row["gmlos"]))


def mdc_of(references: References, drg: str | None, pricing_year: int) -> str | None:
    row = drg_row(references, drg, pricing_year)
    if row is not None and row.get("mdc") is not None:
        return str(row["mdc"])
    for span in packaged_rows("ms_drg_mdc_ranges"):
        if drg is not None and span["from_drg"] <= drg <= span["to_drg"]:
            return str(span["mdc"])
    return None


def global_days(references: References, hcpcs: str | None, modifier: str | None, day: date) -> str | None:
    for row in references["fee_schedule"]:
        if row["hcpcs"] != hcpcs or row["modifier"] != modifier:
            continue
        if (row["start_date"] or date.min) <= day <= (row["end_date"] or date.max):
            return str(row["global_days"])
    return None


def is_clotting_factor(references: References, hcpcs: str | None, day: date) -> bool:
    """On the list; or marked in the file of the quarter of the service, up to the second quarter of 2024."""
    if hcpcs in packaged("hemophilia_hcpcs", "hcpcs"):
        return True
    year, quarter = day.year, (day.month + 2) // 3
    if (year, quarter) > LAST_CLOTTING_QUARTER:
        return False
    return any(row["hcpcs"] == hcpcs and row["quarter"] == f"{year}Q{quarter}" for row in references["clotting"])


def j1_entry(references: References, hcpcs: str | None, pricing_year: int) -> Row | None:
    """The row of a HCPCS with a rank in Addendum J of the pricing year."""
    for row in references["opps"]:
        if row["calendar_year"] == pricing_year and row["hcpcs"] == hcpcs and row["j1_rank"] is not None:
            return row
    return None


def apc_rows(references: References, hcpcs: str, year: int) -> tuple[Row | None, dict[str, Row]]:
    """The base row of a trigger in a year, and the adjusted rows by secondary code."""
    rows = [row for row in references["apc_map"] if row["hcpcs"] == hcpcs and row["calendar_year"] == year]
    base = next((row for row in rows if row["secondary"] is None), None)
    return base, {row["secondary"]: row for row in rows if row["secondary"] is not None}
