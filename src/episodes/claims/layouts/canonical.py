"""The contract's own layout: a folder with `claims.parquet`, `lines.parquet`, ..., or the same as CSV.

A table is a file (`claims.parquet`, `claims.csv`, `claims.csv.gz`) or a folder of Parquet files (`claims/`).
In CSV a list column holds its elements with `|` between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.claims import Claims, Validation
from episodes.claims.contract import TABLES, empty_table
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.text_files import mentions, read_text_batches, read_text_table
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of
from episodes.tables import scan_parquet, sha256_of, write_parquet

_ENDINGS = (".parquet", ".csv", ".csv.gz")
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What reading a damaged Parquet file raises; some damage makes the engine panic."""


def recognises(path: Path) -> bool:
    """True for a folder that has a table `claims`: by its name, as text also by its header."""
    place = _place_of(path, "claims") if path.is_dir() else None
    if place is None or not _is_text(place):
        return place is not None
    try:
        return mentions(place, ["beneficiary_id"])
    except LayoutError:
        # An empty or damaged file is taken on its name, so that reading it says what is wrong with it.
        return True


def read(path: Path, validate: Validation) -> Claims:
    """Read a canonical folder.

    Raises:
        LayoutError: not a folder, no table `claims`, or a file that is empty, truncated or in another format.
    """
    _need_folder(path)
    report = ReadingReport(layout="canonical")
    frames: dict[str, Any] = {}
    for name in TABLES:
        place = _place_of(path, name)
        if place is None:
            continue
        frames[name] = _frame_of(place, whole=validate == "full")
        for file in sorted(place.glob("*.parquet")) if place.is_dir() else [place]:
            rows = frames[name].height if _is_text(place) else _rows_of(file)
            report.files.append(
                {
                    "name": file.relative_to(path).as_posix(),
                    "sha256": sha256_of(file),
                    "rows": rows,
                    "taken_for": name,
                }
            )
    _need_claims(set(frames), path)
    return Claims(**frames, validate=validate, report=report)


PERSON_COLUMNS = {
    name: "beneficiary_id" if "beneficiary_id" in schema.column_names() else None for name, schema in TABLES.items()
}
"""Tables of people are divided by person; hospitals, participants, clinicians and quality are everybody's."""

BATCH_ROWS = 250_000


def source_files(path: Path, report: ReadingReport) -> list[SourceFile]:
    """The files of the tables that are there; `kind` is the table's name.

    Raises:
        LayoutError: not a folder, or no table `claims`.
    """
    _need_folder(path)
    found = [
        SourceFile(file, name)
        for name in TABLES
        if (place := _place_of(path, name)) is not None
        for file in (sorted(place.glob("*.parquet")) if place.is_dir() else [place])
    ]
    _need_claims({file.kind for file in found}, path)
    taken = {file.path for file in found}
    others = sorted(file.name for file in path.iterdir() if file.is_file() and file not in taken)
    if others:
        report.notes.append(f"{count_of(len(others), 'file')} of no table, ignored: {', '.join(others)}")
    return found


def read_rows(file: SourceFile) -> Iterator[pl.DataFrame]:
    """The rows of a table's file in batches; Parquet keeps its types.

    Raises:
        LayoutError: the file is empty, truncated or in another format.
    """
    if _is_text(file.path):
        yield from read_text_batches(file.path)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file.path).iter_batches(batch_size=BATCH_ROWS):
            yield pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
    except (pa.ArrowException, *_UNREADABLE):
        raise _unreadable(file.path) from None


def reshape(rows: Mapping[str, pl.DataFrame], _report: ReadingReport) -> dict[str, pl.DataFrame]:
    """The tables as they are: the contract's own layout needs no reshaping."""
    return {"claims": empty_table("claims"), **rows}


def write(tables: dict[str, pl.DataFrame], folder: Path) -> None:
    """Write canonical tables as Parquet, one file a table; the same tables give the same bytes."""
    for name in TABLES:
        if name in tables:
            write_parquet(tables[name], folder / f"{name}.parquet")


def _need_folder(path: Path) -> None:
    if not path.is_dir():
        raise LayoutError(
            f"{path.name}: the canonical layout is a folder with claims.parquet, lines.parquet and so on. "
            "Give the folder, or name the layout of the file."
        )


def _need_claims(tables: set[str], path: Path) -> None:
    if "claims" not in tables:
        names = [file.name for file in sorted(path.iterdir())][:5]
        raise LayoutError(
            f"{path.name}: no table 'claims' (claims.parquet, claims.csv, or a folder claims of Parquet "
            f"files); the folder holds: {', '.join(names) or 'nothing'}. Name the layout of these files."
        )


def _place_of(folder: Path, name: str) -> Path | None:
    for ending in _ENDINGS:
        if (folder / f"{name}{ending}").is_file():
            return folder / f"{name}{ending}"
    return folder / name if any((folder / name).glob("*.parquet")) else None


def _is_text(place: Path) -> bool:
    return place.name.endswith((".csv", ".csv.gz"))


def _frame_of(place: Path, *, whole: bool) -> pl.LazyFrame | pl.DataFrame:
    """A table as a frame. Read whole, a damaged file shows here, where its name is known."""
    if _is_text(place):
        return read_text_table(place)
    try:
        frame = scan_parquet(place)
        frame.collect_schema()
        return frame.collect() if whole else frame
    except _UNREADABLE:
        raise _unreadable(place) from None


def _rows_of(file: Path) -> int:
    try:
        return int(pl.scan_parquet(file).select(pl.len()).collect().item())
    except _UNREADABLE:
        raise _unreadable(file) from None


def _unreadable(place: Path) -> LayoutError:
    if place.is_file() and place.stat().st_size == 0:
        return LayoutError(f"{place.name}: the file is empty. Write or copy it again.")
    return LayoutError(
        f"{place.name}: not readable as Parquet. Usual causes: a copy that was cut short, a damaged file, "
        "another format under this name, or files of one table with different columns. "
        "Write or copy it again."
    )
