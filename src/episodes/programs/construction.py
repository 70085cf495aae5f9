"""How claims become episodes, as data: anchors, windows, the exclusion ladder, services, overlap.

Each kind of step is a class with its parameters; the set of kinds is closed, and the engine has one function for each.
The rungs of the ladder stand in `ladder_rules`, the rules for services in `service_rules`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from episodes.programs.ladder_rules import Rung
from episodes.programs.rule import (
    AddOn,
    Basis,
    CalendarYear,
    Days,
    DaysOrNever,
    NamedRule,
    Part,
    ProviderType,
    Rule,
)
from episodes.programs.service_rules import Services

MOST_RUNGS = 60
"""Rungs of a ladder: which of them hold for a candidate is kept as bits of one whole number."""


class NeededProcedure(NamedRule):
    """Stays of some DRGs start an episode only with a listed procedure; the others leave no candidate."""

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("procedure", "icd_version")}

    drgs: tuple[str, ...]
    table: str
    """Code table: procedure, icd_version (9 or 10, by the day of discharge)."""


class NeededDiagnosis(NamedRule):
    """Stays of some DRGs start an episode only with a listed diagnosis, in any position; the others leave none."""

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("diagnosis_prefix",)}

    drgs: tuple[str, ...]
    table: str


class Fracture(NamedRule):
    """Anchors whose price cell is split by a fracture, told by the principal diagnosis of the anchor's claim."""

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {"table": ("diagnosis_prefix",)}

    codes: tuple[str, ...]
    """Anchor codes (DRG, HCPCS) that are split; the cell of every other is its price code."""
    table: str


class ProfessionalAnchors(Part):
    """Professional lines that start an episode, with the facility stay or visit that they were rendered in."""

    not_modifiers: Rule[tuple[str, ...]]
    """Lines of assistants and others that do not trigger."""
    facility: Rule[Literal["stay_or_visit_of_the_day"]]
    """The inpatient stay that holds the day of service, else an outpatient facility claim with a line on it."""


class Anchors(Part):
    """What starts an episode."""

    codes: Rule[str]
    """Code table: category, anchor_setting, code, price_code, family."""
    drg_map: Rule[str] | None = None
    """Code table of DRGs billed in other years: from_drg, valid_from, valid_to, category, price_code."""
    pricing_year: Rule[CalendarYear] | None = None
    """Fiscal year of the DRG version, and calendar year of APCs and ranks, that anchors are re-grouped to."""
    first_drg_year: Rule[CalendarYear] | None = None
    """The oldest fiscal year that the DRG re-map table speaks of."""
    outpatient_price_code: Rule[Literal["table", "table_else_apc"]]
    """Where the price code of an outpatient anchor comes from: the anchor table; else its APC in the pricing year."""
    positive_amount: Rule[bool]
    """Whether stays and trigger lines without a positive amount are passed over."""
    removed_hospitals: Rule[tuple[str, ...]]
    """CCNs whose inpatient stays leave entirely, neither anchor nor service."""
    price_cell: Rule[Literal["price_code", "price_code_and_fracture"]]
    fracture: Fracture | None = None
    """Which anchors a fracture splits; needed where `price_cell` asks for it."""
    needed_procedures: tuple[NeededProcedure, ...] = ()
    needed_diagnoses: tuple[NeededDiagnosis, ...] = ()
    one_outpatient_anchor_a_day: Rule[bool]
    lead_in_days: Rule[DaysOrNever]
    """An outpatient anchor this many days or fewer before an inpatient anchor becomes its lead-in; -1 = never."""
    lead_in_same_category: Rule[bool]
    transfer_policy: Rule[Literal["same_day_other_hospital", "none"]]
    transfer_provider_types: Rule[tuple[ProviderType, ...]]
    other_stays: Rule[Literal["chain_of_one", "no_anchor"]]
    """What stays at providers of other types are: anchors by themselves, or none at all."""
    professional: ProfessionalAnchors | None = None


class Window(Part):
    """When an episode begins and ends."""

    pre_days: Rule[Days]
    """Days before the anchor that belong to the episode (period `pre`)."""
    post_days: Rule[Days]
    """Days after the anchor that belong to the episode, day 1 counted."""
    day_one: Rule[Literal["anchor_end", "day_after_anchor_end"]]
    """Whether the anchor's last day is day 1 of the days after it, or belongs to the anchor."""
    post_episode_days: Rule[Days]
    lookback_days: Rule[Days]
    """Days before the anchor from which on eligibility is tested."""
    attribution_lookback_days: Rule[Days]
    attribution_end: Rule[Literal["anchor_end", "first_leg_end"]]
    shorten_at_death: Rule[bool]
    death_in_anchor_shortens: Rule[bool]
    """Whether a death during the anchor ends the windows too (its episode is excluded either way, or not at all)."""
    year_assignment: Rule[Literal["anchor_end", "episode_end"]]
    """The date that puts an episode into a performance year, and that `period` tests."""
    run_out_days: Rule[Days]


Overlap = Literal["cancel_first", "first_wins"]


class OverlapException(NamedRule):
    """Pairs of episodes for which the first gives way, whatever the general rule says."""

    first_categories: tuple[str, ...]
    second_categories: tuple[str, ...]
    same_setting: bool | None = None
    """Only anchors of one setting (or of two different ones); null: any."""
    same_start: bool | None = None
    """Only anchors that begin on one day (or on two different ones); null: any."""


class OverlapRules(Part):
    """What happens when a second episode begins inside the window of a first."""

    same_category: Rule[Overlap]
    other_category: Rule[Overlap]
    first_gives_way: tuple[OverlapException, ...] = ()
    reason: Rule[str] | None = None
    """One reason code for all that give way; null: `within_earlier_episode` and `cancelled_by_later_episode`."""


class Construction(Part):
    """How claims become episodes."""

    published_for: Rule[str] | None = None
    """The performance year whose construction this is, where a programme's own years have no other; none: its own."""
    amount_basis: Rule[Basis]
    netted_add_ons: Rule[tuple[AddOn, ...]]
    anchors: Anchors
    window: Window
    exclusions: Annotated[tuple[Rung, ...], Field(max_length=MOST_RUNGS)]
    services: Services
    overlap: OverlapRules
