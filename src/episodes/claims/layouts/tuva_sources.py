"""Where Tuva tables lie: Parquet, comma-delimited text or a DuckDB database, read in batches of text columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.text_files import TEXT_ENDINGS, header_of, read_text_batches
from episodes.claims.layouts.tuva_tables import AMOUNTS, TABLES, table_of
from episodes.errors import LayoutError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PARQUET, DATABASES = (".parquet",), (".duckdb", ".db")
BATCH_ROWS = 65_536
SCHEMAS = ("input_layer", "main")
"""Schemas of a database whose table is taken where several have one; else there must be one."""

_MAGIC, _MAGIC_AT = b"DUCK", 8
_NEAR_CENT = 1e-6
_EXACT_BELOW = 2.0**53
"""Whole numbers below this are exact as floats."""


def files_in(path: Path) -> list[Path]:
    """The data files of a folder, and of folders in it that are named as a table; or the file itself."""
    if path.is_file():
        return [path]
    endings = (*PARQUET, *TEXT_ENDINGS, *DATABASES)
    folders = [path, *(path / name for name in TABLES if (path / name).is_dir())]
    return [
        file
        for folder in folders
        for file in sorted(folder.iterdir())
        if file.is_file() and file.name.lower().endswith(endings)
    ]


def tables_in(file: Path) -> list[SourceFile]:
    """The tables of the input layer that a file holds: none where it is not readable, several only in a database."""
    if file.name.lower().endswith(DATABASES):
        return _tables_of_database(file) if _is_database(file) else []
    try:
        kind = table_of(columns_of(SourceFile(path=file, kind="")))
    except LayoutError:
        return []
    return [SourceFile(path=file, kind=kind)] if kind else []


def columns_of(source: SourceFile) -> list[str]:
    """The column names of a table.

    Raises:
        LayoutError: the file is empty or damaged.
    """
    name = source.path.name.lower()
    if name.endswith(PARQUET):
        with _reporting(source.path):
            return list(pl.read_parquet_schema(source.path))
    if source.member is not None:
        with _opened(source.path) as database:
            return [str(column) for column in database.sql(f"select * from {_quoted(source.member)} limit 0").columns]
    return header_of(source.path)


def batches_of(source: SourceFile) -> Iterator[pl.DataFrame]:
    """The rows of a table in batches: columns under their present names, as text, blanks as null.

    Raises:
        LayoutError: the file is damaged.
    """
    table = TABLES[source.kind]
    wanted = [column for column in columns_of(source) if table.takes(column.lower())]
    for batch in _raw_batches(source, wanted):
        lowered = batch.rename({column: column.lower() for column in batch.columns})
        as_text = lowered.select(_as_text(column, dtype) for column, dtype in lowered.schema.items())
        yield _under_present_names(as_text, source)


def _raw_batches(source: SourceFile, wanted: list[str]) -> Iterator[pl.DataFrame]:
    if source.path.name.lower().endswith(PARQUET):
        import pyarrow.parquet as pq

        with _reporting(source.path), pq.ParquetFile(source.path) as parquet:
            for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
                yield pl.DataFrame(pl.from_arrow(batch))
    elif source.member is not None:
        query = f"select {', '.join(_quoted(column, '') for column in wanted)} from {_quoted(source.member)}"
        with _opened(source.path) as database:
            for batch in database.sql(query).to_arrow_reader(BATCH_ROWS):
                yield pl.DataFrame(pl.from_arrow(batch))
    else:
        yield from read_text_batches(source.path, keep=lambda column: column in wanted)


def _under_present_names(rows: pl.DataFrame, source: SourceFile) -> pl.DataFrame:
    """Each column under its present name, filled from its earlier names where it is blank."""
    table = TABLES[source.kind]
    return rows.select(
        pl.coalesce(names).alias(column) for column in table.reads if (names := table.found(column, rows.columns))
    )


def _as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    if dtype.is_float():
        # A float of single precision is what it prints as, not the double nearest to it.
        double = value if dtype == pl.Float64 else value.cast(pl.String).cast(pl.Float64)
        return _float_as_text(double.fill_nan(None), amount=column in AMOUNTS).alias(column)
    stripped = value.cast(pl.String).str.strip_chars()
    return pl.when(stripped != "").then(stripped).alias(column)


def _float_as_text(value: pl.Expr, *, amount: bool) -> pl.Expr:
    """A float as the decimal it prints as; whole numbers without a point, for ids and codes come as floats too.

    An amount within a millionth of a whole cent is that cent.
    """
    scaled = value * 100 if amount else value
    nearest = scaled.round()
    off = (value - nearest / 100).abs() if amount else (value - nearest).abs()
    whole = value.is_finite() & (nearest.abs() < _EXACT_BELOW) & (off <= (_NEAR_CENT if amount else 0))
    number = pl.when(whole).then(nearest).cast(pl.Int64)
    written = number.cast(pl.String)
    if amount:
        sign = pl.when(number < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        written = pl.format("{}{}.{}", sign, number.abs() // 100, (number.abs() % 100).cast(pl.String).str.zfill(2))
    return pl.when(whole).then(written).otherwise(value.cast(pl.String))


def _tables_of_database(file: Path) -> list[SourceFile]:
    query = "select table_schema, table_name, column_name from information_schema.columns"
    try:
        with _opened(file) as database:
            columns = pl.DataFrame(database.sql(query).fetchall(), schema=["schema", "table", "column"], orient="row")
    except LayoutError:
        return []
    headers = columns.group_by("schema", "table", maintain_order=True).agg("column").sort("schema", "table")
    found: dict[str, list[tuple[str, str]]] = {}
    for schema, table, header in headers.iter_rows():
        if table.lower() in TABLES and table_of(header) == table.lower():
            found.setdefault(table.lower(), []).append((schema, table))
    return [
        SourceFile(path=file, kind=kind, member=".".join(_preferred(kind, places, file)))
        for kind in TABLES
        if (places := found.get(kind))
    ]


def _preferred(kind: str, places: list[tuple[str, str]], file: Path) -> tuple[str, str]:
    for schema in SCHEMAS:
        for place in places:
            if place[0].lower() == schema:
                return place
    if len(places) > 1:
        raise LayoutError(
            f"{file.name}: the database has a table {kind} in {len(places)} schemas: "
            f"{', '.join(schema for schema, _ in places)}. Keep the input layer in the schema input_layer, or export "
            "its tables to a folder."
        )
    return places[0]


def _quoted(name: str, separator: str = ".") -> str:
    """A name in the query language; by default one of a table, with its schema before the first point."""
    parts = name.split(separator, 1) if separator else [name]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _is_database(file: Path) -> bool:
    """By its first bytes, for the engine tries to fetch extensions for databases of other kinds."""
    with file.open("rb") as stream:
        return stream.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC


@contextmanager
def _opened(file: Path) -> Iterator[DuckDBPyConnection]:
    import duckdb

    try:
        with duckdb.connect(str(file), read_only=True) as database:
            yield database
    except duckdb.Error as error:
        raise LayoutError(
            f"{file.name}: the database cannot be read ({type(error).__name__}). Usual causes: another program has it "
            "open for writing, a copy that was cut short, or a newer version of DuckDB. Close it, or copy it again."
        ) from None


@contextmanager
def _reporting(file: Path) -> Iterator[None]:
    """Damage shows as various errors of the engine."""
    import pyarrow

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pyarrow.ArrowException, OSError):
        raise LayoutError(
            f"{file.name}: not readable as Parquet. Usual causes: a copy that was cut short, a damaged file, or "
            "another format under this name. Write or copy it again."
        ) from None
