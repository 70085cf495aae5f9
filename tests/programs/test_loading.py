"""Programmes: loading, years, overrides, what is wrong with a file said clearly."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files
from pathlib import Path

import pytest

import episodes as ep
from episodes.errors import ProgramError

TEAM_FILE = files("episodes.programs") / "rules" / "team.toml"


def test_every_year_of_every_packaged_programme_loads() -> None:
    for name in ep.programs.known_programs():
        for year in ep.load_program(name).rules.performance_years:
            assert ep.load_program(name, year).performance_year == year


def test_every_rule_has_a_citation_and_a_status() -> None:
    for rule in ep.load_program("team").rule_list():
        assert rule["citation"], rule["rule"]
        assert rule["status"] in {"regulation", "published", "unverified", "open"}, rule["rule"]


def test_years_differ_by_dated_values() -> None:
    first, third = ep.load_program("team", 1), ep.load_program("team", "3")
    assert first.rules.price.baseline.years.value == (2022, 2023, 2024)
    assert third.rules.price.baseline.years.value == (2024, 2025, 2026)
    assert (first.rules.settlement.default_track.value, third.rules.settlement.default_track.value) == ("1", "3")
    assert sorted(first.rules.settlement.tracks.value) == ["1", "3"]
    assert sorted(ep.load_program("team", 5).rules.settlement.tracks.value) == ["2", "3"]
    assert first.for_year(3).fingerprint == third.fingerprint


def test_the_baseline_is_the_same_rules_over_other_dates() -> None:
    team = ep.load_program("team", 1)
    baseline = team.for_baseline()
    assert baseline.period == (dt.date(2022, 1, 1), dt.date(2024, 12, 31))
    assert baseline.rules == team.rules
    assert not baseline.own_period
    assert baseline.fingerprint != team.fingerprint


def test_overrides_are_marked_and_kept_from_year_to_year() -> None:
    changed = ep.load_program("team", 1, overrides={"post_episode_days": 45}, amount_basis="allowed")
    assert changed.rules.construction.window.post_episode_days.status == "overridden"
    assert changed.amount_basis == "allowed"
    assert set(changed.overrides) == {"construction.window.post_episode_days", "construction.amount_basis"}
    assert {"construction.amount_basis"} <= {rule["rule"] for rule in changed.open_rules()}
    assert changed.for_year(2).rules.construction.window.post_episode_days.value == 45
    again = changed.override({"post_episode_days": 60})
    assert again.rules.construction.window.post_episode_days.value == 60


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"nonsense": 1}, "Unknown rule 'nonsense'"),
        ({"window.post_days": "soon"}, "construction.window.post_days: should be a valid integer.*given: soon"),
        ({"amount_basis": "charges"}, "'standardized', 'allowed' or 'paid'"),
        ({"baseline.weights": [0.5, 0.2, 0.2]}, "sum to exactly 1"),
        ({"value": 1}, "Unknown rule"),
    ],
)
def test_a_wrong_override_says_what_is_wrong(change: dict[str, object], says: str) -> None:
    with pytest.raises(ProgramError, match=says):
        ep.load_program("team", overrides=change)


def test_a_programme_of_ones_own_is_a_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    text = TEAM_FILE.read_text(encoding="utf-8").replace('id = "team"', 'id = "mine"', 1)
    mine.write_text(text)
    assert ep.load_program(mine).id == "mine"
    assert ep.load_program(str(mine), 2).performance_year == "2"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[construction.window.post_days]", "[construction.window.post_dayz]", "post_dayz"),
        ('status = "published"', 'status = "rumoured"', "'regulation', 'published'"),
        ("value = 30", "value = [", "not valid TOML"),
        ('kind = "provider_type"', 'kind = "provider_tipe"', "provider_tipe"),
    ],
)
def test_a_broken_file_says_what_is_wrong(tmp_path: Path, old: str, new: str, says: str) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(TEAM_FILE.read_text(encoding="utf-8").replace(old, new, 1))
    with pytest.raises(ProgramError, match=says):
        ep.load_program(mine)


def test_a_missing_file_is_said() -> None:
    with pytest.raises(ProgramError, match="no programme file"):
        ep.load_program("nowhere.toml")


def test_a_period_in_the_wrong_order_is_an_error() -> None:
    with pytest.raises(ProgramError, match="ends"):
        ep.load_program("team", period=(dt.date(2026, 2, 1), dt.date(2026, 1, 1)))


def test_equal_rules_have_equal_fingerprints() -> None:
    assert ep.load_program("team", 1).fingerprint == ep.load_program("team", "1").fingerprint
    assert ep.load_program("team").without(["esrd_entitlement"]).fingerprint != ep.load_program("team").fingerprint
