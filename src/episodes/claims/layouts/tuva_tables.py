"""The Tuva input layer: its tables, their columns and types, and the names columns had in earlier versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

PERSON, CLAIM, LINE = "person_id", "claim_id", "claim_line_number"
CODES = 25
"""Diagnoses, and procedures, that a row has room for."""
MODIFIERS = 5

Types = dict[str, pl.DataType]


def numbered(stem: str, count: int = CODES) -> tuple[str, ...]:
    """The columns of a repeated one.

    >>> numbered("hcpcs_modifier", 2)
    ('hcpcs_modifier_1', 'hcpcs_modifier_2')
    """
    return tuple(f"{stem}_{n}" for n in range(1, count + 1))


DIAGNOSES, PRESENT = numbered("diagnosis_code"), numbered("diagnosis_poa")
PROCEDURES, PROCEDURE_DATES = numbered("procedure_code"), numbered("procedure_date")
HCPCS_MODIFIERS = numbered("hcpcs_modifier", MODIFIERS)
AMOUNTS = (
    "paid_amount",
    "allowed_amount",
    "charge_amount",
    "coinsurance_amount",
    "copayment_amount",
    "deductible_amount",
)
"""Amounts in dollars, in medical and pharmacy claims."""


def _types(names: Iterable[str], **other: pl.DataType) -> Types:
    """Columns in order; what is not said to be otherwise is text."""
    return {name: other.get(name, pl.String()) for name in names}


_DATE, _MONEY, _MOMENT = pl.Date(), pl.Decimal(18, 2), pl.Datetime("us")
_SOURCE = ("data_source", "file_name", "file_date", "ingest_datetime")
_COMMON = {"ingest_datetime": _MOMENT, **dict.fromkeys((*AMOUNTS, "total_cost_amount"), _MONEY)}
_MEDICAL_NAMES = (
    CLAIM,
    LINE,
    "claim_type",
    PERSON,
    "member_id",
    "payer",
    "plan",
    "claim_start_date",
    "claim_end_date",
    "claim_line_start_date",
    "claim_line_end_date",
    "admission_date",
    "discharge_date",
    "admit_source_code",
    "admit_type_code",
    "discharge_disposition_code",
    "place_of_service_code",
    "bill_type_code",
    "drg_code_type",
    "drg_code",
    "revenue_center_code",
    "service_unit_quantity",
    "hcpcs_code",
    *HCPCS_MODIFIERS,
    "rendering_npi",
    "rendering_tin",
    "billing_npi",
    "billing_tin",
    "facility_npi",
    "paid_date",
    *AMOUNTS,
    "total_cost_amount",
    "diagnosis_code_type",
    *DIAGNOSES,
    *PRESENT,
    "procedure_code_type",
    *PROCEDURES,
    *PROCEDURE_DATES,
    "in_network_flag",
    *_SOURCE,
)
_PHARMACY_NAMES = (
    CLAIM,
    LINE,
    PERSON,
    "member_id",
    "payer",
    "plan",
    "prescribing_provider_npi",
    "dispensing_provider_npi",
    "dispensing_date",
    "ndc_code",
    "quantity",
    "days_supply",
    "refills",
    "paid_date",
    *AMOUNTS,
    "in_network_flag",
    *_SOURCE,
)
_ELIGIBILITY_NAMES = (
    PERSON,
    "member_id",
    "subscriber_id",
    "gender",
    "race",
    "birth_date",
    "death_date",
    "death_flag",
    "enrollment_start_date",
    "enrollment_end_date",
    "payer",
    "payer_type",
    "plan",
    "original_reason_entitlement_code",
    "dual_status_code",
    "medicare_status_code",
    "enrollment_status",
    "hospice_flag",
    "institutional_snp_flag",
    "long_term_institutional_flag",
    "group_id",
    "group_name",
    "name_suffix",
    "first_name",
    "middle_name",
    "last_name",
    "social_security_number",
    "subscriber_relation",
    "address",
    "city",
    "state",
    "zip_code",
    "phone",
    "email",
    "ethnicity",
    *_SOURCE,
)


@dataclass(frozen=True)
class Table:
    """A table of the input layer: all its columns, those by which a header is known, and those that are read."""

    columns: Types
    known_by: tuple[str, ...]
    needed: tuple[str, ...]
    reads: tuple[str, ...]
    earlier_names: Mapping[str, tuple[str, ...]]
    """Column to the names it had in earlier versions, the later ones first."""

    def names_of(self, column: str) -> tuple[str, ...]:
        """The names under which a column may come, in the order in which they are preferred."""
        return (column, *self.earlier_names.get(column, ()))

    def found(self, column: str, header: Iterable[str]) -> list[str]:
        """The names of a column that a header has."""
        present = set(header)
        return [name for name in self.names_of(column) if name in present]

    def takes(self, name: str) -> bool:
        """Whether a column of a file is read, under its own or an earlier name."""
        return any(name in self.names_of(column) for column in self.reads)


_PERSON_NAMES = {PERSON: ("patient_id", "member_id")}
_DATED = ("paid_date", "data_source")

TABLES = {
    "medical_claim": Table(
        columns=_types(
            _MEDICAL_NAMES,
            **_COMMON,
            **{LINE: pl.Int32(), "service_unit_quantity": pl.Float64(), "in_network_flag": pl.Boolean()},
            **dict.fromkeys((name for name in _MEDICAL_NAMES if name.endswith("_date")), _DATE),
            **dict.fromkeys(PROCEDURE_DATES, _DATE),
        ),
        known_by=(CLAIM, LINE, "claim_type", "claim_start_date"),
        needed=(PERSON, "claim_end_date", "bill_type_code", "paid_amount"),
        reads=(
            PERSON,
            CLAIM,
            LINE,
            "claim_type",
            "claim_start_date",
            "claim_end_date",
            "claim_line_start_date",
            "claim_line_end_date",
            "admission_date",
            "discharge_date",
            "discharge_disposition_code",
            "place_of_service_code",
            "bill_type_code",
            "drg_code_type",
            "drg_code",
            "revenue_center_code",
            "service_unit_quantity",
            "hcpcs_code",
            *HCPCS_MODIFIERS,
            "rendering_npi",
            "rendering_tin",
            "billing_tin",
            "facility_npi",
            *AMOUNTS,
            *DIAGNOSES,
            *PRESENT,
            *PROCEDURES,
            *PROCEDURE_DATES,
            *_DATED,
        ),
        earlier_names={**_PERSON_NAMES, "drg_code": ("ms_drg_code", "ms_drg")},
    ),
    "pharmacy_claim": Table(
        columns=_types(
            _PHARMACY_NAMES,
            **_COMMON,
            **{LINE: pl.Int32(), "quantity": pl.Float64(), "days_supply": pl.Int32(), "refills": pl.Int32()},
            in_network_flag=pl.Boolean(),
            file_date=_DATE,
            dispensing_date=_DATE,
            paid_date=_DATE,
        ),
        known_by=(CLAIM, LINE, "dispensing_date"),
        needed=(PERSON, "paid_amount"),
        reads=(PERSON, CLAIM, LINE, "dispensing_date", "quantity", *AMOUNTS, *_DATED),
        earlier_names=_PERSON_NAMES,
    ),
    "eligibility": Table(
        columns=_types(
            _ELIGIBILITY_NAMES,
            **_COMMON,
            file_date=_DATE,
            birth_date=_DATE,
            death_date=_DATE,
            enrollment_start_date=_DATE,
            enrollment_end_date=_DATE,
            death_flag=pl.Boolean(),
            hospice_flag=pl.Int32(),
            institutional_snp_flag=pl.Int32(),
            long_term_institutional_flag=pl.Int32(),
        ),
        known_by=("enrollment_start_date", "enrollment_end_date", "payer"),
        needed=(PERSON, "gender", "birth_date"),
        reads=(
            PERSON,
            "gender",
            "birth_date",
            "death_date",
            "enrollment_start_date",
            "enrollment_end_date",
            "payer",
            "payer_type",
            "plan",
            "original_reason_entitlement_code",
            "dual_status_code",
            "medicare_status_code",
            "institutional_snp_flag",
            "long_term_institutional_flag",
            "state",
        ),
        earlier_names={
            **_PERSON_NAMES,
            "dual_status_code": ("dual_status",),
            "medicare_status_code": ("medicare_status",),
        },
    ),
}
"""Table name to what is known of it, in the order in which a header is tried."""


def table_of(header: Iterable[str]) -> str | None:
    """The table a header belongs to.

    >>> table_of(["patient_id", "payer", "enrollment_start_date", "enrollment_end_date"])
    'eligibility'
    """
    named = {column.lower() for column in header}
    return next((name for name, table in TABLES.items() if named.issuperset(table.known_by)), None)


def missing_in(name: str, header: Iterable[str]) -> list[str]:
    """The columns without which a table cannot be read."""
    named = [column.lower() for column in header]
    return [column for column in TABLES[name].needed if not TABLES[name].found(column, named)]
