"""The balance: every payable cent of the input booked once, by precedence (columns: docs/outputs.md).

In a final episode (by period); post-episode of a final episode; considered by an episode that is not final; excluded
(by reason); outside every window; people without episodes. The total equals the input, or the run fails.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from episodes.building.assignment import PERIODS, Assigned
from episodes.building.compiled import kernels
from episodes.errors import BalanceError
from episodes.money import dollars

DESTINATIONS = ("final_episode", "post_episode", "not_final", "excluded", "outside", "no_episode")
"""Where a cent can be booked, in order of precedence."""

BALANCE_COLUMNS = {
    "destination": pl.String,
    "period": pl.String,
    "reason": pl.String,
    "items": pl.Int64,
    "cents": pl.Int64,
    "memo_cents": pl.Int64,
}


def book(assigned: Assigned, episodes: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Book the items of people with candidate episodes: one row a destination, period and reason.

    `memo_cents`, outside the sum, is what other episodes also looked at.
    """
    size = items.height
    in_episode, after_episode = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    in_cents, after_cents, seen = (np.zeros(size, np.int64) for _ in range(3))
    in_period, excluded_reason = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    considered = np.zeros(size, np.bool_)
    kernels().book_items(
        assigned.episode,
        assigned.item,
        assigned.period,
        assigned.reason,
        assigned.cents,
        (episodes["status"] == "final").to_numpy(),
        in_episode,
        in_cents,
        in_period,
        after_episode,
        after_cents,
        excluded_reason,
        considered,
        seen,
    )
    reasons = pl.Series(assigned.reasons, dtype=pl.String)
    booked = pl.DataFrame(
        {
            "full": items["amount"],
            "kept": items["kept"],
            "in_episode": in_episode >= 0,
            "after_episode": after_episode >= 0,
            "in_cents": in_cents,
            "after_cents": after_cents,
            "in_period": pl.Series(in_period).replace_strict({0: None, **PERIODS}, return_dtype=pl.String),
            "excluded_reason": reasons.gather(excluded_reason),
            "considered": considered,
            "memo_cents": seen - in_cents - after_cents,
        }
    )
    used = pl.col("in_episode") | pl.col("after_episode")
    rest = pl.col("full") - pl.col("in_cents") - pl.col("after_cents")
    unused = booked.filter(~used).with_columns(
        destination=pl.when("considered")
        .then(pl.lit("not_final"))
        .when(pl.col("excluded_reason").is_not_null())
        .then(pl.lit("excluded"))
        .otherwise(pl.lit("outside"))
    )
    reason = (
        pl.when(pl.col("destination") == "excluded")
        .then("excluded_reason")
        .when((pl.col("destination") == "outside") & ~pl.col("kept"))
        .then(pl.lit("not_kept_stay"))
    )
    parts = [
        _entries(booked.filter("in_episode"), "final_episode", "in_cents", period=pl.col("in_period")),
        _entries(booked.filter("after_episode"), "post_episode", "after_cents", memo=~pl.col("in_episode")),
        _entries(
            booked.filter(used).with_columns(rest=rest).filter(pl.col("rest") != 0),
            "outside",
            "rest",
            reason=pl.lit("past_windows"),
            memo=pl.lit(False),
        ),
        _entries(unused, pl.col("destination"), "full", reason=reason),
    ]
    return summed(pl.concat(parts))


def _entries(
    rows: pl.DataFrame,
    destination: str | pl.Expr,
    cents: str,
    *,
    period: pl.Expr | None = None,
    reason: pl.Expr | None = None,
    memo: pl.Expr | None = None,
) -> pl.DataFrame:
    named = pl.lit(destination) if isinstance(destination, str) else destination
    nothing = pl.lit(None, dtype=pl.String)
    memo_cents = pl.col("memo_cents") if memo is None else pl.when(memo).then("memo_cents").otherwise(0)
    return rows.select(
        destination=named,
        period=nothing if period is None else period,
        reason=nothing if reason is None else reason,
        items=pl.lit(1, dtype=pl.Int64),
        cents=pl.col(cents).cast(pl.Int64),
        memo_cents=memo_cents.cast(pl.Int64),
    )


def summed(entries: pl.DataFrame) -> pl.DataFrame:
    """Entries added up, in the order of `DESTINATIONS`."""
    order = pl.col("destination").replace_strict(
        list(DESTINATIONS), list(range(len(DESTINATIONS))), return_dtype=pl.Int8
    )
    return (
        entries.group_by("destination", "period", "reason")
        .agg(pl.col("items", "cents", "memo_cents").sum())
        .sort(order, "period", "reason", nulls_last=False)
        .select(pl.col(name).cast(dtype) for name, dtype in BALANCE_COLUMNS.items())
    )


def check_balance(balance: pl.DataFrame, input_cents: int, input_items: int) -> None:
    """Fail loudly unless every cent of the input is booked exactly once."""
    booked = int(balance["cents"].sum())
    if booked != input_cents:
        raise BalanceError(
            f"The balance does not close: {dollars(input_cents)} came in with {input_items:,} payable items, "
            f"{dollars(booked)} are booked. This is a fault of the library; no result was written. Please report it."
        )
