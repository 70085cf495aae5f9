"""What a hospital is paid or owes: quality scores, settlement steps and the reconciliation of a year."""

from __future__ import annotations

from episodes.reconciliation.post_episode import post_episode_excess
from episodes.reconciliation.quality import composite_quality_score
from episodes.reconciliation.reconcile import reconcile
from episodes.reconciliation.result import ReconciliationResult
from episodes.reconciliation.settle import settle

__all__ = [
    "ReconciliationResult",
    "composite_quality_score",
    "post_episode_excess",
    "reconcile",
    "settle",
]
