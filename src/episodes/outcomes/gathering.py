"""What the measures of some episodes are made from: their people's stays and claims, and discharges to count from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import polars as pl

from episodes.errors import ArgumentError, ContractError, count_of, unknown_name
from episodes.outcomes.index_stays import DayOne, episode_index
from episodes.outcomes.outcome_rows import Material
from episodes.outcomes.planned import planned_lists
from episodes.outcomes.rules import OutcomeRules, outcome_rules
from episodes.outcomes.stays import acute_stays, inpatient_stays

NEEDED = (
    "episode_id",
    "beneficiary_id",
    "anchor_setting",
    "anchor_claim_id",
    "anchor_code",
    "anchor_ccn",
    "attending_npi",
    "operating_npi",
    "anchor_start",
    "anchor_end",
    "episode_end",
    "scheduled_end",
    "length_of_stay",
)
"""Columns of episodes that the measures read."""
_DAYS_ONE = ("anchor_end", "day_after_anchor_end")
_CLAIM_COLUMNS = (
    "beneficiary_id",
    "claim_id",
    "setting",
    "from_date",
    "thru_date",
    "admission_date",
    "discharge_date",
    "discharge_status",
    "ccn",
    "provider_type",
    "attending_npi",
    "operating_npi",
    "diagnoses",
    "present_on_admission",
    "procedures",
    "procedure_dates",
    "keep_inner",
)
_LINE_COLUMNS = ("beneficiary_id", "claim_id", "service_date", "revenue_center", "hcpcs", "units")
_PEOPLE_COLUMNS = ("beneficiary_id", "birth_date", "death_date")
_CARE = ("inpatient", "snf", "home_health", "hospice")


def gathered(
    episodes: pl.DataFrame,
    claims: pl.DataFrame,
    lines: pl.DataFrame,
    beneficiaries: pl.DataFrame,
    *,
    day_one: DayOne,
    complete_through: dt.date | None,
    rules: OutcomeRules | None,
) -> Material:
    """The material of the measures, with what callers hand in checked."""
    _need(
        {
            "episodes": (episodes, NEEDED),
            "claims": (claims, _CLAIM_COLUMNS),
            "lines": (lines, _LINE_COLUMNS),
            "beneficiaries": (beneficiaries, _PEOPLE_COLUMNS),
        },
        day_one,
    )
    rules = rules or outcome_rules()
    claims, lines = _looked_at(episodes, claims, lines, rules)
    inpatient = inpatient_stays(claims)
    stays = acute_stays(inpatient, rules)
    return Material(
        index=episode_index(episodes, stays, claims, beneficiaries, day_one=day_one),
        stays=stays,
        inpatient=inpatient,
        claims=claims,
        lines=lines,
        rules=rules,
        lists=planned_lists(rules.planned),
        complete_through=complete_through,
    )


def _looked_at(
    episodes: pl.DataFrame, claims: pl.DataFrame, lines: pl.DataFrame, rules: OutcomeRules
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The claims and lines that some measure reads, of the people with episodes: a small part of all."""
    people = episodes.select("beneficiary_id").unique()
    emergency, hospice = rules.emergency, rules.home.hospice_revenue_centers.value
    settings = {*_CARE, *emergency.settings.value, *rules.home.facility_settings.value}
    of_setting = pl.col("setting").cast(pl.String).is_in(sorted(settings))
    revenue_centers = [*emergency.revenue_centers.value, *hospice]
    told = pl.col("revenue_center").is_in(revenue_centers) | pl.col("hcpcs").is_in(list(emergency.hcpcs.value))
    of_people = claims.select(_CLAIM_COLUMNS).filter(of_setting).join(people, on="beneficiary_id", how="semi")
    return of_people, lines.select(_LINE_COLUMNS).filter(told).join(people, on="beneficiary_id", how="semi")


def _need(tables: Mapping[str, tuple[pl.DataFrame, Iterable[str]]], day_one: str) -> None:
    if day_one not in _DAYS_ONE:
        raise ArgumentError(unknown_name("day_one", str(day_one), _DAYS_ONE))
    for name, (table, needed) in tables.items():
        lacking = [column for column in needed if column not in table.columns]
        if lacking:
            source = "build_episodes makes (built.episodes)" if name == "episodes" else "read_claims and Claims give"
            raise ContractError(
                f"The {name} table lacks {count_of(len(lacking), 'column')}: {', '.join(lacking)}. "
                f"Hand in the table that {source}."
            )
