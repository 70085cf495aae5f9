"""CCW/VRDC research identifiable files (RIF), in the layout of the BFD sample files.

Each row of a claims file is a line with all columns of its claim repeated; beneficiary files have a row a person
and year. Files are known by their header, whatever their name; pipe or comma between columns, plain, gzipped or
zipped. What each column becomes is listed in `rif_columns`.

What counts where: each row of a claims file under `lines`, each claim (person and claim id) once under `claims`,
each row of a beneficiary file under `beneficiaries`; intervals of coverage are made of months and count as they are.

Readings, where the files or their documentation leave a choice:

* Versions. Only `FINAL_ACTION` F stands (else `not_final_action`). In files without that column all claims are
  final, but of several claims of one `CLM_GRP_ID` only the one processed last (else `earlier_version`). A row with
  `DML_IND` DELETE, or a drug event with the deletion code D, takes its claim away (`deleted`); rows marked UPDATE
  replace others of the same claim (`superseded`).
* Denied claims and lines, total lines, and outpatient claims whose lines carry no payment: as in all layouts, see
  docs/layouts.md. A denied claim is netted where neither it nor any of its rows states a payment.
* Rows of a claim that do not repeat the same claim columns contradict each other: the claim is set aside whole.
* Allowed of a facility claim = payment + deductible + coinsurance + blood deductible + primary payer. The per diem
  for pass-through costs is not in the payment, and not in allowed.
* Inpatient outlier, IME and DSH are the operating and the capital part together. Clotting factor has no column.
* An outpatient line's payment is what provider and beneficiary were paid, `REV_CNTR_PMT_AMT_AMT` only where both
  are blank: the former sum to the claim's payment. Its allowed adds the patient's responsibility, else cash and
  blood deductible and coinsurance (the reduced one where there is one), and the primary payers.
* Home health and hospice money is on the claim; what their lines carry is not read.
* Drug events: allowed is the gross drug cost, paid the plan's payment for covered drugs and the low-income cost
  sharing subsidy.
* DRG of four characters: a leading zero or a suffix is dropped. The principal diagnosis comes first; where the first
  numbered one repeats it, once. External cause codes and the admitting diagnosis are not read.
* Admission and discharge dates are of inpatient and SNF claims only, as in the contract.
* Parts A and B of a month: by entitlement and buy-in; where blank, a Medicare status of 10, 11, 20, 21 or 31 is
  entitlement and taken for both; where blank too, a year's count of 0 or 12 months; else unknown. Managed care:
  HMO indicator 1, 2, A, B or C; where blank, any part C contract; then the count. A blank dual status is not dual.
* ESRD: status 11, 21 or 31, or the year's indicator. Entitled because of it: status 31; without a status, current
  reason 2.

Sources: CCW codebooks; headers of CMSgov/beneficiary-fhir-data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from episodes.claims.contract import empty_table
from episodes.claims.layouts import rif_columns as rif
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.rif_claims import claims_and_lines
from episodes.claims.layouts.rif_people import people
from episodes.claims.layouts.rif_writer import LACKS, write
from episodes.claims.layouts.text_files import TEXT_ENDINGS, data_files, header_of, mentions, read_terminated_batches
from episodes.claims.layouts.values import text
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of

__all__ = [
    "LACKS",
    "PERSON_COLUMNS",
    "read_rows",
    "recognises",
    "reshape",
    "source_files",
    "write",
]

PERSON_COLUMNS: Mapping[str, str | None] = dict.fromkeys((*rif.CLAIM_KINDS, rif.BENEFICIARY), rif.PERSON)
"""Every kind of file names the person."""


class _Header(NamedTuple):
    delimiter: str
    names: list[str]
    """As written."""
    standard: list[str]
    """By the names of `rif_columns`."""


def recognises(path: Path) -> bool:
    """True when a header is of a RIF claims or beneficiary file."""
    return any(_kind_in(file) in PERSON_COLUMNS for file in data_files(path, TEXT_ENDINGS))


def source_files(path: Path, report: ReadingReport) -> list[SourceFile]:
    """The RIF files of a folder (or the file itself) in the order of their names; others are named in a note.

    Raises:
        LayoutError: no RIF file, or one that lacks columns.
    """
    files = data_files(path, TEXT_ENDINGS)
    taken: list[SourceFile] = []
    histories: list[str] = []
    without_final_action: list[str] = []
    for file in files:
        header = _header(file)
        kind = _kind_of(file, header)
        if kind == rif.HISTORY:
            histories.append(file.name)
        elif header is not None and kind is not None:
            taken.append(SourceFile(file, kind))
            if kind in rif.CLAIM_KINDS and rif.FINAL_ACTION not in header.standard:
                without_final_action.append(file.name)
    if not taken:
        raise _no_rif_file(path, files)
    _note_what_is_passed_over(path, taken, histories, without_final_action, report)
    return taken


def read_rows(file: SourceFile) -> Iterator[pl.DataFrame]:
    """The columns of a file that are read, by their standard names, in batches of rows; blanks are null.

    Columns that the file does not have are null; `FINAL_ACTION` then says that it was not stated.

    Raises:
        LayoutError: the file is damaged.
    """
    header = _header(file.path)
    if header is None:
        raise _no_rif_file(file.path, [file.path])
    wanted = rif.columns_of(file.kind)
    # Where a header has two names of one column, the first counts.
    name_of = dict(zip(reversed(header.standard), reversed(header.names), strict=True))
    standard_of = {name_of[column]: column for column in wanted if column in name_of}
    absent = [column for column in wanted if column not in name_of]
    filled = [
        pl.lit(rif.NOT_STATED if column == rif.FINAL_ACTION else None, dtype=pl.String).alias(column)
        for column in absent
    ]
    batches = read_terminated_batches(file.path, delimiter=header.delimiter, keep=standard_of.__contains__)
    for rows in batches:
        named = rows.rename(standard_of)
        yield named.select(text(column) for column in named.columns).with_columns(filled).select(wanted)


def reshape(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> dict[str, pl.DataFrame]:
    """Canonical tables of the rows of some people."""
    unfolded = [claims_and_lines(kind, rows[kind], report) for kind in rif.CLAIM_KINDS if kind in rows]
    tables = {
        "claims": pl.concat([one.claims for one in unfolded], how="diagonal") if unfolded else empty_table("claims")
    }
    if unfolded:
        tables["lines"] = pl.concat([one.lines for one in unfolded], how="diagonal")
    if rif.BENEFICIARY in rows:
        persons = people(rows[rif.BENEFICIARY], report)
        tables |= {"beneficiaries": persons.beneficiaries, "coverage": persons.coverage}
    return tables


def _header(file: Path) -> _Header | None:
    """The header of a file that names the person; None for files that do not.

    Raises:
        LayoutError: the file is empty or damaged, or has another delimiter.
    """
    if not mentions(file, (rif.PERSON, rif.PERSON.lower())):
        return None
    delimiter = "|" if mentions(file, ("|",)) else ","
    names = header_of(file, delimiter=delimiter)
    standard = [rif.standard_name(name) for name in names]
    return _Header(delimiter, names, standard) if rif.PERSON in standard else None


def _kind_in(file: Path) -> str | None:
    try:
        header = _header(file)
    except LayoutError:
        return None
    return rif.kind_of(header.standard) if header else None


def _kind_of(file: Path, header: _Header | None) -> str | None:
    """What a header tells the file to be; None where it is no RIF file.

    Raises:
        LayoutError: it lacks columns that are needed.
    """
    if header is None:
        return None
    kind = rif.kind_of(header.standard)
    if kind == rif.HISTORY:
        return kind
    missing = rif.missing_in(header.standard, kind) if kind else []
    if kind is None and "CLM_PMT_AMT" in header.standard:
        kind, missing = "claims", ["LINE_NUM or CLM_LINE_NUM"]
    if missing:
        raise LayoutError(
            f"{file.name}: lacks {count_of(len(missing), 'column')} of a RIF {kind} file: {', '.join(missing)}. "
            "Usual causes: claims and their lines delivered in two files, or a file cut down to some columns. "
            "Join base claims and lines by BENE_ID and CLM_ID, so that each line repeats its claim, or ask for "
            "the columns."
        )
    return kind


def _note_what_is_passed_over(
    path: Path, taken: list[SourceFile], histories: list[str], without_final_action: list[str], report: ReadingReport
) -> None:
    read = {file.path.name for file in taken}
    listed = [] if path.is_file() else sorted(file.name for file in path.iterdir() if file.is_file())
    others = [name for name in listed if name not in read and name not in histories]
    if histories:
        report.notes.append(
            f"{count_of(len(histories), 'file')} of earlier beneficiary identities, not read: {', '.join(histories)}"
        )
    if others:
        report.notes.append(f"{count_of(len(others), 'file')} not RIF, ignored: {', '.join(others)}")
    if without_final_action:
        report.notes.append(
            f"{count_of(len(without_final_action), 'file')} without FINAL_ACTION, all claims taken as final unless "
            f"a later one of their claim group replaces them: {', '.join(without_final_action)}"
        )
    kinds = {file.kind for file in taken}
    if rif.BENEFICIARY not in kinds:
        report.notes.append("no beneficiary file: birth and death dates and coverage are not known for anyone")
    if kinds == {rif.BENEFICIARY}:
        report.notes.append("no claims file: beneficiary files only")


def _no_rif_file(path: Path, files: list[Path]) -> LayoutError:
    names = [file.name for file in files]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return LayoutError(
        f"{path.name}: no RIF claims or beneficiary file among {count_of(len(names), 'data file')} "
        f"({shown or 'none'}). Expected are pipe- or comma-delimited files (.csv, .txt, .gz, .zip) with a header "
        f"that names {rif.PERSON} and the columns of a kind of file. Give the folder that holds them, or name "
        "another layout."
    )
