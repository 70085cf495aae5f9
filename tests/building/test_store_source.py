"""A build over a store, from its codes sidecar, gives what a build over frames gives, byte for byte."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import episodes as ep
import strategies
from episodes.claims import ingesting
from episodes.tables import write_parquet

PROGRAMS = ("team", "bpci-advanced", "cjr")
PERIOD = (dt.date(2025, 1, 1), dt.date(2027, 12, 31))


def loaded(program: str) -> ep.Program:
    return ep.load_program(program, period=PERIOD, amount_basis="standardized")


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random people as a canonical folder."""
    folder = tmp_path_factory.mktemp("delivery")
    for name, frame in strategies.to_frames(strategies.random_tables(seed=5, people=120)).items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def stores(delivery: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("stores")
    made = {}
    for buckets in (1, 7, 64):
        made[buckets] = folder / str(buckets)
        ingesting.ingest(delivery, made[buckets], buckets=buckets)
    return made


def tables(built: ep.BuiltEpisodes, folder: Path) -> dict[str, bytes]:
    """The bytes of every table."""
    frames = {
        "episodes": built.episodes,
        "services": built.services,
        "balance": built.balance,
        "providers": built.providers,
        "risk": built.risk,
        "outcomes": built.outcomes,
        "attribution": built.attribution,
    }
    for name, frame in frames.items():
        assert frame is not None, name
        write_parquet(frame, folder / f"{name}.parquet")
    return {name: (folder / f"{name}.parquet").read_bytes() for name in frames}


@pytest.mark.parametrize("program", PROGRAMS)
def test_any_number_of_buckets_and_threads_gives_the_bytes_of_frames(
    program: str, delivery: Path, stores: dict[int, Path], tmp_path: Path
) -> None:
    rules = loaded(program)
    of_frames = ep.build_episodes(ep.read_claims(delivery), rules)
    expected = tables(of_frames, tmp_path)
    for table in (of_frames.services, of_frames.outcomes, of_frames.attribution):
        assert table is not None
        assert table.select(pl.len()).collect().item() > 0
    assert tables(ep.build_episodes(ep.read_claims(delivery), rules, buckets=5, threads=2), tmp_path) == expected
    for buckets, threads in ((1, 1), (7, 1), (7, 2), (64, 2)):
        claims = ep.read_claims(stores[buckets])
        claims.complete_through = None
        built = ep.build_episodes(claims, rules, threads=threads)
        assert tables(built, tmp_path) == expected, (buckets, threads)


@pytest.mark.parametrize("basis", ["standardized", "allowed", "paid"])
def test_as_of_and_basis_are_those_of_frames(basis: str, delivery: Path, stores: dict[int, Path]) -> None:
    rules = loaded("team").override({"amount_basis": basis})
    as_of = dt.date(2026, 6, 1)
    of_frames = ep.build_episodes(ep.read_claims(delivery), rules, as_of=as_of)
    of_store = ep.build_episodes(ep.read_claims(stores[7]), rules, as_of=as_of)
    assert_frame_equal(of_store.episodes, of_frames.episodes)
    assert_frame_equal(of_store.balance, of_frames.balance)
    assert of_store.risk is not None
    assert of_frames.risk is not None
    assert_frame_equal(of_store.risk, of_frames.risk)
    for of_disk, in_memory in (
        (of_store.outcomes, of_frames.outcomes),
        (of_store.attribution, of_frames.attribution),
    ):
        assert of_disk is not None
        assert in_memory is not None
        assert_frame_equal(of_disk.collect(), in_memory.collect())
    assert dict(of_store.counts) == dict(of_frames.counts)


def test_sums_are_the_same_without_services(stores: dict[int, Path]) -> None:
    claims = ep.read_claims(stores[7])
    whole = ep.build_episodes(claims, loaded("team"))
    sums = ep.build_episodes(claims, loaded("team"), services=False)
    assert sums.services.collect().is_empty()
    assert (sums.risk, sums.outcomes, sums.attribution) == (None, None, None)
    assert_frame_equal(sums.episodes, whole.episodes)
    assert_frame_equal(sums.balance, whole.balance)
    assert_frame_equal(sums.providers, whole.providers)
