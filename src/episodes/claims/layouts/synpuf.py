"""CMS DE-SynPUF (2008-2010 synthetic claims): beneficiary summaries, inpatient, outpatient and carrier files.

Files are recognised by their header, whatever their name; plain, gzipped and zipped, any number of each kind.
Drug events are counted and not read. Codes are ICD-9-CM, provider numbers are scrambled; there is no
discharge status, no place of service, no line date and no standardized amount.

Source: CMS 2008-2010 DE-SynPUF codebook and user manual.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from episodes.claims.contract import empty_table
from episodes.claims.layouts import synpuf_claims, synpuf_people
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.synpuf_people import CLAIM, PERSON
from episodes.claims.layouts.text_files import (
    TEXT_ENDINGS,
    data_files,
    header_of,
    mentions,
    read_text_batches,
)
from episodes.claims.layouts.values import numbers_of
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of


@dataclass(frozen=True)
class FileKind:
    """A kind of SynPUF file: the columns by which its header is known, and those that are read."""

    known_by: tuple[str, ...]
    needed: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    """Columns that repeat as `<name>_1` ... `<name>_n`, n differing by release; the first must be there."""
    as_often_as: str | None = None
    """The repeated column whose numbers the repeated columns of lines must all have."""
    lines: tuple[str, ...] = ()
    """Repeated columns of lines."""
    welcome: tuple[str, ...] = ()
    """Repeated columns that may be absent."""

    def missing_in(self, header: list[str]) -> list[str]:
        """The columns without which the file cannot be read."""
        numbers = numbers_of(self.as_often_as, header) if self.as_often_as else []
        wanted = [
            PERSON,
            *self.needed,
            *(f"{family}_1" for family in self.repeated),
            *(f"{family}_{n}" for family in self.lines for n in numbers),
        ]
        return [column for column in wanted if column not in header]

    def reads(self, column: str) -> bool:
        """Whether a column is read."""
        family, _, number = column.rpartition("_")
        return column in (PERSON, *self.needed, synpuf_people.YEAR) or (
            number.isdigit() and family in (*self.repeated, *self.lines, *self.welcome)
        )


_FACILITY = (CLAIM, "SEGMENT", "CLM_FROM_DT", "CLM_THRU_DT", "PRVDR_NUM", "AT_PHYSN_NPI", "OP_PHYSN_NPI")
_LINE_PAYMENT = synpuf_claims.CARRIER_LINE_AMOUNTS["paid"]
SUMMARY, DRUG_EVENTS = "beneficiary summary", "drug events"
KINDS = {
    SUMMARY: FileKind(
        known_by=("BENE_BIRTH_DT",),
        needed=(
            "BENE_BIRTH_DT",
            "BENE_DEATH_DT",
            "BENE_SEX_IDENT_CD",
            "BENE_ESRD_IND",
            "SP_STATE_CODE",
            "BENE_COUNTY_CD",
            *synpuf_people.MONTH_COUNTS.values(),
        ),
    ),
    DRUG_EVENTS: FileKind(known_by=("PDE_ID",)),
    "inpatient": FileKind(
        known_by=("CLM_DRG_CD",),
        needed=(
            *_FACILITY,
            "CLM_ADMSN_DT",
            "NCH_BENE_DSCHRG_DT",
            "CLM_DRG_CD",
            synpuf_claims.PAYMENT,
            *synpuf_claims.INPATIENT_AMOUNTS.by_meaning.values(),
        ),
        repeated=("ICD9_DGNS_CD", "ICD9_PRCDR_CD"),
    ),
    "carrier": FileKind(
        known_by=(f"{_LINE_PAYMENT}_1",),
        needed=(CLAIM, "CLM_FROM_DT", "CLM_THRU_DT"),
        repeated=("ICD9_DGNS_CD",),
        as_often_as=_LINE_PAYMENT,
        lines=(*synpuf_claims.CARRIER_LINE_CODES, *synpuf_claims.CARRIER_LINE_AMOUNTS.values()),
        welcome=(synpuf_claims.CARRIER_INDICATOR, *synpuf_claims.CARRIER_SHARES),
    ),
    "outpatient": FileKind(
        known_by=("NCH_BENE_PTB_DDCTBL_AMT", synpuf_claims.PAYMENT),
        needed=(*_FACILITY, synpuf_claims.PAYMENT, *synpuf_claims.OUTPATIENT_AMOUNTS.by_meaning.values()),
        repeated=("ICD9_DGNS_CD", "ICD9_PRCDR_CD", "HCPCS_CD"),
    ),
}
"""The kinds of file, in the order in which a header is tried."""

PERSON_COLUMNS = dict.fromkeys(KINDS, PERSON)
"""Every kind of file names the person."""

_MARKS = (PERSON, *(kind.known_by[0] for kind in KINDS.values()))


def recognises(path: Path) -> bool:
    """True when a header names the SynPUF beneficiary id."""
    return any(_mentions_quietly(file) for file in data_files(path, TEXT_ENDINGS))


def source_files(path: Path, report: ReadingReport) -> list[SourceFile]:
    """The SynPUF files of a folder (or the file itself) in the order of their names; others are named in a note.

    Raises:
        LayoutError: no SynPUF file, or one that lacks a column or has no year.
    """
    taken = []
    for file in data_files(path, TEXT_ENDINGS):
        if not mentions(file, _MARKS):
            continue
        header = header_of(file)
        kind = _kind_of(file, header)
        if kind == SUMMARY and synpuf_people.YEAR not in header:
            synpuf_people.year_in_name(file.name)
        taken.append(SourceFile(file, kind))
    kinds = {file.kind for file in taken}
    if not kinds - {DRUG_EVENTS}:
        raise _no_synpuf_file(path)
    others = _others(path, [file.path for file in taken])
    if others:
        report.notes.append(f"{count_of(len(others), 'file')} not SynPUF, ignored: {', '.join(others)}")
    _note_what_is_left_out(kinds, report)
    return taken


def read_rows(file: SourceFile) -> Iterator[pl.DataFrame]:
    """The columns of a file that are read, in batches of rows; a beneficiary summary gets its year.

    Raises:
        LayoutError: the file is damaged.
    """
    for rows in read_text_batches(file.path, keep=KINDS[file.kind].reads):
        if file.kind == SUMMARY and synpuf_people.YEAR not in rows.columns:
            year = str(synpuf_people.year_in_name(file.path.name))
            yield rows.with_columns(pl.lit(year).alias(synpuf_people.YEAR))
        else:
            yield rows


def reshape(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> dict[str, pl.DataFrame]:
    """Canonical tables of the rows of some people."""
    claims: list[pl.DataFrame] = []
    lines: list[pl.DataFrame] = []
    tables: dict[str, pl.DataFrame] = {}
    if "inpatient" in rows:
        claims.append(synpuf_claims.inpatient(rows["inpatient"], report))
    for kind, unfold in (("outpatient", synpuf_claims.outpatient), ("carrier", synpuf_claims.carrier)):
        if kind in rows:
            unfolded = unfold(rows[kind], report)
            claims.append(unfolded.claims)
            lines.append(unfolded.lines)
    if SUMMARY in rows:
        people = synpuf_people.people(rows[SUMMARY], report)
        tables |= {"beneficiaries": people.beneficiaries, "coverage": people.coverage}
    if DRUG_EVENTS in rows:
        report.tally("rows of drug events ignored", rows[DRUG_EVENTS].height)
    tables["claims"] = pl.concat(claims, how="diagonal") if claims else empty_table("claims")
    if lines:
        tables["lines"] = pl.concat(lines, how="diagonal")
    return tables


def _kind_of(file: Path, header: list[str]) -> str:
    """What a header tells the file to be.

    Raises:
        LayoutError: it is of no kind, or lacks columns that are needed.
    """
    name = next((name for name, kind in KINDS.items() if set(kind.known_by) <= set(header)), None)
    if name is None:
        forms = "; ".join(f"{name}: {', '.join(kind.known_by)}" for name, kind in KINDS.items())
        raise LayoutError(
            f"{file.name}: a SynPUF file of no known kind ({count_of(len(header), 'column')}). A kind is known "
            f"by these columns: {forms}. Usual cause: columns were renamed or cut out. "
            "Take the file as CMS released it, or take it out of the folder."
        )
    missing = KINDS[name].missing_in(header)
    if missing:
        raise LayoutError(
            f"{file.name}: taken for SynPUF {name}, it lacks {count_of(len(missing), 'column')}: "
            f"{', '.join(missing)}. Usual causes: columns were renamed or cut out, or the file is of another "
            "layout. Expected are the column names of the CMS release."
        )
    return name


def _others(path: Path, taken: list[Path]) -> list[str]:
    if path.is_file():
        return []
    return sorted(file.name for file in path.iterdir() if file.is_file() and file not in taken)


def _note_what_is_left_out(kinds: set[str], report: ReadingReport) -> None:
    if "carrier" in kinds:
        report.notes.append(
            "carrier: line processing indicators are synthetic noise; amounts count as they stand, "
            "also beside a denial code"
        )
    if "outpatient" in kinds:
        report.notes.append(
            "outpatient: one payment a claim, booked on its first line; lines of claims of several days are undated"
        )
    if SUMMARY not in kinds:
        report.notes.append("no beneficiary summary: birth and death dates and coverage are not known for anyone")
    if not kinds & {"inpatient", "outpatient", "carrier"}:
        report.notes.append("no claims file: beneficiary summaries only")


def _no_synpuf_file(path: Path) -> LayoutError:
    names = [path.name] if path.is_file() else [file.name for file in data_files(path)]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return LayoutError(
        f"{path.name}: no SynPUF beneficiary or claims file among {count_of(len(names), 'data file')} "
        f"({shown or 'none'}). Expected are comma-delimited files (.csv, .csv.gz, .zip) with {PERSON} in the "
        "header. Give the folder that holds them, or name another layout."
    )


def _mentions_quietly(file: Path) -> bool:
    try:
        return mentions(file, [PERSON])
    except LayoutError:
        return False
