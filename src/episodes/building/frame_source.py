"""Claims of a bucket that are frames in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from episodes.building.amounts import basis_amount
from episodes.building.arrays import Array
from episodes.building.coded_lines import CodedLines, code_frames
from episodes.building.context import Context
from episodes.building.sources import HEADER_OF_LINE, LINE_DETAILS, VISIT_COLUMNS
from episodes.building.stays import stay_start
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS
from episodes.claims.store import claim_order


@dataclass(frozen=True)
class SelectedFrames:
    """`sources.Selected` over frames: `all_claims` and `lines` are those of the people chosen, in order."""

    all_claims: pl.DataFrame
    lines: pl.DataFrame
    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame
    coded: CodedLines
    line_ranges: tuple[Array, Array]

    @property
    def claims(self) -> pl.DataFrame:
        """Claims that are paid as a whole."""
        return self.all_claims.filter(pl.col("setting").is_in(list(CLAIM_PAID_SETTINGS)))

    @property
    def visit_lines(self) -> pl.DataFrame:
        """Lines of home health claims."""
        of_claim = self.all_claims.filter(pl.col("setting") == "home_health").select("claim")
        return self.lines.join(of_claim, on="claim", how="semi", maintain_order="left").select(VISIT_COLUMNS)

    def line_numbers(self, claims: pl.Series) -> pl.DataFrame:
        """claim, line (ordinals), line_number of some claims."""
        return self.lines.join(claims.to_frame("claim"), on="claim", how="semi").select("claim", "line", "line_number")

    def claim_ids(self, claims: pl.Series) -> pl.Series:
        """The ids of some claims."""
        return claims.to_frame("claim").join(
            self.all_claims.select("claim", "claim_id"), on="claim", how="left", maintain_order="left"
        )["claim_id"]

    def details(self, lines: Array) -> pl.DataFrame:
        """What names the lines with some ordinals."""
        headers = self.all_claims.select("claim", "setting", "ccn", "from_date")
        return (
            self.lines[lines]
            .join(headers, on="claim", how="left", maintain_order="left")
            .with_columns(service_start=pl.coalesce("service_date", "from_date"))
            .select(LINE_DETAILS)
        )


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
    def of(cls, people: pl.DataFrame, tables: Mapping[str, pl.DataFrame], context: Context) -> Frames:
        """From canonical tables by name; claims are brought into order."""
        chosen = people.select("beneficiary_id", pl.col("person").cast(pl.UInt32))
        claims = (
            tables["claims"]
            .join(chosen, on="beneficiary_id", how="inner", maintain_order="left")
            .with_columns(
                setting=pl.col("setting").cast(pl.String),
                amount=basis_amount(context, line=False),
                _start=stay_start(),
            )
            .sort("person", "_start", *claim_order(), maintain_order=True)
            .drop("_start")
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
            .agg(
                pl.col("hcpcs"),
                cents=basis_amount(self.context, line=True).sum(),
                payer_cents=pl.col("primary_payer_paid_cents").sum(),
            )
        )
        return of_day.join(headers.select(HEADER_OF_LINE), on="claim", how="inner", maintain_order="left")

    def select(self, people: pl.Series) -> SelectedFrames:
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
        of_line = lines["person"].to_numpy()
        ranges = [np.searchsorted(of_line, people.to_numpy(), side=side) for side in ("left", "right")]
        return SelectedFrames(
            all_claims=claims,
            lines=lines,
            beneficiaries=self.people_table.join(chosen, on="beneficiary_id", how="inner"),
            coverage=self.coverage_table.join(chosen, on="beneficiary_id", how="inner"),
            coded=code_frames(lines, claims, self.context),
            line_ranges=(ranges[0].astype(np.int64), ranges[1].astype(np.int64)),
        )

    def beneficiary_ids(self, people: pl.Series) -> pl.DataFrame:
        """person, beneficiary_id of some people."""
        return self.people.join(people.to_frame("person"), on="person", how="semi").select("person", "beneficiary_id")

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
