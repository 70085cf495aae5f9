"""What every writer of background care needs: the people as arrays, seasons, draws, codes, providers, payments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from episodes.synthetic.background_assumptions import Background, load_background
from episodes.synthetic.background_catalogue import Codes, Providers, Services
from episodes.synthetic.background_payments import BulkPayments
from episodes.synthetic.bulk_draws import BulkDraw, DaysOfYears, Flags, Floats, Ints
from episodes.synthetic.care_people import CarePeople
from episodes.synthetic.configuration import Configuration
from episodes.synthetic.draws import Stream
from episodes.synthetic.hospitals import World

_MOST_CONDITIONS = 7
"""Conditions of a person that claims can name."""


class CareTools:
    """The block's people with what their care is made of. Days are counted from 1970, people by position."""

    def __init__(
        self, world: World, people: CarePeople, years: tuple[int, int], seed: int, block: int, share: float = 1.0
    ) -> None:
        self.people = people
        self._share = share
        self.assumptions: Background = load_background()
        self.configuration: Configuration = world.configuration
        self.draw = BulkDraw(seed, Stream.BACKGROUND, block)
        self.days = DaysOfYears(years)
        self.codes = Codes()
        self.services = Services(world, self.assumptions)
        self.providers = Providers(world, self.assumptions.visits.laboratory_specialty)
        self.payments = BulkPayments(world, self.days, years)
        self.first = np.maximum(people.first_day.astype("datetime64[D]").astype(np.int64), self.days.first)
        self.last = np.minimum(people.last_day.astype("datetime64[D]").astype(np.int64), self.days.last)
        self.died = people.died & (self.last == people.last_day.astype("datetime64[D]").astype(np.int64))
        self.conditions = self._condition_numbers()
        self.condition_counts = (self.conditions > 0).sum(axis=1)

    def _condition_numbers(self) -> Ints:
        """The numbers of each person's most important conditions, 0 where there are no more."""
        lists = self.people.conditions.list.head(_MOST_CONDITIONS)
        counts = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
        flat = lists.filter(counts > 0).explode()
        distinct = flat.unique(maintain_order=True)
        numbers = self.codes.numbers(distinct.to_list())
        table = np.zeros((len(counts), _MOST_CONDITIONS), dtype=np.int64)
        if len(flat):
            place = dict(zip(distinct.to_list(), numbers.tolist(), strict=True))
            rows = np.repeat(np.arange(len(counts)), counts)
            columns = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
            table[rows, columns] = flat.replace_strict(place, return_dtype=pl.Int64).to_numpy()
        return table

    def has_any(self, codes: Sequence[str]) -> Flags:
        """Who has one of the conditions."""
        return np.asarray(np.isin(self.conditions, self.codes.numbers(codes)).any(axis=1))

    def events(self, rate: float, power: float, months: str, weekdays: str, who: Flags | None = None) -> Events:
        """Events of a yearly rate among people with claims, in their season."""
        seasons = self.assumptions.seasons
        season = self.days.season(seasons.months[months], seasons.weekdays[weekdays])
        means = self._share * rate * self.people.illness**power * season.years_between(self.first, self.last)
        if who is not None:
            means = np.where(who, means, 0.0)
        person = np.repeat(np.arange(len(self.people), dtype=np.int64), self.draw.counts(means))
        day = season.days(self.first[person], self.last[person], self.draw.fractions(len(person)))
        return Events(person, day)

    def diagnoses(self, weights: dict[str, float], person: Ints, own: float = 0.0) -> Ints:
        """A diagnosis each: a share `own` one of the person's conditions, where there are any."""
        drawn = self.codes.numbers(weights)[self.draw.weighted(list(weights.values()), len(person))]
        if not own:
            return drawn
        counts = self.condition_counts[person]
        mine = self.conditions[person, self.draw.below(np.maximum(counts, 1))]
        return np.where((counts > 0) & self.draw.chances(own, len(person)), mine, drawn)

    def charges(self, dollars: Floats) -> Ints:
        """Charges for services that pay so many dollars: whole dollars, as cents."""
        rates = self.configuration.payments
        drawn = dollars * rates.charge_multiple * self.draw.multipliers(rates.charge_sd, len(dollars))
        return 100 * np.maximum(1, np.rint(drawn).astype(np.int64))

    def process_lags(self, count: int) -> Ints:
        """Days from the end of a claim to its processing."""
        services = self.configuration.services
        late = self.draw.chances(services.late_process_share, count)
        usual = self.draw.between(services.process_days, count)
        return np.where(late, self.draw.between(services.late_process_days, count), usual)


class Events:
    """Who, and on which day."""

    def __init__(self, person: Ints, day: Ints) -> None:
        self.person, self.day = person, day

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: Flags) -> Events:
        """Those where `rows` is true."""
        return Events(self.person[rows], self.day[rows])
