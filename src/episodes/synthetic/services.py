"""Claims that are paid by line: clinicians, hospital outpatient services, equipment, pharmacy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from episodes.synthetic.hospitals import Clinician, Hospital
from episodes.synthetic.scene import Scene, first_of

OFFICE, HOSPITAL_INPATIENT, HOSPITAL_OUTPATIENT, EMERGENCY, NURSING, REHABILITATION, HOME = (
    "11",
    "21",
    "22",
    "23",
    "31",
    "61",
    "12",
)
"""Places of service."""


class Service(NamedTuple):
    """A service to be billed as a line; `dollars` replaces the configured fee.

    With `standardized` False the line has no standardized amount. `left_out` declares why episodes do not count it.
    """

    day: dt.date | None
    hcpcs: str
    place: str = OFFICE
    modifiers: tuple[str, ...] = ()
    dollars: float | None = None
    units: float = 1.0
    other_payer: bool = False
    standardized: bool = True
    left_out: str | None = None


def write_professional(
    scene: Scene, hospital: Hospital, clinician: Clinician, services: Sequence[Service], diagnosis: str
) -> dict[str, Any] | None:
    """Write one clinician's services as a claim, a line each; None where the person is no longer there."""
    fees = scene.configuration.professional.fees
    given = [service for service in services if service.day is None or scene.book.open_on(service.day)]
    if not given:
        return None
    first, last = first_of([service.day for service in given], scene.plan.reference)
    claim = scene.book.add_claim("professional", first, last, diagnoses=scene.diagnoses(diagnosis))
    local = scene.payments.practice_factor(hospital)
    for service in given:
        dollars = scene.noisy(fees[service.hcpcs]) if service.dollars is None else service.dollars
        scene.book.add_line(
            service.day,
            hcpcs=service.hcpcs,
            modifiers=list(service.modifiers) or None,
            place_of_service=service.place,
            rendering_npi=clinician.npi,
            tin=clinician.tin_on(service.day or first),
            specialty=clinician.specialty,
            units=service.units,
            diagnosis=diagnosis,
            left_out=service.left_out,
            **_amounts(scene, service, dollars, local, first),
        )
    scene.book.total_lines()
    return claim


def write_outpatient(
    scene: Scene,
    hospital: Hospital,
    services: Sequence[Service],
    diagnosis: str,
    *,
    surgeon: Clinician | None = None,
) -> dict[str, Any] | None:
    """Write a hospital outpatient claim with a line a service; None where the person is no longer there."""
    catalogue = scene.configuration.outpatient.services
    given = [service for service in services if service.day is None or scene.book.open_on(service.day)]
    if not any(service.day is not None for service in given):
        return None
    first, last = first_of([service.day for service in given], scene.plan.reference)
    attending = surgeon or hospital.clinicians["primary_care"][0]
    claim = scene.book.add_claim(
        "outpatient",
        first,
        last,
        discharge_status="01",
        ccn=hospital.ccn,
        facility_npi=hospital.npi,
        attending_npi=attending.npi,
        operating_npi=surgeon.npi if surgeon else None,
        diagnoses=scene.diagnoses(diagnosis),
        bill_type="851" if hospital.entry.kind == "cah" else "131",
    )
    for service in given:
        center, indicator, apc, listed = catalogue[service.hcpcs]
        dollars = listed if service.dollars is None else service.dollars
        scene.book.add_line(
            service.day,
            hcpcs=service.hcpcs,
            modifiers=list(service.modifiers) or None,
            revenue_center=center,
            status_indicator=indicator,
            apc=apc or None,
            units=service.units,
            noncovered_charge_cents=0,
            diagnosis=diagnosis,
            left_out=service.left_out,
            **_amounts(scene, service, dollars, hospital.traits.wage_factor, first),
        )
    scene.book.total_lines()
    return claim


def write_equipment(scene: Scene, hospital: Hospital, day: dt.date, hcpcs: str, diagnosis: str) -> None:
    """Write a piece of equipment or supply."""
    if not scene.book.open_on(day):
        return
    scene.book.add_claim("dme", day, day, diagnoses=scene.diagnoses(diagnosis))
    service = Service(day, hcpcs, HOME, ("NU",))
    scene.book.add_line(
        day,
        hcpcs=hcpcs,
        modifiers=list(service.modifiers),
        place_of_service=service.place,
        units=1.0,
        diagnosis=diagnosis,
        **_amounts(
            scene,
            service,
            scene.configuration.equipment.fees[hcpcs],
            scene.payments.practice_factor(hospital),
            day,
        ),
    )
    scene.book.total_lines()


def write_pharmacy(scene: Scene, day: dt.date) -> None:
    """Write a pharmacy fill. It has no standardized amount: TEAM does not pay for it."""
    if not scene.book.open_on(day):
        return
    equipment = scene.configuration.equipment
    scene.book.add_claim("drug", day, day, left_out="setting_not_covered")
    service = Service(day, "", standardized=False)
    amounts = _amounts(scene, service, scene.noisy(equipment.pharmacy_dollars), 1.0, day)
    scene.book.add_line(day, units=30.0, **amounts)
    scene.book.total_lines()


def _amounts(scene: Scene, service: Service, dollars: float, local: float, claim_day: dt.date) -> dict[str, Any]:
    amounts = scene.payments.line(dollars, local, service.day or claim_day, other_payer=service.other_payer)
    columns: dict[str, Any] = dict(amounts._asdict())
    columns["charge_cents"] = scene.charge(max(dollars, 1.0))
    if not service.standardized:
        columns["standardized_cents"] = None
    return columns
