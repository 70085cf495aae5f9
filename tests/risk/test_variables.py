"""Risk variables: worked cases, the bundled set, buckets, and what is said of wrong input."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.errors import ContractError, ProgramError
from episodes.risk import RISK_SCHEMA
from risk.risk_cases import CASES, program_of, risk_of_case

WORKED: list[dict[str, Any]] = tomllib.loads((CASES / "variables.toml").read_text(encoding="utf-8"))["case"]
TABLES = ("claims", "lines", "beneficiaries", "coverage")


@pytest.mark.parametrize("case", WORKED, ids=[case["name"] for case in WORKED])
def test_worked_case(case: dict[str, Any]) -> None:
    """TOML has no null: `nothing` stands for it."""
    row = risk_of_case(case)
    expected = {name: None if value == "nothing" else value for name, value in case["expected"].items()}
    assert {name: row[name] for name in expected} == expected


@pytest.fixture(scope="module")
def bundled() -> tuple[ep.BuiltEpisodes, list[pl.DataFrame], pl.DataFrame]:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    team = ep.load_program("team", performance_year=1)
    built = ep.build_episodes(claims, team)
    tables = [claims.table(name).collect() for name in TABLES]
    return built, tables, ep.risk.risk_of(built.episodes, *tables, team)


def test_the_bundled_set_is_sane(bundled: tuple[ep.BuiltEpisodes, list[pl.DataFrame], pl.DataFrame]) -> None:
    built, _, risk = bundled
    assert risk.schema == pl.Schema(RISK_SCHEMA)
    assert risk["episode_id"].to_list() == built.episodes["episode_id"].to_list()
    assert risk["age"].drop_nulls().is_between(20, 110).all()
    assert risk["age"].null_count() < 0.02 * risk.height
    assert 0.3 < (risk["hcc_count"] > 0).mean() < 0.95
    assert (risk["hcc_count"] == risk["hccs"].list.len()).all()
    assert {"total_knee", "total_hip_or_resurfacing", "partial_hip"} <= set(risk["procedure_group"].drop_nulls())
    assert risk.filter(category="CABG")["procedure_group"].null_count() == risk.filter(category="CABG").height
    for column in ("full_dual", "low_income_subsidy", "originally_disabled", "prior_inpatient", "prior_post_acute"):
        assert 0.01 < risk[column].mean() < 0.5, column


def test_a_person_at_a_time_gives_the_same(bundled: tuple[ep.BuiltEpisodes, list[pl.DataFrame], pl.DataFrame]) -> None:
    built, tables, risk = bundled
    few = built.episodes["beneficiary_id"].unique().sort().head(12).to_list()
    for person in few:
        own = pl.col("beneficiary_id") == person
        alone = ep.risk.risk_of(built.episodes.filter(own), *[table.filter(own) for table in tables], built.program)
        assert alone.equals(risk.join(alone.select("episode_id"), on="episode_id", how="semi"))


def test_shuffled_tables_give_the_same(bundled: tuple[ep.BuiltEpisodes, list[pl.DataFrame], pl.DataFrame]) -> None:
    built, tables, risk = bundled
    shuffled = [table.sample(fraction=1, shuffle=True, seed=5) for table in tables]
    assert ep.risk.risk_of(built.episodes, *shuffled, built.program).equals(risk)


def test_no_episodes(bundled: tuple[ep.BuiltEpisodes, list[pl.DataFrame], pl.DataFrame]) -> None:
    built, tables, _ = bundled
    nothing = ep.risk.risk_of(built.episodes.clear(), *tables, built.program)
    assert (nothing.height, nothing.schema) == (0, pl.Schema(RISK_SCHEMA))


def test_wrong_input_is_said(bundled: tuple[ep.BuiltEpisodes, list[pl.DataFrame], pl.DataFrame]) -> None:
    built, tables, _ = bundled
    with pytest.raises(ContractError, match="lacks: anchor_end"):
        ep.risk.risk_of(built.episodes.drop("anchor_end"), *tables, built.program)
    with pytest.raises(ProgramError, match="hcc.count_classes must ascend and begin with 0"):
        program_of("bpci").override({"risk.hcc.count_classes": [1, 2]})


def test_the_page_has_every_column_with_its_type() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "risk.md").read_text(encoding="utf-8")
    section = page.split("\n## The variables\n", 1)[1].split("\n## ", 1)[0]
    rows = [row.strip("|").split("|")[:2] for row in section.splitlines() if row.startswith("| `")]
    words = {pl.String: "text", pl.Boolean: "yes/no", pl.Int32: "whole number", pl.Float64: "number"}
    expected = [(f"`{name}`", words.get(dtype, "list of text")) for name, dtype in RISK_SCHEMA.items()]
    assert [(name.strip(), word.strip()) for name, word in rows] == expected
