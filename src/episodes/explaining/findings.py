"""What an explanation is made of: rules that fired, and findings that they support."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from episodes.programs import Program


@dataclass(frozen=True)
class FiredRule:
    """A rule of the programme that shaped the episode: id, value, status and citation, as in `program.rule_list()`."""

    id: str
    value: Any
    status: str
    citation: str

    def __str__(self) -> str:
        return f"{self.id} = {in_words(self.value)} [{self.status}] {self.citation}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"rule": self.id, "value": plain(self.value), "status": self.status, "citation": self.citation}


@dataclass(frozen=True)
class Finding:
    """One thing there is to say of an episode, with the rules that made it so.

    Attributes:
        subject: what it is about: a word of the field, or the reason code.
        says: the sentence.
        rules: the rules that fired; none: the claims say so.
        date: the date found, where it is one.
        facts: the same as plain data, where a reader would compute with it.
    """

    subject: str
    says: str
    rules: tuple[FiredRule, ...] = ()
    date: dt.date | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        dated = {} if self.date is None else {"date": self.date.isoformat()}
        found = {"subject": self.subject, **dated, "says": self.says, **plain(dict(self.facts))}
        return {**found, "rules": [rule.to_dict() for rule in self.rules]}


class RuleBook:
    """The rules of a programme by id."""

    def __init__(self, program: Program) -> None:
        self._rules = {
            str(rule["rule"]): FiredRule(str(rule["rule"]), rule["value"], rule["status"], rule["citation"])
            for rule in program.rule_list()
        }

    def named(self, *ids: str) -> tuple[FiredRule, ...]:
        """The rules of these ids, those left out that the programme does not have."""
        return tuple(self._rules[name] for name in ids if name in self._rules)

    def in_order(self, ids: Iterable[str]) -> tuple[FiredRule, ...]:
        """The rules of these ids, each once, in the order of the programme's file."""
        wanted = set(ids)
        return tuple(rule for name, rule in self._rules.items() if name in wanted)


def plain(value: Any) -> Any:
    """A value as data that JSON can hold: dates and exact numbers become text."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def in_words(value: Any) -> str:
    """A rule's value on one line.

    >>> in_words(("21", "23")), in_words({"kind": "stay_mdc", "mdcs": ("02", "14")}), in_words(True)
    ('21, 23', 'stay_mdc (mdcs: 02, 14)', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        parts = [f"{key}: {in_words(part)}" for key, part in value.items() if key != "kind" and part not in (None, ())]
        said = "; ".join(parts)
        if "kind" not in value:
            return said
        return f"{value['kind']} ({said})" if said else str(value["kind"])
    if isinstance(value, list | tuple):
        return ", ".join(in_words(part) for part in value)
    return str(value)
