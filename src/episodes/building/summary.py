"""From services to the `episodes` table: cents by period, by service category and by days after discharge; flags."""

from __future__ import annotations

import polars as pl

from episodes.building.categories import SERVICE_CATEGORIES
from episodes.programs.code_tables import load_codes

DAY_BANDS = ((1, 30), (31, 60), (61, 90))
"""Days after the anchor's end, its last day being day 1."""

EPISODE_COLUMNS = (
    "episode_id",
    "beneficiary_id",
    "program",
    "category",
    "anchor_setting",
    "anchor_claim_id",
    "anchor_code",
    "price_code",
    "price_cell",
    "anchor_ccn",
    "attending_npi",
    "operating_npi",
    "anchor_start",
    "anchor_end",
    "episode_start",
    "episode_end",
    "scheduled_end",
    "post_episode_end",
    "attribution_start",
    "attribution_end",
    "length_of_stay",
    "transfers",
    "first_discharge_to",
    "apc",
    "flags",
    "participating",
    "status",
    "reasons",
    "reasons_switched_off",
    "pre_cents",
    "anchor_cents",
    "post_cents",
    "post_episode_cents",
    "episode_cents",
    "episode_allowed_cents",
    "episode_standardized_cents",
    *(f"{category}_cents" for category in SERVICE_CATEGORIES),
    *(f"days_{first}_{last}_cents" for first, last in DAY_BANDS),
)
"""Columns of `episodes`, one row a candidate episode; cents on the run's basis unless the name says otherwise."""

_FLAGS = {
    "outpatient_lead_in": pl.col("lead_in_start").is_not_null(),
    "transfer": pl.col("transfers") > 0,
    "died_in_episode": pl.col("died_in_episode"),
    "death_before_anchor": pl.col("death_before_anchor"),
    "gmlos_missing": pl.col("gmlos_missing"),
    "overlap": pl.col("overlap"),
    "anchor_without_amount": pl.col("anchor_without_amount"),
}


def summarise(episodes: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    """Add the amounts and flags of every candidate episode; columns as in `EPISODE_COLUMNS`."""
    in_episode = pl.col("period").is_in(["anchor", "post"])
    days_after = (_placed_on() - pl.col("anchor_end")).dt.total_days() + 1
    after_anchor = pl.col("period").is_in(["post", "post_episode"])
    amounts = services.group_by("episode_row").agg(
        *[
            pl.col("cents").filter(pl.col("period") == period).sum().alias(f"{period}_cents")
            for period in ("pre", "anchor", "post", "post_episode")
        ],
        episode_cents=pl.col("cents").filter(in_episode).sum(),
        episode_allowed_cents=pl.col("allowed_cents").filter(in_episode).sum(),
        episode_standardized_cents=pl.col("standardized_cents").filter(in_episode).sum(),
        **{
            f"{category}_cents": pl.col("cents").filter(in_episode & (pl.col("category") == category)).sum()
            for category in SERVICE_CATEGORIES
        },
        **{
            f"days_{first}_{last}_cents": pl.col("cents")
            .filter(after_anchor & days_after.is_between(first, last))
            .sum()
            for first, last in DAY_BANDS
        },
    )
    destinations = load_codes("discharge_status_destinations").select(
        "discharge_status", first_discharge_to="destination"
    )
    return (
        episodes.join(amounts, left_on="row", right_on="episode_row", how="left", maintain_order="left")
        .join(destinations, on="discharge_status", how="left", maintain_order="left")
        .with_columns(
            pl.col("^.*_cents$").fill_null(0),
            price_cell="price_code",
            flags=pl.concat_list([pl.when(holds).then(pl.lit(name)) for name, holds in _FLAGS.items()])
            .list.drop_nulls()
            .list.sort(),
        )
        .select(EPISODE_COLUMNS)
    )


def _placed_on() -> pl.Expr:
    """The day an amount falls on: its service's first day, or the first day of the period it was carried into."""
    carried = pl.max_horizontal("service_start", pl.col("episode_end").dt.offset_by("1d"))
    return pl.when(pl.col("period") == "post_episode").then(carried).otherwise("service_start")
