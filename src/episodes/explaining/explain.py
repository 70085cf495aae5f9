"""`explain`: one candidate episode from its tables to a trace of findings, services and sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import ArgumentError, count_of
from episodes.explaining.adding_up import checked
from episodes.explaining.anchor import begins_with_stay, why_it_is_one
from episodes.explaining.dates import dates_of
from episodes.explaining.exclusions import ladder_of
from episodes.explaining.explanation import Explanation
from episodes.explaining.findings import RuleBook
from episodes.explaining.overlaps import overlap_of
from episodes.explaining.services import by_category, by_period, explained_services, left_out

_NOTE_OF_FLAG = {
    "death_before_anchor": "The date of death lies before the anchor; it is not used.",
    "gmlos_missing": "A stay that runs over the end has no geometric mean length of stay, and counts in full.",
    "anchor_without_amount": (
        "The anchor, or a stay of it, has no amount on the basis and counts as 0: the cost is too low."
    ),
}


def explain(built: BuiltEpisodes, episode_id: str) -> Explanation:
    """Explain one candidate episode: why it is one, what is in it and what is not, and that it adds up.

    Args:
        built: from `build_episodes`, or a build's run folder read back (`running.run_folder.read_built`).
        episode_id: of a candidate, whatever became of it: final, excluded, overlapped or open.

    Returns:
        `Explanation`: prints as text; `.to_dict()` is plain data, cents on the run's basis. It names people's claims
        and clinicians, as the tables do.

    Raises:
        ArgumentError: no candidate has this id.
        BalanceError: the services do not add up to the row of the episode.

    Regulation: the programme's own; every finding carries the rules that fired, with status and citation.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
        >>> readmitted = built.final().filter(built.final()["readmission_cents"] > 0)
        >>> explained = ep.explain(built, readmitted["episode_id"][0])
        >>> explained.dates[3].subject, explained.dates[3].says, explained.dates[3].rules[0].id
        ('day 1', 'The last day of the anchor is day 1.', 'construction.window.day_one')
        >>> explained.periods["cents"].sum() == readmitted["episode_cents"][0] + readmitted["post_episode_cents"][0]
        True
    """
    episode = _row_of(built, episode_id)
    program, rules = built.program, RuleBook(built.program)
    found = built.services.filter(pl.col("episode_id") == episode_id).collect()
    services = explained_services(found, episode, program, from_stay=begins_with_stay(episode, found))
    why = why_it_is_one(episode, services, built, rules)
    dates = dates_of(episode, program, built.counts.get("as_of"), rules)
    of_person = built.episodes.filter(pl.col("beneficiary_id") == episode["beneficiary_id"])
    exclusions, switched_off = ladder_of(episode, of_person, program, rules)
    overlaps = overlap_of(episode, of_person, program, rules)
    omitted = left_out(services, program, rules)
    findings = chain(why, dates, exclusions, switched_off, overlaps, omitted)
    fired = [rule.id for finding in findings for rule in finding.rules]
    return Explanation(
        episode_id=episode_id,
        program=program.id,
        program_name=program.rules.name,
        performance_year=program.performance_year,
        basis=built.basis,
        status=episode["status"],
        episode=episode,
        why=why,
        dates=dates,
        exclusions=exclusions,
        switched_off=switched_off,
        overlaps=overlaps,
        services=services,
        periods=by_period(services),
        categories=by_category(services),
        left_out=omitted,
        checks=checked(services, episode, omitted),
        rules=rules.in_order([*fired, *services["rules"].explode().drop_nulls()]),
        notes=tuple(_notes(built, episode)),
    )


def _row_of(built: BuiltEpisodes, episode_id: str) -> dict[str, Any]:
    if not isinstance(built, BuiltEpisodes):
        raise ArgumentError(f"built is a {type(built).__name__}; give what build_episodes(...) returns.")
    found = built.episodes.filter(pl.col("episode_id") == str(episode_id))
    if found.is_empty():
        raise ArgumentError(
            f"None of the {count_of(built.episodes.height, 'candidate episode')} of this run has the id given. Ids are "
            "the column 'episode_id' of built.episodes (episodes.parquet in a run folder): filter it by "
            "beneficiary_id, anchor_claim_id, anchor_ccn or status. Another programme gives other ids."
        )
    return found.row(0, named=True)


def _notes(built: BuiltEpisodes, episode: Mapping[str, Any]) -> Iterator[str]:
    program = built.program
    if program.switched_off:
        yield (
            f"Switched off for exploration: {', '.join(program.switched_off)}. These are not the programme's episodes."
        )
    if program.overrides:
        yield f"Overridden: {', '.join(sorted(program.overrides))}."
    for flag in episode["flags"]:
        if flag in _NOTE_OF_FLAG:
            yield _NOTE_OF_FLAG[flag]
