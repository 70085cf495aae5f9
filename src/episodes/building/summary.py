"""The `episodes` table: candidates with their dates, status, amounts and flags."""

from __future__ import annotations

import polars as pl

from episodes.building.arrays import Sums
from episodes.building.categories import SERVICE_CATEGORIES
from episodes.building.context import Context
from episodes.building.diagnoses import with_prefix
from episodes.building.listed_names import bits_of, names_of
from episodes.building.services import PERIODS
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
    "complexity_adjusted",
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


def summarise(episodes: pl.DataFrame, sums: Sums, context: Context) -> pl.DataFrame:
    """Add the amounts and flags of every candidate episode; columns as in `EPISODE_COLUMNS`, then the marks.

    `episodes` are in the order of the sums, with `anchor_without_amount`.
    """
    by_period = {f"{name}_cents": sums.period_cents[:, number] for number, name in PERIODS.items()}
    amounts = {
        **by_period,
        "episode_cents": by_period["pre_cents"] + by_period["anchor_cents"] + by_period["post_cents"],
        "episode_allowed_cents": sums.allowed_cents,
        "episode_standardized_cents": sums.standardized_cents,
        **{f"{name}_cents": sums.category_cents[:, number] for number, name in enumerate(SERVICE_CATEGORIES)},
        **{f"days_{first}_{last}_cents": sums.band_cents[:, band] for band, (first, last) in enumerate(DAY_BANDS)},
    }
    marks = context.program.rules.construction.services.marks
    marked = {
        name: pl.Series(found, dtype=pl.Boolean) & (episodes["anchor_start"] >= mark.episodes_from)
        for number, mark in enumerate(marks)
        for name, found in (
            (mark.id, sums.marked[number]),
            (f"{mark.id}_ungrouped", sums.marked_ungrouped[number] > 0),
        )
    }
    summed = episodes.with_columns(
        **{name: pl.Series(cents) for name, cents in amounts.items()},
        **marked,
        gmlos_missing=pl.Series(sums.gmlos_missing),
        program=pl.lit(context.program.id),
        price_cell=_price_cell(episodes, context),
        first_discharge_to=_destination(),
    )
    return summed.with_columns(flags=_flags(summed)).select(*EPISODE_COLUMNS, *marked)


def _flags(episodes: pl.DataFrame) -> pl.Series:
    """The names of the flags that hold, in the order of the alphabet."""
    holds = episodes.select(_FLAGS[name].fill_null(False).alias(name) for name in sorted(_FLAGS))
    return names_of(bits_of(holds.to_dict(), episodes.height), tuple(holds.columns))


def _destination() -> pl.Expr:
    """Where a discharge led to."""
    table = load_codes("discharge_status_destinations")
    return pl.col("discharge_status").replace_strict(
        table["discharge_status"], table["destination"], default=None, return_dtype=pl.String
    )


def _price_cell(episodes: pl.DataFrame, context: Context) -> pl.Expr:
    """The price code, and whether there was a fracture where the programme splits the code by it."""
    anchors = context.program.rules.construction.anchors
    if anchors.price_cell.value == "price_code" or anchors.fracture is None:
        return pl.col("price_code")
    principal = pl.col("anchor_diagnoses").list.first()
    listed = with_prefix(episodes.select(principal).to_series(), anchors.fracture.table)
    split = pl.col("anchor_code").is_in(list(anchors.fracture.codes))
    broken = pl.when(principal.is_in(listed).fill_null(False)).then(pl.lit("fracture")).otherwise(pl.lit("no_fracture"))
    return pl.when(split).then(pl.concat_str("price_code", broken, separator="/")).otherwise("price_code")
