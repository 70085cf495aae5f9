"""Reconciliation of a performance year: episodes against target prices, settled hospital by hospital.

Every final episode of a participating hospital is kept in the result. One without a target price, or whose
hospital lies in no region, says so in `reason`, is counted, and is not settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import ArgumentError, BalanceError, PriceError, ProgramError, count_of
from episodes.money import dollars
from episodes.pricing.caps import cap_by_cell
from episodes.pricing.checks import with_columns
from episodes.pricing.price_files import check_same_construction, check_same_program
from episodes.pricing.regions import NO_REGION, with_region
from episodes.pricing.target_prices import TargetPrices
from episodes.programs import Program
from episodes.reconciliation.notes import notes_of
from episodes.reconciliation.post_episode import hospital_excesses
from episodes.reconciliation.quality import combine, hospital_scores
from episodes.reconciliation.settle import (
    STEP_SCHEMA,
    SettledAmount,
    settle_amounts,
)
from episodes.reconciliation.steps import CategoryAmounts

NO_TARGET_PRICE = "no_target_price"
"""Reason code of an episode whose price code has no target price in its region."""

_EPISODES_READ = (
    "episode_id",
    "category",
    "anchor_setting",
    "price_code",
    "anchor_ccn",
    "participating",
    "status",
    "episode_cents",
    "post_episode_cents",
)

_EPISODES_SHOWN = (
    "episode_id",
    "anchor_ccn",
    "category",
    "price_code",
    "region",
    "price_cents",
    "actual_cents",
    "capped_cents",
    "cut_cents",
    "difference_cents",
    "reason",
    "post_episode_cents",
)

_PARTY_SCHEMA = {
    "party_kind": pl.String,
    "party_id": pl.String,
    "convener_id": pl.String,
    "name": pl.String,
    "track": pl.String,
    "performance_year": pl.String,
    "episodes": pl.Int64,
    "unpriced_episodes": pl.Int64,
    "target_cents": pl.Int64,
    "actual_cents": pl.Int64,
    "difference_cents": pl.Int64,
    "low_volume_effect_cents": pl.Int64,
    "quality_score": pl.Float64,
    "quality_status": pl.String,
    "quality_effect_cents": pl.Int64,
    "limit_effect_cents": pl.Int64,
    "downside_waiver_cents": pl.Int64,
    "post_episode_excess_cents": pl.Int64,
    "post_episode_effect_cents": pl.Int64,
    "amount_cents": pl.Int64,
    "outcome": pl.String,
}

_STEP_OF_COLUMN = {
    "low_volume_effect_cents": "low_volume_floor",
    "quality_effect_cents": "quality_adjustment",
    "limit_effect_cents": "limits",
    "downside_waiver_cents": "downside_waiver",
    "post_episode_effect_cents": "post_episode",
}


@dataclass(frozen=True)
class ReconciliationResult:
    """A reconciled performance year.

    Attributes:
        program: the programme of the performance year.
        basis: the amount basis of all cents.
        parties: one row a party: party_kind (hospital), party_id (CCN), convener_id, and the columns of
            `hospitals`.
        episodes: the final episodes of participating hospitals: price_cents (null: none), actual_cents,
            capped_cents + cut_cents = actual_cents, difference_cents = price_cents - capped_cents, reason
            (`no_target_price`, `no_region`, null).
        steps: party_kind, party_id, then the columns of `settle(...).steps`.
        open_rules: the rules that are not established or were overridden: rule, value, status, citation.
        notes: what a reader must know besides.
    """

    program: Program
    basis: str
    parties: pl.DataFrame
    episodes: pl.DataFrame
    steps: pl.DataFrame
    open_rules: list[dict[str, Any]]
    notes: tuple[str, ...] = ()

    @property
    def hospitals(self) -> pl.DataFrame:
        """The parties that are hospitals: ccn, name, track, counts, the money from target to amount, outcome.

        difference_cents plus the five `_effect_cents` and waiver columns is amount_cents (minus: owed);
        post_episode_excess_cents is the excess before a track without downside forgives any of it.
        """
        chosen = self.parties.filter(party_kind="hospital")
        return chosen.select(pl.col("party_id").alias("ccn"), pl.exclude("party_kind", "party_id", "convener_id"))

    def __repr__(self) -> str:
        shown = [
            "ccn",
            "track",
            "episodes",
            "unpriced_episodes",
            "difference_cents",
            "amount_cents",
            "outcome",
        ]
        return "\n".join([self._title(), str(self.hospitals.select(shown)), *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p>{self._title()}</p>{self.hospitals._repr_html_()}<ul>{notes}</ul>"

    def _title(self) -> str:
        total = int(self.parties.get_column("amount_cents").sum())
        return (
            f"Reconciliation: {self.program.id}, performance year {self.program.performance_year}, "
            f"{self.basis} basis, {count_of(self.parties.height, 'hospital')}, total {dollars(total)}, "
            f"{count_of(len(self.open_rules), 'rule')} open or overridden"
        )


def reconcile(
    built: BuiltEpisodes,
    prices: TargetPrices,
    quality: pl.DataFrame | None = None,
    hospitals: pl.DataFrame | None = None,
    track: str | int | Mapping[str, str | int] | None = None,
) -> ReconciliationResult:
    """Reconcile the episodes of a performance year against target prices.

    Args:
        built: the episodes of the performance year. Final episodes of participating hospitals are settled;
            caps and regional post-episode limits come from all final episodes.
        prices: target prices of the same programme, performance year and basis.
        quality: the quality table (ccn, measure, performance_year, percentile, volume); percentile is the
            scaled score; a measure without volume is weighed by the hospital's episodes. Default: that of
            `built`.
        hospitals: the hospitals table, for regions and names. Default: that of `built`.
        track: a track for all hospitals, or by CCN. Where not given: that of `built.participants`, else the
            programme's default.

    Returns:
        `ReconciliationResult`.

    Raises:
        PriceError: prices of another programme, performance year or basis.
        ArgumentError: an unknown track, or an unknown measure in `quality`.
        BalanceError: a cent was lost between episodes and settlement.

    Source: 42 CFR 512.550 for TEAM.

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
    listed = built.hospitals if hospitals is None else hospitals
    final = _against_prices(built, prices, listed)
    episodes = final.filter(pl.col("participating"))
    scores, quality_notes = hospital_scores(
        program,
        episodes,
        built.quality if quality is None else quality,
        only_known=quality is None,
    )
    terms = _Participants.of(built)
    _need_known_tracks(track, set(episodes["anchor_ccn"]))
    excess = hospital_excesses(program, episodes.filter(pl.col("reason").is_null()), final)
    amounts = _category_amounts(episodes, prices.volumes)
    names = _names(listed)

    rows: list[dict[str, Any]] = []
    steps: list[tuple[Any, ...]] = []
    settled_by: dict[str, SettledAmount] = {}
    counted = episodes.group_by("anchor_ccn").agg(pl.len(), unpriced=pl.col("reason").count()).sort("anchor_ccn")
    for ccn, number, unpriced in counted.iter_rows():
        score = scores.get(ccn) or combine(program, [])
        categories = amounts.get(ccn, [])
        settled = settle_amounts(
            program,
            track=terms.track_of(ccn, track),
            target_cents=sum(item.target_cents for item in categories),
            actual_cents=sum(item.actual_cents for item in categories),
            quality_score=score.exact if score.status == "known" else None,
            post_episode_excess_cents=excess.get(ccn, 0),
            categories=categories,
        )
        settled_by[ccn] = settled
        steps += [("hospital", ccn, *record.as_row()) for record in settled.records]
        rows.append(
            {
                "party_kind": "hospital",
                "party_id": ccn,
                "convener_id": terms.conveners.get(ccn),
                "name": names.get(ccn),
                "track": settled.track,
                "performance_year": program.performance_year,
                "episodes": number,
                "unpriced_episodes": unpriced,
                "target_cents": sum(item.target_cents for item in categories),
                "actual_cents": sum(item.actual_cents for item in categories),
                "difference_cents": settled.start_cents,
                **{column: settled.change_of(step) for column, step in _STEP_OF_COLUMN.items()},
                "quality_score": score.score,
                "quality_status": score.status,
                "post_episode_excess_cents": excess.get(ccn, 0),
                "amount_cents": settled.amount_cents,
                "outcome": _outcome(settled.amount_cents),
            }
        )
    _check_balance(episodes, settled_by)
    return ReconciliationResult(
        program=program,
        basis=built.basis,
        parties=pl.DataFrame(rows, schema=_PARTY_SCHEMA),
        episodes=episodes.select(_EPISODES_SHOWN),
        steps=pl.DataFrame(steps, schema={"party_kind": pl.String, "party_id": pl.String, **STEP_SCHEMA}, orient="row"),
        open_rules=program.open_rules(),
        notes=(*notes_of(built, prices, final), *quality_notes),
    )


def _against_prices(built: BuiltEpisodes, prices: TargetPrices, hospitals: pl.DataFrame) -> pl.DataFrame:
    """All final episodes with region, capped actual spending, price, difference and reason."""
    cap = built.program.price.cap
    as_text = pl.col("category", "anchor_setting", "price_code", "anchor_ccn").cast(pl.String)
    final = (
        with_columns(built.episodes, "episodes", _EPISODES_READ)
        .filter(status="final")
        .select(_EPISODES_READ)
        .with_columns(as_text)
        .rename({"episode_cents": "actual_cents"})
        .sort("episode_id")
    )
    capped = cap_by_cell(
        with_region(final, hospitals),
        "actual_cents",
        ["price_code", "region"],
        method=cap.method.value,
        upper_percentile=cap.upper_percentile.value,
    )
    no_region = pl.col("region").is_null()
    price_of_cell = prices.prices.select(
        pl.col("price_code").cast(pl.String), pl.col("region").cast(pl.Int32), "price_cents"
    )
    repeated = price_of_cell.height - price_of_cell.unique(["price_code", "region"]).height
    if repeated:
        raise PriceError(
            f"The prices repeat {count_of(repeated, 'cell')}: an episode would have two targets. "
            "Keep one price a price code and region."
        )
    return (
        capped.with_columns(
            capped_cents=pl.when(no_region).then("actual_cents").otherwise("capped_cents"),
            cut_cents=pl.when(no_region).then(0).otherwise("cut_cents"),
        )
        .join(price_of_cell, on=["price_code", "region"], how="left", maintain_order="left")
        .with_columns(
            difference_cents=pl.col("price_cents") - pl.col("capped_cents"),
            reason=pl.when(no_region)
            .then(pl.lit(NO_REGION))
            .when(pl.col("price_cents").is_null())
            .then(pl.lit(NO_TARGET_PRICE)),
        )
    )


def _category_amounts(episodes: pl.DataFrame, volumes: pl.DataFrame | None) -> dict[str, list[CategoryAmounts]]:
    """Target and capped actual spending of the priced episodes by hospital and category."""
    known = None if volumes is None else {(ccn, category): n for ccn, category, n in volumes.iter_rows()}
    sums = (
        episodes.filter(pl.col("reason").is_null())
        .group_by("anchor_ccn", "category")
        .agg(pl.col("price_cents", "capped_cents").sum())
        .sort("anchor_ccn", "category")
    )
    found: dict[str, list[CategoryAmounts]] = {}
    for ccn, category, target, actual in sums.iter_rows():
        volume = None if known is None else known.get((ccn, category), 0)
        found.setdefault(ccn, []).append(CategoryAmounts(category, target, actual, volume))
    return found


@dataclass(frozen=True)
class _Participants:
    """Tracks and conveners of the participants table, and the programme's default."""

    program: Program
    tracks: Mapping[str, str]
    conveners: Mapping[str, str]

    @classmethod
    def of(cls, built: BuiltEpisodes) -> _Participants:
        start, end = built.program.period
        rows = built.participants.filter(
            pl.col("program") == built.program.id,
            pl.col("entity_kind").cast(pl.String) == "hospital",
            pl.col("start_date").is_null() | (pl.col("start_date") <= end),
            pl.col("end_date").is_null() | (pl.col("end_date") >= start),
        )
        return cls(built.program, _one_each(rows, "track"), _one_each(rows, "convener_id"))

    def track_of(self, ccn: str, asked: str | int | Mapping[str, str | int] | None) -> str:
        wanted = asked.get(ccn) if isinstance(asked, Mapping) else asked
        if wanted is not None:
            return str(wanted)
        return self.tracks.get(ccn, self.program.settlement.default_track.value)


def _one_each(rows: pl.DataFrame, column: str) -> dict[str, str]:
    named = rows.filter(pl.col(column).is_not_null()).select("entity_id", column).unique().sort("entity_id")
    repeated = named.height - named.get_column("entity_id").n_unique()
    if repeated:
        raise ProgramError(
            f"The participants table gives {count_of(repeated, 'hospital')} more than one {column} in the "
            "period. Give one a hospital, or dates that tell them apart."
        )
    return dict(named.iter_rows())


def _names(hospitals: pl.DataFrame) -> dict[str, str]:
    listed = with_columns(hospitals, "hospitals", ["ccn"], {"name": pl.String, "start_date": pl.Date})
    named = listed.filter(pl.col("name").is_not_null()).sort("ccn", "start_date", "name", nulls_last=False)
    return dict(named.select("ccn", "name").iter_rows())


def _need_known_tracks(track: str | int | Mapping[str, str | int] | None, hospitals: set[str]) -> None:
    if not isinstance(track, Mapping):
        return
    unknown = sorted(set(track) - hospitals)
    if unknown:
        raise ArgumentError(
            f"Tracks are given for {count_of(len(unknown), 'hospital')} without an episode to settle: "
            f"{', '.join(unknown[:5])}. Give the CCN of a participating hospital, six characters."
        )


def _outcome(amount_cents: int) -> str:
    if amount_cents == 0:
        return "none"
    return "payment" if amount_cents > 0 else "repayment"


def _check_balance(episodes: pl.DataFrame, settled: Mapping[str, SettledAmount]) -> None:
    """Episode differences sum to the amount before the first step, and the steps' changes to the rest."""
    sums = dict(episodes.group_by("anchor_ccn").agg(pl.col("difference_cents").sum()).iter_rows())
    wrong = 0
    for ccn, amount in settled.items():
        reached = amount.start_cents + sum(record.change_cents for record in amount.records)
        wrong += sums[ccn] != amount.start_cents or reached != amount.amount_cents
    if wrong or sums.keys() != settled.keys():
        raise BalanceError(
            f"{count_of(wrong, 'hospital')} of {len(sums)} settle another amount than their episodes sum to. "
            "This is a fault of the library: please report it."
        )
