"""The map stage: one bucket of people's claims to episodes, services and balance; a pure function.

Claims to stays and anchors, anchors to windows, the exclusion ladder, overlap, then every item into the windows, and
every cent into the balance.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from episodes.building.anchors import find_anchors
from episodes.building.assignment import assign, services_frame
from episodes.building.balance import book, summed
from episodes.building.categories import service_category
from episodes.building.context import Context
from episodes.building.eligibility import with_reasons
from episodes.building.items import basis_amount, payable_items
from episodes.building.status import with_status
from episodes.building.summary import summarise
from episodes.building.windows import with_episode_ids, with_windows
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS

KEYS = ["beneficiary_id", "claim_id"]
SERVICE_COLUMNS = (
    "episode_id",
    "claim_id",
    "line_number",
    "setting",
    "category",
    "service_start",
    "service_end",
    "period",
    "disposition",
    "reason",
    "full_cents",
    "cents",
    "allowed_cents",
    "standardized_cents",
    "ccn",
    "rendering_npi",
    "tin",
)
"""Columns of `services`, one row a payable item and period."""


@dataclass(frozen=True)
class Bucket:
    """The claims of some people: canonical tables, with `people` giving their order (beneficiary_id, person)."""

    people: pl.DataFrame
    claims: pl.DataFrame
    lines: pl.DataFrame
    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame


@dataclass(frozen=True)
class BucketResult:
    """What the map stage makes of a bucket."""

    episodes: pl.DataFrame
    services: pl.DataFrame
    balance: pl.DataFrame


def build_bucket(bucket: Bucket, context: Context) -> BucketResult:
    """Episodes, services and balance of one bucket."""
    anchors, legs = find_anchors(bucket.claims, bucket.lines, context)
    episodes = _ordered_candidates(anchors, bucket, context)
    anchored = episodes.select("beneficiary_id").unique()
    claims = bucket.claims.join(anchored, on="beneficiary_id", how="semi", maintain_order="left")
    lines = bucket.lines.join(anchored, on="beneficiary_id", how="semi", maintain_order="left")
    items = _ordered_items(payable_items(claims, lines, context), bucket, context)
    own = _own_items(episodes, items, legs)
    assigned = assign(episodes, items, own, context)
    unpaid = items.filter(~pl.col("has_amount")).select(item_row=pl.col("row").cast(pl.Int64))
    without_amount = own.join(unpaid, on="item_row", how="semi")["episode_row"].unique()
    episodes = episodes.with_columns(
        gmlos_missing=pl.Series(assigned.gmlos_missing, dtype=pl.Boolean),
        anchor_without_amount=pl.col("row").cast(pl.Int64).is_in(without_amount.to_list()),
    )
    services = services_frame(assigned, episodes, items).join(
        own.with_columns(own_item=pl.lit(True)),
        on=["item_row", "episode_row"],
        how="left",
        maintain_order="left",
    )
    services = services.with_columns(pl.col("own_item").fill_null(False)).with_columns(
        category=service_category(context)
    )
    return BucketResult(
        episodes=summarise(episodes, services),
        services=services.select(SERVICE_COLUMNS),
        balance=summed(
            pl.concat([book(assigned, episodes, items), _people_without_episodes(bucket, anchored, context)])
        ),
    )


def _ordered_candidates(anchors: pl.DataFrame, bucket: Bucket, context: Context) -> pl.DataFrame:
    """Candidates with windows, reasons and status, in the order in which overlap is decided."""
    dated = with_windows(anchors, bucket.beneficiaries, context)
    ordered = (
        dated.join(bucket.people, on="beneficiary_id", how="left")
        .with_columns(_order=context.claim_order("anchor_claim_id"), program=pl.lit(context.program.id))
        .sort(
            "person", "episode_start", "anchor_setting", "anchor_end", "_order", "anchor_claim_id", "anchor_line_number"
        )
        .drop("_order")
        .with_row_index("row")
    )
    judged = with_reasons(with_episode_ids(ordered, context), bucket.beneficiaries, bucket.coverage, context)
    return with_status(judged, context)


def _ordered_items(items: pl.DataFrame, bucket: Bucket, context: Context) -> pl.DataFrame:
    return (
        items.join(bucket.people, on="beneficiary_id", how="left")
        .with_columns(_order=context.claim_order())
        .sort("person", "start", "_order", "claim_id", "line_number")
        .drop("_order")
        .with_row_index("row")
    )


def _own_items(episodes: pl.DataFrame, items: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """item_row, episode_row: legs of the anchor chain, or the trigger line."""
    of_stay = (
        items.filter(pl.col("setting") == "inpatient")
        .select(*KEYS, item_row="row")
        .join(legs, on=KEYS, how="inner")
        .join(episodes.select("chain", episode_row="row"), on="chain", how="inner")
    )
    of_line = items.select(*KEYS, "line_number", item_row="row").join(
        episodes.filter(pl.col("anchor_setting") == "outpatient").select(
            "beneficiary_id", claim_id="anchor_claim_id", line_number="anchor_line_number", episode_row="row"
        ),
        on=[*KEYS, "line_number"],
        how="inner",
    )
    columns = ["item_row", "episode_row"]
    return pl.concat([of_stay.select(columns), of_line.select(columns)]).cast(pl.Int64).sort(columns)


def _people_without_episodes(bucket: Bucket, anchored: pl.DataFrame, context: Context) -> pl.DataFrame:
    """One cheap pass over the amounts of people without a candidate episode."""
    claims = bucket.claims.join(anchored, on="beneficiary_id", how="anti")
    lines = bucket.lines.join(anchored, on="beneficiary_id", how="anti")
    number, cents = payable_total(claims, lines, context)
    return pl.DataFrame(
        {
            "destination": ["no_episode"],
            "period": [None],
            "reason": [None],
            "items": [number],
            "cents": [cents],
            "memo_cents": [0],
        },
        schema_overrides={"period": pl.String, "reason": pl.String},
    )


def payable_total(claims: pl.DataFrame, lines: pl.DataFrame, context: Context) -> tuple[int, int]:
    """Number and cents of the payable items of some claims, straight from the amounts."""
    whole = claims.filter(pl.col("setting").cast(pl.String).is_in(list(CLAIM_PAID_SETTINGS)))
    line_paid = claims.filter(pl.col("setting").cast(pl.String).is_in(list(LINE_PAID_SETTINGS))).select(KEYS)
    by_line = lines.join(line_paid, on=KEYS, how="semi")
    cents = int(whole.select(basis_amount(context, line=False).sum()).item() or 0)
    cents += int(by_line.select(basis_amount(context, line=True).sum()).item() or 0)
    return whole.height + by_line.height, cents
