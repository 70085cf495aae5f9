"""What every rival reads of the packaged code tables, without importing the library: only its folder is looked up."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

KINDS_IN_ORDER = (
    ("cancer_hosp", "cancer"),
    ("emerg_hosp", "emergency"),
    ("veteran_hosp", "veteran"),
    ("ipps", "acute"),
    ("cah", "cah"),
    ("ltch", "ltch"),
    ("irf", "irf"),
    ("sirf", "irf"),
    ("child_hosp", "childrens"),
    ("ipf", "ipf"),
    ("ipu", "ipf"),
    ("ssnf", "swing_bed"),
    ("home_health", "home_health"),
    ("snf", "snf"),
)
"""Flag of the range table, and the kind of provider that it stands for; the first that holds decides."""

EXCLUDED_STATE = "MD"
EXCLUDED_MDCS = ("02", "14", "15", "25")
SERVICE_CATEGORIES = (
    "anchor_facility", "readmission", "ltch", "irf", "ipf", "snf", "home_health", "hospice", "surgeon", "assistant",
    "anesthesia", "professional", "emergency", "outpatient", "drugs", "dme",
)  # fmt: skip


def rows_of(table: str) -> list[dict[str, str]]:
    """The rows of a packaged code table."""
    found = find_spec("episodes")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "programs" / "codes" / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def anchor_codes(setting: str) -> dict[str, str]:
    """Category by code: MS-DRG (inpatient) or HCPCS (outpatient)."""
    return {row["code"]: row["category"] for row in rows_of("team_anchor_codes") if row["anchor_setting"] == setting}


def excluded_drgs() -> list[str]:
    """DRGs of stays that are not charged."""
    return sorted({row["ms_drg"] for row in rows_of("excluded_readmission_ms_drg")})


def clotting_factors() -> list[str]:
    """HCPCS of clotting factors."""
    return sorted({row["hcpcs"] for row in rows_of("hemophilia_hcpcs")})


def excluded_drugs() -> list[str]:
    """HCPCS of drugs that are not charged."""
    return sorted({row["hcpcs"] for row in rows_of("excluded_part_b_drugs")})


def excluded_state_prefixes() -> list[str]:
    """First two characters of the CCNs of the excluded state."""
    return sorted(row["ccn_first2"] for row in rows_of("ccn_state_codes") if row["state"] == EXCLUDED_STATE)


def mdc_by_drg() -> dict[str, str]:
    """Major diagnostic category of each DRG: from the DRG table, else from the ranges of DRG numbers."""
    found: dict[str, str] = {}
    ranges = [(row["mdc"], row["from_drg"], row["to_drg"]) for row in rows_of("ms_drg_mdc_ranges")]
    for number in range(1000):
        drg = f"{number:03d}"
        mdc = next((mdc for mdc, first, last in ranges if first <= drg <= last), None)
        if mdc is not None:
            found[drg] = mdc
    listed = sorted(rows_of("ms_drgs"), key=lambda row: (row["ms_drg"], row["fiscal_year"]))
    return found | {row["ms_drg"]: row["mdc"] for row in listed if row["mdc"]}


def ccn_ranges() -> list[tuple[int, str, str, str, str]]:
    """(rank, kind, part of the CCN, from, to); of the ranges that hold for a CCN the lowest rank decides."""
    rank = {flag: (number, kind) for number, (flag, kind) in enumerate(KINDS_IN_ORDER)}
    return [
        (*rank[row["flag"]], row["match_basis"], row["code_from"], row["code_to"])
        for row in rows_of("ccn_provider_type_ranges")
        if row["flag"] in rank
    ]


def kind_of_ccn(ccn: str | None) -> str:
    """The kind of provider of one CCN, for rivals that look at each distinct CCN once."""
    if ccn is None or len(ccn) != 6:
        return "other"
    digits = ccn.isascii() and ccn.isdigit()
    parts = {"last4": ccn[2:], "full6": ccn, "char3": ccn[2], "char5": ccn[4], "char6": ccn[5]}
    fitting = [
        (rank, kind)
        for rank, kind, basis, low, high in ccn_ranges_once()
        if (digits or basis not in ("last4", "full6")) and low <= parts[basis] <= high
    ]
    return min(fitting, default=(0, "other"))[1]


_RANGES: list[tuple[int, str, str, str, str]] = []


def ccn_ranges_once() -> list[tuple[int, str, str, str, str]]:
    """`ccn_ranges`, read from disk once."""
    if not _RANGES:
        _RANGES.extend(ccn_ranges())
    return _RANGES
