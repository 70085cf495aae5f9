"""Why an episode does not count: the rungs of the ladder that hold, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from episodes.explaining.findings import Finding, RuleBook
from episodes.explaining.rungs import Looked, sentence
from episodes.programs import Program

_COVERAGE = ("continuous_coverage", "no_coverage", "other_primary_payer")


def ladder_of(
    episode: Mapping[str, Any], candidates: pl.DataFrame, program: Program, rules: RuleBook
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The exclusions that hold for an episode, in ladder order: those applied, and those the user switched off.

    Args:
        episode: its row of `built.episodes`.
        candidates: the person's rows of it.
        program: that they were built under.
        rules: of the programme.
    """
    looked = Looked(episode, candidates, program)
    looks_back = program.rules.construction.window.lookback_days.value > 0
    holding: dict[str, list[Finding]] = {"reasons": [], "reasons_switched_off": []}
    for rung in program.rules.construction.exclusions:
        ids = [f"construction.exclusions.{rung.id}"]
        if looks_back and rung.kind in _COVERAGE:
            ids.append("construction.window.lookback_days")
        for column, findings in holding.items():
            if rung.id in episode[column]:
                findings.append(Finding(rung.id, sentence(rung, looked), rules.named(*ids)))
    return tuple(holding["reasons"]), tuple(holding["reasons_switched_off"])
