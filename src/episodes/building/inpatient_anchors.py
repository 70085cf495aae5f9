"""Anchors that are hospital stays: chains whose last leg has a trigger DRG (TEAM: 42 CFR 512.525).

The codes stand in the programme's anchor table, DRGs billed in other years in its DRG map.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from episodes.building.context import Context
from episodes.building.diagnoses import with_prefix
from episodes.building.drg_versions import regroups
from episodes.programs.code_tables import load_codes

ICD_10_STARTS = dt.date(2015, 10, 1)


def inpatient_anchors(chained: pl.DataFrame, context: Context) -> pl.DataFrame:
    """One candidate a chain that triggers; `chained` are the stays of `stays_in_chains`, chain by chain."""
    anchors = context.program.rules.construction.anchors
    chains = _chains(chained, _trigger_drgs(context))
    for needed in anchors.needed_procedures:
        wrong = pl.col("drg").is_in(list(needed.drgs)).fill_null(False) & ~has_listed_procedure(needed.table)
        chains = chains.filter(~wrong)
    for asked in anchors.needed_diagnoses:
        of_drg = pl.col("drg").is_in(list(asked.drgs)).fill_null(False)
        codes = with_prefix(chains.filter(of_drg)["anchor_diagnoses"].explode(), asked.table)
        chains = chains.filter(
            ~of_drg | pl.col("anchor_diagnoses").list.eval(pl.element().is_in(codes)).list.any().fill_null(False)
        )
    listed = chains.join(anchor_codes(context, "inpatient"), left_on="drg", right_on="code", how="inner")
    found = [listed.with_columns(price_code=pl.coalesce("price_code", "drg"))]
    if anchors.drg_map is not None:
        found.append(_billed_in_other_years(chains, listed, anchors.drg_map.value))
    return pl.concat(found).with_columns(
        anchor_setting=pl.lit("inpatient"), anchor_line_number=pl.lit(0, dtype=pl.Int32)
    )


def drgs_that_may_trigger(context: Context) -> list[str] | None:
    """DRGs, billed or for pricing, that may make a stay an anchor; null = any, for a table regroups them."""
    return None if regroups(context) else _trigger_drgs(context)


def _trigger_drgs(context: Context) -> list[str]:
    """DRGs of the anchor table, and those of other years that stand for one."""
    table = context.program.rules.construction.anchors.drg_map
    billed = load_codes(table.value)["from_drg"].to_list() if table is not None else []
    return [*anchor_codes(context, "inpatient")["code"].to_list(), *billed]


def _chains(chained: pl.DataFrame, drgs: list[str]) -> pl.DataFrame:
    """Chains whose last leg has one of some DRGs, with what their first and last legs say."""
    begins, ends = (
        np.flatnonzero(chained.select(holds).to_series().to_numpy())
        for holds in (pl.col("leg") == 0, pl.col("leg") == pl.col("legs") - 1)
    )
    triggers = chained["drg"].gather(ends).is_in(drgs).fill_null(False).to_numpy()
    begins, ends = begins[triggers], ends[triggers]
    paid = np.append(0, np.cumsum(chained["primary_payer_paid_cents"].fill_null(0).to_numpy()))
    first = chained.select(
        "chain",
        "person",
        "kind_of_provider",
        "provider_state",
        "attending_npi",
        "operating_npi",
        anchor_ccn="ccn",
        anchor_start="stay_start",
        first_leg_end="stay_end",
    )
    last = chained.select(
        "claim",
        "drg",
        "mdc_of_stay",
        "discharge_status",
        "procedures",
        "stay_end",
        anchor_diagnoses="diagnoses",
        anchor_claim_id="claim_id",
        anchor_code=pl.coalesce("ms_drg", "pricing_drg"),
        anchor_end="stay_end",
        transfers=(pl.col("legs") - 1).cast(pl.Int32),
    )
    together: pl.DataFrame = pl.concat([first[begins], last[ends]], how="horizontal")
    return together.with_columns(primary_payer_paid_cents=pl.Series(paid[ends + 1] - paid[begins]))


def anchor_codes(context: Context, anchor_setting: str) -> pl.DataFrame:
    """code, category, price_code of one kind of anchor."""
    table = load_codes(context.program.rules.construction.anchors.codes.value)
    return table.filter(pl.col("anchor_setting") == anchor_setting).select("code", "category", "price_code")


def _billed_in_other_years(chains: pl.DataFrame, listed: pl.DataFrame, table: str) -> pl.DataFrame:
    mapped = load_codes(table).select(
        "category",
        "price_code",
        code="from_drg",
        valid_from=pl.col("valid_from").str.to_date(),
        valid_to=pl.col("valid_to").str.to_date(),
    )
    return (
        chains.join(listed.select("chain"), on="chain", how="anti")
        .join(mapped, left_on="drg", right_on="code", how="inner")
        .filter(pl.col("anchor_end").is_between("valid_from", "valid_to"))
        .drop("valid_from", "valid_to")
        .select(listed.columns)
    )


def has_listed_procedure(table: str) -> pl.Expr:
    """Whether a stay has a procedure of a code table, in the code version (9 or 10) of its last day; never null."""
    listed = load_codes(table)
    has = {
        version: pl.col("procedures").list.eval(pl.element().is_in(codes["procedure"].to_list())).list.any()
        for version in ("9", "10")
        if not (codes := listed.filter(pl.col("icd_version").str.ends_with(version))).is_empty() or version == "10"
    }
    old = has.get("9", pl.lit(False))
    return pl.when(pl.col("stay_end") < ICD_10_STARTS).then(old).otherwise(has["10"]).fill_null(False)
