"""Canonical tables of a few people of a bucket, as other rooms read them: risk, outcomes, attribution."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from episodes.building.arrays import Array
from episodes.building.line_rules import day_number
from episodes.building.sidecar import Sidecar
from episodes.claims.contract import TABLES, types_of
from episodes.tables import scan_parquet

LINE_COLUMNS = (
    "line_number",
    "service_date",
    "revenue_center",
    "hcpcs",
    "modifiers",
    "units",
    "rendering_npi",
    "tin",
    "allowed_cents",
    "diagnosis",
)
"""What is read of lines, besides whose they are."""

_KEYS = ["beneficiary_id", "claim_id"]


def known_at(tables: Mapping[str, pl.DataFrame], as_of: dt.date | None) -> Mapping[str, pl.DataFrame]:
    """Claims processed by a date (a claim without a processing date is kept), and their lines."""
    if as_of is None:
        return tables
    known = tables["claims"].filter(pl.col("process_date").is_null() | (pl.col("process_date") <= as_of))
    lines = tables["lines"].join(known.select(_KEYS), on=_KEYS, how="semi", maintain_order="left")
    return {**tables, "claims": known, "lines": lines}


def of_frames(
    tables: Mapping[str, pl.DataFrame], people: pl.Series, as_of: dt.date | None
) -> Mapping[str, pl.DataFrame]:
    """The rows of some people (by id) in tables that are frames in memory."""
    chosen = people.to_frame("beneficiary_id")
    own = {
        name: table.join(chosen, on="beneficiary_id", how="semi", maintain_order="left")
        for name, table in tables.items()
    }
    return known_at(own, as_of)


def of_store(store: Path, bucket: int, people: pl.Series, as_of: dt.date | None) -> Mapping[str, pl.DataFrame]:
    """The rows of some people (by id) in a bucket of a store, claims and lines from its codes sidecar."""
    sidecar = Sidecar(store / "codes" / f"{bucket:05d}")
    first_claims, first_lines = sidecar.array("person_claims"), sidecar.array("person_lines")
    everybody = sidecar.ids("beneficiary_id", np.arange(first_claims.size - 1))
    places = np.flatnonzero(everybody.is_in(people.implode()).to_numpy())
    claims, lines = _rows(first_claims, places), _rows(first_lines, places)
    if as_of is not None:
        late = sidecar.array("claims.process_date") > day_number(as_of)
        claims, lines = claims[~late[claims]], lines[~late[sidecar.array("line_claim")[lines]]]
    whose = pl.Series(np.repeat(np.arange(everybody.len()), np.diff(first_claims)))

    def ids(rows: Array) -> dict[str, pl.Series]:
        return {
            "beneficiary_id": everybody.gather(whose.gather(pl.Series(rows))),
            "claim_id": sidecar.ids("claim_id", rows),
        }

    types = {name: types_of(TABLES[name]) for name in ("claims", "lines")}
    columns = [name for name in types["claims"] if name not in _KEYS]
    read = {
        "claims": sidecar.frame("claims", claims, columns).with_columns(**ids(claims)),
        "lines": sidecar.frame("lines", lines, LINE_COLUMNS).with_columns(
            **ids(sidecar.array("line_claim")[lines].astype(np.int64))
        ),
    }
    chosen = people.to_frame("beneficiary_id").lazy()
    others = {
        name: scan_parquet(store / name / f"{bucket:05d}.parquet")
        .join(chosen, on="beneficiary_id", how="semi", maintain_order="left")
        .collect()
        for name in ("beneficiaries", "coverage")
    }
    return {name: frame.cast({c: types[name][c] for c in frame.columns}) for name, frame in read.items()} | others


def _rows(first: Array, places: Array) -> Array:
    """The ordinals from each place's first to the next one's, place by place."""
    lengths = first[places + 1] - first[places]
    ends = np.cumsum(lengths)
    starts = np.repeat(first[places] - (ends - lengths), lengths)
    return (starts + np.arange(int(ends[-1]) if ends.size else 0)).astype(np.int64)
