"""How IDR tables write values: dates that stand for none, numbers that grew a decimal, one-to-one rows."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from episodes.claims.layouts.values import text

NO_DATES = ("0001-01-01", "1000-01-01", "9999-12-31")
"""What stands where a date is not known, or has not come."""


def date_text(column: str) -> pl.Expr:
    """A date as text, for the contract to read: timestamps without their time, dates that stand for none as null.

    >>> dates = pl.DataFrame({"day": ["2024-05-01", "2024-05-01T08:30:00", "9999-12-31", "soon"]})
    >>> dates.select(date_text("day"))["day"].to_list()
    ['2024-05-01', '2024-05-01', None, 'soon']
    """
    day = text(column).str.replace(r"^(\d{4}-\d{2}-\d{2})[T ].*$", "$1")
    return pl.when(~day.is_in(NO_DATES)).then(day)


def number_text(column: str) -> pl.Expr:
    """An identifier of digits that an export may have written with a decimal: `1104867175.0` is `1104867175`."""
    return text(column).str.replace(r"^(\d+)\.0+$", "$1")


def first_given(*columns: str) -> pl.Expr:
    """The first of several identifier columns that is given."""
    return pl.coalesce(number_text(column) for column in columns)


def drg(column: str) -> pl.Expr:
    """A DRG with three digits: `8`, `008` and `0008` are `008`; zero is none.

    >>> pl.DataFrame({"drg": ["8", "0470", "000", "OTH"]}).select(drg("drg"))["drg"].to_list()
    ['008', '470', None, 'OTH']
    """
    code = number_text(column).str.replace(r"^0+(\d)", "$1")
    padded = pl.when(code.str.contains(r"^\d+$")).then(code.str.zfill(3)).otherwise(code)
    return pl.when(padded != "000").then(padded)


def one_row_each(rows: pl.DataFrame, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first row of every key, and the keys under which rows stand that differ."""
    distinct = rows.filter(pl.all_horizontal(pl.col(key).is_not_null() for key in keys)).unique(maintain_order=True)
    first = distinct.unique(subset=keys, keep="first", maintain_order=True)
    differing = distinct.filter(pl.struct(keys).is_duplicated()).select(keys).unique(maintain_order=True)
    return first, differing
