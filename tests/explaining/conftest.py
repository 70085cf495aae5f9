"""The bundled set built over all its years, and every candidate of it explained once."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest

import episodes as ep
from episodes.explaining import Explanation

EVERY = 10
"""Of the candidates without anything out of the ordinary, one in so many is explained."""


@pytest.fixture(scope="session")
def claims() -> ep.Claims:
    return ep.read_claims(ep.synthetic.bundled_folder())


@pytest.fixture(scope="session")
def built(claims: ep.Claims) -> ep.BuiltEpisodes:
    program = ep.load_program("team", performance_year=1)
    return ep.build_episodes(claims, program.for_period("2022-01-01", "2026-12-31"))


@pytest.fixture(scope="session")
def truth() -> pl.DataFrame:
    """What the bundled set declares of its episodes."""
    return pl.read_parquet(ep.synthetic.bundled_folder() / "truth" / "episodes.parquet")


@pytest.fixture(scope="session")
def explained(built: ep.BuiltEpisodes) -> Mapping[str, Explanation]:
    """Candidates that do not count, with a flag, with something left out or a stay split; one in `EVERY` of others."""
    split_stay = (pl.col("setting") == "inpatient") & (pl.col("cents") != pl.col("full_cents"))
    unusual = pl.col("reason").is_not_null() & (pl.col("reason") != "setting_not_covered") | split_stay
    told = built.services.filter(unusual).select("episode_id").unique().collect()
    special = (
        (pl.col("status") != "final")
        | (pl.col("flags").list.len() > 0)
        | pl.col("episode_id").is_in(told["episode_id"].implode())
    )
    ids = built.episodes.filter(special | (pl.int_range(pl.len()) % EVERY == 0))["episode_id"]
    return {episode_id: ep.explain(built, episode_id) for episode_id in ids}
