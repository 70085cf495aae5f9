"""The one place that writes and reads Parquet.

Same rows in, same bytes out, on one platform and one set of versions: row groups are of a fixed size (left
to themselves, engines size them by the number of threads), no timings or paths are stored, and the
compression is pinned.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

ROWS_PER_GROUP = 131_072


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame to one Parquet file with a fixed row-group size."""
    import pyarrow.parquet as pq

    plain = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    table = plain.to_arrow(compat_level=pl.CompatLevel.oldest())
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table,
        path,
        row_group_size=ROWS_PER_GROUP,
        compression="zstd",
        compression_level=3,
        version="2.6",
        store_schema=False,
    )


def scan_parquet(path: Path) -> pl.LazyFrame:
    """Scan a Parquet file, or a folder of Parquet files in the order of their names."""
    if path.is_dir():
        return pl.scan_parquet(sorted(path.glob("*.parquet")))
    return pl.scan_parquet(path)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
