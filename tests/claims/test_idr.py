"""The IDR layout: each rule on tiny tables, and the public sample against independent queries."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import episodes as ep
from episodes.claims.layouts import idr
from episodes.claims.layouts.layout import SourceFile
from episodes.claims.people import beneficiary_hash
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError

Row = dict[str, str]
Delivery = dict[str, list[Row]]

KEY = {"GEO_BENE_SK": "55419", "CLM_DT_SGNTR_SK": "692841068006", "CLM_NUM_SK": "1"}
CLAIM, PERSON = "0934141471689", "800678894"


def claim(kind: str = "60", **changes: str) -> Row:
    """A stay of four days paid 12,000; its key is that of every row beside it of the same type."""
    row = {
        **KEY,
        "CLM_UNIQ_ID": CLAIM,
        "CLM_TYPE_CD": kind,
        "BENE_SK": PERSON,
        "CLM_FROM_DT": "2024-03-07",
        "CLM_THRU_DT": "2024-03-11",
        "CLM_FINL_ACTN_IND": "Y",
        "CLM_LTST_CLM_IND": "Y",
        "CLM_EFCTV_DT": "2024-05-03",
        "CLM_PMT_AMT": "12000.00",
        "CLM_MDCR_DDCTBL_AMT": "",
        "CLM_MDCR_COINSRNC_AMT": "",
        "CLM_BLOOD_LBLTY_AMT": "",
        "CLM_ALOWD_CHRG_AMT": "",
        "CLM_BILL_FAC_TYPE_CD": "1",
        "CLM_BILL_CLSFCTN_CD": "1",
        "CLM_BILL_FREQ_CD": "1",
        "CLM_BLG_PRVDR_OSCAR_NUM": "360001",
        "PRVDR_BLG_PRVDR_NPI_NUM": "1104867175.0",
        "CLM_ATNDG_PRVDR_NPI_NUM": "1003488552",
        "CLM_OPRTG_PRVDR_NPI_NUM": "~",
    }
    return row | changes


def stay_details(kind: str = "60", **changes: str) -> Row:
    row = {
        **KEY,
        "CLM_TYPE_CD": kind,
        "DGNS_DRG_CD": "470",
        "BENE_PTNT_STUS_CD": "1",
        "CLM_MDCR_IP_BENE_DDCTBL_AMT": "1632.00",
        "CLM_MDCR_INSTNL_PRMRY_PYR_AMT": "",
        "CLM_MDCR_NPMT_RSN_CD": "~",
    }
    return row | changes


def line(kind: str = "71", number: str = "1", **changes: str) -> Row:
    row = {
        **KEY,
        "CLM_UNIQ_ID": CLAIM,
        "CLM_TYPE_CD": kind,
        "CLM_LINE_NUM": number,
        "CLM_LINE_FROM_DT": "2024-03-08",
        "CLM_LINE_THRU_DT": "2024-03-09",
        "CLM_LINE_HCPCS_CD": "99232",
        "HCPCS_1_MDFR_CD": "25",
        "HCPCS_2_MDFR_CD": "~",
        "CLM_LINE_CVRD_PD_AMT": "80.00",
        "CLM_LINE_ALOWD_CHRG_AMT": "100.00",
        "CLM_LINE_MDCR_DDCTBL_AMT": "",
        "CLM_LINE_MDCR_COINSRNC_AMT": "20.00",
        "CLM_LINE_BLOOD_DDCTBL_AMT": "",
        "CLM_LINE_REV_CTR_CD": "~",
        "CLM_LINE_SRVC_UNIT_QTY": "1.0",
        "CLM_LINE_SBMT_CHRG_AMT": "250.00",
        "CLM_POS_CD": "21",
        "CLM_RNDRG_PRVDR_TAX_NUM": "912834729",
        "CLM_LINE_DGNS_CD": "M1611",
    }
    return row | changes


def beside(kind: str, number: str = "1", **amounts: str) -> Row:
    """A row of a table beside the lines."""
    return {**KEY, "CLM_TYPE_CD": kind, "CLM_LINE_NUM": number} | amounts


def code(kind: str, place: str, **changes: str) -> Row:
    row = {
        **KEY,
        "CLM_TYPE_CD": "60",
        "CLM_PROD_TYPE_CD": kind,
        "CLM_VAL_SQNC_NUM": place,
        "CLM_DGNS_CD": "",
        "CLM_POA_IND": "~",
        "CLM_PRCDR_CD": "",
        "CLM_PRCDR_PRFRM_DT": "",
    }
    return row | changes


def person(key: str = PERSON, **changes: str) -> Row:
    row = {
        "BENE_SK": key,
        "BENE_XREF_SK": key,
        "BENE_XREF_EFCTV_SK": key,
        "BENE_BRTH_DT": "1943-03-21",
        "BENE_DEATH_DT": "",
        "BENE_SEX_CD": "2",
        "GEO_USPS_STATE_CD": "OH",
        "IDR_LTST_TRANS_FLG": "Y",
        "IDR_TRANS_EFCTV_TS": "2020-09-08T07:36:12.441931",
        "IDR_TRANS_OBSLT_TS": "9999-12-31T00:00:00.000000",
    }
    return row | changes


def entitlement(part: str, **changes: str) -> Row:
    row = {
        "BENE_SK": PERSON,
        "BENE_MDCR_ENTLMT_TYPE_CD": part,
        "BENE_MDCR_ENTLMT_STUS_CD": "Y",
        "BENE_RNG_BGN_DT": "2019-01-01",
        "BENE_RNG_END_DT": "9999-12-31",
        "IDR_LTST_TRANS_FLG": "Y",
    }
    return row | changes


def write(folder: Path, tables: Delivery) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        text = io.StringIO()
        columns = list(dict.fromkeys(column for row in rows for column in row))
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
        path = folder / name
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(content))
        elif name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(name.removesuffix(".zip"), content)
        else:
            (folder / (name if "." in name else f"{name}.csv")).write_bytes(content)
    return folder


def rows_of_files(files: list[SourceFile]) -> dict[str, pl.DataFrame]:
    rows: dict[str, list[pl.DataFrame]] = {}
    for file in files:
        rows.setdefault(file.kind, []).extend(idr.read_rows(file))
    return {kind: pl.concat(batches, how="diagonal") for kind, batches in rows.items()}


def read(path: Path) -> ep.Claims:
    report = ReadingReport(layout="idr")
    files = idr.source_files(path, report)
    tables: dict[str, Any] = idr.reshape(rows_of_files(files), report)
    return ep.Claims(**tables, report=report)


def read_tables(folder: Path, **tables: list[Row]) -> ep.Claims:
    return read(write(folder, tables))


def rows_of(claims: ep.Claims, table: str) -> list[dict[str, Any]]:
    return claims.table(table).collect().to_dicts()


def counts_hold(claims: ep.Claims) -> bool:
    return all(
        report.rows_in == report.rows_out + sum(report.netted.values()) + sum(report.quarantined.values())
        and report.rows_out == claims.table(name).collect().height
        for name, report in claims.report.tables.items()
    )


# --- files --------------------------------------------------------------------------------------------------


def test_tables_are_known_by_header_in_any_packing(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "a.csv": [claim()],
            "b.csv.gz": [line("60")],
            "c.csv.zip": [stay_details()],
            "people.csv": [{column.lower(): value for column, value in person().items()}],
            "CLM_FISS.csv": [{**KEY, "CLM_TYPE_CD": "60", "CLM_CRNT_STUS_CD": "P"}],
        },
    )
    (folder / "README.md").write_text("about these files")
    report = ReadingReport(layout="idr")
    files = idr.source_files(folder, report)
    assert [(file.path.name, file.kind) for file in files] == [
        ("a.csv", "CLM"),
        ("b.csv.gz", "CLM_LINE"),
        ("c.csv.zip", "CLM_INSTNL"),
        ("people.csv", "BENE_HSTRY"),
    ]
    assert report.files == []
    assert "2 files of IDR tables not read: CLM_FISS.csv, README.md" in report.notes
    assert idr.recognises(folder)
    assert idr.recognises(folder / "a.csv")
    assert read(folder).report.table("beneficiaries").rows_out == 1


@pytest.mark.parametrize(
    "header",
    ["DESYNPUF_ID,CLM_ID,CLM_DRG_CD", "beneficiary_id,claim_id,setting", "BENE_ID|CLM_ID|CLM_PMT_AMT", "", "a"],
)
def test_other_layouts_are_not_claimed(tmp_path: Path, header: str) -> None:
    (tmp_path / "claims.csv").write_text(header)
    assert not idr.recognises(tmp_path)


def test_a_file_that_lacks_columns_is_an_error(tmp_path: Path) -> None:
    row = claim()
    del row["CLM_FINL_ACTN_IND"]
    with pytest.raises(LayoutError, match=r"CLM\.csv: taken for the IDR table CLM, it lacks 1 column: CLM_FINL_ACTN"):
        read_tables(tmp_path, CLM=[row])


def test_lines_without_the_table_of_claims_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match=r"the table CLM is missing; found are the tables BENE_HSTRY, CLM_LINE"):
        read_tables(tmp_path, CLM_LINE=[line()], BENE_HSTRY=[person()])


def test_beneficiaries_alone_are_people_without_claims(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, BENE_HSTRY=[person()])
    assert claims.claims.collect().is_empty()
    assert "no claims file: beneficiaries only" in claims.report.notes


# --- claims paid as a whole ---------------------------------------------------------------------------------


def test_an_inpatient_claim(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim(CLM_MDCR_DDCTBL_AMT="2040.50", CLM_MDCR_COINSRNC_AMT="408.50", CLM_BLOOD_LBLTY_AMT="30.00")],
        CLM_INSTNL=[
            stay_details(
                CLM_MDCR_INSTNL_PRMRY_PYR_AMT="500.00",
                CLM_INSTNL_DRG_OUTLIER_AMT="700.00",
                CLM_MDCR_IP_PPS_OUTLIER_AMT="7.00",
                CLM_MDCR_IP_PPS_CPTL_IME_AMT="3.00",
                CLM_MDCR_IP_PPS_DSPRPRTNT_AMT="4.00",
                CLM_HIPPS_UNCOMPD_CARE_AMT="90.00",
            )
        ],
        CLM_VAL=[
            {**KEY, "CLM_TYPE_CD": "60", "CLM_VAL_CD": value, "CLM_VAL_AMT": amount, "CLM_VAL_SQNC_NUM": "1"}
            for value, amount in (("18", "40.00"), ("19", "30.00"), ("77", "250.00"), ("80", "5.00"))
        ],
        CLM_DT_SGNTR=[
            {
                "CLM_DT_SGNTR_SK": KEY["CLM_DT_SGNTR_SK"],
                "CLM_CMS_PROC_DT": "2024-04-20",
                "CLM_NCH_WKLY_PROC_DT": "2024-04-26",
                "CLM_ACTV_CARE_FROM_DT": "2024-03-07",
                "CLM_DSCHRG_DT": "2024-03-11",
            }
        ],
        CLM_LINE=[
            line("60", CLM_LINE_REV_CTR_CD="0120"),
            line("60", "2", CLM_LINE_REV_CTR_CD="0001", CLM_LINE_HCPCS_CD="~"),
        ],
    )
    [stay] = rows_of(claims, "claims")
    expected = {
        "beneficiary_id": PERSON,
        "claim_id": CLAIM,
        "setting": "inpatient",
        "from_date": dt.date(2024, 3, 7),
        "admission_date": dt.date(2024, 3, 7),
        "discharge_date": dt.date(2024, 3, 11),
        "discharge_status": "01",
        "ms_drg": "470",
        "ccn": "360001",
        "facility_npi": "1104867175",
        "attending_npi": "1003488552",
        "operating_npi": None,
        "bill_type": "111",
        "process_date": dt.date(2024, 4, 26),
        "paid_cents": 12_000_00,
        # 12,000 + 1,632 + 408.50 + 30 + 500; the total deductions of CLM are not added
        "allowed_cents": 14_570_50,
        "primary_payer_paid_cents": 500_00,
        "outlier_cents": 707_00,
        "ime_cents": 33_00,
        "dsh_cents": 44_00,
        "uncompensated_care_cents": 90_00,
        "new_technology_cents": 250_00,
        "standardized_cents": None,
    }
    assert {column: stay[column] for column in expected} == expected
    [service] = rows_of(claims, "lines")
    assert (service["revenue_center"], service["allowed_cents"], service["paid_cents"]) == ("0120", None, None)
    assert service["charge_cents"] == 250_00
    assert claims.report.table("lines").netted == {"total_line": 1}
    assert counts_hold(claims)


def test_diagnoses_lead_with_the_principal_and_come_once(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim()],
        CLM_PROD=[
            code("D", "10", CLM_DGNS_CD="E119", CLM_POA_IND="Y"),
            code("D", "2", CLM_DGNS_CD="I10"),
            code("D", "1", CLM_DGNS_CD="M1611", CLM_POA_IND="Y"),
            code("P", "1", CLM_DGNS_CD="M1611"),
            code("A", "1", CLM_DGNS_CD="R52"),
            code("E", "1", CLM_DGNS_CD="W5922XA", CLM_POA_IND="N"),
            code("S", "2", CLM_PRCDR_CD="30233N1", CLM_PRCDR_PRFRM_DT=""),
            code("S", "1", CLM_PRCDR_CD="0SR9019", CLM_PRCDR_PRFRM_DT="2024-03-08"),
        ],
    )
    [stay] = rows_of(claims, "claims")
    assert stay["diagnoses"] == ["M1611", "I10", "E119"]
    assert stay["present_on_admission"] == ["Y", None, "Y"]
    assert stay["procedures"] == ["0SR9019", "30233N1"]
    assert stay["procedure_dates"] == [dt.date(2024, 3, 8), None]


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        ("10", "home_health"),
        ("20", "snf"),
        ("30", "snf"),
        ("40", "outpatient"),
        ("50", "hospice"),
        ("60", "inpatient"),
        ("64", "inpatient"),
        ("71", "professional"),
        ("72", "professional"),
        ("81", "dme"),
        ("82", "dme"),
        ("1", "drug"),
        ("4", "drug"),
    ],
)
def test_the_claim_type_is_the_setting(tmp_path: Path, kind: str, setting: str) -> None:
    claims = read_tables(tmp_path, CLM=[claim(kind)], CLM_LINE=[line(kind)])
    [one] = rows_of(claims, "claims")
    assert one["setting"] == setting
    assert one["provider_type"] == ("swing_bed" if kind == "30" else None)
    [service] = rows_of(claims, "lines")
    assert (service["paid_cents"] is None) == (setting in ("home_health", "snf", "hospice", "inpatient"))


def test_an_unknown_claim_type_is_set_aside_with_its_lines(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, CLM=[claim("99")], CLM_LINE=[line("99")])
    assert claims.report.table("claims").quarantined == {"claim_type_not_known": 1}
    assert claims.report.table("lines").quarantined == {"claim_quarantined": 1}
    assert counts_hold(claims)


@pytest.mark.parametrize(("code", "low"), [("L", True), ("~", False), ("", False)])
def test_home_health_says_whether_it_is_low_utilization(tmp_path: Path, code: str, low: bool) -> None:
    claims = read_tables(
        tmp_path, CLM=[claim("10")], CLM_INSTNL=[stay_details("10", CLM_HHA_LUP_IND_CD=code, DGNS_DRG_CD="~")]
    )
    [one] = rows_of(claims, "claims")
    assert (one["low_utilization"], one["ms_drg"]) == (low, None)


@pytest.mark.parametrize(
    ("written", "drg"), [("8", "008"), ("0470", "470"), ("470.0", "470"), ("000", None), ("~", None)]
)
def test_drgs_have_three_digits(tmp_path: Path, written: str, drg: str | None) -> None:
    claims = read_tables(tmp_path, CLM=[claim()], CLM_INSTNL=[stay_details(DGNS_DRG_CD=written)])
    assert claims.claims.collect()["ms_drg"].to_list() == [drg]


@pytest.mark.parametrize("written", ["9999-12-31", "0001-01-01", "1000-01-01", "~", ""])
def test_dates_that_stand_for_none_are_null(tmp_path: Path, written: str) -> None:
    signature = {"CLM_DT_SGNTR_SK": KEY["CLM_DT_SGNTR_SK"], "CLM_CMS_PROC_DT": written, "CLM_DSCHRG_DT": written}
    claims = read_tables(tmp_path, CLM=[claim()], CLM_DT_SGNTR=[signature])
    [stay] = rows_of(claims, "claims")
    assert stay["discharge_date"] is None
    assert stay["process_date"] == dt.date(2024, 5, 3)


# --- versions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CLM_FINL_ACTN_IND": "N"}, "not_final_action"),
        ({"CLM_LTST_CLM_IND": "N"}, "not_final_action"),
        ({"CLM_TYPE_CD": "1011"}, "partially_adjudicated"),
        ({"CLM_TYPE_CD": "2800", "CLM_FINL_ACTN_IND": "N"}, "partially_adjudicated"),
        ({"CLM_TYPE_CD": "3"}, "deleted_drug_event"),
    ],
)
def test_claims_that_do_not_count_are_netted_with_their_lines(tmp_path: Path, changes: Row, reason: str) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim(**changes), claim("71", CLM_UNIQ_ID="2")],
        CLM_LINE=[line(CLM_TYPE_CD="60"), line("60", "2"), line(CLM_UNIQ_ID="2")],
    )
    assert claims.claims.collect()["claim_id"].to_list() == ["2"]
    assert claims.report.table("claims").netted == {reason: 1}
    assert claims.report.table("lines").netted == {reason: 2}
    assert claims.report.netted["claims"].rows() == [(PERSON, CLAIM, reason, None, 12_000_00)]
    assert counts_hold(claims)


@pytest.mark.parametrize(
    ("kind", "reason", "paid", "netted"),
    [
        ("60", "N", "0.00", True),
        ("60", "B", "", True),
        ("60", "P", "0.00", False),
        ("60", "N", "5.00", False),
        ("40", "R", "0.00", True),
        ("71", "N", "0.00", False),
    ],
)
def test_unpaid_institutional_claims_with_a_reason_are_denied(
    tmp_path: Path, kind: str, reason: str, paid: str, netted: bool
) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim(kind, CLM_PMT_AMT=paid)],
        CLM_INSTNL=[stay_details(kind, CLM_MDCR_NPMT_RSN_CD=reason)],
        CLM_LINE=[line(kind, CLM_LINE_CVRD_PD_AMT="0.00")],
    )
    for table in ("claims", "lines"):
        assert claims.report.table(table).netted == ({"denied": 1} if netted else {})
    assert ("denied claims that carry a payment, kept" in claims.report.tallies) == (paid == "5.00")
    assert counts_hold(claims)


@pytest.mark.parametrize(("code", "netted"), [("0", True), ("00", True), ("1", False), ("~", False)])
def test_unpaid_professional_claims_with_a_denial_code_are_denied(tmp_path: Path, code: str, netted: bool) -> None:
    detail = {**KEY, "CLM_TYPE_CD": "71", "CLM_MDCR_PRFNL_PRMRY_PYR_AMT": "", "CLM_CARR_PMT_DNL_CD": code}
    claims = read_tables(tmp_path, CLM=[claim("71", CLM_PMT_AMT="0.00")], CLM_PRFNL=[detail])
    assert claims.report.table("claims").netted == ({"denied": 1} if netted else {})


@pytest.mark.parametrize(
    ("indicator", "paid", "netted"),
    [("D", "0.00", True), ("A", "0.00", False), ("S", "0.00", False), ("~", "0.00", False), ("D", "3.00", False)],
)
def test_unpaid_lines_that_were_not_allowed_are_denied(tmp_path: Path, indicator: str, paid: str, netted: bool) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim("71")],
        CLM_LINE=[line(CLM_LINE_CVRD_PD_AMT=paid), line(number="2")],
        CLM_LINE_PRFNL=[beside("71", CLM_BENE_PRMRY_PYR_PD_AMT="", CLM_PRCSG_IND_CD=indicator)],
    )
    assert claims.report.table("lines").netted == ({"denied": 1} if netted else {})
    assert counts_hold(claims)


def test_a_blank_indicator_says_nothing_against_a_claim(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, CLM=[claim(CLM_FINL_ACTN_IND="~", CLM_LTST_CLM_IND="")])
    assert claims.report.table("claims").rows_out == 1


def test_the_version_that_counts_decides_over_the_lines(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, CLM=[claim("71", CLM_FINL_ACTN_IND="N"), claim("71")], CLM_LINE=[line()])
    assert claims.report.table("claims").netted == {"not_final_action": 1}
    assert claims.report.table("lines").rows_out == 1


def test_rows_met_twice_count_once(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim("71"), claim("71")],
        CLM_LINE=[line(), line()],
        CLM_LINE_PRFNL=[beside("71", CLM_BENE_PRMRY_PYR_PD_AMT="5.00")] * 2,
        BENE_HSTRY=[person(), person()],
    )
    assert claims.report.table("claims").netted == {"exact_duplicate": 1}
    assert claims.report.table("lines").netted == {"exact_duplicate": 1}
    assert claims.lines.collect()["primary_payer_paid_cents"].to_list() == [5_00]
    assert counts_hold(claims)


def test_rows_that_contradict_each_other_set_their_claim_aside(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim()],
        CLM_INSTNL=[stay_details(), stay_details(CLM_MDCR_IP_BENE_DDCTBL_AMT="0.00")],
    )
    assert claims.report.table("claims").quarantined == {"contradicting_rows": 1}


def test_two_claims_of_one_id_are_set_aside(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, CLM=[claim("71"), claim("71", CLM_PMT_AMT="1.00")], CLM_LINE=[line()])
    assert claims.report.table("claims").quarantined == {"duplicate_key": 2}
    assert claims.report.table("lines").quarantined == {"claim_quarantined": 1}
    assert counts_hold(claims)


# --- lines --------------------------------------------------------------------------------------------------


def test_a_professional_line(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim("71", CLM_RNDRG_PRVDR_NPI_NUM="1437702123.0")],
        CLM_LINE=[line()],
        CLM_LINE_PRFNL=[beside("71", CLM_BENE_PRMRY_PYR_PD_AMT="12.00", CLM_PRVDR_SPCLTY_CD="20")],
    )
    [service] = rows_of(claims, "lines")
    expected = {
        "line_number": 1,
        "service_date": dt.date(2024, 3, 8),
        "service_thru": dt.date(2024, 3, 9),
        "hcpcs": "99232",
        "modifiers": ["25"],
        "revenue_center": None,
        "place_of_service": "21",
        "rendering_npi": "1437702123",
        "tin": "912834729",
        "specialty": "20",
        "units": 1.0,
        "allowed_cents": 100_00,
        "paid_cents": 80_00,
        "primary_payer_paid_cents": 12_00,
        "charge_cents": 250_00,
        "diagnosis": "M1611",
    }
    assert {column: service[column] for column in expected} == expected
    [header] = rows_of(claims, "claims")
    assert (header["ccn"], header["bill_type"], header["facility_npi"]) == (None, None, None)


def test_a_professional_line_without_an_allowed_charge_adds_up_its_parts(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path, CLM=[claim("71")], CLM_LINE=[line(CLM_LINE_ALOWD_CHRG_AMT="", CLM_LINE_MDCR_DDCTBL_AMT="5.00")]
    )
    assert claims.lines.collect()["allowed_cents"].to_list() == [105_00]


@pytest.mark.parametrize(("reduced", "coinsurance"), [("", 60_00), ("0.00", 60_00), ("45.00", 45_00)])
def test_an_outpatient_line(tmp_path: Path, reduced: str, coinsurance: int) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim("40", CLM_PMT_AMT="300.00")],
        CLM_LINE=[
            line(
                "40",
                CLM_LINE_CVRD_PD_AMT="300.00",
                CLM_LINE_MDCR_DDCTBL_AMT="10.00",
                CLM_LINE_BLOOD_DDCTBL_AMT="1.00",
                CLM_LINE_REV_CTR_CD="360",
                CLM_LINE_ALOWD_CHRG_AMT="9.00",
            )
        ],
        CLM_LINE_INSTNL=[
            beside(
                "40",
                CLM_LINE_INSTNL_ADJSTD_AMT="60.00",
                CLM_LINE_INSTNL_RDCD_AMT=reduced,
                CLM_LINE_INSTNL_MSP1_PD_AMT="20.00",
                CLM_LINE_INSTNL_MSP2_PD_AMT="2.00",
                CLM_LINE_INSTNL_REV_CTR_DT="2024-03-10",
                CLM_REV_CNTR_STUS_CD="J1",
                CLM_REV_APC_HIPPS_CD="05115",
            )
        ],
    )
    [service] = rows_of(claims, "lines")
    assert (service["revenue_center"], service["status_indicator"], service["apc"]) == ("0360", "J1", "5115")
    assert (service["service_date"], service["service_thru"]) == (dt.date(2024, 3, 10), None)
    assert service["paid_cents"] == 300_00
    assert service["primary_payer_paid_cents"] == 22_00
    assert service["allowed_cents"] == 300_00 + 10_00 + 1_00 + 22_00 + coinsurance


def test_a_payment_on_the_header_only_is_booked_on_the_first_line(tmp_path: Path) -> None:
    unpaid = {"CLM_LINE_CVRD_PD_AMT": "0.00", "CLM_LINE_MDCR_DDCTBL_AMT": "7.00"}
    claims = read_tables(
        tmp_path,
        CLM=[claim("40", CLM_PMT_AMT="300.00", CLM_MDCR_COINSRNC_AMT="60.00", CLM_MDCR_DDCTBL_AMT="7.00")],
        CLM_LINE=[line("40", "10", **unpaid), line("40", "2", **unpaid)],
    )
    lines = claims.lines.select("line_number", "paid_cents", "allowed_cents").collect()
    assert lines.sort("line_number").rows() == [(2, 300_00, 367_00), (10, 0, 0)]
    assert claims.report.tallies["outpatient claims without payments on their lines, booked on their first line"] == 1


def test_a_drug_line(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim("1")],
        CLM_LINE=[line("1", CLM_LINE_BENE_PMT_AMT="4.00", CLM_LINE_ALOWD_CHRG_AMT="")],
        CLM_LINE_RX=[
            beside(
                "1",
                CLM_LINE_LIS_AMT="3.00",
                CLM_LINE_INGRDNT_CST_AMT="90.00",
                CLM_LINE_SRVC_CST_AMT="2.50",
                CLM_LINE_SLS_TAX_AMT="0.50",
                CLM_LINE_VCCN_ADMIN_FEE_AMT="",
            )
        ],
    )
    [service] = rows_of(claims, "lines")
    assert (service["paid_cents"], service["allowed_cents"]) == (83_00, 93_00)


def test_a_drug_line_without_costs_adds_up_what_was_paid(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path, CLM=[claim("1")], CLM_LINE=[line("1", CLM_LINE_BENE_PMT_AMT="4.00", CLM_LINE_ALOWD_CHRG_AMT="")]
    )
    assert claims.lines.collect()["allowed_cents"].to_list() == [84_00]


def test_a_service_of_the_total_revenue_center_is_a_line(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, CLM=[claim("40")], CLM_LINE=[line("40", CLM_LINE_REV_CTR_CD="0001")])
    assert claims.report.table("lines").rows_out == 1


def test_a_line_without_its_claim_is_set_aside(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, CLM=[claim("71")], CLM_LINE=[line(), line(CLM_UNIQ_ID="7")])
    assert claims.report.table("lines").quarantined == {"claim_missing": 1}
    assert counts_hold(claims)


def test_lines_may_name_their_claim_by_the_four_part_key_alone(tmp_path: Path) -> None:
    service = line()
    del service["CLM_UNIQ_ID"]
    claims = read_tables(tmp_path, CLM=[claim("71")], CLM_LINE=[service])
    assert claims.lines.collect()["claim_id"].to_list() == [CLAIM]


@pytest.mark.parametrize("written", ["12.005", "1e3", "free", "1 000"])
def test_what_is_not_an_amount_is_set_aside(tmp_path: Path, written: str) -> None:
    claims = read_tables(
        tmp_path,
        CLM=[claim("71"), claim(CLM_UNIQ_ID="2", CLM_PMT_AMT=written)],
        CLM_LINE=[line(CLM_LINE_CVRD_PD_AMT=written)],
    )
    assert claims.report.table("claims").quarantined == {"paid_amount_not_an_amount": 1}
    assert claims.report.table("lines").quarantined == {"paid_amount_not_an_amount": 1}
    assert counts_hold(claims)


# --- people -------------------------------------------------------------------------------------------------


def crossed(current: str, old: str, credit: str) -> Row:
    return {"BENE_SK": current, "BENE_XREF_SK": old, "BENE_KILL_CRED_CD": credit, "SRC_REC_UPDT_TS": "2020-11-10"}


@pytest.mark.parametrize(
    ("references", "people"),
    [
        ([], {"new"}),
        ([crossed("new", "old", "2")], {"new"}),
        ([crossed("new", "old", "1")], {"new", "old"}),
        ([crossed("new", "old", "1"), crossed("new", "old", "2") | {"SRC_REC_UPDT_TS": "2021-01-01"}], {"new"}),
    ],
)
def test_merged_keys_are_one_person(tmp_path: Path, references: list[Row], people: set[str]) -> None:
    tables = {
        "CLM": [claim("71", BENE_SK="old"), claim("71", BENE_SK="new", CLM_UNIQ_ID="2")],
        "CLM_LINE": [line(), line(CLM_UNIQ_ID="2")],
        "BENE_HSTRY": [
            person("old", BENE_XREF_SK="new", BENE_XREF_EFCTV_SK="new", IDR_LTST_TRANS_FLG="N"),
            person("new", GEO_USPS_STATE_CD="PA"),
        ],
        "BENE_MDCR_ENTLMT": [entitlement("A", BENE_SK="old")],
    }
    if references:
        tables["BENE_XREF"] = references
    claims = read(write(tmp_path, tables))
    assert set(claims.claims.collect()["beneficiary_id"]) == people
    assert set(claims.lines.collect()["beneficiary_id"]) == people
    assert set(claims.beneficiaries.collect()["beneficiary_id"]) == people
    assert set(claims.coverage.collect()["beneficiary_id"]) <= people
    assert counts_hold(claims)


def test_a_merge_may_stand_in_the_cross_references_alone(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, CLM=[claim(BENE_SK="old")], BENE_XREF=[crossed("new", "old", "2")])
    assert claims.claims.collect()["beneficiary_id"].to_list() == ["new"]


def test_the_latest_record_describes_a_person(tmp_path: Path) -> None:
    claims = read_tables(
        tmp_path,
        BENE_HSTRY=[
            person(GEO_USPS_STATE_CD="~", BENE_DEATH_DT=""),
            person(
                IDR_LTST_TRANS_FLG="N",
                IDR_TRANS_OBSLT_TS="2021-03-21T00:00:00",
                BENE_DEATH_DT="2020-01-01",
                BENE_SEX_CD="1",
            ),
        ],
        BENE_MDCR_ENTLMT_RSN=[
            {
                "BENE_SK": PERSON,
                "BENE_MDCR_ENTLMT_RSN_CD": reason,
                "BENE_RNG_BGN_DT": day,
                "BENE_RNG_END_DT": "9999-12-31",
            }
            for reason, day in (("0", "2020-01-01"), ("1", "2012-01-01"))
        ],
    )
    [one] = rows_of(claims, "beneficiaries")
    assert (one["birth_date"], one["sex"], one["state"]) == (dt.date(1943, 3, 21), "2", "OH")
    # The later record takes the death back.
    assert one["death_date"] is None
    assert one["original_entitlement_reason"] == "1"
    assert claims.report.table("beneficiaries").netted == {"earlier_record_of_same_person": 1}


def test_ranges_become_coverage(tmp_path: Path) -> None:
    open_range = {"BENE_SK": PERSON, "BENE_RNG_BGN_DT": "2020-01-01", "BENE_RNG_END_DT": "9999-12-31"}
    dual = {"BENE_SK": PERSON, "BENE_MDCD_ELGBLTY_BGN_DT": "2020-01-01", "BENE_MDCD_ELGBLTY_END_DT": "2020-06-30"}
    plan = {"BENE_SK": PERSON, "BENE_ENRLMT_BGN_DT": "2020-01-01", "BENE_ENRLMT_END_DT": "2020-12-31"}
    claims = read_tables(
        tmp_path,
        BENE_HSTRY=[person()],
        BENE_MDCR_ENTLMT=[
            entitlement("A"),
            entitlement("B", BENE_RNG_END_DT="2022-05-31"),
            entitlement("B", BENE_MDCR_ENTLMT_STUS_CD="N"),
            entitlement("A", IDR_LTST_TRANS_FLG="N"),
        ],
        BENE_MDCR_STUS=[
            {"BENE_SK": PERSON, "BENE_MDCR_STUS_CD": status, "MDCR_STUS_BGN_DT": "2021-01-01", "MDCR_STUS_END_DT": ""}
            for status in ("31", "20")
        ],
        BENE_MDCR_ENTLMT_RSN=[open_range | {"BENE_MDCR_ENTLMT_RSN_CD": reason} for reason in ("0", "2")],
        BENE_CMBND_DUAL_MDCR=[dual | {"BENE_DUAL_STUS_CD": status} for status in ("08", "01", "09")],
        BENE_LIS=[open_range | {"BENE_LIS_EFCTV_CD": "Y"}],
        BENE_MAPD_ENRLMT=[plan | {"BENE_CVRG_TYPE_CD": kind, "BENE_CNTRCT_NUM": "H1234"} for kind in ("3", "11")],
    )
    intervals = claims.coverage.select(pl.col("kind").cast(pl.String), "start_date", "end_date", "detail").collect()
    day = dt.date
    assert sorted(intervals.rows()) == [
        ("esrd", day(2021, 1, 1), None, None),
        ("esrd_entitlement", day(2021, 1, 1), None, None),
        ("full_dual", day(2020, 1, 1), day(2020, 6, 30), None),
        ("low_income_subsidy", day(2020, 1, 1), None, None),
        ("medicare_advantage", day(2020, 1, 1), day(2020, 12, 31), "H1234"),
        ("part_a", day(2019, 1, 1), None, None),
        ("part_b", day(2019, 1, 1), day(2022, 5, 31), None),
        ("partial_dual", day(2020, 1, 1), day(2020, 6, 30), None),
    ]
    assert claims.report.table("coverage").netted == {"superseded_record": 1, "covers_nothing_that_is_read": 6}
    assert counts_hold(claims)


@pytest.mark.parametrize(("status", "kinds"), [("~", set()), ("11", {"esrd"}), ("31", {"esrd", "esrd_entitlement"})])
def test_entitlement_by_renal_disease_follows_the_status_where_it_is_told(
    tmp_path: Path, status: str, kinds: set[str]
) -> None:
    told = {"BENE_SK": PERSON, "BENE_MDCR_STUS_CD": status, "MDCR_STUS_BGN_DT": "2021-01-01", "MDCR_STUS_END_DT": ""}
    reason = {"BENE_MDCR_ENTLMT_RSN_CD": "2", "BENE_RNG_BGN_DT": "2020-01-01", "BENE_RNG_END_DT": "9999-12-31"}
    claims = read_tables(
        tmp_path,
        BENE_HSTRY=[person(), person("other")],
        BENE_MDCR_STUS=[told],
        BENE_MDCR_ENTLMT_RSN=[reason | {"BENE_SK": key} for key in (PERSON, "other")],
    )
    by_person = claims.coverage.select("beneficiary_id", pl.col("kind").cast(pl.String)).collect()
    assert set(by_person.filter(beneficiary_id="other")["kind"]) == {"esrd_entitlement"}
    assert set(by_person.filter(beneficiary_id=PERSON)["kind"]) == kinds
    assert counts_hold(claims)


def test_merges_are_followed_to_their_end_and_circles_are_not(tmp_path: Path) -> None:
    keys = {"a": "b", "b": "c", "c": "c", "x": "y", "y": "x"}
    claims = read_tables(
        tmp_path,
        CLM=[claim("71", BENE_SK=key, CLM_UNIQ_ID=key) for key in keys],
        BENE_HSTRY=[person(key, BENE_XREF_EFCTV_SK=current, BENE_XREF_SK=current) for key, current in keys.items()],
    )
    assert claims.claims.collect()["beneficiary_id"].to_list() == ["c", "c", "c", "x", "y"]
    assert sorted(claims.beneficiaries.collect()["beneficiary_id"]) == ["c", "x", "y"]


def test_a_person_key_of_zero_is_none(tmp_path: Path) -> None:
    claims = read_tables(tmp_path, CLM=[claim("71", BENE_SK="0")], CLM_LINE=[line()])
    assert claims.report.table("claims").quarantined == {"beneficiary_id_missing": 1}
    assert claims.report.table("lines").quarantined == {"beneficiary_id_missing": 1}


# --- public sample ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(shared_folder: Path) -> tuple[Path, ep.Claims]:
    folder = shared_folder / "claims" / "idr_bfd_v3_samples" / "claims"
    return folder, read(folder)


def raw(folder: Path, name: str) -> str:
    return f"read_csv('{folder}/SYNTHETIC_{name}.csv.gz', all_varchar=true)"


def scalar(query: str) -> Any:
    return duckdb.sql(query).fetchall()[0][0]


def counting(folder: Path, types: str) -> str:
    """The claims that count, of some types."""
    return (
        f"(select * from {raw(folder, 'CLM')} where CLM_FINL_ACTN_IND = 'Y' and CLM_LTST_CLM_IND = 'Y'"
        f" and CLM_TYPE_CD in ({types}))"
    )


def dollars(frame: pl.LazyFrame, column: str) -> Decimal:
    return Decimal(frame.select(pl.col(column).sum()).collect().item()) / 100


def of_setting(claims: ep.Claims, *settings: str) -> pl.LazyFrame:
    return claims.claims.filter(pl.col("setting").cast(pl.String).is_in(settings))


def test_sample_every_row_is_accounted_for(sample: tuple[Path, ep.Claims]) -> None:
    folder, claims = sample
    assert idr.recognises(folder)
    for table, name in (("claims", "CLM"), ("lines", "CLM_LINE"), ("beneficiaries", "BENE_HSTRY")):
        assert claims.report.table(table).rows_in == scalar(f"select count(*) from {raw(folder, name)}")
    assert claims.report.table("claims").netted == {
        "partially_adjudicated": 27,
        "not_final_action": 2,
        "deleted_drug_event": 2,
    }
    assert claims.report.quarantined_rows() == 0
    assert counts_hold(claims)


def test_sample_money_of_whole_claims_equals_the_raw_text(sample: tuple[Path, ep.Claims]) -> None:
    folder, claims = sample
    stays = "'20', '30', '60'"
    paid = scalar(f"select sum(CLM_PMT_AMT::decimal(20, 2)) from {counting(folder, stays)}")
    of_stays = of_setting(claims, "inpatient", "snf")
    assert dollars(of_stays, "paid_cents") == paid
    shares = scalar(
        "select sum(coalesce(CLM_MDCR_COINSRNC_AMT::decimal(20, 2), 0)"
        " + coalesce(CLM_BLOOD_LBLTY_AMT::decimal(20, 2), 0)"
        " + coalesce(CLM_MDCR_IP_BENE_DDCTBL_AMT::decimal(20, 2), 0)"
        " + coalesce(CLM_MDCR_INSTNL_PRMRY_PYR_AMT::decimal(20, 2), 0))"
        f" from {counting(folder, stays)} left join {raw(folder, 'CLM_INSTNL')}"
        " using (GEO_BENE_SK, CLM_DT_SGNTR_SK, CLM_TYPE_CD, CLM_NUM_SK)"
    )
    assert dollars(of_stays, "allowed_cents") == paid + shares


def test_sample_money_of_lines_equals_the_raw_text(sample: tuple[Path, ep.Claims]) -> None:
    folder, claims = sample
    for setting, types in (("outpatient", "'40'"), ("professional", "'71', '72'"), ("dme", "'81', '82'")):
        lines = claims.lines.join(of_setting(claims, setting), on=["beneficiary_id", "claim_id"], how="semi")
        total = "and CLM_LINE_REV_CTR_CD <> '0001'" if setting == "outpatient" else ""
        claim_rows = f"{counting(folder, types)} as claim"
        source = f"from {raw(folder, 'CLM_LINE')} join {claim_rows} using (CLM_UNIQ_ID) where true {total}"
        assert dollars(lines, "paid_cents") == scalar(f"select sum(CLM_LINE_CVRD_PD_AMT::decimal(20, 2)) {source}")
        if setting != "outpatient":
            assert dollars(lines, "allowed_cents") == scalar(
                f"select sum(CLM_LINE_ALOWD_CHRG_AMT::decimal(20, 2)) {source}"
            )


def test_sample_people_are_the_keys_in_force(sample: tuple[Path, ep.Claims]) -> None:
    folder, claims = sample
    current = scalar(
        f"select count(distinct coalesce(if(x.BENE_KILL_CRED_CD <> '2', h.BENE_SK, h.BENE_XREF_EFCTV_SK), h.BENE_SK))"
        f" from {raw(folder, 'BENE_HSTRY')} h left join {raw(folder, 'BENE_XREF')} x"
        " on x.BENE_SK = h.BENE_XREF_SK and x.BENE_XREF_SK = h.BENE_SK"
    )
    assert claims.beneficiaries.collect().height == current


def test_sample_is_the_same_whatever_the_buckets(sample: tuple[Path, ep.Claims]) -> None:
    """Divided among people by the layout's person columns, the parts make up the whole, rows and counts."""
    folder, whole = sample
    rows = rows_of_files(idr.source_files(folder, ReadingReport(layout="idr")))
    parts = []
    for bucket in range(3):
        of_bucket = {
            kind: frame
            if (column := idr.PERSON_COLUMNS[kind]) is None
            else frame.filter(
                pl.col(column).fill_null("").map_elements(lambda key: beneficiary_hash(key) % 3, pl.UInt64) == bucket
            )
            for kind, frame in rows.items()
        }
        report = ReadingReport(layout="idr")
        parts.append(ep.Claims(**idr.reshape(of_bucket, report), report=report))
    for name in ("claims", "lines", "beneficiaries", "coverage"):
        together = pl.concat([part.table(name).collect() for part in parts])
        assert together.height == whole.table(name).collect().height
        columns = [column for column, dtype in together.schema.items() if not dtype.is_nested()]
        assert together.select(columns).sort(columns).equals(whole.table(name).collect().select(columns).sort(columns))
        counts = [part.report.table(name) for part in parts]
        assert sum(part.rows_in for part in counts) == whole.report.table(name).rows_in
