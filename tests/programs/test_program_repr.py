"""How a programme shows itself: a few lines instead of all its rules."""

from __future__ import annotations

import re
from collections import Counter

import pytest

import episodes as ep
from episodes.programs.program import known_programs

TEAM = ep.load_program("team", performance_year=1)


@pytest.mark.parametrize("name", known_programs())
def test_a_programme_shows_itself_in_three_lines(name: str) -> None:
    program = ep.load_program(name)
    title, dates, rules = repr(program).splitlines()
    assert title == f"Programme {name} ({program.rules.name}), performance year {program.performance_year}"
    assert dates == f"Period {program.period[0]} to {program.period[1]}, {program.amount_basis} amounts"
    assert rules.startswith(f"{len(program.rule_list())} rules: ")


def test_it_counts_rules_by_status() -> None:
    said = {status: int(number) for number, status in re.findall(r"(\d+) (\w+)", repr(TEAM).splitlines()[2])}
    counted = Counter(rule["status"] for rule in TEAM.rule_list())
    assert said.pop("rules") == len(TEAM.rule_list())
    assert said == counted
    assert said["open"] == len(TEAM.open_rules())


def test_it_says_what_the_user_changed() -> None:
    changed = TEAM.for_baseline().without(["coverage_unknown"]).override({"window.post_days": 90})
    shown = repr(changed)
    assert "Period 2022-01-01 to 2024-12-31 (not the performance year's own dates)" in shown
    assert "1 overridden" in shown
    assert "Switched off: coverage_unknown" in shown
    assert "Overridden: construction.window.post_days" in shown
    for word in ("overridden", "Switched off", "Overridden", "own dates"):
        assert word not in repr(TEAM)


def test_a_notebook_shows_the_same_with_rules_by_part_and_status() -> None:
    html = TEAM._repr_html_()
    assert "performance year 1<br>Period 2026-01-01 to 2026-12-31" in html
    assert html.count("<table") == 1
    for cell in ("construction", "price", "settlement", "regulation", "open"):
        assert cell in html


def test_text_of_the_user_cannot_become_markup() -> None:
    strange = TEAM.rules.model_copy(update={"name": "<b>mine</b>"})
    assert "<b>" not in ep.Program(strange, "1", TEAM.period)._repr_html_()
