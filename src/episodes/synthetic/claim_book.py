"""The claims and lines of one person, as they are written, with what is declared of each."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from episodes.synthetic.assumptions import Services
from episodes.synthetic.draws import Draw
from episodes.synthetic.people import Person
from episodes.synthetic.plans import days

CLAIM_NUMBERS_A_PERSON = 2000
"""Claim ids are the person's number times this plus a running number."""
SCENARIO_CLAIMS = 500
"""Running numbers below this belong to scenarios; from it on, to background care."""


def claim_id(person: int, sequence: int) -> str:
    """The id of a person's claim.

    >>> claim_id(3, 1)
    'C0000006001'
    """
    return f"C{person * CLAIM_NUMBERS_A_PERSON + sequence:010d}"


class Mark(NamedTuple):
    """What is declared of a claim: the anchor it belongs to, and why its services are left out of episodes."""

    anchor: int | None
    left_out: str | None


class Outcome(NamedTuple):
    """Something that outcome measures look for: what, when, on which claim, after which anchor."""

    anchor: int
    what: str
    day: dt.date
    claim_id: str | None
    planned: bool


class ClaimBook:
    """Collects rows of `claims` and `lines`; gives every claim its number and processing date.

    `journey` is the position of the anchor whose course is being written, `own` whether its own services are.
    """

    def __init__(self, number: int, person: Person, services: Services, draw: Draw) -> None:
        self.claims: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.journey = 0
        self.own = False
        self.marks: dict[str, Mark] = {}
        self.lines_of: dict[str, list[dict[str, Any]]] = {}
        self.lines_left_out: dict[tuple[str, int], str] = {}
        self.undivided: set[str] = set()
        """Claims that are counted whole though they run over the end of a period."""
        self.outcomes: list[Outcome] = []
        self.anchor_claims: dict[int, str] = {}
        """Position of an anchor to the claim that is its anchor claim."""
        self._number = number
        self._person = person
        self._services = services
        self._draw = draw
        self._own_lines: list[dict[str, Any]] = []

    def open_on(self, day: dt.date) -> bool:
        """Whether the person can have a service on a day: alive, and not in Medicare Advantage."""
        return self._person.last_day is None or day <= self._person.last_day

    def until_last_day(self, day: dt.date) -> dt.date:
        """A day, or the last day with claims if that comes first."""
        return day if self._person.last_day is None else min(day, self._person.last_day)

    def in_benefit_period(self, day: dt.date, length: int) -> bool:
        """Whether a hospital stay ended within so many days before."""
        return any(
            claim["setting"] == "inpatient" and claim["thru_date"] <= day <= claim["thru_date"] + days(length)
            for claim in self.claims
        )

    def in_hospital(self, day: dt.date) -> bool:
        """Whether a hospital stay covers a day."""
        return any(
            claim["setting"] == "inpatient" and claim["from_date"] <= day <= claim["thru_date"] for claim in self.claims
        )

    def add_claim(
        self, setting: str, from_date: dt.date, thru_date: dt.date, *, left_out: str | None = None, **columns: Any
    ) -> dict[str, Any]:
        """Add a claim; `columns` are those of the contract. Returns its row."""
        sequence = len(self.claims) + 1
        if sequence >= SCENARIO_CLAIMS:
            raise ValueError(f"a scenario cannot have more than {SCENARIO_CLAIMS - 1} claims")
        late = self._draw.chance(self._services.late_process_share)
        lag = self._draw.between(self._services.late_process_days if late else self._services.process_days)
        claim = {
            "beneficiary_id": self._person.beneficiary_id,
            "claim_id": claim_id(self._number, sequence),
            "setting": setting,
            "from_date": from_date,
            "thru_date": thru_date,
            "process_date": thru_date + days(lag),
            **columns,
        }
        self.claims.append(claim)
        self._own_lines = []
        self.marks[claim["claim_id"]] = Mark(self.journey if self.own else None, left_out)
        self.lines_of[claim["claim_id"]] = self._own_lines
        return claim

    def add_line(self, service_date: dt.date | None, *, left_out: str | None = None, **columns: Any) -> dict[str, Any]:
        """Add a line to the latest claim. Returns its row."""
        claim = self.claims[-1]
        line = {
            "beneficiary_id": claim["beneficiary_id"],
            "claim_id": claim["claim_id"],
            "line_number": len(self._own_lines) + 1,
            "service_date": service_date,
            "service_thru": service_date,
            **columns,
        }
        self.lines.append(line)
        self._own_lines.append(line)
        if left_out is not None:
            self.lines_left_out[claim["claim_id"], line["line_number"]] = left_out
        return line

    def anchor(self, claim: dict[str, Any]) -> None:
        """Say that a claim is the anchor claim of the course being written."""
        self.anchor_claims[self.journey] = claim["claim_id"]

    def declare(self, what: str, claim: dict[str, Any], *, planned: bool = False) -> None:
        """Declare what happened to the person after an anchor, and on which claim it is seen."""
        self.outcomes.append(Outcome(self.journey, what, claim["from_date"], claim["claim_id"], planned))

    def total_lines(self) -> None:
        """Put the sums of the latest claim's lines into its header, which is information only."""
        claim = self.claims[-1]
        for column in ("allowed_cents", "paid_cents", "standardized_cents", "primary_payer_paid_cents"):
            claim[column] = sum(line.get(column) or 0 for line in self._own_lines)
