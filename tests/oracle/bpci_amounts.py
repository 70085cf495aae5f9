"""Section 10 of the BPCI Advanced reference: how an amount is split over the periods.

Shares are exact fractions; cumulative boundaries over the periods are rounded half up; what falls past the
last window is lost. Every amount of an item (basis, allowed, standardized) is split alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from oracle.bpci_codes import Row

PERIODS = ("anchor", "post", "post_episode")
MEASURES = ("cents", "allowed", "standardized")


@dataclass(frozen=True)
class Amounts:
    cents: int = 0
    allowed: int = 0
    standardized: int = 0


Split = dict[str, Amounts]


def round_half_up(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))


def whole(item: Row, period: str | None) -> Split:
    """The full amount to one period."""
    if period is None:
        return {}
    return {period: Amounts(*(sum(item["amounts"][measure]) for measure in MEASURES))}


def by_parts(item: Row, parts: dict[str, int], of: int) -> Split:
    """By days or visits of each period."""
    shares = {period: Fraction(count, of) for period, count in parts.items() if count > 0}
    return split(item, shares, shares)


def by_gmlos(item: Row, inside: int, beyond: int, length: int, mean_stay: Fraction | None) -> Split:
    """A stay past the end: the payment by GMLOS with the first day counted twice, its outlier part by days.

    `inside` are its days in the post-discharge period, `beyond` those in the post-episode period.
    """
    first, days = ("post", inside) if inside > 0 else ("post_episode", beyond)
    if mean_stay is None or mean_stay <= 0 or days >= mean_stay - 1:
        shares = {first: Fraction(1)}
    else:
        shares = {first: Fraction(days + 1) / mean_stay}
        if inside > 0 and beyond > 0:
            shares["post_episode"] = 1 - shares["post"]
    by_day = {"post": Fraction(inside, length), "post_episode": Fraction(beyond, length)}
    return split(item, shares, by_day)


def split(item: Row, shares: dict[str, Fraction], outlier_shares: dict[str, Fraction]) -> Split:
    """Amounts by period: the part without outlier by `shares`, the outlier part by `outlier_shares`."""
    used = [
        period
        for period in PERIODS
        if shares.get(period, Fraction()) > 0
        or (outlier_shares.get(period, Fraction()) > 0 and any(out for _, out in item["amounts"].values()))
    ]
    booked: dict[str, dict[str, int]] = {period: {} for period in used}
    for measure in MEASURES:
        without_outlier, outlier = item["amounts"][measure]
        reached, boundary = Fraction(), 0
        for period in used:
            reached += shares.get(period, Fraction()) * without_outlier
            reached += outlier_shares.get(period, Fraction()) * outlier
            booked[period][measure] = round_half_up(reached) - boundary
            boundary = round_half_up(reached)
    return {period: Amounts(**amounts) for period, amounts in booked.items()}
