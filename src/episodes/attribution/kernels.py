"""The loop of the bootstrap, compiled by numba; every function also runs as plain Python (`kernel.py_func`).

Random numbers come from a counter, not from a state: number i of replicate b of a party is a fixed function of (seed,
party, b, i), whoever draws it and when. So results depend on no thread and on no other party.
"""

from __future__ import annotations

import numpy as np
from numba import njit

STEP = np.uint64(0x9E3779B97F4A7C15)
FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
LOW_HALF = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


@njit(cache=True, nogil=True)
def mixed(number):
    """SplitMix64's output function: a bijection of 64-bit numbers whose every bit depends on every bit."""
    number = (number ^ (number >> np.uint64(30))) * FIRST_FACTOR
    number = (number ^ (number >> np.uint64(27))) * SECOND_FACTOR
    return number ^ (number >> np.uint64(31))


@njit(cache=True, nogil=True)
def resampled_ratios(amounts, starts, keys, seed, first_replicate, ratios):
    """Ratio of sums over episodes drawn with replacement, within each party, for a range of replicates.

    `amounts` has a row an episode: observed, expected; the episodes of party g are rows starts[g] to starts[g + 1],
    fewer than 2^32. `keys` are the parties' 64-bit keys. `ratios[r, g]` gets replicate first_replicate + r; NaN where
    nothing is expected. Two draws come from the halves of one random number; they are summed apart, so that neither
    waits for the other. Indices are unsigned: that spares a test for negative ones.
    """
    for r in range(ratios.shape[0]):
        replicate = mixed(seed + np.uint64(first_replicate + r + 1) * STEP)
        for g in range(keys.size):
            episodes = starts[g + 1] - starts[g]
            low, size = np.uint64(starts[g]), np.uint64(episodes)
            counter = mixed(replicate ^ keys[g])
            observed = other_observed = 0.0
            expected = other_expected = 0.0
            for _ in range(episodes // 2):
                counter += STEP
                drawn = mixed(counter)
                one = low + (((drawn >> HALF) * size) >> HALF)
                two = low + (((drawn & LOW_HALF) * size) >> HALF)
                observed += amounts[one, 0]
                expected += amounts[one, 1]
                other_observed += amounts[two, 0]
                other_expected += amounts[two, 1]
            if episodes % 2:
                counter += STEP
                last = low + (((mixed(counter) >> HALF) * size) >> HALF)
                observed += amounts[last, 0]
                expected += amounts[last, 1]
            observed += other_observed
            expected += other_expected
            ratios[r, g] = observed / expected if expected != 0.0 else np.nan
