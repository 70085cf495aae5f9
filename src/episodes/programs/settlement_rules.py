"""How a programme settles, as data: tracks and their limits, the quality score, the steps in order.

Two kinds of settlement: `against_target` (aggregate spending against an aggregate target, step by step) and
`thresholds` (the mean of a provider against thresholds, as state programmes do). A step kind wants the rules that it
reads: a file that names a step without them is faulty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, TypeVar

from pydantic import Field

from episodes.errors import ProgramError
from episodes.programs.quality_rules import Quality, wrong_quality
from episodes.programs.rule import Count, Deviations, Part, Rule, Share

Value = TypeVar("Value")

HospitalClass = Literal["rural", "sole_community", "medicare_dependent", "rural_referral_center"]
"""Classes of hospitals that a programme may give limits of their own."""


class TrackTerms(Part):
    """What a track risks and how far quality moves it. No stop-loss: the track has no downside."""

    stop_gain: Share | None = None
    stop_loss: Share | None = None
    stop_loss_by_class: dict[HospitalClass, Share] = Field(default_factory=dict)
    """Stop-loss of hospitals of a class; the others have `stop_loss`."""
    quality_positive: Share | None = None
    quality_negative: Share | None = None


StepKind = Literal[
    "low_volume_floor",
    "repayment_price",
    "payment_eligibility",
    "quality_adjustment",
    "limits",
    "class_limits",
    "downside_waiver",
    "earlier_amount",
    "post_episode",
    "shared_savings_overlap",
    "prospective_payment",
]
"""The closed set of settlement steps; what each does: docs/rules-and-statuses.md."""


class Settlement(Part):
    """How actual spending is settled against the target."""

    kind: Literal["against_target"]
    party: Rule[Literal["anchor_hospital", "attributed"]]
    """Who settles an episode: the hospital of its anchor, or the party that attribution gives it to."""
    settled_apart: Rule[Literal["party", "category"]]
    """Whether a party settles all its episodes together, or each category by itself."""
    tracks: Rule[dict[str, TrackTerms]]
    default_track: Rule[str]
    repayment_limit_base: Rule[Literal["repayment_target", "target"]] | None = None
    low_volume_threshold: Rule[Count] | None = None
    low_volume_floor: Rule[Literal["category", "none"]] | None = None
    post_episode_sd: Rule[Deviations] | None = None
    post_episode_without_downside: Rule[Literal["payment_only", "full", "none"]] | None = None
    disaster_cost: Rule[Literal["target_price", "as_spent"]] | None = None
    """What of an episode's spending counts in a disaster or emergency; none: the programme has no such rule."""
    carried_back: Rule[bool] | None = None
    """Whether what quality and limits did to a party is carried back to its episodes, in proportion."""
    quality: Quality | None = None
    steps: Rule[tuple[StepKind, ...]]


class ThresholdSettlement(Part):
    """How the mean of a provider is settled against thresholds."""

    kind: Literal["thresholds"]
    minimum_episodes: Rule[Count]
    gain_share: Rule[Share]
    risk_share: Rule[Share]
    gain_needs_quality: Rule[bool]
    gate_without_value: Rule[Literal["passed", "failed"]]
    """What becomes of a quality metric that has no value."""
    risk_weight_restored: Rule[bool]
    """Whether the amount is multiplied back by the provider's mean risk weight."""
    stop_loss: Rule[Share] | None = None
    """Of the provider's total spending; none: losses are not limited."""


_RULES_OF_STEP: dict[str, tuple[str, ...]] = {
    "low_volume_floor": ("low_volume_threshold", "low_volume_floor"),
    "repayment_price": ("repayment_limit_base",),
    "payment_eligibility": ("quality",),
    "quality_adjustment": ("quality",),
    "post_episode": ("post_episode_sd", "post_episode_without_downside"),
}
_TERMS_OF_STEP: dict[str, tuple[str, ...]] = {
    "quality_adjustment": ("quality_positive",),
    "limits": ("stop_gain",),
    "class_limits": ("stop_gain",),
}


def needed(rule: Value | None, rule_id: str) -> Value:
    """A rule that a step reads.

    Raises:
        ProgramError: the programme has none.
    """
    if rule is None:
        raise ProgramError(f"The programme has no rule {rule_id!r}, which a step of its settlement needs.")
    return rule


def wrong_settlement(settlement: Settlement | ThresholdSettlement, categories: Iterable[str]) -> Iterator[str]:
    """What contradicts itself in a settlement: one sentence each, beginning with the rule's id."""
    if isinstance(settlement, ThresholdSettlement):
        return
    tracks = settlement.tracks.value
    if settlement.quality is not None:
        yield from wrong_quality(settlement.quality, categories)
    if settlement.default_track.value not in tracks:
        yield (
            f"settlement.default_track: {settlement.default_track.value!r} is no track of the year; "
            f"tracks: {', '.join(sorted(tracks)) or 'none'}"
        )
    steps = Counter(settlement.steps.value)
    if twice := [kind for kind, times in steps.items() if times > 1]:
        yield f"settlement.steps: {', '.join(sorted(twice))} stands more than once"
    for kind in steps:
        for name in _RULES_OF_STEP.get(kind, ()):
            if getattr(settlement, name) is None:
                yield f"settlement.{name}: is missing; the step {kind} needs it"
        for name in _TERMS_OF_STEP.get(kind, ()):
            for track in (track for track, terms in tracks.items() if getattr(terms, name) is None):
                yield f"settlement.tracks.{track}.{name}: is missing; the step {kind} needs it"
    quality = settlement.quality
    if "payment_eligibility" in steps and quality is not None and quality.categories is None:
        yield "settlement.quality.categories: is missing; the step payment_eligibility needs it"
