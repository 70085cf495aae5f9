"""What a year's sharing is settled on: a hospital's settlement, its episodes, fee-schedule amounts and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import polars as pl

from episodes.alignment.arrangement import Arrangement, ArrangementParty
from episodes.alignment.fee_schedule import fee_schedule_amounts
from episodes.alignment.metrics import Score, measure
from episodes.errors import ArgumentError, unknown_name
from episodes.money import Rate, exact
from episodes.pricing.checks import with_columns

_SETTLED = ("price_cents", "capped_cents")


@dataclass(frozen=True)
class SharingFacts:
    """The facts of one hospital's year; what is None is not known, and said so where it is needed.

    Attributes:
        hospital, name: its CCN and name. program: the id of the programme that it was reconciled under.
        amount_cents: the settled amount (minus: owed). target_cents, actual_cents: sums over its settled episodes.
        episodes: its final episodes, with price_cents and capped_cents where they were settled.
        fee_schedule: from `fee_schedule_amounts`.
        attribution: episode_id, party_kind, party_id, share of one method; None: a physician's episodes are those that
            he or she operated, or attended.
        outcomes, quality: as in the claims contract and docs/outputs.md.
        guards: from `stinting_guards`.
        notes: what a reader must know of them.
    """

    hospital: str | None = None
    name: str | None = None
    program: str | None = None
    amount_cents: int | None = None
    target_cents: int | None = None
    actual_cents: int | None = None
    episodes: pl.DataFrame | None = None
    fee_schedule: pl.DataFrame | None = None
    attribution: pl.DataFrame | None = None
    outcomes: pl.DataFrame | None = None
    quality: pl.DataFrame | None = None
    guards: pl.DataFrame | None = None
    notes: tuple[str, ...] = field(default=())


def facts_of(
    hospital: str,
    hospitals: pl.DataFrame,
    episodes: pl.DataFrame,
    settled_episodes: pl.DataFrame | None = None,
    *,
    program: str | None = None,
    claims: pl.LazyFrame | pl.DataFrame | None = None,
    lines: pl.LazyFrame | pl.DataFrame | None = None,
    fee_schedule: pl.DataFrame | None = None,
    attribution: pl.DataFrame | None = None,
    attribution_method: str | None = None,
    outcomes: pl.DataFrame | None = None,
    quality: pl.DataFrame | None = None,
    guards: pl.DataFrame | None = None,
) -> SharingFacts:
    """The facts of a hospital's year, from the tables of a build and a reconciliation.

    Args:
        hospital: its CCN.
        hospitals: `result.hospitals`: ccn, name, amount_cents, target_cents, actual_cents.
        episodes: `built.episodes`; the hospital's final ones are taken.
        program: id of the programme.
        settled_episodes: `result.episodes`: episode_id, price_cents, capped_cents.
        claims, lines: of the claims contract, for fee-schedule amounts; None: they stay unknown.
        fee_schedule: see `fee_schedule_amounts`.
        attribution: `built.attribution`: episode_id, method, party_kind, party_id, share. attribution_method: which of
            its methods says whose an episode is; needed where there are several.
        outcomes, quality: tables of outcomes (by episode_id) and of hospital measures (by ccn).
        guards: from `stinting_guards`.

    Raises:
        ArgumentError: the hospital was not reconciled, or the attribution has several methods and none was chosen.

    Example:
        >>> import polars as pl
        >>> settled = pl.DataFrame({"ccn": ["360001"], "amount_cents": [5], "target_cents": [9], "actual_cents": [4]})
        >>> built = pl.DataFrame({"episode_id": ["a", "b"], "anchor_ccn": ["360001"] * 2, "status": ["final", "open"]})
        >>> facts_of("360001", settled, built).episodes["episode_id"].to_list()
        ['a']
    """
    columns = ("ccn", "amount_cents", "target_cents", "actual_cents")
    rows = with_columns(hospitals, "hospitals", columns, {"name": pl.String})
    mine = rows.filter(ccn=hospital).to_dicts()
    if len(mine) != 1:
        raise ArgumentError(unknown_name("reconciled hospital", hospital, map(str, rows["ccn"])))
    own = with_columns(episodes, "episodes", ("episode_id", "anchor_ccn", "status")).filter(
        anchor_ccn=hospital, status="final"
    )
    if settled_episodes is not None:
        settled = with_columns(settled_episodes, "settled episodes", ("episode_id", *_SETTLED))
        own = own.join(settled.select("episode_id", *_SETTLED), on="episode_id", how="left", maintain_order="left")
    amounts, notes = None, []
    if claims is not None and lines is not None:
        amounts = fee_schedule_amounts(own, claims, lines, fee_schedule)
        without = int(amounts["lines_without_amount"].sum())
        if without:
            notes.append(
                f"{without:,} lines under the fee schedule have no allowed amount and count as 0: caps are low."
            )
        if fee_schedule is None:
            notes.append("No fee schedule was given: HCPCS that are not paid under it are left out by patterns (open).")
    return SharingFacts(
        hospital=hospital,
        name=mine[0]["name"],
        program=program,
        amount_cents=mine[0]["amount_cents"],
        target_cents=mine[0]["target_cents"],
        actual_cents=mine[0]["actual_cents"],
        episodes=own,
        fee_schedule=amounts,
        attribution=None if attribution is None else _of_method(attribution, attribution_method),
        outcomes=outcomes,
        quality=None if quality is None or "ccn" not in quality.columns else quality.filter(pl.col("ccn") == hospital),
        guards=guards,
        notes=tuple(notes),
    )


def fee_schedule_of(party: ArrangementParty, facts: SharingFacts) -> int | None:
    """A party's fee-schedule amount: the file's, else what was counted (a group's: all it billed); None: not known."""
    if party.fee_schedule_cents is not None:
        return party.fee_schedule_cents
    if facts.fee_schedule is None:
        return None
    column = "tin" if party.kind in ("group", "nonphysician_group") else "npi"
    return int(facts.fee_schedule.filter(pl.col(column) == party.id)["fee_schedule_cents"].sum())


def billed_for(group: str, member: str, facts: SharingFacts) -> int | None:
    """What a group billed for one of its members; None: not known."""
    if facts.fee_schedule is None:
        return None
    return int(facts.fee_schedule.filter(tin=group, npi=member)["fee_schedule_cents"].sum())


def episodes_of(party: ArrangementParty, facts: SharingFacts) -> pl.DataFrame | None:
    """A party's own episodes: a physician's by operating, else attending physician; all others': the hospital's."""
    if facts.episodes is None or party.kind not in ("physician", "group", "nonphysician_group"):
        return facts.episodes
    if facts.attribution is not None:
        kind = "physician" if party.kind == "physician" else "group"
        own = _responsible(facts.attribution, kind).filter(pl.col("party_id") == party.id)
        return facts.episodes.join(own, on="episode_id", how="semi", maintain_order="left")
    who = pl.coalesce("operating_npi", "attending_npi")
    wanted = [member.id for member in party.members] or [party.id]
    if party.kind != "physician" and not party.members:
        return facts.episodes
    return facts.episodes.filter(who.is_in(wanted))


def _of_method(attribution: pl.DataFrame, method: str | None) -> pl.DataFrame:
    columns = ("episode_id", "method", "party_kind", "party_id", "share")
    rows = with_columns(attribution, "attribution", columns).select(columns)
    methods = sorted(rows["method"].unique())
    if method is None and len(methods) > 1:
        raise ArgumentError(f"The attribution has several methods: {', '.join(methods)}. Say attribution_method.")
    if method is not None and method not in methods:
        raise ArgumentError(unknown_name("method of attribution", method, methods))
    return rows if method is None else rows.filter(pl.col("method") == method)


def _responsible(attribution: pl.DataFrame, party_kind: str) -> pl.DataFrame:
    """Whose each episode is: the party of the kind with the largest share; of equal ones the first by its id."""
    of_kind = attribution.filter(pl.col("party_kind") == party_kind, pl.col("share") > 0)
    return of_kind.sort("episode_id", "share", "party_id", descending=[False, True, False]).unique(
        "episode_id", keep="first", maintain_order=True
    )


def scores_of(
    arrangement: Arrangement, party: ArrangementParty, facts: SharingFacts, metrics: Sequence[str]
) -> list[Score]:
    """The party's scores in the named metrics."""
    own = episodes_of(party, facts)
    scores = []
    for metric in arrangement.metrics:
        if metric.id not in metrics:
            continue
        if own is None and metric.source in ("episodes", "outcomes"):
            scores.append(Score(party.id, metric, None, None, None, "not measured: no episodes at hand"))
            continue
        frame = pl.DataFrame() if own is None else own
        scores.append(
            measure(
                metric,
                party.id,
                frame,
                outcomes=facts.outcomes,
                quality=facts.quality,
                recorded=dict(party.recorded),
            )
        )
    return scores


def weights_and_levels(
    weights: dict[str, Rate], scores: Sequence[Score]
) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
    """Weights and levels to settle on: not measured earns nothing; too few cases give their weight away.

    Where every metric has too few cases, none is scored and nothing is earned.

    Example:
        >>> weights_and_levels({"a": 1}, [])
        ({'a': Fraction(1, 1)}, {'a': Fraction(0, 1)})
    """
    found = {score.metric.id: score for score in scores}
    thin = {name for name, score in found.items() if score.value is not None and score.level is None}
    kept = {name: exact(weight) for name, weight in weights.items() if name not in thin} or {
        name: exact(weight) for name, weight in weights.items()
    }
    total = sum(kept.values(), Fraction(0))
    levels = {name: (found[name].level if name in found else None) or Fraction(0) for name in kept}
    return {name: weight / total for name, weight in kept.items()} if total else kept, levels
