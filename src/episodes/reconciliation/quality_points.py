"""A quality score that is a sum of points by percentile, with points for improvement and for handing data in.

CJR, 42 CFR 510.315; the episode payment models of 2017, 512.315.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from episodes.errors import ArgumentError
from episodes.programs.quality_rules import Quality, QualityMeasure
from episodes.programs.settlement_rules import needed
from episodes.reconciliation.quality_measures import MeasureScore, QualityScore


def points_of(quality: Quality, measures: Sequence[MeasureScore]) -> QualityScore | None:
    """Points of each measure and of its improvement, summed up to the highest score; None without any measure."""
    if not measures:
        return None
    given = {item.measure: item for item in measures}
    notes = []
    points: dict[str, Fraction] = {}
    weights: dict[str, float] = {}
    for name, terms in _measures_together(quality, list(given)).items():
        item = given.get(name, MeasureScore(name))
        weights[name] = float(terms.highest_points / quality.highest_score.value)
        if terms.points is None:
            points[name] = Fraction(terms.submission_points or 0) if item.submitted else Fraction(0)
            continue
        few = terms.minimum_cases is not None and item.cases is not None and item.cases < terms.minimum_cases
        value = None if few else item.percentile
        percentile = value
        if percentile is None and quality.without_score.value == "neutral":
            percentile = Fraction(needed(quality.neutral_percentile, "settlement.quality.neutral_percentile").value)
            why = f"no value of {name}" + (f", fewer than {terms.minimum_cases} cases" if few else "")
            notes.append(f"{why}: points of percentile {float(percentile):g}")
        if percentile is None:
            points[name] = Fraction(0)
            continue
        points[name] = next(Fraction(worth) for start, worth in terms.points if percentile >= Fraction(start))
        if value is not None and _improved(quality, value, item.previous_percentile):
            share = Fraction(needed(quality.improvement, "settlement.quality.improvement").value.share)
            points[name] += share * Fraction(terms.highest_points)
            notes.append(f"improvement of {name}")
    exact = min(sum(points.values(), Fraction(0)), Fraction(quality.highest_score.value))
    shown = {name: float(worth) for name, worth in points.items()}
    return QualityScore(float(exact), exact, weights, "known", points=shown, notes=tuple(notes))


def categories_of(quality: Quality, names: Sequence[str]) -> set[str] | None:
    """The categories of episodes that all the measures share; None where none of them is of categories."""
    known = quality.measures.value
    shared: set[str] | None = None
    for name in names:
        own = known[name].categories if name in known else None
        if own is not None:
            shared = set(own) if shared is None else shared & set(own)
    if shared is not None and not shared:
        raise ArgumentError(
            f"{', '.join(sorted(names))} are measures of different categories. Give those of one category at a time."
        )
    return shared


def _measures_together(quality: Quality, names: Sequence[str]) -> dict[str, QualityMeasure]:
    """The measures that make up one score: where measures are of categories, those of the category all share."""
    shared = categories_of(quality, names)
    return {
        name: terms
        for name, terms in quality.measures.value.items()
        if terms.categories is None or (shared is not None and shared & set(terms.categories))
    }


def _improved(quality: Quality, percentile: Fraction, previous: Fraction | None) -> bool:
    if previous is None or quality.improvement is None:
        return False
    measured = needed(quality.improvement_measured, "settlement.quality.improvement_measured").value
    deciles = Fraction(quality.improvement.value.deciles)
    if measured == "percentiles":
        return percentile - previous >= 10 * deciles
    return percentile // 10 - previous // 10 >= deciles
