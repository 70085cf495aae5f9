"""What is to happen to a person: the anchors with their dates, codes and places, and the day of death."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from episodes.synthetic.assumptions import CourseName, Procedure
from episodes.synthetic.configuration import Configuration, PlantedEvent, drg_facts
from episodes.synthetic.draws import Draw, Stream
from episodes.synthetic.hospitals import Clinician, Hospital, World

WINDOW_DAYS = 29
"""Days from the anchor's end to the end of a 30-day window whose day 1 is that day."""
POST_EPISODE_DAYS = 59
"""Days from the anchor's end to the end of the 30 days after the window."""

_MEDICAL_FIRST_LEG = "281"


def days(number: int) -> dt.timedelta:
    """A number of days."""
    return dt.timedelta(days=number)


@dataclass(frozen=True)
class FirstLeg:
    """A stay at another hospital that ends on the day the anchor stay begins."""

    hospital: Hospital
    drg: str
    start: dt.date
    surgeon: Clinician | None
    """Who operated in it; nobody in a medical stay."""


@dataclass(frozen=True)
class Anchor:
    """An operation at a hospital; `code` is the MS-DRG billed, or the HCPCS of an outpatient operation."""

    name: str
    procedure: Procedure
    setting: Literal["inpatient", "outpatient"]
    code: str
    start: dt.date
    end: dt.date
    hospital: Hospital
    surgeon: Clinician
    variant: tuple[str, str, str]
    pricing_drg: str | None = None
    first_leg: FirstLeg | None = None

    @property
    def diagnosis(self) -> str:
        """The principal diagnosis."""
        return self.variant[0]

    @property
    def side(self) -> tuple[str, ...]:
        """The modifier of the operated side, where there is one."""
        return (self.variant[2],) if self.variant[2] else ()


@dataclass(frozen=True)
class Plan:
    """A person's anchors in order, the planted event, the day of death (null: lives).

    `severity` is a standard normal draw: how much sicker the person is than others of the course.
    """

    number: int
    event: PlantedEvent | None
    course: CourseName
    hospital: Hospital
    reference: dt.date
    anchors: tuple[Anchor, ...]
    died: dt.date | None
    severity: float

    @property
    def event_name(self) -> str | None:
        """Name of the planted event."""
        return self.event.name if self.event else None

    @property
    def main(self) -> Anchor:
        """The anchor that the planted event is about: the first, but not an outpatient lead-in."""
        if self.event_name in ("outpatient_lead_in", "outpatient_lead_in_too_early"):
            return self.anchors[-1]
        return self.anchors[0]


def make_plan(world: World, number: int, years: tuple[int, int], seed: int, *, dense: bool) -> Plan:
    """The plan of person n, who has an anchor."""
    configuration = world.configuration
    draw = Draw(seed, Stream.PLAN, number)
    event = configuration.planted.event_of(number, dense=dense)
    calendar = configuration.calendar
    severity = draw.normal(0.0, 1.0)
    drawn = world.by_key[draw.weighted(world.volumes)]
    hospital = world.by_key[event.hospital] if event and event.hospital else drawn
    name = _procedure_name(configuration, event, draw)
    procedure = configuration.anchors.procedures[name]
    elective = configuration.courses.by_name[procedure.course].elective
    start = _day(configuration, _years_of(configuration, number, event, years), draw, elective=elective)
    setting = event.setting if event else None
    first = make_anchor(configuration, name, hospital, start, draw, setting=setting, severity=severity)
    if event is not None:
        anchors = _anchors_of_event(world, event, first, draw)
    elif draw.chance(calendar.second_anchor_share):
        later = first.end + days(draw.between(calendar.second_anchor_days))
        anchors = (first, make_anchor(configuration, name, hospital, later, draw, severity=severity))
    else:
        anchors = (first,)
    died = _day_of_death(configuration, event, anchors[-1], draw)
    return Plan(number, event, procedure.course, hospital, anchors[0].start, anchors, died, severity)


def make_anchor(
    configuration: Configuration,
    name: str,
    hospital: Hospital,
    start: dt.date,
    draw: Draw,
    *,
    setting: Literal["inpatient", "outpatient"] | None = None,
    drg: str | None = None,
    severity: float = 0.0,
) -> Anchor:
    """An operation of this name; setting and DRG are drawn unless given. The sicker, the likelier a dear surgeon."""
    procedure = configuration.anchors.procedures[name]
    variant = draw.pick(procedure.variants)
    steered = severity * configuration.effects.severity_to_surgeon / configuration.effects.surgeon_post_acute_sd
    surgeon = draw.weighted(
        {one: one.post_acute_effect**steered for one in hospital.clinicians[procedure.team]},
    )
    outpatient = draw.chance(procedure.outpatient_share)
    if setting is None:
        setting = "outpatient" if outpatient else "inpatient"
    if setting == "outpatient" and procedure.outpatient:
        code = draw.weighted(procedure.outpatient)
        return Anchor(name, procedure, "outpatient", code, start, start, hospital, surgeon, variant)
    code = drg or draw.weighted(procedure.drgs)
    stay = max(1, round(draw.around(drg_facts(code).gmlos, configuration.anchors.length_of_stay_sd)))
    end = start + days(stay)
    if end < configuration.calendar.new_drgs_from:
        code = procedure.earlier_drgs.get(code, code)
    return Anchor(name, procedure, "inpatient", code, start, end, hospital, surgeon, variant)


def _procedure_name(configuration: Configuration, event: PlantedEvent | None, draw: Draw) -> str:
    procedures = configuration.anchors.procedures
    weights = {name: procedure.weight for name, procedure in procedures.items()}
    if event is not None and event.setting == "outpatient":
        weights = {name: weight for name, weight in weights.items() if procedures[name].outpatient}
    drawn = draw.weighted(weights)
    return event.procedure if event is not None and event.procedure else drawn


def _years_of(
    configuration: Configuration, number: int, event: PlantedEvent | None, years: tuple[int, int]
) -> Sequence[int]:
    """The years in which a person's first anchor may begin; planted events are spread over them."""
    every = range(years[0], years[1] + 1)
    if event is None:
        return every
    change = configuration.calendar.new_drgs_from.year
    suited = [
        year for year in every if event.years is None or (year < change if event.years == "baseline" else year > change)
    ]
    last = configuration.planted.in_last_year(number)
    spread = [year for year in suited if (year == years[1]) == last]
    return spread or suited or every


def _day(configuration: Configuration, years: Sequence[int], draw: Draw, *, elective: bool) -> dt.date:
    """A day of one of the years, not on a weekend if the operation can wait."""
    calendar = configuration.calendar
    weights = {year: calendar.year_weights.get(year, calendar.other_year_weight) for year in years}
    day = dt.date(draw.weighted(weights), 1, 1) + days(draw.between((0, 364)))
    weekend = day.weekday() - 4
    if elective and weekend > 0 and (day - days(weekend)).year == day.year:
        day -= days(weekend)
    return day


def _anchors_of_event(world: World, event: PlantedEvent, first: Anchor, draw: Draw) -> tuple[Anchor, ...]:
    """The anchors that a planted event needs, in order of date."""
    configuration = world.configuration
    anchors: tuple[Anchor, ...]

    def another(name: str, start: dt.date, drg: str | None = None) -> Anchor:
        return make_anchor(configuration, name, first.hospital, start, draw, setting="inpatient", drg=drg)

    match event.name:
        case "outpatient_lead_in" | "outpatient_lead_in_too_early":
            before = draw.between((0, 3)) if event.name == "outpatient_lead_in" else 5
            day = first.start - days(before)
            earlier = make_anchor(configuration, first.name, first.hospital, day, draw, setting="outpatient")
            anchors = (replace(earlier, variant=first.variant, surgeon=first.surgeon), first)
        case "staged_within_window" | "staged_outside_window":
            span = (8, 22) if event.name == "staged_within_window" else (WINDOW_DAYS + 5, 100)
            second = another(first.name, first.end + days(draw.between(span)))
            other_side = next(variant for variant in first.procedure.variants if variant != first.variant)
            anchors = (first, replace(second, variant=other_side, surgeon=first.surgeon))
        case "other_category_within_window":
            anchors = (first, another("fracture_fixation", first.end + days(draw.between((5, 14)))))
        case "readmission_without_gmlos":
            fusion = another("lumbar_fusion", first.end + days(WINDOW_DAYS - 1), drg="451")
            anchors = (first, replace(fusion, end=fusion.start + days(5)))
        case "regrouped_fusion":
            regrouped = {old: new for new, old in first.procedure.earlier_drgs.items()}
            anchors = (replace(first, pricing_drg=regrouped.get(first.code, first.code)),)
        case "transfer_same_day" | "transfer_after_surgery" | "transfer_from_critical_access":
            anchors = (replace(first, first_leg=_first_leg(world, event, first, draw)),)
        case _:
            anchors = (first,)
    return anchors


def _first_leg(world: World, event: PlantedEvent, anchor: Anchor, draw: Draw) -> FirstLeg:
    """A stay elsewhere before the transfer: surgical, or medical; at a critical access hospital where planted so."""
    surgical = event.name == "transfer_after_surgery"
    elsewhere = world.other_than(anchor.hospital)
    if event.name == "transfer_from_critical_access":
        elsewhere = tuple(other for other in world.hospitals if other.entry.kind == "cah")
    hospital = draw.pick(elsewhere)
    return FirstLeg(
        hospital=hospital,
        drg=anchor.code if surgical else _MEDICAL_FIRST_LEG,
        start=anchor.start - days(draw.between((1, 3))),
        surgeon=hospital.one(anchor.procedure.team, draw) if surgical else None,
    )


def _day_of_death(
    configuration: Configuration, event: PlantedEvent | None, anchor: Anchor, draw: Draw
) -> dt.date | None:
    """When the person dies: by the course's shares, or as planted; other planted people live."""
    shares = configuration.deaths.by_course[anchor.procedure.course]
    weights = {
        "death_in_anchor": shares.anchor if anchor.setting == "inpatient" else 0.0,
        "death_in_window": shares.window,
        "death_in_post_episode": shares.post_episode,
        "death_later": shares.later,
    }
    weights["lives"] = 1.0 - sum(weights.values())
    drawn = draw.weighted(weights)
    what = event.name if event is not None else drawn
    spans = {
        "death_in_anchor": (0, 0),
        "death_in_window": (2, WINDOW_DAYS),
        "death_in_post_episode": (WINDOW_DAYS + 1, POST_EPISODE_DAYS),
        "death_later": (POST_EPISODE_DAYS + 2, 400),
    }
    return anchor.end + days(draw.between(spans[what])) if what in spans else None
