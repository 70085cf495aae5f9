"""Diagnoses by the beginnings of their codes, evaluated once a distinct code."""

from __future__ import annotations

import polars as pl

from episodes.programs.code_tables import load_codes


def begins_with_listed(codes: pl.Series, table: str) -> pl.Series:
    """For each code whether it begins with a `diagnosis_prefix` of a code table; null codes do not."""
    prefixes = load_codes(table)["diagnosis_prefix"].drop_nulls().unique()
    found = pl.Series([False] * len(codes), dtype=pl.Boolean)
    for length in prefixes.str.len_chars().unique().sort():
        of_length = prefixes.filter(prefixes.str.len_chars() == length)
        found = found | codes.str.head(length).is_in(of_length.to_list()).fill_null(False)
    return found


def with_prefix(codes: pl.Series, table: str) -> list[str]:
    """The distinct codes that begin with a listed one, sorted."""
    distinct = codes.drop_nulls().unique().sort()
    return distinct.filter(begins_with_listed(distinct, table)).to_list()
