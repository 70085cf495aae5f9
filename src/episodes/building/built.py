"""What building returns: episodes, services and the balance, with what they were built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from episodes.programs import Program


@dataclass(frozen=True)
class BuiltEpisodes:
    """Episodes of one programme over one set of claims.

    Attributes:
        program: the programme, with its period and what was switched off.
        basis: the amount basis of every `*_cents` column that does not name another.
        episodes: one row a candidate episode, excluded ones too (design, section 5).
        services: one row a payable item and period; lazy.
        balance: every payable cent of the input, booked once; its total equals the input.
        hospitals, participants, quality: the tables of the claims that prices and settlement read.
        counts: triggers, rows and reasons, as shown by the command line.
        source: layout, files and quarantine counts of the claims.
    """

    program: Program
    basis: str
    episodes: pl.DataFrame
    services: pl.LazyFrame
    balance: pl.DataFrame
    hospitals: pl.DataFrame
    participants: pl.DataFrame
    quality: pl.DataFrame
    counts: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    def final(self) -> pl.DataFrame:
        """The episodes that count."""
        return self.episodes.filter(pl.col("status") == "final")

    def ladder(self) -> pl.DataFrame:
        """How many candidate episodes each exclusion would remove, first reason and any reason, in ladder order."""
        order = [rung.id for rung in self.program.rules.construction.exclusions]
        extra = ["within_earlier_episode", "cancelled_by_later_episode"]
        with_reasons = self.episodes.filter(pl.col("reasons").list.len() > 0)
        first = with_reasons.select(reason=pl.col("reasons").list.first()).group_by("reason").len("as_first_reason")
        anywhere = with_reasons.select(reason=pl.col("reasons")).explode("reason").group_by("reason").len("any_reason")
        rungs = pl.DataFrame({"reason": [*order, *extra]})
        switched_off = set(self.program.switched_off)
        return (
            rungs.join(first, on="reason", how="left", maintain_order="left")
            .join(anywhere, on="reason", how="left", maintain_order="left")
            .with_columns(
                pl.col("as_first_reason", "any_reason").fill_null(0).cast(pl.Int64),
                applied=~pl.col("reason").is_in(list(switched_off)),
            )
        )
