"""Scorecards, facilities, referrals and the agreement of methods, on made-up rows and on the bundled set."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.attribution import (
    attribute,
    cost_by_centre,
    cost_ratio_scores,
    expected_costs,
    hospital_scorecard,
    judging_rules,
    method_agreement,
    outcome_scorecard,
    physician_scorecard,
    post_acute_facilities,
    reclassification,
    referral_network,
)
from episodes.errors import ArgumentError, ContractError

DAY = dt.date(2025, 1, 10)
EPISODES = pl.DataFrame(
    {
        "episode_id": ["1", "2", "3", "4", "5"],
        "category": "LEJR",
        "price_cell": ["470", "470", "470", "521", "521"],
        "status": ["final", "final", "final", "final", "excluded"],
        "anchor_ccn": ["x", "x", "y", "z", "z"],
        "operating_npi": ["a", "b", "b", "c", "c"],
        "attending_npi": ["m", "m", "n", "c", "c"],
        "episode_end": DAY + dt.timedelta(days=30),
        "episode_cents": [100, 200, 300, 500, 9999],
    }
)


def service(
    episode: str, category: str, cents: int, ccn: str | None, day: int, days: int, **changes: Any
) -> dict[str, Any]:
    setting = "inpatient" if category in ("anchor_facility", "irf", "readmission") else category
    return {
        "episode_id": episode,
        "setting": setting,
        "category": category,
        "period": "post",
        "disposition": "included",
        "cents": cents,
        "ccn": ccn,
        "service_start": DAY + dt.timedelta(days=day),
        "service_end": DAY + dt.timedelta(days=day + days - 1),
        **changes,
    }


SERVICES = pl.DataFrame(
    [
        service("1", "anchor_facility", 60, "x", 0, 1, period="anchor"),
        service("1", "snf", 30, "s1", 1, 10),
        service("1", "home_health", 10, "h1", 11, 20),
        service("2", "anchor_facility", 110, "x", 0, 1, period="anchor"),
        service("2", "snf", 90, "s2", 1, 35),
        service("3", "anchor_facility", 300, "y", 0, 1, period="anchor"),
        service("4", "anchor_facility", 440, "z", 0, 1, period="anchor"),
        service("4", "snf", 60, "s1", 1, 5),
        service("5", "snf", 999, "s1", 1, 5),
    ]
)
OUTCOMES = pl.DataFrame(
    {
        "episode_id": ["1", "2", "3", "4", "5"],
        "measure": "readmission_30",
        "event": [True, False, None, True, True],
    }
)
ATTRIBUTION = attribute(EPISODES, SERVICES, methods=["hospital", "operating", "attending", "own_claims"])
NAMES = pl.DataFrame({"npi": ["a", "b", "b"], "name": ["Ann", "old name", "Bo"], "start_date": [None, None, DAY]})


def test_a_physicians_card() -> None:
    # cell 470: mean 200; b: 200 + 300 of 400 expected. Episode 5 does not count; 3 has no known outcome
    card = physician_scorecard(EPISODES, ATTRIBUTION, outcomes=OUTCOMES, names=NAMES, measures=["readmission_30", "x"])
    b = card.filter(pl.col("party_id") == "b").row(0, named=True)
    assert card["party_id"].to_list() == ["a", "b", "c"]
    assert (b["name"], b["episodes"], b["observed_cents"], b["expected_cents"], b["mean_cents"]) == (
        "Bo",
        2,
        500,
        400,
        250,
    )
    assert (b["ratio"], b["attributed_episodes"], b["hospitals"], b["episode_ids"]) == (1.25, 2.0, 2, ["2", "3"])
    assert (b["readmission_30_events"], b["readmission_30_episodes"], b["readmission_30_rate"]) == (0, 1, 0.0)
    # c is alone at z, which has nobody else; a shares x with b
    assert dict(card.select("party_id", "inseparable_reason").iter_rows()) == {
        "a": None,
        "b": None,
        "c": "only_surgeon_of_the_hospital",
    }
    assert card.filter(~pl.col("separable"))["party_id"].to_list() == ["c"]


def test_a_hospitals_card() -> None:
    card = hospital_scorecard(EPISODES, ATTRIBUTION)
    assert card.select("party_id", "episodes", "ratio", "surgeons").rows() == [
        ("x", 2, 0.75, 2),
        ("y", 1, 1.5, 1),
        ("z", 1, 1.0, 1),
    ]
    assert card["inseparable_reason"].to_list() == [None, None, "only_surgeon_of_the_hospital"]


def test_given_expectations_peers_and_categories() -> None:
    expected = pl.DataFrame({"episode_id": ["1", "2", "3"], "expected_cents": [100, 100, 100]})
    peers = pl.DataFrame({"party_id": ["a"], "peer_group": ["joint team"]})
    card = physician_scorecard(EPISODES, ATTRIBUTION, expected, peer_groups=peers, within=["category"])
    assert card.select("party_id", "category", "peer_group", "ratio").rows() == [
        ("a", "LEJR", "joint team LEJR", 1.0),
        ("b", "LEJR", "all LEJR", 2.5),
    ]


def test_parts_are_compared_with_what_the_role_usually_costs() -> None:
    # SNF in cell 470: 30 of an episode of 100, 90 of one of 200: typically 120/300 of the expected 200 = 80
    rows = ep.attribution.scorecards.cost_rows(EPISODES, ATTRIBUTION, None, "own_claims")
    snf = rows.filter((pl.col("role") == "snf") & (pl.col("episode_id") != "4")).sort("episode_id")
    assert snf.select("party_id", "observed_cents", "expected_cents").rows() == [("s1", 30, 80.0), ("s2", 90, 80.0)]


def test_outcomes_of_a_party() -> None:
    card = outcome_scorecard(
        EPISODES, ATTRIBUTION, OUTCOMES, "readmission_30", method="hospital", party_kind="hospital"
    )
    # of 470 episodes 1 of 2 is known to have the event (rate 0.5); x has both
    assert card.select("party_id", "episodes", "measured_events", "expected_events", "ratio").rows() == [
        ("x", 2, 1, 1.0, 1.0),
        ("z", 1, 1, 1.0, 1.0),
    ]
    given = pl.DataFrame({"episode_id": ["1", "2", "4"], "expected": [0.25, 0.25, 0.1]})
    card = outcome_scorecard(EPISODES, ATTRIBUTION, OUTCOMES, "readmission_30", given)
    assert card["ratio"].to_list() == pytest.approx([4.0, 0.0, 10.0])
    hidden = outcome_scorecard(EPISODES, ATTRIBUTION, OUTCOMES, "readmission_30", suppress_below=2)
    assert hidden["ratio"].null_count() == 3
    with pytest.raises(ArgumentError, match="Did you mean 'readmission_30'"):
        outcome_scorecard(EPISODES, ATTRIBUTION, OUTCOMES, "readmision_30")


def test_facilities() -> None:
    table = post_acute_facilities(EPISODES, SERVICES, OUTCOMES, preferred=["s2"])
    columns = [
        "category",
        "party_id",
        "preferred",
        "episodes",
        "first_destination",
        "hospitals",
        "days",
        "observed_cents",
    ]
    assert table.select(columns).rows() == [
        ("home_health", "h1", False, 1, 0, 1, None, 10),
        ("snf", "s1", False, 2, 2, 2, 15, 90),
        ("snf", "s2", True, 1, 1, 1, 30, 90),  # 35 days, of which the episode holds 30
    ]
    # s1: 30 + 60 of (30+90)/2 + 60 = 120 expected
    assert table.filter(pl.col("party_id") == "s1")["ratio"].item() == 0.75
    assert table.filter(pl.col("party_id") == "s1").select("readmission_30_events", "readmission_30_episodes").row(
        0
    ) == (2, 2)


def test_referrals() -> None:
    table = referral_network(EPISODES, SERVICES, preferred=["s2"])
    edges = table.select("from_id", "to_kind", "to_id", "category", "preferred", "episodes", "share_of_from").rows()
    assert ("x", "post_acute", "s1", "snf", False, 1, 0.5) in edges
    assert ("x", "post_acute", "s2", "snf", True, 1, 0.5) in edges
    assert ("y", "post_acute", "none", None, None, 1, 1.0) in edges
    assert ("b", "hospital", "y", None, False, 1, 0.5) in edges
    shares = table.group_by("from_kind", "from_id", "to_kind").agg(pl.col("share_of_from").sum())
    assert set(shares["share_of_from"]) == {1.0}
    whole = table.filter(pl.col("from_kind") == "hospital")["observed_cents"].sum()
    assert whole == 1100


def test_tables_that_leave_the_house_say_nothing_of_few() -> None:
    card = physician_scorecard(EPISODES, ATTRIBUTION, outcomes=OUTCOMES, suppress_below=2)
    assert card["suppressed"].to_list() == [True, True, True]  # b has 2 episodes, but an outcome of 1 only
    assert card["ratio"].to_list() == [None, 1.25, None]
    assert card["readmission_30_rate"].null_count() == 3
    for table in (
        post_acute_facilities(EPISODES, SERVICES, suppress_below=2),
        referral_network(EPISODES, SERVICES, suppress_below=2),
    ):
        assert "episode_ids" not in table.columns
        assert table.filter(pl.col("suppressed"))["observed_cents"].null_count() == table["suppressed"].sum()


def test_agreement_of_methods() -> None:
    table = method_agreement(ATTRIBUTION)
    pairs = {
        (a, b): (same, share)
        for a, b, same, share in table.select("method_a", "method_b", "same_party", "same_share").iter_rows()
    }
    assert len(pairs) == 16
    assert all(
        pairs[one, one] == pytest.approx((1.0, 1.0)) for one in ("hospital", "operating", "attending", "own_claims")
    )
    assert pairs["operating", "attending"] == (0.4, 0.4)  # episodes 4 and 5, both c
    # own claims: the hospital has most of 1, 2 (110 to 90), 3, 4; episode 5 is not explained but for its SNF
    assert pairs["hospital", "own_claims"] == pytest.approx((0.8, (0.6 + 0.55 + 1.0 + 0.88 + 0.0) / 5))


def test_reclassification() -> None:
    rules = judging_rules(settings={"minimum_episodes": 1})
    table = reclassification(EPISODES, ATTRIBUTION, classes="tercile", rules=rules)
    both = table.filter((pl.col("method_a") == "operating") & (pl.col("method_b") == "attending"))
    # operating: a 0.5 (1), c 1.0 (2), b 1.25 (3); attending: m 0.75 (1), c 1.0 (2), n 1.5 (3)
    assert both.select("class_a", "class_b", "parties").rows() == [
        ("1", "absent", 1),
        ("2", "2", 1),
        ("3", "absent", 1),
        ("absent", "1", 1),
        ("absent", "3", 1),
    ]
    assert both.filter("changed")["share"].sum() == pytest.approx(0.8)
    few = reclassification(EPISODES, ATTRIBUTION)
    assert set(few["class_a"]) == {"not_ranked", "absent"}
    flags = reclassification(EPISODES, ATTRIBUTION, classes="flag")
    assert set(flags["class_a"]) == {"not_judged", "absent"}
    with pytest.raises(ArgumentError, match="Unknown classes"):
        reclassification(EPISODES, ATTRIBUTION, classes="decile")


def test_wrong_arguments_are_said() -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'operating'"):
        physician_scorecard(EPISODES, ATTRIBUTION, method="operatin")
    with pytest.raises(ContractError, match="expected_cents"):
        physician_scorecard(EPISODES, ATTRIBUTION, EPISODES.select("episode_id"))


def test_the_bundled_set() -> None:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
    attribution = attribute(built.episodes, built.services, claims.lines, built.participants, claims.clinicians)
    final = built.final()
    card = physician_scorecard(built.episodes, attribution, names=claims.clinicians.collect())
    operated = final.filter(pl.col("operating_npi").is_not_null())
    assert card["episodes"].sum() == operated.height
    assert card["observed_cents"].sum() == operated["episode_cents"].sum()
    assert card["name"].null_count() == 0
    assert card["expected_cents"].sum() == pytest.approx(
        expected_costs(final)
        .filter(pl.col("episode_id").is_in(operated["episode_id"].implode()))["expected_cents"]
        .sum(),
        abs=card.height,
    )
    hospitals = hospital_scorecard(built.episodes, attribution, names=built.hospitals)
    assert hospitals["observed_cents"].sum() == final["episode_cents"].sum()
    facilities = post_acute_facilities(built.episodes, built.services)
    parts = final.select("snf_cents", "irf_cents", "ltch_cents", "home_health_cents", "hospice_cents").sum()
    assert facilities["observed_cents"].sum() == parts.sum_horizontal().item()
    network = referral_network(built.episodes, built.services)
    assert network.filter(pl.col("from_kind") == "hospital")["episodes"].sum() == final.height
    agreement = method_agreement(attribution)
    assert agreement.filter(pl.col("method_a") == pl.col("method_b"))["same_party"].to_list() == [1.0] * 10
    assert reclassification(built.episodes, attribution, classes="quartile").height > 90


def test_cost_by_centre_conserves() -> None:
    table = cost_by_centre(EPISODES, SERVICES)
    first = table.filter(pl.col("episode_id") == "1")
    assert first.select("cost_centre", "cents").rows() == [("facility_anchor", 60), ("snf", 30), ("home_health", 10)]
    assert table.filter(pl.col("cost_centre") == "not_in_services").rows() == [("5", "not_in_services", 9000)]
    totals = table.group_by("episode_id").agg(pl.col("cents").sum()).sort("episode_id")
    assert totals["cents"].to_list() == EPISODES["episode_cents"].to_list()


def test_cost_ratio_scores_of_clinicians() -> None:
    # b: (200/200 + 300/200) / 2 = 1.25 of 1,000
    table = cost_ratio_scores(EPISODES, ATTRIBUTION, national_mean_cents=1000)
    assert table.filter(pl.col("party_id") == "b").row(0) == ("b", 2, 1.25, 1250, False)


def test_complications_need_their_own_volume() -> None:
    many = pl.DataFrame({"episode_id": [str(n) for n in range(40)], "episode_cents": 100}).with_columns(
        anchor_ccn=pl.lit("x"), operating_npi=pl.lit("a")
    )
    outcomes = pl.DataFrame(
        {"episode_id": many["episode_id"], "measure": "complication_any", "event": [n % 4 == 0 for n in range(40)]}
    )
    attribution = attribute(many, SERVICES, methods="operating")
    few = outcomes.head(24)
    assert outcome_scorecard(many, attribution, outcomes, "complication_any")["reasons"].to_list() == [["no_peers"]]
    assert "below_minimum_volume" in outcome_scorecard(many, attribution, few, "complication_any")["reasons"].item()
