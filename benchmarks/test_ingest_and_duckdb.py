"""What `episodes ingest` costs beside a plain copy of the same files: DuckDB's CSV to sorted Parquet.

The copy does the least that any store needs: read the text, sort it by person, claim and line, write Parquet. It takes
all columns as text; `ingest` takes those of the contract, resolves versions, checks every row, sorts, and writes the
codes beside the Parquet. Each is a process of its own with the same number of threads; wall time, processor time and
peak memory are of the whole process, its start included.

The delivery is the bundled set, written as RIF files and repeated with new ids of people and claims until it has
`EPISODES_BENCH_LINES` lines (default 2,000,000; 10,000,000 are 4.2 GB of text, 40,000,000 are 17 GB).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from episodes.claims.layouts import rif

LINES = int(os.environ.get("EPISODES_BENCH_LINES", "2000000"))
THREADS = os.cpu_count() or 1
MEMORY_LIMIT = "2GiB"
"""Given to DuckDB, which then sorts on disk; `ingest` needs no limit to stay below it."""

MOST_BYTES = 2 * 1024**3
_COPY_MARK = "~"
"""Stands before each id in the text that is repeated, for the number of the copy."""

_MEASURE = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps({"wall": time.perf_counter() - start, "cpu": used.ru_utime + used.ru_stime,
                  "peak": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024), "status": status}))
"""
"""A small process starts the one to be measured: a process begins with the peak of the one that started it."""

_INGEST = "from episodes.cli import main; main()"

_COPY = """
import duckdb, json, sys
from pathlib import Path
source, out, threads, memory, kinds = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
connection = duckdb.connect()
connection.execute(f"SET threads = {threads}; SET memory_limit = '{memory}'; SET temp_directory = '{out / 'spill'}'")
for files, order in json.loads(kinds).items():
    connection.execute(
        f"COPY (SELECT * FROM read_csv('{source / files}', delim = '|', header = true, all_varchar = true, "
        f"union_by_name = true) ORDER BY {order}) TO '{out / files.replace('*', 'all')}.parquet' "
        "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 131072)"
    )
"""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    wall: float
    cpu: float
    peak: int

    def __str__(self) -> str:
        return f"{self.wall:8,.1f} s wall {self.cpu:8,.1f} s processor {self.peak / 1024**2:8,.0f} MiB peak"


def write_delivery(folder: Path, lines: int) -> int:
    """Write a RIF delivery of at least so many lines; returns how many it has."""
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    tables = {name: claims.table(name).collect() for name in ep.claims.TABLES}
    marked = {
        name: table.with_columns(
            (_COPY_MARK + pl.col(column)).alias(column)
            for column in ("beneficiary_id", "claim_id")
            if column in table.columns
        )
        for name, table in tables.items()
    }
    once = folder / "once"
    rif.write(marked, once)
    texts = {file.name: file.read_bytes() for file in sorted(once.glob("*.csv"))}
    shutil.rmtree(once)
    of_one = sum(text.count(b"\n") - 1 for name, text in texts.items() if not name.startswith("beneficiary"))
    copies = -(-lines // of_one)
    for name, text in texts.items():
        header, _, rows = text.partition(b"\n")
        with (folder / name).open("wb") as stream:
            stream.write(header + b"\n")
            for copy in range(copies):
                stream.write(rows.replace(_COPY_MARK.encode(), b"%05d" % copy))
    return of_one * copies


def cost_of(*command: str | Path) -> Cost:
    """Run a command in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", _MEASURE, *map(str, command)], check=True, capture_output=True, text=True
    )
    said = json.loads(ran.stdout)
    assert said.pop("status") == 0, ran.stderr
    return Cost(**said)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ingest")


@pytest.mark.bench
def test_ingest_beside_a_sorted_copy(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, store, copy = place / "delivery", place / "store", place / "copy"
    source.mkdir()
    copy.mkdir()
    lines = write_delivery(source, LINES)
    text = sum(file.stat().st_size for file in source.iterdir())
    orders = {"beneficiary_*.csv": "BENE_ID, RFRNC_YR", "pde.csv": "BENE_ID, PDE_ID"}
    for kind in ("inpatient", "outpatient", "snf", "hha", "hospice"):
        orders[f"{kind}.csv"] = "BENE_ID, CLM_ID, CLM_LINE_NUM::INTEGER"
    for kind in ("carrier", "dme"):
        orders[f"{kind}.csv"] = "BENE_ID, CLM_ID, LINE_NUM::INTEGER"

    copied = cost_of(sys.executable, "-c", _COPY, source, copy, str(THREADS), MEMORY_LIMIT, json.dumps(orders))
    threads = ("--threads", str(THREADS), "--json")
    ingested = cost_of(sys.executable, "-c", _INGEST, "ingest", source, "--out", store, *threads)

    with capsys.disabled():
        print(f"\n{lines:,} lines, {text / 1024**3:,.2f} GiB of text, {THREADS} threads")
        print(f"DuckDB, sorted copy: {copied}")
        print(f"episodes ingest:     {ingested}")
        print(f"ratio: {ingested.wall / copied.wall:.2f} of wall, {ingested.cpu / copied.cpu:.2f} of processor time")
    of_claims = [file for file in copy.glob("*.parquet") if not file.name.startswith("beneficiary")]
    assert sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in of_claims) == lines
    assert ep.read_claims(store).report.tables["lines"].rows_in == lines
    assert ingested.peak < MOST_BYTES
