"""Metrics on hand-made frames, levels at their bounds, fee-schedule amounts, whose an episode is, recoupment."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.alignment import Metric, load_arrangement
from episodes.alignment.facts import episodes_of, weights_and_levels
from episodes.errors import ArgumentError, ContractError

EPISODES = pl.DataFrame(
    {
        "episode_id": ["1", "2", "3", "4"],
        "length_of_stay": [2, 4, 4, 6],
        "readmission_cents": [0, 0, 500, 0],
        "capped_cents": [90, 100, 110, None],
        "price_cents": [100, 100, 100, 100],
    }
)
OUTCOMES = pl.DataFrame(
    {
        "episode_id": ["1", "2", "3", "9", "1"],
        "measure": ["readmission_90"] * 4 + ["length_of_stay"],
        "event": [True, False, False, True, None],
        "value": [None, None, None, None, 2.5],
    }
)


def metric(**changes: Any) -> Metric:
    plain = {
        "id": "m",
        "name": "M",
        "definition": "",
        "source": "episodes",
        "measure": "length_of_stay",
        "direction": "lower",
        "threshold": 5,
        "target": 4,
        "stretch": 3,
        "period": "year",
        "citation": "contract",
    }
    return Metric.model_validate(plain | changes)


MEASURED = {
    "a mean": ({}, Fraction(4), 4, Fraction(3, 4)),
    "a rate of episodes": (
        {"measure": "readmission_cents", "statistic": "rate", "threshold": 0.25, "target": 0.2, "stretch": 0.1},
        Fraction(1, 4),
        4,
        Fraction(1, 2),
    ),
    "a ratio leaves out what is not settled": (
        {
            "measure": "capped_cents",
            "of": "price_cents",
            "statistic": "ratio",
            "threshold": 1,
            "target": 0.9,
            "stretch": 0.8,
        },
        Fraction(1),
        3,
        Fraction(1, 2),
    ),
    "a rate of outcomes, of the own episodes only": (
        {
            "source": "outcomes",
            "measure": "readmission_90",
            "statistic": "rate",
            "threshold": 0.3,
            "target": 0.2,
            "stretch": 0.1,
        },
        Fraction(1, 3),
        3,
        Fraction(0),
    ),
    "a mean of outcomes": (
        {"source": "outcomes", "measure": "length_of_stay"},
        Fraction(5, 2),
        1,
        Fraction(1),
    ),
    "too few": ({"minimum_volume": 5}, Fraction(4), 4, None),
    "just enough": ({"minimum_volume": 4}, Fraction(4), 4, Fraction(3, 4)),
    "recorded": ({"source": "recorded", "measure": ""}, Fraction(7, 2), None, Fraction(3, 4)),
    "an outcome that nobody measured": ({"source": "outcomes", "measure": "mortality_90"}, None, 0, None),
}


@pytest.mark.parametrize(("changes", "value", "volume", "level"), MEASURED.values(), ids=MEASURED)
def test_measure(changes: dict[str, Any], value: Fraction | None, volume: int | None, level: Fraction | None) -> None:
    score = ep.alignment.measure(metric(**changes), "p", EPISODES, outcomes=OUTCOMES, recorded={"m": Decimal("3.5")})
    assert (score.value, score.volume, score.level) == (value, volume, level)
    assert (score.note is None) == (level is not None)


def test_without_a_table_nothing_is_measured() -> None:
    for source in ("outcomes", "quality", "recorded"):
        score = ep.alignment.measure(metric(source=source), "p", EPISODES)
        assert (score.value, score.level) == (None, None)
        assert source in str(score.note)


def test_a_quality_measure_of_the_hospital() -> None:
    quality = pl.DataFrame({"measure": ["m1", "m2"], "value": [4.0, 1.0], "volume": [30, None]})
    score = ep.alignment.measure(metric(source="quality", measure="m1"), "p", EPISODES, quality=quality)
    assert (score.value, score.volume, score.level) == (4, 30, Fraction(3, 4))


def test_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ContractError, match="implants"):
        ep.alignment.measure(metric(measure="implants"), "p", EPISODES)


@pytest.mark.parametrize(
    ("value", "direction", "method", "level"),
    [
        (5.01, "lower", "steps", 0),
        (5, "lower", "steps", "0.5"),
        (4, "lower", "steps", "0.75"),
        (3, "lower", "steps", 1),
        (4.5, "lower", "linear", "0.5"),
        (5, "lower", "linear", 0),
        (3.9, "lower", "linear", 1),
        (5.5, "lower", "linear", 0),
    ],
)
def test_levels_at_their_bounds(value: float, direction: Any, method: Any, level: Any) -> None:
    found = ep.alignment.level_of(value, direction=direction, threshold=5, target=4, stretch=3, method=method)
    assert found == Fraction(level)


def test_higher_is_better() -> None:
    levels = [ep.alignment.level_of(v, direction="higher", threshold=1, target=2, stretch=3) for v in (0.9, 1, 2.5, 9)]
    assert levels == [0, Fraction(1, 2), Fraction(3, 4), 1]


def test_percentile_bands() -> None:
    bands = [(25, 0.25), (50, 0.5), (75, 1)]
    assert [ep.alignment.percentile_level(rank, bands) for rank in (24.9, 25, 74, 75)] == [
        0,
        Fraction(1, 4),
        Fraction(1, 2),
        1,
    ]


def test_what_has_too_few_cases_gives_its_weight_away_and_what_is_not_measured_earns_nothing() -> None:
    scores = [
        ep.alignment.measure(metric(id="known"), "p", EPISODES),
        ep.alignment.measure(metric(id="thin", minimum_volume=9), "p", EPISODES),
        ep.alignment.measure(metric(id="absent", source="recorded"), "p", EPISODES),
    ]
    weights, levels = weights_and_levels({"known": 0.25, "thin": 0.5, "absent": 0.25}, scores)
    assert weights == {"known": Fraction(1, 2), "absent": Fraction(1, 2)}
    assert levels == {"known": Fraction(3, 4), "absent": 0}


# --- fee-schedule amounts -------------------------------------------------------------------------------------

DAY = dt.date(2026, 3, 1)


def line(
    claim: str, number: int, day: int | None, hcpcs: str | None, npi: str | None, cents: int | None
) -> tuple[Any, ...]:
    return "p", claim, number, None if day is None else DAY + dt.timedelta(day), hcpcs, npi, "t", cents


WINDOWS = pl.DataFrame(
    {
        "episode_id": ["e1", "e2"],
        "beneficiary_id": ["p", "p"],
        "operating_npi": ["n1", "n1"],
        "episode_start": [DAY, DAY + dt.timedelta(20)],
        "episode_end": [DAY + dt.timedelta(30), DAY + dt.timedelta(50)],
    }
)
CLAIMS = pl.DataFrame(
    {
        "beneficiary_id": ["p", "p"],
        "claim_id": ["prof", "op"],
        "setting": ["professional", "outpatient"],
        "from_date": [DAY, DAY],
    }
)
LINES = pl.DataFrame(
    [
        line("prof", 1, 0, "27447", "n1", 100_000),  # first day
        line("prof", 2, 30, "99213", "n1", 10_000),  # in both episodes: counts once
        line("prof", 3, 50, "99213", "n1", 1_000),  # last day of the second
        line("prof", 4, 51, "99213", "n1", 7_777),  # after it
        line("prof", 5, -1, "99213", "n1", 7_777),  # before
        line("prof", 6, None, "99232", "n2", 500),  # no date: the claim's
        line("prof", 7, 1, "J0897", "n2", 7_777),  # a drug
        line("prof", 8, 1, "80053", "n2", 7_777),  # laboratory
        line("prof", 9, 1, None, "n2", 7_777),  # no code
        line("prof", 10, 1, "99232", None, 7_777),  # nobody rendered it
        line("prof", 11, 1, "99232", "n2", None),  # no allowed amount
        line("op", 1, 1, "99213", "n1", 7_777),  # not professional
    ],
    schema=[
        "beneficiary_id",
        "claim_id",
        "line_number",
        "service_date",
        "hcpcs",
        "rendering_npi",
        "tin",
        "allowed_cents",
    ],
    orient="row",
)


def test_fee_schedule_amounts_inside_episodes() -> None:
    found = ep.alignment.fee_schedule_amounts(WINDOWS, CLAIMS, LINES)
    assert found.select("npi", "tin", "fee_schedule_cents", "lines", "lines_without_amount", "episodes").rows() == [
        ("n1", "t", 111_000, 3, 0, 2),
        ("n2", "t", 500, 2, 1, 1),
    ]


def test_a_fee_schedule_decides_by_code_and_date() -> None:
    schedule = pl.DataFrame(
        {
            "hcpcs": ["27447", "99213", "J0897", "99213"],
            "modifier": [None, None, None, "26"],
            "start_date": [None, DAY + dt.timedelta(31), None, DAY + dt.timedelta(31)],
        }
    )
    found = ep.alignment.fee_schedule_amounts(WINDOWS, CLAIMS.lazy(), LINES.lazy(), schedule)
    assert found.select("npi", "fee_schedule_cents").rows() == [("n1", 101_000), ("n2", 7_777)]


def test_surgeon_fees_by_episode() -> None:
    assert ep.alignment.surgeon_fees(WINDOWS, CLAIMS, LINES)["fee_cents"].to_list() == [110_000, 1_000]


# --- facts ----------------------------------------------------------------------------------------------------

HOSPITALS = pl.DataFrame({"ccn": ["1", "2"], "amount_cents": [5, -5], "target_cents": [9, 9], "actual_cents": [4, 14]})
BUILT = pl.DataFrame(
    {
        "episode_id": ["a", "b", "c", "d"],
        "anchor_ccn": ["1", "1", "1", "2"],
        "status": ["final", "final", "excluded", "final"],
        "operating_npi": ["9100000777", None, "9100000777", "9100000777"],
        "attending_npi": ["x", "9100000777", "x", "x"],
    }
)


def test_facts_are_the_hospitals_own() -> None:
    facts = ep.alignment.facts_of("1", HOSPITALS, BUILT, program="team")
    assert (facts.amount_cents, facts.target_cents, facts.actual_cents) == (5, 9, 4)
    assert facts.episodes is not None
    assert facts.episodes["episode_id"].to_list() == ["a", "b"]
    with pytest.raises(ArgumentError, match="Known: 1, 2"):
        ep.alignment.facts_of("3", HOSPITALS, BUILT)


def test_a_physicians_episodes_by_operator_or_by_attribution() -> None:
    surgeon = load_arrangement("team_gainsharing").parties[0]
    facts = ep.alignment.facts_of("1", HOSPITALS, BUILT)
    own = episodes_of(surgeon, facts)
    assert own is not None
    assert own["episode_id"].to_list() == ["a", "b"]
    attribution = pl.DataFrame(
        {
            "episode_id": ["a", "a", "b", "b"],
            "method": ["plurality"] * 4,
            "party_kind": ["physician"] * 4,
            "party_id": ["9100000777", "z", "9100000777", "z"],
            "share": [0.4, 0.6, 0.7, 0.3],
        }
    )
    facts = ep.alignment.facts_of("1", HOSPITALS, BUILT, attribution=attribution)
    own = episodes_of(surgeon, facts)
    assert own is not None
    assert own["episode_id"].to_list() == ["b"]
    two = pl.concat([attribution, attribution.with_columns(method=pl.lit("operator"))])
    with pytest.raises(ArgumentError, match="operator, plurality"):
        ep.alignment.facts_of("1", HOSPITALS, BUILT, attribution=two)


def test_recoupment_party_by_party() -> None:
    paid = ep.alignment.gainshare(100_000, {"a": 1, "b": 1}, {"a": 10**6, "b": 10**6}, 0.5)
    right = ep.alignment.gainshare(60_000, {"b": 1, "c": 2}, {"b": 10**6, "c": 10**6}, 0.5)
    found = ep.alignment.recoup(paid, right)
    assert found.rows() == [("a", 50_000, 0, 50_000, 0), ("b", 50_000, 20_000, 30_000, 0), ("c", 0, 40_000, 0, 40_000)]
