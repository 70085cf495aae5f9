"""Which row of a price table an episode has: by its cell and hospital or region, or its hospital and category.

What is more an episode's own comes first: a hospital's row before its region's, a group's row before its hospital's.
"""

from __future__ import annotations

import polars as pl

from episodes.errors import PriceError, count_of
from episodes.pricing.checks import with_columns
from episodes.programs import Program
from episodes.programs.price import BidDiscountPrice, StandardizedBaselinePrice

GIVEN: dict[str, type[pl.DataType]] = {
    "baseline_cents": pl.Int64,
    "trend": pl.Float64,
    "normalization": pl.Float64,
    "discount": pl.Float64,
    "regional_mean_cents": pl.Int64,
    "hospital_mean_cents": pl.Int64,
    "hospital_weight": pl.String,
    "repayment_discount": pl.Float64,
    "market_trend": pl.Float64,
    "sbs_cents": pl.Int64,
    "pcma": pl.Float64,
    "pat": pl.Float64,
    "real_ratio": pl.Float64,
    "pgp_target_cents": pl.Int64,
    "pgp_case_mix": pl.Float64,
    "pgp_offset": pl.Float64,
    "part_a_cents": pl.Int64,
    "part_b_cents": pl.Int64,
    "discount_a": pl.Float64,
    "discount_b": pl.Float64,
    "price_cents": pl.Int64,
    "price_status": pl.String,
}
"""Columns of a price table that an episode's price is made of."""


def key_columns(program: Program, by_party: bool) -> list[list[str]]:
    """The columns that name a row of prices, the most particular first."""
    if isinstance(program.price, StandardizedBaselinePrice):
        return [*([["party_id", "ccn", "category"]] if by_party else []), ["ccn", "category"]]
    if isinstance(program.price, BidDiscountPrice):
        return [["price_cell", "ccn"]]
    return [["price_cell", "ccn"], ["price_cell", "region"]]


def with_price_row(episodes: pl.DataFrame, prices: pl.DataFrame, program: Program) -> pl.DataFrame:
    """The episodes with the columns of their row of prices, named `given_<column>`; all null where there is none.

    Raises:
        PriceError: two rows of prices for one episode.
    """
    by_party = "party_id" in prices.columns and "party_id" in episodes.columns
    identity = {"price_cell": pl.String, "ccn": pl.String, "region": pl.Int32, "category": pl.String}
    table = with_columns(prices, "prices", ["price_cents"], identity | GIVEN | {"party_id": pl.String})
    if "price_code" in table.columns:
        table = table.with_columns(price_cell=pl.coalesce(pl.col("price_cell", "price_code").cast(pl.String)))
    table = table.with_columns(pl.col(name).cast(dtype) for name, dtype in (identity | GIVEN).items())
    numbered = episodes.with_row_index("place")
    found: list[pl.DataFrame] = []
    left = numbered
    for keys in key_columns(program, by_party):
        rows = _rows_named_by(table, keys)
        matched = left.join(rows, on=[_own(key) for key in keys], how="left", maintain_order="left")
        found.append(matched.filter(pl.col("given_price_cents").is_not_null()))
        left = matched.filter(pl.col("given_price_cents").is_null()).drop(f"given_{name}" for name in GIVEN)
    without = left.with_columns(pl.lit(None, dtype=dtype).alias(f"given_{name}") for name, dtype in GIVEN.items())
    return pl.concat([*found, without], how="vertical").sort("place").drop("place")


def _rows_named_by(table: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The rows that these columns name, and no more particular ones."""
    named = table.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in keys))
    for particular in ("ccn", "party_id"):
        if particular not in keys:
            named = named.filter(pl.col(particular).is_null())
    repeated = named.height - named.unique(keys).height
    if repeated:
        raise PriceError(
            f"The prices repeat {count_of(repeated, 'cell')}: an episode would have two targets. "
            f"Keep one price a {', '.join(keys)}."
        )
    return named.select(
        *(pl.col(key).alias(_own(key)) for key in keys), *(pl.col(name).alias(f"given_{name}") for name in GIVEN)
    )


def _own(key: str) -> str:
    """The column of the episodes that a column of prices is compared with."""
    return "anchor_ccn" if key == "ccn" else key
