"""The data profile counts, notices what is suspicious, and prints nothing private."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

import episodes as ep
from episodes.reports.terminal import show_profile


@pytest.fixture(scope="module")
def claims() -> ep.Claims:
    return ep.read_claims(ep.synthetic.bundled_folder())


def test_counts_are_those_of_the_tables(claims: ep.Claims) -> None:
    found = ep.claims.profile(claims)
    assert sum(row["claims"] for row in found["settings"]) == claims.report.tables["claims"].rows_out
    assert sum(row["lines"] for row in found["settings"]) == claims.report.tables["lines"].rows_out
    assert sum(row["claims"] for row in found["months"]) == claims.report.tables["claims"].rows_out
    people = claims.claims.select("beneficiary_id").unique()
    unknown = people.join(claims.beneficiaries, on="beneficiary_id", how="anti").collect().height
    assert found["people"]["with_claims_and_no_record"] == unknown > 0
    json.dumps(found)


def test_a_store_and_its_source_have_the_same_profile(claims: ep.Claims, tmp_path: Path) -> None:
    ep.ingest(ep.synthetic.bundled_folder(), tmp_path / "store", buckets=2)
    one, other = ep.claims.profile(claims), ep.claims.profile(ep.read_claims(tmp_path / "store"))
    assert {k: v for k, v in one.items() if k != "reading"} == {k: v for k, v in other.items() if k != "reading"}


def test_a_month_that_was_not_delivered_is_suspicious(claims: ep.Claims) -> None:
    march = (dt.date(2024, 3, 1), dt.date(2024, 3, 31))
    lost = claims.claims.filter(~((pl.col("setting") == "professional") & pl.col("from_date").is_between(*march)))
    found = ep.claims.profile(
        ep.Claims(claims=lost, lines=claims.lines, beneficiaries=claims.beneficiaries, tolerate=True)
    )
    assert any(sentence.startswith("professional: 2024-03 has 0 claims") for sentence in found["suspicious"])


def test_nothing_private_is_printed(claims: ep.Claims, capsys: pytest.CaptureFixture[str]) -> None:
    found = ep.claims.profile(claims)
    show_profile(found, Console(width=200))
    printed = capsys.readouterr().out + json.dumps(found)
    for table, column in (
        ("claims", "beneficiary_id"),
        ("claims", "claim_id"),
        ("claims", "ccn"),
        ("claims", "operating_npi"),
    ):
        for value in claims.table(table).select(column).unique().collect()[column].drop_nulls():
            assert value not in printed
    for birth in claims.beneficiaries.select("birth_date").unique().collect()["birth_date"].drop_nulls():
        if birth < dt.date(2000, 1, 1):
            assert str(birth) not in printed
