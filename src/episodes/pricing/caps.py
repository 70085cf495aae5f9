"""High-cost caps: percentiles of whole cents, exactly, on plain values and on episodes by cell.

A cap replaces what lies beyond a limit by the limit. The limit is exact and rounded half up to whole cents,
so that nothing depends on the binary form of a percentile. Percentile methods:

* `sas5`: SAS PROC UNIVARIATE, definition 5 (numpy calls it `averaged_inverted_cdf`): with n x p = j + g, the
  mean of the j-th and the next value if g is zero, else the next one.
* `linear`: between the two nearest ranks, as spreadsheets do.
* `mean_2sd`: mean plus two standard deviations (n - 1), upper side only.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from typing import Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.errors import ArgumentError, unknown_name
from episodes.money import Rate, round_half_up
from episodes.pricing.checks import exact_in_range, whole_cents
from episodes.programs.price import Cap

CapMethod = Literal["sas5", "linear", "mean_2sd"]
CAP_METHODS: tuple[CapMethod, ...] = ("sas5", "linear", "mean_2sd")

Amounts = TypeVar("Amounts", bound=Sequence[int] | pl.Series | npt.NDArray[Any])


def winsorize(
    values: Amounts,
    *,
    method: CapMethod,
    lower: Rate | None = None,
    upper: Rate | None = None,
    mean: Rate | None = None,
    sd: Rate | None = None,
) -> Amounts:
    """Pull values beyond a limit back to the limit.

    Args:
        values: whole cents; a list, a polars Series or a numpy array of integers.
        method: `sas5`, `linear` or `mean_2sd`, see the module.
        lower: percentile, 0 to 100, below which values are raised (`sas5`, `linear`).
        upper: percentile, 0 to 100, above which values are lowered (`sas5`, `linear`).
        mean: mean in cents for `mean_2sd`; default: of the values.
        sd: standard deviation in cents for `mean_2sd`; default: of the values, dividing by n - 1. One value
            has none and is left as it is.

    Returns:
        Whole cents, in the same order and the same kind of container.

    Raises:
        ArgumentError: an unknown method, a percentile out of range, values that are not whole cents, or an
            argument that the method does not use.

    Example:
        >>> winsorize([100, 200, 300, 10_000], method="sas5", upper=75)
        [100, 200, 300, 5150]
    """
    if method not in CAP_METHODS:
        raise ArgumentError(unknown_name("cap method", str(method), CAP_METHODS))
    amounts = _whole_amounts(values)
    if method == "mean_2sd":
        if lower is not None or upper is not None:
            raise ArgumentError("Method mean_2sd takes no percentiles: leave out lower and upper.")
        floor, ceiling = None, _two_sd_limit(amounts, mean, sd)
    else:
        if mean is not None or sd is not None:
            raise ArgumentError(f"Method {method} takes no mean and no sd: give lower or upper.")
        floor, ceiling = _percentile_limits(amounts, method, lower, upper)
    capped = [_between(amount, floor, ceiling) for amount in amounts]
    if isinstance(values, pl.Series):
        return cast("Amounts", pl.Series(values.name, capped, dtype=pl.Int64))
    if isinstance(values, np.ndarray):
        return cast("Amounts", np.array(capped, dtype=np.int64))
    return cast("Amounts", tuple(capped) if isinstance(values, tuple) else capped)


def percentile_limit(ordered: Sequence[int] | pl.Series, *, method: CapMethod, percentile: Rate) -> int:
    """The percentile of ascending whole cents, rounded half up to whole cents.

    >>> percentile_limit([10, 20, 31], method="linear", percentile=75)
    26
    """
    share = exact_in_range("percentile", percentile, 0, 100) / 100
    if len(ordered) == 0:
        raise ArgumentError("There is no percentile of no values.")
    low, high, weight = _ranks(len(ordered), method, share)
    return round_half_up(ordered[low] + weight * (ordered[high] - ordered[low]))


def cap_with_rules(frame: pl.DataFrame, amount: str, cells: Sequence[str], cap: Cap) -> pl.DataFrame:
    """Cap an amount of each row within its cell, as a programme's rules say (`cap_by_cell` with their values)."""
    return cap_by_cell(
        frame,
        amount,
        cells,
        method=cap.method.value,
        upper_percentile=cap.upper_percentile.value,
        lower_percentile=None if cap.lower_percentile is None else cap.lower_percentile.value,
        minimum_episodes=0 if cap.minimum_episodes is None else cap.minimum_episodes.value,
    )


def cap_by_cell(
    frame: pl.DataFrame,
    amount: str,
    cells: Sequence[str],
    *,
    method: CapMethod | Literal["none"],
    upper_percentile: Rate | None = None,
    lower_percentile: Rate | None = None,
    minimum_episodes: int = 0,
) -> pl.DataFrame:
    """Hold an amount of each row within the limits of its cell.

    Args:
        frame: rows with whole cents in `amount`, none of them null.
        amount: name of the amount.
        cells: columns that make a cell; a null is a value like any other.
        method: `sas5`, `linear`, `mean_2sd` (upper side; a cell of one row is not cut), or `none`.
        upper_percentile, lower_percentile: 0 to 100; read by the percentile methods only.
        minimum_episodes: a cell with fewer rows is not capped.

    Returns:
        The same rows with `capped_cents` and `cut_cents` (minus where a low amount was raised); the two sum to the
        amount.
    """
    ordered = frame.sort(*cells, amount).group_by(cells, maintain_order=True).agg(pl.col(amount))
    floors: list[int | None] = []
    ceilings: list[int | None] = []
    for values in ordered.get_column(amount):
        floor, ceiling = None, None
        if method == "mean_2sd":
            ceiling = _two_sd_limit(values.to_list(), None, None) if len(values) >= minimum_episodes else None
        elif method != "none" and len(values) >= minimum_episodes:
            floor, ceiling = (
                None if percentile is None else percentile_limit(values, method=method, percentile=percentile)
                for percentile in (lower_percentile, upper_percentile)
            )
        floors.append(floor)
        ceilings.append(ceiling)
    by_cell = ordered.select(
        *cells,
        pl.Series("lower_limit_cents", floors, dtype=pl.Int64),
        pl.Series("upper_limit_cents", ceilings, dtype=pl.Int64),
    )
    lowered = pl.min_horizontal(amount, "upper_limit_cents")
    return (
        frame.join(by_cell, on=list(cells), how="left", nulls_equal=True, maintain_order="left")
        .with_columns(capped_cents=pl.max_horizontal(lowered, "lower_limit_cents"))
        .with_columns(cut_cents=pl.col(amount) - pl.col("capped_cents"))
        .drop("lower_limit_cents", "upper_limit_cents")
    )


def _whole_amounts(values: Any) -> list[int]:
    if isinstance(values, pl.Series | np.ndarray):
        whole = values.dtype.is_integer() if isinstance(values, pl.Series) else values.dtype.kind in "iu"
        if not whole or (isinstance(values, np.ndarray) and values.ndim != 1):
            raise ArgumentError(f"values must be one column of whole cents, not {values.dtype}.")
        if isinstance(values, pl.Series) and values.null_count():
            raise ArgumentError(f"values must not be null: {values.null_count()} are.")
        return cast("list[int]", values.to_list() if isinstance(values, pl.Series) else values.tolist())
    return [whole_cents("each of values", value) for value in values]


def _percentile_limits(
    amounts: list[int], method: CapMethod, lower: Rate | None, upper: Rate | None
) -> tuple[int | None, int | None]:
    if lower is None and upper is None:
        raise ArgumentError(f"Method {method} needs a percentile: give lower, upper or both.")
    bottom = None if lower is None else exact_in_range("lower", lower, 0, 100)
    top = None if upper is None else exact_in_range("upper", upper, 0, 100)
    if bottom is not None and top is not None and bottom > top:
        raise ArgumentError("lower must not be above upper.")
    if not amounts:
        return None, None
    ordered = sorted(amounts)
    return (
        None if bottom is None else percentile_limit(ordered, method=method, percentile=bottom),
        None if top is None else percentile_limit(ordered, method=method, percentile=top),
    )


def _ranks(number: int, method: CapMethod, share: Fraction) -> tuple[int, int, Fraction]:
    """Places of the two ascending values around a percentile, and the weight of the second."""
    position = (number - 1) * share if method == "linear" else number * share
    whole = position.numerator // position.denominator
    beyond = position - whole
    if method == "linear":
        return whole, min(whole + 1, number - 1), beyond
    if beyond == 0 and 0 < whole < number:
        return whole - 1, whole, Fraction(1, 2)
    place = min(whole, number - 1)
    return place, place, Fraction(0)


def _two_sd_limit(amounts: list[int], mean: Rate | None, sd: Rate | None) -> int | None:
    number, total = len(amounts), sum(amounts)
    if number == 0 or (number == 1 and sd is None):
        return None
    centre = Fraction(total, number) if mean is None else exact_in_range("mean", mean)
    if sd is not None:
        return round_half_up(centre + 2 * exact_in_range("sd", sd, 0))
    squares = sum(amount * amount for amount in amounts)
    variance = Fraction(number * squares - total * total, number * (number - 1))
    return _half_up_with_root(centre, 4 * variance)


def _half_up_with_root(amount: Fraction, radicand: Fraction) -> int:
    """`amount` plus the square root of `radicand`, rounded half up without leaving whole numbers."""
    shifted = amount + Fraction(1, 2)
    denominator = shifted.denominator
    root = isqrt(denominator * denominator * radicand.numerator // radicand.denominator)
    return (shifted.numerator + root) // denominator


def _between(amount: int, floor: int | None, ceiling: int | None) -> int:
    raised = amount if floor is None else max(amount, floor)
    return raised if ceiling is None else min(raised, ceiling)
