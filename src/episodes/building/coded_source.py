"""Claims of a bucket that are codes, of a store or of plain tables: only what is asked for is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from episodes.building.amounts import basis_amount, columns_of_amounts, columns_of_basis
from episodes.building.arrays import Array, LineClaims, Lines, frozen
from episodes.building.coded_lines import CodedLines, facts_of_diagnoses
from episodes.building.codes import Codes, empty_lists
from episodes.building.compiled import kernels
from episodes.building.context import Context
from episodes.building.facts import Facts
from episodes.building.line_rules import DICTIONARIES, day_number
from episodes.building.person_tables import of_codes
from episodes.building.provider_types import providers_of
from episodes.building.sources import (
    HEADER_OF_LINE,
    ITEM_COLUMNS,
    LINE_DETAILS,
    STAY_COLUMNS,
    TRIGGER_COLUMNS,
    VISIT_COLUMNS,
    asks_for_visits,
    lists_looked_at,
)
from episodes.claims.contract import CLAIM_PAID_SETTINGS, SETTINGS, TABLES, types_of

LINE_TYPES = types_of(TABLES["lines"])

LATE = -1
"""Setting number of a claim that was processed after the date the claims are known at: it is not there."""


class CodedBucket:
    """One bucket of claims as codes; `sources.Source` and `sources.Selected` in one, for nothing is copied to select.

    Args:
        codes: its claims and lines.
        tables: its beneficiaries and coverage.
        first_person: the ordinal of its first person among all of the input.
        context: of the run.
        others: what is known of people whose claims are in no bucket; they are counted with this one.
    """

    def __init__(
        self,
        codes: Codes,
        tables: Mapping[str, pl.LazyFrame],
        first_person: int,
        context: Context,
        others: Facts | None = None,
    ) -> None:
        self.codes = codes
        self._tables = tables
        self._first_person = first_person
        self._context = context
        self._others = others or Facts()
        self._people = pl.Series([], dtype=pl.UInt32)
        self._whole: dict[str, pl.DataFrame] = {}
        self._payable_of_all: tuple[int, int] | None = None

    # --- arrays ---------------------------------------------------------------------------------------------

    @cached_property
    def _person_claims(self) -> Array:
        return self.codes.array("person_claims")

    @cached_property
    def _person_of_claim(self) -> Array:
        """By claim the place of its person in the bucket."""
        return np.repeat(np.arange(self._person_claims.size - 1, dtype=np.int32), np.diff(self._person_claims))

    @cached_property
    def _settings(self) -> Array:
        """By claim its setting number, `LATE` where it is not known yet."""
        names = self.codes.dictionary("claims.setting").to_list()
        numbers = np.array([SETTINGS.index(name) for name in names], dtype=np.int8)[self.codes.array("claims.setting")]
        if self._context.as_of is not None:
            numbers = np.where(self.codes.array("claims.process_date") > day_number(self._context.as_of), LATE, numbers)
        return numbers.astype(np.int8)

    @cached_property
    def _is_whole(self) -> Array:
        """By claim whether it is known, and paid as a whole."""
        return (self._settings >= 0) & (self._settings < len(CLAIM_PAID_SETTINGS))

    @cached_property
    def _chosen(self) -> Array:
        """By person of the bucket whether they were chosen."""
        return self._among(self._people)

    def _among(self, people: pl.Series) -> Array:
        """By person of the bucket whether they are among some people."""
        among = np.zeros(self.people, np.bool_)
        among[people.to_numpy().astype(np.int64) - self._first_person] = True
        return among

    @property
    def people(self) -> int:
        """How many people have claims in this bucket."""
        return int(self._person_claims.size - 1)

    # --- frames of rows -------------------------------------------------------------------------------------

    def _headers(self, rows: Array, columns: Sequence[str]) -> pl.DataFrame:
        """Claims by their ordinals, with person, claim and what their CCN says (`provider_types.providers_of`)."""
        ccn = self.codes.array("claims.ccn")[rows]
        of_ccn = self._providers[np.where(ccn < 0, self._providers.height - 1, ccn)]
        return self.codes.frame("claims", rows, [name for name in columns if name != "ccn"]).with_columns(
            of_ccn,
            person=pl.Series(self._person_of_claim[rows].astype(np.uint32) + np.uint32(self._first_person)),
            claim=pl.Series(rows.astype(np.uint32)),
        )

    @cached_property
    def _providers(self) -> pl.DataFrame:
        """`providers_of` each CCN of the dictionary, then of none."""
        return providers_of(self.codes.dictionary("claims.ccn").extend_constant(None, 1))

    def _lists_of(self, rows: Array, columns: Sequence[str]) -> list[pl.Series]:
        """Columns of lists, empty ones where no rule of the programme looks at them."""
        wanted = lists_looked_at(self._context)
        return [
            (
                self.codes.list_of(f"claims.{name}", rows, pl.String()) if name in wanted else empty_lists(rows.size)
            ).alias(name)
            for name in columns
        ]

    def claim_ids(self, claims: pl.Series) -> pl.Series:
        """The ids of some claims."""
        return self.codes.ids("claim_id", claims.to_numpy().astype(np.int64))

    def _with_header(self, lines: pl.DataFrame, claims: Array) -> pl.DataFrame:
        """Lines with what `HEADER_OF_LINE` says of their claims."""
        columns = [name for name in HEADER_OF_LINE if name not in ("claim", "claim_id", "person", "diagnoses")]
        headers = self._headers(claims, columns).with_columns(
            self._lists_of(claims, ("diagnoses",)), claim_id=self.codes.ids("claim_id", claims)
        )
        return lines.join(headers, on="claim", how="inner", maintain_order="left")

    def _line_frame(self, rows: Array, columns: Sequence[str]) -> pl.DataFrame:
        wanted = tuple(dict.fromkeys((*columns, "line_number", f"{self._context.program.amount_basis}_cents")))
        return self.codes.frame("lines", rows, wanted).with_columns(
            line=pl.Series(rows.astype(np.uint32)),
            claim=pl.Series(self.codes.array("line_claim")[rows].astype(np.uint32)),
            amount=basis_amount(self._context, line=True),
        )

    def _line_rows_of(self, claims: Array) -> Array:
        """Ordinals of the lines of some claims, claim by claim."""
        offsets, by_claim = self.codes.array("claim_lines"), self.codes.array("lines_by_claim")
        lengths = offsets[claims + 1] - offsets[claims]
        ends = np.cumsum(lengths)
        places = np.repeat(offsets[claims] - (ends - lengths), lengths) + np.arange(int(ends[-1]) if ends.size else 0)
        return by_claim[places]

    # --- to find anchors ------------------------------------------------------------------------------------

    def stays(self) -> pl.DataFrame:
        """Inpatient claims, but those of hospitals that the programme takes out."""
        rows = np.flatnonzero(self._settings == SETTINGS.index("inpatient"))
        removed = list(self._context.program.rules.construction.anchors.removed_hospitals.value)
        stays = self._headers(rows, (*STAY_COLUMNS, *columns_of_basis(self._context))).with_columns(
            self._lists_of(rows, ("diagnoses", "procedures")),
            amount=basis_amount(self._context, line=False),
            claim_id=self.codes.ids("claim_id", rows),
        )
        return stays.filter(~pl.col("ccn").is_in(removed).fill_null(False)) if removed else stays

    def lines_with_codes(self, codes: Sequence[str], settings: Sequence[str]) -> pl.DataFrame:
        """Lines of claims of some settings with one of the HCPCS."""
        listed = self.codes.dictionary("lines.hcpcs").is_in(list(codes)).to_numpy()
        rows = np.flatnonzero(np.append(listed, False)[self.codes.array("lines.hcpcs")])
        numbers = [SETTINGS.index(name) for name in settings]
        rows = rows[np.isin(self._settings[self.codes.array("line_claim")[rows]], numbers)]
        lines = self._line_frame(rows, TRIGGER_COLUMNS)
        return self._with_header(lines, np.unique(self.codes.array("line_claim")[rows]))

    def lines_of_claims(self, claims: pl.Series) -> pl.DataFrame:
        """Lines of some claims, in line order."""
        rows = self._line_rows_of(np.unique(claims.to_numpy().astype(np.int64)))
        return self._line_frame(rows, ("service_date", "hcpcs", "status_indicator")).sort("claim", "line_number")

    def outpatient_days(self, people: pl.Series) -> pl.DataFrame:
        """Days of outpatient claims of some people."""
        chosen = self._among(people)[self._person_of_claim]
        claims = np.flatnonzero((self._settings == SETTINGS.index("outpatient")) & chosen)
        of_day = (
            self._line_frame(self._line_rows_of(claims), ("service_date", "hcpcs", "primary_payer_paid_cents"))
            .filter(pl.col("service_date").is_not_null())
            .group_by("claim", "service_date", maintain_order=True)
            .agg(pl.col("hcpcs"), cents=pl.col("amount").sum(), payer_cents=pl.col("primary_payer_paid_cents").sum())
        )
        return self._with_header(of_day, claims)

    def select(self, people: pl.Series) -> CodedBucket:
        """This bucket, for some of its people."""
        self._people = people
        return self

    def beneficiary_ids(self, people: pl.Series) -> pl.DataFrame:
        """person, beneficiary_id of some people."""
        rows = people.to_numpy().astype(np.int64) - self._first_person
        return pl.DataFrame({"person": people, "beneficiary_id": self.codes.ids("beneficiary_id", rows)})

    def payable_without(self, people: pl.Series) -> tuple[int, int]:
        """Number and cents of the payable items of everybody but some people."""
        chosen = self._among(people)
        rest, of_chosen = self._payable(chosen)
        self._payable_of_all = (rest[0] + of_chosen[0], rest[1] + of_chosen[1])
        return rest[0] + self._others.payable_items, rest[1] + self._others.payable_cents

    def facts(self) -> Facts:
        """What the bucket holds, straight from its arrays."""
        if self._payable_of_all is None:
            self._payable_of_all, _ = self._payable(np.zeros(self.people, np.bool_))
        items, cents = self._payable_of_all
        stays = self._settings == SETTINGS.index("inpatient")
        drg, hospital = (
            ((self.codes.array(f"claims.{first}") >= 0) | (self.codes.array(f"claims.{other}") >= 0)) & stays
            for first, other in (("pricing_drg", "ms_drg"), ("ccn", "provider_type"))
        )
        late = int((self._settings == LATE).sum())
        covered = self.coverage["person"].n_unique()
        if not covered:
            everybody = self.codes.ids("beneficiary_id", np.arange(self.people)).to_frame("beneficiary_id")
            covered = everybody.join(self._all_of("coverage"), on="beneficiary_id", how="semi").height
        known_lines = self._settings[self.codes.array("line_claim")] != LATE if late else None
        own = Facts(
            people=self.people,
            claims=int(self._settings.size) - late,
            lines=int(self.codes.array("line_claim").size if known_lines is None else known_lines.sum()),
            claims_processed_later=late,
            payable_items=items,
            payable_cents=cents,
            coverage_intervals=self._all_of("coverage").height,
            covered_people=covered,
            stays=int(stays.sum()),
            stays_with_drg=int(drg.sum()),
            stays_with_hospital=int(hospital.sum()),
        )
        return own + self._others

    def tables_of(self, people: pl.Series) -> Mapping[str, pl.DataFrame]:
        """Claims, lines, beneficiaries and coverage of some people (by id), as known at the run's date."""
        return of_codes(self.codes, self._tables, people, self._context.as_of)

    def _payable(self, chosen: Array) -> tuple[tuple[int, int], tuple[int, int]]:
        """Number and cents of the payable items of the people (by person of the bucket) not chosen, and chosen."""
        whole = np.flatnonzero(self._is_whole)
        amounts = self.codes.frame("claims", whole, columns_of_basis(self._context)).select(
            basis_amount(self._context, line=False).fill_null(0)
        )
        by_claim = amounts.to_series().to_numpy()
        of_chosen = chosen[self._person_of_claim[whole]]
        items, cents = kernels().payable_lines(
            chosen,
            self.codes.array("person_lines"),
            self.codes.array("line_claim"),
            frozen(self._settings),
            self.codes.array(f"lines.{self._context.program.amount_basis}_cents"),
            np.zeros((2, 2), np.int64),
        )
        rest, own = (
            (int(items[k]) + int(mine.sum()), int(cents[k]) + int(by_claim[mine].sum()))
            for k, mine in enumerate((~of_chosen, of_chosen))
        )
        return rest, own

    # --- of the people chosen -------------------------------------------------------------------------------

    @cached_property
    def claims(self) -> pl.DataFrame:
        """Claims that are paid as a whole, of the people chosen."""
        rows = np.flatnonzero(self._is_whole & self._chosen[self._person_of_claim])
        return self._headers(rows, (*ITEM_COLUMNS, *columns_of_amounts(self._context))).with_columns(
            self._lists_of(rows, ("diagnoses", "procedures", "demonstration_codes")),
            amount=basis_amount(self._context, line=False),
        )

    @cached_property
    def visit_lines(self) -> pl.DataFrame:
        """Lines of home health claims, where a rule asks for visits."""
        if not asks_for_visits(self._context):
            return pl.DataFrame(schema={"claim": pl.UInt32, **{name: LINE_TYPES[name] for name in VISIT_COLUMNS[1:]}})
        home_health = self.claims["claim"].filter(self.claims["setting"] == "home_health")
        rows = self._line_rows_of(home_health.to_numpy().astype(np.int64))
        return self._line_frame(rows, [name for name in VISIT_COLUMNS if name != "claim"]).select(VISIT_COLUMNS)

    @cached_property
    def beneficiaries(self) -> pl.DataFrame:
        """People chosen."""
        return self._of_people("beneficiaries")

    @cached_property
    def coverage(self) -> pl.DataFrame:
        """Intervals of coverage of the people chosen."""
        return self._of_people("coverage")

    def _of_people(self, table: str) -> pl.DataFrame:
        ids = self.beneficiary_ids(self._people)
        return self._all_of(table).join(ids, on="beneficiary_id", how="inner")

    def _all_of(self, table: str) -> pl.DataFrame:
        if table not in self._whole:
            self._whole[table] = self._tables[table].collect()
        return self._whole[table]

    @cached_property
    def line_ranges(self) -> tuple[Array, Array]:
        """By person chosen: where the lines begin and end."""
        offsets = self.codes.array("person_lines")
        places = self._people.to_numpy().astype(np.int64) - self._first_person
        return frozen(offsets[places]), frozen(offsets[places + 1])

    @cached_property
    def coded(self) -> CodedLines:
        """Lines and claims of the whole bucket."""
        codes = {name: self.codes.dictionary(f"lines.{name}") for name in DICTIONARIES[:-1]}
        codes["modifiers"] = self.codes.dictionary("lines.modifiers.elements")
        related, related_any, marks = facts_of_diagnoses(self.codes, self._context)
        basis = self._context.program.amount_basis
        return CodedLines(
            lines=Lines(
                claim=self.codes.array("line_claim"),
                day=self.codes.array("lines.service_date"),
                amount=self.codes.array(f"lines.{basis}_cents"),
                allowed=self.codes.array("lines.allowed_cents"),
                standardized=self.codes.array("lines.standardized_cents"),
                primary_payer=self.codes.array("lines.primary_payer_paid_cents"),
                **{name: self.codes.array(f"lines.{name}") for name in DICTIONARIES[:-1]},
                rendering=self.codes.array("lines.rendering_npi"),
                modifier_from=self.codes.array("lines.modifiers.offsets"),
                modifier=self.codes.array("lines.modifiers.elements"),
            ),
            claims=LineClaims(
                setting=frozen(self._settings),
                first_day=self.codes.array("claims.from_date"),
                ccn=self.codes.array("claims.ccn"),
                operating=self.codes.array("claims.operating_npi"),
                attending=self.codes.array("claims.attending_npi"),
                related=related,
                related_any=related_any,
                mark_day=marks,
            ),
            claim_ordinals=np.arange(self._person_of_claim.size),
            codes=codes,
            parties={
                "rendering": self.codes.dictionary("lines.rendering_npi"),
                "operating": self.codes.dictionary("claims.operating_npi"),
                "attending": self.codes.dictionary("claims.attending_npi"),
                "ccn": self.codes.dictionary("claims.ccn"),
            },
        )

    def line_numbers(self, claims: pl.Series) -> pl.DataFrame:
        """claim, line (ordinals), line_number of some claims."""
        rows = self._line_rows_of(claims.to_numpy().astype(np.int64))
        return self.codes.frame("lines", rows, ("line_number",)).with_columns(
            line=pl.Series(rows.astype(np.uint32)),
            claim=pl.Series(self.codes.array("line_claim")[rows].astype(np.uint32)),
        )

    def details(self, lines: Array) -> pl.DataFrame:
        """What names the lines with some ordinals."""
        claims = self.codes.array("line_claim")[lines].astype(np.int64)
        headers = self.codes.frame("claims", claims, ("setting", "ccn", "from_date")).with_columns(
            claim_id=self.codes.ids("claim_id", claims)
        )
        of_line = self._line_frame(lines, ("service_date", "rendering_npi", "tin"))
        return (
            pl.concat([of_line, headers], how="horizontal")
            .with_columns(service_start=pl.coalesce("service_date", "from_date"))
            .select(LINE_DETAILS)
        )
