"""`audit`: the payer's episodes against ours, every difference named, and what each does to the settlement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import ArgumentError, count_of
from episodes.money import dollars
from episodes.pricing.checks import whole_cents
from episodes.reconciliation.auditing.findings import KINDS, Finding, findings_of
from episodes.reconciliation.auditing.matching import Matches, match, our_episodes
from episodes.reconciliation.auditing.payer_file import PayerEpisodes, payer_episodes
from episodes.reconciliation.resettling import Change, amount_of, with_changes
from episodes.reconciliation.result import Key, ReconciliationResult

FINDING_SCHEMA = {
    "finding": pl.Int64,
    "kind": pl.String,
    "episode_id": pl.String,
    "payer_episode_id": pl.String,
    "payer_row": pl.Int64,
    "beneficiary_id": pl.String,
    "anchor_claim_id": pl.String,
    "anchor_start": pl.Date,
    "category": pl.String,
    "party_id": pl.String,
    "ours": pl.String,
    "theirs": pl.String,
    "difference_cents": pl.Int64,
    "effect_cents": pl.Int64,
    "effect_note": pl.String,
    "reason": pl.String,
    "dispute": pl.Boolean,
}
_MATCH_SCHEMA = {
    "episode_id": pl.String,
    "payer_episode_id": pl.String,
    "payer_row": pl.Int64,
    "matched_by": pl.String,
    "findings": pl.Int64,
}
_PARTY_SCHEMA = {
    "party_kind": pl.String,
    "party_id": pl.String,
    "findings": pl.Int64,
    "our_amount_cents": pl.Int64,
    "their_amount_cents": pl.Int64,
    "effect_cents": pl.Int64,
}


@dataclass(frozen=True)
class Audit:
    """The payer's episodes held against ours.

    Attributes:
        findings: one row a difference: kind, episode_id, payer_episode_id, payer_row, person, claim, date, party,
            ours, theirs, difference_cents (theirs less ours), effect_cents (what our settlement would change by if
            the payer were right in this alone; minus: to the party's disadvantage), effect_note, reason, dispute
            (whether the difference costs the party money, or may).
        matched: pairs, with how they were matched and how many findings each has.
        parties: our amount, the amount if the payer were right in everything known, and the difference.
        tolerance_cents: amounts that differ by this or less are the same.
        notes: what could not be compared.
    """

    findings: pl.DataFrame
    matched: pl.DataFrame
    parties: pl.DataFrame
    tolerance_cents: int
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def by_kind(self) -> pl.DataFrame:
        """kind, findings, difference_cents, effect_cents, in the order of the kinds."""
        order = {kind: place for place, kind in enumerate(KINDS)}
        return (
            self.findings.group_by("kind")
            .agg(
                findings=pl.len().cast(pl.Int64),
                difference_cents=pl.sum("difference_cents"),
                effect_cents=pl.sum("effect_cents"),
            )
            .sort(pl.col("kind").replace_strict(order, return_dtype=pl.Int64))
        )

    def write_dispute(self, path: str | Path, *, everything: bool = False) -> int:
        """Write a CSV of the findings to dispute, for the payer; with ids of people and claims.

        Args:
            path: the file to write.
            everything: all findings, also those that are in the party's favour.

        Returns:
            How many rows were written.
        """
        chosen = self.findings if everything else self.findings.filter("dispute")
        amounts = ("difference_cents", "effect_cents")
        said = chosen.with_columns(what=pl.col("kind").replace_strict(dict(KINDS), return_dtype=pl.String))
        for name in amounts:
            in_dollars = [
                None if cents is None else f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
                for cents in chosen[name]
            ]
            said = said.with_columns(pl.Series(name.replace("_cents", "_dollars"), in_dollars, dtype=pl.String))
        columns = [name for name in FINDING_SCHEMA if name not in (*amounts, "dispute")]
        said.select("what", *columns, "difference_dollars", "effect_dollars").write_csv(Path(path))
        return chosen.height

    def to_dict(self) -> dict[str, Any]:
        """Counts, kinds, parties and notes as plain data, without ids of people."""
        return {
            "counts": dict(self.counts),
            "tolerance_cents": self.tolerance_cents,
            "kinds": self.by_kind().to_dicts(),
            "parties": self.parties.to_dicts(),
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        counted = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in self.counts.items())
        lines = [f"Audit: {counted}; tolerance {dollars(self.tolerance_cents)}"]
        for kind, number, difference, effect in self.by_kind().iter_rows():
            lines.append(f"  {kind}: {number:,}, {dollars(difference)}, effect on the settlement {dollars(effect)}")
        return "\n".join([*lines, *self.notes])


def audit(
    result: ReconciliationResult,
    payer: PayerEpisodes | pl.DataFrame,
    built: BuiltEpisodes | None = None,
    *,
    tolerance_cents: int = 50,
) -> Audit:
    """Hold the payer's episodes against ours.

    Args:
        result: our reconciliation of the same programme and period.
        payer: from `read_payer_episodes`, or a frame with the columns of the simple layout.
        built: our episodes. Default: those that `result` was made from.
        tolerance_cents: amounts that differ by this or less are taken as the same.

    Returns:
        `Audit`. Kinds of findings: `KINDS` of `episodes.reconciliation.auditing.findings`. An effect is measured by
        settling the party again, so it is 0 where a limit holds; it is null where the payer's file does not say what
        it would take, such as the target price of an episode that we do not have.

    Raises:
        ArgumentError: no build to compare with, or a tolerance below 0.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> team = ep.load_program("team", performance_year=1)
        >>> prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
        >>> result = ep.reconcile(ep.build_episodes(claims, team), prices)
        >>> theirs = result.built.final().select("beneficiary_id", "anchor_claim_id", "episode_cents")
        >>> audit(result, theirs).findings.height
        0
    """
    tolerance = whole_cents("tolerance_cents", tolerance_cents, minimum=0)
    ours = result.built if built is None else built
    if ours is None:
        raise ArgumentError("There is no build to compare with: give built, the episodes that were reconciled.")
    given = payer if isinstance(payer, PayerEpisodes) else payer_episodes(payer)
    matches = match(our_episodes(result, ours).iter_rows(named=True), given.episodes.iter_rows(named=True))
    found = findings_of(result.program, matches, tolerance)
    notes = _notes(given, matches)
    if _persons_named_otherwise(matches):
        found = [item for item in found if item.kind != "person"]
        notes.append("The payer names people by other ids than our claims: episodes are matched by the anchor's claim.")
    rows = [_row(number, item, result) for number, item in enumerate(found, start=1)]
    findings = pl.DataFrame(rows, schema=FINDING_SCHEMA)
    counted = findings.group_by("episode_id").len()
    number_of = dict(counted.drop_nulls("episode_id").iter_rows())
    matched = [
        (own["episode_id"], their["payer_episode_id"], their["payer_row"], way, number_of.get(own["episode_id"], 0))
        for own, their, way in matches.pairs
    ]
    counts = {
        "episodes_of_ours": sum(own["status"] == "final" and own["party_id"] is not None for own in _all_ours(matches)),
        "episodes_of_the_payer": given.episodes.height,
        "matched": len(matched),
        "findings": len(rows),
    }
    return Audit(
        findings=findings,
        matched=pl.DataFrame(matched, schema=_MATCH_SCHEMA, orient="row").sort("payer_row"),
        parties=_parties(result, found),
        tolerance_cents=tolerance,
        counts=counts,
        notes=tuple(notes),
    )


def _all_ours(matches: Matches) -> list[Mapping[str, Any]]:
    return [own for own, _, _ in matches.pairs] + list(matches.only_ours)


def _notes(given: PayerEpisodes, matches: Matches) -> list[str]:
    notes = [
        f"{count_of(rows, 'row')} of the payer's file not compared: {why}." for why, rows in given.set_aside.items()
    ]
    notes += [
        f"{count_of(cells, 'cell')} of the payer's column {column} not readable: not compared."
        for column, cells in given.unread.items()
    ]
    aside = sum(own["status"] == "final" and own["party_id"] is None for own in _all_ours(matches))
    if aside:
        notes.append(f"{count_of(aside, 'final episode')} of ours that no party settles not compared.")
    return notes


def _persons_named_otherwise(matches: Matches) -> bool:
    """Whether every pair was found by its claim under another id of the person."""
    return bool(matches.pairs) and all(way == "claim_of_other_person" for _, _, way in matches.pairs)


def _row(number: int, item: Finding, result: ReconciliationResult) -> dict[str, Any]:
    known = item.ours if item.ours is not None else item.theirs
    own, their = item.ours, item.theirs
    effect, note = _effect(item, result)
    ours_first = own if own is not None else their
    return {
        "finding": number,
        "kind": item.kind,
        "episode_id": None if own is None else own["episode_id"],
        "payer_episode_id": None if their is None else their["payer_episode_id"],
        "payer_row": None if their is None else their["payer_row"],
        "beneficiary_id": None if ours_first is None else ours_first["beneficiary_id"],
        "anchor_claim_id": None if ours_first is None else ours_first["anchor_claim_id"],
        "anchor_start": None if ours_first is None else ours_first["anchor_start"],
        "category": None if known is None else known["category"],
        "party_id": _party_of(item),
        "ours": item.our_value,
        "theirs": item.their_value,
        "difference_cents": item.difference_cents,
        "effect_cents": effect,
        "effect_note": note,
        "reason": item.reason,
        "dispute": effect is None or effect < 0,
    }


def _party_of(item: Finding) -> str | None:
    if item.ours is not None and item.ours["party_id"] is not None:
        return str(item.ours["party_id"])
    changed = list(item.changes or ())
    their = item.theirs or {}
    return changed[0] if changed else their.get("party_id") or their.get("anchor_ccn")


def _effect(item: Finding, result: ReconciliationResult) -> tuple[int | None, str | None]:
    """What the finding's party would be settled otherwise by, if the payer were right in this alone."""
    if item.changes is None:
        return None, "not known: the payer's file does not say the party, category or target price"
    party = _party_of(item)
    changes = item.changes.get(party or "", ())
    if not changes:
        return 0, None
    key = _key_of(party or "", changes, result)
    if key is None:
        return None, "not known: the party has no settlement of ours"
    before, after = _resettled(key, changes, result)
    return after - before, "a limit or waiver takes it up" if after == before else None


def _key_of(party: str, changes: Sequence[Change], result: ReconciliationResult) -> Key | None:
    """The settlement of a party that a change falls into."""
    for key in result.inputs:
        if key[1] == party and key[2] in (None, changes[0].category):
            return key
    return None


def _resettled(key: Key, changes: Sequence[Change], result: ReconciliationResult) -> tuple[int, int]:
    kind, party, category = key
    rows = result.parties.filter(
        pl.col("party_kind") == kind,
        pl.col("party_id") == party,
        pl.col("category").eq_missing(pl.lit(category, dtype=pl.String)),
    )
    track, given = str(rows["track"][0]), result.inputs[key]
    return amount_of(result.program, track, given), amount_of(result.program, track, with_changes(given, changes))


def _parties(result: ReconciliationResult, found: Sequence[Finding]) -> pl.DataFrame:
    """Each party's amount, and the amount if the payer were right in everything that is known."""
    by_key: dict[Key, list[Change]] = {}
    number: dict[str, int] = {}
    for item in found:
        party_of = _party_of(item)
        if party_of is not None:
            number[party_of] = number.get(party_of, 0) + 1
        for party, changes in (item.changes or {}).items():
            key = _key_of(party, changes, result) if changes else None
            if key is not None:
                by_key.setdefault(key, []).extend(changes)
    amounts: dict[tuple[str, str], tuple[int, int]] = {}
    for key in result.inputs:
        before, after = _resettled(key, by_key.get(key, ()), result)
        ours, theirs = amounts.get(key[:2], (0, 0))
        amounts[key[:2]] = (ours + before, theirs + after)
    rows = [
        (kind, party, number.get(party, 0), ours, theirs, theirs - ours)
        for (kind, party), (ours, theirs) in sorted(amounts.items())
    ]
    return pl.DataFrame(rows, schema=_PARTY_SCHEMA, orient="row")
