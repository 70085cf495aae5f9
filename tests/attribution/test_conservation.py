"""Every method conserves every episode, whatever its services look like."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from episodes.attribution import METHODS, attribute
from episodes.building.categories import SERVICE_CATEGORIES

NPIS = [None, "1000000001", "1000000002", "1000000003"]
CCNS = [None, "490001", "490002", "495001"]
TINS = [None, "541111111", "542222222"]
START = dt.date(2025, 1, 1)

services = st.fixed_dictionaries(
    {
        "setting": st.sampled_from(["inpatient", "outpatient", "professional", "snf", "home_health", "dme", "drug"]),
        "category": st.sampled_from(SERVICE_CATEGORIES),
        "period": st.sampled_from(["pre", "anchor", "post", "post_episode"]),
        "disposition": st.sampled_from(["included", "included", "excluded"]),
        "claim_id": st.sampled_from(["a1", "c1", "c2"]),
        "line_number": st.integers(0, 3),
        "service_start": st.dates(START, START + dt.timedelta(days=9)),
        "cents": st.integers(-(10**9), 10**9) | st.sampled_from([0, 1, -1, 3]),
        "ccn": st.sampled_from(CCNS),
        "rendering_npi": st.sampled_from(NPIS),
        "tin": st.sampled_from(TINS),
    }
)
one_episode = st.fixed_dictionaries(
    {
        "anchor_ccn": st.sampled_from(CCNS),
        "attending_npi": st.sampled_from(NPIS),
        "operating_npi": st.sampled_from(NPIS),
        "anchor_setting": st.sampled_from(["inpatient", "outpatient", "professional"]),
        "unexplained": st.just(0) | st.integers(-(10**6), 10**6),
        "services": st.lists(services, max_size=8),
    }
)


@given(
    st.lists(one_episode, min_size=1, max_size=4),
    st.sampled_from(["controllable", "controllable_hospital_orders", "own_claims"]),
    st.sampled_from(["physician", "group"]),
    st.booleans(),
)
def test_every_method_conserves(drawn: list[dict[str, Any]], arrangement: str, unit: str, complications: bool) -> None:
    rows = [
        {**service, "episode_id": f"e{number}", "service_end": service["service_start"]}
        for number, one in enumerate(drawn)
        for service in one["services"]
    ]
    schema = {
        **dict.fromkeys(("episode_id", "setting", "category", "period", "disposition", "claim_id"), pl.String),
        **dict.fromkeys(("ccn", "rendering_npi", "tin"), pl.String),
        **{"line_number": pl.Int32, "service_start": pl.Date, "service_end": pl.Date, "cents": pl.Int64},
    }
    table = pl.DataFrame(rows, schema=schema)
    counted = table.filter((pl.col("disposition") == "included") & (pl.col("period") != "post_episode"))
    explained = dict(counted.group_by("episode_id").agg(pl.col("cents").sum()).iter_rows())
    episodes = pl.DataFrame(
        [
            {
                "episode_id": f"e{number}",
                "beneficiary_id": f"b{number}",
                "program": "p",
                "category": "LEJR",
                "anchor_claim_id": "a1",
                "anchor_code": "27447",
                **{name: one[name] for name in ("anchor_setting", "anchor_ccn", "attending_npi", "operating_npi")},
                "anchor_start": START,
                "anchor_end": START + dt.timedelta(days=2),
                "episode_cents": explained.get(f"e{number}", 0) + one["unexplained"],
            }
            for number, one in enumerate(drawn)
        ],
        schema_overrides=dict.fromkeys(("anchor_ccn", "attending_npi", "operating_npi"), pl.String),
    )
    participants = pl.DataFrame({"program": ["p"], "entity_kind": ["group"], "entity_id": ["541111111"]})
    outcomes = pl.DataFrame(
        {"episode_id": ["e0"], "measure": ["complication_sepsis"], "event": [True], "event_claim_id": ["c1"]}
    )
    attributed = attribute(
        episodes,
        table,
        participants=participants,
        outcomes=outcomes if complications else None,
        arrangement=arrangement,
        unit=unit,  # type: ignore[arg-type]
    )
    sums = attributed.group_by("episode_id", "method").agg(pl.col("share", "cents").sum())
    checked = sums.join(episodes.select("episode_id", "episode_cents"), on="episode_id")
    assert checked.height == episodes.height * len(METHODS)
    assert checked.filter(pl.col("cents") != pl.col("episode_cents")).is_empty()
    assert checked.filter((pl.col("share") - 1).abs() > 1e-6).is_empty()
    assert attributed.null_count().sum_horizontal().item() == 0
