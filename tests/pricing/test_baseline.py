"""Bringing baseline years together."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import EpisodesError
from episodes.pricing import baseline_mean

TEAM = ep.load_program("team", performance_year=1)
MEANS = st.lists(st.integers(min_value=1, max_value=10**8), min_size=3, max_size=3)


def test_milliman_example() -> None:
    # a first year of $20,000 and a last one of $25,000: the first is multiplied by 1.25
    result = baseline_mean(TEAM, means_cents=[20_000_00, 24_000_00, 25_000_00])
    assert result.factors[0] == Fraction(5, 4)
    assert float(result.factors[0]) == 1.25
    # at the cell's own level every year becomes the last one
    assert result.mean_cents == 25_000_00
    assert result.dollars_of == 2024


def test_national_factors() -> None:
    # national 100, 110, 121 dollars: factors 1.21, 1.1, 1
    # 0.17 x 1.21 x 90 + 0.33 x 1.1 x 100 + 0.5 x 130 = 18.513 + 36.3 + 65 = 119.813 dollars: 11981.3 cents
    result = baseline_mean(TEAM, means_cents=[90_00, 100_00, 130_00], national_means_cents=[100_00, 110_00, 121_00])
    assert result.factors == (Fraction(121, 100), Fraction(11, 10), 1)
    assert result.mean_cents == 11_981


def test_not_adjusted() -> None:
    # 0.17 x 100 + 0.33 x 200 + 0.5 x 301 = 17 + 66 + 150.5 = 233.5, half up 234
    result = baseline_mean(TEAM, means_cents=[100, 200, 301], adjust=False)
    assert result.factors == (1, 1, 1)
    assert result.mean_cents == 234
    assert result.dollars_of is None


def test_a_year_without_episodes_gives_its_weight_away() -> None:
    # weights 0.33 / 0.83 and 0.5 / 0.83: (0.33 x 100 + 0.5 x 183) / 0.83 = 150
    result = baseline_mean(TEAM, means_cents=[None, 100, 183], adjust=False)
    assert result.weights == (0, Fraction(33, 83), Fraction(50, 83))
    assert result.factors[0] is None
    assert result.mean_cents == 150


def test_the_last_year_with_a_level_sets_the_dollars() -> None:
    result = baseline_mean(TEAM, means_cents=[100, 200, None])
    assert result.dollars_of == 2023
    assert result.mean_cents == 200


@pytest.mark.parametrize(
    ("means", "national", "message"),
    [
        ([1, 2], None, "has 2 means; the programme has 3 baseline years"),
        ([1, 2, 3], [1, 2], "national_means_cents has 2 means"),
        ([None, None, None], None, "no mean in any baseline year"),
        ([0, 1, 2], None, "no mean above zero"),
        ([1, 1, 2], [None, 1, 1], "no mean above zero"),
    ],
)
def test_errors(means: list[int | None], national: list[int | None] | None, message: str) -> None:
    with pytest.raises(EpisodesError, match=message):
        baseline_mean(TEAM, means_cents=means, national_means_cents=national)


@given(MEANS, MEANS)
def test_mean_lies_between_its_adjusted_years(means: list[int], national: list[int]) -> None:
    result = baseline_mean(TEAM, means_cents=means, national_means_cents=national)
    adjusted = [mean * (factor or 0) for mean, factor in zip(means, result.factors, strict=True)]
    assert min(adjusted) - 1 <= result.mean_cents <= max(adjusted) + 1
    assert sum(result.weights) == 1
