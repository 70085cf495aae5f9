"""Which services belong to which episode, in which period, with what share: arrays in, `services` out.

The loop itself is `kernels.assign_items`; this module turns frames into its arrays and its rows back into a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.building.compiled import kernels
from episodes.building.context import Context
from episodes.building.items import BARS

PERIODS = {1: "anchor", 2: "post", 3: "post_episode"}
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Assigned:
    """Rows of the kernel: which item in which episode, with what; and what it noticed about episodes.

    `episode` and `item` are row numbers of the sorted frames; `reason` indexes `reasons` (0 = included).
    """

    episode: Array
    item: Array
    period: Array
    reason: Array
    cents: Array
    allowed: Array
    standardized: Array
    gmlos_missing: Array
    reasons: tuple[str | None, ...]


def assign(episodes: pl.DataFrame, items: pl.DataFrame, own: pl.DataFrame, context: Context) -> Assigned:
    """Put every item into the windows of every candidate episode of its person.

    Args:
        episodes: candidates sorted by person and start, with `row` = 0, 1, ...
        items: payable items sorted by person and start, with `row` = 0, 1, ...
        own: item_row, episode_row: the anchor's own items.
        context: of the run.
    """
    reasons = reason_codes(context)
    code = {name: number for number, name in enumerate(reasons) if name is not None}
    persons = items["person"].to_numpy()
    person_of_episode = episodes["person"].to_numpy()
    episode_from = np.searchsorted(persons, person_of_episode, side="left")
    episode_to = np.searchsorted(persons, person_of_episode, side="right")
    item_start = _days(items, "start")
    window_start, window_end = _days(episodes, "episode_start"), _days(episodes, "post_episode_end")

    room = np.zeros(episodes.height, dtype=np.int64)
    kernels().count_rows(episode_from, episode_to, window_start, window_end, item_start, room)
    row_from = np.concatenate(([0], np.cumsum(room)))[:-1].astype(np.int64)
    size = int(room.sum())
    own_episode = np.full(items.height, -1, dtype=np.int64)
    own_episode[own["item_row"].to_numpy()] = own["episode_row"].to_numpy()

    row_item = np.zeros(size, dtype=np.int64)
    row_period, row_reason = np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.uint8)
    cents, allowed, standardized = (np.zeros(size, dtype=np.int64) for _ in range(3))
    written = np.zeros(episodes.height, dtype=np.int64)
    gmlos_missing = np.zeros(episodes.height, dtype=np.bool_)
    kernels().assign_items(
        episode_from,
        episode_to,
        window_start,
        _days(episodes, "anchor_end"),
        _days(episodes, "episode_end"),
        window_end,
        (episodes["anchor_setting"] == "outpatient").to_numpy(),
        item_start,
        _days(items, "end"),
        _days(items, "span_start"),
        _days(items, "span_end"),
        items["amount"].to_numpy(),
        items["allowed"].to_numpy(),
        items["standardized"].to_numpy(),
        _coded(items["bar"], code),
        _coded(items["stay_exclusion"], code),
        _coded(items["line_exclusion"], code),
        _coded(items["in_stay_exclusion"], code),
        _anchor_day_items(items, context),
        items["kept"].to_numpy(),
        items["method"].to_numpy(),
        items["gmlos_tenths"].to_numpy(),
        own_episode,
        row_from,
        row_item,
        row_period,
        row_reason,
        cents,
        allowed,
        standardized,
        written,
        gmlos_missing,
    )
    episode = np.repeat(np.arange(episodes.height, dtype=np.int64), written)
    used = np.repeat(row_from - np.concatenate(([0], np.cumsum(written)))[:-1], written) + np.arange(written.sum())
    return Assigned(
        episode=episode,
        item=row_item[used],
        period=row_period[used],
        reason=row_reason[used],
        cents=cents[used],
        allowed=allowed[used],
        standardized=standardized[used],
        gmlos_missing=gmlos_missing,
        reasons=reasons,
    )


def services_frame(assigned: Assigned, episodes: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The `services` table (columns: docs/outputs.md), a row an item and period, in the order of episodes and items."""
    rows = pl.DataFrame(
        {
            "episode_row": assigned.episode,
            "item_row": assigned.item,
            "period": pl.Series(assigned.period).replace_strict(PERIODS, return_dtype=pl.String),
            "reason": _names(assigned),
            "cents": assigned.cents,
            "allowed_cents": assigned.allowed,
            "standardized_cents": assigned.standardized,
        }
    )
    of_item = items.select(
        "claim_id",
        "line_number",
        "setting",
        "ccn",
        "rendering_npi",
        "tin",
        "kind_of_provider",
        "hcpcs",
        "modifiers",
        "revenue_center",
        item_row="row",
        service_start="start",
        service_end="end",
        full_cents="amount",
    )
    of_episode = episodes.select(
        "episode_id",
        "anchor_end",
        "episode_end",
        episode_row="row",
        _anchor_setting="anchor_setting",
        _anchor_claim="anchor_claim_id",
        _operating_npi="operating_npi",
    )
    return (
        rows.with_columns(
            disposition=pl.when(pl.col("reason").is_null()).then(pl.lit("included")).otherwise(pl.lit("excluded"))
        )
        .join(of_episode, on="episode_row", how="left", maintain_order="left")
        .join(of_item, on="item_row", how="left", maintain_order="left")
    )


def reason_codes(context: Context) -> tuple[str | None, ...]:
    """Reason codes by number; 0 stands for an included item."""
    rules = [rule.id for rule in context.program.rules.construction.services.exclusions]
    return (None, *BARS, *rules)


def _names(assigned: Assigned) -> pl.Series:
    return pl.Series(assigned.reasons, dtype=pl.String).gather(assigned.reason)


def _coded(names: pl.Series, code: dict[str, int]) -> Array:
    numbers = names.replace_strict(list(code), list(code.values()), default=0, return_dtype=pl.UInt8)
    return numbers.fill_null(0).to_numpy()


def _days(frame: pl.DataFrame, column: str) -> Array:
    return frame[column].to_physical().to_numpy()


def _anchor_day_items(items: pl.DataFrame, context: Context) -> Array:
    """Professional lines that are anchor-period on the day the anchor ends."""
    places = context.program.rules.construction.services.discharge_day_anchor_places.value
    chosen = items.select(
        (pl.col("setting") == "professional") & pl.col("place_of_service").is_in(list(places)).fill_null(False)
    )
    return chosen.to_series().to_numpy()
