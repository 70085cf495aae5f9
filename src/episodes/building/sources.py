"""Where the claims of a bucket come from, as the engine asks for them: little to find anchors, then people with one.

Claims have an ordinal `claim`, lines an ordinal `line`, people an ordinal `person`; the order of claims is that of
(person, first day, claim id), of lines (person, day, claim, line number), in every source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from episodes.building.amounts import basis_amount
from episodes.building.context import Context
from episodes.building.stays import stay_start
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS

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


@dataclass(frozen=True)
class Selected:
    """Everything of the people with a candidate episode.

    Attributes:
        claims: their claims, in order, with `person` and `claim` (ordinals).
        lines: their lines, in order, with `person`, `claim`, and `line` (ordinals).
        beneficiaries, coverage: their rows, with `person`.
    """

    claims: pl.DataFrame
    lines: pl.DataFrame
    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame


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
        """Days of outpatient claims of some people, with `HEADER_OF_LINE`, hcpcs (list) and cents of the day's lines."""
        ...

    def select(self, people: pl.Series) -> Selected:
        """Everything of some people (ordinals)."""
        ...

    def beneficiary_ids(self) -> pl.DataFrame:
        """person, beneficiary_id of everybody."""
        ...

    def payable_without(self, people: pl.Series) -> tuple[int, int]:
        """Number and cents of the payable items of everybody but some people, straight from the amounts."""
        ...


@dataclass(frozen=True)
class Frames:
    """Canonical tables of some people in memory; `people` has beneficiary_id and `person`, in order."""

    people: pl.DataFrame
    claims: pl.DataFrame
    lines: pl.DataFrame
    people_table: pl.DataFrame
    coverage_table: pl.DataFrame
    context: Context

    @classmethod
    def of(cls, people: pl.DataFrame, tables: dict[str, pl.DataFrame], context: Context) -> Frames:
        """From canonical tables by name; claims are brought into order."""
        chosen = people.select("beneficiary_id", pl.col("person").cast(pl.UInt32))
        claims = (
            tables["claims"]
            .join(chosen, on="beneficiary_id", how="inner", maintain_order="left")
            .with_columns(
                setting=pl.col("setting").cast(pl.String),
                amount=basis_amount(context, line=False),
                _start=stay_start(),
                _order=context.claim_order(),
            )
            .sort("person", "_start", "_order", "claim_id")
            .drop("_start", "_order")
            .with_row_index("claim")
        )
        return cls(
            people=chosen,
            claims=claims,
            lines=tables["lines"],
            people_table=tables["beneficiaries"],
            coverage_table=tables["coverage"],
            context=context,
        )

    def stays(self) -> pl.DataFrame:
        """Inpatient claims, but those of hospitals that the programme takes out."""
        removed = list(self.context.program.rules.construction.anchors.removed_hospitals.value)
        return self.claims.filter((pl.col("setting") == "inpatient") & ~pl.col("ccn").is_in(removed).fill_null(False))

    def lines_with_codes(self, codes: Sequence[str], settings: Sequence[str]) -> pl.DataFrame:
        """Lines of claims of some settings with one of the HCPCS."""
        headers = self.claims.filter(pl.col("setting").is_in(list(settings))).select("beneficiary_id", *HEADER_OF_LINE)
        return (
            self.lines.filter(pl.col("hcpcs").is_in(list(codes)))
            .join(headers, on=["beneficiary_id", "claim_id"], how="inner")
            .with_columns(amount=basis_amount(self.context, line=True))
        )

    def lines_of_claims(self, claims: pl.Series) -> pl.DataFrame:
        """Lines of some claims, in line order."""
        keys = self.claims.join(claims.to_frame("claim"), on="claim", how="semi").select(
            "beneficiary_id", "claim_id", "claim"
        )
        return (
            self.lines.join(keys, on=["beneficiary_id", "claim_id"], how="inner")
            .with_columns(amount=basis_amount(self.context, line=True))
            .sort("claim", "line_number")
        )

    def outpatient_days(self, people: pl.Series) -> pl.DataFrame:
        """Days of outpatient claims."""
        headers = self.claims.filter(pl.col("setting") == "outpatient").join(
            people.to_frame("person"), on="person", how="semi"
        )
        of_day = (
            self.lines.filter(pl.col("service_date").is_not_null())
            .join(headers.select("beneficiary_id", "claim_id", "claim"), on=["beneficiary_id", "claim_id"], how="inner")
            .group_by("claim", "service_date", maintain_order=True)
            .agg(pl.col("hcpcs"), cents=basis_amount(self.context, line=True).sum())
        )
        return of_day.join(headers.select(HEADER_OF_LINE), on="claim", how="inner", maintain_order="left")

    def select(self, people: pl.Series) -> Selected:
        """Everything of some people, lines brought into order."""
        chosen = self.people.join(people.to_frame("person"), on="person", how="semi")
        claims = self.claims.join(chosen.select("person"), on="person", how="semi", maintain_order="left")
        keys = claims.select("beneficiary_id", "claim_id", "claim", "person")
        lines = (
            self.lines.join(keys, on=["beneficiary_id", "claim_id"], how="inner")
            .with_columns(amount=basis_amount(self.context, line=True))
            .sort("person", "service_date", "claim", "line_number", nulls_last=False)
            .with_row_index("line")
        )
        return Selected(
            claims=claims,
            lines=lines,
            beneficiaries=self.people_table.join(chosen, on="beneficiary_id", how="inner"),
            coverage=self.coverage_table.join(chosen, on="beneficiary_id", how="inner"),
        )

    def beneficiary_ids(self) -> pl.DataFrame:
        """person, beneficiary_id of everybody."""
        return self.people.select("person", "beneficiary_id")

    def payable_without(self, people: pl.Series) -> tuple[int, int]:
        """Number and cents of the payable items of everybody but some people."""
        chosen = self.people.join(people.to_frame("person"), on="person", how="semi").select("beneficiary_id")
        rest = [table.join(chosen, on="beneficiary_id", how="anti") for table in (self.claims, self.lines)]
        return payable_total(rest[0], rest[1], self.context)


def payable_total(claims: pl.DataFrame, lines: pl.DataFrame, context: Context) -> tuple[int, int]:
    """Number and cents of the payable items of some claims, straight from the amounts."""
    keys = ["beneficiary_id", "claim_id"]
    setting = pl.col("setting").cast(pl.String)
    whole = claims.filter(setting.is_in(list(CLAIM_PAID_SETTINGS)))
    line_paid = claims.filter(setting.is_in(list(LINE_PAID_SETTINGS))).select(keys)
    by_line = lines.join(line_paid, on=keys, how="semi")
    cents = int(whole.select(basis_amount(context, line=False).sum()).item() or 0)
    cents += int(by_line.select(basis_amount(context, line=True).sum()).item() or 0)
    return whole.height + by_line.height, cents
