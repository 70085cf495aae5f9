"""Coverage of people over the days of a candidate: which intervals meet it, which days are covered by none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from episodes.building.arrays import Array, frozen
from episodes.building.compiled import kernels
from episodes.claims.contract import COVERAGE_KINDS

FAR_FUTURE = pl.date(9999, 12, 31)


@dataclass(frozen=True)
class Intervals:
    """Intervals of coverage by person and start, and where those of each candidate's person lie.

    Attributes:
        low, high: by candidate: where the intervals of its person begin and end.
        start, end: days; an open end is far away.
        kind: place in `COVERAGE_KINDS`.
        detail: the kind that a month is unknown for; null = any.
    """

    low: Array
    high: Array
    start: Array
    end: Array
    kind: Array
    detail: pl.Series

    @classmethod
    def of(cls, episodes: pl.DataFrame, coverage: pl.DataFrame) -> Intervals:
        """Of the people of candidates."""
        known = coverage.drop_nulls("start_date")
        order = np.argsort(
            (known["person"].to_numpy().astype(np.int64) << 32) + known["start_date"].to_physical().to_numpy(),
            kind="stable",
        )
        ordered = known[order]
        people, whose = ordered["person"].to_numpy(), episodes["person"].to_numpy()
        return cls(
            low=frozen(np.searchsorted(people, whose, side="left")),
            high=frozen(np.searchsorted(people, whose, side="right")),
            start=frozen(ordered["start_date"].to_physical().to_numpy()),
            end=frozen(ordered.select(pl.col("end_date").fill_null(FAR_FUTURE)).to_series().to_physical().to_numpy()),
            kind=ordered["kind"].cast(pl.Enum(COVERAGE_KINDS)).to_physical().to_numpy(),
            detail=ordered["detail"],
        )

    def among(self, kinds: tuple[str, ...]) -> Array:
        """Which are of some kinds."""
        return frozen(np.array([kind in kinds for kind in COVERAGE_KINDS])[self.kind])

    def ending(self, days: int) -> Intervals:
        """The same, each so many days long beyond its first."""
        return replace(self, end=frozen(self.start + np.int32(days)))


def is_known(beneficiaries: pl.DataFrame, intervals: Intervals) -> pl.Expr:
    """Whether the person of a candidate stands in some table of enrolment."""
    return pl.lit(pl.Series(intervals.high > intervals.low)) | pl.col("person").is_in(beneficiaries["person"].implode())


def meeting(kinds: tuple[str, ...], episodes: pl.DataFrame, intervals: Intervals, until: str = "_met_to") -> Array:
    """Candidates whose days from `_from` on an interval of one of the kinds meets."""
    found = np.zeros(episodes.height, np.bool_)
    kernels().mark_meeting(*_days(episodes, until), *_places(intervals), intervals.among(kinds), found)
    return found


def not_covered_throughout(kinds: tuple[str, ...], episodes: pl.DataFrame, intervals: Intervals) -> Array:
    """Candidates with some day from `_from` to `_to` that is not covered by one of the kinds.

    Months unknown for the kind count as covered here: they have a rung of their own, so that the reasons stay apart.
    """
    covered = np.ones(episodes.height, np.bool_)
    for kind in kinds:
        of_kind = intervals.detail.is_null() | (intervals.detail == kind)
        asked = intervals.among((kind,)) | (intervals.among(("unknown",)) & of_kind.to_numpy())
        found = np.zeros(episodes.height, np.bool_)
        kernels().mark_covered(*_days(episodes, "_to"), *_places(intervals), frozen(asked), found)
        covered &= found
    return ~covered


def _days(episodes: pl.DataFrame, until: str) -> tuple[Array, Array]:
    first, last = (frozen(episodes[column].to_physical().to_numpy()) for column in ("_from", until))
    return first, last


def _places(intervals: Intervals) -> tuple[Array, Array, Array, Array]:
    return intervals.low, intervals.high, intervals.start, intervals.end
