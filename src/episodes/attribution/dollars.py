"""Methods that split an episode's dollars: what everyone billed, in proportion, or by a responsibility matrix."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from episodes.attribution.arrangements import UNEXPLAINED, Arrangement, attribution_rules, load_arrangement
from episodes.attribution.cost_centres import with_cost_centres
from episodes.attribution.parties import PARTY_KIND, UNATTRIBUTED, UNKNOWN, Inputs, with_billers
from episodes.attribution.splitting import split_by_largest_remainder, with_shares

KEY = ["row", "party_kind", "party_id", "role"]
_COLUMNS = (
    *("row", "episode_id", "claim_id", "setting", "category", "period", "service_start", "service_end"),
    *("cents", "ccn", "rendering_npi", "tin"),
)


def own_claims(inputs: Inputs) -> pl.DataFrame:
    """Each party what it billed."""
    return by_arrangement(inputs, load_arrangement("own_claims"))


def controllable(inputs: Inputs) -> pl.DataFrame:
    """Each party what the chosen arrangement says it answers for."""
    return by_arrangement(inputs, inputs.arrangement)


def proportional(inputs: Inputs) -> pl.DataFrame:
    """All physicians with professional cost, in proportion to it; cost without an NPI is that of an unknown one.

    Who has no cost above zero, or less than the setting `proportional_share` of it all, takes no part.
    """
    share = Fraction(inputs.settings.proportional_share.value)
    weight, total = pl.col("weight").cast(pl.Int128), pl.col("weight").cast(pl.Int128).sum().over("row")
    weights = (
        inputs.counted("row", "rendering_npi", "cents", only=pl.col("setting") == "professional")
        .group_by("row", "rendering_npi")
        .agg(weight=pl.col("cents").sum())
        .filter(weight * share.denominator >= total * share.numerator)
        .filter(pl.col("weight") > 0)
        .select("row", "weight", *_named("physician", pl.col("rendering_npi")), role=pl.lit("billing"))
    )
    nobody = (
        inputs.episodes.select("row")
        .join(weights, on="row", how="anti")
        .select(
            "row",
            weight=pl.lit(1, dtype=pl.Int64),
            party_kind=pl.lit("other", dtype=PARTY_KIND),
            party_id=pl.lit(UNATTRIBUTED),
            role=pl.lit("billing"),
        )
    )
    cents = inputs.episodes.select("row", "episode_cents")
    parts = (
        pl.concat([weights, nobody.select(weights.columns)])
        .sort(KEY)
        .join(cents, on="row", how="left", maintain_order="left")
        .with_columns(numerator=weight * pl.col("episode_cents"), denominator=total)
        .drop("episode_cents")
    )
    return with_shares(split_by_largest_remainder(parts, "row"), "row")


def by_arrangement(inputs: Inputs, arrangement: Arrangement) -> pl.DataFrame:
    """Every service row to the parties that answer for its cost centre; what no service explains to nobody.

    Shares of an episode are rounded once, over all its parts: largest remainder.
    """
    whole = arrangement.common_denominator()
    matrix = pl.DataFrame(
        arrangement.rows(attribution_rules().centre_ids()),
        schema={"cost_centre": pl.String, "target": pl.String, "parts": pl.Int64},
        orient="row",
    )
    services = with_billers(with_cost_centres(inputs.counted(*_COLUMNS), inputs.outcomes))
    by_biller = services.group_by("row", "cost_centre", "category", "biller_kind", "biller_id").agg(
        pl.col("cents").sum()
    )
    anchors = inputs.episodes.select("row", "anchor_ccn", "attending_npi").join(inputs.surgeons, on="row")
    answered = _answering(by_biller.join(matrix, on="cost_centre").join(anchors, on="row", how="left"))
    parts = (
        pl.concat([answered, _unexplained(inputs, whole).select(answered.columns)])
        .group_by(KEY)
        .agg(pl.col("weight").sum())
        .sort(KEY)
        .with_columns(numerator="weight", denominator=pl.lit(whole, dtype=pl.Int64))
    )
    return with_shares(split_by_largest_remainder(parts, "row"), "row")


def _answering(rows: pl.DataFrame) -> pl.DataFrame:
    """Who answers, by target: party_kind, party_id, role, weight (cents times parts)."""
    target, biller, kind = pl.col("target"), pl.col("biller_id"), pl.col("biller_kind")
    physician = pl.when(kind == "physician").then(biller).otherwise("attending_npi")
    who = {
        "hospital": ("hospital", pl.col("anchor_ccn"), pl.lit("anchor_hospital")),
        "surgeon": ("physician", pl.col("surgeon"), pl.lit("operating")),
        "other_physicians": ("physician", physician, None),
        "post_acute": ("post_acute", pl.when(kind == "post_acute").then(biller), pl.col("category").cast(pl.String)),
        "other": ("other", pl.when(kind == "other").then(biller), pl.lit("other")),
    }
    party_kind, party_id = kind, biller
    role = pl.lit(None, dtype=pl.String)
    for name, (its_kind, its_id, its_role) in who.items():
        party_kind = pl.when(target == name).then(pl.lit(its_kind)).otherwise(party_kind)
        party_id = pl.when(target == name).then(its_id).otherwise(party_id)
        if its_role is not None:
            role = pl.when(target == name).then(its_role).otherwise(role)
    return (
        rows.with_columns(_kind=party_kind, _id=party_id, role=role)
        .with_columns(role=pl.coalesce("role", _role_of_biller()))
        .select(
            "row",
            "role",
            pl.when(pl.col("_id").is_null())
            .then(pl.lit("other"))
            .otherwise("_kind")
            .cast(PARTY_KIND)
            .alias("party_kind"),
            party_id=pl.col("_id").fill_null(UNKNOWN),
            weight=pl.col("cents").cast(pl.Int128) * pl.col("parts"),
        )
    )


def _role_of_biller() -> pl.Expr:
    """What a biller is to the episode."""
    kind, who = pl.col("_kind"), pl.col("_id")
    return (
        pl.when((kind == "hospital") & (who == pl.col("anchor_ccn")))
        .then(pl.lit("anchor_hospital"))
        .when(kind == "hospital")
        .then(pl.lit("other_hospital"))
        .when((kind == "physician") & (who == pl.col("surgeon")))
        .then(pl.lit("operating"))
        .when((kind == "physician") & (who == pl.col("attending_npi")))
        .then(pl.lit("attending"))
        .when(kind == "physician")
        .then(pl.lit("other_physician"))
        .when(kind == "post_acute")
        .then(pl.col("category").cast(pl.String))
        .otherwise(pl.lit("supplier"))
    )


def _unexplained(inputs: Inputs, whole: int) -> pl.DataFrame:
    """Cents of episodes that no service row carries, and episodes without any: a party of its own."""
    explained = inputs.counted("row", "cents").group_by("row").agg(explained=pl.col("cents").sum())
    rest = pl.col("episode_cents") - pl.col("explained").fill_null(0)
    return (
        inputs.episodes.select("row", "episode_cents")
        .join(explained, on="row", how="left")
        .filter(pl.col("explained").is_null() | (rest != 0))
        .select(
            "row",
            party_kind=pl.lit("other", dtype=PARTY_KIND),
            party_id=pl.lit(UNKNOWN),
            role=pl.lit(UNEXPLAINED),
            weight=rest.cast(pl.Int128) * whole,
        )
    )


def _named(kind: str, party: pl.Expr) -> list[pl.Expr]:
    return [
        pl.when(party.is_not_null()).then(pl.lit(kind)).otherwise(pl.lit("other")).cast(PARTY_KIND).alias("party_kind"),
        party.fill_null(UNKNOWN).alias("party_id"),
    ]
