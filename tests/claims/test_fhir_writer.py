"""Canonical tables written as FHIR resources: read back they are the same, and they look like a server's export."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from claims.fhir_files import read
from episodes.claims.contract import TABLES
from episodes.claims.layouts.fhir_eob import LACKS, write
from episodes.claims.layouts.fhir_shapes import R4, shape_of
from strategies import random_tables, to_frames

WRITTEN = ("claims", "lines", "beneficiaries", "coverage")
KEYS = {
    "claims": ["beneficiary_id", "claim_id"],
    "lines": ["beneficiary_id", "claim_id", "line_number"],
    "beneficiaries": ["beneficiary_id"],
    "coverage": ["beneficiary_id", "kind", "start_date", "end_date", "detail"],
}


def tables_of(claims: ep.Claims) -> dict[str, pl.DataFrame]:
    return {name: claims.table(name).collect() for name in TABLES}


def comparable(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """What survives, in an order that does not depend on the file; an empty list says as little as none."""
    kept = table.select(column for column in table.columns if column not in LACKS.get(name, ()))
    lists = [
        pl.when(pl.col(column).list.len() > 0).then(pl.col(column)) for column in kept.columns if is_list(kept, column)
    ]
    return kept.sort(KEYS[name]).with_columns(lists)


def is_list(table: pl.DataFrame, column: str) -> bool:
    return isinstance(table.schema[column], pl.List)


def survives(tables: dict[str, pl.DataFrame], folder: Path) -> ep.Claims:
    write(tables, folder)
    again = read(folder)
    for name in WRITTEN:
        left, right = comparable(name, tables[name]), comparable(name, again.table(name).collect())
        assert left.equals(right), name
    return again


def bundled(every: int) -> dict[str, pl.DataFrame]:
    """The bundled set, of every so manieth person."""
    tables = tables_of(ep.read_claims(ep.synthetic.bundled_folder()))
    people = tables["claims"]["beneficiary_id"].unique().sort().gather_every(every)
    return {
        name: table.join(people.to_frame(), on="beneficiary_id", how="semi", maintain_order="left")
        for name, table in tables.items()
        if name in WRITTEN
    }


def test_some_people_of_the_bundled_set_survive(tmp_path: Path) -> None:
    again = survives(bundled(every=40), tmp_path)
    assert all(report.rows_in == report.rows_out for report in again.report.tables.values())


@pytest.mark.slow
def test_the_bundled_set_survives(tmp_path: Path) -> None:
    survives(bundled(every=1), tmp_path)


@pytest.mark.parametrize("seed", range(12))
def test_random_tables_survive(tmp_path: Path, seed: int) -> None:
    tables = tables_of(ep.Claims(**to_frames(random_tables(seed, people=4))))
    # Where nothing is owed beside it, a payment and the primary payer's part tell the allowed amount.
    told = pl.col("setting").is_in(["home_health", "hospice"]) & (pl.col("primary_payer_paid_cents") != 0)
    parts = pl.when(told).then(pl.col("paid_cents") + pl.col("primary_payer_paid_cents"))
    # The payment of an outpatient claim whose lines have none is booked on a line: here such claims state none.
    keys = ["beneficiary_id", "claim_id"]
    paid_by_line = tables["lines"].filter(pl.col("paid_cents") != 0).select(*keys, _by_line=pl.lit(True)).unique()
    stated = (pl.col("setting") != "outpatient") | pl.col("_by_line").fill_null(False)
    tables["claims"] = (
        tables["claims"]
        .join(paid_by_line, on=keys, how="left", maintain_order="left")
        .with_columns(allowed_cents=pl.coalesce("allowed_cents", parts))
        .with_columns(pl.when(stated).then(pl.col("allowed_cents", "paid_cents")))
        .drop("_by_line")
    )
    survives(tables, tmp_path)


def test_same_tables_same_bytes(tmp_path: Path) -> None:
    tables = bundled(every=150)
    shuffled = {name: table.sample(fraction=1, shuffle=True, seed=3) for name, table in tables.items()}
    written = []
    for number, given in enumerate((tables, shuffled)):
        write(given, tmp_path / str(number))
        files = sorted((tmp_path / str(number)).iterdir())
        written.append([(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files])
    assert written[0] == written[1]


def test_tables_that_are_not_given_are_empty_files(tmp_path: Path) -> None:
    claims = bundled(every=1500)["claims"]
    write({"claims": claims}, tmp_path)
    assert (tmp_path / "Patient.ndjson").read_text() == ""
    again = read(tmp_path)
    assert again.claims.collect().height == claims.height
    # The export names a file of people, so nobody is made up.
    assert again.beneficiaries.collect().is_empty()


def test_what_is_lacking_is_of_the_contract() -> None:
    assert set(LACKS) <= set(TABLES)
    for name, columns in LACKS.items():
        assert set(columns) <= set(TABLES[name].columns())


def claim(**given: Any) -> dict[str, pl.DataFrame]:
    """A stay with one line, and what is given of it."""
    stay = {
        "beneficiary_id": "7",
        "claim_id": "100",
        "setting": "inpatient",
        "from_date": "2026-01-05",
        "thru_date": "2026-01-08",
        "ms_drg": "470",
        "ccn": "360035",
        "bill_type": "111",
        "diagnoses": ["M1711", "I10"],
        "allowed_cents": 13_600_05,
        "paid_cents": 12_000_00,
    }
    line = {"beneficiary_id": "7", "claim_id": "100", "line_number": 1, "revenue_center": "0120"}
    frames = {"claims": pl.DataFrame([stay | given]), "lines": pl.DataFrame([line])}
    return tables_of(ep.Claims(**frames))


def test_a_stay_looks_like_one_of_the_server(tmp_path: Path) -> None:
    write(claim(), tmp_path)
    text = (tmp_path / "ExplanationOfBenefit.ndjson").read_text()
    resource = json.loads(text)

    assert text.count("\n") == 1
    assert shape_of(resource) is R4
    assert resource["id"] == "inpatient-100"
    assert [coding["code"] for coding in resource["type"]["coding"]] == ["60", "INPATIENT", "institutional"]
    assert resource["identifier"][0]["system"] == "https://bluebutton.cms.gov/resources/variables/clm_id"
    assert resource["provider"] == {"reference": f"#{resource['contained'][0]['id']}"}
    assert resource["patient"] == {"reference": "Patient/7"}
    [drg] = [one["code"]["coding"][0] for one in resource["supportingInfo"] if "clm_drg_cd" in json.dumps(one)]
    assert drg["code"] == "470"
    assert [one["type"][0]["coding"][0]["code"] for one in resource["diagnosis"]] == ["principal", "other"]
    # Amounts are numbers with their cents, as decimals.
    assert '"payment":{"amount":{"value":12000.00,"currency":"USD"}}' in text
    assert '"usedMoney":{"value":1600.05,"currency":"USD"}' in text
    assert "\\u0000" not in text


def test_no_element_is_empty(tmp_path: Path) -> None:
    """FHIR allows no null, empty object or empty list."""

    def check(value: Any) -> None:
        assert value not in (None, "", [], {})
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(inner)

    write(bundled(every=300), tmp_path)
    for file in tmp_path.iterdir():
        for line in file.read_text().splitlines():
            check(json.loads(line))


def test_resource_ids_are_unique(tmp_path: Path) -> None:
    write(bundled(every=30), tmp_path)
    for file in tmp_path.iterdir():
        ids = [json.loads(line)["id"] for line in file.read_text().splitlines()]
        assert len(ids) == len(set(ids))
