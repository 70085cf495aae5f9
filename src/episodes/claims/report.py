"""What reading did to every row: taken, netted, quarantined, each with a count and a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from episodes.errors import BalanceError, QuarantineError, count_of

TOLERATED_SHARE = 0.01
TOLERATED_ROWS = 100
"""A table stops the run when more than this share of its rows, and at least this many, are quarantined."""


@dataclass
class TableReport:
    """Rows of one canonical table: `rows_in` = `rows_out` + `netted` + `quarantined`."""

    rows_in: int = 0
    rows_out: int = 0
    netted: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    """Rows by first reason, so that the counts sum to the rows."""

    def add_netted(self, reason: str, rows: int) -> None:
        """Count rows, among those that came in, that another row stands for."""
        self.netted[reason] = self.netted.get(reason, 0) + rows

    def take_up(self, reason: str, rows: int) -> None:
        """Count file rows that a layout merged into others before it handed the table over."""
        if rows:
            self.rows_in += rows
            self.add_netted(reason, rows)

    def add(self, rows_in: int, rows_out: int, netted: dict[str, int], quarantined: dict[str, int]) -> None:
        """Add the counts of another part of the same table."""
        self.rows_in += rows_in
        self.rows_out += rows_out
        for reason, rows in netted.items():
            self.add_netted(reason, rows)
        for reason, rows in quarantined.items():
            self.quarantined[reason] = self.quarantined.get(reason, 0) + rows

    def check(self, table: str) -> None:
        """Fail loudly when a row is not accounted for."""
        booked = self.rows_out + sum(self.netted.values()) + sum(self.quarantined.values())
        if booked != self.rows_in:
            raise BalanceError(
                f"Table {table!r}: {count_of(self.rows_in, 'row')} came in, {booked:,} are accounted for."
            )


@dataclass
class ReadingReport:
    """What was read: layout, files, row counts by table, notes, and the quarantined rows themselves."""

    layout: str
    validation: str = "full"
    files: list[dict[str, Any]] = field(default_factory=list)
    """name, sha256, rows and what the file was taken for; in the order of reading."""
    tables: dict[str, TableReport] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tallies: dict[str, int] = field(default_factory=dict)
    """Notes that count: what, and how many of it; counts of parts of a delivery add up."""
    quarantine: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)
    """Table name to the rows that broke the contract, with a column `reasons`."""
    netted: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)
    """Table name to what was netted against what: beneficiary_id, claim_id, reason, against_claim_id."""

    def table(self, name: str) -> TableReport:
        """The report of a table, made when first asked for."""
        return self.tables.setdefault(name, TableReport())

    def tally(self, what: str, number: int) -> None:
        """Note how many of something there were, such as "inpatient claims with the DRG withheld"."""
        if number:
            self.tallies[what] = self.tallies.get(what, 0) + number

    def all_notes(self) -> list[str]:
        """Every note as a sentence part, counts first."""
        return [*(f"{number:,} {what}" for what, number in self.tallies.items()), *self.notes]

    def set_aside(self, name: str, rows: pl.DataFrame) -> None:
        """Quarantine rows (with a `reasons` list column), counted by first reason."""
        if rows.is_empty():
            return
        counts = rows.group_by(pl.col("reasons").list.first().alias("reason")).len().sort("reason")
        report = self.table(name)
        for reason, number in counts.iter_rows():
            report.quarantined[reason] = report.quarantined.get(reason, 0) + number
        held = self.quarantine.get(name)
        self.quarantine[name] = rows if held is None else pl.concat([held, rows], how="diagonal_relaxed")

    def stop_when_too_many(self) -> None:
        """Raise `QuarantineError` when a table lost more rows than the run tolerates."""
        broken = [
            (name, sum(report.quarantined.values()), report)
            for name, report in self.tables.items()
            if sum(report.quarantined.values()) >= TOLERATED_ROWS
            and sum(report.quarantined.values()) > TOLERATED_SHARE * report.rows_in
        ]
        if not broken:
            return
        parts = []
        for name, number, report in broken:
            reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in sorted(report.quarantined.items()))
            parts.append(f"{name}: {number:,} of {count_of(report.rows_in, 'row')} ({reasons})")
        raise QuarantineError(
            f"Too many rows break the claims contract: {'; '.join(parts)}. "
            f"Tolerated is {TOLERATED_SHARE:.0%} of a table. "
            "Usual causes: another layout than the one named, codes or dates that a spreadsheet rewrote, "
            "or a delivery read twice. Name the layout, or mend the rows at their source."
        )

    def to_dict(self) -> dict[str, Any]:
        """Counts and names only: nothing that identifies a person or a claim."""
        return {
            "layout": self.layout,
            "validation": self.validation,
            "files": self.files,
            "tables": {
                name: {
                    "rows_in": report.rows_in,
                    "rows_out": report.rows_out,
                    "netted": dict(sorted(report.netted.items())),
                    "quarantined": dict(sorted(report.quarantined.items())),
                }
                for name, report in self.tables.items()
            },
            "notes": self.all_notes(),
        }

    def quarantined_rows(self) -> int:
        """Rows set aside over all tables."""
        return sum(sum(report.quarantined.values()) for report in self.tables.values())
