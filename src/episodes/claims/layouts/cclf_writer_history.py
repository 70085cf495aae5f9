"""Final claims and their history as the versions that a CCLF delivery holds: originals, cancellations, adjustments."""

from __future__ import annotations

import polars as pl

from episodes.claims.layouts import written_history
from episodes.claims.layouts.cclf_fields import CLAIM, MBI
from episodes.claims.layouts.written_history import EARLIER, OF_A_VERSION, History
from episodes.claims.versions import KEYS

TYPE, CONTROL, DENIED = "_type", "_control", "_denied"
"""Columns of versions: adjustment type, control number that all versions of a claim share, whether it was denied."""

_ORIGINAL, CANCELLATION, _ADJUSTMENT = "0", "1", "2"


def with_versions(claims: pl.DataFrame, lines: pl.DataFrame, history: History) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Final claims with their history as versions, and the lines of all.

    A final claim that has an earlier version is an adjustment, every other one an original. A cancellation copies what
    it cancels, under a claim number of its own.

    Args:
        claims: final claims, `setting` as text.
        lines: their lines.
        history: what stands beside them.
    """
    versions = history.claims.with_columns(pl.col("setting").cast(pl.String))
    adjusted = versions.filter(version=EARLIER).select(
        "beneficiary_id", pl.lit(_ADJUSTMENT).alias(TYPE), claim_id="stands_for"
    )
    final = claims.join(adjusted, on=KEYS, how="left", maintain_order="left").with_columns(
        pl.col("claim_id").alias(CONTROL)
    )
    originals = versions.with_columns(
        pl.col("stands_for").alias(CONTROL), (pl.col("version") == written_history.DENIED).alias(DENIED)
    )
    cancelled = originals.filter(pl.col("cancellation_id").is_not_null())
    cancellations = cancelled.with_columns(
        pl.lit(CANCELLATION).alias(TYPE), claim_id="cancellation_id", process_date="cancelled_on"
    )
    of_cancellations = (
        history.lines.join(cancelled.select(*KEYS, "cancellation_id"), on=KEYS, how="inner", maintain_order="left")
        .with_columns(claim_id="cancellation_id")
        .drop("cancellation_id")
    )
    return (
        pl.concat([final, originals, cancellations], how="diagonal_relaxed")
        .drop(OF_A_VERSION)
        .with_columns(pl.col(TYPE).fill_null(_ORIGINAL), pl.col(DENIED).fill_null(False)),
        pl.concat([lines, history.lines, of_cancellations], how="diagonal_relaxed"),
    )


def with_repeated(rows: pl.DataFrame, repeated: pl.DataFrame) -> pl.DataFrame:
    """Rows of a file, and once more those of the claims that are delivered twice."""
    if CLAIM not in rows.columns or repeated.is_empty():
        return rows
    names = {"claim_id": CLAIM, "beneficiary_id": MBI}
    again = rows.join(repeated.rename(names), on=list(names.values()), how="semi", maintain_order="left")
    return pl.concat([rows, again])
