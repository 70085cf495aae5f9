"""Every item into the windows of every candidate episode of its person: runs the compiled loops.

What the loops need is laid out as arrays, what they found is handed on as sums and rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from episodes.building.arrays import (
    Array,
    Candidates,
    ExcludedStays,
    People,
    Rows,
    Sums,
    all_frozen,
    empty_rows,
    empty_sums,
    first_rows,
    frozen,
)
from episodes.building.claim_items import arrays_of
from episodes.building.coded_lines import CodedLines
from episodes.building.compiled import kernels
from episodes.building.context import Context
from episodes.building.line_rules import inclusions_of, policy_of, rules_of
from episodes.building.reasons import IN_EARLIER, PAST_WINDOWS, reason_codes
from episodes.programs.service_rules import HcpcsExclusion, StayProcedureExclusion


@dataclass(frozen=True)
class Assigned:
    """What the loops found.

    Attributes:
        sums: by candidate episode, destination and party.
        claim_rows, line_rows: service rows of items by claim (`item` = row of the items) and by line (`item` = ordinal
            of the line); empty where rows are not kept.
    """

    sums: Sums
    claim_rows: Rows
    line_rows: Rows


def assign(
    episodes: pl.DataFrame,
    items: pl.DataFrame,
    own: Array,
    coded: CodedLines,
    line_ranges: tuple[Array, Array],
    context: Context,
    *,
    keep_rows: bool,
) -> Assigned:
    """Put every item into the windows of every candidate episode of its person.

    Args:
        episodes: candidates sorted by person and start, with `row` = 0, 1, ..., trigger_line, facility_line_claim,
            outpatient_claim (places among coded lines and claims, -1 = none).
        items: of `claim_items.claim_items`, for the same people.
        own: by item the candidate whose anchor it is, -1 = none.
        coded: lines and claims as arrays.
        line_ranges: by person with a candidate, in order: where the lines begin and end.
        context: of the run.
        keep_rows: whether service rows are wanted, or sums alone.
    """
    people = all_frozen(_people(episodes, items, line_ranges))
    candidates = all_frozen(_candidates(episodes, coded, context))
    policy, inclusions = all_frozen(policy_of(context)), all_frozen(inclusions_of(context))
    rules = all_frozen(rules_of(coded.codes, context))
    item_arrays, visit_days = arrays_of(items, own, coded, related_by_any=policy.related_by_any)
    codes = reason_codes(context)
    numbers = tuple(codes.index(name) for name in (PAST_WINDOWS, IN_EARLIER))
    marks = len(context.program.rules.construction.services.marks)
    sums = empty_sums(episodes.height, len(codes), marks, {name: len(coded.parties[name]) for name in coded.parties})
    per_person = (people.item_to - people.item_from) * (people.episode_to - people.episode_from)
    stays = ExcludedStays(
        person_from=np.zeros(people.episode_from.size + 1, np.int64),
        **{name: np.zeros(int(per_person.sum()), np.int64) for name in ("episode", "start", "end")},
    )
    compiled = kernels()
    claim_rows = empty_rows(3 * int(per_person.sum()) if keep_rows else 0)
    by_claim = compiled.assign_claims(
        policy,
        people,
        candidates,
        item_arrays,
        visit_days,
        rules,
        inclusions,
        numbers,
        stays,
        sums,
        claim_rows,
        keep_rows,
        np.zeros(compiled.STATE_SIZE, np.int64),
        np.zeros((compiled.POST_EPISODE + 1, 4), np.int64),
    )
    room = compiled.room_for_lines(policy, people, candidates, coded.lines) if keep_rows else 0
    line_rows = empty_rows(room)
    by_line = compiled.assign_lines(
        policy,
        people,
        candidates,
        coded.lines,
        coded.claims,
        rules,
        inclusions,
        numbers,
        stays,
        sums,
        line_rows,
        keep_rows,
        np.zeros(compiled.STATE_SIZE, np.int64),
        np.zeros(int((people.episode_to - people.episode_from).max(initial=1)), np.int64),
    )
    return Assigned(sums=sums, claim_rows=first_rows(claim_rows, by_claim), line_rows=first_rows(line_rows, by_line))


def _people(episodes: pl.DataFrame, items: pl.DataFrame, line_ranges: tuple[Array, Array]) -> People:
    of_episode, of_item = episodes["person"].to_numpy(), items["person"].to_numpy()
    begins = np.flatnonzero(np.diff(of_episode, prepend=of_episode[:1] + 1))
    persons = of_episode[begins]
    return People(
        episode_from=begins,
        episode_to=np.append(begins[1:], of_episode.size)[: begins.size],
        item_from=np.searchsorted(of_item, persons, side="left"),
        item_to=np.searchsorted(of_item, persons, side="right"),
        line_from=line_ranges[0],
        line_to=line_ranges[1],
    )


def _candidates(episodes: pl.DataFrame, coded: CodedLines, context: Context) -> Candidates:
    surgeons = coded.parties["rendering"]
    surgeon = episodes["operating_npi"].replace_strict(
        surgeons, pl.Series(range(len(surgeons)), dtype=pl.Int64), default=-2, return_dtype=pl.Int64
    )
    from_stay = episodes.select(
        (pl.col("anchor_setting") == "inpatient") | pl.col("facility_is_stay").fill_null(False)
    ).to_series()

    def days(column: str) -> Array:
        return episodes[column].to_physical().cast(pl.Int64).to_numpy()

    return Candidates(
        first_day=days("episode_start"),
        anchor_period_start=days("anchor_period_start"),
        anchor_start=days("anchor_start"),
        anchor_end=days("anchor_end"),
        post_start=days("post_start"),
        episode_end=days("episode_end"),
        post_episode_end=days("post_episode_end"),
        from_stay=from_stay.to_numpy(),
        from_outpatient=(~from_stay).to_numpy(),
        final=(episodes["status"] == "final").to_numpy(),
        stands=episodes["status"].is_in(["final", "open"]).to_numpy(),
        rule_bits=_rule_bits(episodes, context),
        surgeon=surgeon.fill_null(-2).to_numpy(),
        trigger_line=episodes["trigger_line"].to_numpy(),
        facility_claim=episodes["facility_line_claim"].to_numpy(),
        anchor_claim=episodes["outpatient_claim"].to_numpy(),
    )


def _rule_bits(episodes: pl.DataFrame, context: Context) -> Array:
    """Which exclusions of services apply to an episode: all but those that ask for another category or anchor."""
    bits = np.zeros(episodes.height, np.int64)
    for number, rule in enumerate(context.program.rules.construction.services.exclusions):
        applies = np.ones(episodes.height, np.bool_)
        if isinstance(rule, StayProcedureExclusion):
            applies = episodes["category"].is_in(list(rule.categories)).to_numpy()
        elif isinstance(rule, HcpcsExclusion) and rule.anchor_drgs:
            applies = episodes["drg"].is_in(list(rule.anchor_drgs)).fill_null(False).to_numpy()
        bits[applies] |= 1 << number
    return frozen(bits)
