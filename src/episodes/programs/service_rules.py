"""Which services count, in which period, and with what share, as data."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from episodes.programs.rule import Days, NamedRule, Part, ProviderType, Rule, Setting, Status, TwoDigits


class StayDrgExclusion(NamedRule):
    """Inpatient stays after the anchor by DRG."""

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("ms_drg",)}

    kind: Literal["stay_drg"]
    table: str


class StayMdcExclusion(NamedRule):
    """Inpatient stays after the anchor by major diagnostic category."""

    kind: Literal["stay_mdc"]
    mdcs: tuple[TwoDigits, ...]


class StayProcedureExclusion(NamedRule):
    """Inpatient stays of some DRGs with a listed procedure, in episodes of some categories.

    A stay that lies wholly in the post-episode period is not excluded.
    """

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("procedure", "icd_version")}

    kind: Literal["stay_procedure"]
    drgs: tuple[str, ...]
    table: str
    """Code table: procedure, icd_version (9 or 10, by the day of discharge)."""
    categories: tuple[str, ...]


class HcpcsExclusion(NamedRule):
    """Lines by HCPCS code, and by the day of service where the table says so (valid_from, valid_to)."""

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("hcpcs",), "places": ("place_of_service", "valid_from")}

    kind: Literal["line_hcpcs"]
    table: str
    settings: tuple[Setting, ...]
    reference: Literal["clotting"] | None = None
    """A reference table of codes by quarter that adds to the list."""
    reference_until: str | None = None
    """The last quarter (2024Q2) that the reference table is read for."""
    anchor_drgs: tuple[str, ...] = ()
    """Only in episodes whose inpatient anchor has one of these DRGs; none named: in all."""
    places: str | None = None
    """Code table (place_of_service, valid_from): professional lines only at these places."""


class StatusIndicatorExclusion(NamedRule):
    """Lines by OPPS status indicator."""

    kind: Literal["line_status_indicator"]
    indicators: tuple[str, ...]
    settings: tuple[Setting, ...]


class HospiceDemonstrationExclusion(NamedRule):
    """Hospice claims of a demonstration, by bill type and demonstration number."""

    kind: Literal["hospice_demonstration"]
    bill_type_prefixes: tuple[str, ...]
    demonstration_codes: tuple[str, ...]


class UnknownLowUtilization(NamedRule):
    """Home health claims that do not say whether they were paid by visit."""

    kind: Literal["low_utilization_unknown"]


class LinesInExcludedStay(NamedRule):
    """Lines dated within a stay that is itself excluded, unless they are anchor-period."""

    kind: Literal["lines_in_excluded_stay"]
    settings: tuple[Setting, ...]


ServiceExclusion = Annotated[
    StayDrgExclusion
    | StayMdcExclusion
    | StayProcedureExclusion
    | HcpcsExclusion
    | StatusIndicatorExclusion
    | HospiceDemonstrationExclusion
    | UnknownLowUtilization
    | LinesInExcludedStay,
    Field(discriminator="kind"),
]
"""A rule that takes services out of the episode; its `id` is the reason code. The first that holds is the reason."""


class Inclusion(NamedRule):
    """What must hold for services of some days to count; its `id` is the reason code of those for which it does not.

    The first rule that fits a service decides; a service that no rule fits counts.
    """

    period: Literal["pre", "anchor", "post"]
    first_day: int | None = None
    last_day: int | None = None
    """Days of the post period, as the programme counts them (both ends included); null = no limit."""
    settings: tuple[Setting, ...]
    emergency_too: bool = True
    """Whether emergency lines (by revenue center or place of service) are under the rule as well."""
    include: Literal["related", "related_or_surgeon", "none"]
    """`related`: the diagnosis is in `related_diagnoses`; `related_or_surgeon`: or the accountable surgeon's own."""


class Proration(NamedRule):
    """How an item that runs over the episode's end is split. The first that fits an item is used."""

    settings: tuple[Setting, ...]
    provider_types: tuple[ProviderType, ...] | None = None
    states_not: tuple[str, ...] = ()
    units: bool = True
    """Whether units of a hospital, known by a letter in the CCN, count as the type that the letter stands for."""
    low_utilization: bool | None = None
    """Only home health claims that are (or are not) paid by visit; null: all."""
    method: Literal["days", "gmlos", "visits"]
    span: Literal["stay", "billable_visits"] = "stay"


class VisitRule(Part):
    """Which home health lines are billable visits."""

    revenue_center_prefixes: tuple[str, ...]
    not_hcpcs: tuple[str, ...]
    status: Status
    citation: str


class EmergencyLookBack(Part):
    """Emergency services shortly before the anchor, or on its first day, that belong to it."""

    days: Days
    revenue_centers: tuple[str, ...]
    """Outpatient lines of these centers are anchor-period; their days are remembered."""
    places: tuple[TwoDigits, ...]
    """Professional lines at these places on a remembered day are anchor-period too."""
    status: Status
    citation: str


class GlobalSurgeryLookBack(Part):
    """Professional lines with a global surgical period shortly before the anchor, or on its first day.

    Global days are read in the reference table `fee_schedule` at the day of service: of the component named by a
    modifier, else of the unmodified code. More than one component modifier on a line voids it.
    """

    days: Days
    global_days: tuple[str, ...]
    component_modifiers: tuple[str, ...]
    modifiers_read: int
    status: Status
    citation: str


class DiagnosisMark(NamedRule):
    """A diagnosis that marks an episode, for information only: no amount depends on it."""

    codes: dict[str, dt.date]
    """Code to the first day on which a service with it counts."""
    episodes_from: dt.date
    """Only episodes whose anchor begins on this day or later are marked."""


class ServiceCategories(Part):
    """Codes by which a service is named in tables (no money depends on them)."""

    assistant_modifiers: tuple[str, ...]
    anesthesia_hcpcs: tuple[str, str]
    drug_hcpcs_prefixes: tuple[str, ...]
    drug_revenue_centers: tuple[str, ...]
    emergency_revenue_centers: tuple[str, ...]
    emergency_places: tuple[TwoDigits, ...]
    """Professional lines at these places of service are emergency services, where an inclusion spares those."""
    status: Status
    citation: str


class Services(Part):
    """Which services count, in which period, and with what share."""

    paid_settings: Rule[tuple[Setting, ...]]
    snf_dates: Rule[Literal["admission", "claim"]]
    """Whether a SNF claim starts at its admission (where given), or with its own from date."""
    undated_outpatient_lines: Rule[Literal["claim_from_date", "not_grouped"]]
    non_positive_items: Rule[Literal["include", "bar"]]
    other_payer_items: Rule[Literal["include", "bar"]]
    trigger_line: Rule[Literal["always_counts", "as_any_line"]]
    """Whether the trigger line of an outpatient anchor is excepted from bars and exclusions, as anchor stays are."""
    procedure_day_anchor_settings: Rule[tuple[Setting, ...]]
    """Settings whose services on the day of an outpatient anchor are anchor-period."""
    discharge_day_anchor_places: Rule[tuple[TwoDigits, ...]]
    """Professional lines of the anchor's last day at these places of service are anchor-period."""
    stays_during_anchor: Rule[Literal["anchor", "not_grouped"]]
    """What becomes of a stay that begins during an inpatient anchor and is no leg of it."""
    emergency_look_back: EmergencyLookBack | None = None
    global_surgery_look_back: GlobalSurgeryLookBack | None = None
    inclusions: tuple[Inclusion, ...] = ()
    related_diagnoses: Rule[str] | None = None
    """Code table (diagnosis_prefix): what counts as clinically related; needed where an inclusion asks for it."""
    related_by: Rule[Literal["principal_or_line", "any"]] | None = None
    """Which diagnosis is looked at: the line's own, else the claim's principal one; or any of either."""
    exclusions: tuple[ServiceExclusion, ...]
    marks: tuple[DiagnosisMark, ...] = ()
    proration: tuple[Proration, ...]
    split_at_anchor_end: Rule[bool]
    """Whether an item by days that runs over the anchor's end has its first days in the anchor period."""
    remainder: Rule[Literal["post_episode", "by_days"]]
    """Where the part beyond the episode's end goes: all of it to the post-episode period, or by its days there."""
    outlier: Rule[Literal["with_amount", "by_days"]]
    """How the outlier part of a stay by GMLOS is split: with the rest of the amount, or apart, by days."""
    missing_gmlos: Rule[Literal["nearest_year_of_drg", "nearest_year"]]
    """Which GMLOS stands in where the table has no row for the year of discharge: of the nearest year that has the DRG,
    or of the nearest year at all (then a DRG that the year does not have has none)."""
    visits: VisitRule
    categories: ServiceCategories
