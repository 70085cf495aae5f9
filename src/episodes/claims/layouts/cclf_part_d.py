"""Drug events of CCLF (file 7): each row is a claim with one line, without amounts."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS
from episodes.claims.layouts.cclf_fields import DELIVERED, ORDER
from episodes.claims.layouts.cclf_revenue_lines import ClaimsAndLines
from episodes.claims.layouts.cclf_values import day, keyed, kind_of_version, processed, quantity
from episodes.claims.layouts.values import reasons, text
from episodes.claims.report import ReadingReport
from episodes.claims.versions import (
    CANCELLATION,
    KEYS,
    ORIGINAL,
    book_netted,
    latest_of,
    netted_rows,
    without_repeated_rows,
)

_NPI = "01"
_EVENT = (
    "CLM_LINE_FROM_DT",
    "PRVDR_SRVC_ID_QLFYR_CD",
    "CLM_SRVC_PRVDR_GNRC_ID_NUM",
    "CLM_DSPNSNG_STUS_CD",
    "CLM_LINE_RX_SRVC_RFRNC_NUM",
    "CLM_LINE_RX_FILL_NUM",
)
"""What the versions of a drug event have in common, beside the person; a blank is a value too."""


def part_d(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> ClaimsAndLines:
    """Drug events, the latest version of each.

    A delivery holds each event in final action; over deliveries the later version counts. An event whose latest version
    is a cancellation is none. Events without a prescription's reference number are told apart by claim number.
    """
    distinct = without_repeated_rows(keyed(rows, "CCLF7"), apart_from=[ORDER, DELIVERED])
    number = pl.coalesce(text("CLM_LINE_RX_SRVC_RFRNC_NUM"), pl.concat_str(pl.lit("claim "), "claim_id"))
    typed = distinct.remaining.with_columns(
        kind=kind_of_version(),
        processed=processed(),
        _event=pl.concat_str(
            [*(text(column).fill_null("") for column in _EVENT if "RFRNC" not in column), number], separator="\x1f"
        ),
    ).with_columns(reasons({"adjustment_type_unknown": pl.col("kind").is_null()}).alias(LAYOUT_REASONS))
    is_broken = pl.col(LAYOUT_REASONS).list.len() > 0
    broken = typed.filter(is_broken)
    turn = pl.when(pl.col("kind") == ORIGINAL).then(0).when(pl.col("kind") == CANCELLATION).then(1).otherwise(2)
    latest = latest_of(
        typed.filter(~is_broken).with_columns(_turn=turn),
        key=["beneficiary_id", "_event"],
        order=[ORDER, "processed", "_turn", "claim_id"],
        reason="earlier_version",
    )
    cancelled = latest.remaining.filter(pl.col("kind") == CANCELLATION)
    events = latest.remaining.filter(pl.col("kind") != CANCELLATION).drop("_turn")
    for netted in (distinct.netted, latest.netted, netted_rows(cancelled, "cancellation")):
        book_netted(report, "lines", netted)
    claims = (
        events.sort(*KEYS, "CLM_LINE_RX_FILL_NUM", maintain_order=True)
        .group_by(KEYS, maintain_order=True)
        .agg(
            setting=pl.lit("drug").first(),
            from_date=day("CLM_LINE_FROM_DT").min(),
            thru_date=day("CLM_LINE_FROM_DT").max(),
            facility_npi=pl.when(text("PRVDR_SRVC_ID_QLFYR_CD") == _NPI)
            .then(text("CLM_SRVC_PRVDR_GNRC_ID_NUM"))
            .first(),
            process_date=pl.col("processed").max(),
        )
    )
    return ClaimsAndLines(claims, pl.concat([_lines(events), _lines(broken)]))


def _lines(events: pl.DataFrame) -> pl.DataFrame:
    """A line an event; a claim number has one event, were it not for files that were put together otherwise."""
    return events.sort(*KEYS, "CLM_LINE_RX_SRVC_RFRNC_NUM", "CLM_LINE_RX_FILL_NUM", maintain_order=True).select(
        LAYOUT_REASONS,
        *KEYS,
        line_number=pl.int_range(1, pl.len() + 1).over(KEYS),
        service_date=day("CLM_LINE_FROM_DT"),
        service_thru=day("CLM_LINE_FROM_DT"),
        units=quantity("CLM_LINE_SRVC_UNIT_QTY"),
    )
