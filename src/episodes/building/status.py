"""Which candidate episodes count: overlap between episodes of a person, open ones, and who takes part."""

from __future__ import annotations

import numpy as np
import polars as pl

from episodes.building.compiled import kernels
from episodes.building.context import Context

WITHIN_EARLIER = "within_earlier_episode"
CANCELLED_BY_LATER = "cancelled_by_later_episode"


def with_status(episodes: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add `status`, `participating`, the overlap flag and the overlap's reason.

    Episodes are sorted by person, episode_start, inpatient before outpatient, anchor_end, anchor claim.
    """
    verdicts = _overlap_verdicts(episodes, context)
    window = context.program.rules.construction.window
    known_from = window.post_episode_days.value + window.run_out_days.value
    is_open = (
        pl.col("scheduled_end").dt.offset_by(f"{known_from}d") >= context.as_of
        if context.as_of is not None
        else pl.lit(False)
    )
    reason = (
        pl.when(pl.col("_verdict") == kernels().WITHIN_EARLIER)
        .then(pl.lit(WITHIN_EARLIER))
        .when(pl.col("_verdict") == kernels().CANCELLED_BY_LATER)
        .then(pl.lit(CANCELLED_BY_LATER))
    )
    return (
        episodes.with_columns(verdicts)
        .with_columns(
            status=pl.when(pl.col("reasons").list.len() > 0)
            .then(pl.lit("excluded"))
            .when(pl.col("_verdict") != kernels().KEPT)
            .then(pl.lit("overlapped"))
            .when(is_open)
            .then(pl.lit("open"))
            .otherwise(pl.lit("final")),
            reasons=pl.concat_list("reasons", reason).list.drop_nulls(),
            overlap="_touched",
        )
        .drop("_verdict", "_touched")
        .with_columns(participating=_participating(episodes, context))
    )


def _overlap_verdicts(episodes: pl.DataFrame, context: Context) -> list[pl.Series]:
    """Only candidates without a reason compete."""
    rules = context.program.rules.construction.overlap
    codes = {"cancel_first": kernels().CANCEL_FIRST, "first_wins": kernels().FIRST_WINS}
    competing = (episodes["reasons"].list.len() == 0).to_numpy()
    chosen = episodes.filter(pl.Series(competing))
    categories = sorted(context.program.rules.categories)
    verdict = np.zeros(chosen.height, dtype=np.uint8)
    touched = np.zeros(chosen.height, dtype=np.bool_)
    kernels().resolve_overlap(
        chosen["person"].to_numpy(),
        chosen["episode_start"].to_physical().to_numpy(),
        chosen["episode_end"].to_physical().to_numpy(),
        chosen["category"].replace_strict(categories, list(range(len(categories))), return_dtype=pl.Int32).to_numpy(),
        codes[rules.same_category.value],
        codes[rules.other_category.value],
        verdict,
        touched,
    )
    all_verdicts = np.zeros(episodes.height, dtype=np.uint8)
    all_touched = np.zeros(episodes.height, dtype=np.bool_)
    all_verdicts[competing] = verdict
    all_touched[competing] = touched
    return [pl.Series("_verdict", all_verdicts), pl.Series("_touched", all_touched)]


def _participating(episodes: pl.DataFrame, context: Context) -> pl.Series:
    """None given: every hospital takes part. A null category, start or end of a participant means no limit."""
    own = context.participants.filter(
        (pl.col("program") == context.program.id) & (pl.col("entity_kind").cast(pl.String) == "hospital")
    )
    if own.is_empty():
        return pl.Series([True] * episodes.height, dtype=pl.Boolean)
    taking_part = (
        episodes.select("row", "anchor_ccn", "category", "anchor_end")
        .join(own.rename({"category": "_category"}), left_on="anchor_ccn", right_on="entity_id", how="inner")
        .filter(
            (pl.col("_category").is_null() | (pl.col("_category") == pl.col("category")))
            & (pl.col("start_date").is_null() | (pl.col("start_date") <= pl.col("anchor_end")))
            & (pl.col("end_date").is_null() | (pl.col("end_date") >= pl.col("anchor_end")))
        )["row"]
        .unique()
    )
    return episodes["row"].is_in(taking_part.to_list())
