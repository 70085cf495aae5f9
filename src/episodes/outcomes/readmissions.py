"""Readmissions: the first admission after a discharge, whether it was planned, where, and where the person came from.

If the first admission was planned, nothing later counts for that discharge: an unplanned stay after it could stem
from the planned one.
"""

from __future__ import annotations

import polars as pl

from episodes.building.provider_types import with_provider_columns
from episodes.building.stays import stay_end, stay_start
from episodes.outcomes.planned import PlannedLists, planned_stays

READMISSION_COLUMNS = (
    "claim_id",
    "ccn",
    "admission",
    "days",
    "planned",
    "planned_reason",
    "same_hospital",
    "source",
)
"""Columns of a first readmission, after those of its index."""

_SOURCES = ("irf", "ltch", "ipf", "snf", "hospice", "home_health")
"""Settings that a person can be admitted from, the first that fits counts; else from home."""


def first_readmissions(
    index: pl.DataFrame,
    stays: pl.DataFrame,
    claims: pl.DataFrame,
    *,
    first_day: int,
    last_day: int,
    lists: PlannedLists | None = None,
) -> pl.DataFrame:
    """The first admission within some days of each index discharge.

    Args:
        index: one row a discharge: index_id, beneficiary_id, chain (of the index itself, null: none of the chains),
            discharge (date), ccn (of the discharging hospital).
        stays: acute stays in chains (`acute_stays`); their first legs are the admissions.
        claims: canonical claims of the same people, for the setting a person came from.
        first_day, last_day: days from the discharge, both included.
        lists: tables of the planned readmission algorithm; default: the packaged ones.

    Returns:
        index_id and `READMISSION_COLUMNS`, one row an index that has a readmission: days from the discharge; planned
        (null: not decided) with its reason; same_hospital; source (irf, ltch, ipf, snf, hospice, home_health: a stay or
        care there reached to the day of admission or the day before; home: none did).
    """
    admissions = stays.filter(pl.col("leg") == 0).select(
        "beneficiary_id", "claim_id", "diagnoses", "procedures", "chain", "ccn", admission="stay_start"
    )
    pairs = (
        index.select("index_id", "beneficiary_id", "discharge", index_chain="chain", index_ccn="ccn")
        .join(admissions, on="beneficiary_id", how="inner")
        .filter(pl.col("chain").ne_missing(pl.col("index_chain")))
        .with_columns(days=(pl.col("admission") - pl.col("discharge")).dt.total_days().cast(pl.Int32))
        .filter(pl.col("days").is_between(first_day, last_day))
    )
    return first_of(pairs, claims, lists)


def first_of(pairs: pl.DataFrame, claims: pl.DataFrame, lists: PlannedLists | None) -> pl.DataFrame:
    """The earliest of each index's admissions, judged: `pairs` has index_id, index_ccn, days and the stay's columns."""
    first = pairs.sort("index_id", "admission", "chain", "claim_id").unique(
        "index_id", keep="first", maintain_order=True
    )
    judged = planned_stays(first, lists).with_columns(same_hospital=pl.col("ccn").eq_missing(pl.col("index_ccn")))
    return judged.join(
        _sources(judged, claims), on=["beneficiary_id", "admission"], how="left", maintain_order="left"
    ).select("index_id", *READMISSION_COLUMNS)


def _sources(admissions: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """beneficiary_id, admission, source: the setting left within a day before each admission."""
    asked = admissions.select("beneficiary_id", "admission").unique(maintain_order=True)
    settings = ["inpatient", "snf", "hospice", "home_health"]
    care = with_provider_columns(
        claims.with_columns(pl.col("setting").cast(pl.String))
        .filter(pl.col("setting").is_in(settings))
        .join(asked, on="beneficiary_id", how="semi")
    ).select(
        "beneficiary_id",
        start=stay_start(),
        end=stay_end(),
        source=pl.when(pl.col("setting") == "inpatient").then("kind_of_provider").otherwise("setting"),
    )
    order = {name: rank for rank, name in enumerate(_SOURCES)}
    left = (
        asked.join(care.filter(pl.col("source").is_in(list(_SOURCES))), on="beneficiary_id", how="inner")
        .filter((pl.col("start") < pl.col("admission")) & (pl.col("end") >= pl.col("admission").dt.offset_by("-1d")))
        .with_columns(_order=pl.col("source").replace_strict(order, return_dtype=pl.Int32))
        .sort("beneficiary_id", "admission", "_order")
        .unique(["beneficiary_id", "admission"], keep="first", maintain_order=True)
        .select("beneficiary_id", "admission", "source")
    )
    return asked.join(left, on=["beneficiary_id", "admission"], how="left", maintain_order="left").with_columns(
        pl.col("source").fill_null("home")
    )
