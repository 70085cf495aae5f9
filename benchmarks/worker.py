"""A process that stays: prepares what an engine may prepare, then does the job each time a line comes in.

    python -m benchmarks.worker engine|duckdb CLAIMS OUT THREADS

`engine` reads a store anew for each job; `duckdb` has loaded the plain Parquet into native tables before the first.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path


def prepared_job(engine: str, claims: Path, out: Path, threads: int) -> Callable[[], object]:
    """What is to be done each time."""
    if engine == "engine":
        from benchmarks import engine_job

        return lambda: engine_job.run(claims, out, threads)
    if engine == "duckdb":
        from benchmarks.rivals import duckdb_sql

        connection = duckdb_sql.connect(threads)
        duckdb_sql.load_tables(connection, claims)
        return lambda: duckdb_sql.run(connection, out)
    raise ValueError(f"Unknown engine {engine!r}; known: engine, duckdb.")


def peak_memory() -> int:
    """Largest resident memory of this process in bytes.

    Linux says it of the program; what `getrusage` says there begins with the peak of the process that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        peaks = [line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")]
        return 1024 * int(peaks[0].split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(engine: str, claims: str, out: str, threads: str) -> None:
    """Answer each line of the standard input with what a job took."""
    job = prepared_job(engine, Path(claims), Path(out), int(threads))
    print("{}", flush=True)
    for _line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        job()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak_memory(), "own_peak": 0}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
