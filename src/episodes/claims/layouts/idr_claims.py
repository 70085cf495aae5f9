"""IDR claims: a row of CLM with what stands of it in the other tables.

Which claims count: final action and latest version. Partially adjudicated claims (types 1000 to 2999) have not been
paid yet, and a deleted drug event (type 3) says that there was none; both are netted.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date
from episodes.claims.contract import CLAIM_PAID_SETTINGS
from episodes.claims.layouts.denials import DENIED, DENIED_CLAIMS_KEPT, carrier_denied, facility_denied
from episodes.claims.layouts.idr_tables import CLAIM, PERSON, TABLES
from episodes.claims.layouts.idr_values import date_text, drg, first_given, one_row_each
from episodes.claims.layouts.values import cents, not_an_amount, numeric_code, reasons, sum_of_given, text, whole_number
from episodes.claims.report import ReadingReport
from episodes.claims.versions import book_netted

SETTINGS = {
    10: "home_health",
    20: "snf",
    30: "snf",
    40: "outpatient",
    50: "hospice",
    60: "inpatient",
    61: "inpatient",
    62: "inpatient",
    63: "inpatient",
    64: "inpatient",
    71: "professional",
    72: "professional",
    81: "dme",
    82: "dme",
    1: "drug",
    2: "drug",
    3: "drug",
    4: "drug",
}
"""Claim type to setting (reference table CLM_TYPE_CD)."""
SWING_BED = 30
DELETED_DRUG_EVENT = 3
PARTIALLY_ADJUDICATED = (1000, 2999)
MANAGED_CARE_TYPES = (61, 62, 63)

INSTITUTIONAL = (*CLAIM_PAID_SETTINGS, "outpatient")
STAYS = ("inpatient", "snf")
AMOUNTS = {
    "paid": "CLM_PMT_AMT",
    "coinsurance": "CLM_MDCR_COINSRNC_AMT",
    "blood_deductible": "CLM_BLOOD_LBLTY_AMT",
    "deductible": "CLM_MDCR_DDCTBL_AMT",
    "stay_deductible": "CLM_MDCR_IP_BENE_DDCTBL_AMT",
    "institutional_primary_payer": "CLM_MDCR_INSTNL_PRMRY_PYR_AMT",
    "professional_primary_payer": "CLM_MDCR_PRFNL_PRMRY_PYR_AMT",
    "allowed": "CLM_ALOWD_CHRG_AMT",
    "outlier": "CLM_INSTNL_DRG_OUTLIER_AMT",
    "capital_outlier": "CLM_MDCR_IP_PPS_OUTLIER_AMT",
    "capital_ime": "CLM_MDCR_IP_PPS_CPTL_IME_AMT",
    "capital_dsh": "CLM_MDCR_IP_PPS_DSPRPRTNT_AMT",
    "uncompensated_care": "CLM_HIPPS_UNCOMPD_CARE_AMT",
}
"""Meaning of an amount to the column that holds it."""
LINE_PAID = "CLM_LINE_CVRD_PD_AMT"
VALUE_CODES = {"operating_dsh": "18", "operating_ime": "19", "new_technology": "77"}
"""Meaning of an amount to its value code in CLM_VAL."""

LOW_UTILIZATION = "L"
PRINCIPAL, OTHER, PROCEDURE = "P", "D", "S"
"""CLM_PROD_TYPE_CD: principal diagnosis, diagnosis in sequence, procedure. The others (admitting, external cause,
reason for the visit) are not read."""


def headers(rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """CLM with the columns of the tables that have a row a claim, the `fate` of each claim and its `setting`."""
    claims = TABLES["CLM"].complete(rows.get("CLM"))
    contradicted = []
    for name, keys in (("CLM_INSTNL", CLAIM), ("CLM_PRFNL", CLAIM), ("CLM_DT_SGNTR", "CLM_DT_SGNTR_SK")):
        beside = TABLES[name].complete(rows.get(name))
        own = [column for column in TABLES[name].columns if column not in claims.columns]
        first, differing = one_row_each(beside.select(keys, *own, pl.lit(True).alias(f"in_{name}")), [keys])
        claims = claims.join(first, on=keys, how="left", maintain_order="left")
        contradicted.append(pl.col(keys).is_in(differing[keys].to_list()).fill_null(False))
    type_code = whole_number("CLM_TYPE_CD")
    paid_lines = TABLES["CLM_LINE"].complete(rows.get("CLM_LINE")).filter(_states_payment(LINE_PAID))
    paid_lines = paid_lines.select(CLAIM, has_paid_line=pl.lit(True)).unique()
    return (
        claims.join(_value_amounts(rows), on=CLAIM, how="left", maintain_order="left")
        .join(
            paid_lines.select(CLAIM, has_paid_line=pl.lit(True)).unique(), on=CLAIM, how="left", maintain_order="left"
        )
        .with_columns(
            type_code=type_code,
            setting=type_code.replace_strict(SETTINGS, default=None, return_dtype=pl.String),
            contradicted=pl.any_horizontal(contradicted),
        )
        .with_columns(fate=_fate())
    )


def claims(headers: pl.DataFrame, rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> pl.DataFrame:
    """Canonical claims; what is netted is counted in the report."""
    report.read_amounts(
        "claims", TABLES["CLM"].complete(rows.get("CLM")), cents(AMOUNTS["paid"]), not_an_amount(AMOUNTS["paid"])
    )
    _net(headers, report)
    kept = headers.filter(pl.col("fate").is_null())
    _note(kept, report)
    codes = _codes(TABLES["CLM_PROD"].complete(rows.get("CLM_PROD")))
    institutional, stay = pl.col("setting").is_in(INSTITUTIONAL), pl.col("setting").is_in(STAYS)
    value = {meaning: cents(column) for meaning, column in AMOUNTS.items()}
    primary_payer = (
        pl.when(institutional).then(value["institutional_primary_payer"]).otherwise(value["professional_primary_payer"])
    )
    return kept.join(codes, on=CLAIM, how="left", maintain_order="left").select(
        _failures().alias(LAYOUT_REASONS),
        "setting",
        beneficiary_id=text(PERSON),
        claim_id=text(CLAIM),
        from_date=date_text("CLM_FROM_DT"),
        thru_date=date_text("CLM_THRU_DT"),
        admission_date=pl.when(stay).then(date_text("CLM_ACTV_CARE_FROM_DT")),
        discharge_date=pl.when(stay).then(date_text("CLM_DSCHRG_DT")),
        discharge_status=pl.when(institutional).then(numeric_code("BENE_PTNT_STUS_CD", 2)),
        ms_drg=pl.when(stay).then(drg("DGNS_DRG_CD")),
        ccn=pl.when(institutional).then(text("CLM_BLG_PRVDR_OSCAR_NUM")),
        facility_npi=pl.when(institutional).then(first_given("PRVDR_BLG_PRVDR_NPI_NUM", "CLM_BLG_PRVDR_NPI_NUM")),
        provider_type=pl.when(pl.col("type_code") == SWING_BED).then(pl.lit("swing_bed")),
        attending_npi=pl.when(institutional).then(first_given("CLM_ATNDG_PRVDR_NPI_NUM", "PRVDR_ATNDG_PRVDR_NPI_NUM")),
        operating_npi=pl.when(institutional).then(first_given("CLM_OPRTG_PRVDR_NPI_NUM", "PRVDR_OPRTG_PRVDR_NPI_NUM")),
        diagnoses="diagnoses",
        present_on_admission="present_on_admission",
        procedures="procedures",
        procedure_dates="procedure_dates",
        allowed_cents=_allowed(value, stay, institutional),
        paid_cents=value["paid"],
        outlier_cents=_part_of_a_stay(value["outlier"], value["capital_outlier"]),
        new_technology_cents=_part_of_a_stay(pl.col("new_technology")),
        ime_cents=_part_of_a_stay(pl.col("operating_ime"), value["capital_ime"]),
        dsh_cents=_part_of_a_stay(pl.col("operating_dsh"), value["capital_dsh"]),
        uncompensated_care_cents=_part_of_a_stay(value["uncompensated_care"]),
        primary_payer_paid_cents=primary_payer,
        low_utilization=pl.when(pl.col("setting") == "home_health").then(
            text("CLM_HHA_LUP_IND_CD").eq(LOW_UTILIZATION).fill_null(False)
        ),
        bill_type=pl.when(institutional).then(
            pl.concat_str(text(f"CLM_BILL_{part}_CD") for part in ("FAC_TYPE", "CLSFCTN", "FREQ"))
        ),
        process_date=pl.coalesce(
            date_text(column) for column in ("CLM_NCH_WKLY_PROC_DT", "CLM_CMS_PROC_DT", "CLM_EFCTV_DT")
        ),
    )


def _fate() -> pl.Expr:
    """Why a claim is netted; null where it counts. A blank indicator says nothing against a claim."""
    type_code = pl.col("type_code")
    superseded = pl.any_horizontal(
        text(column).str.to_uppercase().eq("N").fill_null(False) for column in ("CLM_FINL_ACTN_IND", "CLM_LTST_CLM_IND")
    )
    return (
        pl.when(type_code.is_between(*PARTIALLY_ADJUDICATED))
        .then(pl.lit("partially_adjudicated"))
        .when(superseded)
        .then(pl.lit("not_final_action"))
        .when(type_code == DELETED_DRUG_EVENT)
        .then(pl.lit("deleted_drug_event"))
        .when(_refused() & ~_states_payment(AMOUNTS["paid"]) & pl.col("has_paid_line").is_null())
        .then(pl.lit(DENIED))
    )


def _states_payment(column: str) -> pl.Expr:
    """Whether a payment stands in a column, or something that cannot be read."""
    return (cents(column) != 0).fill_null(False) | not_an_amount(column)


def _refused() -> pl.Expr:
    """Whether a code says that Medicare does not pay the claim."""
    institutional = pl.col("setting").is_in(INSTITUTIONAL) & facility_denied("CLM_MDCR_NPMT_RSN_CD")
    professional = pl.col("setting").is_in(["professional", "dme"]) & carrier_denied("CLM_CARR_PMT_DNL_CD")
    return institutional.fill_null(False) | professional.fill_null(False)


def _net(headers: pl.DataFrame, report: ReadingReport) -> None:
    netted = headers.filter(pl.col("fate").is_not_null())
    book_netted(report, "claims", netted.select(netted_columns(cents(AMOUNTS["paid"]))))


def netted_columns(paid: pl.Expr) -> list[pl.Expr]:
    """The columns of netted rows: against which claim is not told."""
    return [
        text(PERSON).alias("beneficiary_id"),
        text(CLAIM).alias("claim_id"),
        pl.col("fate").alias("reason"),
        pl.lit(None, dtype=pl.String).alias("against_claim_id"),
        paid.alias("paid_cents"),
    ]


def _note(kept: pl.DataFrame, report: ReadingReport) -> None:
    report.tally(
        "inpatient claims of managed care (types 61 to 63) taken with the Medicare payment they state",
        kept.filter(pl.col("type_code").is_in(MANAGED_CARE_TYPES)).height,
    )
    report.tally(
        DENIED_CLAIMS_KEPT,
        kept.filter(_refused()).height,
    )
    institutional = kept.filter(pl.col("setting").is_in(INSTITUTIONAL))
    report.tally(
        "institutional claims without a row in CLM_INSTNL",
        institutional.filter(pl.col("in_CLM_INSTNL").is_null()).height,
    )


def _allowed(value: Mapping[str, pl.Expr], stay: pl.Expr, institutional: pl.Expr) -> pl.Expr:
    """Payment + deductible + coinsurance + blood deductible + primary payer; for others what the header says.

    On claims of stays the deductible of CLM already has coinsurance and blood in it, so that of CLM_INSTNL is taken.
    """
    deductible = pl.when(stay).then(value["stay_deductible"]).otherwise(value["deductible"])
    parts = [
        value["paid"],
        deductible,
        value["coinsurance"],
        value["blood_deductible"],
        value["institutional_primary_payer"],
    ]
    return pl.when(institutional).then(sum_of_given(parts)).otherwise(value["allowed"])


def _part_of_a_stay(*parts: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("setting") == "inpatient").then(sum_of_given(parts))


def _failures() -> pl.Expr:
    broken = {f"{meaning}_amount_not_an_amount": not_an_amount(column) for meaning, column in AMOUNTS.items()}
    return reasons(
        {
            "claim_type_not_known": pl.col("setting").is_null(),
            "contradicting_rows": pl.col("contradicted"),
            "value_amount_not_an_amount": pl.col("value_not_an_amount").fill_null(False),
            **broken,
        }
    )


def _value_amounts(rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The amounts of CLM_VAL that are parts of a payment, a column each."""
    given = TABLES["CLM_VAL"].complete(rows.get("CLM_VAL")).unique(maintain_order=True)
    code = numeric_code("CLM_VAL_CD", 2)
    wanted = given.filter(pl.col(CLAIM).is_not_null() & code.is_in(VALUE_CODES.values()))
    amount = cents("CLM_VAL_AMT")
    return wanted.group_by(CLAIM, maintain_order=True).agg(
        *(
            pl.when((code == number).any()).then(amount.filter(code == number).sum()).alias(meaning)
            for meaning, number in VALUE_CODES.items()
        ),
        value_not_an_amount=not_an_amount("CLM_VAL_AMT").any(),
    )


def _codes(products: pl.DataFrame) -> pl.DataFrame:
    """Diagnoses (principal first, each once), whether they were present on admission, and procedures, a claim a row."""
    kind = text("CLM_PROD_TYPE_CD")
    place = whole_number("CLM_VAL_SQNC_NUM")
    given = products.filter(pl.col(CLAIM).is_not_null())
    diagnoses = (
        given.filter(kind.is_in([PRINCIPAL, OTHER]) & text("CLM_DGNS_CD").is_not_null())
        .select(CLAIM, first=kind == PRINCIPAL, place=place, code=text("CLM_DGNS_CD"), present=text("CLM_POA_IND"))
        .sort(pl.col("first").not_(), "place", maintain_order=True)
        .group_by(CLAIM, "code", maintain_order=True)
        # The principal diagnosis comes again in sequence, and only there says whether it was present.
        .agg(pl.col("present").drop_nulls().first())
        .group_by(CLAIM, maintain_order=True)
        .agg(
            diagnoses="code",
            present_on_admission=pl.when(pl.col("present").is_not_null().any()).then(pl.col("present").implode()),
        )
    )
    procedures = (
        given.filter((kind == PROCEDURE) & text("CLM_PRCDR_CD").is_not_null())
        .select(CLAIM, place=place, code=text("CLM_PRCDR_CD"), day=as_date(date_text("CLM_PRCDR_PRFRM_DT")))
        .unique(maintain_order=True)
        .sort("place", maintain_order=True)
        .group_by(CLAIM, maintain_order=True)
        .agg(procedures="code", procedure_dates="day")
    )
    return diagnoses.join(procedures, on=CLAIM, how="full", coalesce=True, maintain_order="left_right")
