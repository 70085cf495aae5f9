"""The types of the clinical and financial assumptions, one class a group of figures."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

Grade = Literal["A", "B", "C", "schedule", "judgement"]
"""How good a group's figures are; the grades are explained at the head of `configuration.toml`."""

Destination = Literal["home", "home_health", "snf", "irf", "ltch", "hospice"]
CourseName = Literal["elective_joint", "fracture", "bypass", "fusion", "bowel"]
Weights = dict[str, float]
Span = tuple[int, int]
"""Days or counts, from and to, both included."""


class Part(BaseModel):
    """A part of the configuration: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(Part):
    """A group of figures with what supports it."""

    source: str
    grade: Grade


class Calendar(Group):
    """When anchors happen, and to whom none."""

    year_weights: dict[int, float]
    other_year_weight: float
    dense_anchor_share: float
    sparse_anchor_share_a_year: float
    dense_background_share: float
    second_anchor_share: float
    second_anchor_days: Span
    new_drgs_from: dt.date
    improvement_from: dt.date


class People(Group):
    """Who the people are."""

    youngest: int
    oldest: int
    disabled_share_65_and_over: float
    full_dual_rate: float
    partial_dual_share: float
    subsidy_share: float
    aco_share: float
    institution_share: float
    kidney_transplant_share: float
    deprivation_missing_share: float
    frailty_per_condition: float
    mean_conditions: float
    condition_weights: Weights
    risk_conditions: tuple[str, ...]


class DeathShares(Part):
    """Shares of people who die in each period around an anchor."""

    anchor: float
    window: float
    post_episode: float
    later: float


class Deaths(Group):
    """Deaths by course."""

    by_course: dict[CourseName, DeathShares]


class DrgFacts(Part):
    """Weight, geometric mean length of stay (days) and major diagnostic category of an MS-DRG."""

    relative_weight: float
    gmlos: float
    mdc: str | None


class Procedure(Part):
    """An operation that anchors an episode, inpatient or outpatient."""

    category: str
    course: CourseName
    weight: float
    team: str
    drgs: Weights
    earlier_drgs: dict[str, str] = {}
    outpatient: Weights = {}
    outpatient_share: float = 0.0
    variants: tuple[tuple[str, str, str], ...]
    surgery: str
    anesthesia: str


class Anchors(Group):
    """The operations and their codes."""

    length_of_stay_sd: float
    outlier_share: float
    outlier_dollars: float
    outlier_sd: float
    later_drgs: dict[str, DrgFacts]
    procedures: dict[str, Procedure]


class Course(Part):
    """How people fare with one kind of operation."""

    age_mean: float
    age_sd: float
    female_share: float
    elective: bool
    inpatient_discharges: dict[Destination, float]
    outpatient_discharges: dict[Destination, float]
    readmission: float
    complication: float = 0.0
    snf_days: float
    therapy_share: float
    walker_share: float


class Courses(Group):
    """The courses by name, and when readmissions happen (days after the discharge)."""

    early_readmission_share: float
    early_readmission_days: Span
    late_readmission_days: Span
    by_name: dict[CourseName, Course]


class Readmissions(Group):
    """What people are admitted for besides the anchor."""

    length_of_stay_sd: float
    same_hospital_share: float
    drg_weights: Weights
    diagnoses: dict[str, str]
    home_health_share: float


class PaymentRates(Group):
    """Hospital payment and the factors between standardized and allowed amounts."""

    base_rate: float
    base_year: int
    annual_growth: float
    ime_rate: float
    dsh_rate: float
    dsh_rate_safety_net: float
    uncompensated_care: float
    uncompensated_care_safety_net: float
    cah_cost_factor: float
    maryland_cost_factor: float
    new_technology_dollars: float
    clotting_factor_dollars: float
    practice_share_of_wage: float
    charge_multiple: float
    charge_sd: float
    line_sd: float
    room_cost_a_day: float
    stay_costs: Weights
    operation_costs: Weights
    primary_payer_share: float


class CostSharing(Group):
    """What the beneficiary owes."""

    hospital_deductible: dict[int, float]
    snf_coinsurance_a_day: dict[int, float]
    snf_free_days: int
    benefit_period_days: int
    part_b_share: float


class Effects(Group):
    """How much providers differ in what they cause: standard deviations of the logarithm of multipliers."""

    surgeon_post_acute_sd: float
    surgeon_readmission_sd: float
    surgeon_complication_sd: float
    hospital_post_acute_sd: float
    hospital_readmission_sd: float
    hospital_complication_sd: float
    facility_days_sd: float
    facility_readmission_sd: float
    severity_to_surgeon: float
    severity_to_conditions: float
    several_hospitals_share: float
    referral_sd: float


class PostAcute(Group):
    """Amounts, days and visits of post-acute care."""

    snf_day: float
    snf_days_sd: float
    irf_case: float
    irf_days: float
    ltch_case: float
    ltch_days: float
    case_sd: float
    home_health_start_days: Span
    home_health_period: float
    home_health_sd: float
    home_health_visits: float
    home_health_second_period_share: float
    home_health_after_facility_share: float
    low_utilization_share: float
    second_period_low_share: float
    low_utilization_visit: float
    low_utilization_visits: Span
    home_health_visits_sd: float
    home_health_visits_least: int
    visit_cost: float
    hospice_day: float
    hospice_days: float
    hospice_days_sd: float
    longest_facility_use: float
    visit_types: tuple[tuple[str, str], ...]
    site_code: str
    irf_drg: str
    irf_diagnosis: str
    ltch_drg: str
    ltch_diagnosis: str
    hospice_diagnosis: str
    pdpm_code: str


class Professional(Group):
    """Fees of clinicians by HCPCS, and who is at hand."""

    assistant_share: float
    assistant_rate: float
    anesthetist_share: float
    consult_share: float
    imaging_read_share: float
    fees: dict[str, float]


class Outpatient(Group):
    """Hospital outpatient services: revenue center, status indicator, APC, dollars by HCPCS."""

    services: dict[str, tuple[str, str, str, float]]


class Equipment(Group):
    """Equipment, drugs and pharmacy."""

    fees: dict[str, float]
    aid_weights: Weights
    excluded_drug_dollars: float
    pharmacy_share: float
    pharmacy_dollars: float


class Services(Group):
    """Which services people have around an anchor and besides."""

    preoperative_days: Span
    preoperative_test_days: Span
    preoperative_imaging_share: float
    global_visit_days: tuple[int, ...]
    global_visit_spread: Span
    follow_up_visit_days: Span
    follow_up_imaging_days: Span
    therapy_start_days: Span
    emergency_days: Span
    clinic_drug_days: Span
    pharmacy_fills: Span
    emergency_share: float
    clinic_drug_share: float
    therapy_visits: Span
    post_episode_visit_share: float
    follow_up_imaging_share: float
    late_process_share: float
    process_days: Span
    late_process_days: Span


class Versions(Group):
    """The history of claims in deliveries: shares of final claims that have each kind beside them."""

    cancelled_share: float
    earlier_share: float
    denied_share: float
    repeated_share: float
    earlier_days: Span
    """Days from the processing of a version to that of the claim that stands."""
    earlier_percent: Span
    """Amounts of an earlier version, of 100 of the claim that stands."""
    least_paid_dollars: int
    """Claims with a lower payment have no paid versions."""
    interim_share: float
    """Of inpatient stays of `interim_from_nights` or more, billed in two parts."""
    interim_from_nights: int

    def shares(self) -> dict[str, float]:
        """Share of claims by kind of history; a claim has one kind at most."""
        return {
            "cancelled": self.cancelled_share,
            "earlier_version": self.earlier_share,
            "denied": self.denied_share,
            "repeated": self.repeated_share,
        }
