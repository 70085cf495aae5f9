"""The tables a person sees in the terminal: triggers, the exclusion ladder, the balance, the hospitals' statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from episodes.building.built import BuiltEpisodes
from episodes.claims.report import ReadingReport
from episodes.money import dollars


def triggers(built: BuiltEpisodes) -> pl.DataFrame:
    """Candidate episodes by category, setting and trigger code: found, and what became of them."""
    status = pl.col("status")
    return (
        built.episodes.group_by("category", "anchor_setting", "anchor_code")
        .agg(
            found=pl.len(),
            excluded=(status == "excluded").sum(),
            overlapped=(status == "overlapped").sum(),
            open=(status == "open").sum(),
            final=(status == "final").sum(),
            final_cents=pl.col("episode_cents").filter(status == "final").sum(),
        )
        .sort("category", "anchor_setting", "anchor_code")
    )


def show_reading(report: ReadingReport, console: Console) -> None:
    """Rows in and what became of them, table by table."""
    table = plain_table(
        f"Read as {report.layout!r}",
        ["table", "rows in", "rows out", "netted", "quarantined"],
        left=("table",),
    )
    for name, one in report.tables.items():
        if one.rows_in:
            table.add_row(
                name,
                f"{one.rows_in:,}",
                f"{one.rows_out:,}",
                _by_reason(one.netted),
                _by_reason(one.quarantined),
            )
    console.print(table)
    for note in report.all_notes():
        console.print(f"  note: {note}", highlight=False)


def show_calibration(report: pl.DataFrame, console: Console) -> None:
    """Published figures beside those of a synthetic set."""
    table = plain_table(
        "Calibration: published figures and ours (sources: --json)",
        ["figure", "grade", "published", "ours", "episodes", "near enough"],
        left=("figure",),
    )
    for row in report.iter_rows(named=True):
        shown = "{:,.1f}" if row["kind"] == "mean" else "{:.3f}"
        answer = "" if row["within"] is None else "yes" if row["within"] else "no"
        ours = "" if row["ours"] is None else shown.format(row["ours"])
        table.add_row(row["what"], row["grade"], shown.format(row["figure"]), ours, f"{row['n']:,}", answer)
    console.print(table)
    for row in report.filter(pl.col("why_not").is_not_null()).iter_rows(named=True):
        console.print(f"  {row['what']}: {row['why_not']}.", highlight=False)


def show_profile(found: dict[str, Any], console: Console) -> None:
    """A data profile: settings, people, what is missing, months, what looks suspicious."""
    reading = found["reading"]
    console.print(f"Layout {reading['layout']!r}, validation {reading['validation']}", highlight=False)
    table = plain_table(
        "Settings",
        ["setting", "claims", "lines", "first day", "last day", "with standardized", "with allowed", "with paid"],
        left=("setting",),
    )
    for row in found["settings"]:
        shares = (_share(row[f"share_with_{basis}"]) for basis in ("standardized", "allowed", "paid"))
        counts = (f"{row['claims']:,}", f"{row['lines']:,}")
        table.add_row(row["setting"], *counts, row["first_day"], row["last_day"], *shares)
    console.print(table)
    people = plain_table("People", ["", "number"], left=("",))
    for what, number in [*found["people"].items(), *((f"coverage: {k}", n) for k, n in found["coverage"].items())]:
        people.add_row(what.replace("_", " "), f"{number:,}")
    console.print(people)
    missing = plain_table("Without", ["what", "share"], left=("what",))
    for what, share in found["missing"].items():
        missing.add_row(what, _share(share))
    console.print(missing)
    rows = plain_table("Rows", ["table", "rows in", "rows out", "netted", "quarantined"], left=("table",))
    for name, counts in reading["tables"].items():
        if counts["rows_in"]:
            rows.add_row(
                name,
                f"{counts['rows_in']:,}",
                f"{counts['rows_out']:,}",
                _by_reason(counts["netted"]),
                _by_reason(counts["quarantined"]),
            )
    console.print(rows)
    for note in reading["notes"]:
        console.print(f"  note: {note}", highlight=False)
    for sentence in found["suspicious"]:
        console.print(f"  [bold]suspicious:[/] {sentence}", highlight=False)


def _share(value: float | None) -> str:
    return "none at all" if value is None else f"{value:.1%}"


def show_build(built: BuiltEpisodes, console: Console) -> None:
    """Triggers, ladder, balance, and what a reader must know of: settings not established, rules switched off."""
    program = built.program
    start, end = program.period
    console.print(
        f"[bold]{program.rules.name}[/], performance year {program.performance_year}, period {start} to {end}, "
        f"amounts: {built.basis}",
        highlight=False,
    )
    if program.switched_off:
        console.print(
            f"[bold]Switched off for exploration:[/] {', '.join(program.switched_off)}. "
            "These are not the programme's episodes.",
            highlight=False,
        )
    if program.overrides:
        console.print(f"[bold]Overridden:[/] {', '.join(sorted(program.overrides))}", highlight=False)
    for note in built.counts.get("notes", []):
        console.print(f"note: {note}", highlight=False)
    found = triggers(built)
    table = plain_table(
        "Triggers",
        ["category", "setting", "code", "found", "excluded", "overlapped", "open", "final", "final cost"],
        left=("category", "setting", "code"),
    )
    for *names, total, excluded, overlapped, still_open, final, cents in found.iter_rows():
        counts = (f"{n:,}" for n in (total, excluded, overlapped, still_open, final))
        table.add_row(*names, *counts, dollars(cents))
    table.add_section()
    sums = found.select(pl.col("found", "excluded", "overlapped", "open", "final", "final_cents").sum()).row(0)
    table.add_row("all", "", "", *(f"{n:,}" for n in sums[:-1]), dollars(sums[-1]))
    console.print(table)

    ladder = plain_table(
        "Exclusions, in ladder order", ["reason", "first reason", "any reason", "applied"], left=("reason",)
    )
    for reason, first, anywhere, applied in built.ladder().iter_rows():
        ladder.add_row(reason, f"{first:,}", f"{anywhere:,}", applied)
    console.print(ladder)

    balance = plain_table(
        "Every dollar, once",
        ["booked to", "period", "reason", "items", "amount"],
        left=("booked to", "period", "reason"),
    )
    for destination, period, reason, items, cents, _memo in built.balance.iter_rows():
        balance.add_row(destination, period or "", reason or "", f"{items:,}", dollars(cents))
    balance.add_section()
    balance.add_row("all", "", "", f"{built.counts['payable_items']:,} in", dollars(int(built.balance["cents"].sum())))
    console.print(balance)


_FREE_TEXT = ("value", "netted", "quarantined")

_STATEMENT = {
    "party_id": "party",
    "category": "category",
    "track": "track",
    "episodes": "episodes",
    "unpriced_episodes": "without price",
    "target_cents": "target",
    "actual_cents": "actual",
    "low_volume_effect_cents": "low volume",
    "repayment_price_effect_cents": "repayment price",
    "payment_eligibility_effect_cents": "not eligible",
    "quality_score": "quality",
    "quality_category": "quality category",
    "quality_effect_cents": "quality effect",
    "limit_effect_cents": "limit",
    "class_limit_effect_cents": "limit of its class",
    "downside_waiver_cents": "no downside",
    "earlier_amount_effect_cents": "settled before",
    "post_episode_effect_cents": "post-episode",
    "shared_savings_effect_cents": "paid to an ACO",
    "prospective_effect_cents": "kept by the hospital",
    "amount_cents": "amount",
    "outcome": "",
}
_ALWAYS_SHOWN = ("low_volume_effect_cents", "quality_effect_cents", "limit_effect_cents")
_TEXT = ("category", "quality_category")
_SHOWN_WHEN_USED = (
    "category",
    "unpriced_episodes",
    "quality_category",
    *(name for name in _STATEMENT if name.endswith(("_effect_cents", "_waiver_cents")) and name not in _ALWAYS_SHOWN),
)


def show_statement(parties: pl.DataFrame, console: Console) -> None:
    """One line a party: target minus actual, then each step's effect, to payment or repayment."""
    used = {
        name
        for name in _SHOWN_WHEN_USED
        if parties.select(pl.col(name).is_not_null().any() if name in _TEXT else (pl.col(name) != 0).any()).item()
    }
    shown = [name for name in _STATEMENT if name in used or name not in _SHOWN_WHEN_USED]
    table = plain_table("Reconciliation", [_STATEMENT[name] for name in shown], left=("party", "category", ""))
    for row in parties.select(shown).iter_rows(named=True):
        table.add_row(*(_cell(name, row[name]) for name in shown))
    console.print(table)
    console.print("Amounts: plus is paid to the party, minus is owed by it. target - actual + effects = amount.")


def show_notes(notes: Sequence[str], console: Console) -> None:
    """What a reader must know besides the amounts."""
    for note in notes:
        console.print(f"note: {note}", highlight=False)


def show_open_rules(rules: Sequence[dict[str, Any]], console: Console) -> None:
    """The settings that are not established or were changed, one line each."""
    table = plain_table(
        "Settings that are open or changed", ["rule", "value", "status"], left=("rule", "value", "status")
    )
    for rule in rules:
        table.add_row(str(rule["rule"]), _short(rule["value"]), str(rule["status"]))
    console.print(table)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.endswith("_cents"):
        return dollars(value)
    if isinstance(value, float):
        return f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _short(value: object, width: int = 60) -> str:
    text = str(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def _by_reason(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {number:,}" for reason, number in sorted(counts.items())) or "0"


def plain_table(title: str, columns: Sequence[str], left: tuple[str, ...]) -> Table:
    """Names to the left, figures to the right; neither is ever cut, only free text folds."""
    table = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for column in columns:
        free_text = column in _FREE_TEXT
        table.add_column(column, justify="left" if column in left else "right", no_wrap=not free_text, overflow="fold")
    return table
