"""What each final episode is held against: capped spending and target price, after quality where that counts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import PriceError, count_of
from episodes.money import exact, round_half_up
from episodes.pricing.caps import cap_by_cell
from episodes.pricing.checks import with_columns
from episodes.pricing.regions import NO_REGION, with_region
from episodes.pricing.target_prices import TargetPrices
from episodes.programs import Program
from episodes.reconciliation.quality_categories import EffectiveDiscounts, discounts_before_quality

NO_TARGET_PRICE = "no_target_price"
"""Reason code of an episode whose price cell has no target price."""

EPISODES_READ = (
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
_PRICE_KEYS = {"price_cell": "price_cell", "price_code": "price_code", "region": "region", "ccn": "anchor_ccn"}
"""Columns of a price table that may name a cell, and the columns of episodes that they are found by."""
_TREND = ("trend", "market_trend", "pat")
_CASE_MIX = ("normalization", "risk_multiplier", "pcma")
"""Columns of a price table that hold components of the price; what true-ups explain a change of price by."""


def against_prices(built: BuiltEpisodes, prices: TargetPrices, hospitals: pl.DataFrame) -> pl.DataFrame:
    """All final episodes with region, capped actual spending, price, the discount in it, and reason."""
    cap = built.program.price.cap
    as_text = pl.col("category", "anchor_setting", "price_code", "anchor_ccn").cast(pl.String)
    kept = [*EPISODES_READ, *(name for name in ("price_cell",) if name in built.episodes.columns)]
    final = (
        with_columns(built.episodes, "episodes", EPISODES_READ)
        .filter(status="final")
        .select(kept)
        .with_columns(as_text)
        .rename({"episode_cents": "actual_cents"})
        .sort("episode_id")
    )
    capped = cap_by_cell(
        with_region(final, hospitals),
        "actual_cents",
        ["price_code", "region"],
        method=cap.method.value,
        upper_percentile=cap.upper_percentile.value,
    )
    no_region = pl.col("region").is_null()
    keys, priced = _price_of_cell(prices, capped)
    return (
        capped.with_columns(
            capped_cents=pl.when(no_region).then("actual_cents").otherwise("capped_cents"),
            cut_cents=pl.when(no_region).then(0).otherwise("cut_cents"),
        )
        .join(priced, on=keys, how="left", maintain_order="left")
        .with_columns(
            reason=pl.when(no_region)
            .then(pl.lit(NO_REGION))
            .when(pl.col("price_cents").is_null())
            .then(pl.lit(NO_TARGET_PRICE)),
        )
    )


def _price_of_cell(prices: TargetPrices, episodes: pl.DataFrame) -> tuple[list[str], pl.DataFrame]:
    """The columns that name a cell in the episodes, and the prices by them, one a cell."""
    keys = {
        ours: theirs
        for ours, theirs in _PRICE_KEYS.items()
        if ours in prices.prices.columns and theirs in episodes.columns
    }
    if "price_cell" in keys:
        keys.pop("price_code", None)
    table = with_columns(prices.prices, "prices", [*keys, "price_cents"], {"discount": pl.Float64})
    priced = table.select(
        *(pl.col(ours).cast(episodes.schema[theirs]).alias(theirs) for ours, theirs in keys.items()),
        "price_cents",
        price_discount="discount",
        price_trend=_product(table, _TREND),
        price_case_mix=_product(table, _CASE_MIX),
    )
    repeated = priced.height - priced.unique(list(keys.values())).height
    if repeated:
        raise PriceError(
            f"The prices repeat {count_of(repeated, 'cell')}: an episode would have two targets. "
            f"Keep one price for each {', '.join(keys)}."
        )
    return list(keys.values()), priced


def _product(table: pl.DataFrame, names: tuple[str, ...]) -> pl.Expr:
    """The product of the components that the prices say; null where they say none."""
    said = [name for name in names if name in table.columns]
    if not said:
        return pl.lit(None, dtype=pl.Float64)
    return pl.fold(
        pl.lit(1.0), lambda product, factor: product * factor, [pl.col(name).cast(pl.Float64) for name in said]
    )


def after_quality(
    program: Program, episodes: pl.DataFrame, discounts: Mapping[str, EffectiveDiscounts]
) -> pl.DataFrame:
    """The episodes with price_cents at the effective discount of their party, and repayment_price_cents.

    A price holds the discount of its column `discount`, or the programme's before quality; it is taken out and the
    effective one put in, rounded half up once. Without discounts (quality changes none) prices stay.
    """
    episodes = episodes.with_columns(price_before_quality_cents="price_cents")
    if not discounts:
        return episodes.with_columns(
            repayment_price_cents=pl.lit(None, dtype=pl.Int64),
            difference_cents=pl.col("price_cents") - pl.col("capped_cents"),
        )
    base = discounts_before_quality(program)
    rows = episodes.select("party_id", "category", "price_cents", "price_discount")
    paid, owed = [], []
    for party, category, price, discount in rows.iter_rows():
        effective = discounts.get(party)
        held = Fraction(base[category]) if discount is None else exact(discount)
        payment = None if effective is None else effective.payment.get(category)
        repayment = None if effective is None else effective.repayment.get(category)
        paid.append(price if payment is None else _repriced(price, held, payment))
        owed.append(None if repayment is None else _repriced(price, held, repayment))
    return episodes.with_columns(
        pl.Series("price_cents", paid, dtype=pl.Int64), pl.Series("repayment_price_cents", owed, dtype=pl.Int64)
    ).with_columns(difference_cents=pl.col("price_cents") - pl.col("capped_cents"))


def _repriced(price_cents: int | None, held: Fraction, effective: Decimal) -> int | None:
    if price_cents is None:
        return None
    if held == 1:
        raise PriceError("A price with a discount of 1 is zero: no other discount can be put in its place.")
    return round_half_up(price_cents * (1 - Fraction(effective)) / (1 - held))
