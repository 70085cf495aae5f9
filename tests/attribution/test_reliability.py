"""The pinned small functions: every edge, and exactness to the cent."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import episodes as ep
from episodes.attribution import cost_ratio_score, episodes_for_reliability, reliability, shrink
from episodes.errors import ArgumentError
from episodes.money import round_half_up


@pytest.mark.parametrize(
    ("between", "within", "n", "expected"),
    [
        (4, 100, 25, 0.5),  # 4 / (4 + 100/25) = 4/8
        (1, 10, 23.333333333333332, 0.7),  # n = R/(1-R) x s2/tau2 = 2.333 x 10
        (2, 0, 3, 1.0),  # no chance
        (0, 5, 30, 0.0),  # no differences
        (0, 0, 30, 0.0),  # nothing to tell apart
        (4, 100, 0, 0.0),  # no episodes
    ],
)
def test_reliability(between: float, within: float, n: float, expected: float) -> None:
    assert reliability(between, within, n) == pytest.approx(expected)


def test_shrinkage_is_between_the_two_means() -> None:
    assert shrink(1.3, 1.0, 4, 100, 25) == pytest.approx(1.15)  # half of the way
    assert shrink(1.3, 1.0, 0, 100, 25) == 1.0
    assert shrink(1.3, 1.0, 4, 0, 25) == 1.3
    assert shrink(None, 1.0, 4, 100, 0) == 1.0
    assert ep.attribution.shrink(mean=-2, grand_mean=2, between_variance=1, within_variance=1, n=1) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (-1, 1, 1),
        (1, -1, 1),
        (1, 1, -1),
        (float("nan"), 1, 1),
        (1, float("inf"), 1),
        ("a", 1, 1),
        (1, 1, None),
        (True, 1, 1),
    ],
)
def test_wrong_numbers_are_errors(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ArgumentError):
        reliability(*arguments)
    with pytest.raises(ArgumentError):
        shrink(1.0, 1.0, *arguments)


def test_shrink_needs_a_mean_where_there_are_episodes() -> None:
    with pytest.raises(ArgumentError, match="mean"):
        shrink(None, 1.0, 4, 100, 25)


def test_episodes_for_a_reliability() -> None:
    assert episodes_for_reliability(0.7, 1, 10) == 24  # 0.7/0.3 x 10 = 23.3
    assert episodes_for_reliability(0.5, 1, 10) == 10  # exactly
    assert episodes_for_reliability(0.5, 0.1, 0.3) == 3  # decimals are read as written
    assert episodes_for_reliability(0, 1, 10) == 0
    for wrong in ((1, 1, 1), (-0.1, 1, 1), (0.5, 0, 1)):
        with pytest.raises(ArgumentError):
            episodes_for_reliability(*wrong)


def test_the_score_is_the_mean_of_ratios_not_the_ratio_of_sums() -> None:
    # ratios 2 and 0.5: mean 1.25; the ratio of sums would be (200 + 500) / (100 + 1000) = 0.636
    score = cost_ratio_score([200, 500], [100, 1000], 10_000)
    assert (score.mean_ratio, score.score_cents) == (1.25, 12_500)


def test_the_score_rounds_half_up_once() -> None:
    assert cost_ratio_score([1], [2], 1).score_cents == 1  # 0.5
    assert cost_ratio_score([-1], [2], 1).score_cents == 0  # -0.5
    assert cost_ratio_score([1, 1, 1], [3, 3, 3], 3).score_cents == 1  # thirds sum to one exactly


@given(
    st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(1, 10**9)), min_size=1, max_size=12),
    st.integers(0, 10**9),
)
@example([(1, 2)], 1)
@example([(1, 3), (1, 6)], 2)
def test_the_score_is_exact(episodes: list[tuple[int, int]], national: int) -> None:
    observed, expected = [cost for cost, _ in episodes], [of for _, of in episodes]
    mean = sum((Fraction(*one) for one in episodes), Fraction(0)) / len(episodes)
    found = cost_ratio_score(observed, expected, national)
    assert found.score_cents == round_half_up(mean * national)
    assert found.mean_ratio == pytest.approx(float(mean))


def test_series_and_arrays_are_taken_too() -> None:
    expected = cost_ratio_score([105, 95], [100, 100.5], 1000)
    assert cost_ratio_score(pl.Series([105, 95]), pl.Series([100.0, 100.5]), 1000) == expected
    assert cost_ratio_score(np.array([105, 95]), np.array([100, 100.5]), np.int64(1000)) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([], [], 1), "without episodes"),
        (([1], [1, 2], 1), "1 observed cost and 2 expected"),
        (([1], [0], 1), "1 expected cost is 0"),
        (([1], [-5], 1), "expected_cents"),
        (([1.5], [2], 1), "whole number"),
        (([1], [2], -1), "national_mean_cents"),
    ],
)
def test_unusable_scores_are_errors(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        cost_ratio_score(*arguments)
