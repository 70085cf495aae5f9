"""Statements: what one party is paid or pays, and how each figure came about, for the physician to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.alignment.arrangement import ArrangementParty, GainsharingTerms
from episodes.alignment.compliance import DISCLAIMER
from episodes.alignment.facts import fee_schedule_of
from episodes.alignment.ledger import REASONS, RESIDUAL
from episodes.alignment.settling import SettledArrangement
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
        left = _row(settled.ledgers[f"members of {party}"], RESIDUAL)["paid_cents"]
        received += f" Of this, {dollars(amount - left)} go to your members by the ledger of members."
    lines += [received, "", *_heading(settled), ""]
    lines += _section("How the figure came about", _steps(settled, party))
    lines += _section("Your ledger", _ledgers(settled, party))
    lines += _section("Quality", _quality(settled, party))
    lines += _section("Cost beside outcomes", _guards(settled, party))
    lines += _section("Entries and their rules", _entries(settled, party))
    lines += _section("What to know", [f"- {note}" for note in settled.notes])
    if checks is not None:
        lines += _section("Checks of the arrangement", [*_flagged(checks), "", DISCLAIMER])
    return "\n".join(lines).rstrip() + "\n"


def participants(settled: SettledArrangement) -> dict[str, str]:
    """Id to name of everybody who gets a statement: parties other than the hospital, and members of groups."""
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


def _steps(settled: SettledArrangement, party: str) -> list[str]:
    """The way from the settled amount to what is paid, in sentences; only gainsharing has such a way."""
    terms = settled.arrangement.terms
    own = next((one for one in settled.arrangement.parties if one.id == party), None)
    if not isinstance(terms, GainsharingTerms) or own is None:
        return _member_steps(settled, party) if own is None else []
    figures = settled.figures
    amount = figures["settled"] or 0
    came = "Medicare paid the hospital" if amount >= 0 else "The hospital owes Medicare"
    numbered = [
        f"{came} {dollars(abs(amount))} for the year.",
        f"The pool is {_percent(terms.reconciliation_share.value)} of a payment and "
        f"{_percent(terms.savings_share.value)} of measured internal savings of "
        f"{dollars(figures['internal_savings'])}: {dollars(figures['pool'])}.",
        *_gainsharing_steps(settled, own),
        *_alignment_steps(settled, own),
    ]
    return [f"{number}. {sentence}" for number, sentence in enumerate(numbered, 1)]


def _gainsharing_steps(settled: SettledArrangement, own: ArrangementParty) -> Iterator[str]:
    row = _row(settled.ledgers["gainsharing"], own.id)
    met, how = settled.gates.get(own.id, (True, "there is none"))
    yield f"Your quality gate is {'met' if met else 'not met'} ({how})."
    playing = [one for one in settled.arrangement.parties if settled.gates.get(one.id, (True, ""))[0]]
    in_play = sum((Fraction(one.weight) for one in playing if one.kind != "hospital"), Fraction(0))
    if met and in_play:
        share = Fraction(own.weight) / in_play
        yield (
            f"Your weight is {own.weight} of {float(in_play):g} in play, {float(share):.1%} of the pool: "
            f"{dollars(row['offered_cents'])} are offered to you."
        )
    if row["cap_cents"] is not None:
        billed = fee_schedule_of(own, settled.facts)
        of = f"{dollars(billed)} under the fee schedule in episodes of the year"
        yield f"Your cap is {dollars(row['cap_cents'])}, from {of}."
    why = f" ({REASONS[row['reason']]})" if row["reason"] else ""
    yield f"You are paid {dollars(row['paid_cents'])}{why}."
    left = _row(settled.ledgers["gainsharing"], RESIDUAL)["paid_cents"]
    others = (settled.figures["pool"] or 0) - row["paid_cents"] - left
    yield f"The other parties are paid {dollars(others)} together, and {dollars(left)} stay with the hospital."


def _alignment_steps(settled: SettledArrangement, own: ArrangementParty) -> Iterator[str]:
    if "alignment" not in settled.ledgers:
        return
    row = _row(settled.ledgers["alignment"], own.id)
    why = f" ({REASONS[row['reason']]})" if row["reason"] else ""
    yield (
        f"Of the repayment you agreed to bear {_percent(own.agreed_share)}, {dollars(row['offered_cents'])}; "
        f"you are charged {dollars(row['paid_cents'])}{why}."
    )


def _member_steps(settled: SettledArrangement, member: str) -> list[str]:
    for name, ledger in settled.ledgers.items():
        if name.startswith("members of ") and member in ledger["party"].to_list():
            row = _row(ledger, member)
            why = f" ({REASONS[row['reason']]})" if row["reason"] else ""
            cap = "" if row["cap_cents"] is None else f" Your cap is {dollars(row['cap_cents'])}."
            said = f"Your group offers you {dollars(row['offered_cents'])} of its payment by weight.{cap}"
            return [f"1. {said}", f"2. You are paid {dollars(row['paid_cents'])}{why}."]
    return []


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


def _row(ledger: pl.DataFrame, party: str) -> Mapping[str, Any]:
    return ledger.filter(pl.col("party") == party).row(0, named=True)


def _percent(share: Any) -> str:
    return f"{float(share) * 100:g} %"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")
