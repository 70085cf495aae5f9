"""Public functions against amounts worked out by hand from the regulation's text, edges included; all in cents.

The arithmetic of each row stands in its comment. Cents throughout; years as text and as numbers.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

import episodes as ep

TEAM = ep.load_program("team", performance_year=1)
CJR = ep.load_program("cjr", performance_year=1)
BPCI = ep.load_program("bpci-advanced", performance_year=8)
STATE = ep.load_program("tenncare-tjr")

CJR_YEARS = (1, 2, 3, 4, "5.1", "5.2", 6, 7, 8)
# stop-gain, stop-loss, stop-loss of rural, sole community, Medicare-dependent hospitals and referral centers
CJR_LIMITS = {1: ("0.05", None, None), 2: ("0.05", "0.05", "0.03"), 3: ("0.10", "0.10", "0.05")}
LATER_LIMITS = ("0.20", "0.20", "0.05")
CLASSES = ("rural", "sole_community", "medicare_dependent", "rural_referral_center")

# limits and the largest effect of quality on gain and loss, by track
TEAM_TRACKS = {
    1: ("0.10", None, "0.10", None),
    2: ("0.05", "0.05", "0.10", "0.15"),
    3: ("0.20", "0.20", "0.10", "0.10"),
}
TEAM_TRACKS_OF_YEAR = {1: (1, 3), 2: (1, 2, 3), 3: (1, 2, 3), 4: (2, 3), 5: (2, 3)}


def settled(program: Any, target: int, actual: int, **options: Any) -> int:
    amount = ep.reconciliation.settle(program, target_cents=target, actual_cents=actual, **options).amount_cents
    assert type(amount) is int
    return amount


# --- TEAM -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "track"), [(year, track) for year, tracks in TEAM_TRACKS_OF_YEAR.items() for track in tracks]
)
@pytest.mark.parametrize("as_text", [False, True])
def test_team_tracks(year: Any, track: Any, as_text: bool) -> None:
    gain, loss, _, of_loss = TEAM_TRACKS[track]
    terms = (
        {"performance_year": str(year), "track": str(track)} if as_text else {"performance_year": year, "track": track}
    )
    # 30000 x (1 - 0.10 x (1 - 0.8)) = 29400
    assert settled(TEAM, 1_000_000, 970_000, quality_score=80, **terms) == 29_400
    # 500000, all of it kept at a score of 100, held at the stop-gain
    assert settled(TEAM, 1_000_000, 500_000, quality_score=100, **terms) == Fraction(gain) * 1_000_000
    if loss is None or of_loss is None:
        assert settled(TEAM, 1_000_000, 1_030_000, quality_score=80, **terms) == 0
        return
    # -30000 x (1 - 0.15 x 0.8) = -26400 in track 2, -30000 x (1 - 0.10 x 0.8) = -27600 in track 3
    assert settled(TEAM, 1_000_000, 1_030_000, quality_score=80, **terms) == {2: -26_400, 3: -27_600}[track]
    held = -int(Fraction(loss) * 1_000_000)
    assert settled(TEAM, 1_000_000, 2_000_000, quality_score=0, **terms) == held
    # outside the limits
    assert (
        settled(TEAM, 1_000_000, 2_000_000, quality_score=0, post_episode_excess_cents=5_000, **terms) == held - 5_000
    )


def test_team_halves_of_a_cent_go_up() -> None:
    assert settled(TEAM, 1_001, 996, track=3, quality_score=0) == 5  # 5 x 0.9 = 4.5
    assert settled(TEAM, 1_001, 1_006, track=3, quality_score=100) == -4  # -5 x 0.9 = -4.5


def test_team_defaults_of_the_track() -> None:
    assert settled(TEAM, 1_000, 2_000, quality_score=50) == 0  # year 1: track 1
    assert settled(TEAM, 1_000, 1_100, performance_year=2, quality_score=50) == -95  # year 2: track 3, -100 x 0.95


@pytest.mark.parametrize(
    ("components", "price"),
    [
        # 2500000 x 1.02 x 0.99 x 0.98 = 2474010
        ({"baseline_cents": 2_500_000, "trend": 1.02, "normalization": 0.99, "discount": 0.02}, 2_474_010),
        # 1000000 x 0.985 x 1.1 x 1.2 = 1300200
        ({"baseline_cents": 1_000_000, "discount": 0.015, "risk": [1.1, 1.2]}, 1_300_200),
        # 1.2 / 1.02 is held at 1.03: 1000000 x 1.02 x 1.03
        ({"baseline_cents": 1_000_000, "trend": 1.02, "final_trend": 1.2}, 1_050_600),
        # 0.5 / 1.02 is held at 0.97
        ({"baseline_cents": 1_000_000, "trend": 1.02, "final_trend": 0.5}, 989_400),
        # within the limit the new value takes the place of the old one
        ({"baseline_cents": 1_000_000, "trend": 1.02, "final_trend": 1.03}, 1_030_000),
        # at the limits: 1.03 x 1.05 = 1.0815
        ({"baseline_cents": 1_000_000, "final_trend": 1.03, "final_normalization": 1.05}, 1_081_500),
        # 1.1 / 0.98 is held at 1.05: 980000 x 1.05
        ({"baseline_cents": 1_000_000, "normalization": 0.98, "final_normalization": 1.1}, 1_029_000),
        ({"baseline_cents": 101, "discount": 0.5}, 51),  # 50.5
    ],
)
def test_team_prices(components: dict[str, Any], price: int) -> None:
    found = ep.pricing.price_components(TEAM, **components)
    assert found.price_cents == price
    assert found.steps["change_cents"].sum() == price


@pytest.mark.parametrize("year", [*range(1, 6), *map(str, range(1, 6))])
def test_team_default_track(year: Any) -> None:
    assert ep.programs.track_for(TEAM, year, {}).track == ("1" if int(year) == 1 else "3")


# --- CJR ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("year", "as_text"), list(itertools.product(CJR_YEARS, [False, True])))
def test_cjr_limits(year: Any, as_text: bool) -> None:
    gain, loss, of_class = CJR_LIMITS.get(year, LATER_LIMITS)
    in_year = {"performance_year": str(year) if as_text else year}
    most = int(Fraction(gain) * 1_000_000)
    assert settled(CJR, 1_000_000, 0, quality_score=10, **in_year) == most
    assert settled(CJR, 1_000_000, 0, quality_score=4.99, **in_year) == 0
    assert settled(CJR, 1_000_000, 990_000, quality_score=5, **in_year) == 10_000
    assert settled(CJR, 1_000_000, 0, quality_score=10, post_episode_excess_cents=300_000, **in_year) == most - 300_000
    least = 0 if loss is None else -int(Fraction(loss) * 1_000_000)
    assert settled(CJR, 1_000_000, 9_000_000, quality_score=10, **in_year) == least
    for name in CLASSES:
        owed = 0 if of_class is None else -int(Fraction(of_class) * 1_000_000)
        assert settled(CJR, 1_000_000, 9_000_000, quality_score=10, hospital_class=name, **in_year) == owed


@pytest.mark.parametrize(
    ("year", "weight"), [(1, "2/3"), (2, "2/3"), (3, "1/3"), *((year, "0") for year in CJR_YEARS[3:])]
)
def test_cjr_blend(year: Any, weight: str) -> None:
    # 2400000 + weight x 600000, less 3 percent
    price = (2_400_000 + Fraction(weight) * 600_000) * Fraction("0.97")
    given: dict[str, Any] = {"hospital_mean_cents": 3_000_000, "regional_mean_cents": 2_400_000, "discount": 0.03}
    priced = ep.pricing.price_components
    assert priced(CJR, performance_year=year, baseline_episodes=20, **given).price_cents == price
    assert priced(CJR, performance_year=year, baseline_episodes=19, **given).price_cents == 2_328_000


@pytest.mark.parametrize("year", CJR_YEARS)
@pytest.mark.parametrize(
    ("complications", "hcahps", "score", "category"),
    [
        (0, 30, 4.4, "below acceptable"),
        (0, 40, 5.0, "acceptable"),
        (0, 70, 6.8, "acceptable"),
        (50, 0, 7.0, "good"),
        (90, 40, 15.0, "good"),  # 15.0 is still good: excellent is above it
        (90, 50, 15.6, "excellent"),
    ],
)
def test_cjr_categories_and_discounts(year: Any, complications: int, hcahps: int, score: float, category: str) -> None:
    measures = pl.DataFrame({"measure": ["complications", "hcahps"], "percentile": [complications, hcahps]})
    found = ep.reconciliation.composite_quality_score(CJR, measures, performance_year=year)
    reductions = {"good": (0.02, 0.015), "excellent": (0.015, 0.0)}
    late = year in (6, 7, 8)
    discount = reductions[category][late] if category in reductions else 0.03
    assert (found.score, found.category, found.discount) == (score, category, discount)


# --- BPCI Advanced --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actual", "score", "amount"),
    [
        (900_000, 0.8, 98_000),  # 100000 x (1 - 0.1 x 0.2)
        (1_100_000, 0.8, -92_000),  # -100000 x (1 - 0.1 x 0.8)
        (0, 1, 200_000),
        (5_000_000, 1, -200_000),
        (790_000, 0, 189_000),  # the limit comes after quality: 210000 x 0.9
        (780_000, 0, 198_000),
        (777_777, 0, 200_000),  # 222223 x 0.9 = 200000.7
    ],
)
def test_bpci_settlement(actual: int, score: float, amount: int) -> None:
    assert settled(BPCI, 1_000_000, actual, quality_score=score) == amount


# --- state episodes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("costs", "passed", "amount"),
    [
        ([9_000] * 5, True, 2_500),  # (10000 - 9000) x 5 / 2
        ([7_000] * 5, True, 5_000),  # counted down to 8000
        ([10_000] * 5, True, 0),  # at commendable
        ([12_000] * 5, True, 0),  # at acceptable
        ([13_000] * 6, True, -3_000),
        ([9_000] * 5, False, 0),
        ([13_000] * 5, False, -2_500),  # quality does not touch a loss
        ([9_999] * 5, True, 3),  # 2.5
        ([9_000] * 4, True, 0),  # too few
    ],
)
def test_state_thresholds(costs: list[int], passed: bool, amount: int) -> None:
    found = ep.reconciliation.settle_thresholds(
        STATE,
        costs_cents=costs,
        risk_weights=[1] * len(costs),
        commendable_cents=10_000,
        acceptable_cents=12_000,
        gain_limit_cents=8_000,
        quality_passed=passed,
    )
    assert (found.amount_cents, found.reason is not None) == (amount, len(costs) < 5)


# --- shared savings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "expenditure", "revenue", "amount"),
    [
        *((level, 9_500_000, None, 200_000) for level in "AB"),  # 40 percent
        *((level, 9_500_000, None, 250_000) for level in "CDE"),  # 50 percent
        ("A", 5_000_000, None, 1_000_000),  # a tenth of the benchmark
        ("E", 9_800_000, None, 100_000),  # at the minimum rate, from the first dollar
        ("E", 9_800_001, None, 0),
        ("E", 10_200_000, 30_000_000, -60_000),  # 30 percent, at the minimum rate
        ("E", 10_199_999, 30_000_000, 0),
        *((level, 12_000_000, 3_000_000, 0) for level in "AB"),
        ("C", 12_000_000, 3_000_000, -60_000),  # 2 percent of revenue
        ("D", 12_000_000, 3_000_000, -120_000),  # 4 percent
        ("E", 12_000_000, 3_000_000, -240_000),  # 8 percent
        ("C", 12_000_000, 30_000_000, -100_000),  # 1 percent of the benchmark
        ("D", 12_000_000, 30_000_000, -200_000),
        ("E", 12_000_000, 30_000_000, -400_000),
    ],
)
def test_shared_savings(level: str, expenditure: int, revenue: int | None, amount: int) -> None:
    found = ep.alignment.shared_savings(level, 10_000_000, expenditure, revenue_cents=revenue)
    assert found.amount_cents == amount
