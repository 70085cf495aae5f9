"""What the engine counts by, of every item that is paid as a whole claim: no explanation may contradict it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

import episodes as ep
from episodes.building.claim_items import METHODS, claim_items
from episodes.building.context import Context
from episodes.building.plain_input import PlainInput
from episodes.building.plain_tables import PlainTables

Counted = Mapping[tuple[str, str], Mapping[str, Any]]
"""By person and claim: method, span_start, span_end, gmlos_tenths, visit_days, outlier (cents)."""


def counted_of(claims: ep.Claims, context: Context) -> Counted:
    """The items of some claims as the engine sees them."""
    tables = PlainTables({name: claims.scan(name) for name in ("claims", "lines", "beneficiaries", "coverage")})
    given = PlainInput(tables, wanted_buckets=1, every_column=True)
    bucket = given.open(given.tasks(context)[0], context)
    everybody = pl.Series(range(bucket.people), dtype=pl.UInt32)
    selected = bucket.select(everybody)
    ids = bucket.beneficiary_ids(everybody)
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
        for row in items.join(ids, on="person", maintain_order="left")
        .with_columns(claim_id=selected.claim_ids(items["claim"]))
        .select(columns)
        .iter_rows(named=True)
    }
