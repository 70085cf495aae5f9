"""The assumptions of ordinary people and background care as one frozen, typed object (`background.toml`)."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from episodes.synthetic.assumptions import DrgFacts, Group, Part, Span, Weights

FourAges = tuple[float, float, float, float]
"""Shares of people under 65, 65 to 74, 75 to 84, 85 and over."""

CareDestination = Literal["home", "home_health", "snf", "irf", "ltch"]


class Blocks(Group):
    """How many people are drawn together."""

    people_per_block: int


class AgeBand(Part):
    """People by age on the first day: share of the population, and share of women among them."""

    ages: Span
    weight: float
    female: float


class Population(Group):
    """Who ordinary people are and how they are covered."""

    bands: tuple[AgeBand, ...]
    entitlement_age: int
    disabled_under_60: float
    disabled_60_to_64: float
    disabled_65_and_over: float
    disabled_coverage_years: Span
    earliest_coverage: dt.date
    annual_mortality: dict[int, float]
    mortality_by_illness: float
    male_mortality: float
    death_months: tuple[float, ...]
    advantage_entry_a_year: float
    advantage_plan: str
    no_part_b: float
    part_b_gap: float
    part_b_gap_months: Span
    esrd: float
    esrd_entitlement: float
    esrd_years_before: Span
    full_dual_disabled: float
    partial_dual_disabled: float


class Illness(Group):
    """How much more than others a person uses."""

    base: float
    sd: float
    most: float
    frailty_sd: float
    most_frailty: float


class Condition(Part):
    """A chronic condition; the first drawn of a family excludes the rest of it."""

    code: str
    shares: FourAges
    illness: float
    family: str | None = None


class Conditions(Group):
    """Chronic conditions in the order of their importance on a claim."""

    list: tuple[Condition, ...]
    with_esrd: tuple[str, ...]


class Seasons(Group):
    """Weights of the months and of the weekdays, by name."""

    months: dict[str, tuple[float, ...]]
    weekdays: dict[str, tuple[float, ...]]


class Companion(Part):
    """A claim of another kind on the same day; with `same_service` it names the same first service."""

    kind: str
    share: float
    same_service: bool = False


class VisitKind(Part):
    """A kind of claim that is paid by line; `background.toml` explains the fields."""

    name: str
    setting: Literal["professional", "outpatient", "dme", "drug"]
    roles: Weights
    rate: float
    months: str = "steady"
    weekdays: str = "every_day"
    first: Weights
    more: float
    others: Weights = Field(default_factory=dict)
    place: str | None = None
    power: float = 0.0
    span: int = 0
    needs: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    own: float = 0.0
    diagnoses: Weights = Field(default_factory=dict)
    companions: tuple[Companion, ...] = ()
    beneficiary_share: bool = True
    bill_type: str | None = None


class Visits(Group):
    """Care that is paid by line, with fees that the configuration has not."""

    laboratory_specialty: str
    diagnoses_besides: int
    fees: Weights
    outpatient: dict[str, tuple[str, str, str, float]]
    pharmacy: dict[str, tuple[float, int]]
    kinds: tuple[VisitKind, ...]

    def kind(self, name: str) -> VisitKind:
        """The kind of a name."""
        return next(kind for kind in self.kinds if kind.name == name)


class StayKind(Part):
    """A hospital stay: its MS-DRG, and the diagnoses, procedures and surgeon's services that go with it."""

    drg: str
    weight: float
    diagnoses: tuple[str, ...]
    group: str | None = None
    earlier: str | None = None
    procedures: tuple[str, ...] = ()
    second_procedures: tuple[str, ...] = ()
    team: str | None = None
    surgery: str | None = None
    anesthesia: str | None = None


class Stays(Group):
    """Hospital stays and the services of clinicians in them."""

    rate: float
    power: float
    months: str
    weekdays: str
    fiscal_year_drgs_from: dt.date
    discharges: dict[CareDestination, float]
    discharge_by_age: float
    consult_share: float
    consult_visits: float
    emergency_share: float
    read_mean: float
    more_centers: Weights
    more_centers_mean: float
    diagnoses_besides: int
    primary_payer_share: float
    died_in_stay: float
    reading_weights: Weights
    emergency: Weights
    admitting: Weights
    consult_first: Weights
    consult_next: Weights
    daily: Weights
    leaving: Weights
    later_drgs: dict[str, DrgFacts]
    drgs: tuple[StayKind, ...]


class AfterStays(Group):
    """SNF, home health and hospice: what `configuration.toml` does not say of them."""

    snf_days: float
    snf_days_sd: float
    nursing_visits: tuple[str, str]
    nursing_visit_days: int
    rehabilitation_visits: tuple[str, str]
    rehabilitation_visit_days: int
    certification: str
    home_health_rate: float
    home_health_power: float
    home_health_months: str
    home_health_weekdays: str
    home_health_second_share: float
    home_health_wait: Span
    home_health_diagnoses: Weights
    snf_diagnoses: Weights
    hospice_share: float
    hospice_days: float
    hospice_days_sd: float
    hospice_most_days: int
    hospice_diagnoses: Weights
    hospice_visit_center: str
    hospice_visit_code: str
    hospice_visits_a_week: float


class Background(Part):
    """All assumptions of ordinary people and background care."""

    blocks: Blocks
    population: Population
    illness: Illness
    conditions: Conditions
    seasons: Seasons
    visits: Visits
    stays: Stays
    after_stays: AfterStays


@cache
def load_background() -> Background:
    """The packaged assumptions.

    >>> load_background().blocks.people_per_block
    2000
    """
    text = (files("episodes.synthetic") / "background.toml").read_text(encoding="utf-8")
    return Background.model_validate(tomllib.loads(text))
