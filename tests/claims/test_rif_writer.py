"""The RIF writer: what is written reads back the same, and looks like a delivery."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import episodes as ep
import strategies
from claims.rif_files import read
from episodes.claims.contract import CLAIM_PAID_SETTINGS, TABLES, empty_table, metadata_of
from episodes.claims.layouts import rif
from episodes.claims.layouts.rif_columns import CLAIM_KINDS
from episodes.claims.layouts.rif_headers import header_of_kind
from episodes.claims.layouts.rif_writer import LACKS, columns_held
from episodes.claims.layouts.rif_writer_people import KINDS_HELD
from episodes.errors import ArgumentError

Tables = dict[str, pl.DataFrame]

KEYS = {
    "claims": ["beneficiary_id", "claim_id"],
    "lines": ["beneficiary_id", "claim_id", "line_number"],
    "beneficiaries": ["beneficiary_id"],
}


@pytest.fixture(scope="module")
def bundled() -> Tables:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    return {name: claims.table(name).collect() for name in TABLES}


def tables_of(claims: ep.Claims) -> Tables:
    return {name: claims.table(name).collect() for name in TABLES}


def comparable(name: str, table: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Rows in the order of their keys; lists without nulls at their end, none as an empty list."""
    lists = [column for column in columns if isinstance(table.schema[column], pl.List)]
    trimmed = [
        pl.col(column)
        .fill_null([])
        .map_elements(_without_nulls_at_the_end, return_dtype=table.schema[column], skip_nulls=False)
        for column in lists
    ]
    return table.select(columns).sort(KEYS[name]).with_columns(trimmed)


def _without_nulls_at_the_end(values: pl.Series) -> list[Any]:
    kept = values.to_list()
    while kept and kept[-1] is None:
        kept.pop()
    return kept


def assert_same(written: Tables, read_back: Tables, lacks: dict[str, tuple[str, ...]]) -> None:
    for name in KEYS:
        columns = [column for column in written[name].columns if column not in lacks[name]]
        before, after = (comparable(name, tables[name], columns) for tables in (written, read_back))
        different = [column for column in columns if not before[column].equals(after[column], null_equal=True)]
        assert (before.height, different) == (after.height, []), name


def as_files_hold(tables: Tables) -> Tables:
    """Tables with what the files of each setting have no place for set to its default."""
    held = {kind.setting: columns_held(name) for name, kind in CLAIM_KINDS.items()}
    claims = tables["claims"].with_columns(pl.col("setting").cast(pl.String))
    lines = tables["lines"].join(claims.select(*KEYS["claims"], "setting"), on=KEYS["claims"], how="left")
    frames = {"claims": claims, "lines": lines}
    for name in ("claims", "lines"):
        for column in TABLES[name].column_names():
            place = [setting for setting, columns in held.items() if column in columns[name]]
            default = metadata_of(TABLES[name], column).get("default")
            frames[name] = frames[name].with_columns(
                pl.when(pl.col("setting").is_in(place)).then(pl.col(column)).otherwise(pl.lit(default)).alias(column)
            )
    return tables | {
        "claims": frames["claims"].select(TABLES["claims"].column_names()),
        "lines": frames["lines"].select(TABLES["lines"].column_names()),
    }


def contract_tables(tables: Tables) -> Tables:
    """Tables cast to the contract."""
    return tables_of(ep.Claims(**tables, tolerate=True))


# --- round trips --------------------------------------------------------------------------------------------


def test_the_bundled_set_reads_back_the_same(bundled: Tables, tmp_path: Path) -> None:
    rif.write(bundled, tmp_path)
    claims = read(tmp_path)
    assert claims.report.quarantined_rows() == 0
    read_back = tables_of(claims)
    assert_same(bundled, read_back, LACKS)
    # By setting more comes back than `LACKS` promises: dates of most lines, diagnoses of some, charges of most.
    whole = {"claims": ("standardized_cents",), "lines": (), "beneficiaries": LACKS["beneficiaries"]}
    assert_same(as_files_hold(bundled), as_files_hold(read_back), whole)
    dated = read_back["lines"].join(read_back["claims"], on=KEYS["claims"]).filter(pl.col("service_date").is_not_null())
    assert set(dated["setting"].cast(pl.String)) == {kind.setting for kind in CLAIM_KINDS.values()} - {
        "inpatient",
        "snf",
    }


def one_line_a_drug_claim(tables: Tables) -> Tables:
    """Random drug claims have several lines and dates of their own; an event has one of each."""
    claims, lines = tables["claims"], tables["lines"]
    drugs = claims.filter(pl.col("setting") == "drug").select(KEYS["claims"])
    first = (
        lines.sort(KEYS["lines"])
        .join(drugs, on=KEYS["claims"], how="semi")
        .unique(KEYS["claims"], keep="first", maintain_order=True)
    )
    nothing = pl.lit(0, dtype=pl.Int64)
    first = first.with_columns(line_number=pl.lit(1, dtype=pl.Int32), primary_payer_paid_cents=nothing)
    others = lines.join(drugs, on=KEYS["claims"], how="anti")
    without = drugs.join(first, on=KEYS["claims"], how="anti")
    return tables | {
        "claims": claims.join(without, on=KEYS["claims"], how="anti"),
        "lines": pl.concat([others, first.select(others.columns)]),
    }


def amounts_that_files_can_say(tables: Tables) -> Tables:
    """No payment beside an allowed amount of null; outpatient headers sum up their lines; a LUPA is one or not."""
    amounts = ["allowed_cents", "paid_cents", "primary_payer_paid_cents"]
    given = pl.col("allowed_cents").is_not_null()
    lines = tables["lines"].with_columns(
        pl.when(given).then("paid_cents").alias("paid_cents"),
        pl.when(given).then("primary_payer_paid_cents").otherwise(0).alias("primary_payer_paid_cents"),
    )
    sums = lines.group_by(KEYS["claims"]).agg(pl.col(amounts).sum().name.prefix("_"))
    line_paid = pl.col("setting") == "outpatient"
    claims = (
        tables["claims"]
        .join(sums, on=KEYS["claims"], how="left", maintain_order="left")
        .with_columns(
            pl.when(line_paid).then(pl.col(f"_{name}").fill_null(0)).otherwise(pl.col(name)).alias(name)
            for name in amounts
        )
        .with_columns(
            pl.when(given).then("paid_cents").alias("paid_cents"),
            pl.when(given).then("primary_payer_paid_cents").otherwise(0).alias("primary_payer_paid_cents"),
            pl.when(pl.col("setting") == "home_health")
            .then(pl.col("low_utilization").fill_null(False))
            .otherwise("low_utilization")
            .alias("low_utilization"),
        )
        .drop(f"_{name}" for name in amounts)
    )
    return tables | {"claims": claims, "lines": lines}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_random_tables_read_back_the_same(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    random = contract_tables(strategies.to_frames(strategies.random_tables(seed, people=6)))
    tables = as_files_hold(amounts_that_files_can_say(one_line_a_drug_claim(random)))
    folder = tmp_path_factory.mktemp("rif")
    rif.write(tables, folder)
    claims = read(folder)
    assert claims.report.quarantined_rows() == 0
    # A drug event's line is dated by its claim, and its claim carries the amounts of its line.
    of_drugs = pl.col("setting") == "drug"
    read_back = tables_of(claims)
    drugs = read_back["claims"].filter(of_drugs).select(KEYS["claims"])
    read_back["lines"] = read_back["lines"].with_columns(
        pl.when(pl.struct(KEYS["claims"]).is_in(drugs.to_struct().implode()))
        .then(None)
        .otherwise("service_date")
        .alias("service_date")
    )
    for sides in (tables, read_back):
        sides["claims"] = sides["claims"].with_columns(
            pl.when(of_drugs).then(None).otherwise(name).alias(name)
            for name in ("thru_date", "allowed_cents", "paid_cents")
        )
    assert_same(contract_types(tables), read_back, {"claims": (), "lines": (), "beneficiaries": LACKS["beneficiaries"]})


def contract_types(tables: Tables) -> Tables:
    return {name: frame.cast(dict(empty_table(name).schema)) for name, frame in tables.items()}


def test_the_synthea_sample_reads_back_the_same(shared_folder: Path, tmp_path: Path) -> None:
    sample = tables_of(read(shared_folder / "claims" / "rif_bfd_samples" / "rif_synthea"))
    rif.write(sample, tmp_path)
    assert_same(sample, tables_of(read(tmp_path)), {"claims": (), "lines": (), "beneficiaries": ()})


def months_covered(coverage: pl.DataFrame, first: int, last: int) -> set[tuple[Any, ...]]:
    """Person, kind, detail and month for each first day of a month that an interval covers."""
    days = pl.DataFrame({"day": [dt.date(year, month, 1) for year in range(first, last + 1) for month in range(1, 13)]})
    held = coverage.with_columns(pl.col("kind").cast(pl.String)).filter(pl.col("kind").is_in(KINDS_HELD))
    found = held.join(days, how="cross").filter(
        (pl.col("start_date") <= pl.col("day")) & (pl.col("end_date") >= pl.col("day")).fill_null(True)
    )
    return set(found.select("beneficiary_id", "kind", "detail", "day").iter_rows())


def test_coverage_reads_back_by_whole_months(bundled: Tables, tmp_path: Path) -> None:
    rif.write(bundled, tmp_path)
    read_back = read(tmp_path).coverage.collect()
    people = bundled["beneficiaries"]["beneficiary_id"].to_list()
    dead = dict(bundled["beneficiaries"].select("beneficiary_id", "death_date").iter_rows())

    def alive(months: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
        return {one for one in months if one[0] in dead and (dead[one[0]] is None or one[3] <= dead[one[0]])}

    before = alive(months_covered(bundled["coverage"], 2021, 2027))
    after = alive(months_covered(read_back, 2021, 2027))
    # A month of which a kind is not known says of which one; those entitled because of ESRD have it.
    unknown = {one for one in before | after if one[1] == "unknown"}
    assert {(person, day) for person, _, _, day in unknown & before} == {(p, d) for p, _, _, d in unknown & after}
    unknown_days = {(person, day) for person, _, _, day in unknown}
    parts = ("part_a", "part_b", "medicare_advantage", "esrd", "esrd_entitlement")

    def known(months: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
        return {one for one in months - unknown if one[1] not in parts or (one[0], one[3]) not in unknown_days}

    assert known(before) == known(after)
    assert len(people) > 1000
    assert len(known(after)) > 100_000


# --- what the files look like -------------------------------------------------------------------------------


def a_claim(setting: str, **given: Any) -> Tables:
    """One claim with one line."""
    day = dt.date(2026, 1, 5)
    claim = {
        "beneficiary_id": "p",
        "claim_id": "1",
        "setting": setting,
        "from_date": day,
        "thru_date": day,
        "allowed_cents": 100_00,
        "paid_cents": 80_00,
        "diagnoses": ["M1711"] if setting != "drug" else None,
    }
    line = {"beneficiary_id": "p", "claim_id": "1", "line_number": 1, "service_date": day}
    if setting not in CLAIM_PAID_SETTINGS:
        line |= {"allowed_cents": 100_00, "paid_cents": 80_00}
    for name, value in given.items():
        (line if name in TABLES["lines"].column_names() and name not in claim else claim)[name] = value
    person = {"beneficiary_id": "p", "birth_date": dt.date(1950, 3, 17), "state": "OH"}
    return contract_tables(
        {"claims": pl.DataFrame([claim]), "lines": pl.DataFrame([line]), "beneficiaries": pl.DataFrame([person])}
    )


def raw_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="|"))


def test_headers_are_those_of_the_samples(shared_folder: Path) -> None:
    listed: dict[str, list[str]] = {}
    with (shared_folder / "claims" / "rif_bfd_samples" / "rif_columns.csv").open() as stream:
        for name, _, column in list(csv.reader(stream))[1:]:
            listed.setdefault(name, []).append(column.lstrip("\ufeff"))
    for name in (*CLAIM_KINDS, "beneficiary"):
        assert header_of_kind(name) == listed[name], name


def test_files_have_the_names_and_headers_of_a_delivery(bundled: Tables, tmp_path: Path) -> None:
    rif.write(bundled, tmp_path)
    files = {file.name: file for file in tmp_path.iterdir()}
    years = [f"beneficiary_{year}.csv" for year in range(2021, 2028)]
    assert sorted(files) == sorted([*(f"{kind}.csv" for kind in CLAIM_KINDS), *years])
    for name, file in files.items():
        content = file.read_bytes()
        is_person = name.startswith("beneficiary")
        assert content.startswith(b"\xef\xbb\xbf") == is_person
        header = content.decode("utf-8-sig").splitlines()[0].split("|")
        expected = header_of_kind("beneficiary" if is_person else name.removesuffix(".csv"))
        assert header[: len(expected)] == expected
        assert header[len(expected) :] == (["CLM_MDCR_NEW_TECH_AMT"] if name == "inpatient.csv" else [])


def test_the_same_tables_give_the_same_bytes(bundled: Tables, tmp_path: Path) -> None:
    people = bundled["beneficiaries"]["beneficiary_id"].head(40).to_list()
    some = {
        name: frame.filter(pl.col("beneficiary_id").is_in(people)) if "beneficiary_id" in frame.columns else frame
        for name, frame in bundled.items()
    }
    for folder in ("one", "two"):
        rif.write(some, tmp_path / folder)
    assert [file.read_bytes() for file in sorted((tmp_path / "one").iterdir())] == [
        file.read_bytes() for file in sorted((tmp_path / "two").iterdir())
    ]


def test_a_facility_claim_repeats_on_every_line_and_ends_with_its_total(tmp_path: Path) -> None:
    tables = a_claim("inpatient", ms_drg="470", bill_type="111", charge_cents=1500_00, ime_cents=7_00)
    second = tables["lines"].with_columns(
        line_number=pl.lit(2, dtype=pl.Int32), charge_cents=pl.lit(5_05, dtype=pl.Int64)
    )
    rif.write(tables | {"lines": pl.concat([second, tables["lines"]])}, tmp_path)
    rows = raw_rows(tmp_path / "inpatient.csv")
    claim_columns = header_of_kind("inpatient")[: header_of_kind("inpatient").index("CLM_LINE_NUM")]
    assert [[row[column] for column in claim_columns] for row in rows] == [[rows[0][c] for c in claim_columns]] * 3
    assert [(row["CLM_LINE_NUM"], row["REV_CNTR"], row["REV_CNTR_TOT_CHRG_AMT"]) for row in rows] == [
        ("1", "", "1500.00"),
        ("2", "", "5.05"),
        ("3", "0001", "1505.05"),
    ]
    first = rows[0]
    assert first == first | {
        "FINAL_ACTION": "F",
        "NCH_CLM_TYPE_CD": "60",
        "CLM_FROM_DT": "05-Jan-2026",
        "CLM_PMT_AMT": "80.00",
        "NCH_BENE_IP_DDCTBL_AMT": "20.00",
        "CLM_TOT_CHRG_AMT": "1505.05",
        "IME_OP_CLM_VAL_AMT": "7.00",
        "CLM_DRG_CD": "470",
        "PRNCPAL_DGNS_CD": "M1711",
        "ICD_DGNS_CD1": "M1711",
        "ICD_DGNS_VRSN_CD1": "0",
        "CLM_FREQ_CD": "1",
    }


@pytest.mark.parametrize("setting", ["inpatient", "outpatient", "professional", "dme"])
def test_claims_without_lines_are_in_the_files(setting: str, tmp_path: Path) -> None:
    tables = a_claim(setting)
    rif.write(tables | {"lines": empty_table("lines")}, tmp_path)
    claims = read(tmp_path)
    assert claims.report.table("claims").rows_out == 1
    # The money of an outpatient claim lies on its lines: one is made for it.
    made = claims.lines.select("line_number", "service_date", "paid_cents").collect().rows()
    assert made == ([(1, None, tables["claims"]["paid_cents"][0])] if setting == "outpatient" else [])


@pytest.mark.parametrize(
    ("setting", "given", "appended"),
    [
        ("professional", {"modifiers": ["26", "LT"]}, []),
        ("professional", {"modifiers": ["26", "LT", "KX"]}, ["HCPCS_3RD_MDFR_CD"]),
        ("inpatient", {"modifiers": ["26"]}, ["HCPCS_1ST_MDFR_CD"]),
        ("home_health", {}, ["NCH_BENE_PTB_COINSRNC_AMT"]),
        ("hospice", {"paid_cents": 100_00}, []),
        ("inpatient", {"new_technology_cents": 5_00}, ["CLM_MDCR_NEW_TECH_AMT"]),
    ],
)
def test_columns_that_a_header_has_no_place_for_are_appended_where_needed(
    setting: str, given: dict[str, Any], appended: list[str], tmp_path: Path
) -> None:
    tables = a_claim(setting, **given)
    [name] = [name for name, kind in CLAIM_KINDS.items() if kind.setting == setting]
    rif.write(tables, tmp_path)
    header = (tmp_path / f"{name}.csv").read_text().splitlines()[0].split("|")
    assert header[len(header_of_kind(name)) :] == appended
    read_back = tables_of(read(tmp_path))
    assert_same(
        as_files_hold(tables),
        as_files_hold(read_back),
        {"claims": ("low_utilization",), "lines": (), "beneficiaries": ()},
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: a_claim("inpatient", diagnoses=[f"M{n}" for n in range(26)]), "more diagnoses than the 25 columns"),
        (lambda: a_claim("professional", diagnoses=["M1"] * 13), "more diagnoses than the 12 columns"),
        (lambda: a_claim("snf", procedures=["0SRC0J9"] * 26), "more procedures than the 25 columns"),
        (lambda: a_claim("outpatient", modifiers=["26"] * 6), "more modifiers than the 5 columns"),
        (lambda: a_claim("drug") | {"lines": empty_table("lines")}, "1 drug claim not of one line"),
    ],
)
def test_what_would_be_lost_in_silence_is_an_error(make: Callable[[], Tables], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        rif.write(make(), tmp_path)


def test_people_without_claims_and_dates(tmp_path: Path) -> None:
    people = contract_tables(
        {
            "claims": empty_table("claims"),
            "beneficiaries": pl.DataFrame({"beneficiary_id": ["a", "b"], "state": ["PR", "GU"]}),
        }
    )
    rif.write(people, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["beneficiary_1966.csv"]
    read_back = read(tmp_path).beneficiaries.collect()
    assert read_back.select("beneficiary_id", "state").rows() == [("a", "PR"), ("b", "GU")]


def test_no_rows_after_the_year_of_death(tmp_path: Path) -> None:
    tables = a_claim("inpatient", thru_date=dt.date(2028, 1, 1))
    dead = tables["beneficiaries"].with_columns(death_date=dt.date(2026, 2, 1))
    rif.write(tables | {"beneficiaries": dead}, tmp_path)
    rows = {file.name: len(raw_rows(file)) for file in tmp_path.glob("beneficiary_*.csv")}
    assert rows == {"beneficiary_2026.csv": 1}
    assert read(tmp_path).beneficiaries.collect()["death_date"].to_list() == [dt.date(2026, 2, 1)]


def test_lacks_names_columns_of_the_contract() -> None:
    for name, columns in LACKS.items():
        assert set(columns) <= set(TABLES[name].column_names())
    assert set(KEYS) | set(LACKS) == set(TABLES)
