"""People of CCLF (files 8 and 9): rows of a person over deliveries become one person and intervals of coverage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date
from episodes.claims.layouts.cclf_fields import CROSSWALK, DELIVERED, ORDER
from episodes.claims.layouts.cclf_values import day, keyed
from episodes.claims.layouts.values import numeric_code, reasons, text
from episodes.claims.report import ReadingReport

_DATES = {
    "birth_date": "BENE_DOB",
    "death_date": "BENE_DEATH_DT",
    "part_a": "BENE_PART_A_ENRLMT_BGN_DT",
    "part_b": "BENE_PART_B_ENRLMT_BGN_DT",
}
_DESCRIBED = ("birth_date", "death_date", "sex", "state", "county", "original_entitlement_reason")
ENTITLED_BY_ESRD = "31"
WITH_ESRD = ("11", "21", ENTITLED_BY_ESRD)
"""Medicare status codes: aged or disabled with end-stage renal disease, and entitled by it alone."""
DUAL_STATUS = {
    **dict.fromkeys(("02", "04", "08"), "full_dual"),
    **dict.fromkeys(("01", "03", "05", "06"), "partial_dual"),
}
"""Dual status code to kind of coverage."""

_STATES = (
    "01AL 02AK 04AZ 05AR 06CA 08CO 09CT 10DE 11DC 12FL 13GA 15HI 16ID 17IL 18IN 19IA 20KS 21KY 22LA 23ME "
    "24MD 25MA 26MI 27MN 28MS 29MO 30MT 31NE 32NV 33NH 34NJ 35NM 36NY 37NC 38ND 39OH 40OK 41OR 42PA 44RI "
    "45SC 46SD 47TN 48TX 49UT 50VT 51VA 53WA 54WV 55WI 56WY 60AS 66GU 69MP 72PR 78VI"
)
STATES = {pair[:2]: pair[2:] for pair in _STATES.split()}
"""FIPS code of a state to its postal code."""


class PeopleAndCoverage(NamedTuple):
    """Canonical beneficiaries and coverage, not yet brought to the types of the contract."""

    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame


def people(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> PeopleAndCoverage:
    """One row a person, and the intervals that the deliveries tell of.

    What changes is taken from the latest delivery that states it. Rows of the identifier crosswalk are counted here.
    """
    report.table("beneficiaries").take_up("identifier_crosswalk", keyed(rows, CROSSWALK).height)
    typed = (
        keyed(rows, "CCLF8")
        .sort(ORDER, maintain_order=True)
        .select(
            reasons(
                {
                    f"{name}_not_a_date": day(column).is_not_null() & as_date(day(column)).is_null()
                    for name, column in _DATES.items()
                }
            ).alias(LAYOUT_REASONS),
            "beneficiary_id",
            **{name: as_date(day(column)) for name, column in _DATES.items()},
            sex=text("BENE_SEX_CD"),
            state=pl.coalesce(
                text("GEO_USPS_STATE_CD"),
                numeric_code("BENE_FIPS_STATE_CD", 2).replace_strict(STATES, default=None),
            ),
            county=numeric_code("BENE_FIPS_CNTY_CD", 3),
            original_entitlement_reason=text("BENE_ORGNL_ENTLMT_RSN_CD"),
            status=text("BENE_MDCR_STUS_CD"),
            dual=text("BENE_DUAL_STUS_CD"),
            month=as_date(text(DELIVERED)).dt.truncate("1mo"),
        )
    )
    broken = (pl.col(LAYOUT_REASONS).list.len() > 0) | pl.col("beneficiary_id").is_null()
    told = typed.filter(~broken).drop(LAYOUT_REASONS)
    persons = told.group_by("beneficiary_id", maintain_order=True).agg(
        pl.col(column).drop_nulls().last() for column in _DESCRIBED
    )
    distinct = told.drop("month").unique().height
    report.table("beneficiaries").take_up("repeated_row", told.height - distinct)
    report.table("beneficiaries").take_up("earlier_delivery_of_same_person", distinct - persons.height)
    set_aside = typed.filter(broken).select(LAYOUT_REASONS, "beneficiary_id", *_DESCRIBED)
    return PeopleAndCoverage(pl.concat([persons, set_aside], how="diagonal"), _coverage(told, report))


def _coverage(told: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Intervals: Part A and Part B from their begin dates on, and what was true in the month of a delivery."""
    latest = told.group_by("beneficiary_id", maintain_order=True).agg(
        pl.col("part_a", "part_b", "status").drop_nulls().last(),
        last_month_of_esrd=pl.col("month").filter(pl.col("status") == ENTITLED_BY_ESRD).max(),
        ever_entitled_by_esrd=(pl.col("status") == ENTITLED_BY_ESRD).any(),
    )
    begun = [
        latest.filter(pl.col(kind).is_not_null()).select(
            "beneficiary_id", kind=pl.lit(kind), start_date=kind, end_date=pl.lit(None, pl.Date)
        )
        for kind in ("part_a", "part_b")
    ]
    # Entitled by the disease alone, a person has been so since Part A or Part B began, until a delivery says otherwise.
    entitled = latest.filter("ever_entitled_by_esrd").select(
        "beneficiary_id",
        kind=pl.lit("esrd_entitlement"),
        start_date=pl.coalesce(pl.min_horizontal("part_a", "part_b"), "last_month_of_esrd"),
        end_date=pl.when(pl.col("status") != ENTITLED_BY_ESRD).then(pl.col("last_month_of_esrd").dt.month_end()),
    )
    of_month = pl.concat(
        [
            told.select(
                "beneficiary_id", "month", kind=pl.when(pl.col("status").is_in(WITH_ESRD)).then(pl.lit("esrd"))
            ),
            told.select("beneficiary_id", "month", kind=pl.col("dual").replace_strict(DUAL_STATUS, default=None)),
        ]
    ).filter(pl.col("kind").is_not_null())
    report.tally(
        "statuses of people (dual, renal disease) in files whose names have no day, not used",
        of_month.filter(pl.col("month").is_null()).height,
    )
    months = (
        of_month.filter(pl.col("month").is_not_null())
        .unique(maintain_order=True)
        .select("beneficiary_id", "kind", start_date="month", end_date=pl.col("month").dt.month_end())
    )
    dated = entitled.filter(pl.col("start_date").is_not_null())
    return pl.concat([*begun, dated, months]).sort("beneficiary_id", "kind", "start_date", maintain_order=True)
