"""What an episode could be expected to cost, and how: risk variables and the models fitted on them."""

from __future__ import annotations

from episodes.risk.hcc import hcc_interactions, hccs
from episodes.risk.variables import RISK_SCHEMA, risk_of

__all__ = ["RISK_SCHEMA", "hcc_interactions", "hccs", "risk_of"]
