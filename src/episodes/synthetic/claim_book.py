"""The claims and lines of one person, as they are written."""

from __future__ import annotations

import datetime as dt
from typing import Any

from episodes.synthetic.assumptions import Services
from episodes.synthetic.draws import Draw
from episodes.synthetic.people import Person
from episodes.synthetic.plans import days

_CLAIMS_A_PERSON = 1000


class ClaimBook:
    """Collects rows of `claims` and `lines`; gives every claim its number and processing date."""

    def __init__(self, number: int, person: Person, services: Services, draw: Draw) -> None:
        self.claims: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
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

    def add_claim(self, setting: str, from_date: dt.date, thru_date: dt.date, **columns: Any) -> dict[str, Any]:
        """Add a claim; `columns` are those of the contract. Returns its row."""
        sequence = len(self.claims) + 1
        if sequence >= _CLAIMS_A_PERSON:
            raise ValueError(f"a person cannot have more than {_CLAIMS_A_PERSON - 1} claims")
        late = self._draw.chance(self._services.late_process_share)
        lag = self._draw.between(self._services.late_process_days if late else self._services.process_days)
        claim = {
            "beneficiary_id": self._person.beneficiary_id,
            "claim_id": f"C{self._number * _CLAIMS_A_PERSON + sequence:09d}",
            "setting": setting,
            "from_date": from_date,
            "thru_date": thru_date,
            "process_date": thru_date + days(lag),
            **columns,
        }
        self.claims.append(claim)
        self._own_lines = []
        return claim

    def add_line(self, service_date: dt.date | None, **columns: Any) -> dict[str, Any]:
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
        return line

    def total_lines(self) -> None:
        """Put the sums of the latest claim's lines into its header, which is information only."""
        claim = self.claims[-1]
        for column in ("allowed_cents", "paid_cents", "standardized_cents", "primary_payer_paid_cents"):
            claim[column] = sum(line.get(column) or 0 for line in self._own_lines)
