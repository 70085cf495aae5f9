"""The input of a build as the line asks for it, and a store as one: claims in buckets of people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import polars as pl

from episodes.building.coded_source import CodedBucket
from episodes.building.context import Context
from episodes.building.sidecar import Sidecar
from episodes.claims.codes_sidecar import ABOUT
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS
from episodes.claims.store import TOTALS, read_manifest
from episodes.programs.rule import Basis
from episodes.tables import scan_parquet

_AMOUNTS = ("standardized", "allowed", "paid")


class Input(Protocol):
    """Claims in buckets of people."""

    @property
    def numeric_claim_ids(self) -> bool:
        """Whether all claim ids compare as numbers."""
        ...

    def amounts_at_hand(self, settings: set[str], basis: Basis) -> dict[str, list[str]]:
        """`claim` and `line`: the amount bases that items of these settings have; a kind without items is left out.

        Where a kind has the basis that is asked for, others may be left out.
        """
        ...

    def tasks(self, context: Context) -> Sequence[object]:
        """What `build` makes a bucket of, in order."""
        ...

    def open(self, task: object, context: Context) -> CodedBucket:
        """The claims of one bucket; what is held of them goes with it."""
        ...


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

    def amounts_at_hand(self, settings: set[str], _basis: Basis) -> dict[str, list[str]]:
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

    def tasks(self, _context: Context) -> list[tuple[int, int]]:
        """Number of a bucket, ordinal of its first person."""
        return list(enumerate(accumulate(self.people[:-1], initial=0)))

    def open(self, task: object, context: Context) -> CodedBucket:
        """One bucket of the store."""
        bucket, first = cast("tuple[int, int]", task)
        tables = {
            name: scan_parquet(self.store / name / f"{bucket:05d}.parquet") for name in ("beneficiaries", "coverage")
        }
        return CodedBucket(Sidecar(self.store / "codes" / f"{bucket:05d}"), tables, first, context)


def people_of_buckets(store: Path, buckets: int) -> list[int]:
    """How many people have claims in each bucket."""
    folders = [store / "codes" / f"{bucket:05d}" for bucket in range(buckets)]
    return [int(np.load(folder / "person_claims.npy", mmap_mode="r").size) - 1 for folder in folders]


def has_numeric_claim_ids(store: Path, buckets: int) -> bool:
    """Whether all claim ids of a store are numbers."""
    said = [store / "codes" / f"{bucket:05d}" / ABOUT for bucket in range(buckets)]
    return all(bool(json.loads(file.read_text(encoding="utf-8"))["numeric_claim_ids"]) for file in said)
