"""The normalised claim tables of the CMS Integrated Data Repository, as comma-delimited files, one or more a table.

Files are known by their header, whatever their name; plain, gzipped and zipped. A claim is a row of CLM; most other
tables name it by a four-part key (geography, date signature, type, number) and CLM, and lines, by `CLM_UNIQ_ID` too.

What counts where: rows of CLM under `claims`, rows of CLM_LINE under `lines`, rows of BENE_HSTRY under
`beneficiaries`, rows of the tables of ranges (entitlement, its reason, Medicare status, dual status, low-income
subsidy, plan enrolment) under `coverage`, once for each interval they make. Rows of all other tables add columns to
these and are counted nowhere.

Readings:

- Final action: a claim counts unless its final action or its latest claim indicator is N; a blank indicator says
  nothing against it. Types 1000 to 2999 are partially adjudicated and netted as such, whatever their indicators.
- Denied claims and lines, total lines, and outpatient claims whose lines carry no payment: as in all layouts, see
  docs/layouts.md.
- Part D: type 3 deletes an event and is netted. Allowed is the cost of the drug (ingredients, dispensing, tax, vaccine
  fee), paid the plan's payment for covered drugs and the low-income subsidy.
- Managed care claims (types 61 to 63) are kept with the Medicare payment they state, and counted in a note.
- Claims paid as a whole: allowed = payment + deductible + coinsurance + blood deductible + primary payer. On stays the
  deductible is `CLM_MDCR_IP_BENE_DDCTBL_AMT`, for `CLM_MDCR_DDCTBL_AMT` holds their total deductions. Pass-through
  amounts are not part of the payment and are left out.
- Outpatient lines: allowed = payment + deductible + blood deductible + coinsurance (the reduced one where the hospital
  elected it, else the wage-adjusted one) + both primary payers.
- Professional and equipment lines carry their allowed charge. Types 71 and 72 are professional, 81 and 82 equipment.
- End-stage renal disease by Medicare status 11, 21, 31; entitlement because of it by status 31, and by reason 2 for
  people whose status is not told.
- Outlier, IME and DSH amounts are operating and capital parts together.
- Diagnoses are those of types P and D, each once; without a principal diagnosis the first in sequence leads. Admitting
  diagnoses, external causes and reasons for a visit are not read.
- A line is dated by its revenue center date where it has one, else by its own dates.
- A merge of beneficiary keys holds unless the cross reference has a kill credit other than 2; chains are followed.
- `~` is blank; 0001-01-01, 1000-01-01 and 9999-12-31 are no dates. A beneficiary key of 0 is none.
- There are no standardized amounts: the standard payment of the inpatient pricer is not an allowed amount.
- Rows that differ under one key, in a table that has one row a key, set their claim or line aside.

Source: CMS Beneficiary FHIR Data server, data dictionary and load queries of the IDR views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from episodes.claims.layouts import idr_claims, idr_lines, idr_people
from episodes.claims.layouts.idr_persons import with_person
from episodes.claims.layouts.idr_tables import (
    OF_A_CLAIM,
    OF_A_PERSON,
    PERSON,
    TABLES,
    IdrFile,
    check_columns,
    table_of_file,
    tidied,
)
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.outpatient_payments import with_payments_of_claims
from episodes.claims.layouts.text_files import TEXT_ENDINGS, data_files, read_text_batches
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of

PERSON_COLUMNS: dict[str, str | None] = {
    name: PERSON if name in (*OF_A_PERSON, *OF_A_CLAIM) else None for name in TABLES
}
"""The key of the person in force, added in reading. Date signatures are shared by claims of anybody."""


def recognises(path: Path) -> bool:
    """True when a file has the header of claims or of beneficiary histories."""
    return any(table_of_file(file) in ("CLM", "BENE_HSTRY") for file in data_files(path, TEXT_ENDINGS))


def source_files(path: Path, report: ReadingReport) -> list[SourceFile]:
    """The files of known tables, in the order of their names; others are named in a note.

    Raises:
        LayoutError: no table of claims or beneficiaries, claims in parts without CLM, or a file that lacks columns.
    """
    found = {file: name for file in data_files(path, TEXT_ENDINGS) if (name := table_of_file(file)) is not None}
    names = set(found.values())
    if not names & {"CLM", "BENE_HSTRY"} or (names & set(OF_A_CLAIM) and "CLM" not in names):
        raise _no_claims(path, names)
    for file, name in found.items():
        check_columns(file, name)

    def files_of(name: str) -> tuple[Path, ...]:
        return tuple(file for file, its in found.items() if its == name)

    _note_what_is_left_out(path, list(found), names, report)
    return [
        IdrFile(
            path=file,
            kind=name,
            claims=files_of("CLM"),
            histories=files_of("BENE_HSTRY"),
            cross_references=files_of("BENE_XREF"),
        )
        for file, name in found.items()
    ]


def read_rows(file: SourceFile) -> Iterator[pl.DataFrame]:
    """The rows of a file in batches, with the person they belong to.

    Raises:
        LayoutError: the file, or one that says whose its rows are, is damaged.
    """
    assert isinstance(file, IdrFile)
    for batch in read_text_batches(file.path, keep=TABLES[file.kind].reads):
        yield with_person(tidied(batch), file)


def reshape(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> dict[str, pl.DataFrame]:
    """Canonical tables of the rows of some people."""
    headers = idr_claims.headers(rows)
    claims = idr_claims.claims(headers, rows, report)
    lines = idr_lines.lines(headers, rows, report)
    tables = {
        "claims": claims,
        "lines": with_payments_of_claims(claims.filter(setting="outpatient"), lines, report),
        "beneficiaries": idr_people.beneficiaries(rows, report),
        "coverage": idr_people.coverage(rows, report),
    }
    return {name: frame for name, frame in tables.items() if frame.height or name == "claims"}


def _note_what_is_left_out(path: Path, taken: Sequence[Path], names: set[str], report: ReadingReport) -> None:
    if path.is_dir():
        others = sorted(file.name for file in path.iterdir() if file.is_file() and file not in taken)
        if others:
            report.notes.append(f"{count_of(len(others), 'file')} of IDR tables not read: {', '.join(others)}")
    if "CLM" not in names:
        report.notes.append("no claims file: beneficiaries only")
    if "CLM" in names and "CLM_LINE" not in names:
        report.notes.append("no table CLM_LINE: claims paid by line carry no payable amount")
    if "BENE_HSTRY" not in names:
        report.notes.append("no table BENE_HSTRY: birth and death dates are not known, and merged keys stay apart")
    if "BENE_MDCR_ENTLMT" not in names:
        report.notes.append("no table BENE_MDCR_ENTLMT: coverage by Part A and Part B is not known for anyone")


def _no_claims(path: Path, names: set[str]) -> LayoutError:
    found = f"found are the tables {', '.join(sorted(names))}" if names else "no table of the IDR was found"
    return LayoutError(
        f"{path.name}: the table CLM is missing; {found}. Expected are comma-delimited files (.csv, .csv.gz, .zip) "
        "with the column names of the IDR views, CLM and CLM_LINE among them. Give the folder that holds them all."
    )
