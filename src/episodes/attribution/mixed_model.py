"""Fitting a mean with two crossed random effects by restricted maximum likelihood, from counts and sums alone.

y = mean + first effect + second effect + residual. Henderson's equations are solved with the larger factor eliminated
exactly (its own block is diagonal), so that the work grows with the smaller factor: surgeons by the thousand are cheap
beside hospitals by the hundred. Effects are scaled by their standard deviation relative to the residual's, so that a
variance of zero is an ordinary point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """The data by combination of the two factors.

    Attributes:
        first, second: number of the level of each factor, by cell, from 0.
        n: observations of the cell; total: their sum; squares: the sum of squares of all observations.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    n: Floats
    total: Floats
    squares: float


@dataclass(frozen=True)
class Fit:
    """Estimates: mean, variances (first, second, residual), and for each level of a factor its effect.

    `errors` are the standard errors of the effects; `plain_errors` those if the variances were known; `share_errors`
    those of each variance's share in their sum.
    """

    mean: float
    variances: tuple[float, float, float]
    effects: tuple[Floats, Floats]
    errors: tuple[Floats, Floats]
    plain_errors: tuple[Floats, Floats]
    share_errors: tuple[float, float, float]


def fit(cells: Cells) -> Fit:
    """Restricted maximum likelihood over the two relative standard deviations; then effects and their errors.

    Several starts, because the slope at a variance of zero is zero; the simplex at the end needs no slope.
    """
    from scipy import optimize

    system = _System.of(cells)
    starts = [np.array(start) for start in ((0.3, 0.3), (0.05, 0.6), (0.6, 0.05))]
    bounds = [(0.0, None)] * 2
    best = min(
        (optimize.minimize(system.deviance, start, method="L-BFGS-B", bounds=bounds) for start in starts),
        key=lambda found: float(found.fun),
    )
    polished = optimize.minimize(
        system.deviance,
        best.x,
        method="Nelder-Mead",
        bounds=bounds,
        options={"xatol": 1e-8, "fatol": 1e-8, "initial_simplex": _around(best.x), "maxiter": 300},
    )
    scale = min((best, polished), key=lambda found: float(found.fun)).x
    at_zero = np.where(np.abs(scale) < 1e-5, 0.0, scale)
    if system.deviance(at_zero) <= system.deviance(scale) + 1e-9:
        scale = at_zero
    return _with_error_of_variances(system, scale)


def _with_error_of_variances(system: _System, scale: Floats) -> Fit:
    """The estimates, their errors widened for the variances being estimated themselves (Kackar and Harville).

    How the effects move with the relative variances, times how sure those are by the curvature of the likelihood.
    """
    relative = scale**2
    steps = np.maximum(1e-4, 0.02 * relative)
    centre = np.maximum(relative, steps)

    def at(*moved: float) -> Floats:
        moved_to: Floats = np.sqrt(centre + np.array(moved) * steps)
        return moved_to

    best = system.estimates(scale)
    curvature = np.empty((2, 2))
    middle = system.deviance(at(0, 0))
    for a in range(2):
        forward, back = np.eye(2)[a], -np.eye(2)[a]
        curvature[a, a] = system.deviance(at(*forward)) - 2 * middle + system.deviance(at(*back))
    crossed = [system.deviance(at(a, b)) * a * b for a in (-1, 1) for b in (-1, 1)]
    curvature[0, 1] = curvature[1, 0] = sum(crossed) / 4
    values, vectors = np.linalg.eigh(curvature)
    sure = (vectors * np.where(values > 1e-8, 2 / np.maximum(values, 1e-8), 0.0)) @ vectors.T
    moves = [(system.estimates(at(*one)), system.estimates(at(*-one))) for one in np.eye(2)]
    errors = []
    for factor in range(2):
        slope = np.stack([(up.effects[factor] - down.effects[factor]) / 2 for up, down in moves], axis=1)
        errors.append(np.sqrt(best.errors[factor] ** 2 + ((slope @ sure) * slope).sum(axis=1)))
    whole = 1 + relative.sum()
    # how the shares of first, second and residual variance move with the two relative variances
    moves_of_shares = np.vstack([np.eye(2) / whole - relative[:, np.newaxis] / whole**2, -np.ones((1, 2)) / whole**2])
    of_shares = np.sqrt(((moves_of_shares * steps @ sure) * (moves_of_shares * steps)).sum(axis=1))
    return replace(
        best,
        errors=(errors[0], errors[1]),
        share_errors=(float(of_shares[0]), float(of_shares[1]), float(of_shares[2])),
    )


def _around(point: Floats) -> Floats:
    return point + 0.01 * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def _sums(codes: npt.NDArray[np.int64], amounts: Floats, levels: int) -> Floats:
    return np.bincount(codes, amounts, levels).astype(np.float64)


@dataclass(frozen=True)
class _System:
    """Henderson's equations; `small` is the factor that stays, `large` the one that is eliminated."""

    swapped: bool
    observations: float
    total: float
    squares: float
    small_n: Floats
    small_total: Floats
    large_n: Floats
    large_total: Floats
    cross: Any

    @classmethod
    def of(cls, cells: Cells) -> _System:
        from scipy import sparse

        levels = [int(codes.max()) + 1 for codes in (cells.first, cells.second)]
        swapped = levels[0] > levels[1]
        small, large = (cells.second, cells.first) if swapped else (cells.first, cells.second)
        sizes = (min(levels), max(levels))
        return cls(
            swapped=swapped,
            observations=float(cells.n.sum()),
            total=float(cells.total.sum()),
            squares=cells.squares,
            small_n=_sums(small, cells.n, sizes[0]),
            small_total=_sums(small, cells.total, sizes[0]),
            large_n=_sums(large, cells.n, sizes[1]),
            large_total=_sums(large, cells.total, sizes[1]),
            cross=sparse.csr_array((cells.n, (small, large)), shape=sizes),
        )

    def deviance(self, scale: Floats) -> float:
        """-2 log restricted likelihood, the residual variance profiled out, up to a constant."""
        from scipy import linalg

        reduced, right, eliminated, rest = self._reduced(scale)
        factor = linalg.cholesky(reduced, lower=True)
        solved = linalg.solve_triangular(factor, right, lower=True)
        explained = rest + float(solved @ solved)
        degrees = self.observations - 1
        residual = max((self.squares - explained) / degrees, np.finfo(float).tiny)
        return float(degrees * np.log(residual) + np.log(eliminated).sum() + 2 * np.log(np.diag(factor)).sum())

    def estimates(self, scale: Floats) -> Fit:
        """Mean, effects and errors at given relative standard deviations."""
        from scipy import linalg

        reduced, right, eliminated, rest = self._reduced(scale)
        inverse = linalg.inv(reduced)
        kept = inverse @ right
        residual = max((self.squares - rest - float(right @ kept)) / (self.observations - 1), 0.0)
        of_small, of_large = self._ordered(scale)
        # the mean and the small factor as each level of the large one meets them
        met = np.hstack([self.large_n[:, np.newaxis], of_small * np.asarray(self.cross.T.todense())]) * of_large
        large = (of_large * self.large_total - met @ kept) / eliminated
        large_inverse = 1 / eliminated + ((met @ inverse) * met).sum(axis=1) / eliminated**2
        effects = (of_small * kept[1:], of_large * large)
        errors = (
            of_small * np.sqrt(residual * np.diag(inverse)[1:]),
            of_large * np.sqrt(residual * large_inverse),
        )
        variances = (of_small**2 * residual, of_large**2 * residual)
        if self.swapped:
            effects, errors, variances = effects[::-1], errors[::-1], variances[::-1]
        return Fit(
            mean=float(kept[0]),
            variances=(float(variances[0]), float(variances[1]), residual),
            effects=(effects[0], effects[1]),
            errors=(errors[0], errors[1]),
            plain_errors=(errors[0], errors[1]),
            share_errors=(0.0, 0.0, 0.0),
        )

    def _ordered(self, scale: Floats) -> tuple[float, float]:
        first, second = float(scale[0]), float(scale[1])
        return (second, first) if self.swapped else (first, second)

    def _reduced(self, scale: Floats) -> tuple[Floats, Floats, Floats, float]:
        """The equations of mean and small factor without the large one, and what its elimination leaves."""
        of_small, of_large = self._ordered(scale)
        share = of_large**2 / (of_large**2 * self.large_n + 1)
        size = len(self.small_n) + 1
        reduced, right = np.empty((size, size)), np.empty(size)
        reduced[0, 0] = self.observations - (share * self.large_n**2).sum()
        reduced[0, 1:] = reduced[1:, 0] = of_small * (self.small_n - self.cross @ (share * self.large_n))
        between = (self.cross * share[np.newaxis, :]) @ self.cross.T
        reduced[1:, 1:] = of_small**2 * (np.diag(self.small_n) - between.toarray()) + np.eye(size - 1)
        right[0] = self.total - (share * self.large_n * self.large_total).sum()
        right[1:] = of_small * (self.small_total - self.cross @ (share * self.large_total))
        return reduced, right, of_large**2 * self.large_n + 1, float((share * self.large_total**2).sum())
