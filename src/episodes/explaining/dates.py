"""The dates of an episode, each with the rule that gave it: day one, the window, death, the year it belongs to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from episodes.errors import count_of
from episodes.explaining.findings import Finding, FiredRule, RuleBook
from episodes.explaining.rungs import anchor_period_start, eligible_from
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
    return (
        *_beginning(episode, program, rules),
        *_end(episode, program, rules),
        *_after(episode, program, rules),
        *_looked_back(episode, program, rules),
        *_year(episode, program, rules),
        *_complete(episode, program, known_at, rules),
    )


def _beginning(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    is_stay = episode["anchor_setting"] == "inpatient" or episode["anchor_start"] != episode["anchor_end"]
    chained = rules.named("construction.anchors.transfer_policy") if episode["transfers"] else ()
    first, last = ("Admission", "Discharge") if is_stay else ("Day of the procedure", "Day of the procedure")
    of_first, of_last = (" of the first stay", " of the last stay") if chained else ("", "")
    yield Finding("anchor starts", f"{first}{of_first}.", chained, episode["anchor_start"])
    yield Finding("anchor ends", f"{last}{of_last}.", chained, episode["anchor_end"])
    before, led_in = program.rules.construction.window.pre_days.value, "outpatient_lead_in" in episode["flags"]
    fired = rules.named("construction.anchors.lead_in_days") if led_in else ()
    if before:
        what = "outpatient lead-in" if led_in else "anchor"
        says = f"{count_of(before, 'day')} before the {what} ({anchor_period_start(episode, program)})."
        fired = (*rules.named(f"{_WINDOW}.pre_days"), *fired)
    else:
        says = "Day of the outpatient lead-in." if led_in else "With the anchor."
    yield Finding("episode starts", says, fired, episode["episode_start"])


def _end(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    window = program.rules.construction.window
    same_day = window.day_one.value == "anchor_end"
    days = window.post_days.value
    if days:
        day_one = episode["anchor_end"] if same_day else episode["anchor_end"] + dt.timedelta(days=1)
        which = "The last day of the anchor" if same_day else "The day after the anchor"
        yield Finding("day 1", f"{which} is day 1.", rules.named(f"{_WINDOW}.day_one"), day_one)
    says = f"Day {days} of {days}." if days else "With the anchor: no days after it belong to the episode."
    yield Finding("scheduled end", says, rules.named(f"{_WINDOW}.post_days"), episode["scheduled_end"])
    says, fired = _at_death(episode, program, rules)
    yield Finding("episode ends", says, fired, episode["episode_end"])


def _at_death(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> tuple[str, tuple[FiredRule, ...]]:
    """What a death did to the end of the episode."""
    window = program.rules.construction.window
    end, at_death = episode["episode_end"], rules.named(f"{_WINDOW}.shorten_at_death")
    if "died_in_episode" not in episode["flags"]:
        return "As scheduled.", ()
    if not window.shorten_at_death.value:
        return "As scheduled: the person died by then, and the programme does not shorten the window.", at_death
    if end == episode["scheduled_end"] < episode["post_episode_end"]:
        in_anchor = rules.named(f"{_WINDOW}.death_in_anchor_shortens")
        return "As scheduled: the person died in the anchor, which does not shorten the window.", in_anchor
    if end == episode["scheduled_end"]:
        return "As scheduled, though the person died by then.", at_death
    if end > episode["anchor_end"]:
        return "The day of death.", at_death
    return "With the anchor: the person died by then.", at_death


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


def _looked_back(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    """Days that belong to no window and are looked at all the same: for eligibility, and for attribution."""
    window = program.rules.construction.window
    if window.lookback_days.value:
        says = f"Coverage is tested from {count_of(window.lookback_days.value, 'day')} before the anchor."
        tested = eligible_from(episode, program)
        yield Finding("eligible from", says, rules.named(f"{_WINDOW}.lookback_days"), tested)
    start, end = episode["attribution_start"], episode["attribution_end"]
    if start != episode["anchor_start"]:
        days = count_of(window.attribution_lookback_days.value, "day")
        says = f"Physicians are looked for from {days} before the anchor."
        yield Finding("attribution starts", says, rules.named(f"{_WINDOW}.attribution_lookback_days"), start)
    if end != episode["anchor_end"]:
        says = "Physicians are looked for to the end of the first stay of the chain."
        yield Finding("attribution ends", says, rules.named(f"{_WINDOW}.attribution_end"), end)


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
