"""A person's course: before the operation, the anchor, what follows it, and care unrelated to it."""

from __future__ import annotations

import datetime as dt

from episodes.synthetic.assumptions import Destination, Weights
from episodes.synthetic.configuration import drg_facts
from episodes.synthetic.hospitals import Hospital
from episodes.synthetic.payments import StayExtras
from episodes.synthetic.plans import POST_EPISODE_DAYS, Anchor, days
from episodes.synthetic.planted import alter_rows, planted_readmission, write_planted_services
from episodes.synthetic.recovery import write_emergency_visit, write_follow_up, write_recovery
from episodes.synthetic.scene import Scene
from episodes.synthetic.services import (
    EMERGENCY,
    HOSPITAL_INPATIENT,
    HOSPITAL_OUTPATIENT,
    Service,
    write_outpatient,
    write_pharmacy,
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

_FACILITIES = ("snf", "irf", "ltch")


def write_person(scene: Scene, last_year: int) -> None:
    """Write all claims of a person; care unrelated to an anchor ends with the last year."""
    _write_chronic_care(scene)
    anchors = scene.plan.anchors
    for position, anchor in enumerate(anchors):
        if position == 0 and scene.configuration.courses.by_name[anchor.procedure.course].elective:
            _write_preparation(scene, anchor)
        following = anchors[position + 1] if position + 1 < len(anchors) else None
        until = following.start if following else anchor.end + days(2 * POST_EPISODE_DAYS)
        _write_journey(scene, anchor, until)
    _write_unrelated_care(scene, dt.date(last_year, 12, 31))
    alter_rows(scene)


def _write_journey(scene: Scene, anchor: Anchor, until: dt.date) -> None:
    """Write an anchor and what follows it, up to the next anchor."""
    destination = _destination(scene, anchor)
    readmission = planted_readmission(scene, anchor) or _drawn_readmission(scene, anchor)
    if readmission is not None and (readmission.end >= until or destination == "hospice"):
        readmission = None
    if anchor.setting == "inpatient":
        _write_anchor_stay(scene, anchor, destination)
    else:
        _write_outpatient_anchor(scene, anchor)
    write_recovery(scene, anchor, destination, min(until, readmission.start) if readmission else until)
    if readmission is not None:
        _write_admission(scene, readmission, until)
    write_follow_up(scene, anchor, destination, until)
    write_planted_services(scene, anchor, readmission)


def _destination(scene: Scene, anchor: Anchor) -> Destination:
    """Where the person goes first: the course's shares, facilities weighed by how much they are used here."""
    course = scene.configuration.courses.by_name[anchor.procedure.course]
    inpatient = anchor.setting == "inpatient"
    weights = course.inpatient_discharges if inpatient else course.outpatient_discharges
    use = scene.facility_use(anchor)
    drawn = scene.draw.weighted(
        {where: weight * (use if where in _FACILITIES else 1.0) for where, weight in weights.items()}
    )
    event = scene.plan.event
    planted = event.discharge_to if event is not None and anchor is scene.plan.main else None
    return planted or drawn


def _drawn_readmission(scene: Scene, anchor: Anchor) -> HospitalStay | None:
    """A readmission by the course's share; people with a planted event have none besides it."""
    draw, readmissions = scene.draw, scene.configuration.readmissions
    share = scene.configuration.courses.by_name[anchor.procedure.course].readmission
    if scene.plan.event is not None or not draw.chance(share * scene.readmission_odds(anchor)):
        return None
    start = anchor.end + days(draw.between(scene.configuration.courses.readmission_days))
    hospital = anchor.hospital
    if not draw.chance(readmissions.same_hospital_share):
        hospital = draw.pick(scene.world.other_than(hospital))
    return _medical_stay(scene, hospital, readmissions.drg_weights, start)


def _medical_stay(scene: Scene, hospital: Hospital, drgs: Weights, start: dt.date) -> HospitalStay:
    readmissions = scene.configuration.readmissions
    drg = scene.draw.weighted(drgs)
    length = max(1, round(scene.draw.around(drg_facts(drg).gmlos, readmissions.length_of_stay_sd)))
    status = HOME_HEALTH if scene.draw.chance(readmissions.home_health_share) else HOME
    return HospitalStay(hospital, drg, start, start + days(length), status, readmissions.diagnoses[drg])


def _write_admission(scene: Scene, stay: HospitalStay, until: dt.date) -> None:
    """Write a medical stay, the clinicians' services in it, and home health after it up to the day before `until`."""
    if write_hospital_stay(scene, stay) is None:
        return
    emergency = stay.hospital.one("emergency", scene.draw)
    write_professional(scene, stay.hospital, emergency, [Service(stay.start, "99285", EMERGENCY)], stay.diagnosis)
    visits = [Service(stay.start, "99223", HOSPITAL_INPATIENT), *_daily_visits(stay.start, stay.end, "99232")]
    visits.append(Service(stay.end, "99239", HOSPITAL_INPATIENT))
    hospitalist = stay.hospital.one("hospitalist", scene.draw)
    write_professional(scene, stay.hospital, hospitalist, visits, stay.diagnosis)
    if stay.status == HOME_HEALTH:
        write_home_health(scene, stay.hospital, stay.end + days(1), until, low_utilization=False)


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
    if write_hospital_stay(scene, stay) is None:
        return
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
        diagnosis=anchor.diagnosis if leg.surgical else diagnoses[leg.drg],
        procedure=anchor.variant[1] if leg.surgical else None,
        surgeon=leg.hospital.one(anchor.procedure.team, scene.draw) if leg.surgical else None,
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


def _write_chronic_care(scene: Scene) -> None:
    """Write visits for chronic conditions in the half year before: what risk adjustment looks back on."""
    draw, shares = scene.draw, scene.configuration.services
    hospital = scene.plan.hospital
    physician = hospital.one("primary_care", draw)
    conditions = scene.person.conditions or ("I10",)
    for _ in range(draw.between(shares.chronic_visits_before)):
        day = scene.plan.reference - days(draw.between(shares.chronic_visit_days))
        visit = [Service(day, draw.pick(("99213", "99214")))]
        write_professional(scene, hospital, physician, visit, draw.pick(conditions))


def _write_unrelated_care(scene: Scene, last: dt.date) -> None:
    """Write visits, emergency visits, stays and pharmacy long after the anchors, up to the last day."""
    draw, shares = scene.draw, scene.configuration.services
    readmissions, hospital = scene.configuration.readmissions, scene.plan.hospital
    physician = hospital.one("primary_care", draw)
    after = scene.plan.anchors[-1].end if scene.plan.anchors else scene.plan.reference
    for _ in range(draw.between(shares.later_visits)):
        day = after + days(draw.between(shares.later_days))
        diagnosis = draw.pick(scene.person.conditions or ("I10",))
        if day <= last:
            write_professional(scene, hospital, physician, [Service(day, "99213")], diagnosis)
            write_outpatient(scene, hospital, [Service(day, "80053")], diagnosis)
    if draw.chance(readmissions.unrelated_stay_share):
        start = after + days(draw.between(shares.later_days))
        stay = _medical_stay(scene, hospital, readmissions.unrelated_drg_weights, start)
        if stay.end <= last:
            _write_admission(scene, stay, last + days(1))
    if draw.chance(shares.emergency_share):
        day = after + days(draw.between(shares.later_days))
        if day <= last:
            write_emergency_visit(scene, hospital, day)
    if not scene.plan.anchors and draw.chance(scene.configuration.equipment.pharmacy_share):
        write_pharmacy(scene, scene.plan.reference)
