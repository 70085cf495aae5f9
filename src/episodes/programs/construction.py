"""How claims become episodes, as data: anchors, windows, the exclusion ladder, services, proration, overlap.

Each kind of step is a class with its parameters; the set of kinds is closed, and the engine has one function for each.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from episodes.programs.rule import (
    AddOn,
    Basis,
    CoverageKind,
    Days,
    DaysOfWindow,
    DaysOrNever,
    NamedRule,
    Part,
    ProviderType,
    Rule,
    Setting,
    Status,
    TwoDigits,
)


class Anchors(Part):
    """What starts an episode."""

    codes: Rule[str]
    """Code table: category, anchor_setting, code, price_code, family."""
    drg_map: Rule[str] | None = None
    """Code table of DRGs billed in other years: from_drg, valid_from, valid_to, category, price_code."""
    one_outpatient_anchor_a_day: Rule[bool]
    lead_in_days: Rule[DaysOrNever]
    """An outpatient anchor this many days or fewer before an inpatient anchor becomes its lead-in; -1 = never."""
    lead_in_same_category: Rule[bool]
    transfer_policy: Rule[Literal["same_day_other_hospital", "none"]]
    transfer_provider_types: Rule[tuple[ProviderType, ...]]


class Window(Part):
    """When an episode begins and ends."""

    post_days: Rule[DaysOfWindow]
    """Days after the anchor that belong to the episode, day 1 counted."""
    day_one: Rule[Literal["anchor_end", "day_after_anchor_end"]]
    post_episode_days: Rule[Days]
    shorten_at_death: Rule[bool]
    year_assignment: Rule[Literal["anchor_end", "episode_end"]]
    """The date that puts an episode into a performance year, and that `period` tests."""
    run_out_days: Rule[Days]


class AcuteHospitalRung(NamedRule):
    """The anchor's hospital is not of the listed provider types."""

    kind: Literal["provider_type"]
    allowed: tuple[ProviderType, ...]


class StateRung(NamedRule):
    """The anchor's hospital lies in an excluded state (by the state prefix of its CCN)."""

    kind: Literal["excluded_state"]
    states: tuple[str, ...]


class HospitalListRung(NamedRule):
    """The anchor's hospital is on a dated list and the dates meet the episode."""

    kind: Literal["hospital_list"]
    table: str


class EnrolmentRung(NamedRule):
    """The beneficiary is in no enrolment table."""

    kind: Literal["enrolment_record"]


class ContinuousCoverageRung(NamedRule):
    """Some day of the window is not covered by each of the kinds."""

    kind: Literal["continuous_coverage"]
    kinds: tuple[CoverageKind, ...]


class NoCoverageRung(NamedRule):
    """An interval of one of the kinds meets the window."""

    kind: Literal["no_coverage"]
    kinds: tuple[CoverageKind, ...]


class PrimaryPayerRung(NamedRule):
    """Another payer is primary: an interval of it meets the window, or it paid for the anchor."""

    kind: Literal["other_primary_payer"]


class DeathInAnchorRung(NamedRule):
    """The beneficiary died during the anchor."""

    kind: Literal["death_in_anchor"]
    discharge_status: tuple[TwoDigits, ...]


class DeathInEpisodeRung(NamedRule):
    """The beneficiary died during the anchor, or before the episode's scheduled end."""

    kind: Literal["death_in_episode"]
    discharge_status: tuple[TwoDigits, ...]


class PeriodRung(NamedRule):
    """The episode does not belong to the period asked for."""

    kind: Literal["out_of_period"]


class ModelDatesRung(NamedRule):
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
    | DeathInEpisodeRung
    | PeriodRung
    | ModelDatesRung,
    Field(discriminator="kind"),
]
"""One rung of the exclusion ladder; its `id` is the reason code."""


class StayDrgExclusion(NamedRule):
    """Inpatient stays after the anchor by DRG."""

    kind: Literal["stay_drg"]
    table: str


class StayMdcExclusion(NamedRule):
    """Inpatient stays after the anchor by major diagnostic category."""

    kind: Literal["stay_mdc"]
    mdcs: tuple[TwoDigits, ...]


class HcpcsExclusion(NamedRule):
    """Lines by HCPCS code."""

    kind: Literal["line_hcpcs"]
    table: str
    settings: tuple[Setting, ...]


class StatusIndicatorExclusion(NamedRule):
    """Lines by OPPS status indicator."""

    kind: Literal["line_status_indicator"]
    indicators: tuple[str, ...]
    settings: tuple[Setting, ...]


class LinesInExcludedStay(NamedRule):
    """Lines dated within a stay that is itself excluded, unless they are anchor-period."""

    kind: Literal["lines_in_excluded_stay"]
    settings: tuple[Setting, ...]


ServiceExclusion = Annotated[
    StayDrgExclusion | StayMdcExclusion | HcpcsExclusion | StatusIndicatorExclusion | LinesInExcludedStay,
    Field(discriminator="kind"),
]
"""A rule that takes services out of the episode; its `id` is the reason code."""


class Proration(NamedRule):
    """How an item that runs over the episode's end is split. The first that fits an item is used."""

    settings: tuple[Setting, ...]
    provider_types: tuple[ProviderType, ...] | None = None
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

    paid_settings: Rule[tuple[Setting, ...]]
    undated_outpatient_lines: Rule[Literal["claim_from_date"]]
    non_positive_items: Rule[Literal["include", "bar"]]
    other_payer_items: Rule[Literal["include", "bar"]]
    discharge_day_anchor_places: Rule[tuple[TwoDigits, ...]]
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
    netted_add_ons: Rule[tuple[AddOn, ...]]
    anchors: Anchors
    window: Window
    exclusions: tuple[Rung, ...]
    services: Services
    overlap: OverlapRules
