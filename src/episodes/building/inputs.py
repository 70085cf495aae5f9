"""The input of a build: claims as frames or as a store, in buckets of people, and what is true of it as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import polars as pl

from episodes.building.bucket import BucketResult, build_source
from episodes.building.context import Context
from episodes.building.facts import Facts
from episodes.building.frame_source import Frames, payable_total
from episodes.building.person_tables import known_at, of_frames, of_store
from episodes.building.store_source import StoreBucket, has_numeric_claim_ids, people_of_buckets
from episodes.claims.codes_sidecar import NUMERIC_ID
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS
from episodes.claims.people import bucket_of_hash, people_in_order
from episodes.claims.store import TOTALS, read_manifest

PEOPLE_PER_BUCKET = 20_000
_KEYS = ["beneficiary_id", "claim_id"]
_AMOUNTS = ("standardized", "allowed", "paid")


class Input(Protocol):
    """Claims in buckets of people."""

    @property
    def numeric_claim_ids(self) -> bool:
        """Whether all claim ids compare as numbers."""
        ...

    @property
    def buckets(self) -> int:
        """How many buckets there are."""
        ...

    def amounts_at_hand(self, settings: set[str]) -> dict[str, list[str]]:
        """`claim` and `line`: the amount bases that items of these settings have; a kind without items is left out."""
        ...

    def tasks(self) -> Iterator[object]:
        """What `build` makes a bucket of, in order."""
        ...

    def build(self, task: object, context: Context, *, keep_services: bool) -> tuple[BucketResult, Facts]:
        """The map stage over one bucket."""
        ...

    def tables_of(self, task: object, context: Context, people: pl.Series) -> Mapping[str, pl.DataFrame]:
        """claims, lines, beneficiaries and coverage of some people (by id) of a bucket, as known at the run's date."""
        ...


# --- frames -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrameInput:
    """Canonical tables in memory."""

    tables: Mapping[str, pl.DataFrame]
    buckets: int

    @classmethod
    def of(cls, tables: Mapping[str, pl.DataFrame], buckets: int | None) -> FrameInput:
        """Into so many buckets, by default as many as keep each of a handy size."""
        people = tables["claims"]["beneficiary_id"].n_unique()
        return cls(tables, buckets or max(1, -(-people // PEOPLE_PER_BUCKET)))

    @property
    def numeric_claim_ids(self) -> bool:
        """Whether all claim ids compare as numbers."""
        return bool(self.tables["claims"]["claim_id"].str.contains(NUMERIC_ID).all())

    def amounts_at_hand(self, settings: set[str]) -> dict[str, list[str]]:
        """The amount bases of items by claim and by line."""
        headers = self.tables["claims"].with_columns(pl.col("setting").cast(pl.String))
        line_paid = headers.filter(pl.col("setting").is_in(sorted(settings & set(LINE_PAID_SETTINGS)))).select(_KEYS)
        items = {
            "claim": headers.filter(pl.col("setting").is_in(sorted(settings & set(CLAIM_PAID_SETTINGS)))),
            "line": self.tables["lines"].join(line_paid, on=_KEYS, how="semi"),
        }
        return {
            kind: [name for name in _AMOUNTS if frame[f"{name}_cents"].count()]
            for kind, frame in items.items()
            if not frame.is_empty()
        }

    def tasks(self) -> Iterator[tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]]:
        """People and their tables."""
        people = people_in_order(self.tables["claims"]["beneficiary_id"])
        if self.buckets == 1:
            yield people.select("beneficiary_id", "person"), self.tables
            return
        placed = people.with_columns(bucket=bucket_of_hash(people["hash"], self.buckets))
        where = placed.select("beneficiary_id", "bucket")
        split = {
            name: table.join(where, on="beneficiary_id", how="inner", maintain_order="left").partition_by(
                "bucket", maintain_order=True, include_key=False, as_dict=True
            )
            for name, table in self.tables.items()
        }
        for bucket in range(self.buckets):
            chosen = placed.filter(pl.col("bucket") == bucket).select("beneficiary_id", "person")
            yield chosen, {name: parts.pop((bucket,), self.tables[name].clear()) for name, parts in split.items()}

    def build(self, task: object, context: Context, *, keep_services: bool) -> tuple[BucketResult, Facts]:
        """The map stage over one bucket of frames."""
        people, tables = cast("tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]", task)
        known = known_at(tables, context.as_of)
        result = build_source(Frames.of(people, known, context), context, keep_services=keep_services)
        items, cents = payable_total(known["claims"], known["lines"], context)
        facts = facts_of(known["claims"], known["coverage"])
        return result, replace(
            facts,
            people=people.height,
            lines=known["lines"].height,
            claims_processed_later=tables["claims"].height - known["claims"].height,
            payable_items=items,
            payable_cents=cents,
        )

    def tables_of(self, task: object, context: Context, people: pl.Series) -> Mapping[str, pl.DataFrame]:
        """Canonical tables of some people."""
        _, tables = cast("tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]", task)
        return of_frames(tables, people, context.as_of)


def facts_of(claims: pl.DataFrame, coverage: pl.DataFrame) -> Facts:
    """What claims and coverage hold."""
    stays = claims.filter(pl.col("setting").cast(pl.String) == "inpatient")
    covered = claims.select("beneficiary_id").unique().join(coverage, on="beneficiary_id", how="semi")
    return Facts(
        claims=claims.height,
        coverage_intervals=coverage.height,
        covered_people=covered.height,
        stays=stays.height,
        stays_with_drg=stays.select(pl.coalesce("pricing_drg", "ms_drg").count()).item(),
        stays_with_hospital=stays.select(pl.coalesce("ccn", pl.col("provider_type").cast(pl.String)).count()).item(),
    )


# --- a store ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoreInput:
    """A store, bucket by bucket, from its codes sidecar."""

    store: Path
    people: tuple[int, ...]

    @classmethod
    def of(cls, store: Path) -> StoreInput:
        """As many buckets as the store has."""
        return cls(store, tuple(people_of_buckets(store, read_manifest(store)["buckets"])))

    @property
    def buckets(self) -> int:
        """How many buckets the store has."""
        return len(self.people)

    @property
    def numeric_claim_ids(self) -> bool:
        """Whether all claim ids compare as numbers."""
        return has_numeric_claim_ids(self.store, self.buckets)

    def amounts_at_hand(self, settings: set[str]) -> dict[str, list[str]]:
        """The amount bases of items by claim and by line, from the totals of the store: read until all are found."""
        kinds = {"claim": settings & set(CLAIM_PAID_SETTINGS), "line": settings & set(LINE_PAID_SETTINGS)}
        found: dict[str, set[str]] = {}
        for file in sorted((self.store / TOTALS).glob("*.parquet")):
            counts = (
                pl.scan_parquet(file)
                .filter(pl.col("payable_items") > 0)
                .group_by("setting")
                .agg(pl.col(f"{name}_cents").count() for name in _AMOUNTS)
                .collect()
            )
            for kind, of_kind in kinds.items():
                rows = counts.filter(pl.col("setting").is_in(sorted(of_kind)))
                if rows.height:
                    at_hand = {name for name in _AMOUNTS if rows[f"{name}_cents"].sum()}
                    found[kind] = found.get(kind, set()) | at_hand
            if all(len(found.get(kind, ())) == len(_AMOUNTS) for kind, of_kind in kinds.items() if of_kind):
                break
        return {kind: [name for name in _AMOUNTS if name in found[kind]] for kind in kinds if kind in found}

    def tasks(self) -> Iterator[tuple[int, int]]:
        """Number of a bucket, ordinal of its first person."""
        first = 0
        for bucket, people in enumerate(self.people):
            yield bucket, first
            first += people

    def build(self, task: object, context: Context, *, keep_services: bool) -> tuple[BucketResult, Facts]:
        """The map stage over one bucket of the store."""
        bucket, first = cast("tuple[int, int]", task)
        source = StoreBucket(self.store, bucket, first, context)
        result = build_source(source, context, keep_services=keep_services)
        return result, source.facts()

    def tables_of(self, task: object, context: Context, people: pl.Series) -> Mapping[str, pl.DataFrame]:
        """Canonical tables of some people, from the sidecar."""
        bucket, _ = cast("tuple[int, int]", task)
        return of_store(self.store, bucket, people, context.as_of)
