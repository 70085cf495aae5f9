"""The composite quality score: measures, weighed by the episodes they stand for.

TEAM, 42 CFR 512.547: the scaled score of a measure (0 to 100, its percentile in the baseline cohort) times
its share of the volume, summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import polars as pl

from episodes.errors import ArgumentError, unknown_name
from episodes.pricing.checks import exact_in_range, whole_cents, with_columns
from episodes.programs import Program


@dataclass(frozen=True)
class MeasureScore:
    """One measure of a hospital: its scaled score (None: not enough data) and its volume."""

    measure: str
    scaled_score: Fraction | None
    volume: int

    @classmethod
    def read(cls, measure: str, score: Any, volume: Any) -> MeasureScore:
        """A measure from plain values, checked."""
        scaled = None if score is None else exact_in_range("scaled_score", score, 0, 100)
        return cls(measure, scaled, whole_cents("volume", volume, minimum=0))


@dataclass(frozen=True)
class QualityScore:
    """A composite quality score.

    Attributes:
        score: for display; `exact` is the score that settlement uses.
        exact: the score as an exact fraction.
        weights: share of each measure, in the programme's order.
        status: `known`, or `unknown` where no measure carries weight: the score is then the programme's
            `settlement.quality.when_unknown`.
        category, discount: None for a programme whose score names no category and changes no discount.
        notes: what was assumed.
    """

    score: float
    exact: Fraction
    weights: Mapping[str, float]
    status: Literal["known", "unknown"]
    category: str | None = None
    discount: float | None = None
    notes: tuple[str, ...] = field(default=())


def composite_quality_score(
    program: Program, measures: pl.DataFrame, *, performance_year: str | int | None = None
) -> QualityScore:
    """The composite quality score from the scores of the measures.

    Args:
        program: its measures of the year are the ones allowed.
        measures: one row a measure: measure; scaled_score or percentile (0 to 100, 100 is best; scaled_score
            wins; a null counts as the programme's neutral score); volume (episodes; absent or all null:
            equal weights; 0 leaves the measure out). Further columns are not used.
        performance_year: wins over the programme's own.

    Returns:
        `.score`, `.exact`, `.weights`, `.status`, `.category`, `.discount`, `.notes`.

    Raises:
        ArgumentError: a measure that is not one of the year's, or is given twice; a score out of range;
            volumes of some measures only.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> measures = pl.DataFrame(
        ...     {"measure": ["hybrid_hwr", "psi_90"], "scaled_score": [80, 40], "volume": [300, 100]}
        ... )
        >>> composite_quality_score(team, measures).score
        70.0
    """
    resolved = program.for_year(performance_year)
    if not {"scaled_score", "percentile"} & set(measures.columns):
        raise ArgumentError("measures has no score: give a column scaled_score or percentile, 0 to 100.")
    full = with_columns(
        measures,
        "measures",
        ["measure"],
        {"scaled_score": pl.Float64, "percentile": pl.Float64, "volume": pl.Int64},
    )
    known = _volumes_known(full.get_column("volume"))
    scores = []
    for measure, scaled, percentile, volume in full.select(
        pl.col("measure").cast(pl.String), "scaled_score", "percentile", "volume"
    ).iter_rows():
        score = percentile if scaled is None else scaled
        weight = volume if known else 1
        scores.append(MeasureScore.read(str(measure), score, weight))
    return combine(resolved, scores)


def combine(program: Program, measures: Sequence[MeasureScore]) -> QualityScore:
    """The composite score of measures that are already read."""
    quality = program.settlement.quality
    known = quality.measures.value
    names = [item.measure for item in measures]
    for name in names:
        if name not in known:
            kind = f"quality measure of performance year {program.performance_year}"
            raise ArgumentError(unknown_name(kind, name, known))
        if names.count(name) > 1:
            raise ArgumentError(f"Quality measure {name!r} is given more than once. Give one row a measure.")
    ordered = sorted(measures, key=lambda item: list(known).index(item.measure))
    whole = sum(item.volume for item in ordered)
    if whole == 0:
        unknown = Fraction(quality.when_unknown.value)
        note = f"no measure carries weight: {float(unknown):g} taken"
        return QualityScore(float(unknown), unknown, {}, "unknown", notes=(note,))
    neutral = Fraction(quality.neutral_score.value)
    without = [item.measure for item in ordered if item.scaled_score is None and item.volume]
    notes = (f"neutral score {float(neutral):g} for {', '.join(without)}",) if without else ()
    exact = sum(
        ((neutral if item.scaled_score is None else item.scaled_score) * item.volume / whole for item in ordered),
        Fraction(0),
    )
    weights = {item.measure: item.volume / whole for item in ordered}
    return QualityScore(float(exact), exact, weights, "known", notes=notes)


def _volumes_known(volumes: pl.Series) -> bool:
    """Whether the measures have volumes; volumes of some measures only are an error."""
    missing = volumes.null_count()
    if 0 < missing < len(volumes):
        raise ArgumentError(
            f"{missing} of {len(volumes)} quality measures have no volume. Give the volume of all or of none."
        )
    return missing == 0


def hospital_scores(
    program: Program, episodes: pl.DataFrame, quality: pl.DataFrame, *, only_known: bool
) -> tuple[dict[str, QualityScore], list[str]]:
    """The score of each hospital that has measures.

    Args:
        program: its measures of its performance year are read.
        episodes: the episodes to settle: anchor_ccn, category, anchor_setting. They weigh a measure that
            comes without a volume.
        quality: the quality table: ccn, measure, performance_year, percentile (the scaled score), volume.
        only_known: pass over measures of other programmes, which a table beside claims may hold, and say so;
            otherwise they are errors.

    Returns:
        CCN to score, and notes on what was not used.
    """
    table = with_columns(
        quality,
        "quality",
        ["ccn", "measure", "performance_year"],
        {"percentile": pl.Float64, "volume": pl.Int64},
    )
    table = table.with_columns(pl.col("ccn").cast(pl.String))
    year = program.performance_year
    rows = table.filter(pl.col("performance_year").cast(pl.String) == year).sort("ccn", "measure")
    notes = []
    if table.height and not rows.height:
        notes.append(f"The quality table has no row of performance year {year}.")
    known = program.settlement.quality.measures.value
    others = sorted(set(rows.get_column("measure").to_list()) - set(known))
    if only_known and others:
        notes.append(f"Measures that are not the programme's in this year are not used: {', '.join(others)}.")
        rows = rows.filter(pl.col("measure").is_in(list(known)))
    strangers = set(rows["ccn"]) - set(episodes["anchor_ccn"])
    if rows.height and strangers >= set(rows["ccn"]):
        notes.append("No hospital of the quality table has an episode to settle: are its CCNs of six characters?")
    volumes = _episode_volumes(program, episodes)
    by_hospital: dict[str, list[MeasureScore]] = {}
    for ccn, measure, percentile, volume in rows.select("ccn", "measure", "percentile", "volume").iter_rows():
        weight = volumes.get((ccn, measure), 0) if volume is None else volume
        by_hospital.setdefault(ccn, []).append(MeasureScore.read(measure, percentile, weight))
    return {ccn: combine(program, found) for ccn, found in by_hospital.items()}, notes


def _episode_volumes(program: Program, episodes: pl.DataFrame) -> dict[tuple[str, str], int]:
    """The hospital's episodes that each measure stands for, by its categories and anchor setting."""
    volumes: dict[tuple[str, str], int] = {}
    groups = episodes.group_by("anchor_ccn", "category", "anchor_setting").agg(pl.len())
    for measure, terms in program.settlement.quality.measures.value.items():
        for ccn, category, setting, number in groups.iter_rows():
            in_category = terms.categories is None or category in terms.categories
            if in_category and terms.anchor_setting in (None, setting):
                volumes[ccn, measure] = volumes.get((ccn, measure), 0) + number
    return volumes
