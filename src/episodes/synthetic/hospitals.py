"""The providers: hospitals and facilities with their true effects, clinicians, and who refers to whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from episodes.synthetic.configuration import Configuration, HospitalEntry, HospitalTraits
from episodes.synthetic.drawn_providers import ccn_prefix, drawn_entries, region_of
from episodes.synthetic.draws import Draw, Stream


@dataclass(frozen=True)
class Clinician:
    """A clinician of a hospital, with the true effects of those who operate: multipliers of odds, and of days."""

    npi: str
    name: str
    role: str
    specialty: str
    tin: str
    post_acute_effect: float = 1.0
    readmission_effect: float = 1.0
    complication_effect: float = 1.0
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
    """A post-acute provider, with its true effects on the days of a stay and on readmissions."""

    kind: str
    ccn: str
    npi: str
    region: int
    days_effect: float = 1.0
    readmission_effect: float = 1.0


@dataclass(frozen=True)
class World:
    """All providers of a seed."""

    configuration: Configuration
    hospitals: tuple[Hospital, ...]
    facilities: tuple[Facility, ...]
    referrals: dict[tuple[str, str], dict[Facility, float]] = field(repr=False)
    """Hospital's CCN and kind of facility to the facilities it sends people to, with weights."""

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
        return _near(self.facilities, kind, hospital)


def make_world(configuration: Configuration, seed: int, drawn_hospitals: int = 0) -> World:
    """The providers of a seed: those of the configuration, and so many more hospitals with facilities around them."""
    draw = Draw(seed, Stream.NETWORK)
    numbers = _Numbers(configuration)
    more_hospitals, more_facilities = drawn_entries(configuration, drawn_hospitals, seed)
    entries = (*configuration.network.hospitals, *more_hospitals)
    hospitals = [_hospital(configuration, entry, numbers, draw) for entry in entries]
    effects = configuration.effects
    facilities = tuple(
        Facility(
            kind=entry.kind,
            ccn=ccn_prefix(entry.state) + entry.number,
            npi=numbers.npi(),
            region=region_of(entry.state),
            days_effect=draw.multiplier(effects.facility_days_sd),
            readmission_effect=draw.multiplier(effects.facility_readmission_sd),
        )
        for entry in (*configuration.facilities.list, *more_facilities)
    )
    kinds = sorted({facility.kind for facility in facilities})
    referrals = {
        (hospital.ccn, kind): {
            facility: draw.multiplier(effects.referral_sd) for facility in _near(facilities, kind, hospital)
        }
        for hospital in hospitals
        for kind in kinds
    }
    return World(configuration, tuple(_sharing_surgeons(hospitals, configuration, draw)), facilities, referrals)


def _near(facilities: Sequence[Facility], kind: str, hospital: Hospital) -> tuple[Facility, ...]:
    alike = [facility for facility in facilities if facility.kind == kind]
    near = [facility for facility in alike if facility.region == hospital.region]
    return tuple(near or alike)


def _sharing_surgeons(hospitals: list[Hospital], configuration: Configuration, draw: Draw) -> list[Hospital]:
    """The hospitals, some of whose surgeons also operate at a second one of the region."""
    guests: dict[str, dict[str, list[Clinician]]] = {hospital.ccn: {} for hospital in hospitals}
    for hospital in hospitals:
        others = [other for other in hospitals if other is not hospital and other.region == hospital.region]
        others = [other for other in others if other.entry.volume > 0]
        for team in configuration.network.team_specialties:
            for surgeon in hospital.clinicians[team]:
                if others and hospital.entry.volume > 0 and draw.chance(configuration.effects.several_hospitals_share):
                    guests[draw.pick(others).ccn].setdefault(team, []).append(surgeon)
    return [
        replace(
            hospital,
            clinicians={role: (*own, *guests[hospital.ccn].get(role, ())) for role, own in hospital.clinicians.items()},
        )
        for hospital in hospitals
    ]


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


def _hospital(configuration: Configuration, entry: HospitalEntry, numbers: _Numbers, draw: Draw) -> Hospital:
    network = configuration.network
    employed, surgical, anesthesia = numbers.tin(), numbers.tin(), numbers.tin()
    clinicians: dict[str, tuple[Clinician, ...]] = {}

    def make(role: str, specialty: str, tin: str, number: int, **more: Any) -> Clinician:
        name = f"{entry.name.split()[0]} {role.replace('_', ' ').title()} {number}"
        return Clinician(numbers.npi(), name, role, specialty, tin, **more)

    for team, specialty in network.team_specialties.items():
        large = team == "joint" and entry.volume >= network.large_volume
        count = network.surgeons_joint_team_large if large else network.surgeons_a_team
        surgeons = []
        for number in range(1, count + 1):
            moves = large and number == count and entry.key == network.hospitals[0].key
            moved = {"later_tin": employed, "moved_on": network.group_move_on} if moves else {}
            effects = {
                "post_acute_effect": draw.multiplier(configuration.effects.surgeon_post_acute_sd),
                "readmission_effect": draw.multiplier(configuration.effects.surgeon_readmission_sd),
                "complication_effect": draw.multiplier(configuration.effects.surgeon_complication_sd),
            }
            surgeons.append(make(f"{team}_surgeon", specialty, surgical, number, **effects, **moved))
        clinicians[team] = tuple(surgeons)
    for role, specialty in network.role_specialties.items():
        tin = anesthesia if role.startswith("anesthe") else surgical if role == "assistant" else employed
        count = network.primary_care if role == "primary_care" else 1
        clinicians[role] = tuple(make(role, specialty, tin, number) for number in range(1, count + 1))
    return Hospital(
        entry=entry,
        ccn=ccn_prefix(entry.state) + entry.number,
        npi=numbers.npi(),
        region=region_of(entry.state),
        clinicians=clinicians,
    )
