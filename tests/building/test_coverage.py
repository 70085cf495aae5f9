"""Coverage of candidates, against days counted one by one."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from episodes.building.coverage import Intervals, meeting, not_covered_throughout

FIRST = dt.date(2024, 1, 1)
KINDS = ("part_a", "part_b", "unknown")

days = st.tuples(st.integers(0, 20), st.integers(0, 6))
intervals = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(KINDS), days, st.booleans(), st.sampled_from((None, *KINDS[:2]))),
    max_size=14,
)
candidates = st.lists(st.tuples(st.integers(0, 3), days), min_size=1, max_size=6)


def _day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def _frames(
    rows: list[tuple[int, str, tuple[int, int], bool, str | None]], asked: list[tuple[int, tuple[int, int]]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    coverage = pl.DataFrame(
        [
            (person, kind, _day(start), None if is_open else _day(start + length), detail)
            for person, kind, (start, length), is_open, detail in rows
        ],
        schema={
            "person": pl.UInt32,
            "kind": pl.String,
            "start_date": pl.Date,
            "end_date": pl.Date,
            "detail": pl.String,
        },
        orient="row",
    )
    episodes = pl.DataFrame(
        [(person, _day(start), _day(start + length), _day(start + length)) for person, (start, length) in asked],
        schema={"person": pl.UInt32, "_from": pl.Date, "_to": pl.Date, "_met_to": pl.Date},
        orient="row",
    )
    return episodes, coverage


@given(intervals, candidates)
def test_each_day_is_covered_or_one_is_not(
    rows: list[tuple[int, str, tuple[int, int], bool, str | None]], asked: list[tuple[int, tuple[int, int]]]
) -> None:
    episodes, coverage = _frames(rows, asked)
    found = Intervals.of(episodes, coverage)

    def covered(person: int, kind: str) -> set[int]:
        return {
            day
            for whose, of_kind, (start, length), is_open, detail in rows
            if whose == person and (of_kind == kind or (of_kind == "unknown" and detail in (None, kind)))
            for day in range(start, 60 if is_open else start + length + 1)
        }

    lacking = [
        any(not set(range(start, start + length + 1)) <= covered(person, kind) for kind in KINDS[:2])
        for person, (start, length) in asked
    ]
    assert not_covered_throughout(KINDS[:2], episodes, found).tolist() == lacking
    met = [
        any(
            whose == person and kind == "part_a" and first <= start + length and (is_open or start <= first + more)
            for whose, kind, (first, more), is_open, _ in rows
        )
        for person, (start, length) in asked
    ]
    assert meeting(("part_a",), episodes, found).tolist() == met


@pytest.mark.parametrize(("gap", "lacking"), [(0, False), (1, False), (2, True)])
def test_intervals_that_adjoin_are_one_spell(gap: int, lacking: bool) -> None:
    """Days 0 to 9, then from day 9 + gap on: adjoining at a gap of 1, a day is missing at 2."""
    rows = [(0, "part_a", (0, 9), False, None), (0, "part_a", (9 + gap, 10), False, None)]
    episodes, coverage = _frames(rows, [(0, (5, 10))])
    assert not_covered_throughout(("part_a",), episodes, Intervals.of(episodes, coverage)).tolist() == [lacking]
