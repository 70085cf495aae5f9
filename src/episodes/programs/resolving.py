"""From the tree of a rules file to typed rules of one performance year, with what is wrong said rule by rule."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from episodes.errors import ProgramError, count_of
from episodes.programs.model import PerformanceYear, ProgramRules, contradictions
from episodes.programs.rule import problems_of


def year_of(source: Mapping[str, Any], year: str) -> PerformanceYear:
    """The dates of a performance year by its name.

    Raises:
        ProgramError: no such year, or a year's dates are no dates.
    """
    written = source["performance_years"]
    try:
        years = TypeAdapter(dict[str, PerformanceYear]).validate_python(written)
    except ValidationError as error:
        problems = [f"performance_years.{problem}" for problem in problems_of(error, written)]
        raise _faulty(f"programme {source['id']!r}", problems) from None
    if year not in years:
        raise ProgramError(_unknown_year(source["id"], year, years))
    return years[year]


def _unknown_year(program: str, asked: str, years: Mapping[str, PerformanceYear]) -> str:
    """Says the years with their dates; a calendar year is the usual mistake."""
    listed = ", ".join(f"{name} ({dates.start} to {dates.end})" for name, dates in years.items())
    calendar = [name for name, dates in years.items() if asked in (str(dates.start.year), str(dates.end.year))]
    hint = f" {asked} is a calendar year: its performance year is named {calendar[0]}." if calendar else ""
    return f"Unknown performance year {asked!r} of {program!r}.{hint} Known, by name: {listed}."


def year_named(source: Mapping[str, Any], asked: str | float) -> str:
    """The name of a year as the programme writes it: also of 6.0 (a column of floats), and of PY1 as rules print it."""
    whole = isinstance(asked, float) and asked.is_integer()
    name = str(int(asked) if whole else asked).strip()
    short = name[2:].strip() if name[:2].upper() == "PY" else name
    return short if name not in source["performance_years"] and short in source["performance_years"] else name


def at_year(node: Any, year: str, path: str) -> Any:
    """A copy of the tree in which every `by_year` is replaced by its value of the year, and what supports that."""
    if isinstance(node, dict):
        if "by_year" in node:
            by_year = node["by_year"] if isinstance(node["by_year"], Mapping) else {}
            if year not in by_year:
                known = f"it has one for {', '.join(by_year)}" if by_year else "by_year is a table of year to value"
                raise ProgramError(f"Rule {path!r} has no value for performance year {year!r}: {known}.")
            rest = {key: value for key, value in node.items() if key != "by_year"}
            own = copy.deepcopy(by_year[year])
            return {**rest, **(own if _supports_itself(own) else {"value": own})}
        return {key: at_year(value, year, f"{path}.{key}" if path else key) for key, value in node.items()}
    if isinstance(node, list):
        return [at_year(value, year, path) for value in node]
    return node


def _supports_itself(dated: Any) -> bool:
    """Whether a dated value comes with a status or citation of its own, in place of the rule's."""
    return isinstance(dated, Mapping) and "value" in dated and set(dated) <= {"value", "status", "citation", "note"}


def node_at(tree: Any, rule_id: str) -> dict[str, Any]:
    """The part of a tree that a rule's id names."""
    node = tree
    for name in rule_id.split("."):
        node = node[name]
    result: dict[str, Any] = node
    return result


def is_plain_rule(tree: Any, rule_id: str) -> bool:
    """Whether a rule's id names a value with its status, which can be overridden."""
    node = tree
    for name in rule_id.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return False
        node = node[name]
    return isinstance(node, Mapping) and "value" in node


def validated(tree: Any, what: str) -> ProgramRules:
    """Typed rules of a tree.

    Raises:
        ProgramError: values of the wrong kind, or rules that contradict each other, each named.
    """
    try:
        rules = ProgramRules.model_validate(tree)
    except ValidationError as error:
        raise _faulty(what, problems_of(error, tree)) from None
    problems = contradictions(rules)
    if problems:
        raise _faulty(what, problems)
    return rules


def _faulty(what: str, problems: list[str]) -> ProgramError:
    listed = "\n".join(f"  {problem}" for problem in problems[:20])
    more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
    return ProgramError(f"The {what} has {count_of(len(problems), 'problem')}:\n{listed}{more}")
