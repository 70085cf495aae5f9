"""The people: who they are, how ill, and how they are covered."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

from episodes.synthetic.draws import Draw, Stream
from episodes.synthetic.hospitals import World
from episodes.synthetic.plans import POST_EPISODE_DAYS, WINDOW_DAYS, Plan, days

_EARLIEST_COVERAGE = dt.date(2012, 1, 1)
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class Person:
    """A person: table rows, chronic conditions (diagnosis codes), frailty.

    Frailty multiplies the odds of facility care and of readmission.
    """

    beneficiary_id: str
    row: dict[str, Any]
    coverage: tuple[dict[str, Any], ...]
    conditions: tuple[str, ...]
    frailty: float
    enrolled: bool
    last_day: dt.date | None
    """Last day with claims: death, or the day before Medicare Advantage begins."""
    died: dt.date | None


def make_person(world: World, plan: Plan, seed: int) -> Person:
    """The person of a plan."""
    configuration = world.configuration
    people = configuration.people
    course = configuration.courses.by_name[plan.course]
    draw = Draw(seed, Stream.PERSON, plan.number)
    age = min(max(draw.normal(course.age_mean, course.age_sd), people.youngest), people.oldest - 1)
    birth = plan.reference - days(int(age * _DAYS_A_YEAR) + 1)
    female = draw.chance(course.female_share)
    sicker = math.exp(plan.severity * configuration.effects.severity_to_conditions)
    conditions = tuple(
        code for code, share in people.condition_weights.items() if draw.chance(min(0.95, share * sicker))
    )
    ill = sum(code in people.risk_conditions for code in conditions)
    disabled = draw.chance(people.disabled_share_65_and_over) or age < 65
    deprivation = round(100 * draw.fraction(), 1)
    beneficiary_id = f"B{plan.number:07d}"
    # A date of death before the anchor is an error of the source: care goes on.
    recorded_death = plan.reference - days(40) if plan.event_name == "death_before_anchor" else plan.died
    row = {
        "beneficiary_id": beneficiary_id,
        "birth_date": birth,
        "death_date": recorded_death,
        "sex": "2" if female else "1",
        "state": plan.hospital.entry.state,
        "original_entitlement_reason": "1" if disabled else "0",
        "deprivation_percentile": None if draw.chance(people.deprivation_missing_share) else deprivation,
    }
    coverage = tuple(
        {"beneficiary_id": beneficiary_id, **interval}
        for interval in _coverage(world, plan, birth, draw, disabled=age < 65)
    )
    return Person(
        beneficiary_id=beneficiary_id,
        row=row,
        coverage=coverage,
        conditions=conditions,
        frailty=(1 + people.frailty_per_condition * ill) / (1 + people.frailty_per_condition * people.mean_conditions),
        enrolled=plan.event_name != "no_enrolment_record",
        last_day=_last_day(plan),
        died=plan.died,
    )


def _last_day(plan: Plan) -> dt.date | None:
    if plan.event_name == "medicare_advantage_entry":
        return _advantage_start(plan.main.end) - days(1)
    return plan.died


def _advantage_start(anchor_end: dt.date) -> dt.date:
    """The first of the next month, or the last day of the window where that month begins later."""
    return min(_month_after(anchor_end), anchor_end + days(WINDOW_DAYS))


def _month_after(day: dt.date) -> dt.date:
    """The first day of the next month."""
    return (day.replace(day=1) + days(32)).replace(day=1)


def _interval(kind: str, start: dt.date, end: dt.date | None = None, detail: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "start_date": start, "end_date": end, "detail": detail}


def _coverage(world: World, plan: Plan, birth: dt.date, draw: Draw, *, disabled: bool) -> list[dict[str, Any]]:
    """The intervals of a person: Parts A and B, then what the event and the shares add."""
    people = world.configuration.people
    start = _coverage_start(plan, birth, disabled=disabled)
    rows = [
        *_part("part_a", plan, start),
        *_part("part_b", plan, start),
        *_event_intervals(plan),
    ]
    if draw.chance(plan.hospital.traits.dual_share * people.full_dual_rate):
        rows.append(_interval("full_dual", start, plan.died))
        rows.append(_interval("low_income_subsidy", start, plan.died))
    elif draw.chance(people.partial_dual_share):
        rows.append(_interval("partial_dual", start, plan.died))
        rows.append(_interval("low_income_subsidy", start, plan.died))
    elif draw.chance(people.subsidy_share):
        rows.append(_interval("low_income_subsidy", start, plan.died))
    if draw.chance(people.aco_share):
        rows.append(_interval("aco", plan.reference.replace(month=1, day=1), None, f"A{1000 + plan.number % 7}"))
    if draw.chance(people.institution_share):
        rows.append(_interval("long_term_institution", plan.reference - days(300), plan.reference - days(15)))
    if draw.chance(people.kidney_transplant_share):
        rows.append(_interval("kidney_transplant", plan.reference - days(600)))
    return rows


def _coverage_start(plan: Plan, birth: dt.date, *, disabled: bool) -> dt.date:
    """The month of the 65th birthday, three years before the reference for the disabled; never after it."""
    if disabled:
        return plan.reference.replace(year=plan.reference.year - 3, month=1, day=1)
    birthday = dt.date(birth.year + 65, birth.month, 1)
    return max(min(birthday, plan.reference.replace(day=1)), _EARLIEST_COVERAGE)


def _part(kind: str, plan: Plan, start: dt.date) -> list[dict[str, Any]]:
    """Part A or B, with the gap that the event asks for."""
    end, reference = plan.main.end, plan.reference
    gap: tuple[dt.date, dt.date] | None = None
    if plan.event_name == f"{kind}_gap":
        gap = (end + days(6), end + days(45))
    elif plan.event_name == "gap_outside_window" and kind == "part_b":
        gap = (reference - days(120), reference - days(70))
    elif plan.event_name == "unknown_month":
        first = (end + days(15)).replace(day=1)
        gap = (first, _month_after(first) - days(1))
    if gap is None:
        return [_interval(kind, start, plan.died)]
    before = _interval(kind, min(start, gap[0] - days(31)), gap[0] - days(1))
    return [before, _interval(kind, gap[1] + days(1), plan.died)]


def _event_intervals(plan: Plan) -> list[dict[str, Any]]:
    """Intervals of coverage that exclude an episode, as planted."""
    end, reference = plan.main.end, plan.reference
    match plan.event_name:
        case "unknown_month":
            first = (end + days(15)).replace(day=1)
            return [_interval("unknown", first, _month_after(first) - days(1))]
        case "medicare_advantage_entry":
            return [_interval("medicare_advantage", _advantage_start(end), None, "H1234")]
        case "esrd_entitlement":
            started = reference - days(500)
            return [_interval("esrd_entitlement", started), _interval("esrd", started)]
        case "other_primary_payer":
            return [_interval("other_primary_payer", reference - days(WINDOW_DAYS), end + days(POST_EPISODE_DAYS))]
        case "united_mine_workers":
            return [_interval("united_mine_workers", reference - days(700))]
    return []
