"""What an episode could be expected to cost, and how: risk variables and the models fitted on them."""

from __future__ import annotations

from episodes.risk.coefficients import read_coefficients, write_coefficients
from episodes.risk.cost_model import fit_cost_model
from episodes.risk.diagnostics import Diagnostics, diagnostics, normalization
from episodes.risk.event_model import fit_event_model
from episodes.risk.hcc import hcc_interactions, hccs
from episodes.risk.model import RiskModel, expected_cost, expected_events, multipliers, price_coefficients
from episodes.risk.terms import hcc_terms
from episodes.risk.variables import RISK_SCHEMA, risk_of

__all__ = [
    "RISK_SCHEMA",
    "Diagnostics",
    "RiskModel",
    "diagnostics",
    "expected_cost",
    "expected_events",
    "fit_cost_model",
    "fit_event_model",
    "hcc_interactions",
    "hcc_terms",
    "hccs",
    "multipliers",
    "normalization",
    "price_coefficients",
    "read_coefficients",
    "risk_of",
    "write_coefficients",
]
