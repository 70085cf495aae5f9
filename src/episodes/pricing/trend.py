"""The prospective trend, from years of claims before the performance year.

90 FR 36536 for TEAM: a log-linear regression on five years of capped standardized spending; the prospective factor is
the mean of the regional and the national factor over the years from the last baseline year to the performance year.
The regression is fitted here to the mean of each year, years weighing alike (the weighting is not established).
Logarithms are taken in decimals of 50 digits, so that the factor is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from episodes.errors import ArgumentError, count_of
from episodes.money import Rate, exact
from episodes.pricing.checks import exact_in_range
from episodes.pricing.risk_factors import DECIMALS, shown_factor
from episodes.programs import Program
from episodes.programs.price import RegionalBaselinePrice


def log_linear_trend(means_cents: Sequence[Rate], years_ahead: int) -> Fraction:
    """Growth over `years_ahead` years by the least-squares line through the logarithms of yearly means.

    Args:
        means_cents: means of consecutive years, oldest first, each above zero; two or more.
        years_ahead: how many years of growth.

    Returns:
        The factor, to 12 decimals.

    Example:
        >>> float(log_linear_trend([100, 110, 121], 2))
        1.21
    """
    means = [exact_in_range("means_cents", mean) for mean in means_cents]
    if len(means) < 2 or any(mean <= 0 for mean in means):
        raise ArgumentError("A trend wants the means of two or more years, each above zero.")
    with localcontext() as context:
        context.prec = 50
        middle = Decimal(len(means) - 1) / 2
        logs = [(Decimal(mean.numerator) / Decimal(mean.denominator)).ln() for mean in means]
        steps = [Decimal(place) - middle for place in range(len(means))]
        slope = sum((step * log for step, log in zip(steps, logs, strict=True)), Decimal(0)) / sum(
            step * step for step in steps
        )
        factor = (slope * years_ahead).exp().quantize(Decimal(1).scaleb(-DECIMALS), rounding=ROUND_HALF_UP)
    return Fraction(factor)


def prospective_trend(
    program: Program,
    regional_means_cents: Sequence[Rate | None],
    national_means_cents: Sequence[Rate | None],
) -> tuple[Fraction | None, str]:
    """The prospective trend of a cell from its yearly means and the nation's.

    Args:
        program: its number of years of history and of years ahead.
        regional_means_cents, national_means_cents: one a year of the history, oldest first; None: no episodes.

    Returns:
        The factor and how it came about: `estimated`; `estimated_nationally`, where the region lacks a year; or None
        and `not_estimable`, where the nation does.

    Raises:
        ArgumentError: not one mean a year.

    Source: 90 FR 36536.
    """
    price = program.price
    assert isinstance(price, RegionalBaselinePrice)
    years, ahead = price.trend_history_years.value, price.trend_years_ahead.value
    for name, means in (("regional", regional_means_cents), ("national", national_means_cents)):
        if len(means) != years:
            raise ArgumentError(f"{name}_means_cents has {count_of(len(means), 'mean')}; the trend wants {years}.")
    national = _complete(national_means_cents)
    if national is None:
        return None, "not_estimable"
    regional = _complete(regional_means_cents)
    if regional is None:
        return log_linear_trend(national, ahead), "estimated_nationally"
    both = log_linear_trend(regional, ahead) + log_linear_trend(national, ahead)
    return shown_factor(both / 2), "estimated"


def _complete(means: Sequence[Rate | None]) -> list[Fraction] | None:
    known = [exact(mean) for mean in means if mean is not None]
    return known if len(known) == len(means) >= 2 and all(mean > 0 for mean in known) else None
