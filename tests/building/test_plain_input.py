"""Plain tables: who is read, what everybody else is booked with, and what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import episodes as ep
import strategies
from episodes.building import spool
from episodes.building.context import Context
from episodes.building.plain_input import PlainInput
from episodes.building.plain_tables import PlainTables
from episodes.claims.contract import CLAIM_PAID_SETTINGS
from episodes.errors import ContractError, EpisodesError

PROGRAM = ep.load_program("team", period=("2025-01-01", "2027-12-31"), amount_basis="standardized")
TABLES = ("claims", "lines", "beneficiaries", "coverage")
OFFICE = {
    "setting": "professional",
    "from_date": dt.date(2026, 2, 3),
    "thru_date": dt.date(2026, 2, 3),
    "process_date": dt.date(2026, 2, 20),
}


@pytest.fixture(scope="module")
def frames() -> dict[str, pl.DataFrame]:
    """Random people, and a hundred of whom nothing is known but a visit."""
    made = dict(strategies.to_frames(strategies.random_tables(seed=11, people=60)))
    visitors = [{"beneficiary_id": f"visitor {n}", "claim_id": str(900_000 + n)} for n in range(100)]
    claims = pl.DataFrame([visitor | OFFICE for visitor in visitors])
    lines = pl.DataFrame(
        [
            visitor | {"line_number": n, "hcpcs": "99213", "standardized_cents": 7_001}
            for visitor in visitors
            for n in (1, 2)
        ]
    )
    made["claims"] = pl.concat(
        [made["claims"], claims.cast({"setting": made["claims"].schema["setting"]})], how="diagonal"
    )
    made["lines"] = pl.concat([made["lines"], lines], how="diagonal_relaxed")
    return made


def trusted(frames: dict[str, pl.DataFrame]) -> ep.Claims:
    checked = ep.Claims(**frames)
    return ep.Claims(**{name: checked.table(name) for name in TABLES}, validate="none")


def given_of(claims: ep.Claims, **options: Any) -> PlainInput:
    tables = PlainTables({name: claims.scan(name) for name in TABLES})
    return PlainInput(tables, **{"wanted_buckets": 3, "every_column": False, **options})


def test_only_people_who_may_have_an_anchor_are_read(frames: dict[str, pl.DataFrame]) -> None:
    claims = trusted(frames)
    context = Context(program=PROGRAM)
    given = given_of(claims)
    opened = [given.open(task, context) for task in given.tasks(context)]
    read = [
        identifier
        for bucket in opened
        for identifier in bucket.beneficiary_ids(
            pl.Series(range(bucket._first_person, bucket._first_person + bucket.people), dtype=pl.UInt32)
        )["beneficiary_id"]
    ]
    assert len(read) == len(set(read))
    assert not any(identifier.startswith("visitor") for identifier in read)
    candidates = ep.build_episodes(claims, PROGRAM).episodes["beneficiary_id"].unique()
    assert set(candidates) <= set(read)


@pytest.mark.parametrize("as_of", [None, dt.date(2026, 2, 15), dt.date(2026, 9, 30)])
def test_facts_are_those_of_the_tables(frames: dict[str, pl.DataFrame], as_of: dt.date | None) -> None:
    claims = trusted(frames)
    counts = ep.build_episodes(claims, PROGRAM, as_of=as_of, buckets=3).counts
    headers, lines = claims.claims.collect(), claims.lines.collect()
    late = pl.lit(False) if as_of is None else (pl.col("process_date") > as_of).fill_null(False)
    known = headers.filter(~late)
    keys = ["beneficiary_id", "claim_id"]
    known_lines = lines.join(known, on=keys, how="semi")
    whole = known.filter(pl.col("setting").cast(pl.String).is_in(CLAIM_PAID_SETTINGS))
    by_line = known_lines.join(whole, on=keys, how="anti")
    assert counts["people"] == headers["beneficiary_id"].n_unique()
    assert counts["claims"] == known.height
    assert counts["lines"] == known_lines.height
    assert counts["payable_items"] == whole.height + by_line.height
    assert counts["payable_cents"] == whole["standardized_cents"].sum() + by_line["standardized_cents"].sum()
    if as_of is not None:
        assert counts["claims_processed_after_as_of"] == headers.height - known.height


def test_rows_in_any_order_and_files_of_text_give_the_same(frames: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    expected = ep.build_episodes(trusted(frames), PROGRAM)
    for name, frame in frames.items():
        frame.sample(fraction=1.0, shuffle=True, seed=3).write_parquet(tmp_path / f"{name}.parquet")
    read = ep.read_claims(tmp_path, validate="none")
    assert read.scan("claims").collect_schema()["setting"] == pl.String
    for buckets in (None, 4):
        built = ep.build_episodes(read, PROGRAM, buckets=buckets, threads=2)
        assert_frame_equal(built.episodes, expected.episodes)
        assert_frame_equal(built.services.collect(), expected.services.collect())
        assert_frame_equal(built.balance, expected.balance)


def test_a_line_without_a_claim_is_refused(frames: dict[str, pl.DataFrame]) -> None:
    person = ep.build_episodes(trusted(frames), PROGRAM).episodes["beneficiary_id"][0]
    alone = pl.DataFrame({"beneficiary_id": [person], "claim_id": ["nobody's"], "line_number": [1]})
    lines = pl.concat([frames["lines"], alone], how="diagonal_relaxed")
    with pytest.raises(ContractError, match="1 line without a claim") as caught:
        ep.build_episodes(trusted_as_they_are({**frames, "lines": lines}), PROGRAM)
    assert "nobody" not in str(caught.value)


def test_a_claim_that_is_there_twice_is_refused(frames: dict[str, pl.DataFrame]) -> None:
    key = ep.build_episodes(trusted(frames), PROGRAM).episodes.select("beneficiary_id", claim_id="anchor_claim_id")[:1]
    again = frames["claims"].join(key, on=["beneficiary_id", "claim_id"], how="semi")
    claims = pl.concat([frames["claims"], again])
    with pytest.raises(ContractError, match="claim_id that another claim has"):
        ep.build_episodes(trusted_as_they_are({**frames, "claims": claims}), PROGRAM)


@pytest.mark.parametrize("code", ["99213", "27447"])
def test_rows_of_nobody_are_refused(frames: dict[str, pl.DataFrame], code: str) -> None:
    nobody = frames["lines"][:1].with_columns(beneficiary_id=pl.lit(None, dtype=pl.String), hcpcs=pl.lit(code))
    with pytest.raises(ContractError, match="belong to nobody"):
        ep.build_episodes(trusted_as_they_are({**frames, "lines": pl.concat([frames["lines"], nobody])}), PROGRAM)


def test_an_unknown_setting_is_refused_without_saying_it(frames: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    for name, frame in frames.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    odd = pl.col("setting").cast(pl.String).replace("professional", "a secret")
    frames["claims"].with_columns(odd).write_parquet(tmp_path / "claims.parquet")
    with pytest.raises(ContractError, match="'claims' cannot be read") as caught:
        ep.build_episodes(ep.read_claims(tmp_path, validate="none"), PROGRAM)
    assert "secret" not in str(caught.value)


def trusted_as_they_are(frames: dict[str, pl.DataFrame]) -> ep.Claims:
    return ep.Claims(**{name: frames[name] for name in TABLES if name in frames}, validate="none")


def test_everybody_is_read_where_most_may_have_an_anchor(frames: dict[str, pl.DataFrame]) -> None:
    anchored = ep.build_episodes(trusted(frames), PROGRAM)
    few = {name: frame.filter(~pl.col("beneficiary_id").str.starts_with("visitor")) for name, frame in frames.items()}
    visitors = frames["claims"].filter(pl.col("beneficiary_id").is_in(["visitor 1", "visitor 2"]))
    few["claims"] = pl.concat([few["claims"], visitors])
    few["lines"] = frames["lines"].join(few["claims"], on=["beneficiary_id", "claim_id"], how="semi")
    built = ep.build_episodes(trusted(few), PROGRAM, buckets=3)
    assert_frame_equal(built.episodes, anchored.episodes)
    nobody = built.balance.filter(pl.col("destination") == "no_episode")["cents"].sum()
    assert anchored.balance.filter(pl.col("destination") == "no_episode")["cents"].sum() == nobody + 98 * 2 * 7_001
    given = given_of(trusted(few))
    opened = [given.open(task, Context(program=PROGRAM)) for task in given.tasks(Context(program=PROGRAM))]
    assert sum(bucket.people for bucket in opened) == few["claims"]["beneficiary_id"].n_unique()


def test_rows_that_find_no_room_are_refused_before_the_work(
    frames: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "BYTES_PER_ROW", 1 << 50)
    with pytest.raises(EpisodesError, match="TMPDIR"):
        ep.build_episodes(trusted(frames), PROGRAM, buckets=3)
    assert ep.build_episodes(trusted(frames), PROGRAM, buckets=1).episodes.height
