"""Canonical tables as rows of CCLF files, by field name, all text: what the writer puts into records."""

from __future__ import annotations

from datetime import date

import polars as pl

from episodes.claims.contract import empty_table
from episodes.claims.layouts.cclf_fields import CLAIM, DEMONSTRATIONS, DESCRIPTIONS, LINE_DIAGNOSES, MBI
from episodes.claims.layouts.cclf_people import DUAL_STATUS, ENTITLED_BY_ESRD, STATES
from episodes.claims.layouts.cclf_writer_history import (
    CANCELLATION,
    CONTROL,
    DENIED,
    TYPE,
    with_repeated,
    with_versions,
)
from episodes.claims.layouts.written_history import History
from episodes.claims.versions import KEYS

_CLAIM_TYPES = {"home_health": "10", "snf": "20", "outpatient": "40", "hospice": "50", "inpatient": "60"}
_LINE_TYPES = {"professional": "71", "dme": "81"}
_ICD_10 = "0"
_ALLOWED, _PAID_TO_PHYSICIAN = "A", "1"
_DENIED_CLAIM, _DENIED_LINE, _NOT_PAID_TO_PHYSICIAN = "N", "N", "0"
_DEBIT_ACCEPTED, _CANCEL_ACCEPTED = "01", "03"
_NPI = "01"
_OTHER_PAYER = "A"
_MODIFIERS = [f"HCPCS_{n}_MDFR_CD" for n in range(1, 6)]


def rows(tables: dict[str, pl.DataFrame], day: date, history: History) -> dict[str, pl.DataFrame]:
    """Kind of file to its rows, sorted by person, claim and line; those delivered twice follow once more."""
    claims, lines, people, coverage = (
        pl.concat([empty_table(name), tables[name]], how="diagonal_relaxed") if name in tables else empty_table(name)
        for name in ("claims", "lines", "beneficiaries", "coverage")
    )
    claims, lines = with_versions(claims.with_columns(pl.col("setting").cast(pl.String)), lines, history)
    claims = claims.sort(KEYS)
    lines = lines.join(claims.select(*KEYS, "setting"), on=KEYS, how="inner", maintain_order="left").sort(
        *KEYS, "line_number"
    )
    facility = _with_outpatient_money(claims.filter(pl.col("setting").is_in(list(_CLAIM_TYPES))), lines)
    by_line = lines.join(
        claims.filter(pl.col("setting").is_in([*_LINE_TYPES, "drug"])).drop("setting", "allowed_cents", "paid_cents",
                                                                           "primary_payer_paid_cents"),
        on=KEYS,
        how="inner",
        maintain_order="left",
    )  # fmt: skip
    made = {
        "CCLF1": _headers(facility),
        "CCLF2": _revenue_lines(lines, facility),
        "CCLF3": _procedures(facility),
        "CCLF4": _diagnoses(facility),
        "CCLF5": _physicians(by_line.filter(setting="professional")),
        "CCLF6": _equipment(by_line.filter(setting="dme")),
        "CCLF7": _drugs(by_line.filter(setting="drug")),
        "CCLF8": _demographics(people.sort("beneficiary_id"), coverage, day),
        "CCLF9": pl.DataFrame(),
        "CCLFA": _supplements(facility),
        "CCLFB": _line_supplements(by_line.filter(pl.col("setting").is_in(list(_LINE_TYPES)))),
    }
    return {kind: with_repeated(made[kind], history.repeated) for kind in DESCRIPTIONS}


def _with_outpatient_money(claims: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The header of an outpatient claim carries the sums of its lines: only they are money of the contract."""
    sums = (
        lines.filter(setting="outpatient")
        .group_by(KEYS)
        .agg(_paid=pl.col("paid_cents").sum(), _allowed=pl.coalesce("allowed_cents", "paid_cents").sum())
    )
    outpatient = pl.col("setting") == "outpatient"
    return claims.join(sums, on=KEYS, how="left", maintain_order="left").with_columns(
        paid_cents=pl.when(outpatient).then(pl.col("_paid").fill_null(0)).otherwise("paid_cents"),
        allowed_cents=pl.when(outpatient).then(pl.col("_allowed").fill_null(0)).otherwise("allowed_cents"),
    )


def _headers(claims: pl.DataFrame) -> pl.DataFrame:
    bill = pl.col("bill_type")
    return claims.select(
        **_keys(),
        PRVDR_OSCAR_NUM=pl.when(pl.col("ccn").str.len_chars() <= 6).then("ccn"),
        CLM_BLG_PRVDR_OSCAR_NUM="ccn",
        CLM_TYPE_CD=pl.col("setting").replace_strict(_CLAIM_TYPES, return_dtype=pl.String),
        CLM_FROM_DT=_day("from_date"),
        CLM_THRU_DT=_day("thru_date"),
        CLM_BILL_FAC_TYPE_CD=bill.str.slice(0, 1),
        CLM_BILL_CLSFCTN_CD=bill.str.slice(1, 1),
        CLM_BILL_FREQ_CD=bill.str.slice(2),
        PRNCPL_DGNS_CD=_principal(),
        CLM_MDCR_NPMT_RSN_CD=pl.when(DENIED).then(pl.lit(_DENIED_CLAIM)),
        CLM_PMT_AMT=_dollars("paid_cents"),
        CLM_NCH_PRMRY_PYR_CD=pl.when(pl.col("primary_payer_paid_cents") != 0).then(pl.lit(_OTHER_PAYER)),
        BENE_PTNT_STUS_CD="discharge_status",
        DGNS_DRG_CD="ms_drg",
        FAC_PRVDR_NPI_NUM="facility_npi",
        CLM_BLG_PRVDR_NPI_NUM="facility_npi",
        OPRTG_PRVDR_NPI_NUM="operating_npi",
        CLM_OPRTG_PRVDR_NPI_NUM="operating_npi",
        ATNDG_PRVDR_NPI_NUM="attending_npi",
        CLM_ATNDG_PRVDR_NPI_NUM="attending_npi",
        CLM_OPRTNL_IME_AMT=_dollars("ime_cents"),
        CLM_OPRTNL_DSPRPRTNT_AMT=_dollars("dsh_cents"),
        CLM_HIPPS_UNCOMPD_CARE_AMT=_dollars("uncompensated_care_cents"),
        DGNS_PRCDR_ICD_IND=pl.lit(_ICD_10),
        CLM_CNTL_NUM=CONTROL,
        **_history(),
    )


def _supplements(claims: pl.DataFrame) -> pl.DataFrame:
    """All that was allowed beyond the payment stands as coinsurance, what another payer paid included."""
    share = pl.col("allowed_cents") - pl.col("paid_cents").fill_null(0)
    is_stay = pl.col("setting").is_in(["inpatient", "snf"])
    return claims.with_columns(_share=share).select(
        **_keys(),
        CLM_TYPE_CD=pl.col("setting").replace_strict(_CLAIM_TYPES, return_dtype=pl.String),
        CLM_ACTV_CARE_FROM_DT=pl.when(is_stay).then(_day("admission_date")),
        CLM_MDCR_COINSRNC_AMT=_dollars("_share"),
        CLM_OPRTNL_OUTLR_AMT=_dollars("outlier_cents"),
        CLM_MDCR_NEW_TECH_AMT=_dollars("new_technology_cents"),
        **_demonstrations(),
    )


def _revenue_lines(lines: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    headers = claims.select(*KEYS, "from_date", "thru_date", "ccn")
    outpatient = pl.col("setting") == "outpatient"
    return lines.join(headers, on=KEYS, how="inner", maintain_order="left").select(
        **_keys(),
        **_line_columns(),
        CLM_TYPE_CD=pl.col("setting").replace_strict(_CLAIM_TYPES, return_dtype=pl.String, default=None),
        CLM_FROM_DT=_day("from_date"),
        CLM_THRU_DT=_day("thru_date"),
        CLM_LINE_PROD_REV_CTR_CD="revenue_center",
        CLM_LINE_INSTNL_REV_CTR_DT=_day("service_date"),
        CLM_LINE_SRVC_UNIT_QTY=_quantity("units"),
        # What is paid for the whole claim is not paid by line.
        CLM_LINE_CVRD_PD_AMT=pl.when(outpatient).then(_dollars("paid_cents")).otherwise(pl.lit("0.00")),
        CLM_REV_APC_HIPPS_CD=pl.when(outpatient).then("apc"),
        PRVDR_OSCAR_NUM=pl.when(pl.col("ccn").str.len_chars() <= 6).then("ccn"),
        CLM_FAC_PRVDR_OSCAR_NUM="ccn",
        **_modifiers(),
    )


def _procedures(claims: pl.DataFrame) -> pl.DataFrame:
    return (
        claims.select(*KEYS, "setting", "from_date", "thru_date", "ccn", "procedures", dates="procedure_dates")
        .explode("procedures", keep_nulls=False, empty_as_null=False)
        .with_columns(_number=pl.int_range(pl.len()).over(KEYS))
        .select(
            **_keys(),
            CLM_TYPE_CD=pl.col("setting").replace_strict(_CLAIM_TYPES, return_dtype=pl.String),
            CLM_VAL_SQNC_NUM=_sequence(),
            CLM_PRCDR_CD="procedures",
            CLM_PRCDR_PRFRM_DT=pl.col("dates").list.get("_number", null_on_oob=True).dt.to_string("%Y-%m-%d"),
            **_of_claim(),
        )
    )


def _diagnoses(claims: pl.DataFrame) -> pl.DataFrame:
    """A row of type D for each diagnosis, the principal among them."""
    return (
        claims.select(*KEYS, "setting", "from_date", "thru_date", "ccn", "diagnoses", present="present_on_admission")
        .explode("diagnoses", keep_nulls=False, empty_as_null=False)
        .with_columns(_number=pl.int_range(pl.len()).over(KEYS))
        .filter(pl.col("diagnoses").is_not_null())
        .select(
            **_keys(),
            CLM_TYPE_CD=pl.col("setting").replace_strict(_CLAIM_TYPES, return_dtype=pl.String),
            CLM_PROD_TYPE_CD=pl.lit("D"),
            CLM_VAL_SQNC_NUM=_sequence(),
            CLM_DGNS_CD="diagnoses",
            CLM_POA_IND=pl.col("present").list.get("_number", null_on_oob=True),
            **_of_claim(),
        )
    )


def _physicians(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(
        **_keys(),
        **_line_columns(),
        **_part_b_columns(),
        CLM_PRVDR_SPCLTY_CD="specialty",
        CLM_LINE_PRMRY_PYR_CD=_primary_payer(),
        CLM_LINE_DGNS_CD="diagnosis",
        CLM_RNDRG_PRVDR_TAX_NUM="tin",
        RNDRG_PRVDR_NPI_NUM="rendering_npi",
        CLM_RNDRG_PRVDR_NPI_NUM="rendering_npi",
        CLM_LINE_SRVC_UNIT_QTY=_quantity("units"),
        DGNS_PRCDR_ICD_IND=pl.lit(_ICD_10),
        **{field: pl.col("diagnoses").list.get(place, null_on_oob=True) for place, field in enumerate(LINE_DIAGNOSES)},
        **_modifiers(),
    )


def _equipment(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(
        **_keys(),
        **_line_columns(),
        **_part_b_columns(),
        CLM_PRMRY_PYR_CD=_primary_payer(),
        PAYTO_PRVDR_NPI_NUM="rendering_npi",
        CLM_BLG_PRVDR_NPI_NUM="rendering_npi",
    )


def _drugs(lines: pl.DataFrame) -> pl.DataFrame:
    """An event a line, under a prescription number of its own that its versions share."""
    share = pl.col("allowed_cents") - pl.col("paid_cents")
    event = ["beneficiary_id", CONTROL, "line_number"]
    numbers = lines.select(event).unique().sort(event).with_columns(_number=pl.int_range(1, pl.len() + 1))
    return (
        lines.join(numbers, on=event, how="left", maintain_order="left")
        .with_columns(_share=share)
        .select(
            **_keys(),
            CLM_TYPE_CD=pl.lit("01"),
            CLM_LINE_FROM_DT=_day("from_date"),
            PRVDR_SRVC_ID_QLFYR_CD=pl.lit(_NPI),
            PRVDR_PRSBNG_ID_QLFYR_CD=pl.lit(_NPI),
            CLM_LINE_SRVC_UNIT_QTY=_quantity("units"),
            CLM_LINE_BENE_PMT_AMT=_dollars("_share"),
            CLM_LINE_RX_SRVC_RFRNC_NUM=pl.col("_number").cast(pl.String).str.zfill(12),
            CLM_LINE_RX_FILL_NUM=pl.col("line_number").cast(pl.String).str.zfill(3),
            **_history(),
        )
    )


def _line_supplements(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(
        **_keys(),
        CLM_LINE_NUM=pl.col("line_number").cast(pl.String),
        CLM_TYPE_CD=pl.col("setting").replace_strict(_LINE_TYPES, return_dtype=pl.String),
        **_demonstrations(),
    )


def _demographics(people: pl.DataFrame, coverage: pl.DataFrame, day: date) -> pl.DataFrame:
    """People with the begin of their latest coverage and their status on the day of the delivery."""
    intervals = coverage.with_columns(pl.col("kind").cast(pl.String)).filter(pl.col("start_date") <= day)
    begun = intervals.group_by("beneficiary_id").agg(
        pl.col("start_date").filter(pl.col("kind") == kind).max().alias(kind) for kind in ("part_a", "part_b")
    )
    now = (
        intervals.filter(pl.col("end_date").is_null() | (pl.col("end_date") >= day))
        .group_by("beneficiary_id")
        .agg(kinds=pl.col("kind").unique().sort())
    )
    holds = pl.col("kinds").list.contains
    dual = {kind: code for code, kind in reversed(DUAL_STATUS.items())}
    return (
        people.join(begun, on="beneficiary_id", how="left", maintain_order="left")
        .join(now, on="beneficiary_id", how="left", maintain_order="left")
        .select(
            pl.col("beneficiary_id").alias(MBI),
            BENE_FIPS_STATE_CD=pl.col("state").replace_strict(
                {postal: fips for fips, postal in STATES.items()}, default=None
            ),
            BENE_FIPS_CNTY_CD="county",
            BENE_DOB=_day("birth_date"),
            BENE_SEX_CD="sex",
            BENE_MDCR_STUS_CD=pl.when(holds("esrd_entitlement"))
            .then(pl.lit(ENTITLED_BY_ESRD))
            .when(holds("esrd"))
            .then(pl.lit("11"))
            .otherwise(pl.lit("10")),
            BENE_DUAL_STUS_CD=pl.when(holds("full_dual"))
            .then(pl.lit(dual["full_dual"]))
            .when(holds("partial_dual"))
            .then(pl.lit(dual["partial_dual"]))
            .otherwise(pl.lit("NA")),
            BENE_DEATH_DT=_day("death_date"),
            BENE_ORGNL_ENTLMT_RSN_CD="original_entitlement_reason",
            BENE_PART_A_ENRLMT_BGN_DT=_day("part_a"),
            BENE_PART_B_ENRLMT_BGN_DT=_day("part_b"),
            GEO_USPS_STATE_CD="state",
        )
    )


def _keys() -> dict[str, pl.Expr]:
    return {CLAIM: pl.col("claim_id"), MBI: pl.col("beneficiary_id")}


def _line_columns() -> dict[str, pl.Expr]:
    return {
        "CLM_LINE_NUM": pl.col("line_number").cast(pl.String),
        "CLM_LINE_FROM_DT": _day("service_date"),
        "CLM_LINE_THRU_DT": _day("service_thru"),
        "CLM_LINE_HCPCS_CD": pl.col("hcpcs"),
    }


def _part_b_columns() -> dict[str, pl.Expr]:
    return {
        "CLM_TYPE_CD": pl.col("setting").replace_strict(_LINE_TYPES, return_dtype=pl.String),
        "CLM_FROM_DT": _day("from_date"),
        "CLM_THRU_DT": _day("thru_date"),
        "CLM_POS_CD": pl.col("place_of_service"),
        "CLM_LINE_CVRD_PD_AMT": _dollars("paid_cents"),
        "CLM_LINE_ALOWD_CHRG_AMT": _dollars("allowed_cents"),
        "CLM_CARR_PMT_DNL_CD": _of_denied(_NOT_PAID_TO_PHYSICIAN, _PAID_TO_PHYSICIAN),
        "CLM_PRCSG_IND_CD": _of_denied(_DENIED_LINE, _ALLOWED),
        "CLM_CNTL_NUM": pl.col(CONTROL),
        "CLM_DISP_CD": pl.when(pl.col(TYPE) == CANCELLATION)
        .then(pl.lit(_CANCEL_ACCEPTED))
        .otherwise(pl.lit(_DEBIT_ACCEPTED)),
        **_history(),
    }


def _of_denied(code: str, code_of_others: str) -> pl.Expr:
    return pl.when(DENIED).then(pl.lit(code)).otherwise(pl.lit(code_of_others))


def _history() -> dict[str, pl.Expr]:
    return {
        "CLM_ADJSMT_TYPE_CD": pl.col(TYPE),
        "CLM_EFCTV_DT": _day("process_date"),
        "CLM_IDR_LD_DT": _day("process_date"),
    }


def _of_claim() -> dict[str, pl.Expr]:
    return {
        "PRVDR_OSCAR_NUM": pl.when(pl.col("ccn").str.len_chars() <= 6).then("ccn"),
        "CLM_BLG_PRVDR_OSCAR_NUM": pl.col("ccn"),
        "CLM_FROM_DT": _day("from_date"),
        "CLM_THRU_DT": _day("thru_date"),
        "DGNS_PRCDR_ICD_IND": pl.lit(_ICD_10),
    }


def _modifiers() -> dict[str, pl.Expr]:
    return {field: pl.col("modifiers").list.get(place, null_on_oob=True) for place, field in enumerate(_MODIFIERS)}


def _demonstrations() -> dict[str, pl.Expr]:
    codes = pl.col("demonstration_codes")
    return {field: codes.list.get(place, null_on_oob=True) for place, field in enumerate(DEMONSTRATIONS)}


def _principal() -> pl.Expr:
    return pl.col("diagnoses").list.first()


def _primary_payer() -> pl.Expr:
    return pl.when(pl.col("primary_payer_paid_cents") != 0).then(pl.lit(_OTHER_PAYER))


def _sequence() -> pl.Expr:
    return (pl.col("_number") + 1).cast(pl.String).str.zfill(2)


def _day(column: str) -> pl.Expr:
    return pl.col(column).dt.to_string("%Y-%m-%d")


def _dollars(column: str) -> pl.Expr:
    """Cents as dollars with two decimals and a minus where they are negative."""
    cents = pl.col(column)
    sign = pl.when(cents < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole, rest = cents.abs() // 100, cents.abs() % 100
    return pl.concat_str(sign, whole.cast(pl.String), pl.lit("."), rest.cast(pl.String).str.zfill(2))


def _quantity(column: str) -> pl.Expr:
    """A quantity with four decimals."""
    return pl.col(column).cast(pl.Decimal(22, 4)).cast(pl.String)
