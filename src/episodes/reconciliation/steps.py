"""The steps of a settlement, each a pure function from a settlement on its way to what the step makes of it.

A programme lists its steps by kind, in order; a kind is one function registered here. Amounts are signed
cents (minus: owed by the hospital). A step returns an exact amount; rounding half up, once, is done after
each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from episodes.errors import ArgumentError, unknown_name
from episodes.money import dollars
from episodes.programs import Program
from episodes.programs.settlement_rules import TrackTerms


@dataclass(frozen=True)
class CategoryAmounts:
    """Target and actual spending of one category, and its volume in the baseline (None: not known)."""

    category: str
    target_cents: int
    actual_cents: int
    baseline_episodes: int | None


@dataclass(frozen=True)
class SettlementState:
    """A settlement on its way: the amount so far and all that a step may look at."""

    program: Program
    terms: TrackTerms
    amount_cents: int
    target_cents: int
    quality_score: Fraction | None = None
    post_episode_excess_cents: int = 0
    categories: tuple[CategoryAmounts, ...] | None = None


@dataclass(frozen=True)
class StepOutcome:
    """The exact amount after a step, the rule that shaped it, and what is worth knowing."""

    amount: Fraction | int
    rule: str
    note: str | None = None


StepFunction = Callable[[SettlementState], StepOutcome]


@dataclass(frozen=True)
class SettlementStep:
    """A registered kind of step: its function, and the optional arguments of `settle` that it reads."""

    function: StepFunction
    uses: frozenset[str]


_REGISTERED: dict[str, SettlementStep] = {}


def settlement_step(kind: str, *uses: str) -> Callable[[StepFunction], StepFunction]:
    """Register a function as a kind of step; `uses` names the optional arguments of `settle` it reads."""

    def register(function: StepFunction) -> StepFunction:
        _REGISTERED[kind] = SettlementStep(function, frozenset(uses))
        return function

    return register


def step_of(kind: str) -> SettlementStep:
    """The registered step of a kind."""
    if kind not in _REGISTERED:
        raise ArgumentError(unknown_name("settlement step", kind, _REGISTERED))
    return _REGISTERED[kind]


@settlement_step("low_volume_floor", "categories")
def low_volume_floor(state: SettlementState) -> StepOutcome:
    """A category of low baseline volume carries no downside: its loss leaves the sum (90 FR 36536)."""
    settlement = state.program.settlement
    rule = "settlement.low_volume_floor"
    if settlement.low_volume_floor.value == "none":
        return StepOutcome(state.amount_cents, rule, "no floor: low_volume_floor is none")
    if state.categories is None:
        return StepOutcome(state.amount_cents, rule, "no categories given: no floor")
    threshold = settlement.low_volume_threshold.value
    floored: list[str] = []
    unknown: list[str] = []
    lifted = 0
    for item in state.categories:
        difference = item.target_cents - item.actual_cents
        if item.baseline_episodes is None:
            unknown.append(item.category)
        elif item.baseline_episodes < threshold and difference < 0:
            floored.append(item.category)
            lifted -= difference
    notes = []
    if floored:
        notes.append(f"floored at zero, fewer than {threshold} baseline episodes: {', '.join(floored)}")
    if unknown:
        notes.append(f"baseline volume not known, no floor: {', '.join(unknown)}")
    return StepOutcome(state.amount_cents + lifted, rule, "; ".join(notes) or None)


@settlement_step("quality_adjustment", "quality_score")
def quality_adjustment(state: SettlementState) -> StepOutcome:
    """The quality score lowers a gain by what it lacks, a loss by what it reaches (42 CFR 512.547)."""
    quality = state.program.settlement.quality
    rule = "settlement.tracks"
    score = state.quality_score
    said = "" if score is None else f"quality score {float(score):g}"
    if score is None:
        score = Fraction(quality.when_unknown.value)
        said = f"no quality score: {float(score):g} taken"
        rule = "settlement.quality.when_unknown"
    share = score / 100
    if state.amount_cents >= 0:
        kept = 1 - Fraction(state.terms.quality_positive) * (1 - share)
        return StepOutcome(state.amount_cents * kept, rule, said)
    if state.terms.quality_negative is None:
        return StepOutcome(state.amount_cents, "settlement.tracks", f"{said}; no downside to adjust")
    kept = 1 - Fraction(state.terms.quality_negative) * share
    return StepOutcome(state.amount_cents * kept, rule, said)


@settlement_step("limits")
def limits(state: SettlementState) -> StepOutcome:
    """Hold the amount between stop-loss and stop-gain, shares of the aggregate target (42 CFR 512.550)."""
    amount = Fraction(state.amount_cents)
    gain = Fraction(state.terms.stop_gain) * state.target_cents
    if amount > gain:
        return StepOutcome(gain, "settlement.tracks", f"stop-gain of {float(state.terms.stop_gain):.0%} reached")
    if state.terms.stop_loss is None:
        return StepOutcome(amount, "settlement.tracks")
    loss = -Fraction(state.terms.stop_loss) * state.target_cents
    if amount < loss:
        return StepOutcome(loss, "settlement.tracks", f"stop-loss of {float(state.terms.stop_loss):.0%} reached")
    return StepOutcome(amount, "settlement.tracks")


@settlement_step("downside_waiver")
def downside_waiver(state: SettlementState) -> StepOutcome:
    """A track without downside owes nothing (42 CFR 512.520)."""
    if state.terms.stop_loss is None and state.amount_cents < 0:
        return StepOutcome(0, "settlement.tracks", "the track has no downside")
    return StepOutcome(state.amount_cents, "settlement.tracks")


@settlement_step("post_episode", "post_episode_excess_cents")
def post_episode(state: SettlementState) -> StepOutcome:
    """Take off the post-episode excess, outside the limits (42 CFR 512.550(f))."""
    settlement = state.program.settlement
    after = state.amount_cents - state.post_episode_excess_cents
    if state.terms.stop_loss is not None:
        return StepOutcome(after, "settlement.post_episode_sd")
    rule = "settlement.post_episode_without_downside"
    treatment = settlement.post_episode_without_downside.value
    if state.post_episode_excess_cents == 0 or treatment == "full":
        return StepOutcome(after, rule)
    if treatment == "none":
        return StepOutcome(state.amount_cents, rule, "no downside: the excess is not taken off")
    floor = min(state.amount_cents, 0)
    if after < floor:
        forgiven = dollars(floor - after)
        return StepOutcome(floor, rule, f"no downside: {forgiven} of the excess is not owed")
    return StepOutcome(after, rule)
