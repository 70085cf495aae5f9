"""Reference tables that a run reads beside claims and rules; packaged where public figures are at hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import polars as pl

from episodes.errors import ContractError
from episodes.programs.code_tables import load_codes

SCHEMAS: Mapping[str, Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "ms_drgs": {
        "fiscal_year": pl.Int32,
        "ms_drg": pl.String,
        "mdc": pl.String,
        "relative_weight": pl.Float64,
        "gmlos": pl.Float64,
    },
    "fee_schedule": {
        "hcpcs": pl.String,
        "modifier": pl.String,
        "global_days": pl.String,
        "start_date": pl.Date,
        "end_date": pl.Date,
    },
    "opps": {
        "calendar_year": pl.Int32,
        "hcpcs": pl.String,
        "status_indicator": pl.String,
        "apc": pl.String,
        "j1_rank": pl.Int32,
        "rate": pl.Int64,
    },
    "apc_map": {
        "calendar_year": pl.Int32,
        "hcpcs": pl.String,
        "secondary": pl.String,
        "apc": pl.String,
        "rate": pl.Int64,
        "comprehensive": pl.Boolean,
    },
    "clotting": {"quarter": pl.String, "hcpcs": pl.String},
    "drg_remap": {
        "direction": pl.String,
        "effective_date": pl.Date,
        "from_drg": pl.String,
        "to_drg": pl.String,
        "conditions": pl.String,
    },
    "update_factors": {
        "ccn": pl.String,
        "category": pl.String,
        "fiscal_year": pl.Int32,
        "setting": pl.String,
        "factor": pl.Float64,
    },
    "diagnosis_categories": {"code": pl.String, "category": pl.String},
    "procedure_categories": {"code": pl.String, "category": pl.String},
    "hcc": {"model": pl.String, "diagnosis": pl.String, "hcc": pl.String},
}
"""Columns of each reference table. Amounts (`rate`) are cents; a null modifier is the unmodified code."""

_KEYS = {
    "ms_drgs": ("fiscal_year", "ms_drg"),
    "fee_schedule": ("hcpcs",),
    "opps": ("calendar_year", "hcpcs"),
    "apc_map": ("calendar_year", "hcpcs"),
    "clotting": ("quarter", "hcpcs"),
    "drg_remap": ("direction", "effective_date", "from_drg", "to_drg"),
    "update_factors": ("category", "setting", "factor"),
    "diagnosis_categories": ("code", "category"),
    "procedure_categories": ("code", "category"),
    "hcc": ("model", "diagnosis", "hcc"),
}
_PACKAGED = {"ms_drgs": "ms_drgs", "apc_map": "hcpcs_apc_map"}


@dataclass(frozen=True)
class References:
    """Reference tables, each replaceable by a frame with the columns of `SCHEMAS`; columns that may be null may be absent.

    Attributes:
        ms_drgs: fiscal_year, ms_drg, mdc, relative_weight, gmlos (geometric mean length of stay, days). Packaged:
            fiscal year 2021; a stay of another year takes the nearest year at hand, and the run's notes say so.
        fee_schedule: hcpcs, modifier, global_days, start_date, end_date: the physician fee schedule's global periods.
        opps: calendar_year, hcpcs, status_indicator, apc, j1_rank, rate (cents): Addenda B and J.
        apc_map: calendar_year, hcpcs, secondary, apc, rate (cents), comprehensive: APC of a trigger procedure; rows with
            a secondary procedure hold the complexity-adjusted one. Packaged: the triggers of BPCI Advanced, 2018 to 2024.
        clotting: quarter (2022Q1), hcpcs: clotting factors of the ASP files.
        drg_remap: direction (forward, backward), effective_date, from_drg, to_drg, conditions
            (`any_procedure=A|B; any_dx=C; principal_dx=D`): regrouping of DRGs between fiscal years.
        update_factors: ccn, category, fiscal_year, setting, factor: price updates; default 1.
        diagnosis_categories, procedure_categories: code, category (CCS).
        hcc: model, diagnosis, hcc: condition categories.

    Raises:
        ContractError: a table lacks a column that it must have, or a column is not of its type.

    Example:
        >>> import episodes as ep
        >>> ep.References().ms_drgs.filter(ms_drg="470")["gmlos"].to_list()
        [1.8]
    """

    ms_drgs: pl.DataFrame | None = None
    fee_schedule: pl.DataFrame | None = None
    opps: pl.DataFrame | None = None
    apc_map: pl.DataFrame | None = None
    clotting: pl.DataFrame | None = None
    drg_remap: pl.DataFrame | None = None
    update_factors: pl.DataFrame | None = None
    diagnosis_categories: pl.DataFrame | None = None
    procedure_categories: pl.DataFrame | None = None
    hcc: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            given = getattr(self, each.name)
            if given is None:
                packaged = _PACKAGED.get(each.name)
                given = _packaged(packaged) if packaged else pl.DataFrame(schema=dict(SCHEMAS[each.name]))
            object.__setattr__(self, each.name, _typed(each.name, given))

    def table(self, name: str) -> pl.DataFrame:
        """A table by its name, with the types of `SCHEMAS`."""
        found: pl.DataFrame = getattr(self, name)
        return found

    @property
    def drgs(self) -> pl.DataFrame:
        """`ms_drgs` with the contract's types, sorted by DRG and fiscal year."""
        return self.table("ms_drgs")

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the tables' content."""
        digest = hashlib.sha256()
        for each in fields(self):
            digest.update(f"{each.name}\n".encode() + self.table(each.name).write_csv().encode())
        return digest.hexdigest()


def _packaged(name: str) -> pl.DataFrame:
    """A packaged table, whose columns are text; yes and no stand in it as true and false."""
    table = load_codes(name)
    return table.with_columns(pl.col("comprehensive") == "true") if "comprehensive" in table.columns else table


def _typed(name: str, given: pl.DataFrame) -> pl.DataFrame:
    """A table with the columns and types of its schema; DRGs sorted, the others in the order given (the first row counts)."""
    missing = [column for column in _KEYS[name] if column not in given.columns]
    if missing:
        raise ContractError(f"Reference table {name!r} lacks: {', '.join(missing)}.")
    columns = [
        (pl.col(column) if column in given.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in SCHEMAS[name].items()
    ]
    try:
        typed = given.select(columns)
    except pl.exceptions.PolarsError as error:
        kind = type(error).__name__
    else:
        return typed.sort("ms_drg", "fiscal_year") if name == "ms_drgs" else typed
    wanted = ", ".join(f"{column} {dtype}" for column, dtype in SCHEMAS[name].items())
    raise ContractError(f"Reference table {name!r} does not have the types it must have ({kind}): {wanted}.")
