"""SynPUF claims and lines: facility rows join their continuations, carrier rows unfold into lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date, repeats_in
from episodes.claims.layouts.outpatient_payments import PAYMENT_OF_CLAIM
from episodes.claims.layouts.synpuf_people import CLAIM, KEYS, PERSON
from episodes.claims.layouts.values import (
    cents,
    codes,
    not_an_amount,
    numbers_of,
    reasons,
    sum_of_given,
    text,
    whole_number,
    without_repeats,
)
from episodes.claims.report import ReadingReport, paid_sum


class ClaimsAndLines(NamedTuple):
    """Canonical claims and lines, not yet brought to the types of the contract."""

    claims: pl.DataFrame
    lines: pl.DataFrame


@dataclass(frozen=True)
class FacilityAmounts:
    """Columns of the parts of the allowed amount of a facility claim, beside the payment itself."""

    deductible: str
    coinsurance: str
    blood_deductible: str = "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM"
    primary_payer: str = "NCH_PRMRY_PYR_CLM_PD_AMT"

    @property
    def by_meaning(self) -> dict[str, str]:
        """Meaning to column."""
        return dict(vars(self))


PAYMENT = "CLM_PMT_AMT"
INPATIENT_AMOUNTS = FacilityAmounts("NCH_BENE_IP_DDCTBL_AMT", "NCH_BENE_PTA_COINSRNC_LBLTY_AM")
OUTPATIENT_AMOUNTS = FacilityAmounts("NCH_BENE_PTB_DDCTBL_AMT", "NCH_BENE_PTB_COINSRNC_AMT")

CARRIER_LINE_CODES = ("HCPCS_CD", "PRF_PHYSN_NPI", "TAX_NUM", "LINE_ICD9_DGNS_CD")
CARRIER_LINE_AMOUNTS = {
    "paid": "LINE_NCH_PMT_AMT",
    "allowed": "LINE_ALOWD_CHRG_AMT",
    "primary_payer": "LINE_BENE_PRMRY_PYR_PD_AMT",
}
CARRIER_INDICATOR = "LINE_PRCSG_IND_CD"
CARRIER_SHARES = ("LINE_BENE_PTB_DDCTBL_AMT", "LINE_COINSRNC_AMT")
"""Indicator and beneficiary's shares of a line: read only to see whether the line exists."""

NOT_A_DRG = "OTH"
"""What the inpatient file writes where it withholds the DRG."""


def inpatient(rows: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Inpatient claims; the payment is set for the whole claim, so there are no lines."""
    segments = _join_segments(rows, report)
    drg = text("CLM_DRG_CD")
    withheld = segments.claims.filter(drg == NOT_A_DRG).height
    report.tally(f"inpatient claims with the DRG withheld ({NOT_A_DRG}), kept without a DRG", withheld)
    stay = {
        "admission_date": text("CLM_ADMSN_DT"),
        "discharge_date": text("NCH_BENE_DSCHRG_DT"),
        "ms_drg": pl.when(drg != NOT_A_DRG).then(drg),
    }
    return pl.concat(
        [
            segments.claims.select(**_facility_claim("inpatient", segments.claims, INPATIENT_AMOUNTS), **stay),
            _rows_set_aside("inpatient", segments.set_aside),
        ],
        how="diagonal",
    )


def outpatient(rows: pl.DataFrame, report: ReadingReport) -> ClaimsAndLines:
    """Outpatient claims, with a line for each procedure code.

    The file has one payment a claim. All of it is booked on the claim's first line, so that every cent is on
    a payable item. The file has no line dates either: a claim of several days has lines without a date, which
    therefore trigger nothing.
    """
    segments = _join_segments(rows, report)
    claims = segments.claims.select(
        "_claim",
        _one_day=_day_when_from_is_thru(),
        **_facility_claim("outpatient", segments.claims, OUTPATIENT_AMOUNTS),
    )
    lines = (
        _procedure_lines(segments, claims)
        .join(claims, on="_claim", how="left", maintain_order="left")
        .with_columns(_first=pl.col("line_number") == pl.col("line_number").min().over("_claim"))
        .select(
            "beneficiary_id",
            "claim_id",
            "line_number",
            "hcpcs",
            service_date=pl.col("_one_day"),
            **{
                amount: pl.when("_first").then(pl.col(amount)).otherwise(pl.lit(0, dtype=pl.Int64))
                for amount in ("allowed_cents", "paid_cents", "primary_payer_paid_cents")
            },
        )
    )
    report.table("lines").read_amounts(0)
    report.table("lines").add_cents(PAYMENT_OF_CLAIM, paid_sum(claims))
    accepted = claims.drop("_claim", "_one_day")
    set_aside = _rows_set_aside("outpatient", segments.set_aside)
    return ClaimsAndLines(pl.concat([accepted, set_aside], how="diagonal"), lines)


def carrier(rows: pl.DataFrame, report: ReadingReport) -> ClaimsAndLines:
    """Professional claims, with the lines that have anything in them.

    Line processing indicators are synthetic noise (payments stand beside denial codes): amounts count as they
    stand. The file has no line dates: a line is dated where its claim is of one day. It has no claim payment.
    """
    kept, contradicting = without_repeats(rows, KEYS)
    report.table("claims").take_up("exact_duplicate", rows.height - kept.height)
    _count_carrier_amounts(rows, repeats_in(rows) if kept.height < rows.height else rows.clear(), report)
    accepted = kept.join(contradicting, on=KEYS, how="anti", maintain_order="left").with_row_index("_claim")
    claims = accepted.select(
        beneficiary_id=text(PERSON),
        claim_id=text(CLAIM),
        setting=pl.lit("professional"),
        from_date=text("CLM_FROM_DT"),
        thru_date=text("CLM_THRU_DT"),
        diagnoses=codes("ICD9_DGNS_CD", rows.columns),
    )
    set_aside = kept.join(contradicting, on=KEYS, how="semi", maintain_order="left").with_columns(
        pl.lit(["duplicate_key"]).alias(LAYOUT_REASONS)
    )
    report.table("lines").quarantine_cents("claim_quarantined", sum(_carrier_payments(set_aside)))
    dated = accepted.with_columns(_one_day=_day_when_from_is_thru())
    lines = pl.concat([_carrier_line(dated, n) for n in numbers_of(CARRIER_LINE_AMOUNTS["paid"], rows.columns)])
    return ClaimsAndLines(
        pl.concat([claims, _rows_set_aside("professional", set_aside)], how="diagonal"),
        lines.sort("_claim", "line_number").drop("_claim"),
    )


def _count_carrier_amounts(rows: pl.DataFrame, repeated: pl.DataFrame, report: ReadingReport) -> None:
    """The payments of all lines that rows hold; lines of repeated rows are never unfolded."""
    counts = report.table("lines")
    counts.read_amounts(sum(_carrier_payments(rows)))
    counts.net_cents("exact_duplicate", sum(_carrier_payments(repeated)))
    family = CARRIER_LINE_AMOUNTS["paid"]
    unreadable = [not_an_amount(f"{family}_{n}").sum() for n in numbers_of(family, rows.columns)]
    report.tally_unreadable("lines", int(rows.select(pl.sum_horizontal(unreadable)).item()))


def _carrier_payments(rows: pl.DataFrame) -> Iterator[int]:
    """The sum of the payments of each line number."""
    family = CARRIER_LINE_AMOUNTS["paid"]
    return (paid_sum(rows, cents(f"{family}_{n}")) for n in numbers_of(family, rows.columns))


class _Segments(NamedTuple):
    claims: pl.DataFrame
    """First segments, with `_claim` (0, 1, ...) and what their continuations add."""
    continuations: pl.DataFrame
    """Later segments, with the `_claim` they belong to."""
    set_aside: pl.DataFrame
    """Rows that belong to no claim, or to one whose rows contradict each other, with reasons."""


def _join_segments(rows: pl.DataFrame, report: ReadingReport) -> _Segments:
    """A claim with more codes than one record holds continues in a record of segment 2.

    Its payment adds to that of segment 1 and its codes follow; all else stands in segment 1 (the
    beneficiary's share and the primary payer's amount repeat, the DRG reads 000, the dates are blank).
    """
    counts = report.table("claims")
    kept, contradicting = without_repeats(rows, (*KEYS, "SEGMENT"))
    report.read_amounts("claims", rows, cents(PAYMENT), not_an_amount(PAYMENT))
    if kept.height < rows.height:
        counts.take_up("exact_duplicate", rows.height - kept.height, paid_sum(repeats_in(rows), cents(PAYMENT)))
    # A claim with contradicting rows is set aside whole: its payment is not known.
    contradicting = contradicting.select(KEYS).unique(maintain_order=True)
    contradicted = kept.join(contradicting, on=KEYS, how="semi", maintain_order="left")
    kept = kept.join(contradicting, on=KEYS, how="anti", maintain_order="left")

    segment = whole_number("SEGMENT")
    first = kept.filter(segment == 1).with_row_index("_claim").with_columns(_segment=segment)
    later = (
        kept.filter(segment.is_null() | (segment != 1))
        .with_columns(_segment=segment)
        .join(first.select(*KEYS, "_claim"), on=KEYS, how="left", maintain_order="left")
    )
    joined = later.filter(pl.col("_claim").is_not_null() & pl.col("_segment").is_not_null())
    counts.take_up("continuation_segment", joined.height)
    lost = later.filter(pl.col("_claim").is_null() | pl.col("_segment").is_null())
    set_aside = pl.concat(
        [
            lost.with_columns(
                reasons(
                    {
                        "segment_not_a_number": pl.col("_segment").is_null(),
                        "segment_without_first": pl.col("_segment").is_not_null(),
                    }
                ).alias(LAYOUT_REASONS)
            ),
            contradicted.with_columns(pl.lit(["duplicate_key"]).alias(LAYOUT_REASONS)),
        ],
        how="diagonal",
    )
    added = (
        joined.select(
            "_claim",
            "_segment",
            _paid=cents(PAYMENT),
            _unreadable=not_an_amount(PAYMENT),
            _diagnoses=codes("ICD9_DGNS_CD", rows.columns),
            _procedures=codes("ICD9_PRCDR_CD", rows.columns),
        )
        .sort("_claim", "_segment")
        .group_by("_claim", maintain_order=True)
        .agg(
            _added_paid=pl.when(pl.col("_paid").count() > 0).then(pl.col("_paid").sum()),
            _added_unreadable=pl.col("_unreadable").any(),
            _added_diagnoses=pl.col("_diagnoses").explode().drop_nulls(),
            _added_procedures=pl.col("_procedures").explode().drop_nulls(),
        )
    )
    return _Segments(first.join(added, on="_claim", how="left", maintain_order="left"), joined, set_aside)


def _facility_claim(setting: str, rows: pl.DataFrame, amounts: FacilityAmounts) -> dict[str, pl.Expr]:
    """The canonical columns that inpatient and outpatient claims have in common.

    Allowed = payment + beneficiary's deductible, coinsurance and blood deductible + primary payer's payment.
    """
    paid = sum_of_given([cents(PAYMENT), pl.col("_added_paid")])
    failures = {"paid_amount_not_an_amount": not_an_amount(PAYMENT) | pl.col("_added_unreadable").fill_null(False)}
    for meaning, column in amounts.by_meaning.items():
        failures[f"{meaning}_amount_not_an_amount"] = not_an_amount(column)
    return {
        "beneficiary_id": text(PERSON),
        "claim_id": text(CLAIM),
        "setting": pl.lit(setting),
        "from_date": text("CLM_FROM_DT"),
        "thru_date": text("CLM_THRU_DT"),
        "ccn": text("PRVDR_NUM"),
        "attending_npi": text("AT_PHYSN_NPI"),
        "operating_npi": text("OP_PHYSN_NPI"),
        "diagnoses": _with_added("ICD9_DGNS_CD", "_added_diagnoses", rows),
        "procedures": _with_added("ICD9_PRCDR_CD", "_added_procedures", rows),
        "allowed_cents": sum_of_given([paid, *(cents(column) for column in amounts.by_meaning.values())]),
        "paid_cents": paid,
        "primary_payer_paid_cents": cents(amounts.primary_payer),
        LAYOUT_REASONS: reasons(failures),
    }


def _with_added(family: str, added: str, rows: pl.DataFrame) -> pl.Expr:
    return pl.concat_list(codes(family, rows.columns), pl.col(added).fill_null([]))


def _rows_set_aside(setting: str, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        LAYOUT_REASONS,
        beneficiary_id=text(PERSON),
        claim_id=text(CLAIM),
        setting=pl.lit(setting),
        from_date=text("CLM_FROM_DT"),
        thru_date=text("CLM_THRU_DT"),
        paid_cents=cents(PAYMENT) if PAYMENT in rows.columns else pl.lit(None, dtype=pl.Int64),
    )


def _day_when_from_is_thru() -> pl.Expr:
    start, end = as_date(pl.col("CLM_FROM_DT")), as_date(pl.col("CLM_THRU_DT"))
    return pl.when(start == end).then(start)


def _procedure_lines(segments: _Segments, claims: pl.DataFrame) -> pl.DataFrame:
    """A line for each procedure code, numbered by its column; a claim without any has one bare line."""
    rows = pl.concat([segments.claims, segments.continuations], how="diagonal")
    numbers = numbers_of("HCPCS_CD", rows.columns)
    before = (pl.col("_segment") - 1) * numbers[-1]
    coded = pl.concat(
        [
            rows.select("_claim", line_number=(before + n).cast(pl.Int32), hcpcs=text(f"HCPCS_CD_{n}")).filter(
                pl.col("hcpcs").is_not_null()
            )
            for n in numbers
        ]
    )
    uncoded = claims.join(coded, on="_claim", how="anti", maintain_order="left").select(
        "_claim", line_number=pl.lit(1, dtype=pl.Int32), hcpcs=pl.lit(None, dtype=pl.String)
    )
    return pl.concat([coded, uncoded]).sort("_claim", "line_number")


def _carrier_line(rows: pl.DataFrame, n: int) -> pl.DataFrame:
    """Line n of the claims that have one: a code, an indicator or an amount other than zero stands in it."""
    amounts = {meaning: f"{family}_{n}" for meaning, family in CARRIER_LINE_AMOUNTS.items()}
    with_code = [f"{family}_{n}" for family in (*CARRIER_LINE_CODES, CARRIER_INDICATOR)]
    with_amount = [*amounts.values(), *(f"{family}_{n}" for family in CARRIER_SHARES)]
    exists = pl.any_horizontal(
        *(text(column).is_not_null() for column in with_code if column in rows.columns),
        *((cents(column) != 0) | not_an_amount(column) for column in with_amount if column in rows.columns),
    )
    return rows.filter(exists).select(
        "_claim",
        reasons(
            {f"{meaning}_amount_not_an_amount": not_an_amount(column) for meaning, column in amounts.items()}
        ).alias(LAYOUT_REASONS),
        beneficiary_id=text(PERSON),
        claim_id=text(CLAIM),
        line_number=pl.lit(n, dtype=pl.Int32),
        service_date=pl.col("_one_day"),
        hcpcs=text(f"HCPCS_CD_{n}"),
        rendering_npi=text(f"PRF_PHYSN_NPI_{n}"),
        tin=text(f"TAX_NUM_{n}"),
        diagnosis=text(f"LINE_ICD9_DGNS_CD_{n}"),
        allowed_cents=cents(amounts["allowed"]),
        paid_cents=cents(amounts["paid"]),
        primary_payer_paid_cents=cents(amounts["primary_payer"]),
    )
