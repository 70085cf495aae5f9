"""When an episode begins and ends, and what death does to it (TEAM: 42 CFR 512.525, 512.537)."""

from __future__ import annotations

import datetime as dt
import hashlib

import numpy as np
import polars as pl

from episodes.building.context import Context


def with_windows(anchors: pl.DataFrame, beneficiaries: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add the dates of every candidate episode.

    Columns added: death_date (null where before the anchor), anchor_period_start (the anchor's first day, or its
    lead-in's), episode_start, eligible_from, post_start (the first day after the anchor), scheduled_end, episode_end,
    post_episode_end, attribution_start, attribution_end, length_of_stay, died_in_episode, death_before_anchor.
    """
    window = context.program.rules.construction.window
    first_day = 0 if window.day_one.value == "anchor_end" else 1
    last_day = first_day + window.post_days.value - 1
    by_first_leg = window.attribution_end.value == "first_leg_end"
    dated = anchors.with_columns(recorded_death=_deaths(anchors["person"], beneficiaries)).with_columns(
        anchor_period_start=pl.coalesce("lead_in_start", "anchor_start"),
        post_start=_days_after("anchor_end", first_day),
        scheduled_end=_days_after("anchor_end", last_day),
        death_before_anchor=(pl.col("recorded_death") < pl.col("anchor_start")).fill_null(False),
        attribution_start=_days_after("anchor_start", -window.attribution_lookback_days.value),
        attribution_end="first_leg_end" if by_first_leg else "anchor_end",
        length_of_stay=pl.max_horizontal(
            (pl.col("anchor_end") - pl.col("anchor_start")).dt.total_days(), pl.lit(1)
        ).cast(pl.Int32),
    )
    dated = dated.with_columns(
        episode_start=_days_after("anchor_period_start", -window.pre_days.value),
        death_date=pl.when(~pl.col("death_before_anchor")).then("recorded_death"),
    ).with_columns(
        eligible_from=pl.min_horizontal(
            "anchor_period_start", _days_after("anchor_start", -window.lookback_days.value)
        ),
        died_in_episode=(pl.col("death_date") <= pl.col("scheduled_end")).fill_null(False),
    )
    after = _days_after("scheduled_end", window.post_episode_days.value)
    if not window.shorten_at_death.value:
        return dated.with_columns(episode_end="scheduled_end", post_episode_end=after).drop("recorded_death")
    ends = pl.col("died_in_episode")
    if not window.death_in_anchor_shortens.value:
        ends = ends & (pl.col("death_date") > pl.col("anchor_end")).fill_null(False)
    at_death = pl.max_horizontal("death_date", "anchor_end")
    later_death = pl.when(pl.col("death_date") > pl.col("scheduled_end")).then("death_date")
    return dated.with_columns(
        episode_end=pl.when(ends).then(at_death).otherwise("scheduled_end"),
        post_episode_end=pl.when(ends).then(at_death).otherwise(pl.min_horizontal(after, later_death)),
    ).drop("recorded_death")


def _deaths(people: pl.Series, beneficiaries: pl.DataFrame) -> pl.Series:
    """The date of death of each, of the first row where a person has several; null where there is none."""
    order = np.argsort(beneficiaries["person"].to_numpy(), kind="stable")
    known = beneficiaries["person"].to_numpy()[order]
    place = np.searchsorted(known, people.to_numpy())
    missing = np.append(known, 0)[place] != people.to_numpy()
    missing |= place == known.size
    deaths = beneficiaries["death_date"].gather(order).extend_constant(None, 1)
    return deaths.gather(np.where(missing, known.size, place))


def _days_after(column: str, days: int) -> pl.Expr:
    return pl.col(column) + dt.timedelta(days=days)


def with_episode_ids(episodes: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add `episode_id`: a stable hash of programme, beneficiary, anchor claim and start."""
    parts = ("beneficiary_id", "anchor_setting", "anchor_claim_id", "anchor_line_number", "anchor_start")
    keys = episodes.select(
        pl.concat_str(pl.lit(context.program.id), *(pl.col(part).cast(pl.String) for part in parts), separator="\x1f")
    ).to_series()
    ids = [hashlib.sha256(key).hexdigest()[:20] for key in keys.cast(pl.Binary).to_list()]
    return episodes.with_columns(episode_id=pl.Series(ids, dtype=pl.String))
