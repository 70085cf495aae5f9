"""What each final episode is held against: capped spending and target price, after quality where that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.money import exact, round_half_up
from episodes.pricing.baseline_episodes import date_column, with_years
from episodes.pricing.caps import cap_with_rules
from episodes.pricing.checks import with_columns
from episodes.pricing.episode_prices import NO_TARGET_PRICE, placed_in_cells, price_episodes
from episodes.pricing.final_factors import reconciliation_factors
from episodes.pricing.price_cells import cap_cells
from episodes.pricing.target_prices import TargetPrices
from episodes.pricing.update_factors import updated_costs
from episodes.programs import Program
from episodes.programs.price import StandardizedBaselinePrice

__all__ = ["NO_TARGET_PRICE", "PriceInputs", "against_prices", "capped_episodes"]

_READ = (
    "episode_id",
    "category",
    "anchor_setting",
    "price_code",
    "anchor_ccn",
    "participating",
    "status",
    "episode_cents",
    "post_episode_cents",
)
_TREND = ("trend", "market_trend", "pat", "realized_trend")
_CASE_MIX = ("normalization", "risk_multiplier", "pcma", "final_pcma")
"""Components of a price, what true-ups explain a change of price by."""


@dataclass(frozen=True)
class PriceInputs:
    """What reconciliation brings to prices besides the price table: see `reconcile`."""

    risk: pl.DataFrame | None = None
    coefficients: pl.DataFrame | None = None
    disaster_episodes: frozenset[str] = frozenset()
    final_factors: pl.DataFrame | Literal["computed"] | None = None
    update_factors: pl.DataFrame | None = None


def capped_episodes(built: BuiltEpisodes, hospitals: pl.DataFrame, given: PriceInputs) -> pl.DataFrame:
    """All final episodes with region, price cell, spending (actual_cents) and what remains of it after the cap."""
    program, price = built.program, built.program.price
    final = with_columns(built.episodes, "episodes", _READ).filter(status="final").sort("episode_id")
    as_text = final.with_columns(pl.col("category", "anchor_setting", "price_code", "anchor_ccn").cast(pl.String))
    placed = placed_in_cells(as_text, program, hospitals, given.risk).with_columns(actual_cents="episode_cents")
    if isinstance(price, StandardizedBaselinePrice):
        dated = with_years(with_columns(placed, "episodes", [date_column(program)]), program)
        placed = updated_costs(dated, price, given.update_factors)[0].with_columns(actual_cents="updated_cents")
    cells = cap_cells(price)
    capped = cap_with_rules(placed, "actual_cents", cells, price.cap)
    outside = pl.col("region").is_null() if "region" in cells else pl.lit(False)
    return capped.with_columns(
        capped_cents=pl.when(outside).then("actual_cents").otherwise("capped_cents"),
        cut_cents=pl.when(outside).then(0).otherwise("cut_cents"),
    )


def against_prices(
    built: BuiltEpisodes,
    prices: TargetPrices,
    hospitals: pl.DataFrame,
    capped: pl.DataFrame,
    given: PriceInputs,
    reductions: Mapping[tuple[str, str | None], Decimal],
) -> pl.DataFrame:
    """The capped episodes with price, difference and reason.

    Args:
        built, prices, hospitals, given: as for `reconcile`.
        capped: from `capped_episodes`, with party_id.
        reductions: what quality takes off the discount, by party and category settled apart (None: all together).

    Returns:
        With price_cents, price_before_quality_cents, repayment_price_cents (null where money owed has no price of its
        own), difference_cents, price_trend, price_case_mix, reason. Where prices are in real dollars, spending is
        brought to them by the same ratio.
    """
    program = built.program
    factors = given.final_factors
    if isinstance(factors, str):
        factors = reconciliation_factors(
            prices, built.final(), program, hospitals, risk=given.risk, coefficients=given.coefficients
        )
    asked = capped.select("episode_id", "category", "price_code", "price_cell", "anchor_ccn", "party_id")

    def priced(episodes: pl.DataFrame, lower: Mapping[str, Decimal] | None) -> pl.DataFrame:
        return price_episodes(
            prices,
            episodes,
            program,
            hospitals,
            risk=given.risk,
            coefficients=given.coefficients,
            final_factors=factors,
            discount_reductions=lower,
        )

    before = priced(asked, None)
    after = before
    if reductions:
        parts = []
        for category in sorted({category or "" for _, category in reductions}):
            mine = asked.filter(pl.col("category") == category) if category else asked
            own = {party: share for (party, of), share in reductions.items() if (of or "") == category}
            parts.append(priced(mine, own))
        after = pl.concat(parts)
    shown = after.select(
        "episode_id",
        "price_cents",
        *_or_null(after, "repayment_price_cents", pl.Int64),
        *_or_null(after, "real_ratio", pl.Float64),
        "reason",
        price_trend=_product(after, _TREND),
        price_case_mix=_product(after, _CASE_MIX),
    )
    joined = capped.join(
        before.select("episode_id", price_before_quality_cents="price_cents"), on="episode_id", how="left"
    ).join(shown, on="episode_id", how="left")
    real = _held_at_target(program, _in_real_dollars(joined.sort("episode_id")), given.disaster_episodes)
    return real.with_columns(difference_cents=pl.col("price_cents") - pl.col("capped_cents"))


def _or_null(frame: pl.DataFrame, name: str, dtype: type[pl.DataType]) -> list[pl.Expr]:
    return [pl.col(name) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name)]


def _product(table: pl.DataFrame, names: tuple[str, ...]) -> pl.Expr:
    """The product of the components that the prices say; null where they say none."""
    said = [pl.col(name).cast(pl.Float64) for name in names if name in table.columns]
    if not said:
        return pl.lit(None, dtype=pl.Float64)
    product = pl.fold(pl.lit(1.0), lambda one, other: one * other, [factor.fill_null(1.0) for factor in said])
    return pl.when(pl.any_horizontal(factor.is_not_null() for factor in said)).then(product)


def _held_at_target(program: Program, episodes: pl.DataFrame, named: frozenset[str]) -> pl.DataFrame:
    """Spending of episodes in a disaster counts up to their target price, where the programme says so."""
    rule = program.settlement.disaster_cost
    if rule is None or rule.value == "as_spent" or not named:
        return episodes
    held = pl.min_horizontal("capped_cents", "price_cents")
    in_disaster = pl.col("episode_id").is_in(list(named)) & pl.col("price_cents").is_not_null()
    return episodes.with_columns(capped_cents=pl.when(in_disaster).then(held).otherwise("capped_cents")).with_columns(
        cut_cents=pl.col("actual_cents") - pl.col("capped_cents")
    )


def _in_real_dollars(episodes: pl.DataFrame) -> pl.DataFrame:
    """Spending times the ratio of real to standardized dollars that is in the price, rounded half up."""
    ratios = episodes["real_ratio"]
    if ratios.null_count() == episodes.height or ratios.drop_nulls().eq(1.0).all():
        return episodes
    columns = {}
    for name in ("actual_cents", "capped_cents"):
        pairs = zip(episodes[name].to_list(), ratios.to_list(), strict=True)
        columns[name] = [
            round_half_up(cents * (Fraction(1) if ratio is None else exact(ratio))) for cents, ratio in pairs
        ]
    return episodes.with_columns(
        pl.Series(name, cents, dtype=pl.Int64) for name, cents in columns.items()
    ).with_columns(cut_cents=pl.col("actual_cents") - pl.col("capped_cents"))
