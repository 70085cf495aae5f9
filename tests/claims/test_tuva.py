"""The Tuva layout: each rule on tiny tables, as text, Parquet and DuckDB, and sums against independent queries."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb
import polars as pl
import pytest

import episodes as ep
from episodes.claims.layouts import canonical, tuva
from episodes.claims.layouts.tuva_tables import TABLES
from episodes.claims.people import beneficiary_hash
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError

Row = dict[str, Any]
Form = Literal["csv", "parquet", "duckdb"]
FORMS: tuple[Form, ...] = ("csv", "parquet", "duckdb")


def stay(line: int | None = 1, **changes: Any) -> Row:
    """A line of a four-day stay, DRG 470; the payment of 12,000 stands on line 1."""
    row = {
        "claim_id": "C1",
        "claim_line_number": line,
        "claim_type": "institutional",
        "person_id": "P1",
        "member_id": "M1",
        "claim_start_date": "2024-03-07",
        "claim_end_date": "2024-03-11",
        "claim_line_start_date": None,
        "claim_line_end_date": None,
        "admission_date": "2024-03-07",
        "discharge_date": "2024-03-11",
        "discharge_disposition_code": "1",
        "place_of_service_code": None,
        "bill_type_code": "111",
        "drg_code_type": "ms-drg",
        "drg_code": "470",
        "revenue_center_code": "120",
        "service_unit_quantity": 4,
        "hcpcs_code": None,
        "hcpcs_modifier_1": None,
        "rendering_npi": None,
        "rendering_tin": None,
        "billing_tin": None,
        "facility_npi": "1104867175",
        "paid_date": "2024-04-26",
        "paid_amount": "12000.00" if line == 1 else "0.00",
        "allowed_amount": "13632.00" if line == 1 else None,
        "charge_amount": "50000.00",
        "coinsurance_amount": None,
        "copayment_amount": None,
        "deductible_amount": None,
        "diagnosis_code_1": "M1611",
        "diagnosis_code_2": "I10",
        "diagnosis_poa_1": "Y",
        "procedure_code_1": "0SR9019",
        "procedure_date_1": "2024-03-08",
        "data_source": "payer",
    }
    return row | changes


def visit(line: int | None = 1, **changes: Any) -> Row:
    """A professional line of one day, allowed 100, paid 80."""
    own = {
        "claim_id": "C2",
        "claim_type": "professional",
        "claim_start_date": "2024-03-08",
        "claim_end_date": "2024-03-08",
        "claim_line_start_date": "2024-03-08",
        "claim_line_end_date": "2024-03-08",
        "place_of_service_code": "21",
        "hcpcs_code": "99232",
        "hcpcs_modifier_1": "25",
        "rendering_npi": "1437702123",
        "rendering_tin": "912834729",
        "billing_tin": "550000001",
        "service_unit_quantity": 1,
        "paid_amount": "80.00",
        "allowed_amount": "100.00",
    }
    blank = dict.fromkeys(
        (
            "admission_date",
            "discharge_date",
            "discharge_disposition_code",
            "bill_type_code",
            "drg_code_type",
            "drg_code",
            "revenue_center_code",
            "facility_npi",
            "procedure_code_1",
            "procedure_date_1",
            "diagnosis_poa_1",
        )
    )
    return stay(line) | blank | own | changes


def drug(**changes: Any) -> Row:
    row = {
        "claim_id": "D1",
        "claim_line_number": 1,
        "person_id": "P1",
        "dispensing_date": "2024-04-01",
        "ndc_code": "00071015523",
        "quantity": 30,
        "paid_date": "2024-04-15",
        "paid_amount": "40.00",
        "allowed_amount": None,
        "copayment_amount": "10.00",
        "data_source": "payer",
    }
    return row | changes


def span(**changes: Any) -> Row:
    row = {
        "person_id": "P1",
        "member_id": "M1",
        "gender": "female",
        "birth_date": "1943-03-21",
        "death_date": None,
        "enrollment_start_date": "2024-01-01",
        "enrollment_end_date": "2024-12-31",
        "payer": "medicare",
        "payer_type": "medicare",
        "plan": "medicare",
        "original_reason_entitlement_code": "0",
        "dual_status_code": "NA",
        "medicare_status_code": "10",
        "long_term_institutional_flag": 0,
        "state": "OH",
        "data_source": "payer",
    }
    return row | changes


def write(folder: Path, form: Form = "csv", **tables: list[Row]) -> Path:
    """Tables of text, or with typed amounts and dates where the form has types."""
    folder.mkdir(exist_ok=True)
    frames = {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()}
    if form == "csv":
        for name, frame in frames.items():
            frame.write_csv(folder / f"{name}.csv")
        return folder
    typed = {name: frame.with_columns(_typed(frame)) for name, frame in frames.items()}
    if form == "parquet":
        for name, frame in typed.items():
            frame.write_parquet(folder / f"{name}.parquet")
        return folder
    with duckdb.connect(str(folder / "warehouse.duckdb")) as database:
        database.sql("create schema input_layer")
        for name, frame in typed.items():
            database.register("frame", frame.to_arrow())
            database.sql(f"create table input_layer.{name} as select * from frame")
    return folder / "warehouse.duckdb"


def _typed(frame: pl.DataFrame) -> list[pl.Expr]:
    amounts = [pl.col(name).cast(pl.Decimal(18, 4)) for name in frame.columns if name.endswith("_amount")]
    days = [
        pl.col(name).cast(pl.String).str.to_date()
        for name in frame.columns
        if name.endswith("_date") or name.startswith("procedure_date")
    ]
    return [*amounts, *days]


def rows_of_files(path: Path, report: ReadingReport) -> dict[str, pl.DataFrame]:
    rows: dict[str, list[pl.DataFrame]] = {}
    for file in tuva.source_files(path, report):
        rows.setdefault(file.kind, []).extend(tuva.read_rows(file))
    return {kind: pl.concat(batches, how="diagonal") for kind, batches in rows.items()}


def read(path: Path) -> ep.Claims:
    report = ReadingReport(layout="tuva")
    tables: dict[str, Any] = tuva.reshape(rows_of_files(path, report), report)
    return ep.Claims(**tables, report=report)


def read_tables(folder: Path, form: Form = "csv", **tables: list[Row]) -> ep.Claims:
    return read(write(folder, form, **tables))


def rows_of(claims: ep.Claims, table: str) -> list[dict[str, Any]]:
    return claims.table(table).collect().to_dicts()


def counts_hold(claims: ep.Claims) -> bool:
    return all(
        report.rows_in == report.rows_out + sum(report.netted.values()) + sum(report.quarantined.values())
        and report.rows_out == claims.table(name).collect().height
        for name, report in claims.report.tables.items()
    )


# --- where the tables lie -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_tables_read_alike_in_every_form(tmp_path: Path, form: Form) -> None:
    path = write(
        tmp_path, form, medical_claim=[stay(), stay(2), visit()], pharmacy_claim=[drug()], eligibility=[span()]
    )
    assert tuva.recognises(path)
    report = ReadingReport(layout="tuva")
    files = tuva.source_files(path, report)
    assert report.files == []
    assert {file.kind for file in files} == {"medical_claim", "pharmacy_claim", "eligibility"}
    assert all((file.member is None) == (form != "duckdb") for file in files)
    claims = read(path)
    assert claims.claims.select(pl.col("setting").cast(pl.String), "paid_cents", "allowed_cents").collect().rows() == [
        ("inpatient", 12_000_00, 13_632_00),
        ("professional", 80_00, 100_00),
        ("drug", 40_00, 50_00),
    ]
    assert claims.beneficiaries.collect()["birth_date"].to_list() == [dt.date(1943, 3, 21)]
    assert counts_hold(claims)


def test_a_folder_may_hold_a_database_among_other_files(tmp_path: Path) -> None:
    write(tmp_path, "duckdb", medical_claim=[visit()])
    (tmp_path / "README.md").write_text("about these files")
    claims = read(tmp_path)
    assert claims.report.table("claims").rows_out == 1
    assert "1 file not of the input layer, ignored: README.md" in claims.report.notes


def test_a_table_may_be_a_folder_of_parts(tmp_path: Path) -> None:
    parts = tmp_path / "medical_claim"
    write(parts, medical_claim=[visit()])
    (parts / "medical_claim.csv").rename(parts / "part-0.csv")
    write(parts, medical_claim=[visit(2)])
    claims = read(tmp_path)
    assert claims.lines.collect()["line_number"].to_list() == [1, 2]
    assert claims.claims.collect()["paid_cents"].to_list() == [160_00]


def test_earlier_versions_name_columns_otherwise(tmp_path: Path) -> None:
    row = stay()
    row["patient_id"], row["ms_drg_code"] = row.pop("person_id"), row.pop("drg_code")
    del row["member_id"], row["drg_code_type"]
    person = span()
    person["patient_id"] = person.pop("person_id")
    for name in ("dual_status", "medicare_status"):
        person[name] = person.pop(f"{name}_code")
    claims = read_tables(tmp_path, medical_claim=[row], eligibility=[person | {"dual_status": "02"}])
    [claim] = rows_of(claims, "claims")
    assert (claim["beneficiary_id"], claim["ms_drg"]) == ("P1", "470")
    assert "full_dual" in claims.coverage.collect()["kind"].to_list()


def test_the_member_id_stands_in_for_a_person_id(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(person_id=None), visit(claim_id="C3")])
    assert claims.claims.collect()["beneficiary_id"].to_list() == ["M1", "P1"]


def test_medical_claims_alone_are_enough(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit()])
    assert claims.report.table("claims").rows_out == 1
    assert any(note.startswith("no table eligibility: birth and death") for note in claims.report.notes)


def test_eligibility_alone_is_people_without_claims(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, eligibility=[span()])
    assert claims.claims.collect().is_empty()
    assert "no table of claims: eligibility only" in claims.report.notes


def test_other_layouts_are_not_claimed(tmp_path: Path) -> None:
    bundled = ep.read_claims(ep.synthetic.bundled_folder())
    canonical.write({"claims": bundled.claims.head(2).collect()}, tmp_path / "canonical")
    assert not tuva.recognises(tmp_path / "canonical")
    other = tmp_path / "other"
    other.mkdir()
    (other / "claims.csv").write_text("DESYNPUF_ID,CLM_ID,CLM_DRG_CD\n1,2,3\n")
    (other / "empty.csv").write_text("")
    (other / "claims.db").write_bytes(b"SQLite format 3\x00" + bytes(100))
    (other / "broken.parquet").write_bytes(b"PAR1")
    assert not tuva.recognises(other)
    with pytest.raises(LayoutError, match="no table of the Tuva input layer among 4 data files"):
        tuva.source_files(other, ReadingReport(layout="tuva"))


def test_of_several_schemas_the_input_layer_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path, "duckdb", medical_claim=[visit()])
    with duckdb.connect(str(path)) as database:
        database.sql("create schema core")
        database.sql("create table core.medical_claim as select * from input_layer.medical_claim")
    [file] = tuva.source_files(path, ReadingReport(layout="tuva"))
    assert file.member == "input_layer.medical_claim"
    with duckdb.connect(str(path)) as database:
        database.sql("create schema staging")
        database.sql("create table staging.medical_claim as select * from input_layer.medical_claim")
        database.sql("drop schema input_layer cascade")
    with pytest.raises(LayoutError, match="a table medical_claim in 2 schemas: core, staging"):
        tuva.source_files(path, ReadingReport(layout="tuva"))


def test_a_table_that_lacks_columns_is_an_error(tmp_path: Path) -> None:
    row = visit()
    del row["paid_amount"]
    with pytest.raises(LayoutError, match=r"medical_claim\.csv: .* lacks 1 column: paid_amount"):
        read_tables(tmp_path, medical_claim=[row])


# --- amounts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "cents"),
    [("80.5", 80_50), ("80.5000000", 80_50), ("-0.07", -7), ("90071992547409.93", 9_007_199_254_740_993), (".5", 50)],
)
def test_text_amounts_are_exact(tmp_path: Path, written: str, cents: int) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(paid_amount=written)])
    assert claims.lines.collect()["paid_cents"].to_list() == [cents]


@pytest.mark.parametrize("written", ["80.505", "80.500000000000004", "1e3", "$80", "1,000.00"])
def test_text_that_is_no_amount_sets_its_line_aside(tmp_path: Path, written: str) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(paid_amount=f"{written}"), visit(2)])
    assert claims.report.table("lines").quarantined == {"paid_amount_not_an_amount": 1}
    assert claims.lines.collect()["line_number"].to_list() == [2]
    assert counts_hold(claims)


def test_an_unreadable_amount_of_a_claim_paid_as_a_whole_sets_the_claim_aside(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[stay(), stay(2, paid_amount="x")])
    assert claims.report.table("claims").quarantined == {"paid_amount_not_an_amount": 1}
    assert claims.report.table("lines").quarantined == {"paid_amount_not_an_amount": 1, "claim_quarantined": 1}
    assert counts_hold(claims)


@pytest.mark.parametrize("form", ["parquet", "duckdb"])
@pytest.mark.parametrize(
    ("value", "cents"),
    [
        (80.5, 80_50),
        (0.1 + 0.2, 30),
        (80.0000004, 80_00),
        (-12.34, -12_34),
        (0.0, 0),
        (1e9 + 0.01, 100_000_000_001),
        (70368744177664.02, 7_036_874_417_766_402),
        (float("nan"), None),
        (80.505, "aside"),
        (80.504999, "aside"),
        (float("inf"), "aside"),
    ],
)
def test_a_float_is_the_decimal_it_prints_as(tmp_path: Path, form: Form, value: float, cents: int | str | None) -> None:
    frame = pl.DataFrame([visit(allowed_amount=None)]).with_columns(paid_amount=pl.lit(value))
    if form == "parquet":
        frame.write_parquet(tmp_path / "medical_claim.parquet")
    else:
        with duckdb.connect(str(tmp_path / "x.db")) as database:
            database.register("frame", frame.to_arrow())
            database.sql("create view kept as select 1; create table medical_claim as select * from frame")
    claims = read(tmp_path)
    if cents == "aside":
        assert claims.report.table("lines").quarantined == {"paid_amount_not_an_amount": 1}
    else:
        assert claims.lines.collect()["paid_cents"].to_list() == [cents]


def test_a_float_of_single_precision_is_what_it_prints_as(tmp_path: Path) -> None:
    frame = pl.DataFrame([visit()]).with_columns(paid_amount=pl.lit(1234.56, dtype=pl.Float32))
    frame.write_parquet(tmp_path / "medical_claim.parquet")
    assert read(tmp_path).lines.collect()["paid_cents"].to_list() == [1_234_56]


def test_ids_that_came_as_floats_are_whole_numbers(tmp_path: Path) -> None:
    frame = pl.DataFrame([visit()]).with_columns(
        claim_id=pl.lit(12345.0),
        person_id=pl.lit(7.0),
        claim_line_number=pl.lit(1.0),
        service_unit_quantity=pl.lit(2.5),
    )
    frame.write_parquet(tmp_path / "medical_claim.parquet")
    [line] = rows_of(read(tmp_path), "lines")
    assert (line["beneficiary_id"], line["claim_id"], line["line_number"], line["units"]) == ("7", "12345", 1, 2.5)


def test_without_an_allowed_amount_payment_and_shares_are_allowed(tmp_path: Path) -> None:
    shares = {"coinsurance_amount": "10.00", "copayment_amount": "5.00", "deductible_amount": "2.00"}
    claims = read_tables(
        tmp_path,
        medical_claim=[
            visit(allowed_amount=None, **shares),
            stay(allowed_amount=None, **shares),
            stay(2, allowed_amount=None, paid_amount="1.00"),
        ],
    )
    assert claims.lines.filter(pl.col("claim_id") == "C2").collect()["allowed_cents"].to_list() == [97_00]
    by_claim = dict(claims.claims.select("claim_id", "allowed_cents").collect().iter_rows())
    assert by_claim == {"C1": 12_018_00, "C2": 97_00}


# --- claims -------------------------------------------------------------------------------------------------


def test_a_stay(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        medical_claim=[
            stay(2, drg_code=None, drg_code_type=None, diagnosis_code_1=None, paid_amount="-100.50"),
            stay(),
            stay(3, discharge_date="2024-03-11 00:00:00", admission_date=None),
        ],
    )
    [claim] = rows_of(claims, "claims")
    expected = {
        "setting": "inpatient",
        "provider_type": "acute",
        "from_date": dt.date(2024, 3, 7),
        "thru_date": dt.date(2024, 3, 11),
        "admission_date": dt.date(2024, 3, 7),
        "discharge_date": dt.date(2024, 3, 11),
        "discharge_status": "01",
        "ms_drg": "470",
        "ccn": None,
        "facility_npi": "1104867175",
        "bill_type": "111",
        "process_date": dt.date(2024, 4, 26),
        "diagnoses": ["M1611", "I10"],
        "present_on_admission": ["Y"],
        "procedures": ["0SR9019"],
        "procedure_dates": [dt.date(2024, 3, 8)],
        "paid_cents": 11_899_50,
        "allowed_cents": 13_632_00,
    }
    assert {column: claim[column] for column in expected} == expected
    lines = claims.lines.select("line_number", "revenue_center", "units", "allowed_cents", "paid_cents").collect()
    assert lines.rows() == [(n, "0120", 4.0, None, None) for n in (1, 2, 3)]
    assert claims.report.table("lines").rows_in == 3
    assert claims.report.table("claims").rows_in == 1


def test_a_professional_claim(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(), visit(2, rendering_tin=None, allowed_amount="20.00")])
    [claim] = rows_of(claims, "claims")
    assert (claim["setting"], claim["paid_cents"], claim["allowed_cents"]) == ("professional", 160_00, 120_00)
    assert (claim["provider_type"], claim["procedures"], claim["present_on_admission"]) == (None, None, None)
    first, second = rows_of(claims, "lines")
    expected = {
        "service_date": dt.date(2024, 3, 8),
        "hcpcs": "99232",
        "modifiers": ["25"],
        "place_of_service": "21",
        "rendering_npi": "1437702123",
        "tin": "912834729",
        "paid_cents": 80_00,
    }
    assert {column: first[column] for column in expected} == expected
    assert (second["tin"], second["allowed_cents"]) == ("550000001", 20_00)


def test_gaps_among_codes_keep_their_place(tmp_path: Path) -> None:
    row = visit(diagnosis_code_1=None, diagnosis_code_3="E11.9", diagnosis_poa_2="N", hcpcs_modifier_3="RT")
    [claim] = rows_of(read_tables(tmp_path, medical_claim=[row]), "claims")
    assert claim["diagnoses"] == [None, "I10", "E119"]
    assert claim["present_on_admission"] == [None, "N"]


@pytest.mark.parametrize(
    ("changes", "setting", "provider"),
    [
        ({}, "inpatient", "acute"),
        ({"bill_type_code": "0111"}, "inpatient", "acute"),
        ({"revenue_center_code": "0118"}, "inpatient", "irf"),
        ({"revenue_center_code": "24"}, "inpatient", "irf"),
        ({"revenue_center_code": "0124"}, "inpatient", "ipf"),
        ({"bill_type_code": "121"}, "outpatient", "acute"),
        ({"bill_type_code": "131"}, "outpatient", "acute"),
        ({"bill_type_code": "851"}, "outpatient", "cah"),
        ({"bill_type_code": "721"}, "outpatient", None),
        ({"bill_type_code": "181"}, "snf", "swing_bed"),
        ({"bill_type_code": "211"}, "snf", "snf"),
        ({"bill_type_code": "221"}, "outpatient", "snf"),
        ({"bill_type_code": "329"}, "home_health", "home_health"),
        ({"bill_type_code": "341"}, "home_health", "home_health"),
        ({"bill_type_code": "813"}, "hospice", "hospice"),
        ({"bill_type_code": None}, "inpatient", "acute"),
        ({"bill_type_code": None, "drg_code": None}, "outpatient", None),
        ({"claim_type": "undetermined"}, "inpatient", "acute"),
        ({"claim_type": "Professional", "bill_type_code": None}, "professional", None),
        ({"claim_type": "dental", "bill_type_code": None}, "professional", None),
        ({"claim_type": None, "bill_type_code": None, "place_of_service_code": "11"}, "professional", None),
        ({"claim_type": "professional", "bill_type_code": None, "hcpcs_code": "E0143"}, "dme", None),
        ({"claim_type": "professional", "bill_type_code": None, "hcpcs_code": "A0425"}, "professional", None),
    ],
)
def test_settings_and_kinds_of_providers(tmp_path: Path, changes: Row, setting: str, provider: str | None) -> None:
    [claim] = rows_of(read_tables(tmp_path, medical_claim=[stay(**changes)]), "claims")
    assert (claim["setting"], claim["provider_type"]) == (setting, provider)


def test_equipment_beside_other_services_is_professional(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(hcpcs_code="L1832"), visit(2)])
    assert claims.claims.collect()["setting"].to_list() == ["professional"]


def test_a_claim_type_that_says_nothing_is_set_aside(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(claim_type="undetermined", place_of_service_code=None)])
    assert claims.report.table("claims").quarantined == {"claim_type_not_known": 1}
    assert claims.report.table("lines").quarantined == {"claim_quarantined": 1}


@pytest.mark.parametrize(
    ("code", "grouper", "drg"),
    [("8", "MS-DRG", "008"), ("0470", None, "470"), ("3024", "apr-drg", None), ("470", "apr-drg", None)],
)
def test_a_drg_counts_when_it_is_of_medicare(tmp_path: Path, code: str, grouper: str | None, drg: str | None) -> None:
    claims = read_tables(tmp_path, medical_claim=[stay(drg_code=code, drg_code_type=grouper)])
    assert claims.claims.collect()["ms_drg"].to_list() == [drg]


def test_lines_that_disagree_are_counted(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[stay(2, drg_code="469", bill_type_code="131"), stay()])
    assert claims.claims.collect()["ms_drg"].to_list() == ["470"]
    said = claims.report.tallies
    assert said["claims whose lines state several values of drg; that of the first line counts"] == 1
    assert said["claims whose lines state several values of bill_type; that of the first line counts"] == 1


# --- rows ---------------------------------------------------------------------------------------------------


def test_rows_met_twice_count_once(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[stay(), stay(), visit(), visit()], pharmacy_claim=[drug(), drug()])
    assert claims.claims.collect()["paid_cents"].to_list() == [12_000_00, 80_00, 40_00]
    report = claims.report.table("lines")
    assert (report.rows_in, report.rows_out, report.netted) == (6, 3, {"exact_duplicate": 3})


def test_lines_that_contradict_each_other_set_their_claim_aside(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path, medical_claim=[stay(), stay(paid_amount="1.00"), stay(2)], pharmacy_claim=[drug(), drug(quantity=1)]
    )
    assert claims.report.table("claims").quarantined == {"duplicate_key": 2}
    assert claims.report.table("lines").quarantined == {"duplicate_key": 4, "claim_quarantined": 1}
    assert counts_hold(claims)


def test_one_claim_id_of_several_sources_is_set_aside(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(), visit(2, data_source="other payer")])
    assert claims.report.table("claims").quarantined == {"data_sources_differ": 1}
    assert counts_hold(claims)


@pytest.mark.parametrize(
    ("row", "lines", "netted"),
    [
        (stay(None, revenue_center_code=None, paid_amount="500.00"), 0, 1),
        (visit(None, hcpcs_code=None), 1, 0),
        (visit(None, hcpcs_code=None, paid_amount=None, allowed_amount=None), 0, 1),
    ],
)
def test_a_claim_that_came_without_lines(tmp_path: Path, row: Row, lines: int, netted: int) -> None:
    claims = read_tables(tmp_path, medical_claim=[row])
    assert claims.report.table("claims").rows_out == 1
    assert claims.claims.collect()["paid_cents"].to_list()[0] in (500_00, 80_00, None)
    assert claims.lines.collect()["line_number"].to_list() == [1] * lines
    assert claims.report.table("lines").netted.get("row_of_claim_without_lines", 0) == netted
    assert counts_hold(claims)


def test_a_service_without_line_number_is_set_aside(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(), visit(None)])
    assert claims.report.table("lines").quarantined == {"line_number_missing": 1}


@pytest.mark.parametrize("column", ["claim_start_date", "paid_date", "discharge_date"])
def test_unreadable_dates_set_the_claim_aside(tmp_path: Path, column: str) -> None:
    claims = read_tables(tmp_path, medical_claim=[visit(**{column: "03/08/2024"}), visit(2)])
    assert claims.report.table("claims").quarantined == {f"{column}_not_a_date": 1}
    assert claims.report.table("lines").quarantined == {"claim_quarantined": 2}


def test_outpatient_lines_without_a_date_stay_so(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, medical_claim=[stay(bill_type_code="131")])
    assert claims.lines.collect()["service_date"].to_list() == [None]
    assert claims.report.tallies == {"outpatient lines without a date: they trigger nothing": 1}


# --- people -------------------------------------------------------------------------------------------------


def coverage_of(claims: ep.Claims) -> set[tuple[str, str, str | None]]:
    frame = claims.coverage.select(pl.col("kind", "start_date", "end_date").cast(pl.String)).collect()
    return set(frame.rows())


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, {"part_a", "part_b"}),
        ({"plan": "Medicare Part A"}, {"part_a"}),
        ({"plan": "part_b"}, {"part_b"}),
        ({"plan": "parts a and b"}, {"part_a", "part_b"}),
        ({"plan": "Medicare Part D"}, set()),
        ({"payer_type": "medicare advantage"}, {"part_a", "part_b", "medicare_advantage"}),
        ({"payer_type": "medicare", "plan": "Gold Advantage"}, {"part_a", "part_b", "medicare_advantage"}),
        ({"payer_type": "commercial", "medicare_status_code": None}, {"medical"}),
        ({"payer_type": "self-insured", "medicare_status_code": None}, {"medical"}),
        ({"payer_type": "medicaid", "medicare_status_code": None}, set()),
        ({"payer_type": "medicaid", "medicare_status_code": None, "dual_status_code": "2"}, {"full_dual"}),
        ({"payer_type": None}, {"part_a", "part_b"}),
        ({"payer_type": None, "medicare_status_code": None}, {"unknown"}),
        ({"dual_status_code": "08"}, {"part_a", "part_b", "full_dual"}),
        ({"dual_status_code": "05"}, {"part_a", "part_b", "partial_dual"}),
        ({"dual_status_code": "00"}, {"part_a", "part_b"}),
        ({"medicare_status_code": "21"}, {"part_a", "part_b", "esrd"}),
        ({"medicare_status_code": "31"}, {"part_a", "part_b", "esrd", "esrd_entitlement"}),
        (
            {"medicare_status_code": None, "original_reason_entitlement_code": "2"},
            {"part_a", "part_b", "esrd_entitlement"},
        ),
        ({"long_term_institutional_flag": 1}, {"part_a", "part_b", "long_term_institution"}),
    ],
)
def test_a_span_covers(tmp_path: Path, changes: Row, kinds: set[str]) -> None:
    claims = read_tables(tmp_path, eligibility=[span(**changes)])
    assert coverage_of(claims) == {(kind, "2024-01-01", "2024-12-31") for kind in kinds}


def test_spans_that_meet_are_one_interval(tmp_path: Path) -> None:
    spans = [
        ("2024-01-01", "2024-03-31"),
        ("2024-02-01", "2024-02-29"),
        ("2024-04-01", "2024-04-30"),
        ("2024-05-02", "2024-05-31"),
        ("2025-01-01", "9999-12-31"),
        ("2026-01-01", None),
        (None, None),
    ]
    rows = [span(enrollment_start_date=start, enrollment_end_date=end, plan="part a") for start, end in spans]
    claims = read_tables(tmp_path, eligibility=[*rows, rows[0]])
    assert coverage_of(claims) == {
        ("part_a", "2024-01-01", "2024-04-30"),
        ("part_a", "2024-05-02", "2024-05-31"),
        ("part_a", "2025-01-01", None),
    }
    assert claims.report.table("beneficiaries").netted == {"exact_duplicate": 1, "further_span_of_same_person": 6}
    assert claims.report.table("coverage").rows_in == 3
    assert counts_hold(claims)


def test_the_latest_span_describes_a_person(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        eligibility=[
            span(
                enrollment_start_date="2025-01-01", enrollment_end_date=None, state="PA", gender=None, birth_date=None
            ),
            span(death_date="2025-02-01 00:00:00", gender="M"),
        ],
    )
    [person] = rows_of(claims, "beneficiaries")
    assert (person["sex"], person["state"], person["original_entitlement_reason"]) == ("1", "PA", "0")
    assert (person["birth_date"], person["death_date"]) == (dt.date(1943, 3, 21), dt.date(2025, 2, 1))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"birth_date": "21.3.1943"}, "birth_date_not_a_date"),
        ({"enrollment_start_date": "soon"}, "enrollment_start_date_not_a_date"),
        ({"enrollment_end_date": "2023-01-01"}, "enrollment_end_before_start"),
    ],
)
def test_unreadable_spans_are_set_aside_alone(tmp_path: Path, changes: Row, reason: str) -> None:
    claims = read_tables(tmp_path, eligibility=[span(**changes), span(enrollment_start_date="2024-07-01")])
    assert claims.report.table("beneficiaries").quarantined == {reason: 1}
    assert coverage_of(claims) == {(part, "2024-07-01", "2024-12-31") for part in ("part_a", "part_b")}
    assert counts_hold(claims)


# --- a whole delivery ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuva")
    bundled = ep.read_claims(ep.synthetic.bundled_folder())
    people = bundled.beneficiaries.collect()["beneficiary_id"].head(300)
    of_people = pl.col("beneficiary_id").is_in(people.to_list())
    tables = {name: bundled.table(name).filter(of_people).collect() for name in ("claims", "lines", "beneficiaries")}
    tuva.write(tables | {"coverage": bundled.coverage.filter(of_people).collect()}, folder, form="csv")
    return folder


def test_money_equals_the_raw_text(delivery: Path) -> None:
    claims = read(delivery)
    raw = f"read_csv('{delivery}/medical_claim.csv', all_varchar=true)"

    def raw_sum(amount: str, bills: str) -> Decimal:
        query = f"select sum({amount}::decimal(18, 2)) from {raw} where {bills}"
        return Decimal(duckdb.sql(query).fetchall()[0][0])

    whole = "claim_type = 'institutional' and left(bill_type_code, 2) in ('11', '21', '32', '81')"
    paid_as_whole = claims.claims.filter(
        pl.col("setting").cast(pl.String).is_in(["inpatient", "snf", "home_health", "hospice"])
    )
    by_line = claims.lines.join(paid_as_whole, on=["beneficiary_id", "claim_id"], how="anti").join(
        claims.claims.filter(pl.col("setting").cast(pl.String) != "drug"), on=["beneficiary_id", "claim_id"], how="semi"
    )
    for column, amount in (("paid_cents", "paid_amount"), ("allowed_cents", "allowed_amount")):
        for frame, bills in ((paid_as_whole, whole), (by_line, f"not coalesce({whole}, false)")):
            assert Decimal(frame.select(pl.col(column).sum()).collect().item()) / 100 == raw_sum(amount, bills)
    rows = duckdb.sql(f"select count(*), count(distinct claim_id) from {raw}").fetchall()[0]
    drugs = duckdb.sql(f"select count(*) from read_csv('{delivery}/pharmacy_claim.csv')").fetchall()[0][0]
    assert claims.report.table("lines").rows_in == rows[0] + drugs
    assert claims.report.table("claims").rows_in == rows[1] + drugs
    assert counts_hold(claims)


def test_the_parts_of_a_delivery_make_up_the_whole(delivery: Path) -> None:
    """Divided among people, rows and counts are those of the whole."""
    whole = read(delivery)
    rows = rows_of_files(delivery, ReadingReport(layout="tuva"))
    parts = []
    for bucket in range(3):
        of_bucket = {}
        for kind, frame in rows.items():
            column = tuva.PERSON_COLUMNS[kind]
            assert column is not None
            buckets = pl.Series([beneficiary_hash(key) % 3 for key in frame[column]])
            of_bucket[kind] = frame.filter(buckets == bucket)
        report = ReadingReport(layout="tuva")
        parts.append(ep.Claims(**tuva.reshape(of_bucket, report), report=report))
    for name in ("claims", "lines", "beneficiaries", "coverage"):
        together = pl.concat([part.table(name).collect() for part in parts])
        key = [
            column
            for column in ("beneficiary_id", "claim_id", "line_number", "kind", "start_date")
            if column in together
        ]
        assert together.sort(key).equals(whole.table(name).collect().sort(key))
        assert sum(part.report.table(name).rows_in for part in parts) == whole.report.table(name).rows_in


def test_columns_are_those_of_the_input_layer(shared_folder: Path) -> None:
    listed = pl.read_csv(shared_folder / "claims" / "tuva_input_layer" / "tuva_input_layer_columns.csv")
    for name, table in TABLES.items():
        assert list(table.columns) == listed.filter(table=name).sort("position")["column"].to_list()


def test_a_damaged_file_with_the_name_of_a_table_is_not_passed_over(tmp_path: Path) -> None:
    bundled = ep.read_claims(ep.synthetic.bundled_folder())
    tuva.write(
        {name: bundled.table(name).collect() for name in ("claims", "lines", "beneficiaries", "coverage")}, tmp_path
    )
    damaged = tmp_path / "medical_claim.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(LayoutError, match="medical_claim"):
        ep.read_claims(tmp_path, layout="tuva")
    pl.DataFrame({"other": ["column"]}).write_parquet(damaged)
    with pytest.raises(LayoutError, match="has other columns"):
        ep.read_claims(tmp_path, layout="tuva")
