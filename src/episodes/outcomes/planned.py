"""Was a stay planned: the planned readmission algorithm 4.0 of CMS, for one stay and for a frame of stays.

Each code is classed once (always planned, acute, potentially planned, ...); the decision is a table over the class of
the principal diagnosis and the highest class among the procedures.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import polars as pl

from episodes.errors import ArgumentError
from episodes.outcomes.rules import PlannedRules, outcome_rules
from episodes.outcomes.tables import code_table, table_fingerprint

ICD_9 = "icd_9_codes"
"""Reason of a stay that cannot be decided because its codes are ICD-9: the packaged tables are of ICD-10."""

_ICD_9_DIAGNOSIS = re.compile(r"[0-9]{3,5}|V[0-9]{2,4}")
_ICD_9_PROCEDURE = re.compile(r"[0-9]{2,4}")

_PROCEDURE_CLASSES = ("none", "unmapped", "potentially_planned", "always_planned", "icd_9")
"""In rising order: the highest class among the procedures of a stay decides."""
_DIAGNOSIS_CLASSES = ("other", "unmapped", "acute", "always_planned", "icd_9", "missing")


@dataclass(frozen=True)
class PlannedDecision:
    """Whether a stay was planned, and why.

    Attributes:
        planned: None where the codes do not allow a decision.
        reason: `always_planned_procedure`, `always_planned_diagnosis`, `potentially_planned_procedure` (and no acute
            diagnosis), `diagnosis_without_category` (the same, with a diagnosis that the map does not know): planned.
            `acute_diagnosis`, `no_planned_procedure`, `procedure_without_category` (no planned one, and one that the
            map does not know): unplanned. `icd_9_codes`, `no_principal_diagnosis`: undecided.
    """

    planned: bool | None
    reason: str


@dataclass(frozen=True)
class PlannedLists:
    """The tables of the algorithm: categories (CCS numbers), single codes, and the maps from codes to categories."""

    always_planned_procedures: frozenset[int]
    always_planned_diagnoses: frozenset[int]
    potentially_planned_procedures: frozenset[int]
    potentially_planned_codes: frozenset[str]
    acute_diagnoses: frozenset[int]
    acute_codes: frozenset[str]
    diagnosis_categories: dict[str, int]
    procedure_categories: dict[str, int]

    def diagnosis_class(self, code: str | None, category: int | None = None) -> str:
        """The class of a principal diagnosis, given as a code or as a category."""
        if code is None and category is None:
            return "missing"
        if code is not None:
            category = self.diagnosis_categories.get(code)
            if category is None and code not in self.acute_codes:
                return "icd_9" if _ICD_9_DIAGNOSIS.fullmatch(code) else "unmapped"
        if category in self.always_planned_diagnoses:
            return "always_planned"
        return "acute" if category in self.acute_diagnoses or code in self.acute_codes else "other"

    def procedure_class(self, code: str | None, category: int | None = None) -> str:
        """The class of a procedure, given as a code or as a category."""
        if code is not None:
            category = self.procedure_categories.get(code)
        if category in self.always_planned_procedures:
            return "always_planned"
        if category in self.potentially_planned_procedures or code in self.potentially_planned_codes:
            return "potentially_planned"
        if category is not None or code is None:
            return "none"
        return "icd_9" if _ICD_9_PROCEDURE.fullmatch(code) else "unmapped"

    @cached_property
    def decisions(self) -> pl.DataFrame:
        """Every pair of classes with its decision: diagnosis_class, procedure_class, planned, planned_reason."""
        rows = [
            (diagnosis, procedure, decision.planned, decision.reason)
            for diagnosis in _DIAGNOSIS_CLASSES
            for procedure in _PROCEDURE_CLASSES
            for decision in [_decision(diagnosis, procedure)]
        ]
        return pl.DataFrame(
            rows,
            schema={
                "diagnosis_class": pl.String,
                "procedure_class": pl.String,
                "planned": pl.Boolean,
                "planned_reason": pl.String,
            },
            orient="row",
        )


_WITHOUT_PLANNED_PROCEDURE = {"none": "no_planned_procedure", "unmapped": "procedure_without_category"}
_WITH_POTENTIALLY_PLANNED = {
    "acute": "acute_diagnosis",
    "other": "potentially_planned_procedure",
    "unmapped": "diagnosis_without_category",
}


@cache
def _decision(diagnosis: str, procedure: str) -> PlannedDecision:
    """The algorithm itself, over the classes of the principal diagnosis and of the procedures."""
    if "icd_9" in (diagnosis, procedure):
        return PlannedDecision(None, ICD_9)
    if procedure == "always_planned":
        return PlannedDecision(True, "always_planned_procedure")
    if diagnosis == "always_planned":
        return PlannedDecision(True, "always_planned_diagnosis")
    if diagnosis == "missing":
        return PlannedDecision(None, "no_principal_diagnosis")
    if procedure != "potentially_planned":
        return PlannedDecision(False, _WITHOUT_PLANNED_PROCEDURE[procedure])
    return PlannedDecision(diagnosis != "acute", _WITH_POTENTIALLY_PLANNED[diagnosis])


def planned_lists(rules: PlannedRules | None = None) -> PlannedLists:
    """The tables of the algorithm that rules name; default: the packaged version of 2021."""
    names = rules or outcome_rules().planned
    given = (names.categories.value, names.codes.value, names.diagnosis_map.value, names.procedure_map.value)
    return _lists(given, tuple(table_fingerprint(name) for name in given))


@cache
def _lists(names: tuple[str, ...], _fingerprints: tuple[str, ...]) -> PlannedLists:
    categories = code_table(names[0], ["list", "category"])
    codes = code_table(names[1], ["list", "code"])

    def categories_of(name: str) -> frozenset[int]:
        return frozenset(categories.filter(list=name)["category"].cast(pl.Int64).to_list())

    def mapped(name: str) -> dict[str, int]:
        table = code_table(name, ["code", "category"])
        return dict(zip(table["code"].to_list(), table["category"].cast(pl.Int64).to_list(), strict=True))

    return PlannedLists(
        always_planned_procedures=categories_of("always_planned_procedure"),
        always_planned_diagnoses=categories_of("always_planned_diagnosis"),
        potentially_planned_procedures=categories_of("potentially_planned_procedure"),
        potentially_planned_codes=frozenset(codes.filter(list="potentially_planned_procedure")["code"].to_list()),
        acute_diagnoses=categories_of("acute_diagnosis"),
        acute_codes=frozenset(codes.filter(list="acute_diagnosis")["code"].to_list()),
        diagnosis_categories=mapped(names[2]),
        procedure_categories=mapped(names[3]),
    )


@cache
def _packaged_lists() -> PlannedLists:
    return planned_lists()


def is_planned(
    diagnosis: str | int, procedures: Iterable[str | int] | None, *, categories: bool = False
) -> PlannedDecision:
    """Whether a stay was planned, by the planned readmission algorithm 4.0 (hospital-wide version of 2021).

    Args:
        diagnosis: principal diagnosis: an ICD-10-CM code, or its CCS category with `categories`.
        procedures: every procedure of the stay: ICD-10-PCS codes, or CCS categories with `categories`. May be empty.
        categories: whether CCS numbers (single level) are given. Single codes of the algorithm's lists, which go
            beyond whole categories, then cannot be seen.

    Returns:
        `.planned` and `.reason` (see `PlannedDecision`).

    Raises:
        ArgumentError: no diagnosis; a category that is no number from 1 on; ICD-9 codes, which the packaged tables
            do not hold (in a frame of stays they are marked: `planned_stays`).

    Source: CMS planned readmission algorithm 4.0, tables PR.1 to PR.4.

    Example:
        >>> import episodes as ep
        >>> ep.outcomes.is_planned("M1611", ["0SR90J9"])  # a worn hip, replaced
        PlannedDecision(planned=True, reason='potentially_planned_procedure')
        >>> ep.outcomes.is_planned("S72001A", ["0SR90J9"]).reason  # a broken hip, replaced
        'acute_diagnosis'
        >>> ep.outcomes.is_planned(45, [], categories=True).reason
        'always_planned_diagnosis'
    """
    if isinstance(procedures, str | bytes | int):
        raise ArgumentError("procedures must be a list of codes, such as ['0SR90J9']; it may be empty.")
    lists = _packaged_lists()
    given = [] if procedures is None else [item for item in procedures if item is not None]
    if categories:
        of_diagnosis = lists.diagnosis_class(None, _category("diagnosis", diagnosis))
        classes = [lists.procedure_class(None, _category("procedures", item)) for item in given]
    else:
        of_diagnosis = lists.diagnosis_class(_code("diagnosis", diagnosis))
        classes = [lists.procedure_class(_code("procedures", item)) for item in given]
    highest = max(classes, key=_PROCEDURE_CLASSES.index, default="none")
    decision = _decision(of_diagnosis, highest)
    if decision.reason == ICD_9:
        raise ArgumentError(
            "ICD-9 codes cannot be judged: the packaged tables of the planned readmission algorithm are of ICD-10 "
            "(discharges from 1 October 2015 on). Give CCS categories with categories=True."
        )
    return decision


def planned_stays(stays: pl.DataFrame, lists: PlannedLists | None = None) -> pl.DataFrame:
    """Whether each stay of a frame was planned: the decision of `is_planned`, for many stays at a time.

    Args:
        stays: one row a stay, with `diagnoses` (list, principal first) and `procedures` (list or null), codes without
            dots as in the claims contract.
        lists: default: the packaged tables.

    Returns:
        The stays with `planned` (null: not decided) and `planned_reason` (see `PlannedDecision`); stays with ICD-9
        codes have the reason `icd_9_codes`.

    Source: as `is_planned`.

    Example:
        >>> stays = pl.DataFrame({"diagnoses": [["M1611"], ["71535"]], "procedures": [["0SR90J9"], ["8151"]]})
        >>> planned_stays(stays).select("planned", "planned_reason").rows()
        [(True, 'potentially_planned_procedure'), (None, 'icd_9_codes')]
    """
    lists = lists or _packaged_lists()
    rows = stays.with_row_index("_row").with_columns(
        _diagnosis=pl.col("diagnoses").cast(pl.List(pl.String)).list.first(),
        _procedures=pl.col("procedures").cast(pl.List(pl.String)),
    )
    diagnoses = rows["_diagnosis"].unique(maintain_order=True)
    of_diagnoses = pl.DataFrame(
        {"_diagnosis": diagnoses, "diagnosis_class": [lists.diagnosis_class(code) for code in diagnoses]},
        schema={"_diagnosis": pl.String, "diagnosis_class": pl.String},
    )
    each = rows.select("_row", "_procedures").explode("_procedures").drop_nulls("_procedures")
    procedures = each["_procedures"].unique(maintain_order=True)
    of_procedures = pl.DataFrame(
        {
            "_procedures": procedures,
            "_rank": [_PROCEDURE_CLASSES.index(lists.procedure_class(code)) for code in procedures],
        },
        schema={"_procedures": pl.String, "_rank": pl.Int64},
    )
    highest = each.join(of_procedures, on="_procedures", how="left").group_by("_row").agg(pl.col("_rank").max())
    names = dict(enumerate(_PROCEDURE_CLASSES))
    return (
        rows.join(highest, on="_row", how="left", maintain_order="left")
        .join(of_diagnoses, on="_diagnosis", how="left", nulls_equal=True, maintain_order="left")
        .with_columns(procedure_class=pl.col("_rank").fill_null(0).replace_strict(names, return_dtype=pl.String))
        .join(lists.decisions, on=["diagnosis_class", "procedure_class"], how="left", maintain_order="left")
        .drop("_row", "_diagnosis", "_procedures", "_rank", "diagnosis_class", "procedure_class")
    )


def _category(name: str, value: Any) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise ArgumentError(
            f"{name} must be CCS categories, whole numbers from 1 on, where categories=True; "
            f"one of them is a {type(value).__name__} that is not."
        )
    return number


def _code(name: str, value: Any) -> str:
    code = value.replace(".", "").strip().upper() if isinstance(value, str) else ""
    if not code:
        raise ArgumentError(
            f"{name} must be codes as text, such as 'M1611'; one of them is a {type(value).__name__} or empty. "
            "For CCS categories say categories=True."
        )
    return code
