"""What every writer of claims needs to know of one person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from episodes.synthetic.claim_book import ClaimBook
from episodes.synthetic.configuration import Configuration
from episodes.synthetic.draws import Draw, Stream
from episodes.synthetic.hospitals import Facility, Hospital, World
from episodes.synthetic.payments import Payments
from episodes.synthetic.people import Person
from episodes.synthetic.plans import Anchor, Plan

_SECONDARY_DIAGNOSES = 6


@dataclass(frozen=True)
class Scene:
    """One person's claims in the making."""

    world: World
    plan: Plan
    person: Person
    book: ClaimBook
    payments: Payments
    draw: Draw

    @property
    def configuration(self) -> Configuration:
        """The assumptions."""
        return self.world.configuration

    def is_event(self, name: str, anchor: Anchor | None = None) -> bool:
        """Whether the person carries the planted event, and the anchor given is the one it is about."""
        return self.plan.event_name == name and (anchor is None or anchor is self.plan.main)

    def diagnoses(self, principal: str) -> list[str]:
        """The principal diagnosis, then the person's chronic conditions."""
        others = [code for code in self.person.conditions if code != principal]
        return [principal, *others[:_SECONDARY_DIAGNOSES]]

    def facility_use(self, anchor: Anchor) -> float:
        """How much more than its course this person, hospital and surgeon use facility care."""
        entry = anchor.hospital.entry
        return entry.facility_use * anchor.surgeon.post_acute_effect * self.person.frailty * self._later(anchor)

    def readmission_odds(self, anchor: Anchor, facility: Facility | None) -> float:
        """How much more than its course this person is readmitted from this hospital, surgeon and first facility."""
        effect = anchor.hospital.entry.readmission * anchor.surgeon.readmission_effect
        if facility is not None:
            effect *= facility.readmission_effect
        return effect * self.person.frailty * self._later(anchor)

    def complication_odds(self, anchor: Anchor) -> float:
        """How much more than its course this person has complications with this hospital and surgeon."""
        return anchor.hospital.entry.complication * anchor.surgeon.complication_effect * self.person.frailty

    def _later(self, anchor: Anchor) -> float:
        changed = anchor.end >= self.configuration.calendar.improvement_from
        return anchor.hospital.entry.later if changed else 1.0

    def facility(self, kind: str, hospital: Hospital) -> Facility:
        """A post-acute provider of a kind that a hospital sends people to."""
        return self.draw.weighted(self.world.referrals[hospital.ccn, kind])

    def charge(self, dollars: float) -> int:
        """Charges for a service that pays so many dollars: whole dollars, as cents."""
        rates = self.configuration.payments
        return 100 * max(1, round(self.draw.around(dollars * rates.charge_multiple, rates.charge_sd)))

    def noisy(self, dollars: float) -> float:
        """A professional amount with its spread."""
        return self.draw.around(dollars, self.configuration.payments.line_sd) if dollars else 0.0


def make_scene(world: World, plan: Plan, person: Person, seed: int) -> Scene:
    """The scene of a person, with nothing written yet."""
    draw = Draw(seed, Stream.SERVICES, plan.number)
    book = ClaimBook(plan.number, person, world.configuration.services, draw)
    return Scene(world, plan, person, book, Payments(world.configuration), draw)


def first_of(dates: Sequence[dt.date | None], default: dt.date) -> tuple[dt.date, dt.date]:
    """The first and last of some dates, the default where all are null."""
    known = [day for day in dates if day is not None]
    return (min(known), max(known)) if known else (default, default)
