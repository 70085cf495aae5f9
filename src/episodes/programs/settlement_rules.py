"""How a programme settles, as data: tracks and their limits, the quality score, the steps in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from episodes.programs.rule import Count, Deviations, Part, Rule, Score, Share, Status


class TrackTerms(Part):
    """What a track risks and how far quality moves it. Null: the track has no downside."""

    stop_gain: Share
    stop_loss: Share | None = None
    quality_positive: Share
    quality_negative: Share | None = None


class QualityMeasure(Part):
    """A measure of the composite quality score."""

    categories: tuple[str, ...] | None = None
    """Categories whose episodes weigh it; null = all."""
    anchor_setting: Literal["inpatient", "outpatient"] | None = None
    status: Status
    citation: str


class Quality(Part):
    """The composite quality score."""

    measures: Rule[dict[str, QualityMeasure]]
    neutral_score: Rule[Score]
    when_unknown: Rule[Score]
    """Score of a hospital without any measure: shown as such in every output."""


StepKind = Literal["low_volume_floor", "quality_adjustment", "limits", "downside_waiver", "post_episode"]


class Settlement(Part):
    """How actual spending is settled against the target."""

    tracks: Rule[dict[str, TrackTerms]]
    default_track: Rule[str]
    low_volume_threshold: Rule[Count]
    low_volume_floor: Rule[Literal["category", "none"]]
    post_episode_sd: Rule[Deviations]
    post_episode_without_downside: Rule[Literal["payment_only", "full", "none"]]
    quality: Quality
    steps: Rule[tuple[StepKind, ...]]


def wrong_settlement(settlement: Settlement, categories: Iterable[str]) -> Iterator[str]:
    """What contradicts itself in a settlement: one sentence each, beginning with the rule's id."""
    known = sorted(categories)
    for name, measure in settlement.quality.measures.value.items():
        if strange := set(measure.categories or ()) - set(known):
            yield (
                f"settlement.quality.measures.{name}: not a category: {_listed(strange)}; categories: {_listed(known)}"
            )
    tracks = settlement.tracks.value
    if settlement.default_track.value not in tracks:
        yield (
            f"settlement.default_track: {settlement.default_track.value!r} is no track of the year; "
            f"tracks: {_listed(tracks) or 'none'}"
        )
    steps = Counter(settlement.steps.value)
    if twice := [kind for kind, times in steps.items() if times > 1]:
        yield f"settlement.steps: {_listed(twice)} stands more than once"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
