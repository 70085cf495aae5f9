"""Target prices of a bid (ACE): Parts A and B of a stay, each less the discount of a site.

There is a price a price cell and hospital. Part A of an episode is what its anchor hospital is paid
(`anchor_facility_cents`), Part B all the rest of it. What the discounts take off is Medicare's saving; a share of it is
the most that goes to the patient, before the limit of a year's Part B premium.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl

from episodes.money import round_half_up
from episodes.pricing.baseline_episodes import BaselineInput, BuiltPrices
from episodes.pricing.caps import cap_with_rules
from episodes.pricing.checks import with_columns
from episodes.pricing.components import price_components
from episodes.pricing.price_cells import cap_cells, means_by
from episodes.programs.price import BidDiscountPrice

SCHEMA = {
    "program": pl.String,
    "performance_year": pl.String,
    "basis": pl.String,
    "category": pl.String,
    "price_code": pl.String,
    "price_cell": pl.String,
    "ccn": pl.String,
    "price_source": pl.String,
    "baseline_episodes": pl.Int64,
    "part_a_cents": pl.Int64,
    "part_b_cents": pl.Int64,
    "discount_a": pl.Float64,
    "discount_b": pl.Float64,
    "price_cents": pl.Int64,
    "medicare_savings_cents": pl.Int64,
    "beneficiary_share_cents": pl.Int64,
    "price_status": pl.String,
    "thin_cell": pl.Boolean,
    "note": pl.String,
}


def bid_prices(given: BaselineInput, price: BidDiscountPrice) -> BuiltPrices:
    """Price rows of every price cell and hospital with baseline episodes; columns: docs/outputs.md."""
    parts = with_columns(given.episodes, "episodes", ["anchor_facility_cents"])
    capped = cap_with_rules(parts, "episode_cents", cap_cells(price, baseline=True), price.cap).with_columns(
        part_a=pl.min_horizontal("anchor_facility_cents", "capped_cents")
    )
    capped = capped.with_columns(part_b=pl.col("capped_cents") - pl.col("part_a"))
    key = ["category", "price_cell", "anchor_ccn"]
    of_a, of_b = means_by(capped, key, "part_a"), means_by(capped, key, "part_b")
    terms = price.bids.value[price.site.value]
    rows = []
    for (category, cell, ccn), (number, part_a) in sorted(of_a.items()):
        components: dict[str, Any] = {
            "part_a_cents": round_half_up(part_a),
            "part_b_cents": round_half_up(of_b[(category, cell, ccn)][1]),
            "discount_a": float(terms.part_a),
            "discount_b": float(terms.part_b),
        }
        price_cents = price_components(given.program, performance_year=None, **components).price_cents
        savings = components["part_a_cents"] + components["part_b_cents"] - price_cents
        rows.append(
            {
                "program": given.program.id,
                "performance_year": given.program.performance_year,
                "basis": given.program.amount_basis,
                "category": category,
                "price_code": cell,
                "price_cell": cell,
                "ccn": ccn,
                "price_source": "own",
                "baseline_episodes": number,
                **components,
                "price_cents": price_cents,
                "medicare_savings_cents": savings,
                "beneficiary_share_cents": round_half_up(Fraction(price.beneficiary_share.value) * savings),
                "price_status": "preliminary",
                "thin_cell": number < price.baseline.thin_cell_episodes.value,
                "note": f"bid of {price.site.value}",
            }
        )
    return BuiltPrices(
        prices=pl.DataFrame(rows, schema=SCHEMA).sort("category", "price_cell", "ccn"),
        capped=capped.drop("part_a", "part_b"),
        counts={"baseline_episodes": given.episodes.height, "priced_from": capped.height},
    )
