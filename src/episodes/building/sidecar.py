"""A bucket's codes sidecar as the engine reads it: arrays in mapped memory."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from episodes.building.arrays import Array, frozen
from episodes.building.codes import Codes, arrow_numbers


class Sidecar(Codes):
    """The codes of one bucket of a store; only what is asked for is read.

    Args:
        folder: where its arrays lie.
    """

    def __init__(self, folder: Path) -> None:
        self._codes = folder
        self._opened: dict[str, Array] = {}
        self._read: dict[str, pl.Series] = {}

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
        return pl.Series(pl.from_arrow(whole.take(arrow_numbers(rows))), dtype=pl.String)


def mapped(path: Path) -> Array:
    """An array of a file (`codes_sidecar.write_array`) in mapped memory, not to be written."""
    with path.open("rb") as stream:
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if 0 in shape:
            return frozen(np.empty(shape, dtype))
        memory = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(memory, dtype, offset=stream.tell())
