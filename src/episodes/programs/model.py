"""What a programme is: a frozen, typed model of its rules, each with a citation and a status.

A programme has three parts (design, section 4): *construction* of episodes, *price* and *settlement*. Each
is put together from a closed set of step kinds with parameters. No number of a programme stands in code: the
engine reads this model, and the model is read from a rules file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

Status = Literal["regulation", "published", "unverified", "open", "overridden"]
"""How well a rule is established: read in the regulation; read in a published source; stated from knowledge and
not confirmed; not established (a named setting with a documented default); changed by the user."""

Basis = Literal["standardized", "allowed", "paid"]
Value = TypeVar("Value")


class Part(BaseModel):
    """A part of a programme: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(Part, Generic[Value]):
    """One value of a programme with what supports it."""

    value: Value
    status: Status
    citation: str
    note: str | None = None


# --- construction -------------------------------------------------------------------------------------------


class Anchors(Part):
    """What starts an episode."""

    codes: Rule[str]
    """Code table: category, anchor_setting, code, price_code, family."""
    drg_map: Rule[str] | None = None
    """Code table of DRGs billed in other years: from_drg, valid_from, valid_to, category, price_code."""
    one_outpatient_anchor_a_day: Rule[bool]
    lead_in_days: Rule[int]
    """An outpatient anchor this many days or fewer before an inpatient anchor becomes its lead-in; -1 = never."""
    lead_in_same_category: Rule[bool]
    transfer_policy: Rule[Literal["same_day_other_hospital", "none"]]
    transfer_provider_types: Rule[tuple[str, ...]]


class Window(Part):
    """When an episode begins and ends."""

    post_days: Rule[int]
    """Days after the anchor that belong to the episode, day 1 counted."""
    day_one: Rule[Literal["anchor_end", "day_after_anchor_end"]]
    post_episode_days: Rule[int]
    shorten_at_death: Rule[bool]
    year_assignment: Rule[Literal["anchor_end", "episode_end"]]
    """The date that puts an episode into a performance year, and that `period` tests."""
    run_out_days: Rule[int]


class _Rung(Part):
    id: str
    status: Status
    citation: str
    note: str | None = None


class AcuteHospitalRung(_Rung):
    """The anchor's hospital is not of the listed provider types."""

    kind: Literal["provider_type"]
    allowed: tuple[str, ...]


class StateRung(_Rung):
    """The anchor's hospital lies in an excluded state (by the state prefix of its CCN)."""

    kind: Literal["excluded_state"]
    states: tuple[str, ...]


class HospitalListRung(_Rung):
    """The anchor's hospital is on a dated list and the dates meet the episode."""

    kind: Literal["hospital_list"]
    table: str


class EnrolmentRung(_Rung):
    """The beneficiary is in no enrolment table."""

    kind: Literal["enrolment_record"]


class ContinuousCoverageRung(_Rung):
    """Some day of the window is not covered by each of the kinds."""

    kind: Literal["continuous_coverage"]
    kinds: tuple[str, ...]


class NoCoverageRung(_Rung):
    """An interval of one of the kinds meets the window."""

    kind: Literal["no_coverage"]
    kinds: tuple[str, ...]


class PrimaryPayerRung(_Rung):
    """Another payer is primary: an interval of it meets the window, or it paid for the anchor."""

    kind: Literal["other_primary_payer"]


class DeathInAnchorRung(_Rung):
    """The beneficiary died during the anchor."""

    kind: Literal["death_in_anchor"]
    discharge_status: tuple[str, ...]


class PeriodRung(_Rung):
    """The episode does not belong to the period asked for."""

    kind: Literal["out_of_period"]


class ModelDatesRung(_Rung):
    """The episode starts before, or ends after, the life of the model (not tested for a period of other years)."""

    kind: Literal["model_dates"]
    earliest_episode_start: dt.date
    latest_episode_end: dt.date


Rung = Annotated[
    AcuteHospitalRung
    | StateRung
    | HospitalListRung
    | EnrolmentRung
    | ContinuousCoverageRung
    | NoCoverageRung
    | PrimaryPayerRung
    | DeathInAnchorRung
    | PeriodRung
    | ModelDatesRung,
    Field(discriminator="kind"),
]
"""One rung of the exclusion ladder; its `id` is the reason code."""


class StayDrgExclusion(_Rung):
    """Inpatient stays after the anchor by DRG."""

    kind: Literal["stay_drg"]
    table: str


class StayMdcExclusion(_Rung):
    """Inpatient stays after the anchor by major diagnostic category."""

    kind: Literal["stay_mdc"]
    mdcs: tuple[str, ...]


class HcpcsExclusion(_Rung):
    """Lines by HCPCS code."""

    kind: Literal["line_hcpcs"]
    table: str
    settings: tuple[str, ...]


class StatusIndicatorExclusion(_Rung):
    """Lines by OPPS status indicator."""

    kind: Literal["line_status_indicator"]
    indicators: tuple[str, ...]
    settings: tuple[str, ...]


class LinesInExcludedStay(_Rung):
    """Lines dated within a stay that is itself excluded, unless they are anchor-period."""

    kind: Literal["lines_in_excluded_stay"]
    settings: tuple[str, ...]


ServiceExclusion = Annotated[
    StayDrgExclusion | StayMdcExclusion | HcpcsExclusion | StatusIndicatorExclusion | LinesInExcludedStay,
    Field(discriminator="kind"),
]
"""A rule that takes services out of the episode; its `id` is the reason code."""


class Proration(_Rung):
    """How an item that runs over the episode's end is split. The first that fits an item is used."""

    settings: tuple[str, ...]
    provider_types: tuple[str, ...] | None = None
    states_not: tuple[str, ...] = ()
    method: Literal["days", "gmlos"]
    span: Literal["stay", "billable_visits"] = "stay"


class VisitRule(Part):
    """Which home health lines are billable visits."""

    revenue_center_prefixes: tuple[str, ...]
    not_hcpcs: tuple[str, ...]
    status: Status
    citation: str


class ServiceCategories(Part):
    """Codes by which a service is named in tables (no money depends on them)."""

    assistant_modifiers: tuple[str, ...]
    anesthesia_hcpcs: tuple[str, str]
    drug_hcpcs_prefixes: tuple[str, ...]
    drug_revenue_centers: tuple[str, ...]
    emergency_revenue_centers: tuple[str, ...]
    status: Status
    citation: str


class Services(Part):
    """Which services count, in which period, and with what share."""

    paid_settings: Rule[tuple[str, ...]]
    undated_outpatient_lines: Rule[Literal["claim_from_date", "unattributed"]]
    non_positive_items: Rule[Literal["include", "bar"]]
    other_payer_items: Rule[Literal["include", "bar"]]
    discharge_day_anchor_places: Rule[tuple[str, ...]]
    """Professional lines of the discharge day at these places of service are anchor-period."""
    exclusions: tuple[ServiceExclusion, ...]
    proration: tuple[Proration, ...]
    remainder: Rule[Literal["post_episode"]]
    """Where the part beyond the episode's end goes: all of it to the post-episode period."""
    visits: VisitRule
    categories: ServiceCategories


Overlap = Literal["cancel_first", "first_wins"]


class OverlapRules(Part):
    """What happens when a second episode begins inside the window of a first."""

    same_category: Rule[Overlap]
    other_category: Rule[Overlap]


class Construction(Part):
    """How claims become episodes."""

    amount_basis: Rule[Basis]
    netted_add_ons: Rule[tuple[str, ...]]
    anchors: Anchors
    window: Window
    exclusions: tuple[Rung, ...]
    services: Services
    overlap: OverlapRules


# --- price --------------------------------------------------------------------------------------------------


class Cap(Part):
    """The high-cost cap."""

    upper_percentile: Rule[Decimal]
    method: Rule[Literal["sas5", "linear"]]
    each_year_apart: Rule[bool]


class Baseline(Part):
    """The baseline and how its years are brought together."""

    years: Rule[tuple[int, ...]]
    weights: Rule[tuple[Decimal, ...]]
    adjustment_level: Rule[Literal["national", "cell", "none"]]
    thin_cell_episodes: Rule[int]

    @model_validator(mode="after")
    def _one_weight_a_year(self) -> Baseline:
        if len(self.years.value) != len(self.weights.value) or sum(self.weights.value) != 1:
            raise ValueError("weights must be one a baseline year and sum to exactly 1")
        return self


class Price(Part):
    """How target prices are set."""

    region: Rule[Literal["census_division"]]
    cap: Cap
    baseline: Baseline
    prospective_trend: Rule[Decimal]
    prospective_normalization: Rule[Decimal]
    final_trend_limit: Rule[Decimal]
    final_normalization_limit: Rule[Decimal]
    discounts: Rule[dict[str, Decimal]]


# --- settlement ---------------------------------------------------------------------------------------------


class TrackTerms(Part):
    """What a track risks and how far quality moves it. Null: the track has no downside."""

    stop_gain: Decimal
    stop_loss: Decimal | None = None
    quality_positive: Decimal
    quality_negative: Decimal | None = None


class QualityMeasure(Part):
    """A measure of the composite quality score."""

    categories: tuple[str, ...] | None = None
    """Categories whose episodes weigh it; null = all."""
    anchor_setting: Literal["inpatient", "outpatient"] | None = None
    status: Status
    citation: str


class Quality(Part):
    """The composite quality score."""

    measures: Rule[dict[str, QualityMeasure]]
    neutral_score: Rule[Decimal]
    when_unknown: Rule[Decimal]
    """Score of a hospital without any measure: shown as such in every output."""


StepKind = Literal["low_volume_floor", "quality_adjustment", "limits", "downside_waiver", "post_episode"]


class Settlement(Part):
    """How actual spending is settled against the target."""

    tracks: Rule[dict[str, TrackTerms]]
    default_track: Rule[str]
    low_volume_threshold: Rule[int]
    low_volume_floor: Rule[Literal["category", "none"]]
    post_episode_sd: Rule[Decimal]
    post_episode_without_downside: Rule[Literal["payment_only", "full", "none"]]
    quality: Quality
    steps: Rule[tuple[StepKind, ...]]


# --- the programme ------------------------------------------------------------------------------------------


class PerformanceYear(Part):
    """A performance year by its name, and its dates."""

    start: dt.date
    end: dt.date


class ProgramRules(Part):
    """A programme's rules, resolved for one performance year."""

    id: str
    name: str
    citation: str
    known_as_of: dt.date
    currency: Literal["USD"] = "USD"
    categories: dict[str, str]
    performance_years: dict[str, PerformanceYear]
    construction: Construction
    price: Price
    settlement: Settlement


def walk_rules(part: BaseModel, path: str = "") -> Iterator[tuple[str, object, str, str]]:
    """Every cited value below a part: (id, value, status, citation), in the order of the file."""
    if isinstance(part, Rule):
        yield path, part.value, part.status, part.citation
        return
    if isinstance(part, _Rung):
        parameters = part.model_dump(exclude={"status", "citation", "note", "id"})
        yield path, parameters, part.status, part.citation
        return
    if path and "status" in type(part).model_fields:
        parameters = part.model_dump(exclude={"status", "citation"})
        yield path, parameters, getattr(part, "status", ""), getattr(part, "citation", "")
        return
    for name in type(part).model_fields:
        child = getattr(part, name)
        below = f"{path}.{name}" if path else name
        if isinstance(child, BaseModel):
            yield from walk_rules(child, below)
        elif isinstance(child, tuple):
            for item in child:
                if isinstance(item, _Rung):
                    yield from walk_rules(item, f"{below}.{item.id}")
