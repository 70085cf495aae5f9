"""Fitting a mean with two crossed random effects by restricted maximum likelihood, from counts and sums alone.

y = mean + first effect + second effect + residual. Henderson's equations are solved with the larger factor eliminated
exactly (its own block is diagonal), so that the work grows with the smaller factor: surgeons by the thousand are cheap
beside hospitals by the hundred. Effects are scaled by their standard deviation relative to the residual's, so that a
variance of zero is an ordinary point.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """Estimates: variances, mean, and for each level of a factor its effect and the standard error of it."""

    mean: float
    mean_error: float
    variances: tuple[float, float, float]
    effects: tuple[Floats, Floats]
    errors: tuple[Floats, Floats]


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
    return system.estimates(scale)


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

        reduced, right, eliminated, rest, _ = self._reduced(scale)
        factor = linalg.cholesky(reduced, lower=True)
        solved = linalg.solve_triangular(factor, right, lower=True)
        explained = rest + float(solved @ solved)
        degrees = self.observations - 1
        residual = max((self.squares - explained) / degrees, np.finfo(float).tiny)
        return float(degrees * np.log(residual) + np.log(eliminated).sum() + 2 * np.log(np.diag(factor)).sum())

    def estimates(self, scale: Floats) -> Fit:
        """Mean, effects and errors at given relative standard deviations."""
        from scipy import linalg

        reduced, right, eliminated, rest, beside = self._reduced(scale)
        inverse = linalg.inv(reduced)
        kept = inverse @ right
        residual = max((self.squares - rest - float(right @ kept)) / (self.observations - 1), 0.0)
        of_small, of_large = self._ordered(scale)
        large = (of_large * self.large_total - beside.T @ kept) / eliminated
        lean = np.asarray(beside.T @ inverse)
        large_inverse = 1 / eliminated + np.asarray(beside.T.multiply(lean).sum(axis=1)).ravel() / eliminated**2
        small_effect, small_error = of_small * kept[1:], of_small * np.sqrt(residual * np.diag(inverse)[1:])
        large_effect, large_error = of_large * large, of_large * np.sqrt(residual * large_inverse)
        effects, errors = (small_effect, large_effect), (small_error, large_error)
        variances = (of_small**2 * residual, of_large**2 * residual)
        if self.swapped:
            effects, errors, variances = effects[::-1], errors[::-1], variances[::-1]
        return Fit(
            mean=float(kept[0]),
            mean_error=float(np.sqrt(residual * inverse[0, 0])),
            variances=(float(variances[0]), float(variances[1]), residual),
            effects=(effects[0], effects[1]),
            errors=(errors[0], errors[1]),
        )

    def _ordered(self, scale: Floats) -> tuple[float, float]:
        first, second = float(scale[0]), float(scale[1])
        return (second, first) if self.swapped else (first, second)

    def _reduced(self, scale: Floats) -> tuple[Floats, Floats, Floats, float, Any]:
        """The equations of mean and small factor without the large one, and what its elimination leaves."""
        from scipy import sparse

        of_small, of_large = self._ordered(scale)
        eliminated = of_large**2 * self.large_n + 1
        beside = sparse.vstack([self.large_n[np.newaxis, :] * of_large, self.cross * (of_small * of_large)]).tocsr()
        size = len(self.small_n) + 1
        reduced = np.empty((size, size))
        reduced[0, 0] = self.observations
        reduced[0, 1:] = reduced[1:, 0] = of_small * self.small_n
        reduced[1:, 1:] = np.diag(of_small**2 * self.small_n + 1)
        reduced -= ((beside / eliminated[np.newaxis, :]) @ beside.T).toarray()
        right = np.concatenate([[self.total], of_small * self.small_total])
        right = right - beside @ (of_large * self.large_total / eliminated)
        rest = float((of_large**2 * self.large_total**2 / eliminated).sum())
        return reduced, right, eliminated, rest, beside
