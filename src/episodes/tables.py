"""The one place that writes and reads Parquet.

Same rows in, same bytes out, on one platform and one set of versions: row groups are of a fixed size (left
to themselves, engines size them by the number of threads), no timings or paths are stored, and the
compression is pinned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

ROWS_PER_GROUP = 131_072


def write_parquet(frame: pl.DataFrame | pl.LazyFrame, path: Path) -> int:
    """Write a frame to one Parquet file with a fixed row-group size; a lazy one batch by batch. Returns its rows."""
    import pyarrow.parquet as pq

    batches = iter([frame]) if isinstance(frame, pl.DataFrame) else frame.collect_batches(maintain_order=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    held = pl.DataFrame(schema=frame.collect_schema())
    writer: pq.ParquetWriter | None = None
    try:
        for last, group in _groups(batches, held):
            table = _plain(group).to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pq.ParquetWriter(
                path, table.schema, compression="zstd", compression_level=3, version="2.6", store_schema=False
            )
            if group.height or (last and written == 0):
                writer.write_table(table, row_group_size=ROWS_PER_GROUP)
            written += group.height
    finally:
        if writer is not None:
            writer.close()
    return written


def _groups(batches: Iterable[pl.DataFrame], held: pl.DataFrame) -> Iterator[tuple[bool, pl.DataFrame]]:
    """Rows in groups of the fixed size, whatever the sizes of the batches; the last one says so."""
    for batch in batches:
        held = pl.concat([held, batch]) if held.height else batch
        while held.height > ROWS_PER_GROUP:
            yield False, held.head(ROWS_PER_GROUP)
            held = held.slice(ROWS_PER_GROUP)
    yield True, held


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def scan_parquet(path: Path) -> pl.LazyFrame:
    """Scan a Parquet file, or a folder of Parquet files in the order of their names."""
    if path.is_dir():
        return pl.scan_parquet(sorted(path.glob("*.parquet")))
    return pl.scan_parquet(path)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
