"""Puts people, providers and scenarios together into the eight canonical tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from episodes.claims.contract import TABLES, empty_table, metadata_of
from episodes.errors import EpisodesError
from episodes.synthetic.configuration import load_configuration
from episodes.synthetic.hospitals import (
    clinician_rows,
    hospital_rows,
    make_world,
    participant_rows,
    quality_rows,
)
from episodes.synthetic.people import make_person
from episodes.synthetic.plans import make_plan
from episodes.synthetic.scenarios import write_person
from episodes.synthetic.scene import make_scene

_KEYS = {
    "claims": ["beneficiary_id", "claim_id"],
    "lines": ["beneficiary_id", "claim_id", "line_number"],
    "beneficiaries": ["beneficiary_id"],
    "coverage": ["beneficiary_id", "kind", "start_date"],
    "hospitals": ["ccn"],
    "participants": ["program", "entity_kind", "entity_id"],
    "clinicians": ["npi", "tin"],
    "quality": ["ccn", "measure", "performance_year"],
}
_FIRST_YEAR, _LAST_YEAR = 2017, 2100


def synthesize(
    beneficiaries: int = 1500,
    years: tuple[int, int] = (2022, 2026),
    seed: int = 1,
    dense: bool = True,
) -> dict[str, pl.DataFrame]:
    """Linked Medicare-style claims of invented people, in the canonical contract.

    Every step of TEAM episode construction, pricing and settlement finds something to do in them: all five
    categories, inpatient and outpatient anchors, transfers, lead-ins, overlaps, each exclusion, stays across
    window ends, amounts that are negative, zero or missing. The assumptions, with source and grade, stand in
    the `.toml` files beside this module. All amounts are int cents.

    Args:
        beneficiaries: how many people, numbered from 1. Person n is the same whatever their number. The
            events that rules turn on are planted in the first people of each 150: ask for 150 or more.
        years: first and last calendar year in which anchors begin.
        seed: same seed, same people and the same bytes once written.
        dense: nearly everybody has an anchor. False: most people have none, as in a real population, and events
            are planted in the first 150 only.

    Returns:
        Frames by name, each with all columns and types of its table, sorted by its key: claims, lines,
        beneficiaries, coverage, hospitals, participants, clinicians, quality.

    Raises:
        EpisodesError: no people, years out of order or out of range, or a negative seed.

    Example:
        >>> from episodes.synthetic import synthesize
        >>> tables = synthesize(beneficiaries=20)
        >>> tables["claims"]["setting"].is_in(["inpatient", "outpatient"]).any()
        True
    """
    _check(beneficiaries, years, seed)
    world = make_world(load_configuration(), seed)
    rows: dict[str, list[dict[str, Any]]] = {"claims": [], "lines": [], "beneficiaries": [], "coverage": []}
    for number in range(1, beneficiaries + 1):
        plan = make_plan(world, number, years, seed, dense=dense)
        person = make_person(world, plan, seed)
        scene = make_scene(world, plan, person, seed)
        write_person(scene, years[1])
        rows["claims"].extend(scene.book.claims)
        rows["lines"].extend(scene.book.lines)
        if person.enrolled:
            rows["beneficiaries"].append(person.row)
            rows["coverage"].extend(person.coverage)
    rows["hospitals"] = hospital_rows(world)
    rows["participants"] = participant_rows(world)
    rows["clinicians"] = clinician_rows(world)
    rows["quality"] = quality_rows(world, seed)
    return {name: _frame(name, rows[name]) for name in TABLES}


def _check(beneficiaries: int, years: tuple[int, int], seed: int) -> None:
    if beneficiaries < 1:
        raise EpisodesError("There is nobody to make claims for. Ask for at least 1 beneficiary.")
    first, last = years
    if not _FIRST_YEAR <= first <= last <= _LAST_YEAR:
        raise EpisodesError(
            f"The years {first} to {last} are not usable. Give the first and the last year in order, "
            f"from {_FIRST_YEAR} (ICD-10 codes and a full look-back) to {_LAST_YEAR}."
        )
    if seed < 0:
        raise EpisodesError("The seed is negative. Give a whole number from 0 on.")


def _frame(name: str, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame of the table's columns and types; absent amounts that default to zero are zero."""
    types = empty_table(name).schema
    records = list(rows)
    columns = {
        column: pl.Series(column, [row.get(column) for row in records], dtype=dtype, strict=True)
        for column, dtype in types.items()
    }
    zero = [column for column in types if metadata_of(TABLES[name], column).get("default") == 0]
    return pl.DataFrame(columns).with_columns(pl.col(zero).fill_null(0)).sort(_KEYS[name], maintain_order=True)
