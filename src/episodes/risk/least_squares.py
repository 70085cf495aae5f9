"""Weighted least squares in a fixed order: which columns depend on earlier ones, and the solution without them.

Sums run over blocks of a fixed number of rows, in the order of the rows, so that the same rows give the same numbers.
Columns are taken in their order: one that is a combination of those before it is set aside and named (as SAS and R do).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ROWS_A_BLOCK = 16_384
TOLERANCE = 1e-10
"""A column of unit length whose squared distance from the earlier columns is below this depends on them."""


@dataclass(frozen=True)
class Independent:
    """Which columns stand by themselves.

    Attributes:
        kept: places of the independent columns.
        aliased: place of each other column, with the places of those it is a combination of; none: it is zero.
        scale: the columns' lengths.
        factor: lower triangular factor of the kept columns' scaled products.
    """

    kept: list[int]
    aliased: dict[int, list[int]]
    scale: Floats
    factor: Floats

    def solve(self, right: Floats) -> Floats:
        """The solution for the kept columns, zero for the others."""
        from scipy.linalg import cho_solve

        solution = np.zeros_like(right)
        scale = self.scale[self.kept]
        solution[self.kept] = cho_solve((self.factor, True), right[self.kept] / scale) / scale
        return solution

    def variances(self) -> Floats:
        """The diagonal of the inverse of the products, not a number for columns that were set aside."""
        from scipy.linalg import solve_triangular

        result = np.full(self.scale.shape, np.nan)
        if self.kept:
            inverse = solve_triangular(self.factor, np.eye(len(self.kept)), lower=True)
            result[self.kept] = (inverse**2).sum(axis=0) / self.scale[self.kept] ** 2
        return result


def products(design: Floats, weights: Floats) -> Floats:
    """The weighted products of the columns with each other."""
    total = np.zeros((design.shape[1], design.shape[1]))
    for first in range(0, design.shape[0], ROWS_A_BLOCK):
        block = design[first : first + ROWS_A_BLOCK]
        total += block.T @ (block * weights[first : first + ROWS_A_BLOCK, None])
    return total


def products_with(design: Floats, values: Floats) -> Floats:
    """The products of each column with values."""
    total = np.zeros(design.shape[1])
    for first in range(0, design.shape[0], ROWS_A_BLOCK):
        total += values[first : first + ROWS_A_BLOCK] @ design[first : first + ROWS_A_BLOCK]
    return total


def independent_columns(gram: Floats) -> Independent:
    """Take the columns in their order and set aside those that depend on earlier ones.

    Args:
        gram: the (weighted) products of the columns with each other.
    """
    from scipy.linalg import solve_triangular

    scale = np.sqrt(np.diag(gram))
    number = gram.shape[0]
    factor = np.zeros((number, number))
    kept: list[int] = []
    aliased: dict[int, list[int]] = {}
    for place in range(number):
        if scale[place] == 0.0:
            aliased[place] = []
            continue
        size = len(kept)
        along = np.zeros(0)
        if size:
            likeness = gram[kept, place] / (scale[kept] * scale[place])
            along = solve_triangular(factor[:size, :size], likeness, lower=True)
        distance = 1.0 - float(along @ along)
        if distance < TOLERANCE:
            parts = solve_triangular(factor[:size, :size], along, lower=True, trans="T")
            aliased[place] = [kept[i] for i in np.flatnonzero(np.abs(parts) > 1e-6)]
            continue
        factor[size, :size] = along
        factor[size, size] = np.sqrt(distance)
        kept.append(place)
    return Independent(kept, aliased, scale, factor[: len(kept), : len(kept)])


@dataclass(frozen=True)
class Fitted:
    """A weighted least-squares solution.

    Attributes:
        coefficients, standard_errors: one a column; zero and not a number where a column was set aside.
        columns: which columns stand by themselves.
        residuals: of each row.
        residual_variance: weighted sum of squares over rows less columns; not a number without rows to spare.
        r_squared: weighted, about the weighted mean.
    """

    coefficients: Floats
    standard_errors: Floats
    columns: Independent
    residuals: Floats
    residual_variance: float
    r_squared: float


def weighted_least_squares(design: Floats, values: Floats, weights: Floats) -> Fitted:
    """Solve by the products of the columns, then correct the solution twice by its residuals."""
    columns = independent_columns(products(design, weights))
    solution = columns.solve(products_with(design, weights * values))
    for _ in range(2):
        solution = solution + columns.solve(products_with(design, weights * (values - design @ solution)))
    residuals = values - design @ solution
    squares = float(np.sum(weights * residuals**2))
    mean = float(np.sum(weights * values) / np.sum(weights))
    about_mean = float(np.sum(weights * (values - mean) ** 2))
    spare = values.size - len(columns.kept)
    variance = squares / spare if spare > 0 else float("nan")
    errors: Any = np.sqrt(variance * columns.variances())
    r_squared = 1.0 - squares / about_mean if about_mean > 0 else float("nan")
    return Fitted(solution, errors, columns, residuals, variance, r_squared)
