"""Checks of what callers hand to functions: whole cents, numbers in range, columns that are there.

The small public functions take plain numbers; these checks turn them into exact ones or say what is wrong.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from episodes.errors import ArgumentError, ContractError, count_of
from episodes.money import exact

if TYPE_CHECKING:
    import polars as pl


def whole_cents(name: str, value: Any, *, minimum: int | None = None) -> int:
    """A whole number of cents (or a count), as a plain int.

    >>> whole_cents("target_cents", 5)
    5
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(
            f"{name} must be a whole number, not a {type(value).__name__}. Money is given in whole cents."
        ) from None
    if minimum is not None and number < minimum:
        raise ArgumentError(f"{name} must be {minimum} or more.")
    return number


def day(name: str, value: Any) -> dt.date:
    """A date, given as one or as YYYY-MM-DD text; a moment counts as its date.

    >>> day("as_of", "2026-12-31")
    datetime.date(2026, 12, 31)
    """
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name} is a date or YYYY-MM-DD; given: {value!r}.") from None


def exact_in_range(name: str, value: Any, minimum: int | None = None, maximum: int | None = None) -> Fraction:
    """A rate, score or percentile as an exact fraction, within its limits (both included).

    >>> exact_in_range("discount", 0.02, 0, 1)
    Fraction(1, 50)
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = exact(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{name} must be a number, not a {type(value).__name__}.") from None
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        limits = f"{minimum} or more" if maximum is None else f"from {minimum} to {maximum}"
        raise ArgumentError(f"{name} must be {limits}. Shares are fractions, percentiles run from 0 to 100.")
    return number


def exact_factor(name: str, value: Any) -> Fraction:
    """A multiplier as an exact fraction: above zero."""
    number = exact_in_range(name, value, 0)
    if number == 0:
        raise ArgumentError(f"{name} must be above 0.")
    return number


def true_or_false(name: str, value: Any) -> bool:
    """A flag as a plain bool; those of numpy are taken, numbers are not.

    >>> true_or_false("quality_met", True)
    True
    """
    if not isinstance(value, bool) and getattr(getattr(value, "dtype", None), "kind", None) != "b":
        raise ArgumentError(f"{name} is true or false, not a {type(value).__name__}.")
    return bool(value)


def frame_of(name: str, given: Any) -> pl.DataFrame:
    """A table as a frame: also from a mapping of columns, a list of rows, or a lazy frame.

    >>> frame_of("measures", [{"measure": "psi_90", "percentile": 60}]).columns
    ['measure', 'percentile']
    """
    import polars as pl

    if isinstance(given, pl.DataFrame):
        return given
    if isinstance(given, pl.LazyFrame):
        return given.collect()
    if isinstance(given, Mapping) or (
        isinstance(given, list | tuple) and all(isinstance(row, Mapping) for row in given)
    ):
        try:
            return pl.DataFrame(given, strict=False, infer_schema_length=None)
        except (pl.exceptions.PolarsError, TypeError, ValueError):
            raise ArgumentError(f"{name} cannot be read as a table: its columns differ in length or kind.") from None
    raise ArgumentError(f"{name} is a table (a polars frame, or a list of rows), not a {type(given).__name__}.")


def with_columns(
    frame: pl.DataFrame,
    table: str,
    required: Iterable[str],
    optional: Mapping[str, pl.DataType | type[pl.DataType]] | None = None,
) -> pl.DataFrame:
    """The frame with its optional columns filled in as null; a missing required column is an error."""
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise ContractError(
            f"The {table} table lacks {count_of(len(missing), 'column')}: {', '.join(missing)}. "
            "Add them, or hand in the table as the claims contract has it."
        )
    import polars as pl

    absent = {name: dtype for name, dtype in (optional or {}).items() if name not in frame.columns}
    return frame.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in absent.items())
