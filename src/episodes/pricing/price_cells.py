"""The price cell of an episode: its price code, or what the programme prices it as.

Older DRGs may come in under the name of a *family* ("453-455"); if any baseline episode does, every price code of
that family is priced from one pool: all episodes of the family, under whichever code. An episode with a fracture is
priced as the programme's `fracture_codes` say: one whose own cell says so ("470/fracture"), or, where its cell does
not tell, one of which `risk` does. Any other `price_cell` is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.pricing.checks import with_columns
from episodes.programs import Program
from episodes.programs.code_tables import load_codes
from episodes.programs.price import BidDiscountPrice, StandardizedBaselinePrice, ThresholdPrice

CELL = ["price_cell", "region"]
FRACTURE = "fracture"
"""Name of the risk variable, and the part after the stroke of a cell that a fracture splits ("470/fracture")."""

Means = Mapping[tuple[Any, ...], tuple[int, Fraction]]
"""Episodes and exact mean in cents by the columns of a cell."""


def cap_cells(price: Any, *, baseline: bool = False) -> list[str]:
    """The columns of the cell within which the cost of an episode is capped; years apart where the programme says so.

    Args:
        price: the price part of a programme's rules.
        baseline: over several years (`year`, or `fiscal_year`); a performance year is one.
    """
    if isinstance(price, StandardizedBaselinePrice):
        return ["price_cell", "category", *(["fiscal_year"] if price.cap.each_year_apart.value else [])]
    others: dict[type, list[str]] = {BidDiscountPrice: ["price_cell"], ThresholdPrice: ["category"]}
    cells = others.get(type(price), CELL)
    return [*cells, *(["year"] if baseline and price.cap.each_year_apart.value else [])]


def price_codes(program: Program) -> pl.DataFrame:
    """The programme's price codes: price_code, category, family (null: none), sorted."""
    table = load_codes(program.rules.construction.anchors.codes.value)
    return table.select("price_code", "category", "family").unique().sort("price_code", "category")


def with_own_cell(episodes: pl.DataFrame, program: Program, risk: pl.DataFrame | None) -> pl.DataFrame:
    """The episodes with the cell they are priced in, in `price_cell`."""
    given = with_columns(episodes, "episodes", ["price_code"], {"price_cell": pl.String})
    celled = given.with_columns(
        pl.col("price_code").cast(pl.String),
        price_cell=pl.coalesce(pl.col("price_cell").cast(pl.String), pl.col("price_code").cast(pl.String)),
    )
    rule = getattr(program.price, "fracture_codes", None)
    if rule is None or not rule.value:
        return celled
    split = {f"{code}/{FRACTURE}": moved for code, moved in rule.value.items()}
    split |= {f"{code}/no_{FRACTURE}": code for code in rule.value}
    celled = celled.with_columns(
        pl.col("price_cell").replace_strict(split, default=pl.col("price_cell"), return_dtype=pl.String),
        is_split=pl.col("price_cell").is_in(list(split)),
    )
    if risk is None or FRACTURE not in risk.columns:
        return celled.drop("is_split")
    broken = celled.join(risk.select("episode_id", FRACTURE), on="episode_id", how="left", maintain_order="left")
    moved = pl.col("price_code").replace_strict(rule.value, default=pl.col("price_code"), return_dtype=pl.String)
    plain = (pl.col("price_cell") == pl.col("price_code")) & ~pl.col("is_split").fill_null(False)
    return broken.with_columns(
        price_cell=pl.when(plain & pl.col(FRACTURE).fill_null(False)).then(moved).otherwise("price_cell")
    ).drop(FRACTURE, "is_split")


def with_family_cell(episodes: pl.DataFrame, codes: pl.DataFrame) -> pl.DataFrame:
    """The cell of a baseline episode: its code, or its family where any came in under the family's name."""
    family_of = dict(codes.filter(pl.col("family").is_not_null()).select("price_code", "family").iter_rows())
    seen = episodes.get_column("price_code").cast(pl.String).unique().drop_nulls().to_list()
    pooled = set(seen) & set(family_of.values())
    known = codes.get_column("price_code").to_list()
    cell = {code: family_of[code] if family_of.get(code) in pooled else code for code in known}
    cell |= {family: family for family in pooled}
    as_text = episodes.with_columns(pl.col("price_code", "category").cast(pl.String))
    return as_text.with_columns(
        price_cell=pl.col("price_code").replace_strict(cell, default=None, return_dtype=pl.String)
    )


def means_by(episodes: pl.DataFrame, cell: list[str], amount: str = "capped_cents") -> Means:
    """Number and exact mean of an amount by cell."""
    grouped = episodes.group_by(cell).agg(number=pl.len(), total=pl.col(amount).sum())
    return {
        tuple(key): (number, Fraction(total, number))
        for *key, number, total in grouped.select(*cell, "number", "total").iter_rows()
    }
