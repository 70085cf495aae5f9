"""The payment of an outpatient claim whose lines carry none: booked on its first line, or on a line made for it.

Bills that are not priced line by line (critical access hospitals, clinics) state their payment on the claim alone,
while the contract has the money of an outpatient claim on its lines.
"""

from __future__ import annotations

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS
from episodes.claims.report import ReadingReport, paid_sum
from episodes.claims.versions import KEYS

PAYMENT_OF_CLAIM = "payment_of_claim"
"""Why an amount of the claims is booked on the lines."""
ON_FIRST_LINE = "outpatient claims without payments on their lines, booked on their first line"
LINES_DIFFER = "outpatient claims whose lines sum to another payment than the claim's, lines kept"
LINE_MADE = "outpatient claims without lines: one was made for the payment"

_AMOUNTS = ("allowed_cents", "paid_cents", "primary_payer_paid_cents")


def with_payments_of_claims(claims: pl.DataFrame, lines: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """The lines with the amounts of claims whose lines carry no payment.

    What else differs between a claim and its lines is left as it stands, and counted. A claim that is set aside, or one
    of whose lines is, keeps its lines as they are, for what was paid on them is not known. A line that is made has no
    date, so it triggers nothing.

    Args:
        claims: outpatient claims, one row a claim, in columns of the contract.
        lines: lines, also those of other claims.
        report: gets the doubts, and the cents that are booked on lines.
    """
    readable = pl.col(LAYOUT_REASONS).list.len() == 0
    own = claims.unique(subset=KEYS, keep="none", maintain_order=True).filter(readable)
    priced = lines.group_by(KEYS, maintain_order=True).agg(
        _of_lines=pl.col("paid_cents").sum(), _any=(pl.col("paid_cents") != 0).any(), _readable=readable.all()
    )
    compared = own.select(*KEYS, *(pl.col(amount).alias(f"_{amount}") for amount in _AMOUNTS)).join(
        priced, on=KEYS, how="left", maintain_order="left"
    )
    paid = pl.col("_paid_cents").fill_null(0)
    has_lines = pl.col("_of_lines").is_not_null()
    differing = has_lines & pl.col("_any") & (pl.col("_of_lines") != paid)
    whole = compared.filter(has_lines & pl.col("_readable") & ~pl.col("_any") & (paid != 0))
    bare = compared.filter(~has_lines & ((paid != 0) | (pl.col("_allowed_cents") != 0).fill_null(False)))
    report.tally(LINES_DIFFER, compared.filter(differing).height)
    report.tally(ON_FIRST_LINE, whole.height)
    report.tally(LINE_MADE, bare.height)
    for claims_paid in (whole, bare):
        report.table("lines").add_cents(PAYMENT_OF_CLAIM, paid_sum(claims_paid, pl.col("_paid_cents")))
    made = bare.select(
        *KEYS,
        *(pl.col(f"_{amount}").alias(amount) for amount in _AMOUNTS),
        line_number=pl.lit("1").cast(lines.schema["line_number"]),
    )
    return pl.concat(
        [_booked(lines, whole), made.cast({name: lines.schema[name] for name in _AMOUNTS})], how="diagonal"
    )


def _booked(lines: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    if whole.is_empty():
        return lines
    number = pl.col("line_number").cast(pl.Int32, strict=False).fill_null(pl.Int32.max())
    first = pl.int_range(pl.len()).over(KEYS) == number.arg_min().over(KEYS)
    amounts = whole.select(*KEYS, *(f"_{amount}" for amount in _AMOUNTS), _whole=pl.lit(True))
    return (
        lines.with_columns(_first=first)
        .join(amounts, on=KEYS, how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("_whole") & pl.col("_first"))
            .then(pl.col(f"_{amount}"))
            .when("_whole")
            .then(pl.lit(0, dtype=pl.Int64))
            .otherwise(pl.col(amount))
            .alias(amount)
            for amount in _AMOUNTS
        )
        .select(lines.columns)
    )
