"""Background hospital stays: when they are, what they are for, and where people go from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from episodes.synthetic.background_assumptions import CareDestination
from episodes.synthetic.background_rows import Batch
from episodes.synthetic.background_tools import CareTools
from episodes.synthetic.bulk_draws import Flags, Ints, day_number, unfold, weights_of
from episodes.synthetic.care_people import TakenDays, without_overlap
from episodes.synthetic.configuration import drg_facts

_DAYS_A_YEAR = 365.25
_MIDDLE_AGE = 75
_STATUS: dict[CareDestination, str] = {"home": "01", "home_health": "06", "snf": "03", "irf": "62", "ltch": "63"}
_DIED = "20"
_BILL, _SNF_BILL = "111", "211"
_ROOM, _REHABILITATION_ROOM, _PDPM_CENTER = "0120", "0118", "0022"


@dataclass(frozen=True)
class Stays:
    """Hospital stays, sorted by person and first day; days are counted from 1970.

    `kind` is a position in the assumptions' list of MS-DRGs, `destination` one of `_STATUS`'s keys (its position), and
    `after` the days in the facility that the destination names, 0 where it is none.
    """

    person: Ints
    start: Ints
    end: Ints
    kind: Ints
    died: Flags
    destination: Ints
    after: Ints

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: Flags | Ints) -> Stays:
        """Some of the stays."""
        return Stays(
            self.person[rows],
            self.start[rows],
            self.end[rows],
            self.kind[rows],
            self.died[rows],
            self.destination[rows],
            self.after[rows],
        )

    def going_to(self, destination: CareDestination) -> Flags:
        """Which stays end with this destination."""
        return np.asarray(~self.died & (self.destination == list(_STATUS).index(destination)))

    def instead_home(self, rows: Flags) -> Stays:
        """The same stays, after which these people go home."""
        home = list(_STATUS).index("home")
        return replace(self, destination=np.where(rows, home, self.destination), after=np.where(rows, 0, self.after))

    @property
    def left_facility(self) -> Ints:
        """The day on which facility care ended, that of the discharge where there was none."""
        return self.end + self.after

    def days(self) -> TakenDays:
        """The days in hospital, rehabilitation or SNF."""
        return TakenDays(self.person, self.start, self.left_facility)


class StayFacts:
    """Weight, length and category of the MS-DRG of each kind of stay, before and after the groups changed."""

    def __init__(self, tools: CareTools) -> None:
        assumptions = tools.assumptions.stays
        later = assumptions.later_drgs
        pairs = [(kind.drg, kind.earlier or kind.drg) for kind in assumptions.drgs]
        facts = [[later[drg] if drg in later else drg_facts(drg) for drg in pair] for pair in pairs]
        self.changed_on = day_number(assumptions.fiscal_year_drgs_from)
        self.weight = np.array([[one.relative_weight for one in pair] for pair in facts])
        self.length = np.array([[one.gmlos for one in pair] for pair in facts])
        self.drg = np.array([[tools.codes.number(drg) for drg in pair] for pair in pairs])
        self.mdc = np.array([[tools.codes.number(one.mdc) if one.mdc else 0 for one in pair] for pair in facts])

    def version(self, discharged: Ints) -> Ints:
        """The column of the facts: 1 before the groups changed."""
        return (discharged < self.changed_on).astype(np.int64)


def plan_stays(tools: CareTools, screened: TakenDays, hospice: TakenDays, dying_elsewhere: Ints) -> Stays:
    """Stays that neither touch days taken nor each other, with the facility care that follows them."""
    draw, assumptions = tools.draw, tools.assumptions.stays
    facts = StayFacts(tools)
    events = tools.events(assumptions.rate, assumptions.power, assumptions.months, assumptions.weekdays)
    dying = np.flatnonzero(tools.died & draw.chances(assumptions.died_in_stay, len(tools.people)))
    dying = np.setdiff1d(dying, dying_elsewhere)
    person = np.concatenate([events.person, dying])
    died = np.concatenate([np.zeros(len(events), dtype=np.bool_), np.ones(len(dying), dtype=np.bool_)])
    day = np.concatenate([events.day, tools.last[dying]])
    # By person before anything more is drawn, so that nobody's draws depend on who follows.
    order = np.lexsort((day, person))
    person, died, day = person[order], died[order], day[order]
    kind = draw.weighted([one.weight for one in assumptions.drgs], len(person))
    sd = tools.configuration.readmissions.length_of_stay_sd
    mean = facts.length[kind, 0]
    length = np.maximum(1, np.rint(mean * draw.multipliers(sd, len(person))).astype(np.int64))
    start = np.where(died, np.maximum(day - length, tools.first[person]), day)
    end = np.where(died, day, day + length)
    destination, after = _destinations(tools, person, start)
    stays = Stays(person, start, end, kind, died, np.where(died, 0, destination), np.where(died, 0, after))
    stays = stays.take(np.lexsort((stays.start, stays.person)))
    # The last day of those who die is left to the stay they die in, or to hospice.
    until = tools.last[stays.person] - (tools.died[stays.person] & ~stays.died)
    possible = (stays.start <= stays.end) & (stays.end <= until)
    possible &= ~screened.touch(stays.person, stays.start, stays.end)
    possible &= ~hospice.touch(stays.person, stays.start, stays.end)
    stays, until = stays.take(possible), until[possible]
    left = stays.left_facility
    too_long = (left > until) | screened.touch(stays.person, stays.end, left)
    stays = stays.instead_home(too_long | hospice.touch(stays.person, stays.end, left))
    return stays.take(without_overlap(stays.person, stays.start, stays.left_facility))


def _destinations(tools: CareTools, person: Ints, day: Ints) -> tuple[Ints, Ints]:
    """Where people go first, facilities the more often the older they are, and for how many days."""
    draw, assumptions, care = tools.draw, tools.assumptions.stays, tools.configuration.post_acute
    count = len(person)
    born = tools.people.born.astype("datetime64[D]").astype(np.int64)[person]
    decades = ((day - born) / _DAYS_A_YEAR - _MIDDLE_AGE) / 10
    weights = np.tile([assumptions.discharges[name] for name in _STATUS], (count, 1))
    facility = [list(_STATUS).index(name) for name in ("snf", "irf", "ltch")]
    weights[:, facility] *= (assumptions.discharge_by_age**decades)[:, None]
    reached = np.cumsum(weights, axis=1)
    destination = (draw.fractions(count) * reached[:, -1] >= reached[:, :-1].T).sum(axis=0)
    snf = tools.assumptions.after_stays
    means = np.array([0.0, 0.0, snf.snf_days, care.irf_days, care.ltch_days])[destination]
    spread = np.array([0.0, 0.0, snf.snf_days_sd, care.case_sd, care.case_sd])[destination]
    drawn = means * draw.multipliers(spread, count)
    return destination, np.where(means > 0, np.maximum(2, np.rint(drawn).astype(np.int64)), 0)


def write_stays(tools: CareTools, stays: Stays) -> Batch:
    """Claims of hospital stays, with their revenue lines."""
    draw, assumptions, rates = tools.draw, tools.assumptions.stays, tools.configuration.payments
    count, facts = len(stays), StayFacts(tools)
    version = facts.version(stays.end)
    hospital = tools.people.hospital[stays.person]
    anchors = tools.configuration.anchors
    outlier = anchors.outlier_dollars * draw.multipliers(anchors.outlier_sd, count)
    status = tools.codes.numbers(_STATUS.values())[stays.destination]
    clinician = tools.providers.clinician("hospitalist", hospital, draw.fractions(count))
    surgical = np.array([bool(kind.procedures) for kind in assumptions.drgs])[stays.kind]
    claims: dict[str, Any] = {
        "person": stays.person,
        "start": stays.start,
        "end": stays.end,
        "facility": tools.providers.hospital_facility(hospital),
        "attending": clinician,
        "operating": surgeons(tools, stays),
        "diagnosis": _one_of(tools, stays, [kind.diagnoses for kind in assumptions.drgs]),
        "besides": assumptions.diagnoses_besides,
        "status": np.where(stays.died, tools.codes.number(_DIED), status),
        "bill": tools.codes.number(_BILL),
        "drg": facts.drg[stays.kind, version],
        "mdc": facts.mdc[stays.kind, version],
        "first_procedure": _one_of(tools, stays, [kind.procedures for kind in assumptions.drgs]),
        "second_procedure": _one_of(tools, stays, [kind.second_procedures for kind in assumptions.drgs]),
        **tools.payments.stays(
            hospital,
            facts.weight[stays.kind, version],
            stays.end,
            deductible=_owes_deductible(tools, stays),
            outlier=np.where(draw.chances(anchors.outlier_share, count), outlier, 0.0),
            other_payer=draw.chances(assumptions.primary_payer_share, count),
        ),
    }
    nights = np.maximum(stays.end - stays.start, 1)
    always = [tools.services.center(_ROOM, rates.room_cost_a_day)]
    always += [tools.services.center(center, cost) for center, cost in rates.stay_costs.items()]
    operation = [tools.services.center(center, cost) for center, cost in rates.operation_costs.items()]
    more = [tools.services.center(center, cost) for center, cost in assumptions.more_centers.items()]
    further = np.minimum(draw.counts(np.full(count, assumptions.more_centers_mean)), len(more))
    operated = np.where(surgical, len(operation), 0)
    claim, position = unfold(len(always) + operated + further)
    begin = draw.weighted(weights_of(assumptions.more_centers), count)
    in_operation = position - len(always)
    in_more = in_operation - operated[claim]
    service = np.select(
        [position < len(always), in_operation < operated[claim]],
        [
            np.array(always)[np.minimum(position, len(always) - 1)],
            np.array(operation)[np.clip(in_operation, 0, len(operation) - 1)],
        ],
        np.array(more)[(begin[claim] + in_more) % len(more)],
    )
    units = np.where(position == 0, nights[claim], 1).astype(np.float64)
    lines = {
        "claim": claim,
        "day": stays.start[claim],
        "service": service,
        "units": units,
        "charge": tools.charges(tools.services.dollars()[service] * units),
    }
    return Batch("inpatient", claims, lines)


def surgeons(tools: CareTools, stays: Stays) -> Ints:
    """The surgeon of each stay with an operation, 0 elsewhere."""
    fractions = tools.draw.fractions(len(stays))
    hospital = tools.people.hospital[stays.person]
    chosen = np.zeros(len(stays), dtype=np.int64)
    teams = [kind.team or "" for kind in tools.assumptions.stays.drgs]
    for team in sorted(set(teams) - {""}):
        rows = np.array([name == team for name in teams])[stays.kind]
        chosen[rows] = tools.providers.clinician(team, hospital[rows], fractions[rows])
    return chosen


def _one_of(tools: CareTools, stays: Stays, options: list[tuple[str, ...]]) -> Ints:
    """One of the codes of each stay's kind, all alike, 0 where it has none."""
    sizes = np.array([len(codes) for codes in options], dtype=np.int64)
    table = np.zeros((len(options), max(1, int(sizes.max()))), dtype=np.int64)
    for row, codes in enumerate(options):
        table[row, : len(codes)] = tools.codes.numbers(codes)
    return np.asarray(table[stays.kind, tools.draw.below(np.maximum(sizes, 1)[stays.kind])])


def _owes_deductible(tools: CareTools, stays: Stays) -> Flags:
    """Where no hospital or SNF care of the person ended within the benefit period before."""
    period = tools.configuration.cost_sharing.benefit_period_days
    owes = np.ones(len(stays), dtype=np.bool_)
    same = stays.person[1:] == stays.person[:-1]
    owes[1:] = ~(same & (stays.start[1:] - stays.left_facility[:-1] <= period))
    return owes


def write_facility_care(tools: CareTools, stays: Stays, home_health: Flags) -> list[Batch]:
    """Claims of SNF, rehabilitation and long-term care after stays; `home_health` says who has it afterwards."""
    rows = stays.going_to("snf")
    batches = [_write_snf(tools, stays.take(rows), home_health[rows])]
    hospitals: tuple[CareDestination, ...] = ("irf", "ltch")
    for kind in hospitals:
        rows = stays.going_to(kind)
        batches.append(_write_rehabilitation(tools, kind, stays.take(rows), home_health[rows]))
    return batches


def _facility_claims(tools: CareTools, stays: Stays, kind: str, role: str, home_health: Flags) -> dict[str, Any]:
    hospital = tools.people.hospital[stays.person]
    home, at_home = tools.codes.number(_STATUS["home"]), tools.codes.number(_STATUS["home_health"])
    return {
        "person": stays.person,
        "start": stays.end,
        "end": stays.left_facility,
        "facility": tools.providers.facility(kind, hospital, tools.draw.fractions(len(stays))),
        "attending": tools.providers.first_clinician(role, hospital),
        "besides": tools.assumptions.stays.diagnoses_besides,
        "status": np.where(home_health, at_home, home),
    }


def _write_snf(tools: CareTools, stays: Stays, home_health: Flags) -> Batch:
    care, count = tools.configuration.post_acute, len(stays)
    hospital = tools.people.hospital[stays.person]
    day_rate = care.snf_day * tools.draw.multipliers(tools.configuration.payments.line_sd, count)
    claims = {
        **_facility_claims(tools, stays, "snf", "primary_care", home_health),
        "diagnosis": tools.diagnoses(tools.assumptions.after_stays.snf_diagnoses, stays.person),
        "bill": tools.codes.number(_SNF_BILL),
        **tools.payments.facility(
            hospital, day_rate * stays.after, stays.end, tools.payments.coinsurance_days(stays.after)
        ),
    }
    lines = {
        "claim": np.arange(count),
        "day": stays.end,
        "service": tools.services.center(_PDPM_CENTER, 0.0, care.pdpm_code),
        "units": stays.after.astype(np.float64),
        "charge": np.zeros(count, dtype=np.int64),
    }
    return Batch("snf", claims, lines)


def _write_rehabilitation(tools: CareTools, kind: str, stays: Stays, home_health: Flags) -> Batch:
    care, count = tools.configuration.post_acute, len(stays)
    irf = kind == "irf"
    dollars = care.irf_case if irf else care.ltch_case
    drg = care.irf_drg if irf else care.ltch_drg
    mdc = drg_facts(drg).mdc
    claims = {
        **_facility_claims(tools, stays, kind, "consultant", home_health),
        "diagnosis": np.full(count, tools.codes.number(care.irf_diagnosis if irf else care.ltch_diagnosis)),
        "bill": tools.codes.number(_BILL),
        "drg": tools.codes.number(drg),
        "mdc": tools.codes.number(mdc) if mdc else 0,
        **tools.payments.facility(
            tools.people.hospital[stays.person],
            dollars * tools.draw.multipliers(care.case_sd, count),
            stays.end,
        ),
    }
    cost = tools.configuration.payments.room_cost_a_day
    lines = {
        "claim": np.arange(count),
        "day": stays.end,
        "service": tools.services.center(_REHABILITATION_ROOM if irf else _ROOM, cost),
        "units": stays.after.astype(np.float64),
        "charge": tools.charges(cost * stays.after),
    }
    return Batch("inpatient", claims, lines)
