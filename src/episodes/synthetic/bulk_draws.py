"""Random draws of a whole block of people at once, and days drawn by season."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from episodes.synthetic.assumptions import Span

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_DAYS_A_YEAR = 365.25
_DRAWS_AN_ARRAY = 1 << 40


class BulkDraw:
    """A stream of arrays of random draws; its key is a purpose and a block of people.

    Each array begins at its own place of the stream, so that a longer array begins like a shorter one, and the arrays
    after it are no others: who is first in a block is the same however many follow.

    >>> short, long = BulkDraw(1, 5, 0), BulkDraw(1, 5, 0)
    >>> bool((short.fractions(3) == long.fractions(9)[:3]).all())
    True
    >>> bool((short.multipliers(0.2, 3) == long.multipliers(0.2, 9)[:3]).all())
    True
    """

    def __init__(self, seed: int, *key: int) -> None:
        sequence = np.random.SeedSequence(seed, spawn_key=tuple(int(part) for part in key))
        self._place = np.random.PCG64(sequence)
        self._drawing = np.random.PCG64(sequence)
        self._drawer = np.random.Generator(self._drawing)

    @property
    def _generator(self) -> np.random.Generator:
        """The generator at the place of the next array."""
        self._place.advance(_DRAWS_AN_ARRAY)
        self._drawing.state = self._place.state
        return self._drawer

    def fractions(self, count: int) -> Floats:
        """Numbers from 0 to 1, all alike."""
        return self._generator.random(count)

    def chances(self, probability: float | Floats, count: int) -> Flags:
        """True with this probability."""
        return self._generator.random(count) < probability

    def between(self, span: Span, count: int) -> Ints:
        """Whole numbers of the span, both ends included, all alike."""
        return self._generator.integers(span[0], span[1] + 1, count, dtype=np.int64)

    def below(self, limits: Ints) -> Ints:
        """Whole numbers from 0 to below each limit."""
        return (self._generator.random(len(limits)) * limits).astype(np.int64)

    def counts(self, means: Floats) -> Ints:
        """Poisson counts."""
        return self._generator.poisson(means)

    def multipliers(self, sd_of_log: float | Floats, count: int) -> Floats:
        """Log-normal draws with mean 1."""
        return np.exp(self._generator.standard_normal(count) * sd_of_log - sd_of_log**2 / 2)

    def exponentials(self, count: int) -> Floats:
        """Exponential draws with mean 1."""
        return self._generator.standard_exponential(count)

    def weighted(self, weights: Sequence[float] | Floats, count: int) -> Ints:
        """Positions in `weights`, in proportion to the weight."""
        reached = np.cumsum(np.asarray(weights, dtype=np.float64))
        if len(reached) == 1:
            return np.zeros(count, dtype=np.int64)
        targets = self._generator.random(count) * reached[-1]
        return np.asarray(np.searchsorted(reached[:-1], targets, side="right"), dtype=np.int64)


def weights_of(table: Mapping[Any, float]) -> Floats:
    """The weights of a table, in its order."""
    return np.fromiter(table.values(), dtype=np.float64, count=len(table))


def unfold(counts: Ints) -> tuple[Ints, Ints]:
    """For each of `counts` parents its children: the parent's position, and the child's position within it.

    >>> [part.tolist() for part in unfold(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    parents = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    starts = np.cumsum(counts) - counts
    return parents, np.arange(len(parents), dtype=np.int64) - starts[parents]


def day_number(day: Any) -> int:
    """A date as days since 1970."""
    return int(np.datetime64(day, "D").astype(np.int64))


class Season:
    """How often something happens on each day of a range of days; a year's sum is 1 on average."""

    def __init__(self, first_day: int, daily: Floats) -> None:
        self._first = first_day
        scaled = daily * (len(daily) / _DAYS_A_YEAR / daily.sum())
        self._reached = np.concatenate(([0.0], np.cumsum(scaled)))

    def years_between(self, first: Ints, last: Ints) -> Floats:
        """The share of a year's events from the first to the last day; 0 where they are in the wrong order."""
        return np.maximum(self._up_to(last + 1) - self._up_to(first), 0.0)

    def days(self, first: Ints, last: Ints, fractions: Floats) -> Ints:
        """A day from first to last, at a fraction of the events between them."""
        start = self._up_to(first)
        targets = start + fractions * (self._up_to(last + 1) - start)
        found = np.searchsorted(self._reached, targets, side="right") - 1 + self._first
        return np.clip(found, first, last)

    def _up_to(self, day: Ints) -> Floats:
        position = np.clip(day - self._first, 0, len(self._reached) - 1)
        return np.asarray(self._reached[position], dtype=np.float64)


class DaysOfYears:
    """The days of a range of calendar years, and what depends on the day alone."""

    def __init__(self, years: tuple[int, int]) -> None:
        self.first = day_number(f"{years[0]}-01-01")
        self.last = day_number(f"{years[1]}-12-31")
        dates = np.arange(self.first, self.last + 1).astype("datetime64[D]")
        self._years = dates.astype("datetime64[Y]").astype(np.int64) + 1970
        self._months = dates.astype("datetime64[M]").astype(np.int64) % 12
        self._weekdays = (np.arange(self.first, self.last + 1) + 3) % 7

    def season(self, months: Sequence[float], weekdays: Sequence[float]) -> Season:
        """A season by weights of months and weekdays (Monday first)."""
        daily = np.asarray(months)[self._months] * np.asarray(weekdays)[self._weekdays]
        return Season(self.first, daily)

    def year_of(self, day: Ints) -> Ints:
        """The calendar year of a day, the first or last year's for days outside."""
        return np.asarray(self._years[np.clip(day - self.first, 0, len(self._years) - 1)])
