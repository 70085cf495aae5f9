"""The risk part of a rules file: what is wrong with it is said, and it may be left out."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from episodes.errors import ContractError, ProgramError
from episodes.programs.code_tables import load_codes

TEAM = (files("episodes.programs") / "rules" / "team.toml").read_text(encoding="utf-8")


def team_with(tmp_path: Path, old: str, new: str) -> ep.Program:
    assert old in TEAM
    file = tmp_path / "mine.toml"
    file.write_text(TEAM.replace(old, new), encoding="utf-8")
    return ep.load_program(file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('table = "hip_fracture_dx"', 'table = "hip_fractures"', "risk.diagnosis_flags.fracture: Unknown code table"),
        (
            'table = "hip_fracture_dx"',
            'table = "ms_drgs"',
            "risk.diagnosis_flags.fracture: the code table 'ms_drgs' has no",
        ),
        (
            'categories = ["LEJR", "SHFFT"]',
            'categories = ["HIP"]',
            "risk.diagnosis_flags.fracture: not a category: HIP",
        ),
        ('value = "team_hcc_flags"', 'value = "hcc_flags"', "risk.hcc.flags: Unknown code table"),
        ('ms_drgs = ["521", "522"]', 'ms_drgs = ["52"]', "risk.diagnosis_flags.fracture.ms_drgs"),
        ('value = "anchor_start"', 'value = "birth"', "risk.lookback_before: should be 'anchor_start'"),
        ('value = "V28"', "value = 28", "risk.hcc.model: should be a valid string"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ProgramError, match=re.escape(said)):
        team_with(tmp_path, old, new)


def test_an_unknown_model_is_said_when_it_is_used(tmp_path: Path) -> None:
    mine = team_with(tmp_path, 'value = "V28"', 'value = "V29"')
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    tables = [claims.table(name).collect().head(50) for name in ("claims", "lines", "beneficiaries", "coverage")]
    episodes = pl.DataFrame(
        {name: ["x"] for name in ("episode_id", "beneficiary_id", "category", "anchor_setting", "anchor_claim_id")}
        | {"anchor_code": ["470"]}
        | {name: [tables[0]["from_date"][0]] for name in ("anchor_start", "anchor_end", "episode_start")}
    )
    with pytest.raises(ep.EpisodesError, match="Unknown HCC model 'V29'"):
        ep.risk.risk_of(episodes, *tables, mine)


def test_the_part_may_be_left_out(tmp_path: Path) -> None:
    start, end = TEAM.index("# --- risk ---"), TEAM.index("# --- price ---")
    (tmp_path / "mine.toml").write_text(TEAM[:start] + TEAM[end:], encoding="utf-8")
    mine = ep.load_program(tmp_path / "mine.toml")
    assert mine.rules.risk is None
    with pytest.raises(ProgramError, match="say nothing of risk"):
        mine.risk  # noqa: B018
    assert mine.fingerprint != ep.load_program("team").fingerprint


def test_every_table_that_the_rules_name_is_in_the_fingerprint() -> None:
    named = ep.load_program("team").code_tables()
    assert {"team_hcc_flags", "hip_fracture_dx", "lower_joint_procedure_elements"} <= set(named)


def test_flags_of_team_are_categories_of_its_model() -> None:
    flags = load_codes("team_hcc_flags")
    known = load_codes("hcc_diagnoses").filter(model="V28")["hcc"].unique()
    assert set(flags["hcc"]) <= set(known)
    assert flags.group_by("category").len().sort("category").rows() == [
        ("CABG", 22),
        ("LEJR", 21),
        ("MAJOR_BOWEL", 24),
        ("SHFFT", 25),
        ("SPINAL_FUSION", 25),
    ]


def test_reference_tables_of_the_user_have_their_columns() -> None:
    with pytest.raises(ContractError, match="Reference table 'hcc' lacks: hcc, edition"):
        ep.References(hcc=pl.DataFrame({"model": ["V1"], "diagnosis": ["A"]}))
