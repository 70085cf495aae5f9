"""What starts an episode: hospital stays, outpatient procedures, professional claims, and lead-ins that join two."""

from __future__ import annotations

import polars as pl

from episodes.building.context import Context
from episodes.building.inpatient_anchors import inpatient_anchors
from episodes.building.outpatient_anchors import outpatient_anchors
from episodes.building.professional_anchors import professional_anchors
from episodes.building.sources import Source
from episodes.building.stays import stays_in_chains, with_stay_columns

ANCHOR_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "person": pl.UInt32,
    "category": pl.String,
    "anchor_setting": pl.String,
    "claim": pl.UInt32,
    "anchor_claim_id": pl.String,
    "anchor_line_number": pl.Int32,
    "anchor_code": pl.String,
    "price_code": pl.String,
    "drg": pl.String,
    "mdc_of_stay": pl.String,
    "anchor_diagnoses": pl.List(pl.String),
    "anchor_ccn": pl.String,
    "kind_of_provider": pl.String,
    "provider_state": pl.String,
    "attending_npi": pl.String,
    "operating_npi": pl.String,
    "anchor_start": pl.Date,
    "anchor_end": pl.Date,
    "first_leg_end": pl.Date,
    "discharge_status": pl.String,
    "primary_payer_paid_cents": pl.Int64,
    "transfers": pl.Int32,
    "apc": pl.String,
    "complexity_adjusted": pl.Boolean,
    "highest_ranked": pl.Boolean,
    "chain": pl.UInt32,
    "lead_in_start": pl.Date,
    "facility_claim": pl.UInt32,
    "facility_is_stay": pl.Boolean,
}


def find_anchors(source: Source, context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candidate anchors of a bucket, and the stays of the bucket in chains.

    Returns:
        anchors: one row a candidate with `ANCHOR_COLUMNS`, lead-ins already merged.
        chained: the stays of `stays_in_chains`, whose `chain` the inpatient anchors name.
    """
    stays = with_stay_columns(source.stays(), context)
    chained = stays_in_chains(stays, context)
    inpatient = _columns(inpatient_anchors(chained, context))
    outpatient = _columns(outpatient_anchors(source, context))
    inpatient, outpatient = _merge_lead_ins(inpatient, outpatient, context)
    professional = _columns(professional_anchors(source, stays, context))
    return pl.concat([inpatient, outpatient, professional]), chained


def _columns(anchors: pl.DataFrame) -> pl.DataFrame:
    """Anchors of one kind with all columns; what a kind does not have is null."""
    return (
        anchors.select(
            (pl.col(name) if name in anchors.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in ANCHOR_COLUMNS.items()
        )
        if anchors.height
        else pl.DataFrame(schema=ANCHOR_COLUMNS)
    )


def _merge_lead_ins(
    inpatient: pl.DataFrame, outpatient: pl.DataFrame, context: Context
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An outpatient anchor shortly before an inpatient one of its category becomes the start of that episode."""
    rules = context.program.rules.construction.anchors
    days = rules.lead_in_days.value
    if days < 0 or inpatient.is_empty() or outpatient.is_empty():
        return inpatient, outpatient
    key = ["person", "category"] if rules.lead_in_same_category.value else ["person"]
    before = (pl.col("anchor_start") - pl.col("procedure_date")).dt.total_days()
    pairs = (
        outpatient.select(*key, "claim", "anchor_line_number", procedure_date="anchor_start")
        .join(inpatient.select(*key, "chain", "anchor_start", "anchor_claim_id"), on=key, how="inner")
        .filter(before.is_between(0, days))
        .with_columns(_order=context.claim_order("anchor_claim_id"))
        .sort("anchor_start", "_order", "anchor_claim_id")
        .unique(["claim", "anchor_line_number"], keep="first", maintain_order=True)
    )
    starts = pairs.group_by("chain").agg(_lead_in=pl.col("procedure_date").min())
    merged = (
        inpatient.join(starts, on="chain", how="left", maintain_order="left")
        .with_columns(lead_in_start="_lead_in")
        .drop("_lead_in")
    )
    left = outpatient.join(pairs, on=["claim", "anchor_line_number"], how="anti", maintain_order="left")
    return merged, left
