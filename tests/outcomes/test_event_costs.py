"""What stands behind the readmission measures, and what their events cost."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.outcomes import episode_readmissions, event_costs, outcomes_of
from outcomes.hand_built import episode, tables

DAY = dt.date(2026, 3, 20)


def readmissions(case: dict[str, Any], **how: Any) -> pl.DataFrame:
    given = tables(case)
    return episode_readmissions(episode(case), given["claims"], given["lines"], given["beneficiaries"], **how)


def test_a_readmission_in_full() -> None:
    stays = [
        {"id": "T", "from": dt.date(2026, 3, 6), "thru": dt.date(2026, 3, 9), "ccn": "360002", "dx": ["I2699"]},
        {"id": "R", "from": DAY, "thru": dt.date(2026, 3, 22), "ccn": "360002", "dx": ["A419"]},
    ]
    stays[0] |= {"attending": "1000000002"}
    care = [{"id": "S", "setting": "snf", "from": dt.date(2026, 3, 9), "thru": DAY, "ccn": "365001"}]
    row = readmissions({"stays": stays, "care": care}).row(0, named=True)
    assert row == {
        "episode_id": "E",
        "discharge": dt.date(2026, 3, 9),
        "claim_id": "R",
        "ccn": "360002",
        "admission": DAY,
        "days": 11,
        "planned": False,
        "planned_reason": "no_planned_procedure",
        "same_hospital": True,  # as the one that discharged
        "source": "snf",
        "discharging_ccn": "360002",
        "discharging_operating_npi": None,
        "discharging_attending_npi": "1000000002",
    }


def test_nobody_is_readmitted_who_died_or_left_against_advice() -> None:
    stays = [{"id": "R", "from": DAY, "thru": DAY, "ccn": "360002", "dx": ["A419"]}]
    assert readmissions({"stays": stays}).height == 1
    assert readmissions({"stays": stays}, days=14).is_empty()
    for status in ("20", "07"):
        assert readmissions({"stays": stays, "anchor": {"status": status}}).is_empty()


def service(claim: str, setting: str, first: int, last: int, cents: int, **other: Any) -> dict[str, Any]:
    return {
        "episode_id": "E",
        "claim_id": claim,
        "setting": setting,
        "service_start": dt.date(2026, 3, first),
        "service_end": dt.date(2026, 3, last),
        "period": "post",
        "disposition": "included",
        "cents": cents,
        **other,
    }


def test_costs_by_hand() -> None:
    services = pl.DataFrame(
        [
            service("A", "inpatient", 2, 5, 1_500_000, period="anchor"),
            service("R", "inpatient", 20, 24, 900_000),
            service("R", "inpatient", 20, 24, 100_000, period="post_episode"),  # the part beyond the end
            service("P1", "professional", 20, 20, 20_000),  # the first day
            service("P2", "professional", 24, 24, 10_000),  # the last day
            service("P3", "professional", 25, 25, 7_000),  # the day after
            service("P4", "professional", 22, 22, 5_000, disposition="excluded"),
            service("O", "outpatient", 22, 22, 3_000),  # not professional
            service("P5", "professional", 22, 22, 1_000, episode_id="F"),  # of another episode
        ]
    )
    event = {"episode_id": "E", "event": True, "event_claim_id": "R", "days": 15}
    outcomes = pl.DataFrame(
        [
            {**event, "measure": "readmission_30"},
            {**event, "measure": "complication_ami", "days": 18},
            {**event, "measure": "complication_bleeding", "event_claim_id": "A", "days": 0},  # in the anchor stay
            {**event, "measure": "complication_death", "event_claim_id": None},
            {**event, "measure": "emergency_return_30"},
            {**event, "measure": "readmission_90", "event": False},  # planned
        ]
    )
    found = event_costs(outcomes, services)
    assert found.rows() == [
        ("E", "readmission_30", "R", 900_000, 30_000, 930_000),
        ("E", "complication_ami", "R", 900_000, 30_000, 930_000),
    ]


def test_costs_of_the_bundled_set_are_never_more_than_the_episode() -> None:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
    given = [claims.table(name).collect() for name in ("claims", "lines", "beneficiaries")]
    outcomes = outcomes_of(built.final(), *given)
    costs = event_costs(outcomes, built.services.collect()).filter(measure="readmission_window")
    assert costs.height == outcomes.filter(measure="readmission_window", event=True).height
    joined = costs.join(built.final(), on="episode_id")
    assert (joined["cents"] <= joined["post_cents"]).all()
    assert (joined["facility_cents"] > 0).any()


@pytest.mark.parametrize("column", ["cents", "period"])
def test_services_without_amounts_are_an_error(column: str) -> None:
    services = pl.DataFrame([service("R", "inpatient", 20, 24, 1)]).drop(column)
    outcomes = pl.DataFrame(
        [{"episode_id": "E", "event": True, "event_claim_id": "R", "days": 15, "measure": "readmission_30"}]
    )
    with pytest.raises(ep.EpisodesError, match=column):
        event_costs(outcomes, services)
