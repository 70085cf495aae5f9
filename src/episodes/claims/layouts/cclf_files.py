"""Which files make up CCLF deliveries: by their names or headers, in the order of delivery, checked against CCLF0.

A file is known by the token of its name (`P.A1234.ACO.CCLF1.D240115.T0100000`, `T.BCD.A0001.ZC1Y18.D181120.T1000000`,
`cclf1.csv`), a delimited one also by its header. A zip may hold a whole delivery. The day after `.D` sorts deliveries.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from episodes.claims.layouts.cclf_fields import (
    CLAIM,
    CROSSWALK,
    DESCRIPTIONS,
    MBI,
    SUMMARY,
    fields_needed,
    fields_of,
    record_length,
)
from episodes.claims.layouts.cclf_records import (
    UNREADABLE,
    CclfFile,
    content_of,
    damaged,
    first_line,
    header_fields,
    records,
)
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of

_TOKEN = re.compile(r"(?<![A-Za-z0-9])(?:CCLF|ZC)([0-9AB])(?:[YR][A-Z0-9]{2})?(?![A-Za-z0-9])", re.IGNORECASE)
_STAMP = re.compile(r"\.D(\d{6})(?:\.T(\d+)T?)?(?![A-Za-z0-9])", re.IGNORECASE)
_NOT_DATA = (
    ".md",
    ".pdf",
    ".parquet",
    ".json",
    ".ndjson",
    ".xlsx",
    ".docx",
    ".html",
    ".xml",
    ".log",
    ".md5",
    ".sha256",
)
_HEADER_ENDINGS = (".csv", ".txt", ".psv", ".tsv", ".csv.gz", ".txt.gz", ".psv.gz", ".tsv.gz")
_DELIMITERS = "|,\t;"
_SUMMARY_ROW = re.compile(r"^\s*(CCLF[0-9AB])\s*\|([^|]*)\|\s*([0-9,]+)\s*\|\s*(\d+)\s*\|?\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class _Candidate:
    """A file, or a member of a zip, that may be of this layout."""

    path: Path
    member: str | None = None
    alone: bool = False
    """The only member of its zip, which may then carry the name."""

    @property
    def name(self) -> str:
        return self.path.name if self.member is None else self.member.rpartition("/")[2]

    @property
    def token(self) -> re.Match[str] | None:
        if self.name.lower().endswith(_NOT_DATA):
            return None
        return _TOKEN.search(self.name) or (_TOKEN.search(self.path.name) if self.alone else None)

    @property
    def kind_by_name(self) -> str | None:
        return f"CCLF{self.token[1].upper()}" if self.token else None

    @property
    def delivery(self) -> tuple[str, str, str, str]:
        """What the files that one summary speaks of have in common."""
        token, day = self.token, self.turn[0]
        place = str(self.path.parent if self.member is None or self.alone else self.path)
        if token is None:
            return place, "", "", day
        return place, token.string[: token.start()], token[0][token[0].index(token[1]) + 1 :], day

    @property
    def turn(self) -> tuple[str, str, str, str]:
        """Sorts files by the day and time of their names, then by name."""
        stamp = _STAMP.search(self.name) or (_STAMP.search(self.path.name) if self.alone else None)
        day, time = (stamp[1], stamp[2] or "") if stamp else ("", "")
        return day, time, self.name, str(self.path)

    def source(self, kind: str) -> SourceFile:
        return SourceFile(self.path, kind, self.member)


def recognises(path: Path) -> bool:
    """Whether a file's name, or the header of a delimited file, is that of a CCLF file."""
    try:
        return any(_kind_of(candidate) is not None for candidate in _candidates(path))
    except (LayoutError, *UNREADABLE):
        return False


def source_files(path: Path, report: ReadingReport) -> list[SourceFile]:
    """The files of all deliveries in a folder, a zip or a file, later deliveries last; notes what is passed over.

    Identifiers that CCLF9 replaces are looked up here, so that every row can be given its person's current one.

    Raises:
        LayoutError: no CCLF file, a delimited file that lacks columns, or a delivery that its summary (CCLF0) does not
            fit: files that are not there, or of another record length.
    """
    known = {candidate: kind for candidate in _candidates(path) if (kind := _kind_of(candidate)) is not None}
    if not set(known.values()) - {SUMMARY}:
        raise _no_cclf_file(path, known)
    summaries = [candidate for candidate, kind in known.items() if kind == SUMMARY]
    taken = sorted((candidate for candidate in known if candidate not in summaries), key=lambda one: one.turn)
    found = [_file(candidate, known[candidate], order) for order, candidate in enumerate(taken)]
    for summary in summaries:
        of_delivery = [index for index, one in enumerate(taken) if one.delivery == summary.delivery]
        stated = _stated_records(summary, [found[index] for index in of_delivery])
        for index in of_delivery:
            found[index] = replace(found[index], stated_records=stated[found[index].kind])
    crosswalk = _crosswalk([file for file in found if file.kind == CROSSWALK])
    _note(path, known, found, report)
    return [replace(file, crosswalk=crosswalk) for file in found]


def _candidates(path: Path) -> Iterator[_Candidate]:
    """Files, and members of zips, in the order of their names."""
    for file in [path] if path.is_file() else sorted(one for one in path.iterdir() if one.is_file()):
        if not file.name.lower().endswith(".zip"):
            yield _Candidate(file)
            continue
        try:
            with zipfile.ZipFile(file) as archive:
                members = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
        except UNREADABLE as error:
            if _TOKEN.search(file.name):
                raise damaged(SourceFile(file, ""), error) from None
            continue
        yield from (_Candidate(file, member, alone=len(members) == 1) for member in sorted(members))


def _kind_of(candidate: _Candidate) -> str | None:
    if candidate.kind_by_name is not None:
        return candidate.kind_by_name
    return _kind_by_header(candidate) if candidate.name.lower().endswith(_HEADER_ENDINGS) else None


def _kind_by_header(candidate: _Candidate) -> str | None:
    """The kind whose fields a header names, where it names those that only CCLF has."""
    try:
        line = first_line(candidate.source(""))
    except LayoutError:
        return None
    delimiter = _delimiter_of(line)
    header = set(header_fields(line, delimiter)) if delimiter else set()
    if not (CLAIM in header or {MBI, "BENE_DOB"} <= header or {"CRNT_NUM", "PRVS_NUM"} <= header):
        return None
    return max(DESCRIPTIONS, key=lambda kind: len(header & {field.name for field in fields_of(kind)}))


def _delimiter_of(line: bytes) -> str | None:
    """What stands between the names of a header; None for a line that is no header."""
    if not any(name.encode() in line.upper() for name in (CLAIM, MBI, "CRNT_NUM")):
        return None
    return max(_DELIMITERS, key=lambda sign: line.count(sign.encode()))


def _file(candidate: _Candidate, kind: str, order: int) -> CclfFile:
    """A file with its form; a delimited one must have the fields that are needed."""
    source = candidate.source(kind)
    line = first_line(source)
    delimiter = _delimiter_of(line)
    file = CclfFile(
        candidate.path, kind, candidate.member, delimiter=delimiter, order=order, delivered=_day(candidate.turn[0])
    )
    if delimiter is not None:
        header = header_fields(line, delimiter)
        twice = sorted({name for name in header if header.count(name) > 1})
        missing = [name for name in fields_needed(kind) if name not in header]
        if twice or missing:
            fault = f"lacks {count_of(len(missing), 'column')}" if missing else "has columns named more than once"
            raise LayoutError(
                f"{file.label}: taken for {kind} ({DESCRIPTIONS[kind]}) with a header, it {fault}: "
                f"{', '.join(missing or twice)}. Expected are the field names of CCLF version 38, each once. "
                "Export the file again with them."
            )
    return file


def _day(stamp: str) -> date | None:
    """The day of a file's name, `yymmdd`."""
    try:
        return datetime.strptime(f"20{stamp}", "%Y%m%d").date() if stamp else None  # noqa: DTZ007 - a day, no time
    except ValueError:
        return None


def _stated_records(summary: _Candidate, files: list[CclfFile]) -> dict[str, int | None]:
    """Records of each kind of file as the summary of their delivery states them.

    Raises:
        LayoutError: files are missing or there twice, or their records have another length in the summary.
    """
    source = summary.source(SUMMARY)
    rows = [found for line in content_of(source).splitlines() if (found := _SUMMARY_ROW.match(line))]
    stated = {row[1].upper(): (int(row[3].replace(",", "")), int(row[4])) for row in rows}
    label = summary.name if summary.member is None else f"{summary.path.name}/{summary.member}"
    if not stated:
        raise LayoutError(
            f"{label}: taken for the summary ({SUMMARY}) of a delivery, but no row reads "
            "'CCLF1 | description | records | record length'. Copy the delivery again, or take the file out."
        )
    kinds = [file.kind for file in files]
    missing = [f"{kind} ({count_of(records_, 'record')})" for kind, (records_, _) in stated.items()
               if records_ and kind in DESCRIPTIONS and kind not in kinds]  # fmt: skip
    twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
    other_length = [
        f"{file.kind} (summary {stated[file.kind][1]:,}, version 38 {record_length(file.kind):,})"
        for file in files
        if file.delimiter is None and file.kind in stated and stated[file.kind][1] != record_length(file.kind)
    ]
    faults = [
        f"{count_of(len(missing), 'file')} of the summary not there: {', '.join(missing)}" if missing else "",
        f"there more than once: {', '.join(twice)}" if twice else "",
        f"another record length: {', '.join(other_length)}" if other_length else "",
    ]
    if any(faults):
        raise LayoutError(
            f"{label}: the delivery is not the one that its summary ({SUMMARY}) states: "
            f"{'; '.join(fault for fault in faults if fault)}. Usual causes: a delivery that was copied in part, or "
            "one of another version of the layout. Copy all its files; to read only what is there, leave "
            f"{SUMMARY} out."
        )
    return {kind: stated.get(kind, (None, 0))[0] for kind in kinds}


def _crosswalk(files: list[CclfFile]) -> pl.DataFrame:
    """Identifiers that were replaced, each with its person's current one; chains are followed to their end."""
    frames = [batch.with_columns(_order=pl.lit(file.order)) for file in files for batch in records(file)]
    none = pl.DataFrame(schema={"previous": pl.String, "current": pl.String})
    if not frames:
        return none
    entries = pl.concat(frames).filter(
        # Rows marked H tell of identifiers that were given up before 2020; no row of a claim carries them alone.
        (pl.col("HICN_MBI_XREF_IND") != "H").fill_null(True) & (pl.col("CRNT_NUM") != pl.col("PRVS_NUM"))
    )
    known = (
        entries.sort("_order", "PRVS_ID_OBSLT_DT", "PRVS_ID_EFCTV_DT", "CRNT_NUM", maintain_order=True)
        .unique(subset="PRVS_NUM", keep="last", maintain_order=True)
        .select(previous="PRVS_NUM", current="CRNT_NUM")
    )
    # Each turn doubles the steps taken, so that any chain ends in time; what goes round in a circle never does.
    for _ in range(known.height.bit_length() + 1):
        step = known.rename({"previous": "current", "current": "_next"})
        known = known.join(step, on="current", how="left", maintain_order="left").select(
            "previous", current=pl.coalesce("_next", "current")
        )
    ends = known.join(known.select(current="previous"), on="current", how="anti", maintain_order="left")
    return pl.concat([none, ends])


def _note(path: Path, known: dict[_Candidate, str], files: list[CclfFile], report: ReadingReport) -> None:
    """Say what is passed over, and what a delivery without some kind of file lacks."""
    taken = {candidate.path for candidate in known}
    others = [] if path.is_file() else [one.name for one in path.iterdir() if one.is_file() and one not in taken]
    others += [f"{one.path.name}/{one.member}" for one in _candidates(path) if one.member and one.path in taken
               and one not in known]  # fmt: skip
    if others:
        report.notes.append(f"{count_of(len(others), 'file')} not CCLF, ignored: {', '.join(sorted(others))}")
    empty = [file.label for file in files if not first_line(file)]
    if empty:
        report.notes.append(f"{count_of(len(empty), 'file')} without records: {', '.join(empty)}")
    unchecked = [file.label for file in files if file.stated_records is None]
    if unchecked:
        report.notes.append(
            f"numbers of records not checked for {count_of(len(unchecked), 'file')}: their delivery has no summary "
            f"({SUMMARY})"
        )
    kinds = {file.kind for file in files}
    for kind, sentence in _WITHOUT.items():
        if kind not in kinds:
            report.notes.append(f"no {kind}: {sentence}")
    for kind, sentence in _WITH.items():
        if kind in kinds:
            report.notes.append(f"{kind}: {sentence}")
    if kinds & {"CCLF1", "CCLF5", "CCLF6", "CCLF7"}:
        report.notes.append("claims about substance use are delivered only for people who agreed to it")
    else:
        report.notes.append("no claims file: beneficiaries only")


_WITHOUT = {
    "CCLF8": "birth and death dates and coverage are not known for anyone",
    CROSSWALK: "identifiers that were replaced are not recognised, so that one person may appear as two",
}
_WITH = {
    "CCLF7": "states what the beneficiary paid, not what the drug cost: drug events are read without amounts",
    "CCLF8": "states when Part A and Part B began, not whether they ended: their intervals are open; hospice dates "
    "are not used",
}


def _no_cclf_file(path: Path, known: dict[_Candidate, str]) -> LayoutError:
    found = " but the summary (CCLF0)" if known else ""
    return LayoutError(
        f"{path.name}: no CCLF file found{found}. Expected are files whose names hold CCLF1 to CCLF9, CCLFA or CCLFB "
        "(or ZC1 and so on) as a word of their own, plain, .gz or in a .zip, or delimited files with the field names "
        "as header. Give the folder that holds them, or name another layout."
    )
