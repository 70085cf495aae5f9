"""How Tuva tables write values: dates with or without a time, amounts with more decimals than cents, yes and no."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from episodes.claims.layouts.values import text

_YES = ("1", "1.0", "true", "t", "y", "yes")


def day(column: str) -> pl.Expr:
    """A date as text, for the contract to read; a time behind it is dropped.

    >>> pl.DataFrame({"day": ["2024-05-01 00:00:00", "soon"]}).select(day("day"))["day"].to_list()
    ['2024-05-01', 'soon']
    """
    return text(column).str.replace(r"^(\d{4}-\d{2}-\d{2})[T ].*$", "$1")


def without_trailing_zeros(columns: Iterable[str]) -> list[pl.Expr]:
    """Amounts whose decimals beyond the cents are zero, as a warehouse exports them, without these.

    >>> pl.DataFrame({"paid": ["12.3400", "12.345", "7"]}).select(without_trailing_zeros(["paid"]))["paid"].to_list()
    ['12.34', '12.345', '7']
    """
    return [text(column).str.replace(r"^([+-]?\d*\.\d{2})0+$", "$1").alias(column) for column in columns]


def digits(column: str, width: int) -> pl.Expr:
    """A code of digits at its full width; other codes as they stand."""
    code = number_text(column)
    return pl.when(code.str.contains(r"^\d+$")).then(code.str.zfill(width)).otherwise(code)


def number_text(column: str) -> pl.Expr:
    """An identifier that an export may have written with a decimal."""
    return text(column).str.replace(r"^(\d+)\.0+$", "$1")


def yes(column: str) -> pl.Expr:
    """True where a flag is set."""
    return text(column).str.to_lowercase().is_in(_YES).fill_null(False)
