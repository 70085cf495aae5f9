"""A bucket's codes sidecar as the engine reads it: arrays in mapped memory, and some of their rows as frames."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from episodes.building.arrays import Array, frozen
from episodes.claims.codes_sidecar import NULL_CENTS, NULL_DAY
from episodes.claims.contract import TABLES, types_of


class Sidecar:
    """The codes of one bucket; only what is asked for is read.

    Args:
        folder: where its arrays lie.
    """

    def __init__(self, folder: Path) -> None:
        self._codes = folder
        self._opened: dict[str, Array] = {}
        self._read: dict[str, pl.Series] = {}
        self._types = {name: types_of(TABLES[name]) for name in ("claims", "lines")}

    def array(self, name: str) -> Array:
        """An array by its name, in mapped memory."""
        if name not in self._opened:
            self._opened[name] = mapped(self._codes / f"{name}.npy")
        return self._opened[name]

    def dictionary(self, name: str) -> pl.Series:
        """The values that the codes of a column point to."""
        if name not in self._read:
            text = (self._codes / f"{name}.txt").read_text(encoding="utf-8")
            self._read[name] = pl.Series(text.split("\n")[:-1], dtype=pl.String)
        return self._read[name]

    def ids(self, name: str, rows: Array) -> pl.Series:
        """The text of some ids, from their bytes in mapped memory."""
        offsets, together = self.array(f"{name}.offsets"), self.array(f"{name}.bytes")
        whole = pa.LargeStringArray.from_buffers(offsets.size - 1, pa.py_buffer(offsets), pa.py_buffer(together))
        return pl.Series(pl.from_arrow(whole.take(pa.array(rows))), dtype=pl.String)

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
        lists = pa.LargeListArray.from_arrays(pa.array(np.concatenate(([0], ends))), values.to_arrow())
        return pl.Series(pl.from_arrow(lists))


def empty_lists(number: int) -> pl.Series:
    """So many empty lists of text."""
    lists = pa.LargeListArray.from_arrays(pa.array(np.zeros(number + 1, np.int64)), pa.array([], pa.large_string()))
    return pl.Series(pl.from_arrow(lists))


def mapped(path: Path) -> Array:
    """An array of a file (`codes_sidecar.write_array`) in mapped memory, not to be written."""
    with path.open("rb") as stream:
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if 0 in shape:
            return frozen(np.empty(shape, dtype))
        memory = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(memory, dtype, offset=stream.tell())


def _with_nulls(values: Array, null: int) -> pl.Series:
    """Numbers as a series, null where they are the number that stands for it."""
    missing = values == null
    if not missing.any():
        return pl.Series(values)
    return pl.Series(pl.from_arrow(pa.array(values, mask=missing)))
