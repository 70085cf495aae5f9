"""The codes sidecar of a store's bucket: what kernels read, memory-mapped, without touching Parquet.

One `.npy` array a column of claims and lines: day numbers, cents, and codes that point into a sorted dictionary of the
bucket (`<column>.txt`, one value a line; code -1 is null). Offsets lead from person to claims and to lines, and from
claim to lines; `line_claim` leads back. Rows are named by their ordinal: ids of people and claims are not coded, but
their text lies beside (`.offsets` and `.bytes`), to name the few rows that a result shows. It can be made anew from the
Parquet files at any time.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

NULL_DAY = np.iinfo(np.int32).min
"""Day number of a null date."""

NULL_CENTS = np.iinfo(np.int64).min
"""Amount of a null."""

NUMERIC_ID = r"^-?[0-9]{1,37}$"
"""A claim id that compares as a number, where all ids of the input do."""

ABOUT = "about.json"
"""What is said of a bucket as a whole: whether all its claim ids are numeric."""

_IDS = ("beneficiary_id", "claim_id")


def write_codes(claims: pl.DataFrame, lines: pl.DataFrame, folder: Path) -> None:
    """Write the arrays of a bucket whose claims and lines are in store order."""
    folder.mkdir(parents=True, exist_ok=True)
    people = claims["beneficiary_id"].rle_id() if claims.height else pl.Series([], dtype=pl.UInt32)
    first_claims = _offsets(people.to_numpy())
    _write(folder / "person_claims.npy", first_claims)
    numbered = claims.select(*_IDS).with_row_index("claim")
    of_line = lines.select(*_IDS).join(numbered, on=list(_IDS), how="left", maintain_order="left")["claim"]
    by_claim = np.argsort(of_line.to_numpy(), kind="stable")
    claim_of_line = of_line.to_numpy().astype(np.int32)
    _write(folder / "line_claim.npy", claim_of_line)
    _write(folder / "person_lines.npy", _lines_of_people(claim_of_line, first_claims))
    _write_ids(folder / "claim_id", claims["claim_id"])
    _write_ids(folder / "beneficiary_id", claims["beneficiary_id"].gather(first_claims[:-1]))
    numeric = bool(claims["claim_id"].str.contains(NUMERIC_ID).all())
    (folder / ABOUT).write_text(json.dumps({"numeric_claim_ids": numeric}) + "\n", encoding="utf-8")
    _write(folder / "claim_lines.npy", offsets_of_counts(of_line.to_numpy(), claims.height))
    _write(folder / "lines_by_claim.npy", by_claim.astype(np.int64))
    for table, frame in (("claims", claims), ("lines", lines)):
        for column, dtype in frame.schema.items():
            if column not in _IDS:
                _write_column(folder, f"{table}.{column}", frame[column], dtype)


def _lines_of_people(claim_of_line: np.ndarray, first_claims: np.ndarray) -> np.ndarray:
    """Offsets from person to lines, which are sorted by person."""
    people = np.searchsorted(first_claims, claim_of_line, side="right") - 1
    return np.searchsorted(people, np.arange(first_claims.size), side="left").astype(np.int64)


def _write_ids(path: Path, ids: pl.Series) -> None:
    """Text as its bytes, one after the other, and where each begins."""
    lengths = ids.str.len_bytes().cast(pl.Int64).to_numpy()
    _write(path.with_suffix(".offsets.npy"), np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))
    together = "".join(ids.to_list()).encode()
    _write(path.with_suffix(".bytes.npy"), np.frombuffer(together, dtype=np.uint8))


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


def offsets_of_counts(groups: np.ndarray, number: int) -> np.ndarray:
    """Offsets of groups by their number, 0 to `number` - 1."""
    counts = np.bincount(groups, minlength=number) if groups.size else np.zeros(number, dtype=np.int64)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def _write(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
