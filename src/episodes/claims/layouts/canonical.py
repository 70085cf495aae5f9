"""The contract's own layout: a folder with `claims.parquet`, `lines.parquet`, ..., or the same as CSV.

A table is a file (`claims.parquet`, `claims.csv`, `claims.csv.gz`) or a folder of Parquet files (`claims/`).
In CSV a list column holds its elements with `|` between them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.claims import Claims, Validation
from episodes.claims.contract import TABLES
from episodes.claims.layouts.text_files import mentions, read_text_table
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError
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
    if not path.is_dir():
        raise LayoutError(
            f"{path.name}: the canonical layout is a folder with claims.parquet, lines.parquet and so on. "
            "Give the folder, or name the layout of the file."
        )
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
    if "claims" not in frames:
        names = [file.name for file in sorted(path.iterdir())][:5]
        raise LayoutError(
            f"{path.name}: no table 'claims' (claims.parquet, claims.csv, or a folder claims of Parquet "
            f"files); the folder holds: {', '.join(names) or 'nothing'}. Name the layout of these files."
        )
    return Claims(**frames, validate=validate, report=report)


def write(tables: dict[str, pl.DataFrame], folder: Path) -> None:
    """Write canonical tables as Parquet, one file a table; the same tables give the same bytes."""
    for name in TABLES:
        if name in tables:
            write_parquet(tables[name], folder / f"{name}.parquet")


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
