"""When an episode begins and ends, and what death does to it (TEAM: 42 CFR 512.525, 512.537)."""

from __future__ import annotations

import hashlib

import polars as pl

from episodes.building.context import Context


def with_windows(anchors: pl.DataFrame, beneficiaries: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add the dates of every candidate episode.

    Columns added: death_date (null where before the anchor), episode_start, scheduled_end, episode_end,
    post_episode_end, attribution_start, attribution_end, length_of_stay, died_in_episode, death_before_anchor.
    """
    window = context.program.rules.construction.window
    first_day = 0 if window.day_one.value == "anchor_end" else 1
    last_day = first_day + window.post_days.value - 1
    deaths = beneficiaries.select("beneficiary_id", recorded_death="death_date")
    dated = anchors.join(deaths, on="beneficiary_id", how="left", maintain_order="left").with_columns(
        episode_start=pl.coalesce("lead_in_start", "anchor_start"),
        scheduled_end=pl.col("anchor_end").dt.offset_by(f"{last_day}d"),
        death_before_anchor=(pl.col("recorded_death") < pl.col("anchor_start")).fill_null(False),
        attribution_start="anchor_start",
        attribution_end="anchor_end",
        length_of_stay=pl.max_horizontal(
            (pl.col("anchor_end") - pl.col("anchor_start")).dt.total_days(), pl.lit(1)
        ).cast(pl.Int32),
    )
    dated = dated.with_columns(
        death_date=pl.when(~pl.col("death_before_anchor")).then("recorded_death"),
    ).with_columns(died_in_episode=(pl.col("death_date") <= pl.col("scheduled_end")).fill_null(False))
    after = pl.col("scheduled_end").dt.offset_by(f"{window.post_episode_days.value}d")
    if not window.shorten_at_death.value:
        return dated.with_columns(episode_end="scheduled_end", post_episode_end=after).drop("recorded_death")
    at_death = pl.max_horizontal("death_date", "anchor_end")
    return dated.with_columns(
        episode_end=pl.when("died_in_episode").then(at_death).otherwise("scheduled_end"),
        post_episode_end=pl.when("died_in_episode").then(at_death).otherwise(pl.min_horizontal(after, "death_date")),
    ).drop("recorded_death")


def with_episode_ids(episodes: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add `episode_id`: a stable hash of programme, beneficiary, anchor claim and start."""
    keys = episodes.select(
        "beneficiary_id", "anchor_setting", "anchor_claim_id", "anchor_line_number", "anchor_start"
    ).iter_rows()
    ids = [_episode_id(context.program.id, *(str(part) for part in key)) for key in keys]
    return episodes.with_columns(episode_id=pl.Series(ids, dtype=pl.String))


def _episode_id(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]
