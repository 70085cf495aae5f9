"""Target prices from baseline episodes: the reduce step over all hospitals.

A price cell is a price code in a region. Older DRGs may come in under the name of a *family* ("453-455"); if
any baseline episode does, every price code of that family is priced from one pool: all episodes of the family,
under whichever code (`price_source` "family"). The cell of an episode is then the family's.

Per cell: cap each episode at the upper percentile of its cell (and year), take the mean of each baseline year, bring
the years to the last year's dollars, weigh them, apply trend, normalization and discount.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import ArgumentError, MixedBasisError, PriceError, count_of
from episodes.money import round_half_up
from episodes.pricing.baseline import BaselineMean, baseline_mean
from episodes.pricing.caps import cap_by_cell
from episodes.pricing.checks import with_columns
from episodes.pricing.components import price_components
from episodes.pricing.regions import NO_REGION, with_region
from episodes.programs import Program
from episodes.programs.code_tables import load_codes
from episodes.programs.model import walk_rules

EPISODE_COLUMNS = (
    "episode_id",
    "category",
    "price_code",
    "anchor_ccn",
    "anchor_end",
    "status",
    "episode_cents",
)
CELL = ["price_cell", "region"]
VOLUME_SCHEMA = {"ccn": pl.String, "category": pl.String, "baseline_episodes": pl.Int64}

Means = Mapping[tuple[Any, ...], tuple[int, Fraction]]
"""Episodes and exact mean in cents by (price_cell, region, year), or nationally by (price_cell, year)."""


@dataclass(frozen=True)
class TargetPrices:
    """Target prices of one programme and performance year.

    Attributes:
        prices: one row a price code and region, see `target_prices`.
        program_id, performance_year, basis: what the prices are for; reconciliation refuses others.
        origin: `estimated` from baseline episodes, or `given` by the user.
        volumes: ccn, category, baseline_episodes: the final baseline episodes of every hospital, which decide
            what is low volume; None where they are not known.
        capped: episode_id, price_cell, region, year, capped_cents, cut_cents of the baseline episodes; None
            where prices were given.
        baseline_fingerprint: fingerprint of the programme the baseline episodes were built with.
        construction: the construction rules the baseline was built under, rule to value as text; None where prices
            were given. Reconciliation refuses episodes built under others.
        counts: baseline episodes, those left out by reason, cells with scaled weights, thin cells.
    """

    prices: pl.DataFrame
    program_id: str
    performance_year: str
    basis: str
    origin: Literal["estimated", "given"]
    volumes: pl.DataFrame | None = None
    capped: pl.DataFrame | None = None
    baseline_fingerprint: str | None = None
    construction: Mapping[str, str] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    def write(self, folder: str | Path) -> None:
        """Write the prices to a folder that `read_target_prices` reads: Parquet tables and a description."""
        from episodes.pricing.price_files import write_target_prices

        write_target_prices(self, Path(folder))

    def __repr__(self) -> str:
        shown = ["category", "price_code", "region", "baseline_episodes", "price_cents", "price_status"]
        table = self.prices.select(name for name in shown if name in self.prices.columns)
        return f"{self._title()}\n{table}"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>{self.prices._repr_html_()}"

    def _title(self) -> str:
        return (
            f"Target prices ({self.origin}): {self.program_id}, performance year {self.performance_year}, "
            f"{self.basis} basis, {count_of(self.prices.height, 'cell')}"
        )


def target_prices(
    built_baseline: BuiltEpisodes, program: Program, hospitals: pl.DataFrame | None = None
) -> TargetPrices:
    """Set preliminary target prices from the episodes of the baseline years.

    Args:
        built_baseline: episodes built with `program.for_baseline()`. All final episodes count, whether their
            hospital takes part or not.
        program: the programme of the performance year to price.
        hospitals: the hospitals table, for the regions. Default: that of the baseline.

    Returns:
        `TargetPrices`. `.prices` has, sorted by category, price_code, region: program, performance_year,
        basis, category, price_code, region (1-9), price_source (own | family), baseline_episodes; for each
        baseline year episodes_<year>, mean_<year>_cents (capped, rounded for display), factor_<year>;
        weights_used (oldest first), baseline_cents, trend, trend_status, normalization,
        normalization_status, discount, price_cents, price_status, thin_cell, note. Cells without a baseline
        episode have no row.

    Raises:
        PriceError: the baseline is of another programme, basis, construction or period.

    Source: 42 CFR 512.540(b).

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
        >>> prices.prices["discount"].unique().sort().to_list()
        [0.015, 0.02]
    """
    _same_rules(built_baseline, program)
    final = with_columns(built_baseline.episodes, "episodes", EPISODE_COLUMNS).filter(status="final")
    dated = _with_baseline_year(final, program)
    codes = price_codes(program)
    celled = _with_price_cell(dated, codes)
    placed = with_region(celled, built_baseline.hospitals if hospitals is None else hospitals)
    usable = placed.filter(pl.col("price_cell").is_not_null() & pl.col("region").is_not_null())

    cap = program.price.cap
    capped = cap_by_cell(
        usable,
        "episode_cents",
        [*CELL, "year"] if cap.each_year_apart.value else CELL,
        method=cap.method.value,
        upper_percentile=cap.upper_percentile.value,
    )
    rows = _price_rows(capped, codes, program)
    prices = pl.DataFrame(rows, schema=_schema(program)).sort("category", "price_code", "region")
    return TargetPrices(
        prices=prices,
        program_id=program.id,
        performance_year=program.performance_year,
        basis=built_baseline.basis,
        origin="estimated",
        volumes=_volumes(final),
        capped=capped.sort("episode_id").select("episode_id", *CELL, "year", "capped_cents", "cut_cents"),
        baseline_fingerprint=built_baseline.program.fingerprint,
        construction=construction_rules(program),
        counts={
            "baseline_episodes": final.height,
            "priced_from": usable.height,
            "unknown_price_code": placed.get_column("price_cell").null_count(),
            NO_REGION: placed.filter(pl.col("price_cell").is_not_null(), pl.col("region").is_null()).height,
            "cells_with_scaled_weights": sum("scaled" in (row["note"] or "") for row in rows),
            "thin_cells": sum(row["thin_cell"] for row in rows),
        },
    )


def price_codes(program: Program) -> pl.DataFrame:
    """The programme's price codes: price_code, category, family (null: none), sorted."""
    table = load_codes(program.rules.construction.anchors.codes.value)
    return table.select("price_code", "category", "family").unique().sort("price_code", "category")


def _same_rules(built: BuiltEpisodes, program: Program) -> None:
    if built.program.id != program.id:
        raise PriceError(
            f"The baseline was built for programme {built.program.id!r}, the prices are for {program.id!r}. "
            "Build the baseline with program.for_baseline()."
        )
    if built.basis != program.amount_basis:
        raise MixedBasisError(
            f"The baseline's amounts are on the {built.basis} basis, the programme asks for "
            f"{program.amount_basis}. Build both with the same amount basis."
        )
    changed = differing_rules(construction_rules(built.program), construction_rules(program))
    if changed:
        raise PriceError(
            f"The baseline was built with {count_of(len(changed), 'other construction rule')} than the "
            f"programme has: {', '.join(changed[:5])}. Build it with program.for_baseline() after the "
            "override."
        )


def construction_rules(program: Program) -> dict[str, str]:
    """The construction rules of a programme: rule to value as text."""
    return {
        name: json.dumps(value, default=str, sort_keys=True)
        for name, value, _, _ in walk_rules(program.rules.construction, "construction")
    }


def differing_rules(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of the rules that two constructions do not share."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _with_baseline_year(final: pl.DataFrame, program: Program) -> pl.DataFrame:
    years = program.price.baseline.years.value
    dated = final.with_columns(year=pl.col("anchor_end").dt.year())
    outside = dated.filter(~pl.col("year").is_in(list(years)).fill_null(False)).height
    if outside:
        raise PriceError(
            f"{count_of(outside, 'final episode')} of {final.height:,} end their anchor outside the "
            f"baseline years {', '.join(str(year) for year in years)} of performance year "
            f"{program.performance_year}. Build the baseline with program.for_baseline() of the same "
            "performance year."
        )
    return dated


def _with_price_cell(dated: pl.DataFrame, codes: pl.DataFrame) -> pl.DataFrame:
    """The cell an episode is priced in: its code, or its family where any came in under the family's name."""
    family_of = dict(codes.filter(pl.col("family").is_not_null()).select("price_code", "family").iter_rows())
    seen = dated.get_column("price_code").cast(pl.String).unique().drop_nulls().to_list()
    pooled = set(seen) & set(family_of.values())
    known = codes.get_column("price_code").to_list()
    cell = {code: family_of[code] if family_of.get(code) in pooled else code for code in known}
    cell |= {family: family for family in pooled}
    as_text = dated.with_columns(pl.col("price_code", "category").cast(pl.String))
    return as_text.with_columns(
        price_cell=pl.col("price_code").replace_strict(cell, default=None, return_dtype=pl.String)
    )


def _means(capped: pl.DataFrame, cell: list[str]) -> Means:
    grouped = capped.group_by(*cell, "year").agg(episodes=pl.len(), total=pl.col("capped_cents").sum())
    return {
        tuple(key): (episodes, Fraction(total, episodes))
        for *key, episodes, total in grouped.select(*cell, "year", "episodes", "total").iter_rows()
    }


def _price_rows(capped: pl.DataFrame, codes: pl.DataFrame, program: Program) -> list[dict[str, Any]]:
    """A row for each price code and region that has baseline episodes, its own or its family's."""
    regional, national = _means(capped, CELL), _means(capped, ["price_cell"])
    regions = capped.select(CELL).unique().sort(CELL)
    by_cell = dict(regions.group_by("price_cell", maintain_order=True).agg("region").iter_rows())
    rows = []
    for price_code, category, family in codes.iter_rows():
        cell = family if family in by_cell else price_code
        for region in by_cell.get(cell, []):
            row = {
                "category": category,
                "price_code": price_code,
                "region": region,
                "price_source": "own" if cell == price_code else "family",
            }
            rows.append(row | _priced(program, category, (cell, region), regional, national))
    return rows


def _priced(program: Program, category: str, cell: tuple[str, int], regional: Means, national: Means) -> dict[str, Any]:
    price = program.price
    years = price.baseline.years.value
    own = [regional.get((*cell, year)) for year in years]
    everywhere = [national.get((cell[0], year)) for year in years]
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
    trend, normalization = price.prospective_trend, price.prospective_normalization
    priced = price_components(
        program,
        baseline_cents=mean.mean_cents,
        trend=trend.value,
        normalization=normalization.value,
        discount=discount,
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
        "trend": float(trend.value),
        "trend_status": trend.status,
        "normalization": float(normalization.value),
        "normalization_status": normalization.status,
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


def _volumes(final: pl.DataFrame) -> pl.DataFrame:
    return (
        final.group_by(ccn=pl.col("anchor_ccn").cast(pl.String), category=pl.col("category").cast(pl.String))
        .agg(baseline_episodes=pl.len().cast(pl.Int64))
        .sort("ccn", "category")
    )


def _schema(program: Program) -> dict[str, pl.DataType | type[pl.DataType]]:
    by_year: dict[str, pl.DataType | type[pl.DataType]] = {}
    for year in program.price.baseline.years.value:
        by_year |= {f"episodes_{year}": pl.Int64, f"mean_{year}_cents": pl.Int64}
        by_year |= {f"factor_{year}": pl.Float64}
    return {
        "program": pl.String,
        "performance_year": pl.String,
        "basis": pl.String,
        "category": pl.String,
        "price_code": pl.String,
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
