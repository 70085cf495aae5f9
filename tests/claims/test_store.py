"""The store: same rows whatever the buckets, same bytes whatever the interruptions, readable codes beside it."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import episodes as ep
import strategies
from episodes.claims import ingesting
from episodes.claims.codes_sidecar import NULL_CENTS, NULL_DAY, write_codes
from episodes.claims.layouts import canonical
from episodes.claims.people import beneficiary_hash, bucket_of_hash
from episodes.errors import LayoutError, QuarantineError
from episodes.tables import sha256_of

BUNDLED = ep.synthetic.bundled_folder()
PEOPLE_TABLES = ("claims", "lines", "beneficiaries", "coverage")


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stores") / "store"
    ep.ingest(BUNDLED, place, buckets=3)
    return place


@pytest.mark.parametrize("buckets", [1, 7, 64])
def test_the_order_over_all_buckets_is_the_same(store: Path, tmp_path: Path, buckets: int) -> None:
    ep.ingest(BUNDLED, tmp_path / "other", buckets=buckets)
    one, other = ep.read_claims(store), ep.read_claims(tmp_path / "other")
    for name in PEOPLE_TABLES:
        assert_frame_equal(one.table(name).collect(), other.table(name).collect())


def test_rows_are_those_of_the_source(store: Path) -> None:
    ours, theirs = ep.read_claims(store), ep.read_claims(BUNDLED)
    for name, table in ((name, ours.table(name).collect()) for name in ep.claims.TABLES):
        keys = [c for c in ("beneficiary_id", "claim_id", "line_number", "kind", "start_date", "ccn", "npi", "measure",
                            "entity_id", "tin") if c in table.columns]  # fmt: skip
        assert_frame_equal(table.sort(keys), theirs.table(name).collect().sort(keys))


def test_rows_are_in_the_order_of_the_hash(store: Path) -> None:
    people = ep.read_claims(store).claims.select("beneficiary_id").collect()["beneficiary_id"]
    hashes = [(beneficiary_hash(person), person) for person in people]
    assert hashes == sorted(hashes)


def test_a_person_lies_in_the_bucket_of_its_hash(store: Path) -> None:
    for number, file in enumerate(sorted((store / "claims").glob("*.parquet"))):
        people = pl.read_parquet(file)["beneficiary_id"].unique()
        hashes = pl.Series([beneficiary_hash(person) for person in people], dtype=pl.UInt64)
        assert set(bucket_of_hash(hashes, 3)) == {number}


def test_episodes_over_a_store_are_those_over_the_files(store: Path) -> None:
    team = ep.load_program("team", 1)
    assert_frame_equal(
        ep.build_episodes(ep.read_claims(store), team).episodes,
        ep.build_episodes(ep.read_claims(BUNDLED), team).episodes,
    )


def test_the_same_delivery_gives_the_same_bytes(store: Path, tmp_path: Path) -> None:
    ep.ingest(BUNDLED, tmp_path / "store", buckets=3)
    assert bytes_of(tmp_path / "store") == bytes_of(store)


class MachineGoneError(Exception):
    """Stands for a machine that went away."""


@pytest.mark.parametrize("turn", [1, 4, 6, 8, 9, 11])
def test_an_interrupted_ingest_goes_on_and_gives_the_same_bytes(
    store: Path, tmp_path: Path, turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = 0

    def stop(_what: str, _done: int, _total: int) -> None:
        nonlocal turns
        turns += 1
        if turns == turn:
            raise MachineGoneError

    with pytest.raises(MachineGoneError):
        ep.ingest(BUNDLED, tmp_path / "store", buckets=3, progress=stop)
    assert not (tmp_path / "store").exists()
    spread_again = []
    real = canonical.read_rows
    monkeypatch.setattr(canonical, "read_rows", lambda file: (spread_again.append(file), real(file))[1])
    ep.ingest(BUNDLED, tmp_path / "store", buckets=3)
    assert len(spread_again) == max(0, 8 - turn)
    assert bytes_of(tmp_path / "store") == bytes_of(store)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_another_delivery_left_behind_is_not_used(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(BUNDLED, source)

    def stop(what: str, _done: int, _total: int) -> None:
        if what == "making buckets":
            raise MachineGoneError

    with pytest.raises(MachineGoneError):
        ep.ingest(source, tmp_path / "store", buckets=2, progress=stop)
    claims = pl.read_parquet(source / "claims.parquet")
    claims.head(100).write_parquet(source / "claims.parquet")
    pl.read_parquet(source / "lines.parquet").head(0).write_parquet(source / "lines.parquet")
    report = ep.ingest(source, tmp_path / "store", buckets=2)
    assert report.tables["claims"].rows_in == 100


@pytest.mark.slow
def test_killed_twenty_times_gives_the_same_bytes(tmp_path: Path) -> None:
    """A process that is killed at random moments, and at last let through."""
    script = "import sys, episodes as ep; ep.ingest(sys.argv[1], sys.argv[2], buckets=7);"
    ep.ingest(BUNDLED, tmp_path / "undisturbed", buckets=7)
    rng = random.Random(20)
    kills = 0
    while kills < 20:
        process = subprocess.Popen([sys.executable, "-c", script, str(BUNDLED), str(tmp_path / "store")])
        time.sleep(rng.uniform(0.3, 2.5))
        if process.poll() is not None:  # it was through before the blow: begin again
            shutil.rmtree(tmp_path / "store")
            continue
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        if (tmp_path / "store").exists():  # killed after the last step
            shutil.rmtree(tmp_path / "store")
    subprocess.run([sys.executable, "-c", script, str(BUNDLED), str(tmp_path / "store")], check=True)
    assert bytes_of(tmp_path / "store") == bytes_of(tmp_path / "undisturbed")


def test_quarantined_rows_are_in_the_store_with_their_reasons(tmp_path: Path) -> None:
    frames = strategies.to_frames(strategies.random_tables(seed=9, people=30))
    frames["claims"] = frames["claims"].with_columns(
        ms_drg=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("XYZ")).otherwise("ms_drg")
    )
    (tmp_path / "source").mkdir()
    canonical.write(frames, tmp_path / "source")
    report = ep.ingest(tmp_path / "source", tmp_path / "store", buckets=4)
    assert report.tables["claims"].quarantined == {"ms_drg_malformed": 5}
    kept = pl.read_parquet(tmp_path / "store" / "quarantine" / "claims" / "*.parquet")
    assert kept["reasons"].to_list() == [["ms_drg_malformed"]] * 5
    again = ep.read_claims(tmp_path / "store").report
    assert again.tables["claims"].quarantined == {"ms_drg_malformed": 5}
    for counts in report.tables.values():
        counts.check("a table")


def test_too_many_broken_rows_make_no_store(tmp_path: Path) -> None:
    frames = strategies.to_frames(strategies.random_tables(seed=9, people=60))
    frames["claims"] = frames["claims"].with_columns(ms_drg=pl.lit("XYZ"))
    (tmp_path / "source").mkdir()
    canonical.write(frames, tmp_path / "source")
    with pytest.raises(QuarantineError, match="ms_drg_malformed"):
        ep.ingest(tmp_path / "source", tmp_path / "store", buckets=4)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_taken_place_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="--overwrite"):
        ep.ingest(BUNDLED, store)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(LayoutError, match="not a store"):
        ep.ingest(BUNDLED, tmp_path / "mine", overwrite=True)


def test_codes_stand_for_the_columns(store: Path) -> None:
    claims = pl.read_parquet(store / "claims" / "00001.parquet")
    lines = pl.read_parquet(store / "lines" / "00001.parquet")
    codes = store / "codes" / "00001"

    def array(name: str) -> np.ndarray:
        return np.load(codes / f"{name}.npy", mmap_mode="r")

    cents = claims["standardized_cents"].fill_null(NULL_CENTS).to_list()
    assert array("claims.standardized_cents").tolist() == cents
    assert (
        array("claims.admission_date").tolist() == claims["admission_date"].to_physical().fill_null(NULL_DAY).to_list()
    )
    words = (codes / "lines.hcpcs.txt").read_text().splitlines()
    assert [words[code] if code >= 0 else None for code in array("lines.hcpcs")] == lines["hcpcs"].to_list()
    offsets, elements = array("claims.diagnoses.offsets"), array("claims.diagnoses.elements")
    named = (codes / "claims.diagnoses.elements.txt").read_text().splitlines()
    listed = [[named[code] if code >= 0 else None for code in elements[a:b]] for a, b in itertools.pairwise(offsets)]
    assert listed == [one or [] for one in claims["diagnoses"].to_list()]
    person_claims = array("person_claims")
    assert person_claims[-1] == claims.height
    assert person_claims.size - 1 == claims["beneficiary_id"].n_unique()
    starts, by_claim = array("claim_lines"), array("lines_by_claim")
    for claim in range(0, claims.height, 97):
        own = lines.filter(claim_id=claims["claim_id"][claim])["line_number"].to_list()
        assert lines["line_number"][by_claim[starts[claim] : starts[claim + 1]].tolist()].to_list() == own


def test_codes_can_be_made_anew_from_the_parquet(store: Path, tmp_path: Path) -> None:
    for number in ("00000", "00002"):
        claims = pl.read_parquet(store / "claims" / f"{number}.parquet")
        lines = pl.read_parquet(store / "lines" / f"{number}.parquet")
        write_codes(claims, lines, tmp_path / number)
        assert bytes_of(tmp_path / number) == bytes_of(store / "codes" / number)


def test_the_number_of_buckets_follows_the_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ingesting, "BYTES_PER_BUCKET", 4_000_000)
    ep.ingest(BUNDLED, tmp_path / "store")
    assert len(list((tmp_path / "store" / "claims").glob("*.parquet"))) > 1
