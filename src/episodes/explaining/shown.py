"""What text and web pages of an explanation have in common: title, cells of its tables, closing sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from episodes.errors import count_of
from episodes.explaining.explanation import Explanation
from episodes.money import dollars

_STATUS = {
    "final": "it counts",
    "excluded": "it does not count, by {number} of the exclusion ladder",
    "overlapped": "it does not count: another episode of the person takes its place",
    "open": "it does not count yet: not complete at the date that the claims are known at",
}
NO_EXCLUSION = "No rung of the exclusion ladder holds."
SERVICE_COLUMNS = (
    "period",
    "category",
    "claim",
    "line",
    "setting",
    "from",
    "to",
    "CCN",
    "NPI",
    "full",
    "counts",
    "how",
)
PERIOD_COLUMNS = ("period", "rows", "cents")
CATEGORY_COLUMNS = ("category", "rows", "in the episode", "post-episode")
LEFT_OUT_COLUMNS = ("reason", "rows", "full")
FIGURES = ("line", "rows", "full", "counts", "cents", "in the episode", "post-episode")
"""Columns of figures, which stand to the right."""


def title(shown: Explanation) -> list[str]:
    """Which episode under which rules, what became of it, and what it costs."""
    episode = shown.episode
    became = _STATUS.get(shown.status, "").format(number=count_of(len(shown.exclusions), "rung"))
    return [
        f"Episode {shown.episode_id}: {episode['category']}, {shown.status} ({became})",
        f"{shown.program_name} ({shown.program}), performance year {shown.performance_year}, {shown.basis} amounts",
        f"Cost {dollars(episode['episode_cents'])}, after it {dollars(episode['post_episode_cents'])}; "
        f"person {episode['beneficiary_id']}",
    ]


def no_overlap(shown: Explanation) -> str:
    """What stands where overlap decided nothing."""
    if shown.status == "excluded":
        return "Only candidates that no rung excludes compete with each other."
    return "No other candidate of the person competes with it in time."


def service_rows(shown: Explanation) -> Iterator[tuple[str, ...]]:
    """Cells of `SERVICE_COLUMNS`, a row a service."""
    for row in shown.services.iter_rows(named=True):
        how = "; ".join(filter(None, (row["placed"], row["share"])))
        how = how if row["reason"] is None else f"left out: {row['reason']}"
        yield (
            row["period"],
            row["category"],
            row["claim_id"],
            str(row["line_number"] or "all"),
            row["setting"],
            str(row["service_start"]),
            str(row["service_end"]),
            row["ccn"] or "",
            row["rendering_npi"] or "",
            dollars(row["full_cents"]),
            dollars(row["cents"]),
            how,
        )


def period_rows(shown: Explanation) -> Iterator[tuple[str, ...]]:
    """Cells of `PERIOD_COLUMNS`; the last row is the episode's cost."""
    for period, rows, cents in shown.periods.filter(pl.col("rows") > 0).iter_rows():
        yield period, f"{rows:,}", dollars(cents)
    yield "cost of the episode", "", dollars(shown.episode["episode_cents"])


def category_rows(shown: Explanation) -> Iterator[tuple[str, ...]]:
    """Cells of `CATEGORY_COLUMNS`, sums last."""
    for category, rows, cents, after in shown.categories.iter_rows():
        yield category, f"{rows:,}", dollars(cents), dollars(after)
    sums = shown.categories.select("rows", "cents", "post_episode_cents").sum().row(0)
    yield "all", f"{sums[0]:,}", dollars(sums[1]), dollars(sums[2])


def left_out_rows(shown: Explanation) -> Iterator[tuple[str, ...]]:
    """Cells of `LEFT_OUT_COLUMNS`."""
    for finding in shown.left_out:
        yield finding.subject, f"{finding.facts['rows']:,}", dollars(finding.facts["full_cents"])


def adds_up(shown: Explanation) -> list[str]:
    """In what way it adds up, in amounts."""
    cents: dict[str, Any] = {check.what: check.services_cents for check in shown.checks}
    omitted = sum(finding.facts["full_cents"] for finding in shown.left_out)
    return [
        f"The windows hold {dollars(cents['looked_at_cents'])}: {dollars(cents['episode_cents'])} in the episode + "
        f"{dollars(cents['post_episode_cents'])} after it + {dollars(omitted)} left out.",
        f"{count_of(len(shown.checks), 'sum')} of the services equal the episode's row to the cent.",
    ]
