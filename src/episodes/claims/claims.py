"""`Claims`: the canonical tables as lazy frames, with the report of how they were read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from episodes.claims.casting import conform, trust
from episodes.claims.contract import LINE_PAID_SETTINGS, TABLES, empty_table
from episodes.claims.report import ReadingReport, paid_sum
from episodes.errors import ContractError, count_of, unknown_name

Frame = pl.DataFrame | pl.LazyFrame
Validation = Literal["full", "none"]


class Claims:
    """Canonical claims: eight tables of the claims contract.

    Args:
        claims: one row a claim or stay; see `episodes.claims.contract.ClaimsTable` for columns and types.
        lines: one row a service line.
        beneficiaries, coverage: people, and intervals of coverage.
        hospitals, participants, clinicians, quality: what prices, settlement and attribution read.
        validate: `full` casts and checks every row; `none` trusts frames that already hold the contract.
        report: how the tables were read, when a layout made them.
        tolerate: set aside any number of rows; the caller judges by the report.

    Columns that may be null or have a default may be absent. Rows that break the contract are set aside with
    a reason and counted in `report`; too many of them raise `QuarantineError`.

    Raises:
        ContractError: a required column is missing, or a table is not a polars frame.
        QuarantineError: more than 1 % (and at least 100 rows) of a table break the contract.

    Example:
        >>> import datetime as dt, polars as pl, episodes as ep
        >>> frame = pl.DataFrame({"beneficiary_id": ["a"], "claim_id": ["1"], "setting": ["inpatient"],
        ...     "from_date": [dt.date(2026, 1, 5)], "thru_date": [dt.date(2026, 1, 8)], "ms_drg": ["470"]})
        >>> ep.Claims(claims=frame).report.tables["claims"].rows_out
        1
    """

    def __init__(
        self,
        *,
        claims: Frame,
        lines: Frame | None = None,
        beneficiaries: Frame | None = None,
        coverage: Frame | None = None,
        hospitals: Frame | None = None,
        participants: Frame | None = None,
        clinicians: Frame | None = None,
        quality: Frame | None = None,
        validate: Validation = "full",
        report: ReadingReport | None = None,
        tolerate: bool = False,
    ) -> None:
        given: Mapping[str, Frame | None] = {
            "claims": claims,
            "lines": lines,
            "beneficiaries": beneficiaries,
            "coverage": coverage,
            "hospitals": hospitals,
            "participants": participants,
            "clinicians": clinicians,
            "quality": quality,
        }
        if validate not in get_args(Validation):
            raise ContractError(unknown_name("validation", validate, get_args(Validation)))
        self.report = report or ReadingReport(layout="frames")
        self.report.validation = validate
        self.store: Path | None = None
        """The store that the tables lie in; builds then read its codes sidecar rather than its Parquet."""
        self.complete_through: dt.date | None = None
        """The date the claims are complete through, where a store says it; `build_episodes` takes it for `as_of`."""
        self._scans: dict[str, pl.LazyFrame] = {}
        self._tables = {name: self._take(name, given[name], validate) for name in TABLES}
        if validate == "full":
            self._drop_lines_without_claim(given["claims"])
            self._note_line_paid_claims_without_lines()
            self._note_short_hospital_numbers()
            if not tolerate:
                self.report.stop_when_too_many()

    def table(self, name: str) -> pl.LazyFrame:
        """A canonical table by name."""
        return self._tables[name]

    def scan(self, name: str) -> pl.LazyFrame:
        """A canonical table as `table` has it, but columns of listed words (setting) may be text: cheap to filter."""
        return self._scans.get(name, self._tables[name])

    @property
    def claims(self) -> pl.LazyFrame:
        """One row a claim or stay."""
        return self._tables["claims"]

    @property
    def lines(self) -> pl.LazyFrame:
        """One row a service line."""
        return self._tables["lines"]

    @property
    def beneficiaries(self) -> pl.LazyFrame:
        """One row a person."""
        return self._tables["beneficiaries"]

    @property
    def coverage(self) -> pl.LazyFrame:
        """One row an interval of coverage."""
        return self._tables["coverage"]

    @property
    def hospitals(self) -> pl.LazyFrame:
        """One row a hospital and period."""
        return self._tables["hospitals"]

    @property
    def participants(self) -> pl.LazyFrame:
        """One row an entity that takes part in a programme."""
        return self._tables["participants"]

    @property
    def clinicians(self) -> pl.LazyFrame:
        """One row a clinician."""
        return self._tables["clinicians"]

    @property
    def quality(self) -> pl.LazyFrame:
        """One row a hospital, measure and year."""
        return self._tables["quality"]

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {report.rows_out:,}" for name, report in self.report.tables.items())
        set_aside = self.report.quarantined_rows()
        quarantined = f"; {count_of(set_aside, 'row')} quarantined" if set_aside else ""
        return f"Claims(layout={self.report.layout!r}: {rows or 'lazy'}{quarantined})"

    def _take(self, name: str, frame: Frame | None, validate: Validation) -> pl.LazyFrame:
        if frame is None:
            return empty_table(name).lazy()
        given_frame: object = frame
        if not isinstance(given_frame, pl.DataFrame | pl.LazyFrame):
            library = type(given_frame).__module__.partition(".")[0]
            given = type(given_frame).__name__ if library == "builtins" else f"{library} {type(given_frame).__name__}"
            raise ContractError(
                f"Table {name!r} is a {given}, expected a polars DataFrame or LazyFrame. "
                "polars.from_pandas(frame) and polars.from_arrow(table) convert others."
            )
        if validate == "none":
            self._scans[name] = trust(name, frame.lazy(), leave_words=True)
            return trust(name, frame.lazy())
        return conform(name, frame.lazy().collect(), self.report).lazy()

    def _drop_lines_without_claim(self, raw_claims: Frame | None) -> None:
        """Lines need their claim: without it neither setting nor person is known."""
        keys = ["beneficiary_id", "claim_id"]
        lines = self._tables["lines"].collect()
        claims = self._tables["claims"].select(keys).collect()
        kept = lines.join(claims, on=keys, how="semi", maintain_order="left")
        if kept.height == lines.height:
            return
        orphans = lines.join(claims, on=keys, how="anti", maintain_order="left")
        delivered = (
            raw_claims.lazy().select(pl.col(keys).cast(pl.String).str.strip_chars()).unique().collect()
            if raw_claims is not None
            else empty_table("claims").select(keys)
        )
        had_claim = orphans.join(delivered.with_columns(_delivered=True), on=keys, how="left", maintain_order="left")
        reason = pl.when(pl.col("_delivered")).then(pl.lit("claim_quarantined")).otherwise(pl.lit("claim_missing"))
        self.report.set_aside("lines", had_claim.with_columns(reasons=pl.concat_list(reason)).drop("_delivered"))
        counts = self.report.table("lines")
        counts.rows_out = kept.height
        counts.cents_out = paid_sum(kept)
        counts.check("lines")
        self._tables["lines"] = kept.lazy()

    def _note_line_paid_claims_without_lines(self) -> None:
        """Such a claim carries no payable item, for its header amount is information only: say so."""
        keys = ["beneficiary_id", "claim_id"]
        claims = self._tables["claims"].select(*keys, pl.col("setting").cast(pl.String)).collect()
        line_paid = claims.filter(pl.col("setting").is_in(LINE_PAID_SETTINGS))
        lines = self._tables["lines"].select(keys).collect()
        number = line_paid.join(lines, on=keys, how="anti").height
        if number:
            self.report.tally("claims of settings paid by line have no lines: they carry no payable amount", number)

    def _note_short_hospital_numbers(self) -> None:
        """Five digits where a CCN has six characters: a spreadsheet dropped a leading zero."""
        for name, column in (
            ("claims", "ccn"),
            ("hospitals", "ccn"),
            ("quality", "ccn"),
            ("participants", "entity_id"),
        ):
            short = self._tables[name].filter(pl.col(column).str.contains(r"^[0-9]{5}$"))
            number = short.select(pl.len()).collect().item()
            self.report.tally(
                f"rows of {name} with a {column} of 5 digits: a CCN has 6; was a leading zero lost?", number
            )
