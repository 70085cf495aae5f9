"""What a programme is: a frozen, typed model of its rules, each with a citation and a status.

A programme has five parts: *construction* of episodes, *risk*, *attribution*, *price* and *settlement*. Each is put
together from a closed set of step kinds with parameters. No number of a programme stands in code: the engine reads this
model, and the model is read from a rules file (how to write one: docs/rules-and-statuses.md).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from episodes.errors import ProgramError
from episodes.programs.attribution import Attribution
from episodes.programs.code_tables import columns_of, load_codes, manifest
from episodes.programs.construction import Construction, OverlapException
from episodes.programs.ladder_rules import ModelDatesRung, StateRung
from episodes.programs.participation import Participation, wrong_participation
from episodes.programs.price import Price, wrong_prices
from episodes.programs.risk_rules import RiskRules, wrong_risk
from episodes.programs.rule import (
    NamedRule,
    Part,
    Rule,
)
from episodes.programs.service_rules import Proration, StayProcedureExclusion
from episodes.programs.settlement_rules import Settlement, ThresholdSettlement, wrong_settlement

# --- the programme ------------------------------------------------------------------------------------------


class PerformanceYear(Part):
    """A performance year by its name, and its dates."""

    start: dt.date
    end: dt.date

    @model_validator(mode="after")
    def _in_order(self) -> PerformanceYear:
        if self.end < self.start:
            raise ValueError(f"ends ({self.end}) before it starts ({self.start})")
        return self


class ProgramRules(Part):
    """A programme's rules, resolved for one performance year."""

    id: str
    name: str
    citation: str
    known_as_of: dt.date
    currency: Literal["USD"] = "USD"
    categories: dict[str, str]
    performance_years: dict[str, PerformanceYear]
    default_performance_year: str | None = None
    """The year that is loaded where none is named; none: the first."""
    participation: Participation | None = None
    """Which tracks a hospital can be in; none where the programme has no tracks."""
    construction: Construction
    risk: RiskRules | None = None
    """What describes the risk of an episode; none where the file does not say."""
    attribution: Attribution | None = None
    """Whose the cents of an episode are; none where the file does not say."""
    price: Price | None = None
    """How prices are set; none where the file has only construction rules."""
    settlement: Annotated[Settlement | ThresholdSettlement, Field(discriminator="kind")] | None = None
    """How spending is settled; none where the file does not say."""


def walk_rules(part: BaseModel, path: str = "") -> Iterator[tuple[str, object, str, str]]:
    """Every cited value below a part: (id, value, status, citation), in the order of the file."""
    if isinstance(part, Rule):
        yield path, part.value, part.status, part.citation
        return
    if isinstance(part, NamedRule):
        parameters = part.model_dump(exclude={"status", "citation", "note", "id"})
        yield path, parameters, part.status, part.citation
        return
    if path and "status" in type(part).model_fields:
        parameters = part.model_dump(exclude={"status", "citation"})
        yield path, parameters, getattr(part, "status", ""), getattr(part, "citation", "")
        return
    for name in type(part).model_fields:
        child = getattr(part, name)
        below = f"{path}.{name}" if path else name
        if isinstance(child, BaseModel):
            yield from walk_rules(child, below)
        elif isinstance(child, tuple):
            for item in child:
                if isinstance(item, NamedRule):
                    yield from walk_rules(item, f"{below}.{item.id}")


# --- rules against each other -------------------------------------------------------------------------------

_ANCHOR_COLUMNS = ("category", "anchor_setting", "code", "price_code", "family")
_MAP_COLUMNS = ("from_drg", "valid_from", "valid_to", "category", "price_code")


def contradictions(rules: ProgramRules) -> list[str]:
    """What no rule shows alone: names that nothing carries, lists that do not fit each other.

    Each is one sentence that begins with the rule's id.
    """
    return [
        *_wrong_tables(rules),
        *_wrong_lists(rules),
        *_missing_parts(rules),
        *(wrong_risk(rules.risk, rules.categories) if rules.risk else ()),
        *(wrong_participation(rules.participation) if rules.participation else ()),
        *(wrong_prices(rules.price, rules.categories) if rules.price else ()),
        *(wrong_settlement(rules.settlement, rules.categories) if rules.settlement else ()),
    ]


def named_tables(rules: ProgramRules) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every code table that a rule names: (rule's id, table, columns that the rule needs)."""
    anchors, services = rules.construction.anchors, rules.construction.services
    yield "construction.anchors.codes", anchors.codes.value, _ANCHOR_COLUMNS
    if anchors.drg_map is not None:
        yield "construction.anchors.drg_map", anchors.drg_map.value, _MAP_COLUMNS
    if services.related_diagnoses is not None:
        yield "construction.services.related_diagnoses", services.related_diagnoses.value, ("diagnosis_prefix",)
    for place, listed in _lists(rules).items():
        for rule in listed:
            for parameter, columns in rule.TABLES.items():
                if (table := getattr(rule, parameter)) is not None:
                    yield f"{place}.{rule.id}", table, columns


def _wrong_tables(rules: ProgramRules) -> Iterator[str]:
    for rule_id, table, columns in named_tables(rules):
        try:
            present = columns_of(table)
        except ProgramError as error:
            yield f"{rule_id}: {error}"
            continue
        if lacking := [column for column in columns if column not in present]:
            fitting = [name for name, said in manifest().items() if set(columns) <= set(said["columns"])]
            yield (
                f"{rule_id}: the code table {table!r} has no {_listed(lacking)}; "
                f"tables that have every column needed: {_listed(fitting)}"
            )
        elif "category" in columns:
            strange = set(load_codes(table)["category"].drop_nulls()) - set(rules.categories)
            if strange:
                yield (
                    f"{rule_id}: the code table {table!r} has categories that are not the programme's: "
                    f"{_listed(strange)}; its categories: {_listed(rules.categories)}"
                )


def _wrong_lists(rules: ProgramRules) -> Iterator[str]:
    states = set(load_codes("ccn_state_codes")["state"].drop_nulls())
    for place, listed in _lists(rules).items():
        ids = Counter(rule.id for rule in listed)
        for name in (name for name, times in ids.items() if times > 1):
            yield f"{place}: the id {name!r} stands more than once; ids are reason codes and must differ"
        for rule in listed:
            named = rule.states if isinstance(rule, StateRung) else ()
            named = rule.states_not if isinstance(rule, Proration) else named
            if strange := set(named) - states:
                yield f"{place}.{rule.id}: {_listed(strange)} is no state; states are two capital letters, such as MD"
            if isinstance(rule, ModelDatesRung) and rule.latest_episode_end < rule.earliest_episode_start:
                yield f"{place}.{rule.id}: the latest episode end lies before the earliest episode start"
            if strange := _categories_of(rule) - set(rules.categories):
                yield (
                    f"{place}.{rule.id}: not a category: {_listed(strange)}; categories: {_listed(rules.categories)}"
                )


def _categories_of(rule: NamedRule) -> set[str]:
    if isinstance(rule, OverlapException):
        return {*rule.first_categories, *rule.second_categories}
    return set(rule.categories) if isinstance(rule, StayProcedureExclusion) else set()


def _missing_parts(rules: ProgramRules) -> Iterator[str]:
    """Parts that another rule asks for and that the file does not have."""
    anchors, services = rules.construction.anchors, rules.construction.services
    asking = [rule.id for rule in services.inclusions if rule.include != "none"]
    if asking and (services.related_diagnoses is None or services.related_by is None):
        yield f"construction.services.inclusions: {_listed(asking)} needs related_diagnoses and related_by"
    if anchors.price_cell.value == "price_code_and_fracture" and anchors.fracture is None:
        yield "construction.anchors.price_cell: price_code_and_fracture needs a part anchors.fracture"
    if anchors.outpatient_price_code.value == "table_else_apc" and anchors.pricing_year is None:
        yield "construction.anchors.outpatient_price_code: table_else_apc needs anchors.pricing_year"


def _lists(rules: ProgramRules) -> dict[str, tuple[NamedRule, ...]]:
    """The lists of named rules of a construction, by the place where they stand."""
    construction = rules.construction
    return {
        "construction.anchors.fracture": (construction.anchors.fracture,) if construction.anchors.fracture else (),
        "construction.anchors.needed_procedures": construction.anchors.needed_procedures,
        "construction.anchors.needed_diagnoses": construction.anchors.needed_diagnoses,
        "construction.exclusions": construction.exclusions,
        "construction.services.inclusions": construction.services.inclusions,
        "construction.services.exclusions": construction.services.exclusions,
        "construction.services.marks": construction.services.marks,
        "construction.services.proration": construction.services.proration,
        "construction.overlap.first_gives_way": construction.overlap.first_gives_way,
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
