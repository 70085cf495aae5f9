"""Random draws that belong to one subject, whatever else is generated beside it.

Each stream is a PCG64 generator seeded by a `SeedSequence` of the seed and a key: its purpose and the
person's number. So person n is the same in a set of any size, and a draw added for one purpose leaves the
others alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TypeVar

import numpy as np

from episodes.synthetic.assumptions import Span

T = TypeVar("T")


class Stream(IntEnum):
    """What a stream of draws is for; part of its key, so the numbers must not change."""

    NETWORK = 0
    PLAN = 1
    PERSON = 2
    SERVICES = 3
    POPULATION = 4
    BACKGROUND = 5
    ANCHORED = 6
    VERSIONS = 7


class Draw:
    """A stream of random draws.

    >>> Draw(1, Stream.PLAN, 7).between((1, 6)) == Draw(1, Stream.PLAN, 7).between((1, 6))
    True
    """

    def __init__(self, seed: int, *key: int) -> None:
        sequence = np.random.SeedSequence(seed, spawn_key=tuple(int(part) for part in key))
        self._generator = np.random.Generator(np.random.PCG64(sequence))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return float(self._generator.random()) < probability

    def fraction(self) -> float:
        """A number from 0 to 1, all alike."""
        return float(self._generator.random())

    def between(self, span: Span) -> int:
        """A whole number of the span, both ends included, all alike."""
        low, high = span
        return int(self._generator.integers(low, high + 1))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all alike."""
        return options[int(self._generator.integers(0, len(options)))]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One of the keys, in proportion to its weight, in the order given."""
        reached = 0.0
        target = float(self._generator.random()) * math.fsum(weights.values())
        chosen = next(iter(weights))
        for option, weight in weights.items():
            if weight <= 0:
                continue
            chosen = option
            reached += weight
            if target < reached:
                break
        return chosen

    def normal(self, mean: float, sd: float) -> float:
        """A normal draw."""
        return mean + sd * float(self._generator.standard_normal())

    def multiplier(self, sd_of_log: float) -> float:
        """A log-normal draw whose median is 1."""
        return math.exp(sd_of_log * float(self._generator.standard_normal()))

    def around(self, mean: float, sd_of_log: float) -> float:
        """A log-normal draw with this mean (not median)."""
        return mean * math.exp(sd_of_log * float(self._generator.standard_normal()) - sd_of_log**2 / 2)
