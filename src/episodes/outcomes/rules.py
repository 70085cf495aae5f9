"""The rules of the outcome measures as data: windows, code tables and conventions, each with citation and status."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from episodes.errors import ProgramError, unknown_name
from episodes.outcomes.tables import table_fingerprint
from episodes.programs.rule import Count, Days, DaysOfWindow, Part, ProviderType, Rule, Setting, Share, problems_of


class StayRules(Part):
    """Which stays there are, and which belong together."""

    provider_types: Rule[tuple[ProviderType, ...]]
    max_gap_days: Rule[Days]
    join_same_day_same_diagnosis: Rule[bool]
    died: Rule[tuple[str, ...]]
    left_against_advice: Rule[tuple[str, ...]]


class PlannedRules(Part):
    """Tables of the planned readmission algorithm."""

    categories: Rule[str]
    codes: Rule[str]
    diagnosis_map: Rule[str]
    procedure_map: Rule[str]


class ReadmissionRules(Part):
    """Windows of readmission, and whom they are attributed to."""

    days: Rule[dict[str, DaysOfWindow]]
    first_day: Rule[Days]
    first_hospital_anchors: Rule[tuple[str, ...]]


class IndexRules(Part):
    """Index admissions of the hospital-wide measure."""

    minimum_age: Rule[Count]
    provider_types: Rule[tuple[ProviderType, ...]]
    enrolled_months_before: Rule[Count]
    enrolled_days_after: Rule[Days]
    cohorts: Rule[str]
    surgery_codes: Rule[str]
    exclusions: Rule[str]
    excluded_unless_surgery: Rule[tuple[str, ...]]


class ComplicationRules(Part):
    """Complications after elective hip and knee replacement."""

    anchors: Rule[tuple[str, ...]]
    codes: Rule[str]
    days: Rule[dict[str, DaysOfWindow]]
    last_day_counts: Rule[bool]
    principal_only: Rule[tuple[str, ...]]
    with_procedure: Rule[tuple[str, ...]]
    not_present_on_admission: Rule[tuple[str, ...]]
    maximum_procedures: Rule[Count]
    minimum_age: Rule[Count]
    exclude_transferred_in: Rule[bool]
    rehabilitation_categories: Rule[tuple[Count, ...]]
    psychiatric_statuses: Rule[tuple[str, ...]]
    psychiatric_days: Rule[Days]


class MortalityRules(Part):
    """Windows of mortality, and what they are counted from."""

    days: Rule[dict[str, DaysOfWindow]]
    from_procedure_anchors: Rule[tuple[str, ...]]
    procedure_families: Rule[tuple[str, ...]]


class EmergencyRules(Part):
    """Emergency visits after discharge."""

    first_day: Rule[Days]
    last_day: Rule[DaysOfWindow]
    settings: Rule[tuple[Setting, ...]]
    revenue_centers: Rule[tuple[str, ...]]
    hcpcs: Rule[tuple[str, ...]]


class HomeRules(Part):
    """Which days are spent at home."""

    facility_settings: Rule[tuple[Setting, ...]]
    hospice_revenue_centers: Rule[tuple[str, ...]]
    still_patient: Rule[tuple[str, ...]]
    day_of_death: Rule[bool]
    day_of_discharge: Rule[bool]


class PenaltyRules(Part):
    """The Hospital Readmissions Reduction Program."""

    limit: Rule[Share]


class OutcomeRules(Part):
    """The rules of all outcome measures."""

    stays: StayRules
    planned: PlannedRules
    readmissions: ReadmissionRules
    index: IndexRules
    complications: ComplicationRules
    mortality: MortalityRules
    emergency: EmergencyRules
    home: HomeRules
    penalty: PenaltyRules

    @property
    def fingerprint(self) -> str:
        """sha256 over the rules and the code tables that they name."""
        tables = {
            name: table_fingerprint(name)
            for _, rule in _rules_of(self)
            for name in [rule.value]
            if isinstance(name, str)
        }
        document = {"rules": self.model_dump(mode="json"), "tables": tables}
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def rule_list(self) -> pl.DataFrame:
        """One row a rule: rule, value (JSON), status, citation, note."""
        rows = [
            (name, json.dumps(rule.value, default=str), rule.status, rule.citation, rule.note)
            for name, rule in _rules_of(self)
        ]
        return pl.DataFrame(rows, schema=["rule", "value", "status", "citation", "note"], orient="row")


def outcome_rules(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> OutcomeRules:
    """The rules of the outcome measures.

    Args:
        path: a TOML file of your own in place of the packaged one, complete as that is.
        overrides: rule ids with new values, such as {"stays.max_gap_days": 0}; their status becomes `overridden`.

    Returns:
        `OutcomeRules`; `.rule_list()` shows every value with status and citation.

    Raises:
        ProgramError: an unreadable file, an unknown rule, a value that a rule cannot have.

    Source: methodology of the CMS claims-based outcome measures, cited rule by rule.

    Example:
        >>> import episodes as ep
        >>> rules = ep.outcomes.outcome_rules()
        >>> rules.stays.max_gap_days.value, rules.readmissions.days.value["readmission_30"]
        (1, 30)
    """
    if path is None:
        if not overrides:
            return _packaged()
        content = (files("episodes.outcomes") / "measures.toml").read_bytes()
    else:
        if not Path(path).is_file():
            raise ProgramError(f"There is no file of outcome measures {str(path)!r}.")
        content = Path(path).read_bytes()
    return _read(content, overrides or {})


@cache
def _packaged() -> OutcomeRules:
    return _read((files("episodes.outcomes") / "measures.toml").read_bytes(), {})


def _read(content: bytes, overrides: Mapping[str, Any]) -> OutcomeRules:
    try:
        tree = tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProgramError(f"The file of outcome measures is not valid TOML: {type(error).__name__}.") from None
    known = [f"{part}.{name}" for part, rules in tree.items() for name in rules]
    for key, value in overrides.items():
        if key not in known:
            raise ProgramError(unknown_name("rule of the outcome measures", key, known))
        part, name = key.split(".")
        tree[part][name] |= {"value": value, "status": "overridden"}
    try:
        return OutcomeRules.model_validate(tree)
    except ValidationError as error:
        raise ProgramError("Outcome measures: " + "; ".join(problems_of(error, tree)) + ".") from None


def _rules_of(rules: OutcomeRules) -> Iterator[tuple[str, Rule[Any]]]:
    for part in type(rules).model_fields:
        for name in type(getattr(rules, part)).model_fields:
            yield f"{part}.{name}", getattr(getattr(rules, part), name)
