"""The composite quality score: measures, weighed by the episodes they stand for, or summed as points.

TEAM, 42 CFR 512.547: the scaled score of a measure (0 to 100, its percentile in the baseline cohort) times
its share of the volume, summed. CJR: quality_points.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import polars as pl

from episodes.errors import ArgumentError, unknown_name
from episodes.pricing.checks import frame_of, with_columns
from episodes.programs import Program
from episodes.programs.quality_rules import Quality
from episodes.programs.settlement_rules import needed
from episodes.reconciliation.quality_categories import category_of, effective_discount
from episodes.reconciliation.quality_measures import MEASURE_COLUMNS, MeasureScore, QualityScore
from episodes.reconciliation.quality_points import categories_of, points_of


def composite_quality_score(
    program: Program, measures: pl.DataFrame, *, performance_year: str | int | None = None
) -> QualityScore:
    """The composite quality score from the scores of the measures.

    Args:
        program: its measures of the year are the ones allowed.
        measures: one row a measure. measure; scaled_score (0 to the programme's highest score: TEAM 100, BPCI
            Advanced 1) or percentile (0 to 100, 100 is best), of which scaled_score wins; volume (episodes; absent
            or all null: equal weights; 0 leaves the measure out). For a score that is a sum of points (CJR):
            percentile, previous_percentile (of the year before, for improvement), submitted (data handed in), volume
            (cases: fewer than the measure's minimum are too little data). A null score or percentile is too little
            data. Further columns are not used.
        performance_year: wins over the programme's own.

    Returns:
        `.score` (TEAM 0 to 100, CJR 0 to 20, BPCI Advanced 0 to 1), `.exact`, `.weights`, `.status`, `.category`,
        `.discount` and `.repayment_discount` (effective, fractions), `.points`, `.notes`.

    Raises:
        ArgumentError: a measure that is not one of the year's, or is given twice; a score out of range;
            volumes of some measures only.

    Source: 42 CFR 512.547 for TEAM, 510.315 for CJR.

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
    quality = quality_of(resolved)
    measures = frame_of("measures", measures)
    wanted = ("percentile", "submitted") if quality.form.value == "points" else ("scaled_score", "percentile")
    if not set(wanted) & set(measures.columns):
        raise ArgumentError(
            f"measures has no score: give a column {wanted[0]} or {wanted[1]}; percentiles run from 0 to 100."
        )
    full = with_columns(measures, "measures", ["measure"], MEASURE_COLUMNS)
    # points are not weighed by volume
    known = quality.form.value != "points" and _volumes_known(full.get_column("volume"))
    highest = int(quality.highest_score.value)
    return combine(
        resolved,
        [MeasureScore.read(highest, row, row["volume"] if known else 1) for row in full.iter_rows(named=True)],
    )


def quality_of(program: Program) -> Quality:
    """The quality score of a programme.

    Raises:
        ArgumentError: it has none.
    """
    quality = program.settlement.quality
    if quality is None:
        raise ArgumentError(f"{program.id} has no composite quality score: no step of its settlement reads one.")
    return quality


def combine(program: Program, measures: Sequence[MeasureScore]) -> QualityScore:
    """The composite score of measures that are already read."""
    quality = quality_of(program)
    known = quality.measures.value
    names = [item.measure for item in measures]
    for name in names:
        if known and name not in known:
            kind = f"quality measure of performance year {program.performance_year}"
            raise ArgumentError(unknown_name(kind, name, known))
        if names.count(name) > 1:
            raise ArgumentError(f"Quality measure {name!r} is given more than once. Give one row a measure.")
    order = list(known) or names
    ordered = sorted(measures, key=lambda item: order.index(item.measure))
    scored = points_of(quality, ordered) if quality.form.value == "points" else _weighted_mean(quality, ordered)
    if scored is None:
        unknown = Fraction(quality.when_unknown.value)
        note = f"no measure carries weight: {float(unknown):g} taken"
        scored = QualityScore(float(unknown), unknown, {}, "unknown", notes=(note,))
    if quality.categories is None:
        return scored
    found = category_of(quality, scored.exact)
    categories = categories_of(quality, names) if quality.form.value == "points" else None
    return replace(
        scored,
        category=found.name,
        discount=effective_discount(program, scored.exact, categories),
        repayment_discount=effective_discount(program, scored.exact, categories, "repayment_discounts"),
        notes=(*scored.notes, *found.notes),
    )


def _weighted_mean(quality: Quality, measures: Sequence[MeasureScore]) -> QualityScore | None:
    """Scores weighed by volume; None where nothing carries weight."""
    scores = {item.measure: _scaled(quality, item) for item in measures}
    without = [item.measure for item in measures if scores[item.measure] is None and item.volume]
    neutral = None
    if quality.without_score.value == "neutral":
        neutral = Fraction(needed(quality.neutral_score, "settlement.quality.neutral_score").value)
    volumes = {
        item.measure: 0 if neutral is None and scores[item.measure] is None else item.volume for item in measures
    }
    whole = sum(volumes.values())
    if whole == 0:
        return None
    notes = []
    if without:
        said = "left out, too little data:" if neutral is None else f"neutral score {float(neutral):g} for"
        notes.append(f"{said} {', '.join(without)}")
    taken = {name: neutral if score is None else score for name, score in scores.items()}
    exact = sum((Fraction(taken[name] or 0) * volume / whole for name, volume in volumes.items()), Fraction(0))
    weights = {name: volume / whole for name, volume in volumes.items()}
    return QualityScore(float(exact), exact, weights, "known", notes=tuple(notes))


def _scaled(quality: Quality, item: MeasureScore) -> Fraction | None:
    """A measure on the programme's scale; percentiles are brought to it."""
    if item.scaled_score is not None or item.percentile is None:
        return item.scaled_score
    return item.percentile * Fraction(quality.highest_score.value) / 100


def _volumes_known(volumes: pl.Series) -> bool:
    """Whether the measures have volumes; volumes of some measures only are an error."""
    missing = volumes.null_count()
    if 0 < missing < len(volumes):
        raise ArgumentError(
            f"{missing} of {len(volumes)} quality measures have no volume. Give the volume of all or of none."
        )
    return missing == 0
