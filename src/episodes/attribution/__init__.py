"""Whose an episode is, and how sure one can be: attribution, agreement of methods, uncertainty, scorecards."""

from __future__ import annotations

from episodes.attribution.arrangements import METHODS, attribution_rules, load_arrangement
from episodes.attribution.attribute import ATTRIBUTION_COLUMNS, attribute
from episodes.attribution.hierarchical import SurgeonHospitalModel, surgeon_and_hospital
from episodes.attribution.reliability import cost_ratio_score, episodes_for_reliability, reliability, shrink

__all__ = [
    "ATTRIBUTION_COLUMNS",
    "METHODS",
    "SurgeonHospitalModel",
    "attribute",
    "attribution_rules",
    "cost_ratio_score",
    "episodes_for_reliability",
    "load_arrangement",
    "reliability",
    "shrink",
    "surgeon_and_hospital",
]
