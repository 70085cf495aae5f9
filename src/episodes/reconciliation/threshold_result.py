"""Settlement of all providers of a state programme: episodes grouped by accountable provider and category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import ArgumentError, count_of
from episodes.pricing.caps import cap_with_rules
from episodes.pricing.checks import with_columns
from episodes.pricing.price_files import check_same_program
from episodes.pricing.target_prices import TargetPrices
from episodes.programs import Program
from episodes.reconciliation.parties import owners_of
from episodes.reconciliation.result import outcome_of
from episodes.reconciliation.settle import STEP_SCHEMA
from episodes.reconciliation.thresholds import settle_thresholds

_PARTY_SCHEMA = {
    "party_kind": pl.String,
    "party_id": pl.String,
    "category": pl.String,
    "episodes": pl.Int64,
    "cost_cents": pl.Int64,
    "mean_cents": pl.Int64,
    "commendable_cents": pl.Int64,
    "acceptable_cents": pl.Int64,
    "gain_limit_cents": pl.Int64,
    "quality_passed": pl.Boolean,
    "amount_cents": pl.Int64,
    "outcome": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class ThresholdResult:
    """The settled providers of a state programme.

    Attributes:
        program: the programme.
        parties: one row a provider and category: party_kind, party_id, category, episodes, cost_cents, mean_cents
            (risk-adjusted), the thresholds, quality_passed, amount_cents (minus: owed), outcome, reason.
        steps: party_kind, party_id, category, then the columns of `settle_thresholds(...).steps`.
        notes: what was assumed.
    """

    program: Program
    parties: pl.DataFrame
    steps: pl.DataFrame
    open_rules: list[dict[str, Any]]
    notes: tuple[str, ...] = ()


def reconcile_thresholds(
    built: BuiltEpisodes,
    thresholds: TargetPrices | pl.DataFrame,
    attributed: pl.DataFrame | None = None,
    *,
    risk_weights: pl.DataFrame | None = None,
    quality: pl.DataFrame | None = None,
) -> ThresholdResult:
    """Settle the final episodes of each accountable provider against thresholds.

    Args:
        built: episodes of a programme that settles by thresholds.
        thresholds: from `target_prices`, or a frame: category, commendable_cents, acceptable_cents,
            gain_limit_cents.
        attributed: episode_id, party_kind, party_id: the accountable provider of each episode. None: who owns it by
            the programme's own method in the attribution of `built`.
        risk_weights: episode_id, risk_weight; default 1 for every episode, and a note says so.
        quality: party_id, quality_passed; a provider that is not in it has not passed, and a note says so.

    Raises:
        ArgumentError: a category without thresholds, an episode attributed twice, or no attribution at all.
    """
    program = built.program
    names = ["category", "commendable_cents", "acceptable_cents", "gain_limit_cents"]
    if isinstance(thresholds, TargetPrices):
        check_same_program(thresholds, program, built.basis)
        thresholds = thresholds.prices
    listed = with_columns(thresholds, "thresholds", names).filter(pl.col("commendable_cents").is_not_null())
    by_category = {str(row["category"]): row for row in listed.iter_rows(named=True)}
    columns = ["episode_id", "party_kind", "party_id"]
    owners = with_columns(_known(attributed, built), "attribution", columns)
    owners = owners.select(pl.col(columns).cast(pl.String)).unique()
    if owners["episode_id"].n_unique() != owners.height:
        raise ArgumentError("An episode is attributed to more than one provider. Give the accountable one only.")
    notes = []
    final = built.final().select("episode_id", pl.col("category").cast(pl.String), "episode_cents")
    if program.rules.price is not None:
        final = cap_with_rules(final, "episode_cents", ["category"], program.rules.price.cap).with_columns(
            episode_cents="capped_cents"
        )
    owned = final.join(owners, on="episode_id", how="inner").sort("episode_id")
    if owned.height < final.height:
        notes.append(f"{count_of(final.height - owned.height, 'final episode')} attributed to nobody: not settled.")
    if risk_weights is None:
        notes.append("No risk weights are given: every episode weighs 1.")
        owned = owned.with_columns(risk_weight=pl.lit(1.0))
    else:
        weights = with_columns(risk_weights, "risk_weights", ["episode_id", "risk_weight"])
        owned = owned.join(weights.select("episode_id", "risk_weight"), on="episode_id", how="left")
        if lacking := owned["risk_weight"].null_count():
            raise ArgumentError(f"{count_of(lacking, 'episode')} without a risk weight. Give one for each.")
    lacking_terms = sorted(set(owned["category"]) - set(by_category))
    if lacking_terms:
        raise ArgumentError(f"There are no thresholds for {', '.join(lacking_terms)}. Give a row for each category.")
    passed: dict[str, bool] = {}
    if quality is not None:
        told = with_columns(quality, "quality", ["party_id", "quality_passed"])
        passed = dict(told.select(pl.col("party_id").cast(pl.String), "quality_passed").iter_rows())
    unknown = set(owned["party_id"]) - set(passed)
    if unknown:
        notes.append(f"Quality of {count_of(len(unknown), 'provider')} is not known: taken as not passed, no gain.")
    rows, steps = [], []
    keys = ["party_kind", "party_id", "category"]
    for key, own in owned.sort(*keys, "episode_id").group_by(keys, maintain_order=True):
        kind, party, category = (str(part) for part in key)
        terms = {name: by_category[category][name] for name in names[1:]}
        quality_passed = bool(passed.get(party, False))
        settled = settle_thresholds(
            program,
            costs_cents=own["episode_cents"].to_list(),
            risk_weights=own["risk_weight"].to_list(),
            quality_passed=quality_passed,
            **terms,
        )
        steps += [(kind, party, category, *record.as_row()) for record in settled.records]
        rows.append(
            {
                **dict(zip(keys, (kind, party, category), strict=True)),
                "episodes": own.height,
                "cost_cents": int(own["episode_cents"].sum()),
                "mean_cents": settled.mean_cents,
                **terms,
                "quality_passed": quality_passed,
                "amount_cents": settled.amount_cents,
                "outcome": outcome_of(settled.amount_cents),
                "reason": settled.reason,
            }
        )
    step_schema = {"party_kind": pl.String, "party_id": pl.String, "category": pl.String, **STEP_SCHEMA}
    return ThresholdResult(
        program,
        pl.DataFrame(rows, schema=_PARTY_SCHEMA),
        pl.DataFrame(steps, schema=step_schema, orient="row"),
        program.open_rules(),
        tuple(notes),
    )


def _known(attributed: pl.DataFrame | None, built: BuiltEpisodes) -> pl.DataFrame:
    """Who answers for the episodes: as given, else by the programme's own method."""
    table = owners_of(built) if attributed is None else attributed
    if table is None:
        raise ArgumentError(
            "Nobody is said to answer for the episodes: build them with the table attribution by the programme's own "
            "method, or give attributed=, a row an episode."
        )
    return table
