"""How much faster the engine is than the plain-Python oracle, on the same claims and with equal results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import episodes as ep

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import comparison
import strategies
from oracle import episodes as oracle

PEOPLE = 4_000


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, Any]]]:
    tables = strategies.random_tables(seed=77, people=PEOPLE)
    assert comparison.compare(tables, oracle.Options()) > PEOPLE / 2
    return tables


@pytest.mark.bench
@pytest.mark.benchmark(group="building TEAM episodes")
def test_oracle(benchmark: Any, tables: dict[str, list[dict[str, Any]]]) -> None:
    benchmark.pedantic(oracle.build, (tables, oracle.Options()), rounds=5)


@pytest.mark.bench
@pytest.mark.benchmark(group="building TEAM episodes")
def test_engine(benchmark: Any, tables: dict[str, list[dict[str, Any]]]) -> None:
    claims = ep.Claims(**strategies.to_frames(tables))
    team = ep.load_program("team", 1)
    benchmark.pedantic(ep.build_episodes, (claims, team), rounds=5)
