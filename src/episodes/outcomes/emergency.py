"""Emergency returns: an emergency visit after discharge, on a day without an admission."""

from __future__ import annotations

import polars as pl

from episodes.outcomes.rules import OutcomeRules


def first_emergency_returns(
    index: pl.DataFrame, inpatient: pl.DataFrame, claims: pl.DataFrame, lines: pl.DataFrame, rules: OutcomeRules
) -> pl.DataFrame:
    """The first emergency visit within days of each discharge.

    A visit on a day on which a stay in a hospital of any kind begins, or in the midst of one, is not a return.

    Args:
        index: index_id, beneficiary_id, discharge.
        inpatient: inpatient stays of every kind.
        claims, lines: canonical claims and lines of the same people.

    Returns:
        index_id, claim_id, visit (date), days from the discharge; one row an index that has a return.
    """
    rule = rules.emergency
    keys = ["beneficiary_id", "claim_id"]
    headers = claims.filter(pl.col("setting").cast(pl.String).is_in(list(rule.settings.value))).select(
        *keys, "from_date"
    )
    visits = (
        lines.filter(
            pl.col("revenue_center").is_in(list(rule.revenue_centers.value))
            | pl.col("hcpcs").is_in(list(rule.hcpcs.value))
        )
        .join(headers, on=keys, how="inner")
        .select(*keys, visit=pl.coalesce("service_date", "from_date"))
        .unique()
    )
    pairs = (
        index.select("index_id", "beneficiary_id", "discharge")
        .join(visits, on="beneficiary_id", how="inner")
        .with_columns(days=(pl.col("visit") - pl.col("discharge")).dt.total_days().cast(pl.Int32))
        .filter(pl.col("days").is_between(rule.first_day.value, rule.last_day.value))
    )
    in_hospital = (
        pairs.select("beneficiary_id", "visit")
        .unique()
        .join(inpatient.select("beneficiary_id", "stay_start", "stay_end"), on="beneficiary_id", how="inner")
        .filter(
            (pl.col("visit") == pl.col("stay_start"))
            | ((pl.col("stay_start") < pl.col("visit")) & (pl.col("visit") < pl.col("stay_end")))
        )
        .select("beneficiary_id", "visit")
        .unique()
    )
    return (
        pairs.join(in_hospital, on=["beneficiary_id", "visit"], how="anti")
        .sort("index_id", "visit", "claim_id")
        .unique("index_id", keep="first", maintain_order=True)
        .select("index_id", "claim_id", "visit", "days")
    )
