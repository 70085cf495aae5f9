"""Amounts of many claims or lines at once, in cents, by the rules of `payments.py`."""

from __future__ import annotations

import numpy as np

from episodes.synthetic.bulk_draws import DaysOfYears, Flags, Floats, Ints
from episodes.synthetic.hospitals import World

MISSING = np.iinfo(np.int64).min
"""An amount that is null."""

_CAH = "cah"
_MARYLAND = "MD"

Amounts = dict[str, Ints]
"""Columns of amounts by their name without `_cents`."""


def cents(dollars: Floats) -> Ints:
    """Dollars as cents, a half up."""
    return np.asarray(np.floor(dollars * 100 + 0.5), dtype=np.int64)


class BulkPayments:
    """The payment rules of the synthetic world, on arrays; hospitals are given by their position in the world."""

    def __init__(self, world: World, days: DaysOfYears, years: tuple[int, int]) -> None:
        self._days, self._first_year = days, years[0]
        self._rates = world.configuration.payments
        self._sharing = world.configuration.cost_sharing
        hospitals = world.hospitals
        self.wage = np.array([hospital.traits.wage_factor for hospital in hospitals])
        self.practice = 1 + (self.wage - 1) * self._rates.practice_share_of_wage
        self._teaching = np.array([hospital.traits.teaching for hospital in hospitals])
        self._safety_net = np.array([hospital.traits.safety_net for hospital in hospitals])
        self.is_cah = np.array([hospital.entry.kind == _CAH for hospital in hospitals])
        maryland = np.array([hospital.entry.state == _MARYLAND for hospital in hospitals])
        self._by_cost = self.is_cah | maryland
        self._cost_factor = np.where(self.is_cah, self._rates.cah_cost_factor, self._rates.maryland_cost_factor)
        all_years = np.arange(years[0], years[1] + 1)
        self._growth = (1 + self._rates.annual_growth) ** (all_years - self._rates.base_year).astype(np.float64)
        self._deductible = self._by_year(self._sharing.hospital_deductible, all_years)
        self._coinsurance = self._by_year(self._sharing.snf_coinsurance_a_day, all_years)

    def stays(
        self, hospital: Ints, weight: Floats, day: Ints, *, deductible: Flags, outlier: Floats, other_payer: Flags
    ) -> Amounts:
        """Amounts of stays paid by MS-DRG weight; `outlier` in dollars, `deductible` where it is owed."""
        rates, year = self._rates, self._year(day)
        basis = weight * rates.base_rate * self._growth[year]
        acute = ~self._by_cost[hospital]
        safety_net = self._safety_net[hospital]
        local = basis * np.where(acute, self.wage[hospital], self._cost_factor[hospital])
        ime = np.where(acute & self._teaching[hospital], cents(local * rates.ime_rate), 0)
        share = np.where(safety_net, rates.dsh_rate_safety_net, rates.dsh_rate)
        dsh = np.where(acute, cents(local * share), 0)
        care = np.where(safety_net, rates.uncompensated_care_safety_net, rates.uncompensated_care)
        uncompensated = np.where(acute, cents(care), 0)
        local_outlier, standardized_outlier = cents(outlier * self.wage[hospital]), cents(outlier)
        allowed = cents(local) + ime + dsh + uncompensated + local_outlier
        owed = np.where(deductible, self._deductible[year], 0)
        amounts = self._settle(allowed, owed, cents(basis) + standardized_outlier, other_payer)
        return {
            **amounts,
            "outlier": local_outlier,
            "ime": ime,
            "dsh": dsh,
            "uncompensated_care": uncompensated,
            "standardized_outlier": standardized_outlier,
        }

    def facility(self, hospital: Ints, dollars: Floats, day: Ints, coinsurance_days: Ints | None = None) -> Amounts:
        """Amounts of post-acute claims near a hospital; days of SNF care after the free ones carry coinsurance."""
        year = self._year(day)
        standardized = dollars * self._growth[year]
        allowed = cents(standardized * self.wage[hospital])
        owed = np.zeros_like(allowed) if coinsurance_days is None else self._coinsurance[year] * coinsurance_days
        amounts = self._settle(allowed, owed, cents(standardized), np.zeros(len(allowed), dtype=np.bool_))
        return {**amounts, "standardized_outlier": np.zeros_like(allowed)}

    def coinsurance_days(self, length: Ints) -> Ints:
        """Days of SNF stays that carry coinsurance."""
        return np.maximum(0, length - self._sharing.snf_free_days)

    def lines(self, dollars: Floats, local: Floats, day: Ints, *, shared: bool, other_payer: Flags) -> Amounts:
        """Amounts of Part B lines; `shared` where the beneficiary owes part of them."""
        standardized = dollars * self._growth[self._year(day)]
        allowed = cents(standardized * local)
        owed = cents(allowed * (self._sharing.part_b_share / 100)) if shared else np.zeros_like(allowed)
        return self._settle(allowed, owed, cents(standardized), other_payer)

    def _settle(self, allowed: Ints, owed: Ints, standardized: Ints, other_payer: Flags) -> Amounts:
        owed = np.minimum(owed, allowed)
        primary = np.zeros_like(allowed)
        if other_payer.any():
            share = cents(allowed * (self._rates.primary_payer_share / 100))
            primary = np.where(other_payer, np.minimum(share, allowed - owed), 0)
        return {
            "allowed": allowed,
            "paid": allowed - owed - primary,
            "standardized": standardized,
            "primary_payer_paid": primary,
        }

    def _year(self, day: Ints) -> Ints:
        return self._days.year_of(day) - self._first_year

    @staticmethod
    def _by_year(figures: dict[int, float], years: Ints) -> Ints:
        """Cents of each year, or of the nearest year that has a figure."""
        nearest = [min(figures, key=lambda known: (abs(known - year), known)) for year in years.tolist()]
        return cents(np.array([figures[known] for known in nearest]))
