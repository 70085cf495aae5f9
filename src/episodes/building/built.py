"""What building returns: episodes, services and the balance, with what they were built from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import polars as pl

from episodes.building.status import overlap_reasons
from episodes.errors import count_of
from episodes.money import dollars
from episodes.programs import Program

STATUSES = ("final", "excluded", "overlapped", "open")
"""What can become of a candidate episode."""


@dataclass(frozen=True)
class BuiltEpisodes:
    """Episodes of one programme over one set of claims.

    Attributes:
        program: the programme, with its period and what was switched off.
        basis: the amount basis of every `*_cents` column that does not name another.
        episodes: one row a candidate episode, excluded ones too (columns: docs/outputs.md).
        services: one row a payable item and period; lazy.
        risk: the risk variables of each candidate, by the programme's rules; None: not made, or it has none.
        outcomes: one row a candidate and measure: readmissions, complications, mortality, days at home; lazy. None:
            not made.
        attribution: whose the cents of each candidate are, by the programme's own method; lazy. None: not made.
        balance: every payable cent of the input, booked once; its total equals the input.
        providers: what each provider's own items carry within final episodes (columns: docs/outputs.md).
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
    risk: pl.DataFrame | None = None
    outcomes: pl.LazyFrame | None = None
    attribution: pl.LazyFrame | None = None
    providers: pl.DataFrame = field(default_factory=pl.DataFrame)
    counts: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    _spool: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False, compare=False)
    """Where tables that were streamed to disk lie; removed with this object."""

    def __repr__(self) -> str:
        return "\n".join(self._summary())

    def _repr_html_(self) -> str:
        said = "<br>".join(escape(line) for part in self._summary() for line in part.splitlines())
        return f"<p>{said}</p>{self._by_category()._repr_html_()}"

    def _summary(self) -> list[str]:
        """What there is, what it costs, and under which rules."""
        number = dict(self.episodes.group_by("status").len().iter_rows())
        by_status = ", ".join(f"{number[status]:,} {status}" for status in STATUSES if status in number)
        cost = dollars(int(self.final()["episode_cents"].sum()))
        notes = self.counts.get("notes", [])
        return [
            f"{count_of(self.episodes.height, 'candidate episode')}{': ' if by_status else ''}{by_status}",
            f"Final cost {cost} ({self.basis} amounts)",
            repr(self.program),
            *([f"{count_of(len(notes), 'note')} on the input: counts['notes']"] if notes else []),
        ]

    def _by_category(self) -> pl.DataFrame:
        """Candidates, final episodes and their cost in cents by category."""
        is_final = pl.col("status") == "final"
        return (
            self.episodes.group_by("category")
            .agg(candidates=pl.len(), final=is_final.sum(), final_cents=pl.col("episode_cents").filter(is_final).sum())
            .sort("category")
        )

    def final(self) -> pl.DataFrame:
        """The episodes that count."""
        return self.episodes.filter(pl.col("status") == "final")

    def ladder(self) -> pl.DataFrame:
        """Candidate episodes by exclusion, in ladder order.

        Returns:
            reason; as_first_reason: candidates that it removes as the first of the ladder; any_reason: candidates for
            which it holds; applied: `yes`, `switched off` (then any_reason says what it would have hit), or
            `not tested` (a rung that is meant for the programme's own years only).
        """
        ladder = self.program.rules.construction.exclusions
        first = self.episodes.select(reason=pl.col("reasons").list.first()).group_by("reason").len("as_first_reason")
        every = pl.concat_list("reasons", "reasons_switched_off")
        anywhere = self.episodes.select(reason=every).explode("reason").group_by("reason").len("any_reason")
        own_years_only = {rung.id for rung in ladder if rung.kind == "model_dates"}
        applied = dict.fromkeys(self.program.switched_off, "switched off")
        if not self.program.own_period:
            applied |= dict.fromkeys(own_years_only, "not tested")
        order = [rung.id for rung in ladder] + list(dict.fromkeys(overlap_reasons(self.program)))
        return (
            pl.DataFrame({"reason": order, "applied": [applied.get(name, "yes") for name in order]})
            .join(first, on="reason", how="left", maintain_order="left")
            .join(anywhere, on="reason", how="left", maintain_order="left")
            .select("reason", pl.col("as_first_reason", "any_reason").fill_null(0).cast(pl.Int64), "applied")
        )
