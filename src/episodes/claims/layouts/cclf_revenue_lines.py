"""Revenue lines of CCLF facility claims (file 2), and how the money of an outpatient claim comes to its lines."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS
from episodes.claims.layouts.cclf_values import day, listed, not_money, once_each, quantity
from episodes.claims.layouts.outpatient_payments import LINE_MADE, ON_FIRST_LINE, PAYMENT_OF_CLAIM
from episodes.claims.layouts.payable_lines import PAID_BY_CLAIM, TOTAL_LINE, total_line
from episodes.claims.layouts.values import numeric_code, reasons, sum_of_given, text
from episodes.claims.report import ReadingReport, paid_sum
from episodes.claims.versions import KEYS, book_netted, netted_rows, with_their_claims

LINES_REPLACED = "outpatient claims whose lines do not add up to their payment: booked on the first line"
_MODIFIERS = [f"HCPCS_{n}_MDFR_CD" for n in range(1, 6)]


class ClaimsAndLines(NamedTuple):
    """Canonical claims and lines, not yet brought to the types of the contract."""

    claims: pl.DataFrame
    lines: pl.DataFrame


def revenue_lines(
    rows: pl.DataFrame,
    headers: pl.DataFrame,
    *,
    with_claims: pl.DataFrame,
    netted: pl.DataFrame,
    report: ReadingReport,
) -> pl.DataFrame:
    """Canonical lines of the claims in final action.

    Args:
        rows: rows of CCLF2 with their keys.
        headers: the claims in final action, with `setting`, `paid_cents` and `allowed_cents`.
        with_claims: claims that are set aside; their lines are left to the contract, which sets them aside too.
        netted: what was netted among the claims; their lines go with them.
        report: gets the counts.
    """
    latest, superseded = once_each(rows, ["CLM_LINE_NUM"])
    followed = with_their_claims(
        latest, remaining=pl.concat([headers.select(KEYS), with_claims.select(KEYS)]), netted=netted
    )
    is_total = total_line(numeric_code("CLM_LINE_PROD_REV_CTR_CD", 4), text("CLM_LINE_HCPCS_CD"))
    total = followed.remaining.filter(is_total)
    book_netted(report, "lines", pl.concat([superseded, followed.netted, netted_rows(total, TOTAL_LINE)]))
    number = text("CLM_LINE_NUM").cast(pl.Int64, strict=False)
    failures = {
        "line_number_not_a_number": number.is_null() & text("CLM_LINE_NUM").is_not_null(),
        "paid_amount_not_an_amount": not_money("CLM_LINE_CVRD_PD_AMT"),
    }
    lines = followed.remaining.filter(~is_total).with_columns(
        reasons(failures).alias(LAYOUT_REASONS), line_number=number
    )
    outpatient = headers.filter(setting="outpatient").select(
        *KEYS, _paid="paid_cents", _share=pl.col("allowed_cents") - pl.col("paid_cents").fill_null(0)
    )
    of_outpatient = lines.join(outpatient.select(KEYS), on=KEYS, how="semi", maintain_order="left")
    by_claim = headers.filter(pl.col("setting") != "outpatient").select(*KEYS, _by_claim=pl.lit(True)).unique()
    # Settings paid by claim: the payment of a line is part of the claim's, or none.
    others = lines.join(outpatient.select(KEYS), on=KEYS, how="anti", maintain_order="left").join(
        by_claim, on=KEYS, how="left", maintain_order="left"
    )
    report.table("lines").net_cents(PAID_BY_CLAIM, paid_sum(others.filter("_by_claim")))
    others = others.with_columns(paid_cents=pl.when(pl.col("_by_claim").is_null()).then("paid_cents"))
    return pl.concat(
        [
            others.select(*_canonical(), "paid_cents"),
            _with_money(of_outpatient, outpatient, report).select(
                *_canonical(), "allowed_cents", "paid_cents", apc=_apc()
            ),
            _bare_lines(outpatient, of_outpatient, report),
        ],
        how="diagonal",
    )


def _with_money(lines: pl.DataFrame, claims: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Outpatient lines with their amounts.

    Payments of lines hold where they add up to the claim's; else they are no payments, and the claim's is booked on
    its first line. So is the beneficiary's share, which is delivered by claim only. Source: the information packet,
    section 3.5.
    """
    readable = pl.col(LAYOUT_REASONS).list.len() == 0
    marked = lines.join(claims, on=KEYS, how="left", maintain_order="left").with_columns(
        _sum=pl.col("paid_cents").filter(readable).sum().over(KEYS),
        _first=pl.col("line_number").filter(readable).min().over(KEYS) == pl.col("line_number"),
    )
    by_claim = (pl.col("_sum") != pl.col("_paid")).fill_null(False)
    first = pl.col("_first").fill_null(False) & readable
    unlike = marked.filter(by_claim).unique(subset=KEYS).select((pl.col("_sum") == 0).alias("none"))
    for none, what in ((True, ON_FIRST_LINE), (False, LINES_REPLACED)):
        report.tally(what, unlike.filter(pl.col("none") == none).height)
    replaced = marked.filter(by_claim)
    counts = report.table("lines")
    counts.net_cents("replaced_by_payment_of_claim", paid_sum(replaced))
    counts.add_cents(PAYMENT_OF_CLAIM, paid_sum(replaced.filter(first), pl.col("_paid")))
    share = pl.when(pl.col("_share") != 0).then(pl.col("_share"))
    return marked.with_columns(
        paid_cents=pl.when(~by_claim)
        .then(pl.col("paid_cents"))
        .otherwise(pl.when(first).then(pl.col("_paid")).otherwise(0))
    ).with_columns(
        allowed_cents=pl.when(first).then(sum_of_given([pl.col("paid_cents"), share])).otherwise(pl.col("paid_cents"))
    )


def _apc() -> pl.Expr:
    """The four digits of an APC, which may be written with five; none where it reads zero."""
    given = text("CLM_REV_APC_HIPPS_CD")
    return pl.when(given.str.strip_chars_start("0") != "").then(given.str.replace(r"^0(\d{4})$", "$1"))


def _bare_lines(claims: pl.DataFrame, lines: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """A line for each outpatient claim that has an amount and no line to carry it; undated, so it triggers nothing."""
    allowed = sum_of_given([pl.col("_paid"), pl.col("_share")])
    readable = lines.filter((pl.col(LAYOUT_REASONS).list.len() == 0) & pl.col("line_number").is_not_null())
    bare = claims.filter((pl.col("_paid") != 0) | (allowed != 0)).join(
        readable.select(KEYS), on=KEYS, how="anti", maintain_order="left"
    )
    report.tally(LINE_MADE, bare.height)
    report.table("lines").add_cents(PAYMENT_OF_CLAIM, paid_sum(bare, pl.col("_paid")))
    return bare.select(*KEYS, line_number=pl.lit(1, pl.Int64), paid_cents=pl.col("_paid"), allowed_cents=allowed)


def _canonical() -> list[pl.Expr]:
    return [
        *(pl.col(column) for column in (LAYOUT_REASONS, *KEYS)),
        pl.col("line_number"),
        pl.coalesce(day("CLM_LINE_FROM_DT"), day("CLM_LINE_INSTNL_REV_CTR_DT")).alias("service_date"),
        day("CLM_LINE_THRU_DT").alias("service_thru"),
        text("CLM_LINE_HCPCS_CD").alias("hcpcs"),
        listed(_MODIFIERS).alias("modifiers"),
        numeric_code("CLM_LINE_PROD_REV_CTR_CD", 4).alias("revenue_center"),
        quantity("CLM_LINE_SRVC_UNIT_QTY").alias("units"),
    ]
