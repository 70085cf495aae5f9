"""Why a service is in its period where its days alone do not say so, and which inclusion lets it count.

`services` does not hold everything that the engine looks at (codes, places, diagnoses): where several rules could have
placed a line, all of them are named.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from episodes.claims.contract import LINE_PAID_SETTINGS
from episodes.explaining.rungs import anchor_period_start
from episodes.programs import Program
from episodes.programs.service_rules import Inclusion

_SERVICES = "construction.services"
_EMERGENCY, _SURGERY = f"{_SERVICES}.emergency_look_back", f"{_SERVICES}.global_surgery_look_back"
_PROCEDURE_DAY, _LAST_DAY = (
    f"{_SERVICES}.procedure_day_anchor_settings",
    f"{_SERVICES}.discharge_day_anchor_places",
)
_SAYS = {
    _EMERGENCY: "emergency look-back",
    _SURGERY: "global surgery look-back",
    _PROCEDURE_DAY: "of the day of the procedure",
    _LAST_DAY: "place of service on the anchor's last day",
}


@dataclass(frozen=True)
class Placed:
    """Why a service is where it is, in words (empty: by its days alone), and the ids of the rules that say so."""

    says: str = ""
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Windows:
    """What the period of a service depends on, of one episode.

    Attributes:
        episode: its row of `built.episodes`.
        program: that it was built under.
        from_stay: the anchor is a hospital stay, or was rendered in one.
        emergency_days: days before the anchor's first, or that day, with an outpatient emergency line in the anchor.
    """

    episode: Mapping[str, Any]
    program: Program
    from_stay: bool
    emergency_days: frozenset[dt.date] = frozenset()

    @property
    def anchor_period_start(self) -> dt.date:
        """Where the anchor period begins."""
        return anchor_period_start(self.episode, self.program)

    @property
    def post_start(self) -> dt.date:
        """The first day after the anchor."""
        same_day = self.program.rules.construction.window.day_one.value == "anchor_end"
        end: dt.date = self.episode["anchor_end"]
        return end if same_day else end + dt.timedelta(days=1)


def placed(row: Mapping[str, Any], windows: Windows) -> Placed:
    """Why an included service is in its period, and by which inclusion it counts.

    Args:
        row: a row of `built.services`.
        windows: of its episode.
    """
    if row["category"] == "anchor_facility" and row["period"] == "anchor":
        return Placed()
    found = _placed(row, windows)
    inclusion = _inclusion(row, windows)
    if inclusion is None:
        return found
    says = _counts_if(inclusion)
    return Placed(f"{found.says}; {says}" if found.says else says, (*found.rules, *inclusion_rules(inclusion)))


def _placed(row: Mapping[str, Any], windows: Windows) -> Placed:
    if row["period"] == "pre":
        return Placed("before the anchor", ("construction.window.pre_days",))
    if row["period"] != "anchor":
        return Placed()
    possible = _possible(row, windows)
    if possible:
        return Placed(" or ".join(_SAYS[name] for name in possible), possible)
    if row["setting"] == "inpatient" and windows.from_stay:
        return Placed("a stay during the anchor", (f"{_SERVICES}.stays_during_anchor",))
    return Placed()


def _possible(row: Mapping[str, Any], windows: Windows) -> tuple[str, ...]:
    """The rules by which a service can be of the anchor period although its day alone would not place it there."""
    day, setting, last = row["service_start"], row["setting"], windows.episode["anchor_end"]
    if windows.anchor_period_start <= day < windows.post_start:
        return ()
    services = windows.program.rules.construction.services
    if day == last and not windows.from_stay and setting in services.procedure_day_anchor_settings.value:
        return (_PROCEDURE_DAY,)
    found = []
    if setting in LINE_PAID_SETTINGS and day <= windows.episode["anchor_start"]:
        found += _look_backs(row, windows)
    if setting == "professional" and day == last and services.discharge_day_anchor_places.value:
        found.append(_LAST_DAY)
    return tuple(found)


def _look_backs(row: Mapping[str, Any], windows: Windows) -> list[str]:
    services = windows.program.rules.construction.services
    before = (windows.episode["anchor_start"] - row["service_start"]).days
    found = []
    emergency = services.emergency_look_back
    if emergency is not None and before <= emergency.days:
        remembered = row["setting"] == "professional" and row["service_start"] in windows.emergency_days
        if row["setting"] == "outpatient" or remembered:
            found.append(_EMERGENCY)
    surgery = services.global_surgery_look_back
    if surgery is not None and before <= surgery.days and row["setting"] == "professional":
        found.append(_SURGERY)
    return found


def _inclusion(row: Mapping[str, Any], windows: Windows) -> Inclusion | None:
    """The first inclusion that asks something of a service of these days and this setting."""
    day = (row["service_start"] - windows.post_start).days + 1
    for rule in windows.program.rules.construction.services.inclusions:
        of_days = row["period"] != "post" or (
            (rule.first_day is None or rule.first_day <= day) and (rule.last_day is None or day <= rule.last_day)
        )
        spared = row["category"] == "emergency" and not rule.emergency_too
        if rule.period == row["period"] and of_days and row["setting"] in rule.settings and not spared:
            return rule
    return None


def _counts_if(rule: Inclusion) -> str:
    asked = {"related": "clinically related", "related_or_surgeon": "clinically related, or the surgeon's own"}
    spares_lines = not rule.emergency_too and {"outpatient", "professional"} & set(rule.settings)
    return asked.get(rule.include, "") + (", or an emergency" if spares_lines else "")


def inclusion_rules(rule: Inclusion) -> tuple[str, ...]:
    """The ids of the rules that an inclusion reads."""
    of_diagnoses = (f"{_SERVICES}.related_diagnoses", f"{_SERVICES}.related_by") if rule.include != "none" else ()
    return (f"{_SERVICES}.inclusions.{rule.id}", *of_diagnoses)
