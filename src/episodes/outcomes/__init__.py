"""What became of people: readmissions, complications, mortality, emergency returns, days at home."""

from __future__ import annotations

from episodes.outcomes.measuring import outcomes_of
from episodes.outcomes.outcome_rows import OUTCOME_SCHEMA
from episodes.outcomes.planned import PlannedDecision, PlannedLists, is_planned, planned_lists, planned_stays
from episodes.outcomes.rules import OutcomeRules, outcome_rules

__all__ = [
    "OUTCOME_SCHEMA",
    "OutcomeRules",
    "PlannedDecision",
    "PlannedLists",
    "is_planned",
    "outcome_rules",
    "outcomes_of",
    "planned_lists",
    "planned_stays",
]
