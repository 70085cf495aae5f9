"""The store: same rows whatever the buckets, same bytes whatever the interruptions, readable codes beside it."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
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
from episodes.claims.store import read_manifest
from episodes.cli import main
from episodes.errors import ArgumentError, LayoutError, QuarantineError
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


@pytest.mark.parametrize("rows", [700, 20_000])
def test_the_size_of_a_batch_does_not_change_the_bytes(
    store: Path, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical, "BATCH_ROWS", rows)
    ep.ingest(BUNDLED, tmp_path / "store", buckets=3)
    assert bytes_of(tmp_path / "store") == bytes_of(store)


def test_what_other_versions_left_behind_is_not_used(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(what: str, _done: int, _total: int) -> None:
        if what == "making buckets":
            raise MachineGoneError

    with monkeypatch.context() as other:
        other.setattr(ingesting, "versions", lambda: {"polars": "0.0"})
        with pytest.raises(MachineGoneError):
            ep.ingest(BUNDLED, tmp_path / "store", buckets=3, progress=stop)
    read_again = []
    real = canonical.read_rows
    monkeypatch.setattr(canonical, "read_rows", lambda file: (read_again.append(file), real(file))[1])
    ep.ingest(BUNDLED, tmp_path / "store", buckets=3)
    assert len(read_again) == 8
    assert bytes_of(tmp_path / "store") == bytes_of(store)


# --- totals and versions ------------------------------------------------------------------------------------


def test_totals_are_those_of_claims_and_lines(store: Path) -> None:
    claims, totals = ep.read_claims(store), pl.read_parquet(store / "totals" / "*.parquet")
    assert totals.select("claims", "lines").sum().row(0) == (
        claims.claims.select(pl.len()).collect().item(),
        claims.lines.select(pl.len()).collect().item(),
    )
    assert totals.select("beneficiary_id", "setting").is_duplicated().any() is False
    counts = ep.build_episodes(claims, ep.load_program("team", 1)).counts
    assert totals["payable_items"].sum() == counts["payable_items"]
    assert totals["standardized_cents"].sum() == counts["payable_cents"]


def test_a_persons_totals_are_of_that_person_alone(store: Path) -> None:
    claims, totals = ep.read_claims(store), pl.read_parquet(store / "totals" / "*.parquet")
    person, setting = totals.filter(setting="professional").sort("claims")["beneficiary_id"][-1], "professional"
    own = claims.claims.filter(beneficiary_id=person).filter(pl.col("setting").cast(pl.String) == setting).collect()
    lines = claims.lines.collect().join(own, on=["beneficiary_id", "claim_id"], how="semi")
    row = totals.filter(beneficiary_id=person, setting=setting).row(0, named=True)
    assert (row["claims"], row["lines"], row["payable_items"]) == (own.height, lines.height, lines.height)
    assert row["paid_cents"] == lines["paid_cents"].sum()


def test_the_manifest_names_the_versions_and_counts_people(store: Path) -> None:
    manifest = read_manifest(store)
    assert set(manifest["versions"]) == {"python", "episodes", "polars", "pyarrow", "duckdb"}
    assert manifest["versions"]["polars"] == pl.__version__
    assert manifest["contents"]["people"] == ep.read_claims(store).claims.collect()["beneficiary_id"].n_unique()


# --- the SQL door -------------------------------------------------------------------------------------------


@pytest.fixture(params=["variable", "folder"])
def sql(request: pytest.FixtureRequest, store: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """A connection with the views of the store, found by the variable, or by starting in the folder."""
    connection = duckdb.connect()
    if request.param == "variable":
        connection.execute(f"SET VARIABLE store = '{store}'")
    else:
        monkeypatch.chdir(store)
    connection.execute((store / "views.sql").read_text())
    return connection


def test_views_have_the_rows_of_the_tables(store: Path, sql: duckdb.DuckDBPyConnection) -> None:
    claims = ep.read_claims(store)
    for name in ep.claims.TABLES:
        ours = claims.table(name).collect()
        assert sql.sql(f"SELECT count(*) FROM {name}").fetchall() == [(ours.height,)]
        assert sql.sql(f"SELECT * FROM {name}").columns == ours.columns
    for table in ("claims", "lines"):
        for amount in ("allowed_cents", "paid_cents", "standardized_cents"):
            ours = claims.table(table).select(pl.col(amount).sum()).collect().item()
            assert sql.sql(f"SELECT sum({amount}) FROM {table}").fetchall() == [(ours,)]


def test_payable_items_are_those_of_the_engine(store: Path, sql: duckdb.DuckDBPyConnection) -> None:
    built = ep.build_episodes(ep.read_claims(store), ep.load_program("team", 1))
    found = sql.sql("SELECT count(*), sum(standardized_cents) FROM payable_items").fetchall()
    assert found == [(built.counts["payable_items"], built.counts["payable_cents"])]
    keys = "beneficiary_id, claim_id, line_number"
    assert sql.sql(f"SELECT count(*) - count(DISTINCT ({keys})) FROM payable_items").fetchall() == [(0,)]
    by_claim = sql.sql("SELECT DISTINCT setting FROM payable_items WHERE line_number = 0 ORDER BY 1").fetchall()
    assert by_claim == [("home_health",), ("hospice",), ("inpatient",), ("snf",)]
    services = built.services.select("claim_id", "line_number", "service_start").unique().collect()
    items = sql.sql("SELECT claim_id, line_number, service_start FROM payable_items").pl()
    assert services.join(items, on=services.columns, how="anti").is_empty()


def test_totals_in_sql_are_the_sums_of_payable_items(sql: duckdb.DuckDBPyConnection) -> None:
    apart = sql.sql(
        "SELECT beneficiary_id, setting, count(*), sum(allowed_cents), sum(paid_cents), sum(standardized_cents) "
        "FROM payable_items GROUP BY ALL EXCEPT SELECT beneficiary_id, setting, payable_items, allowed_cents, "
        "paid_cents, standardized_cents FROM totals"
    )
    assert apart.fetchall() == []


def test_claims_with_people_keep_every_claim(store: Path, sql: duckdb.DuckDBPyConnection) -> None:
    claims = ep.read_claims(store)
    number = claims.claims.select(pl.len()).collect().item()
    known = claims.claims.join(claims.beneficiaries, on="beneficiary_id", how="semi").select(pl.len()).collect().item()
    assert known < number
    found = sql.sql("SELECT count(*), count(birth_date), min(age_at_from_date) >= 0 FROM claims_with_people").fetchall()
    assert found == [(number, known, True)]
    ages = sql.sql("SELECT birth_date, from_date, age_at_from_date FROM claims_with_people WHERE age_at_from_date > 0")
    for birth, day, age in ages.fetchall()[:2_000]:
        assert age == day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


# --- the date the claims are complete through ---------------------------------------------------------------


def delivery_without_processing_dates(folder: Path) -> Path:
    shutil.copytree(BUNDLED, folder)
    claims = pl.read_parquet(folder / "claims.parquet").drop("process_date")
    claims.write_parquet(folder / "claims.parquet")
    return folder


def test_a_store_is_complete_through_its_latest_processing_date(store: Path) -> None:
    claims = ep.read_claims(store)
    latest = claims.claims.select(pl.col("process_date").max()).collect().item()
    assert claims.complete_through == latest
    assert read_manifest(store)["contents"]["complete_through_is"] == "latest processing date"
    built = ep.build_episodes(claims, ep.load_program("team", 1))
    assert built.counts["as_of"] == latest.isoformat()
    assert built.counts["notes"][0].startswith(f"Claims as known at {latest}, the date the store says")


def test_frames_and_files_are_complete() -> None:
    claims = ep.read_claims(BUNDLED)
    assert claims.complete_through is None
    built = ep.build_episodes(claims, ep.load_program("team", 1))
    assert "as_of" not in built.counts
    assert "open" not in built.counts["episodes_by_status"]
    assert not any("as known at" in note for note in built.counts["notes"])


def test_without_processing_dates_nothing_is_guessed(tmp_path: Path) -> None:
    source = delivery_without_processing_dates(tmp_path / "source")
    report = ep.ingest(source, tmp_path / "store", buckets=2)
    assert any("complete through is not known" in note for note in report.notes)
    claims = ep.read_claims(tmp_path / "store")
    assert claims.complete_through is None
    assert any("complete through is not known" in note for note in claims.report.notes)
    assert read_manifest(tmp_path / "store")["contents"]["complete_through"] is None
    team = ep.load_program("team", 1)
    built = ep.build_episodes(claims, team)
    assert_frame_equal(built.episodes, ep.build_episodes(ep.read_claims(BUNDLED), team).episodes)


def test_a_date_that_was_told_is_used_for_as_of(tmp_path: Path) -> None:
    source, told = delivery_without_processing_dates(tmp_path / "source"), dt.date(2026, 9, 30)
    with pytest.raises(SystemExit) as done:
        main(["ingest", str(source), "--out", str(tmp_path / "store"), "--complete-through", "2026-09-30", "--json"])
    assert done.value.code == 0
    claims, team = ep.read_claims(tmp_path / "store"), ep.load_program("team", 1)
    assert claims.complete_through == told
    assert read_manifest(tmp_path / "store")["contents"]["complete_through_is"] == "told"
    built = ep.build_episodes(claims, team)
    assert built.counts["episodes_by_status"]["open"] > 0
    assert f"{built.counts['episodes_by_status']['open']:,} episodes still open" in built.counts["notes"][0]
    given = ep.build_episodes(ep.read_claims(source), team, as_of=told)
    status = ["episode_id", "status"]
    assert_frame_equal(built.episodes.select(status), given.episodes.select(status))


def test_a_given_as_of_wins_over_the_stores(store: Path) -> None:
    claims, team, earlier = ep.read_claims(store), ep.load_program("team", 1), dt.date(2026, 6, 30)
    built = ep.build_episodes(claims, team, as_of=earlier)
    assert built.counts["as_of"] == "2026-06-30"
    assert built.counts["claims_processed_after_as_of"] > 0
    assert built.counts["notes"][0].startswith("Claims as known at 2026-06-30, as given: ")
    claims.complete_through = None
    assert "as_of" not in ep.build_episodes(claims, team).counts


def test_what_is_no_date_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("2026-09-30", dt.datetime(2026, 9, 30)):  # noqa: DTZ001
        with pytest.raises(ArgumentError, match="complete_through"):
            ep.ingest(BUNDLED, tmp_path / "store", complete_through=wrong)
    with pytest.raises(SystemExit) as done:
        main(["ingest", str(BUNDLED), "--out", str(tmp_path / "store"), "--complete-through", "30.9.2026"])
    assert done.value.code == 1
    assert "--complete-through" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
