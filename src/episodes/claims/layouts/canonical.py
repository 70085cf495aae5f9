"""The contract's own layout: a folder with `claims.parquet`, `lines.parquet`, ..., or the same as CSV.

A table is a file (`claims.parquet`, `claims.csv`, `claims.csv.gz`) or a folder of Parquet files (`claims/`).
In CSV a list column holds its elements with `|` between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.casting import need_required_columns
from episodes.claims.claims import Claims, Validation
from episodes.claims.contract import TABLES, empty_table
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.text_files import (
    data_files,
    header_of,
    mentions,
    open_bytes,
    read_text_batches,
    read_text_table,
)
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of
from episodes.tables import scan_parquet, sha256_of, write_parquet

_ENDINGS = (".parquet", ".csv", ".csv.gz")
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What reading a damaged Parquet file raises; some damage makes the engine panic."""


def recognises(path: Path) -> bool:
    """True for a folder that has a table `claims`: by its name, as text also by its header."""
    places = _places_of(path, "claims") if path.is_dir() else []
    if len(places) != 1 or not _is_text(place := places[0]):
        return bool(places)
    try:
        return mentions(place, ["beneficiary_id"])
    except LayoutError:
        # An empty or damaged file is taken on its name, so that reading it says what is wrong with it.
        return True


def why_not(path: Path) -> str:
    """A sentence on a folder that is nearly of this layout, for the message that it is not recognised; else blank."""
    if not path.is_dir():
        return ""
    if misnamed := _in_other_letters(path):
        return f"{misnamed[0].name} would be a table of the canonical layout if it were named in small letters. "
    if places := _places_of(path, "claims"):
        return f"{places[0].name} is named as the canonical layout's table, but has no column beneficiary_id. "
    tables = [place.name for name in TABLES for place in _places_of(path, name)]
    if tables:
        return f"{', '.join(tables)} would be of the canonical layout, but claims.parquet or claims.csv is missing. "
    return ""


def read(path: Path, validate: Validation) -> Claims:
    """Read a canonical folder.

    Raises:
        LayoutError: not a folder, no table `claims`, a table twice, or a file that is empty, truncated or in another
            format.
    """
    report = ReadingReport(layout="canonical")
    source_files(path, report)
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
    return Claims(**frames, validate=validate, report=report)


PERSON_COLUMNS = {
    name: "beneficiary_id" if "beneficiary_id" in schema.column_names() else None for name, schema in TABLES.items()
}
"""Tables of people are divided by person; hospitals, participants, clinicians and quality are everybody's."""

BATCH_ROWS = 250_000


def source_files(path: Path, report: ReadingReport) -> list[SourceFile]:
    """The files of the tables that are there; `kind` is the table's name.

    Raises:
        LayoutError: not a folder, no table `claims`, or a table twice.
    """
    _need_folder(path)
    if misnamed := _in_other_letters(path):
        raise LayoutError(
            f"{path.name}: {count_of(len(misnamed), 'table')} named in other letters than the contract's: "
            f"{', '.join(place.name for place in misnamed)}. Rename to {', '.join(p.name.lower() for p in misnamed)}."
        )
    found = [
        SourceFile(file, name)
        for name in TABLES
        if (place := _place_of(path, name)) is not None
        for file in (sorted(place.glob("*.parquet")) if place.is_dir() else [place])
    ]
    _need_claims({file.kind for file in found}, path)
    taken = {file.path for file in found}
    others = [file.name for file in data_files(path) if file not in taken]
    if others:
        report.notes.append(f"{count_of(len(others), 'file')} of no table, ignored: {', '.join(others)}")
    report.notes += [
        f"{file.path.name} has a header and no rows"
        for file in found
        if _is_text(file.path) and _filled_lines(file.path, 2) == 1
    ]
    return found


def read_rows(file: SourceFile) -> Iterator[pl.DataFrame]:
    """The rows of a table's file in batches; Parquet keeps its types.

    Raises:
        LayoutError: the file is empty, truncated or in another format.
        ContractError: a required column is missing.
    """
    if _is_text(file.path):
        # The header is looked at by itself: in another encoding the file may be one long line, without rows.
        need_required_columns(file.kind, header_of(file.path))
        yield from read_text_batches(file.path)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file.path).iter_batches(batch_size=BATCH_ROWS):
            rows = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
            need_required_columns(file.kind, rows.columns)
            yield rows
    except (pa.ArrowException, UnicodeDecodeError, *_UNREADABLE):
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
    """Where a table lies; two places are an error, for one would silently win."""
    places = _places_of(folder, name)
    if len(places) > 1:
        raise LayoutError(
            f"{folder.name}: the table {name!r} is there {len(places)} times: "
            f"{', '.join(place.name for place in places)}. Which one is meant? Take the others out of the folder."
        )
    return places[0] if places else None


def _places_of(folder: Path, name: str) -> list[Path]:
    files = [folder / f"{name}{ending}" for ending in _ENDINGS if (folder / f"{name}{ending}").is_file()]
    return [*files, folder / name] if any((folder / name).glob("*.parquet")) else files


def _in_other_letters(folder: Path) -> list[Path]:
    """Files and folders that would be tables, were it not for capital letters; not every system tells them apart."""
    tables = {f"{name}{ending}" for name in TABLES for ending in _ENDINGS}
    return [
        place
        for place in sorted(folder.iterdir())
        if place.name != place.name.lower()
        and (
            (place.is_file() and place.name.lower() in tables)
            or (place.name.lower() in TABLES and any(place.glob("*.parquet")))
        )
    ]


def _is_text(place: Path) -> bool:
    return place.name.endswith((".csv", ".csv.gz"))


def _filled_lines(place: Path, most: int) -> int:
    """How many lines of a text file are not blank, counted no further than `most`."""
    with open_bytes(place) as stream:
        return sum(1 for _ in islice((line for line in stream if line.strip()), most))


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
