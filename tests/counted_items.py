"""What the engine counts by, of every item that is paid as a whole claim: no explanation may contradict it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

import episodes as ep
from episodes.building.claim_items import METHODS, claim_items
from episodes.building.context import Context
from episodes.building.frame_source import Frames
from episodes.claims.people import people_in_order

Counted = Mapping[tuple[str, str], Mapping[str, Any]]
"""By person and claim: method, span_start, span_end, gmlos_tenths, visit_days, outlier (cents)."""


def counted_of(claims: ep.Claims, context: Context) -> Counted:
    """The items of some claims as the engine sees them."""
    tables = {name: claims.table(name).collect() for name in ("claims", "lines", "beneficiaries", "coverage")}
    people = people_in_order(tables["claims"]["beneficiary_id"]).select("beneficiary_id", "person")
    selected = Frames.of(people, tables, context).select(people["person"].cast(pl.UInt32))
    items = claim_items(selected.claims, selected.visit_lines, context)
    named = {0: "whole", **{number: name for name, number in METHODS.items()}}
    columns = (
        "beneficiary_id",
        "claim_id",
        "method",
        "span_start",
        "span_end",
        "gmlos_tenths",
        "visit_days",
        "outlier",
    )
    return {
        (row["beneficiary_id"], row["claim_id"]): {**row, "method": named[row["method"]]}
        for row in items.select(columns).iter_rows(named=True)
    }
