"""Amounts in cents: what is standardized, allowed, paid, and the add-ons between them.

`standardized` is free of wages and add-ons, outlier included. `allowed` is the standardized amount times the
hospital's wage factor, plus outlier and add-ons. `paid` is what is left of allowed after the beneficiary's
share and the primary payer. Dollars become cents once, at the end of each amount.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, NamedTuple

from episodes.synthetic.configuration import Configuration, drg_facts
from episodes.synthetic.hospitals import Hospital

_CAH = "cah"
_MARYLAND = "MD"


class Amounts(NamedTuple):
    """Columns of amounts that claims and lines have in common, in cents."""

    allowed_cents: int
    paid_cents: int
    standardized_cents: int
    primary_payer_paid_cents: int


class StayExtras(NamedTuple):
    """What a hospital stay is paid besides its DRG, in dollars."""

    outlier: float = 0.0
    new_technology: float = 0.0
    clotting_factor: float = 0.0


NO_EXTRAS = StayExtras()


def cents(dollars: float) -> int:
    """Dollars as cents, a half up."""
    return math.floor(dollars * 100 + 0.5)


class Payments:
    """The payment rules of the synthetic world."""

    def __init__(self, configuration: Configuration) -> None:
        self._rates = configuration.payments
        self._sharing = configuration.cost_sharing

    def growth(self, day: dt.date) -> float:
        """The price level of a day's year against the base year."""
        return float((1 + self._rates.annual_growth) ** (day.year - self._rates.base_year))

    def practice_factor(self, hospital: Hospital) -> float:
        """The local price level of professional services."""
        return 1 + (hospital.traits.wage_factor - 1) * self._rates.practice_share_of_wage

    def drg_stay(
        self,
        hospital: Hospital,
        drg: str,
        day: dt.date,
        *,
        share: float = 1.0,
        extras: StayExtras = NO_EXTRAS,
        deductible: bool = True,
        other_payer: bool = False,
    ) -> dict[str, Any]:
        """Amounts of a stay paid by DRG; `share` is less than 1 for the first leg of a transfer."""
        rates, traits = self._rates, hospital.traits
        basis = drg_facts(drg).relative_weight * rates.base_rate * self.growth(day) * share
        acute = hospital.entry.kind != _CAH and hospital.entry.state != _MARYLAND
        if acute:
            local = basis * traits.wage_factor
            ime = cents(local * rates.ime_rate) if traits.teaching else 0
            dsh = cents(local * (rates.dsh_rate_safety_net if traits.safety_net else rates.dsh_rate))
            care = rates.uncompensated_care_safety_net if traits.safety_net else rates.uncompensated_care
            uncompensated = cents(care * share)
        else:
            factor = rates.cah_cost_factor if hospital.entry.kind == _CAH else rates.maryland_cost_factor
            local, ime, dsh, uncompensated = basis * factor, 0, 0, 0
        outlier = cents(extras.outlier * traits.wage_factor)
        technology, clotting = cents(extras.new_technology), cents(extras.clotting_factor)
        allowed = cents(local) + ime + dsh + uncompensated + outlier + technology + clotting
        standardized_outlier = cents(extras.outlier)
        owed = cents(self._of_year(self._sharing.hospital_deductible, day)) if deductible else 0
        amounts = self._settle(allowed, owed, cents(basis) + standardized_outlier, other_payer=other_payer)
        return {
            **amounts._asdict(),
            "outlier_cents": outlier,
            "new_technology_cents": technology,
            "clotting_factor_cents": clotting,
            "ime_cents": ime,
            "dsh_cents": dsh,
            "uncompensated_care_cents": uncompensated,
            "standardized_outlier_cents": standardized_outlier,
        }

    def facility_stay(
        self, hospital: Hospital, dollars: float, day: dt.date, *, coinsurance_days: int = 0
    ) -> dict[str, Any]:
        """Amounts of a post-acute claim near a hospital; SNF days after the free ones carry coinsurance."""
        standardized = dollars * self.growth(day)
        allowed = cents(standardized * hospital.traits.wage_factor)
        owed = cents(self._of_year(self._sharing.snf_coinsurance_a_day, day)) * coinsurance_days
        amounts = self._settle(allowed, owed, cents(standardized))
        return {**amounts._asdict(), "standardized_outlier_cents": 0}

    def coinsurance_days(self, length: int) -> int:
        """Days of a SNF stay that carry coinsurance."""
        return max(0, length - self._sharing.snf_free_days)

    def line(self, dollars: float, local: float, day: dt.date, *, other_payer: bool = False) -> Amounts:
        """Amounts of a Part B line; negative dollars are a correction."""
        standardized = dollars * self.growth(day)
        allowed = cents(standardized * local)
        owed = cents(allowed * self._sharing.part_b_share / 100)
        return self._settle(allowed, owed, cents(standardized), other_payer=other_payer)

    def _settle(self, allowed: int, owed: int, standardized: int, *, other_payer: bool = False) -> Amounts:
        owed = min(owed, allowed)
        primary = cents(allowed * self._rates.primary_payer_share / 100) if other_payer else 0
        primary = min(primary, allowed - owed)
        return Amounts(allowed, allowed - owed - primary, standardized, primary)

    @staticmethod
    def _of_year(by_year: dict[int, float], day: dt.date) -> float:
        """The figure of the day's year, or of the nearest year that has one."""
        return by_year[min(by_year, key=lambda year: (abs(year - day.year), year))]
