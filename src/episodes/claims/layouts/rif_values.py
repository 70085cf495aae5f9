"""How RIF files write values: each form of a `Field`, read into the contract and written back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from episodes.claims.layouts.rif_columns import Field, Fields, Form
from episodes.claims.layouts.values import cents, not_an_amount, numeric_code, text

_DAY = r"^\d{1,2}-[A-Za-z]{3}-\d{4}$"
_BETWEEN = "\x1f"
"""The unit separator: stands in no code."""


def reading(field: Field) -> pl.Expr:
    """The value of a column as the contract has it; dates and numbers stay text for the contract to cast."""
    return _READERS.get(field.form, text)(field.column)


def amount_failures(columns: Fields) -> dict[str, pl.Expr]:
    """Reason and condition for each amount that is not one."""
    return {
        f"{name}_not_an_amount": not_an_amount(field.column) for name, field in columns.items() if field.form == "cents"
    }


def day(column: str) -> pl.Expr:
    """A date `05-Feb-2016`, the month in any letter case, as `2016-02-05`; other texts as they stand.

    What is no date then reaches the contract as it was written, and is set aside there with a reason.

    >>> pl.DataFrame({"d": ["05-FEB-2016", "20160205", "31-Feb-2016"]}).select(day("d"))["d"].to_list()
    ['2016-02-05', '20160205', '31-Feb-2016']
    """
    given = text(column)
    named = pl.when(given.str.contains(_DAY)).then(given).str.to_date("%d-%b-%Y", strict=False)
    return pl.coalesce(named.dt.to_string("%Y-%m-%d"), given)


def _drg(column: str) -> pl.Expr:
    """Three digits: of four characters with a leading zero the last three, else the first three.

    >>> pl.DataFrame({"d": ["470", "0470", "6955", "82"]}).select(_drg("d"))["d"].to_list()
    ['470', '470', '695', '082']
    """
    code = text(column)
    return (
        pl.when(code.str.contains(r"^0\d{3}$"))
        .then(code.str.slice(1))
        .when(code.str.contains(r"^\d{3}[0-9A-Za-z]$"))
        .then(code.str.slice(0, 3))
        .otherwise(code.str.zfill(3))
    )


def _apc(column: str) -> pl.Expr:
    """Four digits where an APC stands with a leading zero; zeros alone are none; a HIPPS code as it is."""
    code = text(column)
    return pl.when(code.str.strip_chars("0") != "").then(code.str.replace(r"^0(\d{4})$", "$1"))


def _npi(column: str) -> pl.Expr:
    """Zeros alone stand for none."""
    return pl.when(text(column).str.strip_chars("0") != "").then(text(column))


def _two_digits(column: str) -> pl.Expr:
    return numeric_code(column, 2)


def revenue_center(column: str) -> pl.Expr:
    """Four digits: `651` is `0651`."""
    return numeric_code(column, 4)


_READERS: dict[Form, Callable[[str], pl.Expr]] = {
    "cents": cents,
    "day": day,
    "npi": _npi,
    "two_digits": _two_digits,
    "revenue_center": revenue_center,
    "drg": _drg,
    "apc": _apc,
}
"""Forms that are more than text."""


def listed(parts: Sequence[pl.Expr]) -> pl.Expr:
    """A list of the parts that are not null; an empty part is a null in the list.

    Parts are joined and split again, which is several times faster than making a list of many columns.
    """
    joined = pl.concat_str(parts, separator=_BETWEEN, ignore_nulls=True)
    place = pl.element()
    split = joined.str.split(_BETWEEN).list.eval(pl.when(place != "").then(place))
    any_text = joined.str.strip_chars(_BETWEEN) != ""
    return pl.when(any_text).then(split).otherwise(pl.lit([], dtype=pl.List(pl.String)))


def beside(codes: Sequence[pl.Expr], values: Sequence[pl.Expr]) -> list[pl.Expr]:
    """For `listed`: a value for each code that is given, empty where the value is blank."""
    return [pl.when(code.is_not_null()).then(value.fill_null("")) for code, value in zip(codes, values, strict=True)]


def writing(field: Field, name: str) -> pl.Expr:
    """A column of the contract as a RIF file writes it, blank where null."""
    value = pl.col(name)
    match field.form:
        case "cents":
            return dollars(value)
        case "day":
            return day_text(value)
        case "number":
            return plain_number(value)
        case "apc":
            return value.str.replace(r"^(\d{4})$", "0$1")
        case _:
            return value.cast(pl.String)


def dollars(amount: pl.Expr) -> pl.Expr:
    """Cents as dollars with two decimals.

    >>> pl.DataFrame({"c": [1200000, -5, None]}).select(dollars(pl.col("c")))["c"].to_list()
    ['12000.00', '-0.05', None]
    """
    return (amount.cast(pl.Decimal(20, 2)) / 100).cast(pl.String)


def day_text(date: pl.Expr) -> pl.Expr:
    """A date as `05-Feb-2016`."""
    return date.dt.to_string("%d-%b-%Y")


def plain_number(number: pl.Expr) -> pl.Expr:
    """A number as text, whole ones without a decimal point."""
    return number.cast(pl.String).str.replace(r"\.0+$", "")
