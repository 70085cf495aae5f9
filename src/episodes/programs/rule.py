"""One value of a programme with what supports it: the building stone of every rule, and the kinds of values there are.

A value out of its range, or a name that nothing carries, is found when rules are loaded or overridden: later it would
be a wrong amount, or an error far from its cause.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Status = Literal["regulation", "published", "unverified", "open", "overridden"]
"""How well a rule is established: read in the regulation; read in a published source; stated from knowledge and
not confirmed; not established (a named setting with a documented default); changed by the user."""

Basis = Literal["standardized", "allowed", "paid"]
Value = TypeVar("Value")

# --- kinds of numbers ---------------------------------------------------------------------------------------


def _no_truth_value(value: Any) -> Any:
    """True would be read as the number 1. Validation reports value errors only."""
    if isinstance(value, bool):
        raise ValueError("should be a number, not true or false")  # noqa: TRY004
    return value


_Number = BeforeValidator(_no_truth_value)
Count = Annotated[int, _Number, Field(ge=0)]
Days = Annotated[int, _Number, Field(ge=0)]
DaysOrNever = Annotated[int, _Number, Field(ge=-1)]
CalendarYear = Annotated[int, _Number, Field(ge=1000, le=9999)]
Share = Annotated[Decimal, _Number, Field(ge=0, le=1)]
"""A share or rate as a fraction: 0.02 is two percent."""
Percentile = Annotated[Decimal, _Number, Field(ge=0, le=100)]
Score = Annotated[Decimal, _Number, Field(ge=0, le=100)]
Multiplier = Annotated[Decimal, _Number, Field(gt=0)]
Deviations = Annotated[Decimal, _Number, Field(ge=0)]
"""A number of standard deviations."""

# --- names of the claims contract ---------------------------------------------------------------------------
# Written out here because rules are read without claims (imports go one way); a test keeps them equal to the contract.

Setting = Literal["inpatient", "snf", "home_health", "hospice", "outpatient", "professional", "dme", "drug"]
ProviderType = Literal[
    "acute",
    "cah",
    "ltch",
    "irf",
    "ipf",
    "childrens",
    "cancer",
    "emergency",
    "veteran",
    "snf",
    "swing_bed",
    "home_health",
    "hospice",
    "other",
]
CoverageKind = Literal[
    "part_a",
    "part_b",
    "medical",
    "pharmacy",
    "medicare_advantage",
    "esrd",
    "esrd_entitlement",
    "kidney_transplant",
    "other_primary_payer",
    "united_mine_workers",
    "full_dual",
    "partial_dual",
    "low_income_subsidy",
    "long_term_institution",
    "unknown",
    "aco",
]
AddOn = Literal[
    "outlier_cents",
    "new_technology_cents",
    "clotting_factor_cents",
    "ime_cents",
    "dsh_cents",
    "uncompensated_care_cents",
]
"""Columns of claims that hold parts of the allowed amount."""
TwoDigits = Annotated[str, Field(pattern=r"^[0-9]{2}$")]
"""A code of two digits: a discharge status, a place of service, a major diagnostic category."""


class Part(BaseModel):
    """A part of a programme: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(Part, Generic[Value]):
    """One value of a programme with what supports it."""

    value: Value
    status: Status
    citation: str
    note: str | None = None


class NamedRule(Part):
    """A rule that stands in a list: its `id` is the reason code of what it does."""

    TABLES: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Its parameters that name a code table, with the columns that the table must have."""

    id: str
    status: Status
    citation: str
    note: str | None = None


def problems_of(error: ValidationError, tree: Any) -> list[str]:
    """What validation found wrong with a tree of rules, each problem one sentence that begins with the rule's id."""
    return [f"{_rule_at(item['loc'], tree)}: {_wrong(item)}" for item in error.errors()]


_WORDS = {"missing": "is missing", "extra_forbidden": "is not a name known here"}


def _wrong(item: Any) -> str:
    if item["type"] in _WORDS:
        return _WORDS[item["type"]]
    said = str(item["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    given = item["input"]
    plain = isinstance(given, str | int | float | Decimal) and not isinstance(given, bool)
    return f"{said}; given: {given}" if plain else said


def _rule_at(place: tuple[int | str, ...], tree: Any) -> str:
    """The rule's id as users write it: items of a list by their id, without the kind of the item and `value`."""
    names: list[str] = []
    node = tree
    for part in place:
        if isinstance(node, list) and isinstance(part, int):
            node = node[part]
            names.append(str(node.get("id", part + 1)) if isinstance(node, Mapping) else str(part + 1))
        elif not isinstance(node, Mapping):
            names.append(str(part))
        elif part in node:
            node = node[part]
            names += [] if part == "value" else [str(part)]
        elif part != node.get("kind"):
            node = None
            names.append(str(part))
    return ".".join(names) or "the rules"


# --- names of rules -----------------------------------------------------------------------------------------


def named_by(key: str, names: Iterable[str]) -> list[str]:
    """The names that a key stands for: itself, or those it is the end of."""
    names = list(names)
    return [key] if key in names else [name for name in names if name.endswith(f".{key}")]


def nearest(asked: str, names: Iterable[str], number: int = 3) -> list[str]:
    """The most similar names, compared by as many of their last parts as were given."""
    parts = 1 + asked.count(".")

    def likeness(name: str) -> float:
        return SequenceMatcher(None, asked.lower(), ".".join(name.split(".")[-parts:])).ratio()

    return sorted(names, key=lambda name: (-likeness(name), name))[:number]


def why_not_overridden(key: str, rule: str, value: Any) -> str:
    """Why a name that belongs to a rule cannot be overridden, and what can be done in its place."""
    if value is not None:
        form = json.dumps(value, default=lambda plain: float(plain) if isinstance(plain, Decimal) else str(plain))
        return (
            f"{key!r} is a part of the rule {rule!r}, whose value is replaced as a whole. As it stands now: "
            f"--override '{rule}={form}', or the same value in overrides={{{rule!r}: ...}}."
        )
    name = rule.rpartition(".")[2]
    if rule.startswith("construction.exclusions."):
        return (
            f"{key!r} is an exclusion of episodes, not a rule with one value. To switch it off, say "
            f"--without-exclusion {name}, or without_exclusions=[{name!r}]."
        )
    return f"{key!r} is a rule of several parameters ({rule}): change it in a rules file of your own."
