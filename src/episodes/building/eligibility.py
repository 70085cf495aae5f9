"""The exclusion ladder: every reason for which a candidate episode does not count, in the programme's order.

Each kind of rung is one function from (candidates, bucket, context) to an expression or a set of candidates; the
programme's file says which rungs there are, in which order, with which parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from episodes.building.context import Context
from episodes.programs.code_tables import load_codes

FAR_FUTURE = pl.date(9999, 12, 31)
REASONS_TYPE = pl.List(pl.String)


def with_reasons(
    episodes: pl.DataFrame, beneficiaries: pl.DataFrame, coverage: pl.DataFrame, context: Context
) -> pl.DataFrame:
    """Add `reasons`: the reason codes that hold, in ladder order; `reasons_switched_off`: those not applied.

    `episodes` has the windows and an ordinal `row`.
    """
    tested = episodes.with_columns(_from="episode_start", _to=pl.min_horizontal("scheduled_end", "death_date"))
    holds: list[pl.Expr] = []
    not_applied: list[pl.Expr] = []
    for rung in context.program.rules.construction.exclusions:
        hit = _KINDS[rung.kind](rung, tested, beneficiaries, coverage, context)
        tested = tested.with_columns(hit.fill_null(False).alias(f"_holds_{rung.id}"))
        listed = not_applied if rung.id in context.program.switched_off else holds
        listed.append(pl.when(pl.col(f"_holds_{rung.id}")).then(pl.lit(rung.id)))
    return tested.with_columns(reasons=_listed(holds), reasons_switched_off=_listed(not_applied)).drop(
        "_from", "_to", *[name for name in tested.columns if name.startswith("_holds_")]
    )


def _listed(reasons: list[pl.Expr]) -> pl.Expr:
    return pl.concat_list(reasons).list.drop_nulls() if reasons else pl.lit([], dtype=REASONS_TYPE)


def _provider_type(rung: Any, *_: Any) -> pl.Expr:
    return ~pl.col("kind_of_provider").is_in(list(rung.allowed))


def _excluded_state(rung: Any, *_: Any) -> pl.Expr:
    return pl.col("provider_state").is_in(list(rung.states))


def _hospital_list(rung: Any, episodes: pl.DataFrame, *_: Any) -> pl.Expr:
    listed = load_codes(rung.table).select(
        anchor_ccn="ccn", _first=pl.col("start_date").str.to_date(), _last=pl.col("end_date").str.to_date()
    )
    met = (
        episodes.join(listed, on="anchor_ccn", how="inner")
        .filter(
            (pl.col("_first").is_null() | (pl.col("_first") <= pl.col("scheduled_end")))
            & (pl.col("_last").is_null() | (pl.col("_last") >= pl.col("anchor_start")))
        )["row"]
        .unique()
    )
    return pl.col("row").is_in(met.to_list())


def _enrolment_record(
    _rung: Any,
    _episodes: pl.DataFrame,
    beneficiaries: pl.DataFrame,
    coverage: pl.DataFrame,
    _context: Context,
) -> pl.Expr:
    known = pl.concat([beneficiaries.select("beneficiary_id"), coverage.select("beneficiary_id")])
    return ~pl.col("beneficiary_id").is_in(known["beneficiary_id"].unique().to_list())


def _continuous_coverage(
    rung: Any, episodes: pl.DataFrame, _beneficiaries: pl.DataFrame, coverage: pl.DataFrame, _context: Context
) -> pl.Expr:
    """Months unknown for the kind count as covered here: they have a rung of their own, so that the two reasons
    stay apart."""
    covered = pl.lit(True)
    for kind in rung.kinds:
        unknown = (pl.col("kind") == "unknown") & (pl.col("detail").is_null() | (pl.col("detail") == kind))
        spells = _merged_spells(coverage.filter((pl.col("kind") == kind) | unknown))
        rows = (
            episodes.join(spells, on="beneficiary_id", how="inner")
            .filter((pl.col("spell_start") <= pl.col("_from")) & (pl.col("spell_end") >= pl.col("_to")))["row"]
            .unique()
        )
        covered = covered & pl.col("row").is_in(rows.to_list())
    return ~covered


def _merged_spells(intervals: pl.DataFrame) -> pl.DataFrame:
    """Overlapping and adjacent intervals of a person joined into spells."""
    ordered = intervals.select("beneficiary_id", "start_date", end=pl.col("end_date").fill_null(FAR_FUTURE)).sort(
        "beneficiary_id", "start_date", "end"
    )
    reached = pl.col("end").cum_max().shift(1).over("beneficiary_id")
    gap = (pl.col("start_date") > reached.dt.offset_by("1d")).fill_null(True)
    return (
        ordered.with_columns(_spell=gap.cum_sum().over("beneficiary_id"))
        .group_by("beneficiary_id", "_spell")
        .agg(spell_start=pl.col("start_date").min(), spell_end=pl.col("end").max())
    )


def _meeting(kinds: tuple[str, ...], episodes: pl.DataFrame, coverage: pl.DataFrame) -> pl.Expr:
    """Candidates whose window an interval of one of the kinds meets."""
    rows = (
        episodes.join(coverage.filter(pl.col("kind").is_in(list(kinds))), on="beneficiary_id", how="inner")
        .filter(
            (pl.col("start_date") <= pl.col("_to"))
            & (pl.col("end_date").is_null() | (pl.col("end_date") >= pl.col("_from")))
        )["row"]
        .unique()
    )
    return pl.col("row").is_in(rows.to_list())


def _no_coverage(
    rung: Any, episodes: pl.DataFrame, _beneficiaries: pl.DataFrame, coverage: pl.DataFrame, _context: Context
) -> pl.Expr:
    return _meeting(rung.kinds, episodes, coverage)


def _other_primary_payer(
    _rung: Any,
    episodes: pl.DataFrame,
    _beneficiaries: pl.DataFrame,
    coverage: pl.DataFrame,
    _context: Context,
) -> pl.Expr:
    return _meeting(("other_primary_payer",), episodes, coverage) | (pl.col("primary_payer_paid_cents") > 0)


def _death_in_anchor(rung: Any, *_: Any) -> pl.Expr:
    died = pl.col("death_date").is_between("anchor_start", "anchor_end").fill_null(False)
    return died | pl.col("discharge_status").is_in(list(rung.discharge_status)).fill_null(False)


def _death_in_episode(rung: Any, *_: Any) -> pl.Expr:
    died = pl.col("death_date").is_between("anchor_start", "scheduled_end").fill_null(False)
    return died | pl.col("discharge_status").is_in(list(rung.discharge_status)).fill_null(False)


def _out_of_period(
    _rung: Any,
    _episodes: pl.DataFrame,
    _beneficiaries: pl.DataFrame,
    _coverage: pl.DataFrame,
    context: Context,
) -> pl.Expr:
    start, end = context.program.period
    by_anchor = context.program.rules.construction.window.year_assignment.value == "anchor_end"
    tested = pl.col("anchor_end") if by_anchor else pl.col("scheduled_end")
    return ~tested.is_between(pl.lit(start), pl.lit(end))


def _model_dates(
    rung: Any,
    _episodes: pl.DataFrame,
    _beneficiaries: pl.DataFrame,
    _coverage: pl.DataFrame,
    context: Context,
) -> pl.Expr:
    if not context.program.own_period:
        return pl.lit(False)
    starts_early = pl.col("episode_start") < pl.lit(rung.earliest_episode_start)
    return starts_early | (pl.col("scheduled_end") > pl.lit(rung.latest_episode_end))


_KINDS: dict[str, Callable[..., pl.Expr]] = {
    "provider_type": _provider_type,
    "excluded_state": _excluded_state,
    "hospital_list": _hospital_list,
    "enrolment_record": _enrolment_record,
    "continuous_coverage": _continuous_coverage,
    "no_coverage": _no_coverage,
    "other_primary_payer": _other_primary_payer,
    "death_in_anchor": _death_in_anchor,
    "death_in_episode": _death_in_episode,
    "out_of_period": _out_of_period,
    "model_dates": _model_dates,
}
