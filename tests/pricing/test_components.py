"""The price as a product."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import EpisodesError
from episodes.money import dollars
from episodes.pricing import price_components

TEAM = ep.load_program("team", performance_year=1)


def price(**components: object) -> int:
    return price_components(TEAM, **components).price_cents


def test_a_price_as_text_and_as_data_adds_up() -> None:
    team = ep.load_program("team", performance_year=1)
    price = ep.pricing.price_components(team, baseline_cents=2_500_033, trend=1.0307, discount=0.02, risk=[1.1, 0.93])
    # 2500033 x 1.0307 x 0.98 x 1.1 x 0.93 = 2583329.04..., rounded once
    assert price.price_cents == 2_583_329
    rows = price.to_dict()["steps"]
    assert sum(row["change_cents"] for row in rows) == price.to_dict()["price_cents"] == price.price_cents
    text = str(price)
    assert text.endswith("price $25,833.29")
    for row in rows:
        step, after = row["step"].replace("_", " "), dollars(row["after_cents"])
        assert any(step in line and after in line for line in text.split("\n"))
    assert "42 CFR 512.540" in text


def test_product() -> None:
    # 20000 x 1.02 x 0.99 x 0.98 = 19792.08 dollars
    assert price(baseline_cents=2_000_000, trend=1.02, normalization=0.99, discount=0.02) == 1_979_208
    # x 1.1 x 0.95 = 20682.7236 dollars
    risk = [Decimal("1.1"), 0.95]
    assert price(baseline_cents=2_000_000, trend=1.02, normalization=0.99, discount=0.02, risk=risk) == 2_068_272


def test_rounded_once_half_up() -> None:
    # 25 x 0.98 = 24.5, half up 25
    assert price(baseline_cents=25, discount=0.02) == 25
    # 50 x 1.01 x 0.5 = 25.25: 25; rounding between gives 50.5 -> 51, 51 x 0.5 = 25.5 -> 26
    assert price(baseline_cents=50, trend=1.01, discount=0.5) == 25


def test_left_out_is_neutral() -> None:
    result = price_components(TEAM, baseline_cents=12_345)
    assert result.price_cents == 12_345
    assert result.steps.get_column("factor").drop_nulls().unique().to_list() == [1.0]


@pytest.mark.parametrize(
    ("final", "expected"),
    [
        # prospective 1.10, limit 3 percent of it: 1.067 to 1.133; 1000 x 1.10 = 1100
        (1.11, 1_110),  # inside: the new value replaces the old one
        (1.133, 1_133),  # at the limit
        (1.30, 1_133),  # above: 1100 x 1.03
        (1.00, 1_067),  # below: 1100 x 0.97
    ],
)
def test_final_trend_is_held_near_the_prospective_one(final: float, expected: int) -> None:
    assert price(baseline_cents=1_000, trend=1.10, final_trend=final) == expected


@pytest.mark.parametrize(("final", "expected"), [(0.93, 930), (0.80, 855), (1.20, 945)])
def test_final_normalization_is_held_near_the_prospective_one(final: float, expected: int) -> None:
    # prospective 0.90, limit 5 percent of it: 0.855 to 0.945
    assert price(baseline_cents=1_000, normalization=0.90, final_normalization=final) == expected


def test_steps_name_their_rules() -> None:
    result = price_components(TEAM, baseline_cents=1_000, trend=1.1, discount=0.02, risk=[1.5], final_trend=1.3)
    steps = result.steps
    assert steps.get_column("step").to_list() == [
        "baseline",
        "trend",
        "normalization",
        "discount",
        "risk_1",
        "final_trend",
        "final_normalization",
    ]
    # 1000, 1100, 1100, 1078, 1617, 1665.51, 1665.51
    assert steps.get_column("after_cents").to_list() == [1000, 1100, 1100, 1078, 1617, 1666, 1666]
    known = {rule["rule"] for rule in TEAM.rule_list()}
    assert set(steps.get_column("rule").drop_nulls()) <= known
    held = steps.row(5, named=True)
    assert held["status"] == "published"
    assert "held at 1.03" in held["note"]


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ({"baseline_cents": 1, "trent": 1}, "Unknown price component 'trent'. Did you mean 'trend'"),
        ({"trend": 1}, "baseline_cents is missing"),
        ({"baseline_cents": 1.5}, "whole number"),
        ({"baseline_cents": -1}, "baseline_cents must be 0 or more"),
        ({"baseline_cents": 1, "discount": 2}, "discount must be from 0 to 1"),
        ({"baseline_cents": 1, "trend": 0}, "trend must be above 0"),
        ({"baseline_cents": 1, "trend": "high"}, "trend must be a number"),
        ({"baseline_cents": 1, "risk": [0]}, "each of risk must be above 0"),
        ({"baseline_cents": 1, "risk": 1.1}, "list of multipliers"),
        ({"baseline_cents": 1, "performance_year": 9}, "Unknown performance year"),
    ],
)
def test_errors(components: dict[str, object], message: str) -> None:
    with pytest.raises(EpisodesError, match=message):
        price(**components)


@given(
    st.integers(0, 10**8),
    st.decimals("0.5", "2", places=3),
    st.decimals("0.5", "2", places=3),
    st.decimals("0.5", "2", places=3),
)
def test_final_price_stays_within_both_limits(cents: int, trend: Decimal, final: Decimal, norm: Decimal) -> None:
    preliminary = price(baseline_cents=cents, trend=trend)
    settled = price(baseline_cents=cents, trend=trend, final_trend=final, final_normalization=norm)
    assert 0.97 * 0.95 * preliminary - 1 <= settled <= 1.03 * 1.05 * preliminary + 1
