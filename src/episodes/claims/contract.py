"""The claims contract: the canonical tables that every layout is read into (columns: docs/claims-contract.md).

Each table is a `dataframely` schema. A column with `required=True` in its metadata must be there; all
others may be absent and are then filled with their default (null where none is given). Amounts are integer
cents, dates are dates, codes are text without dots.
"""
# ruff: noqa: N805 - dataframely makes class methods of rules

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import dataframely as dy
import polars as pl

SETTINGS = (
    "inpatient",
    "snf",
    "home_health",
    "hospice",
    "outpatient",
    "professional",
    "dme",
    "drug",
)
"""Settings of a claim."""

CLAIM_PAID_SETTINGS = ("inpatient", "snf", "home_health", "hospice")
"""Settings whose payment is set for the whole claim: the claim is the payable item."""

LINE_PAID_SETTINGS = ("outpatient", "professional", "dme", "drug")
"""Settings whose payment is set by line: the line is the payable item."""

PROVIDER_TYPES = (
    "acute",
    "cah",
    "ltch",
    "irf",
    "ipf",
    "childrens",
    "cancer",
    "emergency",
    "veteran",
    "snf",
    "swing_bed",
    "home_health",
    "hospice",
    "other",
)
"""Kinds of provider; `provider_type` of a claim wins over what its CCN says."""

COVERAGE_KINDS = (
    "part_a",
    "part_b",
    "medical",
    "pharmacy",
    "medicare_advantage",
    "esrd",
    "esrd_entitlement",
    "kidney_transplant",
    "other_primary_payer",
    "united_mine_workers",
    "full_dual",
    "partial_dual",
    "low_income_subsidy",
    "long_term_institution",
    "unknown",
    "aco",
)
"""Kinds of a coverage interval."""

REQUIRED = {"required": True}
ZERO = {"default": 0}


def _cents(*, default_zero: bool = False) -> dy.Int64:
    return dy.Int64(nullable=not default_zero, metadata=ZERO if default_zero else None)


def _text(*, required: bool = False, regex: str | None = None) -> dy.String:
    return dy.String(nullable=not required, regex=regex, metadata=REQUIRED if required else None)


def _codes() -> dy.List:
    return dy.List(dy.String(nullable=True), nullable=True)


class ClaimsTable(dy.Schema):
    """One row a claim (header) or stay."""

    beneficiary_id = dy.String(primary_key=True, metadata=REQUIRED)
    claim_id = dy.String(primary_key=True, metadata=REQUIRED)
    setting = dy.Enum(SETTINGS, nullable=False, metadata=REQUIRED)
    from_date = dy.Date(nullable=False, metadata=REQUIRED)
    thru_date = dy.Date(nullable=False, metadata=REQUIRED)
    admission_date = dy.Date(nullable=True)
    discharge_date = dy.Date(nullable=True)
    discharge_status = _text(regex=r"^[0-9]{2}$")
    ms_drg = _text(regex=r"^[0-9]{3}$")
    pricing_drg = _text(regex=r"^[0-9]{3}$")
    mdc = _text(regex=r"^[0-9]{2}$")
    ccn = _text()
    facility_npi = _text()
    provider_type = dy.Enum(PROVIDER_TYPES, nullable=True)
    attending_npi = _text()
    operating_npi = _text()
    diagnoses = _codes()
    present_on_admission = _codes()
    procedures = _codes()
    procedure_dates = dy.List(dy.Date(nullable=True), nullable=True)
    allowed_cents = _cents()
    paid_cents = _cents()
    outlier_cents = _cents(default_zero=True)
    new_technology_cents = _cents(default_zero=True)
    clotting_factor_cents = _cents(default_zero=True)
    ime_cents = _cents(default_zero=True)
    dsh_cents = _cents(default_zero=True)
    uncompensated_care_cents = _cents(default_zero=True)
    standardized_cents = _cents()
    standardized_outlier_cents = _cents()
    primary_payer_paid_cents = _cents(default_zero=True)
    low_utilization = dy.Bool(nullable=True)
    keep_inner = dy.Bool(nullable=True)
    keep_inner_outer = dy.Bool(nullable=True)
    bill_type = _text()
    process_date = dy.Date(nullable=True)
    demonstration_codes = _codes()

    @dy.rule()
    def thru_before_from(cls) -> pl.Expr:
        return pl.col("thru_date") >= pl.col("from_date")

    @dy.rule()
    def discharge_before_admission(cls) -> pl.Expr:
        return pl.col("discharge_date") >= pl.col("admission_date")


class LinesTable(dy.Schema):
    """One row a service line of a claim."""

    beneficiary_id = dy.String(primary_key=True, metadata=REQUIRED)
    claim_id = dy.String(primary_key=True, metadata=REQUIRED)
    line_number = dy.Int32(primary_key=True, metadata=REQUIRED)
    service_date = dy.Date(nullable=True)
    service_thru = dy.Date(nullable=True)
    hcpcs = _text()
    modifiers = _codes()
    revenue_center = _text()
    place_of_service = _text()
    status_indicator = _text()
    apc = _text()
    rendering_npi = _text()
    tin = _text()
    specialty = _text()
    units = dy.Float64(nullable=True)
    visits = dy.Int32(nullable=True)
    allowed_cents = _cents()
    paid_cents = _cents()
    standardized_cents = _cents()
    primary_payer_paid_cents = _cents(default_zero=True)
    charge_cents = _cents()
    noncovered_charge_cents = _cents()
    diagnosis = _text()

    @dy.rule()
    def service_thru_before_service_date(cls) -> pl.Expr:
        return pl.col("service_thru") >= pl.col("service_date")


class BeneficiariesTable(dy.Schema):
    """One row a person."""

    beneficiary_id = dy.String(primary_key=True, metadata=REQUIRED)
    birth_date = dy.Date(nullable=True)
    death_date = dy.Date(nullable=True)
    sex = _text()
    state = _text()
    county = _text()
    original_entitlement_reason = _text()
    deprivation_percentile = dy.Float64(nullable=True, min=0, max=100)

    @dy.rule()
    def death_before_birth(cls) -> pl.Expr:
        return pl.col("death_date") >= pl.col("birth_date")


class CoverageTable(dy.Schema):
    """One row an interval of one kind of coverage; a null end is open."""

    beneficiary_id = _text(required=True)
    kind = dy.Enum(COVERAGE_KINDS, nullable=False, metadata=REQUIRED)
    start_date = dy.Date(nullable=False, metadata=REQUIRED)
    end_date = dy.Date(nullable=True)
    detail = _text()

    @dy.rule()
    def end_before_start(cls) -> pl.Expr:
        return pl.col("end_date") >= pl.col("start_date")


class HospitalsTable(dy.Schema):
    """One row a hospital and period of validity."""

    ccn = _text(required=True)
    start_date = dy.Date(nullable=True)
    end_date = dy.Date(nullable=True)
    successor_ccn = _text()
    name = _text()
    state = _text()
    region = dy.Int32(nullable=True, min=1, max=9)
    cbsa = _text()
    beds = dy.Int32(nullable=True, min=0)
    safety_net = dy.Bool(nullable=True)
    rural = dy.Bool(nullable=True)
    teaching = dy.Bool(nullable=True)
    dual_share = dy.Float64(nullable=True, min=0, max=1)


class CliniciansTable(dy.Schema):
    """One row a clinician, group and period of validity."""

    npi = _text(required=True)
    name = _text()
    specialty = _text()
    tin = _text()
    start_date = dy.Date(nullable=True)
    end_date = dy.Date(nullable=True)


class QualityTable(dy.Schema):
    """One row a hospital, measure and performance year."""

    ccn = dy.String(primary_key=True, metadata=REQUIRED)
    measure = dy.String(primary_key=True, metadata=REQUIRED)
    performance_year = dy.String(primary_key=True, metadata=REQUIRED)
    value = dy.Float64(nullable=True)
    percentile = dy.Float64(nullable=True, min=0, max=100)
    points = dy.Float64(nullable=True)
    volume = dy.Int64(nullable=True, min=0)


class ParticipantsTable(dy.Schema):
    """One row an entity that takes part in a programme; a null category means all of them."""

    program = _text(required=True)
    entity_kind = dy.Enum(("hospital", "group"), nullable=False, metadata=REQUIRED)
    entity_id = _text(required=True)
    category = _text()
    track = _text()
    convener_id = _text()
    start_date = dy.Date(nullable=True)
    end_date = dy.Date(nullable=True)


TABLES: dict[str, type[dy.Schema]] = {
    "claims": ClaimsTable,
    "lines": LinesTable,
    "beneficiaries": BeneficiariesTable,
    "coverage": CoverageTable,
    "hospitals": HospitalsTable,
    "participants": ParticipantsTable,
    "clinicians": CliniciansTable,
    "quality": QualityTable,
}
"""Canonical table name to its schema, in the order they are written."""

OPEN_TABLES = frozenset({"hospitals"})
"""Tables that may carry further columns, of a programme's own; elsewhere they are dropped with a note."""


def metadata_of(schema: type[dy.Schema], column: str) -> dict[str, Any]:
    """Our notes on a column: `required`, `default`."""
    return schema.columns()[column].metadata or {}


def required_columns(schema: type[dy.Schema]) -> list[str]:
    """Columns without which a table cannot be read."""
    return [name for name in schema.columns() if metadata_of(schema, name).get("required")]


@cache
def types_of(schema: type[dy.Schema]) -> Mapping[str, pl.DataType]:
    """Column name to polars type."""
    return MappingProxyType(dict(schema.create_empty().schema))


def empty_table(name: str) -> pl.DataFrame:
    """An empty canonical table with all columns and types."""
    return TABLES[name].create_empty()
