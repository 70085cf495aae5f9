"""The rungs of the exclusion ladder, as data: each kind of reason for which a candidate episode does not count."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from episodes.programs.rule import CoverageKind, Days, NamedRule, ProviderType, TwoDigits


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

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("ccn", "start_date", "end_date")}

    kind: Literal["hospital_list"]
    table: str
    begun_by: Literal["scheduled_end", "episode_end", "anchor_start"] = "scheduled_end"
    """The listed dates must have begun by this day of the episode."""


class EnrolmentRung(NamedRule):
    """The beneficiary is in no enrolment table."""

    kind: Literal["enrolment_record"]


class ContinuousCoverageRung(NamedRule):
    """Some day of the window is not covered by each of the kinds, or an interval of `without_kinds` meets it."""

    kind: Literal["continuous_coverage"]
    kinds: tuple[CoverageKind, ...]
    without_kinds: tuple[CoverageKind, ...] = ()
    untested_before: dt.date | None = None
    """A window that begins before this day, for which no enrolment is at hand, is not tested."""
    known_people_only: bool = False
    """People without any enrolment record are left to the rung `enrolment_record`."""


class NoCoverageRung(NamedRule):
    """An interval of one of the kinds meets the window."""

    kind: Literal["no_coverage"]
    kinds: tuple[CoverageKind, ...]
    transplant_days: Days | None = None
    """A kidney transplant counts from its day for so many days, whatever the end of its interval."""


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


class LengthOfStayRung(NamedRule):
    """An inpatient anchor longer than so many days."""

    kind: Literal["length_of_stay"]
    longest_days: Days


class AnchorMdcRung(NamedRule):
    """An inpatient anchor of a major diagnostic category that is left out."""

    kind: Literal["anchor_mdc"]
    mdcs: tuple[TwoDigits, ...]


class TransferProviderRung(NamedRule):
    """Some leg of a chain of two stays or more was at a provider of one of the types."""

    kind: Literal["transfer_with_provider"]
    provider_types: tuple[ProviderType, ...]


class TransferStayRung(NamedRule):
    """Some leg of a chain of two stays or more has an excluded DRG or major diagnostic category."""

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("ms_drg",)}

    kind: Literal["transfer_with_excluded_stay"]
    table: str
    mdcs: tuple[TwoDigits, ...]


class HighestRankRung(NamedRule):
    """An outpatient anchor's trigger is not the highest ranked comprehensive procedure (J1) of its claim.

    Ranks and status indicators are those of the reference table `opps` in the pricing year.
    """

    kind: Literal["not_highest_j1"]


class AnchorDiagnosisRung(NamedRule):
    """The anchor's claim has a diagnosis that begins with one of the listed codes."""

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("diagnosis_prefix",)}

    kind: Literal["anchor_diagnosis"]
    table: str


class AgeRung(NamedRule):
    """The beneficiary's age in completed years on the anchor's first day is outside the limits."""

    kind: Literal["age"]
    youngest: int | None = None
    oldest: int | None = None


class CleanPeriodRung(NamedRule):
    """Another trigger of the person lies within so many days before or after the anchor."""

    kind: Literal["clean_period"]
    days_before: Days
    days_after: Days


class NoFacilityRung(NamedRule):
    """A professional trigger for which no facility claim of that day is at hand."""

    kind: Literal["no_facility"]


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
    | LengthOfStayRung
    | AnchorMdcRung
    | TransferProviderRung
    | TransferStayRung
    | HighestRankRung
    | AnchorDiagnosisRung
    | AgeRung
    | CleanPeriodRung
    | NoFacilityRung
    | PeriodRung
    | ModelDatesRung,
    Field(discriminator="kind"),
]
"""One rung of the exclusion ladder; its `id` is the reason code."""
