"""What starts an episode: inpatient stays by DRG, outpatient procedures by HCPCS, and the lead-in that joins the two.

Regulation: TEAM 42 CFR 512.525; the codes stand in the programme's anchor table, DRGs billed in other years in its
DRG map.
"""

from __future__ import annotations

import polars as pl

from episodes.building.context import Context
from episodes.building.items import basis_amount
from episodes.building.provider_types import with_provider_columns
from episodes.building.stays import stays_in_chains
from episodes.programs.code_tables import load_codes

ANCHOR_COLUMNS = {
    "beneficiary_id": pl.String,
    "category": pl.String,
    "anchor_setting": pl.String,
    "anchor_claim_id": pl.String,
    "anchor_line_number": pl.Int32,
    "anchor_code": pl.String,
    "price_code": pl.String,
    "anchor_ccn": pl.String,
    "kind_of_provider": pl.String,
    "provider_state": pl.String,
    "attending_npi": pl.String,
    "operating_npi": pl.String,
    "anchor_start": pl.Date,
    "anchor_end": pl.Date,
    "discharge_status": pl.String,
    "primary_payer_paid_cents": pl.Int64,
    "transfers": pl.Int32,
    "apc": pl.String,
    "chain": pl.UInt32,
    "lead_in_start": pl.Date,
}


def find_anchors(claims: pl.DataFrame, lines: pl.DataFrame, context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candidate anchors of a bucket, and the legs that belong to the inpatient ones.

    Returns:
        anchors: one row a candidate with `ANCHOR_COLUMNS`, lead-ins already merged.
        legs: beneficiary_id, claim_id, chain: every leg of an anchor chain.
    """
    stays = stays_in_chains(claims, context)
    inpatient = _inpatient_anchors(stays, context)
    outpatient = _outpatient_anchors(claims, lines, context)
    inpatient, outpatient = _merge_lead_ins(inpatient, outpatient, context)
    anchors = pl.concat([inpatient.select(list(ANCHOR_COLUMNS)), outpatient.select(list(ANCHOR_COLUMNS))])
    legs = stays.join(inpatient.select("chain"), on="chain", how="semi").select("beneficiary_id", "claim_id", "chain")
    return anchors, legs


def _codes(context: Context, anchor_setting: str) -> pl.DataFrame:
    table = load_codes(context.program.rules.construction.anchors.codes.value)
    return table.filter(pl.col("anchor_setting") == anchor_setting).select("code", "category", "price_code")


def _inpatient_anchors(stays: pl.DataFrame, context: Context) -> pl.DataFrame:
    first = stays.filter(pl.col("leg") == 0).select(
        "chain",
        "beneficiary_id",
        "kind_of_provider",
        "provider_state",
        "attending_npi",
        "operating_npi",
        anchor_ccn="ccn",
        anchor_start="stay_start",
    )
    last = stays.filter(pl.col("leg") == pl.col("legs") - 1).select(
        "chain",
        "drg",
        "discharge_status",
        anchor_claim_id="claim_id",
        anchor_code=pl.coalesce("ms_drg", "pricing_drg"),
        anchor_end="stay_end",
        transfers=(pl.col("legs") - 1).cast(pl.Int32),
    )
    payer = stays.group_by("chain").agg(pl.col("primary_payer_paid_cents").sum())
    chains = first.join(last, on="chain").join(payer, on="chain")
    listed = chains.join(_codes(context, "inpatient"), left_on="drg", right_on="code", how="inner")
    found = [listed]
    drg_map = context.program.rules.construction.anchors.drg_map
    if drg_map is not None:
        mapped = load_codes(drg_map.value).select(
            "category",
            "price_code",
            code="from_drg",
            valid_from=pl.col("valid_from").str.to_date(),
            valid_to=pl.col("valid_to").str.to_date(),
        )
        found.append(
            chains.join(listed.select("chain"), on="chain", how="anti")
            .join(mapped, left_on="drg", right_on="code", how="inner")
            .filter(pl.col("anchor_end").is_between("valid_from", "valid_to"))
            .drop("valid_from", "valid_to")
        )
    return (
        pl.concat(found)
        .with_columns(
            anchor_setting=pl.lit("inpatient"),
            anchor_line_number=pl.lit(0, dtype=pl.Int32),
            apc=pl.lit(None, dtype=pl.String),
            lead_in_start=pl.lit(None, dtype=pl.Date),
        )
        .cast({"chain": pl.UInt32})
    )


def _outpatient_anchors(claims: pl.DataFrame, lines: pl.DataFrame, context: Context) -> pl.DataFrame:
    triggers = lines.filter(pl.col("service_date").is_not_null()).join(
        _codes(context, "outpatient"), left_on="hcpcs", right_on="code", how="inner"
    )
    headers = claims.filter(pl.col("setting") == "outpatient").select(
        "beneficiary_id",
        "claim_id",
        "ccn",
        "provider_type",
        "attending_npi",
        "operating_npi",
        "discharge_status",
        "process_date",
    )
    found = (
        with_provider_columns(triggers.join(headers, on=["beneficiary_id", "claim_id"], how="inner"))
        .with_columns(_amount=basis_amount(context, line=True), _order=context.claim_order())
        .sort(
            "beneficiary_id",
            "service_date",
            "_amount",
            "process_date",
            "charge_cents",
            "_order",
            "claim_id",
            "line_number",
            descending=[False, False, True, True, True, False, False, False],
            nulls_last=[False, False, True, True, True, False, False, False],
        )
    )
    if context.program.rules.construction.anchors.one_outpatient_anchor_a_day.value:
        found = found.unique(["beneficiary_id", "service_date"], keep="first", maintain_order=True)
    return found.with_columns(
        anchor_setting=pl.lit("outpatient"),
        anchor_claim_id="claim_id",
        anchor_line_number="line_number",
        anchor_code="hcpcs",
        anchor_ccn="ccn",
        anchor_start="service_date",
        anchor_end="service_date",
        transfers=pl.lit(0, dtype=pl.Int32),
        chain=pl.lit(None, dtype=pl.UInt32),
        lead_in_start=pl.lit(None, dtype=pl.Date),
    )


def _merge_lead_ins(
    inpatient: pl.DataFrame, outpatient: pl.DataFrame, context: Context
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An outpatient anchor shortly before an inpatient one of its category becomes the start of that episode."""
    rules = context.program.rules.construction.anchors
    days = rules.lead_in_days.value
    if days < 0 or inpatient.is_empty() or outpatient.is_empty():
        return inpatient, outpatient
    key = ["beneficiary_id", "category"] if rules.lead_in_same_category.value else ["beneficiary_id"]
    before = (pl.col("anchor_start") - pl.col("procedure_date")).dt.total_days()
    pairs = (
        outpatient.select(*key, "anchor_claim_id", "anchor_line_number", procedure_date="anchor_start")
        .rename({"anchor_claim_id": "procedure_claim_id", "anchor_line_number": "procedure_line_number"})
        .join(inpatient.select(*key, "chain", "anchor_start", "anchor_claim_id"), on=key, how="inner")
        .filter(before.is_between(0, days))
        .with_columns(_order=context.claim_order("anchor_claim_id"))
        .sort("anchor_start", "_order", "anchor_claim_id")
        .unique(
            ["beneficiary_id", "procedure_claim_id", "procedure_line_number"],
            keep="first",
            maintain_order=True,
        )
    )
    starts = pairs.group_by("chain").agg(_lead_in=pl.col("procedure_date").min())
    merged = (
        inpatient.join(starts, on="chain", how="left", maintain_order="left")
        .with_columns(lead_in_start="_lead_in")
        .drop("_lead_in")
    )
    left = outpatient.join(
        pairs.select(
            "beneficiary_id", anchor_claim_id="procedure_claim_id", anchor_line_number="procedure_line_number"
        ),
        on=["beneficiary_id", "anchor_claim_id", "anchor_line_number"],
        how="anti",
        maintain_order="left",
    )
    return merged, left
