"""After the anchor: post-acute care by destination, follow-up, therapy, equipment, emergency visits."""

from __future__ import annotations

import datetime as dt

from episodes.synthetic.assumptions import Destination
from episodes.synthetic.hospitals import Facility, Hospital
from episodes.synthetic.plans import POST_EPISODE_DAYS, WINDOW_DAYS, Anchor, days
from episodes.synthetic.scene import Scene
from episodes.synthetic.services import (
    EMERGENCY,
    NURSING,
    OFFICE,
    REHABILITATION,
    Service,
    write_equipment,
    write_outpatient,
    write_pharmacy,
    write_professional,
)
from episodes.synthetic.stays import (
    ACUTE,
    HOME,
    HOME_HEALTH,
    write_home_health,
    write_hospice,
    write_rehabilitation,
    write_snf,
)

_AFTERCARE = {
    "elective_joint": "Z471",
    "fracture": "Z4789",
    "bypass": "Z951",
    "fusion": "Z4789",
    "bowel": "Z48815",
}
_LINES_A_THERAPY_CLAIM = 12


def aftercare_diagnosis(anchor: Anchor) -> str:
    """The diagnosis of visits after an operation."""
    return _AFTERCARE[anchor.procedure.course]


def write_recovery(
    scene: Scene, anchor: Anchor, destination: Destination, facility: Facility | None, until: dt.date
) -> None:
    """Write post-acute care, at a facility where the destination is one, up to the day before `until`."""
    if until <= anchor.end:
        return
    hospital, draw, care = anchor.hospital, scene.draw, scene.configuration.post_acute
    after_facility = destination in ("snf", "irf", "ltch")
    home_care = destination == "home_health"
    if after_facility:
        home_care = draw.chance(care.home_health_after_facility_share)
    home_on: dt.date | None = anchor.end
    if facility is not None and destination == "snf":
        home_on = _write_snf_care(scene, anchor, facility, until, home_care=home_care)
    elif facility is not None:
        home_on = _write_rehabilitation_care(scene, anchor, facility, until, home_care=home_care)
    elif destination == "hospice":
        across = scene.is_event("hospice_stay", anchor)
        length = WINDOW_DAYS + 15 if across else max(2, round(draw.around(care.hospice_days, care.hospice_days_sd)))
        write_hospice(scene, hospital, anchor.end, min(length, (until - anchor.end).days))
        return
    if home_care and home_on is not None and home_on < until:
        _write_home_health_care(scene, anchor, home_on, until)


def _status_after_facility(length: int, room_left: int, *, home_care: bool) -> str:
    """Discharge status of facility care: readmitted, or home with or without home health."""
    if length >= room_left:
        return ACUTE
    return HOME_HEALTH if home_care else HOME


def _write_snf_care(
    scene: Scene, anchor: Anchor, facility: Facility, until: dt.date, *, home_care: bool
) -> dt.date | None:
    draw, care, hospital = scene.draw, scene.configuration.post_acute, anchor.hospital
    use = scene.facility_use(anchor) * facility.days_effect
    course = scene.configuration.courses.by_name[anchor.procedure.course]
    length = max(2, round(draw.around(course.snf_days, care.snf_days_sd) * min(use, care.longest_facility_use)))
    if scene.is_event("snf_across_window_end", anchor):
        length = WINDOW_DAYS + 12
    elif scene.is_event("snf_across_post_episode_end", anchor):
        length = POST_EPISODE_DAYS + 14
    room_left = (until - anchor.end).days
    status = _status_after_facility(length, room_left, home_care=home_care)
    length = min(length, room_left)
    end = write_snf(scene, hospital, facility, anchor.end, length, status)
    visits = [Service(anchor.end, "99305", NURSING)]
    visits += [Service(anchor.end + days(day), "99309", NURSING) for day in range(7, length, 7)]
    physician = hospital.one("primary_care", draw)
    write_professional(scene, hospital, physician, visits, aftercare_diagnosis(anchor))
    return end


def _write_rehabilitation_care(
    scene: Scene, anchor: Anchor, facility: Facility, until: dt.date, *, home_care: bool
) -> dt.date | None:
    draw, care, hospital = scene.draw, scene.configuration.post_acute, anchor.hospital
    mean = care.irf_days if facility.kind == "irf" else care.ltch_days
    length = max(3, round(draw.around(mean * facility.days_effect, care.case_sd)))
    if scene.is_event("long_term_hospital_stay", anchor):
        length = WINDOW_DAYS + 9
    room_left = (until - anchor.end).days
    status = _status_after_facility(length, room_left, home_care=home_care)
    length = min(length, room_left)
    end = write_rehabilitation(scene, hospital, facility, anchor.end, length, status)
    visits = [Service(anchor.end + days(1), "99223", REHABILITATION)]
    visits += [Service(anchor.end + days(day), "99232", REHABILITATION) for day in range(3, length, 3)]
    consultant = hospital.one("consultant", draw)
    write_professional(scene, hospital, consultant, visits, aftercare_diagnosis(anchor))
    return end


def _write_home_health_care(scene: Scene, anchor: Anchor, home_on: dt.date, until: dt.date) -> None:
    draw, care, hospital = scene.draw, scene.configuration.post_acute, anchor.hospital
    planted = anchor is scene.plan.main and anchor.end == home_on
    across = planted and scene.is_event("home_health_across_window_end")
    low = draw.chance(care.low_utilization_share)
    start = home_on + days(6 if across else draw.between(care.home_health_start_days))
    claim = write_home_health(
        scene,
        hospital,
        start,
        until,
        low_utilization=(low and not across) or (planted and scene.is_event("low_utilization")),
        whole_period=across,
        standardized=not (planted and scene.is_event("claim_without_standardized")),
    )
    if claim is None:
        return
    physician = hospital.one("primary_care", draw)
    certification = [Service(start, "G0180", OFFICE)]
    write_professional(scene, hospital, physician, certification, aftercare_diagnosis(anchor))
    if draw.chance(care.home_health_second_period_share):
        low = draw.chance(care.second_period_low_share)
        write_home_health(scene, hospital, start + days(30), until, low_utilization=low)


def write_follow_up(scene: Scene, anchor: Anchor, destination: Destination, until: dt.date) -> None:
    """Write visits, laboratory, therapy, equipment, emergency visits and drugs in and after the window."""
    draw, hospital, shares = scene.draw, anchor.hospital, scene.configuration.services
    course = scene.configuration.courses.by_name[anchor.procedure.course]
    diagnosis = aftercare_diagnosis(anchor)
    if destination == "hospice":
        return
    global_visits = [
        Service(anchor.end + days(day + draw.between(shares.global_visit_spread)), "99024")
        for day in shares.global_visit_days
    ]
    write_professional(scene, hospital, anchor.surgeon, global_visits, diagnosis)
    physician = hospital.one("primary_care", draw)
    visit = draw.pick(("99213", "99214"))
    write_professional(
        scene,
        hospital,
        physician,
        [Service(anchor.end + days(draw.between(shares.follow_up_visit_days)), visit)],
        diagnosis,
    )
    if draw.chance(shares.follow_up_imaging_share):
        day = anchor.end + days(draw.between(shares.follow_up_imaging_days))
        imaging = "71046" if anchor.procedure.course in ("bypass", "bowel") else "73562"
        write_outpatient(scene, hospital, [Service(day, imaging), Service(day, "85025")], diagnosis)
        reader = hospital.one("radiologist", draw)
        write_professional(scene, hospital, reader, [Service(day, imaging, "22", ("26",))], diagnosis)
    if destination in ("home", "home_health") and draw.chance(course.therapy_share):
        _write_therapy(scene, anchor, until)
    if draw.chance(course.walker_share):
        aid = draw.weighted(scene.configuration.equipment.aid_weights)
        write_equipment(scene, hospital, anchor.end, aid, diagnosis)
    if draw.chance(shares.emergency_share) or scene.is_event("emergency_visit", anchor):
        write_emergency_visit(scene, hospital, anchor.end + days(draw.between(shares.emergency_days)))
    if draw.chance(shares.clinic_drug_share):
        day = anchor.end + days(draw.between(shares.clinic_drug_days))
        drugs = [Service(day, draw.pick(("J3301", "J0897"))), Service(day, "96372")]
        write_professional(scene, hospital, physician, drugs, diagnosis)
        write_outpatient(scene, hospital, [Service(day + days(2), "96365"), Service(day + days(2), "J1756")], "D62")
    if draw.chance(shares.post_episode_visit_share):
        day = anchor.end + days(draw.between((WINDOW_DAYS + 1, POST_EPISODE_DAYS)))
        write_professional(scene, hospital, physician, [Service(day, "99214")], diagnosis)
        write_outpatient(scene, hospital, [Service(day, "80053")], diagnosis)
    if draw.chance(scene.configuration.equipment.pharmacy_share):
        for month in range(draw.between(shares.pharmacy_fills)):
            write_pharmacy(scene, anchor.end + days(1 + 30 * month))


def _write_therapy(scene: Scene, anchor: Anchor, until: dt.date) -> None:
    """Twice a week from the second week on, into the days after the window; billed in batches."""
    first = anchor.end + days(scene.draw.between(scene.configuration.services.therapy_start_days))
    count = scene.draw.between(scene.configuration.services.therapy_visits)
    visits = [first + days(7 * (number // 2) + 3 * (number % 2)) for number in range(count)]
    lines = [
        Service(day, hcpcs, modifiers=("GP",), units=units)
        for day in visits
        if day < until
        for hcpcs, units in (("97110", 2.0), ("97116", 1.0))
    ]
    for position in range(0, len(lines), _LINES_A_THERAPY_CLAIM):
        batch = lines[position : position + _LINES_A_THERAPY_CLAIM]
        write_outpatient(scene, anchor.hospital, batch, aftercare_diagnosis(anchor))


def write_emergency_visit(scene: Scene, hospital: Hospital, day: dt.date) -> None:
    """Write an emergency visit that does not lead to an admission."""
    level = scene.draw.pick(("99283", "99284"))
    claim = write_outpatient(scene, hospital, [Service(day, level), Service(day, "85025")], "R079")
    if claim is not None and not scene.book.in_hospital(day):
        scene.book.declare("emergency_return", claim)
    physician = hospital.one("emergency", scene.draw)
    write_professional(scene, hospital, physician, [Service(day, level, EMERGENCY)], "R079")
