"""The worked cases of the outcome measures, which were decided by hand from their text."""

from __future__ import annotations

from typing import Any

import pytest

from outcomes.hand_built import cases, measured

FILES = ("readmissions", "complications", "mortality", "emergency_returns", "days_at_home")
CASES = [pytest.param(case, id=f"{name}: {case['id']}") for name in FILES for case in cases(name)]


@pytest.mark.parametrize("case", CASES)
def test_worked_case(case: dict[str, Any]) -> None:
    found = measured(case)
    for measure, expected in case["expect"].items():
        row = found[measure]
        wanted = {key: None if value == "null" else value for key, value in expected.items()}
        assert {key: row[key] for key in wanted} == wanted, f"{case['shows']}: {measure}"


@pytest.mark.parametrize("case", CASES)
def test_who_answers_for_it_is_always_named(case: dict[str, Any]) -> None:
    for row in measured(case).values():
        assert row["attributed_ccn"]
        assert row["attributed_npi"]


def test_there_are_cases_enough() -> None:
    assert len(CASES) >= 90
