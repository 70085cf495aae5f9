"""Built episodes written down by hand, for the rooms that start from episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.building.categories import SERVICE_CATEGORIES
from episodes.claims.contract import empty_table
from episodes.programs import Program

OHIO = "360001"
OHIO_TOO = "360002"
TEXAS = "450001"
PUERTO_RICO = "400001"

SCHEMA = {
    "episode_id": pl.String,
    "beneficiary_id": pl.String,
    "program": pl.String,
    "category": pl.String,
    "anchor_setting": pl.String,
    "price_code": pl.String,
    "price_cell": pl.String,
    "anchor_ccn": pl.String,
    "anchor_end": pl.Date,
    "episode_end": pl.Date,
    "participating": pl.Boolean,
    "status": pl.String,
    "reasons": pl.List(pl.String),
    "episode_cents": pl.Int64,
    "post_episode_cents": pl.Int64,
    **{f"{category}_cents": pl.Int64 for category in SERVICE_CATEGORIES},
}

DEFAULTS: Mapping[str, Any] = {
    "program": "team",
    "category": "LEJR",
    "anchor_setting": "inpatient",
    "price_code": "470",
    "anchor_ccn": OHIO,
    "anchor_end": date(2026, 5, 1),
    "participating": True,
    "status": "final",
    "reasons": [],
    "post_episode_cents": 0,
    **{f"{category}_cents": 0 for category in SERVICE_CATEGORIES},
}


def episode(cents: int, **changes: Any) -> dict[str, Any]:
    """One final Ohio joint replacement of 2026, unless changed; `year` stands for the date."""
    year = changes.pop("year", None)
    dated = {} if year is None else {"anchor_end": date(year, 5, 1)}
    row = {**DEFAULTS, "episode_cents": cents, **dated, **changes}
    return {"price_cell": row["price_code"], "episode_end": row["anchor_end"], **row}


def hand_built(program: Program, rows: Iterable[Mapping[str, Any]], **tables: Any) -> BuiltEpisodes:
    """A `BuiltEpisodes` of these episodes, numbered in their order; `tables` replaces its other parts."""
    listed = [
        {"episode_id": f"e{number:05d}", "beneficiary_id": f"b{number:05d}", **row} for number, row in enumerate(rows)
    ]
    parts: dict[str, Any] = {
        "program": program,
        "basis": program.amount_basis,
        "services": pl.LazyFrame(),
        "balance": pl.DataFrame(),
        **{name: empty_table(name) for name in ("hospitals", "participants", "quality")},
    }
    return BuiltEpisodes(episodes=pl.DataFrame(listed, schema=SCHEMA), **(parts | tables))
