"""Settlements and quality scores of other programmes than TEAM, written down in tests/cases."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from episodes.money import exact
from episodes.reconciliation import composite_quality_score, settle, settle_thresholds
from reconciliation.programmes import program_of

CASES = Path(__file__).parents[1] / "cases"


def cases(name: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads((CASES / name).read_text(encoding="utf-8"))["case"]
    return listed


@pytest.mark.parametrize("case", cases("other_settlements.toml"), ids=lambda case: case["name"])
def test_settlement(case: dict[str, Any]) -> None:
    optional = {
        "quality_score": case.get("quality_score"),
        "hospital_class": case.get("hospital_class"),
        "repayment_target_cents": case.get("repayment_target"),
        "previous_cents": case.get("previous", 0),
        "post_episode_excess_cents": case.get("post_episode_excess", 0),
    }
    settled = settle(
        program_of(case["program"], case.get("performance_year")),
        track=case.get("track"),
        target_cents=case["target"],
        actual_cents=case["actual"],
        **optional,
    )
    changed = settled.steps.filter(pl.col("change_cents") != 0).select("step", "change_cents")
    assert dict(changed.iter_rows()) == case["changes"]
    assert settled.amount_cents == case["amount"]
    assert case["target"] - case["actual"] + sum(case["changes"].values()) == case["amount"]


@pytest.mark.parametrize("case", cases("quality_scores.toml"), ids=lambda case: case["name"])
def test_quality(case: dict[str, Any]) -> None:
    rows = [[None if value == "none" else value for value in row] for row in case["measures"]]
    schema = {
        "measure": pl.String,
        "percentile": pl.Float64,
        "previous_percentile": pl.Float64,
        "submitted": pl.Boolean,
    }
    scored = composite_quality_score(program_of(case["program"]), pl.DataFrame(rows, schema=schema, orient="row"))
    assert scored.exact == exact(case["score"])
    assert scored.category == case["category"]
    assert any("conflict" in note for note in scored.notes) == case.get("conflict", False)


@pytest.mark.parametrize("case", cases("threshold_settlements.toml"), ids=lambda case: case["name"])
def test_thresholds(case: dict[str, Any]) -> None:
    settled = settle_thresholds(
        program_of("tenncare-tjr"),
        costs_cents=case["costs"],
        risk_weights=case.get("weights", [1] * len(case["costs"])),
        commendable_cents=10_000,
        acceptable_cents=12_000,
        gain_limit_cents=8_000,
        quality_passed=case.get("quality_passed", True),
    )
    assert (settled.mean_cents, settled.amount_cents) == (case.get("mean"), case["amount"])
    assert settled.reason == case.get("reason")
    assert settled.steps["change_cents"].sum() == case["amount"]
