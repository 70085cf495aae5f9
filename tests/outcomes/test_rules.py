"""The rules of the outcome measures are complete, cited and changed by name only."""

from __future__ import annotations

from importlib.resources import files

import pytest

from episodes.errors import ProgramError
from episodes.outcomes import outcome_rules


def test_every_rule_has_a_status_and_a_citation() -> None:
    listed = outcome_rules().rule_list()
    assert listed.height > 40
    assert set(listed["status"]) <= {"regulation", "published", "unverified", "open"}
    assert listed.filter(citation="").is_empty()


def test_an_override_says_so() -> None:
    rules = outcome_rules(overrides={"stays.max_gap_days": 0})
    assert (rules.stays.max_gap_days.value, rules.stays.max_gap_days.status) == (0, "overridden")
    assert outcome_rules().stays.max_gap_days.value == 1
    assert rules.fingerprint != outcome_rules().fingerprint


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"stays.max_gap": 0}, "Did you mean 'stays.max_gap_days'"),
        ({"stays.max_gap_days": -1}, "stays.max_gap_days"),
        ({"complications.codes": "nothing"}, "Unknown code table 'nothing'"),
        ({"complications.codes": "nowhere.csv"}, "There is no file 'nowhere.csv'"),
    ],
)
def test_unusable_overrides(override, said) -> None:
    with pytest.raises(ProgramError, match=said):
        outcome_rules(overrides=override).fingerprint  # noqa: B018


def test_a_file_of_ones_own(tmp_path) -> None:
    text = (files("episodes.outcomes") / "measures.toml").read_text(encoding="utf-8")
    own = tmp_path / "measures.toml"
    own.write_text(text.replace("value = { readmission_30 = 30, ", "value = { readmission_30 = 28, "), encoding="utf-8")
    assert outcome_rules(own).readmissions.days.value["readmission_30"] == 28
    own.write_text("stays = 1 =", encoding="utf-8")
    with pytest.raises(ProgramError, match="not valid TOML"):
        outcome_rules(own)
    own.write_text("[stays]\n", encoding="utf-8")
    with pytest.raises(ProgramError, match="is missing"):
        outcome_rules(own)
    with pytest.raises(ProgramError, match="no file of outcome measures"):
        outcome_rules(tmp_path / "absent.toml")
