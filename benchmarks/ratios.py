"""The ratio table of the engine's benchmark, from one run: this library beside DuckDB SQL, polars and pandas.

    python -m benchmarks.ratios --data /big/disk --lines 10000000

All engines first do the job once: their tables must be equal and their balances close, or nothing is timed. Then they
take turns, at least five rounds, in an order that is turned round each time, so that a ratio compares runs that lay
side by side. A ratio below 1 means that this library took less. Quote ratios; seconds are those of the machine.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from benchmarks.equality import differences, open_cents
from benchmarks.measuring import Cost, Worker, cost_of
from benchmarks.prepare import Kind, Prepared, prepare

PANDAS_LINES = 10_000_000
"""Above this pandas is left out: it holds every row in memory several times over."""

WARM, STORE, PLAIN = "warm process, store", "whole process, store", "whole process, plain Parquet"
FASTER = "faster of DuckDB and polars"
AIMS: dict[tuple[str, str, int], dict[str, float]] = {
    (WARM, "DuckDB, native tables", 10_000_000): {"dense": 0.25, "sparse": 0.5},
    (STORE, "DuckDB, Parquet", 100_000_000): {"dense": 0.35, "sparse": 0.45},
    (PLAIN, FASTER, 10_000_000): {"dense": 1.5, "sparse": 1.5},
    (PLAIN, FASTER, 100_000_000): {"dense": 1.15, "sparse": 1.15},
}
"""Most that a ratio of wall times should be, by what is measured, against what, and lines."""


@dataclass
class Comparison:
    """Runs of this library beside those of a rival, pair by pair."""

    kind: str
    lines: int
    mode: str
    rival: str
    ours: list[Cost] = field(default_factory=list)
    theirs: list[Cost] = field(default_factory=list)
    note: str = ""

    def ratios(self, what: str) -> list[float]:
        """`wall` or `cpu` of each pair, ours over theirs."""
        return [getattr(one, what) / getattr(other, what) for one, other in zip(self.ours, self.theirs, strict=True)]

    @property
    def aim(self) -> float | None:
        """Most that the ratio should be; null where none is set for this size."""
        return AIMS.get((self.mode, self.rival, self.lines), {}).get(self.kind)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every run, and the ratios as minimum, median and maximum."""
        return {
            "kind": self.kind,
            "lines": self.lines,
            "mode": self.mode,
            "rival": self.rival,
            "aim": self.aim,
            "note": self.note,
            "wall_ratio": spread(self.ratios("wall")),
            "cpu_ratio": spread(self.ratios("cpu")),
            "ours": [cost.to_dict() for cost in self.ours],
            "theirs": [cost.to_dict() for cost in self.theirs],
        }


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Minimum, median and maximum."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)} if values else None


def median(costs: Sequence[Cost], what: str) -> float:
    """The middle of one figure."""
    return float(statistics.median(getattr(cost, what) for cost in costs))


def taking_turns(
    jobs: dict[str, Callable[[], Cost]], rounds: int, tell: Callable[[str], None]
) -> dict[str, list[Cost]]:
    """Run every job once a round, in turned order, `rounds` times."""
    costs: dict[str, list[Cost]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name in list(jobs) if number % 2 == 0 else list(reversed(jobs)):
            costs[name].append(jobs[name]())
            tell(f"round {number + 1} of {rounds}, {name}: {costs[name][-1].wall:.2f} s, "
                 f"{costs[name][-1].cpu:.2f} s of processor")  # fmt: skip
    return costs


class Run:
    """One run of the table: where results go, and with how many threads."""

    def __init__(self, work: Path, rounds: int, threads: int, tell: Callable[[str], None]) -> None:
        self.work, self.rounds, self.threads, self.tell = work, rounds, threads, tell

    def process(self, module: str, claims: str, name: str, extra: dict[str, str] | None = None) -> Cost:
        """One engine, as a process of its own."""
        command = [sys.executable, "-m", f"benchmarks.{module}", claims, self.work / name]
        return cost_of([*command, "--threads", str(self.threads)], self.work / "errors.txt", extra)

    def whole_processes(self, made: Prepared, rivals: Sequence[str]) -> list[Comparison]:
        """Comparisons of whole processes, over the store and over plain Parquet."""
        modules = {"DuckDB, Parquet": "duckdb_sql", "polars": "polars_frames", "pandas": "pandas_frames"}
        jobs: dict[str, Callable[[], Cost]] = {
            STORE: lambda: self.process("engine_job", made.store, "store"),
            PLAIN: lambda: self.process("engine_job", made.plain, "plain"),
        }
        for rival in rivals:
            jobs[rival] = lambda rival=rival: self.process(f"rivals.{modules[rival]}", made.plain, rival)
        for name, job in jobs.items():
            self.tell(f"{made.kind}, {made.lines:,} lines, once before timing: {name}")
            job()
        self.need_equal([self.work / name for name in ("store", "plain", *rivals)], made)
        costs = taking_turns(jobs, self.rounds, self.tell)
        found = [
            self.comparison(made, mode, rival, costs[mode], costs[rival])
            for mode, rival in ((STORE, "DuckDB, Parquet"), *((PLAIN, rival) for rival in rivals))
        ]
        fast = [name for name in ("DuckDB, Parquet", "polars") if name in rivals]
        best = [
            min((costs[name][number] for name in fast), key=lambda cost: cost.wall) for number in range(self.rounds)
        ]
        return [*found, self.comparison(made, PLAIN, FASTER, costs[PLAIN], best)]

    def warm_processes(self, made: Prepared) -> Comparison:
        """The comparison of processes that stay: the store beside DuckDB's native tables."""
        with (
            Worker("engine", made.store, self.work / "warm", self.threads) as ours,
            Worker("duckdb", made.plain, self.work / "native", self.threads) as theirs,
        ):
            for worker in (ours, theirs):
                worker.run()
            self.need_equal([self.work / "warm", self.work / "native"], made)
            costs = taking_turns({WARM: ours.run, "DuckDB, native tables": theirs.run}, self.rounds, self.tell)
        return self.comparison(made, WARM, "DuckDB, native tables", *costs.values())

    def comparison(self, made: Prepared, mode: str, rival: str, ours: list[Cost], theirs: list[Cost]) -> Comparison:
        """A comparison of one size; sizes are named by what was asked for."""
        asked = int(Path(made.plain).parent.name.rsplit("-", 1)[1])
        return Comparison(made.kind, asked, mode, rival, ours, theirs)

    def need_equal(self, results: Sequence[Path], made: Prepared) -> None:
        """Stop unless all results are the same to the cent and book every cent of the input."""
        payable = payable_cents(Path(made.plain))
        for result in results:
            found = differences(results[0], result)
            if not_booked := open_cents(result, payable):
                found.append(f"the balance leaves {not_booked:,} cents open")
            if found:
                raise SystemExit(f"{result.name} differs from {results[0].name}, nothing was timed: {found}")

    def starts(self, claims: Path) -> list[dict[str, Any]]:
        """What it costs to start: the import, the command's help, and a small job with and without compiled loops."""
        main = "from episodes.cli import main; main()"
        compiled, fresh = self.work / "compiled", self.work / "fresh"
        self.process("engine_job", str(claims), "small", {"NUMBA_CACHE_DIR": str(compiled)})

        def cold() -> Cost:
            shutil.rmtree(fresh, ignore_errors=True)
            return self.process("engine_job", str(claims), "small", {"NUMBA_CACHE_DIR": str(fresh)})

        errors = self.work / "errors.txt"
        jobs: dict[str, Callable[[], Cost]] = {
            "python alone": lambda: cost_of([sys.executable, "-c", "pass"], errors),
            "import episodes": lambda: cost_of([sys.executable, "-c", "import episodes"], errors),
            "episodes --help": lambda: cost_of([sys.executable, "-c", main, "--help"], errors),
            "bundled claims, loops compiled before": lambda: self.process(
                "engine_job", str(claims), "small", {"NUMBA_CACHE_DIR": str(compiled)}
            ),
            "bundled claims, DuckDB": lambda: self.process("rivals.duckdb_sql", str(claims), "small-duckdb"),
            "bundled claims, loops compiled anew": cold,
        }
        costs = taking_turns(jobs, self.rounds, self.tell)
        return [
            {"what": name, **{what: spread([getattr(one, what) for one in runs]) for what in ("wall", "cpu", "peak")}}
            for name, runs in costs.items()
        ]


@cache
def payable_cents(plain: Path) -> int:
    """Cents of all payable items, straight from the tables."""
    import duckdb

    whole = "('inpatient', 'snf', 'home_health', 'hospice')"
    claims, lines = (f"read_parquet('{plain / name}/*.parquet')" for name in ("claims", "lines"))
    of_claims = f"SELECT coalesce(sum(standardized_cents), 0) FROM {claims} WHERE setting IN {whole}"
    of_lines = (
        f"SELECT coalesce(sum(l.standardized_cents), 0) FROM {lines} AS l "
        f"JOIN {claims} AS c USING (beneficiary_id, claim_id) WHERE c.setting NOT IN {whole}"
    )
    rows = duckdb.connect().execute(f"SELECT ({of_claims}) + ({of_lines})").fetchall()
    return int(rows[0][0])


def growth(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """How time grows with lines between two sizes: the exponent; 1 is in proportion."""
    found = []
    for small in comparisons:
        for large in comparisons:
            if (small.kind, small.mode, small.rival) != (large.kind, large.mode, large.rival):
                continue
            if small.mode == WARM or small.rival == FASTER or large.lines <= small.lines:
                continue
            times = math.log(large.lines / small.lines)
            both = (("this library", small.ours, large.ours), (small.rival, small.theirs, large.theirs))
            for who, before, after in both:
                entry = {"kind": small.kind, "mode": small.mode, "who": who, "from": small.lines, "to": large.lines}
                for what in ("wall", "cpu"):
                    entry[what] = math.log(median(after, what) / median(before, what)) / times
                if entry not in found:
                    found.append(entry)
    return found


def machine() -> dict[str, Any]:
    """What it was measured on."""
    names = ("episodes", "duckdb", "polars", "pandas", "pyarrow", "numba", "numpy")
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model,
        "processors": os.cpu_count(),
        "memory": memory,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
    }


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    from benchmarks.ratio_tables import show

    parser = argparse.ArgumentParser(prog="python -m benchmarks.ratios", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the claims; made there where absent")
    parser.add_argument("--lines", type=int, action="append", help="repeat for growth (default 10 million)")
    parser.add_argument("--kind", choices=get_args(Kind), action="append", help="default: both")
    parser.add_argument("--rounds", type=int, default=5, help="pairs a comparison (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="of every engine (default 2)")
    parser.add_argument("--without-warm", action="store_true", help="leave out the processes that stay")
    parser.add_argument("--without-starts", action="store_true", help="leave out what a start costs")
    parser.add_argument("--without-polars", action="store_true", help="leave out polars, slower than DuckDB")
    parser.add_argument("--without-pandas", action="store_true", help="leave out pandas, the slowest")
    parser.add_argument("--json", type=Path, help="file for every run and ratio (default: DATA/ratios.json)")
    chosen = parser.parse_args(arguments)

    def tell(what: str) -> None:
        print(f"  {what}", file=sys.stderr, flush=True)

    comparisons: list[Comparison] = []
    sizes: list[dict[str, Any]] = []
    notes: list[str] = []
    load = os.getloadavg()
    with tempfile.TemporaryDirectory(dir=chosen.data if chosen.data.is_dir() else None) as folder:
        run = Run(Path(folder), chosen.rounds, chosen.threads, tell)
        for lines in chosen.lines or [10_000_000]:
            for kind in chosen.kind or get_args(Kind):
                made = prepare(chosen.data, kind, lines)
                sizes.append({**vars(made), "anchor_share": made.anchor_share})
                rivals = ["DuckDB, Parquet"]
                if chosen.without_polars:
                    notes.append(f"polars: left out ({kind}, {lines:,} lines); {FASTER!r} is DuckDB alone")
                else:
                    rivals.append("polars")
                if chosen.without_pandas or lines > PANDAS_LINES or find_spec("pandas") is None:
                    why = "left out" if chosen.without_pandas else f"not run above {PANDAS_LINES:,} lines"
                    notes.append(f"pandas: {why if find_spec('pandas') else 'not installed'} ({kind}, {lines:,} lines)")
                else:
                    rivals.append("pandas")
                if not chosen.without_warm:
                    comparisons.append(run.warm_processes(made))
                comparisons.extend(run.whole_processes(made, rivals))
        from episodes.synthetic import bundled_folder

        starts = [] if chosen.without_starts else run.starts(bundled_folder())
    document = {
        "machine": machine(),
        "load_average": {"before": load, "after": os.getloadavg()},
        "threads": chosen.threads,
        "rounds": chosen.rounds,
        "claims": sizes,
        "comparisons": [comparison.to_dict() for comparison in comparisons],
        "growth": growth(comparisons),
        "starts": starts,
        "notes": notes,
    }
    place = chosen.json or chosen.data / "ratios.json"
    place.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    show(document)
    print(f"Every run: {place}")


if __name__ == "__main__":
    main()
