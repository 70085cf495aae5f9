"""Reference tables that a run reads beside claims and rules; packaged where public figures are at hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import polars as pl

from episodes.errors import ContractError
from episodes.programs.code_tables import fingerprint_of, load_codes

_MS_DRG_COLUMNS = {
    "fiscal_year": pl.Int32,
    "ms_drg": pl.String,
    "mdc": pl.String,
    "relative_weight": pl.Float64,
    "gmlos": pl.Float64,
}

_HCC_COLUMNS = {
    "hcc": ("model", "diagnosis", "hcc", "edition"),
    "hcc_hierarchies": ("model", "hcc", "drops"),
    "hcc_edits": ("model", "diagnosis", "kind", "sex", "age_to", "age_from", "hcc"),
}
_HCC_PACKAGED = {"hcc": "hcc_diagnoses", "hcc_hierarchies": "hcc_hierarchies", "hcc_edits": "hcc_edits"}


@dataclass(frozen=True)
class References:
    """Reference tables, each replaceable.

    Attributes:
        ms_drgs: fiscal_year, ms_drg, mdc, relative_weight, gmlos (geometric mean length of stay, days). Packaged:
            fiscal year 2021; a stay of another year takes the nearest year at hand, and the run's notes say so.
        hcc: model, diagnosis, hcc, edition (`2026`, or `earlier` for codes that only earlier mappings have): condition
            categories of a diagnosis. Packaged: V22, V24, V28. Replaced whole, as the next two are.
        hcc_hierarchies: model, hcc, drops: a category and those it makes superfluous.
        hcc_edits: model, diagnosis, kind (sex, age, code_editor_age), sex (male, female), age_to, age_from, hcc: an
            edit holds for a person of that sex, or aged up to age_to or from age_from; the diagnosis then has that
            category, or none where hcc is blank.

    Example:
        >>> import episodes as ep
        >>> ep.References().ms_drgs.filter(ms_drg="470")["gmlos"].to_list()
        [1.8]
    """

    ms_drgs: pl.DataFrame | None = None
    hcc: pl.DataFrame | None = None
    hcc_hierarchies: pl.DataFrame | None = None
    hcc_edits: pl.DataFrame | None = None

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
        for name, columns in _HCC_COLUMNS.items():
            table = getattr(self, name)
            if table is not None:
                lacking = [column for column in columns if column not in table.columns]
                if lacking:
                    raise ContractError(f"Reference table {name!r} lacks: {', '.join(lacking)}.")
                object.__setattr__(self, name, table.select(pl.col(columns).cast(pl.String)))

    @property
    def drgs(self) -> pl.DataFrame:
        """`ms_drgs` with the contract's types, sorted by DRG and fiscal year."""
        assert self.ms_drgs is not None
        return self.ms_drgs

    def hcc_table(self, name: str) -> pl.DataFrame:
        """`hcc`, `hcc_hierarchies` or `hcc_edits`, as given or as packaged; all columns text."""
        given: pl.DataFrame | None = getattr(self, name)
        return load_codes(_HCC_PACKAGED[name]) if given is None else given

    @property
    def fingerprint(self) -> str:
        """sha256 over the tables' content."""
        digest = hashlib.sha256(self.drgs.write_csv().encode())
        for name, packaged in _HCC_PACKAGED.items():
            given: pl.DataFrame | None = getattr(self, name)
            digest.update((fingerprint_of(packaged) if given is None else given.write_csv()).encode())
        digest.update(fingerprint_of("hcc_requirements").encode())
        return digest.hexdigest()
