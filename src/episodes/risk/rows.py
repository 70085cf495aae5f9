"""The rows a risk model is fitted on: which are left out and why, in a fixed order, with their design."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from episodes.errors import ArgumentError, RiskError, count_of, unknown_name
from episodes.risk.least_squares import Floats
from episodes.risk.model import EVERYTHING
from episodes.risk.terms import Column, columns_of, need_terms, numbers_of

Terms = Sequence[str] | Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Rows:
    """The rows of one category that a model is fitted on.

    Attributes:
        category: whose they are.
        frame: the rows, ordered by their name.
        columns: of the design, the intercept first.
        references: the levels left out.
        left_out: reason to number of rows that are not used.
    """

    category: str
    frame: pl.DataFrame
    columns: list[Column]
    references: list[Column]
    left_out: dict[str, int]

    @cached_property
    def design(self) -> Floats:
        """One row a row, one column a column."""
        schema = self.frame.schema
        named = {str(place): column.expression(schema) for place, column in enumerate(self.columns)}
        return self.frame.select(pl.zeros(pl.len()).alias("_rows"), **named).drop("_rows").to_numpy()

    def numbers(self, column: str) -> Floats:
        """A column's values."""
        values: Floats = self.frame[column].cast(pl.Float64).to_numpy()
        return values


def rows_by_category(
    frame: pl.DataFrame,
    *,
    terms: Terms,
    outcome: str,
    weights: str | None,
    by: str | None,
    row: str,
    references: Mapping[str, str],
    positive: bool,
) -> Iterator[Rows]:
    """The rows of each category, in alphabetical order.

    Args:
        positive: whether an outcome of zero or less leaves its row out (its logarithm does not exist).

    Raises:
        ArgumentError: a column is missing, a term cannot be read, or a weight is negative.
        RiskError: a category has no terms, or nothing is left of its rows.
    """
    for kind, column in (("outcome", outcome), ("weights", weights), ("category", by), ("row", row)):
        if column is not None and column not in frame.columns:
            raise ArgumentError(unknown_name(f"column of the {kind}:", column, frame.columns))
    if weights is not None and (negative := frame.filter(pl.col(weights) < 0).height):
        raise ArgumentError(f"{count_of(negative, 'weight')} in {weights!r} is below zero.")
    ordered = frame.sort(row)
    if by is None:
        parts = {EVERYTHING: ordered}
    else:
        parts = {str(key[0]): part for key, part in ordered.partition_by(by, as_dict=True).items()}
    for category in sorted(parts):
        own = _terms_of_category(terms, category)
        need_terms(own, frame.schema)
        kept, left_out = _usable(parts[category], own, outcome, weights, positive)
        if kept.is_empty():
            said = ", ".join(f"{number} {reason}" for reason, number in left_out.items() if number)
            raise RiskError(f"No row of {category} can be used to fit a model on ({said or 'there is none'}).")
        columns, left = columns_of(own, kept, references)
        yield Rows(category, kept, columns, left, left_out)


def _terms_of_category(terms: Terms, category: str) -> list[str]:
    if isinstance(terms, str):
        raise ArgumentError(f"terms is a list of terms, such as ['age_class']; given: the text {terms!r}.")
    if not isinstance(terms, Mapping):
        return list(terms)
    if category not in terms:
        raise RiskError(f"No terms are given for a category of the rows. {unknown_name('category', category, terms)}")
    return list(terms[category])


def _usable(
    rows: pl.DataFrame, terms: Sequence[str], outcome: str, weights: str | None, positive: bool
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows that can be used, and how many cannot, each counted under its first reason."""
    needed = [outcome, *numbers_of(terms, rows.schema)]
    tests = {"missing_value": pl.any_horizontal(pl.col(needed).is_null())}
    if positive:
        tests["non_positive_outcome"] = pl.col(outcome) <= 0
    if weights is not None:
        tests["zero_weight"] = pl.col(weights).fill_null(0) == 0
    left_out: dict[str, int] = {}
    for reason, holds in tests.items():
        kept = rows.filter(~holds)
        left_out[reason] = rows.height - kept.height
        rows = kept
    return rows, left_out
