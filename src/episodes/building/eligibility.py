"""The exclusion ladder: every reason for which a candidate episode does not count, in the programme's order.

Each kind of rung is one function from (rung, ladder) to an expression or a set of candidates; the programme's file says
which rungs there are, in which order, with which parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from episodes.building.arrays import Array
from episodes.building.context import Context
from episodes.building.coverage import Intervals, is_known, meeting, not_covered_throughout
from episodes.building.diagnoses import with_prefix
from episodes.building.listed_names import bits_of
from episodes.programs.code_tables import load_codes


@dataclass(frozen=True)
class Ladder:
    """What the rungs look at.

    Attributes:
        episodes: candidates with windows, an ordinal `row`, and the days that eligibility is tested on: enrolment from
            `_from` to `_to`, which a death ends; what must not be there from `_from` to `_met_to`, which a death ends
            where it ends the windows.
        beneficiaries: rows of their people.
        intervals: coverage of their people.
        chained: the stays in chains (`stays.stays_in_chains`).
        context: of the run.
    """

    episodes: pl.DataFrame
    beneficiaries: pl.DataFrame
    intervals: Intervals
    chained: pl.DataFrame
    context: Context


def with_held_rungs(
    episodes: pl.DataFrame,
    beneficiaries: pl.DataFrame,
    coverage: pl.DataFrame,
    chained: pl.DataFrame,
    context: Context,
) -> pl.DataFrame:
    """Add `held`: the rungs of the ladder that hold, one bit a rung in its order, those that are switched off too.

    `episodes` has the windows and an ordinal `row` = 0, 1, ...
    """
    ends_windows = pl.lit(True)
    if not context.program.rules.construction.window.death_in_anchor_shortens.value:
        ends_windows = pl.col("death_date") > pl.col("anchor_end")
    tested = episodes.with_columns(
        _from="eligible_from",
        _to=pl.min_horizontal("scheduled_end", "death_date"),
        _met_to=pl.min_horizontal("scheduled_end", pl.when(ends_windows).then("death_date")),
    )
    ladder = Ladder(tested, beneficiaries, Intervals.of(tested, coverage), chained, context)
    rungs = context.program.rules.construction.exclusions
    holds = tested.select(_KINDS[rung.kind](rung, ladder).fill_null(False).alias(rung.id) for rung in rungs)
    return episodes.with_columns(held=pl.Series(bits_of(holds.to_dict(), episodes.height)))


def _rows(found: pl.DataFrame, ladder: Ladder) -> pl.Expr:
    """Whether a candidate is among some rows."""
    among = np.zeros(ladder.episodes.height, np.bool_)
    among[found["row"].to_numpy()] = True
    return _marked(among)


def _marked(candidates: Array) -> pl.Expr:
    return pl.lit(pl.Series(candidates))


# --- the hospital -------------------------------------------------------------------------------------------


def _provider_type(rung: Any, _ladder: Ladder) -> pl.Expr:
    return ~pl.col("kind_of_provider").is_in(list(rung.allowed)).fill_null(False)


def _excluded_state(rung: Any, _ladder: Ladder) -> pl.Expr:
    return pl.col("provider_state").is_in(list(rung.states))


def _hospital_list(rung: Any, ladder: Ladder) -> pl.Expr:
    listed = load_codes(rung.table).select(
        anchor_ccn="ccn", _first=pl.col("start_date").str.to_date(), _last=pl.col("end_date").str.to_date()
    )
    met = ladder.episodes.join(listed, on="anchor_ccn", how="inner").filter(
        (pl.col("_first").is_null() | (pl.col("_first") <= pl.col(rung.begun_by)))
        & (pl.col("_last").is_null() | (pl.col("_last") >= pl.col("anchor_start")))
    )
    return _rows(met, ladder)


def _no_facility(_rung: Any, _ladder: Ladder) -> pl.Expr:
    return (pl.col("anchor_setting") == "professional") & pl.col("facility_claim").is_null()


# --- coverage -----------------------------------------------------------------------------------------------


def _enrolment_record(_rung: Any, ladder: Ladder) -> pl.Expr:
    return ~is_known(ladder.beneficiaries, ladder.intervals)


def _continuous_coverage(rung: Any, ladder: Ladder) -> pl.Expr:
    lacking = _marked(not_covered_throughout(rung.kinds, ladder.episodes, ladder.intervals))
    if rung.without_kinds:
        lacking = lacking | _marked(meeting(rung.without_kinds, ladder.episodes, ladder.intervals, "_to"))
    if rung.untested_before is not None:
        lacking = lacking & (pl.col("eligible_from") >= rung.untested_before)
    if rung.known_people_only:
        lacking = lacking & is_known(ladder.beneficiaries, ladder.intervals)
    return lacking


def _no_coverage(rung: Any, ladder: Ladder) -> pl.Expr:
    intervals = ladder.intervals
    if rung.transplant_days is None:
        return _marked(meeting(rung.kinds, ladder.episodes, intervals))
    kinds = tuple(kind for kind in rung.kinds if kind != "kidney_transplant")
    since_transplant = meeting(("kidney_transplant",), ladder.episodes, intervals.ending(rung.transplant_days))
    return _marked(meeting(kinds, ladder.episodes, intervals) | since_transplant)


def _other_primary_payer(_rung: Any, ladder: Ladder) -> pl.Expr:
    met = _marked(meeting(("other_primary_payer",), ladder.episodes, ladder.intervals))
    return met | (pl.col("primary_payer_paid_cents") > 0).fill_null(False)


# --- the person and the anchor ------------------------------------------------------------------------------


def _death_in_anchor(rung: Any, _ladder: Ladder) -> pl.Expr:
    died = pl.col("death_date").is_between("anchor_start", "anchor_end").fill_null(False)
    return died | pl.col("discharge_status").is_in(list(rung.discharge_status)).fill_null(False)


def _death_in_episode(rung: Any, _ladder: Ladder) -> pl.Expr:
    died = pl.col("death_date").is_between("anchor_start", "scheduled_end").fill_null(False)
    return died | pl.col("discharge_status").is_in(list(rung.discharge_status)).fill_null(False)


def _length_of_stay(rung: Any, _ladder: Ladder) -> pl.Expr:
    return _of_stay() & (pl.col("length_of_stay") > pl.lit(rung.longest_days))


def _anchor_mdc(rung: Any, _ladder: Ladder) -> pl.Expr:
    return _of_stay() & pl.col("mdc_of_stay").is_in(list(rung.mdcs)).fill_null(False)


def _of_stay() -> pl.Expr:
    return pl.col("anchor_setting") == "inpatient"


def _not_highest_j1(_rung: Any, _ladder: Ladder) -> pl.Expr:
    return (pl.col("anchor_setting") == "outpatient") & ~pl.col("highest_ranked").fill_null(True)


def _anchor_diagnosis(rung: Any, ladder: Ladder) -> pl.Expr:
    listed = with_prefix(ladder.episodes["anchor_diagnoses"].explode().drop_nulls(), rung.table)
    return pl.col("anchor_diagnoses").list.eval(pl.element().is_in(listed)).list.any()


def _age(rung: Any, ladder: Ladder) -> pl.Expr:
    births = ladder.beneficiaries.select("person", "birth_date").unique("person", keep="first")
    born, day = pl.col("birth_date"), pl.col("anchor_start")
    had_birthday = (day.dt.month() > born.dt.month()) | (
        (day.dt.month() == born.dt.month()) & (day.dt.day() >= born.dt.day())
    )
    age = day.dt.year() - born.dt.year() - (~had_birthday).cast(pl.Int32)
    outside = pl.lit(False)
    if rung.youngest is not None:
        outside = outside | (age < rung.youngest)
    if rung.oldest is not None:
        outside = outside | (age > rung.oldest)
    return _rows(ladder.episodes.join(births, on="person", how="inner").filter(outside.fill_null(False)), ladder)


# --- other stays and triggers -------------------------------------------------------------------------------


def _transfer_with_provider(rung: Any, ladder: Ladder) -> pl.Expr:
    return _chains_with(ladder, pl.col("kind_of_provider").is_in(list(rung.provider_types)))


def _transfer_with_excluded_stay(rung: Any, ladder: Ladder) -> pl.Expr:
    drgs = load_codes(rung.table)["ms_drg"].unique().to_list()
    listed = pl.col("drg").is_in(drgs).fill_null(False) | pl.col("mdc_of_stay").is_in(list(rung.mdcs)).fill_null(False)
    return _chains_with(ladder, listed)


def _chains_with(ladder: Ladder, holds: pl.Expr) -> pl.Expr:
    chains = ladder.chained.filter((pl.col("legs") > 1) & holds)["chain"].unique()
    return pl.col("chain").is_in(chains.to_list()).fill_null(False)


def _clean_period(rung: Any, ladder: Ladder) -> pl.Expr:
    own = ladder.episodes.select("row", "person", "anchor_start")
    other = own.rename({"row": "_row", "anchor_start": "_start"})
    near = own.join(other, on="person", how="inner").filter(
        (pl.col("row") != pl.col("_row"))
        & (pl.col("_start") <= pl.col("anchor_start").dt.offset_by(f"{rung.days_after}d"))
        & (pl.col("_start") >= pl.col("anchor_start").dt.offset_by(f"-{rung.days_before}d"))
    )
    return _rows(near, ladder)


# --- dates --------------------------------------------------------------------------------------------------


def _out_of_period(_rung: Any, ladder: Ladder) -> pl.Expr:
    start, end = ladder.context.program.period
    by_anchor = ladder.context.program.rules.construction.window.year_assignment.value == "anchor_end"
    tested = pl.col("anchor_end") if by_anchor else pl.col("scheduled_end")
    return ~tested.is_between(pl.lit(start), pl.lit(end))


def _model_dates(rung: Any, ladder: Ladder) -> pl.Expr:
    if not ladder.context.program.own_period:
        return pl.lit(False)
    starts_early = pl.col("episode_start") < pl.lit(rung.earliest_episode_start)
    return starts_early | (pl.col("scheduled_end") > pl.lit(rung.latest_episode_end))


_KINDS: dict[str, Callable[[Any, Ladder], pl.Expr]] = {
    "provider_type": _provider_type,
    "excluded_state": _excluded_state,
    "hospital_list": _hospital_list,
    "no_facility": _no_facility,
    "enrolment_record": _enrolment_record,
    "continuous_coverage": _continuous_coverage,
    "no_coverage": _no_coverage,
    "other_primary_payer": _other_primary_payer,
    "death_in_anchor": _death_in_anchor,
    "death_in_episode": _death_in_episode,
    "length_of_stay": _length_of_stay,
    "anchor_mdc": _anchor_mdc,
    "anchor_diagnosis": _anchor_diagnosis,
    "age": _age,
    "transfer_with_provider": _transfer_with_provider,
    "transfer_with_excluded_stay": _transfer_with_excluded_stay,
    "not_highest_j1": _not_highest_j1,
    "clean_period": _clean_period,
    "out_of_period": _out_of_period,
    "model_dates": _model_dates,
}
