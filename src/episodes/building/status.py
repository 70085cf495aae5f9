"""Which candidate episodes count: overlap between episodes of a person, open ones, and who takes part."""

from __future__ import annotations

import numpy as np
import polars as pl

from episodes.building.arrays import Array
from episodes.building.compiled import kernels
from episodes.building.context import Context
from episodes.building.listed_names import names_of
from episodes.programs import Program

WITHIN_EARLIER = "within_earlier_episode"
CANCELLED_BY_LATER = "cancelled_by_later_episode"


def with_status(episodes: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add `reasons` (the codes that apply, in ladder order, then the overlap's), `reasons_switched_off`, `status`,
    `participating` and the flag `overlap`.

    Episodes have `held` and are sorted by person, start, inpatient before outpatient, anchor_end, anchor claim.
    """
    names = (*(rung.id for rung in context.program.rules.construction.exclusions), *overlap_reasons(context.program))
    applied = sum(1 << number for number, name in enumerate(names) if name not in context.program.switched_off)
    held = episodes["held"].to_numpy()
    verdict, touched = _overlap_verdicts(episodes, (held & applied) == 0, context)
    within, cancelled = len(names) - 2, len(names) - 1
    every = held.copy()
    every[verdict == kernels().WITHIN_EARLIER] |= 1 << within
    every[verdict == kernels().CANCELLED_BY_LATER] |= 1 << cancelled
    construction = context.program.rules.construction
    known_from = construction.window.post_episode_days.value + construction.window.run_out_days.value
    is_open = (
        pl.col("scheduled_end").dt.offset_by(f"{known_from}d") >= context.as_of
        if context.as_of is not None
        else pl.lit(False)
    )
    return episodes.drop("held").with_columns(
        status=pl.when(pl.Series((held & applied) != 0))
        .then(pl.lit("excluded"))
        .when(pl.Series((every & applied) != 0))
        .then(pl.lit("overlapped"))
        .when(is_open)
        .then(pl.lit("open"))
        .otherwise(pl.lit("final")),
        reasons=names_of(every & applied, names),
        reasons_switched_off=names_of(every & ~applied, names),
        overlap=pl.Series(touched),
        participating=_participating(episodes, context),
    )


def overlap_reasons(program: Program) -> tuple[str, str]:
    """The reason codes of an episode within an earlier one, and of one that a later one cancels."""
    one = program.rules.construction.overlap.reason
    return (one.value, one.value) if one is not None else (WITHIN_EARLIER, CANCELLED_BY_LATER)


def _overlap_verdicts(episodes: pl.DataFrame, competing: Array, context: Context) -> tuple[Array, Array]:
    """What becomes of each candidate, and whether it overlaps; only those without a reason compete."""
    rules = context.program.rules.construction.overlap
    codes = {"cancel_first": kernels().CANCEL_FIRST, "first_wins": kernels().FIRST_WINS}
    chosen = episodes.select("person", "anchor_period_start", "episode_end", "category", "anchor_setting").filter(
        pl.Series(competing)
    )
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
    return all_verdicts, all_touched


def _numbered(names: pl.Series, listed: list[str]) -> Array:
    return names.replace_strict(listed, list(range(len(listed))), return_dtype=pl.Int32).to_numpy()


def _participating(episodes: pl.DataFrame, context: Context) -> pl.Series:
    """None given: every hospital takes part. A null category, start or end of a participant means no limit."""
    own = context.participants.filter(
        (pl.col("program") == context.program.id) & (pl.col("entity_kind").cast(pl.String) == "hospital")
    )
    if own.is_empty():
        return pl.repeat(True, episodes.height, dtype=pl.Boolean, eager=True)
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
    return episodes["row"].is_in(taking_part.implode())
