"""Why an episode does not count: the rungs of the ladder that hold, in its order, and what overlap decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from episodes.building.status import CANCELLED_BY_LATER, WITHIN_EARLIER
from episodes.explaining.findings import Finding, RuleBook, in_words
from episodes.programs import Program

_Says = Callable[[Any, Mapping[str, Any], Program], str]

_RUNGS: Mapping[str, _Says] = {
    "provider_type": lambda rung, episode, _: (
        f"The anchor's hospital ({episode['anchor_ccn'] or 'no CCN'}) is not of type {in_words(rung.allowed)}."
    ),
    "excluded_state": lambda rung, episode, _: (
        f"The anchor's hospital ({episode['anchor_ccn']}) lies in a state that takes no part ({in_words(rung.states)})."
    ),
    "hospital_list": lambda rung, episode, _: (
        f"The anchor's hospital ({episode['anchor_ccn']}) is in the list {rung.table!r} on dates that meet the episode."
    ),
    "enrolment_record": lambda *_: "The person is in neither the beneficiaries nor the coverage of the input.",
    "continuous_coverage": lambda rung, episode, _: (
        f"Some day from {episode['episode_start']} to {episode['scheduled_end']}, or to an earlier death, is not "
        f"covered by {' and '.join(rung.kinds)}."
    ),
    "no_coverage": lambda rung, episode, _: (
        f"Coverage of kind {' or '.join(rung.kinds)} meets the days from {episode['episode_start']} to "
        f"{episode['scheduled_end']}, or to an earlier death."
    ),
    "other_primary_payer": lambda _, episode, __: (
        f"Another payer is primary on some day from {episode['episode_start']} to {episode['scheduled_end']}, or paid "
        "for the anchor."
    ),
    "death_in_anchor": lambda rung, episode, _: (
        f"The person died from {episode['anchor_start']} to {episode['anchor_end']}, or the anchor's discharge status "
        f"is {in_words(rung.discharge_status)}."
    ),
    "death_in_episode": lambda rung, episode, _: (
        f"The person died from {episode['anchor_start']} to {episode['scheduled_end']}, or the anchor's discharge "
        f"status is {in_words(rung.discharge_status)}."
    ),
    "out_of_period": lambda _, episode, program: (
        f"It does not fall into {program.period[0]} to {program.period[1]}: the anchor ends {episode['anchor_end']}, "
        f"the window {episode['scheduled_end']}."
    ),
    "model_dates": lambda rung, episode, _: (
        f"It runs from {episode['episode_start']} to {episode['scheduled_end']}; the model from "
        f"{rung.earliest_episode_start} to {rung.latest_episode_end}."
    ),
}


def ladder_of(
    episode: Mapping[str, Any], program: Program, rules: RuleBook
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The exclusions that hold for an episode, in ladder order: those applied, and those the user switched off."""
    holding = {"reasons": [], "reasons_switched_off": []}  # type: dict[str, list[Finding]]
    for rung in program.rules.construction.exclusions:
        for column, findings in holding.items():
            if rung.id in episode[column]:
                findings.append(_rung(rung, episode, program, rules))
    return tuple(holding["reasons"]), tuple(holding["reasons_switched_off"])


def _rung(rung: Any, episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Finding:
    says = _RUNGS.get(rung.kind)
    sentence = says(rung, episode, program) if says else f"The rung {rung.id!r} holds."
    return Finding(rung.id, sentence, rules.named(f"construction.exclusions.{rung.id}"))


def overlap_of(episode: Mapping[str, Any], candidates: pl.DataFrame, rules: RuleBook) -> tuple[Finding, ...]:
    """What was decided between an episode and others of the person that met it in time.

    Args:
        episode: its row of `built.episodes`.
        candidates: the person's rows of it, in their order: the one in which overlap is decided.
        rules: of the programme.
    """
    own = episode["episode_id"]
    return tuple(
        _decision(episode, earlier, later, rules)
        for earlier, later in _meetings(candidates)
        if own in (earlier["episode_id"], later["episode_id"])
    )


def _meetings(candidates: pl.DataFrame) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The pairs that were decided upon, read off the reasons: each competes with the last that was not taken away."""
    previous: dict[str, Any] | None = None
    for current in candidates.filter(pl.col("status") != "excluded").iter_rows(named=True):
        if previous is None:
            previous = current
        elif WITHIN_EARLIER in current["reasons"]:
            yield previous, current
        else:
            if CANCELLED_BY_LATER in previous["reasons"]:
                yield previous, current
            previous = current


def _decision(
    episode: Mapping[str, Any], earlier: Mapping[str, Any], later: Mapping[str, Any], rules: RuleBook
) -> Finding:
    is_earlier = episode["episode_id"] == earlier["episode_id"]
    other = later if is_earlier else earlier
    named = f"{other['episode_id']} ({other['category']}, {other['episode_start']} to {other['episode_end']})"
    same = earlier["category"] == later["category"]
    kinds = "of the same category" if same else "of another category"
    if WITHIN_EARLIER in later["reasons"]:
        reason = WITHIN_EARLIER
        says = (
            f"Episode {named}, {kinds}, began within this one and does not count; this one goes on."
            if is_earlier
            else f"It began within episode {named}, {kinds}, which goes on; this one does not count."
        )
    else:
        reason = CANCELLED_BY_LATER
        says = (
            f"Episode {named}, {kinds}, began within this one and takes its place; this one does not count."
            if is_earlier
            else f"It began within episode {named}, {kinds}, and takes its place; that one does not count."
        )
    facts = {
        "other_episode_id": other["episode_id"],
        "other_category": other["category"],
        "other_status": other["status"],
        "this_one_gives_way": reason in episode["reasons"],
    }
    policy = "same_category" if same else "other_category"
    return Finding(reason, says, rules.named(f"construction.overlap.{policy}"), facts=facts)
