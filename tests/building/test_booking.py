"""What few programmes book: splits at the anchor's end, removed hospitals; and one overlap reason in the ladder."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from cases_loader import load_cases

CASES = {case.id: case for case in load_cases(Path(__file__).parents[1] / "cases" / "bpci_advanced")}


def stay_and_nursing(*, remainder: str) -> ep.BuiltEpisodes:
    """A stay of March 1 to 4 with a nursing claim of March 2 to 11 and a scheduled end of March 6 (three days)."""
    claims = pl.DataFrame(
        {
            "beneficiary_id": ["p", "p"],
            "claim_id": ["1", "2"],
            "setting": ["inpatient", "snf"],
            "ms_drg": ["470", None],
            "ccn": ["360001", "365001"],
            "from_date": [dt.date(2026, 3, 1), dt.date(2026, 3, 2)],
            "thru_date": [dt.date(2026, 3, 4), dt.date(2026, 3, 11)],
            "standardized_cents": [1_000_000, 100_000],
        }
    )
    covered = pl.DataFrame(
        {"beneficiary_id": ["p", "p"], "kind": ["part_a", "part_b"], "start_date": [dt.date(2020, 1, 1)] * 2}
    )
    program = ep.load_program("team", 1).override(
        {"split_at_anchor_end": True, "services.remainder": remainder, "window.post_days": 3, "post_episode_days": 4}
    )
    return ep.build_episodes(ep.Claims(claims=claims, coverage=covered), program)


@pytest.mark.parametrize(
    ("remainder", "after"),
    [
        ("post_episode", 50_000),  # days 7 to 11: all that is left
        ("by_days", 40_000),  # March 7 to 10; the 11th lies past the window
    ],
)
def test_a_claim_over_the_anchors_end_is_split_once(remainder: str, after: int) -> None:
    built = stay_and_nursing(remainder=remainder)
    rows = built.services.filter(pl.col("claim_id") == "2").select("period", "cents").collect().rows()
    # two of ten days before the discharge day, March 4 to 6 in the three days from it
    assert rows == [("anchor", 20_000), ("post", 30_000), ("post_episode", after)]
    booked = built.balance.filter(reason="past_windows")["cents"].sum()
    assert booked == 50_000 - after
    assert built.balance["cents"].sum() == 1_100_000


def test_a_removed_hospital_is_booked_by_its_name() -> None:
    case = CASES["ccn-670899-stays"]
    built = ep.build_episodes(
        ep.Claims(**case.frames()),
        ep.load_program("bpci-advanced"),
        references=ep.References(**case.reference_frames()),
    )
    assert "removed_hospital" in built.balance["reason"].to_list()
    assert "not_kept_stay" not in built.balance["reason"].to_list()


def test_the_ladder_shows_the_programmes_own_overlap_reason() -> None:
    names = []
    for case in CASES.values():
        if case.section == "11":
            built = ep.build_episodes(
                ep.Claims(**case.frames()),
                ep.load_program("bpci-advanced"),
                references=ep.References(**case.reference_frames()),
            )
            ladder = built.ladder()
            overlapped = built.episodes.filter(pl.col("status") == "overlapped").height
            assert ladder.filter(reason="bpcia_overlap")["as_first_reason"].to_list() == [overlapped]
            names += ladder["reason"].to_list()
            if overlapped:
                break
    assert "within_earlier_episode" not in names
