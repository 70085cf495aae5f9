"""Pictures of sharing: what each side has under each model, from the 5th to the 95th percentile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from episodes.alignment.comparison import ModelComparison
from episodes.reports.charts import _altair

if TYPE_CHECKING:
    import altair


def model_comparison(compared: ModelComparison) -> altair.FacetChart:
    """What hospital and physicians have under each model: a bar from the 5th to the 95th percentile, the mean as a dot.

    Args:
        compared: from `episodes.alignment.compare_models`.

    Returns:
        An Altair chart, a panel a side, amounts in dollars; the black tick is the year as it was.
    """
    alt = _altair()
    cents = [name for name in compared.table.columns if name.endswith("_cents")]
    rows = compared.table.with_columns(
        pl.col(cents) / 100,
        model=pl.col("model").str.replace_all("_", " "),
        side=pl.col("side").str.replace_all("_", " "),
    ).rename({name: name.removesuffix("_cents") for name in cents})
    order = list(dict.fromkeys(rows["model"]))
    base = alt.Chart(alt.Data(values=rows.to_dicts())).encode(y=alt.Y("model:N", sort=order, title=None))
    dollars = alt.Axis(format="$,.0f", tickCount=5)
    tips = [
        "model:N",
        "side:N",
        *(alt.Tooltip(f"{name}:Q", format="$,.0f") for name in ("mean", "p5", "p95", "expected")),
    ]
    bars = base.mark_bar(height=10, opacity=0.5).encode(
        x=alt.X("p5:Q", title="dollars of the year, 5th to 95th percentile", axis=dollars),
        x2="p95:Q",
        color=alt.Color("side:N", legend=None),
        tooltip=tips,
    )
    means = base.mark_circle(size=70, opacity=1).encode(
        x="mean:Q", color=alt.Color("side:N", legend=None), tooltip=tips
    )
    ticks = base.mark_tick(color="black", thickness=2, size=16).encode(x="expected:Q", tooltip=tips)
    layered = (bars + means + ticks).properties(width=330, height=210)
    return layered.facet(column=alt.Column("side:N", title=None)).resolve_scale(x="independent")
