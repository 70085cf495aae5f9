"""The worked cases of cases/pricing: prices from components, tracks, risk levels."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import EpisodesError
from episodes.pricing import price_components, risk_levels
from episodes.programs import track_for
from pricing.priced_programs import priced_program

FOLDER = Path(__file__).parents[1] / "cases" / "pricing"
TEAM = ep.load_program("team", performance_year=1)


def cases(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


RISK = cases("risk_levels")


@pytest.mark.parametrize("case", cases("components")["case"], ids=lambda case: case["name"])
def test_components(case: dict[str, Any]) -> None:
    program = priced_program(case["program"], case.get("year"))
    if "error" in case:
        with pytest.raises(EpisodesError, match=case["error"]):
            price_components(program, **case["components"])
        return
    priced = price_components(program, **case["components"])
    assert priced.price_cents == case["price"]
    steps = priced.steps
    # the waterfall: each step begins where the one before ended, and the changes add up to the price
    assert steps["before_cents"].to_list() == [0, *steps["after_cents"].to_list()[:-1]]
    assert steps["change_cents"].sum() == steps["after_cents"][-1] == case["price"]
    assert steps["citation"].null_count() == 0
    assert set(steps["rule"]) <= {rule["rule"] for rule in program.rule_list()}


@pytest.mark.parametrize("case", cases("tracks")["case"], ids=str)
def test_tracks(case: dict[str, Any]) -> None:
    decided = track_for(TEAM, case["year"], dict.fromkeys(case["hospital"], True), case.get("requested"))
    assert (decided.track, decided.reason) == (case["track"], case["reason"])
    assert f"Track {case['track']}" in decided.explanation
    assert track_for(TEAM, int(case["year"]), dict.fromkeys(case["hospital"], True), case.get("requested")) == decided


@pytest.mark.parametrize(
    ("year", "hospital", "requested", "message"),
    [
        (6, {}, None, "Unknown performance year '6'"),
        (1, {"safety": True}, None, "Unknown flag of a hospital 'safety'. Did you mean 'safety_net'"),
        (1, {"rural": 1}, None, "true or false, not a int"),
        (1, {}, 4, "Unknown track '4'. Known: 1, 2, 3"),
        (1, ["rural"], None, "mapping of flags"),
    ],
)
def test_tracks_errors(year: int, hospital: Any, requested: Any, message: str) -> None:
    with pytest.raises(EpisodesError, match=message):
        track_for(TEAM, year, hospital, requested)


def test_a_programme_without_tracks_says_so() -> None:
    with pytest.raises(EpisodesError, match="has no tracks"):
        track_for(ep.load_program("cjr", 2), 2, {})


@pytest.mark.parametrize("case", RISK["case"], ids=str)
def test_risk_levels(case: dict[str, Any]) -> None:
    assert risk_levels(TEAM, **RISK["base"] | case["change"]) == RISK["levels"] | case["levels"]


def test_risk_levels_of_cjr() -> None:
    eighth = ep.load_program("cjr", 8)
    found = risk_levels(eighth, **RISK["base"] | {"full_dual": True, "age": 90})
    assert found == {"hcc_count": "0", "age_bracket": "85+", "full_dual": True}
    with pytest.raises(EpisodesError, match="not multiplied by risk factors in performance year 4"):
        risk_levels(ep.load_program("cjr", 4), **RISK["base"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": -1}, "age must be from 0 to 130"),
        ({"hcc_count": -1}, "hcc_count must be 0 or more"),
        ({"hcc_count": 1.5}, "hcc_count must be a whole number"),
        ({"deprivation_percentile": 101}, "deprivation_percentile must be from 0 to 100"),
        ({"beds": -1}, "beds must be 0 or more"),
        ({"full_dual": "yes"}, "full_dual is true or false"),
    ],
)
def test_risk_levels_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(EpisodesError, match=message):
        risk_levels(TEAM, **RISK["base"] | change)


def test_what_is_not_known() -> None:
    unknown = {"low_income_subsidy": None, "full_dual": None, "deprivation_percentile": None, "beds": None}
    found = risk_levels(TEAM, **RISK["base"] | unknown)
    assert (found["economic"], found["bed_size"]) == (False, None)


@given(st.integers(0, 130), st.integers(0, 30), st.integers(0, 2000), st.integers(0, 100))
def test_every_value_has_one_of_the_levels(age: int, count: int, beds: int, percentile: int) -> None:
    changed = {"age": age, "hcc_count": count, "beds": beds, "deprivation_percentile": percentile}
    found = risk_levels(TEAM, **RISK["base"] | changed)
    listed = {factor.id: factor for factor in TEAM.rules.price.risk.factors}  # type: ignore[union-attr]
    for name in ("age_bracket", "hcc_count", "bed_size"):
        assert found[name] in listed[name].levels  # type: ignore[union-attr]


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(0, 60), st.sampled_from(["1", "3", "4"]))
def test_a_blend_lies_between_hospital_and_region(hospital: int, region: int, episodes: int, year: str) -> None:
    price = price_components(
        ep.load_program("cjr", year),
        hospital_mean_cents=hospital,
        regional_mean_cents=region,
        baseline_episodes=episodes,
    ).price_cents
    assert min(hospital, region) <= price <= max(hospital, region)
    if episodes < 20 or year == "4":
        assert price == region
