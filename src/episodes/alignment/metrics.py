"""Metrics as data, measured from episodes, outcomes and quality tables, and the level that a value reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import polars as pl
from pydantic import model_validator

from episodes.alignment.terms import TermStatus
from episodes.errors import ArgumentError, ContractError, unknown_name
from episodes.money import Rate, exact
from episodes.pricing.checks import exact_in_range, with_columns
from episodes.programs.rule import Count, Part, Share

Direction = Literal["lower", "higher"]
Method = Literal["steps", "linear"]
STEP_LEVELS = (Decimal("0.5"), Decimal("0.75"), Decimal(1))
"""Levels at threshold, target and stretch where a metric sets no others."""

SCORE_SCHEMA = {
    "party": pl.String,
    "metric": pl.String,
    "name": pl.String,
    "value": pl.Float64,
    "volume": pl.Int64,
    "threshold": pl.Float64,
    "target": pl.Float64,
    "stretch": pl.Float64,
    "level": pl.Float64,
    "note": pl.String,
}


class Metric(Part):
    """One metric: what is measured, where, in which direction, and which values reach which level.

    `source` is the table: `episodes` (a column), `outcomes` (a measure id), `quality` (a measure of the hospital), or
    `recorded` (the file holds each party's value). `statistic`: `mean` of the column or value, `rate` (share of
    episodes with the event, or with a column above zero), `ratio` (sum of the column over the sum of `of`).
    """

    id: str
    name: str
    definition: str
    source: Literal["episodes", "outcomes", "quality", "recorded"]
    measure: str = ""
    statistic: Literal["mean", "rate", "ratio"] = "mean"
    of: str | None = None
    direction: Direction
    threshold: Decimal
    target: Decimal
    stretch: Decimal
    method: Method = "steps"
    levels: tuple[Share, Share, Share] = STEP_LEVELS
    minimum_volume: Count = 0
    period: str
    status: TermStatus = "agreed"
    citation: str

    @model_validator(mode="after")
    def _values_in_order(self) -> Metric:
        signed = [
            value if self.direction == "higher" else -value for value in (self.threshold, self.target, self.stretch)
        ]
        if signed != sorted(signed):
            raise ValueError(
                f"threshold, target and stretch of {self.id} do not go in its direction ({self.direction})"
            )
        if self.source != "recorded" and not self.measure:
            raise ValueError(f"{self.id} names no measure of its table {self.source}")
        if (self.statistic == "ratio") != (self.of is not None):
            raise ValueError(f"{self.id}: a ratio, and only a ratio, names the column below the line (of)")
        return self

    def level(self, value: Rate) -> Fraction:
        """The level that a value reaches, 0 to 1."""
        return level_of(
            value,
            direction=self.direction,
            threshold=self.threshold,
            target=self.target,
            stretch=self.stretch,
            method=self.method,
            levels=self.levels,
        )


def level_of(
    value: Rate,
    *,
    direction: Direction,
    threshold: Rate,
    target: Rate,
    stretch: Rate,
    method: Method = "steps",
    levels: Sequence[Rate] = STEP_LEVELS,
) -> Fraction:
    """The level that a value reaches, 0 to 1; a value exactly at a bound has reached it.

    Args:
        value: of the metric.
        direction: whether a `lower` or a `higher` value is the better one.
        threshold, target, stretch: from the least to the most that is asked.
        method: `steps`: the levels of what was reached; `linear`: from 0 at the threshold to 1 at the target.
        levels: for `steps`: the levels at threshold, target, stretch.

    Example:
        >>> level_of(0.09, direction="lower", threshold=0.12, target=0.10, stretch=0.08)
        Fraction(3, 4)
        >>> level_of(0.11, direction="lower", threshold=0.12, target=0.10, stretch=0.08, method="linear")
        Fraction(1, 2)
    """
    if direction not in ("lower", "higher"):
        raise ArgumentError(unknown_name("direction", str(direction), ("lower", "higher")))
    if method not in ("steps", "linear"):
        raise ArgumentError(unknown_name("method", str(method), ("steps", "linear")))
    sign = 1 if direction == "higher" else -1
    reached = sign * exact(value)
    bounds = [sign * exact(bound) for bound in (threshold, target, stretch)]
    if method == "steps":
        passed = sum(reached >= bound for bound in bounds)
        return exact_in_range("levels", levels[passed - 1], 0, 1) if passed else Fraction(0)
    low, high = bounds[:2]
    if reached < low or low == high:
        return Fraction(int(reached >= low))
    return min(Fraction(1), (reached - low) / (high - low))


def percentile_level(percentile: Rate, bands: Sequence[tuple[Rate, Rate]]) -> Fraction:
    """The level of a percentile by bands of (from percentile, level); below the first band it is 0.

    Example:
        >>> percentile_level(60, [(50, 0.5), (75, 1)])
        Fraction(1, 2)
    """
    rank = exact_in_range("percentile", percentile, 0, 100)
    found = Fraction(0)
    for start, level in sorted((exact_in_range("band", start, 0, 100), level) for start, level in bands):
        found = exact_in_range("level", level, 0, 1) if rank >= start else found
    return found


@dataclass(frozen=True)
class Score:
    """What a party reached in a metric; value and level are None where it was not measured, with the reason."""

    party: str
    metric: Metric
    value: Fraction | None
    volume: int | None
    level: Fraction | None
    note: str | None = None

    def as_row(self) -> tuple[Any, ...]:
        """The values in the order of `SCORE_SCHEMA`."""
        bounds = (self.metric.threshold, self.metric.target, self.metric.stretch)
        numbers = (None if number is None else float(number) for number in (self.value, self.level))
        value, level = numbers
        return (self.party, self.metric.id, self.metric.name, value, self.volume, *map(float, bounds), level, self.note)


def score_frame(scores: Sequence[Score]) -> pl.DataFrame:
    """Scores as a frame: party, metric, name, value, volume, threshold, target, stretch, level, note."""
    return pl.DataFrame([score.as_row() for score in scores], schema=SCORE_SCHEMA, orient="row")


def measure(
    metric: Metric,
    party: str,
    episodes: pl.DataFrame,
    *,
    outcomes: pl.DataFrame | None = None,
    quality: pl.DataFrame | None = None,
    recorded: Mapping[str, Rate] | None = None,
) -> Score:
    """Measure one metric for one party.

    Args:
        metric: what is measured.
        party: its name in the result.
        episodes: the party's own final episodes (columns: docs/outputs.md).
        outcomes: episode_id, measure, event, value; None: there is no such table.
        quality: measure, value, volume of the hospital; None: there is none.
        recorded: metric id to the party's value, where the source is `recorded`.

    Returns:
        A `Score`; without a value where the table or the measure is absent, and without a level where the volume is
        below the metric's minimum.

    Raises:
        ContractError: a column that the metric names is not in its table.

    Example:
        >>> import polars as pl
        >>> stay = Metric(id="stay", name="Stay", definition="mean days", source="episodes", measure="length_of_stay",
        ...               direction="lower", threshold=5, target=4, stretch=3, period="2026", citation="contract")
        >>> score = measure(stay, "surgeon", pl.DataFrame({"length_of_stay": [3, 4, 5]}))
        >>> score.value, score.volume, score.level
        (Fraction(4, 1), 3, Fraction(3, 4))
    """
    found: tuple[Fraction | None, int | None]
    if metric.source == "recorded":
        given = (recorded or {}).get(metric.id)
        found = (None, None) if given is None else (exact(given), None)
    elif metric.source == "quality":
        found = _of_quality(metric, quality)
    elif metric.source == "outcomes":
        found = _of_outcomes(metric, episodes, outcomes)
    else:
        found = _of_episodes(metric, episodes)
    value, volume = found
    if value is None:
        return Score(party, metric, None, volume, None, f"not measured: nothing in {metric.source}")
    if volume is not None and volume < metric.minimum_volume:
        return Score(party, metric, value, volume, None, f"fewer than {metric.minimum_volume}: too few to be scored")
    return Score(party, metric, value, volume, metric.level(value))


def _of_episodes(metric: Metric, episodes: pl.DataFrame) -> tuple[Fraction | None, int]:
    needed = [metric.measure, *([metric.of] if metric.of else [])]
    rows = with_columns(episodes, "episodes", needed).drop_nulls(needed)
    if rows.is_empty():
        return None, 0
    column = rows[metric.measure]
    if metric.statistic == "rate":
        return Fraction(int((column > 0).sum()), rows.height), rows.height
    if metric.of is not None:
        below = int(rows[metric.of].sum())
        return (Fraction(int(column.sum()), below) if below else None), rows.height
    return exact(column.sum()) / rows.height, rows.height


def _of_outcomes(
    metric: Metric, episodes: pl.DataFrame, outcomes: pl.DataFrame | None
) -> tuple[Fraction | None, int | None]:
    if outcomes is None:
        return None, None
    column = "event" if metric.statistic == "rate" else "value"
    rows = with_columns(outcomes, "outcomes", ("episode_id", "measure", column)).filter(measure=metric.measure)
    rows = rows.join(episodes.select("episode_id"), on="episode_id", how="semi").drop_nulls(column)
    if rows.is_empty():
        return None, 0
    if metric.statistic == "ratio":
        raise ContractError(f"Metric {metric.id!r}: outcomes have no columns to make a ratio of. Use rate or mean.")
    return exact(rows[column].sum()) / rows.height, rows.height


def _of_quality(metric: Metric, quality: pl.DataFrame | None) -> tuple[Fraction | None, int | None]:
    if quality is None:
        return None, None
    rows = with_columns(quality, "quality", ("measure", "value"), {"volume": pl.Int64}).filter(measure=metric.measure)
    rows = rows.drop_nulls("value")
    if rows.height != 1:
        return None, None
    value, volume = rows.select("value", "volume").row(0)
    return exact(value), None if volume is None else int(volume)
