"""Plain tables that are only scanned: queries over them, whose errors never show a value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import polars as pl

from episodes.claims.contract import TABLES, types_of
from episodes.errors import ContractError

Result = TypeVar("Result")


@dataclass(frozen=True)
class PlainTables:
    """claims, lines, beneficiaries, coverage, lazily."""

    by_name: Mapping[str, pl.LazyFrame]

    def __getitem__(self, name: str) -> pl.LazyFrame:
        return self.by_name[name]

    def setting_in(self, settings: Collection[str]) -> pl.Expr:
        """Whether a claim is of one of some settings; as text a scan can filter by it."""
        setting = pl.col("setting")
        if self.by_name["claims"].collect_schema()["setting"] != pl.String:
            setting = setting.cast(pl.String)
        return setting.is_in(list(settings))

    def need_known_words(self) -> None:
        """Columns of listed words that were left as text hold those words.

        Raises:
            ContractError: some other word is there.
        """
        schema, types = self.by_name["claims"].collect_schema(), types_of(TABLES["claims"])
        for name, dtype in types.items():
            if isinstance(dtype, pl.Enum) and schema[name] == pl.String:
                found = self.collected(self.by_name["claims"].select(pl.col(name).unique()))[name]
                self.read(partial(found.cast, dtype))

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
        wrong = [name for name, table in self.by_name.items() if not _can_be_read(name, table)]
        raise ContractError(
            f"The table{'s' if len(wrong) > 1 else ''} {', '.join(map(repr, wrong or self.by_name))} cannot be read as "
            f"the claims contract has it ({kind}). Read it with validate='full' to see which column is wrong."
        )


def _can_be_read(name: str, table: pl.LazyFrame) -> bool:
    try:
        table.cast(pl.Schema(types_of(TABLES[name]))).select(pl.all().null_count()).collect(engine="streaming")
    except pl.exceptions.PolarsError:
        return False
    return True
