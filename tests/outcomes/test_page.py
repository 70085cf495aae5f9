"""docs/outcomes.md is true: every column, measure, reason and function stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import episodes as ep
from episodes.outcomes import OUTCOME_SCHEMA

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "outcomes.md").read_text(encoding="utf-8")


def test_columns() -> None:
    table = PAGE.split("## The table of outcomes", 1)[1].split("## Measures", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == list(OUTCOME_SCHEMA)


@pytest.mark.parametrize(
    "name",
    [
        *("readmission_30", "readmission_90", "readmission_window", "mortality_30", "mortality_90"),
        *("emergency_return_30", "length_of_stay", "days_at_home"),
    ],
)
def test_measures(name: str) -> None:
    assert f"`{name}`" in PAGE.split("## Measures", 1)[1]


@pytest.mark.parametrize("name", [name for name in ep.outcomes.__all__ if name.islower()])
def test_functions(name: str) -> None:
    assert f"`{name}`" in PAGE
    assert ">>>" in getattr(ep.outcomes, name).__doc__ or name == "planned_lists"
