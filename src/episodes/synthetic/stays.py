"""Claims paid as a whole: hospital stays, rehabilitation, long-term care, SNF, home health, hospice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from episodes.synthetic.configuration import drg_facts
from episodes.synthetic.hospitals import Clinician, Facility, Hospital
from episodes.synthetic.payments import NO_EXTRAS, StayExtras
from episodes.synthetic.plans import days
from episodes.synthetic.scene import Scene

HOME, ACUTE, SNF, HOME_HEALTH, DIED, HOSPICE = "01", "02", "03", "06", "20", "50"
DISCHARGE_STATUS = {
    "home": HOME,
    "home_health": HOME_HEALTH,
    "snf": SNF,
    "irf": "62",
    "ltch": "63",
    "hospice": HOSPICE,
}
"""Discharge status by first destination."""

_ROOM, _REHABILITATION_ROOM = "0120", "0118"
_PDPM_CENTER, _HOSPICE_HOME_CARE = "0022", "0651"


@dataclass(frozen=True)
class HospitalStay:
    """An inpatient stay to be written; the end is that of a person who lives."""

    hospital: Hospital
    drg: str
    start: dt.date
    end: dt.date
    status: str
    diagnosis: str
    procedure: str | None = None
    surgeon: Clinician | None = None
    pricing_drg: str | None = None
    share: float = 1.0
    extras: StayExtras = NO_EXTRAS
    other_payer: bool = False
    dated: bool = True
    left_out: str | None = None
    counts: bool | None = None
    """What the source says of a stay among others that overlap; null: nothing."""


def end_of(scene: Scene, end: dt.date, status: str) -> tuple[dt.date, str]:
    """When a stay ends and how: earlier, and by death, where the person dies in it."""
    actual = scene.book.until_last_day(end)
    return actual, DIED if actual == scene.person.died else status


def write_hospital_stay(scene: Scene, stay: HospitalStay) -> dict[str, Any] | None:
    """Write an inpatient claim with its revenue lines; None where the person is no longer there."""
    book = scene.book
    if not book.open_on(stay.start):
        return None
    end, status = end_of(scene, stay.end, stay.status)
    period = scene.configuration.cost_sharing.benefit_period_days
    amounts = scene.payments.drg_stay(
        stay.hospital,
        stay.drg,
        end,
        share=stay.share,
        extras=stay.extras,
        deductible=not book.in_benefit_period(stay.start, period),
        other_payer=stay.other_payer,
    )
    diagnoses = scene.diagnoses(stay.diagnosis)
    claim = book.add_claim(
        "inpatient",
        stay.start,
        end,
        admission_date=stay.start if stay.dated else None,
        discharge_date=end if stay.dated else None,
        discharge_status=status,
        ms_drg=stay.drg,
        pricing_drg=stay.pricing_drg,
        mdc=drg_facts(stay.drg).mdc,
        ccn=stay.hospital.ccn,
        facility_npi=stay.hospital.npi,
        attending_npi=stay.hospital.clinicians["hospitalist"][0].npi,
        operating_npi=stay.surgeon.npi if stay.surgeon else None,
        diagnoses=diagnoses,
        present_on_admission=["Y"] * len(diagnoses),
        procedures=[stay.procedure] if stay.procedure else None,
        procedure_dates=[stay.start] if stay.procedure else None,
        bill_type="111",
        left_out=stay.left_out,
        keep_inner=stay.counts,
        keep_inner_outer=stay.counts,
        **amounts,
    )
    rates = scene.configuration.payments
    nights = max((end - stay.start).days, 1)
    _revenue_line(scene, stay.start, _ROOM, rates.room_cost_a_day * nights, units=nights)
    for center, dollars in rates.stay_costs.items():
        _revenue_line(scene, stay.start, center, dollars)
    for center, dollars in rates.operation_costs.items() if stay.procedure is not None else ():
        _revenue_line(scene, stay.start, center, dollars)
    return claim


def _revenue_line(scene: Scene, day: dt.date, center: str, dollars: float, units: int = 1) -> None:
    scene.book.add_line(
        day,
        revenue_center=center,
        units=float(units),
        charge_cents=scene.charge(dollars),
        noncovered_charge_cents=0,
    )


def write_rehabilitation(
    scene: Scene, hospital: Hospital, facility: Facility, start: dt.date, length: int, status: str
) -> dt.date | None:
    """Write a stay at a rehabilitation or long-term care hospital; returns its end."""
    care = scene.configuration.post_acute
    if not scene.book.open_on(start):
        return None
    end, status = end_of(scene, start + days(length), status)
    dollars, drg, diagnosis = (
        (care.irf_case, care.irf_drg, care.irf_diagnosis)
        if facility.kind == "irf"
        else (care.ltch_case, care.ltch_drg, care.ltch_diagnosis)
    )
    diagnoses = scene.diagnoses(diagnosis)
    scene.book.add_claim(
        "inpatient",
        start,
        end,
        admission_date=start,
        discharge_date=end,
        discharge_status=status,
        ms_drg=drg,
        mdc=drg_facts(drg).mdc,
        ccn=facility.ccn,
        facility_npi=facility.npi,
        attending_npi=hospital.clinicians["consultant"][0].npi,
        diagnoses=diagnoses,
        present_on_admission=["Y"] * len(diagnoses),
        bill_type="111",
        **scene.payments.facility_stay(hospital, scene.draw.around(dollars, care.case_sd), start),
    )
    nights = max((end - start).days, 1)
    room = _REHABILITATION_ROOM if facility.kind == "irf" else _ROOM
    _revenue_line(scene, start, room, scene.configuration.payments.room_cost_a_day * nights, units=nights)
    return end


def write_snf(
    scene: Scene, hospital: Hospital, facility: Facility, start: dt.date, length: int, status: str
) -> dt.date | None:
    """Write a SNF stay of so many days, priced at the hospital's place; returns its end."""
    care = scene.configuration.post_acute
    if not scene.book.open_on(start):
        return None
    end, status = end_of(scene, start + days(length), status)
    covered = max((end - start).days, 1)
    scene.book.add_claim(
        "snf",
        start,
        end,
        admission_date=start,
        discharge_date=end,
        discharge_status=status,
        ccn=facility.ccn,
        facility_npi=facility.npi,
        provider_type="snf",
        attending_npi=hospital.clinicians["primary_care"][0].npi,
        diagnoses=scene.diagnoses(care.irf_diagnosis),
        bill_type="211",
        **scene.payments.facility_stay(
            hospital,
            scene.noisy(care.snf_day) * covered,
            start,
            coinsurance_days=scene.payments.coinsurance_days(covered),
        ),
    )
    scene.book.add_line(
        start,
        revenue_center=_PDPM_CENTER,
        hcpcs=care.pdpm_code,
        units=float(covered),
        charge_cents=0,
        noncovered_charge_cents=0,
    )
    return end


def write_home_health(
    scene: Scene,
    hospital: Hospital,
    start: dt.date,
    until: dt.date,
    *,
    low_utilization: bool,
    whole_period: bool = False,
    standardized: bool = True,
) -> dict[str, Any] | None:
    """Write a 30-day period of home health with its visits; visits stop on the day before `until`.

    `whole_period` puts a visit on the period's last day. A period that pays by visit has few of them.
    """
    care, draw, book = scene.configuration.post_acute, scene.draw, scene.book
    last = min(book.until_last_day(start + days(29)), until - days(1))
    if not book.open_on(start) or last < start:
        return None
    span = (last - start).days
    if low_utilization:
        wanted = draw.between(care.low_utilization_visits)
    else:
        drawn = round(draw.around(care.home_health_visits, care.home_health_visits_sd))
        wanted = max(care.home_health_visits_least, drawn)
    offsets = {0, *(draw.between((0, span)) for _ in range(wanted - 1))}
    if whole_period:
        offsets.add(span)
    visits = sorted(offsets)
    per_visit = care.low_utilization_visit * len(visits)
    dollars = draw.around(per_visit if low_utilization else care.home_health_period, care.home_health_sd)
    amounts: dict[str, Any] = scene.payments.facility_stay(hospital, dollars, start)
    if not standardized:
        amounts["standardized_cents"] = amounts["standardized_outlier_cents"] = None
    facility = scene.facility("home_health", hospital)
    claim = book.add_claim(
        "home_health",
        start,
        last,
        discharge_status=end_of(scene, last, HOME)[1],
        ccn=facility.ccn,
        facility_npi=facility.npi,
        provider_type="home_health",
        attending_npi=hospital.clinicians["primary_care"][0].npi,
        diagnoses=scene.diagnoses(care.irf_diagnosis),
        low_utilization=low_utilization,
        bill_type="329",
        left_out=None if standardized else "no_amount_on_basis",
        **amounts,
    )
    for position, offset in enumerate(visits):
        center, hcpcs = draw.pick(care.visit_types)
        _visit_line(scene, start + days(offset), center, hcpcs, scene.charge(care.visit_cost))
        if position == 0:
            # The place of care is reported beside the first visit and is no visit itself.
            _visit_line(scene, start, center, care.site_code, 1)
    return claim


def _visit_line(scene: Scene, day: dt.date, center: str, hcpcs: str, charge_cents: int) -> None:
    is_visit = hcpcs != scene.configuration.post_acute.site_code
    scene.book.add_line(
        day,
        revenue_center=center,
        hcpcs=hcpcs,
        units=3.0 if is_visit else 1.0,
        visits=1 if is_visit else 0,
        charge_cents=charge_cents,
        noncovered_charge_cents=0,
    )


def write_hospice(scene: Scene, hospital: Hospital, start: dt.date, length: int) -> None:
    """Write hospice care at home of so many days."""
    care = scene.configuration.post_acute
    if not scene.book.open_on(start):
        return
    end, status = end_of(scene, start + days(length - 1), HOME)
    covered = (end - start).days + 1
    facility = scene.facility("hospice", hospital)
    scene.book.add_claim(
        "hospice",
        start,
        end,
        discharge_status=status,
        ccn=facility.ccn,
        facility_npi=facility.npi,
        provider_type="hospice",
        attending_npi=hospital.clinicians["primary_care"][0].npi,
        diagnoses=scene.diagnoses(care.hospice_diagnosis),
        bill_type="811",
        **scene.payments.facility_stay(hospital, care.hospice_day * covered, start),
    )
    _revenue_line(scene, start, _HOSPICE_HOME_CARE, care.hospice_day * covered, units=covered)
