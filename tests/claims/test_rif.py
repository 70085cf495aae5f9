"""RIF claims files: each rule on a tiny file, and the public samples against independent queries."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import episodes as ep
from claims.rif_files import (
    PERSON,
    Row,
    as_text,
    carrier,
    claim,
    drug_event,
    equipment,
    home_health,
    hospice,
    inpatient,
    netted,
    outpatient,
    read,
    read_these,
    rows_of,
    snf,
)
from episodes.claims.layouts import rif
from episodes.claims.layouts.rif_columns import CLAIM_KINDS, columns_of
from episodes.claims.layouts.text_files import header_of, read_terminated_batches, read_text_table
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError

# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["plain", "gzip", "zip", "byte_order_mark", "carriage_returns"])
@pytest.mark.parametrize("delimiter", ["|", ","])
def test_a_file_in_any_packing(tmp_path: Path, delimiter: str, packing: str) -> None:
    content = as_text([inpatient()], delimiter).encode()
    match packing:
        case "plain":
            (tmp_path / "a.txt").write_bytes(content)
        case "gzip":
            (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
        case "zip":
            with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
                archive.writestr("a.csv", content)
        case "byte_order_mark":
            (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + content)
        case "carriage_returns":
            (tmp_path / "a.csv").write_bytes(content.replace(b"\n", b"\r\n"))
    assert rif.recognises(tmp_path)
    [row] = rows_of(read(tmp_path), "claims")
    assert (row["beneficiary_id"], row["paid_cents"], row["bill_type"]) == (PERSON, 12_000_00, "111")


@pytest.mark.parametrize(
    ("row", "kind", "setting"),
    [
        (inpatient(), "inpatient", "inpatient"),
        (snf(), "snf", "snf"),
        (home_health(), "hha", "home_health"),
        (hospice(), "hospice", "hospice"),
        (outpatient(), "outpatient", "outpatient"),
        (carrier(), "carrier", "professional"),
        (equipment(), "dme", "dme"),
        (drug_event(), "pde", "drug"),
    ],
)
def test_a_claims_file_is_known_by_its_header(tmp_path: Path, row: Row, kind: str, setting: str) -> None:
    (tmp_path / "whatever.csv").write_text(as_text([row]))
    report = ReadingReport(layout="rif")
    [file] = rif.source_files(tmp_path / "whatever.csv", report)
    assert file.kind == kind
    assert kind in rif.PERSON_COLUMNS
    claims = read(tmp_path)
    assert [row["setting"] for row in rows_of(claims, "claims")] == [setting]
    assert len(rows_of(claims, "lines")) == 1


def test_rows_of_a_kind_have_the_same_columns_whatever_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(as_text([inpatient()]))
    (tmp_path / "b.csv").write_text(as_text([inpatient(CLM_ID="2", HCPCS_5TH_MDFR_CD="59")]).lower())
    report = ReadingReport(layout="rif")
    batches = [batch for file in rif.source_files(tmp_path, report) for batch in rif.read_rows(file)]
    assert [batch.columns for batch in batches] == [columns_of("inpatient")] * 2
    assert {dtype for batch in batches for dtype in batch.dtypes} == {pl.String()}
    assert len(rows_of(read(tmp_path), "claims")) == 1  # the other is not final: f is not F


def test_blanks_may_be_a_space(tmp_path: Path) -> None:
    blank = dict.fromkeys(("CLM_DRG_CD", "OP_PHYSN_NPI", "ICD_DGNS_CD2", "CLM_MDCR_NON_PMT_RSN_CD"), " ")
    [row] = rows_of(read_these(tmp_path, inpatient(**blank)), "claims")
    assert (row["ms_drg"], row["operating_npi"], row["diagnoses"]) == (None, None, ["M1711"])


def test_rows_may_end_in_a_delimiter_that_the_header_does_not_have(tmp_path: Path) -> None:
    header, *rows = as_text([inpatient(), inpatient(CLM_LINE_NUM="2")]).splitlines()
    (tmp_path / "a.txt").write_text("\n".join([header, *(f"{row}|" for row in rows)]))
    assert read(tmp_path).report.table("lines").rows_out == 2

    (tmp_path / "a.txt").write_text("\n".join([header, f"{rows[0]}|", rows[1]]))
    with pytest.raises(LayoutError, match=r"a\.txt: not readable as pipe-delimited text"):
        read(tmp_path)


@pytest.mark.parametrize("ending", ["", "|"])
def test_batches_of_any_size_are_the_whole(tmp_path: Path, ending: str) -> None:
    header, *rows = as_text([inpatient(CLM_LINE_NUM=str(n)) for n in range(50)]).splitlines()
    path = tmp_path / "a.csv"
    path.write_text("\n".join([header, *(row + ending for row in rows)]) + "\n")
    names = header_of(path, delimiter="|")
    for size in (1, 700, 5000, 1 << 20):
        batches = read_terminated_batches(path, delimiter="|", keep=names.__contains__, batch_bytes=size)
        whole = pl.concat(batches)
        assert whole.height == 50
        assert whole["CLM_LINE_NUM"].to_list() == [str(n) for n in range(50)]
    if not ending:
        assert whole.equals(read_text_table(path, delimiter="|"))


def test_what_is_passed_over_is_noted(tmp_path: Path) -> None:
    (tmp_path / "stays.csv").write_text(as_text([inpatient()]))
    (tmp_path / "history.csv").write_text("DML_IND|BENE_ID|BENE_BIRTH_DT|MBI_NUM\nINSERT|1|17-MAR-1980|X\n")
    (tmp_path / "summary.csv").write_text("BENE_ID,CARRIER_CLAIMS\n1,6\n")
    (tmp_path / "README.md").write_text("about these files")
    notes = "\n".join(read(tmp_path).report.all_notes())
    assert "1 file of earlier beneficiary identities, not read: history.csv" in notes
    assert "2 files not RIF, ignored: README.md, summary.csv" in notes
    assert "no beneficiary file" in notes


def test_a_file_that_lacks_columns_is_refused(tmp_path: Path) -> None:
    without = {name: value for name, value in inpatient().items() if name not in ("CLM_LINE_NUM", "REV_CNTR")}
    (tmp_path / "base_claims.csv").write_text(as_text([without]))
    with pytest.raises(LayoutError, match=r"base_claims\.csv: lacks 2 columns of a RIF inpatient file: CLM_LINE_NUM"):
        rif.source_files(tmp_path, ReadingReport(layout="rif"))


def test_claims_without_their_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text(as_text([claim()]))
    with pytest.raises(LayoutError, match="Join base claims and lines by BENE_ID and CLM_ID"):
        rif.source_files(tmp_path, ReadingReport(layout="rif"))


def test_broken_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(as_text([inpatient()] * 500).encode())[:-20])
    assert rif.recognises(tmp_path)
    with pytest.raises(LayoutError, match=r"a\.csv\.gz: the file cannot be read to its end"):
        read(tmp_path)
    path.unlink()
    (tmp_path / "b.csv").write_text(as_text([inpatient()], "\t"))
    assert not rif.recognises(tmp_path)
    with pytest.raises(LayoutError, match=r"b\.csv: the header is delimited by tab"):
        read(tmp_path)
    (tmp_path / "b.csv").write_text("a|b\n1|2\n")
    with pytest.raises(LayoutError, match="no RIF claims or beneficiary file among 1 data file"):
        read(tmp_path)


def test_other_layouts_are_not_claimed(shared_folder: Path) -> None:
    folders = [folder for folder in (shared_folder / "claims").rglob("*") if folder.is_dir()]
    claimed = {folder.relative_to(shared_folder / "claims").as_posix() for folder in folders if rif.recognises(folder)}
    assert claimed == {"rif_bfd_samples/rif_static", "rif_bfd_samples/rif_synthea"}
    assert not rif.recognises(ep.synthetic.bundled_folder())


# --- which claims and lines stand ---------------------------------------------------------------------------


def test_claim_amounts_are_not_multiplied_by_lines(tmp_path: Path) -> None:
    lines = [inpatient(CLM_LINE_NUM=str(n)) for n in range(1, 41)]
    claims = read_these(tmp_path, *lines)
    assert [(row["paid_cents"], row["allowed_cents"]) for row in rows_of(claims, "claims")] == [(12_000_00, 13_736_00)]
    assert claims.report.table("claims").rows_in == 1
    assert claims.report.table("lines").rows_in == 40
    assert {(row["allowed_cents"], row["paid_cents"]) for row in rows_of(claims, "lines")} == {(None, None)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (inpatient(FINAL_ACTION="N"), "not_final_action"),
        (inpatient(FINAL_ACTION=""), "not_final_action"),
        (inpatient(DML_IND="DELETE"), "deleted"),
        (inpatient(CLM_MDCR_NON_PMT_RSN_CD="B", CLM_PMT_AMT="0.00"), "denied"),
        (outpatient(CLM_MDCR_NON_PMT_RSN_CD="N", CLM_PMT_AMT="0", REV_CNTR_PRVDR_PMT_AMT="0"), "denied"),
        (carrier(CARR_CLM_PMT_DNL_CD="0", CLM_PMT_AMT="0.00", LINE_NCH_PMT_AMT="0.00"), "denied"),
        (equipment(CARR_CLM_PMT_DNL_CD="D", CLM_PMT_AMT="", LINE_NCH_PMT_AMT=""), "denied"),
        (drug_event(ADJSTMT_DLTN_CD="D"), "deleted"),
        (drug_event(FINAL_ACTION="N"), "not_final_action"),
    ],
)
def test_claims_that_do_not_stand_are_netted_with_their_lines(tmp_path: Path, row: Row, reason: str) -> None:
    number = next((name for name in ("CLM_LINE_NUM", "LINE_NUM", "QTY_DSPNSD_NUM") if name in row), "")
    key = "PDE_ID" if "PDE_ID" in row else "CLM_ID"
    other = row | {"FINAL_ACTION": "F", "DML_IND": "INSERT", "CLM_MDCR_NON_PMT_RSN_CD": "", "ADJSTMT_DLTN_CD": ""}
    other |= {key: "77", "CARR_CLM_PMT_DNL_CD": "1"}
    claims = read_these(tmp_path, row, row | {number: "2"}, other)
    assert netted(claims, "claims") == {reason: 1}
    assert netted(claims, "lines") == {reason: 2}
    assert [row["claim_id"] for row in rows_of(claims, "claims")] == ["77"]


@pytest.mark.parametrize(
    ("row", "doubts"),
    [
        (inpatient(CLM_MDCR_NON_PMT_RSN_CD="B"), 1),
        (inpatient(CLM_MDCR_NON_PMT_RSN_CD="P", CLM_PMT_AMT="0.00"), 0),
        # The claim states no payment, but its line does.
        (outpatient(CLM_MDCR_NON_PMT_RSN_CD="N", CLM_PMT_AMT="0.00"), 1),
        (carrier(CARR_CLM_PMT_DNL_CD="0"), 1),
        (carrier(CARR_CLM_PMT_DNL_CD="2", CLM_PMT_AMT="0.00", LINE_NCH_PMT_AMT="0.00"), 0),
    ],
)
def test_denied_claims_that_carry_a_payment_are_kept(tmp_path: Path, row: Row, doubts: int) -> None:
    claims = read_these(tmp_path, row)
    assert (claims.report.table("claims").rows_out, claims.report.table("lines").rows_out) == (1, 1)
    assert claims.report.tallies.get("denied claims that carry a payment, kept", 0) == doubts


def test_an_update_replaces_and_a_deletion_takes_away(tmp_path: Path) -> None:
    claims = read_these(
        tmp_path,
        inpatient(CLM_ID="1"),
        inpatient(CLM_ID="1", DML_IND="UPDATE", CLM_PMT_AMT="100.00"),
        inpatient(CLM_ID="2"),
        inpatient(CLM_ID="2", DML_IND="DELETE"),
    )
    assert [(row["claim_id"], row["paid_cents"]) for row in rows_of(claims, "claims")] == [("1", 100_00)]
    assert netted(claims, "claims") == {"deleted": 1}
    assert netted(claims, "lines") == {"deleted": 2, "superseded": 1}


def test_without_final_action_the_last_of_a_claim_group_stands(tmp_path: Path) -> None:
    versions = [
        inpatient(CLM_ID="1", NCH_WKLY_PROC_DT="23-JAN-2026"),
        inpatient(CLM_ID="2", NCH_WKLY_PROC_DT="13-FEB-2026"),
        inpatient(CLM_ID="2", NCH_WKLY_PROC_DT="13-FEB-2026", CLM_LINE_NUM="2"),
        inpatient(CLM_ID="3", NCH_WKLY_PROC_DT="30-JAN-2026"),
        inpatient(CLM_ID="4", CLM_GRP_ID=""),
        inpatient(CLM_ID="5", BENE_ID="2"),
    ]
    stated = read_these(tmp_path, *versions)
    assert stated.report.table("claims").rows_out == 5

    unstated = [{name: value for name, value in row.items() if name != "FINAL_ACTION"} for row in versions]
    claims = read_these(tmp_path, *unstated)
    assert sorted(row["claim_id"] for row in rows_of(claims, "claims")) == ["2", "4", "5"]
    assert netted(claims, "claims") == {"earlier_version": 2}
    assert netted(claims, "lines") == {"earlier_version": 2}
    against = claims.report.netted["claims"]
    assert sorted(against.select("claim_id", "reason", "against_claim_id").iter_rows()) == [
        ("1", "earlier_version", "2"),
        ("3", "earlier_version", "2"),
    ]
    assert any("1 file without FINAL_ACTION, all claims taken as final" in note for note in claims.report.notes)


def test_rows_of_a_claim_that_contradict_each_other(tmp_path: Path) -> None:
    claims = read_these(
        tmp_path,
        inpatient(CLM_ID="1"),
        inpatient(CLM_ID="1", CLM_LINE_NUM="2", CLM_PMT_AMT="7.00"),
        inpatient(CLM_ID="2"),
    )
    assert claims.report.table("claims").quarantined == {"claim_rows_contradict": 1}
    assert claims.report.table("lines").quarantined == {"claim_quarantined": 2}
    assert [row["claim_id"] for row in rows_of(claims, "claims")] == ["2"]


def test_rows_met_twice(tmp_path: Path) -> None:
    (tmp_path / "again.csv").write_text(as_text([carrier()]))
    claims = read_these(tmp_path, carrier(), carrier(LINE_NUM="2"))
    assert netted(claims, "lines") == {"exact_duplicate": 1}
    assert claims.report.table("lines").rows_out == 2
    claims = read_these(tmp_path, carrier(HCPCS_CD="99284"), carrier(LINE_NUM="2"))
    assert claims.report.table("lines").quarantined == {"duplicate_key": 2}


@pytest.mark.parametrize("number", ["0001", "1"])
def test_the_total_line_is_no_service_line(tmp_path: Path, number: str) -> None:
    claims = read_these(
        tmp_path, inpatient(), inpatient(CLM_LINE_NUM="2", REV_CNTR=number), inpatient(CLM_LINE_NUM="3", REV_CNTR="")
    )
    assert netted(claims, "lines") == {"total_line": 1}
    assert [row["line_number"] for row in rows_of(claims, "lines")] == [1, 3]


def test_a_line_with_a_procedure_code_is_a_service_line_under_the_total_center_too(tmp_path: Path) -> None:
    claims = read_these(tmp_path, outpatient(REV_CNTR="0001"))
    assert [(row["revenue_center"], row["paid_cents"]) for row in rows_of(claims, "lines")] == [("0001", 80_00)]


@pytest.mark.parametrize("supplier", [carrier, equipment])
def test_denied_lines(tmp_path: Path, supplier: Callable[..., Row]) -> None:
    allowed = ("A", "R", "S", "", " ")
    denied = ("B", "D", "I", "M", "N", "O", "Z", "00", "14", "!")
    lines = [supplier(LINE_NUM=str(n), LINE_PRCSG_IND_CD=code) for n, code in enumerate((*allowed, *denied))]
    unpaid = [line | {"LINE_NCH_PMT_AMT": "0.00"} for line in lines]
    claims = read_these(tmp_path, *unpaid[:-1], lines[-1])
    assert [row["line_number"] for row in rows_of(claims, "lines")] == [0, 1, 2, 3, 4, 14]
    assert netted(claims, "lines") == {"denied": 9}
    assert claims.report.tallies["denied lines that carry a payment, kept"] == 1
    assert claims.report.table("claims").rows_out == 1


def test_a_claim_keeps_its_place_when_all_its_lines_are_denied(tmp_path: Path) -> None:
    claims = read_these(tmp_path, carrier(LINE_PRCSG_IND_CD="N", LINE_NCH_PMT_AMT="0.00"))
    assert claims.report.table("claims").rows_out == 1
    assert claims.report.table("lines").rows_out == 0


def test_claims_of_managed_care_are_counted(tmp_path: Path) -> None:
    claims = read_these(tmp_path, inpatient(CLM_MCO_PD_SW="1"), inpatient(CLM_MCO_PD_SW="1", CLM_LINE_NUM="2"))
    assert "1 facility claims marked as paid by a managed care plan, kept" in claims.report.all_notes()


# --- claims paid as a whole ---------------------------------------------------------------------------------


def test_an_inpatient_claim(tmp_path: Path) -> None:
    amounts = {
        "NCH_BENE_PTA_COINSRNC_LBLTY_AM": "419.00",
        "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM": "30.5",
        "NCH_PRMRY_PYR_CLM_PD_AMT": "1000",
        "NCH_DRG_OUTLIER_APRVD_PMT_AMT": "500.00",
        "CLM_PPS_CPTL_OUTLIER_AMT": "40.00",
        "IME_OP_CLM_VAL_AMT": "300.10",
        "CLM_PPS_CPTL_IME_AMT": "20.05",
        "DSH_OP_CLM_VAL_AMT": "200",
        "CLM_PPS_CPTL_DSPRPRTNT_SHR_AMT": "10",
        "CLM_UNCOMPD_CARE_PMT_AMT": "120.56",
        "CLM_MDCR_NEW_TECH_AMT": "65.00",
    }
    claims = read_these(tmp_path, inpatient(**amounts))
    [row] = rows_of(claims, "claims")
    assert row == row | {
        "beneficiary_id": PERSON,
        "claim_id": "-10000930037831",
        "setting": "inpatient",
        "from_date": dt.date(2026, 1, 5),
        "thru_date": dt.date(2026, 1, 8),
        "admission_date": dt.date(2026, 1, 5),
        "discharge_date": dt.date(2026, 1, 8),
        "discharge_status": "06",
        "ms_drg": "470",
        "pricing_drg": None,
        "ccn": "360035",
        "facility_npi": "1999999976",
        "provider_type": None,
        "attending_npi": "1999999984",
        "operating_npi": "1999999968",
        "diagnoses": ["M1711", "E119"],
        "present_on_admission": ["Y", "N"],
        "procedures": ["0SRC0J9"],
        "procedure_dates": [dt.date(2026, 1, 5)],
        "paid_cents": 12_000_00,
        # 12,000.00 + 1,736.00 + 419.00 + 30.50 + 1,000.00, without the per diem for pass-through costs
        "allowed_cents": 15_185_50,
        "primary_payer_paid_cents": 1_000_00,
        "outlier_cents": 540_00,
        "ime_cents": 320_15,
        "dsh_cents": 210_00,
        "uncompensated_care_cents": 120_56,
        "new_technology_cents": 65_00,
        "clotting_factor_cents": 0,
        "standardized_cents": None,
        "low_utilization": None,
        "bill_type": "111",
        "process_date": dt.date(2026, 1, 23),
    }
    [line] = rows_of(claims, "lines")
    assert line == line | {
        "line_number": 1,
        "service_date": None,
        "hcpcs": None,
        "revenue_center": "0360",
        "rendering_npi": "1999999992",
        "units": 2.0,
        "charge_cents": 1500_50,
        "noncovered_charge_cents": 0,
        "allowed_cents": None,
        "paid_cents": None,
        "primary_payer_paid_cents": 0,
    }


def test_a_skilled_nursing_claim(tmp_path: Path) -> None:
    claims = read_these(tmp_path, snf(HCPCS_CD="PDPM1"))
    [row] = rows_of(claims, "claims")
    assert (row["paid_cents"], row["allowed_cents"]) == (12_000_00, 13_945_50)
    assert (row["admission_date"], row["present_on_admission"]) == (dt.date(2026, 1, 5), None)
    assert [(line["revenue_center"], line["hcpcs"]) for line in rows_of(claims, "lines")] == [("0022", "PDPM1")]


@pytest.mark.parametrize(("indicator", "lupa"), [("L", True), ("", False)])
def test_a_home_health_claim(tmp_path: Path, indicator: str, lupa: bool) -> None:
    claims = read_these(
        tmp_path,
        home_health(CLM_HHA_LUPA_IND_CD=indicator),
        home_health(CLM_HHA_LUPA_IND_CD=indicator, CLM_LINE_NUM="2", HCPCS_CD="G0151"),
    )
    [row] = rows_of(claims, "claims")
    assert (row["low_utilization"], row["paid_cents"], row["allowed_cents"]) == (lupa, 12_000_00, 12_000_00)
    assert row["admission_date"] is None
    lines = rows_of(claims, "lines")
    assert [(line["paid_cents"], line["allowed_cents"]) for line in lines] == [(None, None)] * 2
    assert {(line["service_date"], line["apc"], line["status_indicator"]) for line in lines} == {
        (dt.date(2026, 1, 6), "1AFK1", "A")
    }


def test_a_hospice_claim(tmp_path: Path) -> None:
    claims = read_these(tmp_path, hospice(NCH_PRMRY_PYR_CLM_PD_AMT="5.00"))
    [row] = rows_of(claims, "claims")
    assert (row["allowed_cents"], row["primary_payer_paid_cents"]) == (12_005_00, 5_00)
    assert rows_of(claims, "lines")[0]["revenue_center"] == "0651"


@pytest.mark.parametrize(
    ("written", "drg"),
    [("470", "470"), ("0470", "470"), ("4701", "470"), ("470A", "470"), ("82", "082"), (" ", None)],
)
def test_drg_of_three_or_four_characters(tmp_path: Path, written: str, drg: str | None) -> None:
    assert [row["ms_drg"] for row in rows_of(read_these(tmp_path, inpatient(CLM_DRG_CD=written)), "claims")] == [drg]


@pytest.mark.parametrize(
    "written", ["05-Jan-2026", "05-JAN-2026", "05-jan-2026", "5-Jan-2026", "20260105", "2026-01-05"]
)
def test_forms_of_dates(tmp_path: Path, written: str) -> None:
    claims = read_these(
        tmp_path, inpatient(CLM_FROM_DT=written, PRCDR_DT1=written, CLM_ADMSN_DT=written, REV_CNTR_DT=written)
    )
    [row] = rows_of(claims, "claims")
    day = dt.date(2026, 1, 5)
    assert (row["from_date"], row["admission_date"], row["procedure_dates"]) == (day, day, [day])
    assert rows_of(claims, "lines")[0]["service_date"] == day


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CLM_FROM_DT": "31-Feb-2026"}, "from_date_not_a_date"),
        ({"CLM_FROM_DT": "05-Jun-26"}, "from_date_not_a_date"),
        ({"CLM_FROM_DT": ""}, "from_date_missing"),
        ({"CLM_THRU_DT": "04-Jan-2026"}, "thru_before_from"),
        ({"CLM_DRG_CD": "OTH"}, "ms_drg_malformed"),
        ({"CLM_PMT_AMT": "12,000"}, "paid_cents_not_an_amount"),
        ({"NCH_BENE_IP_DDCTBL_AMT": "1736.001"}, "allowed_cents_not_an_amount"),
        ({"NCH_PRMRY_PYR_CLM_PD_AMT": "none"}, "primary_payer_paid_cents_not_an_amount"),
        ({"CLM_PPS_CPTL_IME_AMT": "1e3"}, "ime_cents_not_an_amount"),
        ({"BENE_ID": ""}, "beneficiary_id_missing"),
    ],
)
def test_values_that_cannot_be_read_set_their_claim_aside(tmp_path: Path, changes: Row, reason: str) -> None:
    claims = read_these(tmp_path, inpatient(**changes))
    assert claims.report.table("claims").quarantined == {reason: 1}
    # No value of a cell and no identifier gets into the report.
    assert not any(value in json.dumps(claims.report.to_dict()) for value in (PERSON, "-10000930037831", "12,000"))


@pytest.mark.parametrize(
    ("changes", "diagnoses", "present"),
    [
        ({}, ["M1711", "E119"], ["Y", "N"]),
        ({"PRNCPAL_DGNS_CD": ""}, ["M1711", "E119"], ["Y", "N"]),
        ({"PRNCPAL_DGNS_CD": "C188"}, ["C188", "M1711", "E119"], [None, "Y", "N"]),
        ({"ICD_DGNS_CD1": "", "CLM_POA_IND_SW1": ""}, ["M1711", "E119"], [None, "N"]),
        ({"PRNCPAL_DGNS_CD": "", "ICD_DGNS_CD1": "", "CLM_POA_IND_SW1": ""}, [None, "E119"], [None, "N"]),
        ({"ICD_DGNS_CD2": "", "CLM_POA_IND_SW2": "", "ICD_DGNS_CD3": "I10"}, ["M1711", "I10"], ["Y", None]),
        ({"ICD_DGNS_CD2": "M1711"}, ["M1711", "M1711"], ["Y", "N"]),
        ({"ICD_DGNS_CD2": "M17.11"}, ["M1711", "M1711"], ["Y", "N"]),
        ({"ICD_DGNS_CD25": "Z9989", "CLM_POA_IND_SW25": "1"}, ["M1711", "E119", "Z9989"], ["Y", "N", "1"]),
        ({"PRNCPAL_DGNS_CD": "", "ICD_DGNS_CD1": "", "ICD_DGNS_CD2": ""}, [], []),
        ({"CLM_POA_IND_SW1": "", "CLM_POA_IND_SW2": ""}, ["M1711", "E119"], []),
    ],
)
def test_diagnoses_principal_first(
    tmp_path: Path, changes: Row, diagnoses: list[str | None], present: list[str | None]
) -> None:
    if not diagnoses:
        changes = changes | {"CLM_POA_IND_SW1": "", "CLM_POA_IND_SW2": ""}
    [row] = rows_of(read_these(tmp_path, inpatient(**changes)), "claims")
    assert (row["diagnoses"], row["present_on_admission"]) == (diagnoses, present)


def test_procedures_with_their_dates(tmp_path: Path) -> None:
    changes = {"ICD_PRCDR_CD2": "", "ICD_PRCDR_CD3": "30233N1", "PRCDR_DT3": "", "ICD_PRCDR_CD4": "3E0T3BZ"}
    [row] = rows_of(read_these(tmp_path, inpatient(**changes, PRCDR_DT4="06-JAN-2026")), "claims")
    assert row["procedures"] == ["0SRC0J9", "30233N1", "3E0T3BZ"]
    assert row["procedure_dates"] == [dt.date(2026, 1, 5), None, dt.date(2026, 1, 6)]


def test_process_date_and_numbers_of_zeros(tmp_path: Path) -> None:
    [row] = rows_of(read_these(tmp_path, inpatient(NCH_WKLY_PROC_DT="", ORG_NPI_NUM="0000000000")), "claims")
    assert (row["process_date"], row["facility_npi"]) == (dt.date(2026, 1, 20), None)


def test_bill_type_needs_its_three_parts(tmp_path: Path) -> None:
    [row] = rows_of(read_these(tmp_path, inpatient(CLM_FREQ_CD="")), "claims")
    assert row["bill_type"] is None


# --- claims paid by line ------------------------------------------------------------------------------------


def test_an_outpatient_claim(tmp_path: Path) -> None:
    claims = read_these(tmp_path, outpatient())
    [row] = rows_of(claims, "claims")
    assert (row["paid_cents"], row["allowed_cents"], row["bill_type"]) == (
        80_00,
        100_00,
        "131",
    )
    [line] = rows_of(claims, "lines")
    assert line == line | {
        "service_date": dt.date(2026, 1, 5),
        "hcpcs": "99284",
        "modifiers": ["25"],
        "status_indicator": "V",
        "apc": "5024",
        "paid_cents": 80_00,
        "allowed_cents": 100_00,
        "primary_payer_paid_cents": 0,
    }


@pytest.mark.parametrize(
    ("changes", "paid", "allowed", "primary_payer"),
    [
        ({"REV_CNTR_BENE_PMT_AMT": "5"}, 85_00, 105_00, 0),
        ({"REV_CNTR_PRVDR_PMT_AMT": "", "REV_CNTR_BENE_PMT_AMT": "", "REV_CNTR_PMT_AMT_AMT": "70"}, 70_00, 90_00, 0),
        ({"REV_CNTR_PMT_AMT_AMT": "70"}, 80_00, 100_00, 0),
        ({"REV_CNTR_PTNT_RSPNSBLTY_PMT": "25"}, 80_00, 105_00, 0),
        ({"REV_CNTR_PTNT_RSPNSBLTY_PMT": ""}, 80_00, 100_00, 0),
        ({"REV_CNTR_PTNT_RSPNSBLTY_PMT": "0", "REV_CNTR_CASH_DDCTBL_AMT": "7"}, 80_00, 107_00, 0),
        ({"REV_CNTR_PTNT_RSPNSBLTY_PMT": "0", "REV_CNTR_BLOOD_DDCTBL_AMT": "3"}, 80_00, 103_00, 0),
        ({"REV_CNTR_PTNT_RSPNSBLTY_PMT": "", "REV_CNTR_RDCD_COINSRNC_AMT": "12"}, 80_00, 92_00, 0),
        ({"REV_CNTR_1ST_MSP_PD_AMT": "10", "REV_CNTR_2ND_MSP_PD_AMT": "1"}, 80_00, 111_00, 11_00),
        ({"REV_CNTR_PRVDR_PMT_AMT": "-80.00", "REV_CNTR_PTNT_RSPNSBLTY_PMT": "-20"}, -80_00, -100_00, 0),
    ],
)
def test_outpatient_amounts(tmp_path: Path, changes: Row, paid: int, allowed: int, primary_payer: int) -> None:
    [line] = rows_of(read_these(tmp_path, outpatient(**changes)), "lines")
    assert (line["paid_cents"], line["allowed_cents"], line["primary_payer_paid_cents"]) == (
        paid,
        allowed,
        primary_payer,
    )


def test_an_outpatient_claim_without_payments_on_its_lines_has_its_amounts_on_the_first(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("REV_CNTR_PRVDR_PMT_AMT", "REV_CNTR_PMT_AMT_AMT"), "0") | {"REV_CNTR_BENE_PMT_AMT": ""}
    whole = [outpatient(CLM_ID="1", CLM_LINE_NUM=number, **nothing) for number in ("10", "9")]
    priced = outpatient(CLM_ID="2")
    other_sum = outpatient(CLM_ID="3", CLM_PMT_AMT="81")
    unpaid = outpatient(CLM_ID="4", CLM_PMT_AMT="0", **nothing)
    claims = read_these(tmp_path, *whole, priced, other_sum, unpaid)
    found = {
        (row["claim_id"], row["line_number"]): (row["paid_cents"], row["allowed_cents"])
        for row in rows_of(claims, "lines")
    }
    assert found == {
        ("1", 10): (0, 0),
        ("1", 9): (80_00, 100_00),
        ("2", 1): (80_00, 100_00),
        ("3", 1): (80_00, 100_00),
        ("4", 1): (0, 20_00),
    }
    notes = claims.report.all_notes()
    assert "1 outpatient claims without payments on their lines, booked on their first line" in notes
    assert "1 outpatient claims whose lines sum to another payment than the claim's, lines kept" in notes


def test_a_carrier_claim(tmp_path: Path) -> None:
    claims = read_these(tmp_path, carrier(LINE_BENE_PRMRY_PYR_PD_AMT="4", CARR_CLM_PRMRY_PYR_PD_AMT="4"))
    [row] = rows_of(claims, "claims")
    assert (row["setting"], row["paid_cents"], row["allowed_cents"]) == ("professional", 88_00, 110_00)
    assert (row["primary_payer_paid_cents"], row["ccn"], row["diagnoses"]) == (4_00, None, ["M1711", "E119"])
    [line] = rows_of(claims, "lines")
    assert line == line | {
        "service_date": dt.date(2026, 1, 5),
        "service_thru": dt.date(2026, 1, 6),
        "hcpcs": "99285",
        "modifiers": ["26"],
        "place_of_service": "23",
        "rendering_npi": "1999999950",
        "tin": "433177117",
        "specialty": "06",
        "units": 1.0,
        "allowed_cents": 110_00,
        "paid_cents": 88_00,
        "primary_payer_paid_cents": 4_00,
        "charge_cents": 400_00,
        "noncovered_charge_cents": None,
        "diagnosis": "M1711",
    }


def test_an_equipment_claim(tmp_path: Path) -> None:
    changes = {"HCPCS_3RD_MDFR_CD": "KX", "HCPCS_4TH_MDFR_CD": "RR"}
    [line] = rows_of(read_these(tmp_path, equipment(**changes)), "lines")
    assert (line["rendering_npi"], line["modifiers"]) == ("1999999943", ["26", "KX", "RR"])


def test_a_drug_event_is_one_claim_and_one_line(tmp_path: Path) -> None:
    claims = read_these(tmp_path, drug_event(), drug_event(PDE_ID="2", PRSCRBR_ID_QLFYR_CD="06"))
    first, second = rows_of(claims, "claims")
    assert (first["claim_id"], first["setting"], second["claim_id"]) == ("-100000806", "drug", "2")
    assert (first["from_date"], first["thru_date"]) == (dt.date(2026, 1, 7), dt.date(2026, 1, 7))
    assert (first["allowed_cents"], first["paid_cents"]) == (100_00, 70_00)
    assert first["process_date"] == dt.date(2026, 1, 9)
    lines = rows_of(claims, "lines")
    assert [(line["claim_id"], line["line_number"]) for line in lines] == [("-100000806", 1), ("2", 1)]
    assert (lines[0]["allowed_cents"], lines[0]["paid_cents"], lines[0]["units"]) == (100_00, 70_00, 30.0)
    assert [line["rendering_npi"] for line in lines] == ["1999999935", None]


# --- public samples -----------------------------------------------------------------------------------------

SAMPLE_FILES = {
    "rif_synthea": {kind: [f"{kind}.csv.gz"] for kind in CLAIM_KINDS},
    "rif_static": {kind: [f"sample-a-{'bcarrier' if kind == 'carrier' else kind}.txt"] for kind in CLAIM_KINDS},
}


def cents_of(query: str, file: Path, end: str = "|") -> Any:
    """The answer of a query over the raw text of a file, as one row."""
    opened = gzip.open if file.name.endswith(".gz") else open
    with opened(file, "rt", encoding="utf-8-sig") as stream:  # type: ignore[operator]
        header, *lines = stream.read().splitlines()
    with duckdb.connect() as connection:
        names = header.split("|")
        table = pl.DataFrame(
            [dict(zip(names, line.split("|"), strict=False)) for line in lines], schema=dict.fromkeys(names, pl.String)
        )
        connection.register("raw", table.to_arrow())
        return connection.execute(query).fetchone()


LINE_PAID = {
    "outpatient": "REV_CNTR_PRVDR_PMT_AMT",
    "carrier": "LINE_NCH_PMT_AMT",
    "dme": "LINE_NCH_PMT_AMT",
    "pde": "CVRD_D_PLAN_PD_AMT",
}


@pytest.mark.parametrize("kind", CLAIM_KINDS)
@pytest.mark.parametrize("sample", SAMPLE_FILES)
def test_samples_agree_with_queries_over_the_raw_text(shared_folder: Path, sample: str, kind: str) -> None:
    [name] = SAMPLE_FILES[sample][kind]
    file = shared_folder / "claims" / "rif_bfd_samples" / sample / name
    key = "PDE_ID" if kind == "pde" else "CLM_ID"
    stands = "true"
    if kind not in ("carrier", "dme", "pde"):
        stands = "(trim(CLM_MDCR_NON_PMT_RSN_CD) IN ('', 'P') OR CLM_PMT_AMT::DECIMAL(18,2) <> 0)"
    paid = (
        "CVRD_D_PLAN_PD_AMT::DECIMAL(18,2) + LICS_AMT::DECIMAL(18,2)" if kind == "pde" else "CLM_PMT_AMT::DECIMAL(18,2)"
    )
    rows, claims_in, claims, lines, claims_paid = cents_of(
        f"""
        WITH of_claim AS (SELECT BENE_ID, {key}, any_value({paid}) AS paid, bool_and({stands}) AS stands
                          FROM raw GROUP BY BENE_ID, {key})
        SELECT (SELECT count(*) FROM raw), (SELECT count(*) FROM of_claim),
               (SELECT count(*) FROM of_claim WHERE stands), (SELECT count(*) FROM raw WHERE {stands}),
               (SELECT coalesce(sum(paid), 0) FROM of_claim WHERE stands)
        """,
        file,
    )
    read_back = read(file)

    report = read_back.report.table("claims")
    assert (report.rows_in, report.rows_out) == (claims_in, claims)
    assert netted(read_back, "claims") == ({"denied": claims_in - claims} if claims_in != claims else {})
    report = read_back.report.table("lines")
    assert (report.rows_in, report.rows_out) == (rows, lines)
    assert read_back.report.quarantined_rows() == 0
    found = read_back.claims.select(pl.col("paid_cents").sum()).collect().item()
    assert Decimal(found) == claims_paid * 100

    if kind in LINE_PAID:
        column = LINE_PAID[kind]
        second = {"pde": "LICS_AMT", "outpatient": "REV_CNTR_BENE_PMT_AMT"}.get(kind)
        more = f" + {second}::DECIMAL(18,2)" if second else ""
        [lines_paid] = cents_of(f"SELECT coalesce(sum({column}::DECIMAL(18,2){more}), 0) FROM raw WHERE {stands}", file)
        found = read_back.lines.select(pl.col("paid_cents").sum()).collect().item()
        assert Decimal(found) == lines_paid * 100
    else:
        assert read_back.lines.filter(pl.col("paid_cents").is_not_null()).collect().is_empty()


def test_the_synthea_sample_as_a_whole(shared_folder: Path) -> None:
    claims = read(shared_folder / "claims" / "rif_bfd_samples" / "rif_synthea")
    assert claims.report.quarantined_rows() == 0
    settings = claims.claims.group_by("setting").len().collect()
    assert dict(settings.cast({"setting": pl.String}).iter_rows()) == {
        "inpatient": 16,
        "outpatient": 19,
        "professional": 37,
        "home_health": 14,
        "snf": 1,
        "hospice": 1,
        "dme": 1,
        "drug": 18,
    }
    assert claims.report.table("lines").rows_out == 16 + 19 + 221 + 15 + 67 + 8 + 1 + 18
    # The file named for 2018 holds the rows of 2019 once more.
    assert claims.report.table("beneficiaries").rows_in == 33
    assert netted(claims, "beneficiaries") == {"exact_duplicate": 3, "later_year_of_same_person": 27}
    assert {row["state"] for row in rows_of(claims, "beneficiaries")} == {"MA"}
    assert claims.claims.collect()["ms_drg"].drop_nulls().to_list() == ["375"]


def test_the_static_sample_as_a_whole(shared_folder: Path) -> None:
    claims = read(shared_folder / "claims" / "rif_bfd_samples" / "rif_static")
    # One line stands in two of its files with other contents, two claims with other contents of the claim.
    assert claims.report.table("lines").quarantined == {"claim_quarantined": 2, "duplicate_key": 2}
    assert claims.report.table("claims").quarantined == {"claim_rows_contradict": 2}
    # Of the claims with a reason for non-payment all carry a payment.
    assert netted(claims, "claims") == {}
    assert netted(claims, "lines") == {"exact_duplicate": 2}
    assert claims.report.tallies["denied claims that carry a payment, kept"] == 3
    assert [row["state"] for row in rows_of(claims, "beneficiaries")] == ["MO"]


def test_people_can_be_reshaped_apart(shared_folder: Path) -> None:
    report = ReadingReport(layout="rif")
    rows: dict[str, list[pl.DataFrame]] = {}
    for file in rif.source_files(shared_folder / "claims" / "rif_bfd_samples" / "rif_synthea", report):
        rows.setdefault(file.kind, []).extend(rif.read_rows(file))
    all_rows = {kind: pl.concat(batches) for kind, batches in rows.items()}
    whole = rif.reshape(all_rows, ReadingReport(layout="rif"))
    people = all_rows["beneficiary"]["BENE_ID"].unique().sort().to_list()
    apart = [
        rif.reshape(
            {kind: frame.filter(pl.col("BENE_ID") == person) for kind, frame in all_rows.items()},
            ReadingReport(layout="rif"),
        )
        for person in people
    ]
    for name, table in whole.items():
        together = pl.concat([tables[name] for tables in apart], how="diagonal")
        keys = [column for column in table.columns if table.schema[column] == pl.String]
        assert together.select(table.columns).sort(keys, nulls_last=True).equals(table.sort(keys, nulls_last=True))
