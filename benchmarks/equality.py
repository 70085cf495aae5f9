"""Whether several engines wrote the same tables: cent by cent, date by date, reason by reason.

    python -m benchmarks.equality OUT_A OUT_B ...

Differences are told as counts; the tables are synthetic, but a habit of printing claims is a bad one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl

from benchmarks.rivals.codes import SERVICE_CATEGORIES

_CENTS = ("pre", "anchor", "post", "post_episode", "episode", *SERVICE_CATEGORIES)
COLUMNS: dict[str, dict[str, pl.DataType | type[pl.DataType]]] = {
    "episodes": {
        **dict.fromkeys(("beneficiary_id", "category", "anchor_setting", "anchor_claim_id"), pl.String),
        **dict.fromkeys(("anchor_ccn", "operating_npi", "attending_npi"), pl.String),
        **dict.fromkeys(("anchor_start", "anchor_end", "episode_start", "episode_end", "post_episode_end"), pl.Date),
        **dict.fromkeys(("status", "reasons"), pl.String),
        **dict.fromkeys((f"{name}_cents" for name in _CENTS), pl.Int64),
    },
    "providers": {"role": pl.String, "provider_id": pl.String, "cents": pl.Int64},
    "balance": {
        **dict.fromkeys(("destination", "period", "reason"), pl.String),
        "items": pl.Int64,
        "cents": pl.Int64,
    },
}
"""The tables of the job. `reasons` is text, joined with a semicolon. Rows may come in any order."""


def table_of(folder: Path, name: str) -> pl.DataFrame:
    """One table of a result, its rows in a fixed order. Providers and bookings without anything are left out."""
    frame = pl.read_parquet(folder / f"{name}.parquet").select(
        pl.col(column).cast(dtype) for column, dtype in COLUMNS[name].items()
    )
    if name == "providers":
        frame = frame.filter(pl.col("cents") != 0)
    if name == "balance":
        frame = frame.filter(pl.col("items") != 0)
    return frame.sort(frame.columns, nulls_last=False)


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two results, in words; empty: they are equal."""
    found = []
    for name, types in COLUMNS.items():
        left, right = table_of(one, name), table_of(other, name)
        if left.equals(right):
            continue
        said = f"{name}: {left.height:,} rows against {right.height:,}"
        keys = [column for column in types if not column.endswith("cents") and column != "items"]
        both = left.join(right, on=keys, how="inner", nulls_equal=True)
        said += f", {both.height:,} with equal keys"
        columns = [column for column in types if column not in keys]
        apart = [
            f"{column} in {number:,}"
            for column in columns
            if (number := both.filter(pl.col(column) != pl.col(f"{column}_right")).height)
        ]
        found.append(f"{said}; of these differ: {', '.join(apart) or 'none'}")
    return found


def open_cents(folder: Path, payable_cents: int) -> int:
    """Cents of the input that the balance of a result does not book, or books twice; 0: it closes."""
    return payable_cents - int(table_of(folder, "balance")["cents"].sum())


def main(arguments: list[str] | None = None) -> None:
    """Compare the first result with all others; exit status 1 where one differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equality")
    parser.add_argument("results", type=Path, nargs="+")
    first, *others = parser.parse_args(arguments).results
    wrong = False
    for other in others:
        found = differences(first, other)
        print(f"{other.name}: {'equal' if not found else 'DIFFERENT'}")
        for line in found:
            print(f"  {line}")
        wrong = wrong or bool(found)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
