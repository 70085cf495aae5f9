"""A bucket's codes sidecar as the engine reads it: arrays in mapped memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from episodes.building.arrays import Array
from episodes.building.codes import Codes


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
            self._opened[name] = np.asarray(np.load(self._codes / f"{name}.npy", mmap_mode="r"))
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
