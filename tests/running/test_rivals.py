"""The rivals of the engine's benchmark do its job: equal tables, on claims that rules turn on."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from benchmarks import engine_job
from benchmarks.equality import differences, open_cents, table_of
from benchmarks.prepare import prepare
from benchmarks.rivals import duckdb_sql, polars_frames

import episodes as ep
from episodes.claims.layouts import canonical
from strategies import random_tables


@pytest.fixture(scope="module")
def bundled() -> Path:
    return ep.synthetic.bundled_folder()


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random people at whom rules turn more often; ids of claims are text, as the rivals take them to be."""
    rows = random_tables(seed=1, people=400)
    claims = ep.Claims(**{name: pl.DataFrame(rows[name], infer_schema_length=None) for name in rows})
    tables = {name: claims.table(name).collect() for name in ep.claims.TABLES}
    for name in ("claims", "lines"):
        tables[name] = tables[name].with_columns(claim_id=pl.lit("x") + pl.col("claim_id"))
    folder = tmp_path_factory.mktemp("random")
    canonical.write(tables, folder)
    return folder


@pytest.fixture(scope="module", params=["bundled", "random"])
def claims(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def ours(claims: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine's tables."""
    out = tmp_path_factory.mktemp("engine")
    engine_job.run(claims, out, threads=1)
    return out


def test_the_claims_exercise_the_rules(ours: Path) -> None:
    episodes, balance = table_of(ours, "episodes"), table_of(ours, "balance")
    reasons = set(episodes["reasons"].str.split(";").explode()) - {""}
    construction = ep.load_program(engine_job.PROGRAM).rules.construction
    ladder = {rung.id for rung in construction.exclusions}
    assert reasons | {"out_of_period"} == ladder | {"within_earlier_episode", "cancelled_by_later_episode"}
    excluded = set(balance.filter(pl.col("destination") == "excluded")["reason"])
    assert excluded >= {rule.id for rule in construction.services.exclusions} - {"excluded_readmission_mdc"}
    assert set(episodes["anchor_setting"]) == {"inpatient", "outpatient"}


@pytest.mark.parametrize("native", [False, True])
def test_duckdb_gives_equal_tables(claims: Path, ours: Path, tmp_path: Path, native: bool) -> None:
    connection = duckdb_sql.connect(threads=1)
    take = duckdb_sql.load_tables if native else duckdb_sql.use_parquet
    take(connection, claims)
    for _again in range(1 + native):  # a connection that stays does the job more than once
        duckdb_sql.run(connection, tmp_path)
    assert differences(ours, tmp_path) == []


def test_polars_gives_equal_tables(claims: Path, ours: Path, tmp_path: Path) -> None:
    polars_frames.run(claims, tmp_path)
    assert differences(ours, tmp_path) == []


def test_pandas_gives_equal_tables(claims: Path, ours: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    from benchmarks.rivals import pandas_frames

    pandas_frames.run(claims, tmp_path)
    assert differences(ours, tmp_path) == []


def test_a_cent_or_a_row_more_is_a_difference(ours: Path, tmp_path: Path) -> None:
    for name in ("episodes", "providers", "balance"):
        pl.read_parquet(ours / f"{name}.parquet").write_parquet(tmp_path / f"{name}.parquet")
    episodes = pl.read_parquet(ours / "episodes.parquet")
    more = pl.col("snf_cents") + (pl.int_range(pl.len()) == 3).cast(pl.Int64)
    episodes.with_columns(snf_cents=more).write_parquet(tmp_path / "episodes.parquet")
    balance = pl.read_parquet(ours / "balance.parquet")
    balance.head(-1).write_parquet(tmp_path / "balance.parquet")
    found = differences(ours, tmp_path)
    assert [line.split(":")[0] for line in found] == ["episodes", "balance"]
    assert "snf_cents in 1" in found[0]


def test_the_balance_books_what_came_in(claims: Path, ours: Path) -> None:
    tables = ep.read_claims(claims)
    headers = tables.claims.with_columns(pl.col("setting").cast(pl.String))
    whole = pl.col("setting").is_in(["inpatient", "snf", "home_health", "hospice"])
    of_claims = headers.filter(whole).select(pl.col("standardized_cents").sum()).collect().item()
    keys = ["beneficiary_id", "claim_id"]
    of_lines = tables.lines.join(headers.filter(~whole), on=keys, how="semi")
    payable = of_claims + of_lines.select(pl.col("standardized_cents").sum()).collect().item()
    assert open_cents(ours, payable) == 0
    assert open_cents(ours, payable + 1) == 1


def test_prepared_claims_are_copies_under_new_ids(tmp_path: Path) -> None:
    made = prepare(tmp_path, "dense", 3_000, base_people=20)
    assert made == prepare(tmp_path, "dense", 3_000, base_people=20)
    plain = ep.read_claims(made.plain)
    claims, lines = plain.claims.collect(), plain.lines.collect()
    assert plain.report.tables["claims"].quarantined == {}
    assert (claims.height, lines.height) == (made.claims, made.lines)
    assert 3_000 <= made.lines < 4_000
    assert claims["claim_id"].n_unique() == claims.height
    assert len(list((Path(made.plain) / "lines").iterdir())) > 1
    once = lines.filter(pl.col("beneficiary_id") <= "B0000020")
    again = lines.filter(pl.col("beneficiary_id").is_between(pl.lit("B0000021"), pl.lit("B0000041")))
    assert once["standardized_cents"].to_list() == again["standardized_cents"].to_list()
    stored = ep.read_claims(made.store).lines.collect()
    order = ["beneficiary_id", "claim_id", "line_number"]
    assert stored.sort(order).equals(lines.sort(order).select(stored.columns))
    manifest = Path(made.store) / "store.json"
    manifest.write_text(manifest.read_text().replace('"format": ', '"format": 9'))
    assert prepare(tmp_path, "dense", 3_000, base_people=20) == made  # a store of another format is made anew
    assert ep.read_claims(made.store).lines.collect().equals(stored)
