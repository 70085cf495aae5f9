"""CJR construction: its boundary days, its anchors by performance year, and what cancels an episode (42 CFR 510)."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.errors import ProgramError

DISCHARGED = dt.date(2023, 3, 4)
COVERED = pl.DataFrame(
    {"beneficiary_id": ["p", "p"], "kind": ["part_a", "part_b"], "start_date": [dt.date(2015, 1, 1)] * 2}
)


def stay(**changed: Any) -> dict[str, Any]:
    return {
        "beneficiary_id": "p",
        "claim_id": "1",
        "setting": "inpatient",
        "ms_drg": "470",
        "ccn": "360001",
        "from_date": DISCHARGED - dt.timedelta(days=3),
        "thru_date": DISCHARGED,
        "standardized_cents": 1_000_000,
    } | changed


def build(
    *claims: dict[str, Any], year: str = "7", lines: pl.DataFrame | None = None, died: dt.date | None = None
) -> ep.BuiltEpisodes:
    people = pl.DataFrame({"beneficiary_id": ["p"], "death_date": [died]}, schema_overrides={"death_date": pl.Date})
    frames = ep.Claims(claims=pl.DataFrame(list(claims)), lines=lines, beneficiaries=people, coverage=COVERED)
    return ep.build_episodes(frames, ep.load_program("cjr", year))


def test_discharge_day_is_day_one_of_ninety_and_thirty_follow() -> None:
    episode = build(stay()).episodes.row(0, named=True)
    assert episode["status"] == "final"
    assert episode["episode_end"] == DISCHARGED + dt.timedelta(days=89)
    assert episode["post_episode_end"] == DISCHARGED + dt.timedelta(days=119)


@pytest.mark.parametrize(("day", "period"), [(0, "post"), (89, "post"), (90, "post_episode"), (119, "post_episode")])
def test_a_service_belongs_to_the_period_of_its_day(day: int, period: str) -> None:
    visit_day = DISCHARGED + dt.timedelta(days=day)
    visit = stay(claim_id="2", setting="professional", ms_drg=None, ccn=None, from_date=visit_day, thru_date=visit_day)
    lines = pl.DataFrame(
        {
            "beneficiary_id": ["p"],
            "claim_id": ["2"],
            "line_number": [1],
            "service_date": [visit_day],
            "hcpcs": ["99213"],
            "standardized_cents": [9_000],
        }
    )
    built = build(stay(), visit, lines=lines)
    assert built.services.filter(pl.col("claim_id") == "2").collect()["period"].to_list() == [period]


@pytest.mark.parametrize(
    ("day", "reasons"), [(-1, ["death_in_episode"]), (89, ["death_in_episode"]), (90, []), (100, [])]
)
def test_death_in_the_episode_cancels_it(day: int, reasons: list[str]) -> None:
    built = build(stay(), died=DISCHARGED + dt.timedelta(days=day))
    assert built.episodes["reasons"].to_list() == [reasons]


def test_a_second_joint_cancels_the_first() -> None:
    again = DISCHARGED + dt.timedelta(days=60)
    second = stay(claim_id="2", from_date=again, thru_date=again + dt.timedelta(days=2))
    episodes = build(stay(), second).episodes.sort("anchor_start")
    assert episodes["status"].to_list() == ["overlapped", "final"]
    assert episodes["reasons"].to_list() == [["cancelled_by_later_episode"], []]


@pytest.mark.parametrize(("year", "found"), [("5.1", 0), ("5.2", 0), ("6", 1), ("8", 1)])
def test_outpatient_joints_count_from_year_six(year: str, found: int) -> None:
    program = ep.load_program("cjr", year)
    day = program.period[0]
    claim = stay(setting="outpatient", ms_drg=None, from_date=day, thru_date=day)
    lines = pl.DataFrame(
        {
            "beneficiary_id": ["p"],
            "claim_id": ["1"],
            "line_number": [1],
            "service_date": [day],
            "hcpcs": ["27447"],
            "standardized_cents": [1_200_000],
        }
    )
    built = build(claim, lines=lines, year=year)
    assert built.episodes["price_code"].to_list() == ["470"] * found


def test_an_episode_belongs_to_the_year_it_ends_in() -> None:
    december = stay(from_date=dt.date(2022, 12, 1), thru_date=dt.date(2022, 12, 4))
    assert build(december, year="7").episodes["status"].to_list() == ["final"]
    assert build(december, year="6").episodes["reasons"].to_list() == [["out_of_period"]]


def test_construction_rules_alone_have_no_prices_and_no_settlement(tmp_path: Path) -> None:
    whole = (files("episodes.programs") / "rules" / "cjr.toml").read_text(encoding="utf-8")
    alone = tmp_path / "cjr.toml"
    alone.write_text(whole.split("# --- price")[0], encoding="utf-8")
    program = ep.load_program(alone, 7)
    built = build(stay())
    with pytest.raises(ProgramError, match="say nothing of prices"):
        ep.target_prices(built, program)
    with pytest.raises(ProgramError, match="say nothing of prices"):
        program.for_baseline()
