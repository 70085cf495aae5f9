"""Reconciliation of a performance year: episodes against target prices, settled party by party.

Every final episode of a participating party is kept in the result. One without a target price, or whose hospital lies
in no region, says so in `reason`, is counted, and is not settled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import ArgumentError, BalanceError, count_of
from episodes.money import scale_parts
from episodes.pricing.checks import frame_of, whole_cents
from episodes.pricing.price_files import check_same_construction, check_same_program
from episodes.pricing.target_prices import TargetPrices
from episodes.programs import Program
from episodes.reconciliation.notes import notes_of
from episodes.reconciliation.parties import (
    Participants,
    Track,
    classes_of,
    names_of,
    need_known_parties,
    with_party,
)
from episodes.reconciliation.post_episode import party_excesses
from episodes.reconciliation.quality import combine
from episodes.reconciliation.quality_categories import category_of
from episodes.reconciliation.quality_measures import QualityScore
from episodes.reconciliation.quality_table import party_scores
from episodes.reconciliation.result import (
    EPISODES_SHOWN,
    PARTY_SCHEMA,
    RESULT_STEP_SCHEMA,
    STEP_OF_COLUMN,
    Key,
    ReconciliationResult,
    outcome_of,
)
from episodes.reconciliation.settle import SettledAmount, refuse_unused, settle_amounts
from episodes.reconciliation.steps import CategoryAmounts, SettlementInput
from episodes.reconciliation.targets import PriceInputs, against_prices, capped_episodes
from episodes.reconciliation.track_terms import TracksTaken


def reconcile(
    built: BuiltEpisodes,
    prices: TargetPrices,
    quality: pl.DataFrame | pl.LazyFrame | None = None,
    hospitals: pl.DataFrame | pl.LazyFrame | None = None,
    track: Track = None,
    *,
    risk: pl.DataFrame | None = None,
    coefficients: pl.DataFrame | None = None,
    final_factors: pl.DataFrame | Literal["computed"] | None = None,
    update_factors: pl.DataFrame | None = None,
    attributed: pl.DataFrame | None = None,
    disaster_episodes: Collection[str] = (),
    previous: Mapping[str, int] | None = None,
    shared_savings_overlap: Mapping[str, int] | None = None,
    what_if_tracks: bool = False,
) -> ReconciliationResult:
    """Reconcile the episodes of a performance year against target prices.

    Args:
        built: the episodes of the performance year. Final episodes of participating parties are settled; caps and
            regional post-episode limits come from all final episodes.
        prices: target prices of the same programme, performance year and basis.
        quality: the quality table (ccn, measure, performance_year, percentile, volume); percentile is the
            scaled score; a measure without volume is weighed by the party's episodes. Default: that of `built`.
        hospitals: the hospitals table, for regions, names and classes. Default: that of `built`.
        track: a track for all parties, or by party id. Where not given: that of `built.participants`, else the
            programme's default.
        risk: risk variables by episode. Default: those of `built`, where it has them.
        coefficients: risk coefficients (`ep.pricing.risk_multipliers`). None: no multiplier.
        final_factors: final trend and normalization, or what the programme has in their place
            (`ep.pricing.price_episodes`); `computed`: from these episodes. None: the prices stay preliminary.
        update_factors: price updates by setting, for spending of BPCI Advanced.
        attributed: episode_id, party_kind (hospital | group), party_id, for programmes that settle with the party
            an episode is attributed to. Default: the attribution of `built`; without one the anchor's hospital.
        disaster_episodes: ids of episodes in a disaster or emergency, whose spending counts up to their target price
            where the programme says so (CJR).
        previous: what an earlier calculation of the year settled, signed cents by party id, for programmes whose
            limits hold both together (CJR).
        shared_savings_overlap: discount already paid to an ACO, cents of 0 or more by party id (CJR).
        what_if_tracks: also settle on a track that the year does not have, on the terms of the nearest year that has
            it. The party's `terms_of_year`, the status of its steps and a note say so. Default: such a track is an
            error.

    Returns:
        `ReconciliationResult`.

    Raises:
        PriceError: prices of another programme, performance year or basis.
        ArgumentError: an unknown track or party, one that the year does not have, or an unknown measure in `quality`.
        BalanceError: a cent was lost between episodes and settlement.

    Source: 42 CFR 512.550 for TEAM, 510.305 for CJR.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> team = ep.load_program("team", performance_year=1)
        >>> prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
        >>> result = ep.reconcile(ep.build_episodes(claims, team), prices, track={"360801": 1})
        >>> result.hospitals.filter(ccn="360801").select("track", "outcome").row(0)
        ('1', 'none')
    """
    program = built.program
    check_same_program(prices, program, built.basis)
    check_same_construction(prices, program)
    apart = program.settlement.settled_apart.value == "category"
    _check_later_amounts(program, previous, shared_savings_overlap, apart)
    listed = built.hospitals if hospitals is None else frame_of("hospitals", hospitals)
    variables = built.risk if risk is None else risk
    given = PriceInputs(
        risk=variables,
        coefficients=coefficients,
        disaster_episodes=_in_disaster(program, disaster_episodes),
        final_factors=final_factors,
        update_factors=update_factors,
    )
    capped, party_notes = with_party(program, capped_episodes(built, listed, given), built, attributed)
    settled_by = capped.filter(pl.col("participating"))
    scores, quality_notes = party_scores(
        program,
        settled_by,
        built.quality if quality is None else frame_of("quality", quality),
        only_known=quality is None,
    )
    parties = sorted(set(settled_by["party_id"]))
    need_known_parties("Tracks", track, parties)
    need_known_parties("Earlier amounts", previous, parties)
    need_known_parties("Shared savings", shared_savings_overlap, parties)
    known_scores = {key[1:]: scores.get(key[1:]) or _no_score(program) for key in _keys(settled_by, apart)}
    final = against_prices(built, prices, listed, capped, given, _reductions(program, known_scores))
    episodes = final.filter(pl.col("participating"))
    terms = Participants.of(built)
    tracks = TracksTaken(program, what_if=what_if_tracks)
    classes = classes_of(program, listed)
    excess = party_excesses(program, episodes.filter(pl.col("reason").is_null()), final, apart)
    names = names_of(listed)

    rows: list[dict[str, Any]] = []
    steps: list[tuple[Any, ...]] = []
    settled: dict[Key, SettledAmount] = {}
    inputs: dict[Key, SettlementInput] = {}
    for key, number, unpriced, amounts, repayment_target in _sums(episodes, prices.volumes, apart):
        kind, party, category = key
        score = known_scores[party, category]
        settling = SettlementInput(
            target_cents=sum(item.target_cents for item in amounts),
            actual_cents=sum(item.actual_cents for item in amounts),
            quality_score=score.exact if score is not None and score.status == "known" else None,
            post_episode_excess_cents=excess.get((party, category), 0),
            hospital_class=classes.get(party),
            categories=tuple(amounts),
            previous_cents=whole_cents("previous", (previous or {}).get(party, 0)),
            repayment_target_cents=repayment_target,
            shared_savings_overlap_cents=whole_cents(
                "shared_savings_overlap", (shared_savings_overlap or {}).get(party, 0), minimum=0
            ),
        )
        chosen = tracks.terms_of(terms.track_of(party, track))
        amount = settle_amounts(chosen.program, chosen.track, settling)
        settled[key] = amount
        inputs[key] = settling
        steps += [(*key, *record.as_row()) for record in amount.records]
        rows.append(
            {
                "party_kind": kind,
                "party_id": party,
                "convener_id": terms.conveners.get(party),
                "name": names.get(party),
                "category": category,
                "track": amount.track,
                "performance_year": program.performance_year,
                "terms_of_year": chosen.year,
                "episodes": number,
                "unpriced_episodes": unpriced,
                "target_cents": settling.target_cents,
                "actual_cents": settling.actual_cents,
                "difference_cents": amount.start_cents,
                "quality_score": None if score is None else score.score,
                "quality_status": "none" if score is None else score.status,
                "quality_category": None if score is None else score.category,
                "effective_discount": None if score is None else score.discount,
                **{column: amount.change_of(step) for column, step in STEP_OF_COLUMN.items()},
                "post_episode_excess_cents": settling.post_episode_excess_cents,
                "amount_cents": amount.amount_cents,
                "outcome": outcome_of(amount.amount_cents),
            }
        )
    _check_balance(episodes, settled, apart)
    return ReconciliationResult(
        program=tracks.program,
        basis=built.basis,
        parties=pl.DataFrame(rows, schema=PARTY_SCHEMA),
        episodes=_carried_back(program, episodes, settled, apart).select(EPISODES_SHOWN),
        steps=pl.DataFrame(steps, schema=RESULT_STEP_SCHEMA, orient="row"),
        open_rules=tracks.program.open_rules(),
        notes=(
            *tracks.notes(row["track"] for row in rows),
            *notes_of(built, prices, final, given),
            *party_notes,
            *quality_notes,
            *_score_notes(known_scores),
        ),
        built=built,
        inputs=inputs,
    )


def _check_later_amounts(
    program: Program, previous: Mapping[str, int] | None, overlap: Mapping[str, int] | None, apart: bool
) -> None:
    given = {"previous_cents": previous, "shared_savings_overlap_cents": overlap}
    refuse_unused(program, [name for name, amounts in given.items() if amounts])
    if apart and (previous or overlap):
        raise ArgumentError(
            "previous and shared_savings_overlap are amounts of a party, and this programme settles each category by "
            "itself. Settle the categories with `settle`, which takes an amount for each."
        )


def _in_disaster(program: Program, episodes: Collection[str]) -> frozenset[str]:
    """The episodes in a disaster; an error where the programme has no rule for them."""
    if episodes and program.settlement.disaster_cost is None:
        raise ArgumentError(f"{program.id} has no rule for episodes in a disaster. Leave out disaster_episodes.")
    return frozenset(episodes)


def _no_score(program: Program) -> QualityScore | None:
    """The score of a party without measures; None where the programme has no score."""
    return None if program.settlement.quality is None else combine(program, [])


def _reductions(
    program: Program, scores: Mapping[tuple[str, str | None], QualityScore | None]
) -> dict[tuple[str, str | None], Decimal]:
    """What quality takes off the discount, by party and category settled apart; empty where it changes none."""
    quality = program.settlement.quality
    if quality is None or quality.categories is None or getattr(program.price, "discounts", None) is None:
        return {}
    return {
        key: category_of(quality, score.exact).terms.discount_reduction
        for key, score in scores.items()
        if score is not None
    }


def _keys(episodes: pl.DataFrame, apart: bool) -> list[Key]:
    """What is settled: each party, and each of its categories where they are settled apart."""
    by = ["party_kind", "party_id", "settled_category"]
    return [
        (kind, party, category)
        for kind, party, category in _keyed(episodes, apart).select(by).unique().sort(by, nulls_last=False).iter_rows()
    ]


def _score_notes(scores: Mapping[tuple[str, str | None], QualityScore | None]) -> list[str]:
    """What the scores assume, each note once with the number of parties it is about."""
    counted: dict[str, int] = {}
    for score in scores.values():
        for note in () if score is None or score.status == "unknown" else score.notes:
            counted[note] = counted.get(note, 0) + 1
    return [f"Quality of {count_of(number, 'party', 'parties')}: {note}." for note, number in sorted(counted.items())]


def _sums(
    episodes: pl.DataFrame, volumes: pl.DataFrame | None, apart: bool
) -> Iterator[tuple[Key, int, int, list[CategoryAmounts], int | None]]:
    """Each settlement: its key, episodes, those without price, sums by category, and the target for repayment."""
    known = None if volumes is None else {(ccn, category): n for ccn, category, n in volumes.iter_rows()}
    keyed = _keyed(episodes, apart)
    by = ["party_kind", "party_id", "settled_category"]
    counted = keyed.group_by(by).agg(pl.len(), unpriced=pl.col("reason").count()).sort(by, nulls_last=False)
    sums = (
        keyed.filter(pl.col("reason").is_null())
        .group_by(*by, "category")
        .agg(
            pl.col("price_cents", "capped_cents").sum(),
            repayment=pl.when(pl.col("repayment_price_cents").is_not_null().any()).then(
                pl.col("repayment_price_cents").sum()
            ),
        )
        .sort("category")
    )
    amounts: dict[Key, list[CategoryAmounts]] = {}
    repayment: dict[Key, int] = {}
    for kind, party, settled_category, category, target, actual, owed in sums.iter_rows():
        volume = None if known is None else known.get((party, category), 0)
        key = (kind, party, settled_category)
        amounts.setdefault(key, []).append(CategoryAmounts(category, target, actual, volume))
        if owed is not None:
            repayment[key] = repayment.get(key, 0) + owed
    for kind, party, settled_category, number, unpriced in counted.iter_rows():
        key = (kind, party, settled_category)
        yield key, number, unpriced, amounts.get(key, []), repayment.get(key)


def _keyed(episodes: pl.DataFrame, apart: bool) -> pl.DataFrame:
    """The episodes with the category they are settled in; null where all categories of a party go together."""
    return episodes.with_columns(
        settled_category=pl.col("category") if apart else pl.lit(None, dtype=pl.String),
    )


def _carried_back(
    program: Program, episodes: pl.DataFrame, settled: Mapping[Key, SettledAmount], apart: bool
) -> pl.DataFrame:
    """The episodes with settled_cents: what of the party's amount falls on each, in proportion to its difference.

    What quality and limits did to the party as a whole is so carried back to episodes, and with them to categories,
    to the cent (largest remainder). Null where the programme does not, or nothing is priced.
    """
    rule = program.settlement.carried_back
    if rule is None or not rule.value:
        return episodes.with_columns(settled_cents=pl.lit(None, dtype=pl.Int64))
    placed = _keyed(episodes, apart).with_row_index("place")
    parts: list[tuple[int, int]] = []
    priced = placed.filter(pl.col("difference_cents").is_not_null())
    by = ["party_kind", "party_id", "settled_category"]
    for key, own in priced.group_by(by, maintain_order=True):
        differences = own["difference_cents"].to_list()
        amount = settled[str(key[0]), str(key[1]), None if key[2] is None else str(key[2])].amount_cents
        if sum(differences) == 0 != amount:
            raise BalanceError("An amount cannot be carried back to episodes whose differences sum to zero.")
        parts += zip(own["place"].to_list(), scale_parts(differences, amount), strict=True)
    carried = pl.DataFrame(parts, schema={"place": pl.UInt32, "settled_cents": pl.Int64}, orient="row")
    return placed.join(carried, on="place", how="left", maintain_order="left").drop("place", "settled_category")


def _check_balance(episodes: pl.DataFrame, settled: Mapping[Key, SettledAmount], apart: bool) -> None:
    """Episode differences sum to the amount before the first step, and the steps' changes to the rest."""
    by = ["party_kind", "party_id", "settled_category"]
    sums = {
        (kind, party, category): total
        for kind, party, category, total in _keyed(episodes, apart)
        .group_by(by)
        .agg(pl.col("difference_cents").sum())
        .iter_rows()
    }
    wrong = 0
    for key, amount in settled.items():
        reached = amount.start_cents + sum(record.change_cents for record in amount.records)
        wrong += sums[key] != amount.start_cents or reached != amount.amount_cents
    if wrong or sums.keys() != settled.keys():
        raise BalanceError(
            f"{count_of(wrong, 'party', 'parties')} of {len(sums)} settle another amount than their episodes sum to. "
            "This is a fault of the library: please report it."
        )
