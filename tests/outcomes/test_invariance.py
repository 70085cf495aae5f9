"""What must not change an outcome: the order of rows, other people, the bucket a person is in; and what must hold."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import episodes as ep
from episodes.errors import ArgumentError, ContractError
from episodes.outcomes import OUTCOME_SCHEMA, outcomes_of
from outcomes.hand_built import episode, measured, tables


@pytest.fixture(scope="module")
def built() -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    program = ep.load_program("team", 1, period=(dt.date(2021, 1, 1), dt.date(2028, 12, 31)))
    tables = [claims.table(name).collect() for name in ("claims", "lines", "beneficiaries")]
    return ep.build_episodes(claims, program).episodes, tables


def test_columns(built) -> None:
    found = outcomes_of(built[0], *built[1])
    assert dict(found.schema) == OUTCOME_SCHEMA
    assert found.select("episode_id", "measure").is_unique().all()
    assert found["episode_id"].unique(maintain_order=True).to_list() == built[0]["episode_id"].to_list()


def test_order_of_rows_changes_nothing(built) -> None:
    episodes, tables = built
    shuffled = [table.sample(fraction=1, shuffle=True, seed=5) for table in tables]
    assert_frame_equal(outcomes_of(episodes, *tables), outcomes_of(episodes, *shuffled))


def test_buckets_of_people_change_nothing(built) -> None:
    episodes, tables = built
    whole = outcomes_of(episodes, *tables)
    people = episodes["beneficiary_id"].unique().sort()
    parts = []
    for bucket in range(3):
        own = people.gather_every(3, offset=bucket).to_list()
        of_people = [table.filter(pl.col("beneficiary_id").is_in(own)) for table in [episodes, *tables]]
        parts.append(outcomes_of(*of_people))
    assert_frame_equal(pl.concat(parts).sort("episode_id", "measure"), whole.sort("episode_id", "measure"))


def test_no_episodes_have_no_outcomes(built) -> None:
    episodes, tables = built
    assert outcomes_of(episodes.clear(), *tables).is_empty()
    assert dict(outcomes_of(episodes.clear(), *tables).schema) == OUTCOME_SCHEMA


def test_a_lacking_column_is_named(built) -> None:
    episodes, tables = built
    with pytest.raises(ContractError, match="lacks 2 columns: anchor_code, scheduled_end"):
        outcomes_of(episodes.drop("anchor_code", "scheduled_end"), *tables)
    with pytest.raises(ContractError, match="claims table lacks 1 column: keep_inner"):
        outcomes_of(episodes, tables[0].drop("keep_inner"), *tables[1:])
    with pytest.raises(ArgumentError, match="Known: anchor_end, day_after_anchor_end"):
        outcomes_of(episodes, *tables, day_one="tomorrow")


def test_columns_that_may_be_absent_change_nothing_else() -> None:
    given_tables = tables({})
    bare = given_tables["claims"].with_columns(
        present_on_admission=pl.lit(None, dtype=pl.List(pl.String)),
        procedure_dates=pl.lit(None, dtype=pl.List(pl.Date)),
    )
    found = outcomes_of(episode({}), bare, given_tables["lines"], given_tables["beneficiaries"])
    assert found.filter(measure="readmission_30")["event"].to_list() == [False]


DIAGNOSES = st.sampled_from([["A419"], ["M1712"], ["I214", "J189"], ["I2699"], ["T8453XA"], ["0389"], []])
HOSPITALS = st.sampled_from(["360001", "360002", "361301", "363030", "365001"])


@st.composite
def stays(draw) -> list[dict]:
    drawn = []
    for number in range(draw(st.integers(0, 6))):
        start = dt.date(2026, 2, 20) + dt.timedelta(days=draw(st.integers(0, 120)))
        drawn.append(
            {
                "id": f"S{number}",
                "from": start,
                "thru": start + dt.timedelta(days=draw(st.integers(0, 12))),
                "ccn": draw(HOSPITALS),
                "dx": draw(DIAGNOSES),
                "px": draw(st.sampled_from([[], ["0SRD0J9"], ["0S9C0ZZ"]])),
                "status": draw(st.sampled_from(["01", "02", "07", "20", "30"])),
            }
        )
    return drawn


@settings(max_examples=60)
@given(stays(), st.one_of(st.none(), st.integers(-20, 200)))
def test_whatever_happens_the_measures_agree_with_each_other(drawn, dies_after) -> None:
    died = None if dies_after is None else dt.date(2026, 3, 2) + dt.timedelta(days=dies_after)
    found = measured({"stays": drawn, "died": died})
    early, late = found["readmission_30"], found["readmission_90"]
    if early["event_claim_id"] is not None:  # the first within 30 days is the first within 90
        assert (early["event_claim_id"], early["event"]) == (late["event_claim_id"], late["event"])
    if found["mortality_30"]["event"]:
        assert found["mortality_90"]["event"]
    assert 0 <= found["days_at_home"]["value"] <= 30
    kinds = [row for name, row in found.items() if name.startswith("complication_") and name != "complication_any"]
    any_one = found["complication_any"]
    if any_one["event"] is not None:
        assert any_one["event"] == any(row["event"] for row in kinds)
        if any_one["event"]:
            assert any_one["days"] == min(row["days"] for row in kinds if row["event"])
    for name, row in found.items():
        if name.startswith("readmission"):
            assert row["event"] is not True or row["planned"] is False
            assert row["days"] is None or row["days"] >= 0
        if row["event"] is None and name not in ("length_of_stay", "days_at_home"):
            assert row["reason"]
        if (
            row["event"] is not True
            and row["planned"] is None
            and row["reason"] not in ("icd_9_codes", "no_principal_diagnosis")
        ):
            assert row["event_claim_id"] is None


@settings(max_examples=60)
@given(stays())
def test_days_at_home_by_counting_every_day(drawn) -> None:
    """Day by day: in a facility from the day it is entered to the day before it is left, or on that day alone."""
    away = set()
    for stay in drawn:
        last = stay["thru"]
        if last > stay["from"] and stay["status"] != "30":
            last -= dt.timedelta(days=1)
        away |= {stay["from"] + dt.timedelta(days=day) for day in range((last - stay["from"]).days + 1)}
    window = {dt.date(2026, 3, 5) + dt.timedelta(days=day) for day in range(30)}
    anchor_days = {dt.date(2026, 3, 2), dt.date(2026, 3, 3), dt.date(2026, 3, 4)}
    assert measured({"stays": drawn})["days_at_home"]["value"] == len(window - away - anchor_days)
