"""Audit of the payer's episodes: their file read, matched with ours, every difference named and weighed."""

from __future__ import annotations

from episodes.reconciliation.auditing.audit import Audit, audit
from episodes.reconciliation.auditing.payer_file import PayerEpisodes, payer_episodes, read_payer_episodes

__all__ = ["Audit", "PayerEpisodes", "audit", "payer_episodes", "read_payer_episodes"]
