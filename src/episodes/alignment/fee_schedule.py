"""Fee-schedule amounts inside episodes: what caps on gainsharing are a share of."""

from __future__ import annotations

import polars as pl

from episodes.alignment.terms import parameters
from episodes.pricing.checks import with_columns

AMOUNT_SCHEMA = {
    "npi": pl.String,
    "tin": pl.String,
    "fee_schedule_cents": pl.Int64,
    "lines": pl.Int64,
    "lines_without_amount": pl.Int64,
    "episodes": pl.Int64,
}


def fee_schedule_amounts(
    episodes: pl.DataFrame,
    claims: pl.LazyFrame | pl.DataFrame,
    lines: pl.LazyFrame | pl.DataFrame,
    fee_schedule: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What each physician billed under the fee schedule inside episodes, through which group.

    An allowed amount is Medicare's payment and the patient's share. Lines count whether or not the programme excludes
    them from the cost of the episode, and once, also where two episodes hold them.

    Args:
        episodes: the hospital's final episodes of the year: episode_id, beneficiary_id, episode_start, episode_end.
        claims: of the claims contract: beneficiary_id, claim_id, setting, from_date.
        lines: of the claims contract: beneficiary_id, claim_id, line_number, service_date, hcpcs, rendering_npi, tin,
            allowed_cents.
        fee_schedule: hcpcs, and optionally start_date, end_date (null: open): what the schedule pays. None: every
            HCPCS counts but those that parameter `fee_schedule_not_payable` names (laboratory, drugs, supplies).

    Returns:
        One row a physician and group: npi, tin (null: not on the line), fee_schedule_cents, lines,
        lines_without_amount (they count as 0), episodes.

    Regulation: 42 CFR 510.500(c)(4): Medicare-approved amounts under the physician fee schedule for services to the
    hospital's beneficiaries in episodes of the same performance year.

    Example:
        >>> import datetime as dt, polars as pl
        >>> day = dt.date(2026, 3, 1)
        >>> episodes = pl.DataFrame({"episode_id": ["e"], "beneficiary_id": ["p"], "episode_start": [day],
        ...                          "episode_end": [day]})
        >>> claims = pl.DataFrame({"beneficiary_id": ["p"], "claim_id": ["1"], "setting": ["professional"],
        ...                        "from_date": [day]})
        >>> lines = pl.DataFrame({"beneficiary_id": ["p"], "claim_id": ["1"], "line_number": [1], "service_date": [day],
        ...                       "hcpcs": ["27447"], "rendering_npi": ["n"], "tin": ["t"], "allowed_cents": [140_000]})
        >>> fee_schedule_amounts(episodes, claims, lines)["fee_schedule_cents"].to_list()
        [140000]
    """
    return (
        _lines_inside(episodes, claims, lines, fee_schedule)
        .group_by(npi="rendering_npi", tin="tin")
        .agg(
            fee_schedule_cents=pl.col("allowed_cents").sum(),
            lines=pl.len().cast(pl.Int64),
            lines_without_amount=pl.col("allowed_cents").is_null().sum().cast(pl.Int64),
            episodes=pl.col("episode_id").n_unique().cast(pl.Int64),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in AMOUNT_SCHEMA.items())
        .sort("npi", "tin")
    )


def surgeon_fees(
    episodes: pl.DataFrame,
    claims: pl.LazyFrame | pl.DataFrame,
    lines: pl.LazyFrame | pl.DataFrame,
    fee_schedule: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The fee-schedule amount of each episode's operating physician: episode_id, fee_cents; 0 where there is none.

    Args:
        episodes: as `fee_schedule_amounts`, and operating_npi.
        claims, lines, fee_schedule: as `fee_schedule_amounts`.

    Example:
        >>> import datetime as dt, polars as pl
        >>> day = dt.date(2026, 3, 1)
        >>> episodes = pl.DataFrame({"episode_id": ["e"], "beneficiary_id": ["p"], "episode_start": [day],
        ...                          "episode_end": [day], "operating_npi": ["n"]})
        >>> claims = pl.DataFrame({"beneficiary_id": ["p"], "claim_id": ["1"], "setting": ["professional"],
        ...                        "from_date": [day]})
        >>> lines = pl.DataFrame({"beneficiary_id": ["p"] * 2, "claim_id": ["1"] * 2, "line_number": [1, 2],
        ...                       "service_date": [day] * 2, "hcpcs": ["27447", "01402"], "rendering_npi": ["n", "m"],
        ...                       "tin": ["t"] * 2, "allowed_cents": [140_000, 30_000]})
        >>> surgeon_fees(episodes, claims, lines).rows()
        [('e', 140000)]
    """
    surgeons = episodes.select("episode_id", "operating_npi")
    own = _lines_inside(episodes, claims, lines, fee_schedule).join(surgeons, on="episode_id")
    own = own.filter(pl.col("rendering_npi") == pl.col("operating_npi"))
    summed = own.group_by("episode_id").agg(fee_cents=pl.col("allowed_cents").sum())
    return surgeons.join(summed, on="episode_id", how="left", maintain_order="left").select(
        "episode_id", pl.col("fee_cents").fill_null(0)
    )


def _lines_inside(
    episodes: pl.DataFrame,
    claims: pl.LazyFrame | pl.DataFrame,
    lines: pl.LazyFrame | pl.DataFrame,
    fee_schedule: pl.DataFrame | None,
) -> pl.DataFrame:
    """Professional lines under the fee schedule that are dated inside an episode, each once."""
    columns = ("episode_id", "beneficiary_id", "episode_start", "episode_end")
    windows = with_columns(episodes, "episodes", columns).select(columns)
    people = windows["beneficiary_id"].unique().to_list()
    professional = (
        claims.lazy()
        .filter(pl.col("setting").cast(pl.String) == "professional", pl.col("beneficiary_id").is_in(people))
        .select("beneficiary_id", "claim_id", "from_date")
    )
    named = pl.col("hcpcs").is_not_null() & pl.col("rendering_npi").is_not_null()
    found = (
        lines.lazy()
        .filter(pl.col("beneficiary_id").is_in(people), named)
        .select(
            "beneficiary_id",
            "claim_id",
            "line_number",
            "service_date",
            "hcpcs",
            "rendering_npi",
            "tin",
            "allowed_cents",
        )
        .join(professional, on=["beneficiary_id", "claim_id"])
        .with_columns(day=pl.coalesce("service_date", "from_date"))
        .collect()
    )
    return (
        _payable(found, fee_schedule)
        .join(windows, on="beneficiary_id")
        .filter(pl.col("day").is_between("episode_start", "episode_end"))
        .sort("episode_id")
        .unique(["beneficiary_id", "claim_id", "line_number"], keep="first", maintain_order=True)
    )


def _payable(lines: pl.DataFrame, fee_schedule: pl.DataFrame | None) -> pl.DataFrame:
    if fee_schedule is None:
        patterns = parameters().fee_schedule_not_payable.value
        return lines.filter(~pl.any_horizontal(pl.col("hcpcs").str.contains(pattern) for pattern in patterns))
    listed = with_columns(fee_schedule, "fee_schedule", ("hcpcs",), {"start_date": pl.Date, "end_date": pl.Date})
    dated = lines.join(listed.select("hcpcs", "start_date", "end_date").unique(), on="hcpcs").filter(
        (pl.col("start_date").is_null() | (pl.col("day") >= pl.col("start_date")))
        & (pl.col("end_date").is_null() | (pl.col("day") <= pl.col("end_date")))
    )
    return dated.drop("start_date", "end_date").unique(
        ["beneficiary_id", "claim_id", "line_number"], keep="first", maintain_order=True
    )
