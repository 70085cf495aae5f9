"""The `services` table: one row a payable item and period, in the order of episodes, then of items."""

from __future__ import annotations

import polars as pl

from episodes.building.arrays import Rows
from episodes.building.assignment import Assigned
from episodes.building.categories import SERVICE_CATEGORIES
from episodes.building.context import Context
from episodes.building.reasons import reason_codes

PERIODS = {1: "pre", 2: "anchor", 3: "post", 4: "post_episode"}
SERVICE_COLUMNS = (
    "episode_id",
    "claim_id",
    "line_number",
    "setting",
    "category",
    "service_start",
    "service_end",
    "period",
    "disposition",
    "reason",
    "full_cents",
    "cents",
    "allowed_cents",
    "standardized_cents",
    "ccn",
    "rendering_npi",
    "tin",
)
"""Columns of `services`, one row a payable item and period."""


def services_frame(
    assigned: Assigned,
    episodes: pl.DataFrame,
    items: pl.DataFrame,
    item_ids: pl.Series,
    lines: pl.DataFrame,
    context: Context,
) -> pl.DataFrame:
    """Service rows with what names them.

    Args:
        assigned: of `assignment.assign`, with its rows.
        episodes: candidates with episode_id and `row`.
        items: of `claim_items.claim_items`.
        item_ids: the claim id of each.
        lines: what names the line of each row (`sources.LINE_DETAILS`), in the order of the rows.
        context: of the run.
    """
    by_claim = _rows(assigned.claim_rows, context).join(
        items.select(
            "claim",
            "setting",
            "ccn",
            claim_id=item_ids,
            item=pl.col("item").cast(pl.Int64),
            line_number=pl.lit(0, dtype=pl.Int32),
            service_start="start",
            service_end="end",
            full_cents=pl.col("amount") + pl.col("outlier"),
            rendering_npi=pl.lit(None, dtype=pl.String),
            tin=pl.lit(None, dtype=pl.String),
        ),
        on="item",
        how="left",
        maintain_order="left",
    )
    of_line = lines.select(
        "claim",
        "claim_id",
        "setting",
        "ccn",
        "line_number",
        "service_start",
        "rendering_npi",
        "tin",
        service_end="service_start",
        full_cents=pl.col("amount").fill_null(0),
    )
    by_line = pl.concat([_rows(assigned.line_rows, context), of_line], how="horizontal")
    return (
        pl.concat([by_claim, by_line.select(by_claim.columns)])
        .join(episodes.select("episode_id", episode=pl.col("row").cast(pl.Int32)), on="episode", how="left")
        .sort("episode", "service_start", "claim", "line_number", "_period")
        .select(SERVICE_COLUMNS)
    )


def _rows(rows: Rows, context: Context) -> pl.DataFrame:
    reasons = pl.Series(reason_codes(context), dtype=pl.String).gather(rows.reason)
    return pl.DataFrame(
        {
            "episode": rows.episode,
            "item": rows.item,
            "_period": rows.period,
            "period": pl.Series(rows.period).replace_strict(PERIODS, return_dtype=pl.String),
            "category": pl.Series(SERVICE_CATEGORIES, dtype=pl.String).gather(rows.category),
            "reason": reasons,
            "disposition": pl.select(
                pl.when(reasons.is_null()).then(pl.lit("included")).otherwise(pl.lit("excluded"))
            ).to_series(),
            "cents": rows.cents,
            "allowed_cents": rows.allowed,
            "standardized_cents": rows.standardized,
        }
    )
