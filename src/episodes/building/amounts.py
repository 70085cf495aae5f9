"""Amounts of items on the run's basis, and the two beside it: allowed and standardized."""

from __future__ import annotations

import polars as pl

from episodes.building.context import Context


def columns_of_basis(context: Context) -> tuple[str, ...]:
    """The columns of a claim that its amount on the run's basis is made of."""
    basis = context.program.amount_basis
    add_ons = context.program.rules.construction.netted_add_ons.value
    return ("standardized_cents",) if basis == "standardized" else (f"{basis}_cents", "setting", *add_ons)


def columns_of_amounts(context: Context) -> tuple[str, ...]:
    """The columns of a claim that all its amounts are made of, outliers too."""
    construction = context.program.rules.construction
    outliers = ("outlier_cents", "standardized_outlier_cents")
    apart = outliers if construction.services.outlier.value == "by_days" else ()
    beside = ("allowed_cents", "standardized_cents", *construction.netted_add_ons.value)
    return tuple(dict.fromkeys((*columns_of_basis(context), *beside, *apart)))


def basis_amount(context: Context, *, line: bool) -> pl.Expr:
    """The amount of an item on the run's basis, null where the source has none."""
    basis = context.program.amount_basis
    if basis == "standardized":
        return pl.col("standardized_cents")
    return _netted(f"{basis}_cents", context, line=line)


def allowed_amount(context: Context, *, line: bool) -> pl.Expr:
    """The allowed amount of an item, add-ons netted as on the basis."""
    return _netted("allowed_cents", context, line=line)


def _netted(column: str, context: Context, *, line: bool) -> pl.Expr:
    """Allowed and paid amounts of hospital stays hold add-ons that the programme nets out."""
    if line:
        return pl.col(column)
    add_ons = context.program.rules.construction.netted_add_ons.value
    netted = pl.sum_horizontal([pl.lit(0, dtype=pl.Int64), *(pl.col(name) for name in add_ons)])
    of_stay = pl.col("setting").cast(pl.String) == "inpatient"
    return pl.col(column) - pl.when(of_stay).then(netted).otherwise(0)


def outlier_parts(context: Context) -> dict[str, pl.Expr]:
    """The outlier part of each amount of a stay (outlier, allowed_outlier, standardized_outlier): 0 where it stays in.

    It is told apart only where the programme splits it by itself; an outlier that is netted out is in no amount, and an
    amount that is missing has no parts.
    """
    construction = context.program.rules.construction
    apart = construction.services.outlier.value == "by_days"
    paid = pl.lit(0, dtype=pl.Int64)
    standardized = pl.lit(0, dtype=pl.Int64)
    if apart:
        standardized = pl.col("standardized_outlier_cents").fill_null(0)
        if "outlier_cents" not in construction.netted_add_ons.value:
            paid = pl.col("outlier_cents").fill_null(0)
    on_basis = standardized if context.program.amount_basis == "standardized" else paid
    parts = {
        "outlier": (on_basis, basis_amount(context, line=False)),
        "allowed_outlier": (paid, allowed_amount(context, line=False)),
        "standardized_outlier": (standardized, pl.col("standardized_cents")),
    }
    of_stay = pl.col("setting").cast(pl.String) == "inpatient"
    return {
        name: pl.when(of_stay & whole.is_not_null()).then(part).otherwise(0) for name, (part, whole) in parts.items()
    }
