"""The payer's sheets: target prices, risk coefficients and final factors, as CSV or Parquet.

A *price sheet* has a row a price. What names it depends on the programme's kind of price:

* TEAM, CJR: `price_code` (or `price_cell`), and `region` (census division 1 to 9) or, for CJR, `ccn`;
* BPCI Advanced: `ccn` and `category`, for a physician group also `party_id` (its TIN); or CMS's own file of components
  (`component_files`). Prices are in standardized dollars, `real_ratio` brings them to real ones;
* ACE: `price_code` and `ccn`;
* state episodes: `category`, with `commendable_cents`, `acceptable_cents` and `gain_limit_cents`.

Then `price_cents`, in whole cents; it may be left out where the components are there that it is made of
(`episodes.pricing.price_components` names them; an amount is `<name>_cents`), and where it is there too, it must be
what they make. A CJR row with `hospital_mean_cents` is blended by the year's weight, but not where its
`hospital_weight` is 0, or its `baseline_episodes` (of the hospital, all cells) are too few. Instead of `<name>_cents` a
column `<name>_dollars` is read ("$24,500.10"). Read where present: `price_status` (`preliminary`, `trended`, `final`),
`as_of` (the day the payer sent the row, YYYY-MM-DD: of several rows of a cell the latest counts), and `program`,
`performance_year`, `basis`, which must be those of the programme. Other columns are kept as they are.

*Coefficients*: `factor`, `level`, `multiplier` (or `coefficient`, of log cost), and `category` where they differ.
*Final factors*: `price_cell` (or `price_code`) and `region` (BPCI Advanced: `ccn`, `category`), then what
`price_episodes` reads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from episodes.errors import PriceError, count_of, unknown_name
from episodes.money import dollars
from episodes.pricing.component_files import is_component_file, price_sheet_of
from episodes.pricing.component_steps import components_of, hospital_weight
from episodes.pricing.components import price_components
from episodes.pricing.episode_components import FINAL
from episodes.pricing.price_cells import price_codes
from episodes.pricing.price_lookup import GIVEN
from episodes.pricing.regions import known_regions
from episodes.pricing.risk_factors import checked_coefficients
from episodes.programs import Program
from episodes.programs.price import (
    THRESHOLDS,
    BidDiscountPrice,
    BlendPrice,
    RegionalBaselinePrice,
    StandardizedBaselinePrice,
    ThresholdPrice,
)

STATUSES = ("preliminary", "trended", "final")
IDENTITY = ("price_cell", "region", "ccn", "category", "party_id")
FIRST = ["program", "performance_year", "basis", "category", "price_code", "region", "price_cents"]
_THRESHOLD_COLUMNS = [f"{name}_cents" for name in THRESHOLDS]
_STARTS = {
    RegionalBaselinePrice: ("baseline_cents",),
    BlendPrice: ("regional_mean_cents",),
    StandardizedBaselinePrice: ("sbs_cents", "pgp_target_cents"),
    BidDiscountPrice: ("part_a_cents",),
}
"""What a price can be computed from where it is not given."""


@dataclass(frozen=True)
class PriceSheet:
    """A price sheet as read: its rows, what it is for, and how many rows of earlier deliveries were passed over."""

    rows: pl.DataFrame
    meant: Mapping[str, str]
    earlier: int


def needed_columns(program: Program) -> list[str]:
    """The columns that a price sheet of a programme must have."""
    price = program.price
    if isinstance(price, ThresholdPrice):
        return ["category", *_THRESHOLD_COLUMNS]
    if isinstance(price, StandardizedBaselinePrice):
        return ["ccn", "category", "price_cents"]
    return ["price_code", "ccn" if isinstance(price, BidDiscountPrice) else "region", "price_cents"]


def read_price_sheet(
    source: Path, program: Program, *, as_of: dt.date | None = None, price_status: str | None = None
) -> PriceSheet:
    """Read and check a price sheet; see the module.

    Raises:
        PriceError: columns that lack, rows that are no prices, or an unknown status; all of it at once.
    """
    table = read_table(source, "price table")
    if isinstance(program.price, StandardizedBaselinePrice) and is_component_file(table):
        table = price_sheet_of(table, program, source.name)
    table = _in_cents(table, source.name)
    table = _named(table, program, source.name)
    table = _chosen_status(table, price_status)
    latest, earlier = _latest(table, as_of, source.name)
    priced = _with_prices(_weighed(latest, program), program, source.name)
    _check_values(priced, source.name, program)
    meant = {
        "program": program.id,
        "performance_year": program.performance_year,
        "basis": program.amount_basis,
    }
    for name in meant:
        if name in table.columns:
            meant[name] = _only_value(table, name, source.name)
    if "category" not in priced.columns:
        categories = price_codes(program).select("price_code", "category")
        priced = priced.join(categories, on="price_code", how="left", maintain_order="left")
    rows = priced.with_columns(
        *(pl.lit(value).alias(name) for name, value in meant.items()),
        price_source=pl.lit("given"),
    )
    ordered = [name for name in ("category", "price_code", *IDENTITY) if name in rows.columns]
    first = [*(name for name in FIRST if name in rows.columns), "price_status", "price_source"]
    return PriceSheet(rows.sort(ordered).select(*first, pl.exclude(first)), meant, earlier)


def read_coefficients(path: str | Path, program: Program) -> pl.DataFrame:
    """Read risk coefficients as `risk_multipliers` takes them: category, factor, level, multiplier.

    Raises:
        PriceError: not a table, or not coefficients of the programme.
    """
    return checked_coefficients(_with_numbers(read_table(Path(path), "table of coefficients")), program)


def read_final_factors(path: str | Path, program: Program) -> pl.DataFrame:
    """Read the payer's final factors as `price_episodes` takes them.

    Raises:
        PriceError: not a table, or a column that lacks or is no number above 0.
    """
    source = Path(path)
    table = read_table(source, "table of final factors")
    if "price_cell" not in table.columns and "price_code" in table.columns:
        table = table.rename({"price_code": "price_cell"})
    keys = ["ccn", "category"] if isinstance(program.price, StandardizedBaselinePrice) else ["price_cell", "region"]
    names = [name for name in FINAL.get(type(program.price), ()) if name in table.columns]
    missing = [key for key in keys if key not in table.columns]
    if missing or not names:
        wanted = ", ".join(missing or FINAL.get(type(program.price), ()))
        raise PriceError(
            f"The table of final factors {source.name!r} lacks {wanted}. It has: {', '.join(table.columns)}."
        )
    types: dict[str, type[pl.DataType]] = {"region": pl.Int32}
    typed = table.select(
        *(pl.col(key).cast(types.get(key, pl.String), strict=False) for key in keys),
        *(pl.col(name).cast(pl.Float64, strict=False) for name in names),
    )
    wrong = typed.filter(pl.any_horizontal(pl.col(name) <= 0 for name in names)).height
    unread = sum(typed[name].null_count() - table[name].null_count() for name in [*keys, *names])
    if wrong or unread:
        raise PriceError(
            f"The table of final factors {source.name!r} has {count_of(wrong + unread, 'value')} that is no number "
            "above 0."
        )
    return typed


def read_table(source: Path, what: str) -> pl.DataFrame:
    """A CSV (all text) or Parquet file as a frame."""
    if source.suffix not in (".csv", ".parquet") or not source.is_file():
        raise PriceError(f"There is no {what} {source.name!r}. Give a .csv or .parquet file.")
    try:
        return pl.read_csv(source, infer_schema=False) if source.suffix == ".csv" else pl.read_parquet(source)
    except pl.exceptions.PolarsError as error:
        raise PriceError(f"The {what} {source.name!r} cannot be read as {source.suffix[1:]}: {error}.") from error


# --- from what is written to columns of the right kind ------------------------------------------------------


def _in_cents(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Amounts in dollars as cents; more than two decimals are an error, not a rounding."""
    dollars = [column for column in table.columns if column.endswith("_dollars")]
    converted = table
    for column in dollars:
        plain = table[column].cast(pl.String).str.replace_all(r"[$, ]", "")
        well_formed = plain.str.contains(r"^[0-9]+(\.[0-9]{1,2})?$") | plain.is_null() | (plain == "")
        wrong = (~well_formed).sum()
        if wrong:
            raise PriceError(
                f"The price table {name!r} has {count_of(int(wrong), 'row')} whose {column} is no amount in "
                "dollars and cents."
            )
        parts = plain.str.split_exact(".", 1).struct.unnest()
        whole = parts["field_0"].cast(pl.Int64, strict=False) * 100
        rest = parts["field_1"].str.pad_end(2, "0").cast(pl.Int64, strict=False).fill_null(0)
        converted = converted.with_columns((whole + rest).alias(f"{column.removesuffix('_dollars')}_cents"))
    return converted.drop(dollars)


def _named(table: pl.DataFrame, program: Program, name: str) -> pl.DataFrame:
    """The table with its identity and its components in the right types; what lacks is an error."""
    given = table
    if "price_code" not in table.columns and "price_cell" in table.columns:
        given = table.with_columns(price_code="price_cell")
    needed = needed_columns(program)
    if isinstance(program.price, BlendPrice) and "ccn" in given.columns:
        needed = ["price_code", "price_cents"]
    if any(start in given.columns for start in _STARTS.get(type(program.price), ())):
        needed = [column for column in needed if column != "price_cents"]
    missing = [column for column in needed if column not in given.columns]
    if missing:
        raise PriceError(
            f"The price table {name!r} lacks {count_of(len(missing), 'column')}: {', '.join(missing)}. "
            f"It has: {', '.join(table.columns)}."
        )
    if "price_code" in given.columns and "price_cell" not in given.columns:
        given = given.with_columns(price_cell="price_code")
    texts = [column for column in ("price_code", *IDENTITY) if column in given.columns and column != "region"]
    amounts = [column for column in given.columns if column in GIVEN or column in _THRESHOLD_COLUMNS]
    whole = {column for column in amounts if column.endswith("_cents")} | {"region"} & set(given.columns)
    types: dict[str, type[pl.DataType]] = {**GIVEN, **dict.fromkeys(_THRESHOLD_COLUMNS, pl.Int64), "region": pl.Int32}
    typed = given.with_columns(
        *(pl.col(column).cast(pl.String).replace("", None) for column in texts),
        *(_whole(given, column).cast(types[column], strict=False) for column in sorted(whole)),
        *(pl.col(column).cast(types[column], strict=False) for column in amounts if column not in whole),
    )
    unread = {
        column: typed[column].null_count() - given[column].cast(pl.String).replace("", None).null_count()
        for column in amounts
        if column not in ("price_cents", *_THRESHOLD_COLUMNS)
    }
    wrong = [f"{count_of(number, 'row')} whose {column} is no number" for column, number in unread.items() if number]
    if wrong:
        raise PriceError(f"The price table {name!r} has {'; '.join(wrong)}. Amounts are whole cents.")
    if "price_status" not in typed.columns:
        return typed.with_columns(price_status=pl.lit("preliminary"))
    return typed.with_columns(pl.col("price_status").fill_null("preliminary"))


def _whole(table: pl.DataFrame, column: str) -> pl.Expr:
    """A number of a file, null where it has a fraction: never cut to a whole one."""
    if not (table.schema[column].is_float() or table.schema[column].is_decimal()):
        return pl.col(column)
    return pl.when(pl.col(column) == pl.col(column).floor()).then(pl.col(column))


def _with_numbers(table: pl.DataFrame) -> pl.DataFrame:
    """Coefficients of a CSV as numbers; what is none becomes null, which the check of coefficients finds."""
    numbers = [name for name in ("multiplier", "coefficient") if name in table.columns]
    return table.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in numbers)


def _chosen_status(table: pl.DataFrame, price_status: str | None) -> pl.DataFrame:
    strange = set(table["price_status"]) - set(STATUSES)
    if strange:
        raise PriceError(unknown_name("price_status", sorted(strange)[0], STATUSES))
    if price_status is None:
        return table
    if price_status not in STATUSES:
        raise PriceError(unknown_name("price_status", price_status, STATUSES))
    return table.filter(price_status=price_status)


def _latest(table: pl.DataFrame, as_of: dt.date | None, name: str) -> tuple[pl.DataFrame, int]:
    """Of each price the row that was sent last, and how many rows were passed over."""
    if "as_of" not in table.columns:
        if as_of is not None:
            raise PriceError(f"The price table {name!r} has no column as_of: what was known at a date cannot be told.")
        return table, 0
    day = pl.col("as_of").cast(pl.String).str.to_date("%Y-%m-%d", strict=False)
    dated = table.with_columns(as_of=day)
    if dated["as_of"].null_count():
        raise PriceError(
            f"The price table {name!r} has {count_of(dated['as_of'].null_count(), 'row')} whose as_of is no date "
            "(YYYY-MM-DD)."
        )
    known = dated if as_of is None else dated.filter(pl.col("as_of") <= as_of)
    keys = [column for column in IDENTITY if column in known.columns]
    last = known.filter(pl.col("as_of") == pl.col("as_of").max().over(keys))
    return last, table.height - last.height


def _weighed(table: pl.DataFrame, program: Program) -> pl.DataFrame:
    """The table with the weight of each hospital's own mean: 0 where the sheet says it had too few episodes."""
    price = program.price
    if not isinstance(price, BlendPrice) or "hospital_mean_cents" not in table.columns:
        return table
    if "hospital_weight" in table.columns:
        return table
    unknown = pl.lit(None, dtype=pl.Int64).alias("baseline_episodes")
    counted = table.select(
        "baseline_episodes" if "baseline_episodes" in table.columns else unknown, "hospital_mean_cents"
    )
    weights = [
        None if mean is None else str(hospital_weight(price, episodes))
        for episodes, mean in counted.cast(pl.Int64, strict=False).iter_rows()
    ]
    return table.with_columns(pl.Series("hospital_weight", weights, dtype=pl.String))


def _with_prices(table: pl.DataFrame, program: Program, name: str) -> pl.DataFrame:
    """The table with a price in every row that has one, or the components of one.

    Raises:
        PriceError: a row's price is not what its components make. Which of them holds is the reader's to say.
    """
    if isinstance(program.price, ThresholdPrice):
        return table.with_columns(price_cents="acceptable_cents")
    starts = [start for start in _STARTS[type(program.price)] if start in table.columns]
    if not starts:
        return table
    given = table["price_cents"].to_list() if "price_cents" in table.columns else [None] * table.height
    found, off = [], []
    for own, row in zip(given, table.iter_rows(named=True), strict=True):
        made = _made_of_components(row, program) if any(row[start] is not None for start in starts) else None
        found.append(made if own is None else own)
        if own is not None and made is not None and made != own:
            off.append(abs(made - own))
    if off:
        raise PriceError(
            f"The price table {name!r} has {count_of(len(off), 'row')} whose price_cents is not what the row's "
            f"components make; the largest difference is {dollars(max(off))}. Leave out price_cents for the price that "
            f"the components make, or {' and '.join(starts)} for the price as it stands (usual causes: factors that "
            "were rounded when they were written, or a price of another date)."
        )
    return table.with_columns(pl.Series("price_cents", found, dtype=pl.Int64))


def _made_of_components(row: Mapping[str, Any], program: Program) -> int:
    """The price that a row's components make, before what brings it to real dollars."""
    known, _ = components_of(program)
    parts = {name: row[name] for name in known if name != "real_ratio" and row.get(name) is not None}
    if row.get("hospital_weight") is not None:
        parts.pop("baseline_episodes", None)  # the weight says already whether they were enough
        if row["hospital_weight"] == "0":
            parts.pop("hospital_mean_cents", None)
    return price_components(program, performance_year=None, **parts).price_cents


# --- what is wrong with it ----------------------------------------------------------------------------------


def _check_values(typed: pl.DataFrame, name: str, program: Program) -> None:
    """All problems of a price sheet at once: what, and in how many rows."""
    problems: dict[str, int] = {}
    no_amount = pl.col("price_cents").is_null() | (pl.col("price_cents") < 0)
    if isinstance(program.price, StandardizedBaselinePrice | ThresholdPrice):
        unknown = typed.filter(~pl.col("category").is_in(list(program.rules.categories)).fill_null(False))
        problems[f"with an unknown category ({_some(unknown, 'category')})"] = unknown.height
    else:
        codes = price_codes(program).get_column("price_code").to_list()
        unknown = typed.filter(~pl.col("price_code").is_in(codes).fill_null(False))
        problems[f"with an unknown price code ({_some(unknown, 'price_code')})"] = unknown.height
    if "region" in typed.columns:
        placed = pl.col("region").is_in(known_regions()).fill_null(False)
        of_hospital = pl.col("ccn").is_not_null() if "ccn" in typed.columns else pl.lit(False)
        problems["with a region that is not 1 to 9"] = typed.filter(~placed & ~of_hospital).height
    elif "ccn" in typed.columns:
        problems["without a ccn"] = typed["ccn"].null_count()
    problems["whose price_cents is not a whole number of cents, 0 or more"] = typed.filter(no_amount).height
    if isinstance(program.price, ThresholdPrice):
        low, middle, high = (pl.col(f"{name}_cents") for name in ("gain_limit", "commendable", "acceptable"))
        problems["whose thresholds are not in order"] = typed.filter(
            ~((low <= middle) & (middle <= high)).fill_null(False)
        ).height
    keys = [column for column in IDENTITY if column in typed.columns]
    what = "price code and region" if keys[:2] == ["price_cell", "region"] else ", ".join(keys)
    problems[f"repeating a {what}"] = typed.height - typed.unique(keys).height
    found = [f"{count_of(number, 'row')} {said}" for said, number in problems.items() if number]
    if found:
        raise PriceError(
            f"The price table {name!r} has {'; '.join(found)}. Price codes are those of the programme's "
            "anchor table, amounts are whole cents."
        )


def _some(unknown: pl.DataFrame, column: str) -> str:
    return ", ".join(sorted(set(unknown[column].drop_nulls().to_list()))[:5])


def _only_value(table: pl.DataFrame, column: str, name: str) -> str:
    values = table.get_column(column).cast(pl.String).unique().to_list()
    if len(values) != 1 or values[0] is None:
        raise PriceError(
            f"The column {column} of the price table {name!r} has {len(values)} different values: a table "
            "is for one programme, performance year and basis."
        )
    return str(values[0])
