"""What a hospital is paid or owes: quality scores, settlement steps and the reconciliation of a year."""

from __future__ import annotations

from episodes.reconciliation.auditing import Audit, PayerEpisodes, audit, read_payer_episodes
from episodes.reconciliation.post_episode import post_episode_excess
from episodes.reconciliation.quality import composite_quality_score
from episodes.reconciliation.reconcile import reconcile
from episodes.reconciliation.result import ReconciliationResult
from episodes.reconciliation.settle import settle
from episodes.reconciliation.threshold_result import ThresholdResult, reconcile_thresholds
from episodes.reconciliation.thresholds import quality_gates, settle_thresholds
from episodes.reconciliation.tracks import compare_tracks
from episodes.reconciliation.true_up import TrueUp, true_up
from episodes.reconciliation.waterfall import Waterfall

__all__ = [
    "Audit",
    "PayerEpisodes",
    "ReconciliationResult",
    "ThresholdResult",
    "TrueUp",
    "Waterfall",
    "audit",
    "compare_tracks",
    "composite_quality_score",
    "post_episode_excess",
    "quality_gates",
    "read_payer_episodes",
    "reconcile",
    "reconcile_thresholds",
    "settle",
    "settle_thresholds",
    "true_up",
]
