"""What must not change a byte: threads, buckets, the order of rows, other people in the input."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import episodes as ep
import strategies

TABLES = strategies.random_tables(seed=11, people=120)
PERIOD = (dt.date(2024, 1, 1), dt.date(2031, 12, 31))


def build(tables: dict[str, list[dict[str, Any]]], **how: Any) -> ep.BuiltEpisodes:
    program = ep.load_program("team", 1, period=PERIOD)
    return ep.build_episodes(ep.Claims(**strategies.to_frames(tables)), program, **how)


@pytest.fixture(scope="module")
def plain() -> ep.BuiltEpisodes:
    return build(TABLES)


def assert_same(one: ep.BuiltEpisodes, other: ep.BuiltEpisodes) -> None:
    assert_frame_equal(one.episodes, other.episodes)
    assert_frame_equal(one.services.collect(), other.services.collect())
    assert_frame_equal(one.balance, other.balance)
    if other.risk is None:
        return
    assert one.risk is not None
    assert_frame_equal(one.risk, other.risk)
    for table, of_other in ((one.outcomes, other.outcomes), (one.attribution, other.attribution)):
        assert table is not None
        assert of_other is not None
        assert_frame_equal(table.collect(), of_other.collect())


@pytest.mark.parametrize("buckets", [1, 7, 64])
@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_threads_and_buckets_change_nothing(plain: ep.BuiltEpisodes, threads: int, buckets: int) -> None:
    further = () if buckets == 64 else None  # a small bucket costs as much as a large one
    assert_same(plain, build(TABLES, threads=threads, buckets=buckets, with_tables=further))


def test_order_of_rows_changes_nothing(plain: ep.BuiltEpisodes) -> None:
    backwards = {name: rows[::-1] for name, rows in TABLES.items()}
    assert_same(plain, build(backwards))


def test_unrelated_people_change_nothing_for_the_others(plain: ep.BuiltEpisodes) -> None:
    numeric_as_before = TABLES["claims"][0]["claim_id"].lstrip("-").isdigit()
    stranger = strategies.contract_row(
        "claims",
        beneficiary_id="a stranger",
        claim_id="900000001" if numeric_as_before else "a stranger's claim",
        setting="snf",
        from_date=dt.date(2026, 1, 1),
        thru_date=dt.date(2026, 1, 9),
        standardized_cents=77_700,
    )
    more = build({**TABLES, "claims": [*TABLES["claims"], stranger]})
    assert_frame_equal(plain.episodes, more.episodes)
    assert_frame_equal(plain.services.collect(), more.services.collect())
    grown = more.balance.join(plain.balance, on=["destination", "period", "reason"], nulls_equal=True, suffix="_before")
    changed = grown.filter(pl.col("cents") != pl.col("cents_before"))
    assert changed["destination"].to_list() == ["no_episode"]
    assert (changed["cents"] - changed["cents_before"]).to_list() == [77_700]


def test_dates_shifted_by_28_years_give_the_same_episodes() -> None:
    """28 years keep weekdays and leap years; the rules that name dates are switched off or shifted along."""
    days = dt.date(2054, 1, 1) - dt.date(2026, 1, 1)
    off = ["rural_community_hospital_demonstration", "outside_model_dates"]

    def shift(value: Any) -> Any:
        if isinstance(value, dt.date):
            return value + days
        return [shift(one) for one in value] if isinstance(value, list) else value

    without_old_drgs = {
        **TABLES,
        "claims": [
            {
                **row,
                "ms_drg": None if str(row["ms_drg"]) in {"453", "454", "455", "459", "460"} else row["ms_drg"],
                "pricing_drg": None
                if str(row["pricing_drg"]) in {"453", "454", "455", "459", "460"}
                else row["pricing_drg"],
            }
            for row in TABLES["claims"]
        ],
    }  # their map is dated
    later = {name: [{k: shift(v) for k, v in row.items()} for row in rows] for name, rows in without_old_drgs.items()}
    before = ep.load_program("team", 1, period=PERIOD, without_exclusions=off)
    after = before.for_period(PERIOD[0] + days, PERIOD[1] + days)
    one = ep.build_episodes(ep.Claims(**strategies.to_frames(without_old_drgs)), before)
    other = ep.build_episodes(ep.Claims(**strategies.to_frames(later)), after)
    same = [
        "beneficiary_id",
        "anchor_claim_id",
        "category",
        "status",
        "reasons",
        "flags",
        "episode_cents",
        "post_episode_cents",
    ]
    assert_frame_equal(one.episodes.select(same), other.episodes.select(same))
