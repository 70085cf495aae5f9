"""One value of a programme with what supports it: the building stone of every rule."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

Status = Literal["regulation", "published", "unverified", "open", "overridden"]
"""How well a rule is established: read in the regulation; read in a published source; stated from knowledge and
not confirmed; not established (a named setting with a documented default); changed by the user."""

Basis = Literal["standardized", "allowed", "paid"]
Value = TypeVar("Value")


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

    id: str
    status: Status
    citation: str
    note: str | None = None
