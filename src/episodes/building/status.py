"""Which candidate episodes count: overlap between episodes of a person, open ones, and who takes part."""

from __future__ import annotations

import numpy as np
import polars as pl

from episodes.building.compiled import kernels
from episodes.building.context import Context
from episodes.programs import Program

WITHIN_EARLIER = "within_earlier_episode"
CANCELLED_BY_LATER = "cancelled_by_later_episode"


def with_status(episodes: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add `status`, `participating`, the overlap flag and the overlap's reason.

    Episodes are sorted by person, start, inpatient before outpatient, anchor_end, anchor claim.
    """
    verdicts = _overlap_verdicts(episodes, context)
    construction = context.program.rules.construction
    known_from = construction.window.post_episode_days.value + construction.window.run_out_days.value
    is_open = (
        pl.col("scheduled_end").dt.offset_by(f"{known_from}d") >= context.as_of
        if context.as_of is not None
        else pl.lit(False)
    )
    within, cancelled = overlap_reasons(context.program)
    reason = (
        pl.when(pl.col("_verdict") == kernels().WITHIN_EARLIER)
        .then(pl.lit(within))
        .when(pl.col("_verdict") == kernels().CANCELLED_BY_LATER)
        .then(pl.lit(cancelled))
    )
    applied = ~reason.is_in(list(context.program.switched_off)).fill_null(False)
    return (
        episodes.with_columns(verdicts)
        .with_columns(_reason=pl.when(applied).then(reason), _unapplied=pl.when(~applied).then(reason))
        .with_columns(
            status=pl.when(pl.col("reasons").list.len() > 0)
            .then(pl.lit("excluded"))
            .when(pl.col("_reason").is_not_null())
            .then(pl.lit("overlapped"))
            .when(is_open)
            .then(pl.lit("open"))
            .otherwise(pl.lit("final")),
            reasons=pl.concat_list("reasons", "_reason").list.drop_nulls(),
            reasons_switched_off=pl.concat_list("reasons_switched_off", "_unapplied").list.drop_nulls(),
            overlap="_touched",
        )
        .drop("_verdict", "_touched", "_reason", "_unapplied")
        .with_columns(participating=_participating(episodes, context))
    )


def overlap_reasons(program: Program) -> tuple[str, str]:
    """The reason codes of an episode within an earlier one, and of one that a later one cancels."""
    one = program.rules.construction.overlap.reason
    return (one.value, one.value) if one is not None else (WITHIN_EARLIER, CANCELLED_BY_LATER)


def _overlap_verdicts(episodes: pl.DataFrame, context: Context) -> list[pl.Series]:
    """Only candidates without a reason compete."""
    rules = context.program.rules.construction.overlap
    codes = {"cancel_first": kernels().CANCEL_FIRST, "first_wins": kernels().FIRST_WINS}
    competing = (episodes["reasons"].list.len() == 0).to_numpy()
    chosen = episodes.filter(pl.Series(competing))
    categories = sorted(context.program.rules.categories)
    verdict = np.zeros(chosen.height, dtype=np.uint8)
    touched = np.zeros(chosen.height, dtype=np.bool_)
    exceptions = rules.first_gives_way
    sides = [
        np.array([[name in listed for name in categories] for listed in lists], dtype=np.bool_).reshape(
            len(exceptions), len(categories)
        )
        for lists in ([one.first_categories for one in exceptions], [one.second_categories for one in exceptions])
    ]
    asked = [
        np.array([kernels().ANY if wanted is None else int(wanted) for wanted in answers], dtype=np.int64)
        for answers in ([one.same_setting for one in exceptions], [one.same_start for one in exceptions])
    ]
    kernels().resolve_overlap(
        chosen["person"].to_numpy(),
        chosen["anchor_period_start"].to_physical().to_numpy(),
        chosen["episode_end"].to_physical().to_numpy(),
        _numbered(chosen["category"], categories),
        _numbered(chosen["anchor_setting"], ["inpatient", "outpatient", "professional"]),
        codes[rules.same_category.value],
        codes[rules.other_category.value],
        *sides,
        *asked,
        verdict,
        touched,
    )
    all_verdicts = np.zeros(episodes.height, dtype=np.uint8)
    all_touched = np.zeros(episodes.height, dtype=np.bool_)
    all_verdicts[competing] = verdict
    all_touched[competing] = touched
    return [pl.Series("_verdict", all_verdicts), pl.Series("_touched", all_touched)]


def _numbered(names: pl.Series, listed: list[str]) -> np.ndarray:
    return names.replace_strict(listed, list(range(len(listed))), return_dtype=pl.Int32).to_numpy()


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
