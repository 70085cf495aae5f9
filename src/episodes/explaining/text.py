"""An explanation as text for the terminal: aligned, without markup, nothing cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from episodes.explaining import shown as cells
from episodes.explaining.explanation import Explanation
from episodes.explaining.findings import Finding


def as_text(shown: Explanation) -> str:
    """The whole explanation, section by section."""
    return "\n".join(_lines(shown))


def _lines(shown: Explanation) -> Iterator[str]:
    yield from cells.title(shown)
    for note in shown.notes:
        yield f"note: {note}"
    yield from _section("Why this is an episode", shown.why)
    yield from _section("Dates", shown.dates)
    yield from _section("Exclusions, in ladder order", shown.exclusions, cells.NO_EXCLUSION)
    if shown.switched_off:
        yield from _section("Exclusions that hold but were switched off", shown.switched_off)
    yield from _section("Overlap", shown.overlaps, cells.no_overlap(shown))
    yield from ("", "Claims and lines")
    yield from _table(cells.SERVICE_COLUMNS, cells.service_rows(shown))
    of_services = sorted({rule for rules in shown.services["rules"] for rule in rules})
    for rule in shown.rules:
        if rule.id in of_services:
            yield f"  {rule}"
    yield from ("", "By period")
    yield from _table(cells.PERIOD_COLUMNS, cells.period_rows(shown))
    yield from ("", "By category")
    yield from _table(cells.CATEGORY_COLUMNS, cells.category_rows(shown))
    if shown.left_out:
        yield from ("", "Left out")
        yield from _table(cells.LEFT_OUT_COLUMNS, cells.left_out_rows(shown))
        yield from _findings(shown.left_out)
    yield from ("", "It adds up")
    yield from (f"  {sentence}" for sentence in cells.adds_up(shown))


def _section(heading: str, findings: Sequence[Finding], when_none: str = "") -> Iterator[str]:
    yield from ("", heading)
    if not findings:
        yield f"  {when_none}"
    yield from _findings(findings)


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    width = max((len(finding.subject) for finding in findings), default=0)
    for finding in findings:
        day = f"{finding.date}  " if finding.date is not None else ""
        yield f"  {finding.subject:<{width}}  {day}{finding.says}"
        for rule in finding.rules:
            yield f"  {'':<{width}}    {rule}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    listed = [tuple(columns), *rows]
    widths = [max(len(row[place]) for row in listed) for place in range(len(columns))]
    for row in listed:
        cells_of_row = (
            f"{cell:>{width}}" if column in cells.FIGURES else f"{cell:<{width}}"
            for column, cell, width in zip(columns, row, widths, strict=True)
        )
        yield f"  {'  '.join(cells_of_row)}".rstrip()
