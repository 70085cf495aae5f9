"""Audits, true-ups and tracks as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from rich.console import Console

from episodes.money import dollars
from episodes.reconciliation import Audit, ThresholdResult, TrueUp
from episodes.reconciliation.auditing.findings import KINDS
from episodes.reconciliation.true_up import CAUSES
from episodes.reports.terminal import plain_table, show_notes


def show_conveners(conveners: pl.DataFrame, console: Console) -> None:
    """One line a convener: what its parties come to; nothing where there is none."""
    if conveners.is_empty():
        return
    table = plain_table("Conveners", ["convener", "parties", "target - actual", "amount"], left=("convener",))
    for row in conveners.to_dicts():
        amounts = (dollars(row["difference_cents"]), dollars(row["amount_cents"]))
        table.add_row(row["convener_id"], f"{row['parties']:,}", *amounts)
    console.print(table)


def show_audit(audit: Audit, console: Console) -> None:
    """Findings by kind, and each party's amount on both sides; no ids of people."""
    counted = ", ".join(f"{what.replace('_', ' ')} {number:,}" for what, number in audit.counts.items())
    console.print(f"[bold]Audit[/]: {counted}; tolerance {dollars(audit.tolerance_cents)}", highlight=False)
    kinds = plain_table("Findings", ["kind", "what", "findings", "theirs - ours", "effect"], left=("kind", "what"))
    for kind, number, difference, effect in audit.by_kind().iter_rows():
        kinds.add_row(kind, KINDS[kind], f"{number:,}", dollars(difference), dollars(effect))
    console.print(kinds)
    parties = plain_table(
        "Settlement", ["party", "findings", "ours", "if the payer were right in all", "difference"], left=("party",)
    )
    for _, party, number, ours, theirs, effect in audit.parties.iter_rows():
        parties.add_row(party, f"{number:,}", dollars(ours), dollars(theirs), dollars(effect))
    console.print(parties)
    unknown = int(audit.findings["effect_cents"].null_count())
    if unknown:
        console.print(f"note: the effect of {unknown:,} findings is not known (column effect_note).", highlight=False)
    show_notes(audit.notes, console)


def show_true_up(compared: TrueUp, console: Console) -> None:
    """One line a party: amounts of both runs, the change, and each cause that has one."""
    used = [cause for cause in CAUSES if compared.parties.select((pl.col(f"{cause}_cents") != 0).any()).item()]
    heads = ["party", "earlier", "later", "change", *(cause.replace("_", " ") for cause in used)]
    table = plain_table("True-up", [*heads, "new", "gone", "changed"], left=("party",))
    for row in compared.parties.to_dicts():
        of_category = f" {row['category']}" if row["category"] else ""
        amounts = [row[name] for name in ("earlier_cents", "later_cents", "change_cents")]
        amounts += [row[f"{cause}_cents"] for cause in used]
        counts = (f"{row[f'episodes_{what}']:,}" for what in ("new", "gone", "changed"))
        table.add_row(f"{row['party_id']}{of_category}", *map(dollars, amounts), *counts)
    console.print(table)
    console.print("earlier + causes = later.", highlight=False)
    show_notes(compared.notes, console)


def show_tracks(compared: pl.DataFrame, notes: Sequence[str], console: Console) -> None:
    """One line a party: what it settles at on each track; one that the year does not have is headed as a what-if."""
    heads = dict(compared.select("track", "what_if").unique().sort("track").iter_rows())
    shown_heads = [f"track {track}{' (what-if)' if what_if else ''}" for track, what_if in heads.items()]
    table = plain_table(
        "Tracks side by side",
        ["party", "name", "target - actual", *shown_heads, "best"],
        left=("party", "name", "best"),
    )
    by = ["party_kind", "party_id", "category"]
    for _, rows in compared.group_by(by, maintain_order=True):
        first = rows.row(0, named=True)
        amounts = dict(rows.select("track", "amount_cents").iter_rows())
        best = ", ".join(rows.filter("best")["track"].to_list())
        shown = (dollars(amounts[name]) for name in heads)
        table.add_row(first["party_id"], first["name"] or "", dollars(first["difference_cents"]), *shown, best)
    console.print(table)
    show_notes(notes, console)


def show_thresholds(result: ThresholdResult, console: Console) -> None:
    """One line a provider and category: its mean against the thresholds, and what it settles at."""
    heads = ["provider", "category", "episodes", "mean", "commendable", "acceptable", "amount", "outcome", "reason"]
    table = plain_table("Providers against thresholds", heads, left=("provider", "category", "outcome", "reason"))
    names = ("mean_cents", "commendable_cents", "acceptable_cents", "amount_cents")
    for row in result.parties.to_dicts():
        amounts = ("" if row[name] is None else dollars(row[name]) for name in names)
        count = f"{row['episodes']:,}"
        table.add_row(row["party_id"], row["category"], count, *amounts, row["outcome"], row["reason"] or "")
    console.print(table)
