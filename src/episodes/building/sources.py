"""Where the claims of a bucket come from, as the engine asks for them: little to find anchors, then people with one.

Claims have an ordinal `claim`, lines an ordinal `line`, people an ordinal `person`; the order of claims is that of
(person, first day, claim id), of lines (person, day, claim, line number), in every source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from episodes.building.arrays import Array
from episodes.building.coded_lines import CodedLines
from episodes.building.context import Context

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
        """Days of outpatient claims of some people, with `HEADER_OF_LINE`, hcpcs (list), cents, payer_cents of the day's lines."""
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
