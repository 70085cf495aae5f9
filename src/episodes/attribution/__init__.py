"""Whose an episode is, and how sure one can be: attribution, agreement of methods, uncertainty, scorecards."""

from __future__ import annotations

from episodes.attribution.agreement import method_agreement, reclassification
from episodes.attribution.arrangements import METHODS, attribution_rules, load_arrangement
from episodes.attribution.attribute import ATTRIBUTION_COLUMNS, attribute
from episodes.attribution.bootstrap import bootstrap_ratios
from episodes.attribution.cost_centres import cost_by_centre, with_cost_centres
from episodes.attribution.hierarchical import SurgeonHospitalModel, surgeon_and_hospital
from episodes.attribution.judging import JudgingRules, judge, judging_rules
from episodes.attribution.outcome_scorecard import outcome_scorecard
from episodes.attribution.post_acute import post_acute_facilities, referral_network
from episodes.attribution.reliability import cost_ratio_score, episodes_for_reliability, reliability, shrink
from episodes.attribution.scorecards import cost_ratio_scores, expected_costs, hospital_scorecard, physician_scorecard
from episodes.attribution.suppression import suppress_small_cells
from episodes.attribution.variances import variance_components

__all__ = [
    "ATTRIBUTION_COLUMNS",
    "METHODS",
    "JudgingRules",
    "SurgeonHospitalModel",
    "attribute",
    "attribution_rules",
    "bootstrap_ratios",
    "cost_by_centre",
    "cost_ratio_score",
    "cost_ratio_scores",
    "episodes_for_reliability",
    "expected_costs",
    "hospital_scorecard",
    "judge",
    "judging_rules",
    "load_arrangement",
    "method_agreement",
    "outcome_scorecard",
    "physician_scorecard",
    "post_acute_facilities",
    "reclassification",
    "referral_network",
    "reliability",
    "shrink",
    "suppress_small_cells",
    "surgeon_and_hospital",
    "variance_components",
    "with_cost_centres",
]
