"""The settlements written down in cases/team_settlement.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.reconciliation import settle

TEAM = ep.load_program("team", performance_year=1)
CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "team_settlement.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES["case"], ids=lambda case: case["name"])
def test_case(case: dict[str, Any]) -> None:
    score = case.get("quality_score", 100)
    settled = settle(
        TEAM,
        track=case.get("track"),
        performance_year=case.get("performance_year"),
        target_cents=case["target"],
        actual_cents=case["actual"],
        quality_score=None if score == "none" else score,
        post_episode_excess_cents=case.get("post_episode_excess", 0),
        categories=pl.DataFrame(case["categories"]) if "categories" in case else None,
    )
    steps = settled.steps
    assert steps.get_column("step").to_list() == list(TEAM.rules.settlement.steps.value)
    assert steps.get_column("before_cents").to_list() == [
        case["target"] - case["actual"],
        *case["after"][:-1],
    ]
    assert steps.get_column("after_cents").to_list() == case["after"]
    assert settled.amount_cents == case["after"][-1]
