"""Plain tables that are only scanned: queries over them, whose errors never show a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import polars as pl

from episodes.errors import ContractError

Result = TypeVar("Result")


@dataclass(frozen=True)
class PlainTables:
    """claims, lines, beneficiaries, coverage, lazily."""

    by_name: Mapping[str, pl.LazyFrame]

    def __getitem__(self, name: str) -> pl.LazyFrame:
        return self.by_name[name]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Rows of each table."""
        return {name: self.collected(table.select(pl.len())).item() for name, table in self.by_name.items()}

    def collected(self, query: pl.LazyFrame) -> pl.DataFrame:
        """The rows of a query, read as a stream.

        Raises:
            ContractError: a table does not hold what the contract says.
        """
        return self.read(lambda: query.collect(engine="streaming"))

    def read(self, work: Callable[[], Result]) -> Result:
        """Do some work that reads the tables. An engine's own error quotes the values around a fault: not passed on."""
        try:
            return work()
        except pl.exceptions.PolarsError as error:
            kind = type(error).__name__
        wrong = [name for name, table in self.by_name.items() if not _can_be_read(table)]
        raise ContractError(
            f"The table{'s' if len(wrong) > 1 else ''} {', '.join(map(repr, wrong or self.by_name))} cannot be read as "
            f"the claims contract has it ({kind}). Read it with validate='full' to see which column is wrong."
        )


def _can_be_read(table: pl.LazyFrame) -> bool:
    try:
        table.select(pl.all().null_count()).collect(engine="streaming")
    except pl.exceptions.PolarsError:
        return False
    return True
