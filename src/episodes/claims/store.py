"""A store: canonical Parquet in buckets of people, sorted, with a codes sidecar and a manifest.

    store.json                    layout, files, rows in and out, quarantined and netted by reason, versions
    views.sql                     views for DuckDB: the tables, payable items, claims with people
    claims/00000.parquet ...      one file a bucket; also lines, beneficiaries, coverage
    totals/00000.parquet ...      claims, lines and payable cents of each person and setting
    hospitals.parquet ...         tables that are not of people
    codes/00000/*.npy             memory-mappable arrays of a bucket
    quarantine/<table>/00000.parquet   rows that broke the contract, with reasons
    netted/<table>/00000.parquet       what was netted against what

Rows are sorted by (hash of the person, person, date, claim, line); buckets are ranges of the hash, so the order over
all buckets is the same for any number of them. Any engine can read it.
"""

from __future__ import annotations

import datetime as dt
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.claims import Claims
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS, TABLES
from episodes.claims.people import beneficiary_hash
from episodes.claims.report import ReadingReport, TableReport
from episodes.errors import LayoutError
from episodes.tables import scan_parquet

MANIFEST = "store.json"
PEOPLE_TABLES = ("claims", "lines", "beneficiaries", "coverage")
OTHER_TABLES = tuple(name for name in TABLES if name not in PEOPLE_TABLES)
TOTALS = "totals"
FORMAT = 3
_LIBRARIES = ("episodes", "polars", "pyarrow", "duckdb")


def is_store(path: Path) -> bool:
    """Whether a folder is a store."""
    return path.is_dir() and (path / MANIFEST).is_file()


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a store says of itself.

    Raises:
        LayoutError: not a store, or one of a format this version does not read.
    """
    if not is_store(folder):
        raise LayoutError(f"{folder.name!r} is not a store: it has no {MANIFEST}. Make one: episodes ingest.")
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["format"] != FORMAT:
        raise LayoutError(f"{folder.name!r} is a store of format {manifest['format']}; this version reads {FORMAT}.")
    return manifest


def read_store(folder: Path) -> Claims:
    """The claims of a store. They were validated when it was made; rows are taken at their word."""
    manifest = read_manifest(folder)
    frames: dict[str, Any] = {}
    for name in TABLES:
        place = folder / name if name in PEOPLE_TABLES else folder / f"{name}.parquet"
        if place.exists():
            frames[name] = scan_parquet(place)
    claims = Claims(**frames, validate="none", report=report_of(manifest))
    claims.report.validation = "full, at ingest"
    claims.store = folder
    known = manifest["contents"]["complete_through"]
    claims.complete_through = dt.date.fromisoformat(known) if known else None
    return claims


def report_of(manifest: dict[str, Any]) -> ReadingReport:
    """The reading report of a store, from its manifest."""
    said = manifest["reading"]
    tables = {name: TableReport(**counts) for name, counts in said["tables"].items()}
    return ReadingReport(
        layout=said["layout"], validation="full, at ingest", files=said["files"], tables=tables, notes=said["notes"]
    )


def versions() -> dict[str, str]:
    """Versions of what makes the bytes of a store."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def totals_of(claims: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Claims, lines and payable cents of each person and setting, in the order of the store.

    >>> claims = pl.DataFrame({"beneficiary_id": ["a", "a"], "claim_id": ["1", "2"], "setting": ["snf", "dme"],
    ...     "allowed_cents": [500, 70], "paid_cents": [400, 60], "standardized_cents": [450, None]})
    >>> lines = pl.DataFrame({"beneficiary_id": ["a"], "claim_id": ["2"],
    ...     "allowed_cents": [75], "paid_cents": [60], "standardized_cents": [None]})
    >>> totals_of(claims, lines).select("setting", "payable_items", "allowed_cents", "standardized_cents").rows()
    [('dme', 1, 75, None), ('snf', 1, 500, 450)]
    """
    key, keys = ["beneficiary_id", "setting"], ["beneficiary_id", "claim_id"]
    headers = claims.select(*keys, pl.col("setting").cast(pl.String), *_AMOUNTS)
    of_lines = lines.select(*keys, *_AMOUNTS).join(headers.select(*keys, "setting"), on=keys, how="inner")
    items = pl.concat(
        [
            headers.filter(pl.col("setting").is_in(CLAIM_PAID_SETTINGS)).select(*key, *_AMOUNTS),
            of_lines.filter(pl.col("setting").is_in(LINE_PAID_SETTINGS)).select(*key, *_AMOUNTS),
        ]
    )
    sums = items.group_by(key).agg(
        pl.len().cast(pl.Int64).alias("payable_items"),
        *(
            pl.when(pl.col(amount).count() > 0).then(pl.col(amount).cast(pl.Int64).sum()).alias(amount)
            for amount in _AMOUNTS
        ),
    )
    totals = (
        headers.group_by(key)
        .agg(claims=pl.len().cast(pl.Int64))
        .join(of_lines.group_by(key).agg(lines=pl.len().cast(pl.Int64)), on=key, how="left")
        .join(sums, on=key, how="left")
        .with_columns(pl.col("lines", "payable_items").fill_null(0))
    )
    return in_store_order(TOTALS, totals)


def in_store_order(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of a table of people in the order of the store."""
    people = frame["beneficiary_id"].unique()
    hashes = pl.Series([beneficiary_hash(one) for one in people], dtype=pl.UInt64)
    hashed = frame.join(
        pl.DataFrame({"beneficiary_id": people, "_hash": hashes}),
        on="beneficiary_id",
        how="left",
        maintain_order="left",
    )
    return hashed.sort(["_hash", "beneficiary_id", *_SORT[name]], nulls_last=False, maintain_order=True).drop("_hash")


def claim_order() -> list[pl.Expr]:
    """Claim ids of digits by their number, before any others by their text."""
    claim = pl.col("claim_id")
    digits = claim.str.contains(r"^(0|[1-9][0-9]*)$")
    return [~digits, pl.when(digits).then(claim.str.len_bytes()), claim]


_AMOUNTS = ("allowed_cents", "paid_cents", "standardized_cents")
_SORT: dict[str, list[str | pl.Expr]] = {
    "claims": [pl.coalesce("admission_date", "from_date"), *claim_order()],
    "lines": ["service_date", *claim_order(), "line_number"],
    "beneficiaries": [],
    "coverage": ["kind", "start_date", "end_date", "detail"],
    TOTALS: ["setting"],
}
