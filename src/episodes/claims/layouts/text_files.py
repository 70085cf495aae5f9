"""Reading delimited text files whole, plain, gzipped or zipped, with errors that name the file and the fault."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path

import polars as pl

from episodes.errors import LayoutError

TEXT_ENDINGS = (".csv", ".csv.gz", ".txt", ".txt.gz", ".zip")
_OTHER_DELIMITERS = {",": "comma", "|": "pipe", "\t": "tab", ";": "semicolon"}


def data_files(path: Path, endings: tuple[str, ...] = (*TEXT_ENDINGS, ".parquet")) -> list[Path]:
    """The data files of a folder (or the file itself), in the order of their names."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and file.name.lower().endswith(endings))


def read_text_table(path: Path, *, delimiter: str = ",") -> pl.DataFrame:
    """All columns as text, blanks as null. A zip may hold one data file.

    Raises:
        LayoutError: empty, truncated, not text, another delimiter, or rows of different length.
    """
    content = _content_of(path)
    if not content.strip():
        raise LayoutError(f"{path.name}: the file is empty; a header row and data rows are expected.")
    header = content.split(b"\n", 1)[0].decode("utf-8", errors="replace").strip().lstrip("\ufeff")
    _need_delimiter(path, header, delimiter)
    try:
        frame = pl.read_csv(content, separator=delimiter, infer_schema=False, missing_utf8_is_empty_string=False)
    except pl.exceptions.PolarsError as error:
        raise LayoutError(
            f"{path.name}: not readable as {_OTHER_DELIMITERS.get(delimiter, delimiter)}-delimited text with "
            f"{header.count(delimiter) + 1} columns in every row. Usual causes: a row cut or joined, an unclosed "
            "quotation mark, or an encoding other than UTF-8."
        ) from error
    return frame.rename(lambda column: column.strip().lstrip("\ufeff").strip('"'))


def header_of(path: Path, *, delimiter: str = ",") -> list[str]:
    """The column names of a text file without reading it whole; empty when it cannot be read."""
    try:
        if path.name.lower().endswith(".gz"):
            with gzip.open(path, "rb") as stream:
                first = stream.readline()
        elif path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as member:
                first = member.readline()
        else:
            with path.open("rb") as stream:
                first = stream.readline()
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, LayoutError):
        return []
    text = first.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    return [column.strip().strip('"') for column in text.split(delimiter)] if text else []


def _content_of(path: Path) -> bytes:
    name = path.name.lower()
    try:
        if name.endswith(".gz"):
            with gzip.open(path, "rb") as stream:
                return stream.read()
        if name.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                return archive.read(_only_member(path, archive))
        return path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise LayoutError(
            f"{path.name}: the compressed file is truncated or damaged ({type(error).__name__}). "
            "Copy or download it again."
        ) from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if len(members) != 1:
        raise LayoutError(f"{path.name}: the zip holds {len(members)} files, expected one data file.")
    return members[0]


def _need_delimiter(path: Path, header: str, delimiter: str) -> None:
    if delimiter in header:
        return
    for other, word in _OTHER_DELIMITERS.items():
        if other != delimiter and other in header:
            raise LayoutError(
                f"{path.name}: the header is delimited by {word}, expected {_OTHER_DELIMITERS.get(delimiter, delimiter)}."
            )
