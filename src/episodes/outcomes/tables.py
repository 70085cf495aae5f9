"""The code tables that rules name: packaged ones, or files of the user's own in the same columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from episodes.errors import ProgramError, count_of, unknown_name
from episodes.programs.code_tables import fingerprint_of, load_codes, manifest

_FILES = (".csv", ".csv.gz")


def code_table(name: str, columns: Iterable[str]) -> pl.DataFrame:
    """A code table by its packaged name, or from a CSV file by its path; all columns text.

    >>> code_table("readmission_cohorts_2021", ["category", "cohort"]).height
    276
    """
    table = pl.read_csv(_content(name), infer_schema=False) if name.endswith(_FILES) else load_codes(_known(name))
    lacking = [column for column in columns if column not in table.columns]
    if lacking:
        raise ProgramError(
            f"The code table {Path(name).name!r} lacks {count_of(len(lacking), 'column')}: {', '.join(lacking)}. "
            "Give it the columns of the packaged table that it replaces."
        )
    return table


def table_fingerprint(name: str) -> str:
    """The sha256 of a code table's bytes."""
    return hashlib.sha256(_content(name)).hexdigest() if name.endswith(_FILES) else fingerprint_of(_known(name))


def _content(name: str) -> bytes:
    if not Path(name).is_file():
        raise ProgramError(f"There is no file {name!r}, which the outcome measures name as a code table.")
    return Path(name).read_bytes()


def _known(name: str) -> str:
    if name not in manifest():
        raise ProgramError(unknown_name("code table", name, manifest()) + " A file of your own ends in .csv.")
    return name
