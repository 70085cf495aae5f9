"""What a layout is: a module that knows its files, reads their rows as text, and reshapes rows into canonical tables.

Reading goes the same way for every layout: `source_files` says what each file is, `read_rows` gives its rows in
batches of text columns, and `reshape` makes canonical tables of all rows of some people. `PERSON_COLUMNS` names the
column by which the rows of a kind can be divided among people; a kind without one is handed to everybody. Because
`reshape` needs no rows of other people, a delivery of any size can be worked on a part of the people at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from episodes.claims.report import ReadingReport


@dataclass(frozen=True)
class SourceFile:
    """A file of a delivery and what it was taken for."""

    path: Path
    kind: str
    member: str | None = None
    """The file inside a zip, where the zip holds several."""


class Layout(Protocol):
    """The functions and names every layout module has."""

    PERSON_COLUMNS: Mapping[str, str | None]
    """Kind of file to the column that names the person; None: rows that everybody needs."""

    def recognises(self, path: Path) -> bool:
        """Whether a folder or file is of this layout."""
        ...

    def source_files(self, path: Path, report: ReadingReport) -> list[SourceFile]:
        """The files to read, in a fixed order; what is passed over is said in the report's notes.

        Raises:
            LayoutError: no file of the layout, or one that lacks columns.
        """
        ...

    def read_rows(self, file: SourceFile) -> Iterator[pl.DataFrame]:
        """The rows of a file, in order, in batches; every column is text, blanks are null.

        Raises:
            LayoutError: the file is damaged.
        """
        ...

    def reshape(self, rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> dict[str, pl.DataFrame]:
        """Canonical tables (not yet cast) of the rows of some people, by kind of file.

        Rows that a layout merges, nets or sets aside are counted in the report.
        """
        ...
