"""What an episode should cost: caps, baseline means, price components and target prices."""

from __future__ import annotations

from episodes.pricing.baseline import baseline_mean
from episodes.pricing.caps import winsorize
from episodes.pricing.components import price_components
from episodes.pricing.price_files import read_target_prices
from episodes.pricing.target_prices import TargetPrices, target_prices

__all__ = [
    "TargetPrices",
    "baseline_mean",
    "price_components",
    "read_target_prices",
    "target_prices",
    "winsorize",
]
