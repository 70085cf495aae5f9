"""RIF beneficiary files: people, and monthly codes as intervals of coverage."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import episodes as ep
from claims.rif_files import PERSON, Row, beneficiary, netted, read_these, rows_of
from episodes.claims.layouts.rif_columns import MONTHS


def intervals(claims: ep.Claims, *kinds: str) -> list[tuple[str, str, str, str | None]]:
    return [
        (row["kind"], str(row["start_date"]), str(row["end_date"]), row["detail"])
        for row in rows_of(claims, "coverage")
        if not kinds or row["kind"] in kinds
    ]


def in_month(month: int, **codes: str) -> Row:
    """Codes of one month, by a short name."""
    names = {
        "status": f"MDCR_STUS_{MONTHS[month - 1]}_CD",
        "buy_in": f"MDCR_ENTLMT_BUYIN_{month}_IND",
        "hmo": f"HMO_{month}_IND",
        "plan": f"PTC_CNTRCT_{MONTHS[month - 1]}_ID",
        "dual": f"META_DUAL_ELGBL_STUS_{MONTHS[month - 1]}_CD",
        "subsidy": f"CST_SHR_GRP_{MONTHS[month - 1]}_CD",
    }
    return {names[name]: code for name, code in codes.items()}


ALL_BLANK = {name: "" for month in range(1, 13) for name in in_month(month, status="", buy_in="", hmo="", plan="")}
NO_COUNTS = {"A_MO_CNT": "", "B_MO_CNT": "", "HMO_MO_CNT": ""}


def test_a_person_of_several_years(tmp_path: Path) -> None:
    claims = read_these(
        tmp_path,
        beneficiary(RFRNC_YR="2026", BENE_BIRTH_DT="18-Mar-1950", DEATH_DT="03-Dec-2026"),
        beneficiary(RFRNC_YR="2025", STATE_CODE="10", BENE_COUNTY_CD="10025"),
        beneficiary(RFRNC_YR="2024", DEATH_DT="", BENE_SEX_IDENT_CD="1"),
    )
    [row] = rows_of(claims, "beneficiaries")
    assert row == {
        "beneficiary_id": PERSON,
        "birth_date": dt.date(1950, 3, 18),
        "death_date": dt.date(2026, 12, 3),
        "sex": "2",
        "state": "OH",
        "county": "460",
        "original_entitlement_reason": "0",
        "deprivation_percentile": None,
    }
    assert netted(claims, "beneficiaries") == {"later_year_of_same_person": 2}
    assert intervals(claims) == [
        ("part_a", "2024-01-01", "2026-12-31", None),
        ("part_b", "2024-01-01", "2026-12-31", None),
    ]


@pytest.mark.parametrize(
    ("code", "state"), [("36", "OH"), ("5", "CA"), ("MO", "MO"), ("mo", "MO"), ("99", None), ("", None)]
)
def test_states(tmp_path: Path, code: str, state: str | None) -> None:
    claims = read_these(tmp_path, beneficiary(STATE_CODE=code))
    assert [row["state"] for row in rows_of(claims, "beneficiaries")] == [state]
    assert ("1 people with a blank or unknown state code kept without a state" in claims.report.all_notes()) == (
        state is None
    )


@pytest.mark.parametrize(
    ("state", "county", "read_as"),
    [("22", "22090", "090"), ("22", "9", "009"), ("22", "39049", "39049"), ("22", "", None)],
)
def test_counties(tmp_path: Path, state: str, county: str, read_as: str | None) -> None:
    claims = read_these(tmp_path, beneficiary(STATE_CODE=state, BENE_COUNTY_CD=county))
    assert [row["county"] for row in rows_of(claims, "beneficiaries")] == [read_as]


@pytest.mark.parametrize(
    ("code", "part_a", "part_b"),
    [("0", 0, 0), ("1", 1, 0), ("2", 0, 1), ("3", 1, 1), ("A", 1, 0), ("B", 0, 1), ("C", 1, 1)],
)
def test_entitlement_and_buy_in(tmp_path: Path, code: str, part_a: int, part_b: int) -> None:
    claims = read_these(tmp_path, beneficiary(**(ALL_BLANK | in_month(5, buy_in=code, hmo="0") | NO_COUNTS)))
    may = ("2026-05-01", "2026-05-31", None)
    assert intervals(claims, "part_a") == [("part_a", *may)] * part_a
    assert intervals(claims, "part_b") == [("part_b", *may)] * part_b
    other_months = [("unknown", "2026-01-01", "2026-04-30"), ("unknown", "2026-06-01", "2026-12-31")]
    assert intervals(claims, "unknown") == sorted(
        [(*months, kind) for months in other_months for kind in ("medicare_advantage", "part_a", "part_b")],
        key=lambda one: (one[1], one[3]),
    )


@pytest.mark.parametrize(
    ("status", "covered", "esrd", "entitled_by_esrd"),
    [
        ("10", True, False, False),
        ("11", True, True, False),
        ("20", True, False, False),
        ("21", True, True, False),
        ("31", True, True, True),
        ("00", False, False, False),
        ("0", False, False, False),
        ("AA", None, False, False),
    ],
)
def test_status_where_entitlement_is_blank(
    tmp_path: Path, status: str, covered: bool | None, esrd: bool, entitled_by_esrd: bool
) -> None:
    codes = {name: code for month in range(1, 13) for name, code in in_month(month, status=status, buy_in="").items()}
    claims = read_these(tmp_path, beneficiary(**codes, **NO_COUNTS))
    kinds = {row["kind"] for row in rows_of(claims, "coverage")}
    assert {"part_a", "part_b"} <= kinds if covered else not {"part_a", "part_b"} & kinds
    assert ("unknown" in kinds) == (covered is None)
    assert ("esrd" in kinds, "esrd_entitlement" in kinds) == (esrd, entitled_by_esrd)


@pytest.mark.parametrize(("count", "found"), [("12", "part_a"), ("0", None), ("7", "unknown"), ("", "unknown")])
def test_counts_of_months_where_all_is_blank(tmp_path: Path, count: str, found: str | None) -> None:
    claims = read_these(tmp_path, beneficiary(**ALL_BLANK, A_MO_CNT=count))
    detail = "part_a" if found == "unknown" else None
    of_part_a = [row for row in intervals(claims) if row[0] == "part_a" or row[3] == "part_a"]
    assert of_part_a == ([(found, "2026-01-01", "2026-12-31", detail)] if found else [])


@pytest.mark.parametrize(
    ("hmo", "plan", "count", "covered"),
    [
        *((code, "N", "", True) for code in ("1", "2", "A", "B", "C")),
        *((code, "H1234", "", False) for code in ("0", "4")),
        ("", "H1234", "0", True),
        ("", "N", "12", False),
        ("", "0", "", False),
        ("", "", "12", True),
        ("", "", "0", False),
        ("", "", "3", None),
    ],
)
def test_managed_care(tmp_path: Path, hmo: str, plan: str, count: str, covered: bool | None) -> None:
    codes = {name: code for month in range(1, 13) for name, code in in_month(month, hmo=hmo, plan=plan).items()}
    claims = read_these(tmp_path, beneficiary(**codes, HMO_MO_CNT=count))
    contract = plan if plan == "H1234" else None
    expected = {
        True: [("medicare_advantage", "2026-01-01", "2026-12-31", contract)],
        False: [],
        None: [("unknown", "2026-01-01", "2026-12-31", "medicare_advantage")],
    }
    assert intervals(claims, "medicare_advantage", "unknown") == expected[covered]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, "full_dual") for code in ("02", "04", "08", "4")),
        *((code, "partial_dual") for code in ("01", "03", "05", "06", "6")),
        *((code, None) for code in ("00", "09", "NA", "**", "")),
    ],
)
def test_dual_status(tmp_path: Path, code: str, kind: str | None) -> None:
    claims = read_these(tmp_path, beneficiary(**in_month(9, dual=code)))
    expected = [(kind, "2026-09-01", "2026-09-30", None)] if kind else []
    assert intervals(claims, "full_dual", "partial_dual", "unknown") == expected
    assert ("1 months without a dual status code, taken as not dual" in claims.report.all_notes()) == (code == "")


def test_low_income_subsidy_and_esrd_of_the_year(tmp_path: Path) -> None:
    claims = read_these(
        tmp_path, beneficiary(**in_month(2, subsidy="01"), **in_month(3, subsidy="8"), BENE_ESRD_IND="Y")
    )
    assert intervals(claims, "low_income_subsidy", "esrd", "esrd_entitlement") == [
        ("esrd", "2026-01-01", "2026-12-31", None),
        ("low_income_subsidy", "2026-02-01", "2026-03-31", None),
    ]


def test_entitled_because_of_esrd_without_a_status(tmp_path: Path) -> None:
    claims = read_these(tmp_path, beneficiary(**ALL_BLANK, BENE_ENTLMT_RSN_CURR="2"))
    assert intervals(claims, "esrd_entitlement") == [("esrd_entitlement", "2026-01-01", "2026-12-31", None)]


def test_months_join_into_intervals_over_years_and_gaps_divide_them(tmp_path: Path) -> None:
    claims = read_these(
        tmp_path,
        beneficiary(RFRNC_YR="2024", **in_month(3, hmo="C", plan="H1234"), **in_month(4, hmo="C", plan="H9999")),
        beneficiary(RFRNC_YR="2025", **in_month(6, buy_in="1"), **in_month(7, buy_in="0")),
        beneficiary(RFRNC_YR="2026"),
    )
    assert intervals(claims) == [
        ("part_a", "2024-01-01", "2025-06-30", None),
        ("part_b", "2024-01-01", "2025-05-31", None),
        ("medicare_advantage", "2024-03-01", "2024-03-31", "H1234"),
        ("medicare_advantage", "2024-04-01", "2024-04-30", "H9999"),
        ("part_a", "2025-08-01", "2026-12-31", None),
        ("part_b", "2025-08-01", "2026-12-31", None),
    ]


def test_after_death_nothing_is_covered_and_nothing_unknown(tmp_path: Path) -> None:
    after = {name: "" for month in range(6, 13) for name in in_month(month, status="", buy_in="", hmo="", plan="")}
    after |= in_month(7, buy_in="3")
    claims = read_these(tmp_path, beneficiary(**(after | NO_COUNTS), DEATH_DT="20260511"))
    assert intervals(claims) == [
        ("part_a", "2026-01-01", "2026-05-31", None),
        ("part_b", "2026-01-01", "2026-05-31", None),
    ]


def test_names_of_the_master_beneficiary_summary_file(tmp_path: Path) -> None:
    row = {
        "BENE_ID": PERSON,
        "BENE_ENROLLMT_REF_YR": "2026",
        "STATE_CODE": "36",
        "COUNTY_CD": "460",
        "BENE_BIRTH_DT": "17-MAR-1950",
        "BENE_DEATH_DT": "",
        "SEX_IDENT_CD": "2",
        "ENTLMT_RSN_ORIG": "1",
        "ENTLMT_RSN_CURR": "1",
        "ESRD_IND": "0",
    }
    row |= {f"MDCR_STATUS_CODE_{n:02d}": "20" for n in range(1, 13)}
    row |= {f"MDCR_ENTLMT_BUYIN_IND_{n:02d}": "1" for n in range(1, 13)}
    row |= {f"HMO_IND_{n:02d}": "0" for n in range(1, 13)}
    row |= {f"DUAL_STUS_CD_{n:02d}": "02" for n in range(1, 13)}
    claims = read_these(tmp_path, row)
    assert intervals(claims) == [
        ("full_dual", "2026-01-01", "2026-12-31", None),
        ("part_a", "2026-01-01", "2026-12-31", None),
    ]
    [person] = rows_of(claims, "beneficiaries")
    assert (person["original_entitlement_reason"], person["state"], person["sex"]) == ("1", "OH", "2")
    assert "no claims file: beneficiary files only" in claims.report.notes


def test_of_two_names_of_a_column_the_first_counts(tmp_path: Path) -> None:
    claims = read_these(tmp_path, beneficiary(SEX_IDENT_CD="1"))
    assert [row["sex"] for row in rows_of(claims, "beneficiaries")] == ["2"]


@pytest.mark.parametrize(
    ("rows", "quarantined", "netted_rows"),
    [
        ([beneficiary(), beneficiary()], {}, {"exact_duplicate": 1}),
        ([beneficiary(), beneficiary(BENE_SEX_IDENT_CD="1")], {"duplicate_key": 2}, {}),
        ([beneficiary(RFRNC_YR="26")], {"year_not_a_year": 1}, {}),
        ([beneficiary(BENE_BIRTH_DT="17-Mrz-1950")], {"birth_date_not_a_date": 1}, {}),
        ([beneficiary(DEATH_DT="2026")], {"death_date_not_a_date": 1}, {}),
        ([beneficiary(BENE_ID="")], {"beneficiary_id_missing": 1}, {}),
        ([beneficiary(), beneficiary(DML_IND="DELETE")], {}, {"deleted": 2}),
    ],
)
def test_rows_of_people_that_do_not_stand(
    tmp_path: Path, rows: list[Row], quarantined: dict[str, int], netted_rows: dict[str, int]
) -> None:
    claims = read_these(tmp_path, *rows)
    assert claims.report.table("beneficiaries").quarantined == quarantined
    assert netted(claims, "beneficiaries") == netted_rows
