"""IDR lines: a row of CLM_LINE with what stands of it in the institutional, professional and drug tables."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS
from episodes.claims.contract import CLAIM_PAID_SETTINGS
from episodes.claims.layouts.denials import DENIED, DENIED_LINES_KEPT, line_denied
from episodes.claims.layouts.idr_claims import INSTITUTIONAL, LINE_PAID, netted_columns
from episodes.claims.layouts.idr_tables import CLAIM, LINE, PERSON, TABLES
from episodes.claims.layouts.idr_values import date_text, first_given, number_text, one_row_each
from episodes.claims.layouts.payable_lines import PAID_BY_CLAIM, TOTAL_LINE, total_line
from episodes.claims.layouts.values import cents, not_an_amount, numeric_code, reasons, sum_of_given, text, whole_number
from episodes.claims.report import ReadingReport, paid_sum
from episodes.claims.versions import book_netted

AMOUNTS = {
    "paid": LINE_PAID,
    "allowed": "CLM_LINE_ALOWD_CHRG_AMT",
    "deductible": "CLM_LINE_MDCR_DDCTBL_AMT",
    "blood_deductible": "CLM_LINE_BLOOD_DDCTBL_AMT",
    "coinsurance": "CLM_LINE_MDCR_COINSRNC_AMT",
    "wage_adjusted_coinsurance": "CLM_LINE_INSTNL_ADJSTD_AMT",
    "reduced_coinsurance": "CLM_LINE_INSTNL_RDCD_AMT",
    "first_primary_payer": "CLM_LINE_INSTNL_MSP1_PD_AMT",
    "second_primary_payer": "CLM_LINE_INSTNL_MSP2_PD_AMT",
    "primary_payer": "CLM_BENE_PRMRY_PYR_PD_AMT",
    "beneficiary_payment": "CLM_LINE_BENE_PMT_AMT",
    "low_income_subsidy": "CLM_LINE_LIS_AMT",
    "ingredient_cost": "CLM_LINE_INGRDNT_CST_AMT",
    "dispensing_fee": "CLM_LINE_SRVC_CST_AMT",
    "sales_tax": "CLM_LINE_SLS_TAX_AMT",
    "vaccine_fee": "CLM_LINE_VCCN_ADMIN_FEE_AMT",
    "charge": "CLM_LINE_SBMT_CHRG_AMT",
    "noncovered_charge": "CLM_LINE_NCVRD_CHRG_AMT",
}
"""Meaning of an amount to the column that holds it."""
BESIDE = ("CLM_LINE_INSTNL", "CLM_LINE_PRFNL", "CLM_LINE_RX")
MODIFIERS = tuple(f"HCPCS_{n}_MDFR_CD" for n in range(1, 6))


def lines(headers: pl.DataFrame, rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> pl.DataFrame:
    """Canonical lines; lines of netted claims are netted with them, denied and total lines by themselves."""
    raw = TABLES["CLM_LINE"].complete(rows.get("CLM_LINE"))
    report.read_amounts("lines", raw, cents(LINE_PAID), not_an_amount(LINE_PAID))
    joined = _joined(headers, rows, report).with_columns(fate=pl.coalesce("fate", _own_fate()))
    counts = report.table("lines")
    drugs = joined.filter(setting="drug")
    counts.add_cents("low_income_subsidy", paid_sum(drugs, cents(AMOUNTS["low_income_subsidy"])))
    book_netted(report, "lines", joined.filter(pl.col("fate").is_not_null()).select(netted_columns(pl.col("paid"))))
    kept = joined.filter(pl.col("fate").is_null())
    counts.net_cents(PAID_BY_CLAIM, paid_sum(kept.filter(pl.col("setting").is_in(CLAIM_PAID_SETTINGS)), pl.col("paid")))
    report.tally(DENIED_LINES_KEPT, kept.filter(line_denied("CLM_PRCSG_IND_CD")).height)
    return _canonical(kept)


def _own_fate() -> pl.Expr:
    """Why a line of a claim that counts is netted."""
    institutional = pl.col("setting").is_in(INSTITUTIONAL)
    total = institutional & total_line(pl.col("revenue_center"), text("CLM_LINE_HCPCS_CD"))
    unpaid = (pl.col("paid").fill_null(0) == 0) & ~not_an_amount(LINE_PAID)
    denied = line_denied("CLM_PRCSG_IND_CD") & unpaid
    return pl.when(total).then(pl.lit(TOTAL_LINE)).when(denied).then(pl.lit(DENIED))


def _joined(headers: pl.DataFrame, rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> pl.DataFrame:
    """Every line with its claim's fate and setting, and the columns of the tables beside it."""
    lines = TABLES["CLM_LINE"].complete(rows.get("CLM_LINE"))
    for name in BESIDE:
        beside = TABLES[name].complete(rows.get(name))
        own = [column for column in TABLES[name].columns if column not in lines.columns]
        first, differing = one_row_each(beside.select(CLAIM, LINE, *own), [CLAIM, LINE])
        marked = first.join(
            differing.with_columns(pl.lit(True).alias(f"contradicted_{name}")),
            on=(CLAIM, LINE),
            how="left",
            maintain_order="left",
        )
        report.tally(f"rows of {name} without their line", marked.join(lines, on=(CLAIM, LINE), how="anti").height)
        lines = lines.join(marked, on=(CLAIM, LINE), how="left", maintain_order="left")
    # Where a claim came in several versions, the one that counts decides over its lines.
    of_claim = headers.sort(pl.col("fate").is_not_null(), maintain_order=True).unique(
        subset=CLAIM, keep="first", maintain_order=True
    )
    named = of_claim.select(
        CLAIM,
        "fate",
        "setting",
        claim_known=pl.lit(True),
        claim_rendering_npi=first_given("CLM_RNDRG_PRVDR_NPI_NUM", "PRVDR_RNDRNG_PRVDR_NPI_NUM"),
    )
    return lines.join(named, on=CLAIM, how="left", maintain_order="left").with_columns(
        contradicted=pl.any_horizontal(pl.col(f"contradicted_{name}").fill_null(False) for name in BESIDE),
        revenue_center=numeric_code("CLM_LINE_REV_CTR_CD", 4),
        number=whole_number(LINE),
        paid=_paid(),
        allowed=_allowed(),
        primary_payer=_primary_payer(),
    )


def _canonical(lines: pl.DataFrame) -> pl.DataFrame:
    setting = pl.col("setting")
    institutional, professional = setting.is_in(INSTITUTIONAL), setting.is_in(["professional", "dme"])
    # A line whose claim is not known is set aside with its amount.
    paid_by_line = ~setting.is_in(CLAIM_PAID_SETTINGS).fill_null(False)
    day, first, last = (
        date_text(column) for column in ("CLM_LINE_INSTNL_REV_CTR_DT", "CLM_LINE_FROM_DT", "CLM_LINE_THRU_DT")
    )
    by_revenue_center = (institutional & day.is_not_null()).fill_null(False)
    modifiers = pl.concat_list(text(column) for column in MODIFIERS).list.drop_nulls()
    return lines.select(
        _failures().alias(LAYOUT_REASONS),
        "revenue_center",
        beneficiary_id=text(PERSON),
        claim_id=text(CLAIM),
        line_number=text(LINE),
        service_date=pl.when(by_revenue_center).then(day).otherwise(first),
        service_thru=pl.when(~by_revenue_center | (day == first)).then(last),
        hcpcs=text("CLM_LINE_HCPCS_CD"),
        modifiers=pl.when(modifiers.list.len() > 0).then(modifiers),
        place_of_service=pl.when(professional).then(numeric_code("CLM_POS_CD", 2)),
        status_indicator=text("CLM_REV_CNTR_STUS_CD"),
        apc=pl.when(setting == "outpatient").then(_apc()),
        rendering_npi=pl.coalesce(
            first_given("CLM_RNDRG_PRVDR_NPI_NUM", "PRVDR_RNDRNG_PRVDR_NPI_NUM"),
            pl.when(professional).then(pl.col("claim_rendering_npi")),
        ),
        tin=number_text("CLM_RNDRG_PRVDR_TAX_NUM"),
        specialty=pl.coalesce(text("CLM_PRVDR_SPCLTY_CD"), text("CLM_RNDRG_FED_PRVDR_SPCLTY_CD")),
        units=text("CLM_LINE_SRVC_UNIT_QTY"),
        allowed_cents=pl.when(paid_by_line).then("allowed"),
        paid_cents=pl.when(paid_by_line).then("paid"),
        primary_payer_paid_cents=pl.when(paid_by_line).then("primary_payer"),
        charge_cents=cents(AMOUNTS["charge"]),
        noncovered_charge_cents=cents(AMOUNTS["noncovered_charge"]),
        diagnosis=text("CLM_LINE_DGNS_CD"),
    )


def _paid() -> pl.Expr:
    """Medicare's payment; of a drug what the plan paid for covered drugs and the low-income subsidy."""
    paid = cents(AMOUNTS["paid"])
    of_drug = sum_of_given([paid, cents(AMOUNTS["low_income_subsidy"])])
    return pl.when(pl.col("setting") == "drug").then(of_drug).otherwise(paid)


def _allowed() -> pl.Expr:
    """The allowed charge of professional and equipment lines; else payment, beneficiary's share and other payers."""
    value = {meaning: cents(column) for meaning, column in AMOUNTS.items()}
    reduced = value["reduced_coinsurance"]
    # A hospital may elect to ask for less than the wage-adjusted coinsurance.
    coinsurance = pl.when(reduced.fill_null(0) != 0).then(reduced).otherwise(value["wage_adjusted_coinsurance"])
    outpatient = [value["paid"], value["deductible"], value["blood_deductible"], coinsurance, _primary_payer()]
    cost = [value[part] for part in ("ingredient_cost", "dispensing_fee", "sales_tax", "vaccine_fee")]
    drug = pl.coalesce(sum_of_given(cost), sum_of_given([_paid(), value["beneficiary_payment"]]))
    professional = [value["paid"], value["deductible"], value["coinsurance"], value["primary_payer"]]
    return (
        pl.when(pl.col("setting") == "outpatient")
        .then(sum_of_given(outpatient))
        .when(pl.col("setting") == "drug")
        .then(drug)
        .otherwise(pl.coalesce(value["allowed"], sum_of_given(professional)))
    )


def _primary_payer() -> pl.Expr:
    institutional = sum_of_given(cents(AMOUNTS[part]) for part in ("first_primary_payer", "second_primary_payer"))
    return pl.when(pl.col("setting") == "outpatient").then(institutional).otherwise(cents(AMOUNTS["primary_payer"]))


def _apc() -> pl.Expr:
    """The four digits of the payment classification; the column has room for five."""
    code = text("CLM_REV_APC_HIPPS_CD")
    given = pl.when(code.str.strip_chars("0") != "").then(code)
    return given.str.replace(r"^0(\d{4})$", "$1")


def _failures() -> pl.Expr:
    broken = {f"{meaning}_amount_not_an_amount": not_an_amount(column) for meaning, column in AMOUNTS.items()}
    return reasons(
        {
            "claim_missing": pl.col("claim_known").is_null(),
            "contradicting_rows": pl.col("contradicted"),
            **broken,
        }
    )
