"""Reading a programme: rules file to typed model, for one performance year, with overrides.

>>> import episodes as ep
>>> program = ep.load_program("team", performance_year=1)
>>> program.rules.construction.window.post_days.value
30
"""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import polars as pl
from pydantic import TypeAdapter, ValidationError

from episodes.errors import ProgramError, count_of, unknown_name
from episodes.programs.code_tables import fingerprint_of
from episodes.programs.model import PerformanceYear, ProgramRules, contradictions, walk_rules
from episodes.programs.rule import Basis, Status, named_by, nearest, problems_of, why_not_overridden

Period = tuple[dt.date, dt.date]


@dataclass(frozen=True)
class Program:
    """A programme for one performance year: its rules, and what the user changed.

    Attributes:
        rules: the typed rules (`ProgramRules`), each value with status and citation.
        performance_year: name of the year the rules were resolved for.
        period: inclusive dates an episode must fall into (tested on the date the programme names).
        own_period: False when the user set the period (baseline years, data of other years).
        switched_off: reason codes of exclusions the user switched off.
        overrides: what the user changed, rule id to value.
    """

    rules: ProgramRules
    performance_year: str
    period: Period
    own_period: bool = True
    switched_off: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    _source: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        return "\n".join(self._summary())

    def _repr_html_(self) -> str:
        said = "<br>".join(escape(line) for line in self._summary())
        return f"<p>{said}</p>{self._rules_by_status()._repr_html_()}"

    def _summary(self) -> list[str]:
        """The programme, its dates and basis, how well its rules are established, and what the user changed."""
        start, end = self.period
        whose = "" if self.own_period else " (not the performance year's own dates)"
        counted = self._rules_by_status().drop("part").sum().row(0, named=True)
        by_status = ", ".join(f"{number} {status}" for status, number in counted.items() if number)
        return [
            f"Programme {self.id} ({self.rules.name}), performance year {self.performance_year}",
            f"Period {start} to {end}{whose}, {self.amount_basis} amounts",
            f"{count_of(sum(counted.values()), 'rule')}: {by_status}",
            *([f"Switched off: {', '.join(self.switched_off)}"] if self.switched_off else []),
            *([f"Overridden: {', '.join(sorted(self.overrides))}"] if self.overrides else []),
        ]

    def _rules_by_status(self) -> pl.DataFrame:
        """How many rules of each part have each status."""
        rules = self.rule_list()
        parts = list(dict.fromkeys(str(rule["rule"]).partition(".")[0] for rule in rules))
        placed = [(str(rule["rule"]).partition(".")[0], rule["status"]) for rule in rules]
        counts = {status: [placed.count((part, status)) for part in parts] for status in get_args(Status)}
        return pl.DataFrame({"part": parts, **counts})

    @property
    def id(self) -> str:
        """The programme's id, as in `load_program`."""
        return self.rules.id

    @property
    def amount_basis(self) -> Basis:
        """The basis of all cents of a run."""
        return self.rules.construction.amount_basis.value

    def for_year(self, performance_year: str | int | None) -> Program:
        """The same programme, with the same changes, for another performance year."""
        if performance_year is None or str(performance_year) == self.performance_year:
            return self
        fresh = _resolve(self._source, str(performance_year))
        changed = fresh.override(self.overrides) if self.overrides else fresh
        return replace(changed, switched_off=self.switched_off)

    def for_baseline(self) -> Program:
        """The same rules over the baseline years of the performance year."""
        years = self.rules.price.baseline.years.value
        return self.for_period(dt.date(min(years), 1, 1), dt.date(max(years), 12, 31))

    def for_period(self, start: dt.date | str, end: dt.date | str) -> Program:
        """The same rules over the episodes of other dates (inclusive); text is read as YYYY-MM-DD."""
        first, last = _day(start), _day(end)
        if last < first:
            raise ProgramError(f"The period ends ({last}) before it starts ({first}). Give START:END in order.")
        return replace(self, period=(first, last), own_period=False)

    def without(self, exclusions: Iterable[str]) -> Program:
        """The same programme with exclusions switched off by reason code; every output then says so."""
        known = [rung.id for rung in self.rules.construction.exclusions]
        names = (exclusions,) if isinstance(exclusions, str) else tuple(exclusions)
        for name in names:
            if name not in known:
                of_services = name in [rule.id for rule in self.rules.construction.services.exclusions]
                hint = " It takes services out of episodes: only exclusions of episodes can be switched off."
                raise ProgramError(unknown_name("exclusion", name, known) + (hint if of_services else ""))
        chosen = set(self.switched_off) | set(names)
        return replace(self, switched_off=tuple(name for name in known if name in chosen))

    def override(self, changes: Mapping[str, Any]) -> Program:
        """A what-if: rule ids (or unambiguous ends of them) with new values, marked `overridden`.

        >>> import episodes as ep
        >>> ep.load_program("team").override({"window.post_days": 90}).rules.construction.window.post_days.status
        'overridden'
        """
        if not isinstance(changes, Mapping):
            raise ProgramError("Overrides are a mapping of rule to value, such as {'window.post_days': 90}.")
        tree = copy.deepcopy(self._resolved)
        named: dict[str, Any] = dict(self.overrides)
        for key, value in changes.items():
            rule_id = self._rule_id(key)
            node = _node_at(tree, rule_id)
            node["value"] = value
            node["status"] = "overridden"
            named[rule_id] = value
        rules = _validate(tree, f"override of {', '.join(sorted(changes))}")
        return replace(self, rules=rules, overrides=named)

    def rule_list(self) -> list[dict[str, Any]]:
        """Every rule as a record: id, value, status, citation."""
        return [
            {"rule": rule_id, "value": value, "status": status, "citation": citation}
            for rule_id, value, status, citation in walk_rules(self.rules)
        ]

    def open_rules(self) -> list[dict[str, Any]]:
        """The rules that are not established, and those the user changed: what a reader must know of."""
        return [rule for rule in self.rule_list() if rule["status"] in ("open", "overridden")]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the rules in canonical form, their code tables, the period and what was switched off."""
        document = {
            "rules": json.loads(self.rules.model_dump_json()),
            "performance_year": self.performance_year,
            "period": [day.isoformat() for day in self.period],
            "own_period": self.own_period,
            "switched_off": list(self.switched_off),
            "code_tables": {name: fingerprint_of(name) for name in self.code_tables()},
        }
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def code_tables(self) -> list[str]:
        """Names of the packaged code tables the rules refer to."""
        construction = self.rules.construction
        names = {construction.anchors.codes.value}
        if construction.anchors.drg_map is not None:
            names.add(construction.anchors.drg_map.value)
        for rung in (*construction.exclusions, *construction.services.exclusions):
            table = getattr(rung, "table", None)
            if table is not None:
                names.add(table)
        return sorted(names)

    @property
    def _resolved(self) -> dict[str, Any]:
        tree: dict[str, Any] = _at_year(self._source, self.performance_year, "")
        for rule_id, value in self.overrides.items():
            node = _node_at(tree, rule_id)
            node["value"] = value
            node["status"] = "overridden"
        return tree

    def _rule_id(self, key: str) -> str:
        tree = self._resolved
        listed = [str(rule["rule"]) for rule in self.rule_list()]
        known = [name for name in listed if _is_plain_rule(tree, name)]
        found = named_by(key, known)
        if len(found) == 1:
            return found[0]
        if found:
            raise ProgramError(f"Override {key!r} is ambiguous: {', '.join(found)}. Give more of the name.")
        beginnings = [key.rsplit(".", cut)[0] for cut in range(1 + key.count("."))]
        whole = next((name for start in beginnings for name in named_by(start, listed)), None)
        if whole is not None:
            value = _node_at(tree, whole)["value"] if whole in known else None
            raise ProgramError(why_not_overridden(key, whole, value))
        raise ProgramError(
            f"Unknown rule {key!r}. Nearest: {', '.join(nearest(key, known))}. "
            f"`episodes check-program {self.id if self.id in known_programs() else 'FILE'}` lists all."
        )


def known_programs() -> list[str]:
    """Names of the packaged programmes."""
    folder = files("episodes.programs") / "rules"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_program(
    name: str | Path,
    performance_year: str | int | None = None,
    *,
    period: tuple[dt.date | str, dt.date | str] | None = None,
    amount_basis: Basis | None = None,
    without_exclusions: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Program:
    """Load a programme by name, or from a rules file of your own.

    Args:
        name: a packaged programme (`known_programs()`), or a path to a `.toml` rules file.
        performance_year: name of the year as the programme writes it; integers are accepted. Default: the first.
        period: inclusive dates (or YYYY-MM-DD text) that replace those of the performance year.
        amount_basis: `standardized`, `allowed` or `paid` in place of the programme's own.
        without_exclusions: reason code, or reason codes, of exclusions to switch off, for exploration.
        overrides: rule ids with new values, see `Program.override`.

    Returns:
        A `Program`.

    Raises:
        ProgramError: an unknown name, year, rule or value; the message says what is known or allowed.

    Example:
        >>> import episodes as ep
        >>> ep.load_program("team", performance_year=1).rules.price.discounts.value["CABG"]
        Decimal('0.015')
    """
    source = _read(name)
    first_year = next(iter(source["performance_years"]))
    program = _resolve(source, first_year if performance_year is None else str(performance_year))
    if period is not None:
        if not isinstance(period, tuple | list) or len(period) != 2:
            raise ProgramError(f"The period is two dates, (start, end); given: a {type(period).__name__}.")
        program = program.for_period(*period)
    if overrides:
        program = program.override(overrides)
    if amount_basis is not None:
        program = program.override({"construction.amount_basis": amount_basis})
    return program.without(without_exclusions)


def _read(name: str | Path) -> dict[str, Any]:
    path = Path(name)
    if isinstance(name, Path) or path.suffix == ".toml":
        if not path.is_file():
            raise ProgramError(f"There is no programme file {str(name)!r}.")
        content = path.read_bytes()
    elif name in known_programs():
        content = (files("episodes.programs") / "rules" / f"{name}.toml").read_bytes()
    else:
        hint = " A rules file of your own is given by its path, which ends in .toml."
        raise ProgramError(unknown_name("programme", str(name), known_programs()) + hint)
    try:
        source = tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said = error if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8 text"
        raise ProgramError(f"The programme file {path.name!r} is not valid TOML: {said}.") from None
    _need_head(source, path.name)
    return source


def _need_head(source: Mapping[str, Any], file: str) -> None:
    """What is read before the rules themselves: whose they are, and for which years."""
    lacking = []
    if not isinstance(source.get("id"), str) or not source["id"]:
        lacking.append('a name, such as  id = "mine"')
    years = source.get("performance_years")
    if not isinstance(years, Mapping) or not years:
        lacking.append(
            "a table [performance_years] with a line a year, such as  1 = { start = 2026-01-01, end = 2026-12-31 }"
        )
    if lacking:
        raise ProgramError(
            f"The programme file {file!r} lacks {' and '.join(lacking)}. "
            "Is it a rules file? The easiest start for one is a copy of a packaged programme's file."
        )


def _resolve(source: Mapping[str, Any], year: str) -> Program:
    what = f"programme {source['id']!r}"
    tree = {"performance_years": source["performance_years"]}
    try:
        years = TypeAdapter(dict[str, PerformanceYear]).validate_python(tree["performance_years"])
    except ValidationError as error:
        problems = [f"performance_years.{problem}" for problem in problems_of(error, tree["performance_years"])]
        raise _faulty(what, problems) from None
    if year not in years:
        raise ProgramError(_unknown_year(source["id"], year, years))
    rules = _validate(_at_year(source, year, ""), what)
    return Program(rules=rules, performance_year=year, period=(years[year].start, years[year].end), _source=source)


def _unknown_year(program: str, asked: str, years: Mapping[str, PerformanceYear]) -> str:
    """Says the years with their dates; a calendar year is the usual mistake."""
    listed = ", ".join(f"{name} ({dates.start} to {dates.end})" for name, dates in years.items())
    calendar = [name for name, dates in years.items() if asked in (str(dates.start.year), str(dates.end.year))]
    hint = f" {asked} is a calendar year: its performance year is named {calendar[0]}." if calendar else ""
    return f"Unknown performance year {asked!r} of {program!r}.{hint} Known, by name: {listed}."


def _at_year(node: Any, year: str, path: str) -> Any:
    """A copy of the tree in which every `by_year` is replaced by its value of the year."""
    if isinstance(node, dict):
        if "by_year" in node:
            by_year = node["by_year"] if isinstance(node["by_year"], Mapping) else {}
            if year not in by_year:
                known = f"it has one for {', '.join(by_year)}" if by_year else "by_year is a table of year to value"
                raise ProgramError(f"Rule {path!r} has no value for performance year {year!r}: {known}.")
            rest = {key: value for key, value in node.items() if key != "by_year"}
            return {**rest, "value": copy.deepcopy(by_year[year])}
        return {key: _at_year(value, year, f"{path}.{key}" if path else key) for key, value in node.items()}
    if isinstance(node, list):
        return [_at_year(value, year, path) for value in node]
    return node


def _node_at(tree: Any, rule_id: str) -> dict[str, Any]:
    node = tree
    for name in rule_id.split("."):
        node = node[name]
    result: dict[str, Any] = node
    return result


def _is_plain_rule(tree: Any, rule_id: str) -> bool:
    node = tree
    for name in rule_id.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return False
        node = node[name]
    return isinstance(node, Mapping) and "value" in node


def _validate(tree: Any, what: str) -> ProgramRules:
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


def _day(given: dt.date | str) -> dt.date:
    """A day of a period, given as a date or as text."""
    if isinstance(given, dt.datetime):
        return given.date()
    if isinstance(given, dt.date):
        return given
    try:
        return dt.date.fromisoformat(given)
    except (TypeError, ValueError):
        raise ProgramError(f"A day of the period is a date or YYYY-MM-DD; given: {given!r}.") from None
