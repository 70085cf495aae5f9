"""Inpatient stays, and chains of stays that transfers join (CMS shadow-bundle programs, transfers).

A stay at another acute-type hospital that begins on the day the immediately preceding one ends joins its chain. The
first leg gives hospital, physicians and admission; the last leg gives discharge and DRG.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from episodes.building.context import Context
from episodes.building.drg_versions import mdc_by_drg, with_drg
from episodes.building.provider_types import with_provider_columns


def stay_start() -> pl.Expr:
    """First day of a stay or claim: admission where the layout has one."""
    return pl.coalesce("admission_date", "from_date")


def stay_end() -> pl.Expr:
    """Last day of a stay or claim, never before its first."""
    return pl.max_horizontal(pl.coalesce("discharge_date", "thru_date"), stay_start())


def with_stay_columns(inpatient: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add stay_start, stay_end, drg (for pricing), mdc_of_stay, kind_of_provider, provider_state, unit."""
    dated = with_provider_columns(inpatient).with_columns(stay_start=stay_start(), stay_end=stay_end())
    regrouped = with_drg(dated, context)
    return (
        regrouped.join(mdc_by_drg(regrouped["drg"], context), on="drg", how="left", maintain_order="left")
        .with_columns(mdc_of_stay=pl.coalesce("mdc", "mdc_of_drg"))
        .drop("mdc_of_drg")
    )


def stays_in_chains(stays: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Stays (with `with_stay_columns`) that count as inner, with `chain` (ordinal), `leg` (0 = first), `legs`.

    Stays of other providers than those that transfer are chains of one, or no chain at all, as the programme says.
    """
    anchors = context.program.rules.construction.anchors
    transfers = pl.col("kind_of_provider").is_in(list(anchors.transfer_provider_types.value))
    counted = is_inner(stays)
    if anchors.positive_amount.value:
        counted = counted & (pl.col("amount") > 0)
    if anchors.other_stays.value == "no_anchor":
        counted = counted & transfers
    ordered = (
        stays.with_row_index("_row")
        .select(
            "_row",
            "person",
            "stay_start",
            "stay_end",
            "process_date",
            "ccn",
            "claim_id",
            _can_chain=transfers & pl.lit(anchors.transfer_policy.value == "same_day_other_hospital"),
            _order=context.claim_order(),
            _counted=counted,
        )
        .filter("_counted")
        .sort(
            ~pl.col("_can_chain"),
            "person",
            "stay_start",
            "stay_end",
            "process_date",
            "ccn",
            "_order",
            "claim_id",
            nulls_last=False,
        )
    )
    joins_previous = (
        pl.col("_can_chain")
        & pl.col("_can_chain").shift(1)
        & (pl.col("person") == pl.col("person").shift(1))
        & pl.col("ccn").ne_missing(pl.col("ccn").shift(1))
        & (pl.col("stay_start") == pl.col("stay_end").shift(1))
    ).fill_null(False)
    first = np.flatnonzero(~ordered.select(joins_previous).to_series().to_numpy())
    legs = np.diff(np.append(first, ordered.height))
    return stays[ordered["_row"]].with_columns(
        chain=pl.Series(np.repeat(np.arange(first.size, dtype=np.uint32), legs)),
        leg=pl.Series(np.arange(ordered.height) - np.repeat(first, legs)),
        legs=pl.Series(np.repeat(legs, legs)),
    )


LONGER_STAY_TYPES = ("ltch", "irf", "ipf")
ACUTE_STAY_TYPES = ("acute", "cah", "cancer", "emergency", "veteran")


def inner_stays(stays: pl.DataFrame) -> pl.DataFrame:
    """The stays that count for anchors where stays overlap."""
    return stays.filter(is_inner(stays))


def is_inner(stays: pl.DataFrame) -> pl.Expr:
    """Whether a stay counts for anchors where stays overlap: `keep_inner` where the source says so, else derived.

    When a long-term, rehabilitation or psychiatric stay encloses an acute stay, the inner, acute one counts.
    """
    dates = stays.select("person", "claim", "stay_start", "stay_end", "kind_of_provider", "keep_inner")
    enclosing = dates.filter(
        pl.col("keep_inner").is_null() & pl.col("kind_of_provider").is_in(list(LONGER_STAY_TYPES))
    ).select("person", "claim", outer_start="stay_start", outer_end="stay_end")
    acute = dates.filter(pl.col("kind_of_provider").is_in(list(ACUTE_STAY_TYPES)))
    outer = enclosing.join(acute.drop("claim"), on="person", how="inner").filter(
        (pl.col("outer_start") <= pl.col("stay_start")) & (pl.col("stay_end") <= pl.col("outer_end"))
    )
    return pl.col("keep_inner").fill_null(True) & ~pl.col("claim").is_in(outer["claim"].implode())
