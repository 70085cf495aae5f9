"""Wall time, processor time and memory of a process, and of one job in a process that stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMPILED = Path(tempfile.gettempdir()) / "episodes-benchmark-bytecode"

_MEASURE = """
import json, os, subprocess, sys, threading, time
def own_memory(pid, ended, found):
    while not ended.wait(0.01):
        try:
            with open(f"/proc/{pid}/status") as stream:
                found.append(max(int(line.split()[1]) for line in stream if line.startswith("RssAnon")))
        except (OSError, ValueError):
            return
start = time.perf_counter()
with open(sys.argv[1], "wb") as said:
    process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=said)
ended, found = threading.Event(), []
watcher = threading.Thread(target=own_memory, args=(process.pid, ended, found))
watcher.start()
_, status, used = os.wait4(process.pid, 0)
wall = time.perf_counter() - start
ended.set()
watcher.join()
print(json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime,
                  "peak": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
                  "own_peak": 1024 * max(found, default=0), "status": status}))
"""
"""A small process starts the one to be measured: a process begins with the peak of the one that started it."""


@dataclass(frozen=True)
class Cost:
    """What a process, or one job in it, took.

    Attributes:
        wall: seconds.
        cpu: processor seconds, of all threads, user and system.
        peak: largest resident memory in bytes, pages of mapped files among it.
        own_peak: the same without mapped files, looked at every 10 ms; 0 where the system does not tell.
    """

    wall: float
    cpu: float
    peak: int
    own_peak: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a measured process: the benchmarks can be imported, and so can what runs them.

    Modules are compiled once, as those of an installed library are, whatever the surroundings say.
    """
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPYCACHEPREFIX": str(COMPILED), "PYTHONPATH": path, **(extra or {})}


def cost_of(command: Sequence[str | Path], errors: Path, extra: Mapping[str, str] | None = None) -> Cost:
    """Run a command as a process of its own.

    Args:
        command: the command and its arguments.
        errors: a file for what it writes to its standard error.
        extra: environment variables beside those that are set.

    Raises:
        RuntimeError: it failed; the message has the end of what it said.
    """
    ran = subprocess.run(
        [sys.executable, "-S", "-c", _MEASURE, str(errors), *map(str, command)],
        check=True,
        capture_output=True,
        text=True,
        env=environment(extra),
    )
    said = json.loads(ran.stdout)
    if said.pop("status") != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed: {errors.read_text(errors='replace')[-2000:]}")
    return Cost(**said)


class Worker:
    """A process that does the same job again each time it is told to (`benchmarks.worker`)."""

    def __init__(self, engine: str, claims: str | Path, out: Path, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", engine, str(claims), str(out), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._answer()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self) -> Cost:
        """Do the job once."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return Cost(**self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("A worker of the benchmark ended; what it said stands above.")
        answer: dict[str, Any] = json.loads(line)
        return answer
