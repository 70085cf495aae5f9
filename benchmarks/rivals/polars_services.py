"""Services of the benchmark's job in polars: every payable item in the windows of every candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.rivals import codes
from benchmarks.rivals.polars_candidates import KEYS, PAID_BY_CLAIM, PAID_BY_LINE

if TYPE_CHECKING:
    import polars as pl

LINE_COLUMNS = [
    *KEYS,
    "line_number",
    "service_date",
    "hcpcs",
    "modifiers",
    "revenue_center",
    "place_of_service",
    "status_indicator",
    "rendering_npi",
    "standardized_cents",
    "primary_payer_paid_cents",
]
WINDOW_COLUMNS = [
    "episode",
    "beneficiary_id",
    "alone",
    "status",
    "anchor_setting",
    "anchor_claim_id",
    "anchor_line_number",
    "anchor_end",
    "episode_start",
    "episode_end",
    "post_episode_end",
    "chain",
]


def services_of(
    episodes: pl.DataFrame, stays: pl.DataFrame, legs: pl.DataFrame, claims: pl.LazyFrame, lines: pl.LazyFrame
) -> pl.DataFrame:
    """Every payable item in the windows of every candidate: period, reason, cents, category."""
    import polars as pl

    people = episodes.lazy().select("beneficiary_id").unique()
    windows = episodes.select(*WINDOW_COLUMNS, anchor_operating_npi="operating_npi")
    of_claims = (
        claims.filter(pl.col("setting") != "inpatient")
        .select(
            *KEYS,
            "setting",
            "from_date",
            "thru_date",
            "admission_date",
            "discharge_date",
            "standardized_cents",
            "primary_payer_paid_cents",
            "operating_npi",
            "attending_npi",
            "ccn",
        )
        .join(people, on="beneficiary_id", how="semi")
        .collect(engine="streaming")
    )
    whole = _whole_rows(windows, stays, legs, of_claims)
    by_line = (
        lines.select(LINE_COLUMNS)
        .join(
            of_claims.lazy()
            .filter(pl.col("setting").is_in(PAID_BY_LINE))
            .select(*KEYS, "setting", "from_date", "operating_npi", "attending_npi", "ccn"),
            on=KEYS,
        )
        .with_columns(first_day=pl.coalesce("service_date", "from_date"))
        .join(windows.lazy().drop("chain"), on="beneficiary_id")
        .filter(pl.col("first_day").is_between("episode_start", "post_episode_end"))
    )
    return pl.concat([whole.drop("excluded_days"), _line_rows(by_line, whole)], how="vertical")


ROW_COLUMNS = [
    "episode",
    *KEYS,
    "alone",
    "line_number",
    "status",
    "period",
    "reason",
    "full_cents",
    "cents",
    "carries_over",
    "service",
    "rendering_npi",
    "operating_npi",
    "attending_npi",
    "ccn",
]


def _whole_rows(
    windows: pl.DataFrame, stays: pl.DataFrame, legs: pl.DataFrame, of_claims: pl.DataFrame
) -> pl.DataFrame:
    import polars as pl

    is_snf = pl.col("setting") == "snf"
    snf_first = pl.coalesce("admission_date", "from_date")
    columns = [*KEYS, "setting", "kind", "first_day", "last_day", "standardized_cents", "primary_payer_paid_cents",
               "kept", "stay_exclusion", "operating_npi", "attending_npi", "ccn", "leg_of"]  # fmt: skip
    inpatient = stays.join(legs.select(*KEYS, leg_of="chain"), on=KEYS, how="left").with_columns(
        setting=pl.lit("inpatient")
    )
    others = of_claims.filter(pl.col("setting").is_in(PAID_BY_CLAIM)).with_columns(
        kind=pl.lit(None, dtype=pl.String),
        first_day=pl.when(is_snf).then(snf_first).otherwise("from_date"),
        last_day=pl.when(is_snf)
        .then(pl.max_horizontal(pl.coalesce("discharge_date", "thru_date"), snf_first))
        .otherwise("thru_date"),
        kept=pl.lit(True),
        stay_exclusion=pl.lit(None, dtype=pl.String),
        leg_of=pl.lit(None, dtype=pl.Int64),
    )
    outpatient = pl.col("anchor_setting") == "outpatient"
    own = pl.col("own")
    boundary = pl.when(pl.col("period") == "post_episode").then("post_episode_end").otherwise("episode_end")
    days_inside = pl.max_horizontal((boundary - pl.col("first_day")).dt.total_days() + 1, 0)
    days = (pl.col("last_day") - pl.col("first_day")).dt.total_days() + 1
    full = pl.col("full_cents")
    return (
        pl.concat([inpatient.select(columns), others.select(columns)])
        .join(windows, on="beneficiary_id")
        .filter(pl.col("first_day").is_between("episode_start", "post_episode_end"))
        .with_columns(own=(pl.col("chain") == pl.col("leg_of")).fill_null(False))
        .filter(own | pl.col("kept"))
        .with_columns(
            period=pl.when(
                own
                | (pl.col("first_day") < pl.col("anchor_end"))
                | ((pl.col("first_day") == pl.col("anchor_end")) & outpatient)
            )
            .then(pl.lit("anchor"))
            .when(pl.col("first_day") <= pl.col("episode_end"))
            .then(pl.lit("post"))
            .otherwise(pl.lit("post_episode")),
            reason=pl.when(own)
            .then(None)
            .when(pl.col("standardized_cents").is_null())
            .then(pl.lit("no_amount_on_basis"))
            .when(pl.col("primary_payer_paid_cents") > 0)
            .then(pl.lit("other_payer"))
            .when(outpatient | (pl.col("first_day") >= pl.col("anchor_end")))
            .then("stay_exclusion"),
            full_cents=pl.col("standardized_cents").fill_null(0),
        )
        .with_columns(splits=pl.col("reason").is_null() & ~own & (pl.col("last_day") > boundary))
        .with_columns(
            cents=pl.when(pl.col("reason").is_not_null())
            .then(0)
            .when("splits")
            .then((2 * full * days_inside + days) // (2 * days))
            .otherwise(full),
            carries_over=pl.col("splits")
            & (pl.col("period") != "post_episode")
            & (pl.col("post_episode_end") > pl.col("episode_end")),
            service=pl.when(own)
            .then(pl.lit("anchor_facility"))
            .when(pl.col("kind").is_in(["ltch", "irf", "ipf"]))
            .then("kind")
            .when(pl.col("setting") == "inpatient")
            .then(pl.lit("readmission"))
            .otherwise("setting"),
            line_number=pl.lit(0, dtype=pl.Int32),
            rendering_npi=pl.lit(None, dtype=pl.String),
            excluded_days=pl.when(pl.col("reason") == pl.col("stay_exclusion")).then("last_day"),
        )
        .select(*ROW_COLUMNS, excluded_days=pl.struct(first="first_day", last="excluded_days"))
    )


def _line_rows(by_line: pl.LazyFrame, whole: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    setting, hcpcs, period = pl.col("setting"), pl.col("hcpcs"), pl.col("period")
    outpatient_anchor = pl.col("anchor_setting") == "outpatient"
    same_claim = pl.col("claim_id") == pl.col("anchor_claim_id")
    own = pl.col("own")
    places = ["21", "23"]
    rows = (
        by_line.with_columns(
            own=outpatient_anchor & same_claim & (pl.col("line_number") == pl.col("anchor_line_number"))
        )
        .with_columns(
            period=pl.when(
                own
                | (pl.col("first_day") < pl.col("anchor_end"))
                | (
                    (pl.col("first_day") == pl.col("anchor_end"))
                    & (
                        outpatient_anchor
                        | ((setting == "professional") & pl.col("place_of_service").is_in(places).fill_null(False))
                    )
                )
            )
            .then(pl.lit("anchor"))
            .when(pl.col("first_day") <= pl.col("episode_end"))
            .then(pl.lit("post"))
            .otherwise(pl.lit("post_episode"))
        )
        .with_columns(
            reason=pl.when(own)
            .then(None)
            .when(setting == "drug")
            .then(pl.lit("setting_not_covered"))
            .when(pl.col("standardized_cents").is_null())
            .then(pl.lit("no_amount_on_basis"))
            .when(pl.col("primary_payer_paid_cents") > 0)
            .then(pl.lit("other_payer"))
            .when(hcpcs.is_in(codes.clotting_factors()))
            .then(pl.lit("clotting_factor"))
            .when(hcpcs.is_in(codes.excluded_drugs()))
            .then(pl.lit("excluded_part_b_drug"))
            .when((setting == "outpatient") & (pl.col("status_indicator") == "H"))
            .then(pl.lit("device_pass_through")),
            full_cents=pl.col("standardized_cents").fill_null(0),
            service=pl.when(own | (outpatient_anchor & (setting == "outpatient") & same_claim & (period == "anchor")))
            .then(pl.lit("anchor_facility"))
            .when(setting == "dme")
            .then(pl.lit("dme"))
            .when((setting == "drug") | hcpcs.str.starts_with("J") | (pl.col("revenue_center") == "0636"))
            .then(pl.lit("drugs"))
            .when(
                (setting == "outpatient")
                & pl.col("revenue_center").is_in(["0450", "0451", "0452", "0456", "0459", "0981"])
            )
            .then(pl.lit("emergency"))
            .when(setting == "outpatient")
            .then(pl.lit("outpatient"))
            .when(hcpcs.is_between(pl.lit("00100"), pl.lit("01999")))
            .then(pl.lit("anesthesia"))
            .when(pl.any_horizontal([pl.col("modifiers").list.contains(one) for one in ("80", "81", "82", "AS")]))
            .then(pl.lit("assistant"))
            .when((period == "anchor") & (pl.col("rendering_npi") == pl.col("anchor_operating_npi")))
            .then(pl.lit("surgeon"))
            .otherwise(pl.lit("professional")),
            carries_over=pl.lit(False),
            may_be_in_stay=(setting == "professional") & (period != "anchor") & ~own,
        )
        .select(*[name for name in ROW_COLUMNS if name != "cents"], "first_day", "may_be_in_stay")
        .collect(engine="streaming")
    )
    stays = whole.select("episode", pl.col("excluded_days").struct.unnest()).filter(pl.col("last").is_not_null())
    in_stay = (
        rows.lazy()
        .select("episode", "first_day", *KEYS, "line_number", "may_be_in_stay", "reason")
        .filter(pl.col("may_be_in_stay") & pl.col("reason").is_null())
        .join(stays.lazy(), on="episode")
        .filter(pl.col("first_day").is_between("first", "last"))
        .select("episode", *KEYS, "line_number", _in_stay=pl.lit("professional_in_excluded_stay"))
        .unique()
        .collect()
    )
    return (
        rows.join(in_stay, on=["episode", *KEYS, "line_number"], how="left")
        .with_columns(reason=pl.coalesce("reason", "_in_stay"))
        .with_columns(cents=pl.when(pl.col("reason").is_null()).then("full_cents").otherwise(0))
        .select(ROW_COLUMNS)
    )
