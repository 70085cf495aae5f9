"""Where the claims of a bucket come from, as the engine asks for them: little to find anchors, then people with one.

Claims have an ordinal `claim`, lines an ordinal `line`, people an ordinal `person`; the order of claims is that of
(person, first day, claim id), of lines (person, day, claim, line number), in every source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from episodes.building.amounts import columns_of_amounts
from episodes.building.arrays import Array
from episodes.building.coded_lines import CodedLines, looks_at_diagnoses
from episodes.building.context import Context
from episodes.building.line_rules import DICTIONARIES

HEADER_OF_LINE = (
    "claim",
    "claim_id",
    "person",
    "setting",
    "from_date",
    "ccn",
    "provider_type",
    "attending_npi",
    "operating_npi",
    "discharge_status",
    "process_date",
    "diagnoses",
)
"""Columns of its claim that a trigger line carries."""

_DATES = ("from_date", "thru_date", "admission_date", "discharge_date")
_CODES = ("ms_drg", "pricing_drg", "mdc", "ccn", "provider_type")
STAY_COLUMNS = (
    *_DATES,
    *_CODES,
    "discharge_status",
    "attending_npi",
    "operating_npi",
    "primary_payer_paid_cents",
    "keep_inner",
    "process_date",
)
"""What is read of hospital stays to find anchors, beside amounts, diagnoses and procedures."""
ITEM_COLUMNS = (
    "setting",
    *_DATES,
    *_CODES,
    "primary_payer_paid_cents",
    "low_utilization",
    "keep_inner_outer",
    "bill_type",
)
"""What is read of claims that are paid as a whole, of people with a candidate, beside amounts and lists."""

TRIGGER_COLUMNS = (
    "service_date",
    "hcpcs",
    "modifiers",
    "status_indicator",
    "rendering_npi",
    "charge_cents",
    "primary_payer_paid_cents",
    "diagnosis",
)
"""What is read of lines that may be anchors, beside their number and amount."""

LINE_DETAILS = (
    "line",
    "claim",
    "claim_id",
    "line_number",
    "setting",
    "ccn",
    "service_start",
    "rendering_npi",
    "tin",
    "amount",
)
"""What a service row says of its line."""

VISIT_COLUMNS = ("claim", "service_date", "revenue_center", "hcpcs", "charge_cents", "noncovered_charge_cents")
"""What tells whether a line of a home health claim is a billable visit."""


def asks_for_visits(context: Context) -> bool:
    """Whether some rule of proration counts visits."""
    return any(
        rule.method == "visits" or rule.span == "billable_visits"
        for rule in context.program.rules.construction.services.proration
    )


def columns_read(table: str, context: Context, *, services: bool) -> set[str]:
    """The columns of claims or lines that a build looks at, ids apart; `services`: whether their lines are named."""
    if table == "claims":
        lists = lists_looked_at(context) | ({"diagnoses"} if looks_at_diagnoses(context) else set())
        headers = {name for name in HEADER_OF_LINE if name not in ("claim", "claim_id", "person", "diagnoses")}
        return {*STAY_COLUMNS, *ITEM_COLUMNS, *columns_of_amounts(context), *headers, *lists}
    details = {"tin"} if services else set()
    visits = {name for name in VISIT_COLUMNS if name != "claim"} if asks_for_visits(context) else set()
    amounts = {f"{name}_cents" for name in ("allowed", "standardized", context.program.amount_basis)}
    return {"line_number", *TRIGGER_COLUMNS, *DICTIONARIES, *amounts, *details, *visits}


def lists_looked_at(context: Context) -> set[str]:
    """The lists of codes of a claim that some rule of the programme looks at."""
    construction = context.program.rules.construction
    anchors, kinds = construction.anchors, {rule.kind for rule in construction.services.exclusions}
    remapped = anchors.first_drg_year is not None and context.references.table("drg_remap").height > 0
    by_diagnosis = (
        remapped
        or anchors.needed_diagnoses
        or anchors.fracture is not None
        or any(rung.kind == "anchor_diagnosis" for rung in construction.exclusions)
    )
    by_procedure = remapped or anchors.needed_procedures or "stay_procedure" in kinds
    asked = {
        "diagnoses": by_diagnosis,
        "procedures": by_procedure,
        "demonstration_codes": "hospice_demonstration" in kinds,
    }
    return {name for name, is_asked in asked.items() if is_asked}


class Selected(Protocol):
    """Everything of the people with a candidate episode."""

    @property
    def claims(self) -> pl.DataFrame:
        """Their claims that are paid as a whole, in order, with `person`, `claim` and `amount`."""
        ...

    @property
    def visit_lines(self) -> pl.DataFrame:
        """Lines of their home health claims, with `claim`, where a rule asks for visits."""
        ...

    @property
    def beneficiaries(self) -> pl.DataFrame:
        """People, with `person`."""
        ...

    @property
    def coverage(self) -> pl.DataFrame:
        """Intervals of coverage, with `person`."""
        ...

    @property
    def coded(self) -> CodedLines:
        """Lines and claims as arrays (of these people, or of more)."""
        ...

    @property
    def line_ranges(self) -> tuple[Array, Array]:
        """By person, in order: where the lines begin and end."""
        ...

    def line_numbers(self, claims: pl.Series) -> pl.DataFrame:
        """claim, line (ordinals), line_number of some claims."""
        ...

    def claim_ids(self, claims: pl.Series) -> pl.Series:
        """The ids of some claims (ordinals)."""
        ...

    def details(self, lines: Array) -> pl.DataFrame:
        """What names the lines with some ordinals, in their order (columns: `LINE_DETAILS`)."""
        ...


class Source(Protocol):
    """The claims of one bucket."""

    def stays(self) -> pl.DataFrame:
        """Inpatient claims of everybody, with `person`, `claim` and `amount` (on the run's basis)."""
        ...

    def lines_with_codes(self, codes: Sequence[str], settings: Sequence[str]) -> pl.DataFrame:
        """Lines of claims of some settings with one of the HCPCS, with `HEADER_OF_LINE` and `amount`."""
        ...

    def lines_of_claims(self, claims: pl.Series) -> pl.DataFrame:
        """Lines of some claims (ordinals), in line order, with `claim` and `amount`."""
        ...

    def outpatient_days(self, people: pl.Series) -> pl.DataFrame:
        """Days of outpatient claims of some people, with `HEADER_OF_LINE`, hcpcs (list) and cents of the day."""
        ...

    def select(self, people: pl.Series) -> Selected:
        """Everything of some people (ordinals)."""
        ...

    def beneficiary_ids(self, people: pl.Series) -> pl.DataFrame:
        """person, beneficiary_id of some people."""
        ...

    def payable_without(self, people: pl.Series) -> tuple[int, int]:
        """Number and cents of the payable items of everybody but some people, straight from the amounts."""
        ...
