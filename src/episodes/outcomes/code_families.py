"""Families of codes with a meaning: each distinct code of some stays is matched once, by the beginning of the code."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

FAMILY_COLUMNS = ("role", "kind", "code", "counted")
"""Columns of a table of families: `code` is the beginning of the codes, `counted` yes or no."""


def coded(stays: pl.DataFrame, column: str) -> pl.DataFrame:
    """One row a code of a list column: claim keys, position (1 = principal) and code.

    >>> stays = pl.DataFrame({"beneficiary_id": ["B"], "claim_id": ["C"], "diagnoses": [["M1711", "J189"]]})
    >>> coded(stays, "diagnoses").select("position", "code").rows()
    [(1, 'M1711'), (2, 'J189')]
    """
    keys = ["beneficiary_id", "claim_id"]
    return (
        stays.select(
            *keys,
            position=pl.int_ranges(1, pl.col(column).list.len().fill_null(0) + 1),
            code=pl.when(pl.col(column).list.len() > 0).then(column),
        )
        .filter(pl.col("code").is_not_null())
        .explode("position", "code")
        .drop_nulls("code")
    )


def in_families(codes: pl.DataFrame, families: pl.DataFrame, role: str) -> pl.DataFrame:
    """The rows of `codes` whose code belongs to a counted family of a role, with `kind`; one row a kind."""
    chosen = families.filter((pl.col("role") == role) & (pl.col("counted") == "yes"))
    pairs = [
        (code, kind)
        for code in codes["code"].unique(maintain_order=True)
        for kind in _kinds_of(code, chosen.select("kind", "code").iter_rows())
    ]
    kinds = pl.DataFrame(pairs, schema={"code": pl.String, "kind": pl.String}, orient="row")
    return codes.join(kinds, on="code", how="inner", maintain_order="left")


def _kinds_of(code: str, families: Iterable[tuple[str, str]]) -> list[str]:
    return sorted({kind for kind, beginning in families if code.startswith(beginning)})
