"""How FHIR writes values, as expressions over text columns."""

from __future__ import annotations

import polars as pl

_UNKNOWN_DAY = r"^(?:0|1[0-7]|9999)"
"""Years that stand for an unknown day, such as 0999-12-27."""


def known_day(column: str) -> pl.Expr:
    """The day of a date or of a time with its zone, as text; null where it stands for an unknown day.

    >>> days = pl.DataFrame({"day": ["2015-04-01T00:00:00-04:00", "0999-12-27"]})
    >>> days.select(known_day("day"))["day"].to_list()
    ['2015-04-01', None]
    """
    return unless_unknown(pl.col(column).str.slice(0, 10))


def unless_unknown(day: pl.Expr) -> pl.Expr:
    """A day as text; null where it stands for an unknown one."""
    return pl.when(~day.str.contains(_UNKNOWN_DAY)).then(day)


def at_width(column: str, width: int) -> pl.Expr:
    """A code of digits at its full width; other codes as they are."""
    code = pl.col(column)
    return pl.when(code.str.contains(r"^\d+$")).then(code.str.zfill(width)).otherwise(code)
