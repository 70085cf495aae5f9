"""What was decided between episodes of a person that met in time, and by which rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from episodes.building.status import CANCELLED_BY_LATER, WITHIN_EARLIER
from episodes.explaining.findings import Finding, RuleBook
from episodes.explaining.rungs import anchor_period_start
from episodes.programs import Program
from episodes.programs.construction import OverlapException

_OVERLAP = "construction.overlap"
_Row = Mapping[str, Any]


def overlap_of(episode: _Row, candidates: pl.DataFrame, program: Program, rules: RuleBook) -> tuple[Finding, ...]:
    """What was decided between an episode and others of the person that met it in time.

    Args:
        episode: its row of `built.episodes`.
        candidates: the person's rows of it, in their order: the one in which overlap is decided.
        program: that they were built under.
        rules: of the programme.
    """
    own = episode["episode_id"]
    return tuple(
        _decision(episode, earlier, later, program, rules)
        for earlier, later in _meetings(candidates, program)
        if own in (earlier["episode_id"], later["episode_id"])
    )


def _meetings(candidates: pl.DataFrame, program: Program) -> Iterator[tuple[_Row, _Row]]:
    """The pairs that were decided upon: each candidate that no rung excludes meets the last that was not taken away."""
    previous: _Row | None = None
    for current in candidates.filter(pl.col("status") != "excluded").iter_rows(named=True):
        if previous is None or _begins(current, program) > previous["episode_end"]:
            previous = current
            continue
        yield previous, current
        if _first_gives_way(previous, current, program)[0]:
            previous = current


def _begins(episode: _Row, program: Program) -> dt.date:
    return anchor_period_start(episode, program)


def _first_gives_way(earlier: _Row, later: _Row, program: Program) -> tuple[bool, str]:
    """Whether the first of two gives way, and the id of the rule that says so; of several exceptions the last."""
    overlap = program.rules.construction.overlap
    for exception in reversed(overlap.first_gives_way):
        if _applies(exception, earlier, later, program):
            return True, f"{_OVERLAP}.first_gives_way.{exception.id}"
    name = "same_category" if earlier["category"] == later["category"] else "other_category"
    return getattr(overlap, name).value == "cancel_first", f"{_OVERLAP}.{name}"


def _applies(exception: OverlapException, earlier: _Row, later: _Row, program: Program) -> bool:
    same_setting = earlier["anchor_setting"] == later["anchor_setting"]
    same_start = _begins(earlier, program) == _begins(later, program)
    return (
        earlier["category"] in exception.first_categories
        and later["category"] in exception.second_categories
        and exception.same_setting in (None, same_setting)
        and exception.same_start in (None, same_start)
    )


def _decision(episode: _Row, earlier: _Row, later: _Row, program: Program, rules: RuleBook) -> Finding:
    is_earlier = episode["episode_id"] == earlier["episode_id"]
    other = later if is_earlier else earlier
    named = f"{other['episode_id']} ({other['category']}, {other['episode_start']} to {other['episode_end']})"
    kinds = "of the same category" if earlier["category"] == later["category"] else "of another category"
    first_gives_way, policy = _first_gives_way(earlier, later, program)
    one = program.rules.construction.overlap.reason
    reason = one.value if one is not None else CANCELLED_BY_LATER if first_gives_way else WITHIN_EARLIER
    gives_way = (
        "would not count, had the user not switched this off" if reason in program.switched_off else "does not count"
    )
    if first_gives_way:
        says = (
            f"Episode {named}, {kinds}, began within this one and takes its place; this one {gives_way}."
            if is_earlier
            else f"It began within episode {named}, {kinds}, and takes its place; that one {gives_way}."
        )
    else:
        says = (
            f"Episode {named}, {kinds}, began within this one and {gives_way}; this one goes on."
            if is_earlier
            else f"It began within episode {named}, {kinds}, which goes on; this one {gives_way}."
        )
    this_one = first_gives_way == is_earlier
    facts = {
        "other_episode_id": other["episode_id"],
        "other_category": other["category"],
        "other_status": other["status"],
        "this_one_gives_way": this_one and reason in episode["reasons"],
    }
    return Finding(reason, says, rules.named(policy, f"{_OVERLAP}.reason"), facts=facts)
