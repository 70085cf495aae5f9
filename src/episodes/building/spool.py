"""Rows of tables that are larger than memory, put aside by bucket in files of a temporary folder."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pyarrow as pa

BATCH_ROWS = 500_000


class Spool:
    """Files of rows by table and bucket; they go with this object."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="episodes-spool-")

    def put(self, table: str, rows: pl.LazyFrame, buckets: int) -> int:
        """Put rows aside by their column `bucket`, in the order in which they come. Returns how many there are."""
        put = 0
        schema = (
            rows.select(pl.exclude("bucket")).head(0).collect().to_arrow(compat_level=pl.CompatLevel.newest()).schema
        )
        with ExitStack() as open_files:
            writers = [
                open_files.enter_context(pa.ipc.new_file(str(self._file(table, bucket)), schema))
                for bucket in range(buckets)
            ]
            for batch in rows.collect_batches(chunk_size=BATCH_ROWS, engine="streaming"):
                put += batch.height
                parts = batch.partition_by("bucket", maintain_order=True, include_key=False, as_dict=True)
                for (bucket,), part in parts.items():
                    writers[bucket].write_table(part.to_arrow(compat_level=pl.CompatLevel.newest()))
        return put

    def take(self, table: str, bucket: int) -> pl.DataFrame:
        """The rows of a bucket, in mapped memory."""
        with pa.memory_map(str(self._file(table, bucket))) as mapped:
            return pl.DataFrame(pl.from_arrow(pa.ipc.open_file(mapped).read_all()))

    def _file(self, table: str, bucket: int) -> Path:
        return Path(self._folder.name) / f"{table}-{bucket:05d}.arrow"
