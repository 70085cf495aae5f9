"""Target prices as files: prices that were given, and prices that this library estimated.

A *price table* is a CSV or Parquet file with one row a price code and region. Needed: `price_code` (text,
such as 470), `region` (census division 1 to 9), `price_cents` (whole cents). Read where present: `program`,
`performance_year`, `basis` (checked; where absent the table is taken to be for the programme it is read for),
`price_status`. Other columns are kept as they are.

A *price folder* is what `TargetPrices.write` makes: target_prices.parquet, baseline_volumes.parquet and
baseline_capped.parquet (where known), and target_prices.json, which says what the prices are for.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from episodes.errors import MixedBasisError, PriceError, count_of
from episodes.pricing.checks import with_columns
from episodes.pricing.regions import known_regions
from episodes.pricing.target_prices import (
    VOLUME_SCHEMA,
    TargetPrices,
    construction_rules,
    differing_rules,
    price_codes,
)
from episodes.programs import Program
from episodes.tables import write_parquet

PRICES_FILE = "target_prices.parquet"
VOLUMES_FILE = "baseline_volumes.parquet"
CAPPED_FILE = "baseline_capped.parquet"
DESCRIPTION_FILE = "target_prices.json"

NEEDED = ["price_code", "region", "price_cents"]
FIRST = ["program", "performance_year", "basis", "category", *NEEDED, "price_status", "price_source"]


def folder_tables(prices: TargetPrices) -> dict[str, pl.DataFrame]:
    """The tables of a price folder by file name."""
    tables = {PRICES_FILE: prices.prices, VOLUMES_FILE: prices.volumes, CAPPED_FILE: prices.capped}
    return {name: table for name, table in tables.items() if table is not None}


def folder_description(prices: TargetPrices) -> str:
    """What the prices are for: the text of the description file of a price folder."""
    description = {
        "program": prices.program_id,
        "performance_year": prices.performance_year,
        "basis": prices.basis,
        "origin": prices.origin,
        "baseline_fingerprint": prices.baseline_fingerprint,
        "construction": None if prices.construction is None else dict(prices.construction),
        "counts": dict(prices.counts),
    }
    return json.dumps(description, indent=1, sort_keys=True) + "\n"


def write_target_prices(prices: TargetPrices, folder: Path) -> None:
    """Write a price folder. The description comes last: a folder without it is not complete."""
    for name in (DESCRIPTION_FILE, PRICES_FILE, VOLUMES_FILE, CAPPED_FILE):
        (folder / name).unlink(missing_ok=True)
    for name, table in folder_tables(prices).items():
        write_parquet(table, folder / name)
    (folder / DESCRIPTION_FILE).write_text(folder_description(prices), encoding="utf-8")


def read_target_prices(path: str | Path, program: Program, volumes: pl.DataFrame | None = None) -> TargetPrices:
    """Read target prices from a price table or a price folder.

    Args:
        path: a `.csv` or `.parquet` price table, or a folder written by `TargetPrices.write`; see the module.
        program: the programme of the performance year the prices are for.
        volumes: ccn, category, baseline_episodes, for the low-volume rule. Default: those of the folder; a
            price table has none, and no category is then treated as low volume.

    Returns:
        `TargetPrices`; `.origin` is `given` for a price table.

    Raises:
        PriceError: a file that is no price table, or prices of another programme, performance year or basis.

    Example:
        >>> import tempfile
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder) / "prices.csv"
        ...     _ = table.write_text("price_code,region,price_cents\\n470,3,2450000\\n")
        ...     read_target_prices(table, team).prices["price_cents"].to_list()
        [2450000]
    """
    source = Path(path)
    if source.is_dir():
        prices = _read_folder(source)
    elif source.suffix in (".csv", ".parquet") and source.is_file():
        prices = _read_table(source, program)
    else:
        raise PriceError(
            f"There is no price table or price folder {source.name!r}. Give a .csv or .parquet file with "
            f"the columns {', '.join(NEEDED)}, or a folder written by TargetPrices.write."
        )
    check_same_program(prices, program, program.amount_basis)
    if volumes is None:
        return prices
    counted = with_columns(volumes, "volumes", VOLUME_SCHEMA).select(
        pl.col(name).cast(dtype) for name, dtype in VOLUME_SCHEMA.items()
    )
    return TargetPrices(**{**vars(prices), "volumes": counted})


def check_same_program(prices: TargetPrices, program: Program, basis: str) -> None:
    """Refuse prices of another programme, performance year or basis."""
    asked = {"programme": program.id, "performance year": program.performance_year}
    found = {"programme": prices.program_id, "performance year": prices.performance_year}
    for what, wanted in asked.items():
        if found[what] != wanted:
            raise PriceError(
                f"The prices are for {what} {found[what]!r}, not {wanted!r}. "
                "Load the programme of the prices, or set prices for this one."
            )
    if prices.basis != basis:
        raise MixedBasisError(
            f"The prices are on the {prices.basis} basis, the episodes on the {basis} basis. "
            "Prices and episodes must share one: build both with the same amount basis."
        )


def check_same_construction(prices: TargetPrices, program: Program) -> None:
    """Refuse prices set from episodes of another construction, such as another window."""
    if prices.construction is None:
        return
    changed = differing_rules(prices.construction, construction_rules(program))
    if changed:
        raise PriceError(
            f"The prices were set from episodes built under {count_of(len(changed), 'other construction rule')}: "
            f"{', '.join(changed[:5])}. Build baseline and performance year under the same rules (the same overrides), "
            "and set the prices again."
        )


def _read_folder(folder: Path) -> TargetPrices:
    description = folder / DESCRIPTION_FILE
    if not description.is_file():
        raise PriceError(
            f"The folder {folder.name!r} has no {DESCRIPTION_FILE}: it was not written by "
            "TargetPrices.write, or not to its end. Write it again, or give a price table."
        )
    text = json.loads(description.read_text(encoding="utf-8"))
    tables = {
        name: pl.read_parquet(folder / name) if (folder / name).is_file() else None
        for name in (PRICES_FILE, VOLUMES_FILE, CAPPED_FILE)
    }
    prices = tables[PRICES_FILE]
    if prices is None:
        raise PriceError(f"The folder {folder.name!r} lacks {PRICES_FILE}. Write the prices again.")
    return TargetPrices(
        prices=prices,
        program_id=text["program"],
        performance_year=text["performance_year"],
        basis=text["basis"],
        origin=text["origin"],
        volumes=tables[VOLUMES_FILE],
        capped=tables[CAPPED_FILE],
        baseline_fingerprint=text["baseline_fingerprint"],
        construction=text.get("construction"),
        counts=text["counts"],
    )


def _whole(table: pl.DataFrame, column: str) -> pl.Expr:
    """A number of a file, null where it has a fraction: never cut to a whole one."""
    if not (table.schema[column].is_float() or table.schema[column].is_decimal()):
        return pl.col(column)
    return pl.when(pl.col(column) == pl.col(column).floor()).then(pl.col(column))


def _read_table(source: Path, program: Program) -> TargetPrices:
    is_csv = source.suffix == ".csv"
    try:
        table = pl.read_csv(source, infer_schema=False) if is_csv else pl.read_parquet(source)
    except pl.exceptions.PolarsError as error:
        raise PriceError(f"The price table {source.name!r} cannot be read as {source.suffix[1:]}: {error}.") from error
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise PriceError(
            f"The price table {source.name!r} lacks {count_of(len(missing), 'column')}: "
            f"{', '.join(missing)}. It has: {', '.join(table.columns)}."
        )
    typed = table.with_columns(
        pl.col("price_code").cast(pl.String),
        _whole(table, "region").cast(pl.Int32, strict=False),
        _whole(table, "price_cents").cast(pl.Int64, strict=False),
    )
    _check_values(typed, source.name, program)
    meant = {
        "program": program.id,
        "performance_year": program.performance_year,
        "basis": program.amount_basis,
    }
    for name in meant:
        if name in table.columns:
            meant[name] = _only_value(table, name, source.name)
    categories = price_codes(program).select("price_code", "category")
    status = pl.col("price_status") if "price_status" in table.columns else pl.lit("preliminary")
    prices = (
        typed.drop("category", strict=False)
        .join(categories, on="price_code", how="left", maintain_order="left")
        .with_columns(
            *(pl.lit(value).alias(name) for name, value in meant.items()),
            price_status=status,
            price_source=pl.lit("given"),
        )
        .sort("category", "price_code", "region")
    )
    return TargetPrices(
        prices=prices.select(*FIRST, pl.exclude(FIRST)),
        program_id=meant["program"],
        performance_year=meant["performance_year"],
        basis=meant["basis"],
        origin="given",
        counts={"given_prices": prices.height},
    )


def _check_values(typed: pl.DataFrame, name: str, program: Program) -> None:
    """All problems of a price table at once: what, and in how many rows."""
    codes = price_codes(program).get_column("price_code")
    unknown = typed.filter(~pl.col("price_code").is_in(codes.to_list()).fill_null(False))
    strange = sorted(set(unknown.get_column("price_code").drop_nulls().to_list()))
    region_unknown = ~pl.col("region").is_in(known_regions()).fill_null(False)
    no_amount = pl.col("price_cents").is_null() | (pl.col("price_cents") < 0)
    problems = {
        f"with an unknown price code ({', '.join(strange[:5])})": unknown.height,
        "with a region that is not 1 to 9": typed.filter(region_unknown).height,
        "whose price_cents is not a whole number of cents, 0 or more": typed.filter(no_amount).height,
        "repeating a price code and region": typed.height - typed.unique(["price_code", "region"]).height,
    }
    found = [f"{count_of(number, 'row')} {what}" for what, number in problems.items() if number]
    if found:
        raise PriceError(
            f"The price table {name!r} has {'; '.join(found)}. Price codes are those of the programme's "
            "anchor table, amounts are whole cents."
        )


def _only_value(table: pl.DataFrame, column: str, name: str) -> str:
    values = table.get_column(column).cast(pl.String).unique().to_list()
    if len(values) != 1 or values[0] is None:
        raise PriceError(
            f"The column {column} of the price table {name!r} has {len(values)} different values: a table "
            "is for one programme, performance year and basis."
        )
    return str(values[0])
