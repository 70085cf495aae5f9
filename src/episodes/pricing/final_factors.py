"""The final factors of a performance year: the trend that was realized, and the normalization of the year's case mix.

The payer's own replace them (`read_final_factors`). The published rules do not settle the computation, so both are
open: 42 CFR 512.540(b), 512.545 for TEAM; 86 FR 23572 for CJR.
"""

from __future__ import annotations

import polars as pl

from episodes.errors import PriceError
from episodes.pricing.caps import cap_with_rules
from episodes.pricing.checks import with_columns
from episodes.pricing.episode_components import FINAL
from episodes.pricing.episode_prices import placed_in_cells, with_multipliers
from episodes.pricing.normalization import normalization_factors
from episodes.pricing.price_cells import CELL, cap_cells, means_by
from episodes.pricing.risk_factors import shown_factor
from episodes.pricing.target_prices import TargetPrices
from episodes.programs import Program
from episodes.programs.price import BlendPrice, RegionalBaselinePrice


def reconciliation_factors(
    prices: TargetPrices,
    episodes: pl.DataFrame,
    program: Program,
    hospitals: pl.DataFrame,
    *,
    risk: pl.DataFrame | None = None,
    coefficients: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The final factors of each cell, from the final episodes of all hospitals in the performance year.

    The trend that was realized is the mean capped cost of the year over that of the last baseline year (TEAM) or of the
    baseline (CJR from year 6); the normalization is computed anew on the year's case mix.

    Returns:
        price_cell, region, episodes, then TEAM: final_trend, final_normalization; CJR: market_trend, normalization.
        Null where a side has no episodes, or there are no coefficients.

    Raises:
        PriceError: the programme's prices have no such factors.
    """
    price = program.price
    if not isinstance(price, RegionalBaselinePrice | BlendPrice):
        raise PriceError(f"The prices of {program.id!r} take their final factors from the payer.")
    trend, normalization = FINAL[type(price)]
    if isinstance(price, BlendPrice) and not price.risk.applies.value:
        raise PriceError(
            f"The prices of {program.id!r} have no final factors in performance year {program.performance_year}."
        )
    placed = placed_in_cells(with_columns(episodes, "episodes", ["episode_cents"]), program, hospitals, risk)
    usable = placed.filter(pl.col("region").is_not_null() & pl.col("price_cell").is_not_null())
    capped = cap_with_rules(usable, "episode_cents", cap_cells(price), price.cap)
    base = (
        f"mean_{max(price.baseline.years.value)}_cents"
        if isinstance(price, RegionalBaselinePrice)
        else "regional_mean_cents"
    )
    rows_of = with_columns(prices.prices, "prices", CELL, {base: pl.Int64, "ccn": pl.String})
    regional = rows_of.filter(pl.col("ccn").is_null()).select(*CELL, base)
    before = {(cell, region): cents for cell, region, cents in regional.iter_rows()}
    known = with_multipliers(capped, risk, coefficients, program, hospitals)
    computed = {} if coefficients is None else normalization_factors(capped, known, program, CELL)
    rows = []
    for (cell, region), (number, mean) in sorted(means_by(capped, CELL).items()):
        cents = before.get((cell, region))
        grown = None if not cents or mean <= 0 else float(shown_factor(mean / cents))
        normal = computed.get((cell, region))
        rows.append((cell, region, number, grown, None if normal is None else float(normal)))
    schema = {
        "price_cell": pl.String,
        "region": pl.Int32,
        "episodes": pl.Int64,
        trend: pl.Float64,
        normalization: pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
