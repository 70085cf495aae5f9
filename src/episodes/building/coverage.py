"""Coverage of people over the days of a candidate: which intervals meet it, which days are covered by none."""

from __future__ import annotations

import polars as pl

FAR_FUTURE = pl.date(9999, 12, 31)


def known_people(beneficiaries: pl.DataFrame, coverage: pl.DataFrame) -> pl.Series:
    """People who stand in some table of enrolment."""
    return pl.concat([beneficiaries["person"], coverage["person"]]).unique()


def meeting(
    kinds: tuple[str, ...], episodes: pl.DataFrame, coverage: pl.DataFrame, until: str = "_met_to"
) -> pl.DataFrame:
    """Candidates (row) whose days from `_from` on an interval of one of the kinds meets."""
    return (
        episodes.select("row", "person", "_from", _to=until)
        .join(coverage.filter(pl.col("kind").cast(pl.String).is_in(list(kinds))), on="person", how="inner")
        .filter(
            (pl.col("start_date") <= pl.col("_to"))
            & (pl.col("end_date").is_null() | (pl.col("end_date") >= pl.col("_from")))
        )
        .select("row")
    )


def not_covered_throughout(kinds: tuple[str, ...], episodes: pl.DataFrame, coverage: pl.DataFrame) -> pl.DataFrame:
    """Candidates (row) with some day from `_from` to `_to` that is not covered by one of the kinds.

    Months unknown for the kind count as covered here: they have a rung of their own, so that the reasons stay apart.
    """
    days = episodes.select("row", "person", "_from", "_to")
    covered = days.select("row")
    for kind in kinds:
        unknown = (pl.col("kind").cast(pl.String) == "unknown") & (
            pl.col("detail").is_null() | (pl.col("detail") == kind)
        )
        intervals = coverage.filter((pl.col("kind").cast(pl.String) == kind) | unknown).select(
            "person", spell_start="start_date", spell_end=pl.col("end_date").fill_null(FAR_FUTURE)
        )
        by_one = _throughout(days, intervals)
        left = days.join(by_one, on="row", how="anti")
        others = intervals.join(left.select("person"), on="person", how="semi")
        by_several = _throughout(left, merged_spells(others))
        covered = covered.join(pl.concat([by_one, by_several]), on="row", how="semi")
    return days.join(covered, on="row", how="anti").select("row")


def _throughout(days: pl.DataFrame, spells: pl.DataFrame) -> pl.DataFrame:
    """Candidates (row) all of whose days lie in one spell."""
    found = days.join(spells, on="person", how="inner").filter(
        (pl.col("spell_start") <= pl.col("_from")) & (pl.col("spell_end") >= pl.col("_to"))
    )
    return found.select("row").unique()


def merged_spells(intervals: pl.DataFrame) -> pl.DataFrame:
    """Overlapping and adjacent intervals of a person joined into spells: person, spell_start, spell_end."""
    ordered = intervals.select("person", "spell_start", "spell_end").sort("person", "spell_start", "spell_end")
    reached = pl.col("spell_end").cum_max().shift(1).over("person")
    gap = (pl.col("spell_start") > reached.dt.offset_by("1d")).fill_null(True)
    return (
        ordered.with_columns(_spell=gap.cum_sum().over("person"))
        .group_by("person", "_spell", maintain_order=True)
        .agg(pl.col("spell_start").min(), pl.col("spell_end").max())
    )
