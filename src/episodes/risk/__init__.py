"""What an episode could be expected to cost, and how: risk variables and the models fitted on them."""

from __future__ import annotations

from episodes.risk.hcc import hcc_interactions, hccs

__all__ = ["hcc_interactions", "hccs"]
