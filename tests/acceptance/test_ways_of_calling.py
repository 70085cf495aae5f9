"""The same amounts whatever callers hold their numbers in: plain, of numpy, in rows, frames and lazy frames."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest

import episodes as ep
from episodes.errors import ArgumentError
from episodes.money import exact

TEAM = ep.load_program("team", performance_year=1)
CJR = ep.load_program("cjr", performance_year=1)
STATE = ep.load_program("tenncare-tjr")

MEASURES = pl.DataFrame({"measure": ["hybrid_hwr", "psi_90"], "percentile": [60, 30], "volume": [1, 2]})
CATEGORIES = pl.DataFrame(
    {
        "category": ["LEJR", "CABG"],
        "target_cents": [600_000, 400_000],
        "actual_cents": [650_000, 300_000],
        "baseline_episodes": [30, 31],
    }
)


@pytest.mark.parametrize(
    "rate", [np.float64(0.1), np.float32(0.1), np.int64(3), np.uint8(3), 3, 0.1, "0.1", Fraction(1, 10)]
)
def test_rates_of_numpy_are_exact(rate: Any) -> None:
    found = exact(rate)
    assert found in (Fraction(1, 10), Fraction(3))
    assert type(found.numerator) is int


@pytest.mark.parametrize(
    "measures",
    [MEASURES.lazy(), MEASURES.to_dicts(), MEASURES.to_dict(as_series=False), MEASURES.cast({"volume": float})],
)
def test_measures_as_rows_or_lazy(measures: Any) -> None:
    # (60 x 1 + 30 x 2) / 3
    assert ep.reconciliation.composite_quality_score(TEAM, measures).score == 40.0


@pytest.mark.parametrize("categories", [CATEGORIES, CATEGORIES.lazy(), CATEGORIES.to_dicts()])
def test_categories_as_rows_or_lazy(categories: Any) -> None:
    # the loss of the category with 30 baseline episodes leaves the sum: 100000
    found = ep.reconciliation.settle(
        TEAM, track=3, target_cents=1_000_000, actual_cents=950_000, quality_score=100, categories=categories
    )
    assert found.amount_cents == 100_000


def test_categories_without_baseline_volume_have_no_floor() -> None:
    found = ep.reconciliation.settle(
        TEAM,
        track=3,
        target_cents=1_000_000,
        actual_cents=950_000,
        quality_score=100,
        categories=CATEGORIES.drop("baseline_episodes"),
    )
    assert found.amount_cents == 50_000
    assert "volume not known" in found.steps["note"][0]


@pytest.mark.parametrize("given", [5, "measures", [1, 2], {"measure": ["psi_90"], "percentile": [1, 2]}])
def test_what_is_no_table(given: Any) -> None:
    with pytest.raises(ArgumentError, match="measures"):
        ep.reconciliation.composite_quality_score(TEAM, given)


def test_risk_by_name() -> None:
    found = ep.pricing.price_components(TEAM, baseline_cents=1_000, risk={"age_bracket": 1.1, "economic": 2})
    assert found.price_cents == 2_200
    assert found.steps["step"].to_list()[-4:-2] == ["risk_age_bracket", "risk_economic"]


def test_numbers_of_numpy() -> None:
    settled = ep.reconciliation.settle(
        TEAM,
        track=np.int64(3),  # type: ignore[arg-type]
        target_cents=np.int64(1_000_000),  # type: ignore[arg-type]
        actual_cents=np.int64(970_000),  # type: ignore[arg-type]
        quality_score=np.float32(80),  # type: ignore[arg-type]
    )
    assert (settled.amount_cents, type(settled.amount_cents)) == (29_400, int)
    assert ep.alignment.productivity_pay(np.float64(6_000), np.array([[0, 5_000], [5_000, 6_000]])) == 31_000_000  # type: ignore[arg-type]


def test_flags_of_numpy() -> None:
    yes: Any = np.bool_(True)
    assert ep.programs.track_for(TEAM, 2, {"safety_net": yes}, requested=1).track == "1"
    assert ep.alignment.shared_savings("E", 10_000_000, 9_000_000, quality_met=yes).amount_cents == 500_000
    levels = ep.pricing.risk_levels(
        TEAM, age=70, hcc_count=0, low_income_subsidy=yes, full_dual=False, deprivation_percentile=None, beds=None
    )
    assert levels["economic"] is True


def test_text_is_no_flag() -> None:
    amounts: dict[str, Any] = {"commendable_cents": 10, "acceptable_cents": 12, "gain_limit_cents": 8}
    with pytest.raises(ArgumentError, match="quality_passed is true or false, not a str"):
        ep.reconciliation.settle_thresholds(
            STATE, costs_cents=[9] * 5, risk_weights=[1] * 5, quality_passed="false", **amounts
        )
    with pytest.raises(ArgumentError, match="submitted is true or false, not a str"):
        ep.reconciliation.composite_quality_score(
            CJR, pl.DataFrame({"measure": ["patient_reported_outcomes"], "submitted": ["no"]})
        )


def test_gates_as_a_list() -> None:
    card = ep.alignment.scorecard
    assert card(100, {"a": 1}, {"a": 1}, gates=[True, True])["paid_cents"].to_list() == [100, 0]
    assert card(100, {"a": 1}, {"a": 1}, gates=[True, False])["paid_cents"].to_list() == [0, 100]


def test_levels_of_the_track_in_small_letters() -> None:
    assert ep.alignment.shared_savings("e", 10_000_000, 9_000_000).amount_cents == 500_000


@pytest.mark.parametrize("year", [2, "2", "PY2", "py 2", 2.0, np.int64(2)])
def test_names_of_a_year(year: Any) -> None:
    assert ep.load_program("team", performance_year=year).performance_year == "2"
    assert TEAM.for_year(year).performance_year == "2"


def test_a_year_by_another_name_keeps_the_period() -> None:
    moved = TEAM.for_period("2024-01-01", "2024-12-31")
    assert moved.for_year("PY1").period == moved.period
