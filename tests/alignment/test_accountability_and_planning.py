"""Tiers move by persistence and reliability only; guards show stinting; value in both versions; network planning."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import episodes as ep
from episodes.alignment import AccountabilityPolicy, stinting_guards, tiers_over_time
from episodes.alignment.accountability import TIERS
from episodes.errors import ArgumentError

POLICY = AccountabilityPolicy.model_validate(
    {"bonus_up_to": 0.9, "standard_up_to": 1.1, "feedback_up_to": 1.2, "improvement_plan_up_to": 1.3}
)


def tiers(ratios: list[float], reliability: list[float | None] | float = 0.8, volume: int = 40) -> pl.DataFrame:
    given_each = reliability if isinstance(reliability, list) else [reliability] * len(ratios)
    return tiers_over_time(
        POLICY,
        pl.DataFrame(
            {
                "party": ["a"] * len(ratios),
                "period": [f"{number:02}" for number in range(len(ratios))],
                "ratio": ratios,
                "reliability": given_each,
                "volume": [volume] * len(ratios),
            },
            schema_overrides={"reliability": pl.Float64},
        ),
    )


@pytest.mark.parametrize(
    ("ratios", "last"),
    [
        ([1.0, 1.1, 1.0], "standard"),
        ([1.15], "standard"),
        ([1.15, 1.15], "feedback"),
        ([1.15, 1.0, 1.15], "standard"),
        ([1.5, 1.15], "feedback"),
        ([1.5, 1.5], "reduced_incentive"),
        ([1.25, 1.4], "improvement_plan"),
        ([0.9, 0.9], "bonus"),
        ([0.8, 1.2], "standard"),
        ([1.15, 1.15, 1.0], "feedback"),
        ([1.15, 1.15, 1.0, 1.0], "standard"),
        ([1.15, 1.15, 0.8, 1.0], "standard"),
    ],
)
def test_persistence(ratios: list[float], last: str) -> None:
    assert tiers(ratios)["tier"].to_list()[-1] == last


def test_nobody_is_moved_by_noise() -> None:
    assert tiers([1.5] * 5, reliability=0.69)["tier"].to_list() == ["standard"] * 5
    assert tiers([1.5] * 5, reliability=[None] * 5)["reason"].to_list() == ["reliability"] * 5
    assert tiers([1.5] * 5, volume=9)["reason"].to_list() == ["volume"] * 5
    passed_over = tiers([1.15, 0.5, 1.15], reliability=[0.8, 0.1, 0.8])
    assert passed_over["tier"].to_list() == ["standard", "standard", "feedback"]


@given(st.lists(st.floats(0.5, 2), min_size=1, max_size=12))
def test_a_tier_never_moves_beyond_the_bands_that_were_seen(ratios: list[float]) -> None:
    found = tiers(ratios)
    moved = found.filter(pl.col("tier") != pl.col("tier_before"))
    assert set(moved["reason"]) <= {"moved"}
    assert set(found["tier"]) <= {"standard", *found["band"]}
    assert set(found["band"]) <= set(TIERS)


def test_bands_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValidationError, match="do not rise"):
        AccountabilityPolicy.model_validate(
            {"bonus_up_to": 1.2, "standard_up_to": 1.1, "feedback_up_to": 1.2, "improvement_plan_up_to": 1.3}
        )


# --- guards ---------------------------------------------------------------------------------------------------


def year(name: str, cents: int, readmitted: int, number: int = 20, days: int = 3) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "operating_npi": ["a"] * number,
            "episode_id": [f"{name}{i}" for i in range(number)],
            "episode_cents": [cents] * number,
            "length_of_stay": [days] * number,
            "readmission_cents": [1] * readmitted + [0] * (number - readmitted),
        }
    )


@pytest.mark.parametrize(
    ("before", "after", "flag"),
    [
        ((100, 1), (80, 12), "alarm"),
        ((100, 1), (80, 3), "watch"),
        ((100, 3), (80, 3), "none"),
        ((100, 1), (110, 12), "none"),
        ((100, 1), (100, 12), "none"),
    ],
)
def test_guards(before: tuple[int, int], after: tuple[int, int], flag: str) -> None:
    found = stinting_guards(year("b", *before), year("a", *after))
    assert found.filter(guard="readmission_paid")["flag"].to_list() == [flag]


def test_longer_stays_and_outcomes_are_guarded_too() -> None:
    outcomes = [
        pl.DataFrame(
            {
                "episode_id": [f"{side}{i}" for i in range(20)],
                "measure": "complication_any",
                "event": [i < n for i in range(20)],
            }
        )
        for side, n in (("b", 0), ("a", 9))
    ]
    found = stinting_guards(
        year("b", 100, 0), year("a", 90, 0, days=8), outcomes_before=outcomes[0], outcomes_after=outcomes[1]
    )
    assert dict(found.select("guard", "flag").iter_rows()) == {
        "readmission_paid": "none",
        "long_stay": "alarm",
        "complication_any": "alarm",
    }


def test_without_an_earlier_year_it_cannot_be_told() -> None:
    found = stinting_guards(year("b", 100, 0), year("a", 90, 0).with_columns(operating_npi=pl.lit("new")))
    assert set(found["flag"]) == {"cannot_tell"}


def test_value_in_both_versions() -> None:
    found = ep.alignment.value_of(90, 2_500_000, peer_quality=80, peer_cost_cents=2_000_000)
    assert found.points_per_thousand_dollars == pytest.approx(3.6)
    assert found.relative_to_peers == pytest.approx(0.9)
    with pytest.raises(ArgumentError, match="below the line"):
        ep.alignment.value_of(90, 0, peer_quality=80, peer_cost_cents=1)


# --- network planning -----------------------------------------------------------------------------------------

AREA = pl.DataFrame({"specialty": ["bone", "heart"], "physicians_per_100000": [8.0, 5.0], "current_fte": [10.0, 4.0]})


def test_plan_by_hand() -> None:
    plan = ep.alignment.plan_network(
        AREA,
        [2026, 2027, 2028],
        population=500_000,
        market_share=0.25,
        population_growth=0.02,
        retirements=pl.DataFrame({"specialty": ["bone", "bone"], "year": [2027, 2028], "fte": [2.0, 1.0]}),
        recruits=pl.DataFrame({"specialty": ["bone"], "year": [2027], "fte": [1.0]}),
    )
    bone = plan.filter(specialty="bone")
    assert bone["needed_fte"].to_list() == pytest.approx([10, 10.2, 10.404])
    assert bone["established_fte"].to_list() == [10, 8, 8]  # 8 less 1 that retires, plus the recruit of 2027
    assert bone["new_fte"].to_list() == [0, 0.65, 0]
    assert bone["gap_fte"].to_list() == pytest.approx([0, 1.55, 2.404])
    assert bone["recruits_to_close"].to_list() == [0, 3, 4]  # 1.55 / 0.65 and 2.404 / 0.65
    heart = plan.filter(specialty="heart")
    assert heart["gap_fte"].to_list() == pytest.approx([2.25, 2.375, 2.5025])


def test_more_than_needed_is_a_negative_gap_and_needs_nobody() -> None:
    plan = ep.alignment.plan_network(AREA, [2026], population=100_000, market_share=0.25)
    assert plan["gap_fte"].to_list() == [-8.0, -2.75]
    assert plan["recruits_to_close"].to_list() == [0, 0]


WRONG = {
    "a share in percent": {"market_share": 25},
    "years with a gap": {"years": [2026, 2028]},
    "no year": {"years": []},
    "no productivity": {"new_physician_productivity": 0},
    "an unknown specialty": {"recruits": pl.DataFrame({"specialty": ["skin"], "year": [2026], "fte": [1.0]})},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_wrong_plans_are_errors(changes: dict[str, object]) -> None:
    arguments: dict[str, object] = {"years": [2026], "population": 1, "market_share": 0.25} | changes
    with pytest.raises(ArgumentError):
        ep.alignment.plan_network(AREA, **arguments)  # type: ignore[arg-type]
