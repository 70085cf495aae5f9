"""Anchors that are outpatient procedures: lines with a trigger HCPCS, one a person and day.

Regulation: TEAM 42 CFR 512.525; tie-breakers, APC and rank: CMS shadow-bundle programs, outpatient anchors.
"""

from __future__ import annotations

import polars as pl

from episodes.building.apc import with_apc
from episodes.building.context import Context
from episodes.building.inpatient_anchors import anchor_codes
from episodes.building.provider_types import with_provider_columns
from episodes.building.sources import Source


def outpatient_anchors(source: Source, context: Context) -> pl.DataFrame:
    """One candidate a person and day, the best of the day's trigger lines; the others are passed over."""
    anchors = context.program.rules.construction.anchors
    codes = anchor_codes(context, "outpatient")
    lines = source.lines_with_codes(codes["code"].unique().to_list(), ("outpatient",))
    triggers = lines.filter(pl.col("service_date").is_not_null()).join(
        codes, left_on="hcpcs", right_on="code", how="inner"
    )
    if anchors.positive_amount.value:
        triggers = triggers.filter(pl.col("amount") > 0)
    found = best_first(triggers, context)
    if anchors.one_outpatient_anchor_a_day.value:
        found = found.unique(["person", "service_date"], keep="first", maintain_order=True)
    dated = with_provider_columns(found).with_columns(
        anchor_setting=pl.lit("outpatient"),
        anchor_claim_id="claim_id",
        anchor_line_number="line_number",
        anchor_code="hcpcs",
        anchor_ccn="ccn",
        anchor_start="service_date",
        anchor_end="service_date",
        first_leg_end="service_date",
        transfers=pl.lit(0, dtype=pl.Int32),
        anchor_diagnoses=diagnoses_of_line(),
    )
    return with_apc(dated, source, context)


def procedures_that_may_trigger(context: Context) -> list[str]:
    """HCPCS of lines that may be anchors, outpatient and professional."""
    professional = context.program.rules.construction.anchors.professional
    codes = [anchor_codes(context, "outpatient"), *([anchor_codes(context, "professional")] if professional else [])]
    return pl.concat(codes)["code"].unique().sort().to_list()


def diagnoses_of_line() -> pl.Expr:
    """The diagnoses of a line's claim, and the line's own."""
    own = pl.concat_list(pl.col("diagnosis")).list.drop_nulls()
    return pl.concat_list(pl.col("diagnoses").fill_null([]), own)


def best_first(triggers: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Trigger lines by person and day, the one that counts first.

    Highest amount, then latest processing date, highest charge, lowest claim, lowest line; a missing value is lowest.
    """
    return (
        triggers.with_columns(_order=context.claim_order())
        .sort(
            "person",
            "service_date",
            "amount",
            "process_date",
            "charge_cents",
            "_order",
            "claim_id",
            "line_number",
            descending=[False, False, True, True, True, False, False, False],
            nulls_last=[False, False, True, True, True, False, False, False],
        )
        .drop("_order")
    )
