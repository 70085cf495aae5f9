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
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from episodes.errors import ProgramError, unknown_name
from episodes.programs.code_tables import fingerprint_of
from episodes.programs.model import ProgramRules, walk_rules
from episodes.programs.rule import Basis

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

    def for_period(self, start: dt.date, end: dt.date) -> Program:
        """The same rules over the episodes of other dates (inclusive)."""
        if end < start:
            raise ProgramError(f"The period ends ({end}) before it starts ({start}). Give START:END in order.")
        return replace(self, period=(start, end), own_period=False)

    def without(self, exclusions: Iterable[str]) -> Program:
        """The same programme with exclusions switched off by reason code; every output then says so."""
        known = [rung.id for rung in self.rules.construction.exclusions]
        names = tuple(exclusions)
        for name in names:
            if name not in known:
                raise ProgramError(unknown_name("exclusion", name, known))
        chosen = set(self.switched_off) | set(names)
        return replace(self, switched_off=tuple(name for name in known if name in chosen))

    def override(self, changes: Mapping[str, Any]) -> Program:
        """A what-if: rule ids (or unambiguous ends of them) with new values, marked `overridden`.

        >>> import episodes as ep
        >>> ep.load_program("team").override({"window.post_days": 90}).rules.construction.window.post_days.status
        'overridden'
        """
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
        known = [str(rule["rule"]) for rule in self.rule_list() if _is_plain_rule(tree, rule["rule"])]
        if key in known:
            return key
        ends = [name for name in known if name.endswith("." + key)]
        if len(ends) == 1:
            return ends[0]
        if ends:
            raise ProgramError(f"Override {key!r} is ambiguous: {', '.join(ends)}. Give more of the name.")
        raise ProgramError(unknown_name("rule", key, known))


def known_programs() -> list[str]:
    """Names of the packaged programmes."""
    folder = files("episodes.programs") / "rules"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_program(
    name: str | Path,
    performance_year: str | int | None = None,
    *,
    period: tuple[dt.date, dt.date] | None = None,
    amount_basis: Basis | None = None,
    without_exclusions: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Program:
    """Load a programme by name, or from a rules file of your own.

    Args:
        name: a packaged programme (`known_programs()`), or a path to a `.toml` rules file.
        performance_year: name of the year as the programme writes it; integers are accepted. Default: the first.
        period: inclusive dates that replace those of the performance year.
        amount_basis: `standardized`, `allowed` or `paid` in place of the programme's own.
        without_exclusions: reason codes of exclusions to switch off, for exploration.
        overrides: rule ids with new values, see `Program.override`.

    Returns:
        A `Program`.

    Raises:
        ProgramError: an unknown name, year, rule or value; the message lists the known ones.

    Example:
        >>> import episodes as ep
        >>> ep.load_program("team", performance_year=1).rules.price.discounts.value["CABG"]
        Decimal('0.015')
    """
    source = _read(name)
    years = list(source.get("performance_years", {}))
    year = str(performance_year) if performance_year is not None else (years[0] if years else "")
    program = _resolve(source, year)
    if period is not None:
        program = program.for_period(*period)
    changes = dict(overrides or {})
    if amount_basis is not None:
        changes["construction.amount_basis"] = amount_basis
    if changes:
        program = program.override(changes)
    return program.without(without_exclusions)


def _read(name: str | Path) -> dict[str, Any]:
    path = Path(name)
    if isinstance(name, Path) or path.suffix == ".toml":
        if not path.is_file():
            raise ProgramError(f"There is no programme file {str(name)!r}.")
        text = path.read_text(encoding="utf-8")
    elif name in known_programs():
        text = (files("episodes.programs") / "rules" / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise ProgramError(unknown_name("programme", str(name), known_programs()))
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ProgramError(f"The programme file {path.name!r} is not valid TOML: {error}.") from error


def _resolve(source: Mapping[str, Any], year: str) -> Program:
    years = source.get("performance_years", {})
    if year not in years:
        raise ProgramError(unknown_name(f"performance year of {source.get('id', 'the programme')}", year, years))
    rules = _validate(_at_year(source, year, ""), f"programme {source.get('id', '?')!r}")
    dates = rules.performance_years[year]
    return Program(rules=rules, performance_year=year, period=(dates.start, dates.end), _source=source)


def _at_year(node: Any, year: str, path: str) -> Any:
    """A copy of the tree in which every `by_year` is replaced by its value of the year."""
    if isinstance(node, dict):
        if "by_year" in node:
            if year not in node["by_year"]:
                raise ProgramError(f"Rule {path!r} has no value for performance year {year!r}.")
            rest = {key: value for key, value in node.items() if key != "by_year"}
            return {**rest, "value": copy.deepcopy(node["by_year"][year])}
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
        return ProgramRules.model_validate(tree)
    except ValidationError as error:
        problems = [f"  {'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        listed = "\n".join(problems[:20])
        raise ProgramError(f"The {what} has {len(problems)} problem(s):\n{listed}") from error
