"""Variance between parties and within them, and what it makes of each party's mean: reliability and shrinkage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from episodes.attribution.reliability import drawn_towards, signal_share

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class VarianceComponents:
    """Variance of the parties' true means, variance of episodes around them, and the mean of the parties.

    Attributes:
        between: variance between parties, 0 or more; NaN with fewer than two parties.
        within: variance of one episode around its party's mean; NaN where no party has two episodes.
        grand_mean: mean of the parties, each weighted by the inverse of the variance of its mean.
        within_degrees: episodes less parties.
        parties: number of parties.
    """

    between: float
    within: float
    grand_mean: float
    within_degrees: int
    parties: int


def variance_components(n: npt.ArrayLike, mean: npt.ArrayLike, within_squares: npt.ArrayLike) -> VarianceComponents:
    """Variance between and within parties by the method of moments (analysis of variance, unequal numbers).

    within = sum of squares within / (N - J); between = (mean square between - within) / n0, not below 0, with
    n0 = (N - sum n^2 / N) / (J - 1). Exact (that is, equal to restricted maximum likelihood) where parties have equal
    numbers and the result is not cut at 0.

    Args:
        n: episodes of each party, 1 or more.
        mean: mean of each party.
        within_squares: sum of squared deviations of each party's episodes from its mean.

    Source: Searle, Casella and McCulloch, Variance Components, 1992, chapter 3.

    Example:
        >>> found = variance_components([2, 2], [1.0, 3.0], [0.5, 0.5])
        >>> found.within, found.between, found.grand_mean
        (0.5, 1.75, 2.0)
    """
    counts, means = np.asarray(n, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    total, parties = counts.sum(), len(counts)
    degrees = int(total - parties)
    within = float(np.sum(within_squares) / degrees) if degrees > 0 else float("nan")
    if parties == 0:
        return VarianceComponents(float("nan"), within, float("nan"), degrees, parties)
    centre = float((counts * means).sum() / total)
    if parties < 2 or degrees == 0:
        return VarianceComponents(float("nan"), within, centre, degrees, parties)
    square_between = (counts * (means - centre) ** 2).sum() / (parties - 1)
    per_party = (total - (counts**2).sum() / total) / (parties - 1)
    between = max(0.0, float((square_between - within) / per_party))
    spread = between + within / counts
    if (spread > 0).all():
        centre = float((means / spread).sum() / (1 / spread).sum())
    return VarianceComponents(between, within, centre, degrees, parties)


@dataclass(frozen=True)
class Shrunken:
    """Empirical-Bayes estimates of the parties, with their standard errors and reliabilities."""

    reliability: Floats
    estimate: Floats
    standard_error: Floats


def shrunken(n: npt.ArrayLike, mean: npt.ArrayLike, components: VarianceComponents) -> Shrunken:
    """Each party's mean drawn towards the grand mean by its unreliability, with an honest standard error.

    The squared error has three parts: between x (1 - R) if all variances were known; (1 - R)^2 x the variance of the
    grand mean; and (mean - grand mean)^2 x the variance of the estimated shrinkage, by the delta method, with the
    variance of `between` as 2 / sum (between + within / n)^-2.

    Source: Morris, J Am Stat Assoc 1983;78:47, for unequal variances.

    Example:
        >>> found = shrunken([25], [1.3], VarianceComponents(4.0, 100.0, 1.0, 99, 5))
        >>> float(found.reliability[0]), float(found.estimate[0])
        (0.5, 1.15)
    """
    counts, means = np.asarray(n, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    own = components.within / counts
    spread = components.between + own
    with np.errstate(invalid="ignore", divide="ignore"):
        known = signal_share(components.between, components.within, counts)
        weight = np.where(components.between > 0, known, components.between * 0.0)
        away = means - components.grand_mean
        estimate = drawn_towards(means, components.grand_mean, weight)
        of_centre = 1 / (1 / spread).sum()
        of_between = 2 / (1 / spread**2).sum()
        of_weight = ((1 - weight) / spread) ** 2 * of_between
        squared = weight * own + (1 - weight) ** 2 * of_centre + away**2 * of_weight
    return Shrunken(weight, estimate, np.sqrt(squared))
