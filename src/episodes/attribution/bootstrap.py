"""Bootstrap over episodes: how observed over expected would vary had other episodes come to the same parties."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from episodes.checks import whole_cents
from episodes.compiling import compiled
from episodes.errors import ArgumentError

Floats = npt.NDArray[np.float64]
_AT_ONCE = 4_000_000
"""Ratios held at a time: 32 MB."""


def bootstrap_ratios(
    observed: Any,
    expected: Any,
    sizes: Sequence[int] | npt.NDArray[np.int64],
    names: Sequence[str],
    *,
    replicates: int,
    seed: int,
    threads: int | None = None,
) -> Floats:
    """Ratios of observed to expected over episodes drawn with replacement within each party.

    Reproducible: each party has random numbers of its own, by its name and the seed, so that the result depends neither
    on threads nor on which other parties are there.

    Args:
        observed: amounts of the episodes (cents or events), party after party.
        expected: the same of what was expected.
        sizes: number of episodes of each party, in that order.
        names: the parties' names, in that order.
        replicates: how often to draw, 1 or more.
        seed: 0 to 2^64 - 1.
        threads: default: as many as there are processors.

    Returns:
        An array of shape (replicates, parties); NaN where nothing was expected.

    Raises:
        ArgumentError: lists of different length, a seed or number of replicates out of range.

    Example:
        >>> ratios = bootstrap_ratios([90, 110, 100], [100, 100, 100], [3], ["a surgeon"], replicates=200, seed=1)
        >>> ratios.shape, bool(0.9 <= ratios.min() and ratios.max() <= 1.1)
        ((200, 1), True)
    """
    number = whole_cents("replicates", replicates, minimum=1)
    if not 0 <= whole_cents("seed", seed) < 1 << 64:
        raise ArgumentError("seed must be from 0 to 2^64 - 1.")
    starts = np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))]).astype(np.int64)
    amounts = np.ascontiguousarray(
        np.stack([np.asarray(observed, dtype=np.float64), np.asarray(expected, dtype=np.float64)], axis=1)
    )
    if starts[-1] != len(amounts) or len(names) != len(sizes) or (np.diff(starts) < 0).any():
        raise ArgumentError("sizes must be one number for each party, and sum to the number of episodes.")
    keys = np.array([_key(name) for name in names], dtype=np.uint64)
    ratios = np.empty((number, len(keys)), dtype=np.float64)
    kernel = compiled("episodes.attribution").resampled_ratios
    workers = threads or os.cpu_count() or 1
    step = max(1, -(-number // (4 * workers)))

    def part(first: int) -> None:
        kernel(amounts, starts, keys, np.uint64(seed), first, ratios[first : first + step])

    if workers == 1:
        for first in range(0, number, step):
            part(first)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(part, range(0, number, step)))
    return ratios


def bootstrap_intervals(
    observed: Floats,
    expected: Floats,
    sizes: npt.NDArray[np.int64],
    names: Sequence[str],
    *,
    level: float,
    replicates: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Lower and upper ends of percentile intervals, party by party; NaN below two episodes.

    Some parties at a time, so that memory stays bounded whatever their number.
    """
    ends = np.concatenate([[0], np.cumsum(sizes)])
    low, high = np.full(len(sizes), np.nan), np.full(len(sizes), np.nan)
    tails = [(1 - level) / 2, (1 + level) / 2]
    at_once = max(1, _AT_ONCE // replicates)
    for first in range(0, len(sizes), at_once):
        last = min(first + at_once, len(sizes))
        rows = slice(ends[first], ends[last])
        ratios = bootstrap_ratios(
            observed[rows], expected[rows], sizes[first:last], names[first:last], replicates=replicates, seed=seed
        )
        low[first:last], high[first:last] = np.quantile(ratios, tails, axis=0)
    few = sizes < 2
    low[few] = high[few] = np.nan
    return low, high


def _key(name: str) -> int:
    """A fixed 64-bit number of a party's name: the upper half of its MD5."""
    return int.from_bytes(hashlib.md5(name.encode(), usedforsecurity=False).digest()[:8], "big")
