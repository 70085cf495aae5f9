"""The oracle of the other programmes gives what the worked cases expect, which were computed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from cases_loader import Case, load_cases, mismatches
from oracle.episodes import Built
from oracle.programmes import PROGRAMMES, programme_of
from oracle.windows import Options, build

FOLDER = Path(__file__).resolve().parents[1] / "cases"
CASES = [case for program in PROGRAMMES for case in load_cases(FOLDER / program.replace("-", "_"))]


def run(case: Case) -> Built:
    options = Options(basis=case.options.get("amount_basis"))
    if "period" in case.options:
        options.period = tuple(case.options["period"])
    options.switched_off = frozenset(case.options.get("without_exclusions", []))
    return build(case.tables, programme_of(case.program, case.options.get("performance_year")), options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_worked_case(case: Case) -> None:
    built = run(case)
    assert mismatches(case, built.episodes, built.services, link="key") == []
    amounts = [row["allowed_cents"] or 0 for row in case.tables["lines"]]
    amounts += [row["allowed_cents"] or 0 for row in case.tables["claims"]]
    assert built.total() == sum(amounts)


def test_every_programme_has_cases() -> None:
    assert all(sum(case.program == program for case in CASES) >= 10 for program in PROGRAMMES)
