"""The complication measures of hip and knee replacement episodes: one for each kind, and one for any of them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from episodes.outcomes.complications import complication_cohort, complication_events
from episodes.outcomes.outcome_rows import Material, rows


def complication_measures(material: Material) -> Iterator[pl.DataFrame]:
    """Rows of `outcomes` of complication_any and one measure a kind.

    Asked of episodes whose anchor is a hip or knee replacement by its code; those outside the measure's cohort have the
    reason and no event.
    """
    rule = material.rules.complications
    asked = material.index.filter(pl.col("anchor_code").is_in(list(rule.anchors.value)))
    cohort = complication_cohort(asked, material.stays, material.rules, material.lists)
    events = complication_events(cohort, material.stays, material.rules, material.lists)
    first = events.sort("index_id", "event_date", "kind").unique("index_id", keep="first", maintain_order=True)
    windows = rule.days.value
    yield _measure(material, cohort, first.with_columns(said="kind"), "complication_any", max(windows.values()))
    for kind, days in windows.items():
        own = events.filter(pl.col("kind") == kind).with_columns(said="found_in")
        yield _measure(material, cohort, own, f"complication_{kind}", days)


def _measure(material: Material, cohort: pl.DataFrame, events: pl.DataFrame, measure: str, days: int) -> pl.DataFrame:
    unknown = material.unknown_until(pl.col("admission").dt.offset_by(f"{days}d"))
    asked = pl.col("_why_not").is_null()
    needs_poa = measure != "complication_death"
    half_seen = pl.when(~pl.col("poa_known") & pl.lit(needs_poa)).then(pl.lit("present_on_admission_unknown"))
    measured = (
        cohort.with_columns(_why_not=pl.coalesce("reason", pl.when(unknown).then(pl.lit("follow_up_incomplete"))))
        .drop("reason")
        .join(
            events.select("index_id", "event_date", "event_claim_id", "days", "said"),
            on="index_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.when(asked).then(pl.col("event_date", "event_claim_id", "days")),
            event=pl.when(asked).then(pl.col("event_date").is_not_null()),
            reason=pl.coalesce("_why_not", "said", half_seen),
        )
    )
    return rows(measured, measure)
