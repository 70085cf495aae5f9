"""The SynPUF layout: each rule on a tiny file, and the public samples against independent queries."""

from __future__ import annotations

import datetime as dt
import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from claims.synpuf_files import CLAIM, PERSON, beneficiary, carrier, drug_event, inpatient, outpatient, write
from episodes.claims import Claims, read_claims
from episodes.errors import LayoutError

Rows = list[dict[str, str]]


def rows_of(claims: Claims, table: str) -> list[dict[str, Any]]:
    return claims.table(table).collect().to_dicts()


def read_one(folder: Path, rows: Rows, name: str = "claims.csv") -> Claims:
    write(folder, name, rows)
    return read_claims(folder)


def counts_hold(claims: Claims) -> bool:
    return all(
        report.rows_in == report.rows_out + sum(report.netted.values()) + sum(report.quarantined.values())
        and report.rows_out == claims.table(name).collect().height
        for name, report in claims.report.tables.items()
    )


# --- files --------------------------------------------------------------------------------------------------


def test_files_are_known_by_header_in_any_packing(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", [beneficiary(BENE_YEAR="2009")])
    write(tmp_path, "b.csv.gz", [inpatient()])
    write(tmp_path, "c.csv.zip", [outpatient()])
    write(tmp_path, "d_part_A.csv", [carrier()])
    write(tmp_path, "d_part_B.csv", [carrier(CLM_ID="737733357882877")])
    write(tmp_path, "e.csv", [drug_event(), drug_event()])
    (tmp_path / "README.md").write_text("about these files")
    (tmp_path / "notes.txt").write_text("more; about | them")

    claims = read_claims(tmp_path)

    assert claims.report.layout == "synpuf"
    assert [(file["name"], file["rows"], file["taken_for"]) for file in claims.report.files] == [
        ("a.csv", 1, "beneficiary summary"),
        ("b.csv.gz", 1, "inpatient"),
        ("c.csv.zip", 1, "outpatient"),
        ("d_part_A.csv", 1, "carrier"),
        ("d_part_B.csv", 1, "carrier"),
        ("e.csv", 2, "drug events"),
    ]
    packed = (tmp_path / "b.csv.gz").read_bytes()
    assert claims.report.files[1]["sha256"] == hashlib.sha256(packed).hexdigest()
    notes = "\n".join(claims.report.all_notes())
    assert "2 files not SynPUF, ignored: README.md, notes.txt" in notes
    assert "2 rows of drug events ignored" in notes
    assert claims.claims.collect()["setting"].to_list() == [
        "inpatient",
        "outpatient",
        "professional",
        "professional",
    ]
    assert counts_hold(claims)


def test_one_file_can_be_read_by_itself(tmp_path: Path) -> None:
    path = write(tmp_path, "stays.csv", [inpatient()])
    assert read_claims(path).report.table("claims").rows_out == 1


def test_beneficiaries_alone_are_people_without_claims(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [beneficiary(BENE_YEAR="2009")])
    assert claims.claims.collect().is_empty()
    assert claims.beneficiaries.collect().height == 1
    assert "no claims file: beneficiary summaries only" in claims.report.all_notes()


def test_text_is_validated_in_full_whatever_is_asked(tmp_path: Path) -> None:
    write(tmp_path, "stays.csv", [inpatient(CLM_DRG_CD="4X0")])
    claims = read_claims(tmp_path, validate="none")
    assert claims.report.validation == "full"
    assert claims.report.table("claims").quarantined == {"ms_drg_malformed": 1}
    assert any("always validated in full" in note for note in claims.report.all_notes())


# --- inpatient ----------------------------------------------------------------------------------------------


def test_an_inpatient_claim(tmp_path: Path) -> None:
    stay = inpatient(
        NCH_BENE_PTA_COINSRNC_LBLTY_AM="512.50",
        NCH_BENE_BLOOD_DDCTBL_LBLTY_AM="30.00",
        NCH_PRMRY_PYR_CLM_PD_AMT="1000.00",
    )
    [claim] = rows_of(read_one(tmp_path, [stay]), "claims")
    assert claim["beneficiary_id"] == PERSON
    assert claim["claim_id"] == CLAIM
    assert claim["setting"] == "inpatient"
    assert (claim["from_date"], claim["thru_date"]) == (dt.date(2009, 3, 7), dt.date(2009, 3, 11))
    assert (claim["admission_date"], claim["discharge_date"]) == (dt.date(2009, 3, 7), dt.date(2009, 3, 11))
    assert (claim["ms_drg"], claim["ccn"]) == ("470", "3600TV")
    assert (claim["attending_npi"], claim["operating_npi"]) == ("9555702213", "1833938179")
    assert (claim["diagnoses"], claim["procedures"]) == (["71536", "4019"], ["8154"])
    assert claim["paid_cents"] == 12_000_00
    # 12,000.00 + 1,024.00 + 512.50 + 30.00 + 1,000.00
    assert claim["allowed_cents"] == 14_566_50
    assert claim["primary_payer_paid_cents"] == 1_000_00
    assert claim["standardized_cents"] is None


def test_a_continuation_adds_its_payment_and_codes_and_nothing_else(tmp_path: Path) -> None:
    continuation = inpatient(
        SEGMENT="2",
        CLM_FROM_DT="",
        CLM_THRU_DT="",
        CLM_PMT_AMT="5000.00",
        NCH_PRMRY_PYR_CLM_PD_AMT="700.00",
        CLM_DRG_CD="000",
        PRVDR_NUM="3699ZZ",
        ICD9_DGNS_CD_1="",
        ICD9_DGNS_CD_2="25000",
        ICD9_PRCDR_CD_1="9904",
    )
    claims = read_one(tmp_path, [continuation, inpatient(NCH_PRMRY_PYR_CLM_PD_AMT="700.00")])
    [claim] = rows_of(claims, "claims")
    assert claim["paid_cents"] == 17_000_00
    assert claim["allowed_cents"] == 17_000_00 + 1_024_00 + 700_00
    assert claim["primary_payer_paid_cents"] == 700_00
    assert claim["diagnoses"] == ["71536", "4019", "25000"]
    assert claim["procedures"] == ["8154", "9904"]
    assert (claim["ms_drg"], claim["ccn"]) == ("470", "3600TV")
    report = claims.report.table("claims")
    assert (report.rows_in, report.rows_out, report.netted) == (2, 1, {"continuation_segment": 1})


def test_a_continuation_without_its_first_segment_is_set_aside(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [inpatient(), inpatient(CLM_ID="5", SEGMENT="2", CLM_FROM_DT="")])
    report = claims.report.table("claims")
    assert (report.rows_in, report.rows_out) == (2, 1)
    assert report.quarantined == {"segment_without_first": 1}


def test_a_continuation_with_an_unreadable_payment_sets_its_claim_aside(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [inpatient(), inpatient(SEGMENT="2", CLM_PMT_AMT="five")])
    report = claims.report.table("claims")
    assert report.netted == {"continuation_segment": 1}
    assert report.quarantined == {"paid_amount_not_an_amount": 1}


def test_a_withheld_drg_is_null_and_noted(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [inpatient(CLM_DRG_CD="OTH")])
    assert claims.claims.collect()["ms_drg"].to_list() == [None]
    assert any(note.startswith("1 inpatient claims with the DRG withheld") for note in claims.report.all_notes())


def test_a_blank_principal_diagnosis_does_not_promote_the_next(tmp_path: Path) -> None:
    claims = read_one(
        tmp_path,
        [
            inpatient(ICD9_DGNS_CD_1=""),
            inpatient(CLM_ID="2", ICD9_DGNS_CD_1="", ICD9_DGNS_CD_2="", ICD9_PRCDR_CD_1=""),
        ],
    )
    frame = claims.claims.collect()
    assert frame["diagnoses"].to_list() == [[None, "4019"], []]
    assert frame["procedures"].to_list() == [["8154"], []]


def test_releases_differ_in_the_number_of_codes(tmp_path: Path) -> None:
    write(tmp_path, "1.csv", [inpatient()])
    write(tmp_path, "2.csv", [inpatient(CLM_ID="2", ICD9_DGNS_CD_10="V5789", ICD9_DGNS_CD_3="412")])
    frame = read_claims(tmp_path).claims.collect()
    assert frame["diagnoses"].to_list() == [["71536", "4019"], ["71536", "4019", "412", "V5789"]]


@pytest.mark.parametrize(
    ("written", "cents"),
    [
        ("12000.00", 12_000_00),
        ("12000", 12_000_00),
        ("0.1", 10),
        ("-0.07", -7),
        (" 5.25 ", 5_25),
        (".5", 50),
        ("-10000.00", -10_000_00),
        ("0.00", 0),
        ("90071992547409.93", 9_007_199_254_740_993),
        ("", None),
    ],
)
def test_amounts_are_exact_cents(tmp_path: Path, written: str, cents: int | None) -> None:
    claims = read_one(tmp_path, [inpatient(CLM_PMT_AMT=written, NCH_BENE_IP_DDCTBL_AMT="")])
    [claim] = rows_of(claims, "claims")
    assert claim["paid_cents"] == cents
    assert claim["allowed_cents"] == (cents or 0)


@pytest.mark.parametrize("written", ["12.005", "1e3", "1,5", "free", "1 000", "--5", "99999999999999999999"])
@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("CLM_PMT_AMT", "paid_amount_not_an_amount"),
        ("NCH_BENE_IP_DDCTBL_AMT", "deductible_amount_not_an_amount"),
        ("NCH_PRMRY_PYR_CLM_PD_AMT", "primary_payer_amount_not_an_amount"),
    ],
)
def test_what_is_not_an_amount_is_set_aside(tmp_path: Path, column: str, reason: str, written: str) -> None:
    claims = read_one(tmp_path, [inpatient(**{column: f'"{written}"'})])
    assert claims.report.table("claims").quarantined == {reason: 1}
    assert counts_hold(claims)


def test_dates_come_in_two_forms_and_numbers_with_a_decimal(tmp_path: Path) -> None:
    stay = inpatient(
        SEGMENT="1.0",
        CLM_FROM_DT="2009-03-07",
        CLM_THRU_DT="2009-03-11",
        CLM_ADMSN_DT="2009-03-07",
        NCH_BENE_DSCHRG_DT="2009-03-11",
    )
    [claim] = rows_of(read_one(tmp_path, [stay]), "claims")
    assert (claim["from_date"], claim["discharge_date"]) == (dt.date(2009, 3, 7), dt.date(2009, 3, 11))


# --- outpatient ---------------------------------------------------------------------------------------------


def test_an_outpatient_payment_is_booked_on_the_first_line(tmp_path: Path) -> None:
    visit = outpatient(NCH_PRMRY_PYR_CLM_PD_AMT="50.00", NCH_BENE_PTB_DDCTBL_AMT="10.00")
    claims = read_one(tmp_path, [visit])
    lines = claims.lines.select(
        "line_number",
        "hcpcs",
        "service_date",
        "paid_cents",
        "allowed_cents",
        "primary_payer_paid_cents",
        "standardized_cents",
    ).collect()
    day = dt.date(2009, 4, 25)
    assert lines.rows() == [
        # 300 + 10 + 90 + 50
        (2, "80048", day, 300_00, 450_00, 50_00, None),
        (3, "83880", day, 0, 0, 0, None),
    ]
    [claim] = rows_of(claims, "claims")
    assert (claim["setting"], claim["paid_cents"], claim["allowed_cents"]) == ("outpatient", 300_00, 450_00)


def test_an_outpatient_claim_without_codes_has_one_bare_line(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [outpatient(HCPCS_CD_2="", HCPCS_CD_3="", CLM_PMT_AMT="-40.00")])
    [line] = rows_of(claims, "lines")
    assert (line["line_number"], line["hcpcs"]) == (1, None)
    assert (line["paid_cents"], line["allowed_cents"]) == (-40_00, 50_00)


def test_lines_of_a_claim_of_several_days_are_undated(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [outpatient(CLM_THRU_DT="20090426")])
    assert claims.lines.collect()["service_date"].to_list() == [None, None]


def test_an_outpatient_continuation_adds_lines_after_those_of_the_first(tmp_path: Path) -> None:
    continuation = outpatient(
        SEGMENT="2", CLM_FROM_DT="", CLM_THRU_DT="", CLM_PMT_AMT="100.00", HCPCS_CD_1="99214", HCPCS_CD_3=""
    )
    claims = read_one(tmp_path, [outpatient(), continuation])
    lines = claims.lines.select("line_number", "hcpcs", "paid_cents").collect()
    assert lines.rows() == [(2, "80048", 400_00), (3, "83880", 0), (4, "99214", 0), (5, "80048", 0)]
    assert claims.report.table("claims").netted == {"continuation_segment": 1}


# --- carrier ------------------------------------------------------------------------------------------------


def test_a_carrier_line(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [carrier(LINE_BENE_PRMRY_PYR_PD_AMT_1="5.00")])
    [claim] = rows_of(claims, "claims")
    assert (claim["setting"], claim["diagnoses"]) == ("professional", ["9791", "3004"])
    assert (claim["paid_cents"], claim["allowed_cents"]) == (None, None)
    [line] = rows_of(claims, "lines")
    expected = {
        "line_number": 1,
        "service_date": dt.date(2009, 4, 25),
        "hcpcs": "99285",
        "rendering_npi": "1916683578",
        "tin": "433177117",
        "diagnosis": "9779",
        "place_of_service": None,
        "allowed_cents": 110_00,
        "paid_cents": 90_00,
        "primary_payer_paid_cents": 5_00,
    }
    assert {column: line[column] for column in expected} == expected


@pytest.mark.parametrize(
    ("column", "value", "lines"),
    [
        ("HCPCS_CD_2", "99213", [1, 2]),
        ("PRF_PHYSN_NPI_2", "1916683578", [1, 2]),
        ("TAX_NUM_2", "433177117", [1, 2]),
        ("LINE_PRCSG_IND_CD_2", "A", [1, 2]),
        ("LINE_ICD9_DGNS_CD_2", "4019", [1, 2]),
        ("LINE_COINSRNC_AMT_2", "10.00", [1, 2]),
        ("LINE_NCH_PMT_AMT_2", "-5.00", [1, 2]),
        ("LINE_NCH_PMT_AMT_2", "0.00", [1]),
        ("LINE_ALOWD_CHRG_AMT_2", "", [1]),
    ],
)
def test_a_carrier_line_exists_when_anything_stands_in_it(
    tmp_path: Path, column: str, value: str, lines: list[int]
) -> None:
    claims = read_one(tmp_path, [carrier(**{column: value})])
    assert claims.lines.collect()["line_number"].to_list() == lines


def test_a_denial_code_leaves_the_amount_standing(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [carrier(LINE_PRCSG_IND_CD_1="N")])
    assert claims.lines.collect()["paid_cents"].to_list() == [90_00]
    assert any("processing indicators are synthetic noise" in note for note in claims.report.all_notes())


def test_carrier_lines_of_several_days_are_undated(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [carrier(CLM_THRU_DT="20090430")])
    assert claims.lines.collect()["service_date"].to_list() == [None]


def test_a_blank_carrier_payment_is_null(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [carrier(LINE_NCH_PMT_AMT_1="")])
    assert claims.lines.collect()["paid_cents"].to_list() == [None]


def test_an_unreadable_line_amount_sets_the_line_aside_and_not_its_claim(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [carrier(HCPCS_CD_2="99213", LINE_ALOWD_CHRG_AMT_2="many")])
    assert claims.report.table("claims").quarantined == {}
    assert claims.report.table("lines").quarantined == {"allowed_amount_not_an_amount": 1}
    assert claims.lines.collect()["line_number"].to_list() == [1]
    assert counts_hold(claims)


def test_thirteen_lines_are_taken_where_the_release_has_them(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", [carrier(lines=13, HCPCS_CD_13="99213", LINE_NCH_PMT_AMT_13="7.00")])
    write(tmp_path, "b.csv", [carrier(CLM_ID="2", lines=5)])
    lines = read_claims(tmp_path).lines.collect()
    assert lines.select("claim_id", "line_number", "paid_cents").rows() == [
        ("737633361724024", 1, 90_00),
        ("737633361724024", 13, 7_00),
        ("2", 1, 90_00),
    ]


# --- people and coverage ------------------------------------------------------------------------------------


def coverage_of(claims: Claims) -> list[tuple[str, str | None, int]]:
    frame = claims.coverage.collect()
    assert frame["start_date"].dt.ordinal_day().to_list() == [1] * frame.height
    assert (frame["end_date"].dt.month() == 12).all()
    return frame.select(pl.col("kind").cast(pl.String), "detail", pl.col("start_date").dt.year()).rows()


def test_years_become_one_person_described_by_the_latest(tmp_path: Path) -> None:
    write(
        tmp_path,
        "DE1_0_2009_Beneficiary_Summary_File_Sample_1.csv",
        [beneficiary(SP_STATE_CODE="05", BENE_COUNTY_CD="1", BENE_DEATH_DT="20090801")],
    )
    write(tmp_path, "DE1_0_2008_Beneficiary_Summary_File_Sample_1.csv", [beneficiary()])
    claims = read_claims(tmp_path)
    [person] = rows_of(claims, "beneficiaries")
    assert person["birth_date"] == dt.date(1937, 3, 1)
    assert person["death_date"] == dt.date(2009, 8, 1)
    assert (person["sex"], person["state"], person["county"]) == ("2", "CA", "001")
    report = claims.report.table("beneficiaries")
    assert (report.rows_in, report.rows_out) == (2, 1)
    assert report.netted == {"later_year_of_same_person": 1}
    assert coverage_of(claims) == [
        ("part_a", None, 2008),
        ("part_b", None, 2008),
        ("part_a", None, 2009),
        ("part_b", None, 2009),
    ]


def test_the_pooled_state_is_no_state(tmp_path: Path) -> None:
    claims = read_one(tmp_path, [beneficiary(BENE_YEAR="2009.0", SP_STATE_CODE="54")])
    assert claims.beneficiaries.collect()["state"].to_list() == [None]
    assert any("kept without a state" in note for note in claims.report.all_notes())


@pytest.mark.parametrize(
    ("part_a", "part_b", "hmo", "esrd", "death", "expected"),
    [
        ("12", "12", "0", "0", "", ["part_a", "part_b"]),
        ("12.0", "0.0", "12.0", "0", "", ["part_a", "medicare_advantage"]),
        ("11", "0", "3", "0", "", ["unknown part_a", "unknown medicare_advantage"]),
        ("", "12", "0", "Y", "", ["unknown part_a", "part_b", "esrd"]),
        ("12", "12", "0", "1", "", ["part_a", "part_b", "esrd"]),
        ("4", "5", "0", "0", "20090401", ["part_a", "part_b"]),
        ("3", "4", "4", "0", "20090401", ["unknown part_a", "part_b", "medicare_advantage"]),
        ("4", "12", "0", "0", "20100401", ["unknown part_a", "part_b"]),
    ],
)
def test_month_counts_become_coverage_of_the_year(
    tmp_path: Path, part_a: str, part_b: str, hmo: str, esrd: str, death: str, expected: list[str]
) -> None:
    person = beneficiary(
        BENE_YEAR="2009",
        BENE_HI_CVRAGE_TOT_MONS=part_a,
        BENE_SMI_CVRAGE_TOT_MONS=part_b,
        BENE_HMO_CVRAGE_TOT_MONS=hmo,
        BENE_ESRD_IND=esrd,
        BENE_DEATH_DT=death,
    )
    claims = read_one(tmp_path, [person])
    assert [f"{kind} {detail or ''}".strip() for kind, detail, _ in coverage_of(claims)] == expected
    assert claims.report.table("coverage").rows_in == len(expected)


def test_an_unreadable_year_of_a_person_is_set_aside_alone(tmp_path: Path) -> None:
    claims = read_one(
        tmp_path,
        [
            beneficiary(BENE_YEAR="2008"),
            beneficiary(BENE_YEAR="2009", BENE_HI_CVRAGE_TOT_MONS="13"),
            beneficiary(BENE_YEAR="2010", BENE_DEATH_DT="08/01/2010"),
            beneficiary(BENE_YEAR="soon"),
        ],
    )
    report = claims.report.table("beneficiaries")
    assert report.quarantined == {
        "death_date_not_a_date": 1,
        "part_a_months_not_a_month_count": 1,
        "year_not_a_year": 1,
    }
    assert (report.rows_in, report.rows_out) == (4, 1)
    assert {year for _, _, year in coverage_of(claims)} == {2008}


def test_two_rows_of_a_person_and_year_that_differ_are_set_aside(tmp_path: Path) -> None:
    rows = [beneficiary(BENE_YEAR="2009"), beneficiary(BENE_YEAR="2009", SP_STATE_CODE="05")]
    report = read_one(tmp_path, rows).report.table("beneficiaries")
    assert (report.rows_out, report.quarantined) == (0, {"duplicate_key": 2})


def test_the_year_must_be_known(tmp_path: Path) -> None:
    write(tmp_path, "people.csv", [beneficiary()])
    with pytest.raises(LayoutError, match=r"people\.csv: the year .* BENE_YEAR"):
        read_claims(tmp_path)


# --- counts -------------------------------------------------------------------------------------------------


def test_every_row_is_accounted_for_in_a_mixed_delivery(tmp_path: Path) -> None:
    write(
        tmp_path,
        "stays.csv",
        [
            inpatient(),
            inpatient(),
            inpatient(SEGMENT="2", CLM_PMT_AMT="1.00"),
            inpatient(SEGMENT="2", CLM_PMT_AMT="1.00"),
            inpatient(CLM_ID="2", SEGMENT="2"),
            inpatient(CLM_ID="3", CLM_DRG_CD="47"),
            inpatient(CLM_ID="4", CLM_FROM_DT="soon"),
        ],
    )
    write(tmp_path, "visits.csv", [outpatient(), outpatient(CLM_ID="5", CLM_FROM_DT="")])
    write(tmp_path, "doctors.csv", [carrier(), carrier(CLM_ID="6", LINE_NCH_PMT_AMT_1="x")])
    claims = read_claims(tmp_path)
    report = claims.report.table("claims")
    assert report.rows_in == 7 + 2 + 2
    assert report.netted == {"exact_duplicate": 2, "continuation_segment": 1}
    assert report.quarantined == {
        "segment_without_first": 1,
        "ms_drg_malformed": 1,
        "from_date_not_a_date": 1,
        "from_date_missing": 1,
    }
    # A duplicate continuation does not pay twice.
    assert claims.claims.collect()["paid_cents"].to_list()[0] == 12_001_00
    assert claims.report.table("lines").quarantined == {
        "claim_quarantined": 2,
        "paid_amount_not_an_amount": 1,
    }
    assert counts_hold(claims)


def test_a_delivery_read_twice_counts_once(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv.gz"):
        write(tmp_path, f"stays_{name}", [inpatient(), inpatient(CLM_ID="2")])
        write(tmp_path, f"visits_{name}", [outpatient()])
        write(tmp_path, f"doctors_{name}", [carrier()])
        write(tmp_path, f"people_{name}", [beneficiary(BENE_YEAR="2009")])
    claims = read_claims(tmp_path)
    assert claims.report.table("claims").netted == {"exact_duplicate": 4}
    assert claims.report.table("claims").rows_out == 4
    assert claims.report.table("lines").rows_out == 3
    assert claims.report.table("beneficiaries").netted == {"exact_duplicate": 1}
    assert counts_hold(claims)


def test_the_order_of_files_decides_the_order_of_rows(tmp_path: Path) -> None:
    write(tmp_path, "2.csv", [inpatient(CLM_ID="2")])
    write(tmp_path, "1.csv", [inpatient(CLM_ID="9"), inpatient(CLM_ID="1")])
    assert read_claims(tmp_path).claims.collect()["claim_id"].to_list() == ["9", "1", "2"]


# --- public samples -----------------------------------------------------------------------------------------


def scalar(query: str) -> Any:
    return duckdb.sql(query).fetchall()[0][0]


def dollars_of(frame: pl.LazyFrame, column: str) -> Decimal:
    return Decimal(frame.select(pl.col(column).sum()).collect().item()) / 100


@pytest.fixture(scope="module")
def subsamples(shared_folder: Path) -> tuple[Path, Claims]:
    folder = shared_folder / "claims" / "synpuf_10k_subsamples"
    return folder, read_claims(folder)


@pytest.fixture(scope="module")
def five_hundred(shared_folder: Path) -> tuple[Path, Claims]:
    folder = shared_folder / "claims" / "synpuf_500bene_multifile"
    return folder, read_claims(folder)


def test_subsamples_every_row_is_accounted_for(subsamples: tuple[Path, Claims]) -> None:
    folder, claims = subsamples
    report = claims.report.table("claims")
    assert (report.rows_in, report.rows_out) == (97_158, 97_073)
    assert report.netted == {"continuation_segment": 85}
    assert report.quarantined == {}
    people = claims.report.table("beneficiaries")
    assert people.rows_out == 60_000
    raw = f"read_csv('{folder}/*Beneficiary*.csv.gz', all_varchar=true, union_by_name=true)"
    assert people.rows_in == scalar(f"select count(*) from {raw}")
    assert len(claims.report.files) == 35
    assert sum(file["rows"] for file in claims.report.files) == report.rows_in + people.rows_in
    assert counts_hold(claims)


def test_subsamples_money_equals_the_raw_text(subsamples: tuple[Path, Claims]) -> None:
    folder, claims = subsamples
    raw = f"read_csv('{folder}/*Inpatient*.csv.gz', all_varchar=true, union_by_name=true)"
    paid = scalar(f"select sum(CLM_PMT_AMT::decimal(20, 2)) from {raw}")
    assert dollars_of(claims.claims, "paid_cents") == paid == Decimal("926325390.00")
    shares = scalar(
        "select sum(coalesce(NCH_BENE_IP_DDCTBL_AMT::decimal(20, 2), 0)"
        " + coalesce(NCH_BENE_PTA_COINSRNC_LBLTY_AM::decimal(20, 2), 0)"
        " + coalesce(NCH_BENE_BLOOD_DDCTBL_LBLTY_AM::decimal(20, 2), 0)"
        f" + coalesce(NCH_PRMRY_PYR_CLM_PD_AMT::decimal(20, 2), 0)) from {raw} where SEGMENT = '1'"
    )
    assert dollars_of(claims.claims, "allowed_cents") == paid + shares


def test_subsamples_withheld_drgs_and_anchor_drgs(subsamples: tuple[Path, Claims]) -> None:
    folder, claims = subsamples
    raw = f"read_csv('{folder}/*Inpatient*.csv.gz', all_varchar=true, union_by_name=true)"
    drgs = claims.claims.select("ms_drg").collect()["ms_drg"]
    assert drgs.null_count() == scalar(f"select count(*) from {raw} where CLM_DRG_CD = 'OTH' and SEGMENT = '1'")
    # Counts of the published description of these files.
    for codes, stays in (
        (["469", "470"], 229),
        (["480", "481", "482"], 322),
        (["231", "232", "233", "234", "235", "236"], 1_450),
        (["453", "454", "455", "459", "460", "471", "472", "473"], 894),
        (["329", "330", "331"], 495),
    ):
        assert drgs.is_in(codes).sum() == stays


def test_five_hundred_people_money_equals_the_raw_text(five_hundred: tuple[Path, Claims]) -> None:
    folder, claims = five_hundred

    def raw(name: str) -> str:
        return f"read_csv('{folder}/{name}.csv.gz', all_varchar=true)"

    def total(name: str, *columns: str) -> Decimal:
        parts = " + ".join(f"coalesce({column}::decimal(20, 2), 0)" for column in columns)
        return Decimal(scalar(f"select sum({parts}) from {raw(name)}"))

    def lines_of(setting: str) -> pl.LazyFrame:
        wanted = claims.claims.filter(pl.col("setting").cast(pl.String) == setting)
        return claims.lines.join(wanted, on=["beneficiary_id", "claim_id"], how="semi")

    stays = claims.claims.filter(pl.col("setting").cast(pl.String) == "inpatient")
    inpatient_parts = (
        "NCH_BENE_IP_DDCTBL_AMT",
        "NCH_BENE_PTA_COINSRNC_LBLTY_AM",
        "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM",
        "NCH_PRMRY_PYR_CLM_PD_AMT",
    )
    outpatient_parts = (
        "NCH_BENE_PTB_DDCTBL_AMT",
        "NCH_BENE_PTB_COINSRNC_AMT",
        "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM",
        "NCH_PRMRY_PYR_CLM_PD_AMT",
    )
    fives = range(1, 6)
    assert dollars_of(stays, "paid_cents") == total("inpatient", "CLM_PMT_AMT")
    assert dollars_of(stays, "allowed_cents") == total("inpatient", "CLM_PMT_AMT", *inpatient_parts)
    visits = lines_of("outpatient")
    assert dollars_of(visits, "paid_cents") == total("outpatient", "CLM_PMT_AMT")
    assert dollars_of(visits, "allowed_cents") == total("outpatient", "CLM_PMT_AMT", *outpatient_parts)
    assert dollars_of(visits, "primary_payer_paid_cents") == total("outpatient", "NCH_PRMRY_PYR_CLM_PD_AMT")
    services = lines_of("professional")
    for column, family in (
        ("paid_cents", "LINE_NCH_PMT_AMT"),
        ("allowed_cents", "LINE_ALOWD_CHRG_AMT"),
        ("primary_payer_paid_cents", "LINE_BENE_PRMRY_PYR_PD_AMT"),
    ):
        assert dollars_of(services, column) == total("carrier", *(f"{family}_{n}" for n in fives))


def test_five_hundred_people_counts_equal_the_raw_text(five_hundred: tuple[Path, Claims]) -> None:
    folder, claims = five_hundred
    by_setting = dict(claims.claims.group_by(pl.col("setting").cast(pl.String)).len().collect().iter_rows())
    assert by_setting == {"inpatient": 225, "outpatient": 2_827, "professional": 16_677}
    assert claims.report.table("beneficiaries").rows_in == 998
    assert claims.report.table("beneficiaries").rows_out == 500

    codes = " + ".join(f"(HCPCS_CD_{n} is not null)::int" for n in range(1, 6))
    amounts = (
        "LINE_NCH_PMT_AMT",
        "LINE_ALOWD_CHRG_AMT",
        "LINE_BENE_PRMRY_PYR_PD_AMT",
        "LINE_BENE_PTB_DDCTBL_AMT",
        "LINE_COINSRNC_AMT",
    )
    texts = ("HCPCS_CD", "PRF_PHYSN_NPI", "TAX_NUM", "LINE_PRCSG_IND_CD", "LINE_ICD9_DGNS_CD")
    exists = " + ".join(
        "("
        + " or ".join(
            [f"{family}_{n} is not null" for family in texts]
            + [f"coalesce({family}_{n}::decimal(20, 2), 0) <> 0" for family in amounts]
        )
        + ")::int"
        for n in range(1, 6)
    )
    outpatient_lines = scalar(
        f"select sum(greatest({codes}, 1)) from read_csv('{folder}/outpatient.csv.gz', all_varchar=true)"
    )
    carrier_lines = scalar(f"select sum({exists}) from read_csv('{folder}/carrier.csv.gz', all_varchar=true)")
    report = claims.report.table("lines")
    assert report.rows_in == report.rows_out == outpatient_lines + carrier_lines
    assert counts_hold(claims)
    assert "17,443 rows of drug events ignored" in claims.report.all_notes()
