"""FHIR ExplanationOfBenefits: the claims resources of CMS's servers, and of any payer that follows CARIN.

Files are NDJSON (a resource a line, as bulk exports deliver) or one JSON document (a Bundle, a list, one resource),
plain, gzipped or zipped. An ExplanationOfBenefit may be of STU3, of the R4 of the first CMS servers, or of the newest
R4; each is recognised by itself, so that a delivery may mix them. Patient and Coverage resources, in the same
Bundles or in files of their own, make people and coverage. Pre-FHIR documents (`ExplanationOfBenefitBase` and
others whose resource type FHIR does not know) are refused.

Readings (where the sources leave a choice):

* One row a resource; items lie in a list inside it. Items of a netted ExplanationOfBenefit are netted with it.
* A claim's id is the payer's unique one, else the id of the resource without the kind of claim before it. Lines that
  share a number or have none are numbered by their order.
* Versions: of one claim the version that was last updated stands, the others are `superseded_version`.
* Netted: `cancelled` (status cancelled, entered in error or draft; adjustment type 1; a deleted Part D event),
  `not_final_action`, `not_adjudicated` (outcome other than complete, or a claim still with the shared systems, types
  1000 up, which comes again), `no_claim` (use other than claim), `other_claim_type` (dental, vision), and under
  claims `other_resource`. Claims of managed care stay with their amounts and are counted in the notes.
* Allowed is what the payer states as eligible (professional, equipment, drugs; every payer's plain CARIN word), else
  the sum of payment, deductible, coinsurance, blood deductible and primary payer. Where a payment stands without the
  beneficiary's share, it is unknown; at home and in hospice, where nothing is owed, the primary payer is enough.
  Of two coinsurances of an outpatient line the reduced one counts where there is one.
* Denied claims and lines, total lines, and outpatient claims whose lines carry no payment: as in all layouts, see
  docs/layouts.md.
* Outlier, IME and DSH include their capital part. Per-diem pass-through is not part of the payment, and not read. The
  pricer's standardized payment of the newest shape is of inpatient stays alone: standardized amounts stay unknown.
* Diagnoses: principal, then others; the admitting diagnosis, reasons for the visit and external causes are no part.
  Where diagnoses are typed and none is principal, a null stands first; where none is typed, they stand as listed.
* Drug events: allowed is the gross drug cost, paid the plan's payment; national drug codes are not read.
* Unknown days (0999-12-27 and other years before 1800, or 9999) are null. A servicedDate is first and last day.
* The processing date is that of the weekly process, else the day of payment.
* Coverage: periods of Parts A, B, C and of dual status; month codes of the reference year where there are any
  (entitlement only where Part A or B has no period). Part D is not read. The Medicare status, a state of today, is
  taken for the whole period of Part A.
* Where a delivery has no Patient resources, everybody with a claim is a person of whom only the id is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from episodes.claims.layouts.fhir_claims import claims_and_lines
from episodes.claims.layouts.fhir_items import ITEM, Row
from episodes.claims.layouts.fhir_json import Resource, resource_types_at_head, resources_in, word
from episodes.claims.layouts.fhir_people import PEOPLE_COLUMNS, people, row_of_coverage, row_of_patient
from episodes.claims.layouts.fhir_rows import CLAIM_COLUMNS, row_of_eob
from episodes.claims.layouts.fhir_writer import LACKS, write
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.text_files import data_files
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of

__all__ = ["LACKS", "PERSON_COLUMNS", "read_rows", "recognises", "reshape", "source_files", "write"]

ENDINGS = tuple(f"{form}{packing}" for form in (".ndjson", ".json", ".jsonl") for packing in ("", ".gz", ".zip"))

RESOURCES = "resources"
RESOURCES_WITH_PEOPLE = "resources_with_people"
"""The same, of a delivery that has Patient resources: they alone make people."""
PERSON_COLUMNS: Mapping[str, str | None] = {RESOURCES: "person", RESOURCES_WITH_PEOPLE: "person"}

SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "person": pl.String(),
    "fault": pl.String(),
    **CLAIM_COLUMNS,
    **PEOPLE_COLUMNS,
}
"""A row a resource; `fault` says why what stands there is none."""

ROWS_PER_BATCH = 20_000
"""Resources and items in a batch, so that it stays bounded whatever a claim's length."""

_EOB = "ExplanationOfBenefit"
_TAKEN = frozenset({_EOB, "Patient", "Coverage", "Bundle"})


def recognises(path: Path) -> bool:
    """True when a JSON file names an ExplanationOfBenefit at its head."""
    return any(_EOB in _types_quietly(file) for file in data_files(path, ENDINGS))


def source_files(path: Path, report: ReadingReport) -> list[SourceFile]:
    """The JSON files that hold FHIR resources, in the order of their names.

    Raises:
        LayoutError: there is none.
    """
    types = {file: resource_types_at_head(file) for file in data_files(path, ENDINGS)}
    taken = [file for file, found in types.items() if found & _TAKEN]
    if not taken:
        raise _no_resources(path, types)
    others = _others(path, taken)
    if others:
        report.notes.append(f"{count_of(len(others), 'file')} without FHIR resources, ignored: {', '.join(others)}")
    # An export names a file for the type it holds also when it is empty.
    people_given = any("Patient" in found or file.name.lower().startswith("patient") for file, found in types.items())
    kind = RESOURCES_WITH_PEOPLE if people_given else RESOURCES
    return [SourceFile(path=file, kind=kind) for file in taken]


def read_rows(file: SourceFile) -> Iterator[pl.DataFrame]:
    """A row a resource, in order, in batches.

    Raises:
        LayoutError: the file is damaged, or its one document is not JSON.
    """
    rows: list[Row] = []
    held = 0
    for resource in resources_in(file.path):
        row = _row(resource)
        rows.append(row)
        held += 1 + len(row.get("items") or ())
        if held >= ROWS_PER_BATCH:
            yield _frame(rows)
            rows, held = [], 0
    if rows:
        yield _frame(rows)


def reshape(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> dict[str, pl.DataFrame]:
    """Claims, lines, beneficiaries and coverage of the rows of some people."""
    given = [rows[kind] for kind in PERSON_COLUMNS if kind in rows]
    together = pl.concat(given, how="diagonal") if given else pl.DataFrame(schema=SCHEMA)
    facts = claims_and_lines(together, report)
    persons = people(together, report, people_given=RESOURCES_WITH_PEOPLE in rows)
    return {
        "claims": facts.claims,
        "lines": facts.lines,
        "beneficiaries": persons.beneficiaries,
        "coverage": persons.coverage,
    }


def _row(resource: Resource | None) -> Row:
    if resource is None:
        return {"fault": "not_json"}
    kind = word(resource.get("resourceType"))
    if kind is None:
        return {"fault": "not_a_resource"}
    if kind == _EOB:
        return row_of_eob(resource)
    if kind == "Patient":
        return row_of_patient(resource)
    if kind == "Coverage":
        return row_of_coverage(resource)
    return {"resource": kind}


def _frame(rows: list[Row]) -> pl.DataFrame:
    """Rows as a frame. Items are put together flat and then gathered, several times faster than one by one."""
    flat = {name: dtype for name, dtype in SCHEMA.items() if name != "items"}
    frame = pl.DataFrame({name: [row.get(name) for row in rows] for name in flat}, schema=flat)
    places = [place for place, row in enumerate(rows) for _ in row.get("items") or ()]
    items = [item for row in rows for item in row.get("items") or ()]
    fields = {field.name: field.dtype for field in ITEM.fields}
    gathered = (
        pl.DataFrame({name: [item[name] for item in items] for name in fields}, schema=fields)
        .select(items=pl.struct(*fields))
        .with_columns(pl.Series("_row", places, dtype=pl.UInt32))
        .group_by("_row", maintain_order=True)
        .agg("items")
    )
    joined = frame.with_row_index("_row").join(gathered, on="_row", how="left", maintain_order="left")
    return joined.select(*SCHEMA)


def _others(path: Path, taken: list[Path]) -> list[str]:
    if path.is_file():
        return []
    return sorted(file.name for file in path.iterdir() if file.is_file() and file not in taken)


def _types_quietly(file: Path) -> set[str]:
    try:
        return resource_types_at_head(file)
    except LayoutError:
        return set()


def _no_resources(path: Path, types: Mapping[Path, set[str]]) -> LayoutError:
    names = [file.name for file in types]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    unknown = sorted({kind for found in types.values() for kind in found if kind.startswith(_EOB)})
    cause = (
        f"They hold {', '.join(unknown)}, which no FHIR release has: documents made before the FHIR resources. "
        "Take the resources that the server delivers."
        if unknown
        else "Give the folder that holds the resources (.ndjson, .json, .gz), or name another layout."
    )
    return LayoutError(
        f"{path.name}: no ExplanationOfBenefit, Bundle, Patient or Coverage among {count_of(len(names), 'JSON file')} "
        f"({shown or 'none'}). {cause}"
    )
