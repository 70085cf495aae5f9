"""An explanation as HTML for notebooks: one fragment, nothing loaded from elsewhere, every value escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from episodes.explaining import shown as cells
from episodes.explaining.explanation import Explanation
from episodes.explaining.findings import Finding, FiredRule


def as_html(shown: Explanation) -> str:
    """The whole explanation, section by section."""
    return f"<div>{''.join(_parts(shown))}</div>"


def _parts(shown: Explanation) -> Iterator[str]:
    first, *rest = cells.title(shown)
    yield f"<h3>{escape(first)}</h3><p>{'<br>'.join(escape(line) for line in rest)}</p>"
    if shown.notes:
        yield f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in shown.notes)}</ul>"
    yield _section("Why this is an episode", shown.why)
    yield _section("Dates", shown.dates)
    yield _section("Exclusions, in ladder order", shown.exclusions, cells.NO_EXCLUSION)
    if shown.switched_off:
        yield _section("Exclusions that hold but were switched off", shown.switched_off)
    yield _section("Overlap", shown.overlaps, cells.no_overlap(shown))
    yield f"<h4>Claims and lines</h4>{_table(cells.SERVICE_COLUMNS, cells.service_rows(shown))}"
    of_services = {rule for rules in shown.services["rules"] for rule in rules}
    yield _rules([rule for rule in shown.rules if rule.id in of_services])
    yield f"<h4>By period</h4>{_table(cells.PERIOD_COLUMNS, cells.period_rows(shown))}"
    yield f"<h4>By category</h4>{_table(cells.CATEGORY_COLUMNS, cells.category_rows(shown))}"
    if shown.left_out:
        amounts = _table(cells.LEFT_OUT_COLUMNS, cells.left_out_rows(shown))
        yield f"<h4>Left out</h4>{amounts}{_findings(shown.left_out)}"
    yield f"<h4>It adds up</h4><p>{'<br>'.join(escape(line) for line in cells.adds_up(shown))}</p>"


def _section(heading: str, findings: Sequence[Finding], when_none: str = "") -> str:
    below = _findings(findings) if findings else f"<p>{escape(when_none)}</p>"
    return f"<h4>{escape(heading)}</h4>{below}"


def _findings(findings: Sequence[Finding]) -> str:
    rows = []
    for finding in findings:
        day = f"{finding.date} " if finding.date is not None else ""
        said = f"{escape(day + finding.says)}{_rules(finding.rules)}"
        rows.append(f'<tr><th style="text-align:left">{escape(finding.subject)}</th>{_cell(said)}</tr>')
    return f"<table>{''.join(rows)}</table>"


def _rules(rules: Sequence[FiredRule]) -> str:
    return "".join(f"<br><small>{escape(str(rule))}</small>" for rule in rules)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(_cell(escape(cell), column) for column, cell in zip(columns, row, strict=True))}</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(content: str, column: str = "") -> str:
    side = "right" if column in cells.FIGURES else "left"
    return f'<td style="text-align:{side}">{content}</td>'
