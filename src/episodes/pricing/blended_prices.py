"""Target prices of a hospital and its region blended (CJR): by cell and region, and by hospital where it counts.

42 CFR 510.300. All final baseline episodes of a region make its cap and its mean; a hospital's own mean counts with the
year's weight if it had enough baseline episodes in all. A cell in which a hospital had none is priced from the region
alone. Rows without a CCN are the region's, for hospitals that have no row of their own.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl

from episodes.money import round_half_up
from episodes.pricing.baseline_episodes import BaselineInput, BuiltPrices
from episodes.pricing.caps import cap_with_rules
from episodes.pricing.component_steps import hospital_weight
from episodes.pricing.components import price_components
from episodes.pricing.normalization import normalization_factors
from episodes.pricing.price_cells import CELL, Means, cap_cells, means_by
from episodes.pricing.regions import NO_REGION
from episodes.programs.price import BlendPrice

SCHEMA = {
    "program": pl.String,
    "performance_year": pl.String,
    "basis": pl.String,
    "category": pl.String,
    "price_code": pl.String,
    "price_cell": pl.String,
    "region": pl.Int32,
    "ccn": pl.String,
    "price_source": pl.String,
    "baseline_episodes": pl.Int64,
    "regional_mean_cents": pl.Int64,
    "hospital_episodes": pl.Int64,
    "hospital_mean_cents": pl.Int64,
    "hospital_weight": pl.String,
    "discount": pl.Float64,
    "repayment_discount": pl.Float64,
    "normalization": pl.Float64,
    "normalization_status": pl.String,
    "market_trend": pl.Float64,
    "market_trend_status": pl.String,
    "price_cents": pl.Int64,
    "repayment_price_cents": pl.Int64,
    "price_status": pl.String,
    "thin_cell": pl.Boolean,
    "note": pl.String,
}


def blended_prices(given: BaselineInput, price: BlendPrice) -> BuiltPrices:
    """Price rows of every cell and region, and of its hospitals where they count; columns: docs/outputs.md."""
    usable = given.episodes.filter(pl.col("price_cell").is_not_null() & pl.col("region").is_not_null())
    capped = cap_with_rules(usable, "episode_cents", cap_cells(price, baseline=True), price.cap)
    normalization: dict[tuple[Any, ...], Fraction] = {}
    if given.multipliers is not None and price.prospective_normalization.status != "overridden":
        normalization = normalization_factors(capped, given.multipliers, given.program, CELL)
    regional = means_by(capped, ["category", *CELL])
    own = means_by(capped, ["anchor_ccn", "price_cell"])
    in_all = means_by(given.episodes, ["anchor_ccn"], "episode_cents")
    counts = price.hospital_weight.value > 0
    hospitals = capped.select("anchor_ccn", "region").unique().sort("anchor_ccn").rows() if counts else []
    rows = []
    for (category, cell, region), found in sorted(regional.items()):
        row = _Row(given, price, category, cell, region, found, normalization.get((cell, region)))
        rows.append(row.of_region())
        rows += [row.of_hospital(ccn, own, in_all) for ccn, place in hospitals if place == region]
    return BuiltPrices(
        prices=pl.DataFrame(rows, schema=SCHEMA).sort("category", "price_cell", "region", "ccn", nulls_last=False),
        capped=capped,
        counts={
            "baseline_episodes": given.episodes.height,
            "priced_from": usable.height,
            NO_REGION: given.episodes.get_column("region").null_count(),
            "thin_cells": sum(row["thin_cell"] for row in rows if row["ccn"] is None),
            "low_volume_hospitals": sum(number < price.low_volume_episodes.value for number, _ in in_all.values()),
        },
    )


class _Row:
    """The prices of one cell and region."""

    def __init__(
        self,
        given: BaselineInput,
        price: BlendPrice,
        category: str,
        cell: str,
        region: int,
        found: tuple[int, Fraction],
        normalization: Fraction | None,
    ) -> None:
        self.program, self.price = given.program, price
        self.number, self.mean = found[0], round_half_up(found[1])
        self.common: dict[str, Any] = {
            "program": given.program.id,
            "performance_year": given.program.performance_year,
            "basis": given.program.amount_basis,
            "category": category,
            "price_code": cell,
            "price_cell": cell,
            "region": region,
            "baseline_episodes": self.number,
            "regional_mean_cents": self.mean,
            "discount": float(price.discounts.value[category]),
            "repayment_discount": float(price.repayment_discounts.value[category]),
            "market_trend": float(price.prospective_market_trend.value),
            "market_trend_status": price.prospective_market_trend.status,
            "normalization": float(price.prospective_normalization.value if normalization is None else normalization),
            "normalization_status": (price.prospective_normalization.status if normalization is None else "computed"),
            "price_status": "preliminary",
            "thin_cell": self.number < price.baseline.thin_cell_episodes.value,
        }

    def of_region(self) -> dict[str, Any]:
        """The region's own price: what a hospital gets that has no row."""
        return self.common | self._priced(None, 0, Fraction(0)) | {"price_source": "region"}

    def of_hospital(self, ccn: str, own: Means, in_all: Means) -> dict[str, Any]:
        """A hospital's price, its own mean blended in."""
        episodes = in_all[(ccn,)][0]
        number, mean = own.get((ccn, self.common["price_cell"]), (0, None))
        weight = hospital_weight(self.price, episodes)
        note = None
        if weight != self.price.hospital_weight.value:
            note = f"{episodes} baseline episodes in all: the region alone"
        elif mean is None:
            weight, note = Fraction(0), "no baseline episode of the hospital in the cell: the region alone (open)"
        cents = None if mean is None else round_half_up(mean)
        shown = {"ccn": ccn, "price_source": "blend", "note": note}
        return self.common | self._priced(cents, number, weight) | shown

    def _priced(self, hospital_mean: int | None, number: int, weight: Fraction) -> dict[str, Any]:
        blended = hospital_mean if weight > 0 else None
        price_of = {
            column: price_components(
                self.program,
                regional_mean_cents=self.mean,
                hospital_mean_cents=blended,
                discount=self.common[discount],
                normalization=self.common["normalization"] if self.price.risk.applies.value else None,
                market_trend=self.common["market_trend"] if self.price.risk.applies.value else None,
            ).price_cents
            for column, discount in (("price_cents", "discount"), ("repayment_price_cents", "repayment_discount"))
        }
        return price_of | {
            "ccn": None,
            "hospital_episodes": number,
            "hospital_mean_cents": hospital_mean,
            "hospital_weight": str(weight),
            "note": None,
        }
