"""Every method on synthetic claims: the bundled set, and (slow) 200,000 people."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from episodes.attribution import METHODS, attribute, cost_by_centre

PEOPLE = int(os.environ.get("EPISODES_ATTRIBUTION_PEOPLE", "200000"))


def check_every_method(folder: str | Path) -> int:
    """Attribute every candidate of a set by every method, and check that nothing is lost; how many candidates."""
    claims = ep.read_claims(folder)
    built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
    services = built.services.collect()
    whole = built.episodes.select("episode_id", "episode_cents")
    for method in METHODS:
        table = attribute(built.episodes, services, claims.lines, built.participants, claims.clinicians, methods=method)
        sums = table.group_by("episode_id").agg(pl.col("share", "cents").sum()).join(whole, on="episode_id")
        assert sums.height == built.episodes.height
        assert sums.filter(pl.col("cents") != pl.col("episode_cents")).is_empty()
        assert sums.filter((pl.col("share") - 1).abs() > 1e-9).is_empty()
    centres = cost_by_centre(built.episodes, services)
    assert centres["cents"].sum() == whole["episode_cents"].sum()
    assert "not_in_services" not in centres["cost_centre"]
    return built.episodes.height


def test_the_bundled_set() -> None:
    assert check_every_method(ep.synthetic.bundled_folder()) > 1500


@pytest.mark.slow
def test_two_hundred_thousand_people(tmp_path: Path) -> None:
    ep.synthetic.write_set(tmp_path / "set", beneficiaries=PEOPLE)
    assert check_every_method(tmp_path / "set") > 0.9 * PEOPLE
