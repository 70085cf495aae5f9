"""Steps of an amount that is settled under shared savings, a bundle price or full risk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from episodes.alignment.terms import Term
from episodes.money import dollars

SHARED_STEP_SCHEMA = {
    "order": pl.Int32,
    "step": pl.String,
    "before_cents": pl.Int64,
    "change_cents": pl.Int64,
    "after_cents": pl.Int64,
    "status": pl.String,
    "citation": pl.String,
    "note": pl.String,
}


@dataclass
class StepsTaken:
    """Steps as they are taken, each from the amount before to the amount after it."""

    amount_cents: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def to(self, step: str, after_cents: int, term: Term[Any] | None, note: str | None = None) -> None:
        """Take a step."""
        before = self.amount_cents
        status, citation = ("agreed", "the contract") if term is None else (term.status, term.citation)
        order = len(self.rows) + 1
        self.rows.append((order, step, before, after_cents - before, after_cents, status, citation, note))
        self.amount_cents = after_cents


@dataclass(frozen=True)
class SharedAmount:
    """What is paid (plus) or owed (minus), and how that came about.

    Attributes:
        amount_cents: signed cents; minus: owed.
        steps: one row a step: order, step, before_cents, change_cents, after_cents, status, citation, note.
    """

    amount_cents: int
    rows: tuple[tuple[Any, ...], ...] = field(repr=False)

    @property
    def steps(self) -> pl.DataFrame:
        """One row a step, in order."""
        return pl.DataFrame(self.rows, schema=SHARED_STEP_SCHEMA, orient="row")

    def _repr_html_(self) -> str:
        return f"<p>Amount {dollars(self.amount_cents)}</p>{self.steps._repr_html_()}"
