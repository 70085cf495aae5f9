"""A settlement as a waterfall: from target and spending to the amount, a row a step, in text and as data."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, count_of, unknown_name
from episodes.money import dollars
from episodes.programs import Program

WATERFALL_SCHEMA = {
    "order": pl.Int32,
    "what": pl.String,
    "before_cents": pl.Int64,
    "change_cents": pl.Int64,
    "after_cents": pl.Int64,
    "rule": pl.String,
    "citation": pl.String,
    "status": pl.String,
    "note": pl.String,
}


@dataclass(frozen=True)
class Waterfall:
    """How one party's target and spending became its amount.

    Attributes:
        title: who settles what.
        rows: order, what (`target`, `actual`, then the step kinds), before_cents, change_cents, after_cents, rule,
            citation, status, note. Each row begins where the one before ends; the last ends at the amount.
        amount_cents: signed; minus: owed.
        settings: the open or overridden rules that the settlement was made under.
    """

    title: str
    rows: pl.DataFrame
    amount_cents: int
    settings: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The waterfall as plain data."""
        return {
            "title": self.title,
            "rows": self.rows.to_dicts(),
            "amount_cents": self.amount_cents,
            "settings": [dict(rule) for rule in self.settings],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.title)}</p>{self.rows._repr_html_()}"

    def _lines(self) -> list[str]:
        rows = self.rows.to_dicts()
        width = max(len(row["what"]) for row in rows)
        shown = [[dollars(row[name]) for name in ("before_cents", "change_cents", "after_cents")] for row in rows]
        wide = [max(len(cells[i]) for cells in shown) for i in range(3)]
        wide = [max(size, len(head)) for size, head in zip(wide, ("before", "change", "after"), strict=True)]
        lines = [self.title, f"  {'':{width}}  {'before':>{wide[0]}}  {'change':>{wide[1]}}  {'after':>{wide[2]}}"]
        for row, (before, change, after) in zip(rows, shown, strict=True):
            what = row["what"].replace("_", " ")
            lines.append(f"  {what:{width}}  {before:>{wide[0]}}  {change:>{wide[1]}}  {after:>{wide[2]}}")
            if row["note"]:
                lines.append(f"  {'':{width}}    {row['note']}")
            if row["rule"]:
                lines.append(f"  {'':{width}}    {row['citation']} ({row['status']}; {row['rule']})")
        owed = " (owed by the party)" if self.amount_cents < 0 else " (paid to the party)" if self.amount_cents else ""
        lines.append(f"  amount {dollars(self.amount_cents)}{owed}")
        return lines


def waterfall_of(
    program: Program, parties: pl.DataFrame, steps: pl.DataFrame, party_id: str, category: str | None
) -> Waterfall:
    """The waterfall of one party of a result; see `ReconciliationResult.waterfall`."""
    known = parties["party_id"].to_list()
    if party_id not in known:
        raise ArgumentError(unknown_name("party", str(party_id), known))
    rows = parties.filter(party_id=party_id)
    if category is not None or rows.height > 1:
        settled = rows["category"].drop_nulls().to_list()
        if category not in settled:
            raise ArgumentError(unknown_name("settled category of the party", str(category), settled))
        rows = rows.filter(category=category)
    party = rows.row(0, named=True)
    own = steps.filter(
        pl.col("party_id") == party_id, pl.col("category").eq_missing(pl.lit(party["category"], dtype=pl.String))
    ).sort("order")
    target, actual = party["target_cents"], party["actual_cents"]
    settled = party["episodes"] - party["unpriced_episodes"]
    first = [
        (
            0,
            "target",
            0,
            target,
            target,
            None,
            None,
            None,
            count_of(settled, "episode"),
        ),
        (0, "actual", target, -actual, target - actual, None, None, None, "spending after the cap"),
    ]
    taken = own.select(
        "order", "step", "before_cents", "change_cents", "after_cents", "rule", "citation", "status", "note"
    )
    named = party["name"] or party_id
    other_year = party["terms_of_year"] != party["performance_year"]
    terms = f" (a what-if: terms of performance year {party['terms_of_year']})" if other_year else ""
    of_category = "" if party["category"] is None else f", {party['category']}"
    return Waterfall(
        title=(
            f"{named} ({party['party_kind']} {party_id}), {program.id}, performance year "
            f"{program.performance_year}, track {party['track']}{terms}{of_category}"
        ),
        rows=pl.DataFrame([*first, *taken.iter_rows()], schema=WATERFALL_SCHEMA, orient="row"),
        amount_cents=party["amount_cents"],
        settings=tuple(rule for rule in program.open_rules() if str(rule["rule"]).startswith("settlement.")),
    )
