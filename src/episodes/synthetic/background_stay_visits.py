"""Clinicians' services in and after background stays: hospital visits, operations, readings, nursing facilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from episodes.synthetic.assumptions import Weights
from episodes.synthetic.background_assumptions import CareDestination
from episodes.synthetic.background_home_care import Periods
from episodes.synthetic.background_rows import Batch
from episodes.synthetic.background_stays import Stays
from episodes.synthetic.background_tools import CareTools
from episodes.synthetic.background_visits import line_amounts
from episodes.synthetic.bulk_draws import Ints, unfold, weights_of

_OFFICE, _INPATIENT, _EMERGENCY, _NURSING, _REHABILITATION = "11", "21", "23", "31", "61"
_READING = ("26",)
_ANESTHESIA = ("AA",)


class _Bills(NamedTuple):
    """Claims of clinicians: for whom, by whom, why; and how many lines each has."""

    person: Ints
    clinician: Ints
    diagnosis: Ints
    counts: Ints


def write_stay_visits(tools: CareTools, stays: Stays, diagnosis: Ints, surgeon: Ints) -> Iterator[Batch]:
    """Claims of the clinicians in hospital stays, with the diagnosis of the stay."""
    assumptions, draw, count = tools.assumptions.stays, tools.draw, len(stays)
    hospital = tools.people.hospital[stays.person]

    def clinicians(role: str, rows: Ints) -> Ints:
        return tools.providers.clinician(role, hospital[rows], draw.fractions(len(rows)))

    def bills(role: str, rows: Ints, counts: Ints) -> _Bills:
        return _Bills(stays.person[rows], clinicians(role, rows), diagnosis[rows], counts)

    rows = np.flatnonzero(draw.chances(assumptions.emergency_share, count))
    yield _alike(tools, bills("emergency", rows, _ones(rows)), stays.start[rows], assumptions.emergency, _EMERGENCY)

    rows = np.arange(count)
    yield _daily_visits(tools, stays, bills("hospitalist", rows, stays.end - stays.start + 1))

    rows = np.flatnonzero(draw.chances(assumptions.consult_share, count))
    visits = 1 + draw.counts(np.full(len(rows), assumptions.consult_visits))
    claim, position = unfold(visits)
    length = (stays.end - stays.start)[rows][claim]
    day = stays.start[rows][claim] + np.minimum(position, length)
    first = _drawn(tools, assumptions.consult_first, len(claim), _INPATIENT)
    following = _drawn(tools, assumptions.consult_next, len(claim), _INPATIENT)
    yield _professional(tools, bills("consultant", rows, visits), day, np.where(position == 0, first, following))

    rows = np.repeat(np.arange(count), draw.counts(np.full(count, assumptions.read_mean)))
    day = stays.start[rows] + draw.below((stays.end - stays.start + 1)[rows])
    yield _alike(tools, bills("radiologist", rows, _ones(rows)), day, assumptions.reading_weights, _INPATIENT, _READING)

    yield from _operations(tools, stays, diagnosis, surgeon)


def _daily_visits(tools: CareTools, stays: Stays, bills: _Bills) -> Batch:
    """A visit a day: the admission's, those between, and the one on leaving."""
    assumptions = tools.assumptions.stays
    claim, position = unfold(bills.counts)
    admitting = _drawn(tools, assumptions.admitting, len(claim), _INPATIENT)
    daily = _drawn(tools, assumptions.daily, len(claim), _INPATIENT)
    leaving = _drawn(tools, assumptions.leaving, len(claim), _INPATIENT)
    last = position == bills.counts[claim] - 1
    service = np.select([position == 0, last], [admitting, leaving], daily)
    return _professional(tools, bills, stays.start[claim] + position, service)


def _operations(tools: CareTools, stays: Stays, diagnosis: Ints, surgeon: Ints) -> Iterator[Batch]:
    """The surgeon's and the anesthesiologist's services on the first day."""
    kinds = tools.assumptions.stays.drgs
    hospital = tools.people.hospital[stays.person]
    anesthesiologist = tools.providers.clinician("anesthesiologist", hospital, tools.draw.fractions(len(stays)))
    for codes, clinician, modifiers in (
        ([kind.surgery for kind in kinds], surgeon, ()),
        ([kind.anesthesia for kind in kinds], anesthesiologist, _ANESTHESIA),
    ):
        numbers = [tools.services.professional(code, _INPATIENT, modifiers) if code else -1 for code in codes]
        service = np.array(numbers, dtype=np.int64)[stays.kind]
        rows = np.flatnonzero(service >= 0)
        bills = _Bills(stays.person[rows], clinician[rows], diagnosis[rows], _ones(rows))
        yield _professional(tools, bills, stays.start[rows], service[rows])


def write_facility_visits(tools: CareTools, stays: Stays, diagnosis: Ints) -> Iterator[Batch]:
    """Clinicians' visits in SNF, rehabilitation and long-term care."""
    care = tools.assumptions.after_stays
    nursing = (care.nursing_visits, care.nursing_visit_days, "primary_care", _NURSING)
    rehabilitation = (care.rehabilitation_visits, care.rehabilitation_visit_days, "consultant", _REHABILITATION)
    visits: dict[CareDestination, tuple[tuple[str, str], int, str, str]]
    visits = {"snf": nursing, "irf": rehabilitation, "ltch": rehabilitation}
    for kind, (codes, every, role, place) in visits.items():
        rows = np.flatnonzero(stays.going_to(kind))
        hospital = tools.people.hospital[stays.person[rows]]
        clinician = tools.providers.clinician(role, hospital, tools.draw.fractions(len(rows)))
        bills = _Bills(stays.person[rows], clinician, diagnosis[rows], 1 + (stays.after[rows] - 1) // every)
        claim, position = unfold(bills.counts)
        first, following = (tools.services.professional(code, place) for code in codes)
        day = stays.end[rows][claim] + every * position
        yield _professional(tools, bills, day, np.where(position == 0, first, following))


def write_certifications(tools: CareTools, periods: Periods, diagnosis: Ints) -> Batch:
    """The physician's certification of each first period of home health."""
    rows = np.flatnonzero(periods.first)
    person = periods.person[rows]
    hospital = tools.people.hospital[person]
    clinician = tools.providers.own_clinician("primary_care", hospital, tools.people.number[person])
    service = tools.services.professional(tools.assumptions.after_stays.certification, _OFFICE)
    bills = _Bills(person, clinician, diagnosis[rows], _ones(rows))
    return _professional(tools, bills, periods.start[rows], np.full(len(rows), service))


def _ones(rows: Ints) -> Ints:
    return np.ones(len(rows), dtype=np.int64)


def _drawn(tools: CareTools, weights: Weights, count: int, place: str, modifiers: tuple[str, ...] = ()) -> Ints:
    """Services drawn by weight."""
    numbers = np.array([tools.services.professional(code, place, modifiers) for code in weights], dtype=np.int64)
    return np.asarray(numbers[tools.draw.weighted(weights_of(weights), count)])


def _alike(
    tools: CareTools, bills: _Bills, day: Ints, weights: Weights, place: str, modifiers: tuple[str, ...] = ()
) -> Batch:
    """Claims with one line each, drawn by weight."""
    return _professional(tools, bills, day, _drawn(tools, weights, len(day), place, modifiers))


def _professional(tools: CareTools, bills: _Bills, day: Ints, service: Ints) -> Batch:
    """Claims of clinicians with their lines, in the order of claims; days within a claim ascend."""
    claim, position = unfold(bills.counts)
    count = len(bills.person)
    first = np.flatnonzero(position == 0)
    last = np.append(first[1:], len(claim)) - 1 if count else first
    hospital = tools.people.hospital[bills.person]
    nobody_else = np.zeros(len(claim), dtype=np.bool_)
    claims = {
        "person": bills.person,
        "start": day[first],
        "end": day[last],
        "diagnosis": bills.diagnosis,
        "besides": tools.assumptions.visits.diagnoses_besides,
    }
    lines = {
        "claim": claim,
        "day": day,
        "service": service,
        "bill_row": tools.providers.bill_rows(bills.clinician[claim], day),
        "diagnosis": bills.diagnosis[claim],
        **line_amounts(tools, "professional", service, hospital[claim], day, nobody_else),
    }
    return Batch("professional", claims, lines)
