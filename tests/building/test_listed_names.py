"""Names whose condition holds, row by row."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from episodes.building.listed_names import LIST_TYPE, bits_of, names_of


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=20))
def test_each_row_lists_what_holds_in_order(rows: list[list[bool]]) -> None:
    names = ("first", "second", "third", "fourth")
    holds = {name: pl.Series([row[place] for row in rows], dtype=pl.Boolean) for place, name in enumerate(names)}
    found = names_of(bits_of(holds, len(rows)), names)
    assert found.dtype == LIST_TYPE
    assert found.to_list() == [[name for name, hit in zip(names, row, strict=True) if hit] for row in rows]
