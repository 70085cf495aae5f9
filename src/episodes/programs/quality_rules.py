"""The quality score of a programme, as data: measures, how they are scored, and the categories a score falls into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Literal

from pydantic import model_validator

from episodes.programs.rule import Count, Part, Percentile, Rule, Score, Share, Status


class QualityMeasure(Part):
    """A measure of the composite quality score."""

    categories: tuple[str, ...] | None = None
    """Categories whose episodes weigh it; null = all."""
    anchor_setting: Literal["inpatient", "outpatient"] | None = None
    points: tuple[tuple[Percentile, Score], ...] | None = None
    """Points from a percentile on, the highest first, for scores that are sums of points."""
    minimum_cases: Count | None = None
    """With fewer cases a hospital has no value of the measure, where the cases are known."""
    submission_points: Score | None = None
    """Points for handing data in, for a measure that has no percentile."""
    status: Status
    citation: str

    @model_validator(mode="after")
    def _points_descend(self) -> QualityMeasure:
        listed = self.points
        if listed is not None:
            starts = [start for start, _ in listed]
            if not listed or starts != sorted(set(starts), reverse=True) or starts[-1] != 0:
                raise ValueError("points must descend by percentile and end at percentile 0")
        return self

    @property
    def highest_points(self) -> Decimal:
        """The most points the measure gives before improvement."""
        if self.points is not None:
            return max(points for _, points in self.points)
        return self.submission_points or Decimal(0)


class Improvement(Part):
    """Points for a percentile that rose: a share of the measure's highest points."""

    deciles: Score
    share: Share


class QualityCategory(Part):
    """A category of scores: from a score on (included), or above it (not included); neither: from the lowest."""

    from_score: Score | None = None
    above_score: Score | None = None
    payment: bool
    """Whether a payment is made to a hospital of the category."""
    discount_reduction: Share

    @property
    def lower_bound(self) -> Decimal:
        """The bound as a number, for order and display."""
        return self.from_score or self.above_score or Decimal(0)


class Quality(Part):
    """The composite quality score."""

    form: Rule[Literal["volume_weighted_mean", "points"]]
    highest_score: Rule[Score]
    measures: Rule[dict[str, QualityMeasure]]
    """Empty: the programme's measures are not at hand, and the names given are taken as they are."""
    without_score: Rule[Literal["neutral", "left_out"]]
    """What becomes of a measure of which a hospital has too little data."""
    neutral_score: Rule[Score] | None = None
    neutral_percentile: Rule[Percentile] | None = None
    improvement: Rule[Improvement] | None = None
    improvement_measured: Rule[Literal["percentiles", "decile_bands"]] | None = None
    when_unknown: Rule[Score]
    """Score of a hospital without any measure: shown as such in every output."""
    categories: Rule[dict[str, dict[str, QualityCategory]]] | None = None
    """Categories by name, lowest first, once for each text of the rule that gives bounds."""
    category_text: Rule[str] | None = None
    """Which of those texts is used; where they differ about a score, the result says so."""


def wrong_quality(quality: Quality, categories: Iterable[str]) -> Iterator[str]:
    """What contradicts itself in a quality score: one sentence each, beginning with the rule's id."""
    known = sorted(categories)
    points = quality.form.value == "points"
    for name, measure in quality.measures.value.items():
        place = f"settlement.quality.measures.{name}"
        if strange := set(measure.categories or ()) - set(known):
            yield f"{place}: not a category: {', '.join(sorted(strange))}; categories: {', '.join(known)}"
        if points and (measure.points is None) == (measure.submission_points is None):
            yield f"{place}: wants points or submission_points, one of the two, because the score is a sum of points"
    if quality.without_score.value == "neutral":
        name = "neutral_percentile" if points else "neutral_score"
        if getattr(quality, name) is None:
            yield f"settlement.quality.{name}: is missing; without_score is neutral"
    if quality.improvement is not None and quality.improvement_measured is None:
        yield "settlement.quality.improvement_measured: is missing; there is an improvement to measure"
    highest = quality.highest_score.value
    for name in ("neutral_score", "when_unknown"):
        rule = getattr(quality, name)
        if rule is not None and rule.value > highest:
            yield f"settlement.quality.{name}: should be less than or equal to {highest}, the highest score"
    if quality.categories is not None:
        yield from _wrong_categories(quality, quality.categories.value)


def _wrong_categories(quality: Quality, texts: Mapping[str, Mapping[str, QualityCategory]]) -> Iterator[str]:
    chosen = quality.category_text
    if chosen is None or chosen.value not in texts:
        said = "is missing" if chosen is None else f"{chosen.value!r} is none of the texts"
        yield f"settlement.quality.category_text: {said}; texts: {', '.join(sorted(texts))}"
    for text, listed in texts.items():
        bounds = [(item.lower_bound, item.above_score is not None) for item in listed.values()]
        if not bounds or bounds[0] != (Decimal(0), False) or bounds != sorted(set(bounds)):
            yield f"settlement.quality.categories.{text}: must begin with one that has no bound, and ascend"
