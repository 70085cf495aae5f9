"""Section 1 and 7 of READINGS_OTHERS.md as data, written by hand: what the oracle knows of each programme."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from oracle.windows import Inclusion, Programme

SEVEN = frozenset({"inpatient", "snf", "home_health", "hospice", "outpatient", "professional", "dme"})
EIGHT = SEVEN | {"drug"}

CJR = Programme(
    id="cjr",
    year="7",
    period=(date(2023, 1, 1), date(2023, 12, 31)),
    anchors="cjr_anchor_codes",
    ladder=(
        "out_of_period",
        "outside_model_dates",
        "not_acute_hospital",
        "excluded_state",
        "no_enrolment_record",
        "not_in_part_a_and_b",
        "coverage_unknown",
        "medicare_advantage",
        "esrd_entitlement",
        "united_mine_workers",
        "other_primary_payer",
        "death_in_episode",
    ),
    chains=True,
    post_episode_days=30,
    year_by_episode_end=True,
    model_dates=(date(2016, 4, 1), date(2024, 12, 31)),
    paid=SEVEN,
    exclusions=(
        "excluded_readmission_drg",
        "clotting_factor",
        "device_pass_through",
        "professional_in_excluded_stay",
    ),
    prorated=True,
    same_category_cancels=True,
)

EPM = Programme(
    id="epm-2017",
    year="2",
    period=(date(2018, 1, 1), date(2018, 12, 31)),
    anchors="epm_2017_anchor_codes",
    ladder=(
        "out_of_period",
        "outside_model_dates",
        "not_acute_hospital",
        "excluded_state",
        "no_enrolment_record",
        "not_in_part_a_and_b",
        "coverage_unknown",
        "medicare_advantage",
        "esrd_entitlement",
        "united_mine_workers",
        "other_primary_payer",
        "death_in_anchor",
    ),
    needed_diagnoses=(frozenset({"246", "247", "248", "249", "250", "251"}), "heart_attack_diagnoses"),
    chains=True,
    post_episode_days=30,
    year_by_episode_end=True,
    model_dates=(date(2017, 7, 1), date(2021, 12, 31)),
    paid=SEVEN,
    exclusions=(
        "excluded_readmission_drg",
        "clotting_factor",
        "device_pass_through",
        "professional_in_excluded_stay",
    ),
    prorated=True,
)

ACE = Programme(
    id="ace",
    year="2",
    period=(date(2010, 1, 1), date(2010, 12, 31)),
    anchors="ace_anchor_codes",
    ladder=(
        "out_of_period",
        "not_acute_hospital",
        "no_enrolment_record",
        "not_in_part_a_and_b",
        "coverage_unknown",
        "medicare_advantage",
        "other_primary_payer",
    ),
    basis="allowed",
    netted=(),
    post_days=0,
    discharge_day_is_anchor=True,
    shorten_at_death=False,
    paid=frozenset({"inpatient", "outpatient", "professional"}),
    inclusions=(Inclusion("another_stay", "anchor", frozenset({"inpatient"}), "none"),),
)

TENNCARE = Programme(
    id="tenncare-tjr",
    year="2019",
    period=(date(2019, 1, 1), date(2019, 12, 31)),
    anchors="joint_replacement_professional_codes",
    ladder=(
        "out_of_period",
        "no_facility",
        "disqualifying_diagnosis",
        "clean_period",
        "age",
        "no_enrolment_record",
        "not_covered",
        "coverage_unknown",
        "dual_eligible",
        "other_primary_payer",
        "death_in_episode",
    ),
    basis="allowed",
    netted=(),
    professional=True,
    pre_days=45,
    discharge_day_is_anchor=True,
    lookback_days=45,
    run_out_days=90,
    year_by_episode_end=True,
    coverage=("medical",),
    ages=(18, 64),
    paid=EIGHT,
    inclusions=(
        Inclusion("pre_medication", "pre", frozenset({"drug"}), "none"),
        Inclusion("unrelated_before", "pre", SEVEN, "related_or_surgeon"),
        Inclusion("unrelated_days_1_to_30", "post", EIGHT - {"inpatient"}, "related", last_day=30, emergency_too=False),
        Inclusion("unrelated_days_31_to_90", "post", EIGHT, "related", first_day=31),
    ),
)

COMMERCIAL = Programme(
    id="commercial-tjr",
    year="2025",
    period=(date(2025, 1, 1), date(2025, 12, 31)),
    anchors="joint_replacement_professional_codes",
    ladder=(
        "out_of_period",
        "no_facility",
        "disqualifying_diagnosis",
        "age",
        "no_enrolment_record",
        "not_covered",
        "coverage_unknown",
        "other_primary_payer",
        "death_in_anchor",
    ),
    basis="allowed",
    netted=(),
    professional=True,
    pre_days=30,
    discharge_day_is_anchor=True,
    lookback_days=30,
    run_out_days=90,
    coverage=("medical",),
    ages=(18, 200),
    paid=EIGHT,
    inclusions=(
        Inclusion("pre_medication", "pre", frozenset({"drug"}), "none"),
        Inclusion("unrelated_before", "pre", SEVEN, "related_or_surgeon"),
        Inclusion("unrelated_after", "post", EIGHT - {"snf", "home_health"}, "related"),
    ),
    same_category_cancels=True,
)

CJR_FRACTURE = (frozenset({"469", "470"}), "hip_fracture_diagnoses")
YEARS = {
    "cjr": {
        "3": replace(
            CJR,
            year="3",
            period=(date(2018, 1, 1), date(2018, 12, 31)),
            anchors="cjr_inpatient_anchor_codes",
            fracture=CJR_FRACTURE,
        ),
        "5.2": replace(
            CJR,
            year="5.2",
            period=(date(2021, 1, 1), date(2021, 9, 30)),
            anchors="cjr_inpatient_anchor_codes",
            fracture=CJR_FRACTURE,
        ),
        "6": replace(CJR, year="6", period=(date(2021, 10, 1), date(2022, 12, 31))),
    },
}
PROGRAMMES = {programme.id: programme for programme in (CJR, EPM, ACE, TENNCARE, COMMERCIAL)}


def programme_of(program: str, year: str | None = None) -> Programme:
    """A programme in its year here, or in one of the others."""
    programme = PROGRAMMES[program]
    return programme if year in {None, programme.year} else YEARS[program][str(year)]
