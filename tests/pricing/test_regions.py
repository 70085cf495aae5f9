"""The region of a hospital."""

from __future__ import annotations

from datetime import date

import polars as pl

from episodes.pricing.regions import known_regions, regions_of


def region(ccn: str | None, **columns: object) -> int | None:
    hospitals = pl.DataFrame({"ccn": [ccn], **{name: [value] for name, value in columns.items()}})
    found = regions_of(pl.Series([ccn]), hospitals)
    return found.get_column("region").item()


def test_region_then_state_then_prefix() -> None:
    assert region("360001", region=9, state="TX") == 9
    assert region("360001", region=None, state="TX") == 7
    assert region("360001") == 3
    assert region("36A001") == 3


def test_no_division_is_no_region() -> None:
    assert region("400001") is None  # Puerto Rico
    assert region("360001", state="PR") is None  # the stated state decides
    assert region("990001") is None
    assert region(None) is None


def test_latest_row_counts() -> None:
    hospitals = pl.DataFrame(
        {
            "ccn": ["360001"] * 3,
            "start_date": [date(2020, 1, 1), date(2024, 1, 1), None],
            "region": [3, 4, 5],
        }
    )
    assert regions_of(pl.Series(["360001", "360001"]), hospitals).to_dicts() == [{"ccn": "360001", "region": 4}]


def test_nine() -> None:
    assert known_regions() == list(range(1, 10))
