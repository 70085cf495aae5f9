"""Candidates of the benchmark's job in polars: stays, anchors, windows, the ladder, overlap."""

from __future__ import annotations

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
        .sort(
            "beneficiary_id",
            "anchor_start",
            "anchor_setting",
            "anchor_end",
            "anchor_ccn",
            "anchor_claim_id",
            "anchor_line_number",
        )
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
