"""Target prices as files: prices that were given (`price_sheets`), and prices that this library estimated.

A *price folder* is what `TargetPrices.write` makes: target_prices.parquet, baseline_volumes.parquet and
baseline_capped.parquet (where known), and target_prices.json, which says what the prices are for.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import polars as pl

from episodes.errors import MixedBasisError, PriceError, count_of
from episodes.pricing.checks import with_columns
from episodes.pricing.price_sheets import needed_columns, read_price_sheet
from episodes.pricing.target_prices import VOLUME_SCHEMA, TargetPrices, construction_rules, differing_rules
from episodes.programs import Program
from episodes.tables import write_parquet

PRICES_FILE = "target_prices.parquet"
VOLUMES_FILE = "baseline_volumes.parquet"
CAPPED_FILE = "baseline_capped.parquet"
DESCRIPTION_FILE = "target_prices.json"


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


def read_target_prices(
    path: str | Path,
    program: Program,
    volumes: pl.DataFrame | None = None,
    *,
    as_of: dt.date | None = None,
    price_status: str | None = None,
) -> TargetPrices:
    """Read target prices from a price sheet or a price folder.

    Args:
        path: a `.csv` or `.parquet` price sheet (`price_sheets`), or a folder written by `TargetPrices.write`; also a
            run folder that holds one such folder, or a folder of runs of which one does, such as that of a demo.
        program: the programme of the performance year the prices are for.
        volumes: ccn, category, baseline_episodes, for the low-volume rule. Default: those of the folder; a
            price sheet has none, and no category is then treated as low volume.
        as_of: of a sheet with several deliveries (column `as_of`) the latest row of each cell known by that date is
            taken; default: the latest of all.
        price_status: read only `preliminary`, `trended` or `final` rows of a sheet that has several.

    Returns:
        `TargetPrices`; `.origin` is `given` for a price sheet.

    Raises:
        PriceError: a file that is no price sheet, or prices of another programme, performance year or basis.

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
        prices = _read_folder(_price_folder_in(source))
    elif source.suffix in (".csv", ".parquet") and source.is_file():
        prices = _given(source, program, as_of, price_status)
    else:
        raise PriceError(
            f"There is no price table or price folder {source.name!r}. Give a .csv or .parquet file with "
            f"the columns {', '.join(needed_columns(program))}, or a folder written by TargetPrices.write."
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


def _price_folder_in(folder: Path) -> Path:
    """The folder itself, or the one folder of prices in it: at most two levels down, as a run or a demo has it."""
    if (folder / DESCRIPTION_FILE).is_file():
        return folder
    found = sorted({file.parent for depth in ("*", "*/*") for file in folder.glob(f"{depth}/{DESCRIPTION_FILE}")})
    return found[0] if len(found) == 1 else folder


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


def _given(source: Path, program: Program, as_of: dt.date | None, price_status: str | None) -> TargetPrices:
    sheet = read_price_sheet(source, program, as_of=as_of, price_status=price_status)
    return TargetPrices(
        prices=sheet.rows,
        program_id=sheet.meant["program"],
        performance_year=sheet.meant["performance_year"],
        basis=sheet.meant["basis"],
        origin="given",
        counts={"given_prices": sheet.rows.height, "earlier_deliveries": sheet.earlier},
    )
