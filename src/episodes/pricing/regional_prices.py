"""Target prices of a regional baseline (TEAM): one price a price code and region.

Per cell: cap each episode at the upper percentile of its cell (and year), take the mean of each baseline year, bring
the years to the last year's dollars, weigh them, apply trend, normalization and discount.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, PriceError
from episodes.money import round_half_up
from episodes.pricing.baseline import BaselineMean, baseline_mean
from episodes.pricing.baseline_episodes import BaselineInput, BuiltPrices
from episodes.pricing.caps import cap_with_rules
from episodes.pricing.components import price_components
from episodes.pricing.normalization import normalization_factors
from episodes.pricing.price_cells import CELL, Means, cap_cells, means_by, price_codes, with_family_cell
from episodes.pricing.regions import NO_REGION
from episodes.pricing.trend import prospective_trend
from episodes.programs import Program
from episodes.programs.price import RegionalBaselinePrice


def regional_prices(given: BaselineInput, price: RegionalBaselinePrice) -> BuiltPrices:
    """Price rows of every price code and region with baseline episodes; columns: docs/outputs.md."""
    codes = price_codes(given.program)
    placed = with_family_cell(given.episodes, codes)
    usable = placed.filter(pl.col("price_cell").is_not_null() & pl.col("region").is_not_null())
    capped = cap_with_rules(usable, "episode_cents", cap_cells(price, baseline=True), price.cap)
    in_baseline = capped.filter(pl.col("year").is_in(list(price.baseline.years.value)))
    rows = _price_rows(_Sources.of(given, price, capped, in_baseline), codes)
    return BuiltPrices(
        prices=pl.DataFrame(rows, schema=_schema(price)).sort("category", "price_code", "region"),
        capped=capped,
        counts={
            "baseline_episodes": given.episodes.filter(pl.col("year").is_in(list(price.baseline.years.value))).height,
            "trend_history_episodes": capped.height - in_baseline.height,
            "priced_from": in_baseline.height,
            "unknown_price_code": placed.get_column("price_cell").null_count(),
            NO_REGION: placed.filter(pl.col("price_cell").is_not_null(), pl.col("region").is_null()).height,
            "cells_with_scaled_weights": sum("scaled" in (row["note"] or "") for row in rows),
            "thin_cells": sum(row["thin_cell"] for row in rows),
        },
    )


class _Sources:
    """What the rows are made from: means by cell and year, and normalization by cell."""

    def __init__(self, program: Program, price: RegionalBaselinePrice) -> None:
        self.program, self.price = program, price
        self.regional: Means = {}
        self.national: Means = {}
        self.normalization: dict[tuple[Any, ...], Fraction] | None = None
        self.regions = pl.DataFrame()

    @classmethod
    def of(
        cls, given: BaselineInput, price: RegionalBaselinePrice, capped: pl.DataFrame, in_baseline: pl.DataFrame
    ) -> _Sources:
        sources = cls(given.program, price)
        sources.regional = means_by(capped, [*CELL, "year"])
        sources.national = means_by(capped, ["price_cell", "year"])
        sources.regions = in_baseline.select(CELL).unique().sort(CELL)
        if given.multipliers is not None:
            sources.normalization = normalization_factors(in_baseline, given.multipliers, given.program, CELL)
        return sources

    def trend(self, cell: tuple[str, int]) -> tuple[Fraction, str]:
        """Prospective trend and its status: the user's, else estimated, else the rule's."""
        rule = self.price.prospective_trend
        last, years = max(self.price.baseline.years.value), self.price.trend_history_years.value
        history = range(last - years + 1, last + 1)
        if rule.status == "overridden" or years == 0:
            return Fraction(rule.value), rule.status
        regional = [self.regional.get((*cell, year)) for year in history]
        national = [self.national.get((cell[0], year)) for year in history]
        factor, status = prospective_trend(
            self.program, [found and found[1] for found in regional], [found and found[1] for found in national]
        )
        return (Fraction(rule.value), rule.status) if factor is None else (factor, status)

    def normalized(self, cell: tuple[str, int]) -> tuple[Fraction, str]:
        """Prospective normalization and its status: the user's, else computed from multipliers, else the rule's."""
        rule = self.price.prospective_normalization
        if rule.status == "overridden" or self.normalization is None or cell not in self.normalization:
            return Fraction(rule.value), rule.status
        return self.normalization[cell], "computed"


def _price_rows(sources: _Sources, codes: pl.DataFrame) -> list[dict[str, Any]]:
    """A row for each price code and region that has baseline episodes, its own or its family's."""
    by_cell = dict(sources.regions.group_by("price_cell", maintain_order=True).agg("region").iter_rows())
    rows = []
    for price_code, category, family in codes.iter_rows():
        cell = family if family in by_cell else price_code
        for region in by_cell.get(cell, []):
            row = {
                "category": category,
                "price_code": price_code,
                "price_cell": price_code,
                "region": region,
                "price_source": "own" if cell == price_code else "family",
            }
            rows.append(row | _priced(sources, category, (cell, region)))
    return rows


def _priced(sources: _Sources, category: str, cell: tuple[str, int]) -> dict[str, Any]:
    price, program = sources.price, sources.program
    years = price.baseline.years.value
    own = [sources.regional.get((*cell, year)) for year in years]
    everywhere = [sources.national.get((cell[0], year)) for year in years]
    level = price.baseline.adjustment_level.value
    try:
        mean = baseline_mean(
            program,
            means_cents=[found and found[1] for found in own],
            national_means_cents=[found and found[1] for found in everywhere] if level == "national" else None,
            adjust=level != "none",
        )
    except ArgumentError:
        raise PriceError(
            f"Price code {cell[0]!r} in region {cell[1]} cannot be priced: a baseline year's mean is not above zero. "
            "Usual cause: episodes whose anchor has no amount (flag anchor_without_amount). Leave them out, or set "
            "price.baseline.adjustment_level to 'none'."
        ) from None
    if category not in price.discounts.value:
        raise PriceError(f"The programme has no discount for category {category!r}: add it to price.discounts.")
    discount = price.discounts.value[category]
    trend, trend_status = sources.trend(cell)
    normalization, normalization_status = sources.normalized(cell)
    priced = price_components(
        program, baseline_cents=mean.mean_cents, trend=trend, normalization=normalization, discount=discount
    )
    episodes = [found[0] if found else 0 for found in own]
    row: dict[str, Any] = {
        "program": program.id,
        "performance_year": program.performance_year,
        "basis": program.amount_basis,
        "baseline_episodes": sum(episodes),
    }
    for place, year in enumerate(years):
        found, factor = own[place], mean.factors[place]
        row[f"episodes_{year}"] = episodes[place]
        row[f"mean_{year}_cents"] = round_half_up(found[1]) if found else None
        row[f"factor_{year}"] = None if factor is None else float(factor)
    return row | {
        "weights_used": " ".join(f"{float(weight):.4g}" for weight in mean.weights),
        "baseline_cents": mean.mean_cents,
        "trend": float(trend),
        "trend_status": trend_status,
        "normalization": float(normalization),
        "normalization_status": normalization_status,
        "discount": float(discount),
        "price_cents": priced.price_cents,
        "price_status": "preliminary",
        "thin_cell": sum(episodes) < price.baseline.thin_cell_episodes.value,
        "note": _note(mean, years, own),
    }


def _note(mean: BaselineMean, years: tuple[int, ...], own: list[tuple[int, Fraction] | None]) -> str | None:
    missing = [str(year) for year, found in zip(years, own, strict=True) if found is None]
    parts = []
    if missing:
        parts.append(f"no episodes in {', '.join(missing)}: weights of the other years scaled to 1 (open)")
    if mean.dollars_of is not None and mean.dollars_of != years[-1]:
        parts.append(f"in dollars of {mean.dollars_of}: no later year has a mean (open)")
    return "; ".join(parts) or None


def _schema(price: RegionalBaselinePrice) -> dict[str, pl.DataType | type[pl.DataType]]:
    by_year: dict[str, pl.DataType | type[pl.DataType]] = {}
    for year in price.baseline.years.value:
        by_year |= {f"episodes_{year}": pl.Int64, f"mean_{year}_cents": pl.Int64}
        by_year |= {f"factor_{year}": pl.Float64}
    return {
        "program": pl.String,
        "performance_year": pl.String,
        "basis": pl.String,
        "category": pl.String,
        "price_code": pl.String,
        "price_cell": pl.String,
        "region": pl.Int32,
        "price_source": pl.String,
        "baseline_episodes": pl.Int64,
        **by_year,
        "weights_used": pl.String,
        "baseline_cents": pl.Int64,
        "trend": pl.Float64,
        "trend_status": pl.String,
        "normalization": pl.Float64,
        "normalization_status": pl.String,
        "discount": pl.Float64,
        "price_cents": pl.Int64,
        "price_status": pl.String,
        "thin_cell": pl.Boolean,
        "note": pl.String,
    }
