"""The benchmark's job with this library, over a store or over plain Parquet.

python -m benchmarks.engine_job CLAIMS OUT --threads 2
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# Threads work on buckets, and share as many threads of polars: one budget for both. Read when polars is imported.
os.environ.setdefault("POLARS_MAX_THREADS", "2")

import polars as pl

import episodes as ep

PROGRAM = Path(__file__).parent / "programs" / "joint-and-heart.toml"
PERIOD = ("2022-01-01", "2026-12-31")


def run(claims_folder: Path, out: Path, threads: int = 2) -> None:
    """Build the episodes and write the three tables of the job."""
    claims = ep.read_claims(claims_folder, validate="none")
    claims.complete_through = None  # rivals take the claims as complete
    program = ep.load_program(PROGRAM, period=PERIOD)
    built = ep.build_episodes(claims, program, threads=threads, services=False, with_tables=())
    out.mkdir(parents=True, exist_ok=True)
    cents = [name for name in built.episodes.columns if name.endswith("_cents")]
    episodes = built.episodes.select(
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
        pl.col("reasons").list.join(";"),
        *cents,
    )
    episodes.write_parquet(out / "episodes.parquet", compression="zstd")
    built.providers.write_parquet(out / "providers.parquet", compression="zstd")
    built.balance.drop("memo_cents").write_parquet(out / "balance.parquet", compression="zstd")


def main(arguments: list[str] | None = None) -> None:
    """The job as a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine_job")
    parser.add_argument("claims", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    run(chosen.claims, chosen.out, chosen.threads)


if __name__ == "__main__":
    main()
