"""Plain tables as the input of a build: frames in memory, or Parquet files that are only scanned.

A first look finds the people who may have an anchor; their claims and lines alone are read further. Where these are few
they are held; else they are put aside by bucket in a temporary folder, so that memory holds a few buckets at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import polars as pl

from episodes.building.coded_source import CodedBucket
from episodes.building.compiled import kernels
from episodes.building.context import Context
from episodes.building.facts import Facts
from episodes.building.first_look import FirstLook, amounts_at_hand, has_numeric_claim_ids
from episodes.building.frame_codes import Coder, FrameCodes
from episodes.building.plain_tables import PlainTables
from episodes.building.sources import columns_read
from episodes.building.spool import Spool
from episodes.claims.people import bucket_of_hash, people_in_order
from episodes.errors import ContractError
from episodes.programs.rule import Basis

LINES_PER_BUCKET = 1_250_000
"""Memory holds the lines of as many buckets as there are threads."""


@dataclass(frozen=True, eq=False)
class Bucket:
    """People of a bucket, and where their rows are."""

    number: int
    people: pl.Series
    first_person: int
    tables: Mapping[str, pl.DataFrame]
    rows: Mapping[str, pl.DataFrame] | Spool
    dictionaries: Mapping[str, pl.Series]
    others: Facts

    def codes(self) -> FrameCodes:
        """Their claims and lines as arrays."""
        claims, lines = (
            self.rows.take(name, self.number) if isinstance(self.rows, Spool) else self.rows[name]
            for name in ("claims", "lines")
        )
        return FrameCodes(self.people, self.first_person, claims, lines, self.dictionaries)


@dataclass(frozen=True)
class PlainInput:
    """Canonical tables, lazily.

    Args:
        tables: claims, lines, beneficiaries, coverage.
        wanted_buckets: into how many parts people are divided; null = so that each is of a handy size.
        every_column: whether other rooms read these claims too; else only what building looks at is read.
        services: whether services name their lines.
    """

    tables: PlainTables
    wanted_buckets: int | None
    every_column: bool
    services: bool = True

    @property
    def numeric_claim_ids(self) -> bool:
        """Whether all claim ids compare as numbers."""
        return has_numeric_claim_ids(self.tables)

    def amounts_at_hand(self, settings: set[str], basis: Basis) -> dict[str, list[str]]:
        """The amount bases of items by claim and by line."""
        return amounts_at_hand(self.tables, settings, basis)

    def tasks(self, context: Context) -> list[Bucket]:
        """People in buckets, their rows put aside, with what is known of everybody else."""
        with ThreadPoolExecutor(1) as beside:
            # The loops are loaded while the tables are read: neither waits for the other.
            beside.submit(kernels)
            return self._tasks(context)

    def _tasks(self, context: Context) -> list[Bucket]:
        self.tables.need_known_words()
        look = FirstLook(self.tables, context)
        lines = self.tables.rows["lines"] - look.rows_of_others["lines"]
        buckets = self.wanted_buckets or max(1, -(-lines // LINES_PER_BUCKET))
        hashed = people_in_order(look.people)
        placed = hashed.select("beneficiary_id", "person", bucket=bucket_of_hash(hashed["hash"], buckets))
        coder = Coder()
        rows = self._put_aside(look, placed, coder, buckets)
        where = placed.select("beneficiary_id", "bucket")
        tables = {name: self.tables.collected(look.of(name)) for name in ("beneficiaries", "coverage")}
        of_buckets = {
            "people": placed.partition_by("bucket", maintain_order=True, as_dict=True),
            **{
                name: table.join(where, on="beneficiary_id", maintain_order="left").partition_by(
                    "bucket", maintain_order=True, include_key=False, as_dict=True
                )
                for name, table in tables.items()
            },
        }
        others = look.facts_of_others + look.coverage_of_others(look_for_people=tables["coverage"].is_empty())
        dictionaries = coder.dictionaries()
        made = []
        for number in range(buckets):
            own = of_buckets["people"].get((number,), placed.clear())
            made.append(
                Bucket(
                    number=number,
                    people=own["beneficiary_id"],
                    first_person=int(own["person"][0]) if own.height else 0,
                    tables={name: of_buckets[name].get((number,), table.clear()) for name, table in tables.items()},
                    rows=rows,
                    dictionaries=dictionaries,
                    others=Facts() if number else others,
                )
            )
        return made

    def _put_aside(
        self, look: FirstLook, people: pl.DataFrame, coder: Coder, buckets: int
    ) -> Mapping[str, pl.DataFrame] | Spool:
        """Claims and lines of the people chosen, in memory where there is one bucket, else in files by bucket."""
        # A column of known words is cast to their places: people are in order, so a person's place is their ordinal.
        known = pl.col("beneficiary_id").cast(pl.Enum(people["beneficiary_id"]), strict=False)
        person = known.to_physical().cast(pl.UInt32).alias("person")
        rows = {}
        for name in ("claims", "lines"):
            schema = look.of(name).collect_schema()
            if not self.every_column:
                read = columns_read(name, look.context, services=self.services)
                schema = pl.Schema({column: dtype for column, dtype in schema.items() if column in read})
            rows[name] = look.of(name).select("claim_id", person, *coder.expressions(name, schema)).drop_nulls("person")
        if buckets == 1:
            held = {name: self.tables.collected(query) for name, query in rows.items()}
            self._need_all({name: frame.height for name, frame in held.items()}, look)
            return held
        spool = Spool()
        spool.need_room(sum(self.tables.rows[name] - look.rows_of_others[name] for name in rows))
        with ThreadPoolExecutor(len(rows)) as both:
            put = both.map(lambda name: spool.put(name, rows[name], people["bucket"]), rows)
            self._need_all(self.tables.read(lambda: dict(zip(rows, put, strict=True))), look)
        return spool

    def _need_all(self, read: Mapping[str, int], look: FirstLook) -> None:
        """Rows of people with and without a possible anchor are all there are."""
        for name, number in read.items():
            accounted = number + look.rows_of_others[name]
            if accounted != self.tables.rows[name]:
                raise ContractError(
                    f"{self.tables.rows[name]:,} rows of {name} came in, {accounted:,} are accounted for: rows without "
                    "a beneficiary_id, or lines of people without claims, belong to nobody. Read the claims with "
                    "validate='full', which sets them aside."
                )

    def open(self, task: object, context: Context) -> CodedBucket:
        """The claims of one bucket."""
        bucket = cast("Bucket", task)
        tables = {name: table.lazy() for name, table in bucket.tables.items()}
        return CodedBucket(bucket.codes(), tables, bucket.first_person, context, bucket.others)
