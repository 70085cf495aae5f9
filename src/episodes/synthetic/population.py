"""Ordinary people, a block at a time: who they are, how ill, how they are covered, and when they die."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import polars as pl

from episodes.claims.contract import empty_table
from episodes.synthetic.background_assumptions import Background, load_background
from episodes.synthetic.bulk_draws import BulkDraw, Flags, Floats, Ints, day_number, weights_of
from episodes.synthetic.care_people import CarePeople, Intervals
from episodes.synthetic.draws import Stream
from episodes.synthetic.hospitals import World

_DAYS_A_YEAR = 365.25
_OPEN = np.iinfo(np.int64).max
"""The end of an interval that has none."""
_AGE_GROUPS = (65, 75, 85)


@dataclass(frozen=True)
class People:
    """Ordinary people: their rows of the contract's tables, what their care needs, and days without any.

    `gaps` are the days within first and last day on which a person is not in Part B; pass them on as days on which
    no background care may fall.
    """

    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame
    care: CarePeople
    gaps: Intervals


def block_of(number: int) -> int:
    """The block that a person (numbered from 1) belongs to.

    >>> block_of(2000), block_of(2001)
    (0, 1)
    """
    return (number - 1) // load_background().blocks.people_per_block


def numbers_of(block: int) -> Ints:
    """The numbers of all people of a block."""
    size = load_background().blocks.people_per_block
    return np.arange(block * size + 1, (block + 1) * size + 1, dtype=np.int64)


def ordinary_people(world: World, numbers: Ints, years: tuple[int, int], seed: int, block: int) -> People:
    """The people of a block that have these numbers; each is the same whoever else is asked for.

    Args:
        world: the providers; a person lives in the state of one of the hospitals.
        numbers: ascending, all of the block.
        years: first and last calendar year of the data.
        seed: same seed, same people.
        block: the block, numbered from 0.

    Returns:
        Frames of `beneficiaries` and `coverage` with all columns of the contract, sorted by person.
    """
    everybody = numbers_of(block)
    if len(numbers) and (numbers[0] < everybody[0] or numbers[-1] > everybody[-1]):
        raise ValueError(f"people {everybody[0]} to {everybody[-1]} make block {block}; others were asked for")
    drawn = _Block(world, load_background(), years, BulkDraw(seed, Stream.POPULATION, block), everybody)
    rows = numbers - everybody[0]
    care = drawn.care().take(rows)
    place = np.full(len(everybody), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    gaps = drawn.gaps()
    asked = place[gaps.person] >= 0
    gaps = Intervals(place[gaps.person[asked]], gaps.first[asked], gaps.last[asked])
    return People(
        beneficiaries=drawn.beneficiaries()[rows],
        coverage=drawn.coverage(place),
        care=care,
        gaps=gaps,
    )


class _Block:
    """All draws of a block of people, in a fixed order; days are counted from 1970."""

    def __init__(
        self, world: World, assumptions: Background, years: tuple[int, int], draw: BulkDraw, numbers: Ints
    ) -> None:
        self._world, self._assumptions, self._years, self._draw = world, assumptions, years, draw
        self._numbers = numbers
        self._count = len(numbers)
        self._start, self._end = day_number(f"{years[0]}-01-01"), day_number(f"{years[1]}-12-31")
        self._draw_persons()
        self._draw_coverage_start()
        self._draw_conditions()
        self._draw_death()
        self._draw_coverage()

    def _draw_persons(self) -> None:
        draw, count, population = self._draw, self._count, self._assumptions.population
        bands = population.bands
        band = draw.weighted([one.weight for one in bands], count)
        youngest = np.array([one.ages[0] for one in bands], dtype=np.float64)[band]
        oldest = np.array([one.ages[1] + 1 for one in bands], dtype=np.float64)[band]
        self._age = youngest + (oldest - youngest) * draw.fractions(count)
        self._born = self._start - np.ceil(self._age * _DAYS_A_YEAR).astype(np.int64)
        self._female = draw.chances(np.array([one.female for one in bands])[band], count)
        beds = np.array([hospital.traits.beds for hospital in self._world.hospitals], dtype=np.float64)
        self._hospital = draw.weighted(beds, count)
        self._deprivation = np.round(100 * draw.fractions(count), 1)
        self._deprivation_known = ~draw.chances(self._world.configuration.people.deprivation_missing_share, count)

    def _draw_coverage_start(self) -> None:
        """Coverage begins in the month of the 65th birthday, for the disabled some years before the data."""
        draw, count, population = self._draw, self._count, self._assumptions.population
        entitled = population.entitlement_age
        share = np.select(
            [self._age < 60, self._age < entitled],
            [population.disabled_under_60, population.disabled_60_to_64],
            population.disabled_65_and_over,
        )
        self._disabled = draw.chances(share, count)
        born = self._born.astype("datetime64[D]").astype("datetime64[M]")
        birthday = (born + 12 * entitled).astype("datetime64[D]").astype(np.int64)
        before = draw.between(population.disabled_coverage_years, count)
        january = (np.datetime64(str(self._years[0]), "Y") - before).astype("datetime64[D]").astype(np.int64)
        young = self._disabled & (self._age < entitled)
        start = np.where(young, january, birthday)
        self._covered_from = np.maximum(start, day_number(population.earliest_coverage))
        self._first = np.maximum(self._covered_from, self._start)

    def _draw_conditions(self) -> None:
        draw, count, illness = self._draw, self._count, self._assumptions.illness
        conditions = self._assumptions.conditions
        frailty = np.minimum(draw.multipliers(illness.frailty_sd, count), illness.most_frailty)
        group = np.searchsorted(np.array(_AGE_GROUPS, dtype=np.float64), self._age, side="right")
        self._esrd = draw.chances(self._assumptions.population.esrd * frailty, count)
        taken: dict[str, Flags] = {}
        has: list[Flags] = []
        level = np.full(count, illness.base)
        for condition in conditions.list:
            ill = draw.chances(np.array(condition.shares)[group] * frailty, count)
            if condition.code in conditions.with_esrd:
                ill = self._esrd
            if condition.family is not None:
                ill = ill & ~taken.get(condition.family, np.zeros(count, dtype=np.bool_))
                taken[condition.family] = taken.get(condition.family, ill) | ill
            has.append(ill)
            level += condition.illness * ill
        codes = [condition.code for condition in conditions.list]
        for code in conditions.with_esrd:
            if code not in codes:
                codes.append(code)
                has.append(self._esrd)
        self._conditions = _lists(codes, np.column_stack(has))
        self._illness = np.minimum(level * draw.multipliers(illness.sd, count), illness.most)

    def _draw_death(self) -> None:
        """Death by a yearly hazard of age, sex and illness, from the first covered day on."""
        draw, count, population = self._draw, self._count, self._assumptions.population
        ages = np.array(list(population.annual_mortality), dtype=np.float64)
        rates = weights_of(population.annual_mortality)
        months = np.array(population.death_months)
        reached = np.cumsum(months) / months.sum()
        left = draw.exponentials(count)
        month_draw, day_draw = draw.fractions(count), draw.fractions(count)
        factor = self._illness**population.mortality_by_illness * np.where(
            self._female, 2 - population.male_mortality, population.male_mortality
        )
        died = np.full(count, _OPEN)
        for year in range(self._years[0], self._years[1] + 1):
            first = day_number(f"{year}-01-01")
            length = day_number(f"{year + 1}-01-01") - first
            age = (first - self._born) / _DAYS_A_YEAR
            rate = rates[np.clip(np.searchsorted(ages, age, side="right") - 1, 0, None)] * factor
            exposed = np.clip(first + length - self._first, 0, length) / length
            left = left - rate * exposed
            month = np.searchsorted(reached, month_draw)
            day = first + ((month + day_draw) * (length / 12)).astype(np.int64)
            # Those who enter late in the year die no earlier than they enter.
            day = np.maximum(day, np.minimum(self._first + 1, first + length - 1))
            died = np.where((left < 0) & (died == _OPEN) & (exposed > 0), day, died)
        self._died = died

    def _draw_coverage(self) -> None:
        draw, count, population = self._draw, self._count, self._assumptions.population
        shares = self._world.configuration.people
        first_year, last_year = self._years
        januaries = np.array([day_number(f"{year}-01-01") for year in range(first_year + 1, last_year + 1)])
        waited = np.ceil(draw.exponentials(count) / population.advantage_entry_a_year).astype(np.int64)
        eligible = np.searchsorted(januaries, self._first, side="right")
        position = eligible + waited - 1
        entered = position < len(januaries)
        self._advantage = np.full(count, _OPEN)
        if len(januaries):
            self._advantage[entered] = januaries[position[entered]]
        self._advantage = np.where(self._advantage <= self._died, self._advantage, _OPEN)
        self._last = np.minimum(np.minimum(self._died, self._advantage - 1), self._end)
        self._no_part_b = draw.chances(population.no_part_b, count)
        self._draw_part_b_gap()
        dual = np.array([hospital.traits.dual_share for hospital in self._world.hospitals])[self._hospital]
        more = np.where(self._disabled, population.full_dual_disabled, 1.0)
        kinds = draw.fractions(count)
        full = np.minimum(dual * shares.full_dual_rate * more, 0.9)
        partial = shares.partial_dual_share * np.where(self._disabled, population.partial_dual_disabled, 1.0)
        self._full_dual = kinds < full
        self._partial_dual = ~self._full_dual & (kinds < full + partial)
        self._subsidy = self._full_dual | self._partial_dual | (kinds > 1 - shares.subsidy_share)
        self._aco = draw.chances(shares.aco_share, count)
        self._esrd_entitled = self._esrd & draw.chances(population.esrd_entitlement, count)
        self._esrd_since = self._start - 365 * draw.between(population.esrd_years_before, count)

    def _draw_part_b_gap(self) -> None:
        """Some people leave Part B for some months of the data."""
        draw, count, population = self._draw, self._count, self._assumptions.population
        has_gap = draw.chances(population.part_b_gap, count)
        length = draw.between(population.part_b_gap_months, count)
        room = np.maximum(self._last - self._first, 0)
        day = self._first + 31 + (draw.fractions(count) * room).astype(np.int64)
        month = day.astype("datetime64[D]").astype("datetime64[M]")
        self._gap_first = month.astype("datetime64[D]").astype(np.int64)
        self._gap_last = (month + length).astype("datetime64[D]").astype(np.int64) - 1
        until = np.minimum(self._died, self._end)
        self._gap = has_gap & ~self._no_part_b & (self._gap_first > self._covered_from) & (self._gap_last < until)

    def care(self) -> CarePeople:
        return CarePeople(
            number=self._numbers,
            beneficiary_id=self._ids,
            first_day=self._first.astype("datetime64[D]"),
            last_day=self._last.astype("datetime64[D]"),
            died=self._last == self._died,
            born=self._born.astype("datetime64[D]"),
            illness=self._illness,
            hospital=self._hospital,
            conditions=self._conditions,
        )

    def gaps(self) -> Intervals:
        """Days without Part B: all of them for those who never had it."""
        gap, never = np.flatnonzero(self._gap), np.flatnonzero(self._no_part_b)
        return Intervals(
            person=np.concatenate([gap, never]),
            first=np.concatenate([self._gap_first[gap], np.full(len(never), self._start)]).astype("datetime64[D]"),
            last=np.concatenate([self._gap_last[gap], np.full(len(never), self._end)]).astype("datetime64[D]"),
        )

    @cached_property
    def _ids(self) -> pl.Series:
        return pl.Series("beneficiary_id", [f"B{number:07d}" for number in self._numbers.tolist()], dtype=pl.String)

    def beneficiaries(self) -> pl.DataFrame:
        states = pl.Series([hospital.entry.state for hospital in self._world.hospitals], dtype=pl.String)
        frame = pl.DataFrame(
            {
                "beneficiary_id": self._ids,
                "birth_date": _dates(self._born),
                # Deaths after the end of the data are not known yet; there are none.
                "death_date": _dates(self._died),
                "sex": pl.Series(["1", "2"]).gather(self._female.astype(np.int64)),
                "state": states.gather(self._hospital),
                "original_entitlement_reason": pl.Series(["0", "1", "2", "3"]).gather(self._entitlement()),
                "deprivation_percentile": pl.Series(self._deprivation),
            }
        )
        known = pl.Series(self._deprivation_known)
        frame = frame.with_columns(deprivation_percentile=pl.when(known).then("deprivation_percentile"))
        return _in_contract("beneficiaries", frame)

    def _entitlement(self) -> Ints:
        """Age 0, disability 1, ESRD 2, both 3."""
        return self._disabled.astype(np.int64) + 2 * self._esrd_entitled

    def coverage(self, place: Ints) -> pl.DataFrame:
        """Intervals of the people who have a place, sorted by person, kind and start."""
        start, died = self._covered_from, self._died
        everybody = np.ones(self._count, dtype=np.bool_)
        in_part_b = ~self._no_part_b
        esrd = np.maximum(self._esrd_since, np.minimum(start, self._start))
        january = np.full(self._count, self._start)
        parts = [
            self._interval("part_a", everybody, start, died),
            self._interval("part_b", in_part_b & ~self._gap, start, died),
            self._interval("part_b", self._gap, start, self._gap_first - 1),
            self._interval("part_b", self._gap, self._gap_last + 1, died),
            self._interval(
                "medicare_advantage", self._advantage != _OPEN, self._advantage, died,
                [self._assumptions.population.advantage_plan],
            ),
            self._interval("esrd", self._esrd, esrd, died),
            self._interval("esrd_entitlement", self._esrd_entitled, esrd, died),
            self._interval("full_dual", self._full_dual, start, died),
            self._interval("partial_dual", self._partial_dual, start, died),
            self._interval("low_income_subsidy", self._subsidy, start, died),
            self._interval(
                "aco", self._aco & (self._advantage == _OPEN), np.maximum(start, january), died,
                [f"A{1000 + number}" for number in range(7)],
            ),
        ]  # fmt: skip
        frame = pl.concat(parts)
        frame = frame.with_columns(_place=pl.Series(place).gather(frame["_row"]))
        frame = frame.filter(pl.col("_place") >= 0).sort("_place", "kind", "start_date", maintain_order=True)
        return _in_contract("coverage", frame)

    def _interval(
        self, kind: str, who: Flags, start: Ints, end: Ints, details: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """One kind's intervals of those for whom it begins no later than it ends."""
        rows = np.flatnonzero(who & (start <= end))
        detail = pl.Series(details or [None], dtype=pl.String)
        return pl.DataFrame(
            {
                "_row": rows,
                "beneficiary_id": self._ids.gather(rows),
                "kind": pl.repeat(kind, len(rows), dtype=_schema("coverage")["kind"], eager=True),
                "start_date": _dates(start[rows]),
                "end_date": _dates(end[rows]),
                "detail": detail.gather(self._numbers[rows] % len(detail)),
            }
        )


def _lists(codes: list[str], has: Flags) -> pl.Series:
    """For each row of `has` the list of codes that are true in it, in their order."""
    import pyarrow as pa

    rows, columns = np.nonzero(has)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(has)))))
    flat = pl.Series(codes, dtype=pl.String).gather(columns).to_arrow()
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), flat)
    return pl.Series("conditions", pl.from_arrow(lists), dtype=pl.List(pl.String))


def _dates(days: Ints | Floats) -> pl.Series:
    """Days since 1970 as dates, open ends as nulls."""
    known = days != _OPEN
    dates = pl.Series(np.where(known, days, 0).astype(np.int32)).cast(pl.Date)
    return pl.DataFrame({"day": dates, "known": known}).select(pl.when("known").then("day")).to_series()


@cache
def _schema(table: str) -> dict[str, Any]:
    return dict(empty_table(table).schema)


def _in_contract(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """A frame with all columns and types of its table, absent ones null."""
    return frame.select(
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in _schema(table).items()
    )
