"""What differs between the payer's episodes and ours: one finding a difference, named, with its reason and dollars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from episodes.money import dollars
from episodes.programs import Program
from episodes.reconciliation.auditing.matching import Matches, Row
from episodes.reconciliation.auditing.payer_file import SETTING_CENTS
from episodes.reconciliation.resettling import Change

KINDS: Mapping[str, str] = {
    "only_ours": "we count the episode, the payer does not",
    "excluded_by_us": "the payer counts the episode, we exclude it",
    "only_theirs": "the payer counts an episode of which we have no candidate",
    "counted_twice": "the payer counts the same episode more than once",
    "person": "another id of the person",
    "category": "another episode category",
    "price_code": "another code that sets the price",
    "hospital": "another hospital of the anchor",
    "party": "another party that the episode is attributed to",
    "dates": "another start or end",
    "spending": "other spending before the cap",
    "cap": "another amount cut off by the cap",
    "target_price": "another target price",
}
"""Kinds of findings, in the order in which they are listed."""


@dataclass(frozen=True)
class Finding:
    """One difference. Amounts are cents, theirs less ours; None where it is not one of money.

    `changes` are what the party's sums would be changed by if the payer were right, by party id; None: not known.
    """

    kind: str
    ours: Row | None
    theirs: Row | None
    our_value: str
    their_value: str
    difference_cents: int | None
    reason: str
    changes: Mapping[str, tuple[Change, ...]] | None


def findings_of(program: Program, matches: Matches, tolerance_cents: int) -> list[Finding]:
    """All findings, by kind in the order of `KINDS`, then by our episode and the payer's row."""
    known_people = {own["beneficiary_id"] for own, _, _ in matches.pairs} | {
        row["beneficiary_id"] for row in matches.only_ours
    }
    their_people = {their["beneficiary_id"] for _, their, _ in matches.pairs} | {
        row["beneficiary_id"] for row in matches.only_theirs
    }
    found: list[Finding] = []
    for own in matches.only_ours:
        if own["status"] == "final" and own["party_id"] is not None:
            found.append(_only_ours(own, their_people))
    for their in matches.only_theirs:
        found.append(_only_theirs(program, their, known_people))
    for own, their in matches.repeated:
        changes = _added(program, their, own) if _settled(own) else None
        reason = f"counted in row {their['payer_row']} of the payer's file, and in another before"
        found.append(Finding("counted_twice", own, their, "once", "again", their["episode_cents"], reason, changes))
    for own, their, way in matches.pairs:
        if own["status"] != "final":
            found.append(_excluded(program, own, their))
        elif own["party_id"] is not None:
            found += _differences(program, own, their, way, tolerance_cents)
    order = list(KINDS)
    return sorted(
        found,
        key=lambda item: (
            order.index(item.kind),
            "" if item.ours is None else item.ours["episode_id"],
            0 if item.theirs is None else item.theirs["payer_row"],
        ),
    )


def _settled(own: Row) -> bool:
    return own["party_id"] is not None and own["reason"] is None and own["price_cents"] is not None


def _only_ours(own: Row, their_people: set[Any]) -> Finding:
    also = own["beneficiary_id"] in their_people
    reason = "the payer's file has another episode of the person" if also else "no episode of the person in the file"
    changes = _removed(own) if _settled(own) else {}
    return Finding("only_ours", own, None, dollars(own["capped_cents"]), "", None, reason, changes)


def _only_theirs(program: Program, their: Row, known_people: set[Any]) -> Finding:
    known = their["beneficiary_id"] in known_people
    reason = "no trigger on these dates in our claims" if known else "no candidate episode of the person in our claims"
    amount = their["capped_cents"] if their["capped_cents"] is not None else their["episode_cents"]
    return Finding("only_theirs", None, their, "", dollars(amount), None, reason, _added(program, their, None))


def _excluded(program: Program, own: Row, their: Row) -> Finding:
    reasons = ", ".join(own["reasons"] or ()) or own["status"]
    return Finding(
        "excluded_by_us",
        own,
        their,
        own["status"],
        "counted",
        None,
        f"we exclude it: {reasons}",
        _added(program, their, own),
    )


def _removed(own: Row) -> dict[str, tuple[Change, ...]]:
    repayment = own["repayment_price_cents"] or 0
    return {own["party_id"]: (Change(own["category"], -own["price_cents"], -own["capped_cents"], -repayment),)}


def _added(program: Program, their: Row, own: Row | None) -> dict[str, tuple[Change, ...]] | None:
    """The payer's episode in its party's sums; None where its party or its target price is not known."""
    known: Row = own or {}
    category = program_category(program, their["category"]) or known.get("category")
    party = their["party_id"] or known.get("party_id") or their["anchor_ccn"] or known.get("anchor_ccn")
    target = known.get("price_cents") if their["target_cents"] is None else their["target_cents"]
    if category is None or party is None or target is None:
        return None
    actual = their["episode_cents"] if their["capped_cents"] is None else their["capped_cents"]
    return {party: (Change(category, target, actual, target),)}


def program_category(program: Program, said: str | None) -> str | None:
    """The programme's category that the payer names by id or by title."""
    if said is None:
        return None
    titles = {title.casefold(): name for name, title in program.rules.categories.items()}
    ids = {name.casefold(): name for name in program.rules.categories}
    return ids.get(said.casefold()) or titles.get(said.casefold()) or said


def _differences(program: Program, own: Row, their: Row, way: str, tolerance: int) -> Iterator[Finding]:
    """What differs between two rows that are one episode."""

    def finding(kind: str, ours: Any, theirs: Any, reason: str, changes: Any, cents: int | None = None) -> Finding:
        return Finding(kind, own, their, str(ours), str(theirs), cents, reason, changes)

    settled = _settled(own)
    if way == "claim_of_other_person":
        yield finding("person", "", "", "matched by the anchor's claim", {})
    category = program_category(program, their["category"])
    if category is not None and category != own["category"]:
        yield finding(
            "category", own["category"], category, KINDS["category"], _recategorised(own, category) if settled else {}
        )
    if their["price_code"] is not None and their["price_code"] != own["price_code"]:
        what = "what it does to the price is under target_price"
        yield finding("price_code", own["price_code"], their["price_code"], what, {})
    ccn = their["anchor_ccn"]
    by_hospital = program.settlement.party.value == "anchor_hospital"
    if ccn is not None and ccn != own["anchor_ccn"]:
        moved = _moved(own, ccn) if settled and by_hospital else {}
        yield finding("hospital", own["anchor_ccn"], ccn, KINDS["hospital"], moved)
    party = their["party_id"]
    if party is not None and party != own["party_id"] and not (by_hospital and party == ccn):
        yield finding("party", own["party_id"], party, KINDS["party"], _moved(own, party) if settled else {})
    yield from _dates(own, their)
    yield from _money(own, their, tolerance, settled)


def _dates(own: Row, their: Row) -> Iterator[Finding]:
    differing = [
        name
        for name in ("anchor_start", "anchor_end", "episode_end")
        if their[name] is not None and own[name] is not None and their[name] != own[name]
    ]
    if differing:
        ours, theirs = (", ".join(f"{name} {row[name]}" for name in differing) for row in (own, their))
        yield Finding("dates", own, their, ours, theirs, None, "what it does to spending is under spending", {})


def _money(own: Row, their: Row, tolerance: int, settled: bool) -> Iterator[Finding]:
    spent = their["episode_cents"] - own["episode_cents"]
    category, party = own["category"], own["party_id"]
    if abs(spent) > tolerance:
        reason = _settings_that_differ(own, their, tolerance) or "the payer's file has no spending by setting"
        changes = {party: (Change(category, actual_cents=spent),)} if settled else {}
        shown = (dollars(own["episode_cents"]), dollars(their["episode_cents"]))
        yield Finding("spending", own, their, *shown, spent, reason, changes)
    if their["capped_cents"] is not None:
        cuts = own["cut_cents"], their["episode_cents"] - their["capped_cents"]
        if abs(cuts[1] - cuts[0]) > tolerance:
            changes = {party: (Change(category, actual_cents=cuts[0] - cuts[1]),)} if settled else {}
            shown = (f"{dollars(cuts[0])} cut", f"{dollars(cuts[1])} cut")
            yield Finding("cap", own, their, *shown, cuts[0] - cuts[1], KINDS["cap"], changes)
    target, price = their["target_cents"], own["price_cents"]
    if target is not None and (price is None or abs(target - price) > tolerance):
        moved = None if price is None else target - price
        known = (
            {party: (Change(category, target_cents=target - price, repayment_target_cents=target - price),)}
            if settled
            else None
        )
        yield Finding("target_price", own, their, dollars(price), dollars(target), moved, KINDS["target_price"], known)


def _settings_that_differ(own: Row, their: Row, tolerance: int) -> str:
    parts = []
    for name in SETTING_CENTS:
        if their[name] is not None and own[name] is not None and abs(their[name] - own[name]) > tolerance:
            more = their[name] - own[name]
            parts.append(f"{name.removesuffix('_cents').replace('_', ' ')} {'+' if more > 0 else ''}{dollars(more)}")
    return ", ".join(parts)


def _recategorised(own: Row, category: str) -> dict[str, tuple[Change, ...]]:
    away = _removed(own)[own["party_id"]]
    repayment = own["repayment_price_cents"] or 0
    return {own["party_id"]: (*away, Change(category, own["price_cents"], own["capped_cents"], repayment))}


def _moved(own: Row, party: str) -> dict[str, tuple[Change, ...]]:
    repayment = own["repayment_price_cents"] or 0
    gained = Change(own["category"], own["price_cents"], own["capped_cents"], repayment)
    return {**_removed(own), party: (gained,)}
