"""First half of an ingest: raw rows of every file are spread over buckets of people, a batch at a time.

A person's rows of all files come to lie in one bucket, in the order of files and rows, so that the second half can
reshape one bucket after the other in bounded memory. A file that was spread is marked; after an interruption only files
without their mark are spread again.

What is spread lies on disk for the time of an ingest only, as Arrow streams, lightly compressed: one file a kind,
bucket and file of the delivery, to which each batch adds a stream of its own. So the number of files does not grow with
the number of batches, and a batch is neither encoded nor decoded as Parquet.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.layouts.plan import Delivery
from episodes.claims.people import beneficiary_hash, bucket_of_hash

EVERYBODY = "everybody"
"""The folder of rows that are not of one person."""


def spread(
    delivery: Delivery, folder: Path, buckets: int, progress: Callable[[int, int], None] | None = None
) -> list[int]:
    """Spread the files of a delivery; returns the rows of each file."""
    rows = []
    for number, file in enumerate(delivery.files):
        mark = folder / "marks" / f"{number:05d}.json"
        if not mark.is_file():
            for left_over in folder.glob(f"*/*/{number:05d}.arrows"):
                left_over.unlink()
            column = delivery.module.PERSON_COLUMNS[file.kind]
            taken = 0
            for batch in delivery.module.read_rows(file):
                taken += batch.height
                for bucket, part in _parts(batch, column, buckets):
                    _append(part, folder / file.kind / bucket / f"{number:05d}.arrows")
            mark.parent.mkdir(parents=True, exist_ok=True)
            partial = mark.with_suffix(".partial")
            partial.write_text(json.dumps({"rows": taken}), encoding="utf-8")
            partial.rename(mark)
        rows.append(int(json.loads(mark.read_text(encoding="utf-8"))["rows"]))
        if progress is not None:
            progress(number + 1, len(delivery.files))
    return rows


def rows_of_bucket(delivery: Delivery, folder: Path, bucket: int) -> dict[str, pl.DataFrame]:
    """All raw rows of a bucket's people by kind of file, in the order in which they were delivered."""
    found = {}
    for kind in dict.fromkeys(file.kind for file in delivery.files):
        name = EVERYBODY if delivery.module.PERSON_COLUMNS[kind] is None else f"{bucket:05d}"
        parts = [part for file in sorted((folder / kind / name).glob("*.arrows")) for part in _appended(file)]
        if parts:
            found[kind] = pl.concat(parts, how="diagonal_relaxed")
    return found


def clear(folder: Path) -> None:
    """Remove what was spread."""
    shutil.rmtree(folder, ignore_errors=True)


def _append(part: pl.DataFrame, path: Path) -> None:
    """Add a stream with its own schema to the end of a file: batches of one file may differ in their types."""
    import pyarrow as pa

    plain = part.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    table: Any = plain.to_arrow(compat_level=pl.CompatLevel.oldest())
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("ab") as stream,
        pa.ipc.new_stream(stream, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer,
    ):
        writer.write_table(table)


def _appended(path: Path) -> Iterator[pl.DataFrame]:
    """The streams of a file in the order in which they were added."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as stream:
        while stream.tell() < stream.size():
            yield pl.DataFrame(pl.from_arrow(pa.ipc.open_stream(stream).read_all()))


def _parts(batch: pl.DataFrame, column: str | None, buckets: int) -> list[tuple[str, pl.DataFrame]]:
    if column is None:
        return [(EVERYBODY, batch)]
    # Rows without a person are set aside by the contract later; any bucket may do that.
    people = batch.select(person=pl.col(column).cast(pl.String).str.strip_chars().fill_null(""))["person"]
    distinct = people.unique()
    hashes = pl.Series([beneficiary_hash(one) for one in distinct], dtype=pl.UInt64)
    of_person = pl.DataFrame({"person": distinct, "_bucket": bucket_of_hash(hashes, buckets)})
    placed = batch.with_columns(
        pl.DataFrame({"person": people}).join(of_person, on="person", how="left", maintain_order="left")["_bucket"]
    )
    split = placed.partition_by("_bucket", as_dict=True, maintain_order=True, include_key=False)
    return [(f"{key[0]:05d}", part) for key, part in sorted(split.items())]
