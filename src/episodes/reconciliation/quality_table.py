"""Composite quality scores of the parties of a run, from the quality table and the volumes of their episodes."""

from __future__ import annotations

from typing import Any

import polars as pl

from episodes.pricing.checks import with_columns
from episodes.programs import Program
from episodes.reconciliation.quality import combine, quality_of
from episodes.reconciliation.quality_measures import MEASURE_COLUMNS, MeasureScore, QualityScore


def party_scores(
    program: Program, episodes: pl.DataFrame, quality: pl.DataFrame, *, only_known: bool
) -> tuple[dict[tuple[str, str | None], QualityScore], list[str]]:
    """The score of each party that has measures; of each of its categories, where these are settled apart.

    Args:
        program: its measures of its performance year are read.
        episodes: the episodes to settle: party_id, category, anchor_setting. They weigh a measure that comes without
            a volume.
        quality: the quality table: ccn (or the id of another party), measure, performance_year, percentile, volume,
            points. A scaled_score, previous_percentile and submitted are read where there are such columns; else the
            previous percentile is that of the year before in the table, and points above zero are a submission.
        only_known: pass over measures of other programmes, which a table beside claims may hold, and say so;
            otherwise they are errors.

    Returns:
        Party id and category (None: all together) to score, and notes on what was not used.
    """
    if program.settlement.quality is None:
        return {}, []
    table = with_columns(
        quality, "quality", ["ccn", "measure", "performance_year"], {**MEASURE_COLUMNS, "points": pl.Float64}
    ).with_columns(pl.col("ccn", "measure", "performance_year").cast(pl.String))
    year = program.performance_year
    rows = _with_year_before(program, table).filter(pl.col("performance_year") == year).sort("ccn", "measure")
    notes = []
    if table.height and not rows.height:
        notes.append(f"The quality table has no row of performance year {year}.")
    rules = quality_of(program)
    known = rules.measures.value
    others = sorted(set(rows.get_column("measure").to_list()) - set(known)) if known else []
    if only_known and others:
        notes.append(f"Measures that are not the programme's in this year are not used: {', '.join(others)}.")
        rows = rows.filter(pl.col("measure").is_in(list(known)))
    strangers = set(rows["ccn"]) - set(episodes["party_id"])
    if rows.height and strangers >= set(rows["ccn"]):
        notes.append("No hospital of the quality table has an episode to settle: are its CCNs of six characters?")
    volumes = _episode_volumes(program, episodes, rows)
    highest = int(rules.highest_score.value)
    by_party: dict[str, list[MeasureScore]] = {}
    for row in rows.iter_rows(named=True):
        own = volumes.get((row["ccn"], row["measure"]), 0)
        read = MeasureScore.read(highest, row, own if row["volume"] is None else row["volume"])
        by_party.setdefault(row["ccn"], []).append(read)
    if program.settlement.settled_apart.value == "party":
        return {(party, None): combine(program, found) for party, found in by_party.items()}, notes
    scores = {}
    for party, category in episodes.select("party_id", "category").unique().sort("party_id", "category").iter_rows():
        mine = [item for item in by_party.get(party, ()) if category in (_categories_of(program, item) or (category,))]
        if mine:
            scores[party, category] = combine(program, mine)
    return scores, notes


def _categories_of(program: Program, item: MeasureScore) -> tuple[str, ...] | None:
    terms = quality_of(program).measures.value.get(item.measure)
    return None if terms is None else terms.categories


def _with_year_before(program: Program, table: pl.DataFrame) -> pl.DataFrame:
    """The table with the percentile of the year before, and submissions, filled in from its own rows."""
    years = list(program.rules.performance_years)
    place = years.index(program.performance_year)
    before = years[place - 1] if place else None
    earlier = (
        table.filter(pl.col("performance_year") == pl.lit(before, dtype=pl.String))
        .unique(["ccn", "measure"], keep="first", maintain_order=True)
        .select("ccn", "measure", percentile_before="percentile")
    )
    return table.join(earlier, on=["ccn", "measure"], how="left", maintain_order="left").with_columns(
        previous_percentile=pl.coalesce("previous_percentile", "percentile_before"),
        submitted=pl.coalesce("submitted", pl.col("points") > 0),
    )


def _episode_volumes(program: Program, episodes: pl.DataFrame, rows: pl.DataFrame) -> dict[tuple[str, str], int]:
    """The party's episodes that each measure stands for, by its categories and anchor setting."""
    measures = quality_of(program).measures.value
    terms_of: dict[str, Any] = {name: measures.get(name) for name in set(rows["measure"])}
    volumes: dict[tuple[str, str], int] = {}
    groups = episodes.group_by("party_id", "category", "anchor_setting").agg(pl.len())
    for measure, terms in terms_of.items():
        for party, category, setting, number in groups.iter_rows():
            in_category = terms is None or terms.categories is None or category in terms.categories
            if in_category and (terms is None or terms.anchor_setting in (None, setting)):
                volumes[party, measure] = volumes.get((party, measure), 0) + number
    return volumes
