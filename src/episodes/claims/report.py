"""What reading did to every row: taken, netted, quarantined, each with a count and a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import polars as pl

from episodes.claims.contract import TABLES
from episodes.errors import BalanceError, QuarantineError, count_of
from episodes.money import dollars

TOLERATED_SHARE = 0.01
TOLERATED_ROWS = 100
"""A table stops the run when more than this share of its rows, and at least this many, are quarantined."""


_NOTHING: Mapping[str, int] = MappingProxyType({})
MONEY_TABLES = ("claims", "lines")
"""Tables whose amounts are followed: the column `paid_cents`, which files state most directly. Allowed amounts are
mostly made of several columns, so their sum in a file is a reading already."""


@dataclass
class TableReport:
    """Rows and paid cents of one canonical table: everything that came in, and what it became.

    `rows_in` = `rows_out` + `netted` + `quarantined`, and `cents_in` + `cents_added` = `cents_out` + `cents_netted` +
    `cents_quarantined`. What came in is summed from the amount columns of the raw rows, what came out from the
    canonical table. Netted cents may stand under a reason without rows, where an amount is no payment and its row
    stays, such as the payment on a line of a claim that is paid as a whole.
    """

    rows_in: int = 0
    rows_out: int = 0
    netted: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    """Rows by first reason, so that the counts sum to the rows."""
    cents_in: int = 0
    cents_added: dict[str, int] = field(default_factory=dict)
    """Amounts of another table that are booked here as well, such as the payment of a claim on its first line."""
    cents_out: int = 0
    cents_netted: dict[str, int] = field(default_factory=dict)
    cents_quarantined: dict[str, int] = field(default_factory=dict)
    amounts_read: bool = False
    """Whether a layout summed the amounts of its raw rows; else the table itself is what came in."""

    def read_amounts(self, cents: int) -> None:
        """Count paid cents as a layout found them in its raw rows, before it did anything to them."""
        self.cents_in += cents
        self.amounts_read = True

    def add_cents(self, reason: str, cents: int) -> None:
        """Count paid cents that another table states and that are booked here as well."""
        _add(self.cents_added, reason, cents)

    def add_netted(self, reason: str, rows: int, cents: int = 0) -> None:
        """Count rows, among those that came in, that another row stands for, and the cents that go with them."""
        self.netted[reason] = self.netted.get(reason, 0) + rows
        self.net_cents(reason, cents)

    def net_cents(self, reason: str, cents: int) -> None:
        """Count amounts that are not taken as payments; their rows stay, or are counted otherwise."""
        _add(self.cents_netted, reason, cents)

    def quarantine_cents(self, reason: str, cents: int) -> None:
        """Count amounts that are set aside."""
        _add(self.cents_quarantined, reason, cents)

    def take_up(self, reason: str, rows: int, cents: int = 0) -> None:
        """Count file rows that a layout merged into others before it handed the table over.

        `cents` are those that nothing else stands for: none where the amounts were merged too.
        """
        if rows:
            self.rows_in += rows
            self.add_netted(reason, rows, cents)

    def add(
        self,
        rows_in: int,
        rows_out: int,
        netted: Mapping[str, int],
        quarantined: Mapping[str, int],
        cents_in: int = 0,
        cents_added: Mapping[str, int] = _NOTHING,
        cents_out: int = 0,
        cents_netted: Mapping[str, int] = _NOTHING,
        cents_quarantined: Mapping[str, int] = _NOTHING,
    ) -> None:
        """Add the counts of another part of the same table."""
        self.rows_in += rows_in
        self.rows_out += rows_out
        self.cents_in += cents_in
        self.cents_out += cents_out
        for own, other in (
            (self.netted, netted),
            (self.quarantined, quarantined),
            (self.cents_added, cents_added),
            (self.cents_netted, cents_netted),
            (self.cents_quarantined, cents_quarantined),
        ):
            for reason, number in other.items():
                own[reason] = own.get(reason, 0) + number

    def check(self, table: str) -> None:
        """Fail loudly when a row or a cent is not accounted for."""
        booked = self.rows_out + sum(self.netted.values()) + sum(self.quarantined.values())
        if booked != self.rows_in:
            raise BalanceError(
                f"Table {table!r}: {count_of(self.rows_in, 'row')} came in, {booked:,} are accounted for."
            )
        came = self.cents_in + sum(self.cents_added.values())
        cents = self.cents_out + sum(self.cents_netted.values()) + sum(self.cents_quarantined.values())
        if cents != came:
            raise BalanceError(
                f"Table {table!r}: paid amounts of {dollars(came)} came in, {dollars(cents)} are accounted for, "
                f"{dollars(abs(came - cents))} {'less' if cents < came else 'more'}. This is a fault of the reader: "
                "please report it with the layout and what the delivery is, without any of its data."
            )

    def to_dict(self) -> dict[str, Any]:
        """Counts by name; amounts only where the table has any."""
        rows = {
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "netted": dict(sorted(self.netted.items())),
            "quarantined": dict(sorted(self.quarantined.items())),
        }
        amounts = {
            "cents_in": self.cents_in,
            "cents_added": dict(sorted(self.cents_added.items())),
            "cents_out": self.cents_out,
            "cents_netted": dict(sorted(self.cents_netted.items())),
            "cents_quarantined": dict(sorted(self.cents_quarantined.items())),
        }
        return rows | (amounts if any(amounts.values()) else {})


def _add(counts: dict[str, int], reason: str, cents: int) -> None:
    if cents:
        counts[reason] = counts.get(reason, 0) + cents


def paid_sum(rows: pl.DataFrame, paid: pl.Expr | None = None) -> int:
    """The exact sum of an amount (default: `paid_cents`, 0 where the rows have none) over rows; null counts as 0.

    >>> paid_sum(pl.DataFrame({"paid_cents": [9_000_000_000_000_000_000, 500_000_000_000_000_000, None]}))
    9500000000000000000
    """
    if paid is None and "paid_cents" not in rows.columns:
        return 0
    amount = pl.col("paid_cents") if paid is None else paid
    return int(rows.select(amount.cast(pl.Int64).cast(pl.Int128).sum()).item() or 0)


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

    def read_amounts(self, name: str, rows: pl.DataFrame, paid: pl.Expr, unreadable: pl.Expr) -> None:
        """Count the amounts of a layout's raw rows as what came into a table; what cannot be read counts as 0.

        Args:
            name: the table.
            rows: raw rows, a claim's amount once.
            paid: the amount in cents, null where there is none.
            unreadable: whether something stands there that is no amount.
        """
        self.table(name).read_amounts(paid_sum(rows, paid))
        self.tally_unreadable(name, int(rows.select(unreadable.fill_null(False).sum()).item() or 0))

    def tally_unreadable(self, name: str, rows: int) -> None:
        """Note rows whose paid amount cannot be read."""
        self.tally(f"rows of {name} with a paid amount that cannot be read: counted as nothing", rows)

    def tally(self, what: str, number: int) -> None:
        """Note how many of something there were, such as "inpatient claims with the DRG withheld"."""
        if number:
            self.tallies[what] = self.tallies.get(what, 0) + number

    def all_notes(self) -> list[str]:
        """Every note as a sentence part: counts first, usual causes of quarantine last."""
        causes = [f"set aside as {cause}" for cause in self.causes()]
        return [
            *(f"{number:,} {what}" for what, number in self.tallies.items()),
            *self.notes,
            *(cause for cause in causes if cause not in self.notes),
        ]

    def causes(self, names: Iterable[str] | None = None) -> list[str]:
        """The usual causes of the quarantine reasons of tables (default: all), each with the reasons it is behind."""
        behind: dict[str, list[str]] = {}
        for name in self.tables if names is None else names:
            for reason in sorted(self.tables[name].quarantined):
                cause = usual_cause(name, reason)
                if cause is not None and reason not in behind.setdefault(cause, []):
                    behind[cause].append(reason)
        return [f"{', '.join(reasons)}: {cause}" for cause, reasons in behind.items()]

    def set_aside(self, name: str, rows: pl.DataFrame) -> None:
        """Quarantine rows (with a `reasons` list column), counted by first reason, with their `paid_cents` if any."""
        if rows.is_empty():
            return
        paid = pl.col("paid_cents").cast(pl.Int128).sum() if "paid_cents" in rows.columns else pl.lit(0)
        by_reason = rows.group_by(pl.col("reasons").list.first().alias("reason")).agg(pl.len(), paid.alias("cents"))
        report = self.table(name)
        for reason, number, cents in by_reason.sort("reason").iter_rows():
            report.quarantined[reason] = report.quarantined.get(reason, 0) + number
            report.quarantine_cents(reason, int(cents or 0))
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
        causes = self.causes([name for name, _, _ in broken])
        raise QuarantineError(
            f"Too many rows break the claims contract: {'; '.join(parts)}. "
            f"Tolerated is {TOLERATED_SHARE:.0%} of a table. "
            "Usual causes: another layout than the one named, codes or dates that a spreadsheet rewrote, "
            f"or a delivery read twice. {''.join(f'{cause}. ' for cause in causes)}"
            "Name the layout, or mend the rows at their source."
        )

    def to_dict(self) -> dict[str, Any]:
        """Counts and names only: nothing that identifies a person or a claim."""
        return {
            "layout": self.layout,
            "validation": self.validation,
            "files": self.files,
            "tables": {name: report.to_dict() for name, report in self.tables.items()},
            "notes": self.all_notes(),
        }

    def quarantined_rows(self) -> int:
        """Rows set aside over all tables."""
        return sum(sum(report.quarantined.values()) for report in self.tables.values())


_CAUSES = {
    "not_a_date": "dates are YYYY-MM-DD or YYYYMMDD; DD/MM/YYYY, a time of day, or a day that does not exist is none",
    "not_a_whole_number": "a whole number is expected, without separators",
    "not_a_number": "a number is expected, without separators or units",
    "not_true_or_false": "true or false, yes or no, 1 or 0 is expected",
    "not_a_list": "a list is text with | between its elements; dates in it are YYYY-MM-DD or YYYYMMDD",
    "not_text": "an id or code came as a number that is not whole",
    "missing": "a required value is blank",
    "malformed": "the code has another form than the contract's",
    "out_of_range": "the number lies outside its limits",
}
_CAUSES_BY_REASON = {
    "duplicate_key": "rows of one key that differ: a delivery read twice, or versions of a claim left unresolved",
    "claim_quarantined": "lines that are set aside because their claim is: mend the claim, and they come in",
    "claim_missing": "lines whose claim did not come in: a claims file was left out, or ids are written in two ways",
}


def usual_cause(table: str, reason: str) -> str | None:
    """What usually lies behind a quarantine reason, and what is expected; None for reasons of a layout's own.

    >>> usual_cause("lines", "paid_cents_not_a_whole_number")
    'amounts are whole cents: multiply dollars by 100'
    """
    if reason in _CAUSES_BY_REASON:
        return _CAUSES_BY_REASON[reason]
    for column, declared in TABLES[table].columns().items():
        fault = reason.removeprefix(f"{column}_")
        if fault == reason or fault not in (*_CAUSES, "not_a_known_value"):
            continue
        digits = digits_of_code(table, column)
        if fault == "malformed" and digits is not None:
            lost = f"{'0' * (digits - 1)}1 becomes 1"
            return f"{digits} digits are expected; a code that was read as a number has lost its leading zeros ({lost})"
        if fault == "not_a_whole_number" and column.endswith("_cents"):
            return "amounts are whole cents: multiply dollars by 100"
        if fault == "not_a_known_value":
            return f"known values of {column}, in these letters: {', '.join(getattr(declared, 'categories', []))}"
        return _CAUSES[fault]
    return "two dates are in the wrong order: day and month may have been exchanged" if "_before_" in reason else None


def digits_of_code(table: str, column: str) -> int | None:
    """How many digits a code has, where the contract wants digits only.

    >>> digits_of_code("claims", "ms_drg"), digits_of_code("claims", "claim_id")
    (3, None)
    """
    wanted = re.fullmatch(r"\^\[0-9\]\{(\d)\}\$", getattr(TABLES[table].columns()[column], "regex", None) or "")
    return int(wanted[1]) if wanted else None
