"""Methods that give an episode to one party: by its role, or by plurality of cost or visits."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from episodes.attribution.parties import UNATTRIBUTED, Inputs, first_by_amount, owner


def hospital(inputs: Inputs) -> pl.DataFrame:
    """The hospital of the anchor; of a chain of transfers the first."""
    return inputs.episodes.select("row", *owner("hospital", pl.col("anchor_ccn"), "anchor_hospital"))


def operating(inputs: Inputs) -> pl.DataFrame:
    """The operating physician of the anchor."""
    return inputs.surgeons.select("row", *owner("physician", pl.col("surgeon"), "operating"))


def attending(inputs: Inputs) -> pl.DataFrame:
    """The attending physician of the anchor."""
    return inputs.episodes.select("row", *owner("physician", pl.col("attending_npi"), "attending"))


def plurality_cost(inputs: Inputs) -> pl.DataFrame:
    """The physician with the most professional cost; of equals the lowest NPI.

    The share is of all professional cost of the episode, that without an NPI included.
    """
    professional = inputs.counted("row", "rendering_npi", "cents", only=pl.col("setting") == "professional")
    share = Fraction(inputs.settings.plurality_cost_share.value)
    return _most(inputs, professional, ["cents"], share, "most_cost")


def plurality_visits(inputs: Inputs) -> pl.DataFrame:
    """The physician visited on most days; of equals the one with more professional cost, then the lowest NPI.

    A visit is a day with a line whose code is one of evaluation and management, where lines with codes are given;
    else a day with a professional service other than surgery, assistance, anesthesia or a drug.
    """
    columns = ("row", "rendering_npi", "cents", "category", "service_start", "claim_id", "line_number")
    professional = inputs.counted(*columns, only=pl.col("setting") == "professional")
    visits = (
        _visit_lines(inputs, professional)
        .unique(["row", "rendering_npi", "service_start"])
        .select("row", "rendering_npi", visits=pl.lit(1, dtype=pl.Int64), cents=pl.lit(0, dtype=pl.Int64))
    )
    cost = professional.select("row", "rendering_npi", visits=pl.lit(0, dtype=pl.Int64), cents="cents")
    share = Fraction(inputs.settings.plurality_visits_share.value)
    return _most(inputs, pl.concat([visits, cost]), ["visits", "cents"], share, "most_visits")


def _visit_lines(inputs: Inputs, professional: pl.DataFrame) -> pl.DataFrame:
    if inputs.lines is None or "hcpcs" not in inputs.lines.columns:
        return professional.filter(pl.col("category") == "professional")
    code = pl.col("hcpcs")
    ranges = [code.is_between(pl.lit(first), pl.lit(last)) for first, last in inputs.settings.visit_codes.value]
    coded = inputs.lines.filter(pl.any_horizontal(ranges)).select("beneficiary_id", "claim_id", "line_number").unique()
    people = inputs.episodes.select("row", "beneficiary_id")
    return professional.join(people, on="row").join(coded, on=["beneficiary_id", "claim_id", "line_number"], how="semi")


def _most(inputs: Inputs, rows: pl.DataFrame, amounts: list[str], share: Fraction, role: str) -> pl.DataFrame:
    """Who has the largest sum of the first amount, if it is above zero and at least `share` of the whole."""
    known = rows.filter(pl.col("rendering_npi").is_not_null())
    first = first_by_amount(known, "rendering_npi", *amounts, least=0)
    total = rows.group_by("row").agg(total=pl.col(amounts[0]).sum())
    own, whole = pl.col(amounts[0]).cast(pl.Int128), pl.col("total").cast(pl.Int128)
    enough = first.join(total, on="row").filter(own * share.denominator >= whole * share.numerator)
    return (
        inputs.episodes.select("row")
        .join(enough.select("row", "rendering_npi"), on="row", how="left", maintain_order="left")
        .select("row", *owner("physician", pl.col("rendering_npi"), role, UNATTRIBUTED))
    )
