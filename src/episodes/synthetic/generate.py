"""Puts people, providers, scenarios and background care together, a block of people at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from episodes.claims.contract import TABLES, empty_table, metadata_of
from episodes.errors import EpisodesError
from episodes.synthetic.background import background_care
from episodes.synthetic.background_assumptions import load_background
from episodes.synthetic.bulk_draws import BulkDraw, Flags, Ints
from episodes.synthetic.care_people import CarePeople, Intervals, join_intervals, join_people
from episodes.synthetic.configuration import load_configuration
from episodes.synthetic.draws import Stream
from episodes.synthetic.hospitals import World, make_world
from episodes.synthetic.people import make_person
from episodes.synthetic.plans import days, make_plan
from episodes.synthetic.population import People, numbers_of, ordinary_people
from episodes.synthetic.provider_tables import clinician_rows, hospital_rows, participant_rows, quality_rows
from episodes.synthetic.scenarios import CARE_DAYS, PREPARATION_DAYS, write_person
from episodes.synthetic.scene import Scene, make_scene
from episodes.synthetic.truth import TRUTH_TABLES, declared_rows, true_effects, truth_frame

PEOPLE_TABLES = ("claims", "lines", "beneficiaries", "coverage")
# Claim ids begin with the person's number: their order is that of (person, claim).
_ORDER = {
    "claims": ["claim_id"],
    "lines": ["claim_id", "line_number"],
    "beneficiaries": ["beneficiary_id"],
    "coverage": ["beneficiary_id", "kind", "start_date"],
    "hospitals": ["ccn"],
    "participants": ["program", "entity_kind", "entity_id"],
    "clinicians": ["npi", "tin"],
    "quality": ["ccn", "measure", "performance_year"],
}
_FIRST_YEAR, _LAST_YEAR = 2017, 2100


class SyntheticSet(dict[str, pl.DataFrame]):
    """Canonical tables by name, and `truth`: the tables of what was planted (columns: docs/synthetic.md)."""

    def __init__(self, tables: dict[str, pl.DataFrame], truth: dict[str, pl.DataFrame]) -> None:
        super().__init__(tables)
        self.truth = truth


@dataclass(frozen=True)
class Recipe:
    """What determines a synthetic set, byte for byte."""

    beneficiaries: int
    years: tuple[int, int]
    seed: int
    dense: bool

    def __post_init__(self) -> None:
        if self.beneficiaries < 1:
            raise EpisodesError("There is nobody to make claims for. Ask for at least 1 beneficiary.")
        first, last = self.years
        if not _FIRST_YEAR <= first <= last <= _LAST_YEAR:
            raise EpisodesError(
                f"The years {first} to {last} are not usable. Give the first and the last year in order, "
                f"from {_FIRST_YEAR} (ICD-10 codes and a full look-back) to {_LAST_YEAR}."
            )
        if self.seed < 0:
            raise EpisodesError("The seed is negative. Give a whole number from 0 on.")

    @property
    def blocks(self) -> int:
        """Into how many blocks of people the set falls."""
        return -(-self.beneficiaries // load_background().blocks.people_per_block)

    @cached_property
    def world(self) -> World:
        """The providers; more of them in a larger population."""
        configuration = load_configuration()
        return make_world(
            configuration, self.seed, self.beneficiaries // configuration.drawn_hospitals.people_a_hospital
        )


def synthesize(
    beneficiaries: int = 1500,
    years: tuple[int, int] = (2022, 2026),
    seed: int = 1,
    dense: bool = True,
) -> SyntheticSet:
    """Linked Medicare-style claims of invented people, in the canonical contract, with the truth known.

    Every step of TEAM episode construction, pricing and settlement finds something to do in them: all five
    categories, inpatient and outpatient anchors, transfers, lead-ins, overlaps, each exclusion, stays across
    window ends, amounts that are negative, zero or missing. The assumptions, with source and grade, stand in
    the `.toml` files beside this module. All amounts are int cents.

    Args:
        beneficiaries: how many people, numbered from 1. Person n is the same in sets of any size that have equally
            many hospitals (one more for every 4,000 people). Events that rules turn on are planted in the first
            people of each 150 (dense) or 5,000.
        years: first and last calendar year in which anchors begin.
        seed: same seed, same people and the same bytes once written.
        dense: nearly everybody has an anchor, and little background care. False: a population, of whom 1 to 2 % a
            year have one, with about 50 lines a person and year.

    Returns:
        Frames by name, each with all columns and types of its table, sorted by its key: claims, lines,
        beneficiaries, coverage, hospitals, participants, clinicians, quality. `.truth`: episodes, services,
        outcomes, effects. Everything is held in memory: for large sets see `write_set`.

    Raises:
        EpisodesError: no people, years out of order or out of range, or a negative seed.

    Example:
        >>> from episodes.synthetic import synthesize
        >>> made = synthesize(beneficiaries=20)
        >>> made["claims"]["setting"].is_in(["inpatient", "outpatient"]).any()
        True
        >>> made.truth["episodes"]["status"].unique().sort().to_list()
        ['excluded', 'final']
    """
    recipe = Recipe(beneficiaries, years, seed, dense)
    parts = [make_block(recipe, block) for block in range(recipe.blocks)]
    tables = {name: pl.concat([part[name] for part in parts]).sort(_ORDER[name]) for name in PEOPLE_TABLES}
    truth = {name: pl.concat([part.truth[name] for part in parts]) for name in parts[0].truth}
    return SyntheticSet({**tables, **provider_tables(recipe)}, {**truth, "effects": true_effects(recipe.world)})


def provider_tables(recipe: Recipe) -> dict[str, pl.DataFrame]:
    """The tables that are not of people."""
    world = recipe.world
    return {
        "hospitals": _frame("hospitals", hospital_rows(world)),
        "participants": _frame("participants", participant_rows(world)),
        "clinicians": _frame("clinicians", clinician_rows(world)),
        "quality": _frame("quality", quality_rows(world, recipe.seed)),
    }


def make_block(recipe: Recipe, block: int) -> SyntheticSet:
    """The tables of one block of people, sorted by key, and their truth (without effects)."""
    numbers = numbers_of(block)
    numbers = numbers[numbers <= recipe.beneficiaries]
    anchored = _anchored(recipe, numbers, block)
    scenes = list(_scenes(recipe, numbers[anchored]))
    ordinary = ordinary_people(recipe.world, numbers[~anchored], recipe.years, recipe.seed, block)
    care = _background_of(recipe, ordinary, scenes, block)
    people, coverage = _scenario_people(scenes)
    tables = {
        "claims": [_frame("claims", [row for scene in scenes for row in scene.book.claims]), care["claims"]],
        "lines": [_frame("lines", [row for scene in scenes for row in scene.book.lines]), care["lines"]],
        "beneficiaries": [people, ordinary.beneficiaries],
        "coverage": [coverage, ordinary.coverage],
    }
    truth: dict[str, list[dict[str, Any]]] = {name: [] for name in TRUTH_TABLES if name != "effects"}
    for scene in scenes:
        for name, rows in declared_rows(scene).items():
            truth[name].extend(rows)
    return SyntheticSet(
        {name: pl.concat(parts).sort(_ORDER[name]) for name, parts in tables.items()},
        {name: truth_frame(name, rows) for name, rows in truth.items()},
    )


def _anchored(recipe: Recipe, numbers: Ints, block: int) -> Flags:
    """Who has an anchor: those who carry a planted event, and others by chance."""
    configuration = load_configuration()
    calendar, planted = configuration.calendar, configuration.planted
    first, last = recipe.years
    over_time = 1 - (1 - calendar.sparse_anchor_share_a_year) ** (last - first + 1)
    drawn = BulkDraw(recipe.seed, Stream.ANCHORED, block).chances(
        calendar.dense_anchor_share if recipe.dense else over_time, len(numbers)
    )
    carries = [planted.event_of(int(number), dense=recipe.dense) is not None for number in numbers]
    return np.logical_or(drawn, np.array(carries, dtype=np.bool_))


def _scenes(recipe: Recipe, numbers: Iterable[int]) -> Iterator[Scene]:
    """The scenario people: their courses, with all claims written."""
    for number in numbers:
        plan = make_plan(recipe.world, int(number), recipe.years, recipe.seed, dense=recipe.dense)
        person = make_person(recipe.world, plan, recipe.seed)
        scene = make_scene(recipe.world, plan, person, recipe.seed)
        write_person(scene)
        yield scene


def _background_of(recipe: Recipe, ordinary: People, scenes: list[Scene], block: int) -> dict[str, pl.DataFrame]:
    """Care of everybody that has nothing to do with anchors: none in the days that belong to a scenario."""
    parts, screened = [ordinary.care], [ordinary.gaps]
    if scenes:
        parts.append(_care_people(recipe, scenes))
        screened.append(_days_of_scenarios(scenes))
    people, places = join_people(parts)
    days_off = join_intervals([days.moved(place) for days, place in zip(screened, places, strict=True)])
    share = load_configuration().calendar.dense_background_share if recipe.dense else 1.0
    return background_care(recipe.world, people, days_off, recipe.years, recipe.seed, block, share=share)


def _care_people(recipe: Recipe, scenes: list[Scene]) -> CarePeople:
    first, last = (dt.date(recipe.years[0], 1, 1), dt.date(recipe.years[1], 12, 31))
    positions = {hospital.ccn: position for position, hospital in enumerate(recipe.world.hospitals)}
    ends = [min(scene.person.last_day or last, last) for scene in scenes]
    starts = [max(first, _enrolled_from(scene) or first) for scene in scenes]
    return CarePeople(
        number=np.array([scene.plan.number for scene in scenes], dtype=np.int64),
        beneficiary_id=pl.Series([scene.person.beneficiary_id for scene in scenes], dtype=pl.String),
        first_day=np.array(starts, dtype="datetime64[D]"),
        last_day=np.array(ends, dtype="datetime64[D]"),
        died=np.array([scene.person.died == end for scene, end in zip(scenes, ends, strict=True)], dtype=np.bool_),
        born=np.array([scene.person.row["birth_date"] for scene in scenes], dtype="datetime64[D]"),
        illness=np.array([scene.person.frailty for scene in scenes], dtype=np.float64),
        hospital=np.array([positions[scene.plan.hospital.ccn] for scene in scenes], dtype=np.int64),
        conditions=pl.Series([list(scene.person.conditions) for scene in scenes], dtype=pl.List(pl.String)),
    )


def _enrolled_from(scene: Scene) -> dt.date | None:
    return min((row["start_date"] for row in scene.person.coverage if row["kind"] == "part_b"), default=None)


def _days_of_scenarios(scenes: list[Scene]) -> Intervals:
    """From the preparation of a person's first anchor to the end of its care, and gaps in coverage."""
    spans = [
        (position, start, end)
        for position, scene in enumerate(scenes)
        for start, end in (
            (scene.plan.anchors[0].start - days(PREPARATION_DAYS), scene.plan.anchors[-1].end + days(CARE_DAYS)),
            *_gaps(scene),
        )
    ]
    return Intervals(
        person=np.array([position for position, _, _ in spans], dtype=np.int64),
        first=np.array([start for _, start, _ in spans], dtype="datetime64[D]"),
        last=np.array([end for _, _, end in spans], dtype="datetime64[D]"),
    )


def _gaps(scene: Scene) -> Iterator[tuple[dt.date, dt.date]]:
    """Days between two intervals of Part A, or of Part B."""
    for kind in ("part_a", "part_b"):
        parts = [row for row in scene.person.coverage if row["kind"] == kind]
        for earlier, later in pairwise(sorted(parts, key=lambda row: row["start_date"])):
            yield earlier["end_date"] + days(1), later["start_date"] - days(1)


def _scenario_people(scenes: list[Scene]) -> tuple[pl.DataFrame, pl.DataFrame]:
    enrolled = [scene.person for scene in scenes if scene.person.enrolled]
    return (
        _frame("beneficiaries", [person.row for person in enrolled]),
        _frame("coverage", [row for person in enrolled for row in person.coverage]),
    )


def _frame(name: str, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame of the table's columns and types; absent amounts that default to zero are zero."""
    types = empty_table(name).schema
    records = list(rows)
    columns = {
        column: pl.Series(column, [row.get(column) for row in records], dtype=dtype, strict=True)
        for column, dtype in types.items()
    }
    zero = [column for column in types if metadata_of(TABLES[name], column).get("default") == 0]
    return pl.DataFrame(columns).with_columns(pl.col(zero).fill_null(0)).sort(_ORDER[name], maintain_order=True)
