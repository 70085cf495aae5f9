"""A measure as it was given, and the composite score that measures make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import polars as pl

from episodes.errors import ArgumentError
from episodes.pricing.checks import exact_in_range, whole_cents

MEASURE_COLUMNS = {
    "scaled_score": pl.Float64,
    "percentile": pl.Float64,
    "previous_percentile": pl.Float64,
    "submitted": pl.Boolean,
    "volume": pl.Int64,
}


@dataclass(frozen=True)
class MeasureScore:
    """One measure of a hospital as it was given; None where there is too little data."""

    measure: str
    scaled_score: Fraction | None = None
    percentile: Fraction | None = None
    previous_percentile: Fraction | None = None
    submitted: bool = False
    volume: int = 1
    cases: int | None = None
    """The volume as it was given; None where another stands in for it."""

    @classmethod
    def read(cls, highest: int, row: Mapping[str, Any], volume: Any) -> MeasureScore:
        """A measure from plain values, checked; `highest` is the top of the scale of scaled scores."""

        def number(name: str, maximum: int) -> Fraction | None:
            value = row[name]
            return None if value is None else exact_in_range(name, value, 0, maximum)

        return cls(
            measure=str(row["measure"]),
            scaled_score=number("scaled_score", highest),
            percentile=number("percentile", 100),
            previous_percentile=number("previous_percentile", 100),
            submitted=_handed_in(row["submitted"]),
            volume=_count(volume),
            cases=None if row["volume"] is None else _count(row["volume"]),
        )


@dataclass(frozen=True)
class QualityScore:
    """A composite quality score.

    Attributes:
        score: for display; `exact` is the score that settlement uses.
        exact: the score as an exact fraction.
        weights: share of each measure in the highest score, in the programme's order.
        status: `known`, or `unknown` where no measure carries weight: the score is then the programme's
            `settlement.quality.when_unknown`.
        category: the category of the score; None for a programme whose score names none.
        discount: the effective discount on payments, a fraction; None where quality changes no discount.
        repayment_discount: the same for money owed; None also where nothing is owed.
        points: points of each measure, where the score is a sum of points.
        notes: what was assumed, and where published bounds differ.
    """

    score: float
    exact: Fraction
    weights: Mapping[str, float]
    status: Literal["known", "unknown"]
    category: str | None = None
    discount: float | None = None
    repayment_discount: float | None = None
    points: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=())


def _count(volume: Any) -> int:
    """A number of episodes or cases; whole numbers may come as floats, as in a column that had gaps."""
    is_whole = isinstance(volume, float) and volume.is_integer()
    return whole_cents("volume", int(volume) if is_whole else volume, minimum=0)


def _handed_in(submitted: Any) -> bool:
    if submitted not in (None, True, False):
        raise ArgumentError(f"submitted is true or false, not a {type(submitted).__name__}.")
    return bool(submitted)
