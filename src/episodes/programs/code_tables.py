"""The packaged code tables: facts with a source, one CSV each, listed in a manifest with their sha256."""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from episodes.errors import ProgramError, unknown_name


@cache
def manifest() -> dict[str, dict[str, Any]]:
    """What each packaged table is: columns, rows, source, date, status, sha256."""
    text = (files("episodes.programs") / "codes" / "manifest.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = json.loads(text)
    return loaded


@cache
def _bytes_of(name: str) -> bytes:
    if name not in manifest():
        raise ProgramError(unknown_name("code table", name, manifest()))
    return (files("episodes.programs") / "codes" / str(manifest()[name]["file"])).read_bytes()


@cache
def load_codes(name: str) -> pl.DataFrame:
    """A packaged code table, all columns text, blanks null; large ones are packaged compressed (`.csv.gz`).

    >>> load_codes("state_census_division").filter(state="OH")["census_division"].to_list()
    ['3']
    """
    packaged = _bytes_of(name)
    compressed = str(manifest()[name]["file"]).endswith(".gz")
    return pl.read_csv(gzip.decompress(packaged) if compressed else packaged, infer_schema=False)


def fingerprint_of(name: str) -> str:
    """The sha256 of a table as it is packaged now."""
    return hashlib.sha256(_bytes_of(name)).hexdigest()
