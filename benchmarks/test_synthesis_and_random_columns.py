"""How long a synthetic population takes, beside random columns of the same shape written the same way.

Random columns have no links and no meaning: numpy draws numbers, polars gathers values, each column by itself, from
values of the real one, so that the files come out about as large. Each job runs in a process of its own. Size:
SYNTHETIC_LINES, about so many lines (default 1 million).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from episodes.synthetic import write_set
from episodes.synthetic.background_assumptions import load_background
from episodes.tables import scan_parquet, write_parquet

LINES = int(os.environ.get("SYNTHETIC_LINES", "1_000_000"))
YEARS = (2022, 2026)
LINES_A_PERSON = 217
"""Of five years; people die, come later or leave for Medicare Advantage."""
TABLES = ("claims", "lines", "beneficiaries", "coverage")
VALUES_KEPT = 500
"""Of each column; so many that files of random columns are about as large as those of the set."""
TIMES_LONGER = 3.0
"""A set may take so many times as long as random columns of its size."""


def synthesize(folder: Path, beneficiaries: int) -> dict[str, float]:
    """Make and write the set; seconds."""
    started, used = time.perf_counter(), time.process_time()
    write_set(folder, beneficiaries=beneficiaries, years=YEARS, seed=1, dense=False, overwrite=True)
    return {"wall": time.perf_counter() - started, "cpu": time.process_time() - used}


def parts_of(folder: Path, table: str) -> list[Path]:
    """The files of a table, in order."""
    place = folder / table
    return sorted(place.glob("*.parquet")) if place.is_dir() else [folder / f"{table}.parquet"]


def random_columns(folder: Path, model: Path) -> dict[str, float]:
    """Write tables of the shape of those in `model`, file by file, columns drawn independently; seconds."""
    values = {table: values_of(parts_of(model, table)[0]) for table in TABLES}
    repeats = {table: repeats_of(parts_of(model, table)[0]) for table in TABLES}
    heights = {table: [pl.scan_parquet(path).select(pl.len()).collect().item() for path in parts_of(model, table)]
               for table in TABLES}  # fmt: skip
    draw = np.random.default_rng(1)
    started, used = time.perf_counter(), time.process_time()
    for table in TABLES:
        for number, height in enumerate(heights[table]):
            frame = pl.DataFrame(
                {name: random_column(draw, series, height, repeats[table].get(name))
                 for name, series in values[table].items()}
            )  # fmt: skip
            write_parquet(frame, folder / table / f"{number:05d}.parquet")
    return {"wall": time.perf_counter() - started, "cpu": time.process_time() - used}


def values_of(path: Path) -> dict[str, pl.Series]:
    """Some values of every column of a file, with about its share of nulls."""
    frame = pl.read_parquet(path)
    sample = frame.sample(min(VALUES_KEPT, frame.height), seed=1)
    return {name: sample[name].rechunk() for name in frame.columns}


def repeats_of(path: Path) -> dict[str, float]:
    """Of the key columns: in how many rows a value comes."""
    keys = pl.read_parquet(path).select(pl.col("^(beneficiary_id|claim_id)$"))
    return {name: len(keys) / keys[name].n_unique() for name in keys.columns}


def random_column(draw: np.random.Generator, values: pl.Series, height: int, repeats: float | None) -> pl.Series:
    """A column of random values; those of keys come in their order, each as often as in the real table."""
    if repeats is not None:
        distinct = np.cumsum(draw.integers(1, 100, max(1, round(height / repeats))))
        chosen = np.sort(draw.integers(0, len(distinct), height))
        return pl.Series(distinct[chosen] + 10**10).cast(pl.String)
    return values.gather(draw.integers(0, len(values), height))


def measure(job: str, *arguments: object) -> dict[str, float]:
    """Run one job in a fresh process: seconds of wall and CPU, peak memory in MiB."""
    command = [sys.executable, __file__, job, *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def size_of(folder: Path) -> float:
    """MiB of the tables of people."""
    return sum(path.stat().st_size for table in TABLES for path in parts_of(folder, table)) / 2**20


@pytest.mark.bench
def test_synthesis_takes_at_most_three_times_as_long_as_random_columns(tmp_path: Path) -> None:
    beneficiaries = max(LINES // LINES_A_PERSON, load_background().blocks.people_per_block)
    made = measure("synthesis", tmp_path / "set", beneficiaries)
    random = measure("random", tmp_path / "random", tmp_path / "set")
    lines = scan_parquet(tmp_path / "set" / "lines").select(pl.len()).collect().item()
    sizes = {name: size_of(tmp_path / name) for name in ("set", "random")}
    print(f"\n{lines:,} lines of {beneficiaries:,} people")
    for name, job in (("set", made), ("random", random)):
        print(
            f"{name:>8}: wall {job['wall']:6.1f} s, cpu {job['cpu']:6.1f} s, peak {job['peak']:6,.0f} MiB, "
            f"files {sizes[name]:6.0f} MiB"
        )
    print(f"   ratio: wall {made['wall'] / random['wall']:.2f}, cpu {made['cpu'] / random['cpu']:.2f}")
    assert lines > 0.8 * LINES
    assert 0.5 < sizes["random"] / sizes["set"] < 2
    assert made["cpu"] < TIMES_LONGER * random["cpu"]


def main(job: str, *arguments: str) -> dict[str, Any]:
    """One job, with its peak memory."""
    folder = Path(arguments[0])
    made = synthesize(folder, int(arguments[1])) if job == "synthesis" else random_columns(folder, Path(arguments[1]))
    return {**made, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
