"""What a programme is: a frozen, typed model of its rules, each with a citation and a status.

A programme has three parts (design, section 4): *construction* of episodes, *price* and *settlement*. Each is put
together from a closed set of step kinds with parameters. No number of a programme stands in code: the engine reads
this model, and the model is read from a rules file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, model_validator

from episodes.programs.construction import Construction
from episodes.programs.rule import NamedRule, Part, Rule, Status

# --- price --------------------------------------------------------------------------------------------------


class Cap(Part):
    """The high-cost cap."""

    upper_percentile: Rule[Decimal]
    method: Rule[Literal["sas5", "linear"]]
    each_year_apart: Rule[bool]


class Baseline(Part):
    """The baseline and how its years are brought together."""

    years: Rule[tuple[int, ...]]
    weights: Rule[tuple[Decimal, ...]]
    adjustment_level: Rule[Literal["national", "cell", "none"]]
    thin_cell_episodes: Rule[int]

    @model_validator(mode="after")
    def _one_weight_a_year(self) -> Baseline:
        if len(self.years.value) != len(self.weights.value) or sum(self.weights.value) != 1:
            raise ValueError("weights must be one a baseline year and sum to exactly 1")
        return self


class Price(Part):
    """How target prices are set."""

    region: Rule[Literal["census_division"]]
    cap: Cap
    baseline: Baseline
    prospective_trend: Rule[Decimal]
    prospective_normalization: Rule[Decimal]
    final_trend_limit: Rule[Decimal]
    final_normalization_limit: Rule[Decimal]
    discounts: Rule[dict[str, Decimal]]


# --- settlement ---------------------------------------------------------------------------------------------


class TrackTerms(Part):
    """What a track risks and how far quality moves it. Null: the track has no downside."""

    stop_gain: Decimal
    stop_loss: Decimal | None = None
    quality_positive: Decimal
    quality_negative: Decimal | None = None


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
    neutral_score: Rule[Decimal]
    when_unknown: Rule[Decimal]
    """Score of a hospital without any measure: shown as such in every output."""


StepKind = Literal["low_volume_floor", "quality_adjustment", "limits", "downside_waiver", "post_episode"]


class Settlement(Part):
    """How actual spending is settled against the target."""

    tracks: Rule[dict[str, TrackTerms]]
    default_track: Rule[str]
    low_volume_threshold: Rule[int]
    low_volume_floor: Rule[Literal["category", "none"]]
    post_episode_sd: Rule[Decimal]
    post_episode_without_downside: Rule[Literal["payment_only", "full", "none"]]
    quality: Quality
    steps: Rule[tuple[StepKind, ...]]


# --- the programme ------------------------------------------------------------------------------------------


class PerformanceYear(Part):
    """A performance year by its name, and its dates."""

    start: dt.date
    end: dt.date


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
    price: Price
    settlement: Settlement


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
