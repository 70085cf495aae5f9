"""Billable visits of home health claims: revenue lines of some centers with a covered charge."""

from __future__ import annotations

import polars as pl

from episodes.building.context import Context


def with_billable_visits(claims: pl.DataFrame, lines: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add first_visit, last_visit, visit_days (list) to claims, null where there are no billable visits."""
    if lines.is_empty():
        none = pl.lit(None, dtype=pl.Date)
        return claims.with_columns(first_visit=none, last_visit=none, visit_days=pl.lit(None, dtype=pl.List(pl.Date)))
    return claims.join(billable_visits(lines, claims, context), on="claim", how="left", maintain_order="left")


def billable_visits(lines: pl.DataFrame, claims: pl.DataFrame, context: Context) -> pl.DataFrame:
    """claim, first_visit, last_visit, visit_days (list) of home health claims that have any.

    A visit without a date is placed at its claim's first day.
    """
    rule = context.program.rules.construction.services.visits
    covered = pl.col("charge_cents") - pl.col("noncovered_charge_cents").fill_null(0)
    center = pl.col("revenue_center")
    of_claim = claims.filter(pl.col("setting") == "home_health").select("claim", "from_date")
    return (
        lines.join(of_claim, on="claim", how="inner", maintain_order="left")
        .filter(
            pl.any_horizontal([center.str.starts_with(prefix) for prefix in rule.revenue_center_prefixes])
            & (covered > 0)
            & ~pl.col("hcpcs").is_in(list(rule.not_hcpcs)).fill_null(False)
        )
        .with_columns(_visit=pl.coalesce("service_date", "from_date"))
        .group_by("claim", maintain_order=True)
        .agg(first_visit=pl.col("_visit").min(), last_visit=pl.col("_visit").max(), visit_days=pl.col("_visit"))
    )
