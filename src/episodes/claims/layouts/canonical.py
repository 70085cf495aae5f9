"""The contract's own layout: a folder with `claims.parquet`, `lines.parquet`, ..., or the same as CSV.

A table is a file (`claims.parquet`, `claims.csv`, `claims.csv.gz`) or a folder of Parquet files (`claims/`). In CSV a
list column holds its elements with `|` between them.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from episodes.claims.claims import Claims, Validation
from episodes.claims.contract import TABLES
from episodes.claims.layouts.text_files import read_text_table
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError
from episodes.tables import scan_parquet, sha256_of, write_parquet

_ENDINGS = (".parquet", ".csv", ".csv.gz")


def recognises(path: Path) -> bool:
    """True for a folder that has a table `claims`."""
    return path.is_dir() and _place_of(path, "claims") is not None


def read(path: Path, validate: Validation) -> Claims:
    """Read a canonical folder."""
    if not path.is_dir():
        raise LayoutError(f"{path.name}: the canonical layout is a folder with claims.parquet, lines.parquet and so on.")
    report = ReadingReport(layout="canonical")
    frames: dict[str, pl.LazyFrame | pl.DataFrame] = {}
    for name in TABLES:
        place = _place_of(path, name)
        if place is None:
            continue
        frames[name] = _frame_of(place)
        for file in sorted(place.glob("*.parquet")) if place.is_dir() else [place]:
            report.files.append({"name": str(file.relative_to(path)), "sha256": sha256_of(file), "taken_for": name})
    if "claims" not in frames:
        raise LayoutError(f"{path.name}: no table 'claims' (claims.parquet or claims.csv) in the folder.")
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
    return folder / name if (folder / name).is_dir() else None


def _frame_of(place: Path) -> pl.LazyFrame | pl.DataFrame:
    if place.name.endswith((".csv", ".csv.gz")):
        return read_text_table(place)
    if place.is_file() and place.stat().st_size == 0:
        raise LayoutError(f"{place.name}: the file is empty.")
    try:
        frame = scan_parquet(place)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LayoutError(f"{place.name}: not readable as Parquet (truncated, damaged, or another format).") from error
    return frame
