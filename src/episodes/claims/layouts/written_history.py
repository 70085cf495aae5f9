"""The history that writers may add to final claims: versions that do not stand, and claims delivered twice."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from episodes.claims.contract import empty_table

CANCELLED, EARLIER, DENIED, REPEATED = "cancelled", "earlier_version", "denied", "repeated"
"""A claim that was cancelled and never replaced; a version that a final claim replaces; a claim that was refused and
not paid; a final claim delivered twice, word for word."""
HISTORY_KINDS = (CANCELLED, EARLIER, DENIED, REPEATED)

KEYS = ["beneficiary_id", "claim_id"]
OF_A_VERSION: dict[str, pl.DataType] = {
    "version": pl.String(),
    "stands_for": pl.String(),
    "cancellation_id": pl.String(),
    "cancelled_on": pl.Date(),
}
"""Columns of a version beside those of `claims`."""


@dataclass(frozen=True)
class History:
    """What a delivery holds beside final claims, in canonical columns; each layout writes it in its own way."""

    claims: pl.DataFrame
    """Claims under ids of their own, with `version` (their kind), `stands_for` (the id under which all versions of the
    claim belong together: the final claim's, else the claim's own), `cancellation_id` and `cancelled_on` (id and
    processing date of their cancellation, null where they were denied)."""
    lines: pl.DataFrame
    """Their lines."""
    repeated: pl.DataFrame
    """beneficiary_id and claim_id of final claims that are delivered twice."""

    def counts(self) -> dict[str, int]:
        """Claims by kind.

        >>> no_history().counts()
        {'cancelled': 0, 'earlier_version': 0, 'denied': 0, 'repeated': 0}
        """
        by_kind = {kind: self.claims.filter(version=kind).height for kind in (CANCELLED, EARLIER, DENIED)}
        return {**by_kind, REPEATED: self.repeated.height}


def no_history() -> History:
    """Final claims alone."""
    further = [pl.lit(None, dtype=dtype).alias(column) for column, dtype in OF_A_VERSION.items()]
    keys = empty_table("claims").select(KEYS)
    return History(empty_table("claims").with_columns(further), empty_table("lines"), keys)
