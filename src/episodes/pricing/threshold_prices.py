"""Thresholds of state episodes: what is commendable, what is acceptable, and how far a gain goes; one row a category.

The payer's own where it published them; else percentiles of the providers' mean baseline costs, a provider counting
with its risk-adjusted mean if it has enough valid episodes. Risk-adjusted cost is cost over the episode's risk
weight.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.money import exact, round_half_up
from episodes.pricing.baseline_episodes import BaselineInput, BuiltPrices
from episodes.pricing.caps import cap_with_rules, percentile_limit
from episodes.pricing.price_cells import cap_cells
from episodes.programs.price import THRESHOLDS, ThresholdPrice

SCHEMA = {
    "program": pl.String,
    "performance_year": pl.String,
    "basis": pl.String,
    "category": pl.String,
    "price_source": pl.String,
    "baseline_episodes": pl.Int64,
    "baseline_providers": pl.Int64,
    "commendable_cents": pl.Int64,
    "acceptable_cents": pl.Int64,
    "gain_limit_cents": pl.Int64,
    "price_cents": pl.Int64,
    "price_status": pl.String,
    "thin_cell": pl.Boolean,
    "note": pl.String,
}


def threshold_prices(given: BaselineInput, price: ThresholdPrice) -> BuiltPrices:
    """The thresholds of every category; `price_cents` is the acceptable one. A provider is the anchor's hospital."""
    capped = cap_with_rules(given.episodes, "episode_cents", cap_cells(price, baseline=True), price.cap)
    means = _provider_means(capped, given.multipliers, price.minimum_episodes.value)
    numbers = dict(capped.group_by("category").len().iter_rows())
    rows = []
    for category in sorted({*means, *price.thresholds_cents.value}):
        published = price.thresholds_cents.value.get(category)
        known = published or {
            name: percentile_limit(
                sorted(means[category]), method="sas5", percentile=getattr(price, f"{name}_percentile").value
            )
            for name in THRESHOLDS
        }
        number = numbers.get(category, 0)
        rows.append(
            {
                "program": given.program.id,
                "performance_year": given.program.performance_year,
                "basis": given.program.amount_basis,
                "category": category,
                "price_source": "own" if published is None else "given",
                "baseline_episodes": number,
                "baseline_providers": len(means.get(category, ())),
                **{f"{name}_cents": known[name] for name in THRESHOLDS},
                "price_cents": known["acceptable"],
                "price_status": "preliminary",
                "thin_cell": number < price.baseline.thin_cell_episodes.value,
                "note": None if published else "percentiles of providers' baseline means (open)",
            }
        )
    return BuiltPrices(
        prices=pl.DataFrame(rows, schema=SCHEMA),
        capped=capped,
        counts={"baseline_episodes": capped.height, "categories_without_threshold": len(set(numbers) - set(means))},
    )


def _provider_means(capped: pl.DataFrame, multipliers: pl.DataFrame | None, minimum: int) -> dict[str, list[int]]:
    """Risk-adjusted mean of every provider with enough episodes, by category."""
    weighed = capped.select("episode_id", "category", "anchor_ccn", "capped_cents")
    if multipliers is None:
        weighed = weighed.with_columns(risk_multiplier=pl.lit(1.0))
    else:
        known = multipliers.select("episode_id", "risk_multiplier")
        weighed = weighed.join(known, on="episode_id", how="left").with_columns(
            pl.col("risk_multiplier").fill_null(1.0)
        )
    sums: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, Fraction(0)])
    for _, category, ccn, cents, weight in weighed.iter_rows():
        sums[category, ccn][0] += 1
        sums[category, ccn][1] += cents / exact(weight)
    found: dict[str, list[int]] = defaultdict(list)
    for (category, _), (number, total) in sums.items():
        if number >= minimum:
            found[category].append(round_half_up(total / number))
    return dict(found)
