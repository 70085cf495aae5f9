"""The claims and lines of a bucket as arrays of codes, days and cents, and some of their rows as frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa

from episodes.building.arrays import Array
from episodes.claims.codes_sidecar import NULL_CENTS, NULL_DAY
from episodes.claims.contract import TABLES, types_of


class Codes(ABC):
    """Arrays by name, as `claims.codes_sidecar` describes them, wherever they come from.

    Rows are in order: claims by (person, first day, claim id), lines by (person, day, claim, line number).
    """

    @abstractmethod
    def array(self, name: str) -> Array:
        """An array by its name."""

    @abstractmethod
    def dictionary(self, name: str) -> pl.Series:
        """The sorted values that the codes of a column point to."""

    @abstractmethod
    def ids(self, name: str, rows: Array) -> pl.Series:
        """The text of some ids: `claim_id` by claim, `beneficiary_id` by person of the bucket."""

    @cached_property
    def _types(self) -> dict[str, Mapping[str, pl.DataType]]:
        return {name: types_of(TABLES[name]) for name in ("claims", "lines")}

    def frame(self, table: str, rows: Array, columns: Sequence[str]) -> pl.DataFrame:
        """Some rows of a table, by their ordinals."""
        types = self._types[table]
        return pl.DataFrame({name: self._column(f"{table}.{name}", rows, types[name]) for name in columns})

    def _column(self, name: str, rows: Array, dtype: pl.DataType) -> pl.Series:
        if isinstance(dtype, pl.List):
            return self.list_of(name, rows, pl.Series(dtype=dtype.inner).dtype)
        is_text = dtype == pl.String or isinstance(dtype, pl.Enum)
        if is_text and self.dictionary(name).is_empty():
            return pl.Series([None], dtype=pl.String).new_from_index(0, rows.size)
        values = self.array(name)[rows]
        if dtype == pl.Float64:
            return pl.Series(values).fill_nan(None)
        if dtype == pl.Date:
            return _with_nulls(values, NULL_DAY).cast(pl.Date)
        if dtype.is_integer():
            return _with_nulls(values, NULL_CENTS).cast(dtype)
        coded = _with_nulls(values, -1)
        return coded.cast(pl.Boolean) if dtype == pl.Boolean else self.dictionary(name).gather(coded)

    def list_of(self, name: str, rows: Array, inner: pl.DataType) -> pl.Series:
        """A column of lists of text or dates; an empty list where there is none."""
        offsets, elements = self.array(f"{name}.offsets"), self.array(f"{name}.elements")
        lengths = offsets[rows + 1] - offsets[rows]
        ends = np.cumsum(lengths)
        places = np.repeat(offsets[rows] - (ends - lengths), lengths) + np.arange(int(ends[-1]) if ends.size else 0)
        found = elements[places]
        if inner == pl.Date:
            values = _with_nulls(found, NULL_DAY).cast(pl.Date)
        else:
            values = self.dictionary(f"{name}.elements").gather(_with_nulls(found, -1))
        lists = pa.LargeListArray.from_arrays(arrow_numbers(np.concatenate(([0], ends))), values.to_arrow())
        return pl.Series(pl.from_arrow(lists))


def empty_lists(number: int) -> pl.Series:
    """So many empty lists of text."""
    return pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, number)


def arrow_numbers(values: Array) -> pa.Array:
    """Numbers as an arrow array, nothing copied. `pyarrow.array` would import pandas where it is installed: slow."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def _with_nulls(values: Array, null: int) -> pl.Series:
    """Numbers as a series, null where they are the number that stands for it."""
    missing = values == null
    if not missing.any():
        return pl.Series(values)
    return pl.select(pl.when(pl.Series(~missing)).then(pl.Series(values))).to_series()
