"""How built episodes show themselves: a few lines, and a small table in a notebook."""

from __future__ import annotations

import pytest

import episodes as ep
from episodes.building.built import STATUSES, BuiltEpisodes
from pricing.hand_built_episodes import episode, hand_built

TEAM = ep.load_program("team", performance_year=1)
ROWS = (
    episode(2_000_00),
    episode(1_000_50),
    episode(7_000_00, category="CABG", price_code="231"),
    episode(9_000_00, status="excluded", reasons=["medicare_advantage"]),
    episode(9_000_00, status="overlapped"),
    episode(9_000_00, status="open", category="CABG", price_code="231"),
)


def test_a_build_shows_episodes_by_status_their_cost_and_the_programme() -> None:
    lines = repr(hand_built(TEAM, ROWS)).splitlines()
    assert lines[0] == "6 candidate episodes: 3 final, 1 excluded, 1 overlapped, 1 open"
    assert lines[1] == "Final cost $10,000.50 (standardized amounts)"
    assert "\n".join(lines[2:]) == repr(TEAM)


def test_it_says_the_basis_what_was_changed_and_that_there_are_notes() -> None:
    what_if = TEAM.for_baseline().without(["coverage_unknown"]).override({"construction.amount_basis": "allowed"})
    shown = repr(hand_built(what_if, ROWS[:1], counts={"notes": ["one", "two"]}))
    assert "1 candidate episode: 1 final\n" in shown
    assert "(allowed amounts)" in shown
    assert "2022-01-01 to 2024-12-31" in shown
    assert "coverage_unknown" in shown
    assert "construction.amount_basis" in shown
    assert shown.endswith("2 notes on the input: counts['notes']")


def test_no_episode_at_all_can_be_shown() -> None:
    empty = hand_built(TEAM, [])
    assert repr(empty).startswith("0 candidate episodes\nFinal cost $0.00")
    assert "<table" in empty._repr_html_()


def test_a_notebook_shows_the_same_with_a_table_by_category() -> None:
    html = hand_built(TEAM, ROWS)._repr_html_()
    assert "6 candidate episodes: 3 final" in html
    assert html.count("<table") == 1
    for cell in ("CABG", "LEJR", "300050", "700000"):
        assert cell in html


def test_text_of_the_user_cannot_become_markup() -> None:
    strange = TEAM.rules.model_copy(update={"name": "<script>alert(1)</script>"})
    built = hand_built(ep.Program(strange, "1", TEAM.period), ROWS)
    assert "<script>" not in built._repr_html_()


@pytest.fixture(scope="module")
def bundled() -> BuiltEpisodes:
    return ep.build_episodes(ep.read_claims(ep.synthetic.bundled_folder()), TEAM)


def test_a_real_build_stays_short_and_names_nobody(bundled: BuiltEpisodes) -> None:
    shown = repr(bundled) + bundled._repr_html_()
    assert len(repr(bundled).splitlines()) < 10
    assert len(repr(bundled)) < 600
    assert not [person for person in bundled.episodes["beneficiary_id"].unique() if person in shown]


def test_every_status_that_a_build_gives_is_shown(bundled: BuiltEpisodes) -> None:
    assert set(bundled.episodes["status"].unique()) <= set(STATUSES)
