"""The engine's job beside DuckDB SQL, polars and pandas, timed by pytest-benchmark.

Claims are those of `benchmarks.prepare`, made where they are not at hand: `EPISODES_BENCH_LINES` lines (default 10
million) in `EPISODES_BENCH_DATA` (default: a temporary folder, which takes several GB). Nothing fails for being slow;
results that differ fail. For ratios pair by pair, memory and starts: `python -m benchmarks.ratios`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from benchmarks import engine_job
from benchmarks.equality import differences
from benchmarks.prepare import Kind, Prepared, prepare
from benchmarks.rivals import duckdb_sql, polars_frames

LINES = int(os.environ.get("EPISODES_BENCH_LINES", "10000000"))
THREADS = int(os.environ.get("EPISODES_BENCH_THREADS", "2"))
ROUNDS = 5


def engine_over_store(made: Prepared) -> Callable[[Path], object]:
    return lambda out: engine_job.run(Path(made.store), out, THREADS)


def engine_over_parquet(made: Prepared) -> Callable[[Path], object]:
    return lambda out: engine_job.run(Path(made.plain), out, THREADS)


def duckdb_over_native_tables(made: Prepared) -> Callable[[Path], object]:
    connection = duckdb_sql.connect(THREADS)
    duckdb_sql.load_tables(connection, Path(made.plain))
    return lambda out: duckdb_sql.run(connection, out)


def duckdb_over_parquet(made: Prepared) -> Callable[[Path], object]:
    connection = duckdb_sql.connect(THREADS)
    duckdb_sql.use_parquet(connection, Path(made.plain))
    return lambda out: duckdb_sql.run(connection, out)


def polars_over_parquet(made: Prepared) -> Callable[[Path], object]:
    return lambda out: polars_frames.run(Path(made.plain), out)


def pandas_over_parquet(made: Prepared) -> Callable[[Path], object]:
    pytest.importorskip("pandas")
    if LINES > 10_000_000:
        pytest.skip("pandas holds every row in memory several times over")
    from benchmarks.rivals import pandas_frames

    return lambda out: pandas_frames.run(Path(made.plain), out)


ENGINES = (
    engine_over_store,
    engine_over_parquet,
    duckdb_over_native_tables,
    duckdb_over_parquet,
    polars_over_parquet,
    pandas_over_parquet,
)


@pytest.fixture(scope="module", params=get_args(Kind))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The claims, of both kinds."""
    named = os.environ.get("EPISODES_BENCH_DATA")
    return prepare(Path(named) if named else tmp_path_factory.getbasetemp() / "claims", request.param, LINES)


@pytest.fixture(scope="module")
def ours(made: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables that all others must equal."""
    out = tmp_path_factory.mktemp("ours")
    engine_job.run(Path(made.store), out, THREADS)
    return out


@pytest.mark.bench
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.__name__)
def test_the_job(
    benchmark: Any, made: Prepared, ours: Path, engine: Callable[[Prepared], Callable[[Path], object]], tmp_path: Path
) -> None:
    benchmark.group = f"{made.kind}, {made.lines:,} lines"
    benchmark.pedantic(engine(made), args=(tmp_path,), rounds=ROUNDS, warmup_rounds=1)
    assert differences(ours, tmp_path) == []
