"""The Tuva input layer: medical claims, pharmacy claims and eligibility, as Parquet, text or a DuckDB database.

Tables are known by their columns, under present and earlier names (`patient_id`, `ms_drg_code`, `dual_status`, ...),
whatever the name of the file; in a database by their name, of the schema `input_layer`, else `main`.

What counts where: rows of medical and pharmacy claims are lines; claims are the distinct pairs of person and claim id;
rows of eligibility count under `beneficiaries`, the intervals that its spans make under `coverage`.

Readings:

- The input layer holds adjudicated claims only: every claim is final, negative amounts stay.
- Setting: institutional claims by the first two digits of the bill type (11 and 41 inpatient; 18, 21, 28, 65, 66 SNF;
  32, 33, 34 home health; 81, 82 hospice; all others outpatient); without a known bill type inpatient when there is a
  DRG, else outpatient. Professional, dental and vision claims are professional, and equipment when every procedure code
  is one of equipment, prosthetics, orthotics or supplies (A4 to A8, B4 to B9, E0 to E8, K0, K1, L). Ambulatory surgery
  centers bill professional claims. Another claim type goes by bill type, then by place of service.
- Claims paid as a whole carry the sum of their rows' amounts, whichever row states it; their lines carry none.
- Allowed is the allowed amount; where none is given, payment + coinsurance + copayment + deductible (of the claim
  where it is paid as a whole, else of the line).
- What belongs to a claim is taken from the first of its lines that states it; the admission is the earliest, the
  discharge and the payment date the latest. Codes are those of the first row that has any.
- An amount is exact in text and decimals. A float is the decimal it prints as, within a millionth of a whole cent that
  cent, else no amount.
- Rows repeated word for word are netted, load times and file names aside. Rows that differ under one person, claim and
  line set their claim aside; so does one claim id of several data sources.
- A row without line number, procedure code and revenue center is a claim that came without lines; where lines are
  paid and it has an amount, it is line 1.
- The layout has no provider number. The kind of provider comes from the bill type: 11 to 14 acute, 18 and 28 swing bed,
  21 to 23 SNF, 32 to 34 home health, 81 and 82 hospice, 85 critical access. Inpatient claims with revenue centers of
  rehabilitation (0024, 0118, 0128, 0138, 0148, 0158) are of a rehabilitation facility, with psychiatric room and
  board (0114, 0124, 0134, 0144, 0154) of a psychiatric one. A long-term hospital is not told from an acute one.
- The amounts of a total line (revenue center 0001 without a procedure code) count where no other row of its claim has a
  payment, and are the claim's then; it is no line. See docs/layouts.md for what all layouts do alike.
- TIN: that of the rendering provider, else that of the billing one.
- A DRG counts when its type is MS-DRG or not said. Line dates stay blank where they are.
- Person: `person_id`, else `patient_id`, else `member_id`.
- Coverage: a Medicare span is Part A and Part B unless the plan names one part; a Medicare Advantage span is both, and
  Medicare Advantage; commercial, self-insured and other payers are medical; Medicaid alone is none. A span with
  neither payer type nor Medicare status is unknown. Status 11, 21, 31 is ESRD, 31 also entitlement by it (so is an
  original reason of 2 where there is no status). Dual status 02, 04, 08 is full, 01, 03, 05, 06 partial. Spans of
  a kind that meet are one interval; an end of 9999-12-31 is none.
- There are no standardized amounts, and no amounts of another primary payer.

Source: the Tuva Project, input layer data dictionary and Medicare connector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from episodes.claims.contract import empty_table
from episodes.claims.layouts import tuva_claims, tuva_people
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.tuva_sources import DATABASES, batches_of, columns_of, files_in, tables_in
from episodes.claims.layouts.tuva_tables import PERSON, TABLES, missing_in
from episodes.claims.layouts.tuva_writer import LACKS, write
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of

__all__ = ["LACKS", "PERSON_COLUMNS", "read_rows", "recognises", "reshape", "source_files", "write"]

PERSON_COLUMNS: dict[str, str | None] = dict.fromkeys(TABLES, PERSON)
CLAIM_TABLES = ("medical_claim", "pharmacy_claim")


def recognises(path: Path) -> bool:
    """True when a file, or a table of a database, has the columns of medical claims or eligibility."""
    kinds = ("medical_claim", "eligibility")
    try:
        return any(table.kind in kinds for file in files_in(path) for table in tables_in(file))
    except (LayoutError, OSError):
        return False


def source_files(path: Path, report: ReadingReport) -> list[SourceFile]:
    """The tables of the input layer, in the order of file names; other files are named in a note.

    Raises:
        LayoutError: no table of claims or eligibility, one that lacks columns, or one in several schemas.
    """
    files = files_in(path)
    tables = {file: tables_in(file) for file in files}
    found = [table for file in files for table in tables[file]]
    kinds = {table.kind for table in found}
    if not kinds:
        raise _no_tables(path, files)
    for file in files:
        if not tables[file]:
            _need_unnamed(file)
    for table in found:
        _check_columns(table)
    _note_what_is_left_out(path, found, report)
    return found


def _need_unnamed(file: Path) -> None:
    """A file that is no table must not have the name of one: its claims would be lost without a word.

    Raises:
        LayoutError: the file is named as a table, and is damaged or has other columns.
    """
    name = file.stem.lower().split(".")[0]
    named = next((table for table in TABLES if table in (name, file.parent.name)), None)
    if named is None or file.name.lower().endswith(DATABASES):
        return
    columns_of(SourceFile(path=file, kind=named))
    raise LayoutError(
        f"{file.name!r} is named as the table {named!r} of the Tuva input layer, and has other columns. "
        "Usual causes: a file without its header line, or another delimiter. Mend it, or take it out of the folder."
    )


def read_rows(file: SourceFile) -> Iterator[pl.DataFrame]:
    """The rows of a table in batches, columns under their present names.

    Raises:
        LayoutError: the file is damaged.
    """
    return batches_of(file)


def reshape(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> dict[str, pl.DataFrame]:
    """Canonical tables of the rows of some people."""
    made = []
    if "medical_claim" in rows:
        made.append(tuva_claims.medical(_complete("medical_claim", rows), report))
    if "pharmacy_claim" in rows:
        made.append(tuva_claims.pharmacy(_complete("pharmacy_claim", rows), report))
    tables = {"claims": pl.concat([one.claims for one in made], how="diagonal") if made else empty_table("claims")}
    if made:
        tables["lines"] = pl.concat([one.lines for one in made], how="diagonal")
    if "eligibility" in rows:
        people = tuva_people.people(_complete("eligibility", rows), report)
        tables |= {"beneficiaries": people.beneficiaries, "coverage": people.coverage}
    return tables


def _complete(kind: str, rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The rows with every column that is read; absent ones are blank."""
    absent = [column for column in TABLES[kind].reads if column not in rows[kind].columns]
    return rows[kind].with_columns(pl.lit(None, dtype=pl.String).alias(column) for column in absent)


def _check_columns(table: SourceFile) -> None:
    missing = missing_in(table.kind, columns_of(table))
    if missing:
        place = f" ({table.member})" if table.member else ""
        raise LayoutError(
            f"{table.path.name}{place}: taken for the Tuva table {table.kind}, it lacks "
            f"{count_of(len(missing), 'column')}: {', '.join(missing)}. Usual cause: a table of another layer. "
            "Export the input layer, with these columns."
        )


def _note_what_is_left_out(path: Path, found: list[SourceFile], report: ReadingReport) -> None:
    if path.is_dir():
        taken = {table.path for table in found}
        others = sorted(file.name for file in path.iterdir() if file.is_file() and file not in taken)
        if others:
            report.notes.append(f"{count_of(len(others), 'file')} not of the input layer, ignored: {', '.join(others)}")
    kinds = {table.kind for table in found}
    if not kinds & set(CLAIM_TABLES):
        report.notes.append("no table of claims: eligibility only")
    if "eligibility" not in kinds:
        report.notes.append("no table eligibility: birth and death dates and coverage are not known for anyone")


def _no_tables(path: Path, files: list[Path]) -> LayoutError:
    names = [file.name for file in files]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return LayoutError(
        f"{path.name}: no table of the Tuva input layer among {count_of(len(names), 'data file')} ({shown or 'none'}). "
        "Expected are medical_claim and eligibility, as Parquet, comma-delimited text or tables of a DuckDB database. "
        "Give the folder or database that holds them, or name another layout."
    )
