"""Acute stays as outcome measures see them: those that transfers join are one stay, discharged where its last leg ends.

A stay elsewhere that begins on the day of discharge or the day after continues the stay, whatever the discharge status
says; so does a return to the same hospital on the day of discharge with the same diagnosis.
"""

from __future__ import annotations

import polars as pl

from episodes.building.provider_types import with_provider_columns
from episodes.building.stays import stay_end, stay_start
from episodes.outcomes.rules import OutcomeRules

STAY_COLUMNS = (
    "beneficiary_id",
    "claim_id",
    "ccn",
    "kind_of_provider",
    "stay_start",
    "stay_end",
    "discharge_status",
    "attending_npi",
    "operating_npi",
    "diagnoses",
    "present_on_admission",
    "procedures",
    "procedure_dates",
)
"""Columns of an inpatient stay."""


def inpatient_stays(claims: pl.DataFrame) -> pl.DataFrame:
    """Inpatient stays of every kind of hospital, with `STAY_COLUMNS`; stays that the source does not keep are left out.

    A stay within another one is not kept where its claim says so (`keep_inner` false).
    """
    inpatient = claims.filter((pl.col("setting").cast(pl.String) == "inpatient") & pl.col("keep_inner").fill_null(True))
    return (
        with_provider_columns(inpatient)
        .with_columns(stay_start=stay_start(), stay_end=stay_end())
        .select(STAY_COLUMNS)
        .sort("beneficiary_id", "stay_start", "stay_end", "ccn", "claim_id")
    )


def acute_stays(inpatient: pl.DataFrame, rules: OutcomeRules) -> pl.DataFrame:
    """Acute stays in chains: adds `chain` (ordinal), `leg` (0 = first), `chain_end` and `last_leg`.

    The last leg is the one with the latest discharge; `chain_end` is that discharge.
    """
    acute = inpatient.filter(pl.col("kind_of_provider").is_in(list(rules.stays.provider_types.value)))
    before = _with_stay_before(acute)
    gap = (pl.col("stay_start") - pl.col("_end_before")).dt.total_days()
    elsewhere = pl.col("ccn").ne_missing(pl.col("_ccn_before"))
    same_diagnosis = pl.lit(rules.stays.join_same_day_same_diagnosis.value) & (
        pl.col("diagnoses").list.first() == pl.col("_diagnosis_before")
    )
    joins = (
        pl.when(elsewhere)
        .then(gap <= rules.stays.max_gap_days.value)
        .otherwise((gap < 0) | ((gap == 0) & same_diagnosis))
        .fill_null(False)
    )
    return (
        before.with_columns(chain=(~joins).cum_sum())
        .with_columns(
            leg=pl.int_range(pl.len()).over("chain"),
            chain_end=pl.col("stay_end").max().over("chain"),
        )
        .with_columns(
            last_leg=pl.col("leg")
            == pl.col("leg").filter(pl.col("stay_end") == pl.col("chain_end")).max().over("chain")
        )
        .drop("_end_before", "_ccn_before", "_diagnosis_before")
    )


def _with_stay_before(stays: pl.DataFrame) -> pl.DataFrame:
    """Add end, hospital and diagnosis of the earlier stay of the person that reaches furthest (of equals the later).

    That is not always the one listed before: a stay within another one ends earlier.
    """
    person = "beneficiary_id"
    reaches_furthest = pl.col("stay_end") == pl.col("stay_end").cum_max().over(person)
    rows = stays.with_row_index("_row").with_columns(
        _before=pl.when(reaches_furthest).then("_row").forward_fill().shift(1).over(person)
    )
    earlier = rows.select(
        _before="_row", _end_before="stay_end", _ccn_before="ccn", _diagnosis_before=pl.col("diagnoses").list.first()
    )
    return rows.join(earlier, on="_before", how="left", maintain_order="left").drop("_row", "_before")


def discharges(stays: pl.DataFrame) -> pl.DataFrame:
    """One row a chain, from its last leg.

    Columns: chain, discharge, discharging_ccn, discharging_operating_npi, discharging_attending_npi, last_status.
    """
    return stays.filter("last_leg").select(
        "chain",
        discharge="chain_end",
        discharging_ccn="ccn",
        discharging_operating_npi="operating_npi",
        discharging_attending_npi="attending_npi",
        last_status="discharge_status",
    )
