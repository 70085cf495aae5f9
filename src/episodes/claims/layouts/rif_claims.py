"""RIF rows of claims files: each row is a line with its claim repeated; which rows stand, and what they become.

Every row counts for `lines`; every claim (person and claim id) counts once for `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date, once_and_again
from episodes.claims.layouts import rif_columns as rif
from episodes.claims.layouts.denials import (
    DENIED,
    DENIED_CLAIMS_KEPT,
    DENIED_LINES_KEPT,
    carrier_denied,
    facility_denied,
    line_denied,
)
from episodes.claims.layouts.outpatient_payments import with_payments_of_claims
from episodes.claims.layouts.payable_lines import TOTAL_LINE, total_line
from episodes.claims.layouts.rif_columns import ClaimKind
from episodes.claims.layouts.rif_values import amount_failures, beside, day, listed, reading, revenue_center
from episodes.claims.layouts.values import cents, not_an_amount, reasons, sum_of_given, text
from episodes.claims.report import ReadingReport, paid_sum
from episodes.claims.versions import book_netted, latest_of, nothing_netted

_KEYS = ["beneficiary_id", "claim_id"]


class ClaimsAndLines(NamedTuple):
    """Canonical claims and lines, not yet brought to the types of the contract."""

    claims: pl.DataFrame
    lines: pl.DataFrame


def claims_and_lines(name: str, rows: pl.DataFrame, report: ReadingReport) -> ClaimsAndLines:
    """The claims of one kind of file, and their lines.

    Args:
        name: the kind of file, a key of `rif_columns.CLAIM_KINDS`.
        rows: all rows of the kind of some people, with the columns of the kind.
        report: gets the rows that were netted, by reason.
    """
    kind = rif.CLAIM_KINDS[name]
    paid = _line_paid(name, kind)
    report.read_amounts("lines", rows, paid, _unreadable_payment(name, kind))
    standing = _standing_rows(name, kind, rows, report)
    headers = _headers(kind, standing)
    claims = headers.select(**_claim_columns(name, kind))
    paid_by_plan = headers.filter(text(rif.MANAGED_CARE) == "1").height if rif.MANAGED_CARE in headers.columns else 0
    report.tally("facility claims marked as paid by a managed care plan, kept", paid_by_plan)

    line_rows = _net(standing, _why_no_line(kind, paid), report, paid)
    report.tally(DENIED_LINES_KEPT, line_rows.filter(_line_denied(kind)).height)
    lines = line_rows.select(**_line_columns(name, kind))
    if name == "outpatient":
        lines = with_payments_of_claims(claims, lines, report)
    return ClaimsAndLines(claims, lines)


# --- which rows stand ---------------------------------------------------------------------------------------


def _standing_rows(name: str, kind: ClaimKind, rows: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """The rows of claims that stand: final, not deleted, not denied. The others are netted with a reason."""
    keys = list(kind.keys)
    paid = _line_paid(name, kind)
    line = kind.line.get("line_number")
    key = [*keys, *([line.column] if line is not None and line.column in rows.columns else [])]
    distinct, repeats = once_and_again(rows, key)
    report.table("lines").take_up("exact_duplicate", repeats.height, paid_sum(repeats, paid))
    marked = distinct.with_columns(_why=_why_claim_does_not_stand(name, kind))
    # The claim is repeated on each of its rows: its amount counts once, as the first row states it that stands.
    stands = pl.col("_why").is_null()
    claims = (
        marked.sort(~stands, maintain_order=True)
        .group_by(keys, maintain_order=True)
        .agg(
            stands=stands.any(),
            reason=pl.col("_why").first(),
            paid_cents=_claim_paid(name).first(),
            unreadable=_unreadable_claim_payment(name).first(),
        )
    )
    report.read_amounts("claims", claims, pl.col("paid_cents"), pl.col("unreadable"))
    gone = claims.filter(~pl.col("stands")).select(
        "reason",
        "paid_cents",
        beneficiary_id=keys[0],
        claim_id=keys[1],
        against_claim_id=pl.lit(None, dtype=pl.String),
    )
    book_netted(report, "claims", gone)
    standing = _net(marked, pl.col("_why"), report, paid).select(rows.columns)
    report.tally(DENIED_CLAIMS_KEPT, standing.filter(_denied(kind)).select(keys).unique().height)

    earlier = _earlier_versions(name, kind, standing)
    book_netted(report, "claims", earlier)
    replaced = standing.join(
        earlier.select(pl.col("beneficiary_id").alias(keys[0]), pl.col("claim_id").alias(keys[1]), _why="reason"),
        on=keys,
        how="left",
        maintain_order="left",
    )
    return _net(replaced, pl.col("_why"), report, paid).select(rows.columns)


def _net(rows: pl.DataFrame, reason: pl.Expr, report: ReadingReport, paid: pl.Expr) -> pl.DataFrame:
    """The rows without a reason; the others are counted among the lines as netted by it, with what they paid."""
    marked = rows.with_columns(_reason=reason)
    for why in marked["_reason"].drop_nulls().unique().sort():
        left = marked.filter(pl.col("_reason") == why)
        report.table("lines").take_up(why, left.height, paid_sum(left, paid))
    return marked.filter(pl.col("_reason").is_null()).drop("_reason")


def _why_claim_does_not_stand(name: str, kind: ClaimKind) -> pl.Expr:
    """The reason why a row's claim is netted; null where it stands."""
    change = text(rif.RECORD_CHANGE).str.to_uppercase()
    deleted, updated = ((change == word).fill_null(False) for word in ("DELETE", "UPDATE"))
    if kind.setting == "drug":
        deleted = deleted | (text(rif.DRUG_DELETION) == "D").fill_null(False)
    final = text(rif.FINAL_ACTION).is_in(["F", rif.NOT_STATED]).fill_null(False)
    return (
        pl.when(deleted.any().over(kind.keys))
        .then(pl.lit("deleted"))
        .when(~updated & updated.any().over(kind.keys))
        .then(pl.lit("superseded"))
        .when(~final)
        .then(pl.lit("not_final_action"))
        .when(_denied(kind) & _nothing_paid(name, kind))
        .then(pl.lit(DENIED))
    )


def _denied(kind: ClaimKind) -> pl.Expr:
    if rif.NOT_PAID_REASON in kind.claim_codes:
        return facility_denied(rif.NOT_PAID_REASON)
    if rif.DENIAL in kind.claim_codes:
        return carrier_denied(rif.DENIAL)
    return pl.lit(False)


def _line_denied(kind: ClaimKind) -> pl.Expr:
    return line_denied(rif.LINE_INDICATOR) if rif.LINE_INDICATOR in kind.line_columns else pl.lit(False)


def _nothing_paid(name: str, kind: ClaimKind) -> pl.Expr:
    """Whether neither the claim nor any of its lines states a payment, or an amount that cannot be read."""
    parts = [
        (_claim_paid(name).fill_null(0) != 0) | _unreadable_claim_payment(name),
        (_line_paid(name, kind).fill_null(0) != 0) | _unreadable_payment(name, kind),
    ]
    return ~pl.any_horizontal(parts).any().over(kind.keys)


def _claim_paid(name: str) -> pl.Expr:
    if name == "pde":
        return sum_of_given(cents(part) for part in rif.DRUG_PAID)
    return cents(rif.CLAIM_PAID)


def _unreadable_claim_payment(name: str) -> pl.Expr:
    return pl.any_horizontal(not_an_amount(part) for part in (rif.DRUG_PAID if name == "pde" else (rif.CLAIM_PAID,)))


def _line_paid(name: str, kind: ClaimKind) -> pl.Expr:
    """What a row pays; null in kinds whose payment is on the claim."""
    if name == "pde":
        return sum_of_given(cents(part) for part in rif.DRUG_PAID)
    if name == "outpatient":
        return _outpatient_paid()
    return cents(kind.line["paid_cents"].column) if "paid_cents" in kind.line else pl.lit(None, dtype=pl.Int64)


def _unreadable_payment(name: str, kind: ClaimKind) -> pl.Expr:
    if name in ("pde", "outpatient"):
        columns = rif.DRUG_PAID if name == "pde" else (*rif.OUTPATIENT_PAID, rif.OUTPATIENT_PAID_ELSE)
        return pl.any_horizontal(not_an_amount(column) for column in columns)
    return not_an_amount(kind.line["paid_cents"].column) if "paid_cents" in kind.line else pl.lit(False)


def _earlier_versions(name: str, kind: ClaimKind, rows: pl.DataFrame) -> pl.DataFrame:
    """Claims that another of their claim group replaces, in files that do not say which action is final.

    The version processed last stands, of several on a day the one delivered last. Returns netted rows.
    """
    if rif.PROCESS_DATES[0] not in kind.claim_codes:
        return nothing_netted()
    versions = (
        rows.filter((text(rif.FINAL_ACTION) == rif.NOT_STATED) & text(rif.CLAIM_GROUP).is_not_null())
        .unique(subset=kind.keys, keep="first", maintain_order=True)
        .select(
            beneficiary_id=kind.keys[0],
            claim_id=kind.keys[1],
            group=rif.CLAIM_GROUP,
            processed=as_date(_process_date()),
            paid_cents=_claim_paid(name),
        )
    )
    return latest_of(versions, key=["beneficiary_id", "group"], order=["processed"], reason="earlier_version").netted


def _headers(kind: ClaimKind, rows: pl.DataFrame) -> pl.DataFrame:
    """One row a claim. Claims whose rows do not repeat the same claim are marked: their payment is not known."""
    of_lines = set(kind.columns_of_lines()) - {field.column for field in kind.claim.values()}
    repeated = [column for column in rows.columns if column not in {*of_lines, rif.RECORD_CHANGE}]
    distinct = rows.unique(subset=repeated, keep="first", maintain_order=True)
    headers = distinct.with_columns(_contradicted=pl.len().over(kind.keys) > 1)
    return headers.unique(subset=kind.keys, keep="first", maintain_order=True)


def _why_no_line(kind: ClaimKind, paid: pl.Expr) -> pl.Expr:
    """The reason why a row of a standing claim is no service line; null where it is one."""
    nothing = pl.lit(None, dtype=pl.String)
    if rif.LINE_INDICATOR in kind.line_columns:
        unpaid = (paid.fill_null(0) == 0) & ~not_an_amount(kind.line["paid_cents"].column)
        return pl.when(_line_denied(kind) & unpaid).then(pl.lit(DENIED)).otherwise(nothing)
    if "revenue_center" in kind.line:
        total = total_line(revenue_center("REV_CNTR"), text("HCPCS_CD"))
        return pl.when(total).then(pl.lit(TOTAL_LINE)).otherwise(nothing)
    return nothing


# --- columns of the contract --------------------------------------------------------------------------------


def _claim_columns(name: str, kind: ClaimKind) -> dict[str, pl.Expr]:
    """Allowed = payment + beneficiary's deductibles and coinsurance + primary payer's payment."""
    columns = {column: reading(field) for column, field in kind.claim.items()}
    failures = amount_failures(kind.claim)
    if name == "pde":
        columns["paid_cents"] = sum_of_given(cents(part) for part in rif.DRUG_PAID)
        failures |= _unreadable({"paid_cents": rif.DRUG_PAID})
    if kind.shares:
        columns["allowed_cents"] = sum_of_given(
            [
                columns["paid_cents"],
                *(cents(share) for share in kind.shares),
                columns["primary_payer_paid_cents"],
            ]
        )
        failures |= _unreadable({"allowed_cents": kind.shares})
    for add_on, parts in kind.add_ons.items():
        columns[add_on] = sum_of_given(cents(part) for part in parts)
    failures |= _unreadable(kind.add_ons)
    if rif.BILL_TYPE[0] in kind.claim_codes:
        columns["bill_type"] = pl.concat_str(text(part) for part in rif.BILL_TYPE)
    if rif.PROCESS_DATES[0] in kind.claim_codes:
        columns["process_date"] = _process_date()
    if rif.LOW_UTILIZATION in kind.claim_codes:
        columns["low_utilization"] = (text(rif.LOW_UTILIZATION) == "L").fill_null(False)
    return {
        "setting": pl.lit(kind.setting),
        **columns,
        **_coded(kind),
        LAYOUT_REASONS: reasons({"claim_rows_contradict": pl.col("_contradicted"), **failures}),
    }


def _process_date() -> pl.Expr:
    return pl.coalesce(day(column) for column in rif.PROCESS_DATES)


def _unreadable(amounts: Mapping[str, tuple[str, ...]]) -> dict[str, pl.Expr]:
    return {
        f"{name}_not_an_amount": pl.any_horizontal(not_an_amount(part) for part in parts)
        for name, parts in amounts.items()
    }


def _coded(kind: ClaimKind) -> dict[str, pl.Expr]:
    """Diagnoses, principal first, with their present-on-admission indicators; procedures with their dates.

    The first numbered diagnosis is normally the principal one once more, and then left out.
    """
    if not kind.diagnoses:
        return {}
    principal, first, *others = (
        text(column).str.replace_all(".", "", literal=True) for column in kind.diagnosis_columns
    )
    repeats = principal.is_null() | (first == principal)
    codes = [pl.coalesce(principal, first).fill_null(""), pl.when(~repeats).then(first), *others]
    columns = {"diagnoses": listed(codes)}
    if kind.present_on_admission:
        marks = [text(column) for column in rif.numbered(rif.PRESENT_ON_ADMISSION, kind.diagnoses)]
        of_principal = pl.when(repeats.fill_null(False)).then(marks[0])
        columns["present_on_admission"] = listed(beside(codes, [of_principal, *marks]))
    if kind.procedures:
        procedures = [
            text(column).str.replace_all(".", "", literal=True)
            for column in rif.numbered(rif.PROCEDURE, kind.procedures)
        ]
        dates = [day(column) for column in rif.numbered(rif.PROCEDURE_DATE, kind.procedures)]
        columns |= {"procedures": listed(procedures), "procedure_dates": listed(beside(procedures, dates))}
    return columns


def _line_columns(name: str, kind: ClaimKind) -> dict[str, pl.Expr]:
    columns = {column: reading(field) for column, field in kind.line.items()}
    failures = amount_failures(kind.line)
    if name == "pde":
        of_npi = text(rif.PRESCRIBER_ID_KIND).str.zfill(2).eq_missing(pl.lit("01"))
        columns |= {"line_number": pl.lit("1"), "rendering_npi": pl.when(of_npi).then(columns["rendering_npi"])}
        columns["paid_cents"] = sum_of_given(cents(part) for part in rif.DRUG_PAID)
        failures |= _unreadable({"paid_cents": rif.DRUG_PAID})
    if name == "outpatient":
        columns |= _outpatient_amounts()
        failures |= _unreadable({"allowed_cents": rif.OUTPATIENT_AMOUNTS})
    if kind.modifiers:
        columns["modifiers"] = listed([text(column) for column in rif.MODIFIERS])
    keys = {column: reading(kind.claim[column]) for column in _KEYS}
    return {**keys, **columns, LAYOUT_REASONS: reasons(failures)}


# --- outpatient amounts -------------------------------------------------------------------------------------


def _outpatient_amounts() -> dict[str, pl.Expr]:
    """Payment of a line (to provider and beneficiary), and allowed with the patient's and the primary payer's part."""
    paid = _outpatient_paid()
    reduced, adjusted = (cents(column) for column in rif.OUTPATIENT_COINSURANCE)
    responsibility = cents(rif.OUTPATIENT_SHARE)
    parts = sum_of_given(
        [*(cents(column) for column in rif.OUTPATIENT_DEDUCTIBLES), _first_other_than_zero(reduced, adjusted)]
    )
    primary_payer = sum_of_given(cents(column) for column in rif.OUTPATIENT_PRIMARY_PAYER)
    return {
        "paid_cents": paid,
        "primary_payer_paid_cents": primary_payer,
        "allowed_cents": sum_of_given([paid, _first_other_than_zero(responsibility, parts), primary_payer]),
    }


def _outpatient_paid() -> pl.Expr:
    return pl.coalesce(sum_of_given(cents(part) for part in rif.OUTPATIENT_PAID), cents(rif.OUTPATIENT_PAID_ELSE))


def _first_other_than_zero(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return pl.when((one != 0).fill_null(False)).then(one).otherwise(pl.coalesce(other, one))
