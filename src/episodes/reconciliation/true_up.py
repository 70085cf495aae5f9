"""True-ups: two reconciliations of the same period compared, the change of each amount explained to the cent.

The earlier settlement is turned into the later one cause by cause, in a fixed order, and settled again after each:
what a cause did is the change it makes at its place. So the causes of a party sum exactly to the change of its amount,
limits and quality included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, BalanceError
from episodes.money import dollars, exact, round_half_up
from episodes.reconciliation.resettling import Change, amount_of, with_changes
from episodes.reconciliation.result import Key, ReconciliationResult
from episodes.reconciliation.steps import SettlementInput

CAUSES = (
    "eligibility",
    "attribution",
    "late_claims",
    "cap",
    "case_mix",
    "trend",
    "price",
    "quality",
    "post_episode",
    "earlier_amount",
    "terms",
)
"""Causes in the order in which they are applied. eligibility: episodes new and gone; attribution: episodes that
another party settles in the other run; late_claims: spending of episodes in both; cap: what is cut off it; case_mix,
trend, price: the target; quality: the score, and what it does to targets; post_episode, earlier_amount: those amounts;
terms: track, class, baseline volumes, rules and overlaps."""

_PARTY_SCHEMA = {
    "party_kind": pl.String,
    "party_id": pl.String,
    "category": pl.String,
    "earlier_cents": pl.Int64,
    "later_cents": pl.Int64,
    "change_cents": pl.Int64,
    **{f"{cause}_cents": pl.Int64 for cause in CAUSES},
    "episodes_new": pl.Int64,
    "episodes_gone": pl.Int64,
    "episodes_changed": pl.Int64,
    "episodes_same": pl.Int64,
}
_EPISODE_SCHEMA = {
    "episode_id": pl.String,
    "party_kind": pl.String,
    "party_id": pl.String,
    "category": pl.String,
    "what": pl.String,
    "why": pl.String,
    "earlier_price_cents": pl.Int64,
    "later_price_cents": pl.Int64,
    "earlier_capped_cents": pl.Int64,
    "later_capped_cents": pl.Int64,
    "change_cents": pl.Int64,
}


@dataclass(frozen=True)
class TrueUp:
    """Two reconciliations of one period, compared.

    Attributes:
        parties: one row a party (and category settled apart): earlier_cents, later_cents, change_cents, a column a
            cause (`eligibility_cents` to `terms_cents`, which sum to change_cents), and episodes new, gone, changed,
            same.
        episodes: one row an episode that is new, gone or changed: what, why, price and capped spending in both runs,
            change_cents (of its difference). `why` is the first reason of the build where it left or came, or what
            changed: spending, cap, price.
        notes: what a reader must know besides.
    """

    parties: pl.DataFrame
    episodes: pl.DataFrame
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        earlier, later = (int(self.parties[name].sum()) for name in ("earlier_cents", "later_cents"))
        causes = ", ".join(
            f"{cause.replace('_', ' ')} {dollars(total)}"
            for cause in CAUSES
            if (total := int(self.parties[f"{cause}_cents"].sum()))
        )
        counts = ", ".join(f"{self.parties[f'episodes_{what}'].sum():,} {what}" for what in ("new", "gone", "changed"))
        title = f"True-up: {dollars(earlier)} to {dollars(later)}, a change of {dollars(later - earlier)}"
        return "\n".join([title, f"Causes: {causes or 'none'}", f"Episodes: {counts}", *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain data, without episodes."""
        return {"parties": self.parties.to_dicts(), "notes": list(self.notes)}


def true_up(earlier: ReconciliationResult, later: ReconciliationResult) -> TrueUp:
    """Compare two reconciliations of the same programme, year and period, such as from two deliveries of claims.

    Args:
        earlier, later: results of `reconcile`.

    Returns:
        `TrueUp`. A price change is split into case mix and trend where both price tables have such columns
        (`normalization`, `risk_multiplier` or `pcma`; `trend`, `market_trend` or `pat`); else it is `price`.

    Raises:
        ArgumentError: results of other programmes, years, periods or bases, or ones that were not made by `reconcile`.
        BalanceError: causes do not add up to the change.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> team = ep.load_program("team", performance_year=1)
        >>> prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
        >>> built = ep.build_episodes(claims, team)
        >>> same = true_up(ep.reconcile(built, prices), ep.reconcile(built, prices))
        >>> int(same.parties["change_cents"].sum()), same.episodes.height
        (0, 0)
    """
    _same_kind(earlier, later)
    rows, changed = [], []
    for key in sorted({*earlier.inputs, *later.inputs}, key=lambda key: tuple(part or "" for part in key)):
        both = _Both(key, earlier, later)
        effects = both.effects()
        amounts = (both.amount(earlier), both.amount(later))
        if sum(effects.values()) != amounts[1] - amounts[0]:
            raise BalanceError("The causes of a true-up do not add up to it. Please report it: a fault of the library.")
        listed = both.episode_rows()
        counts = {what: sum(row["what"] == what for row in listed) for what in ("new", "gone", "changed", "same")}
        changed += [row for row in listed if row["what"] != "same"]
        rows.append(
            {
                **dict(zip(("party_kind", "party_id", "category"), key, strict=True)),
                "earlier_cents": amounts[0],
                "later_cents": amounts[1],
                "change_cents": amounts[1] - amounts[0],
                **{f"{cause}_cents": effects[cause] for cause in CAUSES},
                **{f"episodes_{what}": number for what, number in counts.items()},
            }
        )
    return TrueUp(
        pl.DataFrame(rows, schema=_PARTY_SCHEMA),
        pl.DataFrame(changed, schema=_EPISODE_SCHEMA).sort("party_id", "episode_id", "what"),
        tuple(_notes(earlier, later)),
    )


def _same_kind(earlier: ReconciliationResult, later: ReconciliationResult) -> None:
    def facts(result: ReconciliationResult) -> dict[str, str]:
        program = result.program
        return {
            "programme": program.id,
            "performance year": program.performance_year,
            "period": " to ".join(map(str, program.period)),
            "amount basis": result.basis,
        }

    for (what, one), other in zip(facts(earlier).items(), facts(later).values(), strict=True):
        if one != other:
            raise ArgumentError(
                f"The two runs differ in their {what}: {one} and {other}. A true-up compares one period "
                "under one programme, from two deliveries or two dates."
            )
    if any(result.parties.height and not result.inputs for result in (earlier, later)):
        raise ArgumentError(
            "A true-up needs results as `reconcile` returns them: one of them was put together by hand."
        )


def _notes(earlier: ReconciliationResult, later: ReconciliationResult) -> list[str]:
    notes = []
    if earlier.program.fingerprint != later.program.fingerprint:
        notes.append("The rules of the two runs differ: what that changes is under terms.")
    if any(result.episodes["price_trend"].null_count() == result.episodes.height > 0 for result in (earlier, later)):
        notes.append("The prices do not say their trend: changes of prices are not split.")
    return notes


class _Both:
    """One party in both runs: its episodes by id, and the way from the earlier settlement to the later one."""

    def __init__(self, key: Key, earlier: ReconciliationResult, later: ReconciliationResult) -> None:
        self.key = key
        self.results = (earlier, later)
        self.old, self.new = (_settled_episodes(key, result) for result in self.results)
        self.candidates = tuple(_candidates(result) for result in self.results)

    def amount(self, result: ReconciliationResult) -> int:
        given = result.inputs.get(self.key)
        return 0 if given is None else amount_of(result.program, self._track(result), given)

    def _track(self, result: ReconciliationResult) -> str:
        kind, party, category = self.key
        rows = result.parties.filter(
            pl.col("party_kind") == kind,
            pl.col("party_id") == party,
            pl.col("category").eq_missing(pl.lit(category, dtype=pl.String)),
        )
        return str(rows["track"][0]) if rows.height else result.program.settlement.default_track.value

    def effects(self) -> dict[str, int]:
        """What each cause adds to the amount, applied one after the other."""
        earlier, later = self.results
        empty = SettlementInput(0, 0, categories=())
        start, end = (result.inputs.get(self.key) for result in self.results)
        program, track = earlier.program, self._track(earlier)
        state = start or replace(
            end or empty, target_cents=0, actual_cents=0, categories=(), repayment_target_cents=None
        )
        if start is None:
            # nothing was settled before: the whole amount comes of episodes that are new, on the later terms
            state = replace(state, post_episode_excess_cents=0, previous_cents=0, shared_savings_overlap_cents=0)
            program, track = later.program, self._track(later)
        amount = self.amount(earlier)
        effects = dict.fromkeys(CAUSES, 0)
        for cause in CAUSES:
            if cause == "quality" and end is not None:
                state = replace(state, quality_score=end.quality_score)
            elif cause == "post_episode":
                state = replace(state, post_episode_excess_cents=0 if end is None else end.post_episode_excess_cents)
            elif cause == "earlier_amount":
                state = replace(state, previous_cents=0 if end is None else end.previous_cents)
            elif cause == "terms":
                state, program, track = end or empty, later.program, self._track(later)
            state = with_changes(state, self._changes(cause)) if cause != "terms" else state
            reached = 0 if cause == "terms" and end is None else amount_of(program, track, state)
            effects[cause] = reached - amount
            amount = reached
        return effects

    def _changes(self, cause: str) -> list[Change]:
        if cause in ("eligibility", "attribution"):
            return self._left_and_came(cause)
        changes = []
        for name in sorted(self.old.keys() & self.new.keys()):
            before, after = self.old[name], self.new[name]
            if cause == "late_claims":
                moved = after["actual_cents"] - before["actual_cents"]
                changes.append(Change(after["category"], actual_cents=moved))
            elif cause == "cap":
                changes.append(Change(after["category"], actual_cents=before["cut_cents"] - after["cut_cents"]))
            elif cause in ("case_mix", "trend", "price", "quality"):
                changes.append(_price_change(before, after, cause))
        if cause == "price":
            changes += self._left_and_came(cause)
        return changes

    def _left_and_came(self, cause: str) -> list[Change]:
        """Episodes that only one of the runs settles with this party, by what the other does with them."""
        left = [_change(row, -1) for name, row in self.old.items() if name not in self.new and self._is(cause, name, 1)]
        came = [_change(row, 1) for name, row in self.new.items() if name not in self.old and self._is(cause, name, 0)]
        return [*left, *came]

    def _is(self, cause: str, name: str, run: int) -> bool:
        """Whether the run does not settle the episode with this party for that cause."""
        known = self.candidates[run]
        found = "attribution" if name in known["settled"] else "price" if name in known["unpriced"] else "eligibility"
        return found == cause

    def episode_rows(self) -> list[dict[str, Any]]:
        """One row an episode of the party in either run."""
        rows = []
        for name in sorted(self.old.keys() | self.new.keys()):
            before, after = self.old.get(name), self.new.get(name)
            known = after or before or {}
            moved = [
                kind
                for kind, column in (("spending", "actual_cents"), ("cap", "cut_cents"), ("price", "price_cents"))
                if before is not None and after is not None and before[column] != after[column]
            ]
            if before is None or after is None:
                what = "new" if before is None else "gone"
                why = self._why(name, 0 if before is None else 1)
            else:
                what, why = ("changed" if moved else "same"), ", ".join(moved)
            differences = [0 if row is None else row["difference_cents"] for row in (before, after)]
            rows.append(
                {
                    "episode_id": name,
                    **dict(zip(("party_kind", "party_id"), self.key[:2], strict=True)),
                    "category": known["category"],
                    "what": what,
                    "why": why or None,
                    **_cents("earlier", before),
                    **_cents("later", after),
                    "change_cents": differences[1] - differences[0],
                }
            )
        return rows

    def _why(self, name: str, run: int) -> str:
        """Why the run that does not settle the episode with the party does not."""
        if name in self.candidates[run]["settled"]:
            return "settled by another party or in another category"
        return str(self.candidates[run]["why"].get(name, "not a candidate in the other run"))


def _settled_episodes(key: Key, result: ReconciliationResult) -> dict[str, dict[str, Any]]:
    kind, party, category = key
    rows = result.episodes.filter(pl.col("party_kind") == kind, pl.col("party_id") == party, pl.col("reason").is_null())
    rows = rows if category is None else rows.filter(pl.col("category") == category)
    return {row["episode_id"]: row for row in rows.iter_rows(named=True)}


def _candidates(result: ReconciliationResult) -> dict[str, Any]:
    """Settled episodes of a run, and why each other candidate is not."""
    settled = set(result.episodes.filter(pl.col("reason").is_null())["episode_id"])
    why: dict[str, str] = {}
    if result.built is not None:
        listed = result.built.episodes.select("episode_id", pl.col("status").cast(pl.String), "reasons")
        for name, status, reasons in listed.iter_rows():
            first = reasons[0] if reasons else None
            why[name] = first or ("does not take part" if status == "final" else status)
    unpriced = dict(result.episodes.filter(pl.col("reason").is_not_null()).select("episode_id", "reason").iter_rows())
    return {"settled": settled, "unpriced": set(unpriced), "why": why | unpriced}


def _change(row: Mapping[str, Any], sign: int) -> Change:
    repayment = row["repayment_price_cents"] or 0
    return Change(row["category"], sign * row["price_cents"], sign * row["capped_cents"], sign * repayment)


def _price_change(before: Mapping[str, Any], after: Mapping[str, Any], cause: str) -> Change:
    """What a cause adds to the target of an episode: each step of the price less the one before it."""
    order = ("case_mix", "trend", "price", "quality")
    reached = {"start": Fraction(before["price_before_quality_cents"])}
    ratio = Fraction(1)
    for name in order[:2]:
        ratio *= _ratio(before[f"price_{name}"], after[f"price_{name}"])
        reached[name] = before["price_before_quality_cents"] * ratio
    reached["price"] = Fraction(after["price_before_quality_cents"])
    previous = ("start", *order)[order.index(cause)]

    def cents(at: str, column: str) -> int:
        """The price at a step, in the earlier run's discount until quality has its turn."""
        if at == "quality":
            return int(after[column] or 0)
        if before[column] is None:
            return 0
        base = before["price_before_quality_cents"]
        if base == 0:
            return int(after[column] or 0) if at == "price" else 0
        return round_half_up(reached[at] * before[column] / base)

    target = cents(cause, "price_cents") - cents(previous, "price_cents")
    repayment = cents(cause, "repayment_price_cents") - cents(previous, "repayment_price_cents")
    return Change(after["category"], target_cents=target, repayment_target_cents=repayment)


def _ratio(before: float | None, after: float | None) -> Fraction:
    """How much a component of the price grew; 1 where it is not known in both runs."""
    return exact(after) / exact(before) if before and after else Fraction(1)


def _cents(run: str, row: Mapping[str, Any] | None) -> dict[str, int | None]:
    return {
        f"{run}_price_cents": None if row is None else row["price_cents"],
        f"{run}_capped_cents": None if row is None else row["capped_cents"],
    }
