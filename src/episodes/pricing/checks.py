"""The rule behind a price or a settlement step; and the checks of arguments that prices and reconciliation share."""

from __future__ import annotations

from typing import Any

from episodes.checks import exact_factor, exact_in_range, frame_of, true_or_false, whole_cents, with_columns
from episodes.programs import Program
from episodes.programs.rule import Rule

__all__ = [
    "exact_factor",
    "exact_in_range",
    "frame_of",
    "rule_at",
    "true_or_false",
    "whole_cents",
    "with_columns",
]


def rule_at(program: Program, rule_id: str) -> Rule[Any]:
    """The rule of an id, such as `price.final_trend_limit`, with its status and citation."""
    part: Any = program.rules
    for name in rule_id.split("."):
        part = getattr(part, name)
    rule: Rule[Any] = part
    return rule
