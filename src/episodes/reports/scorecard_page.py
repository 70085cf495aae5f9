"""Scorecards in the terminal, and as a page (extra viz)."""

from __future__ import annotations

from html import escape

from rich.console import Console

from episodes.reports.scorecards import TITLES, Scorecards, is_left, shown
from episodes.reports.terminal import plain_table, show_notes

ROWS_SHOWN = 25
"""Rows of each table in the terminal; files have all."""


def show_scorecards(cards: Scorecards, console: Console) -> None:
    """The parties with most episodes, table by table."""
    for name, table in cards.tables.items():
        rows = shown(name, table)
        drawn = plain_table(TITLES[name], rows.columns, left=tuple(c for c in rows.columns if is_left(name, c)))
        for row in rows.head(ROWS_SHOWN).iter_rows():
            drawn.add_row(*row)
        console.print(drawn)
        if rows.height > ROWS_SHOWN:
            console.print(f"  {rows.height - ROWS_SHOWN:,} more, with fewer episodes.", highlight=False)
    show_notes(cards.notes, console)


def scorecard_page(cards: Scorecards, title: str) -> str:
    """All tables as one page of HTML that stands alone."""
    from great_tables import GT, loc, style

    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(note)}</p>" for note in cards.notes)]
    for name, table in cards.tables.items():
        rows = shown(name, table)
        left = [head for head in rows.columns if is_left(name, head)]
        page = (
            GT(rows, id=name)
            .tab_header(title=TITLES[name])
            .cols_align("right", [head for head in rows.columns if head not in left])
            .cols_align("left", left)
            .tab_style(style.text(size="small"), loc.body())
        )
        parts.append(page.as_raw_html(inline_css=False))
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n{body}\n</html>\n'
    )
