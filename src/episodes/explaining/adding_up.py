"""That an explanation adds up: its services against the columns of `episodes`, and every cent that windows hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from episodes.building.categories import SERVICE_CATEGORIES
from episodes.building.summary import DAY_BANDS
from episodes.errors import BalanceError, count_of
from episodes.explaining.findings import Finding
from episodes.explaining.services import ITEM, PERIOD_ORDER

_AFTER = ("post", "post_episode")


@dataclass(frozen=True)
class Check:
    """A sum over the services beside the amount that it must equal, in cents.

    Attributes:
        what: the column of `episodes`, or `looked_at_cents`: every item that the windows hold, once and in full,
            which is the episode's cost, the post-episode spending, and what was left out.
        services_cents: the sum over the services.
        expected_cents: what it equals.
    """

    what: str
    services_cents: int
    expected_cents: int


def checked(services: pl.DataFrame, episode: Mapping[str, Any], left_out: Sequence[Finding]) -> tuple[Check, ...]:
    """Every sum that must hold.

    Raises:
        BalanceError: one of them does not.
    """
    checks = (*_columns(services, episode), _looked_at(services, episode, left_out))
    wrong = [check.what for check in checks if check.services_cents != check.expected_cents]
    if wrong:
        raise BalanceError(
            f"The services of the episode do not add up to its row: {count_of(len(wrong), 'amount')} of {len(checks)} "
            f"differ ({', '.join(wrong)}). Are both tables of one build, and unchanged? Build again; if it stays, it "
            "is a fault of the library: please report it."
        )
    return checks


def _columns(services: pl.DataFrame, episode: Mapping[str, Any]) -> Iterator[Check]:
    included = services.filter(pl.col("disposition") == "included")
    inside = included.filter(pl.col("period") != "post_episode")
    for period in PERIOD_ORDER:
        yield _check(f"{period}_cents", included.filter(pl.col("period") == period), episode)
    yield _check("episode_cents", inside, episode)
    for basis in ("allowed", "standardized"):
        yield _check(f"episode_{basis}_cents", inside, episode, f"{basis}_cents")
    for category in SERVICE_CATEGORIES:
        yield _check(f"{category}_cents", inside.filter(pl.col("category") == category), episode)
    # What is carried into the post-episode period falls on the first day of that.
    carried = (pl.col("period") == "post_episode") & (pl.col("service_start") <= episode["episode_end"])
    placed = pl.when(carried).then(pl.lit(episode["episode_end"]).dt.offset_by("1d")).otherwise("service_start")
    day = (placed - pl.lit(episode["anchor_end"])).dt.total_days() + 1
    after = included.filter(pl.col("period").is_in(_AFTER)).with_columns(_day=day)
    for first, last in DAY_BANDS:
        yield _check(f"days_{first}_{last}_cents", after.filter(pl.col("_day").is_between(first, last)), episode)


def _check(what: str, rows: pl.DataFrame, episode: Mapping[str, Any], column: str = "cents") -> Check:
    return Check(what, int(rows[column].sum()), int(episode[what]))


def _looked_at(services: pl.DataFrame, episode: Mapping[str, Any], left_out: Sequence[Finding]) -> Check:
    once = services.unique(ITEM, keep="first", maintain_order=True)
    counted = episode["episode_cents"] + episode["post_episode_cents"]
    return Check(
        "looked_at_cents",
        int(once["full_cents"].sum()),
        int(counted + sum(finding.facts["full_cents"] for finding in left_out)),
    )
