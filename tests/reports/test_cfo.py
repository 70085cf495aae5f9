"""The CFO's view: every table adds up to the settlement."""

from __future__ import annotations

import dataclasses
import json

import polars as pl
import pytest
from rich.console import Console

import episodes as ep
from episodes.errors import EpisodesError
from episodes.reconciliation import ReconciliationResult, reconcile
from episodes.reports.cfo import CAUSES, finance_view
from episodes.reports.cfo_page import show_finance_view

OHIO = "360801"


@pytest.fixture(scope="module")
def result() -> ReconciliationResult:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    team = ep.load_program("team", performance_year=1)
    prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
    return reconcile(ep.build_episodes(claims, team), prices, track=3)


def test_every_table_adds_up(result: ReconciliationResult) -> None:
    for row in result.parties.to_dicts():
        view = finance_view(result, row["party_id"])
        assert sum(view.causes.values()) == row["difference_cents"]
        assert view.amount_cents == row["amount_cents"]
        assert view.categories["won_cents"].sum() == row["difference_cents"]
        by_cause = view.categories.select(pl.sum_horizontal(f"{cause}_cents" for cause in CAUSES)).to_series()
        assert by_cause.to_list() == view.categories["won_cents"].to_list()
        assert view.settings["own_cents"].sum() == view.categories["actual_cents"].sum() + view.causes["cap"]
        parts = view.settings["use_cents"] + view.settings["cost_per_use_cents"]
        assert parts.to_list() == view.settings["won_cents"].to_list()
        assert view.settings["won_cents"].sum() == view.causes["use"] + view.causes["cost_per_use"]
        assert view.waterfall.rows["change_cents"].sum() == row["amount_cents"]


def test_peers_spend_what_they_spend(result: ReconciliationResult) -> None:
    """Over all final episodes of a region use and cost against peers are zero, but for rounding."""
    views = [finance_view(result, party) for party in result.parties["party_id"]]
    own = sum(view.settings["own_cents"].sum() for view in views)
    assert own == result.episodes["actual_cents"].sum()


def test_a_hospital_alone_is_its_own_peer(result: ReconciliationResult) -> None:
    assert result.built is not None
    alone = dataclasses.replace(
        result.built, episodes=result.built.episodes.filter(pl.col("anchor_ccn").cast(pl.String) == OHIO)
    )
    view = finance_view(dataclasses.replace(result, built=alone), OHIO)
    assert abs(view.causes["use"]) <= 16 * 40
    assert view.settings["won_cents"].abs().max() <= 40  # a cent of rounding a cell
    assert "No other hospital of the region" in view.notes[0]


def test_the_page(result: ReconciliationResult) -> None:
    view = finance_view(result, OHIO)
    console = Console(width=170, record=True, file=None, quiet=False)
    with console.capture() as captured:
        show_finance_view(view, console)
    page = captured.get()
    assert len(page.splitlines()) <= 60, "one page"
    assert "Lakeside University Hospital" in page
    assert "Where: settings, against peers" in page
    losses = [item for item in view.findings() if item["won_cents"] < 0]
    assert losses == sorted(losses, key=lambda item: item["won_cents"])
    assert json.loads(json.dumps(view.to_dict(), default=str))["causes"] == dict(view.causes)


def test_what_is_refused(result: ReconciliationResult) -> None:
    with pytest.raises(EpisodesError, match="Unknown party '999999'"):
        finance_view(result, "999999")
    with pytest.raises(EpisodesError, match="does not have its episodes"):
        finance_view(dataclasses.replace(result, built=None), OHIO)


def test_the_waterfall_adds_up_and_says_its_rules(result: ReconciliationResult) -> None:
    for row in result.parties.to_dicts():
        waterfall = result.waterfall(row["party_id"])
        rows = waterfall.rows
        assert rows["before_cents"].to_list() == [0, *rows["after_cents"].to_list()[:-1]]
        assert (rows["before_cents"] + rows["change_cents"]).equals(rows["after_cents"])
        assert rows["after_cents"].to_list()[-1] == waterfall.amount_cents == row["amount_cents"]
        assert rows.filter(pl.col("order") > 0)["citation"].null_count() == 0
    text = str(result.waterfall(OHIO))
    assert "quality adjustment" in text
    assert "42 CFR" in text
    assert "(owed by the party)" in text
    assert result.waterfall(OHIO).to_dict()["settings"]
    assert "<table" in result.waterfall(OHIO)._repr_html_()
