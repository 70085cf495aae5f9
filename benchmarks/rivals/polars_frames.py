"""The benchmark's job in polars, over plain Parquet.

    python -m benchmarks.rivals.polars_frames CLAIMS OUT --threads 2

Large tables are scanned lazily and read by the streaming engine; what is found in them is small, and eager.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.rivals import codes

if TYPE_CHECKING:
    import polars as pl

PERIOD = ("2022-01-01", "2026-12-31")
KEYS = ["beneficiary_id", "claim_id"]
PAID_BY_CLAIM = ["inpatient", "snf", "home_health", "hospice"]
PAID_BY_LINE = ["outpatient", "professional", "dme", "drug"]
ACUTE_TYPES = ["acute", "cah", "cancer", "emergency", "veteran"]
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


def scan(folder: Path, table: str) -> pl.LazyFrame:
    """A table of a canonical folder."""
    import polars as pl

    place = folder / table
    return pl.scan_parquet(place / "*.parquet" if place.is_dir() else folder / f"{table}.parquet")


def with_kinds(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `kind`: what the claim says, else what its CCN says, each distinct CCN looked at once."""
    import polars as pl

    distinct = frame["ccn"].drop_nulls().unique()
    by_ccn = pl.DataFrame({"ccn": distinct, "_kind": [codes.kind_of_ccn(ccn) for ccn in distinct]},
                          schema={"ccn": pl.String, "_kind": pl.String})  # fmt: skip
    return (
        frame.join(by_ccn, on="ccn", how="left")
        .with_columns(kind=pl.coalesce("provider_type", "_kind", pl.lit("other")))
        .drop("_kind", "provider_type")
    )


def stays_of(claims: pl.LazyFrame) -> pl.DataFrame:
    """Inpatient stays with their days, DRG and the reason for which a readmission is not charged."""
    import polars as pl

    first = pl.coalesce("admission_date", "from_date")
    drg = pl.coalesce("pricing_drg", "ms_drg")
    mdcs = codes.mdc_by_drg()
    mdc = pl.coalesce("mdc", drg.replace_strict(list(mdcs), list(mdcs.values()), default=None, return_dtype=pl.String))
    stays = (
        claims.filter(pl.col("setting") == "inpatient")
        .select(
            *KEYS,
            "ccn",
            "provider_type",
            "attending_npi",
            "operating_npi",
            "discharge_status",
            "process_date",
            "standardized_cents",
            "primary_payer_paid_cents",
            "keep_inner",
            kept=pl.col("keep_inner_outer").fill_null(True),
            first_day=first,
            last_day=pl.max_horizontal(pl.coalesce("discharge_date", "thru_date"), first),
            drg=drg,
            stay_exclusion=pl.when(drg.is_in(codes.excluded_drgs()))
            .then(pl.lit("excluded_readmission_drg"))
            .when(mdc.is_in(list(codes.EXCLUDED_MDCS)))
            .then(pl.lit("excluded_readmission_mdc")),
        )
        .collect()
    )
    return with_kinds(stays)


def legs_of(stays: pl.DataFrame) -> pl.DataFrame:
    """Stays that may start an episode, with `chain`: those that transfers join share a number."""
    import polars as pl

    outer = stays.filter(pl.col("keep_inner").is_null() & pl.col("kind").is_in(["ltch", "irf", "ipf"]))
    inner = stays.filter(pl.col("kind").is_in(ACUTE_TYPES)).select("beneficiary_id", "first_day", "last_day")
    enclosing = outer.join(inner, on="beneficiary_id", suffix="_inner").filter(
        (pl.col("first_day") <= pl.col("first_day_inner")) & (pl.col("last_day_inner") <= pl.col("last_day"))
    )
    ordered = (
        stays.filter(pl.col("keep_inner").fill_null(True))
        .join(enclosing.select(KEYS), on=KEYS, how="anti")
        .with_columns(can_chain=pl.col("kind").is_in(ACUTE_TYPES))
        .sort("can_chain", "beneficiary_id", "first_day", "last_day", "process_date", "ccn", "claim_id")
    )
    joins_previous = (
        pl.col("can_chain")
        & pl.col("can_chain").shift()
        & (pl.col("beneficiary_id") == pl.col("beneficiary_id").shift())
        & pl.col("ccn").ne_missing(pl.col("ccn").shift())
        & (pl.col("first_day") == pl.col("last_day").shift())
    ).fill_null(False)
    return ordered.with_columns(chain=(~joins_previous).cum_sum().cast(pl.Int64))


def candidates_of(
    legs: pl.DataFrame, claims: pl.LazyFrame, lines: pl.LazyFrame, beneficiaries: pl.DataFrame
) -> pl.DataFrame:
    """Anchors of both settings with their windows, `episode` being their number."""
    import polars as pl

    stay_codes, line_codes = codes.anchor_codes("inpatient"), codes.anchor_codes("outpatient")
    inpatient = (
        legs.group_by("chain", maintain_order=True)
        .agg(
            pl.col("beneficiary_id", "ccn", "kind", "operating_npi", "attending_npi").first(),
            pl.col("claim_id", "drg", "discharge_status").last(),
            anchor_start=pl.col("first_day").first(),
            anchor_end=pl.col("last_day").last(),
            other_payer_cents=pl.col("primary_payer_paid_cents").sum(),
        )
        .filter(pl.col("drg").is_in(list(stay_codes)))
        .select(
            "beneficiary_id",
            category=pl.col("drg").replace_strict(stay_codes),
            anchor_setting=pl.lit("inpatient"),
            anchor_claim_id="claim_id",
            anchor_line_number=pl.lit(0, dtype=pl.Int32),
            anchor_ccn="ccn",
            kind="kind",
            operating_npi="operating_npi",
            attending_npi="attending_npi",
            anchor_start="anchor_start",
            anchor_end="anchor_end",
            discharge_status="discharge_status",
            other_payer_cents="other_payer_cents",
            chain="chain",
        )
    )
    triggers = (
        lines.filter(pl.col("hcpcs").is_in(list(line_codes)) & pl.col("service_date").is_not_null())
        .select(
            *KEYS,
            "line_number",
            "service_date",
            "hcpcs",
            "standardized_cents",
            "charge_cents",
            "primary_payer_paid_cents",
        )
        .collect(engine="streaming")
    )
    headers = (
        claims.filter(pl.col("setting") == "outpatient")
        .select(*KEYS, "ccn", "provider_type", "operating_npi", "attending_npi", "discharge_status", "process_date")
        .join(triggers.lazy().select(KEYS).unique(), on=KEYS, how="semi")
        .collect(engine="streaming")
    )
    outpatient = (
        with_kinds(triggers.join(headers, on=KEYS))
        .sort(
            "beneficiary_id",
            "service_date",
            "standardized_cents",
            "process_date",
            "charge_cents",
            "claim_id",
            "line_number",
            descending=[False, False, True, True, True, False, False],
            nulls_last=[False, False, True, True, True, False, False],
        )
        .unique(["beneficiary_id", "service_date"], keep="first", maintain_order=True)
        .select(
            "beneficiary_id",
            category=pl.col("hcpcs").replace_strict(line_codes),
            anchor_setting=pl.lit("outpatient"),
            anchor_claim_id="claim_id",
            anchor_line_number="line_number",
            anchor_ccn="ccn",
            kind="kind",
            operating_npi="operating_npi",
            attending_npi="attending_npi",
            anchor_start="service_date",
            anchor_end="service_date",
            discharge_status="discharge_status",
            other_payer_cents="primary_payer_paid_cents",
            chain=pl.lit(None, dtype=pl.Int64),
        )
    )
    scheduled = pl.col("scheduled_end")
    at_death = pl.max_horizontal("died", "anchor_end")
    in_window = (pl.col("died") <= scheduled).fill_null(False)
    return (
        pl.concat([inpatient, outpatient])
        .join(beneficiaries, on="beneficiary_id", how="left")
        .with_columns(
            scheduled_end=pl.col("anchor_end") + pl.duration(days=89),
            died=pl.when(pl.col("death_date") >= pl.col("anchor_start")).then("death_date"),
            episode_start="anchor_start",
        )
        .with_columns(
            episode_end=pl.when(in_window).then(at_death).otherwise(scheduled),
            post_episode_end=pl.when(in_window)
            .then(at_death)
            .otherwise(pl.min_horizontal(scheduled + pl.duration(days=30), "died")),
            tested_to=pl.min_horizontal(scheduled, "died"),
        )
        .sort("beneficiary_id", "anchor_start", "anchor_setting", "anchor_end", "anchor_claim_id", "anchor_line_number")
        .with_row_index("episode")
    )


def judged(candidates: pl.DataFrame, beneficiaries: pl.DataFrame, coverage: pl.LazyFrame) -> pl.DataFrame:
    """Add `reasons`, those of the ladder, joined."""
    import datetime as dt

    import polars as pl

    people = candidates.select("beneficiary_id").unique()
    of_people = coverage.join(people.lazy(), on="beneficiary_id", how="semi").collect()
    known = set(beneficiaries["beneficiary_id"]) | set(of_people["beneficiary_id"])
    dates = candidates.select("episode", "beneficiary_id", "episode_start", "tested_to")

    def covered(part: str) -> pl.Series:
        unknown = (pl.col("kind") == "unknown") & (pl.col("detail").is_null() | (pl.col("detail") == part))
        spells = (
            of_people.filter((pl.col("kind") == part) | unknown)
            .with_columns(pl.col("end_date").fill_null(dt.date(9999, 12, 30)))
            .sort("beneficiary_id", "start_date", "end_date")
            .with_columns(reached=pl.col("end_date").cum_max().shift().over("beneficiary_id"))
            .with_columns(
                spell=(pl.col("start_date") > pl.col("reached") + pl.duration(days=1)).fill_null(True).cum_sum()
            )
            .group_by("beneficiary_id", "spell")
            .agg(pl.col("start_date").min(), pl.col("end_date").max())
        )
        return (
            dates.join(spells, on="beneficiary_id")
            .filter((pl.col("start_date") <= pl.col("episode_start")) & (pl.col("end_date") >= pl.col("tested_to")))[
                "episode"
            ]
            .unique()
        )

    met = dates.join(of_people, on="beneficiary_id").filter(
        (pl.col("start_date") <= pl.col("tested_to"))
        & (pl.col("end_date").is_null() | (pl.col("end_date") >= pl.col("episode_start")))
    )

    def meets(kind: str) -> pl.Expr:
        return pl.col("episode").is_in(met.filter(pl.col("kind") == kind)["episode"].unique().implode())

    first_day, last_day = (dt.date.fromisoformat(day) for day in PERIOD)
    both = covered("part_a").implode(), covered("part_b").implode()
    rungs = {
        "out_of_period": ~pl.col("anchor_end").is_between(first_day, last_day),
        "not_acute_hospital": pl.col("kind") != "acute",
        "excluded_state": pl.col("anchor_ccn").str.head(2).is_in(codes.excluded_state_prefixes()),
        "no_enrolment_record": ~pl.col("beneficiary_id").is_in(list(known)),
        "not_in_part_a_and_b": ~(pl.col("episode").is_in(both[0]) & pl.col("episode").is_in(both[1])),
        "coverage_unknown": meets("unknown"),
        "medicare_advantage": meets("medicare_advantage"),
        "esrd_entitlement": meets("esrd_entitlement"),
        "other_primary_payer": meets("other_primary_payer") | (pl.col("other_payer_cents") > 0),
        "death_in_anchor": (pl.col("died") <= pl.col("anchor_end")).fill_null(False)
        | (pl.col("discharge_status") == "20").fill_null(False),
    }
    return candidates.with_columns(
        reasons=pl.concat_str(
            [pl.when(holds).then(pl.lit(reason)) for reason, holds in rungs.items()], separator=";", ignore_nulls=True
        )
    )


def decided(candidates: pl.DataFrame) -> pl.DataFrame:
    """Add `status`, and the reason of those that overlap; only people with several episodes are walked through."""
    import polars as pl

    competing = candidates.filter(pl.col("reasons") == "").select(
        "episode", "beneficiary_id", "category", "episode_start", "episode_end"
    )
    several = competing.filter(pl.len().over("beneficiary_id") > 1)
    lost: dict[int, str] = {}
    previous: tuple[Any, ...] | None = None
    for episode in several.iter_rows():
        if previous is None or previous[1] != episode[1] or episode[3] > previous[4]:
            previous = episode
        elif previous[2] == episode[2]:
            lost[previous[0]] = "cancelled_by_later_episode"
            previous = episode
        else:
            lost[episode[0]] = "within_earlier_episode"
    overlapped = pl.DataFrame(
        {"episode": list(lost), "_lost": list(lost.values())}, schema={"episode": pl.UInt32, "_lost": pl.String}
    )
    return (
        candidates.join(overlapped, on="episode", how="left", maintain_order="left")
        .with_columns(
            status=pl.when(pl.col("reasons") != "")
            .then(pl.lit("excluded"))
            .when(pl.col("_lost").is_not_null())
            .then(pl.lit("overlapped"))
            .otherwise(pl.lit("final")),
            reasons=pl.coalesce("_lost", "reasons"),
            alone=pl.len().over("beneficiary_id") == 1,
        )
        .drop("_lost")
    )


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


def episodes_table(episodes: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    """The `episodes` table."""
    import polars as pl

    cents, period = pl.col("cents"), pl.col("period")
    counted = period != "post_episode"
    sums = services.group_by("episode").agg(
        anchor_cents=cents.filter(period == "anchor").sum(),
        post_cents=cents.filter(period == "post").sum(),
        post_episode_cents=cents.filter(~counted).sum()
        + (pl.col("full_cents") - cents).filter(pl.col("carries_over")).sum(),
        **{
            f"{name}_cents": cents.filter(counted & (pl.col("service") == name)).sum()
            for name in codes.SERVICE_CATEGORIES
        },
    )
    names = ["anchor_cents", "post_cents", "post_episode_cents"]
    services_names = [f"{name}_cents" for name in codes.SERVICE_CATEGORIES]
    return (
        episodes.join(sums, on="episode", how="left", maintain_order="left")
        .with_columns(pl.col(*names, *services_names).fill_null(0))
        .select(
            "beneficiary_id",
            "category",
            "anchor_setting",
            "anchor_claim_id",
            "anchor_ccn",
            "operating_npi",
            "attending_npi",
            "anchor_start",
            "anchor_end",
            "episode_start",
            "episode_end",
            "post_episode_end",
            "status",
            "reasons",
            pl.lit(0, dtype=pl.Int64).alias("pre_cents"),
            *names,
            (pl.col("anchor_cents") + pl.col("post_cents")).alias("episode_cents"),
            *services_names,
        )
    )


def providers_table(services: pl.DataFrame) -> pl.DataFrame:
    """The `providers` table."""
    import polars as pl

    roles = {"rendering": "rendering_npi", "operating": "operating_npi", "attending": "attending_npi", "ccn": "ccn"}
    counted = services.filter(
        (pl.col("status") == "final") & pl.col("reason").is_null() & (pl.col("period") != "post_episode")
    )
    return pl.concat(
        [
            counted.drop_nulls(column)
            .group_by(provider_id=column)
            .agg(pl.col("cents").sum())
            .select(pl.lit(role).alias("role"), "provider_id", "cents")
            for role, column in roles.items()
        ]
    )


def balance_table(
    services: pl.DataFrame, stays: pl.DataFrame, episodes: pl.DataFrame, totals: dict[bool, tuple[int, int]]
) -> pl.DataFrame:
    """The `balance` table."""
    import polars as pl

    counts = (pl.col("status") == "final") & pl.col("reason").is_null()
    inside = counts & (pl.col("period") != "post_episode")
    marked = services.select(
        "alone",
        *KEYS,
        "line_number",
        "episode",
        "full_cents",
        in_period=pl.when(inside).then("period"),
        in_cents=pl.when(inside).then("cents"),
        carried_cents=pl.when(counts & pl.col("carries_over")).then(pl.col("full_cents") - pl.col("cents")),
        after_cents=pl.when(counts & ~inside).then("cents"),
        not_final=pl.col("status") != "final",
        excluded=pl.when(pl.col("status") == "final").then("reason"),
    )
    values = ["full_cents", "in_period", "in_cents", "carried_cents", "after_cents", "not_final", "excluded"]
    shared = (
        marked.filter(~pl.col("alone"))
        .sort("episode")
        .group_by(*KEYS, "line_number", maintain_order=True)
        .agg(
            *[
                pl.col(name).drop_nulls().first()
                for name in ("full_cents", "in_period", "in_cents", "carried_cents", "after_cents", "excluded")
            ],
            not_final=pl.col("not_final").any(),
        )
    )
    booked = pl.concat([marked.filter("alone").select(values), shared.select(values)]).with_columns(
        later=pl.when(pl.col("in_period").is_not_null()).then("carried_cents").otherwise("after_cents")
    )
    used = pl.col("in_period").is_not_null() | pl.col("later").is_not_null()
    rest = pl.col("full_cents") - pl.col("in_cents").fill_null(0) - pl.col("later").fill_null(0)
    nothing = pl.lit(None, dtype=pl.String)

    def entries(rows: pl.DataFrame, destination: pl.Expr, period: pl.Expr, reason: pl.Expr, cents: pl.Expr) -> Any:
        return (
            rows.group_by(destination=destination, period=period, reason=reason)
            .agg(items=pl.len().cast(pl.Int64), cents=cents.sum())
            .select("destination", "period", "reason", "items", "cents")
        )

    not_final = pl.col("not_final")
    not_kept = (
        stays.filter(~pl.col("kept"))
        .join(episodes.select("beneficiary_id").unique(), on="beneficiary_id", how="semi")
        .join(services.filter(pl.col("line_number") == 0).select(KEYS), on=KEYS, how="anti")
    )
    found = pl.concat(
        [
            entries(booked.filter(pl.col("in_period").is_not_null()), pl.lit("final_episode"), pl.col("in_period"),
                    nothing, pl.col("in_cents")),
            entries(booked.filter(pl.col("later").is_not_null()), pl.lit("post_episode"), nothing, nothing,
                    pl.col("later")),
            entries(booked.filter(used & (rest != 0)), pl.lit("outside"), nothing, pl.lit("past_windows"), rest),
            entries(booked.filter(~used), pl.when(not_final).then(pl.lit("not_final")).otherwise(pl.lit("excluded")),
                    nothing, pl.when(~not_final).then("excluded"), pl.col("full_cents")),
            entries(not_kept, pl.lit("outside"), nothing, pl.lit("not_kept_stay"),
                    pl.col("standardized_cents").fill_null(0)),
        ]
    )  # fmt: skip
    items, cents = totals.get(True, (0, 0))
    left = (items - booked.height - not_kept.height, cents - int(found["cents"].sum()))
    others = [("outside", None, None, *left), ("no_episode", None, None, *totals.get(False, (0, 0)))]
    return pl.concat([found, pl.DataFrame(others, schema=found.schema, orient="row")])


def totals_of(claims: pl.LazyFrame, lines: pl.LazyFrame, episodes: pl.DataFrame) -> dict[bool, tuple[int, int]]:
    """Payable items and cents of people with (true) and without candidates."""
    import polars as pl

    people = episodes.lazy().select("beneficiary_id", anchored=pl.lit(True)).unique()
    whole = claims.filter(pl.col("setting").is_in(PAID_BY_CLAIM)).select(*KEYS, "standardized_cents")
    by_line = lines.select(*KEYS, "standardized_cents").join(whole.select(KEYS), on=KEYS, how="anti")
    parts = [
        items.join(people, on="beneficiary_id", how="left")
        .group_by(pl.col("anchored").fill_null(False))
        .agg(items=pl.len().cast(pl.Int64), cents=pl.col("standardized_cents").sum())
        for items in (whole, by_line)
    ]
    summed = pl.concat(pl.collect_all(parts, engine="streaming")).group_by("anchored").agg(pl.all().sum())
    return {anchored: (items, cents) for anchored, items, cents in summed.iter_rows()}


def run(folder: Path, out: Path) -> dict[str, float]:
    """Do the job and write the three tables; returns the processor seconds of each step."""
    import time

    seconds: dict[str, float] = {}
    started = time.process_time()

    def done(step: str) -> None:
        nonlocal started
        now = time.process_time()
        seconds[step], started = now - started, now

    claims, lines = scan(folder, "claims"), scan(folder, "lines")
    beneficiaries = scan(folder, "beneficiaries").select("beneficiary_id", "death_date").collect()
    stays = stays_of(claims)
    legs = legs_of(stays)
    done("stays")
    candidates = candidates_of(legs, claims, lines, beneficiaries)
    done("candidates")
    episodes = decided(judged(candidates, beneficiaries, scan(folder, "coverage")))
    done("decided")
    services = services_of(episodes, stays, legs, claims, lines)
    done("services")
    totals = totals_of(claims, lines, episodes)
    done("totals")
    out.mkdir(parents=True, exist_ok=True)
    episodes_table(episodes, services).write_parquet(out / "episodes.parquet", compression="zstd")
    done("episodes")
    providers_table(services).write_parquet(out / "providers.parquet", compression="zstd")
    done("providers")
    balance_table(services, stays, episodes, totals).write_parquet(out / "balance.parquet", compression="zstd")
    done("balance")
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """The job as a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals.polars_frames")
    parser.add_argument("claims", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    os.environ["POLARS_MAX_THREADS"] = str(chosen.threads)  # read when polars is imported, within the functions
    run(chosen.claims, chosen.out)


if __name__ == "__main__":
    main()
