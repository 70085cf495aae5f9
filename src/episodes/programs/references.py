"""Reference tables that a run reads beside claims and rules; packaged where public figures are at hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import polars as pl

from episodes.errors import ContractError
from episodes.programs.code_tables import load_codes

_MS_DRG_COLUMNS = {
    "fiscal_year": pl.Int32,
    "ms_drg": pl.String,
    "mdc": pl.String,
    "relative_weight": pl.Float64,
    "gmlos": pl.Float64,
}


@dataclass(frozen=True)
class References:
    """Reference tables, each replaceable.

    Attributes:
        ms_drgs: fiscal_year, ms_drg, mdc, relative_weight, gmlos (geometric mean length of stay, days). Packaged:
            fiscal year 2021; a stay of another year takes the nearest year at hand, and the run's notes say so.

    Example:
        >>> import episodes as ep
        >>> ep.References().ms_drgs.filter(ms_drg="470")["gmlos"].to_list()
        [1.8]
    """

    ms_drgs: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        given = self.ms_drgs if self.ms_drgs is not None else load_codes("ms_drgs")
        missing = [column for column in ("fiscal_year", "ms_drg") if column not in given.columns]
        if missing:
            raise ContractError(f"Reference table 'ms_drgs' lacks: {', '.join(missing)}.")
        typed = given.select(
            *[
                (pl.col(column) if column in given.columns else pl.lit(None)).cast(dtype).alias(column)
                for column, dtype in _MS_DRG_COLUMNS.items()
            ]
        ).sort("ms_drg", "fiscal_year")
        object.__setattr__(self, "ms_drgs", typed)

    @property
    def drgs(self) -> pl.DataFrame:
        """`ms_drgs` with the contract's types, sorted by DRG and fiscal year."""
        assert self.ms_drgs is not None
        return self.ms_drgs

    @property
    def fingerprint(self) -> str:
        """sha256 over the tables' content."""
        return hashlib.sha256(self.drgs.write_csv().encode()).hexdigest()
