"""Rows of tables that are larger than memory, put aside by bucket in files of a temporary folder."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pyarrow as pa

from episodes.errors import EpisodesError

BATCH_ROWS = 500_000
BYTES_PER_ROW = 100
"""About what a row takes, of claims and lines alike."""


class Spool:
    """Files of rows by table and bucket; they go with this object."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="episodes-spool-")
        self._empty: dict[str, pl.DataFrame] = {}

    def need_room(self, rows: int) -> None:
        """Look before the work whether so many rows will find room.

        Raises:
            EpisodesError: they will not.
        """
        free, wanted = shutil.disk_usage(self._folder.name).free, rows * BYTES_PER_ROW
        if free < wanted:
            raise EpisodesError(
                f"{rows:,} rows of claims and lines are put aside in the folder for temporary files: about "
                f"{wanted / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free there. Name a folder with more room in the "
                "variable TMPDIR, or make a store of the claims first (episodes ingest)."
            )

    def put(self, table: str, rows: pl.LazyFrame, bucket_of_person: pl.Series) -> int:
        """Put rows aside by the bucket of their `person`, in the order in which they come; says how many they are."""
        put = 0
        self._empty[table] = rows.head(0).collect()
        schema = _arrow(self._empty[table]).schema
        with ExitStack() as open_files:
            writers = {
                bucket: open_files.enter_context(pa.ipc.new_file(str(self._file(table, bucket)), schema))
                for bucket in bucket_of_person.unique()
            }
            for batch in rows.collect_batches(chunk_size=BATCH_ROWS, engine="streaming"):
                put += batch.height
                placed = batch.with_columns(_bucket=bucket_of_person.gather(batch["person"]))
                parts = placed.partition_by("_bucket", maintain_order=True, include_key=False, as_dict=True)
                for (bucket,), part in parts.items():
                    writers[bucket].write_table(_arrow(part))
        return put

    def take(self, table: str, bucket: int) -> pl.DataFrame:
        """The rows of a bucket, in mapped memory."""
        if not self._file(table, bucket).exists():
            return self._empty[table]
        with pa.memory_map(str(self._file(table, bucket))) as mapped:
            return pl.DataFrame(pl.from_arrow(pa.ipc.open_file(mapped).read_all()))

    def _file(self, table: str, bucket: int) -> Path:
        return Path(self._folder.name) / f"{table}-{bucket:05d}.arrow"


def _arrow(rows: pl.DataFrame) -> pa.Table:
    return rows.to_arrow(compat_level=pl.CompatLevel.newest())
