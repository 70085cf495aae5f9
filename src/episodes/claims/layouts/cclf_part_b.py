"""Professional and equipment claims of CCLF (files 5, 6 and B): rows are lines, claims are made of them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS
from episodes.claims.layouts.cclf_fields import DELIVERED, DEMONSTRATIONS, LINE_DIAGNOSES, ORDER
from episodes.claims.layouts.cclf_revenue_lines import ClaimsAndLines
from episodes.claims.layouts.cclf_values import (
    SUPERSEDED,
    attached,
    day,
    keyed,
    kind_of_version,
    listed,
    money,
    not_money,
    paid,
    processed,
    quantity,
)
from episodes.claims.layouts.denials import (
    DENIED,
    DENIED_CLAIMS_KEPT,
    DENIED_LINES_KEPT,
    carrier_denied,
    line_denied,
)
from episodes.claims.layouts.payable_lines import SUM_OF_LINES
from episodes.claims.layouts.values import numeric_code, reasons, text
from episodes.claims.report import ReadingReport, paid_sum
from episodes.claims.versions import (
    ADJUSTMENT,
    KEYS,
    NETTED_SCHEMA,
    Resolved,
    book_netted,
    final_action,
    latest_of,
    netted_rows,
    without_repeated_rows,
)

SETTINGS = {"71": "professional", "72": "professional", "81": "dme", "82": "dme"}
"""Claim type to setting."""

_PAID = "CLM_LINE_CVRD_PD_AMT"
_MODIFIERS = [f"HCPCS_{n}_MDFR_CD" for n in range(1, 6)]
_VERSION = [*KEYS, "kind"]


def part_b(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> ClaimsAndLines:
    """Professional and equipment claims in final action, with their lines."""
    physicians, equipment = (paid(rows, kind, _PAID, "lines", report) for kind in ("CCLF5", "CCLF6"))
    raw = pl.concat([physicians, _like_physicians(equipment)], how="diagonal")
    lines = _typed_lines(raw)
    book_netted(report, "lines", lines.netted)
    broken = lines.remaining.filter(pl.col(LAYOUT_REASONS).list.len() > 0)
    readable = lines.remaining.filter(pl.col(LAYOUT_REASONS).list.len() == 0)
    final = _final_lines(readable)
    book_netted(report, "lines", final.netted)
    kept = _without_denied(final.remaining, report)
    supplements = attached(
        keyed(rows, "CCLFB"),
        ["CLM_LINE_NUM"],
        what="supplement",
        table="lines",
        claims=pl.concat([kept.select(KEYS), broken.select(KEYS)]),
        netted=pl.concat([lines.netted, final.netted, _denied_claims(final.remaining, kept)]),
        report=report,
    )
    report.tally(
        "lines with another primary payer, whose payment is not delivered",
        kept.filter(text("CLM_LINE_PRMRY_PYR_CD").is_not_null()).height,
    )
    report.table("claims").add_cents(SUM_OF_LINES, paid_sum(kept))
    return ClaimsAndLines(_claims_of(kept, supplements), pl.concat([kept, broken]).select(_canonical()))


def _like_physicians(rows: pl.DataFrame) -> pl.DataFrame:
    """Equipment rows under the names of the physician file; who was paid stands for who rendered."""
    return rows.rename({"CLM_PRMRY_PYR_CD": "CLM_LINE_PRMRY_PYR_CD"}).with_columns(
        CLM_RNDRG_PRVDR_NPI_NUM=pl.coalesce(text("CLM_BLG_PRVDR_NPI_NUM"), text("PAYTO_PRVDR_NPI_NUM"))
    )


def _typed_lines(raw: pl.DataFrame) -> Resolved:
    """Lines delivered last, with what their versions are told by, and the reasons why some cannot be read."""
    distinct = without_repeated_rows(raw, apart_from=[ORDER, DELIVERED])
    number = text("CLM_LINE_NUM").cast(pl.Int64, strict=False)
    failures = {
        "claim_type_unknown": pl.col("setting").is_null(),
        "adjustment_type_unknown": pl.col("kind").is_null(),
        "line_number_not_a_number": number.is_null() & text("CLM_LINE_NUM").is_not_null(),
        "paid_amount_not_an_amount": not_money(_PAID),
        "allowed_amount_not_an_amount": not_money("CLM_LINE_ALOWD_CHRG_AMT"),
    }
    typed = distinct.remaining.with_columns(
        setting=numeric_code("CLM_TYPE_CD", 2).replace_strict(SETTINGS, default=None),
        kind=kind_of_version(text("CLM_DISP_CD")),
        processed=processed(),
        line_number=number,
        allowed_cents=money("CLM_LINE_ALOWD_CHRG_AMT"),
    ).with_columns(reasons(failures).alias(LAYOUT_REASONS))
    latest = latest_of(typed, key=[*_VERSION, "line_number"], order=[ORDER], reason=SUPERSEDED)
    return Resolved(latest.remaining, pl.concat([distinct.netted, latest.netted]))


def _final_lines(lines: pl.DataFrame) -> Resolved:
    """Lines of claims in final action. A version is all lines of a claim number under one adjustment type."""
    control = pl.coalesce(
        text("CLM_CNTL_NUM"), pl.concat_str(day("CLM_FROM_DT"), day("CLM_THRU_DT"), separator=" ", ignore_nulls=True)
    )
    versions = (
        lines.select(*_VERSION, "processed", ORDER, "paid_cents", "allowed_cents", _control=control)
        .group_by(_VERSION, maintain_order=True)
        .agg(
            pl.col("_control").first(),
            pl.col("processed", ORDER).max(),
            _paid=pl.col("paid_cents").sum().abs(),
            _allowed=pl.col("allowed_cents").sum().abs(),
        )
    )
    resolved = final_action(versions, related=["_control"], equal=["_paid", "_allowed"], delivered=ORDER)
    single = latest_of(
        resolved.remaining.with_columns(_adjusts=pl.col("kind") == ADJUSTMENT),
        key=KEYS,
        order=["processed", "_adjusts", ORDER],
        reason="replaced_by_adjustment",
    )
    replaced = resolved.remaining.join(
        single.remaining, on=_VERSION, how="anti", nulls_equal=True, maintain_order="left"
    )
    fate = pl.concat(
        [
            resolved.netted,
            replaced.select(
                *KEYS,
                reason=pl.lit("replaced_by_adjustment"),
                against_claim_id=pl.col("claim_id"),
                paid_cents=pl.lit(None, dtype=pl.Int64),
                kind=pl.col("kind"),
            ),
        ]
    )
    # Each line goes with its own amount, not with that of its version.
    gone = lines.select(*_VERSION, "paid_cents").join(
        fate.drop("paid_cents"), on=_VERSION, how="inner", nulls_equal=True, maintain_order="left"
    )
    remaining = lines.join(
        single.remaining.select(_VERSION), on=_VERSION, how="semi", nulls_equal=True, maintain_order="left"
    )
    return Resolved(remaining, gone.select(NETTED_SCHEMA.keys()))


def _without_denied(lines: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Lines that were not denied, neither themselves nor with their claim. A denial beside a payment denies nothing."""
    unpaid = pl.col("paid_cents").fill_null(0) == 0
    judged = lines.with_columns(
        _claim_denied=carrier_denied("CLM_CARR_PMT_DNL_CD").any().over(KEYS),
        _claim_unpaid=unpaid.all().over(KEYS),
        _line_denied=line_denied("CLM_PRCSG_IND_CD"),
    )
    denied = (pl.col("_claim_denied") & pl.col("_claim_unpaid")) | (pl.col("_line_denied") & unpaid)
    doubtful = judged.filter(pl.col("_claim_denied") & ~pl.col("_claim_unpaid"))
    report.tally(DENIED_CLAIMS_KEPT, doubtful.select(KEYS).unique().height)
    report.tally(DENIED_LINES_KEPT, judged.filter(pl.col("_line_denied") & ~unpaid).height)
    book_netted(report, "lines", netted_rows(judged.filter(denied), DENIED))
    return judged.filter(~denied).select(lines.columns)


def _denied_claims(lines: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Claims of which no line is left."""
    gone = (
        lines.select(KEYS)
        .unique(maintain_order=True)
        .join(kept.select(KEYS), on=KEYS, how="anti", nulls_equal=True, maintain_order="left")
    )
    return netted_rows(gone, DENIED)


def _claims_of(lines: pl.DataFrame, supplements: pl.DataFrame) -> pl.DataFrame:
    """A claim for each claim number of the lines."""
    demonstrations = (
        supplements.select(*KEYS, code=listed(DEMONSTRATIONS))
        .explode("code")
        .drop_nulls("code")
        .group_by(KEYS, maintain_order=True)
        .agg(demonstration_codes=pl.col("code").unique().sort())
    )
    ordered = lines.select(
        *KEYS,
        "setting",
        "line_number",
        "processed",
        "paid_cents",
        "allowed_cents",
        from_date=day("CLM_FROM_DT"),
        thru_date=day("CLM_THRU_DT"),
    ).sort("line_number", nulls_last=True, maintain_order=True)
    first_lines = lines.sort("line_number", nulls_last=True, maintain_order=True).unique(
        subset=KEYS, keep="first", maintain_order=True
    )
    return (
        ordered.group_by(KEYS, maintain_order=True)
        .agg(
            pl.col("setting").first(),
            pl.col("from_date").min(),
            pl.col("thru_date").max(),
            process_date=pl.col("processed").max(),
            paid_cents=_total("paid_cents"),
            allowed_cents=_total("allowed_cents"),
        )
        .join(first_lines.select(*KEYS, diagnoses=_diagnoses()), on=KEYS, how="left", maintain_order="left")
        .join(demonstrations, on=KEYS, how="left", maintain_order="left")
    )


def _diagnoses() -> pl.Expr:
    """The claim's codes as a list; a blank first one stays as a null, so that no other passes for the principal."""
    first, *others = (text(column).str.replace_all(".", "", literal=True) for column in LINE_DIAGNOSES)
    rest = pl.concat_list(others).list.drop_nulls()
    return pl.when(first.is_not_null() | (rest.list.len() > 0)).then(pl.concat_list(pl.concat_list(first), rest))


def _total(column: str) -> pl.Expr:
    """The sum of a claim's lines; null when none has an amount."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum())


def _canonical() -> list[pl.Expr]:
    return [
        *(pl.col(column) for column in (LAYOUT_REASONS, *KEYS, "line_number", "paid_cents", "allowed_cents")),
        day("CLM_LINE_FROM_DT").alias("service_date"),
        day("CLM_LINE_THRU_DT").alias("service_thru"),
        text("CLM_LINE_HCPCS_CD").alias("hcpcs"),
        listed(_MODIFIERS).alias("modifiers"),
        text("CLM_POS_CD").alias("place_of_service"),
        pl.coalesce(text("CLM_RNDRG_PRVDR_NPI_NUM"), text("RNDRG_PRVDR_NPI_NUM")).alias("rendering_npi"),
        text("CLM_RNDRG_PRVDR_TAX_NUM").alias("tin"),
        text("CLM_PRVDR_SPCLTY_CD").alias("specialty"),
        quantity("CLM_LINE_SRVC_UNIT_QTY").alias("units"),
        text("CLM_LINE_DGNS_CD").str.replace_all(".", "", literal=True).alias("diagnosis"),
    ]
