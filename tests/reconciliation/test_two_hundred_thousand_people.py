"""TEAM's first year from claims to every hospital on tracks 1, 2 and 3: the bundled set, and (slow) 200,000 people.

Every price, target, cap, score, limit and step is formed again by hand (team_by_hand.py) and compared to the cent.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import episodes as ep
from episodes.building.built import BuiltEpisodes
from episodes.pricing import TargetPrices
from episodes.reconciliation import ReconciliationResult, Waterfall, compare_tracks, reconcile
from reconciliation.team_by_hand import STEPS, TRACKS, Cell, Hospital, hospitals_of, prices_of

PEOPLE = int(os.environ.get("EPISODES_SETTLEMENT_PEOPLE", "200000"))
TEAM = ep.load_program("team", performance_year=1)
LEAST_REGIONS, LEAST_HOSPITALS = 5, 50
"""Of the large set: what its people are enough for."""
EFFECTS = (
    "low_volume_effect_cents",
    "quality_effect_cents",
    "limit_effect_cents",
    "downside_waiver_cents",
    "post_episode_effect_cents",
)
"""Columns of a party, in the order of `STEPS`."""


@dataclass(frozen=True)
class Line:
    """Baseline, year, prices and settlements of one set, and both settlements by hand."""

    baseline: BuiltEpisodes
    built: BuiltEpisodes
    prices: TargetPrices
    on_track: dict[str, ReconciliationResult]
    side_by_side: pl.DataFrame
    prices_by_hand: dict[Cell, tuple[int, int]]
    by_hand: dict[str, Hospital]
    differences_by_hand: dict[str, int]


def run(folder: str | Path, **how: int) -> tuple[BuiltEpisodes, BuiltEpisodes, TargetPrices, ReconciliationResult]:
    """Baseline and year, prices, and the settlement on the hospitals' own tracks."""
    claims = ep.read_claims(folder)
    baseline, built = (
        ep.build_episodes(claims, program, services=False, with_tables=(), **how)
        for program in (TEAM.for_baseline(), TEAM)
    )
    prices = ep.target_prices(baseline, TEAM)
    return baseline, built, prices, reconcile(built, prices)


def line_of(folder: str | Path) -> Line:
    """The whole line, settled on every track; track 2, which the year does not have, as a what-if."""
    began = time.perf_counter()
    baseline, built, prices, _ = run(folder, threads=2)
    on_track = {track: reconcile(built, prices, track=track, what_if_tracks=track == "2") for track in TRACKS}
    side_by_side = compare_tracks(built, prices, what_if_tracks=True)
    took = time.perf_counter() - began
    prices_by_hand = prices_of(baseline)
    by_hand, differences = hospitals_of(
        built, baseline, {cell: cents for cell, (cents, _) in prices_by_hand.items()}, built.quality.to_dicts()
    )
    line = Line(baseline, built, prices, on_track, side_by_side, prices_by_hand, by_hand, differences)
    print_figures(line, took)
    return line


def print_figures(line: Line, took: float) -> None:
    """What there was to compare (pytest -s)."""
    print(f"\n{line.prices.prices.height} price cells in {line.prices.prices['region'].n_unique()} regions")
    print(f"{line.baseline.final().height:,} baseline episodes, {line.built.final().height:,} of the year")
    print(f"{len(line.by_hand)} hospitals settle {len(line.differences_by_hand):,} episodes")
    for track, result in line.on_track.items():
        sums = result.parties.select("difference_cents", *EFFECTS, "amount_cents").sum().row(0, named=True)
        outcomes = dict(result.parties.group_by("outcome").len().sort("outcome").iter_rows())
        print(f"track {track}: {sums} {outcomes}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"building twice, prices, five settlements: {took:.0f} s; peak memory {peak:.1f} GB")


@pytest.fixture(scope="module")
def bundled() -> Line:
    return line_of(ep.synthetic.bundled_folder())


def check_prices(line: Line) -> None:
    """Every cell's price and baseline volume are those formed by hand."""
    found = {
        (row["price_code"], row["region"]): (row["price_cents"], row["baseline_episodes"])
        for row in line.prices.prices.to_dicts()
    }
    assert found == line.prices_by_hand


def check_conservation(line: Line) -> None:
    """The sum of a hospital's episode differences is its amount before limits, on every track and by hand."""
    for result in line.on_track.values():
        by_hospital: dict[str, int] = defaultdict(int)
        counted: dict[str, int] = defaultdict(int)
        for row in result.episodes.to_dicts():
            assert row["capped_cents"] + row["cut_cents"] == row["actual_cents"]
            counted[row["party_id"]] += 1
            if row["reason"] is None:
                assert row["difference_cents"] == line.differences_by_hand[row["episode_id"]]
                by_hospital[row["party_id"]] += row["price_cents"] - row["capped_cents"]
        assert set(counted) == set(result.hospitals["ccn"]) >= set(line.by_hand)
        for row in result.hospitals.to_dicts():
            assert row["difference_cents"] == by_hospital[row["ccn"]] == line.by_hand[row["ccn"]].difference
            assert row["episodes"] == counted[row["ccn"]]
            first = result.steps.filter(party_id=row["ccn"], order=1).row(0, named=True)
            assert first["before_cents"] == by_hospital[row["ccn"]]
        assert sum(by_hospital.values()) == sum(line.differences_by_hand.values())


def check_waterfalls(line: Line) -> None:
    """Each waterfall adds up at every step, as data and as text, and its steps are those formed by hand."""
    for track, result in line.on_track.items():
        amounts = dict(result.hospitals.select("ccn", "amount_cents").iter_rows())
        for ccn, hospital in line.by_hand.items():
            waterfall = result.waterfall(ccn)
            rows = waterfall.to_dict()["rows"]
            assert [row["what"] for row in rows] == ["target", "actual", *STEPS]
            expected = [hospital.target, hospital.difference, *hospital.waterfall(track)]
            assert [row["after_cents"] for row in rows] == expected
            assert [row["before_cents"] for row in rows] == [0, *expected[:-1]]
            for row in rows:
                assert row["before_cents"] + row["change_cents"] == row["after_cents"]
            assert waterfall.to_dict()["amount_cents"] == expected[-1] == amounts[ccn]
            read, last = read_text(waterfall)
            assert read == [(row["before_cents"], row["change_cents"], row["after_cents"]) for row in rows]
            assert last == expected[-1]
            assert f"track {track}" in waterfall.title
            assert ("a what-if: terms of performance year 2" in waterfall.title) == (track == "2")


def check_dearer_prices(line: Line) -> None:
    """At prices that let hospitals gain, stop-gains and the quality of gains come into play: by hand as well."""
    dearer = line.prices.prices.select("price_code", "region", price_cents=pl.col("price_cents") * 3 // 2)
    prices = replace(line.prices, prices=dearer)
    by_hand, _ = hospitals_of(
        line.built,
        line.baseline,
        {cell: cents * 3 // 2 for cell, (cents, _) in line.prices_by_hand.items()},
        line.built.quality.to_dicts(),
    )
    table = compare_tracks(line.built, prices, what_if_tracks=True)
    found = {(row["party_id"], row["track"]): row for row in table.to_dicts()}
    for ccn, hospital in by_hand.items():
        for track in TRACKS:
            after = [hospital.difference, *hospital.waterfall(track)]
            changes = [after - before for before, after in pairwise(after)]
            assert [found[ccn, track][name] for name in EFFECTS] == changes
            assert found[ccn, track]["amount_cents"] == after[-1]
    assert any(row["limit_effect_cents"] < 0 for row in found.values())
    assert any(row["quality_effect_cents"] < 0 for row in found.values())


def read_text(waterfall: Waterfall) -> tuple[list[tuple[int, ...]], int]:
    """The amounts of each row of a waterfall as it is printed, and the last line's."""
    *lines, last = str(waterfall).splitlines()
    amount = r"(-?)\$([\d,]+)\.(\d\d)"
    row = re.compile(rf" {{2}}[a-z -]+? +{amount} +{amount} +{amount}$")
    found = [match.groups() for line in lines if (match := row.match(line))]
    cents = [tuple(in_cents(*cells[place : place + 3]) for place in (0, 3, 6)) for cells in found]
    shown = re.match(rf" {{2}}amount {amount}", last)
    assert shown is not None
    return cents, in_cents(*shown.groups())


def in_cents(sign: str, whole: str, rest: str) -> int:
    return int(f"{sign}{whole.replace(',', '')}{rest}")


def check_side_by_side(line: Line) -> None:
    """Every hospital on every track; tracks differ by what the rules name and by nothing else."""
    table = line.side_by_side
    rows: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in table.to_dicts():
        rows[row["party_id"]][row["track"]] = row
    assert table.height == len(rows) * len(TRACKS)
    assert set(rows) == set(line.on_track["1"].hospitals["ccn"])
    same = ("episodes", "target_cents", "actual_cents", "difference_cents", "quality_score", EFFECTS[0])
    for ccn, hospital in line.by_hand.items():
        assert sorted(rows[ccn]) == sorted(TRACKS)
        assert len({tuple(row[name] for name in same) for row in rows[ccn].values()}) == 1
        for track, row in rows[ccn].items():
            before = [hospital.difference, *hospital.waterfall(track)]
            assert [row[name] for name in EFFECTS] == [after - at for at, after in pairwise(before)]
            assert row["amount_cents"] == before[-1]
            alone = line.on_track[track].hospitals.filter(ccn=ccn).row(0, named=True)
            shared = set(row) & set(alone)
            assert {name: row[name] for name in shared} == {name: alone[name] for name in shared}
            assert (row["terms_of_year"], row["what_if"]) == (("2", True) if track == "2" else ("1", False))
            assert row["open_to"] == ("nobody" if track == "2" else "every hospital")
        best = max(rows[ccn][track]["amount_cents"] for track in ("1", "3"))
        for track, row in rows[ccn].items():
            assert row["best"] == (track != "2" and row["amount_cents"] == best)
    episodes = [result.episodes for result in line.on_track.values()]
    for other in episodes[1:]:
        assert_frame_equal(episodes[0], other)
    # the tracks are not alike: otherwise nothing was compared
    assert any(len({row["amount_cents"] for row in each.values()}) == len(TRACKS) for each in rows.values())


def check_threads_and_buckets(folder: str | Path, line: Line, **how: int) -> None:
    """Other threads and buckets give the same frames."""
    baseline, built, prices, result = run(folder, **how)
    own = reconcile(line.built, line.prices)
    assert_frame_equal(built.episodes, line.built.episodes)
    assert_frame_equal(baseline.episodes, line.baseline.episodes)
    assert_frame_equal(prices.prices, line.prices.prices)
    for name in ("parties", "episodes", "steps"):
        assert_frame_equal(getattr(result, name), getattr(own, name))


def check_the_line(line: Line) -> None:
    check_prices(line)
    check_conservation(line)
    check_waterfalls(line)
    check_side_by_side(line)
    check_dearer_prices(line)


def test_prices_of_the_bundled_set(bundled: Line) -> None:
    check_prices(bundled)
    assert bundled.prices.prices["region"].n_unique() > 1


def test_differences_are_conserved(bundled: Line) -> None:
    check_conservation(bundled)


def test_waterfalls_add_up(bundled: Line) -> None:
    check_waterfalls(bundled)


def test_tracks_side_by_side(bundled: Line) -> None:
    check_side_by_side(bundled)


def test_tracks_at_prices_that_let_hospitals_gain(bundled: Line) -> None:
    check_dearer_prices(bundled)


def test_threads_and_buckets_change_nothing(bundled: Line) -> None:
    check_threads_and_buckets(ep.synthetic.bundled_folder(), bundled, threads=1, buckets=5)


@pytest.mark.slow
def test_two_hundred_thousand_people(tmp_path: Path) -> None:
    """From a store of seven buckets, and once more from one of twelve: a store is built in bounded memory."""
    claims, few, many = (tmp_path / name for name in ("set", "few", "many"))
    ep.synthetic.write_set(claims, beneficiaries=PEOPLE)
    ep.ingest(claims, few, buckets=7)
    ep.ingest(claims, many, buckets=12)
    shutil.rmtree(claims)
    line = line_of(few)
    assert line.prices.prices["region"].n_unique() >= LEAST_REGIONS
    assert len(line.by_hand) >= LEAST_HOSPITALS
    check_the_line(line)
    check_threads_and_buckets(many, line, threads=1)
