"""Days at home: days of the window alive and outside hospitals, skilled nursing, rehabilitation, inpatient hospice."""

from __future__ import annotations

import polars as pl

from episodes.building.stays import stay_end, stay_start
from episodes.outcomes.rules import OutcomeRules


def days_at_home(
    windows: pl.DataFrame, inpatient: pl.DataFrame, claims: pl.DataFrame, lines: pl.DataFrame, rules: OutcomeRules
) -> pl.DataFrame:
    """Days at home of each window.

    Args:
        windows: index_id, beneficiary_id, window_start, window_end (both included), death_date (null: lives).
        inpatient: inpatient stays of every kind, those that the source does not keep left out.
        claims, lines: canonical claims and lines of the same people.

    Returns:
        index_id, days (whole days, 0 where the person had died before).
    """
    rule = rules.home
    last_alive = pl.col("death_date") if rule.day_of_death.value else pl.col("death_date").dt.offset_by("-1d")
    alive = windows.select(
        "index_id",
        "beneficiary_id",
        first="window_start",
        last=pl.min_horizontal("window_end", last_alive),
    ).with_columns(possible=((pl.col("last") - pl.col("first")).dt.total_days() + 1).clip(lower_bound=0))
    away = (
        alive.filter(pl.col("possible") > 0)
        .join(_away(inpatient, claims, lines, rules), on="beneficiary_id", how="inner")
        .with_columns(
            start=pl.max_horizontal("away_start", "first"),
            end=pl.min_horizontal("away_end", "last"),
        )
        .filter(pl.col("start") <= pl.col("end"))
        .select("index_id", day=pl.date_ranges("start", "end"))
        .explode("day")
        .group_by("index_id")
        .agg(away=pl.col("day").n_unique())
    )
    return alive.join(away, on="index_id", how="left", maintain_order="left").select(
        "index_id", days=(pl.col("possible") - pl.col("away").fill_null(0)).cast(pl.Int32)
    )


def _away(inpatient: pl.DataFrame, claims: pl.DataFrame, lines: pl.DataFrame, rules: OutcomeRules) -> pl.DataFrame:
    """beneficiary_id, away_start, away_end: intervals of days (both included) that are not at home."""
    rule = rules.home
    settings = pl.col("setting").cast(pl.String)
    elsewhere = (
        claims.filter(settings.is_in([name for name in rule.facility_settings.value if name != "inpatient"]))
        .with_columns(stay_start=stay_start(), stay_end=stay_end())
        .select("beneficiary_id", "stay_start", "stay_end", "discharge_status")
    )
    stays = elsewhere
    if "inpatient" in rule.facility_settings.value:
        stays = pl.concat([inpatient.select(elsewhere.columns), elsewhere])
    leaves = ~pl.col("discharge_status").is_in(list(rule.still_patient.value)).fill_null(False)
    not_away = leaves & (pl.col("stay_end") > pl.col("stay_start")) & pl.lit(rule.day_of_discharge.value)
    in_facilities = stays.select(
        "beneficiary_id",
        away_start="stay_start",
        away_end=pl.when(not_away).then(pl.col("stay_end").dt.offset_by("-1d")).otherwise("stay_end"),
    )
    hospice = claims.filter(settings == "hospice").select("beneficiary_id", "claim_id", "from_date", "thru_date")
    in_hospice = (
        lines.filter(pl.col("revenue_center").is_in(list(rule.hospice_revenue_centers.value)))
        .join(hospice, on=["beneficiary_id", "claim_id"], how="inner")
        .with_columns(away_start=pl.coalesce("service_date", "from_date"))
        .with_columns(
            by_units=pl.col("away_start").dt.offset_by(
                pl.format("{}d", (pl.col("units").fill_null(1).clip(lower_bound=1) - 1).cast(pl.Int64))
            )
        )
        .select(
            "beneficiary_id",
            "away_start",
            away_end=pl.max_horizontal("away_start", pl.min_horizontal("thru_date", "by_units")),
        )
    )
    return pl.concat([in_facilities, in_hospice])
