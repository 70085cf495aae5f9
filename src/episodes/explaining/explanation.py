"""`Explanation`: the trace of one episode as a value that prints, converts to plain data and shows in notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from episodes.explaining.adding_up import Check
from episodes.explaining.findings import Finding, FiredRule, plain


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why an episode is one, what is in it and what is not; it adds up to the cent.

    Amounts are whole cents on `basis`. It prints as text, and shows as a table in notebooks.

    Attributes:
        episode_id: the episode.
        program: the programme's id.
        program_name: its name.
        performance_year: name of the year the rules were resolved for.
        basis: the amount basis of `cents` and `full_cents`.
        status: final, excluded, overlapped or open.
        episode: its row of `built.episodes`.
        why: what made it an episode, the trigger first.
        dates: its dates, each with the rule that gave it.
        exclusions: the rungs of the ladder that hold, in ladder order.
        switched_off: rungs that hold, but that the user switched off.
        overlaps: what was decided between it and other episodes of the person.
        services: its rows of `built.services` in the order of periods, with `placed` (why it is in its period) and
            `share` in words, and `rules` (ids).
        periods: period, rows, cents of what is included.
        categories: category, rows, cents, post_episode_cents of what is included.
        left_out: what the windows hold and the episode does not count, by reason; `rows`, `full_cents` in `facts`.
        checks: the sums that were compared; all of them hold.
        rules: every rule that fired, in the order of the programme's file.
        notes: what to know besides.
    """

    episode_id: str
    program: str
    program_name: str
    performance_year: str
    basis: str
    status: str
    episode: Mapping[str, Any]
    why: tuple[Finding, ...]
    dates: tuple[Finding, ...]
    exclusions: tuple[Finding, ...]
    switched_off: tuple[Finding, ...]
    overlaps: tuple[Finding, ...]
    services: pl.DataFrame
    periods: pl.DataFrame
    categories: pl.DataFrame
    left_out: tuple[Finding, ...]
    checks: tuple[Check, ...]
    rules: tuple[FiredRule, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        from episodes.explaining.text import as_text

        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from episodes.explaining.web import as_html

        return as_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data that JSON can hold; dates are text, YYYY-MM-DD."""

        def findings(found: tuple[Finding, ...]) -> list[dict[str, Any]]:
            return [finding.to_dict() for finding in found]

        return {
            "episode_id": self.episode_id,
            "program": self.program,
            "program_name": self.program_name,
            "performance_year": self.performance_year,
            "basis": self.basis,
            "status": self.status,
            "episode": plain(dict(self.episode)),
            "why": findings(self.why),
            "dates": findings(self.dates),
            "exclusions": findings(self.exclusions),
            "switched_off": findings(self.switched_off),
            "overlaps": findings(self.overlaps),
            "services": plain(self.services.to_dicts()),
            "periods": self.periods.to_dicts(),
            "categories": self.categories.to_dicts(),
            "left_out": findings(self.left_out),
            "checks": [vars(check) for check in self.checks],
            "rules": [rule.to_dict() for rule in self.rules],
            "notes": list(self.notes),
        }
