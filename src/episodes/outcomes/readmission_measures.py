"""The readmission measures of episodes: within days of the discharge, and in the programme's own window."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from episodes.outcomes.outcome_rows import Material, rows
from episodes.outcomes.readmissions import first_of, first_readmissions


def readmission_measures(material: Material) -> Iterator[pl.DataFrame]:
    """Rows of `outcomes` of readmission_30, readmission_90 and readmission_window."""
    rule = material.rules.readmissions
    windows, first_day = rule.days.value, rule.first_day.value
    index = discharged_by(material)
    found = _first(material, first_day, max(windows.values()))
    returned = _first(material, 0, first_day - 1)["index_id"].to_list()
    same_day = pl.when(pl.col("index_id").is_in(returned)).then(pl.lit("same_day_return"))
    for measure, days in windows.items():
        within = found.filter(pl.col("days") <= days)
        why_not = material.why_not_followed(pl.col("discharge").dt.offset_by(f"{days}d"))
        yield rows(_judged(index, within, why_not, otherwise=same_day), measure)
    anchors = material.index.with_columns(last_status="anchor_status", discharge="anchor_end")
    why_not = material.why_not_followed(pl.col("scheduled_end"))
    yield rows(_judged(anchors, _in_window(material), why_not), "readmission_window")


def discharged_by(material: Material) -> pl.DataFrame:
    """The index with who answers for what follows the discharge: the last leg; of operations named in the rules, the
    first, which operated.
    """
    first = pl.col("anchor_code").is_in(list(material.rules.readmissions.first_hospital_anchors.value))
    return material.index.with_columns(
        attributed_ccn=pl.when(first).then("anchor_ccn").otherwise("ccn"),
        attributed_npi=pl.when(first)
        .then("anchor_npi")
        .otherwise(pl.coalesce("discharging_operating_npi", "discharging_attending_npi")),
    )


def _first(material: Material, first_day: int, last_day: int) -> pl.DataFrame:
    return first_readmissions(
        material.index,
        material.stays,
        material.claims,
        first_day=first_day,
        last_day=last_day,
        lists=material.lists,
    )


def _in_window(material: Material) -> pl.DataFrame:
    """The first acute stay in the window that the programme's own transfer rule did not join to the anchor."""
    admissions = material.stays.select(
        "beneficiary_id", "claim_id", "diagnoses", "procedures", "chain", "ccn", admission="stay_start"
    )
    windows = material.index.select(
        "index_id",
        "beneficiary_id",
        "anchor_claim_id",
        "anchor_end",
        "window_start",
        "episode_end",
        index_ccn="anchor_ccn",
    )
    pairs = (
        windows.join(admissions, on="beneficiary_id", how="inner")
        .filter(
            (pl.col("claim_id") != pl.col("anchor_claim_id"))
            & pl.col("admission").is_between("window_start", "episode_end")
        )
        .with_columns(days=(pl.col("admission") - pl.col("anchor_end")).dt.total_days().cast(pl.Int32))
    )
    return first_of(pairs, material.claims, material.lists)


def _judged(
    index: pl.DataFrame, found: pl.DataFrame, why_not: pl.Expr, otherwise: pl.Expr | None = None
) -> pl.DataFrame:
    """Event and reason: a planned readmission is no event; an undecided one is neither event nor none."""
    asked = pl.col("_why_not").is_null()
    unplanned = pl.when(pl.col("event_claim_id").is_null()).then(pl.lit(False)).otherwise(~pl.col("planned"))
    no_reason = pl.lit(None, dtype=pl.String) if otherwise is None else otherwise
    shown = found.select(
        "index_id", "days", "planned", "planned_reason", event_claim_id="claim_id", event_date="admission"
    )
    return (
        index.with_columns(_why_not=why_not)
        .join(shown, on="index_id", how="left", maintain_order="left")
        .with_columns(
            pl.when(asked).then(pl.col("days", "planned", "event_claim_id", "event_date")),
            event=pl.when(asked).then(unplanned),
            reason=pl.coalesce("_why_not", "planned_reason", no_reason),
        )
    )
