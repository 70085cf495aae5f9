"""Inpatient stays, and chains of stays that transfers join (CMS shadow-bundle programs, transfers).

A stay at another acute-type hospital that begins on the day the immediately preceding one ends joins its chain. The
first leg gives hospital, physicians and admission; the last leg gives discharge and DRG.
"""

from __future__ import annotations

import polars as pl

from episodes.building.context import Context
from episodes.building.provider_types import with_provider_columns


def stay_start() -> pl.Expr:
    """First day of a stay or claim: admission where the layout has one."""
    return pl.coalesce("admission_date", "from_date")


def stay_end() -> pl.Expr:
    """Last day of a stay or claim, never before its first."""
    return pl.max_horizontal(pl.coalesce("discharge_date", "thru_date"), stay_start())


def drg_for_pricing() -> pl.Expr:
    """The DRG re-grouped to the programme's version where given, else the billed one."""
    return pl.coalesce("pricing_drg", "ms_drg")


def stays_in_chains(claims: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Inpatient stays that count as inner, with `chain` (ordinal), `leg` and `legs`.

    Columns added: stay_start, stay_end, drg, kind_of_provider, provider_state, chain, leg (0 = first), legs.
    """
    anchors = context.program.rules.construction.anchors
    inpatient = with_provider_columns(claims.filter(pl.col("setting") == "inpatient")).with_columns(
        stay_start=stay_start(), stay_end=stay_end(), drg=drg_for_pricing()
    )
    stays = _inner_stays(inpatient)
    stays = stays.with_columns(
        _can_chain=pl.col("kind_of_provider").is_in(list(anchors.transfer_provider_types.value))
        & pl.lit(anchors.transfer_policy.value == "same_day_other_hospital")
    )
    ordered = stays.with_columns(_order=context.claim_order()).sort(
        ~pl.col("_can_chain"),
        "beneficiary_id",
        "stay_start",
        "stay_end",
        "process_date",
        "ccn",
        "_order",
        "claim_id",
        nulls_last=False,
    )
    joins_previous = (
        pl.col("_can_chain")
        & pl.col("_can_chain").shift(1)
        & (pl.col("beneficiary_id") == pl.col("beneficiary_id").shift(1))
        & pl.col("ccn").ne_missing(pl.col("ccn").shift(1))
        & (pl.col("stay_start") == pl.col("stay_end").shift(1))
    ).fill_null(False)
    chained = ordered.with_columns(chain=(~joins_previous).cum_sum())
    return chained.with_columns(
        leg=pl.int_range(pl.len()).over("chain"),
        legs=pl.len().over("chain"),
    ).drop("_can_chain", "_order")


LONGER_STAY_TYPES = ("ltch", "irf", "ipf")
ACUTE_STAY_TYPES = ("acute", "cah", "cancer", "emergency", "veteran")


def _inner_stays(inpatient: pl.DataFrame) -> pl.DataFrame:
    """The stays that count for anchors where stays overlap: `keep_inner` where the source says so, else derived.

    When a long-term, rehabilitation or psychiatric stay encloses an acute stay, the inner, acute one counts.
    """
    enclosing = inpatient.filter(
        pl.col("keep_inner").is_null() & pl.col("kind_of_provider").is_in(list(LONGER_STAY_TYPES))
    ).select("beneficiary_id", "claim_id", outer_start="stay_start", outer_end="stay_end")
    acute = inpatient.filter(pl.col("kind_of_provider").is_in(list(ACUTE_STAY_TYPES)))
    outer = (
        enclosing.join(acute.select("beneficiary_id", "stay_start", "stay_end"), on="beneficiary_id", how="inner")
        .filter((pl.col("outer_start") <= pl.col("stay_start")) & (pl.col("stay_end") <= pl.col("outer_end")))
        .select("beneficiary_id", "claim_id")
        .unique()
    )
    kept = inpatient.filter(pl.col("keep_inner").fill_null(True))
    return kept.join(outer, on=["beneficiary_id", "claim_id"], how="anti", maintain_order="left")
