"""Code tables: the packaged ones, each with a source in the manifest, and those of a user, beside a rules file."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from episodes.errors import ProgramError, unknown_name


@cache
def manifest() -> dict[str, dict[str, Any]]:
    """What each packaged table is: columns, rows, source, date, status, sha256."""
    text = (files("episodes.programs") / "codes" / "manifest.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = json.loads(text)
    return loaded


def is_own_file(name: str) -> bool:
    """Whether a name of a table is the path of a user's own file."""
    return name.endswith(".csv")


def _said_of(name: str) -> dict[str, Any]:
    if name not in manifest():
        hint = " A table of your own is given by the name of its file, which ends in .csv."
        raise ProgramError(unknown_name("code table", name, manifest()) + hint)
    return manifest()[name]


def _bytes_of(name: str) -> bytes:
    if is_own_file(name):
        return _bytes_of_file(Path(name))
    return (files("episodes.programs") / "codes" / str(_said_of(name)["file"])).read_bytes()


def _bytes_of_file(path: Path) -> bytes:
    if not path.is_file():
        raise ProgramError(f"There is no code table {path.name!r}: a table of your own stands beside its rules file.")
    return path.read_bytes()


def load_codes(name: str) -> pl.DataFrame:
    """A code table, all columns text, blanks null: a packaged one by its name, or a CSV file by its path.

    Raises:
        ProgramError: no such table, or a file that cannot be read as one.

    >>> load_codes("state_census_division").filter(state="OH")["census_division"].to_list()
    ['3']
    """
    return _read(name, fingerprint_of(name)) if is_own_file(name) else _packaged(name)


@cache
def _packaged(name: str) -> pl.DataFrame:
    return pl.read_csv(_bytes_of(name), infer_schema=False)


@cache
def _read(path: str, _content: str) -> pl.DataFrame:
    """A user's file; it may change while the library is loaded, so what is kept goes by its content."""
    try:
        table = pl.read_csv(_bytes_of(path), infer_schema=False, comment_prefix="#")
    except pl.exceptions.PolarsError as error:
        said = str(error).splitlines()[0]
        raise ProgramError(
            f"The code table {Path(path).name!r} is not a CSV file with one header row: {said}."
        ) from None
    return table.rename(str.strip).with_columns(pl.all().str.strip_chars().replace("", None))


def columns_of(name: str) -> list[str]:
    """The columns of a table, in order."""
    return load_codes(name).columns if is_own_file(name) else list(_said_of(name)["columns"])


def fingerprint_of(name: str) -> str:
    """The sha256 of a table as it is now."""
    return hashlib.sha256(_bytes_of(name)).hexdigest()
