"""What describes the risk of an episode, as data: look-back, condition categories, prior use, procedures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from episodes.errors import unknown_name
from episodes.programs.code_tables import load_codes, manifest
from episodes.programs.rule import Count, DaysOfWindow, NamedRule, Part, ProviderType, Rule, Setting

EpisodeDay = Literal["anchor_start", "episode_start", "anchor_end"]
"""A day that every episode has."""

CoveredOn = Literal["anchor_start", "episode_start", "anchor_end", "month_of_anchor_end"]
"""When a person must be covered: on a day, or at any time in the month of a day."""

HccEdit = Literal["sex", "age", "code_editor_age"]
"""Kinds of edits of CMS's software: by sex, by age, and the age edits of the Medicare Code Editor."""

ThreeDigits = Annotated[str, Field(pattern=r"^[0-9]{3}$")]
Hcc = Annotated[str, Field(pattern=r"^[0-9]{1,3}$")]

FRACTURE = "fracture"
"""The id of the diagnosis flag that fills the column `fracture`."""


class HccRules(Part):
    """Hierarchical condition categories: which model, from which diagnoses."""

    model: Rule[str]
    """A model of `hcc_diagnoses`: V22, V24, V28, or one of the user's references."""
    further: Rule[dict[str, tuple[Hcc, ...]]]
    """Categories taken from other models beside it: model to categories."""
    mapping: Rule[Literal["current", "current_and_earlier"]]
    """Whether diagnoses that only earlier mappings have (retired codes) count."""
    edits: Rule[tuple[HccEdit, ...]]
    diagnosis_settings: Rule[tuple[Setting, ...]]
    """Claims of these settings give diagnoses."""
    diagnosis_fields: Rule[tuple[Literal["claim", "line"], ...]]
    diagnosis_date: Rule[Literal["thru_date", "from_date"]]
    """The date of a claim that must lie in the look-back."""
    count_classes: Rule[tuple[Count, ...]] | None = None
    """First count of each class, the last class open; none where the price's risk factors have their own bands."""
    flags: Rule[str] | None = None
    """Code table of the single categories that are factors of a model: category (of the episode), hcc."""
    interactions: Rule[str] | None = None
    """Code table of groups and products of categories."""


class PriorUse(Part):
    """Hospital and post-acute care before the episode."""

    dates: Rule[Literal["ends_in_lookback", "meets_lookback"]]
    """`ends_in_lookback`: the last day lies in the look-back; `meets_lookback`: any day does."""
    post_acute_stays: Rule[tuple[ProviderType, ...]]
    """Inpatient stays at these are post-acute care; at all others, hospital care."""
    post_acute_settings: Rule[tuple[Setting, ...]]
    rehabilitation_units: Rule[Literal["irf", "hospital"]]
    """What a stay in a unit known only by the third character of its CCN (R, T) counts as."""
    positive_amounts_only: Rule[bool]
    """Whether claims without a positive amount on the run's basis are passed over."""


class ProcedureGroups(NamedRule):
    """Groups of procedures of some categories, from the anchor's procedure codes."""

    categories: tuple[str, ...]
    elements: str
    """Code table: code_system (icd10pcs | hcpcs), code, element."""
    groups: str
    """Code table: procedure_group, elements (joined by +), unless."""
    otherwise: str
    """The group when none holds."""


class DiagnosisFlag(NamedRule):
    """A flag raised by the anchor's diagnoses, or by its DRG. The flag `fracture` fills the column of that name."""

    categories: tuple[str, ...] | None = None
    table: str | None = None
    """Code table: ms_drg (blank = any), position (principal | any), diagnosis."""
    ms_drgs: tuple[ThreeDigits, ...] = ()


class ModifierFlag(NamedRule):
    """A flag raised by a modifier on the trigger line of an outpatient anchor."""

    categories: tuple[str, ...] | None = None
    modifiers: tuple[str, ...]


class RiskRules(Part):
    """The risk variables of an episode."""

    lookback_days: Rule[DaysOfWindow]
    lookback_before: Rule[EpisodeDay]
    """The look-back ends on the day before this one."""
    age_on: Rule[EpisodeDay]
    age_classes: Rule[tuple[Count, ...]] | None = None
    """First age of each class, completed years, the last class open; none where the price's factors have bands."""
    originally_disabled_reasons: Rule[tuple[str, ...]]
    """Codes of `original_entitlement_reason` that mean disability."""
    covered_on: Rule[CoveredOn]
    """When dual eligibility and the low-income subsidy are read."""
    hcc: HccRules
    prior_use: PriorUse
    procedure_groups: tuple[ProcedureGroups, ...] = ()
    diagnosis_flags: tuple[DiagnosisFlag, ...] = ()
    modifier_flags: tuple[ModifierFlag, ...] = ()

    @model_validator(mode="after")
    def _classes_begin_at_zero(self) -> RiskRules:
        for name, rule in (("age_classes", self.age_classes), ("hcc.count_classes", self.hcc.count_classes)):
            if rule is None:
                continue
            if not rule.value or rule.value[0] != 0 or list(rule.value) != sorted(set(rule.value)):
                raise ValueError(f"{name} must ascend and begin with 0: the first number of each class")
        return self

    def code_tables(self) -> list[str]:
        """Names of the packaged code tables the rules refer to."""
        return [name for _, name, _ in _wanted_tables(self)]


_FLAG_COLUMNS = ("ms_drg", "position", "diagnosis")


def _wanted_tables(risk: RiskRules) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Rule id, code table and the columns it must have."""
    if risk.hcc.interactions is not None:
        columns = ("model", "variable", "part", "hcc", "disabled", "at_least", "at_most")
        yield "risk.hcc.interactions", risk.hcc.interactions.value, columns
    if risk.hcc.flags is not None:
        yield "risk.hcc.flags", risk.hcc.flags.value, ("category", "hcc")
    for grouping in risk.procedure_groups:
        place = f"risk.procedure_groups.{grouping.id}"
        yield place, grouping.elements, ("code_system", "code", "element")
        yield place, grouping.groups, ("procedure_group", "elements", "unless")
    for flag in risk.diagnosis_flags:
        if flag.table is not None:
            yield f"risk.diagnosis_flags.{flag.id}", flag.table, _FLAG_COLUMNS


def wrong_risk(risk: RiskRules, categories: Iterable[str]) -> Iterator[str]:
    """What no rule of the risk part shows alone; each sentence begins with the rule's id."""
    known = set(categories)
    for rule_id, table, columns in _wanted_tables(risk):
        if table not in manifest():
            yield f"{rule_id}: {unknown_name('code table', table, manifest())}"
        elif lacking := [column for column in columns if column not in manifest()[table]["columns"]]:
            yield f"{rule_id}: the code table {table!r} has no {', '.join(lacking)}"
    lists: dict[str, tuple[NamedRule, ...]] = {
        "risk.procedure_groups": risk.procedure_groups,
        "risk.diagnosis_flags": risk.diagnosis_flags,
        "risk.modifier_flags": risk.modifier_flags,
    }
    for place, listed in lists.items():
        for rule in listed:
            strange = set(getattr(rule, "categories", None) or ()) - known
            if strange:
                yield (
                    f"{place}.{rule.id}: not a category: {', '.join(sorted(strange))}; "
                    f"categories: {', '.join(sorted(known))}"
                )
    flags = risk.hcc.flags
    if flags is not None and flags.value in manifest() and "category" in manifest()[flags.value]["columns"]:
        strange = set(load_codes(flags.value)["category"].drop_nulls()) - known
        if strange:
            yield f"risk.hcc.flags: the code table {flags.value!r} has categories that are not the programme's"
