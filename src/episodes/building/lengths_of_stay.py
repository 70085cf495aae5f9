"""Geometric mean lengths of stay (GMLOS) of stays, from the reference table of DRGs."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from episodes.building.context import Context


def with_gmlos(items: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add `gmlos_tenths`: of the billed DRG in the fiscal year of discharge, in tenths of a day, 0 where unknown.

    Where the table has no row for that year, the nearest year stands in (the earlier on a tie): the nearest that has
    the DRG, or the nearest at all, as the programme says. `items` has ms_drg, pricing_drg, end, setting. 0
    too where the programme splits nothing by them.
    """
    if not any(rule.method == "gmlos" for rule in context.program.rules.construction.services.proration):
        return items.with_columns(gmlos_tenths=pl.lit(0, dtype=pl.Int64))
    by_drg = context.program.rules.construction.services.missing_gmlos.value == "nearest_year_of_drg"
    discharge_year = pl.col("end").dt.year() + (pl.col("end").dt.month() >= 10).cast(pl.Int32)
    keyed = items.with_columns(_year=discharge_year, _billed=pl.coalesce("ms_drg", "pricing_drg"))
    wanted = keyed.filter(pl.col("setting") == "inpatient").select("_billed", "_year").unique().drop_nulls()
    table = context.references.drgs
    distance = (pl.col("fiscal_year") - pl.col("_year")).abs()
    if by_drg:
        near = wanted.join(table.drop_nulls("gmlos"), left_on="_billed", right_on="ms_drg", how="inner")
    else:
        years = (
            wanted.select("_year")
            .unique()
            .join(table.select("fiscal_year").unique(), how="cross")
            .sort("_year", distance, "fiscal_year")
            .unique("_year", keep="first", maintain_order=True)
        )
        near = wanted.join(years, on="_year", how="inner").join(
            table, left_on=["_billed", "fiscal_year"], right_on=["ms_drg", "fiscal_year"], how="inner"
        )
    nearest = (
        near.sort("_billed", "_year", distance, "fiscal_year")
        .unique(["_billed", "_year"], keep="first", maintain_order=True)
        .select("_billed", "_year", gmlos_tenths=pl.col("gmlos").map_elements(_tenths, return_dtype=pl.Int64))
    )
    return (
        keyed.join(nearest, on=["_billed", "_year"], how="left", maintain_order="left")
        .with_columns(gmlos_tenths=pl.col("gmlos_tenths").fill_null(0))
        .drop("_year", "_billed")
    )


def _tenths(days: float) -> int:
    """GMLOS is published with one decimal; read it as that decimal, not as the binary float beside it."""
    return int((Decimal(repr(days)) * 10).to_integral_value())
