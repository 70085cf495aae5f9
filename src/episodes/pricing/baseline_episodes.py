"""The baseline episodes that prices are set from: final, dated, in a region and a cell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import PriceError, count_of
from episodes.pricing.checks import with_columns
from episodes.pricing.price_cells import with_own_cell
from episodes.pricing.regions import with_region
from episodes.programs import Program
from episodes.programs.price import RegionalBaselinePrice

EPISODE_COLUMNS = (
    "episode_id",
    "category",
    "price_code",
    "anchor_ccn",
    "anchor_end",
    "status",
    "episode_cents",
)


@dataclass(frozen=True)
class BaselineInput:
    """What prices are set from.

    Attributes:
        program: the programme of the performance year to price.
        episodes: final baseline episodes with `year`, `fiscal_year` (of the date that puts an episode into a year),
            `price_cell` and `region`.
        multipliers: episode_id, risk_multiplier; None: no coefficients, or no risk variables.
        expected: episode_id, expected_cents; None: not known.
        peer_trends: ccn, category, pat; None: not known.
        update_factors: ccn, category, fiscal_year, setting, factor; None: not known.
    """

    program: Program
    episodes: pl.DataFrame
    multipliers: pl.DataFrame | None = None
    expected: pl.DataFrame | None = None
    peer_trends: pl.DataFrame | None = None
    update_factors: pl.DataFrame | None = None


@dataclass(frozen=True)
class BuiltPrices:
    """What a kind of price makes of them.

    Attributes:
        prices: the price table.
        capped: the episodes with capped_cents and cut_cents.
        counts: baseline episodes, and those left out by reason.
    """

    prices: pl.DataFrame
    capped: pl.DataFrame
    counts: Mapping[str, int] = field(default_factory=dict)


def baseline_episodes(
    built: BuiltEpisodes, program: Program, hospitals: pl.DataFrame, risk: pl.DataFrame | None
) -> pl.DataFrame:
    """The final episodes of a baseline, dated, placed and celled."""
    final = with_columns(built.episodes, "episodes", EPISODE_COLUMNS).filter(status="final")
    dated = _dated(final, program)
    as_text = dated.with_columns(pl.col("category", "anchor_ccn").cast(pl.String))
    return with_own_cell(with_region(as_text, hospitals), program, risk)


def date_column(program: Program) -> str:
    """The date that puts an episode into a year."""
    return "episode_end" if program.rules.construction.window.year_assignment.value == "episode_end" else "anchor_end"


def with_years(episodes: pl.DataFrame, program: Program) -> pl.DataFrame:
    """The episodes with `year` and `fiscal_year` (from October) of the date that puts them into a year."""
    day = pl.col(date_column(program))
    return episodes.with_columns(year=day.dt.year(), fiscal_year=day.dt.year() + (day.dt.month() >= 10).cast(pl.Int32))


def _dated(final: pl.DataFrame, program: Program) -> pl.DataFrame:
    column = date_column(program)
    day = pl.col(column)
    dated = with_years(with_columns(final, "episodes", [column]), program)
    start, end = _allowed_period(program)
    outside = dated.filter(~day.is_between(start, end).fill_null(False)).height
    if outside:
        said = "end their anchor" if column == "anchor_end" else "end"
        raise PriceError(
            f"{count_of(outside, 'final episode')} of {final.height:,} {said} outside the baseline {start} to {end} of "
            f"performance year {program.performance_year}. Build the baseline with program.for_baseline() of the same "
            "performance year."
        )
    return dated


def _allowed_period(program: Program) -> tuple[dt.date, dt.date]:
    """The baseline, and the years before it that a prospective trend is estimated from."""
    if isinstance(program.price, RegionalBaselinePrice):
        return program.for_baseline(trend_history=True).period
    return program.price.baseline.period
