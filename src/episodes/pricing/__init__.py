"""What an episode should cost: caps, baseline means, price components, target prices, and the price of each episode."""

from __future__ import annotations

from episodes.pricing.baseline import baseline_mean
from episodes.pricing.caps import winsorize
from episodes.pricing.components import price_components
from episodes.pricing.episode_prices import explain_price, price_at_discount, price_episodes
from episodes.pricing.final_factors import reconciliation_factors
from episodes.pricing.normalization import normalization_factor
from episodes.pricing.price_files import read_target_prices
from episodes.pricing.price_sheets import read_coefficients, read_final_factors
from episodes.pricing.risk_factors import risk_levels, risk_multipliers
from episodes.pricing.target_prices import TargetPrices, target_prices
from episodes.pricing.trend import log_linear_trend, prospective_trend
from episodes.pricing.update_factors import computed_update_factors, economic_index_update, payment_update

__all__ = [
    "TargetPrices",
    "baseline_mean",
    "computed_update_factors",
    "economic_index_update",
    "explain_price",
    "log_linear_trend",
    "normalization_factor",
    "payment_update",
    "price_at_discount",
    "price_components",
    "price_episodes",
    "prospective_trend",
    "read_coefficients",
    "read_final_factors",
    "read_target_prices",
    "reconciliation_factors",
    "risk_levels",
    "risk_multipliers",
    "target_prices",
    "winsorize",
]
