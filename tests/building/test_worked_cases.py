"""The engine gives what the worked cases of every programme expect.

Cases with equal options and reference tables are built at once, each with a person of its own.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from cases_loader import Case, load_cases, mismatches

FOLDER = Path(__file__).resolve().parents[1] / "cases"
FOLDERS = sorted(path for path in FOLDER.iterdir() if path.is_dir())
CASES = {case.id: case for folder in FOLDERS for case in load_cases(folder)}


def built_with(case: Case) -> tuple[Any, ...]:
    """What cases must share to be built at once. Claim ids compare as numbers only where all of a run are numeric."""
    numeric = all(row["claim_id"].isdigit() for row in case.tables["claims"])
    return case.program, str(sorted(case.options.items())), str(case.references), numeric


@cache
def together() -> dict[tuple[Any, ...], list[Case]]:
    groups: dict[tuple[Any, ...], list[Case]] = defaultdict(list)
    for case in CASES.values():
        groups[built_with(case)].append(case)
    return dict(groups)


@cache
def built(group: tuple[Any, ...]) -> ep.BuiltEpisodes:
    cases = together()[group]
    options = cases[0].options
    program = ep.load_program(
        cases[0].program,
        options.get("performance_year"),
        period=tuple(options["period"]) if "period" in options else None,
        amount_basis=options.get("amount_basis"),
        without_exclusions=options.get("without_exclusions", ()),
    )
    tables = [(case.id, case.frames()) for case in cases]
    named = {
        name: pl.concat([frames[name].with_columns(beneficiary_id=pl.lit(person)) for person, frames in tables])
        for name in tables[0][1]
    }
    claims = ep.Claims(**named)
    assert claims.report.quarantined_rows() == 0
    return ep.build_episodes(claims, program, references=ep.References(**cases[0].reference_frames()))


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.id)
def test_worked_case(case: Case) -> None:
    run = built(built_with(case))
    of_case = run.episodes.filter(beneficiary_id=case.id)
    services = run.services.filter(pl.col("episode_id").is_in(of_case["episode_id"].to_list())).collect()
    assert mismatches(case, of_case.to_dicts(), services.to_dicts()) == []


def test_every_programme_that_has_cases_is_known() -> None:
    assert {case.program for case in CASES.values()} <= set(ep.programs.known_programs())
    assert len(CASES) >= 400
