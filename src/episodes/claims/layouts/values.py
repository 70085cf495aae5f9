"""How text files write values: amounts, numbers and codes, as expressions over text columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

_AMOUNT = r"^[+-]?(?:0*\d{1,14}(?:\.\d{0,2})?|\.\d{1,2})$"
"""Dollars with at most two decimals, below a hundred trillion, so that sums of many stay exact; zero and negative
amounts are legal."""


_BETWEEN = "\x1f"
"""The unit separator: stands in no code."""


def text(column: str) -> pl.Expr:
    """The text without outer blanks; blank is null."""
    stripped = pl.col(column).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def cents(column: str) -> pl.Expr:
    """An amount in dollars as exact cents, by way of decimals; null where blank or not an amount.

    >>> pl.DataFrame({"paid": ["12000.00", "-0.5", "1.005"]}).select(cents("paid"))["paid"].to_list()
    [1200000, -50, None]
    """
    dollars = pl.when(text(column).str.contains(_AMOUNT)).then(text(column))
    return (dollars.cast(pl.Decimal(20, 2), strict=False) * 100).cast(pl.Int64, strict=False)


def not_an_amount(column: str) -> pl.Expr:
    """True where something stands that is not an amount."""
    return text(column).is_not_null() & cents(column).is_null()


def whole_number(column: str) -> pl.Expr:
    """A whole number, which may read `12` or `12.0`; null where blank or not one."""
    return text(column).str.replace(r"\.0+$", "").cast(pl.Int32, strict=False)


def numeric_code(column: str, width: int) -> pl.Expr:
    """A code of digits at its full width: `5` and `5.0` are `05`."""
    return text(column).str.replace(r"\.0+$", "").str.zfill(width)


def sum_of_given(parts: Iterable[pl.Expr]) -> pl.Expr:
    """The sum with blank parts as zero; null when every part is blank."""
    given = list(parts)
    return pl.when(pl.any_horizontal(part.is_not_null() for part in given)).then(
        pl.sum_horizontal(given, ignore_nulls=True)
    )


def numbers_of(family: str, columns: Iterable[str]) -> list[int]:
    """The n of the columns `<family>_n`: releases repeat a column a different number of times.

    >>> numbers_of("HCPCS_CD", ["HCPCS_CD_2", "HCPCS_CD_10", "CLM_ID"])
    [2, 10]
    """
    ends = (column.removeprefix(f"{family}_") for column in columns if column.startswith(f"{family}_"))
    return sorted(int(end) for end in ends if end.isdigit())


def codes(family: str, columns: Iterable[str]) -> pl.Expr:
    """The codes of a repeated column as a list without blanks.

    A blank first code stays as a null in front of others, so that no secondary code passes for the principal.
    """
    first, *others = (text(f"{family}_{n}") for n in numbers_of(family, columns))
    # Joined and split again, which is several times faster than making a list of many columns.
    joined = pl.concat_str([first.fill_null(""), *others], separator=_BETWEEN, ignore_nulls=True)
    place = pl.element()
    listed = joined.str.split(_BETWEEN).list.eval(pl.when(place != "").then(place))
    return pl.when(joined != "").then(listed).otherwise(pl.lit([], dtype=pl.List(pl.String)))


def reasons(failures: dict[str, pl.Expr]) -> pl.Expr:
    """The reason codes whose condition holds, as a list a row."""
    return pl.concat_list(
        [pl.when(broken).then(pl.lit(reason)) for reason, broken in failures.items()]
    ).list.drop_nulls()


def without_repeats(rows: pl.DataFrame, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """File rows met a second time word for word are dropped; keys that still repeat contradict each other.

    Returns the rows that remain, in their order, and the keys that contradict.
    """
    key = pl.struct(keys)
    repeated = rows.select(key.is_duplicated()).to_series()
    if not repeated.any():
        return rows, rows.select(keys).clear()
    marked = rows.with_row_index("_row")
    distinct = marked.filter(repeated).unique(subset=rows.columns, keep="first", maintain_order=True)
    contradicting = distinct.filter(key.is_duplicated()).select(keys).unique(maintain_order=True)
    kept = pl.concat([marked.filter(~repeated), distinct]).sort("_row").drop("_row")
    return kept, contradicting.drop_nulls()
