"""Deaths within days of the admission; after a bypass, of the operation, answered for by who operated."""

from __future__ import annotations

import polars as pl

from episodes.outcomes.rules import OutcomeRules

KEYS = ["beneficiary_id", "claim_id"]


def mortality_starts(index: pl.DataFrame, stays: pl.DataFrame, rules: OutcomeRules) -> pl.DataFrame:
    """From which day each episode's deaths are counted, and whom they are attributed to.

    Args:
        index: index_id, chain, anchor_code, anchor_start, anchor_ccn, anchor_npi.
        stays: acute stays in chains.

    Returns:
        index_id, start, start_reason (`procedure_date_missing`: an operation without a date, counted from the
        admission), ccn and npi of who answers.
    """
    operated = pl.col("anchor_code").is_in(list(rules.mortality.from_procedure_anchors.value))
    chains = index.filter(operated).select("chain").drop_nulls().unique()
    operations = (
        stays.join(chains, on="chain", how="semi")
        .select(
            "chain",
            "leg",
            "ccn",
            "procedures",
            "stay_start",
            npi=pl.coalesce("operating_npi", "attending_npi"),
            position=pl.int_ranges(0, pl.col("procedures").list.len().fill_null(0)),
            dates=pl.col("procedure_dates"),
        )
        .explode("position")
        .drop_nulls("position")
        .with_columns(
            code=pl.col("procedures").list.get(pl.col("position"), null_on_oob=True),
            date=pl.col("dates").list.get(pl.col("position"), null_on_oob=True),
        )
        .filter(
            pl.any_horizontal(
                [pl.col("code").str.starts_with(family) for family in rules.mortality.procedure_families.value]
            )
        )
        .sort("chain", "leg", "date", nulls_last=True)
        .unique("chain", keep="first", maintain_order=True)
        .select("chain", operated_on="date", operating_ccn="ccn", operating_npi="npi")
    )
    joined = index.join(operations, on="chain", how="left", nulls_equal=False, maintain_order="left")
    undated = operated & pl.col("operated_on").is_null()
    return joined.select(
        "index_id",
        start=pl.coalesce("operated_on", "anchor_start"),
        start_reason=pl.when(undated).then(pl.lit("procedure_date_missing")),
        ccn=pl.coalesce("operating_ccn", "anchor_ccn"),
        npi=pl.coalesce("operating_npi", "anchor_npi"),
    )
