"""The table of outcomes: its columns, what every measure is made from, and how a measure becomes rows of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from episodes.outcomes.planned import PlannedLists
from episodes.outcomes.rules import OutcomeRules

OUTCOME_SCHEMA: dict[str, type[pl.DataType]] = {
    "episode_id": pl.String,
    "measure": pl.String,
    "event": pl.Boolean,
    "value": pl.Float64,
    "event_date": pl.Date,
    "event_claim_id": pl.String,
    "days": pl.Int32,
    "planned": pl.Boolean,
    "reason": pl.String,
    "attributed_ccn": pl.String,
    "attributed_npi": pl.String,
}
"""Columns of `outcomes`, one row an episode and measure that is asked of it."""


@dataclass(frozen=True)
class Material:
    """What the measures of one bucket of people are made from.

    Attributes:
        index: one row an episode (`episode_index`).
        stays: acute stays in chains (`acute_stays`).
        inpatient: inpatient stays of every kind (`inpatient_stays`).
        claims, lines: canonical tables of the people.
        rules, lists: of the measures, and of the planned readmission algorithm.
        complete_through: the last day that the claims are known of; None: complete.
    """

    index: pl.DataFrame
    stays: pl.DataFrame
    inpatient: pl.DataFrame
    claims: pl.DataFrame
    lines: pl.DataFrame
    rules: OutcomeRules
    lists: PlannedLists
    complete_through: dt.date | None

    def unknown_until(self, last_day: pl.Expr) -> pl.Expr:
        """Whether the claims end before a window does, of a person who is not known to have died in it."""
        if self.complete_through is None:
            return pl.lit(False)
        known = pl.lit(self.complete_through)
        return (last_day > known) & ~(pl.col("death_date") <= known).fill_null(False)

    def why_not_followed(self, last_day: pl.Expr) -> pl.Expr:
        """Why nothing can follow a discharge, or what follows is not known (null: it is asked)."""
        status = pl.col("last_status")
        died = status.is_in(list(self.rules.stays.died.value))
        dead_by_date = status.is_null() & (pl.col("death_date") <= pl.col("discharge"))
        against_advice = status.is_in(list(self.rules.stays.left_against_advice.value))
        return (
            pl.when(died | dead_by_date)
            .then(pl.lit("died_in_stay"))
            .when(against_advice)
            .then(pl.lit("left_against_advice"))
            .when(self.unknown_until(last_day))
            .then(pl.lit("follow_up_incomplete"))
        )


def rows(measured: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Rows of `outcomes` of one measure, from a frame with index_id; columns that it does not have are null.

    Attributed to the hospital and physician of the anchor (anchor_ccn, anchor_npi) where the frame says nothing else.
    """
    given = {
        "episode_id": "index_id",
        "attributed_ccn": "anchor_ccn",
        "attributed_npi": "anchor_npi",
    } | {name: name for name in OUTCOME_SCHEMA if name in measured.columns}
    return measured.select(
        pl.lit(measure).alias(name)
        if name == "measure"
        else (pl.col(given[name]) if name in given else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in OUTCOME_SCHEMA.items()
    )
