"""For whom background care is made, and the days on which none may fall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.synthetic.bulk_draws import Flags, Floats, Ints

Days = npt.NDArray[np.datetime64]

_FAR = 1 << 20
"""More days than any claim is away from 1970: keeps people apart in one sorted array of days."""


@dataclass(frozen=True)
class CarePeople:
    """People as background care needs them; one element a person, in ascending order of `number`.

    `last_day` is the last day with claims (death, the day before Medicare Advantage, the end of the data) and `died`
    says whether the person died on it. `hospital` is the position in `world.hospitals`. `illness` multiplies rates,
    1 on average. `conditions` holds diagnosis codes, the most important first. `born` is the day of birth.
    """

    number: Ints
    beneficiary_id: pl.Series
    first_day: Days
    last_day: Days
    died: Flags
    born: Days
    illness: Floats
    hospital: Ints
    conditions: pl.Series

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: Ints | Flags) -> CarePeople:
        """Some of the people, by position or by a mask, in the same order."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return CarePeople(
            number=self.number[positions],
            beneficiary_id=self.beneficiary_id.gather(positions),
            first_day=self.first_day[positions],
            last_day=self.last_day[positions],
            died=self.died[positions],
            born=self.born[positions],
            illness=self.illness[positions],
            hospital=self.hospital[positions],
            conditions=self.conditions.gather(positions),
        )


def join_people(parts: Sequence[CarePeople]) -> tuple[CarePeople, list[Ints]]:
    """People of several parts in the order of their numbers, and where each part's people now stand."""
    numbers = np.concatenate([part.number for part in parts])
    order = np.argsort(numbers, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    together = CarePeople(
        number=numbers,
        beneficiary_id=pl.concat([part.beneficiary_id for part in parts]),
        first_day=np.concatenate([part.first_day for part in parts]),
        last_day=np.concatenate([part.last_day for part in parts]),
        died=np.concatenate([part.died for part in parts]),
        born=np.concatenate([part.born for part in parts]),
        illness=np.concatenate([part.illness for part in parts]),
        hospital=np.concatenate([part.hospital for part in parts]),
        conditions=pl.concat([part.conditions for part in parts]),
    )
    ends = np.cumsum([len(part) for part in parts])
    return together.take(order), [place[end - len(part) : end] for part, end in zip(parts, ends, strict=True)]


@dataclass(frozen=True)
class Intervals:
    """Days, first to last, of people given by their position; in any order, and they may overlap."""

    person: Ints
    first: Days
    last: Days

    def moved(self, places: Ints) -> Intervals:
        """The same days for people who stand elsewhere now: `places[position]`."""
        return Intervals(places[self.person], self.first, self.last)


def no_intervals() -> Intervals:
    """No days of anybody."""
    nobody = np.zeros(0, dtype=np.int64)
    return Intervals(nobody, nobody.astype("datetime64[D]"), nobody.astype("datetime64[D]"))


def join_intervals(parts: Sequence[Intervals]) -> Intervals:
    """All days of several parts."""
    return Intervals(
        np.concatenate([part.person for part in parts]),
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.last for part in parts]),
    )


class TakenDays:
    """Days of people that are taken, to be asked which spans of days touch them."""

    def __init__(self, person: Ints, first: Ints, last: Ints) -> None:
        start = person * _FAR + first
        order = np.argsort(start, kind="stable")
        self._start = start[order]
        # Where intervals overlap, the furthest end so far is what a later span may touch.
        self._end = np.maximum.accumulate((person * _FAR + last)[order]) if len(order) else start

    @classmethod
    def of(cls, intervals: Intervals) -> TakenDays:
        """The days of intervals."""
        return cls(
            intervals.person.astype(np.int64),
            intervals.first.astype("datetime64[D]").astype(np.int64),
            intervals.last.astype("datetime64[D]").astype(np.int64),
        )

    def touch(self, person: Ints, first: Ints, last: Ints) -> Flags:
        """Which spans, first to last day, have a day that is taken."""
        if not len(self._start):
            return np.zeros(len(person), dtype=np.bool_)
        before = np.searchsorted(self._start, person * _FAR + last, side="right") - 1
        return np.asarray((before >= 0) & (self._end[before] >= person * _FAR + first))


def without_overlap(person: Ints, first: Ints, last: Ints) -> Flags:
    """Which spans begin on or after the end of all earlier spans of the person; sorted by person and first day."""
    if not len(person):
        return np.zeros(0, dtype=np.bool_)
    reached = np.maximum.accumulate(person * _FAR + last)
    keep = np.ones(len(person), dtype=np.bool_)
    keep[1:] = (person * _FAR + first)[1:] > reached[:-1]
    return keep
