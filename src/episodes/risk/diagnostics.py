"""How well expected values fit: calibration by decile, R squared, c statistic; and the normalization of prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.errors import ArgumentError, count_of

Values = Sequence[float] | pl.Series | npt.NDArray[Any]


@dataclass(frozen=True)
class Diagnostics:
    """How well expected values fit those observed.

    Attributes:
        rows: how many pairs.
        mean_observed, mean_expected, ratio: means, and observed over expected.
        r_squared: 1 less the squared errors over the squares about the mean; not a number if all observed are equal.
        c_statistic: of events, the chance that one with the event has the higher expected value; null of amounts.
        calibration: one row a group of rows by ascending expected value: group, rows, mean_observed, mean_expected,
            ratio.
    """

    rows: int
    mean_observed: float
    mean_expected: float
    ratio: float
    r_squared: float
    c_statistic: float | None
    calibration: pl.DataFrame

    def __repr__(self) -> str:
        c = "" if self.c_statistic is None else f", c statistic {self.c_statistic:.4f}"
        return (
            f"{count_of(self.rows, 'row')}: observed over expected {self.ratio:.4f}, R squared {self.r_squared:.4f}{c}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.calibration._repr_html_()}"


def diagnostics(observed: Values, expected: Values, *, groups: int = 10) -> Diagnostics:
    """How well expected values fit those observed; for amounts, and for events (yes/no) with probabilities.

    Sums are exact and so do not depend on the order of the rows.

    Args:
        observed: amounts, or yes/no.
        expected: expected amounts or probabilities, in the same order.
        groups: how many groups of nearly equal size for the calibration (10: deciles); ties stay in the order given.

    Returns:
        `Diagnostics`.

    Raises:
        ArgumentError: lengths that differ, missing values, or more groups than rows.

    Example:
        >>> said = diagnostics([True, False, True, False], [0.8, 0.1, 0.6, 0.7], groups=2)
        >>> said.c_statistic, said.calibration["mean_observed"].to_list()
        (0.75, [0.5, 0.5])
    """
    seen, foreseen = _numbers("observed", observed), _numbers("expected", expected)
    if seen.size != foreseen.size:
        raise ArgumentError(f"observed has {seen.size:,} values and expected {foreseen.size:,}.")
    if not 1 <= groups <= seen.size:
        raise ArgumentError(f"groups must lie between 1 and the number of rows ({seen.size:,}).")
    is_event = _is_yes_no(observed)
    mean_seen, mean_foreseen = fsum(seen) / seen.size, fsum(foreseen) / seen.size
    squares = fsum((seen - foreseen) ** 2)
    about_mean = fsum((seen - mean_seen) ** 2)
    mixed = is_event and 0 < seen.sum() < seen.size
    return Diagnostics(
        rows=seen.size,
        mean_observed=mean_seen,
        mean_expected=mean_foreseen,
        ratio=_ratio(mean_seen, mean_foreseen),
        r_squared=1 - squares / about_mean if about_mean else float("nan"),
        c_statistic=c_statistic(seen > 0, foreseen) if mixed else None,
        calibration=_calibration(seen, foreseen, groups),
    )


def c_statistic(happened: npt.NDArray[np.bool_], expected: npt.NDArray[np.float64]) -> float:
    """The chance that a row with the event has the higher expected value than one without; ties count half.

    >>> import numpy as np
    >>> c_statistic(np.array([True, False, False]), np.array([0.5, 0.5, 0.1]))
    0.75
    """
    with_event = int(happened.sum())
    without = happened.size - with_event
    if not with_event or not without:
        return float("nan")
    ranks = float(pl.Series(expected).rank("average").to_numpy()[happened].sum())
    return (ranks - with_event * (with_event + 1) / 2) / (with_event * without)


def normalization(unadjusted_cents: Sequence[int] | pl.Series, adjusted_cents: Sequence[int] | pl.Series) -> Fraction:
    """The factor that makes risk-adjusted prices as high on average as those without risk adjustment, exactly.

    Args:
        unadjusted_cents: the price of each episode before its risk multipliers, whole cents.
        adjusted_cents: the same after them.

    Returns:
        Sum of the first over sum of the second.

    Raises:
        ArgumentError: lengths that differ, no episodes, or adjusted prices that sum to zero or less.

    Regulation: TEAM 42 CFR 512.545 (normalization); CJR 86 FR 23572.

    Example:
        >>> normalization([20_000_00, 20_000_00], [18_000_00, 24_000_00])
        Fraction(20, 21)
    """
    before, after = [list(values) for values in (unadjusted_cents, adjusted_cents)]
    if len(before) != len(after) or not before:
        raise ArgumentError(f"Two lists of one or more prices are wanted; given: {len(before):,} and {len(after):,}.")
    if any(isinstance(cents, bool) or not isinstance(cents, int) for cents in (*before, *after)):
        raise ArgumentError("Prices must be whole cents, none of them missing.")
    if sum(after) <= 0:
        raise ArgumentError("The adjusted prices sum to zero or less: no factor brings them to the others.")
    return Fraction(sum(before), sum(after))


def _is_yes_no(values: Values) -> bool:
    if isinstance(values, pl.Series):
        return values.dtype == pl.Boolean
    return np.asarray(values).dtype == np.bool_


def _numbers(name: str, values: Values) -> npt.NDArray[np.float64]:
    series = values if isinstance(values, pl.Series) else pl.Series(np.asarray(values))
    numbers: npt.NDArray[np.float64] = series.cast(pl.Float64).to_numpy()
    if missing := int((~np.isfinite(numbers)).sum()):
        raise ArgumentError(f"{name} has {count_of(missing, 'value')} missing or not finite: leave these rows out.")
    return numbers


def _calibration(seen: npt.NDArray[np.float64], foreseen: npt.NDArray[np.float64], groups: int) -> pl.DataFrame:
    order = np.argsort(foreseen, kind="stable")
    rows = []
    for group in range(groups):
        chosen = order[group * seen.size // groups : (group + 1) * seen.size // groups]
        mean_seen, mean_foreseen = fsum(seen[chosen]) / chosen.size, fsum(foreseen[chosen]) / chosen.size
        rows.append((group + 1, chosen.size, mean_seen, mean_foreseen, _ratio(mean_seen, mean_foreseen)))
    columns = ["group", "rows", "mean_observed", "mean_expected", "ratio"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def _ratio(seen: float, foreseen: float) -> float:
    return seen / foreseen if foreseen else float("nan")
