"""What background claims are put together from: codes, services and providers, each by a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from episodes.synthetic.background_assumptions import Background, VisitKind
from episodes.synthetic.bulk_draws import Floats, Ints, day_number
from episodes.synthetic.hospitals import World

_NEVER = 1 << 30
_PROVIDER_TYPES = ("snf", "home_health", "hospice")
"""Facilities whose claims say what they are; of the others the CCN does."""


class Codes:
    """Codes by number; 0 is null.

    >>> codes = Codes()
    >>> codes.number("I10"), codes.number("E119"), codes.number("I10")
    (1, 2, 1)
    """

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {None: 0}

    def number(self, code: str) -> int:
        """The number of a code, a new one where it is new."""
        return self._numbers.setdefault(code, len(self._numbers))

    def numbers(self, codes: Iterable[str]) -> Ints:
        """The numbers of several codes."""
        return np.array([self.number(code) for code in codes], dtype=np.int64)

    def series(self) -> pl.Series:
        """The codes in the order of their numbers."""
        return pl.Series(list(self._numbers), dtype=pl.String)


@dataclass(frozen=True)
class Service:
    """What every line of a service has in common; `dollars` is its fee, `noisy` where the fee varies."""

    hcpcs: str | None = None
    modifiers: tuple[str, ...] = ()
    center: str | None = None
    place: str | None = None
    indicator: str | None = None
    apc: str | None = None
    facility: bool = False
    visits: int | None = None
    dollars: float = 0.0
    noisy: bool = False
    units: float = 1.0


class Services:
    """Services by number."""

    def __init__(self, world: World, assumptions: Background) -> None:
        self._numbers: dict[Service, int] = {}
        configuration, visits = world.configuration, assumptions.visits
        self._fees = configuration.equipment.fees | configuration.professional.fees | visits.fees
        self._outpatient = configuration.outpatient.services | visits.outpatient
        self._pharmacy = visits.pharmacy

    def number(self, service: Service) -> int:
        """The number of a service, a new one where it is new."""
        return self._numbers.setdefault(service, len(self._numbers))

    def professional(self, hcpcs: str, place: str | None, modifiers: tuple[str, ...] = ()) -> int:
        """A clinician's, laboratory's or supplier's service; laboratory tests are paid alike everywhere."""
        fee = self._fees[hcpcs] if hcpcs in self._fees else self._outpatient[hcpcs][3]
        return self.number(Service(hcpcs, modifiers, place=place, dollars=fee, noisy=True))

    def of_kind(self, kind: VisitKind, names: Iterable[str]) -> Ints:
        """The services that a kind of visit names."""
        return np.array([self._of_kind(kind, name) for name in names], dtype=np.int64)

    def _of_kind(self, kind: VisitKind, name: str) -> int:
        if kind.setting == "drug":
            dollars, units = self._pharmacy[name]
            return self.number(Service(dollars=dollars, noisy=True, units=float(units)))
        if kind.setting != "outpatient":
            return self.professional(name, kind.place, kind.modifiers)
        center, indicator, apc, dollars = self._outpatient[name]
        return self.number(
            Service(name, kind.modifiers, center, None, indicator, apc or None, facility=True, dollars=dollars)
        )

    def center(self, center: str, cost: float, hcpcs: str | None = None, visits: int | None = None) -> int:
        """A revenue line of a claim that is paid as a whole; `cost` stands behind its charge."""
        return self.number(Service(hcpcs, center=center, facility=True, visits=visits, dollars=cost))

    def dollars(self) -> Floats:
        """Fees or costs by number."""
        return np.array([service.dollars for service in self._numbers], dtype=np.float64)

    def units(self) -> Floats:
        """Usual units by number."""
        return np.array([service.units for service in self._numbers], dtype=np.float64)

    def frame(self) -> pl.DataFrame:
        """Columns of the lines of each service, a row a number."""
        services = list(self._numbers)
        return pl.DataFrame(
            {
                "hcpcs": pl.Series([one.hcpcs for one in services], dtype=pl.String),
                "modifiers": pl.Series([list(one.modifiers) or None for one in services], dtype=pl.List(pl.String)),
                "revenue_center": pl.Series([one.center for one in services], dtype=pl.String),
                "place_of_service": pl.Series([one.place for one in services], dtype=pl.String),
                "status_indicator": pl.Series([one.indicator for one in services], dtype=pl.String),
                "apc": pl.Series([one.apc for one in services], dtype=pl.String),
                "visits": pl.Series([one.visits for one in services], dtype=pl.Int32),
                "noncovered_charge_cents": pl.Series([0 if one.facility else None for one in services], dtype=pl.Int64),
            }
        )


class Providers:
    """Clinicians and facilities by number; 0 is none."""

    def __init__(self, world: World, laboratory_specialty: str) -> None:
        self._starts: dict[str, Ints] = {}
        self._sizes: dict[str, Ints] = {}
        npis: list[str | None] = [None]
        bills: list[tuple[str | None, str | None, str | None]] = [(None, None, None), (None, None, None)]
        moved = [_NEVER]
        roles = list(world.hospitals[0].clinicians)
        for role in roles:
            starts, sizes = [], []
            for hospital in world.hospitals:
                people = hospital.clinicians[role]
                starts.append(len(npis))
                sizes.append(len(people))
                for person in people:
                    npis.append(person.npi)
                    moved.append(_NEVER if person.moved_on is None else day_number(person.moved_on))
                    bills.append((person.npi, person.tin, person.specialty))
                    bills.append((person.npi, person.later_tin or person.tin, person.specialty))
            self._starts[role] = np.array(starts, dtype=np.int64)
            self._sizes[role] = np.array(sizes, dtype=np.int64)
        self.laboratory = len(npis)
        npis.append(None)
        moved.append(_NEVER)
        bills += [(None, None, laboratory_specialty)] * 2
        self._moved = np.array(moved, dtype=np.int64)
        self.npis = pl.Series(npis, dtype=pl.String)
        self.bills = pl.DataFrame(
            bills, schema={"rendering_npi": pl.String, "tin": pl.String, "specialty": pl.String}, orient="row"
        )
        self._add_facilities(world)

    def _add_facilities(self, world: World) -> None:
        rows: list[tuple[str | None, str | None, str | None]] = [(None, None, None)]
        rows += [(hospital.ccn, hospital.npi, None) for hospital in world.hospitals]
        number_of = {}
        for facility in world.facilities:
            number_of[facility.ccn] = len(rows)
            kind = facility.kind if facility.kind in _PROVIDER_TYPES else None
            rows.append((facility.ccn, facility.npi, kind))
        schema = {"ccn": pl.String, "facility_npi": pl.String, "provider_type": pl.String}
        self.facilities = pl.DataFrame(rows, schema=schema, orient="row")
        self._near: dict[str, tuple[Ints, Ints, Ints]] = {}
        a_hospital_of = {hospital.region: hospital for hospital in world.hospitals}
        for kind in sorted({facility.kind for facility in world.facilities}):
            # The same for all hospitals of a region.
            by_region = {region: world.facilities_near(kind, one) for region, one in a_hospital_of.items()}
            near = [by_region[hospital.region] for hospital in world.hospitals]
            flat = np.array([number_of[one.ccn] for group in near for one in group], dtype=np.int64)
            sizes = np.array([len(group) for group in near], dtype=np.int64)
            self._near[kind] = (flat, np.cumsum(sizes) - sizes, sizes)

    def clinician(self, role: str, hospital: Ints, fractions: Floats) -> Ints:
        """A clinician of a role at each hospital (a position in the world)."""
        return self._starts[role][hospital] + (fractions * self._sizes[role][hospital]).astype(np.int64)

    def own_clinician(self, role: str, hospital: Ints, person: Ints) -> Ints:
        """The clinician of a role at each hospital who is a person's own, by the person's number."""
        return self._starts[role][hospital] + person % self._sizes[role][hospital]

    def first_clinician(self, role: str, hospital: Ints) -> Ints:
        """The first clinician of a role at each hospital."""
        return np.asarray(self._starts[role][hospital])

    @staticmethod
    def hospital_facility(hospital: Ints) -> Ints:
        """The facility number of each hospital."""
        return hospital + 1

    def facility(self, kind: str, hospital: Ints, fractions: Floats) -> Ints:
        """A post-acute provider of a kind near each hospital."""
        flat, starts, sizes = self._near[kind]
        return np.asarray(flat[starts[hospital] + (fractions * sizes[hospital]).astype(np.int64)])

    def bill_rows(self, clinician: Ints, day: Ints) -> Ints:
        """Rows of `bills`: the clinician with the group billed through on a day."""
        return 2 * clinician + (day >= self._moved[clinician])
