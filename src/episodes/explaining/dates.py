"""The dates of an episode, each with the rule that gave it: day one, the window, death, the year it belongs to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from episodes.errors import count_of
from episodes.explaining.findings import Finding, RuleBook
from episodes.programs import Program

_WINDOW = "construction.window"


def dates_of(
    episode: Mapping[str, Any], program: Program, known_at: str | None, rules: RuleBook
) -> tuple[Finding, ...]:
    """Findings on the dates of an episode, in the order in which they follow from each other.

    Args:
        episode: its row of `built.episodes`.
        program: that it was built under.
        known_at: the date that the claims are known at, as text; null: they are complete.
        rules: of the programme.
    """
    found = [*_beginning(episode, rules), *_end(episode, program, rules), *_after(episode, program, rules)]
    return (*found, *_year(episode, program, rules), *_complete(episode, program, known_at, rules))


def _beginning(episode: Mapping[str, Any], rules: RuleBook) -> Iterator[Finding]:
    inpatient = episode["anchor_setting"] == "inpatient"
    chained = rules.named("construction.anchors.transfer_policy") if episode["transfers"] else ()
    first, last = ("Admission", "Discharge") if inpatient else ("Day of the procedure", "Day of the procedure")
    of_first, of_last = (" of the first stay", " of the last stay") if chained else ("", "")
    yield Finding("anchor starts", f"{first}{of_first}.", chained, episode["anchor_start"])
    yield Finding("anchor ends", f"{last}{of_last}.", chained, episode["anchor_end"])
    if "outpatient_lead_in" in episode["flags"]:
        says, fired = "Day of the outpatient lead-in.", rules.named("construction.anchors.lead_in_days")
    elif episode["episode_start"] == episode["anchor_start"]:
        says, fired = "With the anchor.", ()
    else:
        says, fired = "Days before the anchor belong to the episode.", ()
    yield Finding("episode starts", says, fired, episode["episode_start"])


def _end(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    window = program.rules.construction.window
    same_day = window.day_one.value == "anchor_end"
    day_one = episode["anchor_end"] if same_day else episode["anchor_end"] + dt.timedelta(days=1)
    which = "The last day of the anchor" if same_day else "The day after the anchor"
    yield Finding("day 1", f"{which} is day 1.", rules.named(f"{_WINDOW}.day_one"), day_one)
    yield Finding(
        "scheduled end",
        f"Day {window.post_days.value} of {window.post_days.value}.",
        rules.named(f"{_WINDOW}.post_days"),
        episode["scheduled_end"],
    )
    died, at_death = "died_in_episode" in episode["flags"], rules.named(f"{_WINDOW}.shorten_at_death")
    if not died:
        yield Finding("episode ends", "As scheduled.", (), episode["episode_end"])
    elif not window.shorten_at_death.value:
        says = "As scheduled: the person died by then, and the programme does not shorten the window."
        yield Finding("episode ends", says, at_death, episode["episode_end"])
    elif episode["episode_end"] > episode["anchor_end"]:
        yield Finding("episode ends", "The day of death.", at_death, episode["episode_end"])
    else:
        says = "With the anchor: the person died by then."
        yield Finding("episode ends", says, at_death, episode["episode_end"])


def _after(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    days = program.rules.construction.window.post_episode_days.value
    end = episode["post_episode_end"]
    at_death = rules.named(f"{_WINDOW}.shorten_at_death")
    if days and end == episode["scheduled_end"] + dt.timedelta(days=days):
        says, fired = f"{count_of(days, 'day')} after the episode.", rules.named(f"{_WINDOW}.post_episode_days")
    elif days and end > episode["episode_end"]:
        says = f"The day of death, before {count_of(days, 'day')} after the episode were over."
        fired = (*rules.named(f"{_WINDOW}.post_episode_days"), *at_death)
    elif days:
        says, fired = "With the episode: nothing follows a death in it.", at_death
    else:
        says, fired = "With the episode: no days follow it.", rules.named(f"{_WINDOW}.post_episode_days")
    yield Finding("post-episode ends", says, fired, end)


def _year(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    by_anchor = program.rules.construction.window.year_assignment.value == "anchor_end"
    tested = episode["anchor_end"] if by_anchor else episode["scheduled_end"]
    start, end = program.period
    period = f"performance year {program.performance_year}" if program.own_period else "the period of the run"
    placed = "in" if start <= tested <= end else "outside"
    which = "The end of the anchor" if by_anchor else "The scheduled end"
    says = f"{which} places it {placed} {period} ({start} to {end})."
    yield Finding("year by", says, rules.named(f"{_WINDOW}.year_assignment"), tested)


def _complete(episode: Mapping[str, Any], program: Program, known_at: str | None, rules: RuleBook) -> Iterator[Finding]:
    if known_at is None:
        return
    window = program.rules.construction.window
    wait = window.post_episode_days.value + window.run_out_days.value
    says = (
        f"{count_of(window.post_episode_days.value, 'post-episode day')} and "
        f"{count_of(window.run_out_days.value, 'day')} of run-out after the scheduled end, it is complete once claims "
        f"are known beyond this day; they are known at {known_at}."
    )
    fired = rules.named(f"{_WINDOW}.run_out_days", f"{_WINDOW}.post_episode_days")
    yield Finding("run-out ends", says, fired, episode["scheduled_end"] + dt.timedelta(days=wait))
