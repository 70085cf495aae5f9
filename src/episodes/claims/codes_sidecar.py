"""The codes sidecar of a store's bucket: what kernels read, memory-mapped, without touching Parquet.

One `.npy` array a column of claims and lines: day numbers, cents, and codes that point into a sorted dictionary of the
bucket (`<column>.txt`, one value a line; code -1 is null). Offsets lead from person to claims and from claim to lines.
Beneficiary and claim ids are not in it: rows are named by their ordinal. It can be made anew from the Parquet files at
any time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

NULL_DAY = np.iinfo(np.int32).min
"""Day number of a null date."""

NULL_CENTS = np.iinfo(np.int64).min
"""Amount of a null."""

_IDS = ("beneficiary_id", "claim_id")


def write_codes(claims: pl.DataFrame, lines: pl.DataFrame, folder: Path) -> None:
    """Write the arrays of a bucket whose claims and lines are in store order."""
    folder.mkdir(parents=True, exist_ok=True)
    people = claims["beneficiary_id"].rle_id() if claims.height else pl.Series([], dtype=pl.UInt32)
    _write(folder / "person_claims.npy", _offsets(people.to_numpy()))
    numbered = claims.select(*_IDS).with_row_index("claim")
    of_line = lines.select(*_IDS).join(numbered, on=list(_IDS), how="left", maintain_order="left")["claim"]
    by_claim = np.argsort(of_line.to_numpy(), kind="stable")
    _write(folder / "claim_lines.npy", _offsets_of_counts(of_line.to_numpy(), claims.height))
    _write(folder / "lines_by_claim.npy", by_claim.astype(np.int64))
    for table, frame in (("claims", claims), ("lines", lines)):
        for column, dtype in frame.schema.items():
            if column not in _IDS:
                _write_column(folder, f"{table}.{column}", frame[column], dtype)


def _write_column(folder: Path, name: str, values: pl.Series, dtype: pl.DataType) -> None:
    if dtype == pl.Date:
        _write(folder / f"{name}.npy", values.to_physical().fill_null(NULL_DAY).to_numpy().astype(np.int32))
    elif dtype.is_integer():
        _write(folder / f"{name}.npy", values.cast(pl.Int64).fill_null(NULL_CENTS).to_numpy())
    elif dtype == pl.Float64:
        _write(folder / f"{name}.npy", values.fill_null(float("nan")).to_numpy())
    elif dtype == pl.Boolean:
        _write(folder / f"{name}.npy", values.cast(pl.Int8).fill_null(-1).to_numpy())
    elif isinstance(dtype, pl.List):
        lengths = values.list.len().fill_null(0).cast(pl.Int64).to_numpy()
        _write(folder / f"{name}.offsets.npy", np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))
        inner = values.explode(empty_as_null=False, keep_nulls=False)
        _write_column(folder, f"{name}.elements", inner, inner.dtype)
    else:
        _write_text(folder, name, values.cast(pl.String))


def _write_text(folder: Path, name: str, values: pl.Series) -> None:
    dictionary = values.drop_nulls().unique().sort()
    codes = values.replace_strict(dictionary, pl.Series(range(dictionary.len()), dtype=pl.Int32), default=None)
    _write(folder / f"{name}.npy", codes.cast(pl.Int32).fill_null(-1).to_numpy())
    (folder / f"{name}.txt").write_text("".join(f"{value}\n" for value in dictionary), encoding="utf-8")


def _offsets(groups: np.ndarray) -> np.ndarray:
    """Offsets of runs of equal values."""
    starts = np.flatnonzero(np.diff(groups)) + 1 if groups.size else np.array([], dtype=np.int64)
    return np.concatenate(([0], starts, [groups.size] if groups.size else [])).astype(np.int64)


def _offsets_of_counts(groups: np.ndarray, number: int) -> np.ndarray:
    counts = np.bincount(groups, minlength=number) if groups.size else np.zeros(number, dtype=np.int64)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def _write(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
