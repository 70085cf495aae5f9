"""What planted events add to a person's claims: readmissions at the edges, services left out, odd amounts."""

from __future__ import annotations

import math
from functools import cache

import polars as pl

from episodes.programs.code_tables import load_codes
from episodes.synthetic.configuration import drg_facts
from episodes.synthetic.plans import POST_EPISODE_DAYS, WINDOW_DAYS, Anchor, days
from episodes.synthetic.recovery import aftercare_diagnosis
from episodes.synthetic.scene import Scene
from episodes.synthetic.services import Service, write_outpatient, write_professional
from episodes.synthetic.stays import HOME, HospitalStay, write_hospital_stay

_SEPSIS, _WOUND_INFECTION = "871", "863"
_DEMONSTRATION = "86"
_HEMOPHILIA, _PASS_THROUGH_DEVICE, _CLOTTING_FACTOR, _CLINIC_VISIT = "D66", "C1734", "J7192", "G0463"
_CORRECTION_DOLLARS = -60.0
_HALF_A_YEAR = 182


@cache
def excluded_drg(mdc: str) -> str:
    """The first DRG of a category in the packaged list of excluded readmissions."""
    return str(load_codes("excluded_readmission_ms_drg").filter(mdc=mdc)["ms_drg"].sort().item(0))


@cache
def excluded_drug() -> str:
    """The first high-cost J code in the packaged list of excluded Part B drugs."""
    drugs = load_codes("excluded_part_b_drugs").filter(
        pl.col("hcpcs").str.starts_with("J") & pl.col("exclusion_reason").str.starts_with("High Cost")
    )
    return str(drugs["hcpcs"].sort().item(0))


def planted_readmission(scene: Scene, anchor: Anchor) -> HospitalStay | None:
    """The readmission that the person's event asks for after this anchor."""
    if anchor is not scene.plan.main or scene.plan.event is None:
        return None
    draw, hospital, drg = scene.draw, anchor.hospital, _SEPSIS
    past_mean_stay = math.ceil(drg_facts(_SEPSIS).gmlos) + 3
    match scene.plan.event_name:
        case "readmission_in_window" | "stay_not_kept":
            offset, length = draw.between((5, 18)), past_mean_stay
        case "readmission_across_window_end":
            offset, length = WINDOW_DAYS - 1, past_mean_stay
        case "readmission_across_post_episode_end":
            offset, length = POST_EPISODE_DAYS - 1, past_mean_stay
        case "excluded_readmission":
            drg = excluded_drg(scene.configuration.readmissions.excluded_mdc)
            offset, length = draw.between((6, 15)), 9
        case "next_day_admission_elsewhere":
            hospital, drg = draw.pick(scene.world.other_than(hospital)), _WOUND_INFECTION
            offset, length = 1, 4
        case "same_day_return_same_hospital":
            drg, offset, length = _WOUND_INFECTION, 0, 4
        case _:
            return None
    start = anchor.end + days(offset)
    diagnosis = scene.configuration.readmissions.diagnoses[drg]
    return HospitalStay(hospital, drg, start, start + days(length), HOME, diagnosis)


def write_planted_services(scene: Scene, anchor: Anchor, readmission: HospitalStay | None) -> None:
    """Write the claims and lines that the person's event adds after this anchor."""
    if anchor is not scene.plan.main:
        return
    hospital, diagnosis = anchor.hospital, aftercare_diagnosis(anchor)
    day = anchor.end + days(scene.draw.between((5, 20)))
    physician = hospital.clinicians["primary_care"][0]
    match scene.plan.event_name:
        case "clotting_factor":
            services = [Service(day, _CLINIC_VISIT), Service(day, _CLOTTING_FACTOR)]
            write_outpatient(scene, hospital, services, _HEMOPHILIA)
        case "excluded_part_b_drug":
            dollars = scene.configuration.equipment.excluded_drug_dollars
            services = [Service(day, "99213"), Service(day, excluded_drug(), dollars=dollars)]
            write_professional(scene, hospital, physician, services, diagnosis)
        case "device_pass_through":
            services = [Service(day, _CLINIC_VISIT), Service(day, _PASS_THROUGH_DEVICE)]
            write_outpatient(scene, hospital, services, diagnosis)
        case "negative_line":
            services = [Service(day, _CLINIC_VISIT), Service(day, _CLINIC_VISIT, dollars=_CORRECTION_DOLLARS)]
            write_outpatient(scene, hospital, services, diagnosis)
        case "line_without_standardized":
            services = [Service(day, "99213"), Service(day, "36415", standardized=False)]
            write_professional(scene, hospital, physician, services, diagnosis)
        case "service_paid_by_other":
            services = [Service(day, "99214", other_payer=True)]
            write_professional(scene, hospital, physician, services, diagnosis)
        case "stay_not_kept" if readmission is not None:
            _write_inner_stay(scene, readmission)


def _write_inner_stay(scene: Scene, outer: HospitalStay) -> None:
    """A second hospital's claim for days of the same stay, marked as one that does not count."""
    inner = HospitalStay(
        hospital=scene.draw.pick(scene.world.other_than(outer.hospital)),
        drg=_WOUND_INFECTION,
        start=outer.start + days(1),
        end=outer.start + days(3),
        status=HOME,
        diagnosis=scene.configuration.readmissions.diagnoses[_WOUND_INFECTION],
    )
    claim = write_hospital_stay(scene, inner)
    if claim is not None:
        claim["keep_inner"] = claim["keep_inner_outer"] = False


def alter_rows(scene: Scene) -> None:
    """Change finished rows as the person's event asks: demonstration number, late processing."""
    match scene.plan.event_name:
        case "demonstration_code":
            stay = next(claim for claim in scene.book.claims if claim["setting"] == "inpatient")
            stay["demonstration_codes"] = [_DEMONSTRATION]
        case "late_processing":
            for claim in scene.book.claims:
                claim["process_date"] = claim["thru_date"] + days(_HALF_A_YEAR)
