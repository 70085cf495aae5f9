"""RIF rows of claims files: each row is a line with its claim repeated; which rows stand, and what they become.

Every row counts for `lines`; every claim (person and claim id) counts once for `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date
from episodes.claims.layouts import rif_columns as rif
from episodes.claims.layouts.rif_columns import ClaimKind
from episodes.claims.layouts.rif_values import amount_failures, beside, day, listed, reading, revenue_center
from episodes.claims.layouts.values import cents, not_an_amount, reasons, sum_of_given, text
from episodes.claims.report import ReadingReport
from episodes.claims.versions import book_netted, latest_of, nothing_netted

ALLOWED_INDICATORS = ("A", "R", "S")
"""Line processing: allowed, reprocessed after adjustment, secondary payer; a blank is allowed too."""

TOTAL_LINE = "0001"
"""The revenue center of a claim's total."""

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
    standing = _standing_rows(kind, rows, report)
    headers = _headers(kind, standing)
    claims = headers.select(**_claim_columns(name, kind))
    paid_by_plan = headers.filter(text(rif.MANAGED_CARE) == "1").height if rif.MANAGED_CARE in headers.columns else 0
    report.tally("facility claims marked as paid by a managed care plan, kept", paid_by_plan)

    line_rows = _net(standing, _why_no_line(kind), report)
    lines = line_rows.select(**_line_columns(name, kind))
    if name == "outpatient":
        lines = _with_payments_of_whole_claims(claims, lines, report)
    return ClaimsAndLines(claims, lines)


# --- which rows stand ---------------------------------------------------------------------------------------


def _standing_rows(kind: ClaimKind, rows: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """The rows of claims that stand: final, not deleted, not denied. The others are netted with a reason."""
    keys = list(kind.keys)
    distinct = rows.unique(maintain_order=True)
    report.table("lines").take_up("exact_duplicate", rows.height - distinct.height)
    marked = distinct.with_columns(_why=_why_claim_does_not_stand(kind))
    claims = marked.group_by(keys, maintain_order=True).agg(
        stands=pl.col("_why").is_null().any(), reason=pl.col("_why").first()
    )
    gone = claims.filter(~pl.col("stands")).select(
        beneficiary_id=keys[0], claim_id=keys[1], reason="reason", against_claim_id=pl.lit(None, dtype=pl.String)
    )
    book_netted(report, "claims", gone)
    standing = _net(marked, pl.col("_why"), report).select(rows.columns)

    earlier = _earlier_versions(kind, standing)
    book_netted(report, "claims", earlier)
    replaced = standing.join(
        earlier.select(pl.col("beneficiary_id").alias(keys[0]), pl.col("claim_id").alias(keys[1]), _why="reason"),
        on=keys,
        how="left",
        maintain_order="left",
    )
    return _net(replaced, pl.col("_why"), report).select(rows.columns)


def _net(rows: pl.DataFrame, reason: pl.Expr, report: ReadingReport) -> pl.DataFrame:
    """The rows without a reason; the others are counted among the lines as netted by it."""
    marked = rows.with_columns(_reason=reason)
    for why, number in marked["_reason"].drop_nulls().value_counts().sort("_reason").iter_rows():
        report.table("lines").take_up(why, number)
    return marked.filter(pl.col("_reason").is_null()).drop("_reason")


def _why_claim_does_not_stand(kind: ClaimKind) -> pl.Expr:
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
        .when(_denied(kind))
        .then(pl.lit("denied_claim"))
    )


def _denied(kind: ClaimKind) -> pl.Expr:
    if rif.NOT_PAID_REASON in kind.claim_codes:
        return text(rif.NOT_PAID_REASON).is_not_null()
    if rif.DENIAL in kind.claim_codes:
        return (text(rif.DENIAL) == "0").fill_null(False)
    return pl.lit(False)


def _earlier_versions(kind: ClaimKind, rows: pl.DataFrame) -> pl.DataFrame:
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


def _why_no_line(kind: ClaimKind) -> pl.Expr:
    """The reason why a row of a standing claim is no service line; null where it is one."""
    nothing = pl.lit(None, dtype=pl.String)
    if rif.LINE_INDICATOR in kind.line_columns:
        denied = text(rif.LINE_INDICATOR).is_not_null() & ~text(rif.LINE_INDICATOR).is_in(ALLOWED_INDICATORS)
        return pl.when(denied).then(pl.lit("denied_line")).otherwise(nothing)
    if "revenue_center" in kind.line:
        total = (revenue_center("REV_CNTR") == TOTAL_LINE).fill_null(False) & text("HCPCS_CD").is_null()
        return pl.when(total).then(pl.lit("total_line")).otherwise(nothing)
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
    paid = pl.coalesce(
        sum_of_given(cents(part) for part in rif.OUTPATIENT_PAID),
        cents(rif.OUTPATIENT_PAID_ELSE),
    )
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


def _first_other_than_zero(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return pl.when((one != 0).fill_null(False)).then(one).otherwise(pl.coalesce(other, one))


def _with_payments_of_whole_claims(claims: pl.DataFrame, lines: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Claims paid, whose lines carry no payment, have their amounts on their first line.

    Bills that the outpatient pricer does not price have no payment on their lines. What else differs between a
    claim and its lines is left as it stands, and counted.
    """
    amounts = ("allowed_cents", "paid_cents", "primary_payer_paid_cents")
    priced = lines.group_by(_KEYS, maintain_order=True).agg(
        _of_lines=pl.col("paid_cents").sum(), _any=(pl.col("paid_cents") != 0).any()
    )
    compared = claims.select(*_KEYS, *(pl.col(amount).alias(f"_{amount}") for amount in amounts)).join(
        priced, on=_KEYS, how="inner", maintain_order="left"
    )
    paid = pl.col("_paid_cents").fill_null(0)
    report.tally(
        "outpatient claims whose lines sum to another payment than the claim's, lines kept",
        compared.filter(pl.col("_any") & (pl.col("_of_lines") != paid)).height,
    )
    whole = compared.filter(~pl.col("_any") & (paid != 0))
    report.tally("outpatient claims without payments on their lines, booked on their first line", whole.height)
    if whole.is_empty():
        return lines
    number = pl.col("line_number").cast(pl.Int32, strict=False)
    first = (number == number.min().over(_KEYS)).fill_null(False)
    booked = lines.join(
        whole.drop("_of_lines", "_any").with_columns(_whole=True), on=_KEYS, how="left", maintain_order="left"
    )
    return booked.with_columns(
        pl.when(pl.col("_whole") & first)
        .then(pl.col(f"_{amount}"))
        .when(pl.col("_whole"))
        .then(pl.lit(0, dtype=pl.Int64))
        .otherwise(pl.col(amount))
        .alias(amount)
        for amount in amounts
    ).select(lines.columns)
