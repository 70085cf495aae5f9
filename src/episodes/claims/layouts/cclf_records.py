"""The records of one CCLF file as columns of text: fixed width or delimited, plain, gzipped or a member of a zip.

Files are read in blocks of whole lines, so that memory stays bounded whatever their size. A record of another length,
and a number of records that the summary of the delivery does not confirm, are errors of the file.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import IO, cast

import polars as pl

from episodes.claims.layouts.cclf_fields import SUMMARY, fields_of, fields_read, record_length
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.text_files import BATCH_BYTES
from episodes.errors import LayoutError, count_of

UNREADABLE = (EOFError, OSError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What gzip and zip raise on truncated, damaged, encrypted or unreadable files."""

_NOTHING = b" \t\r\n\x1a"
_NO_CODE = "~"
"""Stands in code fields that do not apply."""


@dataclass(frozen=True)
class CclfFile(SourceFile):
    """A file of a CCLF delivery, and what its rows are given beside their own fields."""

    delimiter: str | None = None
    """None: fixed width."""
    order: int = 0
    """The place of the file in the order of deliveries."""
    delivered: date | None = None
    """The day in its name."""
    stated_records: int | None = None
    """How many records the summary of the delivery says it has."""
    crosswalk: pl.DataFrame | None = field(default=None, compare=False, repr=False)
    """Identifiers that were replaced (`previous`) and the `current` ones."""

    @property
    def label(self) -> str:
        """The name for messages."""
        return self.path.name if self.member is None else f"{self.path.name}/{self.member}"


def records(file: CclfFile) -> Iterator[pl.DataFrame]:
    """The fields of a file that are read, in batches; blanks and the placeholder `~` are null.

    Raises:
        LayoutError: damaged, records of another length, uneven rows, or not as many records as the summary states.
    """
    taken = 0
    header = None if file.delimiter is None else header_fields(first_line(file), file.delimiter)
    for turn, block in enumerate(_blocks(file)):
        batch = _fixed_width(block, file) if header is None else _delimited(block, header, file, first=turn == 0)
        taken += batch.height
        yield batch
    if file.stated_records is not None and taken != file.stated_records:
        raise LayoutError(
            f"{file.label}: {count_of(taken, 'record')} read, the summary ({SUMMARY}) of the delivery states "
            f"{file.stated_records:,}. Usual causes: a transfer that was cut short, or files of two deliveries under "
            "one date. Copy the delivery again."
        )


def first_line(file: SourceFile) -> bytes:
    """The first line that is not blank, without its end; empty for a file without any.

    Raises:
        LayoutError: the file is damaged.
    """
    try:
        with _opened(file) as stream:
            line = next((line for line in stream if line.strip(_NOTHING)), b"")
    except UNREADABLE as error:
        raise damaged(file, error) from None
    return line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")


def content_of(file: SourceFile) -> str:
    """All of a small file as text.

    Raises:
        LayoutError: the file is damaged.
    """
    try:
        with _opened(file) as stream:
            return stream.read().decode("latin-1")
    except UNREADABLE as error:
        raise damaged(file, error) from None


def header_fields(line: bytes, delimiter: str) -> list[str]:
    """Field names of a header line, in capitals.

    >>> header_fields(b'"cur_clm_uniq_id"|bene_mbi_id', "|")
    ['CUR_CLM_UNIQ_ID', 'BENE_MBI_ID']
    """
    names = line.decode("utf-8", errors="replace").split(delimiter)
    return [name.strip().strip('"').strip().upper() for name in names]


def damaged(file: SourceFile, error: BaseException) -> LayoutError:
    """The error for a file that cannot be read to its end."""
    name = file.path.name if file.member is None else f"{file.path.name}/{file.member}"
    return LayoutError(
        f"{name}: the file cannot be read to its end ({type(error).__name__}). Usual causes: a download or copy that "
        "was cut short, a damaged or password-protected archive. Copy it again, or take it out of the folder."
    )


@contextmanager
def _opened(file: SourceFile) -> Iterator[IO[bytes]]:
    if file.member is not None:
        with zipfile.ZipFile(file.path) as archive, archive.open(file.member) as member:
            yield cast(IO[bytes], gzip.GzipFile(fileobj=member)) if _is_gzipped(file.member) else member
    elif _is_gzipped(file.path.name):
        with gzip.open(file.path, "rb") as stream:
            yield cast(IO[bytes], stream)
    else:
        with file.path.open("rb") as stream:
            yield stream


def _is_gzipped(name: str) -> bool:
    return name.lower().endswith(".gz")


def _blocks(file: CclfFile) -> Iterator[bytes]:
    """Whole lines, some at a time, without a byte order mark and with plain line ends."""
    rest, begun = b"", False
    try:
        with _opened(file) as stream:
            while block := stream.read(BATCH_BYTES):
                whole, newline, rest = (rest + block).rpartition(b"\n")
                if newline:
                    yield _plain(whole if begun else whole.removeprefix(b"\xef\xbb\xbf"))
                    begun = True
            if rest.strip(_NOTHING):
                yield _plain(rest if begun else rest.removeprefix(b"\xef\xbb\xbf"))
    except UNREADABLE as error:
        raise damaged(file, error) from None


def _plain(block: bytes) -> bytes:
    return block.replace(b"\r\n", b"\n").rstrip(b"\r") if b"\r" in block else block


def _fixed_width(block: bytes, file: CclfFile) -> pl.DataFrame:
    """The records of a block. A byte is a character, unless the text is UTF-8 and only so has the right lengths."""
    expected = record_length(file.kind)
    lines = _lines(block, "latin-1")
    fits = pl.col("record").str.len_chars() == expected
    if not lines.select(fits.all()).item() and not block.isascii():
        try:
            as_utf8 = _lines(block, "utf-8")
        except UnicodeDecodeError:
            as_utf8 = lines
        if as_utf8.select(fits.all()).item():
            lines = as_utf8
    if not lines.select(fits.all()).item():
        raise _another_length(file, expected)
    places = {entry.name: entry for entry in fields_of(file.kind)}
    return lines.select(
        _without_blanks(pl.col("record").str.slice(places[name].start - 1, places[name].length)).alias(name)
        for name in fields_read(file.kind)
    )


def _lines(block: bytes, encoding: str) -> pl.DataFrame:
    lines = pl.DataFrame({"record": block.decode(encoding).split("\n")}, schema={"record": pl.String})
    return lines.filter(pl.col("record") != "")


def _another_length(file: CclfFile, expected: int) -> LayoutError:
    """The error that says what lengths there are; the whole file is counted for it."""
    lengths: Counter[int] = Counter()
    for block in _blocks(file):
        lengths.update(len(line) for line in block.split(b"\n") if line)
    wrong = {length: lines for length, lines in lengths.items() if length != expected}
    common = sorted(wrong.items(), key=lambda entry: (-entry[1], entry[0]))
    found = ", ".join(f"{length:,} ({count_of(lines, 'line')})" for length, lines in common[:3])
    more = f" and {count_of(len(common) - 3, 'other length')}" if len(common) > 3 else ""
    return LayoutError(
        f"{file.label}: taken for {file.kind} of CCLF version 38, whose records have {expected:,} characters; "
        f"{sum(wrong.values()):,} of {count_of(sum(lengths.values()), 'line')} have another length: {found}{more}. "
        "Usual causes: another version of the layout, trailing blanks that an editor cut off, or a transfer that was "
        "cut short. Take the file as CMS delivered it."
    )


def _delimited(block: bytes, header: list[str], file: CclfFile, *, first: bool) -> pl.DataFrame:
    """The rows of a block of a delimited file, of which the first begins with the header; an absent field is null."""
    delimiter = cast(str, file.delimiter)
    block = re.sub(rb"\n(?: *\n)+", b"\n", block.lstrip(b"\n"))
    if first:
        block = block.partition(b"\n")[2]
    if not block.strip(_NOTHING):
        return pl.DataFrame(schema=dict.fromkeys(fields_read(file.kind), pl.String()))
    try:
        frame = pl.read_csv(block, separator=delimiter, has_header=False, infer_schema=False, new_columns=header)
    except pl.exceptions.PolarsError:
        # The engine's own message quotes the text around the fault, so it is not passed on.
        raise _uneven(file, len(header)) from None
    unquoted = re.sub(rb'"[^"]*"', b"", block) if b'"' in block else block
    # A row that was cut short would otherwise be filled up with nulls in silence.
    if frame.width != len(header) or unquoted.count(delimiter.encode()) != frame.height * (len(header) - 1):
        raise _uneven(file, len(header))
    return frame.select(
        (_without_blanks(pl.col(name)) if name in frame.columns else pl.lit(None, dtype=pl.String)).alias(name)
        for name in fields_read(file.kind)
    )


def _uneven(file: CclfFile, columns: int) -> LayoutError:
    return LayoutError(
        f"{file.label}: not readable as delimited text with {count_of(columns, 'column')} in every row. Usual causes: "
        "a file or row cut short, rows joined, an unclosed quotation mark, or an encoding other than UTF-8. "
        "Export or copy the file again."
    )


def _without_blanks(value: pl.Expr) -> pl.Expr:
    stripped = value.str.strip_chars()
    return pl.when((stripped != "") & (stripped != _NO_CODE)).then(stripped)
