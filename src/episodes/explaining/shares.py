"""How an item that runs over the end of a window was split: found again from its dates and cents, and checked by them.

`services` holds neither the method nor what was counted against what. The rule is that of the setting and of the
facility's CCN; numbers are said only where they alone give the cents that are booked by it, and an amount of many
cents leaves no second choice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from episodes.building.provider_types import provider_type_of, state_of
from episodes.money import split_by_boundaries
from episodes.programs import Program
from episodes.programs.service_rules import Proration

_PRORATION = "construction.services.proration"
_REMAINDER = "construction.services.remainder"
_VISITS = "construction.services.visits"


@dataclass(frozen=True)
class Share:
    """What part of an item a row holds, in words (empty: all of it), and the ids of the rules that split it."""

    says: str = ""
    rules: tuple[str, ...] = ()


def share_of(row: Mapping[str, Any], episode: Mapping[str, Any], program: Program, *, was_split: bool) -> Share:
    """What part of its item an included row holds.

    Args:
        row: a row of `built.services`.
        episode: the row of `built.episodes` that it belongs to.
        program: that they were built under.
        was_split: whether the item has two rows in the episode.
    """
    carried = row["period"] == "post_episode" and row["service_start"] <= episode["episode_end"]
    if carried:
        return Share("what the episode's share leaves over", (_REMAINDER,))
    boundary = episode["post_episode_end"] if row["period"] == "post_episode" else episode["episode_end"]
    part = was_split or row["cents"] != row["full_cents"]
    whole = row["service_end"] <= boundary or row["category"] == "anchor_facility" or row["full_cents"] == 0
    if whole and not part:
        return Share()
    for rule in _fitting(row, program):
        says = _in_part(rule, row, boundary) if part else _in_full(rule, episode)
        if says:
            visits = (_VISITS,) if rule.span == "billable_visits" else ()
            return Share(says, (f"{_PRORATION}.{rule.id}", *visits))
    return Share("a part of it" if part else "")


def _fitting(row: Mapping[str, Any], program: Program) -> list[Proration]:
    """The rules for the setting, those first that fit the facility's CCN (a claim may say another type than that)."""

    def misfits(rule: Proration) -> bool:
        other_type = rule.provider_types is not None and provider_type_of(row["ccn"]) not in rule.provider_types
        return other_type or state_of(row["ccn"]) in rule.states_not

    of_setting = [rule for rule in program.rules.construction.services.proration if row["setting"] in rule.settings]
    return sorted(of_setting, key=misfits)


def _in_full(rule: Proration, episode: Mapping[str, Any]) -> str:
    """Why an item that runs over the end still counts in full; empty where the rule would have split it."""
    if rule.method == "gmlos":
        unknown = ", or none is known" if "gmlos_missing" in episode["flags"] else ""
        return f"all of it: its days inside reach the mean length of stay{unknown}"
    if rule.span == "billable_visits":
        return "all of it: no billable visit lies beyond the end"
    return ""


def _in_part(rule: Proration, row: Mapping[str, Any], boundary: dt.date) -> str:
    full, cents = row["full_cents"], row["cents"]
    inside = (boundary - row["service_start"]).days + 1
    if rule.method == "gmlos":
        return _against_mean_stay(inside + 1, full, cents)
    whole = (row["service_end"] - row["service_start"]).days + 1
    if rule.span == "billable_visits":
        return _between_visits(inside, whole, full, cents)
    fits = 0 <= inside <= whole and split_by_boundaries(full, [inside], whole)[0] == cents
    return f"{inside} of {whole} days" if fits else ""


def _between_visits(inside: int, whole: int, full: int, cents: int) -> str:
    """The days from the first visit to the end, of those to the last, which the cents tell if one pair alone fits.

    A claim without billable visits goes by its own days, `inside` of `whole`.

    >>> _between_visits(6, 30, 198_605, 51_810), _between_visits(29, 50, 300_000, 174_000)
    ('6 of 23 days (first to last billable visit)', '29 of 50 days')
    >>> _between_visits(6, 30, 100_000, 50_000)
    'days to the end, of those from its first to its last billable visit'
    """
    fitting = [
        (part, days)
        for part in range(max(inside, 0) + 1)
        for days in range(max(part, 1), part + whole - inside + 1)
        if 2 * abs(full * part - cents * days) <= days and split_by_boundaries(full, [part], days)[0] == cents
    ]
    if len(fitting) != 1:
        return "days to the end, of those from its first to its last billable visit"
    ((part, days),) = fitting
    return f"{part} of {days} days" + ("" if (part, days) == (inside, whole) else " (first to last billable visit)")


def _against_mean_stay(days: int, full: int, cents: int) -> str:
    """The days counted against the mean length of stay, which the cents tell to a tenth where they are enough.

    >>> _against_mean_stay(3, 1_000_000, 300_000), _against_mean_stay(3, 1_000_000, 1_000_001)
    ('3 of 10.0 days (mean length of stay; the first day counts twice)', '')
    """
    counted, amount, booked = 10 * days, abs(full), abs(cents)
    if booked == 0:
        return f"{days} days (the first twice) against the mean length of stay" if amount == 0 else ""
    first = (2 * counted * amount) // (2 * booked + 1)
    last = -((-2 * counted * amount) // (2 * booked - 1))
    tenths = [
        tried
        for tried in range(max(first, counted), last + 1)
        if split_by_boundaries(full, [counted], tried)[0] == cents
    ]
    if not tenths:
        return ""
    if len(tenths) > 1:
        return f"{days} days (the first twice) against the mean length of stay"
    whole, tenth = divmod(tenths[0], 10)
    return f"{days} of {whole}.{tenth} days (mean length of stay; the first day counts twice)"
