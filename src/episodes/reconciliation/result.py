"""What a reconciliation returns: parties, episodes and steps, and the views that add them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import count_of
from episodes.money import dollars
from episodes.programs import Program
from episodes.reconciliation.settle import STEP_SCHEMA
from episodes.reconciliation.steps import SettlementInput
from episodes.reconciliation.waterfall import Waterfall, waterfall_of

Key = tuple[str, str, str | None]
"""What is settled: kind and id of a party, and the category where categories are settled apart."""

EPISODES_SHOWN = (
    "episode_id",
    "party_kind",
    "party_id",
    "anchor_ccn",
    "category",
    "price_code",
    "region",
    "price_cents",
    "price_before_quality_cents",
    "repayment_price_cents",
    "actual_cents",
    "capped_cents",
    "cut_cents",
    "difference_cents",
    "settled_cents",
    "reason",
    "price_trend",
    "price_case_mix",
    "post_episode_cents",
)

STEP_OF_COLUMN = {
    "low_volume_effect_cents": "low_volume_floor",
    "repayment_price_effect_cents": "repayment_price",
    "payment_eligibility_effect_cents": "payment_eligibility",
    "quality_effect_cents": "quality_adjustment",
    "limit_effect_cents": "limits",
    "class_limit_effect_cents": "class_limits",
    "downside_waiver_cents": "downside_waiver",
    "earlier_amount_effect_cents": "earlier_amount",
    "post_episode_effect_cents": "post_episode",
    "shared_savings_effect_cents": "shared_savings_overlap",
    "prospective_effect_cents": "prospective_payment",
}
"""Columns of parties that hold what a step added, and the kind of step."""

PARTY_SCHEMA = {
    "party_kind": pl.String,
    "party_id": pl.String,
    "convener_id": pl.String,
    "name": pl.String,
    "category": pl.String,
    "track": pl.String,
    "performance_year": pl.String,
    "terms_of_year": pl.String,
    "episodes": pl.Int64,
    "unpriced_episodes": pl.Int64,
    "target_cents": pl.Int64,
    "actual_cents": pl.Int64,
    "difference_cents": pl.Int64,
    "quality_score": pl.Float64,
    "quality_status": pl.String,
    "quality_category": pl.String,
    "effective_discount": pl.Float64,
    **dict.fromkeys(STEP_OF_COLUMN, pl.Int64),
    "post_episode_excess_cents": pl.Int64,
    "amount_cents": pl.Int64,
    "outcome": pl.String,
}

RESULT_STEP_SCHEMA = {"party_kind": pl.String, "party_id": pl.String, "category": pl.String, **STEP_SCHEMA}


@dataclass(frozen=True)
class ReconciliationResult:
    """A reconciled performance year.

    Attributes:
        program: the programme of the performance year.
        basis: the amount basis of all cents.
        parties: one row a party: party_kind (hospital | group), party_id (CCN | TIN), convener_id, and the columns
            of `hospitals`; one a party and category where the programme settles categories apart. terms_of_year: the
            performance year whose terms of the track were used; another than performance_year is a what-if.
        episodes: the final episodes that parties settle: price_cents (after quality; null: none), actual_cents,
            capped_cents + cut_cents = actual_cents, difference_cents = price_cents - capped_cents, reason
            (`no_target_price`, `no_region`, null), settled_cents (what of the party's amount falls on it, where the
            programme carries amounts back to episodes).
        steps: party_kind, party_id, category, then the columns of `settle(...).steps`.
        open_rules: the rules that are not established or were overridden: rule, value, status, citation.
        notes: what a reader must know besides.
        built: the episodes that were reconciled.
        inputs: what was settled, by kind and id of the party and the category settled apart (None: all together);
            true-ups and audits settle again from it.
    """

    program: Program
    basis: str
    parties: pl.DataFrame
    episodes: pl.DataFrame
    steps: pl.DataFrame
    open_rules: list[dict[str, Any]]
    notes: tuple[str, ...] = ()
    built: BuiltEpisodes | None = field(default=None, repr=False)
    inputs: Mapping[Key, SettlementInput] = field(default_factory=dict, repr=False)

    @property
    def hospitals(self) -> pl.DataFrame:
        """The parties that are hospitals: ccn, name, track, counts, the money from target to amount, outcome.

        difference_cents plus the `_effect_cents` and waiver columns is amount_cents (minus: owed);
        post_episode_excess_cents is the excess before a track without downside forgives any of it.
        """
        chosen = self.parties.filter(party_kind="hospital")
        return chosen.select(pl.col("party_id").alias("ccn"), pl.exclude("party_kind", "party_id", "convener_id"))

    @property
    def conveners(self) -> pl.DataFrame:
        """One row a convener: its parties' amounts added up. A party without one settles by itself and has no row.

        convener_id, parties, episodes, target_cents, actual_cents, difference_cents, amount_cents, outcome.
        """
        sums = [
            pl.col("party_id").n_unique().cast(pl.Int64).alias("parties"),
            pl.col("episodes", "target_cents", "actual_cents", "difference_cents", "amount_cents").sum(),
        ]
        return (
            self.parties.filter(pl.col("convener_id").is_not_null())
            .group_by("convener_id")
            .agg(sums)
            .sort("convener_id")
            .with_columns(outcome=pl.col("amount_cents").map_elements(outcome_of, return_dtype=pl.String))
        )

    @property
    def categories(self) -> pl.DataFrame:
        """One row a party and category of its settled episodes: where the difference was won and lost.

        party_kind, party_id, category, episodes, target_cents, actual_cents, difference_cents, settled_cents (null
        where amounts are not carried back). difference_cents sums to that of the party.
        """
        return (
            self.episodes.filter(pl.col("reason").is_null())
            .group_by("party_kind", "party_id", "category")
            .agg(
                pl.len().cast(pl.Int64).alias("episodes"),
                target_cents=pl.col("price_cents").sum(),
                actual_cents=pl.col("capped_cents").sum(),
                difference_cents=pl.col("difference_cents").sum(),
                settled_cents=pl.when(pl.col("settled_cents").is_not_null().any()).then(pl.col("settled_cents").sum()),
            )
            .sort("party_kind", "party_id", "category")
        )

    def waterfall(self, party_id: str, category: str | None = None) -> Waterfall:
        """How one party's target and spending became its amount: prints well, `.rows`, `.to_dict()`.

        Args:
            party_id: CCN or TIN of a party.
            category: which settlement, where the programme settles categories apart.

        Raises:
            ArgumentError: an unknown party.
        """
        return waterfall_of(self.program, self.parties, self.steps, party_id, category)

    def __repr__(self) -> str:
        shown = ["party_id", "track", "episodes", "unpriced_episodes", "difference_cents", "amount_cents", "outcome"]
        return "\n".join([self._title(), str(self.parties.select(shown)), *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p>{self._title()}</p>{self.parties._repr_html_()}<ul>{notes}</ul>"

    def _title(self) -> str:
        total = int(self.parties.get_column("amount_cents").sum())
        hospitals = self.parties.filter(party_kind="hospital")["party_id"].n_unique()
        groups = self.parties.filter(party_kind="group")["party_id"].n_unique()
        parties = count_of(hospitals, "hospital") + (f" and {count_of(groups, 'group')}" if groups else "")
        return (
            f"Reconciliation: {self.program.id}, performance year {self.program.performance_year}, "
            f"{self.basis} basis, {parties}, total {dollars(total)}, "
            f"{count_of(len(self.open_rules), 'rule')} open or overridden"
        )


def outcome_of(amount_cents: int) -> str:
    """What an amount is called: `payment`, `repayment` or `none`."""
    if amount_cents == 0:
        return "none"
    return "payment" if amount_cents > 0 else "repayment"
