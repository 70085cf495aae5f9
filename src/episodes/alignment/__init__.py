"""Sharing the money between physicians and hospital: arrangements, their ledgers, checks, and what each side risks."""

from __future__ import annotations

from episodes.alignment.accountability import AccountabilityPolicy, stinting_guards, tiers_over_time, value_of
from episodes.alignment.ace import ace_bundle
from episodes.alignment.alignment_payments import alignment_payments
from episodes.alignment.arrangement import Arrangement, known_arrangements, load_arrangement
from episodes.alignment.co_management import co_management, scorecard
from episodes.alignment.comparison import ModelComparison, compare_models, comparison_terms
from episodes.alignment.comparison_text import comparison_paragraph
from episodes.alignment.compliance import DISCLAIMER, check_compliance
from episodes.alignment.employment import employment_pay, productivity_pay
from episodes.alignment.facts import SharingFacts, facts_of
from episodes.alignment.fee_schedule import fee_schedule_amounts, surgeon_fees
from episodes.alignment.gainsharing import distribute_within_group, gainshare, internal_savings, pool, recoup
from episodes.alignment.ledger import account_balances
from episodes.alignment.metrics import Metric, level_of, measure, percentile_level
from episodes.alignment.networks import joint_venture, network_distribution
from episodes.alignment.planning import plan_network
from episodes.alignment.settling import SettledArrangement, settle_arrangement
from episodes.alignment.shared_savings import full_risk, individual_recoveries, shared_savings
from episodes.alignment.statements import participants, statement
from episodes.alignment.terms import sharing_limits

__all__ = [
    "DISCLAIMER",
    "AccountabilityPolicy",
    "Arrangement",
    "Metric",
    "ModelComparison",
    "SettledArrangement",
    "SharingFacts",
    "account_balances",
    "ace_bundle",
    "alignment_payments",
    "check_compliance",
    "co_management",
    "compare_models",
    "comparison_paragraph",
    "comparison_terms",
    "distribute_within_group",
    "employment_pay",
    "facts_of",
    "fee_schedule_amounts",
    "full_risk",
    "gainshare",
    "individual_recoveries",
    "internal_savings",
    "joint_venture",
    "known_arrangements",
    "level_of",
    "load_arrangement",
    "measure",
    "network_distribution",
    "participants",
    "percentile_level",
    "plan_network",
    "pool",
    "productivity_pay",
    "recoup",
    "scorecard",
    "settle_arrangement",
    "shared_savings",
    "sharing_limits",
    "statement",
    "stinting_guards",
    "surgeon_fees",
    "tiers_over_time",
    "value_of",
]
