"""Statements: what one party is paid or pays, and how each figure came about, for the physician to read."""

from __future__ import annotations

import polars as pl

from episodes.alignment.compliance import DISCLAIMER
from episodes.alignment.ledger import REASONS, RESIDUAL
from episodes.alignment.settling import SettledArrangement
from episodes.alignment.statement_steps import row_of, steps_of
from episodes.errors import ArgumentError, unknown_name
from episodes.money import dollars

_ROWS = {
    "base": "base fee",
    "productivity": "productivity (wRVU by tier), less the withhold",
    "withhold_returned": "withhold that the score returns",
    "practice_cost": "practice cost",
    "residual": "not earned, or left over",
}


def statement(settled: SettledArrangement, party: str, checks: pl.DataFrame | None = None) -> str:
    """The statement of one party, or of a member of a group, as Markdown.

    It says what is paid or charged, how the figure came about step by step, which quality gate was met and how, cost
    beside outcomes, every entry with its rule and status, and what the checks flag.

    Args:
        settled: from `settle_arrangement`.
        party: id of a party or member.
        checks: from `check_compliance`; None: none are shown.

    Raises:
        ArgumentError: nobody of that id takes part.

    Example:
        >>> import episodes as ep
        >>> venture = ep.alignment.settle_arrangement(ep.alignment.load_arrangement("joint_venture"))
        >>> print(ep.alignment.statement(venture, "surgeon-1").splitlines()[2])
        **You receive $290,000.00.**
    """
    names = participants(settled)
    if party not in names:
        raise ArgumentError(unknown_name("party", party, names))
    lines = [f"# {settled.arrangement.name}: statement of {names[party]}", ""]
    amount = settled.paid_to(party)
    received = f"**You receive {dollars(amount)}.**" if amount >= 0 else f"**You pay {dollars(-amount)}.**"
    if f"members of {party}" in settled.ledgers:
        left = row_of(settled.ledgers[f"members of {party}"], RESIDUAL)["paid_cents"]
        received += f" Of this, {dollars(amount - left)} go to your members by the ledger of members."
    lines += [received, "", *_heading(settled), ""]
    lines += _section("How the figure came about", steps_of(settled, party))
    lines += _section("Your ledger", _ledgers(settled, party))
    lines += _section("Quality", _quality(settled, party))
    lines += _section("Cost beside outcomes", _guards(settled, party))
    lines += _section("Entries and their rules", _entries(settled, party))
    lines += _section("What to know", [f"- {note}" for note in settled.notes])
    if checks is not None:
        lines += _section("Checks of the arrangement", [*_flagged(checks), "", DISCLAIMER])
    return "\n".join(lines).rstrip() + "\n"


def participants(settled: SettledArrangement) -> dict[str, str]:
    """Id to name of everybody who gets a statement: parties other than the hospital, and members of groups.

    Example:
        >>> import episodes as ep
        >>> venture = ep.alignment.settle_arrangement(ep.alignment.load_arrangement("joint-venture"))
        >>> participants(venture)
        {'surgeon-1': 'Surgeon 1', 'surgeon-2': 'Surgeon 2'}
    """
    found: dict[str, str] = {}
    for party in settled.arrangement.parties:
        if party.kind != "hospital":
            found[party.id] = party.name
        found |= {member.id: member.name or member.id for member in party.members}
    return found


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""] if lines else []


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    marks = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]


def _heading(settled: SettledArrangement) -> list[str]:
    arrangement, facts = settled.arrangement, settled.facts
    year = "" if arrangement.performance_year is None else f", performance year {arrangement.performance_year}"
    where = f" Hospital: {facts.name or facts.hospital} ({facts.hospital})." if facts.hospital else ""
    kind = arrangement.kind.replace("_", " ")
    programme = "outside a programme" if arrangement.program == "none" else f"programme {arrangement.program}{year}"
    return [
        f"Kind of arrangement: {kind}, {programme}.{where} Formula version {arrangement.agreement.formula_version}."
    ]


def _ledgers(settled: SettledArrangement, party: str) -> list[str]:
    rows = []
    for name, ledger in settled.ledgers.items():
        whole = name in (f"scorecard of {party}", f"pay of {party}") or name == "fee"
        for row in ledger.iter_rows(named=True):
            if not whole and row["party"] != party:
                continue
            label = _ROWS.get(row["party"], row["party"].replace("_", " ")) if whole else name
            amounts = [dollars(row[column]) for column in ("offered_cents", "cap_cents", "paid_cents")]
            rows.append([label, *amounts, REASONS.get(row["reason"], "")])
    return _table(["what", "offered", "cap", "paid", "why"], rows)


def _quality(settled: SettledArrangement, party: str) -> list[str]:
    rows = []
    for row in settled.scores.filter(pl.col("party") == party).iter_rows(named=True):
        numbers = [_number(row[column]) for column in ("value", "threshold", "target", "stretch", "level")]
        rows.append([row["name"], *numbers, "" if row["volume"] is None else f"{row['volume']:,}", row["note"] or ""])
    return _table(["metric", "yours", "threshold", "target", "stretch", "level", "cases", "note"], rows)


def _guards(settled: SettledArrangement, party: str) -> list[str]:
    guards = settled.facts.guards
    if guards is None:
        return []
    rows = []
    for row in guards.filter(pl.col("party") == party).iter_rows(named=True):
        change = "" if row["cost_change"] is None else f"{row['cost_change']:+.1%}"
        counts = f"{row['episodes_before']:,} / {row['episodes_after']:,}"
        rates = [_number(row["before"]), _number(row["after"])]
        rows.append([row["guard"].replace("_", " "), change, *rates, counts, row["flag"].replace("_", " ")])
    return _table(["outcome", "cost", "before", "after", "episodes before / after", "flag"], rows)


def _entries(settled: SettledArrangement, party: str) -> list[str]:
    rows = []
    touching = (pl.col("from_party") == party) | (pl.col("to_party") == party)
    for row in settled.entries.filter(touching).iter_rows(named=True):
        text = [row["rule"], row["from_party"], row["to_party"], dollars(row["amount_cents"])]
        rows.append([*text, f"{row['citation']} ({row['status']})"])
    return _table(["rule", "from", "to", "amount", "where it stands"], rows)


def _flagged(checks: pl.DataFrame) -> list[str]:
    counts = dict(checks.group_by("result").len().iter_rows())
    said = ", ".join(f"{counts[result]} {result}" for result in ("pass", "fail", "cannot tell") if result in counts)
    rows = checks.filter(pl.col("result") != "pass").iter_rows(named=True)
    flagged = [f"- **{row['result']}**: {row['finding']} ({row['check']}; {row['citation']})" for row in rows]
    return [f"{said}.", "", *flagged] if flagged else [f"{said}."]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")
