"""Bootstrapping observed over expected of every surgeon, a thousand times, beside numpy doing the same."""

from __future__ import annotations

import os
import resource
import time
from typing import Any

import numpy as np
import pytest

from episodes.attribution import bootstrap_ratios

EPISODES = int(os.environ.get("EPISODES_BENCH_EPISODES", "1000000"))
REPLICATES = int(os.environ.get("EPISODES_BENCH_REPLICATES", "1000"))
EPISODES_A_SURGEON = 200
NUMPY_REPLICATES = 20
"""numpy is timed on so many, and the time is scaled: each replicate is the same work."""


@pytest.fixture(scope="module")
def costs() -> tuple[Any, Any, Any, list[str]]:
    draw = np.random.default_rng(1)
    surgeons = max(1, EPISODES // EPISODES_A_SURGEON)
    sizes = np.full(surgeons, EPISODES // surgeons)
    sizes[: EPISODES - sizes.sum()] += 1
    observed = np.round(draw.lognormal(14.5, 0.5, EPISODES))
    return observed, np.full(EPISODES, 2_300_000.0), sizes, [f"{number:010}" for number in range(surgeons)]


def numpy_bootstrap(observed: Any, expected: Any, sizes: Any, replicates: int) -> Any:
    """Within each surgeon, episodes drawn with replacement; sums by surgeon; ratios."""
    draw = np.random.default_rng(2)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    low, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    ratios = np.empty((replicates, len(sizes)))
    for replicate in range(replicates):
        drawn = low + (draw.random(len(low)) * size).astype(np.int64)
        ratios[replicate] = np.add.reduceat(observed[drawn], starts) / np.add.reduceat(expected[drawn], starts)
    return ratios


@pytest.mark.bench
def test_bootstrap_beside_numpy(costs: Any, capsys: Any) -> None:
    observed, expected, sizes, names = costs
    bootstrap_ratios(observed[:4], expected[:4], [4], ["warm"], replicates=4, seed=1)
    timed = {}
    for threads in sorted({1, os.cpu_count() or 1}):
        began = time.perf_counter()
        ratios = bootstrap_ratios(observed, expected, sizes, names, replicates=REPLICATES, seed=1, threads=threads)
        timed[threads] = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    of_numpy = numpy_bootstrap(observed, expected, sizes, NUMPY_REPLICATES)
    numpy_time = (time.perf_counter() - began) * REPLICATES / NUMPY_REPLICATES
    with capsys.disabled():
        print(f"\n{EPISODES:,} episodes of {len(sizes):,} surgeons, {REPLICATES:,} times; peak memory {peak:,.0f} MiB")
        print(f"  numpy, one thread: {numpy_time:.1f} s (from {NUMPY_REPLICATES} replicates)")
        for threads, seconds in timed.items():
            print(f"  kernel, {threads} thread(s): {seconds:.1f} s, {numpy_time / seconds:.1f} times as fast")
    assert np.abs(ratios.mean(axis=0) - of_numpy.mean(axis=0)).max() < 0.5
    assert ratios.std(axis=0).mean() == pytest.approx(of_numpy.std(axis=0).mean(), rel=0.1)
