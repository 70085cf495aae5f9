"""A literal restatement of the planned readmission algorithm 4.0, written from its text and sharing no code.

It reads the packaged CSV files itself, with the standard library, and follows the sentences one by one:

    planned if   any procedure category is always planned
            or   the diagnosis category is always planned
            or   (any procedure category is potentially planned, or any procedure is on the list of single codes)
                 and not (the diagnosis category is acute, or the diagnosis is on the list of single codes)
    otherwise unplanned
"""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import episodes

FOLDER = Path(episodes.__file__).parent / "programs" / "codes"


def rows(file: str) -> list[dict[str, str]]:
    """The rows of a packaged table."""
    content = (FOLDER / file).read_bytes()
    text = (gzip.decompress(content) if file.endswith(".gz") else content).decode()
    return list(csv.DictReader(io.StringIO(text)))


CATEGORIES = {(row["list"], int(row["category"])) for row in rows("planned_readmission_categories_2021.csv")}
CODES = {(row["list"], row["code"]) for row in rows("planned_readmission_codes_2021.csv.gz")}
DIAGNOSES = {row["code"]: int(row["category"]) for row in rows("ccs_icd10cm_2019.csv.gz")}
PROCEDURES = {row["code"]: int(row["category"]) for row in rows("ccs_icd10pcs_2019.csv.gz")}


def planned_by_category(diagnosis: int | None, procedures: list[int | None]) -> bool:
    """The algorithm over categories only."""
    for category in procedures:
        if ("always_planned_procedure", category) in CATEGORIES:
            return True
    if ("always_planned_diagnosis", diagnosis) in CATEGORIES:
        return True
    potentially = False
    for category in procedures:
        if ("potentially_planned_procedure", category) in CATEGORIES:
            potentially = True
    return potentially and ("acute_diagnosis", diagnosis) not in CATEGORIES


def planned_by_code(diagnosis: str, procedures: list[str]) -> bool:
    """The algorithm over codes: the categories of their map, and the lists of single codes."""
    of_diagnosis = DIAGNOSES.get(diagnosis)
    of_procedures = [PROCEDURES.get(code) for code in procedures]
    for category in of_procedures:
        if ("always_planned_procedure", category) in CATEGORIES:
            return True
    if ("always_planned_diagnosis", of_diagnosis) in CATEGORIES:
        return True
    potentially = False
    for code, category in zip(procedures, of_procedures, strict=True):
        if ("potentially_planned_procedure", category) in CATEGORIES:
            potentially = True
        if ("potentially_planned_procedure", code) in CODES:
            potentially = True
    acute = ("acute_diagnosis", of_diagnosis) in CATEGORIES or ("acute_diagnosis", diagnosis) in CODES
    return potentially and not acute
