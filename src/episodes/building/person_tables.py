"""Canonical tables of a few people of a bucket, as other rooms read them: risk, outcomes, attribution."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import polars as pl

from episodes.building.arrays import Array
from episodes.building.codes import Codes
from episodes.building.line_rules import day_number
from episodes.claims.contract import TABLES, types_of

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


def of_codes(
    codes: Codes, others: Mapping[str, pl.LazyFrame], people: pl.Series, as_of: dt.date | None
) -> Mapping[str, pl.DataFrame]:
    """The rows of some people (by id) of a bucket; `others` are its beneficiaries and coverage.

    Claims processed after a date are left out, with their lines (one without a processing date is kept).
    """
    first_claims, first_lines = codes.array("person_claims"), codes.array("person_lines")
    everybody = codes.ids("beneficiary_id", np.arange(first_claims.size - 1))
    places = np.flatnonzero(everybody.is_in(people.implode()).to_numpy())
    claims, lines = _rows(first_claims, places), _rows(first_lines, places)
    if as_of is not None:
        late = codes.array("claims.process_date") > day_number(as_of)
        claims, lines = claims[~late[claims]], lines[~late[codes.array("line_claim")[lines]]]
    whose = pl.Series(np.repeat(np.arange(everybody.len()), np.diff(first_claims)))

    def ids(rows: Array) -> dict[str, pl.Series]:
        return {
            "beneficiary_id": everybody.gather(whose.gather(pl.Series(rows))),
            "claim_id": codes.ids("claim_id", rows),
        }

    types = {name: types_of(TABLES[name]) for name in ("claims", "lines")}
    columns = [name for name in types["claims"] if name not in _KEYS]
    read = {
        "claims": codes.frame("claims", claims, columns).with_columns(**ids(claims)),
        "lines": codes.frame("lines", lines, LINE_COLUMNS).with_columns(
            **ids(codes.array("line_claim")[lines].astype(np.int64))
        ),
    }
    chosen = people.to_frame("beneficiary_id").lazy()
    own = {
        name: table.join(chosen, on="beneficiary_id", how="semi", maintain_order="left").collect()
        for name, table in others.items()
    }
    return {name: frame.cast({c: types[name][c] for c in frame.columns}) for name, frame in read.items()} | own


def _rows(first: Array, places: Array) -> Array:
    """The ordinals from each place's first to the next one's, place by place."""
    lengths = first[places + 1] - first[places]
    ends = np.cumsum(lengths)
    starts = np.repeat(first[places] - (ends - lengths), lengths)
    return (starts + np.arange(int(ends[-1]) if ends.size else 0)).astype(np.int64)
