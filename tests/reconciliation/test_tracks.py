"""Tracks side by side: those of the year, and as a named what-if those that only other years have."""

from __future__ import annotations

import json

import pytest

import episodes as ep
from episodes.errors import ArgumentError
from episodes.programs.tracks import open_to, tracks_of_other_years, with_track_of_other_year, years_of_track
from episodes.reconciliation import compare_tracks, reconcile, settle
from episodes.reconciliation.tracks import track_notes
from pricing.hand_built_episodes import OHIO, TEXAS, episode, hand_built
from reconciliation.programmes import program_of
from reconciliation.test_reconcile import PRICES

TEAM = ep.load_program("team", performance_year=1)
# Ohio gains 300 on a target of 1000, Texas loses 500 on 2000; nobody has a quality score, so 50 is taken.
BUILT = hand_built(TEAM, [episode(700), episode(2_500, anchor_ccn=TEXAS)])


def test_which_years_have_a_track_is_data() -> None:
    assert {track: years_of_track(TEAM, track) for track in "123"} == {
        "1": ("1", "2", "3"),
        "2": ("2", "3", "4", "5"),
        "3": ("1", "2", "3", "4", "5"),
    }
    lacking = {year: tracks_of_other_years(TEAM.for_year(year)) for year in TEAM.performance_years}
    assert lacking == {"1": {"2": "2"}, "2": {}, "3": {}, "4": {"1": "3"}, "5": {"1": "3"}}
    assert [open_to(TEAM, track) for track in "123"] == ["every hospital", "nobody", "every hospital"]
    assert open_to(TEAM.for_year(2), "1") == "safety_net"
    assert open_to(ep.load_program("cjr", 1), "1") is None


def test_the_nearest_year_and_of_two_as_near_the_later() -> None:
    source = dict(TEAM._source)
    tracks = source["settlement"]["tracks"]["by_year"]
    own = {**tracks, "3": {"3": tracks["3"]["3"]}}
    settlement = {**source["settlement"], "tracks": {**source["settlement"]["tracks"], "by_year": own}}
    from episodes.programs.program import resolved

    third = resolved({**source, "settlement": settlement}, "3")
    # Track 1 is left in years 1 and 2, track 2 in years 2, 4 and 5.
    assert tracks_of_other_years(third) == {"1": "2", "2": "4"}


def test_by_default_the_tracks_of_the_year_alone() -> None:
    compared = compare_tracks(BUILT, PRICES)
    assert compared.select("party_id", "track", "amount_cents", "what_if", "best").rows() == [
        # 300 x (1 - 0.1 x 0.5) = 285, and of 1000 at most 10 % or 20 %
        (OHIO, "1", 100, False, False),
        (OHIO, "3", 200, False, True),
        # -500 x (1 - 0.1 x 0.5) = -475, at most 20 % of 2000
        (TEXAS, "1", 0, False, True),
        (TEXAS, "3", -400, False, False),
    ]
    assert set(compared["terms_of_year"]) == {"1"}


def test_a_track_that_the_year_does_not_have_is_refused_by_default() -> None:
    hint = (
        r"Unknown track of performance year 1 '2'.*Known: 1, 3.*exists in performance year 2, 3, 4, 5.*what_if_tracks"
    )
    for ask in (
        lambda: reconcile(BUILT, PRICES, track=2),
        lambda: compare_tracks(BUILT, PRICES, [1, 2, 3]),
        lambda: settle(TEAM, track=2, target_cents=100, actual_cents=100),
    ):
        with pytest.raises(ArgumentError, match=hint):
            ask()
    with pytest.raises(ArgumentError, match=r"Unknown track of performance year 1 '4'.*Known: 1, 3\.?$"):
        compare_tracks(BUILT, PRICES, ["4"], what_if_tracks=True)
    with pytest.raises(ArgumentError, match="names no track"):
        compare_tracks(BUILT, PRICES, [])


def test_as_a_what_if_it_is_settled_and_says_so() -> None:
    compared = compare_tracks(BUILT, PRICES, what_if_tracks=True)
    second = compared.filter(track="2")
    assert second.select("party_id", "amount_cents", "what_if", "terms_of_year", "open_to", "best").rows() == [
        # 285, and of 1000 at most 5 %
        (OHIO, 50, True, "2", "nobody", False),
        # -500 x (1 - 0.15 x 0.5) = -462.5, at most 5 % of 2000
        (TEXAS, -100, True, "2", "nobody", False),
    ]
    assert compared.filter(track="3", party_id=OHIO)["best"].item()
    others = compared.filter(~compared["what_if"])
    assert others.equals(compare_tracks(BUILT, PRICES))

    result = reconcile(BUILT, PRICES, track={OHIO: 2, TEXAS: 3}, what_if_tracks=True)
    said = "Track 2 does not exist in performance year 1 (42 CFR 512.520"
    assert result.notes[0].startswith(said)
    assert result.notes[0].endswith("terms of performance year 2, not the programme's result. 1 settlement here.")
    assert dict(result.parties.select("party_id", "terms_of_year").iter_rows()) == {OHIO: "2", TEXAS: "1"}
    waterfall = result.waterfall(OHIO)
    assert "track 2 (a what-if: terms of performance year 2)" in waterfall.title
    of_tracks = {row["status"] for row in waterfall.rows.to_dicts() if row["rule"] == "settlement.tracks"}
    assert of_tracks == {"overridden"}
    assert "overridden" not in {row["status"] for row in result.waterfall(TEXAS).rows.to_dicts()}
    assert "what-if" not in result.waterfall(TEXAS).title
    assert "settlement.tracks" in {rule["rule"] for rule in result.open_rules if rule["status"] == "overridden"}

    unused = reconcile(BUILT, PRICES, track=3, what_if_tracks=True)
    assert not any("does not exist" in note for note in unused.notes)
    assert unused.open_rules == TEAM.open_rules()
    assert unused.parties.equals(reconcile(BUILT, PRICES, track=3).parties)


def test_a_year_that_has_all_tracks_needs_no_what_if() -> None:
    second = TEAM.for_year(2)
    built = hand_built(second, [episode(700), episode(2_500, anchor_ccn=TEXAS)])
    given = _prices_for(second)
    compared = compare_tracks(built, given)
    assert compared.select("party_id", "track", "amount_cents", "best").rows() == [
        (OHIO, "1", 100, False),
        (OHIO, "2", 50, False),
        (OHIO, "3", 200, True),
        (TEXAS, "1", 0, True),
        (TEXAS, "2", -100, False),
        (TEXAS, "3", -400, False),
    ]
    assert dict(compared.select("track", "open_to").unique().iter_rows()) == {
        "1": "safety_net",
        "2": "medicare_dependent, rural, safety_net, sole_community, essential_access",
        "3": "every hospital",
    }
    assert not compared["what_if"].any()
    assert compare_tracks(built, given, what_if_tracks=True).equals(compared)


def test_terms_of_another_year_are_taken_whole() -> None:
    changed = with_track_of_other_year(TEAM, "2")
    assert changed.settlement.tracks.value["2"] == TEAM.for_year(2).settlement.tracks.value["2"]
    assert {name: changed.settlement.tracks.value[name] for name in "13"} == dict(TEAM.settlement.tracks.value)
    assert with_track_of_other_year(TEAM, "3") is TEAM
    assert with_track_of_other_year(TEAM, "9") is TEAM


def test_notes_name_what_the_year_lacks_and_whom_its_tracks_are_for() -> None:
    [lacking] = track_notes(TEAM, what_if=False)
    assert lacking.startswith("Track 2 does not exist in performance year 1 (42 CFR 512.520")
    assert "--what-if-tracks" in lacking
    second = track_notes(TEAM.for_year(2), what_if=True)
    assert second[0] == "Track 1 is open in performance year 2 to: safety_net; on request."
    assert len(second) == 2


def test_programmes_with_one_track_compare_it() -> None:
    cjr = program_of("cjr", "2")
    built = hand_built(cjr, [episode(700)])
    assert tracks_of_other_years(cjr) == {}
    assert track_notes(cjr, what_if=True) == []
    given = ep.reconciliation.compare_tracks(built, _prices_for(cjr))
    assert given.height == 1
    assert given["open_to"].item() is None
    json.dumps(given.to_dicts())


def _prices_for(program: ep.programs.Program) -> ep.pricing.TargetPrices:
    import dataclasses

    return dataclasses.replace(PRICES, program_id=program.id, performance_year=program.performance_year)
