"""Facility claims of CCLF (files 1 to 4 and A): headers to final action, with their codes, shares and lines."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS
from episodes.claims.contract import CLAIM_PAID_SETTINGS
from episodes.claims.layouts.cclf_fields import DELIVERED, DEMONSTRATIONS, ORDER
from episodes.claims.layouts.cclf_lists import diagnoses, procedures
from episodes.claims.layouts.cclf_revenue_lines import ClaimsAndLines, revenue_lines
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
)
from episodes.claims.layouts.denials import DENIED, DENIED_CLAIMS_KEPT, facility_denied
from episodes.claims.layouts.values import numeric_code, reasons, sum_of_given, text
from episodes.claims.report import ReadingReport
from episodes.claims.versions import (
    ADJUSTMENT,
    KEYS,
    Resolved,
    book_netted,
    final_action,
    latest_of,
    netted_rows,
    nothing_netted,
    without_repeated_rows,
)

SETTINGS = {
    "10": "home_health",
    "20": "snf",
    "30": "snf",
    "40": "outpatient",
    "50": "hospice",
    "60": "inpatient",
    "61": "inpatient",
}
"""Claim type to setting."""

RELATED = ("ccn", "from_date", "thru_date")
"""What the versions of a facility claim have in common, beside the person."""

_STAYS = ["inpatient", "snf"]
_STILL_A_PATIENT = "30"
_DEDUCTIBLES = ("CLM_MDCR_IP_BENE_DDCTBL_AMT", "CLM_MDCR_DDCTBL_AMT")
_OTHER_SHARES = ("CLM_MDCR_COINSRNC_AMT", "CLM_BLOOD_LBLTY_AMT")
_PARTS = {
    "ime_cents": ("CLM_OPRTNL_IME_AMT", "CLM_MDCR_IP_PPS_CPTL_IME_AMT"),
    "dsh_cents": ("CLM_OPRTNL_DSPRPRTNT_AMT", "CLM_MDCR_IP_PPS_DSPRPRTNT_AMT"),
    "uncompensated_care_cents": ("CLM_HIPPS_UNCOMPD_CARE_AMT",),
}
_PARTS_OF_SUPPLEMENT = {"outlier_cents": "CLM_OPRTNL_OUTLR_AMT", "new_technology_cents": "CLM_MDCR_NEW_TECH_AMT"}


def part_a(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> ClaimsAndLines:
    """Facility claims in final action, with codes, beneficiary shares and revenue lines."""
    typed, repeated = _typed_headers(paid(rows, "CCLF1", "CLM_PMT_AMT", "claims", report))
    broken = typed.filter(_is_broken())
    headers, history = _final_headers(typed.filter(~_is_broken()), report)
    gone = pl.concat([repeated, history])
    parts = {
        kind: attached(
            keyed(rows, kind),
            key,
            what=what,
            table="claims",
            claims=pl.concat([headers.select(KEYS), broken.select(KEYS)]),
            netted=gone,
            report=report,
        )
        for kind, what, key in (
            ("CCLF3", "procedure", ["CLM_VAL_SQNC_NUM"]),
            ("CCLF4", "diagnosis", ["CLM_PROD_TYPE_CD", "CLM_VAL_SQNC_NUM"]),
            ("CCLFA", "supplement", []),
        )
    }
    headers = _with_supplement(headers, parts["CCLFA"])
    headers, unpaid = _without_unpaid_versions(headers)
    book_netted(report, "claims", pl.concat([gone, unpaid]))
    _tally(headers, report)

    claims = (
        headers.join(diagnoses(parts["CCLF4"], headers), on=KEYS, how="left", maintain_order="left")
        .join(procedures(parts["CCLF3"]), on=KEYS, how="left", maintain_order="left")
        .select(**_canonical())
    )
    set_aside = broken.select(LAYOUT_REASONS, *KEYS, "setting", "from_date", "thru_date", "paid_cents")
    lines = revenue_lines(
        paid(rows, "CCLF2", "CLM_LINE_CVRD_PD_AMT", "lines", report),
        headers,
        with_claims=broken,
        netted=pl.concat([gone, unpaid]),
        report=report,
    )
    return ClaimsAndLines(pl.concat([claims, set_aside], how="diagonal"), lines)


def _typed_headers(raw: pl.DataFrame) -> Resolved:
    """Headers with what their versions are told by, each row once, and the reasons why some cannot be read."""
    distinct = without_repeated_rows(raw, apart_from=[ORDER, DELIVERED])
    typed = distinct.remaining.with_columns(
        setting=numeric_code("CLM_TYPE_CD", 2).replace_strict(SETTINGS, default=None),
        kind=kind_of_version(),
        processed=processed(),
        ccn=pl.coalesce(text("CLM_BLG_PRVDR_OSCAR_NUM"), text("PRVDR_OSCAR_NUM")),
        from_date=day("CLM_FROM_DT"),
        thru_date=day("CLM_THRU_DT"),
    )
    failures = {
        "claim_type_unknown": pl.col("setting").is_null(),
        "adjustment_type_unknown": pl.col("kind").is_null(),
        "paid_amount_not_an_amount": not_money("CLM_PMT_AMT"),
    }
    for part, columns in _PARTS.items():
        failures[f"{part.removesuffix('_cents')}_amount_not_an_amount"] = pl.any_horizontal(
            not_money(column) for column in columns
        )
    return Resolved(typed.with_columns(reasons(failures).alias(LAYOUT_REASONS)), distinct.netted)


def _is_broken() -> pl.Expr:
    return pl.col(LAYOUT_REASONS).list.len() > 0


def _final_headers(headers: pl.DataFrame, report: ReadingReport) -> Resolved:
    """Headers in final action: delivered last, not cancelled, not denied."""
    latest = latest_of(headers, key=[*KEYS, "kind"], order=[ORDER], reason=SUPERSEDED)
    resolved = final_action(
        latest.remaining.with_columns(_size=pl.col("paid_cents").abs()),
        related=RELATED,
        equal=["setting", "_size"],
        delivered=ORDER,
    )
    # One claim number as original and as adjustment is one claim.
    single = latest_of(
        resolved.remaining.with_columns(_adjusts=pl.col("kind") == ADJUSTMENT),
        key=KEYS,
        order=["processed", "_adjusts", ORDER],
        reason="replaced_by_adjustment",
    )
    refused = facility_denied("CLM_MDCR_NPMT_RSN_CD")
    unpaid = pl.col("paid_cents").fill_null(0) == 0
    report.tally(
        DENIED_CLAIMS_KEPT,
        single.remaining.filter(refused & ~unpaid).height,
    )
    denied = netted_rows(single.remaining.filter(refused & unpaid), DENIED)
    netted = [latest.netted, resolved.netted.drop("kind"), single.netted, denied]
    return Resolved(single.remaining.filter(~(refused & unpaid)), pl.concat(netted))


def _with_supplement(headers: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Headers with the beneficiary's share, admission and other columns of CCLFA, and the allowed amount.

    Two fields state a deductible; where both do, it is the same one, and the larger counts.
    """
    amounts = (*_DEDUCTIBLES, *_OTHER_SHARES, *_PARTS_OF_SUPPLEMENT.values())
    deductible = pl.max_horizontal([money(column) for column in _DEDUCTIBLES])
    supplement = rows.select(
        *KEYS,
        _supplement=pl.lit(True),
        _share=sum_of_given([deductible, *(money(column) for column in _OTHER_SHARES)]),
        _admission=day("CLM_ACTV_CARE_FROM_DT"),
        demonstration_codes=listed(DEMONSTRATIONS),
        _reasons_of_supplement=reasons(
            {"share_or_add_on_not_an_amount": pl.any_horizontal(not_money(column) for column in amounts)}
        ),
        **{part: money(column) for part, column in _PARTS_OF_SUPPLEMENT.items()},
    )
    return (
        headers.join(supplement, on=KEYS, how="left", maintain_order="left")
        .with_columns(
            pl.concat_list(LAYOUT_REASONS, pl.col("_reasons_of_supplement").fill_null([])).alias(LAYOUT_REASONS),
            allowed_cents=sum_of_given([pl.col("paid_cents"), pl.col("_share")]),
        )
        .drop("_reasons_of_supplement")
    )


def _without_unpaid_versions(headers: pl.DataFrame) -> Resolved:
    """Final action may leave an unpaid version beside the paid one of a stay that was adjusted: the paid one stays.

    Otherwise one stay would be two. Settings paid by line keep both, for a day may hold several claims.
    """
    group = ["beneficiary_id", *RELATED, "setting"]
    worthless = pl.col("allowed_cents").fill_null(0) == 0
    goes = (
        worthless
        & pl.col("setting").is_in(CLAIM_PAID_SETTINGS)
        & (~worthless).any().over(group)
        & (pl.col("kind") == ADJUSTMENT).any().over(group)
    )
    marked = headers.with_columns(_goes=goes, _paid_version=pl.col("claim_id").filter(~worthless).first().over(group))
    leaving = marked.filter("_goes")
    if leaving.is_empty():
        return Resolved(headers, nothing_netted())
    return Resolved(
        marked.filter(~pl.col("_goes")).select(headers.columns),
        netted_rows(leaving, "unpaid_version", pl.col("_paid_version")),
    )


def _tally(headers: pl.DataFrame, report: ReadingReport) -> None:
    report.tally(
        "facility claims without a row in CCLFA: the payment stands for the allowed amount",
        headers.filter(pl.col("_supplement").is_null()).height,
    )
    report.tally(
        "facility claims with another primary payer, whose payment is not delivered",
        headers.filter(text("CLM_NCH_PRMRY_PYR_CD").is_not_null()).height,
    )


def _canonical() -> dict[str, pl.Expr]:
    status = numeric_code("BENE_PTNT_STUS_CD", 2)
    is_stay = pl.col("setting").is_in(_STAYS)
    contradicted = (pl.col("_admission") > pl.col("thru_date")).fill_null(False)
    return {
        **{name: pl.col(name) for name in (*KEYS, "setting", "from_date", "thru_date", "ccn")},
        "admission_date": pl.when(is_stay).then(pl.col("_admission")),
        "discharge_date": pl.when(is_stay & (status != _STILL_A_PATIENT) & ~contradicted).then(pl.col("thru_date")),
        "discharge_status": status,
        "ms_drg": _drg(),
        "facility_npi": pl.coalesce(text("CLM_BLG_PRVDR_NPI_NUM"), text("FAC_PRVDR_NPI_NUM")),
        "attending_npi": pl.coalesce(text("CLM_ATNDG_PRVDR_NPI_NUM"), text("ATNDG_PRVDR_NPI_NUM")),
        "operating_npi": pl.coalesce(text("CLM_OPRTG_PRVDR_NPI_NUM"), text("OPRTG_PRVDR_NPI_NUM")),
        "diagnoses": pl.col("diagnoses"),
        "present_on_admission": pl.col("present_on_admission"),
        "procedures": pl.col("procedures"),
        "procedure_dates": pl.col("procedure_dates"),
        "paid_cents": pl.col("paid_cents"),
        "allowed_cents": pl.col("allowed_cents"),
        **{part: sum_of_given(money(column) for column in columns) for part, columns in _PARTS.items()},
        **{part: pl.col(part) for part in _PARTS_OF_SUPPLEMENT},
        "bill_type": pl.concat_str(
            text(column) for column in ("CLM_BILL_FAC_TYPE_CD", "CLM_BILL_CLSFCTN_CD", "CLM_BILL_FREQ_CD")
        ),
        "process_date": pl.col("processed"),
        "demonstration_codes": pl.col("demonstration_codes"),
        LAYOUT_REASONS: pl.col(LAYOUT_REASONS),
    }


def _drg() -> pl.Expr:
    """The three digits of a DRG, which may be written with four; none where it reads zero."""
    given = text("DGNS_DRG_CD")
    number = given.str.strip_chars_start("0")
    return pl.when(number != "").then(
        pl.when(number.str.contains(r"^\d{1,3}$")).then(number.str.zfill(3)).otherwise(given)
    )
