"""A person's course: before the operation, the anchor, and what follows it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, NamedTuple

from episodes.synthetic.assumptions import Destination, Weights
from episodes.synthetic.configuration import PlantedStay, drg_facts
from episodes.synthetic.hospitals import Facility, Hospital
from episodes.synthetic.payments import StayExtras
from episodes.synthetic.plans import POST_EPISODE_DAYS, WINDOW_DAYS, Anchor, days
from episodes.synthetic.planted import alter_rows, write_planted_services
from episodes.synthetic.recovery import write_follow_up, write_recovery
from episodes.synthetic.scene import Scene
from episodes.synthetic.services import (
    EMERGENCY,
    HOSPITAL_INPATIENT,
    HOSPITAL_OUTPATIENT,
    Service,
    write_outpatient,
    write_professional,
)
from episodes.synthetic.stays import (
    ACUTE,
    DISCHARGE_STATUS,
    HOME,
    HOME_HEALTH,
    HospitalStay,
    write_home_health,
    write_hospital_stay,
)

FACILITIES = ("snf", "irf", "ltch")
"""Destinations that are a stay somewhere."""
CARE_DAYS = 100
"""Days after an anchor's end that belong to its scenario; no background care is dated in them."""


PREPARATION_DAYS = 60
"""Days before an anchor that belong to its scenario too."""


class Readmission(NamedTuple):
    """An admission after an anchor, and what outcome measures make of it."""

    stay: HospitalStay
    planned: bool = False
    complication: str | None = None


def write_person(scene: Scene) -> None:
    """Write the claims around a person's anchors; care that is unrelated to them comes from elsewhere."""
    anchors = scene.plan.anchors
    for position, anchor in enumerate(anchors):
        if position == 0 and scene.configuration.courses.by_name[anchor.procedure.course].elective:
            _write_preparation(scene, anchor)
        following = anchors[position + 1] if position + 1 < len(anchors) else None
        until = following.start if following else anchor.end + days(CARE_DAYS)
        _write_journey(scene, position, until)
    alter_rows(scene)


def _write_journey(scene: Scene, position: int, until: dt.date) -> None:
    """Write an anchor and what follows it, up to the next anchor."""
    anchor = scene.plan.anchors[position]
    destination = _destination(scene, anchor)
    facility = scene.facility(destination, anchor.hospital) if destination in FACILITIES else None
    readmission = _readmission(scene, anchor, facility)
    if readmission is not None and (readmission.stay.end >= until or destination == "hospice"):
        readmission = None
    scene.book.journey, scene.book.own = position, True
    if anchor.setting == "inpatient":
        _write_anchor_stay(scene, anchor, destination)
    else:
        _write_outpatient_anchor(scene, anchor)
    scene.book.own = False
    write_recovery(scene, anchor, destination, facility, min(until, readmission.stay.start) if readmission else until)
    if readmission is not None:
        _write_readmission(scene, readmission, until)
    write_follow_up(scene, anchor, destination, until)
    write_planted_services(scene, anchor, readmission.stay if readmission else None)


def _write_readmission(scene: Scene, readmission: Readmission, until: dt.date) -> None:
    """Write an admission after an anchor, and declare what outcome measures make of it."""
    claim = _write_admission(scene, readmission.stay, until)
    if claim is None:
        return
    scene.book.declare("readmission", claim, planned=readmission.planned)
    if readmission.complication is not None:
        scene.book.declare(f"complication_{readmission.complication}", claim)


def _destination(scene: Scene, anchor: Anchor) -> Destination:
    """Where the person goes first: the course's shares, facilities weighed by how much they are used here."""
    course = scene.configuration.courses.by_name[anchor.procedure.course]
    inpatient = anchor.setting == "inpatient"
    weights = course.inpatient_discharges if inpatient else course.outpatient_discharges
    use = scene.facility_use(anchor)
    drawn = scene.draw.weighted(
        {where: weight * (use if where in FACILITIES else 1.0) for where, weight in weights.items()}
    )
    event = scene.plan.event
    planted = event.discharge_to if event is not None and anchor is scene.plan.main else None
    return planted or drawn


def _readmission(scene: Scene, anchor: Anchor, facility: Facility | None) -> Readmission | None:
    """What the person is admitted for after this anchor: as planted, else a complication or another stay by chance."""
    event = scene.plan.event
    if event is not None:
        return _planted_stay(scene, anchor, event.stay) if event.stay and anchor is scene.plan.main else None
    course = scene.configuration.courses.by_name[anchor.procedure.course]
    if scene.draw.chance(course.complication * scene.complication_odds(anchor)):
        kinds = [one.stay for one in scene.configuration.planted.events if one.stay and one.stay.complication]
        return _planted_stay(scene, anchor, scene.draw.pick(kinds))
    if scene.draw.chance(course.readmission * scene.readmission_odds(anchor, facility)):
        return _drawn_stay(scene, anchor)
    return None


def _planted_stay(scene: Scene, anchor: Anchor, planted: PlantedStay) -> Readmission:
    start = anchor.end + days(scene.draw.between(planted.days))
    hospital = scene.draw.pick(scene.world.other_than(anchor.hospital)) if planted.elsewhere else anchor.hospital
    stay = HospitalStay(
        hospital,
        planted.drg,
        start,
        start + days(planted.nights),
        HOME,
        planted.diagnosis,
        procedure=planted.procedure,
        left_out=planted.left_out,
    )
    return Readmission(stay, planted.planned, planted.complication)


def _drawn_stay(scene: Scene, anchor: Anchor) -> Readmission:
    """A medical stay, early or late, that does not cross the end of the window or of the post-episode days."""
    draw, readmissions, courses = scene.draw, scene.configuration.readmissions, scene.configuration.courses
    early = draw.chance(courses.early_readmission_share)
    offset = draw.between(courses.early_readmission_days if early else courses.late_readmission_days)
    hospital = anchor.hospital
    if not draw.chance(readmissions.same_hospital_share):
        hospital = draw.pick(scene.world.other_than(hospital))
    stay = _medical_stay(scene, hospital, readmissions.drg_weights, anchor.end + days(offset))
    for last in (WINDOW_DAYS, POST_EPISODE_DAYS):
        edge = anchor.end + days(last)
        if stay.start <= edge < stay.end:
            earlier = stay.end - edge
            stay = replace(stay, start=stay.start - earlier, end=edge)
    return Readmission(stay)


def _medical_stay(scene: Scene, hospital: Hospital, drgs: Weights, start: dt.date) -> HospitalStay:
    readmissions = scene.configuration.readmissions
    drg = scene.draw.weighted(drgs)
    length = max(1, round(scene.draw.around(drg_facts(drg).gmlos, readmissions.length_of_stay_sd)))
    status = HOME_HEALTH if scene.draw.chance(readmissions.home_health_share) else HOME
    return HospitalStay(hospital, drg, start, start + days(length), status, readmissions.diagnoses[drg])


def _write_admission(scene: Scene, stay: HospitalStay, until: dt.date) -> dict[str, Any] | None:
    """Write a stay, the clinicians' services in it, and home health after it up to the day before `until`."""
    claim = write_hospital_stay(scene, stay)
    if claim is None:
        return None
    emergency = stay.hospital.one("emergency", scene.draw)
    write_professional(scene, stay.hospital, emergency, [Service(stay.start, "99285", EMERGENCY)], stay.diagnosis)
    visits = [Service(stay.start, "99223", HOSPITAL_INPATIENT), *_daily_visits(stay.start, stay.end, "99232")]
    visits.append(Service(stay.end, "99239", HOSPITAL_INPATIENT))
    hospitalist = stay.hospital.one("hospitalist", scene.draw)
    write_professional(scene, stay.hospital, hospitalist, visits, stay.diagnosis)
    if stay.status == HOME_HEALTH:
        write_home_health(scene, stay.hospital, stay.end + days(1), until, low_utilization=False)
    return claim


def _daily_visits(start: dt.date, end: dt.date, hcpcs: str) -> list[Service]:
    """A visit on every day between admission and discharge."""
    between = range(1, (end - start).days)
    return [Service(start + days(number), hcpcs, HOSPITAL_INPATIENT) for number in between]


def _write_anchor_stay(scene: Scene, anchor: Anchor, destination: Destination) -> None:
    """Write the anchor stay, with the leg before it where the person was transferred, and its clinicians."""
    rates, draw = scene.configuration.anchors, scene.draw
    if anchor.first_leg is not None:
        _write_first_leg(scene, anchor)
    by_chance = draw.chance(rates.outlier_share)
    outlier_dollars = draw.around(rates.outlier_dollars, rates.outlier_sd)
    payments = scene.configuration.payments
    technology = scene.is_event("new_technology_payment", anchor)
    clotting = scene.is_event("clotting_factor", anchor)
    stay = HospitalStay(
        hospital=anchor.hospital,
        drg=anchor.code,
        start=anchor.start,
        end=anchor.end,
        status=DISCHARGE_STATUS[destination],
        diagnosis=anchor.diagnosis,
        procedure=anchor.variant[1],
        surgeon=anchor.surgeon,
        pricing_drg=anchor.pricing_drg,
        extras=StayExtras(
            outlier=outlier_dollars if by_chance or scene.is_event("outlier_payment", anchor) else 0.0,
            new_technology=payments.new_technology_dollars if technology else 0.0,
            clotting_factor=payments.clotting_factor_dollars if clotting else 0.0,
        ),
        other_payer=scene.is_event("anchor_paid_by_other", anchor),
        dated=not scene.is_event("stay_without_admission_date", anchor),
    )
    claim = write_hospital_stay(scene, stay)
    if claim is None:
        return
    scene.book.anchor(claim)
    if scene.is_event("readmission_without_gmlos") and anchor is not scene.plan.main:
        # Without a mean stay to divide it by, a stay counts whole.
        scene.book.undivided.add(claim["claim_id"])
    _write_surgical_team(scene, anchor, anchor.procedure.surgery, HOSPITAL_INPATIENT)
    visits = _daily_visits(anchor.start, anchor.end, "99232")
    if not scene.configuration.courses.by_name[anchor.procedure.course].elective:
        emergency = anchor.hospital.one("emergency", draw)
        arrival = [Service(anchor.start, "99285", EMERGENCY)]
        write_professional(scene, anchor.hospital, emergency, arrival, anchor.diagnosis)
        visits.insert(0, Service(anchor.start, "99223", HOSPITAL_INPATIENT))
    visits.append(Service(anchor.end, draw.pick(("99238", "99239")), HOSPITAL_INPATIENT))
    hospitalist = anchor.hospital.one("hospitalist", draw)
    write_professional(scene, anchor.hospital, hospitalist, visits, anchor.diagnosis)


def _write_first_leg(scene: Scene, anchor: Anchor) -> None:
    """The stay before a transfer, paid by the day: days plus one over the mean stay, at most the whole."""
    leg = anchor.first_leg
    if leg is None:
        return
    nights = (anchor.start - leg.start).days
    diagnoses = scene.configuration.readmissions.diagnoses
    stay = HospitalStay(
        hospital=leg.hospital,
        drg=leg.drg,
        start=leg.start,
        end=anchor.start,
        status=ACUTE,
        diagnosis=anchor.diagnosis if leg.surgeon else diagnoses[leg.drg],
        procedure=anchor.variant[1] if leg.surgeon else None,
        surgeon=leg.surgeon,
        share=min(1.0, (nights + 1) / drg_facts(leg.drg).gmlos),
    )
    _write_admission(scene, stay, anchor.start)


def _write_outpatient_anchor(scene: Scene, anchor: Anchor) -> None:
    """Write the claim of an outpatient operation, its packaged lines, and the clinicians."""
    lines = [
        Service(anchor.start, anchor.code, modifiers=anchor.side),
        Service(anchor.start, "C1776"),
        Service(anchor.start, "J2405"),
    ]
    if scene.is_event("two_outpatient_triggers", anchor):
        second = next(code for code in anchor.procedure.outpatient if code != anchor.code)
        # Only the first procedure of a comprehensive payment is paid; the second carries a token amount.
        lines.append(Service(anchor.start, second, dollars=1.0))
    if scene.is_event("undated_outpatient_line", anchor):
        lines.append(Service(None, "85025"))
    claim = write_outpatient(scene, anchor.hospital, lines, anchor.diagnosis, surgeon=anchor.surgeon)
    if claim is not None:
        scene.book.anchor(claim)
        _write_surgical_team(scene, anchor, anchor.code, HOSPITAL_OUTPATIENT)


def _write_surgical_team(scene: Scene, anchor: Anchor, hcpcs: str, place: str) -> None:
    """Write surgeon, assistant, anesthesia, consultation and reading of images on the operation's day."""
    draw, hospital, shares = scene.draw, anchor.hospital, scene.configuration.professional
    operated = anchor.start

    def bill(clinician_role: str, *services: Service) -> None:
        clinician = hospital.one(clinician_role, draw)
        write_professional(scene, hospital, clinician, services, anchor.diagnosis)

    surgery = Service(operated, hcpcs, place, anchor.side)
    write_professional(scene, hospital, anchor.surgeon, [surgery], anchor.diagnosis)
    if draw.chance(shares.assistant_share):
        role, modifier = draw.pick((("assistant", "AS"), (anchor.procedure.team, "80")))
        dollars = shares.fees[hcpcs] * shares.assistant_rate
        bill(role, Service(operated, hcpcs, place, (modifier, *anchor.side), dollars=dollars))
    anesthesia = anchor.procedure.anesthesia
    if draw.chance(shares.anesthetist_share):
        half = shares.fees[anesthesia] / 2
        bill("anesthesiologist", Service(operated, anesthesia, place, ("QK",), dollars=half))
        bill("anesthetist", Service(operated, anesthesia, place, ("QX",), dollars=half))
    else:
        bill("anesthesiologist", Service(operated, anesthesia, place, ("AA",)))
    if draw.chance(shares.consult_share):
        bill("consultant", Service(operated, "99223", place), Service(operated, "93010", place, ("26",)))
    if draw.chance(shares.imaging_read_share):
        bill("radiologist", Service(operated, "73562", place, ("26", *anchor.side)))


def _write_preparation(scene: Scene, anchor: Anchor) -> None:
    """Write visit, images and laboratory in the weeks before an elective operation, outside the window."""
    draw, shares, hospital = scene.draw, scene.configuration.services, anchor.hospital
    day = anchor.start - days(draw.between(shares.preoperative_days))
    visit = draw.pick(("99203", "99214"))
    write_professional(scene, hospital, anchor.surgeon, [Service(day, visit)], anchor.diagnosis)
    if draw.chance(shares.preoperative_imaging_share):
        imaging = {"spine": "72148", "joint": "73562"}.get(anchor.procedure.team, "71046")
        write_outpatient(scene, hospital, [Service(day, imaging)], anchor.diagnosis)
    tests = anchor.start - days(draw.between(shares.preoperative_test_days))
    laboratory = [Service(tests, "80053"), Service(tests, "85025"), Service(tests, "93005")]
    write_outpatient(scene, hospital, laboratory, anchor.diagnosis)
