"""What a programme is: a frozen, typed model of its rules, each with a citation and a status.

A programme has three parts: *construction* of episodes, *price* and *settlement*. Each is put together from a closed
set of step kinds with parameters. No number of a programme stands in code: the engine reads this model, and the model
is read from a rules file (how to write one: docs/rules-and-statuses.md).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import BaseModel, model_validator

from episodes.errors import ProgramError
from episodes.programs.code_tables import columns_of, load_codes, manifest
from episodes.programs.construction import Construction
from episodes.programs.ladder_rules import ModelDatesRung, StateRung
from episodes.programs.rule import (
    CalendarYear,
    Count,
    Deviations,
    Multiplier,
    NamedRule,
    Part,
    Percentile,
    Rule,
    Score,
    Share,
    Status,
)
from episodes.programs.service_rules import Proration

# --- price --------------------------------------------------------------------------------------------------


class Cap(Part):
    """The high-cost cap."""

    upper_percentile: Rule[Percentile]
    method: Rule[Literal["sas5", "linear"]]
    each_year_apart: Rule[bool]


class Baseline(Part):
    """The baseline and how its years are brought together."""

    years: Rule[tuple[CalendarYear, ...]]
    weights: Rule[tuple[Share, ...]]
    adjustment_level: Rule[Literal["national", "cell", "none"]]
    thin_cell_episodes: Rule[Count]

    @model_validator(mode="after")
    def _one_weight_a_year(self) -> Baseline:
        years, weights = self.years.value, self.weights.value
        if list(years) != sorted(set(years)):
            raise ValueError("years must ascend, the oldest first")
        if len(years) != len(weights) or sum(weights) != 1:
            raise ValueError("weights must be one a baseline year and sum to exactly 1")
        return self


class Price(Part):
    """How target prices are set."""

    region: Rule[Literal["census_division"]]
    cap: Cap
    baseline: Baseline
    prospective_trend: Rule[Multiplier]
    prospective_normalization: Rule[Multiplier]
    final_trend_limit: Rule[Share]
    final_normalization_limit: Rule[Share]
    discounts: Rule[dict[str, Share]]


# --- settlement ---------------------------------------------------------------------------------------------


class TrackTerms(Part):
    """What a track risks and how far quality moves it. Null: the track has no downside."""

    stop_gain: Share
    stop_loss: Share | None = None
    quality_positive: Share
    quality_negative: Share | None = None


class QualityMeasure(Part):
    """A measure of the composite quality score."""

    categories: tuple[str, ...] | None = None
    """Categories whose episodes weigh it; null = all."""
    anchor_setting: Literal["inpatient", "outpatient"] | None = None
    status: Status
    citation: str


class Quality(Part):
    """The composite quality score."""

    measures: Rule[dict[str, QualityMeasure]]
    neutral_score: Rule[Score]
    when_unknown: Rule[Score]
    """Score of a hospital without any measure: shown as such in every output."""


StepKind = Literal["low_volume_floor", "quality_adjustment", "limits", "downside_waiver", "post_episode"]


class Settlement(Part):
    """How actual spending is settled against the target."""

    tracks: Rule[dict[str, TrackTerms]]
    default_track: Rule[str]
    low_volume_threshold: Rule[Count]
    low_volume_floor: Rule[Literal["category", "none"]]
    post_episode_sd: Rule[Deviations]
    post_episode_without_downside: Rule[Literal["payment_only", "full", "none"]]
    quality: Quality
    steps: Rule[tuple[StepKind, ...]]


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
    construction: Construction
    price: Price | None = None
    """How prices are set; none where the file has only construction rules."""
    settlement: Settlement | None = None
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
        *(_wrong_price(rules, rules.price) if rules.price else ()),
        *(_wrong_settlement(rules, rules.settlement) if rules.settlement else ()),
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


def _wrong_price(rules: ProgramRules, price: Price) -> Iterator[str]:
    discounts = price.discounts.value
    if set(discounts) != set(rules.categories):
        missing, strange = set(rules.categories) - set(discounts), set(discounts) - set(rules.categories)
        yield (
            f"price.discounts: wants one discount for each of {_listed(rules.categories)}"
            + (f"; missing: {_listed(missing)}" if missing else "")
            + (f"; not a category: {_listed(strange)}" if strange else "")
        )


def _wrong_settlement(rules: ProgramRules, settlement: Settlement) -> Iterator[str]:
    for name, measure in settlement.quality.measures.value.items():
        if strange := set(measure.categories or ()) - set(rules.categories):
            yield (
                f"settlement.quality.measures.{name}: not a category: {_listed(strange)}; "
                f"categories: {_listed(rules.categories)}"
            )
    tracks = settlement.tracks.value
    if settlement.default_track.value not in tracks:
        yield (
            f"settlement.default_track: {settlement.default_track.value!r} is no track of the year; "
            f"tracks: {_listed(tracks) or 'none'}"
        )
    steps = Counter(settlement.steps.value)
    if twice := [kind for kind, times in steps.items() if times > 1]:
        yield f"settlement.steps: {_listed(twice)} stands more than once"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
