"""Claims of a bucket that are frames."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from episodes.building.arrays import Array
from episodes.building.context import Context
from episodes.building.facts import Facts
from episodes.building.frame_codes import FrameCodes
from episodes.building.store_source import StoreBucket


class FrameBucket(StoreBucket):
    """One bucket of frames."""

    def __init__(
        self,
        codes: FrameCodes,
        tables: Mapping[str, pl.DataFrame],
        first_person: int,
        context: Context,
        others: Facts | None = None,
    ) -> None:
        self._of_frames = codes
        self._first_person = first_person
        self._context = context
        self._people = pl.Series([], dtype=pl.UInt32)
        self._whole = dict(tables)
        self._others = others or Facts()

    def array(self, name: str) -> Array:
        return self._of_frames.array(name)

    def dictionary(self, name: str) -> pl.Series:
        return self._of_frames.dictionary(name)

    def ids(self, name: str, rows: Array) -> pl.Series:
        return self._of_frames.ids(name, rows)

    def payable_without(self, people: pl.Series) -> tuple[int, int]:
        items, cents = super().payable_without(people)
        return items + self._others.payable_items, cents + self._others.payable_cents

    def facts(self) -> Facts:
        return super().facts() + self._others
