"""Standardized rates, their composites and the readmission penalty equal what the formulas give by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from episodes.errors import ArgumentError
from episodes.outcomes import (
    combined_ratio,
    excess_readmission_penalty,
    outcome_rules,
    patient_safety_composite,
    risk_standardized,
)
from episodes.programs.code_tables import load_codes


def test_standardized_rate_by_hand() -> None:
    # odds 1/3 and 3: 0.25 + 0.75 = 1 expected. The hospital doubles the odds: 2/3 and 6: 0.4 + 6/7 predicted.
    shifts = [-math.log(3), math.log(3)]
    found = risk_standardized(shifts, hospital_intercept=math.log(2), mean_intercept=0.0, national_rate=0.15)
    assert found.predicted == pytest.approx(0.4 + 6 / 7)
    assert found.expected == pytest.approx(1.0)
    assert found.ratio == pytest.approx(0.4 + 6 / 7)
    assert found.rate == pytest.approx((0.4 + 6 / 7) * 0.15)


def test_an_average_hospital_has_the_national_rate() -> None:
    found = risk_standardized([0.3, -2.0, 1.0], hospital_intercept=-1.5, mean_intercept=-1.5, national_rate=0.15)
    assert (found.ratio, found.rate) == (1.0, 0.15)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=30), st.floats(-5, 5), st.floats(-5, 5), st.randoms())
def test_a_worse_hospital_has_a_higher_ratio_whatever_the_order(shifts, own, mean, random) -> None:
    found = risk_standardized(shifts, hospital_intercept=own, mean_intercept=mean, national_rate=0.2)
    mixed = list(shifts)
    random.shuffle(mixed)
    assert risk_standardized(mixed, hospital_intercept=own, mean_intercept=mean, national_rate=0.2) == found
    assert 0 < found.predicted <= len(shifts)
    assert (found.ratio >= 1) == (own >= mean) or math.isclose(found.ratio, 1)


def test_log_odds_far_out_do_not_overflow() -> None:
    assert risk_standardized([800.0, -700.0], hospital_intercept=0, mean_intercept=0, national_rate=0.1).ratio == 1.0


def test_patients_may_come_as_a_series() -> None:
    series = pl.Series([0.0, 0.0])
    assert risk_standardized(series, hospital_intercept=0, mean_intercept=0, national_rate=0).predicted == 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"logit_shifts": []}, "empty"),
        ({"logit_shifts": [float("nan")]}, "finite"),
        ({"logit_shifts": [None]}, "numbers"),
        ({"hospital_intercept": float("inf")}, "finite"),
        ({"mean_intercept": "a"}, "numbers"),
        ({"national_rate": 15}, "0 to 1"),
        ({"national_rate": -0.1}, "0 to 1"),
        ({"national_rate": True}, "numbers"),
        ({"logit_shifts": [-800.0]}, "expected"),
    ],
)
def test_rates_refuse_what_is_out_of_range(change, said) -> None:
    given_values = {"logit_shifts": [0.0], "hospital_intercept": 0.0, "mean_intercept": 0.0, "national_rate": 0.1}
    values = {**given_values, **change}
    with pytest.raises(ArgumentError, match=said):
        risk_standardized(values.pop("logit_shifts"), **values)


def test_cohorts_combine_by_the_mean_of_logarithms() -> None:
    # (100 ln 1.2 + 300 ln 0.9) / 400 = 0.25 * 0.182322 + 0.75 * -0.105361 = -0.033440; exp = 0.967113
    ratios, volumes = {"medicine": 1.2, "neurology": 0.9}, {"medicine": 100, "neurology": 300}
    assert combined_ratio(ratios, volumes) == pytest.approx(0.967113, abs=1e-6)


@pytest.mark.parametrize(
    ("ratios", "volumes", "said"),
    [
        ({"a": 1.0}, {"b": 1}, "different cohorts: a, b"),
        ({"a": 0.0}, {"a": 1}, "above 0"),
        ({"a": 1.0}, {"a": -1}, "0 or more"),
        ({"a": 1.0}, {"a": 0}, "sum to 0"),
    ],
)
def test_cohorts_that_cannot_be_combined(ratios, volumes, said) -> None:
    with pytest.raises(ArgumentError, match=said):
        combined_ratio(ratios, volumes)


def test_patient_safety_composite_by_hand() -> None:
    # psi_03: 0.5 * 3/2 + 0.5 * 1 = 1.25; psi_06: 0.2 * 0/1 + 0.8 * 1 = 0.8; 0.4 * 1.25 + 0.6 * 0.8 = 0.98
    found = patient_safety_composite(
        {"psi_03": 3, "psi_06": 0},
        {"psi_03": 2, "psi_06": 1},
        reliability={"psi_03": 0.5, "psi_06": 0.2},
        weights={"psi_03": 0.4, "psi_06": 0.6},
    )
    assert found == pytest.approx(0.98)


def test_patient_safety_composite_of_an_average_hospital_is_the_sum_of_the_printed_weights() -> None:
    names = load_codes("psi_90_weights").drop_nulls("version_6_0_2")["component"]
    assert len(names) == 10
    one = dict.fromkeys(names, 1.0)
    assert patient_safety_composite(one, one, reliability=dict.fromkeys(names, 0.7)) == pytest.approx(0.9998)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"observed": {}}, "observed lacks the component 'psi_03'"),
        ({"expected": {"psi_03": 0}}, "above 0"),
        ({"reliability": {"psi_03": 1.1}}, "0 to 1"),
        ({"observed": {"psi_03": 1, "psi_99": 1}}, "without a weight"),
    ],
)
def test_patient_safety_composite_refuses(change, said) -> None:
    one = {"psi_03": 1.0}
    values = {"observed": one, "expected": one, "reliability": one, "weights": one, **change}
    with pytest.raises(ArgumentError, match=said):
        patient_safety_composite(values.pop("observed"), values.pop("expected"), **values)


def test_penalty_by_hand() -> None:
    # 2,000,000.00 * (1.1 - 1.0) + 1,000,000.00 * 0 (0.95 is below 0.98) + 500,000.00 * (1.02 - 0.99)
    # = 200,000.00 + 15,000.00 = 215,000.00; * 0.95 = 204,250.00; / 40,000,000.00 = 0.00510625
    found = excess_readmission_penalty(
        [200_000_000, 100_000_000, 50_000_000],
        [1.1, 0.95, 1.02],
        [1.0, 0.98, 0.99],
        neutrality=0.95,
        base_cents=4_000_000_000,
    )
    assert found.excess_cents == 20_425_000
    assert found.share == 0.00510625
    assert found.factor == 1 - 0.00510625
    assert found.exact_factor == Fraction("0.99489375")


def test_conditions_may_be_named() -> None:
    plain = excess_readmission_penalty([100, 200], [1.1, 1.2], [1.0, 1.1], neutrality=1, base_cents=10_000)
    named = {"ami": 100, "hf": 200}, {"hf": 1.2, "ami": 1.1}, {"ami": 1.0, "hf": 1.1}
    assert excess_readmission_penalty(*named, neutrality=1, base_cents=10_000) == plain
    for others in ([1.1, 1.2], {"ami": 1.0}):
        with pytest.raises(ArgumentError, match="the same ones"):
            excess_readmission_penalty(named[0], others, named[2], neutrality=1, base_cents=10_000)


def test_penalty_is_limited_to_three_percent() -> None:
    at = {"neutrality": 1, "base_cents": 1_000_000}
    assert excess_readmission_penalty([1_000_000], [1.03], [1.0], **at).factor == 0.97
    over = excess_readmission_penalty([1_000_000], [1.5], [1.0], **at)
    assert (over.excess_cents, over.share, over.factor) == (500_000, 0.5, 0.97)


def test_the_limit_is_a_rule() -> None:
    rules = outcome_rules(overrides={"penalty.limit": 0.01})
    found = excess_readmission_penalty([1_000_000], [1.5], [1.0], neutrality=1, base_cents=1_000_000, rules=rules)
    assert found.factor == 0.99


def test_a_ratio_at_the_median_costs_nothing() -> None:
    found = excess_readmission_penalty([1_000_000], [1.01], [1.01], neutrality=1, base_cents=1_000_000)
    assert (found.excess_cents, found.share, found.factor) == (0, 0.0, 1.0)


def test_no_conditions_cost_nothing() -> None:
    assert excess_readmission_penalty([], [], [], neutrality=1, base_cents=1).factor == 1.0


def test_half_a_cent_rounds_up_once() -> None:
    # 5 * 0.1 = 0.5 cents, twice: 1 cent, not 2
    assert excess_readmission_penalty([5], [1.1], [1.0], neutrality=1, base_cents=100).excess_cents == 1
    assert excess_readmission_penalty([5, 5], [1.1, 1.1], [1.0, 1.0], neutrality=1, base_cents=100).excess_cents == 1


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 3), st.floats(0, 3)), max_size=6), st.floats(0, 2))
def test_penalty_stays_in_its_range(conditions, neutrality) -> None:
    payments, ratios, medians = ([item[part] for item in conditions] for part in range(3))
    found = excess_readmission_penalty(payments, ratios, medians, neutrality=neutrality, base_cents=10**9)
    assert found.excess_cents >= 0
    assert Fraction("0.97") <= found.exact_factor <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ratios": []}, "given are 1, 0 and 1"),
        ({"payments_cents": [1.5]}, "whole cents"),
        ({"payments_cents": [-1]}, "0 or more"),
        ({"ratios": [-1]}, "0 or more"),
        ({"medians": ["x"]}, "numbers"),
        ({"neutrality": -0.5}, "0 or more"),
        ({"neutrality": None}, "numbers"),
        ({"base_cents": 0}, "above 0"),
        ({"base_cents": True}, "whole cents"),
    ],
)
def test_penalty_refuses_what_is_out_of_range(change, said) -> None:
    values = {"payments_cents": [1], "ratios": [1], "medians": [1], "neutrality": 1, "base_cents": 1, **change}
    with pytest.raises(ArgumentError, match=said):
        excess_readmission_penalty(values.pop("payments_cents"), values.pop("ratios"), values.pop("medians"), **values)
