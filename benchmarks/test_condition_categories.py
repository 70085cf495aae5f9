"""How much faster condition categories of whole frames are than hccinfhir person by person, with equal results.

Both do what they do for a user: hccinfhir scores a person in full (it has no call for the categories alone).
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import polars as pl
import pytest

import episodes as ep

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from risk.hcc_people import as_frames, as_hccinfhir_has_it, people_of

PEOPLE = 10_000
ROUNDS = 7


@pytest.mark.bench
@pytest.mark.filterwarnings("ignore:path is deprecated:DeprecationWarning")
@pytest.mark.parametrize("model", ["V24", "V28"])
def test_categories_of_frames_and_of_single_persons(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    people = people_of(model, PEOPLE, seed=3)
    described, said = as_frames(people)
    as_hccinfhir_has_it(model, people[:50])
    started, spent = perf_counter(), process_time()
    expected = as_hccinfhir_has_it(model, people)
    alone, alone_cpu = perf_counter() - started, process_time() - spent
    assert _categories(model, described, said)["hccs"].to_list() == [hccs for hccs, _ in expected]
    walls, cpus = [], []
    for _ in range(ROUNDS):
        started, spent = perf_counter(), process_time()
        _categories(model, described, said)
        walls.append(perf_counter() - started)
        cpus.append(process_time() - spent)
    wall, cpu = sorted(walls)[ROUNDS // 2], sorted(cpus)[ROUNDS // 2]
    with capsys.disabled():
        print(
            f"\n{model}, {PEOPLE:,} people, {said.height / PEOPLE:.1f} diagnoses each: microseconds a person "
            f"{alone / PEOPLE * 1e6:.0f} against {wall / PEOPLE * 1e6:.2f}; {alone / wall:.0f} times faster by the "
            f"clock, {alone_cpu / cpu:.0f} times in processor time"
        )


def _categories(model: str, described: pl.DataFrame, said: pl.DataFrame) -> Any:
    return ep.risk.hccs(said, people=described, model=model)
