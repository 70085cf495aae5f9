"""Trends, normalization, multipliers and price updates as plain functions."""

from __future__ import annotations

from fractions import Fraction
from math import exp, log
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import ArgumentError, EpisodesError, PriceError
from episodes.pricing import (
    computed_update_factors,
    economic_index_update,
    log_linear_trend,
    normalization_factor,
    payment_update,
    prospective_trend,
    risk_multipliers,
    target_prices,
)
from episodes.pricing.risk_factors import exponentiated
from pricing.hand_built_episodes import OHIO, TEXAS, episode, hand_built
from pricing.priced_programs import priced_program

TEAM = ep.load_program("team", performance_year=1)

# --- trend --------------------------------------------------------------------------------------------------


def test_steady_growth_goes_on() -> None:
    # 3 percent a year: two years ahead 1.0609
    means = [Fraction(103, 100) ** year * 1_000_000 for year in range(5)]
    assert float(log_linear_trend(means, 2)) == 1.0609
    assert log_linear_trend([100, 100, 100], 2) == 1


def test_the_line_through_the_logarithms() -> None:
    # logs l0..l4 with steps -2..2: slope (-2 l0 - l1 + l3 + 2 l4) / 10
    means = [100, 120, 90, 130, 150]
    slope = (-2 * log(100) - log(120) + log(130) + 2 * log(150)) / 10
    assert float(log_linear_trend(means, 2)) == pytest.approx(exp(2 * slope), abs=1e-12)


@given(st.lists(st.integers(1, 10**8), min_size=2, max_size=6), st.integers(0, 4))
def test_it_is_numpys_line(means: list[int], ahead: int) -> None:
    slope = np.polyfit(np.arange(len(means)), np.log(means), 1)[0]
    assert float(log_linear_trend(means, ahead)) == pytest.approx(float(np.exp(ahead * slope)), rel=1e-7, abs=1e-10)


def test_the_prospective_trend_is_the_mean_of_region_and_nation() -> None:
    region = [Fraction(11, 10) ** year * 1000 for year in range(5)]
    nation: list[Any] = [1000] * 5
    # (1.21 + 1) / 2
    assert prospective_trend(TEAM, region, nation) == (Fraction("1.105"), "estimated")
    assert prospective_trend(TEAM, [None, *region[1:]], nation) == (1, "estimated_nationally")
    assert prospective_trend(TEAM, region, [None, *nation[1:]]) == (None, "not_estimable")
    with pytest.raises(ArgumentError, match="regional_means_cents has 4 means; the trend wants 5"):
        prospective_trend(TEAM, region[1:], nation)


@pytest.mark.parametrize("means", [[1], [1, 0], [1, -1]])
def test_no_trend_of_nothing(means: list[int]) -> None:
    with pytest.raises(ArgumentError, match="two or more years, each above zero"):
        log_linear_trend(means, 2)


def test_five_years_of_claims_give_a_trend_and_three_do_not() -> None:
    history = TEAM.for_baseline(trend_history=True)
    assert [day.year for day in history.period] == [2020, 2024]
    rows = [episode(1_000_000, year=year, anchor_ccn=ccn) for year in range(2020, 2025) for ccn in (OHIO, TEXAS)]
    rows[0]["episode_cents"] = 900_000
    prices = target_prices(hand_built(history, rows), TEAM)
    assert prices.prices["trend_status"].unique().to_list() == ["estimated"]
    # Texas did not grow; the nation's first year is 950000: slope -2 ln 0.95 / 10, factor 0.95 ^ -0.4
    texas = prices.prices.filter(region=7).row(0, named=True)
    assert texas["trend"] == pytest.approx((1 + 0.95**-0.4) / 2, abs=1e-12)
    # 1000000 x trend x 0.98; the years before the baseline are not in its mean, nor in the volumes
    assert texas["price_cents"] == round(1_000_000 * texas["trend"] * 0.98)
    assert texas["baseline_episodes"] == 3
    assert prices.volumes is not None
    assert prices.volumes["baseline_episodes"].to_list() == [3, 3]
    assert prices.counts["trend_history_episodes"] == 4

    three = target_prices(hand_built(TEAM.for_baseline(), rows[4:]), TEAM)
    assert three.prices.select("trend", "trend_status").unique().rows() == [(1.0, "open")]
    given_trend = TEAM.override({"prospective_trend": 1.04})
    chosen = target_prices(hand_built(history, rows), given_trend)
    assert chosen.prices.select("trend", "trend_status").unique().rows() == [(1.04, "overridden")]
    with pytest.raises(EpisodesError, match="no prospective trend"):
        ep.load_program("cjr", 1).for_baseline(trend_history=True)


# --- normalization ------------------------------------------------------------------------------------------


def test_normalization_factor() -> None:
    # 300 / (100 x 1.5 + 200 x 0.9) = 300 / 330
    assert float(normalization_factor([100, 200], [1.5, 0.9])) == 0.909090909091
    for prices, multipliers in (([0], [1]), ([], []), ([1, 2], [1])):
        with pytest.raises(ArgumentError):
            normalization_factor(prices, multipliers)


@given(st.lists(st.tuples(st.integers(1, 10**7), st.decimals("0.2", "5", places=3)), min_size=1, max_size=20))
def test_normalized_and_unadjusted_sums_agree(rows: list[tuple[int, Any]]) -> None:
    prices, multipliers = [price for price, _ in rows], [multiplier for _, multiplier in rows]
    factor = normalization_factor(prices, multipliers)
    adjusted = sum(price * Fraction(multiplier) for price, multiplier in rows)
    assert abs(float(adjusted * factor) - sum(prices)) <= float(adjusted) * 1e-12


# --- multipliers --------------------------------------------------------------------------------------------

RISK = pl.DataFrame(
    {
        "episode_id": ["a", "b", "c"],
        "category": ["LEJR", "CABG", "LEJR"],
        "anchor_ccn": [OHIO, OHIO, TEXAS],
        "age": [80, 80, 90],
        "hccs": [["226", "85"], ["226"], []],
        "originally_disabled": [True, True, False],
    }
)


def test_multipliers_of_category_member_and_flag() -> None:
    coefficients = pl.DataFrame(
        [
            (None, "age_bracket", "75-84", 1.1),
            ("CABG", "age_bracket", "75-84", 1.3),
            ("LEJR", "hcc", "226", 1.2),
            ("LEJR", "hcc", "85", 1.5),
            (None, "originally_disabled", "True", 1.01),
            (None, "bed_size", "851+", 0.9),
        ],
        schema={"category": pl.String, "factor": pl.String, "level": pl.String, "multiplier": pl.Float64},
        orient="row",
    )
    hospitals = pl.DataFrame({"ccn": [OHIO, TEXAS], "beds": [900, None]})
    found = risk_multipliers(RISK, coefficients, TEAM, hospitals)
    # a: 1.1 x (1.2 x 1.5) x 1.01 x 0.9; b: the category's own 1.3, no HCC of CABG, disability is no factor of CABG
    assert found["risk_multiplier"].to_list() == [1.79982, 1.17, 1.0]
    assert found["hcc"].to_list() == [1.8, 1.0, 1.0]
    # Texas has no number of beds
    assert found["risk_status"].to_list() == ["known", "known", "no_risk_variables"]


def test_coefficients_of_log_cost_are_exponentiated() -> None:
    assert exponentiated(0) == 1
    assert float(exponentiated(0.25)) == pytest.approx(exp(0.25), abs=1e-12)
    found = risk_multipliers(
        RISK, pl.DataFrame({"factor": ["age_bracket"], "level": ["85+"], "coefficient": [-0.5]}), TEAM
    )
    assert found["risk_multiplier"].to_list() == [1.0, 1.0, pytest.approx(exp(-0.5), abs=1e-12)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"factor": ["aeg"], "level": ["x"], "multiplier": [1.0]}, "Unknown risk factor 'aeg'"),
        ({"factor": ["hcc"], "level": ["x"]}, "one of the columns multiplier and coefficient"),
        ({"factor": ["hcc"], "level": [None], "multiplier": [1.0]}, "without level"),
        ({"factor": ["hcc"], "level": ["1"], "multiplier": [0.0]}, "no number above 0"),
        ({"factor": ["hcc"], "level": ["1"], "multiplier": [1.0], "category": ["HIP"]}, "Unknown category 'HIP'"),
        ({"factor": ["hcc"] * 2, "level": ["1"] * 2, "multiplier": [1.0, 2.0]}, "repeat 1 level"),
    ],
)
def test_wrong_coefficients(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(PriceError, match=message):
        risk_multipliers(RISK, pl.DataFrame(columns), TEAM)


# --- price updates ------------------------------------------------------------------------------------------


def test_payment_update() -> None:
    # 2.1 x 6497.77 / (2.0 x 6121.65)
    assert payment_update("2.1", "6497.77", 2, "6121.65") == Fraction("2.1") * Fraction("6497.77") / (
        2 * Fraction("6121.65")
    )
    with pytest.raises(ArgumentError, match="base_year must be above 0"):
        payment_update(1, 1, 1, 0)


def test_economic_index_update() -> None:
    index = {2022: "0.021", 2023: "0.038", 2024: "0.046"}
    # 1.021 ^ 0.25 x 1.038 x 1.046
    assert float(economic_index_update(index, 2022, 2024)) == pytest.approx(1.021**0.25 * 1.038 * 1.046, abs=1e-12)
    # of the update year itself a quarter: 1.046 ^ 0.25
    assert float(economic_index_update(index, 2024, 2024)) == pytest.approx(1.046**0.25, abs=1e-12)
    with pytest.raises(ArgumentError, match="no increase for 2021"):
        economic_index_update(index, 2021, 2024)


def test_computed_update_factors() -> None:
    price: Any = priced_program("bpci-advanced", "8").price
    weights = pl.DataFrame(
        {
            "fiscal_year": [2022, 2024, 2022],
            "ms_drg": ["470", "470", "469"],
            "relative_weight": [2.0, 1.9, 3.0],
        }
    )
    stays = pl.DataFrame({"ccn": [OHIO], "category": ["LEJR"], "fiscal_year": [2022], "ms_drg": ["470"]})
    table = computed_update_factors(price, weights, stays, {2023: 0.03, 2024: 0.04})
    found = {(row[3], row[4], row[2], row[0]): row[5] for row in table.iter_rows()}
    # 1.9 x 6497.77 / (2.0 x 6121.65)
    assert found[2022, "anchor", "470", None] == pytest.approx(1.9 * 6497.77 / (2 * 6121.65), abs=1e-12)
    assert found[2022, "inpatient", None, OHIO] == found[2022, "anchor", "470", None]
    assert (2022, "anchor", "469", None) not in found
    # 18541 / 17240
    assert found[2022, "irf", None, None] == pytest.approx(18541 / 17240, abs=1e-12)
    assert found[2023, "other", None, None] == pytest.approx(1.03**0.25 * 1.04, abs=1e-12)
    assert (2022, "other", None, None) not in found
