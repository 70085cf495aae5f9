"""The engine finds what was planted: the same episodes, dates, status and reasons, and the declared claims in them.

The truth is declared by the scenarios (src/episodes/synthetic/truth.py), not computed by rules; the oracle of the
episode step is a third, independent opinion, asked for the cents.
"""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import episodes as ep
from comparison import compare
from episodes.building.built import BuiltEpisodes
from episodes.synthetic.generate import SyntheticSet, synthesize
from oracle import episodes as oracle

KEYS = ["beneficiary_id", "anchor_claim_id"]
DECLARED = [
    *KEYS,
    *("category", "anchor_setting", "anchor_code", "anchor_ccn", "operating_npi", "anchor_start", "anchor_end"),
    *("episode_start", "episode_end", "post_episode_end", "status", "reasons"),
]
# Anchors of every year count, so that nothing is out of period.
WHOLE_TIME = (dt.date(2021, 1, 1), dt.date(2028, 12, 31))


@pytest.fixture(scope="module")
def made() -> SyntheticSet:
    return synthesize(beneficiaries=750, seed=3)


@pytest.fixture(scope="module")
def built(made: SyntheticSet) -> BuiltEpisodes:
    return build(made)


def build(made: SyntheticSet) -> BuiltEpisodes:
    program = ep.load_program("team", performance_year=1, period=WHOLE_TIME)
    return ep.build_episodes(ep.Claims(**made), program)


def declared_and_found(made: SyntheticSet, built: BuiltEpisodes) -> tuple[pl.DataFrame, pl.DataFrame]:
    text = pl.col("category", "anchor_setting", "status").cast(pl.String)
    return (
        made.truth["episodes"].select(DECLARED).sort(KEYS),
        built.episodes.select(DECLARED).with_columns(text).sort(KEYS),
    )


def services_of(made: SyntheticSet, built: BuiltEpisodes) -> tuple[pl.DataFrame, pl.DataFrame]:
    columns = [*KEYS, "claim_id", "line_number", "period", "left_out"]
    final = built.episodes.filter(pl.col("status") == "final").select("episode_id", *KEYS)
    found = built.services.collect().join(final, on="episode_id").with_columns(pl.col("period").cast(pl.String))
    found = found.with_columns(left_out=pl.col("reason").cast(pl.String))
    return made.truth["services"].select(columns).sort(columns), found.select(columns).sort(columns)


def test_the_engine_finds_the_planted_episodes(made: SyntheticSet, built: BuiltEpisodes) -> None:
    declared, found = declared_and_found(made, built)
    assert declared.height > 700
    assert_frame_equal(declared, found)


def test_the_declared_claims_are_in_the_declared_periods(made: SyntheticSet, built: BuiltEpisodes) -> None:
    declared, found = services_of(made, built)
    assert declared.height > 15_000
    assert_frame_equal(declared, found)


def test_every_reason_and_event_is_declared(made: SyntheticSet) -> None:
    episodes = made.truth["episodes"]
    assert set(episodes["status"].unique()) == {"final", "excluded", "overlapped"}
    assert episodes["event"].n_unique() > 60
    outcomes = made.truth["outcomes"]
    assert {"readmission", "death", "emergency_return", "complication_sepsis"} <= set(outcomes["outcome"].unique())
    assert outcomes.filter(pl.col("planned")).height > 0


def test_complications_are_declared_inside_their_windows_only(made: SyntheticSet) -> None:
    windows = {"pneumonia": 7, "ami": 7, "sepsis": 7, "pulmonary_embolism": 30, "bleeding": 30}
    windows |= {"mechanical": 90, "infection": 90}
    complications = made.truth["outcomes"].filter(pl.col("outcome").str.starts_with("complication_"))
    for name, days in windows.items():
        waits = complications.filter(pl.col("outcome") == f"complication_{name}")["days_from_admission"]
        assert waits.len() > 0
        assert waits.is_between(0, days).all(), name


def test_effects_are_those_of_everybody_who_operates_or_takes_people_in(made: SyntheticSet) -> None:
    effects = made.truth["effects"]
    operated = made.truth["episodes"]["operating_npi"].drop_nulls().unique()
    physicians = effects.filter(pl.col("party_kind") == "physician")["party_id"]
    assert operated.is_in(physicians.to_list()).all()
    assert effects.select(pl.col("multiplier").is_between(0.05, 5).all()).item()
    assert not effects.select("party_kind", "party_id", "outcome").is_duplicated().any()


def test_what_hospitals_change_in_2026_is_in_their_effects(made: SyntheticSet) -> None:
    hospitals = made.truth["effects"].filter(pl.col("party_kind") == "hospital")
    by_outcome = hospitals.pivot("outcome", index="party_id", values="multiplier")
    later = [
        (by_outcome[f"{outcome}_since_improvement"] / by_outcome[outcome]).round(9).to_list()
        for outcome in ("post_acute_use", "readmission")
    ]
    assert later[0] == later[1]
    assert len(set(later[0])) > 3


def test_sicker_people_go_to_dearer_surgeons(made: SyntheticSet) -> None:
    effects = made.truth["effects"].filter(pl.col("outcome") == "post_acute_use", pl.col("party_kind") == "physician")
    joined = made.truth["episodes"].join(effects, left_on="operating_npi", right_on="party_id")
    assert joined.select(pl.corr("severity", "multiplier")).item() > 0.1


def agreed_with_the_oracle(made: SyntheticSet) -> int:
    """Episodes, services and cents on which engine and oracle agree, of the people who have an episode."""
    people = made.truth["episodes"].select("beneficiary_id").unique()
    tables = {
        name: (frame.join(people, on="beneficiary_id", how="semi") if "beneficiary_id" in frame.columns else frame)
        for name, frame in made.items()
    }
    rows = {name: frame.to_dicts() for name, frame in tables.items()}
    return compare(rows, oracle.Options(period=WHOLE_TIME))


def test_cents_equal_those_of_the_oracle() -> None:
    made = synthesize(beneficiaries=100, seed=9)
    assert agreed_with_the_oracle(made) == made.truth["episodes"].height


@pytest.mark.slow
def test_cents_of_a_population_equal_those_of_the_oracle() -> None:
    from episodes.synthetic.generate import Recipe, make_block, provider_tables

    recipe = Recipe(200_000, (2022, 2026), 11, dense=False)
    providers = provider_tables(recipe)
    agreed = 0
    for block in range(0, recipe.blocks, 4):
        part = make_block(recipe, block)
        agreed += agreed_with_the_oracle(SyntheticSet({**part, **providers}, part.truth))
    assert agreed > 3_000


@pytest.mark.slow
def test_the_engine_finds_the_planted_episodes_of_a_population() -> None:
    """200,000 people over five years, about 50 million lines, in blocks as they are made."""
    from episodes.synthetic.generate import Recipe, make_block, provider_tables

    recipe = Recipe(200_000, (2022, 2026), 11, dense=False)
    providers = provider_tables(recipe)
    episodes = services = 0
    for block in range(recipe.blocks):
        part = make_block(recipe, block)
        made = SyntheticSet({**part, **providers}, part.truth)
        result = build(made)
        declared, found = declared_and_found(made, result)
        assert_frame_equal(declared, found)
        declared_services, found_services = services_of(made, result)
        assert_frame_equal(declared_services, found_services)
        episodes += declared.height
        services += declared_services.height
    assert episodes > 12_000
    assert services > 250_000
