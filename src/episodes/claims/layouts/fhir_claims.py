"""Rows of ExplanationOfBenefits become claims and lines: versions resolved, what is no final claim netted."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS
from episodes.claims.contract import CLAIM_PAID_SETTINGS
from episodes.claims.layouts.denials import (
    DENIED,
    DENIED_CLAIMS_KEPT,
    DENIED_LINES_KEPT,
    carrier_denied,
    facility_denied,
    line_denied,
)
from episodes.claims.layouts.fhir_values import at_width, known_day, unless_unknown
from episodes.claims.layouts.outpatient_payments import with_payments_of_claims
from episodes.claims.layouts.payable_lines import PAID_BY_CLAIM, TOTAL_LINE, total_line
from episodes.claims.layouts.values import cents, not_an_amount, reasons, sum_of_given
from episodes.claims.report import ReadingReport, paid_sum

_KEYS = ["person", "claim_id"]
_FAULT = "fault"
_READ = ("ExplanationOfBenefit", "Patient", "Coverage")

_SHARES = ("deductible", "coinsurance", "copay", "blood_deductible")
_ADD_ONS = {
    "outlier_cents": ("outlier", "capital_outlier"),
    "ime_cents": ("ime", "capital_ime"),
    "dsh_cents": ("dsh", "capital_dsh"),
    "uncompensated_care_cents": ("uncompensated_care",),
}
_CLAIM_AMOUNTS = (
    "payment",
    "eligible",
    "carrier_allowed",
    *_SHARES,
    "primary_payer",
    *(name for names in _ADD_ONS.values() for name in names),
)
_LINE_AMOUNTS = (
    "paid",
    "eligible",
    "allowed",
    *_SHARES,
    "reduced_coinsurance",
    "primary_payer",
    "second_payer",
    "charge",
    "noncovered_charge",
)
_OF_ADVANTAGE = ("61", "62", "63", "64")
_ALLOWED_IS_STATED = ("professional", "dme", "drug")
"""Settings whose payer states the allowed amount of a line; elsewhere it is the sum of its parts."""


class ClaimsAndLines(NamedTuple):
    """Canonical claims and lines, not yet brought to the types of the contract."""

    claims: pl.DataFrame
    lines: pl.DataFrame


def claims_and_lines(rows: pl.DataFrame, report: ReadingReport) -> ClaimsAndLines:
    """Claims and lines of the rows of all resources."""
    counts = report.table("claims")
    faulty = rows.filter(pl.col(_FAULT).is_not_null())
    other = rows.filter(pl.col(_FAULT).is_null() & ~pl.col("resource").is_in(_READ))
    counts.take_up("other_resource", other.height)
    for name, number in other.group_by("resource").len().sort("resource").iter_rows():
        report.tally(f"{name} resources that are no claims", number)

    eobs = rows.filter(pl.col("resource") == "ExplanationOfBenefit")
    for name, number in eobs.group_by("shape").len().sort("shape").iter_rows():
        report.tally(f"ExplanationOfBenefits in the shape {name}", number)
    report.read_amounts("claims", eobs, cents("payment"), not_an_amount("payment"))
    report.read_amounts("lines", _items_of(eobs), cents("paid"), not_an_amount("paid"))
    final = _final(_latest(eobs, report), report)
    _tally(final, report)
    claims = pl.concat(
        [_claims(final), faulty.select(pl.concat_list(_FAULT).alias(LAYOUT_REASONS), beneficiary_id="person")],
        how="diagonal",
    )
    outpatient = claims.filter(setting="outpatient")
    return ClaimsAndLines(claims, with_payments_of_claims(outpatient, _lines(final, report), report))


def _latest(eobs: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """The version of each claim that was last touched; of equal ones the first.

    Versions of the same time that differ stay: the contract then sets them aside, for neither can be preferred.
    """
    touched = pl.col("last_updated").str.to_datetime("%+", time_zone="UTC", strict=False)
    marked = eobs.with_row_index("_row").with_columns(_touched=touched.fill_null(pl.datetime(1, 1, 1, time_zone="UTC")))
    keyed = pl.all_horizontal(pl.col(_KEYS).is_not_null())
    latest = ~keyed | (pl.col("_touched") == pl.col("_touched").max().over(_KEYS))
    marked = marked.with_columns(_latest=latest)
    kept = marked.filter("_latest").unique([*_KEYS, "content"], keep="first", maintain_order=True)
    # Rows without a key are nobody's versions of each other.
    kept = pl.concat([kept, marked.filter(~keyed)]).unique("_row", maintain_order=True).sort("_row")
    gone = marked.join(kept, on="_row", how="anti")
    _net(gone.join(kept, on=[*_KEYS, "content"], how="semi"), "exact_duplicate", report)
    _net(gone.join(kept, on=[*_KEYS, "content"], how="anti"), "superseded_version", report)
    return kept.drop("_row", "_touched", "_latest")


def _final(eobs: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Claims as they finally stand; what is cancelled, preliminary or no claim of the bundle is netted."""
    netted = {
        "cancelled": pl.col("status").is_in(["cancelled", "entered-in-error", "draft"])
        | (pl.col("adjustment_type") == "1")
        | (pl.col("deletion") == "D")
        | ((pl.col("setting") == "drug") & (pl.col("type_code") == "3")),
        "not_final_action": pl.col("final_action").is_in(["NotFinalAction", "N"]),
        "not_adjudicated": pl.col("outcome").is_in(["queued", "error", "partial"])
        | (pl.col("adjudication_status") == "PartiallyAdjudicated")
        | pl.col("shared_system").is_not_null(),
        "no_claim": pl.col("use").is_in(["preauthorization", "predetermination"]),
        "other_claim_type": pl.col("other_claim_type").is_not_null(),
        DENIED: _refused() & ~_states_payment(),
    }
    reason = pl.coalesce(pl.when(broken).then(pl.lit(name)) for name, broken in netted.items())
    marked = eobs.with_columns(_reason=reason)
    for name in netted:
        _net(marked.filter(pl.col("_reason") == name), name, report)
    return marked.filter(pl.col("_reason").is_null()).drop("_reason")


def _refused() -> pl.Expr:
    return facility_denied("non_payment_reason") | carrier_denied("payment_denial")


def _states_payment() -> pl.Expr:
    """Whether a payment stands on the claim or on one of its lines, or something that cannot be read."""
    of_lines = pl.element().struct.field("paid")
    # A payment of zero is written in zeros; whatever else stands there is one, or cannot be read.
    nothing = r"^[+-]?0*\.?0*$"
    any_line = pl.col("items").list.eval(~of_lines.str.strip_chars().str.contains(nothing)).list.any()
    return (cents("payment") != 0).fill_null(False) | not_an_amount("payment") | any_line.fill_null(False)


def _net(eobs: pl.DataFrame, reason: str, report: ReadingReport) -> None:
    """Count claims, and their lines, that another version or none stands for."""
    items = _items_of(eobs)
    report.table("claims").take_up(reason, eobs.height, paid_sum(eobs, cents("payment")))
    report.table("lines").take_up(reason, items.height, paid_sum(items, cents("paid")))


def _items_of(eobs: pl.DataFrame) -> pl.DataFrame:
    """The lines of claims, with the claim they belong to as `_claim`."""
    return (
        eobs.with_row_index("_claim")
        .filter(pl.col("items").list.len() > 0)
        .select("_claim", *_KEYS, "setting", "items", _claim_paid=cents("payment"))
        .explode("items")
        .unnest("items")
    )


def _tally(eobs: pl.DataFrame, report: ReadingReport) -> None:
    without_principal = pl.col("diagnoses").is_not_null() & pl.col("diagnoses").list.first().is_null()
    counted = {
        DENIED_CLAIMS_KEPT: _refused(),
        "claims paid by a managed care plan, kept": pl.col("managed_care_paid") == "1",
        "claims of Medicare Advantage stays (types 61 to 64), kept": pl.col("type_code").is_in(_OF_ADVANTAGE),
        "claims with lines of the same or no number, numbered by their order": pl.col("items_renumbered").is_not_null(),
        "claims without a payment, their amounts not known": pl.col("payment").is_null()
        & ~(pl.col("setting") == "drug"),
        "claims with typed diagnoses of which none is the principal": without_principal,
    }
    for what, condition in counted.items():
        report.tally(what, eobs.filter(condition).height)


def _claims(eobs: pl.DataFrame) -> pl.DataFrame:
    paid = cents("payment")
    primary = cents("primary_payer")
    share = sum_of_given(cents(name) for name in _SHARES)
    # Of a payment alone it is not known what others paid beside it; at home and in hospice nothing is owed.
    told = share.is_not_null() | (pl.col("setting").is_in(["home_health", "hospice"]) & primary.is_not_null())
    from_parts = pl.when(paid.is_not_null() & told).then(sum_of_given([paid, share, primary]))
    carrier = pl.when(pl.col("setting").is_in(["professional", "dme"])).then(cents("carrier_allowed"))
    stay = pl.col("setting").is_in(["inpatient", "snf"])
    return eobs.select(
        reasons({f"{name}_amount_not_an_amount": not_an_amount(name) for name in _CLAIM_AMOUNTS}).alias(LAYOUT_REASONS),
        beneficiary_id="person",
        claim_id="claim_id",
        setting="setting",
        from_date=pl.coalesce(known_day("from_date"), known_day("first_service")),
        thru_date=pl.coalesce(known_day("thru_date"), known_day("last_service")),
        admission_date=pl.when(stay).then(known_day("admission")),
        discharge_date=pl.when(stay).then(known_day("discharge")),
        discharge_status=at_width("discharge_status", 2),
        # Some servers pad the code to four characters, some not even to three.
        ms_drg=at_width("drg", 3).str.replace(r"^0(\d{3})$", "$1"),
        ccn="ccn",
        facility_npi="facility_npi",
        attending_npi="attending_npi",
        operating_npi="operating_npi",
        diagnoses="diagnoses",
        present_on_admission="present_on_admission",
        procedures="procedures",
        procedure_dates=pl.col("procedure_dates").list.eval(unless_unknown(pl.element().str.slice(0, 10))),
        allowed_cents=pl.coalesce(cents("eligible"), carrier, from_parts),
        paid_cents=paid,
        **{column: sum_of_given(cents(name) for name in names) for column, names in _ADD_ONS.items()},
        primary_payer_paid_cents=primary,
        low_utilization="low_utilization",
        bill_type="bill_type",
        process_date=pl.coalesce(known_day("process_date"), known_day("payment_date")),
    )


def _lines(eobs: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    items = _items_of(eobs).with_columns(
        paid=cents("paid"),
        _counts=~pl.col("setting").is_in(CLAIM_PAID_SETTINGS).fill_null(False),
        _unreadable=reasons({f"{name}_amount_not_an_amount": not_an_amount(name) for name in _LINE_AMOUNTS}),
    )
    unpaid = (pl.col("paid").fill_null(0) == 0) & (pl.col("_unreadable").list.len() == 0)
    netted = (
        pl.when(total_line(at_width("revenue_center", 4), pl.col("hcpcs")))
        .then(pl.lit(TOTAL_LINE))
        .when(line_denied("processing_indicator") & unpaid)
        .then(pl.lit(DENIED))
    )
    items = items.with_columns(_netted=netted)
    counts = report.table("lines")
    for reason in (TOTAL_LINE, DENIED):
        gone = items.filter(pl.col("_netted") == reason)
        counts.take_up(reason, gone.height, paid_sum(gone, pl.col("paid")))
    items = items.filter(pl.col("_netted").is_null())
    counts.net_cents(PAID_BY_CLAIM, paid_sum(items.filter(~pl.col("_counts")), pl.col("paid")))
    report.tally(DENIED_LINES_KEPT, items.filter(line_denied("processing_indicator")).height)
    _tally_sums(items.filter(pl.col("setting") != "outpatient"), report)

    reduced = cents("reduced_coinsurance")
    coinsurance = pl.when(reduced != 0).then(reduced).otherwise(cents("coinsurance"))
    share = sum_of_given([coinsurance, *(cents(name) for name in _SHARES if name != "coinsurance")])
    primary = sum_of_given([cents("primary_payer"), cents("second_payer")])
    told = pl.col("paid").is_not_null() & share.is_not_null()
    from_parts = pl.when(told).then(sum_of_given([pl.col("paid"), share, primary]))
    stated = pl.when(pl.col("setting").is_in(_ALLOWED_IS_STATED)).then(cents("allowed"))
    by_line = pl.col("_counts")
    return items.select(
        pl.col("_unreadable").alias(LAYOUT_REASONS),
        beneficiary_id="person",
        claim_id="claim_id",
        line_number="line_number",
        service_date=known_day("service_date"),
        service_thru=known_day("service_thru"),
        hcpcs="hcpcs",
        modifiers="modifiers",
        revenue_center=at_width("revenue_center", 4),
        place_of_service=at_width("place_of_service", 2),
        status_indicator="status_indicator",
        apc="apc",
        rendering_npi="rendering_npi",
        tin="tin",
        specialty="specialty",
        units="units",
        allowed_cents=pl.when(by_line).then(pl.coalesce(cents("eligible"), stated, from_parts)),
        paid_cents=pl.when(by_line).then(pl.col("paid")),
        primary_payer_paid_cents=pl.when(by_line).then(primary),
        charge_cents=cents("charge"),
        noncovered_charge_cents=cents("noncovered_charge"),
        diagnosis="diagnosis",
    )


def _tally_sums(items: pl.DataFrame, report: ReadingReport) -> None:
    """The header of a claim paid by line is information only; say where it differs from its lines."""
    sums = (
        items.filter("_counts")
        .group_by("_claim")
        .agg(pl.col("_claim_paid").first(), lines=pl.col("paid").sum(), given=pl.col("paid").count())
    )
    differing = sums.filter((pl.col("given") > 0) & (pl.col("lines") != pl.col("_claim_paid")))
    report.tally("claims paid by line, their lines not summing to the claim's payment", differing.height)
