"""What planted events add to a person's claims: services left out, odd amounts, a stay that does not count."""

from __future__ import annotations

from functools import cache

import polars as pl

from episodes.programs.code_tables import load_codes
from episodes.synthetic.plans import Anchor, days
from episodes.synthetic.recovery import aftercare_diagnosis
from episodes.synthetic.scene import Scene
from episodes.synthetic.services import Service, write_outpatient, write_professional
from episodes.synthetic.stays import HOME, HospitalStay, write_hospital_stay

_WOUND_INFECTION = "863"
_DEMONSTRATION = "86"
_HEMOPHILIA, _PASS_THROUGH_DEVICE, _CLOTTING_FACTOR, _CLINIC_VISIT = "D66", "C1734", "J7192", "G0463"
_CORRECTION_DOLLARS = -60.0
_HALF_A_YEAR = 182
NOT_A_STAY = "not_a_stay"
"""What is declared of a claim that the source marks as part of another stay: it is in no episode at all."""


@cache
def excluded_drug() -> str:
    """The first high-cost J code in the packaged list of excluded Part B drugs."""
    drugs = load_codes("excluded_part_b_drugs").filter(
        pl.col("hcpcs").str.starts_with("J") & pl.col("exclusion_reason").str.starts_with("High Cost")
    )
    return str(drugs["hcpcs"].sort().item(0))


def write_planted_services(scene: Scene, anchor: Anchor, readmission: HospitalStay | None) -> None:
    """Write the claims and lines that the person's event adds after this anchor."""
    if anchor is not scene.plan.main:
        return
    hospital, diagnosis = anchor.hospital, aftercare_diagnosis(anchor)
    day = anchor.end + days(scene.draw.between((5, 20)))
    physician = hospital.clinicians["primary_care"][0]
    match scene.plan.event_name:
        case "clotting_factor":
            services = [Service(day, _CLINIC_VISIT), Service(day, _CLOTTING_FACTOR, left_out="clotting_factor")]
            write_outpatient(scene, hospital, services, _HEMOPHILIA)
        case "excluded_part_b_drug":
            dollars = scene.configuration.equipment.excluded_drug_dollars
            services = [
                Service(day, "99213"),
                Service(day, excluded_drug(), dollars=dollars, left_out="excluded_part_b_drug"),
            ]
            write_professional(scene, hospital, physician, services, diagnosis)
        case "device_pass_through":
            services = [Service(day, _CLINIC_VISIT), Service(day, _PASS_THROUGH_DEVICE, left_out="device_pass_through")]
            write_outpatient(scene, hospital, services, diagnosis)
        case "negative_line":
            services = [Service(day, _CLINIC_VISIT), Service(day, _CLINIC_VISIT, dollars=_CORRECTION_DOLLARS)]
            write_outpatient(scene, hospital, services, diagnosis)
        case "line_without_standardized":
            services = [Service(day, "99213"), Service(day, "36415", standardized=False, left_out="no_amount_on_basis")]
            write_professional(scene, hospital, physician, services, diagnosis)
        case "service_paid_by_other":
            services = [Service(day, "99214", other_payer=True, left_out="other_payer")]
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
        counts=False,
        left_out=NOT_A_STAY,
    )
    write_hospital_stay(scene, inner)


def alter_rows(scene: Scene) -> None:
    """Change finished rows as the person's event asks: demonstration number, late processing."""
    match scene.plan.event_name:
        case "demonstration_code":
            stay = next(claim for claim in scene.book.claims if claim["setting"] == "inpatient")
            stay["demonstration_codes"] = [_DEMONSTRATION]
        case "late_processing":
            for claim in scene.book.claims:
                claim["process_date"] = claim["thru_date"] + days(_HALF_A_YEAR)
