"""Anchors that are professional lines: the surgeon's claim, with the facility stay or visit it was rendered in.

State episodes of care (Tennessee: total joint replacement) trigger on the professional claim.
"""

from __future__ import annotations

import polars as pl

from episodes.building.context import Context
from episodes.building.inpatient_anchors import anchor_codes
from episodes.building.outpatient_anchors import best_first, diagnoses_of_line
from episodes.building.provider_types import with_provider_columns
from episodes.building.sources import Source
from episodes.building.stays import inner_stays


def professional_anchors(source: Source, stays: pl.DataFrame, context: Context) -> pl.DataFrame:
    """One candidate a facility stay, or a person and day outside stays; its trigger is the best of the lines there.

    The anchor's dates are those of the inpatient stay that holds the day of service, else the day itself. Columns added
    to those of anchors: facility_claim (ordinal, null = none), facility_is_stay.
    """
    rules = context.program.rules.construction.anchors.professional
    if rules is None:
        return pl.DataFrame()
    codes = anchor_codes(context, "professional")
    lines = source.lines_with_codes(codes["code"].unique().to_list(), ("professional",))
    assisting = pl.col("modifiers").list.eval(pl.element().is_in(list(rules.not_modifiers.value))).list.any()
    triggers = (
        lines.filter(~assisting.fill_null(False))
        .with_columns(service_date=pl.coalesce("service_date", "from_date"))
        .join(codes, left_on="hcpcs", right_on="code", how="inner")
    )
    if triggers.is_empty():
        return pl.DataFrame()
    placed = _with_facility(triggers, source, inner_stays(stays), context)
    best = (
        best_first(placed, context)
        .with_columns(_stay=pl.when("facility_is_stay").then("facility_claim"))
        .unique(["person", "anchor_start", "_stay"], keep="first", maintain_order=True)
    )
    return with_provider_columns(best).with_columns(
        anchor_setting=pl.lit("professional"),
        anchor_claim_id="claim_id",
        anchor_line_number="line_number",
        anchor_code="hcpcs",
        anchor_ccn="ccn",
        first_leg_end="anchor_end",
        operating_npi="rendering_npi",
        transfers=pl.lit(0, dtype=pl.Int32),
        anchor_diagnoses=diagnoses_of_line(),
    )


_FACILITY = ("ccn", "provider_type", "discharge_status", "attending_npi")


def _with_facility(triggers: pl.DataFrame, source: Source, stays: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Trigger lines with their facility's number, dates and discharge.

    Of several stays that hold the day the latest, then the shortest; of several visits one with the trigger's own code,
    then the dearest of the day.
    """
    numbered = triggers.drop(*_FACILITY).with_row_index("_trigger")
    wanted = numbered.select("_trigger", "person", "service_date", _code="hcpcs")
    order = context.claim_order()
    in_stay = (
        wanted.join(
            stays.select(
                "person",
                "stay_start",
                "stay_end",
                "claim_id",
                *_FACILITY,
                facility_claim="claim",
                payer_cents="primary_payer_paid_cents",
                _order=order,
            ),
            on="person",
            how="inner",
        )
        .filter(pl.col("service_date").is_between("stay_start", "stay_end"))
        .sort("_trigger", "stay_start", "stay_end", "_order", "claim_id", descending=[False, True, False, False, False])
        .unique("_trigger", keep="first", maintain_order=True)
        .with_columns(facility_is_stay=pl.lit(True))
    )
    visits = source.outpatient_days(numbered["person"].unique())
    visited = (
        wanted.join(in_stay, on="_trigger", how="anti")
        .join(visits.with_columns(_order=order), on=["person", "service_date"], how="inner")
        .sort(
            "_trigger",
            pl.col("hcpcs").list.contains(pl.col("_code")),
            "cents",
            "_order",
            "claim_id",
            descending=[False, True, True, False, False],
        )
        .unique("_trigger", keep="first", maintain_order=True)
        .with_columns(
            facility_claim="claim", stay_start="service_date", stay_end="service_date", facility_is_stay=pl.lit(False)
        )
    )
    columns = ("_trigger", "facility_claim", "facility_is_stay", "stay_start", "stay_end", "payer_cents", *_FACILITY)
    return (
        numbered.join(
            pl.concat([in_stay.select(columns), visited.select(columns)]),
            on="_trigger",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            anchor_start=pl.coalesce("stay_start", "service_date"),
            anchor_end=pl.coalesce("stay_end", "service_date"),
            primary_payer_paid_cents=pl.col("primary_payer_paid_cents").fill_null(0)
            + pl.col("payer_cents").fill_null(0),
        )
        .drop("_trigger", "stay_start", "stay_end", "payer_cents")
    )
