"""Risk, outcomes and attribution of a build: which are made, by which rules, and that they are those of the rooms."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import episodes as ep
from episodes.errors import ArgumentError, ProgramError


@pytest.fixture(scope="module")
def claims() -> ep.Claims:
    return ep.read_claims(ep.synthetic.bundled_folder())


@pytest.fixture(scope="module")
def built(claims: ep.Claims) -> ep.BuiltEpisodes:
    return ep.build_episodes(claims, ep.load_program("team", 1), buckets=3)


def test_the_tables_are_those_of_the_rooms_over_all_claims(claims: ep.Claims, built: ep.BuiltEpisodes) -> None:
    tables = {name: claims.table(name).collect() for name in ("claims", "lines", "beneficiaries", "coverage")}
    assert built.risk is not None
    assert built.outcomes is not None
    assert built.attribution is not None
    assert_frame_equal(built.risk, ep.risk.risk_of(built.episodes, *tables.values(), built.program))
    measured = ep.outcomes.outcomes_of(
        built.episodes, *list(tables.values())[:3], day_one=built.program.rules.construction.window.day_one.value
    )
    assert_frame_equal(built.outcomes.collect(), measured)
    owned = built.attribution.collect()
    assert owned["method"].unique().to_list() == ["hospital"]
    assert owned["party_id"].to_list() == built.episodes["anchor_ccn"].to_list()
    assert owned["cents"].to_list() == built.episodes["episode_cents"].to_list()


def test_every_packaged_programme_names_its_method() -> None:
    methods = {name: ep.load_program(name).attribution.method.value for name in ep.programs.known_programs()}
    assert methods == {
        "ace": "hospital",
        "bpci-advanced": "bpci_precedence",
        "cjr": "hospital",
        "commercial-tjr": "operating",
        "epm-2017": "hospital",
        "team": "hospital",
        "tenncare-tjr": "tenncare_quarterback",
    }


def test_other_methods_on_request_conserve_every_cent(claims: ep.Claims, built: ep.BuiltEpisodes) -> None:
    methods = ["own_claims", "controllable"]
    other = ep.build_episodes(
        claims, built.program, services=False, with_tables=["attribution"], attribution_methods=methods
    )
    assert other.services.collect().is_empty()
    assert (other.risk, other.outcomes) == (None, None)
    assert other.attribution is not None
    by_method = other.attribution.group_by("method").agg(pl.col("cents").sum()).collect()
    assert dict(by_method.iter_rows()) == dict.fromkeys(methods, built.episodes["episode_cents"].sum())
    assert other.counts["context_fingerprint"] != built.counts["context_fingerprint"]


def test_controllable_knows_complications_whether_or_not_outcomes_are_kept(claims: ep.Claims) -> None:
    team = ep.load_program("team", 1)
    alone, beside = (
        ep.build_episodes(claims, team, with_tables=tables, attribution_methods="controllable").attribution
        for tables in (["attribution"], None)
    )
    assert alone is not None
    assert beside is not None
    assert_frame_equal(alone.collect(), beside.collect())


def test_what_has_no_rules_is_not_made_and_is_an_error_when_asked_for(claims: ep.Claims) -> None:
    ace = ep.load_program("ace").for_period("2026-01-01", "2026-12-31")
    assert ep.build_episodes(claims, ace, services=True).risk is None
    with pytest.raises(ProgramError, match="say nothing of risk"):
        ep.build_episodes(claims, ace, with_tables=["risk"])


def test_wrong_names_are_errors_that_list_the_known_ones(claims: ep.Claims) -> None:
    team = ep.load_program("team", 1)
    with pytest.raises(ArgumentError, match=r"outcomes"):
        ep.build_episodes(claims, team, with_tables=["outcome"])
    with pytest.raises(ArgumentError, match=r"own_claims"):
        ep.build_episodes(claims, team, attribution_methods="own_claim")
    with pytest.raises(ArgumentError, match=r"no attribution is made"):
        ep.build_episodes(claims, team, services=False, attribution_methods="hospital")


def test_the_programmes_method_is_a_rule_that_can_be_changed(claims: ep.Claims) -> None:
    changed = ep.load_program("team", 1).override({"attribution.method": "operating"})
    assert changed.rules.attribution is not None
    assert changed.rules.attribution.method.status == "overridden"
    with pytest.raises(ProgramError, match=r"attribution\.method"):
        changed.override({"attribution.method": "surgeon"})
