"""A programme for one performance year: typed rules, the period, and what the user changed."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import polars as pl

from episodes.checks import day
from episodes.errors import ArgumentError, ProgramError, count_of, unknown_name
from episodes.programs.attribution import Attribution
from episodes.programs.code_tables import fingerprint_of, is_own_file
from episodes.programs.model import ProgramRules, named_tables, walk_rules
from episodes.programs.price import Price, RegionalBaselinePrice
from episodes.programs.resolving import at_year, is_plain_rule, node_at, validated, year_named, year_of
from episodes.programs.risk_rules import RiskRules
from episodes.programs.rule import Basis, Status, named_by, nearest, why_not_overridden
from episodes.programs.settlement_rules import Settlement, ThresholdSettlement

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
    def risk(self) -> RiskRules:
        """What describes the risk of an episode.

        Raises:
            ProgramError: the programme's file says nothing of it.
        """
        if self.rules.risk is None:
            raise ProgramError(self._says_nothing_of("risk", "risk"))
        return self.rules.risk

    @property
    def attribution(self) -> Attribution:
        """Whose the cents of an episode are.

        Raises:
            ProgramError: the programme's file says nothing of it.
        """
        if self.rules.attribution is None:
            raise ProgramError(self._says_nothing_of("attribution", "attribution"))
        return self.rules.attribution

    @property
    def price(self) -> Price:
        """How target prices are set.

        Raises:
            ProgramError: the programme's file says nothing of prices.
        """
        if self.rules.price is None:
            raise ProgramError(self._says_nothing_of("prices", "price"))
        return self.rules.price

    @property
    def settlement(self) -> Settlement:
        """How actual spending is settled against the target.

        Raises:
            ProgramError: the programme's file says nothing of it.
        """
        if self.rules.settlement is None:
            raise ProgramError(self._says_nothing_of("settlement", "settlement"))
        if isinstance(self.rules.settlement, ThresholdSettlement):
            raise ProgramError(
                f"{self.id!r} settles the mean of a provider against thresholds, not spending against a target. "
                "Use settle_thresholds, or reconcile_thresholds for episodes."
            )
        return self.rules.settlement

    @property
    def threshold_settlement(self) -> ThresholdSettlement:
        """How the mean of a provider is settled against thresholds.

        Raises:
            ProgramError: the programme's file says nothing of settlement, or settles against a target.
        """
        if self.rules.settlement is None:
            raise ProgramError(self._says_nothing_of("settlement", "settlement"))
        if isinstance(self.rules.settlement, Settlement):
            raise ProgramError(
                f"{self.id!r} settles spending against a target, not the mean of a provider against thresholds. "
                "Use settle, or reconcile for episodes."
            )
        return self.rules.settlement

    def _says_nothing_of(self, what: str, part: str) -> str:
        return (
            f"The rules of {self.id!r} say nothing of {what}: episodes can be built with them, and that is all. "
            f"Add the part [{part}] to a rules file of your own (docs/rules-and-statuses.md)."
        )

    @property
    def amount_basis(self) -> Basis:
        """The basis of all cents of a run."""
        return self.rules.construction.amount_basis.value

    def for_year(self, performance_year: str | int | None) -> Program:
        """The same programme, with the same changes, for another performance year."""
        if performance_year is None or str(performance_year) == self.performance_year:
            return self
        year = year_named(self._source, performance_year)
        if year == self.performance_year:
            return self
        fresh = resolved(self._source, year)
        changed = fresh.override(self.overrides) if self.overrides else fresh
        return replace(changed, switched_off=self.switched_off)

    @property
    def performance_years(self) -> tuple[str, ...]:
        """Names of the programme's performance years, in the order of its file."""
        return tuple(str(year) for year in self._source["performance_years"])

    def for_baseline(self, *, trend_history: bool = False) -> Program:
        """The same rules over the baseline of the performance year.

        With `trend_history` the period begins early enough for the programme's prospective trend to be estimated.
        """
        start, end = self.price.baseline.period
        if trend_history:
            if not isinstance(self.price, RegionalBaselinePrice):
                raise ProgramError(f"The prices of {self.id!r} have no prospective trend: leave out trend_history.")
            start = min(start, dt.date(end.year - self.price.trend_history_years.value + 1, 1, 1))
        return self.for_period(start, end)

    def for_period(self, start: dt.date | str, end: dt.date | str) -> Program:
        """The same rules over the episodes of other dates (inclusive); text is read as YYYY-MM-DD."""
        first, last = _day(start), _day(end)
        if last < first:
            raise ProgramError(f"The period ends ({last}) before it starts ({first}). Give START:END in order.")
        return replace(self, period=(first, last), own_period=False)

    def without(self, exclusions: Iterable[str]) -> Program:
        """The same programme with exclusions switched off by reason code; every output then says so."""
        one = self.rules.construction.overlap.reason
        known = [rung.id for rung in self.rules.construction.exclusions] + ([one.value] if one is not None else [])
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
            node = node_at(tree, rule_id)
            node["value"] = value
            node["status"] = "overridden"
            named[rule_id] = value
        rules = validated(tree, f"override of {', '.join(sorted(changes))}")
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
        rules = self.rules.model_dump_json()
        for table in filter(is_own_file, self.code_tables()):
            # Where a user's table lies is no part of the rules; what is in it is.
            rules = rules.replace(
                json.dumps(table, ensure_ascii=False), json.dumps(Path(table).name, ensure_ascii=False)
            )
        document = {
            "rules": json.loads(rules),
            "performance_year": self.performance_year,
            "period": [day.isoformat() for day in self.period],
            "own_period": self.own_period,
            "switched_off": list(self.switched_off),
            "code_tables": {Path(name).name: fingerprint_of(name) for name in self.code_tables()},
        }
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def code_tables(self) -> list[str]:
        """Names of the code tables the rules refer to; of a user's own tables their paths."""
        names = {table for _, table, _ in named_tables(self.rules)}
        return sorted(names | set(self.rules.risk.code_tables() if self.rules.risk is not None else ()))

    @property
    def _resolved(self) -> dict[str, Any]:
        tree: dict[str, Any] = at_year(self._source, self.performance_year, "")
        for rule_id, value in self.overrides.items():
            node = node_at(tree, rule_id)
            node["value"] = value
            node["status"] = "overridden"
        return tree

    def _rule_id(self, key: str) -> str:
        tree = self._resolved
        listed = [str(rule["rule"]) for rule in self.rule_list()]
        known = [name for name in listed if is_plain_rule(tree, name)]
        found = named_by(key, known)
        if len(found) == 1:
            return found[0]
        if found:
            raise ProgramError(f"Override {key!r} is ambiguous: {', '.join(found)}. Give more of the name.")
        beginnings = [key.rsplit(".", cut)[0] for cut in range(1 + key.count("."))]
        whole = next((name for start in beginnings for name in named_by(start, listed)), None)
        if whole is not None:
            value = node_at(tree, whole)["value"] if whole in known else None
            raise ProgramError(why_not_overridden(key, whole, value))
        raise ProgramError(
            f"Unknown rule {key!r}. Nearest: {', '.join(nearest(key, known))}. "
            f"`episodes check-program {self.id if self.id in known_programs() else 'FILE'}` lists all."
        )


def resolved(source: Mapping[str, Any], year: str) -> Program:
    """The programme of a rules file's tree, for a performance year by its name."""
    dates = year_of(source, year)
    rules = validated(at_year(source, year, ""), f"programme {source['id']!r}")
    return Program(rules=rules, performance_year=year, period=(dates.start, dates.end), _source=source)


def known_programs() -> list[str]:
    """Names of the packaged programmes."""
    folder = files("episodes.programs") / "rules"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml"))


def _day(given: dt.date | str) -> dt.date:
    """A day of a period, given as a date or as text."""
    try:
        return day("A day of the period", given)
    except ArgumentError as error:
        raise ProgramError(str(error)) from None
