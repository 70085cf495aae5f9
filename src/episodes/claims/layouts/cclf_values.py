"""How CCLF writes values, and the steps that every kind of its rows goes through, as expressions and frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from episodes.claims.casting import as_date
from episodes.claims.layouts.cclf_fields import CLAIM, DELIVERED, MBI, ORDER, PERSON, fields_read
from episodes.claims.layouts.values import cents, text
from episodes.claims.report import ReadingReport
from episodes.claims.versions import (
    ADJUSTMENT,
    CANCELLATION,
    KEYS,
    ORIGINAL,
    book_netted,
    latest_of,
    with_their_claims,
    without_repeated_rows,
)

SUPERSEDED = "superseded_by_later_delivery"
NOT_KNOWN = ("1000-01-01", "0001-01-01", "9999-12-31")
"""What stands for a date that is not known, or not yet."""

_CANCEL_ACCEPTED = "03"
_SIGNED_DIGITS = {sign: str(digit) for signs in ("{ABCDEFGHI", "}JKLMNOPQR") for digit, sign in enumerate(signs)}
_OVERPUNCH = r"^0*\d{1,16}[{}A-R]$"
_NEGATIVE = r"[}J-R]$"


def day(column: str) -> pl.Expr:
    """A date as text, null where it is not known.

    >>> pl.DataFrame({"d": ["2024-01-05", "9999-12-31"]}).select(day("d"))["d"].to_list()
    ['2024-01-05', None]
    """
    return pl.when(~text(column).is_in(NOT_KNOWN)).then(text(column))


def money(column: str) -> pl.Expr:
    """An amount as exact cents: text with sign and decimal point, or digits whose last carries the sign.

    >>> pl.DataFrame({"a": ["-12.50", "  7.00", "1234E", "50}", "12,5"]}).select(money("a"))["a"].to_list()
    [-1250, 700, 12345, -500, None]
    """
    zoned = text(column).str.contains(_OVERPUNCH)
    last = text(column).str.tail(1)
    digits = pl.concat_str(text(column).str.head(-1), last.replace_strict(_SIGNED_DIGITS, default=None))
    unsigned = digits.cast(pl.Int64, strict=False)
    return (
        pl.when(zoned)
        .then(pl.when(last.str.contains(_NEGATIVE)).then(-unsigned).otherwise(unsigned))
        .otherwise(cents(column))
    )


def not_money(column: str) -> pl.Expr:
    """True where something stands that is not an amount."""
    return text(column).is_not_null() & money(column).is_null()


def quantity(column: str) -> pl.Expr:
    """A quantity as text that casts to a number, whatever its sign."""
    return text(column).str.strip_prefix("+")


def kind_of_version(disposition: pl.Expr | None = None) -> pl.Expr:
    """Original, cancellation or adjustment; null for a code that is none of these.

    A blank is an original, unless the disposition says that a cancellation was accepted.
    """
    code = text("CLM_ADJSMT_TYPE_CD")
    number = code.str.strip_chars_start("0")
    cancelled = pl.lit(False) if disposition is None else (disposition == _CANCEL_ACCEPTED).fill_null(False)
    return (
        pl.when(code.is_null() & cancelled)
        .then(pl.lit(CANCELLATION))
        .when(code.is_null() | (number == ""))
        .then(pl.lit(ORIGINAL))
        .when(number == "1")
        .then(pl.lit(CANCELLATION))
        .when(number == "2")
        .then(pl.lit(ADJUSTMENT))
    )


def processed() -> pl.Expr:
    """The day a claim was processed, else the day it was loaded."""
    return pl.coalesce(as_date(day("CLM_EFCTV_DT")), as_date(day("CLM_IDR_LD_DT")))


def listed(columns: Sequence[str]) -> pl.Expr:
    """The codes of some columns as a list without blanks; null where all are blank."""
    codes = pl.concat_list([text(column) for column in columns]).list.drop_nulls()
    return pl.when(codes.list.len() > 0).then(codes)


def paid(rows: Mapping[str, pl.DataFrame], kind: str, column: str, table: str, report: ReadingReport) -> pl.DataFrame:
    """The rows of a kind with their keys and their payment, which is counted as what came into a table."""
    frame = keyed(rows, kind)
    report.read_amounts(table, frame, money(column), not_money(column))
    return frame.with_columns(paid_cents=money(column))


def keyed(rows: Mapping[str, pl.DataFrame], kind: str) -> pl.DataFrame:
    """The rows of a kind of file with their keys; none where the kind was not delivered."""
    empty = dict.fromkeys((PERSON, *(name for name in fields_read(kind) if name != MBI), ORDER, DELIVERED), pl.String)
    frame = rows.get(kind, pl.DataFrame(schema=empty))
    if CLAIM not in frame.columns:
        return frame.with_columns(beneficiary_id=text(PERSON))
    return frame.with_columns(beneficiary_id=text(PERSON), claim_id=text(CLAIM))


def once_each(rows: pl.DataFrame, key: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows without those that deliveries repeat, and of each key the one delivered last; and what was netted."""
    distinct = without_repeated_rows(rows, apart_from=[ORDER, DELIVERED])
    latest = latest_of(distinct.remaining, key=[*KEYS, *key], order=[ORDER], reason=SUPERSEDED)
    return latest.remaining, pl.concat([distinct.netted, latest.netted])


def attached(
    rows: pl.DataFrame,
    key: Sequence[str],
    *,
    what: str,
    table: str,
    claims: pl.DataFrame,
    netted: pl.DataFrame,
    report: ReadingReport,
) -> pl.DataFrame:
    """Rows that only add to claims: those of the claims given; all are counted in `table`.

    Rows of netted claims go with them, rows of no claim at all are set aside as `<what>_without_claim`.
    """
    latest, superseded = once_each(rows, key)
    book_netted(report, table, superseded)
    followed = with_their_claims(latest, remaining=claims, netted=netted)
    book_netted(report, table, followed.netted)
    known = claims.select(KEYS).unique()
    belonging = followed.remaining.join(known, on=KEYS, how="semi", maintain_order="left")
    lost = followed.remaining.join(known, on=KEYS, how="anti", maintain_order="left")
    report.table(table).take_up(f"{what}_of_claim", belonging.height)
    report.table(table).rows_in += lost.height
    report.set_aside(table, lost.select(*KEYS, reasons=pl.lit([f"{what}_without_claim"])))
    return belonging
