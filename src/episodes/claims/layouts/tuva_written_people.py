"""Writing people and coverage as Tuva eligibility: spans within which nothing of a person's coverage changes."""

from __future__ import annotations

import polars as pl

from episodes.claims.layouts.tuva_people import ENTITLED_BY_ESRD, FULL_DUAL, PARTIAL_DUAL

KINDS = (
    "part_a",
    "part_b",
    "medicare_advantage",
    "medical",
    "esrd",
    "esrd_entitlement",
    "full_dual",
    "partial_dual",
    "long_term_institution",
)
"""Kinds of coverage that eligibility can state. Medicare Advantage goes with both parts, entitlement by end-stage renal
disease with the disease; a person is not a full and a partial dual at once."""

NOT_DUAL = "00"
_LAST_DAY = pl.date(9999, 12, 31)


def eligibility(beneficiaries: pl.DataFrame, coverage: pl.DataFrame) -> pl.DataFrame:
    """A row each span of a person; a person without coverage has one row without dates."""
    cut = _spans(coverage)
    spans = pl.concat([_medicare(cut), _commercial(cut)], how="diagonal")
    people = pl.concat([beneficiaries.select("beneficiary_id"), spans.select("beneficiary_id")])
    rows = (
        people.unique(maintain_order=True)
        .join(spans, on="beneficiary_id", how="left", maintain_order="left")
        .join(beneficiaries, on="beneficiary_id", how="left", maintain_order="left")
        .sort("beneficiary_id", "start", "payer_type", maintain_order=True)
    )
    original = pl.col("original_entitlement_reason")
    aged, with_esrd = (
        pl.when(original == "1").then(pl.lit(disabled)).otherwise(pl.lit(by_age))
        for disabled, by_age in (("20", "10"), ("21", "11"))
    )
    status = (
        pl.when("esrd_entitlement")
        .then(pl.lit(ENTITLED_BY_ESRD))
        .when("esrd")
        .then(with_esrd)
        .when(pl.col("payer_type") == "medicare")
        .then(aged)
    )
    return rows.select(
        person_id="beneficiary_id",
        member_id="beneficiary_id",
        gender=pl.col("sex").replace_strict({"1": "male", "2": "female"}, default="unknown", return_dtype=pl.String),
        birth_date="birth_date",
        death_date="death_date",
        death_flag=pl.col("death_date").is_not_null(),
        enrollment_start_date="start",
        enrollment_end_date="end",
        payer="payer_type",
        payer_type="payer_type",
        plan="plan",
        original_reason_entitlement_code=original,
        dual_status_code="dual_status",
        medicare_status_code=status,
        long_term_institutional_flag=pl.col("long_term_institution").cast(pl.Int32),
        subscriber_relation=pl.lit("self"),
        state="state",
        data_source=pl.lit("episodes"),
    )


def _spans(coverage: pl.DataFrame) -> pl.DataFrame:
    """Spans between any two days on which something begins or has ended, a column a kind."""
    intervals = coverage.select(
        "beneficiary_id",
        kind=pl.col("kind").cast(pl.String),
        start="start_date",
        end=pl.col("end_date").fill_null(_LAST_DAY),
    ).filter(pl.col("kind").is_in(KINDS))
    # The day after the last day of all would not be a date, so days are counted here.
    counted = intervals.with_columns(pl.col("start", "end").to_physical())
    begins = pl.concat(
        [counted.select("beneficiary_id", day="start"), counted.select("beneficiary_id", day=pl.col("end") + 1)]
    )
    spans = (
        begins.unique()
        .sort("beneficiary_id", "day")
        .with_columns(last=pl.col("day").shift(-1).over("beneficiary_id") - 1)
        .filter(pl.col("last").is_not_null())
    )
    return (
        spans.join(counted, on="beneficiary_id", how="inner", maintain_order="left")
        .filter((pl.col("start") <= pl.col("day")) & (pl.col("last") <= pl.col("end")))
        .group_by("beneficiary_id", "day", "last", maintain_order=True)
        .agg((pl.col("kind") == kind).any().alias(kind) for kind in KINDS)
        .rename({"day": "start", "last": "end"})
        .with_columns(pl.col("start", "end").cast(pl.Date))
    )


def _medicare(spans: pl.DataFrame) -> pl.DataFrame:
    part_a, part_b = pl.col("part_a"), pl.col("part_b")
    medicare = part_a | part_b | pl.col("medicare_advantage")
    plan = (
        pl.when("medicare_advantage")
        .then(pl.lit("medicare advantage"))
        .when(part_a & part_b)
        .then(pl.lit("medicare"))
        .when(part_a)
        .then(pl.lit("medicare part a"))
        .when(part_b)
        .then(pl.lit("medicare part b"))
        .otherwise(pl.lit("medicaid"))
    )
    dual = (
        pl.when("full_dual")
        .then(pl.lit(FULL_DUAL[0]))
        .when("partial_dual")
        .then(pl.lit(PARTIAL_DUAL[0]))
        .otherwise(pl.lit(NOT_DUAL))
    )
    return spans.filter(pl.any_horizontal(kind for kind in KINDS if kind != "medical")).with_columns(
        payer_type=pl.when(medicare).then(pl.lit("medicare")).otherwise(pl.lit("medicaid")),
        plan=plan,
        dual_status=dual,
    )


def _commercial(spans: pl.DataFrame) -> pl.DataFrame:
    return spans.filter("medical").select(
        "beneficiary_id",
        "start",
        "end",
        payer_type=pl.lit("commercial"),
        plan=pl.lit("commercial"),
        esrd=pl.lit(False),
        esrd_entitlement=pl.lit(False),
        long_term_institution=pl.lit(False),
    )
