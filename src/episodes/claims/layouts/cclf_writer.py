"""Writing canonical tables as a CCLF delivery: all files of version 38 at fixed width, with the summary CCLF0.

Every claim is written in final action, as an original, unless a history is given: then an earlier version and its
cancellation stand beside the final claim, which is an adjustment; a cancelled claim beside its cancellation; a denied
claim has a reason for non-payment or a denial code. A cancellation has a claim number of its own and repeats, unsigned,
all that it cancels. Names and bytes depend on the tables alone: the day in the names is the last one on which a claim
was processed or a service ended.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from episodes.claims.contract import TABLES
from episodes.claims.layouts import cclf_writer_files
from episodes.claims.layouts.cclf_fields import DESCRIPTIONS, SUMMARY, Field, fields_of, record_length
from episodes.claims.layouts.written_history import History, no_history
from episodes.errors import ArgumentError, count_of

_OF_THE_SOURCE_ONLY = (
    "pricing_drg",
    "mdc",
    "provider_type",
    "clotting_factor_cents",
    "standardized_cents",
    "standardized_outlier_cents",
    "primary_payer_paid_cents",
    "low_utilization",
    "keep_inner",
    "keep_inner_outer",
)
LACKS: dict[str, tuple[str, ...]] = {
    # Discharge is the thru date by rule. Amounts of another payer are not delivered, only that there is one.
    "claims": (*_OF_THE_SOURCE_ONLY, "discharge_date"),
    "lines": (
        "status_indicator",
        "visits",
        "standardized_cents",
        "primary_payer_paid_cents",
        "charge_cents",
        "noncovered_charge_cents",
    ),
    "beneficiaries": ("deprivation_percentile",),
    # Begin dates of Part A and B and the statuses of one month are all that the layout holds of coverage.
    "coverage": tuple(TABLES["coverage"].column_names()),
    **{table: tuple(TABLES[table].column_names()) for table in ("hospitals", "participants", "clinicians", "quality")},
}
"""Columns that the layout cannot hold, by canonical table."""

_FACILITY_CLAIM = (
    "discharge_status",
    "ms_drg",
    "ccn",
    "facility_npi",
    "attending_npi",
    "operating_npi",
    "present_on_admission",
    "procedures",
    "procedure_dates",
    "outlier_cents",
    "new_technology_cents",
    "ime_cents",
    "dsh_cents",
    "uncompensated_care_cents",
    "bill_type",
    "admission_date",
)
_WRITTEN_ON_LINES = ("allowed_cents", "paid_cents")
_PROFESSIONAL_LINE = ("place_of_service", "rendering_npi", "tin", "specialty", "diagnosis")
_PAID_BY_CLAIM: dict[str, tuple[str, ...]] = {"lines": (*_PROFESSIONAL_LINE, *_WRITTEN_ON_LINES, "apc")}
LACKS_BY_SETTING: dict[str, dict[str, tuple[str, ...]]] = {
    # Line amounts of a claim that is paid as a whole are not read.
    "inpatient": _PAID_BY_CLAIM,
    "snf": _PAID_BY_CLAIM,
    "home_health": {"claims": ("admission_date",), **_PAID_BY_CLAIM},
    "hospice": {"claims": ("admission_date",), **_PAID_BY_CLAIM},
    # The share of an outpatient claim is delivered by claim: it is read on the first line. Header amounts are the sums
    # of the lines. A claim has no lines, or all that carry its money.
    "outpatient": {
        "claims": ("admission_date", *_WRITTEN_ON_LINES),
        "lines": (*_PROFESSIONAL_LINE, "allowed_cents"),
    },
    # Claims of the following settings exist through their lines: without one they are not written.
    "professional": {"claims": (*_FACILITY_CLAIM, *_WRITTEN_ON_LINES), "lines": ("revenue_center", "apc")},
    "dme": {
        "claims": (*_FACILITY_CLAIM, *_WRITTEN_ON_LINES, "diagnoses"),
        "lines": ("revenue_center", "apc", "modifiers", "units", "tin", "specialty", "diagnosis"),
    },
    # One day and one quantity is all that a drug event has of a claim and its line.
    "drug": {
        "claims": (*_FACILITY_CLAIM, *_WRITTEN_ON_LINES, "diagnoses", "demonstration_codes", "thru_date"),
        "lines": (
            *_PROFESSIONAL_LINE,
            *_WRITTEN_ON_LINES,
            "hcpcs",
            "modifiers",
            "revenue_center",
            "apc",
            "service_date",
            "service_thru",
        ),
    },
}
"""Further columns that files of a setting cannot hold: setting to canonical table to columns."""

_NO_DAY = date(2000, 1, 1)
_UNKNOWN_DATE = "1000-01-01"
_NOT_PLAIN = r"[^ -~]"


def write(tables: dict[str, pl.DataFrame], folder: Path, history: History | None = None) -> None:
    """Write canonical tables as one CCLF delivery of fixed-width files; the same tables give the same bytes.

    Args:
        tables: canonical tables.
        folder: made if need be.
        history: versions that do not stand, and claims delivered twice; default: none.

    Raises:
        ArgumentError: values do not fit into their field; the message names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    day = _day_of(tables)
    rows = cclf_writer_files.rows(tables, day, history or no_history())
    for kind in DESCRIPTIONS:
        (folder / _name(kind, day)).write_bytes(_records(kind, rows[kind]))
    (folder / _name(SUMMARY, day)).write_bytes(_summary({kind: rows[kind].height for kind in DESCRIPTIONS}))


def _day_of(tables: dict[str, pl.DataFrame]) -> date:
    claims = tables["claims"]
    days = [claims[column].max() for column in ("process_date", "thru_date") if column in claims.columns]
    known = [day for day in days if isinstance(day, date)]
    return max(known, default=_NO_DAY)


def _name(kind: str, day: date) -> str:
    return f"P.A0000.ACO.{kind}.D{day:%y%m%d}.T0000000"


def _records(kind: str, rows: pl.DataFrame) -> bytes:
    """Fixed-width records: codes to the left, amounts to the right, unknown dates as the packet writes them."""
    fields = []
    for field in fields_of(kind):
        value = (
            rows[field.name] if field.name in rows.columns else pl.Series(field.name, [None] * rows.height, pl.String)
        )
        unfit = int(((value.str.len_chars() > field.length) | value.str.contains(_NOT_PLAIN)).sum())
        if unfit:
            raise ArgumentError(
                f"{kind}: {count_of(unfit, 'value')} of {field.name} longer than the {field.length} characters that "
                "CCLF version 38 has for it, or not plain text. Change them, or write another layout."
            )
        if field.picture == "YYYY-MM-DD":
            fields.append(value.fill_null(_UNKNOWN_DATE).alias(field.name))
        elif field.picture.startswith("-9"):
            fields.append(value.fill_null("").str.pad_start(field.length).alias(field.name))
        else:
            fields.append(value.fill_null("").str.pad_end(field.length).alias(field.name))
    lines = pl.DataFrame(fields).select(record=pl.concat_str(pl.all()))["record"]
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _left_out(field: Field, rows: int) -> pl.Series:
    """A field that nothing is known for: no money, else blank."""
    return pl.Series(field.name, ["0.00" if field.picture.endswith(").99") else None] * rows, dtype=pl.String)


def _summary(records: dict[str, int]) -> bytes:
    """The summary: a header, and a row a file with its records and their length."""
    lines = [f"{'File Number':<13}|{'File Description':<20}|{'Total Records Count':<20}|{'Record Length':<13}"]
    lines += [
        f"{kind:<7}|{DESCRIPTIONS[kind]:<43}|{number:>11}|{record_length(kind):>5}" for kind, number in records.items()
    ]
    return "".join(f"{line}\n" for line in lines).encode("ascii")
