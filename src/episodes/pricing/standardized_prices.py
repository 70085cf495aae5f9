"""Target prices of a hospital's standardized baseline spending (BPCI Advanced): one a hospital and category.

Costs are brought to the update year's prices, winsorized by price cell, fiscal year and category, and held against
what is expected of the same patients: standardized baseline spending is observed over expected times the national
mean, patient case mix the hospital's mean expected cost over the nation's. Expected costs come from a risk model;
without one they are the national means of the price cell and fiscal year, so that the case mix is that of the cells
alone, and the status says so. A hospital and category with too few baseline episodes has no price.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import PriceError, count_of
from episodes.money import exact, round_half_up
from episodes.pricing.baseline_episodes import BaselineInput, BuiltPrices
from episodes.pricing.caps import cap_with_rules
from episodes.pricing.checks import with_columns
from episodes.pricing.components import price_components
from episodes.pricing.price_cells import cap_cells
from episodes.pricing.risk_factors import shown_factor
from episodes.pricing.update_factors import updated_costs
from episodes.programs.price import StandardizedBaselinePrice

SCHEMA = {
    "program": pl.String,
    "performance_year": pl.String,
    "basis": pl.String,
    "category": pl.String,
    "ccn": pl.String,
    "price_source": pl.String,
    "baseline_episodes": pl.Int64,
    "baseline_mean_cents": pl.Int64,
    "sbs_cents": pl.Int64,
    "pcma": pl.Float64,
    "pcma_status": pl.String,
    "pat": pl.Float64,
    "pat_status": pl.String,
    "discount": pl.Float64,
    "update_status": pl.String,
    "price_cents": pl.Int64,
    "price_status": pl.String,
    "thin_cell": pl.Boolean,
    "note": pl.String,
}
BELOW_MINIMUM = "below_minimum_volume"
_SCALE = 1_000
"""Expected costs are kept in thousandths of a cent, so that their sums are integers, the same in any order."""


def standardized_prices(given: BaselineInput, price: StandardizedBaselinePrice) -> BuiltPrices:
    """Price rows of every hospital and category with enough baseline episodes; columns: docs/outputs.md."""
    updated, update_status = updated_costs(given.episodes, price, given.update_factors)
    capped = cap_with_rules(updated, "updated_cents", cap_cells(price, baseline=True), price.cap)
    expected, pcma_status = _expected(capped, given.expected, ["price_cell", "category"])
    grouped = (
        expected.group_by("category", "anchor_ccn")
        .agg(number=pl.len(), observed=pl.col("capped_cents").sum(), expected=pl.col("expected").sum())
        .sort("category", "anchor_ccn")
    )
    nation = {
        category: (number, observed, predicted)
        for category, number, observed, predicted in expected.group_by("category")
        .agg(pl.len(), pl.col("capped_cents").sum(), pl.col("expected").sum())
        .iter_rows()
    }
    trends = _peer_trends(given.peer_trends)
    rows, left_out = [], 0
    for category, ccn, number, observed, predicted in grouped.iter_rows():
        if number < price.minimum_episodes.value:
            left_out += number
            continue
        of_nation = nation[category]
        national_mean = Fraction(of_nation[1], of_nation[0])
        if predicted <= 0 or of_nation[2] <= 0:
            raise PriceError(
                f"Category {category!r} of hospital {ccn} cannot be priced: its expected cost is not above zero."
            )
        standardized = Fraction(observed) / exact(predicted) * national_mean * _SCALE
        mix = exact(predicted) / number / (exact(of_nation[2]) / of_nation[0])
        rows.append(
            _row(given, price, category, ccn, trends, (number, observed), standardized, mix)
            | {"pcma_status": pcma_status, "update_status": update_status}
        )
    return BuiltPrices(
        prices=pl.DataFrame(rows, schema=SCHEMA).sort("category", "ccn"),
        capped=capped,
        counts={
            "baseline_episodes": given.episodes.height,
            "priced_from": given.episodes.height - left_out,
            BELOW_MINIMUM: left_out,
        },
    )


def _expected(capped: pl.DataFrame, given: pl.DataFrame | None, cells: list[str]) -> tuple[pl.DataFrame, str]:
    """Expected cost of each episode, in thousandths of a cent, and where it is from."""
    if given is None:
        means = capped.group_by(*cells, "fiscal_year").agg(total=pl.col("capped_cents").sum(), number=pl.len())
        of_cell = [
            round_half_up(Fraction(total * _SCALE, number))
            for total, number in means.select("total", "number").iter_rows()
        ]
        keyed = means.select(*cells, "fiscal_year", pl.Series("expected", of_cell, dtype=pl.Int64))
        joined = capped.join(keyed, on=[*cells, "fiscal_year"], how="left", nulls_equal=True, maintain_order="left")
        return joined, "means_of_price_cells"
    table = with_columns(given, "expected", ["episode_id", "expected_cents"])
    joined = capped.join(
        table.select("episode_id", "expected_cents"), on="episode_id", how="left", maintain_order="left"
    )
    lacking = joined.get_column("expected_cents").null_count()
    if lacking:
        raise PriceError(
            f"The expected costs lack {count_of(lacking, 'baseline episode')} of {joined.height:,}: hand in one row an "
            "episode, or leave them out."
        )
    cents = [round_half_up(exact(value) * _SCALE) for value in joined.get_column("expected_cents")]
    return joined.with_columns(pl.Series("expected", cents, dtype=pl.Int64)), "given"


def _peer_trends(given: pl.DataFrame | None) -> dict[tuple[str, str], float]:
    if given is None:
        return {}
    table = with_columns(given, "peer_trends", ["ccn", "category", "pat"])
    return {(ccn, category): float(pat) for ccn, category, pat in table.select("ccn", "category", "pat").iter_rows()}


def _row(
    given: BaselineInput,
    price: StandardizedBaselinePrice,
    category: str,
    ccn: str,
    trends: dict[tuple[str, str], float],
    baseline: tuple[int, int],
    standardized: Fraction,
    mix: Fraction,
) -> dict[str, Any]:
    rule = price.peer_adjusted_trend
    pat = trends.get((ccn, category))
    discount = price.discount_of(category)
    parts = {
        "sbs_cents": round_half_up(standardized),
        "pcma": float(shown_factor(mix)),
        "pat": float(rule.value) if pat is None else pat,
        "discount": float(discount.value),
    }
    return {
        "program": given.program.id,
        "performance_year": given.program.performance_year,
        "basis": given.program.amount_basis,
        "category": category,
        "ccn": ccn,
        "price_source": "own",
        "baseline_episodes": baseline[0],
        "baseline_mean_cents": round_half_up(Fraction(baseline[1], baseline[0])),
        **parts,
        "pat_status": rule.status if pat is None else "given",
        "price_cents": price_components(given.program, performance_year=None, **parts).price_cents,
        "price_status": "preliminary",
        "thin_cell": baseline[0] < price.baseline.thin_cell_episodes.value,
        "note": None,
    }
