"""What became of people: readmissions, complications, mortality, emergency returns, days at home."""

from __future__ import annotations

from episodes.outcomes.admissions import index_admissions, readmissions_of
from episodes.outcomes.costs import event_costs
from episodes.outcomes.measuring import outcomes_of
from episodes.outcomes.outcome_rows import OUTCOME_SCHEMA
from episodes.outcomes.penalties import ReadmissionPenalty, excess_readmission_penalty
from episodes.outcomes.planned import PlannedDecision, PlannedLists, is_planned, planned_lists, planned_stays
from episodes.outcomes.rates import StandardizedRate, combined_ratio, patient_safety_composite, risk_standardized
from episodes.outcomes.readmission_list import episode_readmissions
from episodes.outcomes.rules import OutcomeRules, outcome_rules

__all__ = [
    "OUTCOME_SCHEMA",
    "OutcomeRules",
    "PlannedDecision",
    "PlannedLists",
    "ReadmissionPenalty",
    "StandardizedRate",
    "combined_ratio",
    "episode_readmissions",
    "event_costs",
    "excess_readmission_penalty",
    "index_admissions",
    "is_planned",
    "outcome_rules",
    "outcomes_of",
    "patient_safety_composite",
    "planned_lists",
    "planned_stays",
    "readmissions_of",
    "risk_standardized",
]
