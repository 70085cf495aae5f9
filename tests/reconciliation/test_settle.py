"""Settlement beyond the cases: what it says, what it refuses, what always holds."""

from __future__ import annotations

from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import EpisodesError
from episodes.programs.settlement_rules import StepKind
from episodes.reconciliation import post_episode_excess, settle
from episodes.reconciliation.steps import step_of

TEAM = ep.load_program("team", performance_year=1)
AMOUNTS: dict[str, Any] = {"target_cents": 1_000_000, "actual_cents": 950_000}
LOSS: dict[str, Any] = {"target_cents": 1_000_000, "actual_cents": 1_300_000}


def notes(**arguments: Any) -> dict[str, str | None]:
    program = arguments.pop("program", TEAM)
    steps = settle(program, **arguments).steps
    return dict(steps.select("step", "note").iter_rows())


def test_every_kind_of_step_is_registered() -> None:
    for kind in get_args(StepKind):
        assert callable(step_of(kind).function)
    with pytest.raises(EpisodesError, match="Unknown settlement step 'sharing'"):
        step_of("sharing")


def test_every_step_names_a_rule() -> None:
    steps = settle(TEAM, **AMOUNTS, quality_score=70).steps
    known = {rule["rule"]: rule["status"] for rule in TEAM.rule_list()}
    for rule, status in steps.select("rule", "status").iter_rows():
        assert known[rule] == status
    assert steps.get_column("citation").null_count() == 0
    assert steps.get_column("order").to_list() == [1, 2, 3, 4, 5]


def test_steps_say_what_happened() -> None:
    assert notes(**AMOUNTS)["quality_adjustment"] == "no quality score: 50 taken"
    unknown = settle(TEAM, **AMOUNTS).steps.filter(step="quality_adjustment").row(0, named=True)
    assert (unknown["rule"], unknown["status"]) == ("settlement.quality.when_unknown", "open")
    assert notes(**AMOUNTS)["low_volume_floor"] == "no categories given: no floor"
    assert notes(**LOSS, track=3)["limits"] == "stop-loss of 20% reached"
    assert notes(**LOSS, track=1)["downside_waiver"] == "the track has no downside"
    excess = notes(**AMOUNTS, track=1, quality_score=100, post_episode_excess_cents=60_000)
    assert excess["post_episode"] == "no downside: $100.00 of the excess is not owed"


def test_unknown_baseline_volume_is_no_low_volume() -> None:
    categories = pl.DataFrame(
        {
            "category": ["LEJR"],
            "target_cents": [1_000_000],
            "actual_cents": [1_300_000],
            "baseline_episodes": [None],
        }
    )
    settled = settle(TEAM, **LOSS, track=3, quality_score=0, categories=categories)
    assert settled.amount_cents == -200_000
    assert "not known, no floor: LEJR" in str(settled.steps.row(0, named=True)["note"])


def test_settings_of_open_rules() -> None:
    arguments: dict[str, Any] = {
        **AMOUNTS,
        "track": 1,
        "quality_score": 100,
        "post_episode_excess_cents": 60_000,
    }
    full = TEAM.override({"post_episode_without_downside": "full"})
    assert settle(full, **arguments).amount_cents == -10_000
    none = TEAM.override({"post_episode_without_downside": "none"})
    assert settle(none, **arguments).amount_cents == 50_000
    no_floor = TEAM.override({"low_volume_floor": "none"})
    assert notes(program=no_floor, **AMOUNTS)["low_volume_floor"] == "no floor: low_volume_floor is none"


def test_step_order_is_the_programmes() -> None:
    # limits before quality: 300000 -> 100000 -> 90000 instead of 300000 -> 270000 -> 100000
    arguments: dict[str, Any] = {"target_cents": 1_000_000, "actual_cents": 700_000, "quality_score": 0}
    swapped = TEAM.override({"settlement.steps": ["limits", "quality_adjustment"]})
    assert settle(swapped, **arguments).amount_cents == 90_000
    assert settle(TEAM, **arguments).amount_cents == 100_000


def test_arguments_no_step_uses_are_refused() -> None:
    bare = TEAM.override({"settlement.steps": ["limits"]})
    assert settle(bare, **AMOUNTS).amount_cents == 50_000
    with pytest.raises(EpisodesError, match=r"does not use quality_score, post_episode_excess_cents"):
        settle(bare, **AMOUNTS, quality_score=10, post_episode_excess_cents=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"track": 2}, "Unknown track of performance year 1 '2'.*Known: 1, 3"),
        ({"track": 1, "performance_year": 4}, "Unknown track of performance year 4 '1'.*Known: 2, 3"),
        ({"performance_year": 6}, "Unknown performance year"),
        ({"quality_score": 101}, "quality_score must be from 0 to 100"),
        ({"quality_score": -1}, "quality_score must be from 0 to 100"),
        ({"target_cents": -1}, "target_cents must be 0 or more"),
        ({"actual_cents": 1.5}, "actual_cents must be a whole number"),
        ({"post_episode_excess_cents": -1}, "post_episode_excess_cents must be 0 or more"),
        ({"hospital_class": "rural"}, "team does not use hospital_class"),
        ({"previous_cents": 1}, "team does not use previous_cents"),
        ({"repayment_target_cents": 1}, "team does not use repayment_target_cents"),
    ],
)
def test_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(EpisodesError, match=message):
        settle(TEAM, **(AMOUNTS | arguments))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"category": ["HIPS"]}, "Unknown category 'HIPS'"),
        ({"target_cents": [1]}, "do not sum"),
        ({"actual_cents": [1]}, "do not sum"),
        ({"baseline_episodes": [-1]}, "baseline_episodes must be 0 or more"),
    ],
)
def test_errors_of_categories(changes: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {name: [value] for name, value in AMOUNTS.items()}
    frame = pl.DataFrame({"category": ["LEJR"], "baseline_episodes": [5], **right} | changes)
    with pytest.raises(EpisodesError, match=message):
        settle(TEAM, **AMOUNTS, categories=frame)
    with pytest.raises(EpisodesError, match="lacks 1 column: category"):
        settle(TEAM, **AMOUNTS, categories=frame.drop("category"))


def test_repeated_category() -> None:
    frame = pl.DataFrame(
        {
            "category": ["LEJR", "LEJR"],
            "target_cents": [1_000_000, 0],
            "actual_cents": [950_000, 0],
            "baseline_episodes": [5, 5],
        }
    )
    with pytest.raises(EpisodesError, match="repeats 1 category"):
        settle(TEAM, **AMOUNTS, categories=frame)


def test_post_episode_excess() -> None:
    arguments: dict[str, Any] = {"regional_mean_cents": 100, "regional_sd_cents": 50}
    # limit 100 + 3 x 50 = 250
    assert post_episode_excess(TEAM, participant_mean_cents=250, **arguments, episodes=10) == 0
    assert post_episode_excess(TEAM, participant_mean_cents=251, **arguments, episodes=10) == 10
    # 0.1 x 5 = 0.5, half up 1
    assert post_episode_excess(TEAM, participant_mean_cents=250.1, **arguments, episodes=5) == 1
    assert post_episode_excess(TEAM, participant_mean_cents=999, **arguments, episodes=0) == 0
    with pytest.raises(EpisodesError, match="regional_sd_cents must be 0 or more"):
        post_episode_excess(TEAM, participant_mean_cents=1, regional_mean_cents=1, regional_sd_cents=-1, episodes=1)


TERMS = st.fixed_dictionaries(
    {
        "track": st.sampled_from(["1", "3"]),
        "target_cents": st.integers(0, 10**10),
        "actual_cents": st.integers(-(10**6), 10**10),
        "quality_score": st.none() | st.decimals("0", "100", places=2),
        "post_episode_excess_cents": st.integers(0, 10**8),
    }
)


@given(TERMS)
def test_changes_sum_to_the_amount(terms: dict[str, Any]) -> None:
    settled = settle(TEAM, **terms)
    start = terms["target_cents"] - terms["actual_cents"]
    assert start + settled.steps.get_column("change_cents").sum() == settled.amount_cents
    limit = terms["target_cents"] * (0.1 if terms["track"] == "1" else 0.2) + 1
    assert settled.amount_cents <= limit
    assert settled.amount_cents >= (0 if terms["track"] == "1" else -limit - terms["post_episode_excess_cents"])


@given(TERMS, st.integers(0, 10**6))
def test_spending_less_never_pays_less(terms: dict[str, Any], saved: int) -> None:
    better = terms | {"actual_cents": terms["actual_cents"] - saved}
    assert settle(TEAM, **better).amount_cents >= settle(TEAM, **terms).amount_cents


@given(TERMS, st.decimals("0", "100", places=2), st.decimals("0", "100", places=2))
def test_better_quality_never_pays_less(terms: dict[str, Any], one: Any, other: Any) -> None:
    low, high = sorted([one, other])
    lower = settle(TEAM, **(terms | {"quality_score": low})).amount_cents
    assert settle(TEAM, **(terms | {"quality_score": high})).amount_cents >= lower


@given(TERMS, st.integers(0, 200), st.integers(0, 200))
def test_low_volume_never_pays_less(terms: dict[str, Any], first: int, second: int) -> None:
    half = terms["target_cents"] // 3
    categories = pl.DataFrame(
        {
            "category": ["LEJR", "CABG"],
            "target_cents": [half, terms["target_cents"] - half],
            "actual_cents": [terms["actual_cents"] - half // 2, half // 2],
            "baseline_episodes": [first, second],
        }
    )
    with_floor = settle(TEAM, **terms, categories=categories).amount_cents
    assert with_floor >= settle(TEAM, **terms).amount_cents
