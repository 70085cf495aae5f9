"""What became of people: readmissions, complications, mortality, emergency returns, days at home."""

from __future__ import annotations

from episodes.outcomes.planned import PlannedDecision, PlannedLists, is_planned, planned_lists, planned_stays
from episodes.outcomes.rules import OutcomeRules, outcome_rules

__all__ = [
    "OutcomeRules",
    "PlannedDecision",
    "PlannedLists",
    "is_planned",
    "outcome_rules",
    "planned_lists",
    "planned_stays",
]
