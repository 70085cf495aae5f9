"""The discharge that each episode's outcomes are counted from: that of the chain of stays its anchor belongs to."""

from __future__ import annotations

from typing import Literal

import polars as pl

from episodes.outcomes.stays import discharges

DayOne = Literal["anchor_end", "day_after_anchor_end"]


def episode_index(
    episodes: pl.DataFrame,
    stays: pl.DataFrame,
    claims: pl.DataFrame,
    beneficiaries: pl.DataFrame,
    *,
    day_one: DayOne,
) -> pl.DataFrame:
    """One row an episode, in their order: its anchor, and the discharge that ends its chain of stays.

    An anchor that is no acute stay (outpatient, or at another kind of hospital) is its own discharge.

    Returns:
        index_id (the episode's), beneficiary_id, anchor_setting, anchor_claim_id, anchor_code, anchor_ccn, anchor_npi
        (who operated, else who attended), anchor_start, anchor_end, anchor_status, window_start, episode_end,
        scheduled_end, length_of_stay, chain (null: no acute stay), discharge; ccn, discharging_operating_npi and
        discharging_attending_npi (of the last leg); last_status, birth_date, death_date (null where it lies before the
        anchor, an error of the source), death_before_anchor.
    """
    keys = ["beneficiary_id", "claim_id"]
    status = claims.select(*keys, anchor_status="discharge_status")
    people = beneficiaries.select("beneficiary_id", "birth_date", recorded_death="death_date")
    first_day = pl.col("anchor_end") if day_one == "anchor_end" else pl.col("anchor_end").dt.offset_by("1d")
    anchors = (
        episodes.select(
            "beneficiary_id",
            "anchor_setting",
            "anchor_claim_id",
            "anchor_code",
            "anchor_ccn",
            "anchor_start",
            "anchor_end",
            "episode_end",
            "scheduled_end",
            "length_of_stay",
            "operating_npi",
            "attending_npi",
            index_id="episode_id",
            anchor_npi=pl.coalesce("operating_npi", "attending_npi"),
            claim_id="anchor_claim_id",
            window_start=first_day,
        )
        .join(status, on=keys, how="left", maintain_order="left")
        .join(people, on="beneficiary_id", how="left", maintain_order="left")
        .join(stays.select(*keys, "chain"), on=keys, how="left", maintain_order="left")
        .join(discharges(stays), on="chain", how="left", nulls_equal=False, maintain_order="left")
    )
    outpatient = pl.col("anchor_setting") == "outpatient"
    before = (pl.col("recorded_death") < pl.col("anchor_start")).fill_null(False)
    in_chain = pl.col("chain").is_not_null()
    own_status = pl.when(~outpatient).then("anchor_status")
    return anchors.with_columns(
        anchor_status=own_status,
        discharge=pl.coalesce("discharge", "anchor_end"),
        ccn=pl.when(in_chain).then("discharging_ccn").otherwise("anchor_ccn"),
        discharging_operating_npi=pl.when(in_chain).then("discharging_operating_npi").otherwise("operating_npi"),
        discharging_attending_npi=pl.when(in_chain).then("discharging_attending_npi").otherwise("attending_npi"),
        last_status=pl.when(in_chain).then("last_status").otherwise(own_status),
        death_before_anchor=before,
        death_date=pl.when(~before).then("recorded_death"),
    ).drop("claim_id", "recorded_death", "discharging_ccn", "operating_npi", "attending_npi")
