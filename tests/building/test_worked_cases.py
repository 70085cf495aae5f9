"""The engine gives what the worked cases of every programme expect."""

from __future__ import annotations

from pathlib import Path

import pytest

import episodes as ep
from cases_loader import Case, load_cases, mismatches

FOLDER = Path(__file__).resolve().parents[1] / "cases"
CASES = [case for folder in sorted(path for path in FOLDER.iterdir() if path.is_dir()) for case in load_cases(folder)]


def build(case: Case) -> ep.BuiltEpisodes:
    program = ep.load_program(
        case.program,
        case.options.get("performance_year"),
        period=tuple(case.options["period"]) if "period" in case.options else None,
        amount_basis=case.options.get("amount_basis"),
        without_exclusions=case.options.get("without_exclusions", ()),
    )
    claims = ep.Claims(**case.frames())
    assert claims.report.quarantined_rows() == 0
    return ep.build_episodes(claims, program, references=ep.References(**case.reference_frames()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_worked_case(case: Case) -> None:
    built = build(case)
    services = built.services.collect().to_dicts()
    assert mismatches(case, built.episodes.to_dicts(), services) == []


def test_every_programme_that_has_cases_is_known() -> None:
    assert {case.program for case in CASES} <= set(ep.programs.known_programs())
    assert len(CASES) >= 400
