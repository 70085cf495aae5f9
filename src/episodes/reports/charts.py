"""Pictures: what episodes cost against their target, and one episode as a timeline of its services.

Needs the extra `viz` (Altair). Data are computed with polars and handed to Altair as plain records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.building.categories import SERVICE_CATEGORIES
from episodes.errors import EpisodesError, count_of

if TYPE_CHECKING:
    import altair

_GROUPS = {
    "anchor_facility": "anchor stay or procedure",
    "surgeon": "surgeon, assistant, anesthesia",
    "assistant": "surgeon, assistant, anesthesia",
    "anesthesia": "surgeon, assistant, anesthesia",
    "professional": "other professional",
    "readmission": "readmission",
    "snf": "skilled nursing",
    "irf": "rehabilitation, long-term, psychiatric",
    "ltch": "rehabilitation, long-term, psychiatric",
    "ipf": "rehabilitation, long-term, psychiatric",
    "home_health": "home health",
    "hospice": "other",
    "emergency": "outpatient and emergency",
    "outpatient": "outpatient and emergency",
    "drugs": "other",
    "dme": "other",
}
_ORDER = list(dict.fromkeys(_GROUPS[category] for category in SERVICE_CATEGORIES))


def cost_against_target(built: BuiltEpisodes, priced_episodes: pl.DataFrame) -> altair.LayerChart:
    """Mean cost per final episode by kind of service, stacked, with the mean target price as a tick, by category.

    Args:
        built: episodes of the performance year.
        priced_episodes: `result.episodes` of a reconciliation (needs episode_id, category, price_cents).

    Returns:
        An Altair chart; amounts in dollars on the run's basis, before the high-cost cap.
    """
    alt = _altair()
    costs = (
        built.final()
        .join(priced_episodes.filter(pl.col("price_cents").is_not_null()).select("episode_id"), on="episode_id")
        .group_by("category")
        .agg(pl.col(f"{name}_cents").mean() for name in SERVICE_CATEGORIES)
        .unpivot(index="category", variable_name="service", value_name="cents")
        .with_columns(
            service=pl.col("service").str.strip_suffix("_cents").replace_strict(_GROUPS, return_dtype=pl.String),
            dollars=pl.col("cents") / 100,
        )
        .group_by("category", "service")
        .agg(pl.col("dollars").sum())
        .sort("category", "service")
    )
    targets = (
        priced_episodes.filter(pl.col("price_cents").is_not_null())
        .group_by("category")
        .agg(target=pl.col("price_cents").mean() / 100)
        .sort("category")
    )
    ranks = pl.col("service").replace_strict(_ORDER, list(range(len(_ORDER))), return_dtype=pl.Int8)
    bars = (
        alt.Chart(alt.Data(values=costs.with_columns(rank=ranks).to_dicts()))
        .mark_bar()
        .encode(
            y=alt.Y("category:N", title=None),
            x=alt.X("dollars:Q", title="mean cost of an episode, dollars", axis=alt.Axis(format="$,.0f")),
            color=alt.Color("service:N", sort=_ORDER, title="service"),
            order=alt.Order("rank:Q"),
            tooltip=["category:N", "service:N", alt.Tooltip("dollars:Q", format="$,.0f")],
        )
    )
    ticks = (
        alt.Chart(alt.Data(values=targets.to_dicts()))
        .mark_tick(color="black", thickness=3, size=26)
        .encode(
            y="category:N",
            x="target:Q",
            tooltip=[alt.Tooltip("target:Q", format="$,.0f", title="mean target price")],
        )
    )
    return (bars + ticks).properties(
        width=560, height=220, title="Episode cost by service; the black mark is the mean target price"
    )


def episode_timeline(built: BuiltEpisodes, episode_id: str) -> altair.Chart:
    """One episode's services day by day: what, how much, and whether it counts.

    Args:
        built: the episodes.
        episode_id: of one of them.

    Raises:
        EpisodesError: no such episode.
    """
    alt = _altair()
    chosen = built.episodes.filter(pl.col("episode_id") == episode_id)
    if chosen.is_empty():
        raise EpisodesError(
            f"No episode with the id given among {count_of(built.episodes.height, 'candidate episode')}. "
            "Ids stand in the column episode_id of built.episodes."
        )
    start, end, last = chosen.select("episode_start", "episode_end", "post_episode_end").row(0)
    services = (
        built.services.filter(pl.col("episode_id") == episode_id)
        .collect()
        .with_columns(
            day=(pl.col("service_start") - start).dt.total_days(),
            dollars=pl.max_horizontal(pl.col("full_cents"), 1) / 100,
            counts=pl.when(pl.col("disposition") == "included").then("period").otherwise(pl.lit("excluded")),
            date=pl.col("service_start").cast(pl.String),
        )
        .select("day", "dollars", "counts", "category", "date", "reason")
    )
    order = [name for name in SERVICE_CATEGORIES if name in set(services["category"])]
    return (
        alt.Chart(alt.Data(values=services.to_dicts()))
        .mark_circle(opacity=0.75)
        .encode(
            x=alt.X(
                "day:Q",
                title=f"day (the episode ends on day {(end - start).days}, its post-episode window on {(last - start).days})",
            ),
            y=alt.Y("category:N", sort=order, title=None),
            size=alt.Size("dollars:Q", title="amount of the claim or line", legend=alt.Legend(format="$,.0f")),
            color=alt.Color("counts:N", title="counts as", sort=["anchor", "post", "post_episode", "excluded"]),
            tooltip=[
                "date:N",
                "category:N",
                alt.Tooltip("dollars:Q", format="$,.2f"),
                "counts:N",
                "reason:N",
            ],
        )
        .properties(width=560, height=260, title="One episode, service by service")
    )


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise EpisodesError("Pictures need the extra 'viz': pip install 'episodes[viz]'.") from error
    return altair
