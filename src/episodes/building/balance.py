"""The balance: every payable cent of the input booked once, by precedence (columns: docs/outputs.md).

In a final episode (by period); post-episode of a final episode; considered by an episode that is not final; excluded
(by reason); outside every window; people without episodes. The total equals the input, or the run fails.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from episodes.building.arrays import Sums
from episodes.building.context import Context
from episodes.building.reasons import reason_codes
from episodes.building.services import PERIODS
from episodes.errors import BalanceError
from episodes.money import dollars

DESTINATIONS = ("final_episode", "post_episode", "not_final", "excluded", "outside", "no_episode")
"""Where a cent can be booked, in order of precedence; their places are the numbers in the loops."""

BALANCE_COLUMNS = {
    "destination": pl.String,
    "period": pl.String,
    "reason": pl.String,
    "items": pl.Int64,
    "cents": pl.Int64,
    "memo_cents": pl.Int64,
}


def balance_of(sums: Sums, context: Context) -> pl.DataFrame:
    """One row a destination, period and reason with entries, of people with candidate episodes.

    `memo_cents`, outside the sum, is what other episodes also looked at.
    """
    destinations, periods, reasons = np.nonzero(sums.balance_items)
    at = (destinations, periods, reasons)
    return pl.DataFrame(
        {
            "destination": pl.Series(DESTINATIONS).gather(destinations),
            "period": pl.Series([None, *PERIODS.values()], dtype=pl.String).gather(periods),
            "reason": pl.Series(reason_codes(context), dtype=pl.String).gather(reasons),
            "items": sums.balance_items[at],
            "cents": sums.balance_cents[at],
            "memo_cents": sums.balance_memo[at],
        },
        schema=BALANCE_COLUMNS,
    )


def people_without_episodes(items: int, cents: int) -> pl.DataFrame:
    """The entry of people without candidate episodes, from their number of payable items and cents."""
    entry = {"destination": DESTINATIONS[-1], "period": None, "reason": None, "items": items, "cents": cents}
    return pl.DataFrame([{**entry, "memo_cents": 0}], schema=BALANCE_COLUMNS)


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
