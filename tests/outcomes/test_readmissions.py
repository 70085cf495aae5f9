"""The readmission measures equal a literal restatement, on random people with many close stays."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.readmission_measure import Stay, first_readmission
from outcomes.hand_built import KNEE, measured

FIRST = dt.date(2026, 2, 20)


@st.composite
def close_stays(draw) -> list[dict[str, Any]]:
    """Stays so close that they touch, overlap, nest and follow each other by a day, at few hospitals."""
    drawn = []
    for number in range(draw(st.integers(0, 7))):
        start = FIRST + dt.timedelta(days=draw(st.one_of(st.integers(0, 30), st.integers(30, 130))))
        drawn.append(
            {
                "id": f"S{number}",
                "from": start,
                "thru": start + dt.timedelta(days=draw(st.integers(0, 6))),
                "ccn": draw(st.sampled_from(["360001", "360002", "361301"])),
                "dx": [draw(st.sampled_from(["M1711", "A419", "M1611"]))],
                "px": draw(st.sampled_from([[], ["0SR90J9"]])),
                "status": draw(st.sampled_from(["01", "01", "02", "07", "20"])),
            }
        )
    return drawn


def as_stay(stay: dict[str, Any]) -> Stay:
    return Stay(stay["id"], stay["from"], stay["thru"], stay["ccn"], stay["dx"][0], tuple(stay["px"]), stay["status"])


def assert_alike(drawn: list[dict[str, Any]]) -> None:
    found = measured({"stays": drawn})
    everything = [as_stay(KNEE), *(as_stay(stay) for stay in drawn)]
    for days in (30, 90):
        row = found[f"readmission_{days}"]
        assert (row["event"], row["event_claim_id"]) == first_readmission(everything, "A", days)


@settings(max_examples=100)
@given(close_stays())
def test_random_people(drawn: list[dict[str, Any]]) -> None:
    assert_alike(drawn)


@pytest.mark.slow
@settings(max_examples=500)
@given(close_stays())
def test_many_random_people(drawn: list[dict[str, Any]]) -> None:
    assert_alike(drawn)
