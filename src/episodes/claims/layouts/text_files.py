"""Reading delimited text files, plain, gzipped or zipped, with errors that name the file and the fault."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import polars as pl

from episodes.errors import LayoutError, count_of

TEXT_ENDINGS = (".csv", ".csv.gz", ".txt", ".txt.gz", ".zip")
_DELIMITER_WORDS = {",": "comma", "|": "pipe", "\t": "tab", ";": "semicolon"}
BATCH_BYTES = 64 * 1024 * 1024
"""Text read at a time where a file is read in batches."""

_VALUE = re.compile(r"(?=.*\d)[-+\d.,:/ ]+|\d{1,2}-[A-Za-z]{3}-\d{4}")
"""A number or a date: no column is named so."""

_UNREADABLE = (EOFError, OSError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What gzip and zip raise on truncated, damaged, encrypted or unreadable files."""


def data_files(path: Path, endings: tuple[str, ...] = (*TEXT_ENDINGS, ".parquet")) -> list[Path]:
    """The data files of a folder (or the file itself), in the order of their names."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and file.name.lower().endswith(endings))


def read_text_table(path: Path, *, delimiter: str = ",", keep: Callable[[str], bool] | None = None) -> pl.DataFrame:
    """A text file with all columns as text, blanks as null. A zip may hold one data file.

    Args:
        path: plain, `.gz` or `.zip`.
        delimiter: what stands between the columns.
        keep: which columns to keep, by name; all when not given.

    Raises:
        LayoutError: empty, truncated, not text, another delimiter, a column named twice, or uneven rows.
    """
    return _rows_of(_content_of(path), path, delimiter, keep)


def read_text_batches(
    path: Path, *, delimiter: str = ",", keep: Callable[[str], bool] | None = None, batch_bytes: int = BATCH_BYTES
) -> Iterator[pl.DataFrame]:
    """The same as `read_text_table`, some rows at a time, so that memory stays bounded whatever the file.

    A batch ends at the end of a line: a quoted value must not hold a line break.
    """
    try:
        with _open(path) as stream:
            header_line = next((line for line in stream if line.strip()), b"")
            _header_in(header_line, path, delimiter)
            rest = b""
            while block := stream.read(batch_bytes):
                whole, newline, rest = (rest + block).rpartition(b"\n")
                if newline:
                    yield _rows_of(header_line + whole + newline, path, delimiter, keep)
            if rest.strip():
                yield _rows_of(header_line + rest, path, delimiter, keep)
    except _UNREADABLE as error:
        raise _damaged(path, error) from None


def read_terminated_batches(
    path: Path, *, delimiter: str = ",", keep: Callable[[str], bool] | None = None, batch_bytes: int = BATCH_BYTES
) -> Iterator[pl.DataFrame]:
    """The same as `read_text_batches`, for files whose rows may end in a delimiter that the header does not have."""
    try:
        with _open(path) as stream:
            header_line = next((line for line in stream if line.strip()), b"")
            named = len(_header_in(header_line, path, delimiter))
            rest, first = b"", True
            while block := stream.read(batch_bytes):
                whole, newline, rest = (rest + block).rpartition(b"\n")
                if not newline:
                    continue
                if first:
                    header_line, first = _as_rows_end(header_line, whole, named, delimiter.encode()), False
                yield _rows_of(header_line + whole + newline, path, delimiter, keep)
            if rest.strip():
                if first:
                    header_line = _as_rows_end(header_line, rest, named, delimiter.encode())
                yield _rows_of(header_line + rest, path, delimiter, keep)
    except _UNREADABLE as error:
        raise _damaged(path, error) from None


def _as_rows_end(header_line: bytes, rows: bytes, named: int, delimiter: bytes) -> bytes:
    """The header line, with a delimiter at its end when the first row has one more there."""
    row = next((line for line in rows.split(b"\n", 2) if line.strip()), b"").rstrip(b"\r")
    unquoted = re.sub(rb'"[^"]*"', b"", row)
    if not unquoted.endswith(delimiter) or unquoted.count(delimiter) != named:
        return header_line
    return header_line.rstrip(b"\r\n") + delimiter + b"\n"


def header_of(path: Path, *, delimiter: str = ",") -> list[str]:
    """The column names of a text file, without reading it whole.

    Raises:
        LayoutError: empty, truncated, damaged, another delimiter, or a column named twice.
    """
    return _header_in(_first_line_of(path), path, delimiter)


def mentions(path: Path, names: Iterable[str]) -> bool:
    """Whether the first line of a text file holds one of these column names, whatever the delimiter.

    Raises:
        LayoutError: the file is empty, truncated or damaged.
    """
    first_line = _first_line_of(path)
    if not first_line:
        raise _empty(path)
    return any(name.encode() in first_line for name in names)


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, plain, gzipped, or the only one of a zip, to be read bit by bit.

    Raises:
        LayoutError: the file is truncated or damaged.
    """
    try:
        with _open(path) as stream:
            yield stream
    except _UNREADABLE as error:
        raise _damaged(path, error) from None


def _first_line_of(path: Path) -> bytes:
    try:
        with _open(path) as stream:
            return next((line for line in stream if line.strip()), b"")
    except _UNREADABLE as error:
        raise _damaged(path, error) from None


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    name = path.name.lower()
    if name.endswith(".gz"):
        with gzip.open(path, "rb") as stream:
            yield cast(IO[bytes], stream)
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as member:
            yield member
    else:
        with path.open("rb") as stream:
            yield stream


def _content_of(path: Path) -> bytes:
    try:
        with _open(path) as stream:
            return stream.read()
    except _UNREADABLE as error:
        raise _damaged(path, error) from None


def _rows_of(content: bytes, path: Path, delimiter: str, keep: Callable[[str], bool] | None) -> pl.DataFrame:
    """Rows of text that begins with its header."""
    content = _without_blank_lines(content)
    first_line, _, body = content.partition(b"\n")
    header = _header_in(first_line, path, delimiter)
    chosen = [place for place, name in enumerate(header) if keep is None or keep(name)]
    try:
        frame = pl.read_csv(content, separator=delimiter, infer_schema=False, columns=chosen)
    except pl.exceptions.PolarsError:
        # The engine's own message quotes the text around the fault, so it is not passed on.
        raise _uneven_rows(path, delimiter, header) from None
    unquoted = re.sub(rb'"[^"]*"', b"", body) if b'"' in body else body
    # A row that was cut short would otherwise be filled up with nulls in silence.
    if unquoted.count(delimiter.encode()) != frame.height * (len(header) - 1):
        raise _uneven_rows(path, delimiter, header)
    frame.columns = [header[place] for place in chosen]
    return frame


def _empty(path: Path) -> LayoutError:
    return LayoutError(
        f"{path.name}: the file is empty; a header row and data rows are expected. "
        "Copy it again, or take it out of the folder."
    )


def _damaged(path: Path, error: BaseException) -> LayoutError:
    return LayoutError(
        f"{path.name}: the file cannot be read to its end ({type(error).__name__}). "
        "Usual causes: a download or copy that was cut short, a damaged or password-protected archive. "
        "Copy it again, or take it out of the folder."
    )


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if len(members) != 1:
        raise LayoutError(
            f"{path.name}: the zip holds {count_of(len(members), 'file')}, expected one data file. "
            "Unpack it, or take it out of the folder."
        )
    return members[0]


def _without_blank_lines(content: bytes) -> bytes:
    if content[:1].isspace():
        content = re.sub(rb"\A(?:[ \t]*\r?\n)+", b"", content)
    if b"\n\n" in content or b"\n\r\n" in content:
        content = re.sub(rb"\n(?:\r?\n)+", b"\n", content)
    return content


def _header_in(first_line: bytes, path: Path, delimiter: str) -> list[str]:
    text = first_line.decode("utf-8", errors="replace").lstrip("\ufeff").strip("\r\n")
    if not text.strip():
        raise _empty(path)
    if delimiter not in text:
        for other, word in _DELIMITER_WORDS.items():
            if other in text:
                raise LayoutError(
                    f"{path.name}: the header is delimited by {word}, expected "
                    f"{_DELIMITER_WORDS.get(delimiter, delimiter)}. Export the file again with it."
                )
    header = [column.strip().strip('"').strip() for column in text.split(delimiter)]
    if any(_VALUE.fullmatch(column) for column in header):
        # The names that follow in other messages would be cells.
        raise LayoutError(
            f"{path.name}: the first line holds numbers or dates where column names are expected. Usual causes: a "
            "file without its header row, or line ends that join the header with the first row. Export the file again."
        )
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise LayoutError(
            f"{path.name}: {count_of(len(twice), 'column')} named more than once in the header: "
            f"{', '.join(twice)}. Keep one of each."
        )
    return header


def _uneven_rows(path: Path, delimiter: str, header: list[str]) -> LayoutError:
    return LayoutError(
        f"{path.name}: not readable as {_DELIMITER_WORDS.get(delimiter, delimiter)}-delimited text with "
        f"{count_of(len(header), 'column')} in every row. Usual causes: a file or row cut short, "
        "rows joined, an unclosed quotation mark, or an encoding other than UTF-8. "
        "Export or copy the file again."
    )
