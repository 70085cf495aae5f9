"""The providers: hospitals with their effects on cost, clinicians, post-acute facilities, quality."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from episodes.programs.code_tables import load_codes
from episodes.synthetic.configuration import Configuration, HospitalEntry, HospitalTraits
from episodes.synthetic.draws import Draw, Stream

_PROGRAM = "team"


@dataclass(frozen=True)
class Clinician:
    """A clinician of a hospital; `cost_effect` multiplies the use of facility care after the anchor."""

    npi: str
    name: str
    role: str
    specialty: str
    tin: str
    cost_effect: float = 1.0
    later_tin: str | None = None
    moved_on: dt.date | None = None

    def tin_on(self, day: dt.date) -> str:
        """The group the clinician bills through on a day."""
        if self.later_tin is not None and self.moved_on is not None and day >= self.moved_on:
            return self.later_tin
        return self.tin


@dataclass(frozen=True)
class Hospital:
    """A hospital with its clinicians by role."""

    entry: HospitalEntry
    ccn: str
    npi: str
    region: int
    clinicians: dict[str, tuple[Clinician, ...]] = field(repr=False)

    @property
    def traits(self) -> HospitalTraits:
        """What the hospital table says of it."""
        return self.entry.traits

    def one(self, role: str, draw: Draw) -> Clinician:
        """A clinician of a role."""
        return draw.pick(self.clinicians[role])


@dataclass(frozen=True)
class Facility:
    """A post-acute provider."""

    kind: str
    ccn: str
    npi: str
    region: int


@dataclass(frozen=True)
class World:
    """All providers of a seed."""

    configuration: Configuration
    hospitals: tuple[Hospital, ...]
    facilities: tuple[Facility, ...]

    @cached_property
    def by_key(self) -> dict[str, Hospital]:
        """Hospitals by the key of their configuration."""
        return {hospital.entry.key: hospital for hospital in self.hospitals}

    @cached_property
    def volumes(self) -> dict[str, float]:
        """Weights of the hospitals that ordinary anchors happen at, by key."""
        return {key: hospital.entry.volume for key, hospital in self.by_key.items() if hospital.entry.volume > 0}

    def other_than(self, hospital: Hospital) -> tuple[Hospital, ...]:
        """The other ordinary hospitals, those of the same region where there are any."""
        others = [other for other in self.hospitals if other.entry.volume > 0 and other is not hospital]
        near = [other for other in others if other.region == hospital.region]
        return tuple(near or others)

    def facilities_near(self, kind: str, hospital: Hospital) -> tuple[Facility, ...]:
        """Post-acute providers of a kind in the hospital's region, or anywhere where it has none."""
        alike = [facility for facility in self.facilities if facility.kind == kind]
        near = [facility for facility in alike if facility.region == hospital.region]
        return tuple(near or alike)


def make_world(configuration: Configuration, seed: int) -> World:
    """The providers of a seed: those of the configuration, with clinicians' effects drawn."""
    draw = Draw(seed, Stream.NETWORK)
    numbers = _Numbers(configuration)
    hospitals = tuple(_hospital(configuration, entry, numbers, draw) for entry in configuration.network.hospitals)
    facilities = tuple(
        Facility(
            kind=entry.kind,
            ccn=_ccn_prefix(entry.state) + entry.number,
            npi=numbers.npi(),
            region=_region(entry.state),
        )
        for entry in configuration.facilities.list
    )
    return World(configuration, hospitals, facilities)


class _Numbers:
    """Running NPIs and tax numbers in ranges that real ones never have."""

    def __init__(self, configuration: Configuration) -> None:
        self._network = configuration.network
        self._npis = 0
        self._tins = 0

    def npi(self) -> str:
        self._npis += 1
        return f"{self._network.npi_prefix}{self._npis * 37 + 100_000_000:09d}"

    def tin(self) -> str:
        self._tins += 1
        return f"{self._network.tin_prefix}{self._tins * 11 + 1_000_000:07d}"


def _ccn_prefix(state: str) -> str:
    """The state's first prefix in the packaged table that is two digits."""
    prefixes = load_codes("ccn_state_codes").filter(state=state)["ccn_first2"].to_list()
    return str(next(prefix for prefix in prefixes if prefix.isdigit()))


def _region(state: str) -> int:
    return int(load_codes("state_census_division").filter(state=state)["census_division"].item())


def _hospital(configuration: Configuration, entry: HospitalEntry, numbers: _Numbers, draw: Draw) -> Hospital:
    network = configuration.network
    employed, surgical, anesthesia = numbers.tin(), numbers.tin(), numbers.tin()
    clinicians: dict[str, tuple[Clinician, ...]] = {}

    def make(role: str, specialty: str, tin: str, number: int, effect: float = 1.0, **moved: Any) -> Clinician:
        name = f"{entry.name.split()[0]} {role.replace('_', ' ').title()} {number}"
        return Clinician(numbers.npi(), name, role, specialty, tin, effect, **moved)

    for team, specialty in network.team_specialties.items():
        large = team == "joint" and entry.volume >= network.large_volume
        count = network.surgeons_joint_team_large if large else network.surgeons_a_team
        surgeons = []
        for number in range(1, count + 1):
            moves = large and number == count and entry.key == network.hospitals[0].key
            moved = {"later_tin": employed, "moved_on": network.group_move_on} if moves else {}
            effect = draw.around(1.0, configuration.payments.surgeon_effect_sd)
            surgeons.append(make(f"{team}_surgeon", specialty, surgical, number, effect, **moved))
        clinicians[team] = tuple(surgeons)
    for role, specialty in network.role_specialties.items():
        tin = anesthesia if role.startswith("anesthe") else surgical if role == "assistant" else employed
        count = network.primary_care if role == "primary_care" else 1
        clinicians[role] = tuple(make(role, specialty, tin, number) for number in range(1, count + 1))
    return Hospital(
        entry=entry,
        ccn=_ccn_prefix(entry.state) + entry.number,
        npi=numbers.npi(),
        region=_region(entry.state),
        clinicians=clinicians,
    )


def hospital_rows(world: World) -> list[dict[str, Any]]:
    """Rows of the table `hospitals`."""
    return [
        {
            "ccn": hospital.ccn,
            "name": hospital.entry.name,
            "state": hospital.entry.state,
            "region": hospital.region,
            "beds": hospital.traits.beds,
            "safety_net": hospital.traits.safety_net,
            "rural": hospital.traits.rural,
            "teaching": hospital.traits.teaching,
            "dual_share": hospital.traits.dual_share,
        }
        for hospital in world.hospitals
    ]


def participants_of(world: World) -> Sequence[Hospital]:
    """The hospitals that take part."""
    return [hospital for hospital in world.hospitals if hospital.entry.track is not None]


def participant_rows(world: World) -> list[dict[str, Any]]:
    """Rows of the table `participants`: the track of the first performance year."""
    network = world.configuration.network
    return [
        {
            "program": _PROGRAM,
            "entity_kind": "hospital",
            "entity_id": hospital.ccn,
            "track": hospital.entry.track,
            "start_date": network.participation_start,
            "end_date": network.participation_end,
        }
        for hospital in participants_of(world)
    ]


def clinician_rows(world: World) -> list[dict[str, Any]]:
    """Rows of the table `clinicians`: one a clinician and group."""
    rows: list[dict[str, Any]] = []
    for hospital in world.hospitals:
        for people in hospital.clinicians.values():
            for clinician in people:
                who = {"npi": clinician.npi, "name": clinician.name, "specialty": clinician.specialty}
                if clinician.later_tin is None or clinician.moved_on is None:
                    rows.append({**who, "tin": clinician.tin})
                    continue
                last_day = clinician.moved_on - dt.timedelta(days=1)
                rows.append({**who, "tin": clinician.tin, "end_date": last_day})
                rows.append({**who, "tin": clinician.later_tin, "start_date": clinician.moved_on})
    return rows


def quality_rows(world: World, seed: int) -> list[dict[str, Any]]:
    """Rows of the table `quality`: value, percentile (null for one), volume of the participants' measures."""
    quality = world.configuration.quality
    draw = Draw(seed, Stream.NETWORK, 1)
    rows: list[dict[str, Any]] = []
    for hospital in participants_of(world):
        for name, measure in quality.measures.items():
            position = draw.fraction()
            distance = 2 * (position - 0.5) * measure.sd * (1 if measure.higher_is_better else -1)
            volume = draw.between(measure.volume)
            missing = quality.missing.hospital == hospital.entry.key and quality.missing.measure == name
            rows.append(
                {
                    "ccn": hospital.ccn,
                    "measure": name,
                    "performance_year": quality.performance_year,
                    "value": None if missing else round(measure.mean + distance, 3),
                    "percentile": None if missing else round(100 * position, 1),
                    "volume": quality.missing.volume if missing else volume,
                }
            )
    return rows
