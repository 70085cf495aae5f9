"""The generator's assumptions as one frozen, typed object.

They stand in `configuration.toml` (people, money, services), `operations.toml` (anchors and courses),
`network.toml` (providers) and `planted.toml` (events that rules turn on). No share, mean or amount of the
synthetic claims stands in code; each group carries its source and grade.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from episodes.programs.code_tables import load_codes
from episodes.synthetic.assumptions import (
    Anchors,
    Calendar,
    CostSharing,
    Courses,
    Deaths,
    Destination,
    DrgFacts,
    Effects,
    Equipment,
    Group,
    Outpatient,
    Part,
    PaymentRates,
    People,
    PostAcute,
    Professional,
    Readmissions,
    Services,
    Span,
    Versions,
)


class HospitalTraits(Part):
    """What the hospital table says of a hospital; `wage_factor` turns standardized into local dollars."""

    beds: int
    safety_net: bool
    rural: bool
    teaching: bool
    dual_share: float
    wage_factor: float


class HospitalEntry(Part):
    """A hospital with its effects on cost."""

    key: str
    kind: Literal["acute", "cah"]
    state: str
    number: str
    name: str
    traits: HospitalTraits
    volume: float
    facility_use: float
    readmission: float
    later: float
    complication: float = 1.0
    track: str | None = None


class Network(Group):
    """The hospitals and how their clinicians are numbered."""

    surgeons_a_team: int
    surgeons_joint_team_large: int
    large_volume: float
    primary_care: int
    participation_start: dt.date
    participation_end: dt.date
    npi_prefix: str
    tin_prefix: str
    team_specialties: dict[str, str]
    role_specialties: dict[str, str]
    group_move_on: dt.date
    hospitals: tuple[HospitalEntry, ...]


class DrawnHospitals(Group):
    """How further hospitals are drawn for larger populations, and the facilities of their states."""

    people_a_hospital: int
    states: tuple[str, ...]
    first_number: int
    places: tuple[str, ...]
    kinds: tuple[str, ...]
    beds_mean: float
    beds_sd: float
    fewest_beds: int
    beds_a_volume: float
    safety_net_share: float
    rural_share: float
    teaching_share: float
    dual_share: float
    dual_share_safety_net: float
    dual_share_sd: float
    wage_sd: float
    later_sd: float
    tracks: dict[str, float]
    facility_numbers: dict[str, int]
    facilities_a_state: dict[str, int]


class FacilityEntry(Part):
    """A post-acute provider."""

    kind: Literal["snf", "irf", "ltch", "home_health", "hospice"]
    state: str
    number: str


class Facilities(Group):
    """The post-acute providers."""

    list: tuple[FacilityEntry, ...]


class MeasureEntry(Part):
    """A quality measure's distribution over hospitals."""

    mean: float
    sd: float
    higher_is_better: bool
    volume: Span


class MissingMeasure(Part):
    """The one measure without a percentile: too few cases."""

    hospital: str
    measure: str
    volume: int


class QualityScores(Group):
    """Quality of the participating hospitals."""

    performance_year: str
    measures: dict[str, MeasureEntry]
    missing: MissingMeasure


class PlantedStay(Part):
    """An admission after the anchor, so many days after its end, and what outcome measures make of it."""

    drg: str
    diagnosis: str
    procedure: str | None = None
    days: Span
    nights: int
    elsewhere: bool = False
    planned: bool = False
    complication: str | None = None
    left_out: str | None = None


class PlantedEvent(Part):
    """An event that a rule turns on, what it needs of the person's anchor, and what is declared to follow from it."""

    name: str
    what: str
    reasons: tuple[str, ...] = ()
    overlap: Literal["first_cancelled", "second_within"] | None = None
    merged: bool = False
    stay: PlantedStay | None = None
    procedure: str | None = None
    setting: Literal["inpatient", "outpatient"] | None = None
    discharge_to: Destination | None = None
    hospital: str | None = None
    years: Literal["baseline", "later"] | None = None


class Planted(Group):
    """Which person carries which event."""

    cycle: int
    sparse_cycle: int
    last_year_every: int
    events: tuple[PlantedEvent, ...]

    def event_of(self, person: int, *, dense: bool) -> PlantedEvent | None:
        """The event that person n carries: the nth of every cycle; most carry none."""
        position = (person - 1) % (self.cycle if dense else self.sparse_cycle)
        return self.events[position] if position < len(self.events) else None

    def in_last_year(self, person: int) -> bool:
        """Whether person n's planted event is in the last year: every so many copies, staggered over the events."""
        copy, position = divmod(person - 1, self.cycle)
        return (copy + position) % self.last_year_every == 0


class Configuration(Part):
    """All assumptions of the generator."""

    calendar: Calendar
    people: People
    deaths: Deaths
    anchors: Anchors
    courses: Courses
    readmissions: Readmissions
    payments: PaymentRates
    effects: Effects
    cost_sharing: CostSharing
    post_acute: PostAcute
    professional: Professional
    outpatient: Outpatient
    equipment: Equipment
    services: Services
    versions: Versions
    network: Network
    drawn_hospitals: DrawnHospitals
    facilities: Facilities
    quality: QualityScores
    planted: Planted


@cache
def load_configuration() -> Configuration:
    """The packaged assumptions.

    >>> load_configuration().calendar.grade
    'judgement'
    """
    tree: dict[str, Any] = {}
    for name in ("configuration.toml", "operations.toml", "network.toml", "planted.toml"):
        text = (files("episodes.synthetic") / name).read_text(encoding="utf-8")
        tree.update(tomllib.loads(text))
    return Configuration.model_validate(tree)


@cache
def drg_facts(drg: str) -> DrgFacts:
    """Weight, mean stay and category of an MS-DRG: the packaged table, else the configuration's later DRGs.

    >>> drg_facts("470").relative_weight
    1.8999
    """
    return _all_drgs()[drg]


@cache
def _all_drgs() -> dict[str, DrgFacts]:
    configuration = load_configuration()
    year = str(configuration.payments.base_year)
    columns = ("ms_drg", "relative_weight", "gmlos", "mdc")
    rows = load_codes("ms_drgs").filter(fiscal_year=year).select(columns).iter_rows(named=True)
    packaged = {
        row["ms_drg"]: DrgFacts(relative_weight=row["relative_weight"], gmlos=row["gmlos"], mdc=row["mdc"])
        for row in rows
        if row["relative_weight"] is not None and row["gmlos"] is not None
    }
    return configuration.anchors.later_drgs | packaged
