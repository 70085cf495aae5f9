"""APC, complexity adjustment and rank (J1) of outpatient anchors (CMS shadow-bundle programs, outpatient anchors)."""

from __future__ import annotations

import polars as pl

from episodes.building.context import Context
from episodes.building.sources import Source


def with_apc(anchors: pl.DataFrame, source: Source, context: Context) -> pl.DataFrame:
    """Add apc, complexity_adjusted (of the anchor's year), highest_ranked; complete price_code where the APC sets it.

    `anchors` has hcpcs, line_number, service_date, claim; an APC billed on the line is not looked at. Without a pricing
    year the programme knows of no APC.
    """
    rules = context.program.rules.construction.anchors
    anchors = anchors.drop("apc", strict=False)
    if rules.pricing_year is None:
        return anchors.with_columns(
            apc=pl.lit(None, dtype=pl.String),
            complexity_adjusted=pl.lit(None, dtype=pl.Boolean),
            highest_ranked=pl.lit(True),
        )
    lines = source.lines_of_claims(anchors["claim"].unique())
    year = rules.pricing_year.value
    numbered = anchors.with_row_index("_anchor").with_columns(_year=pl.col("service_date").dt.year())
    own = _apc_of_year(numbered, lines, context, pl.col("_year"))
    pricing = _apc_of_year(numbered, lines, context, pl.lit(year, dtype=pl.Int32))
    known = (
        numbered.join(own, on="_anchor", how="left", maintain_order="left")
        .join(pricing.select("_anchor", pricing_apc="apc"), on="_anchor", how="left", maintain_order="left")
        .join(_highest_ranked(numbered, own, lines, context, year), on="_anchor", how="left", maintain_order="left")
    )
    if rules.outpatient_price_code.value == "table_else_apc":
        known = known.with_columns(price_code=pl.coalesce("price_code", "pricing_apc"))
    return known.with_columns(
        pl.col("complexity_adjusted").fill_null(False), pl.col("highest_ranked").fill_null(True)
    ).drop("_anchor", "_year", "pricing_apc", "comprehensive")


def _apc_of_year(anchors: pl.DataFrame, lines: pl.DataFrame, context: Context, year: pl.Expr) -> pl.DataFrame:
    """_anchor, apc, complexity_adjusted, comprehensive: of a year's map, with what the claim's other lines make of it.

    Another line raises the APC if it is dated, has an amount of 0 or more, and its code is listed beside the trigger.
    """
    table = context.references.table("apc_map")
    keyed = anchors.select("_anchor", "claim", "hcpcs", "line_number", calendar_year=year.cast(pl.Int32))
    on = ["calendar_year", "hcpcs"]
    base = table.filter(pl.col("secondary").is_null()).unique(on, keep="first", maintain_order=True)
    adjusted = table.filter(pl.col("secondary").is_not_null()).unique(
        [*on, "secondary"], keep="last", maintain_order=True
    )
    others = lines.filter(pl.col("service_date").is_not_null() & (pl.col("amount") >= 0)).select(
        "claim", secondary="hcpcs", _other="line_number"
    )
    raised = (
        keyed.join(adjusted.select(*on, "secondary", raised_apc="apc"), on=on, how="inner")
        .join(others, on=["claim", "secondary"], how="inner")
        .filter(pl.col("_other") != pl.col("line_number"))
        .sort("_anchor", "_other")
        .unique("_anchor", keep="first", maintain_order=True)
        .select("_anchor", "raised_apc", complexity_adjusted=pl.lit(True))
    )
    return (
        keyed.join(base.select(*on, base_apc="apc", comprehensive="comprehensive"), on=on, how="left")
        .join(raised, on="_anchor", how="left")
        .select(
            "_anchor",
            "complexity_adjusted",
            "comprehensive",
            apc=pl.when("complexity_adjusted").then("raised_apc").otherwise("base_apc"),
        )
        .sort("_anchor")
    )


def _highest_ranked(
    anchors: pl.DataFrame, own: pl.DataFrame, lines: pl.DataFrame, context: Context, year: int
) -> pl.DataFrame:
    """_anchor, highest_ranked: whether the trigger comes first among the claim's ranked lines, and as J1 where it must.

    Order: lines whose status indicator is that of the addendum (J1) first, then rank, then the trigger.
    """
    addendum = (
        context.references.table("opps")
        .filter((pl.col("calendar_year") == year) & pl.col("j1_rank").is_not_null())
        .unique("hcpcs", keep="first", maintain_order=True)
        .select("hcpcs", "j1_rank", _indicator="status_indicator")
    )
    ranked = (
        lines.filter(pl.col("amount") > 0)
        .join(addendum, on="hcpcs", how="inner")
        .select(
            "claim",
            "j1_rank",
            _line="line_number",
            _not_j1=(pl.col("status_indicator") != pl.col("_indicator")).fill_null(True)
            & ~(pl.col("status_indicator").is_null() & pl.col("_indicator").is_null()),
        )
    )
    return (
        anchors.select("_anchor", "claim", "line_number")
        .join(own.select("_anchor", "comprehensive"), on="_anchor", how="left")
        .join(ranked, on="claim", how="inner")
        .with_columns(_other=pl.col("_line") != pl.col("line_number"))
        .sort("_anchor", "_not_j1", "j1_rank", "_other", "_line")
        .unique("_anchor", keep="first", maintain_order=True)
        .select(
            "_anchor",
            highest_ranked=~pl.col("_other") & ~(pl.col("comprehensive").fill_null(False) & pl.col("_not_j1")),
        )
    )
