"""CMS Claim and Claim Line Feed (CCLF), version 38: monthly deliveries to accountable care organisations.

Fixed width, or delimited with the field names as header; plain, gzipped, or several files in a zip; one delivery or
several in a folder. Codes are ICD-10 (ICD-9 where the data is older). There is no standardized amount, no charge of a
line, and no amount of another payer.

Readings, where the packet leaves a choice or the contract asks for more than the feed holds:

* Every row gets the column `PERSON`, its current identifier: `source_files` reads all CCLF9 files first and hands the
  crosswalk to `read_rows` with each file. Chains are followed to their end; where deliveries disagree the later one
  counts; circles leave identifiers as they are.
* Related facility claims have billing CCN, from, thru and person in common, others control number and person. A
  cancellation is paired with an original or adjustment of the same setting and payment (professional: of the same sums
  of lines), see `episodes.claims.versions`. One that finds none cancels a claim from before the delivery and changes
  nothing. Whether amounts of cancellations are signed does not matter.
* An unpaid version that final action leaves beside the paid one of an adjusted stay goes (`unpaid_version`), so that
  one stay is not two. Several paid ones stay several.
* The same claim number in several deliveries: the later one counts. Rows repeated word for word are netted.
* Denied claims and lines, and total lines: as in all layouts, see docs/layouts.md. Professional claims exist through
  their lines: the lines of a denied one are netted, and no claim is made.
* Allowed = payment + beneficiary's deductible, coinsurance and blood liability in CCLFA; the payment alone without a
  row there. Both deductible fields state the same deductible. What another payer paid is not delivered (code only).
* Outpatient: payments of lines hold where they add up to the claim's payment; else the claim's is booked on the first
  line. Its shares always are. A claim without lines gets one.
* Admission of inpatient and SNF claims from CCLFA where given, else null; discharge is the thru date unless the patient
  status is 30 or blank, or the admission is later. DRGs lose a leading zero of four digits, as APCs do of five.
* Principal diagnosis from the header, else from a row of type P; then types D in sequence, then external causes (E, 1);
  admitting diagnoses (A) and reasons for a visit (R) are left out.
* Drug events (CCLF7) state the beneficiary's payment only, so they have no amounts; the prescriber does not appear.
* Part A and Part B are open-ended from their begin dates; dual status, and renal disease of the aged or disabled, hold
  in the calendar month of the delivery; entitlement by renal disease (status 31) from the begin of coverage until a
  later delivery says otherwise. Hospice dates and the buy-in indicator are not used.

Rows are counted in these tables: CCLF1, 3, 4 and A, and the claims made of other files, in `claims`; CCLF2, 5, 6, 7 and
B, and lines made for claims without any, in `lines`; CCLF8 and 9 in `beneficiaries`.

Source: CMS Claim and Claim Line Feed Information Packet, version 38.0 (2024-02-02); code meanings by ResDAC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from episodes.claims.layouts.cclf_fields import CROSSWALK, DELIVERED, DESCRIPTIONS, MBI, ORDER, PERSON
from episodes.claims.layouts.cclf_files import recognises, source_files
from episodes.claims.layouts.cclf_part_a import part_a
from episodes.claims.layouts.cclf_part_b import part_b
from episodes.claims.layouts.cclf_part_d import part_d
from episodes.claims.layouts.cclf_people import people
from episodes.claims.layouts.cclf_records import CclfFile, records
from episodes.claims.layouts.cclf_writer import LACKS, LACKS_BY_SETTING, write
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.report import ReadingReport

__all__ = [
    "LACKS",
    "LACKS_BY_SETTING",
    "PERSON_COLUMNS",
    "read_rows",
    "recognises",
    "reshape",
    "source_files",
    "write",
]

PERSON_COLUMNS: Mapping[str, str | None] = dict.fromkeys(DESCRIPTIONS, PERSON)
"""Every row is given the current identifier of its person."""


def read_rows(file: SourceFile) -> Iterator[pl.DataFrame]:
    """The fields of a file that are read, in batches, with the person, the order of its file and its day.

    Raises:
        LayoutError: damaged, records of another length, or not as many as the summary of the delivery states.
    """
    taken = file if isinstance(file, CclfFile) else CclfFile(file.path, file.kind, file.member)
    identifier = "CRNT_NUM" if taken.kind == CROSSWALK else MBI
    for batch in records(taken):
        yield _with_person(batch, identifier, taken.crosswalk).with_columns(
            pl.lit(f"{taken.order:06d}").alias(ORDER),
            pl.lit(taken.delivered.isoformat() if taken.delivered else None, dtype=pl.String).alias(DELIVERED),
        )


def reshape(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> dict[str, pl.DataFrame]:
    """Canonical tables of the rows of some people, claims in final action."""
    made = [part(rows, report) for part in (part_a, part_b, part_d)]
    found = people(rows, report)
    return {
        "claims": pl.concat([part.claims for part in made], how="diagonal_relaxed"),
        "lines": pl.concat([part.lines for part in made], how="diagonal_relaxed"),
        "beneficiaries": found.beneficiaries,
        "coverage": found.coverage,
    }


def _with_person(batch: pl.DataFrame, identifier: str, crosswalk: pl.DataFrame | None) -> pl.DataFrame:
    if crosswalk is None:
        return batch.with_columns(pl.col(identifier).alias(PERSON)).drop(MBI, strict=False)
    return (
        batch.join(crosswalk, left_on=identifier, right_on="previous", how="left", maintain_order="left")
        .with_columns(pl.coalesce("current", identifier).alias(PERSON))
        .drop("current", MBI, strict=False)
    )
