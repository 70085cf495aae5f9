"""What a settlement step is: a pure function from a settlement on its way to what the step makes of it.

A programme lists its steps by kind, in order; a kind is one function registered here (those of the library:
step_kinds.py). Amounts are signed cents (minus: owed by the hospital). A step returns an exact amount; rounding half
up, once, is done after each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from episodes.errors import ArgumentError, unknown_name
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
class SettlementInput:
    """What is settled: the sums over episodes, and what else steps may look at."""

    target_cents: int
    actual_cents: int
    quality_score: Fraction | None = None
    post_episode_excess_cents: int = 0
    hospital_class: str | None = None
    categories: tuple[CategoryAmounts, ...] | None = None
    previous_cents: int = 0
    repayment_target_cents: int | None = None
    shared_savings_overlap_cents: int = 0


@dataclass(frozen=True)
class SettlementState:
    """A settlement on its way: the amount so far, the total that limits are shares of, and all that was given."""

    program: Program
    terms: TrackTerms
    given: SettlementInput
    amount_cents: int
    limit_base_cents: int


@dataclass(frozen=True)
class StepOutcome:
    """The exact amount after a step, the rule that shaped it, and what is worth knowing."""

    amount: Fraction | int
    rule: str
    note: str | None = None
    limit_base_cents: int | None = None
    """What later limits are shares of, where the step changes that."""


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
