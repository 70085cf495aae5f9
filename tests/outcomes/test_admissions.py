"""Index admissions of the hospital-wide measure: cohorts, every reason, chains, and the readmissions that follow."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from episodes.outcomes import index_admissions, outcome_rules, readmissions_of
from outcomes.hand_built import tables

MEDICAL = {"dx": ["J189"], "px": [], "drg": "194"}


def admitted(case: dict[str, Any], **how: Any) -> pl.DataFrame:
    given = tables(case)
    coverage = given["coverage"] if case.get("coverage") else None
    return index_admissions(given["claims"], given["beneficiaries"], coverage, **how)


@pytest.mark.parametrize(
    ("anchor", "cohort"),
    [
        ({}, "surgery_gynecology"),
        ({"dx": ["J189"], "px": ["0SRC0J9"]}, "surgery_gynecology"),  # any surgical procedure wins
        ({"dx": ["I5020"], "px": []}, "cardiorespiratory"),
        ({"dx": ["I214"], "px": []}, "cardiovascular"),
        ({"dx": ["I639"], "px": []}, "neurology"),
        ({"dx": ["N390"], "px": []}, "medicine"),
        ({"dx": ["C3490"], "px": ["0SRC0J9"]}, "surgery_gynecology"),  # cancer with surgery stays in
    ],
)
def test_cohorts(anchor: dict[str, Any], cohort: str) -> None:
    row = admitted({"anchor": anchor}).row(0, named=True)
    assert (row["cohort"], row["is_index"], row["reasons"]) == (cohort, True, [])


@pytest.mark.parametrize(
    ("case", "reasons"),
    [
        ({"anchor": {"dx": ["C3490"], "px": []}}, ["medical_treatment_of_cancer"]),
        ({"anchor": {"dx": ["Z44101"], "px": []}}, ["rehabilitation"]),
        ({"anchor": {"dx": ["Z44101"], "px": ["0SRC0J9"]}}, ["rehabilitation"]),
        ({"anchor": {"dx": ["F329"], "px": []}}, ["psychiatric"]),
        ({"anchor": {"dx": ["X9X9X"], "px": []}}, ["no_cohort"]),
        ({"anchor": {**MEDICAL, "status": "20"}}, ["died_in_stay"]),
        ({"anchor": {**MEDICAL, "status": "07"}}, ["left_against_advice"]),
        ({"anchor": {**MEDICAL, "status": "null"}, "died": dt.date(2026, 3, 5)}, ["died_in_stay"]),
        ({"anchor": {**MEDICAL, "ccn": "330154"}}, ["not_at_acute_hospital"]),  # a cancer hospital
        ({"anchor": MEDICAL, "born": dt.date(1961, 3, 3)}, ["under_age"]),
        ({"anchor": MEDICAL, "born": dt.date(1961, 3, 2)}, []),
        ({"anchor": MEDICAL, "born": None}, ["age_unknown"]),
        ({"anchor": {"dx": ["4280"], "px": []}}, ["icd_9_codes"]),
        ({"anchor": {**MEDICAL, "status": "07"}, "born": dt.date(1990, 1, 1)}, ["left_against_advice", "under_age"]),
    ],
)
def test_reasons(case: dict[str, Any], reasons: list[str]) -> None:
    row = admitted(case).row(0, named=True)
    assert (row["reasons"], row["is_index"]) == (reasons, not reasons)


@pytest.mark.parametrize(
    ("known", "died", "reasons"),
    [
        (dt.date(2026, 4, 4), None, []),  # the thirtieth day after 5 March
        (dt.date(2026, 4, 3), None, ["follow_up_incomplete"]),
        (dt.date(2026, 4, 3), dt.date(2026, 3, 20), []),
    ],
)
def test_follow_up(known: dt.date, died: dt.date | None, reasons: list[str]) -> None:
    case = {"anchor": MEDICAL, "died": died}
    assert admitted(case, complete_through=known)["reasons"].to_list() == [reasons]


PART_A = {"kind": "part_a", "start_date": dt.date(2025, 3, 2), "end_date": dt.date(2026, 4, 4)}


@pytest.mark.parametrize(
    ("coverage", "enrolled"),
    [
        ([PART_A], True),  # exactly the twelve months before 2 March and the thirty days after 5 March
        ([{**PART_A, "start_date": dt.date(2025, 3, 3)}], False),
        ([{**PART_A, "end_date": dt.date(2026, 4, 3)}], False),
        ([{**PART_A, "end_date": None}], True),
        (
            [{**PART_A, "end_date": dt.date(2025, 9, 30)}, {**PART_A, "start_date": dt.date(2025, 10, 1)}],
            True,
        ),  # two intervals that touch
        (
            [{**PART_A, "end_date": dt.date(2025, 9, 30)}, {**PART_A, "start_date": dt.date(2025, 10, 2)}],
            False,
        ),  # a day between them
        ([PART_A, {**PART_A, "kind": "medicare_advantage", "start_date": dt.date(2026, 4, 4)}], False),
        (
            [
                PART_A,
                {**PART_A, "kind": "medicare_advantage", "end_date": dt.date(2025, 3, 1)}
                | {"start_date": dt.date(2024, 1, 1)},
            ],
            True,
        ),
    ],
)
def test_enrolment(coverage: list[dict[str, Any]], enrolled: bool) -> None:
    row = admitted({"anchor": MEDICAL, "coverage": coverage}).row(0, named=True)
    assert row["reasons"] == ([] if enrolled else ["not_enrolled"])


def test_enrolment_is_asked_to_the_death_only() -> None:
    coverage = [{**PART_A, "end_date": dt.date(2026, 3, 20)}]
    row = admitted({"anchor": MEDICAL, "coverage": coverage, "died": dt.date(2026, 3, 20)}).row(0, named=True)
    assert row["reasons"] == []


def test_a_chain_is_one_index_admission_of_the_last_hospital() -> None:
    case = {
        "anchor": MEDICAL,
        "stays": [
            {"id": "T", "from": dt.date(2026, 3, 6), "thru": dt.date(2026, 3, 9), "ccn": "360002", "dx": ["I214"]},
            {"id": "R", "from": dt.date(2026, 3, 20), "thru": dt.date(2026, 3, 22), "ccn": "360001", "dx": ["A419"]},
        ],
    }
    first, second = admitted(case).iter_rows(named=True)
    assert (first["claim_id"], first["first_claim_id"], first["ccn"], first["legs"]) == ("T", "A", "360002", 2)
    assert (first["admission"], first["discharge"]) == (dt.date(2026, 3, 2), dt.date(2026, 3, 9))
    assert first["cohort"] == "cardiovascular"
    assert (second["claim_id"], second["legs"]) == ("R", 1)
    given = tables(case)
    found = readmissions_of(admitted(case), given["claims"]).row(0, named=True)
    assert (found["event"], found["readmission_claim_id"], found["days"]) == (True, "R", 11)
    assert not found["same_hospital"]
    stricter = outcome_rules(overrides={"stays.max_gap_days": 0})
    assert admitted(case, rules=stricter)["legs"].to_list() == [1, 1, 1]


def test_a_planned_stay_hides_a_later_one_and_is_an_index_itself() -> None:
    case = {
        "anchor": MEDICAL,
        "stays": [
            {
                "id": "P",
                "from": dt.date(2026, 3, 10),
                "thru": dt.date(2026, 3, 12),
                "ccn": "360001",
                "dx": ["M1711"],
                "px": ["0SRC0J9"],
            },
            {"id": "U", "from": dt.date(2026, 3, 20), "thru": dt.date(2026, 3, 22), "ccn": "360001", "dx": ["A419"]},
        ],
    }
    found = readmissions_of(admitted(case), tables(case)["claims"])
    assert found.select("claim_id", "event", "planned", "readmission_claim_id").rows() == [
        ("A", False, True, "P"),
        ("P", True, False, "U"),
        ("U", False, None, None),
    ]


@pytest.mark.parametrize(
    ("care", "source"),
    [
        ([], "home"),
        ([{"id": "S", "setting": "snf", "from": dt.date(2026, 3, 5), "thru": dt.date(2026, 3, 20)}], "snf"),
        ([{"id": "S", "setting": "snf", "from": dt.date(2026, 3, 5), "thru": dt.date(2026, 3, 19)}], "snf"),
        ([{"id": "S", "setting": "snf", "from": dt.date(2026, 3, 5), "thru": dt.date(2026, 3, 18)}], "home"),
        ([{"id": "S", "setting": "snf", "from": dt.date(2026, 3, 20), "thru": dt.date(2026, 4, 18)}], "home"),
        (
            [{"id": "H", "setting": "home_health", "from": dt.date(2026, 3, 6), "thru": dt.date(2026, 4, 4)}],
            "home_health",
        ),
        (
            [
                {
                    "id": "I",
                    "setting": "inpatient",
                    "ccn": "363030",
                    "from": dt.date(2026, 3, 5),
                    "thru": dt.date(2026, 3, 20),
                }
            ],
            "irf",
        ),
        (
            [
                {"id": "H", "setting": "home_health", "from": dt.date(2026, 3, 6), "thru": dt.date(2026, 4, 4)},
                {"id": "S", "setting": "snf", "from": dt.date(2026, 3, 5), "thru": dt.date(2026, 3, 20)},
            ],
            "snf",
        ),
        ([{"id": "O", "setting": "hospice", "from": dt.date(2026, 3, 6), "thru": dt.date(2026, 3, 20)}], "hospice"),
    ],
)
def test_where_a_person_was_admitted_from(care: list[dict[str, Any]], source: str) -> None:
    readmission = {
        "id": "R",
        "from": dt.date(2026, 3, 20),
        "thru": dt.date(2026, 3, 22),
        "ccn": "360001",
        "dx": ["A419"],
    }
    case = {"anchor": MEDICAL, "stays": [readmission], "care": care}
    found = readmissions_of(admitted(case).filter(claim_id="A"), tables(case)["claims"])
    assert found["source"].to_list() == [source]
    assert found["same_hospital"].to_list() == [True]


def test_days_of_the_window_are_an_argument() -> None:
    readmission = {"id": "R", "from": dt.date(2026, 4, 5), "thru": dt.date(2026, 4, 8), "ccn": "360001", "dx": ["A419"]}
    case = {"anchor": MEDICAL, "stays": [readmission]}
    index, claims = admitted(case).filter(claim_id="A"), tables(case)["claims"]
    assert readmissions_of(index, claims)["event"].to_list() == [False]
    assert readmissions_of(index, claims, days=90)["event"].to_list() == [True]
