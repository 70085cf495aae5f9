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


def episode_timeline(built: BuiltEpisodes, episode_id: str) -> altair.LayerChart:
    """One episode's services day by day: what, how long, how much, and in which period they count.

    Args:
        built: the episodes.
        episode_id: of one of them.

    Returns:
        An Altair chart: a bar from the first to the last day of each service, a circle by its amount (dollars on the
        run's basis), dashed lines where the anchor, the episode and the post-episode window end.

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
    dates = chosen.row(0, named=True)
    start = dates["episode_start"]
    services = (
        built.services.filter(pl.col("episode_id") == episode_id)
        .collect()
        .select(
            "category",
            "reason",
            first_day=(pl.col("service_start") - start).dt.total_days(),
            last_day=(pl.col("service_end") - start).dt.total_days() + 1,
            dollars=pl.col("full_cents") / 100,
            counts=pl.when(pl.col("disposition") == "included").then("period").otherwise(pl.lit("excluded")),
            date=pl.col("service_start").cast(pl.String),
        )
        .unique(["category", "first_day", "last_day", "dollars", "date"], keep="first", maintain_order=True)
    )
    order = [name for name in SERVICE_CATEGORIES if name in set(services["category"])]
    base = alt.Chart(alt.Data(values=services.to_dicts())).encode(
        y=alt.Y("category:N", sort=order, title=None),
        color=alt.Color("counts:N", title="counts as", sort=["anchor", "post", "post_episode", "excluded"]),
        tooltip=["date:N", "category:N", alt.Tooltip("dollars:Q", format="$,.2f"), "counts:N", "reason:N"],
    )
    days = alt.X("first_day:Q", title="day since the episode began")
    bars = base.mark_bar(height=9, opacity=0.45).encode(x=days, x2="last_day:Q")
    size = alt.Size("dollars:Q", title="amount", scale=alt.Scale(range=[25, 600]), legend=alt.Legend(format="$,.0f"))
    circles = base.mark_circle(opacity=0.85).encode(x=days, size=size)
    ends = [
        {"day": (dates[column] - start).days + 1, "end": name}
        for column, name in (
            ("anchor_end", "anchor ends"),
            ("episode_end", "episode ends"),
            ("post_episode_end", "post-episode ends"),
        )
    ]
    rules = alt.Chart(alt.Data(values=ends)).mark_rule(strokeDash=[4, 3]).encode(x="day:Q")
    labels = alt.Chart(alt.Data(values=ends)).mark_text(align="left", dx=3, y=-6).encode(x="day:Q", text="end:N")
    return (bars + circles + rules + labels).properties(width=620, height=240, title="One episode, service by service")


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise EpisodesError("Pictures need the extra 'viz': pip install 'episodes[viz]'.") from error
    return altair
