"""Sharing the money between physicians and hospital: arrangements, their ledgers, checks, and what each side risks."""

from __future__ import annotations

from episodes.alignment.ace import ace_bundle
from episodes.alignment.alignment_payments import alignment_payments
from episodes.alignment.co_management import co_management, scorecard
from episodes.alignment.employment import employment_pay, productivity_pay
from episodes.alignment.gainsharing import distribute_within_group, gainshare, internal_savings, pool
from episodes.alignment.ledger import account_balances
from episodes.alignment.networks import joint_venture, network_distribution
from episodes.alignment.shared_savings import full_risk, individual_recoveries, shared_savings
from episodes.alignment.terms import sharing_limits

__all__ = [
    "account_balances",
    "ace_bundle",
    "alignment_payments",
    "co_management",
    "distribute_within_group",
    "employment_pay",
    "full_risk",
    "gainshare",
    "individual_recoveries",
    "internal_savings",
    "joint_venture",
    "network_distribution",
    "pool",
    "productivity_pay",
    "scorecard",
    "shared_savings",
    "sharing_limits",
]
