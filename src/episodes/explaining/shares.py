"""How an item that runs over the end of a window was split: found again from its dates and cents, and checked by them.

`services` holds neither the method nor what was counted against what. A rule of the programme is named where it fits
the setting and gives the cents that are booked; numbers are said only where they alone give them, and an amount of many
cents leaves no second choice. How each method counts days stands in `counted`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from episodes.building.provider_types import provider_type_of, state_of
from episodes.explaining.counted import between_visits, of_mean_stay, of_visits
from episodes.explaining.placing import Windows
from episodes.money import split_by_boundaries
from episodes.programs.service_rules import Proration

_SERVICES = "construction.services"
_LEFT_OVER = "what the episode's share leaves over"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Share:
    """What part of an item a row holds, in words (empty: all of it), and the ids of the rules that split it.

    It is `sure` where dates and cents alone show it.
    """

    says: str = ""
    rules: tuple[str, ...] = ()
    sure: bool = True


def shares_of(rows: Sequence[Row], windows: Windows) -> list[Share]:
    """What part of its item each included row holds.

    Args:
        rows: the rows of one item of an episode, in the order of periods.
        windows: of the episode.
    """
    first = rows[0]
    split = len(rows) > 1 or first["cents"] != first["full_cents"]
    over = first["service_end"] > _boundary(first, windows)
    if first["category"] == "anchor_facility" or not (split or (over and first["full_cents"] != 0)):
        return [Share() for _ in rows]
    found: list[tuple[Proration, list[Share]]] = []
    by_visit: list[list[Share]] = []
    for rule in _fitting(first, windows):
        shares = _METHODS[rule.method, rule.span](rule, rows, windows)
        if shares is not None and rule.method == "visits" and rule.low_utilization:
            by_visit.append(shares)
        elif shares is not None:
            found.append((rule, shares))
    if not found or (by_visit and not split):
        return (by_visit or [[Share("a part of it" if split else "") for _ in rows]])[0]
    plain = _surest(found) if split else found[0][1]
    return _or_by_visit(plain, by_visit[0]) if by_visit else plain


def _surest(found: Sequence[tuple[Proration, list[Share]]]) -> list[Share]:
    """The shares of the first rule that dates and cents show, beside another for any facility that they show too."""
    sure = [(rule, shares) for rule, shares in found if shares[0].sure]
    if not sure:
        return found[0][1]
    chosen = sure[0][1]
    for rule, shares in sure[1:]:
        if rule.provider_types is None:
            chosen = [
                Share(f"{one.says}, or {other.says}", (*one.rules, *other.rules)) if one.says != other.says else one
                for one, other in zip(chosen, shares, strict=True)
            ]
    return chosen


def _or_by_visit(days: Sequence[Share], visits: Sequence[Share]) -> list[Share]:
    """By visits almost any share can come about, and `services` does not say which claims are paid by visit."""
    return [
        Share(f"{by_days.says}, or by its visits if it is paid by visit", (*by_days.rules, *by_visits.rules))
        for by_days, by_visits in zip(days, visits, strict=True)
    ]


def _boundary(row: Row, windows: Windows) -> dt.date:
    """The last day that an item of a row's period can run to unsplit."""
    end: dt.date = windows.episode["post_episode_end" if row["period"] == "post_episode" else "episode_end"]
    return end


def _fitting(row: Row, windows: Windows) -> list[Proration]:
    """The rules for the setting, those first that fit the facility's CCN (a claim may say another type than that)."""

    def misfits(rule: Proration) -> bool:
        other_type = rule.provider_types is not None and _kind_of_provider(row) not in rule.provider_types
        is_unit = not rule.units and re.match("..[A-Z]", row["ccn"] or "") is not None
        return other_type or is_unit or state_of(row["ccn"]) in rule.states_not

    listed = windows.program.rules.construction.services.proration
    return sorted((rule for rule in listed if row["setting"] in rule.settings), key=misfits)


def _kind_of_provider(row: Row) -> str:
    """By the category, which names some kinds of stays, else by the CCN; a claim may say another kind than that."""
    category = str(row["category"])
    return category if category in ("ltch", "irf", "ipf") else provider_type_of(row["ccn"])


def _by_days(rule: Proration, rows: Sequence[Row], windows: Windows) -> list[Share] | None:
    """Days of each period over all days; null where the cents are others."""
    first = rows[0]
    whole = (first["service_end"] - first["service_start"]).days + 1
    services = windows.program.rules.construction.services
    counts: list[int | None]
    if services.remainder.value == "by_days":
        counts = [_days_inside(row, rows, windows) for row in rows]
    else:
        left_over: list[int | None] = [None] * (len(rows) - 1)
        counts = [(_boundary(first, windows) - first["service_start"]).days + 1, *left_over]
    days = [count for count in counts if count is not None]
    if any(count < 0 for count in days) or sum(days) > whole or not _gives(first["full_cents"], days, whole, rows):
        return None
    ids = [f"{_SERVICES}.proration.{rule.id}"]
    if services.remainder.value == "by_days" and len(rows) > 1:
        ids.append(f"{_SERVICES}.remainder")
    if (
        first["period"] == "anchor"
        and first["service_end"] >= windows.post_start
        and services.split_at_anchor_end.value
    ):
        ids.append(f"{_SERVICES}.split_at_anchor_end")
    return [_left_over(rule) if count is None else Share(f"{count} of {whole} days", tuple(ids)) for count in counts]


def _days_inside(row: Row, rows: Sequence[Row], windows: Windows) -> int:
    """The days of an item within the period of a row, where each period has its own."""
    start, end = row["service_start"], row["service_end"]
    periods = [one["period"] for one in rows]
    first, last = start, end
    if row["period"] == "post_episode":
        first, last = (
            max(start, windows.episode["episode_end"] + dt.timedelta(days=1)),
            windows.episode["post_episode_end"],
        )
    elif row["period"] == "anchor" and windows.program.rules.construction.services.split_at_anchor_end.value:
        last = windows.post_start - dt.timedelta(days=1)
    else:
        first = windows.post_start if "anchor" in periods and row["period"] == "post" else start
        last = windows.episode["episode_end"]
    return int((min(last, end) - first).days) + 1


def _gives(full: int, parts: Sequence[int], whole: int, rows: Sequence[Row]) -> bool:
    """Whether parts of a whole give the cents of the rows; the last row may hold all that is left over."""
    shares = split_by_boundaries(full, parts, whole)
    return shares[: len(rows)] == [row["cents"] for row in rows]


def _left_over(rule: Proration) -> Share:
    return Share(_LEFT_OVER, (f"{_SERVICES}.proration.{rule.id}", f"{_SERVICES}.remainder"))


def _between_visits(rule: Proration, rows: Sequence[Row], windows: Windows) -> list[Share] | None:
    """Days from the first billable visit to the end, of those to the last."""
    first = rows[0]
    ids = (f"{_SERVICES}.proration.{rule.id}", f"{_SERVICES}.visits")
    if len(rows) == 1 and first["cents"] == first["full_cents"]:
        return [Share("all of it: no billable visit lies beyond the end", ids)]
    inside = (_boundary(first, windows) - first["service_start"]).days + 1
    whole = (first["service_end"] - first["service_start"]).days + 1
    says = between_visits(inside, whole, first["full_cents"], first["cents"])
    return [Share(says, ids), *[_left_over(rule) for _ in rows[1:]]]


def _by_gmlos(rule: Proration, rows: Sequence[Row], windows: Windows) -> list[Share] | None:
    """Days inside, the first twice, against the mean length of stay; an outlier part by days where it goes apart."""
    first = rows[0]
    services = windows.program.rules.construction.services
    apart = services.outlier.value == "by_days"
    unknown = "gmlos_missing" in windows.episode["flags"]
    ids = [f"{_SERVICES}.proration.{rule.id}"]
    if unknown:
        ids.append(f"{_SERVICES}.missing_gmlos")
    left_over = [_left_over(rule) for _ in rows[1:]]
    if first["cents"] == first["full_cents"]:
        or_unknown = ", or none is known" if unknown else ""
        return [Share(f"all of it: its days inside reach the mean length of stay{or_unknown}", tuple(ids)), *left_over]
    inside = (_boundary(first, windows) - first["service_start"]).days + 1
    says = of_mean_stay(inside + 1, first["full_cents"], first["cents"])
    if says and apart:
        says += ", if none of it is an outlier part"
        ids.append(f"{_SERVICES}.outlier")
    if not says and not apart:
        return None
    if not says:
        length = (first["service_end"] - first["service_start"]).days + 1
        known = f"{inside + 1} days (the first twice) against the mean length of stay"
        against = f"{known}, or all of it where none is known" if unknown else known
        says = f"{against}; an outlier part apart, {inside} of {length} days"
        unsure = Share(says, (*ids, f"{_SERVICES}.outlier"), sure=False)
        return [unsure, *left_over]
    return [Share(says, tuple(ids)), *left_over]


def _by_visits(rule: Proration, rows: Sequence[Row], _windows: Windows) -> list[Share] | None:
    """Visits of each period over all visits of the claim."""
    ids = (f"{_SERVICES}.proration.{rule.id}", f"{_SERVICES}.visits")
    if len(rows) == 1 and rows[0]["cents"] == rows[0]["full_cents"]:
        return [Share("all of it: every visit lies inside", ids)]
    return [Share(says, ids) for says in of_visits(rows[0]["full_cents"], [row["cents"] for row in rows])]


_Method = Callable[[Proration, Sequence[Row], Windows], "list[Share] | None"]
_METHODS: Mapping[tuple[str, str], _Method] = {
    ("days", "stay"): _by_days,
    ("days", "billable_visits"): _between_visits,
    ("gmlos", "stay"): _by_gmlos,
    ("gmlos", "billable_visits"): _by_gmlos,
    ("visits", "stay"): _by_visits,
    ("visits", "billable_visits"): _by_visits,
}
