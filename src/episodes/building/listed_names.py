"""Lists of the names whose condition holds, row by row: reasons, flags. Each combination is made into a list once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from episodes.building.arrays import Array

LIST_TYPE = pl.List(pl.String)


def bits_of(holds: Mapping[str, pl.Series], rows: int) -> Array:
    """One bit a name, in their order: whether its condition (without nulls) holds."""
    bits = np.zeros(rows, np.int64)
    for number, hit in enumerate(holds.values()):
        bits |= hit.to_numpy().astype(np.int64) << number
    return bits


def names_of(bits: Array, names: tuple[str, ...]) -> pl.Series:
    """The names of the bits that are set, as a list a row, in the order of the names."""
    combinations, which = np.unique(bits, return_inverse=True)
    lists = [[name for number, name in enumerate(names) if bit >> number & 1] for bit in combinations.tolist()]
    return pl.Series(lists, dtype=LIST_TYPE).gather(which.astype(np.uint32))
