"""What the map stage makes of a bucket beside episodes and services: risk, outcomes and attribution of its people."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from episodes.attribution import ATTRIBUTION_COLUMNS, METHODS, attribute, attribution_rules
from episodes.building.bucket import BucketResult
from episodes.building.context import Context
from episodes.errors import ArgumentError, unknown_name
from episodes.outcomes import OUTCOME_SCHEMA, outcome_rules, outcomes_of
from episodes.programs import Program
from episodes.risk import RISK_SCHEMA, risk_of

FURTHER_TABLES = ("risk", "outcomes", "attribution")
_SCHEMAS: dict[str, Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "risk": RISK_SCHEMA,
    "outcomes": OUTCOME_SCHEMA,
    "attribution": ATTRIBUTION_COLUMNS,
}
_METHODS_WITH_OUTCOMES = ("controllable",)
"""Methods that ask which readmissions are complications."""


@dataclass(frozen=True)
class FurtherTables:
    """Which of the tables a run makes, and by which methods.

    Attributes:
        tables: names of `FURTHER_TABLES`.
        methods: of attribution; empty where it is not made.
        clinicians: of the claims, for groups of physicians.
    """

    tables: tuple[str, ...]
    methods: tuple[str, ...]
    clinicians: pl.DataFrame

    @classmethod
    def chosen(
        cls,
        program: Program,
        clinicians: pl.LazyFrame,
        asked: Iterable[str] | None,
        methods: str | Sequence[str] | None,
        *,
        by_default: bool,
    ) -> FurtherTables:
        """The tables asked for; None: where `by_default`, all that the programme's file has rules for.

        Raises:
            ArgumentError: an unknown table or method, or methods without the table.
            ProgramError: a table that the programme's file has no rules for.
        """
        if asked is None:
            tables = _of_program(program, methods) if by_default else ()
        else:
            wanted = {asked} if isinstance(asked, str) else set(asked)
            for name in sorted(wanted - set(FURTHER_TABLES)):
                raise ArgumentError(unknown_name("table", name, FURTHER_TABLES))
            tables = tuple(name for name in FURTHER_TABLES if name in wanted)
        if methods is not None and "attribution" not in tables:
            raise ArgumentError("attribution_methods are given, but no attribution is made: name it in with_tables.")
        if "risk" in tables:
            _ = program.risk  # which says what is wrong where there are no rules
        if "attribution" not in tables:
            return cls(tables, (), pl.DataFrame())
        named = (methods,) if isinstance(methods, str) else tuple(dict.fromkeys(methods or ()))
        for name in named:
            if name not in METHODS:
                raise ArgumentError(unknown_name("attribution method", str(name), METHODS))
        return cls(tables, named or (program.attribution.method.value,), clinicians.collect())

    @property
    def need_services(self) -> bool:
        """Whether service rows are read."""
        return "attribution" in self.tables

    def rules(self) -> tuple[tuple[str, str], ...]:
        """What the tables go by, besides the programme and its references: name and fingerprint."""
        found = []
        if self._measure:
            found.append(("outcomes", outcome_rules().fingerprint))
        if "attribution" in self.tables:
            listed = hashlib.sha256(self.clinicians.write_csv().encode()).hexdigest()
            found += [
                ("attribution", attribution_rules().fingerprint),
                ("attribution_methods", ", ".join(self.methods)),
                ("clinicians", listed),
            ]
        return tuple(found)

    @property
    def _measure(self) -> bool:
        return "outcomes" in self.tables or any(name in _METHODS_WITH_OUTCOMES for name in self.methods)

    def of_bucket(
        self, result: BucketResult, tables_of: Callable[[pl.Series], Mapping[str, pl.DataFrame]], context: Context
    ) -> dict[str, pl.DataFrame]:
        """The tables of one bucket, each in the order of its episodes.

        Args:
            result: what building made of the bucket, with services where `need_services`.
            tables_of: canonical tables of some people (by id) of the bucket.
            context: of the run.
        """
        episodes = result.episodes
        if not self.tables:
            return {}
        if episodes.is_empty():
            return {name: pl.DataFrame(schema=dict(_SCHEMAS[name])) for name in self.tables}
        of = tables_of(episodes["beneficiary_id"].unique().sort())
        made: dict[str, pl.DataFrame] = {}
        if "risk" in self.tables:
            made["risk"] = risk_of(
                episodes,
                of["claims"],
                of["lines"],
                of["beneficiaries"],
                of["coverage"],
                context.program,
                context.references,
            )
        if self._measure:
            made["outcomes"] = outcomes_of(
                episodes,
                of["claims"],
                of["lines"],
                of["beneficiaries"],
                day_one=context.program.rules.construction.window.day_one.value,
                complete_through=context.as_of,
            )
        if "attribution" in self.tables:
            made["attribution"] = attribute(
                episodes,
                result.services,
                _with_setting(of["lines"], of["claims"]),
                context.participants,
                self.clinicians,
                made.get("outcomes"),
                methods=self.methods,
            )
        return {name: made[name] for name in self.tables}


def _of_program(program: Program, methods: object) -> tuple[str, ...]:
    """The tables that a programme's file has rules for."""
    without = {
        "risk": program.rules.risk is None,
        "attribution": program.rules.attribution is None and methods is None,
    }
    return tuple(name for name in FURTHER_TABLES if not without.get(name))


def _with_setting(lines: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Lines with the setting of their claim."""
    keys = ["beneficiary_id", "claim_id"]
    setting = claims.select(*keys, pl.col("setting").cast(pl.String))
    return lines.join(setting, on=keys, how="left", maintain_order="left")
