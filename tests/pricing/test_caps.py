"""Percentile caps on whole cents."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import EpisodesError
from episodes.money import round_half_up
from episodes.pricing import winsorize
from episodes.pricing.caps import cap_by_cell, cap_with_rules

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


def test_both_sides_by_cell() -> None:
    # 4 x 0.25 = 1: (0 + 10) / 2; 4 x 0.75 = 3: (20 + 100) / 2
    frame = pl.DataFrame({"cell": ["a"] * 4 + ["b"], "cents": [0, 10, 20, 100, 7]})
    capped = cap_by_cell(frame, "cents", ["cell"], method="sas5", lower_percentile=25, upper_percentile=75)
    assert capped["capped_cents"].to_list() == [5, 10, 20, 60, 7]
    assert capped["cut_cents"].to_list() == [-5, 0, 0, 40, 0]


def test_small_cells_are_left_alone() -> None:
    frame = pl.DataFrame({"cell": ["a"] * 4 + ["b"] * 2, "cents": [0, 0, 0, 100, 0, 100]})
    capped = cap_by_cell(frame, "cents", ["cell"], method="sas5", upper_percentile=50, minimum_episodes=3)
    assert capped["cut_cents"].to_list() == [0, 0, 0, 100, 0, 0]


def test_mean_and_two_deviations_by_cell() -> None:
    # the ten zeros and 1100 of above: 763; a cell of one is not cut
    frame = pl.DataFrame({"cell": ["a"] * 11 + ["b"], "cents": [0] * 10 + [1100, 9999]})
    capped = cap_by_cell(frame, "cents", ["cell"], method="mean_2sd")
    assert capped["capped_cents"].to_list() == [0] * 10 + [763, 9999]


def test_no_cap_cuts_nothing() -> None:
    frame = pl.DataFrame({"cell": ["a"] * 3, "cents": [1, 2, 10**9]})
    assert cap_by_cell(frame, "cents", ["cell"], method="none")["cut_cents"].to_list() == [0, 0, 0]


def test_the_cap_of_a_programme() -> None:
    frame = pl.DataFrame({"cell": ["a"] * 100, "cents": [*range(1, 100), 1000]})
    by_year = {year: ep.load_program("cjr", year).price.cap for year in ("1", "6")}
    # 100 x 0.99 = 99: (99 + 1000) / 2 = 549.5, half up; mean 59.5 + 2 x 98.26... = 256
    assert cap_with_rules(frame, "cents", ["cell"], by_year["6"])["capped_cents"].max() == 550
    limit = 59.5 + 2 * float(np.std(frame["cents"].to_numpy(), ddof=1))
    assert cap_with_rules(frame, "cents", ["cell"], by_year["1"])["capped_cents"].max() == floor(limit + 0.5)


@given(st.lists(CENTS, min_size=1, max_size=30), CENTS, st.integers(0, 10**8))
def test_mean_2sd_is_idempotent_under_given_mean_and_deviation(values: list[int], mean: int, sd: int) -> None:
    once = winsorize(values, method="mean_2sd", mean=mean, sd=sd)
    assert winsorize(once, method="mean_2sd", mean=mean, sd=sd) == once
    assert all(kept == min(value, mean + 2 * sd) for kept, value in zip(once, values, strict=True))


@given(st.lists(CENTS, min_size=1, max_size=30), PERCENTILES, PERCENTILES)
def test_values_stay_in_order_and_within_the_limits(values: list[int], one: Fraction, other: Fraction) -> None:
    low, high = sorted((one, other))
    capped = winsorize(values, method="sas5", lower=low, upper=high)
    limits = [percentile_by_definition(values, percentile, "sas5") for percentile in (low, high)]
    assert all(limits[0] <= value <= limits[1] for value in capped)
    pairs = sorted(zip(values, capped, strict=True))
    assert [kept for _, kept in pairs] == sorted(capped)
    assert all(kept == value for value, kept in pairs if limits[0] <= value <= limits[1])


@given(st.lists(CENTS, min_size=1, max_size=30), st.sampled_from([Fraction(101, 300), Fraction(99)]))
def test_an_order_statistic_as_limit_is_idempotent(values: list[int], percentile: Fraction) -> None:
    """Where n x p is no whole number the limit is one of the values, and capping again changes nothing."""
    if (len(values) * percentile / 100).denominator == 1:
        return
    once = winsorize(values, method="sas5", upper=percentile)
    assert winsorize(once, method="sas5", upper=percentile) == once
