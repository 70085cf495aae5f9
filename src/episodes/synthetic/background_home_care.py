"""Background home health, after stays and without them, and hospice before death."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from episodes.synthetic.background_rows import Batch
from episodes.synthetic.background_stays import Stays
from episodes.synthetic.background_tools import CareTools
from episodes.synthetic.bulk_draws import Flags, Ints, unfold
from episodes.synthetic.care_people import TakenDays, without_overlap

_PERIOD = 30
_HOME_HEALTH_BILL, _HOSPICE_BILL = "329", "811"
_HOME, _STILL_PATIENT, _DIED = "01", "30", "20"
_HOSPICE_HOME_CARE = "0651"
_NO, _YES = 1, 2
_VISIT_UNITS = 3.0  # quarters of an hour
_WITHOUT_STAY = -1


@dataclass(frozen=True)
class Periods:
    """Periods of home health, sorted by person and first day.

    `stay` is the position of the stay that they follow, or -1; `first` is false of a second period in a row.
    """

    person: Ints
    start: Ints
    end: Ints
    stay: Ints
    first: Flags

    def take(self, rows: Flags | Ints) -> Periods:
        """Some of the periods."""
        return Periods(self.person[rows], self.start[rows], self.end[rows], self.stay[rows], self.first[rows])


def plan_home_health(
    tools: CareTools, stays: Stays, screened: TakenDays, hospice: TakenDays
) -> tuple[Stays, Flags, Periods]:
    """Periods of home health that touch no day taken and no stay, and each other not.

    Returns the stays, where nobody is sent to home health who does not get there, whether home health follows the
    facility care of each stay, and the periods.
    """
    draw, care = tools.draw, tools.configuration.post_acute
    assumptions = tools.assumptions.after_stays
    in_facility = stays.after > 0
    follows = in_facility & draw.chances(care.home_health_after_facility_share, len(stays))
    from_stay = np.flatnonzero(stays.going_to("home_health") | follows)
    events = tools.events(
        assumptions.home_health_rate,
        assumptions.home_health_power,
        assumptions.home_health_months,
        assumptions.home_health_weekdays,
    )
    wait = draw.between(assumptions.home_health_wait, len(from_stay))
    person = np.concatenate([stays.person[from_stay], events.person])
    start = np.concatenate([stays.left_facility[from_stay] + wait, events.day])
    stay = np.concatenate([from_stay, np.full(len(events), _WITHOUT_STAY)])
    taken = [screened, hospice, stays.days()]
    # `_possible` sorts by person, so that nobody's later draws depend on who follows.
    first = _possible(tools, person, start, stay, np.ones(len(person), dtype=np.bool_), taken)
    again = draw.chances(assumptions.home_health_second_share, len(first.person))
    second = first.take(again)
    taken.append(TakenDays(first.person, first.start, first.end))
    second = _possible(tools, second.person, second.start + _PERIOD, second.stay, ~second.first, taken)
    periods = Periods(
        np.concatenate([first.person, second.person]),
        np.concatenate([first.start, second.start]),
        np.concatenate([first.end, second.end]),
        np.concatenate([first.stay, second.stay]),
        np.concatenate([first.first, second.first]),
    )
    periods = periods.take(np.lexsort((periods.start, periods.person)))
    reached = np.zeros(len(stays), dtype=np.bool_)
    reached[first.stay[first.stay != _WITHOUT_STAY]] = True
    return stays.instead_home(stays.going_to("home_health") & ~reached), follows & reached, periods


def _possible(tools: CareTools, person: Ints, start: Ints, stay: Ints, first: Flags, taken: list[TakenDays]) -> Periods:
    end = np.minimum(start + _PERIOD - 1, tools.last[person])
    free = end >= start
    for days in taken:
        free &= ~days.touch(person, start, np.maximum(start, end))
    periods = Periods(person, start, end, stay, first).take(free)
    periods = periods.take(np.lexsort((periods.start, periods.person)))
    return periods.take(without_overlap(periods.person, periods.start, periods.end))


def write_home_health(tools: CareTools, periods: Periods) -> Batch:
    """Claims of home health with a line a visit, and one that says where the care is given."""
    draw, care, count = tools.draw, tools.configuration.post_acute, len(periods.person)
    hospital = tools.people.hospital[periods.person]
    share = np.where(periods.first, care.low_utilization_share, care.second_period_low_share)
    low = draw.chances(share, count)
    usual = np.rint(care.home_health_visits * draw.multipliers(care.home_health_visits_sd, count)).astype(np.int64)
    few = draw.between(care.low_utilization_visits, count)
    visits = np.where(low, few, np.maximum(usual, care.home_health_visits_least))
    basis = np.where(low, care.low_utilization_visit * visits, care.home_health_period)
    claims = {
        "person": periods.person,
        "start": periods.start,
        "end": periods.end,
        "facility": tools.providers.facility("home_health", hospital, draw.fractions(count)),
        "attending": tools.providers.first_clinician("primary_care", hospital),
        "diagnosis": tools.diagnoses(tools.assumptions.after_stays.home_health_diagnoses, periods.person),
        "besides": tools.assumptions.stays.diagnoses_besides,
        "status": _status(tools, periods.person, periods.end, _HOME),
        "bill": tools.codes.number(_HOME_HEALTH_BILL),
        "low_utilization": np.where(low, _YES, _NO),
        **tools.payments.facility(hospital, basis * draw.multipliers(care.home_health_sd, count), periods.start),
    }
    claim, position = unfold(visits + 1)
    is_site = position == 1
    span = (periods.end - periods.start + 1)[claim]
    offset = np.where(position <= 1, 0, draw.below(span))
    # Visits in the order of their days, the site behind the first of them.
    order = np.argsort((claim << 8) + (offset << 1) + (position > 1), kind="stable")
    offset = offset[order]
    kinds = [tools.services.center(center, care.visit_cost, hcpcs, 1) for center, hcpcs in care.visit_types]
    site = tools.services.center(care.visit_types[0][0], 0.0, care.site_code, 0)
    chosen = np.array(kinds)[draw.between((0, len(kinds) - 1), len(claim))]
    lines = {
        "claim": claim,
        "day": periods.start[claim] + offset,
        "service": np.where(is_site, site, chosen),
        "units": np.where(is_site, 1.0, _VISIT_UNITS),
        # The line that names the site has a token charge.
        "charge": np.where(is_site, 1, tools.charges(np.full(len(claim), care.visit_cost))),
    }
    return Batch("home_health", claims, lines)


def _status(tools: CareTools, person: Ints, end: Ints, alive: str) -> Ints:
    """Discharge status: died where the claim ends with the person's death."""
    died = tools.died[person] & (end == tools.last[person])
    return np.where(died, tools.codes.number(_DIED), tools.codes.number(alive))


def plan_hospice(tools: CareTools, screened: TakenDays) -> tuple[Ints, Ints]:
    """Who dies in hospice, and on which day it began."""
    draw, assumptions = tools.draw, tools.assumptions.after_stays
    person = np.flatnonzero(tools.died & draw.chances(assumptions.hospice_share, len(tools.people)))
    drawn = assumptions.hospice_days * draw.multipliers(assumptions.hospice_days_sd, len(person))
    days = np.clip(np.rint(drawn).astype(np.int64), 1, assumptions.hospice_most_days)
    start = np.maximum(tools.last[person] - days + 1, tools.first[person])
    free = (start <= tools.last[person]) & ~screened.touch(person, start, np.maximum(start, tools.last[person]))
    return person[free], start[free]


def write_hospice(tools: CareTools, person: Ints, start: Ints) -> Batch:
    """Hospice claims, one a calendar month, with a line for the days and some for visits."""
    draw, assumptions = tools.draw, tools.assumptions.after_stays
    rate = tools.configuration.post_acute.hospice_day
    begun, over = (day.astype("datetime64[D]").astype("datetime64[M]") for day in (start, tools.last[person]))
    which, month = unfold((over - begun).astype(np.int64) + 1)
    person, first_month = person[which], begun[which] + month
    first_of_month = first_month.astype("datetime64[D]").astype(np.int64)
    last_of_month = (first_month + 1).astype("datetime64[D]").astype(np.int64) - 1
    start, end = np.maximum(start[which], first_of_month), np.minimum(tools.last[person], last_of_month)
    covered = end - start + 1
    hospital = tools.people.hospital[person]
    claims = {
        "person": person,
        "start": start,
        "end": end,
        "facility": tools.providers.facility("hospice", hospital, draw.fractions(len(begun))[which]),
        "attending": tools.providers.first_clinician("primary_care", hospital),
        "diagnosis": tools.diagnoses(assumptions.hospice_diagnoses, np.arange(len(begun)))[which],
        "besides": tools.assumptions.stays.diagnoses_besides,
        "status": _status(tools, person, end, _STILL_PATIENT),
        "bill": tools.codes.number(_HOSPICE_BILL),
        **tools.payments.facility(hospital, rate * covered, start),
    }
    visits = draw.counts(assumptions.hospice_visits_a_week * covered / 7)
    claim, position = unfold(1 + visits)
    care = tools.services.center(_HOSPICE_HOME_CARE, rate)
    cost = tools.configuration.post_acute.visit_cost
    visit = tools.services.center(assumptions.hospice_visit_center, cost, assumptions.hospice_visit_code, 1)
    is_care = position == 0
    lines = {
        "claim": claim,
        "day": start[claim] + np.where(is_care, 0, draw.below(covered[claim])),
        "service": np.where(is_care, care, visit),
        "units": np.where(is_care, covered[claim], _VISIT_UNITS),
        "charge": tools.charges(np.where(is_care, rate * covered[claim], cost)),
    }
    return Batch("hospice", claims, lines)
