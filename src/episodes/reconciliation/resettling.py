"""Settling a party again with some of its amounts changed: what true-ups and audits measure an effect by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from episodes.programs import Program
from episodes.reconciliation.settle import settle_amounts
from episodes.reconciliation.steps import CategoryAmounts, SettlementInput


@dataclass(frozen=True)
class Change:
    """What is added to a category's sums; each may be negative."""

    category: str
    target_cents: int = 0
    actual_cents: int = 0
    repayment_target_cents: int = 0


def with_changes(given: SettlementInput, changes: Iterable[Change]) -> SettlementInput:
    """The input with sums changed; a category that was not in it comes in with its baseline volume not known."""
    sums = {item.category: item for item in given.categories or ()}
    repayment = given.repayment_target_cents
    for change in changes:
        old = sums.get(change.category, CategoryAmounts(change.category, 0, 0, None))
        sums[change.category] = replace(
            old,
            target_cents=old.target_cents + change.target_cents,
            actual_cents=old.actual_cents + change.actual_cents,
        )
        repayment = None if repayment is None else repayment + change.repayment_target_cents
    categories = tuple(sums[name] for name in sorted(sums))
    return replace(
        given,
        target_cents=sum(item.target_cents for item in categories),
        actual_cents=sum(item.actual_cents for item in categories),
        categories=categories,
        repayment_target_cents=repayment,
    )


def amount_of(program: Program, track: str, given: SettlementInput) -> int:
    """The amount that an input settles at, in signed cents."""
    return settle_amounts(program, track, given).amount_cents
