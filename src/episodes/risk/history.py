"""What the look-back holds: diagnoses for the condition categories, hospital and post-acute care before the episode."""

from __future__ import annotations

import polars as pl

from episodes.building.provider_types import with_provider_columns
from episodes.building.stays import stay_end, stay_start
from episodes.programs.risk_rules import HccRules, PriorUse

KEYS = ["beneficiary_id", "claim_id"]


def earlier_diagnoses(
    episodes: pl.DataFrame, claims: pl.DataFrame, lines: pl.DataFrame, rules: HccRules
) -> pl.DataFrame:
    """_row, diagnosis: what the claims of the look-back say, each diagnosis once an episode."""
    settings = list(rules.diagnosis_settings.value)
    looked_at = claims.filter(pl.col("setting").cast(pl.String).is_in(settings)).select(
        *KEYS, "diagnoses", _date=rules.diagnosis_date.value
    )
    within = (
        episodes.select("_row", "beneficiary_id", "_lookback_start", "_lookback_end")
        .join(looked_at, on="beneficiary_id", how="inner")
        .filter(pl.col("_date").is_between("_lookback_start", "_lookback_end"))
    )
    found = [pl.DataFrame(schema={"_row": pl.UInt32, "diagnosis": pl.String})]
    if "claim" in rules.diagnosis_fields.value:
        found.append(within.select("_row", diagnosis="diagnoses").explode("diagnosis"))
    if "line" in rules.diagnosis_fields.value:
        pointed = lines.select(*KEYS, "diagnosis").drop_nulls("diagnosis")
        found.append(within.select("_row", *KEYS).join(pointed, on=KEYS, how="inner").select("_row", "diagnosis"))
    return pl.concat([each.cast({"diagnosis": pl.String}) for each in found]).drop_nulls("diagnosis").unique()


def prior_use(episodes: pl.DataFrame, claims: pl.DataFrame, rules: PriorUse, amount: str) -> pl.DataFrame:
    """_row, prior_inpatient, prior_post_acute.

    Args:
        amount: the column that must be above zero, where the rules say so.
    """
    settings = ["inpatient", *rules.post_acute_settings.value]
    looked_at = claims.filter(
        pl.col("setting").cast(pl.String).is_in(settings) & pl.col("keep_inner_outer").fill_null(True)
    )
    if rules.positive_amounts_only.value:
        looked_at = looked_at.filter(pl.col(amount) > 0)
    is_stay = pl.col("setting").cast(pl.String) == "inpatient"
    used = with_provider_columns(looked_at).select(
        "beneficiary_id",
        _post_acute=~is_stay | _is_post_acute_stay(rules),
        _start=pl.when(is_stay).then(stay_start()).otherwise("from_date"),
        _end=pl.when(is_stay).then(stay_end()).otherwise("thru_date"),
    )
    pairs = episodes.select("_row", "beneficiary_id", "_lookback_start", "_lookback_end").join(
        used, on="beneficiary_id", how="inner"
    )
    ended_inside = pl.col("_end").is_between("_lookback_start", "_lookback_end")
    met = (pl.col("_start") <= pl.col("_lookback_end")) & (pl.col("_end") >= pl.col("_lookback_start"))
    counted = pairs.filter(ended_inside if rules.dates.value == "ends_in_lookback" else met)
    hospital = counted.filter(~pl.col("_post_acute"))["_row"].unique()
    post_acute = counted.filter("_post_acute")["_row"].unique()
    return episodes.select(
        "_row",
        prior_inpatient=pl.col("_row").is_in(hospital.implode()),
        prior_post_acute=pl.col("_row").is_in(post_acute.implode()),
    )


def _is_post_acute_stay(rules: PriorUse) -> pl.Expr:
    """Whether an inpatient stay is post-acute care, by its provider type or its CCN.

    CMS's published program knows a rehabilitation facility by its range of numbers only, so that units (third
    character R or T) count as hospitals there.
    """
    post_acute = pl.col("kind_of_provider").is_in(list(rules.post_acute_stays.value))
    if rules.rehabilitation_units.value == "irf":
        return post_acute
    is_unit = pl.col("provider_type").is_null() & pl.col("ccn").str.slice(2, 1).is_in(["R", "T"])
    return post_acute & ~is_unit.fill_null(False)
