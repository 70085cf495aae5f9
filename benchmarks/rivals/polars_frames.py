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
from benchmarks.rivals.polars_candidates import (
    KEYS,
    PAID_BY_CLAIM,
    candidates_of,
    decided,
    judged,
    legs_of,
    scan,
    stays_of,
)
from benchmarks.rivals.polars_services import services_of

if TYPE_CHECKING:
    import polars as pl


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
