"""The CFO's view on one page of the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from episodes.money import dollars
from episodes.reports.cfo import CAUSES, FinanceView

_SETTINGS_SHOWN = 8


def show_finance_view(view: FinanceView, console: Console) -> None:
    """Amount, the way to it, causes, categories and settings; plus is won, minus is lost."""
    owed = "owed" if view.amount_cents < 0 else "paid" if view.amount_cents else "nothing paid or owed"
    console.print(f"[bold]{view.waterfall.title}: {dollars(abs(view.amount_cents))} {owed}[/]", highlight=False)
    steps = [
        f"{row['what'].replace('_', ' ')} {dollars(row['change_cents'])}"
        for row in view.waterfall.rows.to_dicts()
        if row["change_cents"]
    ]
    console.print("  ".join(steps), highlight=False)
    causes = _table("Why: target less spending", ["cause", "won or lost"])
    for cause, cents in view.causes.items():
        causes.add_row(CAUSES[cause], dollars(cents))
    causes.add_section()
    causes.add_row("target less spending", dollars(sum(view.causes.values())))
    console.print(causes)
    categories = _table(
        "Where: categories", ["category", "episodes", "target", "spending", "won or lost", *map(_words, CAUSES)]
    )
    for row in view.categories.to_dicts():
        amounts = [
            row["target_cents"],
            row["actual_cents"],
            row["won_cents"],
            *(row[f"{name}_cents"] for name in CAUSES),
        ]
        categories.add_row(row["category"], f"{row['episodes']:,}", *map(dollars, amounts))
    console.print(categories)
    settings = _table(
        "Where: settings, against peers",
        ["setting", "own", "peers", "won or lost", "use", "cost per use", "own use", "peers' use"],
    )
    for row in view.settings.head(_SETTINGS_SHOWN).to_dicts():
        amounts = [row[name] for name in ("own_cents", "peers_cents", "won_cents", "use_cents", "cost_per_use_cents")]
        settings.add_row(
            _words(row["setting"]), *map(dollars, amounts), f"{row['own_share']:.0%}", f"{row['peers_share']:.0%}"
        )
    rest = view.settings.slice(_SETTINGS_SHOWN)
    if rest.height:
        names = ("own_cents", "peers_cents", "won_cents", "use_cents", "cost_per_use_cents")
        settings.add_row(f"{rest.height} others", *(dollars(int(rest[name].sum())) for name in names), "", "")
    console.print(settings)
    for item in view.findings():
        verb = "lost" if item["won_cents"] < 0 else "won"
        console.print(f"  {verb} {dollars(abs(item['won_cents']))}: {item['what']}", highlight=False)
    for note in view.notes:
        console.print(f"note: {note}", highlight=False)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table
