"""The first readmission of each episode in full: where it was, where the person came from, who had discharged them."""

from __future__ import annotations

import polars as pl

from episodes.outcomes.gathering import gathered
from episodes.outcomes.readmissions import READMISSION_COLUMNS, first_readmissions
from episodes.outcomes.rules import OutcomeRules


def episode_readmissions(
    episodes: pl.DataFrame,
    claims: pl.DataFrame,
    lines: pl.DataFrame,
    beneficiaries: pl.DataFrame,
    *,
    days: int = 90,
    rules: OutcomeRules | None = None,
) -> pl.DataFrame:
    """The first readmission within some days of each episode's discharge: what stands behind the readmission measures.

    Args:
        episodes, claims, lines, beneficiaries, rules: as of `outcomes_of`.
        days: last day from the discharge, included.

    Returns:
        One row an episode that was left alive, not against advice, and has a readmission: episode_id, discharge (of the
        last leg), claim_id, ccn, admission, days, planned, planned_reason, same_hospital, source (irf, ltch, ipf, snf,
        hospice, home_health, home: what was left within a day before), discharging_ccn, discharging_operating_npi,
        discharging_attending_npi.

    Raises:
        ContractError: `episodes` lacks columns.

    Source: docs/outcomes.md.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
        >>> tables = [claims.table(name).collect() for name in ("claims", "lines", "beneficiaries")]
        >>> readmissions = ep.outcomes.episode_readmissions(built.final(), *tables)
        >>> sorted(readmissions["source"].unique())
        ['home', 'home_health', 'ltch', 'snf']
    """
    material = gathered(
        episodes, claims, lines, beneficiaries, day_one="anchor_end", complete_through=None, rules=rules
    )
    asked = material.index.filter(material.why_not_followed(pl.col("discharge")).is_null())
    found = first_readmissions(
        asked,
        material.stays,
        material.claims,
        first_day=material.rules.readmissions.first_day.value,
        last_day=days,
        lists=material.lists,
    )
    who = asked.select(
        "index_id",
        "discharge",
        "discharging_operating_npi",
        "discharging_attending_npi",
        discharging_ccn="ccn",
    )
    return who.join(found, on="index_id", how="inner", maintain_order="left").select(
        pl.col("index_id").alias("episode_id"),
        "discharge",
        *READMISSION_COLUMNS,
        "discharging_ccn",
        "discharging_operating_npi",
        "discharging_attending_npi",
    )
