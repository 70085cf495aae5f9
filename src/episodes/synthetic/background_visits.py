"""Background care that is paid by line: visits, tests, images, outpatient services, equipment, pharmacy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from episodes.synthetic.background_assumptions import VisitKind
from episodes.synthetic.background_rows import Batch
from episodes.synthetic.background_tools import CareTools, Events
from episodes.synthetic.bulk_draws import Flags, Floats, Ints, unfold, weights_of
from episodes.synthetic.care_people import TakenDays

_HOME = "01"
_OWN_ROLE = "primary_care"
_OUTPATIENT_BILL, _CRITICAL_ACCESS_BILL = "131", "851"


def write_visits(tools: CareTools, taken: Sequence[TakenDays]) -> Iterator[Batch]:
    """Claims of every kind that happens by itself, and of their companions, on days that are not taken."""
    for kind in tools.assumptions.visits.kinds:
        if not kind.rate:
            continue
        who = tools.has_any(kind.needs) if kind.needs else None
        events = tools.events(kind.rate, kind.power, kind.months, kind.weekdays, who)
        until = np.minimum(events.day + kind.span, tools.last[events.person])
        free = np.ones(len(events), dtype=np.bool_)
        for days in taken:
            free &= ~days.touch(events.person, events.day, until)
        events = events.take(free)
        first = tools.draw.weighted(weights_of(kind.first), len(events))
        diagnosis = _diagnoses(tools, kind, events)
        yield _batch(tools, kind, events, first, diagnosis)
        for companion in kind.companions:
            other = tools.assumptions.visits.kind(companion.kind)
            with_it = tools.draw.chances(companion.share, len(events))
            same = first[with_it]
            if not companion.same_service:
                same = tools.draw.weighted(weights_of(other.first), len(same))
            yield _batch(tools, other, events.take(with_it), same, diagnosis[with_it])


def _diagnoses(tools: CareTools, kind: VisitKind, events: Events) -> Ints:
    if not kind.diagnoses:
        return np.zeros(len(events), dtype=np.int64)
    return tools.diagnoses(kind.diagnoses, events.person, kind.own)


def _batch(tools: CareTools, kind: VisitKind, events: Events, first: Ints, diagnosis: Ints) -> Batch:
    """Claims of a kind with their lines; `first` is each claim's first service among those of the kind."""
    draw, count = tools.draw, len(events)
    more = draw.counts(np.full(count, kind.more)) if kind.more else np.zeros(count, dtype=np.int64)
    claim, position = unfold(1 + more)
    service = tools.services.of_kind(kind, kind.first)[first[claim]]
    if kind.others:
        others = tools.services.of_kind(kind, kind.others)
        # From a drawn place on one after the other, so that a service repeats only where the list ends.
        start = draw.weighted(weights_of(kind.others), count)
        service = np.where(position == 0, service, others[(start[claim] + position - 1) % len(others)])
    day = events.day[claim]
    end = events.day
    if kind.span:
        room = np.minimum(kind.span, tools.last[events.person] - events.day)
        day = day + np.where(position == 0, 0, draw.below(room[claim] + 1))
        end = np.maximum.reduceat(day, np.flatnonzero(position == 0)) if count else end
    hospital = tools.people.hospital[events.person]
    clinician = _clinicians(tools, kind, events, hospital)
    other_payer = draw.chances(0.0 if kind.setting == "drug" else tools.assumptions.stays.primary_payer_share, count)
    claims: dict[str, Any] = {"person": events.person, "start": events.day, "end": end}
    if kind.setting != "drug":
        claims |= {"diagnosis": diagnosis, "besides": tools.assumptions.visits.diagnoses_besides}
    if kind.setting == "outpatient":
        bill = tools.codes.number(kind.bill_type or _OUTPATIENT_BILL)
        critical_access = tools.codes.number(kind.bill_type or _CRITICAL_ACCESS_BILL)
        claims |= {
            "facility": tools.providers.hospital_facility(hospital),
            "attending": clinician,
            "status": tools.codes.number(_HOME),
            "bill": np.where(tools.payments.is_cah[hospital], critical_access, bill),
        }
    lines = {
        "claim": claim,
        "day": day,
        "service": service,
        "units": tools.services.units()[service],
        "diagnosis": claims["diagnosis"][claim] if "diagnosis" in claims else 0,
        **line_amounts(tools, kind.setting, service, hospital[claim], day, other_payer[claim], kind.beneficiary_share),
    }
    if kind.setting == "professional":
        lines["bill_row"] = tools.providers.bill_rows(clinician[claim], day)
    return Batch(kind.setting, claims, lines)


def _clinicians(tools: CareTools, kind: VisitKind, events: Events, hospital: Ints) -> Ints:
    """A clinician of one of the kind's roles, the person's own in primary care; the laboratory where it has none."""
    count = len(events)
    if not kind.roles:
        return np.full(count, tools.providers.laboratory)
    role = tools.draw.weighted(weights_of(kind.roles), count)
    fractions = tools.draw.fractions(count)
    chosen = np.zeros(count, dtype=np.int64)
    for position, name in enumerate(kind.roles):
        rows = role == position
        if name == _OWN_ROLE:
            number = tools.people.number[events.person[rows]]
            chosen[rows] = tools.providers.own_clinician(name, hospital[rows], number)
        else:
            chosen[rows] = tools.providers.clinician(name, hospital[rows], fractions[rows])
    return chosen


def line_amounts(
    tools: CareTools, setting: str, service: Ints, hospital: Ints, day: Ints, other_payer: Flags, shared: bool = True
) -> dict[str, Ints]:
    """Amounts and charges of lines: fees vary a little, hospital services do not, drugs have no standardized amount."""
    payments = tools.payments
    dollars = tools.services.dollars()[service]
    if setting != "outpatient":
        dollars = dollars * tools.draw.multipliers(tools.configuration.payments.line_sd, len(service))
    local = _local(tools, setting, hospital)
    amounts = payments.lines(dollars, local, day, shared=shared, other_payer=other_payer)
    if setting == "drug":
        del amounts["standardized"]
    return {**amounts, "charge": tools.charges(np.maximum(dollars, 1.0))}


def _local(tools: CareTools, setting: str, hospital: Ints) -> Floats:
    if setting == "drug":
        return np.ones(len(hospital))
    return np.asarray((tools.payments.wage if setting == "outpatient" else tools.payments.practice)[hospital])
