"""Percentile caps on whole cents."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from episodes.errors import EpisodesError
from episodes.money import round_half_up
from episodes.pricing import winsorize
from episodes.pricing.caps import cap_by_cell

CENTS = st.integers(min_value=-(10**9), max_value=10**9)
PERCENTILES = st.integers(min_value=0, max_value=1000).map(lambda tenths: Fraction(tenths, 10))


def percentile_by_definition(values: list[int], percentile: Fraction, method: str) -> int:
    """The percentile as the two definitions are worded, on exact numbers."""
    ordered = [Fraction(value) for value in sorted(values)]
    if method == "linear":
        position = (len(values) - 1) * percentile / 100
        below = position.numerator // position.denominator
        above = min(below + 1, len(values) - 1)
        return round_half_up(ordered[below] + (position - below) * (ordered[above] - ordered[below]))
    position = len(values) * percentile / 100
    rank, part = divmod(position, 1)
    low = min(max(int(rank) - (part == 0), 0), len(values) - 1)
    high = min(int(rank), len(values) - 1)
    return round_half_up((ordered[low] + ordered[high]) / 2 if part == 0 else ordered[high])


@pytest.mark.parametrize(
    ("values", "upper", "expected"),
    [
        # n x p = 4 x 0.75 = 3 exactly: mean of the 3rd and 4th, (300 + 1000) / 2 = 650
        ([100, 200, 300, 1000], 75, [100, 200, 300, 650]),
        # n x p = 5 x 0.75 = 3.75: the 4th
        ([100, 200, 300, 1000, 5000], 75, [100, 200, 300, 1000, 1000]),
        # n x p = 100 x 0.99 = 99 exactly: mean of the 99th and 100th, (99 + 1000) / 2 = 549.5, half up 550
        ([*range(1, 100), 1000], 99, [*range(1, 100), 550]),
        # n x p = 99 x 0.99 = 98.01: the 99th, which is the largest: nothing is cut
        ([*range(1, 99), 1000], 99, [*range(1, 99), 1000]),
        # one value: n x p = 0.99, the 1st
        ([700], 99, [700]),
        # negative cents: 2 x 0.5 = 1 exactly, (-5 + -2) / 2 = -3.5, half up -3
        ([-2, -5], 50, [-3, -5]),
        # 100: the largest; 0: the smallest
        ([3, 1, 2], 100, [3, 1, 2]),
        ([3, 1, 2], 0, [1, 1, 1]),
        ([], 99, []),
    ],
)
def test_sas5_upper(values: list[int], upper: int, expected: list[int]) -> None:
    assert winsorize(values, method="sas5", upper=upper) == expected


def test_both_sides_and_a_half_percentile() -> None:
    # 200 x 0.005 = 1: (1 + 2) / 2 = 1.5, half up 2; 200 x 0.995 = 199: (199 + 200) / 2 = 199.5, half up 200
    values = list(range(1, 201))
    capped = winsorize(values, method="sas5", lower=0.5, upper=99.5)
    assert (capped[0], capped[1], capped[-1]) == (2, 2, 200)


def test_linear() -> None:
    # (4 - 1) x 0.75 = 2.25: 300 + 0.25 x 700 = 475
    assert winsorize([100, 200, 300, 1000], method="linear", upper=75) == [100, 200, 300, 475]
    # (2 - 1) x 0.5: 0 + 0.5 x 1 = 0.5, half up 1
    assert winsorize([0, 1], method="linear", upper=50) == [0, 1]


def test_mean_2sd_cuts_the_upper_side_only() -> None:
    # mean 100, sd given 50: limit 200; the low value stays
    assert winsorize([-900, 100, 201], method="mean_2sd", mean=100, sd=50) == [-900, 100, 200]
    # ten zeros and 1100: mean 100, sum of squares 1210000, variance (1210000 - 11 x 10000) / 10 = 110000,
    # 2 sd = 663.32..., limit 763.32..., half up 763
    assert winsorize([0] * 10 + [1100], method="mean_2sd") == [0] * 10 + [763]
    # mean computed, sd given: 0 + 2 x 0.25 = 0.5, half up 1
    assert winsorize([-1, 1], method="mean_2sd", sd=0.25) == [-1, 1]
    # one value has no standard deviation
    assert winsorize([5], method="mean_2sd") == [5]


def test_the_container_stays_what_it_is() -> None:
    series = winsorize(pl.Series("cost", [1, 2, 900], dtype=pl.Int32), method="sas5", upper=50)
    assert isinstance(series, pl.Series)
    assert (series.name, series.dtype, series.to_list()) == ("cost", pl.Int64, [1, 2, 2])
    array = winsorize(np.array([1, 2, 900], dtype=np.int32), method="sas5", upper=50)
    assert array.dtype == np.int64
    assert array.tolist() == [1, 2, 2]


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        ([1], {"method": "p99", "upper": 99}, "Unknown cap method 'p99'.*Known: linear, mean_2sd, sas5"),
        ([1], {"method": "sas5"}, "needs a percentile"),
        ([1], {"method": "sas5", "upper": 101}, "upper must be from 0 to 100"),
        ([1], {"method": "sas5", "upper": 1, "lower": 2}, "lower must not be above upper"),
        ([1], {"method": "sas5", "upper": 99, "mean": 1}, "takes no mean"),
        ([1], {"method": "mean_2sd", "upper": 99}, "takes no percentiles"),
        ([1, 2], {"method": "mean_2sd", "sd": -1}, "sd must be 0 or more"),
        ([1.5], {"method": "sas5", "upper": 99}, "whole number"),
        (pl.Series([1.5]), {"method": "sas5", "upper": 99}, "whole cents"),
        (pl.Series([1, None]), {"method": "sas5", "upper": 99}, "must not be null: 1"),
        (np.array([[1]]), {"method": "sas5", "upper": 99}, "one column"),
    ],
)
def test_errors(values: object, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(EpisodesError, match=message):
        winsorize(values, **arguments)  # type: ignore[type-var, arg-type]
    with pytest.raises(ValueError, match=message):
        winsorize(values, **arguments)  # type: ignore[type-var, arg-type]


@given(st.lists(CENTS, min_size=1, max_size=30), PERCENTILES, st.sampled_from(["sas5", "linear"]))
def test_limit_is_the_percentile(values: list[int], percentile: Fraction, method: str) -> None:
    limit = percentile_by_definition(values, percentile, method)
    expected = [min(value, limit) for value in values]
    assert winsorize(values, method=method, upper=percentile) == expected  # type: ignore[arg-type]


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30), st.sampled_from([25, 50, 75]))
def test_sas5_is_numpys_averaged_inverted_cdf(values: list[int], percentile: int) -> None:
    # quarters are exact in binary, so that numpy finds the exact ranks too
    limit = floor(np.quantile(values, percentile / 100, method="averaged_inverted_cdf") + 0.5)
    assert winsorize(values, method="sas5", upper=percentile) == [min(value, limit) for value in values]


@given(st.lists(st.tuples(st.sampled_from("ab"), CENTS), min_size=1, max_size=40), PERCENTILES)
def test_cells_are_capped_apart_and_nothing_is_lost(rows: list[tuple[str, int]], percentile: Fraction) -> None:
    frame = pl.DataFrame(rows, schema={"cell": pl.String, "cents": pl.Int64}, orient="row")
    capped = cap_by_cell(frame, "cents", ["cell"], method="sas5", upper_percentile=percentile)
    assert capped.get_column("cents").to_list() == frame.get_column("cents").to_list()
    assert (capped["capped_cents"] + capped["cut_cents"]).to_list() == frame["cents"].to_list()
    assert capped["cut_cents"].min() >= 0  # type: ignore[operator]
    for name in ("a", "b"):
        cell = capped.filter(cell=name)
        alone = winsorize(cell.get_column("cents").to_list(), method="sas5", upper=percentile)
        assert cell.get_column("capped_cents").to_list() == alone
