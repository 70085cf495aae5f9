"""The context of a run: everything the map stage reads besides the claims of its bucket."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from episodes.claims.contract import empty_table
from episodes.programs import Program
from episodes.programs.references import References


@dataclass(frozen=True)
class Context:
    """Frozen and picklable: the same bucket of claims and the same context give the same result.

    Attributes:
        program: the programme, resolved for a year, with its period and what was switched off.
        references: reference tables.
        participants: who takes part; empty = every hospital.
        as_of: the date the claims are known at; null = the claims are complete.
        numeric_claim_ids: claim ids of the whole input compare as numbers.
        further_rules: what the tables made beside episodes and services go by: name and fingerprint.
    """

    program: Program
    references: References = field(default_factory=References)
    participants: pl.DataFrame = field(default_factory=lambda: empty_table("participants"))
    as_of: dt.date | None = None
    numeric_claim_ids: bool = False
    further_rules: tuple[tuple[str, str], ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the parts; equal fingerprints mean equal rules, references and settings."""
        document = {
            "program": self.program.fingerprint,
            "references": self.references.fingerprint,
            "participants": self.participants.write_csv(),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "numeric_claim_ids": self.numeric_claim_ids,
            "further_rules": dict(self.further_rules),
        }
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def claim_order(self, column: str = "claim_id") -> pl.Expr:
        """A sort key for claim ids: as numbers where all of the input are, else as text."""
        return pl.col(column).cast(pl.Int128) if self.numeric_claim_ids else pl.col(column)
