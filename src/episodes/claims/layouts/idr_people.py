"""IDR beneficiaries and coverage: history records become people, ranges become intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date
from episodes.claims.layouts.idr_tables import BENEFICIARY, PERSON, TABLES
from episodes.claims.layouts.idr_values import date_text
from episodes.claims.layouts.values import reasons, text
from episodes.claims.report import ReadingReport

LATEST = "IDR_LTST_TRANS_FLG"
FULL_DUAL, PARTIAL_DUAL = ("02", "04", "08"), ("01", "03", "05", "06")
"""Dual status codes of full and of partial Medicaid benefits (CMS dual status code)."""
WITH_ESRD = ("11", "21", "31")
"""Medicare status codes of people with end-stage renal disease."""
ONLY_BY_ESRD = "31"
"""Medicare status code of people who are entitled because of it."""
REASON_ESRD = "2"
"""Entitlement reason end-stage renal disease, which counts where a person's Medicare status is not told."""
PART_C = ("3",)
"""Coverage type of a Medicare Advantage plan; 11 is a drug plan."""
NOT_ENTITLED = "N"


@dataclass(frozen=True)
class Ranges:
    """A table of ranges: its date columns, and which codes make which kind of coverage."""

    start: str
    end: str
    code: str
    kinds: Mapping[str, tuple[str, ...]]
    detail: str | None = None


_RANGE = ("BENE_RNG_BGN_DT", "BENE_RNG_END_DT")
RANGES = {
    "BENE_MDCR_ENTLMT": Ranges(*_RANGE, "BENE_MDCR_ENTLMT_TYPE_CD", {"part_a": ("A",), "part_b": ("B",)}),
    "BENE_MDCR_STUS": Ranges(
        "MDCR_STUS_BGN_DT",
        "MDCR_STUS_END_DT",
        "BENE_MDCR_STUS_CD",
        {"esrd": WITH_ESRD, "esrd_entitlement": (ONLY_BY_ESRD,)},
    ),
    "BENE_MDCR_ENTLMT_RSN": Ranges(*_RANGE, "BENE_MDCR_ENTLMT_RSN_CD", {"esrd_entitlement": (REASON_ESRD,)}),
    "BENE_CMBND_DUAL_MDCR": Ranges(
        "BENE_MDCD_ELGBLTY_BGN_DT",
        "BENE_MDCD_ELGBLTY_END_DT",
        "BENE_DUAL_STUS_CD",
        {"full_dual": FULL_DUAL, "partial_dual": PARTIAL_DUAL},
    ),
    "BENE_LIS": Ranges(*_RANGE, "BENE_LIS_EFCTV_CD", {"low_income_subsidy": ("Y",)}),
    "BENE_LIS_CMBND": Ranges(
        "BENE_CMBND_DEEMD_EFCTV_DT",
        "BENE_CMBND_DEEMD_TRMNTN_DT",
        "BENE_CMBND_DEEMD_IND",
        {"low_income_subsidy": ("Y",)},
    ),
    "BENE_MAPD_ENRLMT": Ranges(
        "BENE_ENRLMT_BGN_DT",
        "BENE_ENRLMT_END_DT",
        "BENE_CVRG_TYPE_CD",
        {"medicare_advantage": PART_C},
        detail="BENE_CNTRCT_NUM",
    ),
}
"""Table of ranges to what is made of it."""


def beneficiaries(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> pl.DataFrame:
    """One row a person: what the latest history record says, that of the key in force before those of merged keys."""
    history = TABLES["BENE_HSTRY"].complete(rows.get("BENE_HSTRY"))
    typed = history.select(
        _unreadable_dates().alias(LAYOUT_REASONS),
        beneficiary_id=text(PERSON),
        own_key=text(BENEFICIARY) == text(PERSON),
        latest=text(LATEST).fill_null("Y"),
        until=text("IDR_TRANS_OBSLT_TS"),
        since=text("IDR_TRANS_EFCTV_TS"),
        birth_date=date_text("BENE_BRTH_DT"),
        death_date=date_text("BENE_DEATH_DT"),
        sex=text("BENE_SEX_CD"),
        state=text("GEO_USPS_STATE_CD"),
    )
    broken = (pl.col(LAYOUT_REASONS).list.len() > 0) | pl.col("beneficiary_id").is_null()
    described = ("birth_date", "sex", "state")
    records = typed.filter(~broken).sort("own_key", "latest", "until", "since", maintain_order=True)
    people = records.group_by("beneficiary_id", maintain_order=True).agg(
        # A death that the latest record no longer states was taken back; what else it leaves blank still holds.
        pl.col("death_date").last(),
        *(pl.col(column).drop_nulls().last() for column in described),
    )
    report.table("beneficiaries").take_up("earlier_record_of_same_person", records.height - people.height)
    people = people.join(_original_reasons(rows), on="beneficiary_id", how="left", maintain_order="left")
    set_aside = typed.filter(broken).select(LAYOUT_REASONS, "beneficiary_id", "death_date", *described)
    return pl.concat([people.sort("beneficiary_id"), set_aside], how="diagonal")


def coverage(rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> pl.DataFrame:
    """An interval for each kind that a range in force covers; ranges that cover none are netted."""
    return pl.concat([_intervals(name, ranges, rows, report) for name, ranges in RANGES.items()])


def _intervals(name: str, ranges: Ranges, rows: Mapping[str, pl.DataFrame], report: ReadingReport) -> pl.DataFrame:
    given = TABLES[name].complete(rows.get(name))
    counts = report.table("coverage")
    current = given.filter(text(LATEST).fill_null("Y") != "N")
    counts.take_up("superseded_record", given.height - current.height)
    in_force = pl.lit(True)
    if name == "BENE_MDCR_ENTLMT":
        in_force = text("BENE_MDCR_ENTLMT_STUS_CD").ne_missing(NOT_ENTITLED)
    if name == "BENE_MDCR_ENTLMT_RSN":
        told = TABLES["BENE_MDCR_STUS"].complete(rows.get("BENE_MDCR_STUS"))[PERSON].drop_nulls().unique()
        in_force = ~text(PERSON).is_in(told.to_list()).fill_null(False)
    codes = pl.concat_list(
        pl.when(in_force & text(ranges.code).is_in(those)).then(pl.lit(kind)) for kind, those in ranges.kinds.items()
    ).list.drop_nulls()
    kinds = current.with_columns(kind=codes)
    covering = kinds.filter(pl.col("kind").list.len() > 0)
    counts.take_up("covers_nothing_that_is_read", current.height - covering.height)
    return covering.explode("kind").select(
        "kind",
        beneficiary_id=text(PERSON),
        start_date=date_text(ranges.start),
        end_date=date_text(ranges.end),
        detail=text(ranges.detail) if ranges.detail else pl.lit(None, dtype=pl.String),
    )


def _original_reasons(rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The reason of the earliest range in force is the original reason for entitlement."""
    given = TABLES["BENE_MDCR_ENTLMT_RSN"].complete(rows.get("BENE_MDCR_ENTLMT_RSN"))
    return (
        given.filter((text(LATEST).fill_null("Y") != "N") & text(PERSON).is_not_null())
        .sort("BENE_RNG_BGN_DT", maintain_order=True)
        .group_by(text(PERSON).alias("beneficiary_id"), maintain_order=True)
        .agg(original_entitlement_reason=text("BENE_MDCR_ENTLMT_RSN_CD").drop_nulls().first())
    )


def _unreadable_dates() -> pl.Expr:
    return reasons(
        {
            f"{name}_not_a_date": date_text(column).is_not_null() & as_date(date_text(column)).is_null()
            for name, column in (("birth_date", "BENE_BRTH_DT"), ("death_date", "BENE_DEATH_DT"))
        }
    )
