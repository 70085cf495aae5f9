"""Tuva eligibility: spans of enrolment become people and intervals of coverage."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date
from episodes.claims.layouts.tuva_tables import PERSON
from episodes.claims.layouts.tuva_values import day, digits, yes
from episodes.claims.layouts.values import reasons, text
from episodes.claims.report import ReadingReport

FULL_DUAL, PARTIAL_DUAL = ("02", "04", "08"), ("01", "03", "05", "06")
"""Dual status codes of full and of partial Medicaid benefits (CMS dual status code)."""
WITH_ESRD = ("11", "21", "31")
"""Medicare status codes of people with end-stage renal disease."""
ENTITLED_BY_ESRD = "31"
ORIGINALLY_BY_ESRD = "2"
"""Original reason for entitlement end-stage renal disease, which counts where the Medicare status is not told."""
SEXES = {"male": "1", "m": "1", "1": "1", "female": "2", "f": "2", "2": "2"}
NO_END = "9999-12-31"
DATES = ("birth_date", "death_date", "enrollment_start_date", "enrollment_end_date")


class PeopleAndCoverage(NamedTuple):
    """Canonical beneficiaries and coverage, not yet brought to the types of the contract."""

    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame


def people(given: pl.DataFrame, report: ReadingReport) -> PeopleAndCoverage:
    """One row a person over their spans, and what the spans cover, joined where they meet."""
    counts = report.table("beneficiaries")
    kept = given.unique(maintain_order=True)
    counts.take_up("exact_duplicate", given.height - kept.height)
    typed = kept.select(
        reasons(_failures()).alias(LAYOUT_REASONS),
        *(as_date(day(name)).alias(name) for name in DATES if name != "enrollment_end_date"),
        enrollment_end_date=as_date(pl.when(day("enrollment_end_date") != NO_END).then(day("enrollment_end_date"))),
        beneficiary_id=text(PERSON),
        sex=text("gender").str.to_lowercase().replace_strict(SEXES, default=None, return_dtype=pl.String),
        state=text("state"),
        original_entitlement_reason=digits("original_reason_entitlement_code", 1),
        payer_type=_words("payer_type"),
        plan=pl.concat_str([_words("payer_type"), _words("payer"), _words("plan")], separator=" ", ignore_nulls=True),
        plan_name=_words("plan").fill_null(""),
        medicare_status=digits("medicare_status_code", 2),
        dual_status=digits("dual_status_code", 2),
        institution=yes("long_term_institutional_flag") | yes("institutional_snp_flag"),
    )
    broken = (pl.col(LAYOUT_REASONS).list.len() > 0) | pl.col("beneficiary_id").is_null()
    spans = typed.filter(~broken).sort("enrollment_start_date", nulls_last=False, maintain_order=True)
    described = ("birth_date", "death_date", "sex", "state", "original_entitlement_reason")
    persons = spans.group_by("beneficiary_id", maintain_order=True).agg(
        pl.col(column).drop_nulls().last() for column in described
    )
    counts.take_up("further_span_of_same_person", spans.height - persons.height)
    report.tally(
        "spans of enrolment without a start date, which cover nothing",
        spans.filter(pl.col("enrollment_start_date").is_null()).height,
    )
    set_aside = typed.filter(broken).select(LAYOUT_REASONS, "beneficiary_id", *described)
    return PeopleAndCoverage(
        pl.concat([persons.sort("beneficiary_id"), set_aside], how="diagonal"),
        _coverage(spans.filter(pl.col("enrollment_start_date").is_not_null())),
    )


def _words(column: str) -> pl.Expr:
    return text(column).str.to_lowercase().str.replace_all("[_-]", " ")


def _failures() -> dict[str, pl.Expr]:
    failures = {f"{name}_not_a_date": day(name).is_not_null() & as_date(day(name)).is_null() for name in DATES}
    start, end = as_date(day("enrollment_start_date")), as_date(day("enrollment_end_date"))
    return {**failures, "enrollment_end_before_start": (end < start).fill_null(False)}


def _coverage(spans: pl.DataFrame) -> pl.DataFrame:
    """Intervals by kind; spans of one kind that overlap or follow each other are one interval."""
    covered = pl.concat(
        [
            spans.filter(holds).select(
                "beneficiary_id", start="enrollment_start_date", end="enrollment_end_date", kind=pl.lit(kind)
            )
            for kind, holds in _kinds().items()
        ]
    )
    last_day = pl.date(9999, 12, 31)
    ordered = covered.with_columns(pl.col("end").fill_null(last_day)).sort(
        "beneficiary_id", "kind", "start", "end", maintain_order=True
    )
    person_and_kind = ("beneficiary_id", "kind")
    reached = pl.col("end").to_physical().cum_max().over(person_and_kind)
    before = reached.shift(1).over(person_and_kind)
    begins = (pl.col("start").to_physical() > before + 1).fill_null(True)
    return (
        ordered.with_columns(_interval=begins.cast(pl.UInt32).cum_sum())
        .group_by("beneficiary_id", "kind", "_interval", maintain_order=True)
        .agg(start_date=pl.col("start").min(), end_date=pl.col("end").max())
        .select(
            "beneficiary_id",
            "kind",
            "start_date",
            end_date=pl.when(pl.col("end_date") != last_day).then("end_date"),
        )
    )


def _kinds() -> dict[str, pl.Expr]:
    """Kind of coverage to the spans that give it."""
    status, payer_type, plan = pl.col("medicare_status"), pl.col("payer_type"), pl.col("plan_name")
    by_payer = payer_type.str.contains("medicare", literal=True)
    medicare = pl.coalesce(by_payer, pl.when(status.is_not_null()).then(True)).fill_null(False)
    by_origin = status.is_null() & (pl.col("original_entitlement_reason") == ORIGINALLY_BY_ESRD)
    advantage = medicare & pl.col("plan").str.contains(r"advantage|\bpart c\b")
    part_a, part_b, part_d = (plan.str.contains(rf"\bpart {letter}\b") for letter in "abd")
    one_part = ~advantage & (part_a | part_b | part_d)
    return {
        "part_a": medicare & (~one_part | part_a),
        "part_b": medicare & (~one_part | part_b),
        "medicare_advantage": advantage,
        "medical": (~by_payer & ~payer_type.str.contains("medicaid", literal=True)).fill_null(False),
        "esrd": status.is_in(WITH_ESRD).fill_null(False),
        "esrd_entitlement": (status == ENTITLED_BY_ESRD).fill_null(False) | (medicare & by_origin).fill_null(False),
        "full_dual": pl.col("dual_status").is_in(FULL_DUAL).fill_null(False),
        "partial_dual": pl.col("dual_status").is_in(PARTIAL_DUAL).fill_null(False),
        "long_term_institution": pl.col("institution"),
        "unknown": payer_type.is_null() & status.is_null(),
    }
