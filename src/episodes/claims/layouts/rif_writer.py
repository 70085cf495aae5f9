"""Canonical tables as a delivery of RIF files: pipe-delimited, a row a line with its claim repeated.

Files are named as in the BFD samples (`inpatient.csv`, ..., `beneficiary_2026.csv`), with their headers. Columns
that a header has no place for are appended where a value needs them (`APPENDED`). A facility claim ends with its
total line (revenue center 0001); a carrier or DME claim without lines has one that is denied, so that the claim is
in the file.

What comes back otherwise than it went in, beside the columns of `LACKS`:

* A month counts by its first day: coverage is written for the years that the claims span, and intervals come back
  as whole months.
* A home health claim that does not say whether it is a LUPA comes back as none.
* An allowed amount of null beside a payment comes back as the payment.
* An outpatient claim with a payment, of whose lines none has one, comes back with its amounts on its first line.

History: an earlier version is a claim of the final one's claim group that is not final action; the rows of a cancelled
claim follow once more as deletions; a denied claim has a reason for non-payment or a denial code.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from episodes.claims.contract import TABLES, empty_table
from episodes.claims.layouts import rif_columns as rif
from episodes.claims.layouts.payable_lines import TOTAL_REVENUE_CENTER
from episodes.claims.layouts.rif_columns import ClaimKind
from episodes.claims.layouts.rif_headers import header_of_kind
from episodes.claims.layouts.rif_values import day_text, dollars, plain_number, writing
from episodes.claims.layouts.rif_writer_people import write_people
from episodes.claims.layouts.written_history import (
    CANCELLED,
    DENIED,
    EARLIER,
    History,
    no_history,
)
from episodes.errors import ArgumentError, count_of

LACKS: dict[str, tuple[str, ...]] = {
    "claims": (
        # Derived by whoever groups and types the claims, not part of a claims file.
        *("pricing_drg", "mdc", "provider_type", "keep_inner", "keep_inner_outer"),
        # No column.
        *("clotting_factor_cents", "standardized_cents", "standardized_outlier_cents", "demonstration_codes"),
    ),
    "lines": (
        # No column.
        *("standardized_cents", "visits"),
        # Inpatient and SNF lines have no date, other revenue lines only one.
        *("service_date", "service_thru"),
        # Only carrier and DME lines point to a diagnosis.
        "diagnosis",
        # A drug event has no charge.
        "charge_cents",
    ),
    "beneficiaries": ("deprivation_percentile",),  # Not part of the enrolment files.
    # Monthly codes of some kinds of coverage, for the years of the delivery: see above.
    "coverage": tuple(TABLES["coverage"].column_names()),
    # The files are of people and their claims only.
    **{name: tuple(TABLES[name].column_names()) for name in ("hospitals", "participants", "clinicians", "quality")},
}
"""Canonical table to the columns that do not come back as they were written, in every setting."""

APPENDED = (*rif.MODIFIERS, "NCH_BENE_PTB_COINSRNC_AMT", "CLM_MDCR_NEW_TECH_AMT")
"""Columns that follow the header of the samples in files whose claims need them."""

_FIRST_DAY_OF_ICD_10 = pl.date(2015, 10, 1)
_CODES_OF_KIND = {
    "inpatient": ("V", "60"),
    "snf": ("V", "20"),
    "hospice": ("V", "50"),
    "hha": ("W", "10"),
    "outpatient": ("W", "40"),
    "carrier": ("O", "71"),
    "dme": ("M", "82"),
}
"""Near-line record and claim type."""

_SHARE = {"inpatient": "NCH_BENE_IP_DDCTBL_AMT", "snf": "NCH_BENE_PTA_COINSRNC_LBLTY_AM"}
"""Where the beneficiary's part of a claim is written; elsewhere it is the part B coinsurance."""

_KEYS = ["beneficiary_id", "claim_id"]
_TOTALS = ("charge_cents", "noncovered_charge_cents")
_DENIED_CLAIM, _DENIED_SUPPLIER_CLAIM, _DENIED_LINE = "N", "0", "N"
"""Reason for non-payment of a facility claim, payment denial code of a supplier's, indicator of its lines."""


def write(tables: dict[str, pl.DataFrame], folder: Path, history: History | None = None) -> None:
    """Write canonical tables as RIF files; the same tables give the same bytes.

    Args:
        tables: canonical tables.
        folder: made if need be.
        history: versions that do not stand, and claims delivered twice; default: none.

    Raises:
        ArgumentError: claims have more codes than the columns of a file, or a drug claim is not of one line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    history = history or no_history()
    of_both = (frame.with_columns(pl.col("setting").cast(pl.String)) for frame in (tables["claims"], history.claims))
    claims = pl.concat(of_both, how="diagonal_relaxed")
    lines = pl.concat([tables.get("lines", empty_table("lines")), history.lines], how="diagonal_relaxed")
    for name, kind in rif.CLAIM_KINDS.items():
        of_kind = claims.filter(pl.col("setting") == kind.setting)
        if of_kind.is_empty():
            continue
        of_claims = lines.join(of_kind.select(_KEYS), on=_KEYS, how="semi", maintain_order="left")
        rows = _with_history(_rows(name, kind, of_kind, of_claims), of_kind, history)
        appended = [column for column in APPENDED if column in rows.columns and rows[column].null_count() < rows.height]
        header = header_of_kind(name)
        blank = [pl.lit(None, dtype=pl.String).alias(column) for column in header if column not in rows.columns]
        ordered = rows.with_columns(blank).select(*header, *(column for column in appended if column not in header))
        ordered.write_csv(folder / f"{name}.csv", separator="|")
    write_people(tables, folder)


def columns_held(name: str) -> dict[str, set[str]]:
    """Canonical table to the columns that a kind of claims file has a place for."""
    kind = rif.CLAIM_KINDS[name]
    place = {*header_of_kind(name), *APPENDED}
    claims = {"setting", *(column for column, field in kind.claim.items() if field.column in place)}
    claims |= {column for column, parts in kind.add_ons.items() if parts[0] in place}
    lines = {*_KEYS, "line_number", *(column for column, field in kind.line.items() if field.column in place)}
    for column, present in {
        "allowed_cents": bool(kind.shares),
        "bill_type": rif.BILL_TYPE[0] in kind.claim_codes,
        "process_date": rif.PROCESS_DATES[0] in kind.claim_codes,
        "low_utilization": rif.LOW_UTILIZATION in kind.claim_codes,
        "diagnoses": kind.diagnoses > 0,
        "present_on_admission": kind.present_on_admission,
        "procedures": kind.procedures > 0,
        "procedure_dates": kind.procedures > 0,
    }.items():
        claims |= {column} if present else set()
    lines |= {"modifiers"} if kind.modifiers else set()
    lines |= {"allowed_cents", "paid_cents", "primary_payer_paid_cents"} if name == "outpatient" else set()
    if name == "pde":
        # An event has one date, the claim's, and its amounts are those of its line.
        claims -= {"thru_date", "allowed_cents"}
        lines = (lines | {"paid_cents"}) - {"service_date"}
    return {"claims": claims, "lines": lines}


# --- rows of a file -----------------------------------------------------------------------------------------


def _rows(name: str, kind: ClaimKind, claims: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    _need_room(kind, claims, lines)
    numbered = _with_groups(claims.with_row_index("_claim"))
    of_lines = lines.join(
        numbered.select("_claim", "version", *_KEYS), on=_KEYS, how="inner", maintain_order="left"
    ).sort("_claim", "line_number", maintain_order=True)
    if name == "pde":
        _need_one_line_a_claim(numbered, of_lines)
    line_rows = of_lines.select("_claim", **_line_columns(name, kind))
    line_rows = _with_lines_of_claims(name, kind, numbered, of_lines, line_rows)
    charges = of_lines.group_by("_claim").agg(pl.col("charge_cents").sum())
    claim_rows = numbered.join(charges, on="_claim", how="left", maintain_order="left").select(
        "_claim", **_claim_columns(name, kind)
    )
    repeated = [column for column in claim_rows.columns if column == "_claim" or column not in line_rows.columns]
    return claim_rows.select(repeated).join(line_rows, on="_claim", how="inner", maintain_order="left_right")


def _with_groups(claims: pl.DataFrame) -> pl.DataFrame:
    """Each claim with the number of its claim group: one for all versions of a claim, in the order of final claims."""
    final = claims.select("beneficiary_id", stands_for="claim_id", _final="_claim")
    return claims.join(final, on=["beneficiary_id", "stands_for"], how="left", maintain_order="left").with_columns(
        _group=pl.coalesce("_final", "_claim") + 1
    )


def _with_history(rows: pl.DataFrame, claims: pl.DataFrame, history: History) -> pl.DataFrame:
    """Rows with those of cancelled claims once more as deletions, and those delivered twice once more as they are."""
    numbered = claims.with_row_index("_claim")
    cancelled = numbered.filter(version=CANCELLED).select("_claim")
    repeated = numbered.join(history.repeated, on=_KEYS, how="semi").select("_claim")
    deleted, again = (rows.join(some, on="_claim", how="semi", maintain_order="left") for some in (cancelled, repeated))
    return pl.concat([rows, deleted.with_columns(pl.lit("DELETE").alias(rif.RECORD_CHANGE)), again])


def _need_room(kind: ClaimKind, claims: pl.DataFrame, lines: pl.DataFrame) -> None:
    """Codes that a file has no columns for would be lost in silence."""
    room = {
        "diagnoses": (claims, kind.diagnoses or None),
        "procedures": (claims, kind.procedures or None),
        "modifiers": (lines, len(rif.MODIFIERS) if kind.modifiers else None),
    }
    for column, (table, most) in room.items():
        over = 0 if most is None else table.filter(pl.col(column).list.len() > most).height
        if over:
            raise ArgumentError(
                f"{count_of(over, 'row')} of setting {kind.setting} with more {column} than the {most} columns of a "
                "RIF file. Keep the first ones, or write another layout."
            )


def _need_one_line_a_claim(claims: pl.DataFrame, lines: pl.DataFrame) -> None:
    number = claims.join(lines.group_by("_claim").len(), on="_claim", how="left").filter(
        pl.col("len").fill_null(0) != 1
    )
    if not number.is_empty():
        raise ArgumentError(
            f"{count_of(number.height, 'drug claim')} not of one line: a prescription drug event is one claim and "
            "one line. Divide them into events, or write another layout."
        )


def _with_lines_of_claims(
    name: str, kind: ClaimKind, claims: pl.DataFrame, lines: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    """The lines of facility claims with a total line at their end; supplier claims without lines with one, denied."""
    if name == "pde":
        return rows
    totals = claims.select("_claim").join(
        lines.group_by("_claim").agg(
            _last=pl.col("line_number").max(),
            charge_cents=pl.col("charge_cents").sum(),
            noncovered_charge_cents=pl.col("noncovered_charge_cents").sum(),
        ),
        on="_claim",
        how="left",
        maintain_order="left",
    )
    number = (pl.col("_last").fill_null(0) + 1).cast(pl.String).alias(kind.line["line_number"].column)
    if "revenue_center" in kind.line:
        added = totals.select(
            "_claim",
            number,
            *(writing(kind.line[column], column).alias(kind.line[column].column) for column in _TOTALS),
            REV_CNTR=pl.lit(TOTAL_REVENUE_CENTER),
        )
    else:
        added = totals.filter(pl.col("_last").is_null()).select(
            "_claim", number, LINE_PRCSG_IND_CD=pl.lit(_DENIED_LINE)
        )
    return pl.concat([rows, added], how="diagonal").sort("_claim", maintain_order=True)


# --- columns ------------------------------------------------------------------------------------------------


def _claim_columns(name: str, kind: ClaimKind) -> dict[str, pl.Expr]:
    columns = {field.column: writing(field, column) for column, field in kind.claim.items()}
    final = pl.when(pl.col("version") == EARLIER).then(pl.lit("N")).otherwise(pl.lit("F"))
    columns |= {
        rif.RECORD_CHANGE: pl.lit("INSERT"),
        rif.FINAL_ACTION: final,
        rif.CLAIM_GROUP: pl.col("_group").cast(pl.String),
    }
    if name == "pde":
        return columns | {kind.claim["from_date"].column: day_text(pl.col("from_date"))}
    record, claim_type = _CODES_OF_KIND[name]
    columns |= {"NCH_NEAR_LINE_REC_IDENT_CD": pl.lit(record), "NCH_CLM_TYPE_CD": pl.lit(claim_type)}
    columns |= {rif.PROCESS_DATES[0]: day_text(pl.col("process_date")), **_coded(kind)}
    denied = pl.col("version") == DENIED
    if kind.shares:
        columns |= _facility_amounts(name, kind)
        columns[rif.NOT_PAID_REASON] = pl.when(denied).then(pl.lit(_DENIED_CLAIM))
    else:
        columns |= {
            rif.DENIAL: pl.when(denied).then(pl.lit(_DENIED_SUPPLIER_CLAIM)).otherwise(pl.lit("1")),
            "CARR_CLM_ENTRY_CD": pl.lit("1"),
            "NCH_CARR_CLM_SBMTD_CHRG_AMT": dollars(pl.col("charge_cents")),
        }
    if rif.LOW_UTILIZATION in kind.claim_codes:
        columns[rif.LOW_UTILIZATION] = pl.when(pl.col("low_utilization")).then(pl.lit("L"))
    return columns


def _facility_amounts(name: str, kind: ClaimKind) -> dict[str, pl.Expr]:
    primary_payer = kind.claim["primary_payer_paid_cents"].column
    given = pl.col("allowed_cents").is_not_null()
    columns: dict[str, pl.Expr] = {column: pl.when(given).then(pl.lit("0.00")) for column in kind.shares}
    part_b = "NCH_BENE_PTB_COINSRNC_AMT"
    share = _share()
    if name in ("hha", "hospice"):
        columns = {}
        share = pl.when(share != 0).then(share)
    columns[_SHARE.get(name, part_b)] = dollars(share)
    columns[primary_payer] = dollars(
        pl.when(given | (pl.col("primary_payer_paid_cents") != 0)).then("primary_payer_paid_cents")
    )
    for add_on, (first, *others) in kind.add_ons.items():
        columns[first] = dollars(pl.col(add_on))
        columns |= {other: pl.lit("0.00") for other in others}
    if "new_technology_cents" in kind.add_ons:
        new = pl.col("new_technology_cents")
        columns["CLM_MDCR_NEW_TECH_AMT"] = dollars(pl.when(new != 0).then(new))
    columns |= {part: pl.col("bill_type").str.slice(n, 1) for n, part in enumerate(rif.BILL_TYPE)}
    columns["CLM_TOT_CHRG_AMT"] = dollars(pl.col("charge_cents"))
    return columns


def _share() -> pl.Expr:
    """The beneficiary's part: what of allowed neither Medicare nor a primary payer paid."""
    paid = pl.col("paid_cents").fill_null(0) + pl.col("primary_payer_paid_cents").fill_null(0)
    return pl.col("allowed_cents") - paid


def _coded(kind: ClaimKind) -> dict[str, pl.Expr]:
    version = pl.when(pl.col("thru_date") < _FIRST_DAY_OF_ICD_10).then(pl.lit("9")).otherwise(pl.lit("0"))

    def with_version(family: str, list_column: str, number: int) -> dict[str, pl.Expr]:
        columns = {}
        for n, column in enumerate(rif.numbered(family, number)):
            code = pl.col(list_column).list.get(n, null_on_oob=True)
            columns[column] = code
            columns[column.replace("_CD", "_VRSN_CD")] = pl.when(code.is_not_null()).then(version)
        return columns

    columns = with_version(rif.DIAGNOSIS, "diagnoses", kind.diagnoses)
    principal = pl.col("diagnoses").list.get(0, null_on_oob=True)
    columns |= {rif.PRINCIPAL: principal, "PRNCPAL_DGNS_VRSN_CD": pl.when(principal.is_not_null()).then(version)}
    if kind.present_on_admission:
        columns |= _elements(rif.PRESENT_ON_ADMISSION, pl.col("present_on_admission"), kind.diagnoses)
    if kind.procedures:
        columns |= with_version(rif.PROCEDURE, "procedures", kind.procedures)
        dates = pl.col("procedure_dates").list.eval(day_text(pl.element()))
        columns |= _elements(rif.PROCEDURE_DATE, dates, kind.procedures)
    return columns


def _elements(family: str, lists: pl.Expr, number: int) -> dict[str, pl.Expr]:
    return {column: lists.list.get(n, null_on_oob=True) for n, column in enumerate(rif.numbered(family, number))}


def _line_columns(name: str, kind: ClaimKind) -> dict[str, pl.Expr]:
    columns = {field.column: writing(field, column) for column, field in kind.line.items() if column != "line_number"}
    if name == "pde":
        # An event has one date: that of its claim.
        del columns[kind.line["service_date"].column]
        paid = pl.col("paid_cents")
        return columns | {
            rif.DRUG_PAID[0]: dollars(paid),
            "PTNT_PAY_AMT": dollars(pl.col("allowed_cents") - paid.fill_null(0)),
            rif.PRESCRIBER_ID_KIND: pl.when(pl.col("rendering_npi").is_not_null()).then(pl.lit("01")),
        }
    columns[kind.line["line_number"].column] = plain_number(pl.col("line_number"))
    columns |= {column: pl.col("modifiers").list.get(n, null_on_oob=True) for n, column in enumerate(rif.MODIFIERS)}
    if name == "outpatient":
        columns |= _outpatient_amounts()
    if rif.LINE_INDICATOR in kind.line_columns:
        columns |= {
            rif.LINE_INDICATOR: pl.when(pl.col("version") == DENIED).then(pl.lit(_DENIED_LINE)).otherwise(pl.lit("A")),
            "LINE_COINSRNC_AMT": dollars(_share()),
            "LINE_ICD_DGNS_VRSN_CD": pl.when(pl.col("diagnosis").is_not_null()).then(pl.lit("0")),
        }
    return columns


def _outpatient_amounts() -> dict[str, pl.Expr]:
    paid = pl.col("paid_cents")
    primary_payer = pl.col("primary_payer_paid_cents")
    given = pl.col("allowed_cents").is_not_null()
    return {
        rif.OUTPATIENT_PAID[0]: dollars(paid),
        rif.OUTPATIENT_PAID[1]: pl.when(paid.is_not_null()).then(pl.lit("0.00")),
        rif.OUTPATIENT_PAID_ELSE: dollars(paid),
        rif.OUTPATIENT_SHARE: dollars(_share()),
        rif.OUTPATIENT_COINSURANCE[1]: dollars(_share()),
        rif.OUTPATIENT_PRIMARY_PAYER[0]: dollars(pl.when(given | (primary_payer != 0)).then(primary_payer)),
    }
