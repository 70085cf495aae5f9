"""Patient and Coverage resources: people, and the intervals of coverage that periods and month codes tell of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from episodes.claims.contract import COVERAGE_KINDS
from episodes.claims.layouts.fhir_facts import facts_of_extensions
from episodes.claims.layouts.fhir_items import Row
from episodes.claims.layouts.fhir_json import Resource, first_code, listed, part, word
from episodes.claims.layouts.fhir_rows import person_of
from episodes.claims.layouts.fhir_values import known_day
from episodes.claims.report import ReadingReport

_MONTHS = [f"{month:02d}" for month in range(1, 13)]
_MONTH_CODES = {
    "dual_months": "dual_{}",
    "managed_care_months": "hmo_ind_{}",
    "entitlement_months": "buyin{}",
}
"""Lists of twelve month codes of the reference year, and the variables they are made of."""

PEOPLE_COLUMNS: dict[str, pl.DataType] = {
    **dict.fromkeys(("birth_date", "death_date", "gender", "state", "county"), pl.String()),
    **dict.fromkeys(("original_entitlement_reason", "plan", "plan_detail", "start_date", "end_date"), pl.String()),
    **dict.fromkeys(("medicare_status", "dual_status", "reference_year"), pl.String()),
    **dict.fromkeys(_MONTH_CODES, pl.List(pl.String)),
}

SEX_OF_GENDER = {"male": "1", "female": "2", "other": "0", "unknown": "0"}
"""FHIR's word to the code that claims files use."""

KIND_OF_PLAN = {"Part A": "part_a", "Part B": "part_b", "Part C": "medicare_advantage"}
"""Plan to kind of coverage. Part D is no coverage of the claims that are bundled, and is not read."""
DUAL_PLAN = "Dual Medicare/Medicaid"
FULL_DUAL, PARTIAL_DUAL = ("02", "04", "08"), ("01", "03", "05", "06")
"""Dual status codes: with full Medicaid benefits, and with help for premiums and shares alone."""

_ESRD_STATUSES, _ESRD_ALONE = ("11", "21", "31"), "31"
_NOT_IN_MANAGED_CARE = ("0", "4")
_ENTITLED_TO = {"part_a": ("1", "3", "A", "C"), "part_b": ("2", "3", "B", "C")}


class PeopleAndCoverage(NamedTuple):
    """Canonical beneficiaries and coverage, not yet brought to the types of the contract."""

    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame


def row_of_patient(patient: Resource) -> Row:
    """What a Patient says that claims need."""
    said = dict(facts_of_extensions(patient.get("extension")))
    address = next(iter(listed(patient.get("address"))), {})
    return {
        "resource": "Patient",
        "person": word(patient.get("id")),
        "birth_date": word(patient.get("birthDate")),
        "death_date": word(patient.get("deceasedDateTime")),
        "gender": word(patient.get("gender")),
        "state": word(address.get("state")),
        "county": word(address.get("district")),
        "original_entitlement_reason": said.get("orec") or None,
    }


def row_of_coverage(coverage: Resource) -> Row:
    """What a Coverage says: plan, period, status, and codes by month."""
    said = dict(facts_of_extensions(coverage.get("extension")))
    classes = {first_code(one.get("type")): word(one.get("value")) for one in listed(coverage.get("class"))}
    grouping = part(coverage, "grouping")  # of STU3
    return {
        "resource": "Coverage",
        "person": person_of(coverage.get("beneficiary")),
        "plan": classes.get("plan") or word(part(grouping, "subPlan")),
        "plan_detail": classes.get("subplan") or said.get("bene_cntrct_num") or None,
        "start_date": word(part(coverage, "period", "start")),
        "end_date": word(part(coverage, "period", "end")),
        "original_entitlement_reason": said.get("orec") or None,
        "medicare_status": said.get("ms_cd") or said.get("bene_mdcr_stus_cd") or None,
        "dual_status": said.get("bene_dual_stus_cd") or None,
        "reference_year": said.get("rfrnc_yr") or None,
        **{column: _month_codes(said, form) for column, form in _MONTH_CODES.items()},
    }


def _month_codes(said: Mapping[str, str], form: str) -> list[str | None] | None:
    codes = [said.get(form.format(month)) or None for month in _MONTHS]
    return codes if any(codes) else None


def people(rows: pl.DataFrame, report: ReadingReport, *, people_given: bool) -> PeopleAndCoverage:
    """People of Patient resources and intervals of Coverage resources.

    Args:
        rows: rows of all resources.
        people_given: the delivery has Patient resources, so that they alone make people; otherwise everybody who
            has a claim or a coverage is a person of whom only the id is known.
    """
    patients = rows.filter(pl.col("resource") == "Patient")
    covers = rows.filter(pl.col("resource") == "Coverage")
    reasons = (
        covers.filter(pl.col("person").is_not_null())
        .group_by("person", maintain_order=True)
        .agg(_reason=pl.col("original_entitlement_reason").drop_nulls().last())
    )
    named = patients.filter(pl.col("person").is_not_null())
    persons = named.group_by("person", maintain_order=True).agg(
        pl.col(column).drop_nulls().last()
        for column in ("birth_date", "death_date", "gender", "state", "county", "original_entitlement_reason")
    )
    report.table("beneficiaries").take_up("repeated_patient", named.height - persons.height)
    known = [persons, patients.filter(pl.col("person").is_null()).select(persons.columns)]
    if not people_given:
        of_claims = rows.filter(pl.col("resource").is_in(["ExplanationOfBenefit", "Coverage"]))
        met = of_claims.select("person").drop_nulls().unique(maintain_order=True)
        by_id = met.join(persons, on="person", how="anti", maintain_order="left")
        report.tally("people of whom only the id is known, for there is no Patient resource of them", by_id.height)
        known.append(by_id)
    together = pl.concat(known, how="diagonal").join(reasons, on="person", how="left", maintain_order="left")
    beneficiaries = together.select(
        beneficiary_id="person",
        birth_date=known_day("birth_date"),
        death_date=known_day("death_date"),
        sex=pl.col("gender").replace_strict(SEX_OF_GENDER, default=None, return_dtype=pl.String),
        state="state",
        county="county",
        original_entitlement_reason=pl.coalesce("original_entitlement_reason", "_reason"),
    )
    return PeopleAndCoverage(beneficiaries, _coverage(covers, report))


def _coverage(covers: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """The intervals of all Coverage resources; a resource that tells of none is counted."""
    covers = covers.with_columns(
        start_date=known_day("start_date"),
        end_date=known_day("end_date"),
        _kind=pl.col("plan").replace_strict(plan_kinds(), default=None, return_dtype=pl.String),
    ).with_row_index("_row")
    full = pl.when(pl.col("dual_status").is_in(FULL_DUAL)).then(pl.lit("full_dual"))
    dual = full.when(pl.col("dual_status").is_in(PARTIAL_DUAL)).then(pl.lit("partial_dual"))
    with_period = covers.filter(pl.col("start_date").is_not_null())
    status = with_period.filter(pl.col("_kind") == "part_a")
    intervals = [
        _interval(with_period, pl.col("_kind")),
        _interval(with_period.filter(pl.col("plan") == DUAL_PLAN), dual),
        _interval(status.filter(pl.col("medicare_status").is_in(_ESRD_STATUSES)), pl.lit("esrd"), detailed=False),
        _interval(status.filter(pl.col("medicare_status") == _ESRD_ALONE), pl.lit("esrd_entitlement"), detailed=False),
        _by_month(covers, "dual_months", {"full_dual": FULL_DUAL, "partial_dual": PARTIAL_DUAL}),
        _out_of_month(covers, "managed_care_months", "medicare_advantage", _NOT_IN_MANAGED_CARE),
        *(
            _by_month(
                covers.filter((pl.col("_kind") == kind) & pl.col("start_date").is_null()),
                "entitlement_months",
                {kind: codes},
            )
            for kind, codes in _ENTITLED_TO.items()
        ),
    ]
    found = pl.concat(intervals, how="vertical").filter(pl.col("kind").is_not_null()).sort("_row", maintain_order=True)
    report.table("coverage").take_up("no_interval", covers.height - found["_row"].n_unique())
    return found.drop("_row")


def plan_kinds() -> dict[str, str]:
    """Plan of a Coverage to kind: what CMS's servers name, and every other kind by its own words.

    >>> plan_kinds()["Part A"], plan_kinds()["kidney transplant"]
    ('part_a', 'kidney_transplant')
    """
    return {kind.replace("_", " "): kind for kind in COVERAGE_KINDS} | KIND_OF_PLAN


def _interval(covers: pl.DataFrame, kind: pl.Expr, *, detailed: bool = True) -> pl.DataFrame:
    detail = pl.col("plan_detail") if detailed else pl.lit(None, dtype=pl.String)
    return covers.select(
        "_row", beneficiary_id="person", kind=kind, start_date="start_date", end_date="end_date", detail=detail
    )


def _by_month(covers: pl.DataFrame, column: str, kinds: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    """Intervals of following months whose code is one of a kind's."""
    return pl.concat([_months(covers, column, kind, pl.col(column).is_in(codes)) for kind, codes in kinds.items()])


def _out_of_month(covers: pl.DataFrame, column: str, kind: str, outside: tuple[str, ...]) -> pl.DataFrame:
    """Intervals of following months whose code is given and none of those that say no."""
    return _months(covers, column, kind, ~pl.col(column).is_in(outside))


def _months(covers: pl.DataFrame, column: str, kind: str, covered: pl.Expr) -> pl.DataFrame:
    months = (
        covers.filter(pl.col(column).is_not_null())
        .with_columns(
            _month=pl.lit(list(range(1, 13)), dtype=pl.List(pl.Int8)),
            _year=pl.col("reference_year").str.slice(0, 4).cast(pl.Int32, strict=False),
        )
        .explode(column, "_month")
        .filter(pl.col("_year").is_not_null() & pl.col(column).is_not_null() & covered)
    )
    # Months that follow each other have the same distance to their place among the covered ones.
    run = pl.col("_month") - pl.int_range(pl.len()).over("_row").cast(pl.Int8)
    return (
        months.with_columns(_run=run)
        .group_by("_row", "person", "_year", "_run", maintain_order=True)
        .agg(first=pl.col("_month").min(), last=pl.col("_month").max())
        .select(
            "_row",
            beneficiary_id="person",
            kind=pl.lit(kind),
            start_date=pl.date("_year", "first", 1).cast(pl.String),
            end_date=pl.date("_year", "last", 1).dt.month_end().cast(pl.String),
            detail=pl.lit(None, dtype=pl.String),
        )
    )
