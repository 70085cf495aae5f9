"""Scorecards of a build: what they count, what they say of themselves, and what a person is shown."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

import episodes as ep
from episodes.reports.scorecards import SHOWN, scorecards, shown


@pytest.fixture(scope="module")
def built() -> ep.BuiltEpisodes:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    return ep.build_episodes(claims, ep.load_program("team", 1))


def test_hospitals_carry_every_final_episode_and_cent(built: ep.BuiltEpisodes) -> None:
    hospitals = scorecards(built).tables["hospitals"]
    assert hospitals["episodes"].sum() == built.final().height
    assert hospitals["observed_cents"].sum() == built.final()["episode_cents"].sum()


def test_attribution_that_the_build_lacks_is_made_and_said(built: ep.BuiltEpisodes) -> None:
    cards = scorecards(built)
    assert any("Attribution by operating" in note for note in cards.notes)
    known = built.final()["operating_npi"].drop_nulls()
    assert cards.tables["physicians"]["episodes"].sum() == known.len()


def test_without_outcomes_rates_are_left_out_and_it_is_said(built: ep.BuiltEpisodes) -> None:
    bare = dataclasses.replace(built, outcomes=None, attribution=None)
    cards = scorecards(bare)
    assert any("no outcomes" in note for note in cards.notes)
    assert "readmission_30_rate" not in cards.tables["hospitals"].columns
    assert cards.tables["hospitals"]["episodes"].sum() == built.final().height


def test_what_is_shown_has_most_episodes_first_and_every_head_once(built: ep.BuiltEpisodes) -> None:
    for name, table in scorecards(built, preferred=("366401",)).tables.items():
        rows = shown(name, table)
        assert rows.height == table.height
        assert rows.columns == [head for column, head in SHOWN[name] if column in (*table.columns, "interval")]
        counts = rows["episodes"].str.replace_all(",", "").cast(pl.Int64)
        assert counts.is_sorted(descending=True)


def test_small_cells_are_blank_when_asked(built: ep.BuiltEpisodes) -> None:
    tables = scorecards(built, suppress_below=11).tables
    assert all("episode_ids" not in table.columns for table in tables.values())
    few = tables["physicians"].filter(pl.col("episodes").is_null())
    assert few.height > 0
    assert few["observed_cents"].null_count() == few.height
