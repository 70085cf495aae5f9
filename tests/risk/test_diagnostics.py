"""Calibration, R squared, c statistic and normalization, by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl
import pytest

import episodes as ep
from episodes.errors import ArgumentError


def test_amounts_by_hand() -> None:
    # observed 10, 20, 30, 40, mean 25; errors 2, -2, 2, -2: 16; about the mean 225 + 25 + 25 + 225 = 500
    said = ep.risk.diagnostics([10, 20, 30, 40], [12, 18, 32, 38], groups=2)
    assert (said.rows, said.mean_observed, said.mean_expected, said.ratio) == (4, 25.0, 25.0, 1.0)
    assert said.r_squared == pytest.approx(1 - 16 / 500)
    assert said.c_statistic is None
    assert said.calibration.rows() == [(1, 2, 15.0, 15.0, 1.0), (2, 2, 35.0, 35.0, 1.0)]


def test_groups_of_uneven_size() -> None:
    # 7 rows in 3 groups: boundaries 0, 2, 4, 7
    said = ep.risk.diagnostics(list(range(7)), list(range(7)), groups=3)
    assert said.calibration["rows"].to_list() == [2, 2, 3]


def test_c_statistic_equals_the_share_of_pairs() -> None:
    draw = np.random.default_rng(5)
    expected = draw.integers(0, 8, 60) / 8
    event = draw.random(60) < expected
    pairs = [(a > b) + (a == b) / 2 for a in expected[event] for b in expected[~event]]
    assert ep.risk.diagnostics(event, expected).c_statistic == pytest.approx(float(np.mean(pairs)))
    assert ep.risk.diagnostics(pl.Series([True, True]), [0.1, 0.2], groups=1).c_statistic is None


def test_the_order_of_rows_does_not_matter() -> None:
    draw = np.random.default_rng(6)
    expected = draw.random(1_000) * 1e6
    observed = expected * draw.lognormal(0, 0.5, 1_000)
    order = draw.permutation(1_000)
    first, second = ep.risk.diagnostics(observed, expected), ep.risk.diagnostics(observed[order], expected[order])
    assert first.calibration.equals(second.calibration)
    assert (first.r_squared, first.ratio) == (second.r_squared, second.ratio)


def test_normalization_is_exact() -> None:
    assert ep.risk.normalization([10_000, 20_000, 3], [10_001, 19_000, 2]) == Fraction(30_003, 29_003)


def test_wrong_arguments_are_said() -> None:
    with pytest.raises(ArgumentError, match="observed has 2 values and expected 1"):
        ep.risk.diagnostics([1, 2], [1])
    with pytest.raises(ArgumentError, match="1 value missing"):
        ep.risk.diagnostics(pl.Series([1, None]), [1, 2], groups=1)
    with pytest.raises(ArgumentError, match="groups must lie between 1"):
        ep.risk.diagnostics([1, 2], [1, 2])
    with pytest.raises(ArgumentError, match="Two lists"):
        ep.risk.normalization([], [])
    with pytest.raises(ArgumentError, match="whole cents"):
        ep.risk.normalization([1.5], [1])
    with pytest.raises(ArgumentError, match="zero or less"):
        ep.risk.normalization([1], [0])
