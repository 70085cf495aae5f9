"""FHIR resources for tests: an ExplanationOfBenefit of each shape, and reading files as the caller of a layout does."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl

import episodes as ep
from episodes.claims.layouts import fhir_eob
from episodes.claims.report import ReadingReport

Resource = dict[str, Any]

VARIABLES = "https://bluebutton.cms.gov/resources/variables"
CODES = "https://bluebutton.cms.gov/resources/codesystem"
NEWEST = "https://bluebutton.cms.gov/fhir/CodeSystem"
CARIN = "http://hl7.org/fhir/us/carin-bb/CodeSystem"
HL7 = "http://terminology.hl7.org/CodeSystem"
NPI = "http://hl7.org/fhir/sid/us-npi"


def read(path: Path) -> ep.Claims:
    """Read a file or folder the way every layout is read."""
    report = ReadingReport(layout="fhir-eob")
    rows: dict[str, list[pl.DataFrame]] = {}
    for file in fhir_eob.source_files(path, report):
        rows.setdefault(file.kind, []).extend(fhir_eob.read_rows(file))
    together = {kind: pl.concat(batches) for kind, batches in rows.items()}
    return ep.Claims(**fhir_eob.reshape(together, report), report=report)


def write_lines(folder: Path, *resources: Resource | str, name: str = "ExplanationOfBenefit.ndjson") -> Path:
    """Resources (or text as it stands) as NDJSON, plain, gzipped or zipped by the ending of the name."""
    lines = [one if isinstance(one, str) else json.dumps(one) for one in resources]
    return write_text(folder, "\n".join(lines) + "\n", name)


def write_text(folder: Path, text: str, name: str) -> Path:
    """Text as a plain, gzipped or zipped file."""
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name.removesuffix(".zip"), text)
    else:
        path.write_text(text, encoding="utf-8")
    return path


def bundle(*resources: Resource) -> Resource:
    """A Bundle of resources."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def concept(system: str, code: str) -> Resource:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def money(value: float | str) -> Resource:
    """An amount of R4."""
    return {"value": value, "currency": "USD"}


def variable(name: str, **value: Any) -> Resource:
    """An extension named by a variable of the claims warehouse."""
    return {"url": f"{VARIABLES}/{name}", **value}


def adjudication(word: str, name: str | None, value: float | str) -> Resource:
    """An amount of a line: the profile's word, the payer's own name."""
    coding = [{"system": f"{HL7}/adjudication", "code": word}]
    if name:
        coding.append({"system": f"{CODES}/adjudication", "code": f"{VARIABLES}/{name}"})
    return {"category": {"coding": coding}, "amount": money(value)}


def balance(**amounts: float) -> list[Resource]:
    """Amounts of a claim by variable."""
    financial = [
        {"type": concept(f"{CODES}/benefit-balance", f"{VARIABLES}/{name}"), "usedMoney": money(value)}
        for name, value in amounts.items()
    ]
    return [{"category": concept(f"{HL7}/ex-benefitcategory", "1"), "financial": financial}]


def fact(category: str, **value: Any) -> Resource:
    """A supporting fact of the CARIN profile."""
    return {"category": concept(f"{CARIN}/C4BBSupportingInfoType", category), **value}


def stay(**changes: Any) -> Resource:
    """An inpatient stay of R4: DRG 470, paid 12,000 with 1,600 deductible."""
    drg = concept(f"{VARIABLES}/clm_drg_cd", "470")
    resource = {
        "resourceType": "ExplanationOfBenefit",
        "id": "inpatient-100",
        "contained": [
            {
                "resourceType": "Organization",
                "id": "provider-org",
                "identifier": [
                    {"type": concept(f"{HL7}/v2-0203", "PRN"), "value": "360035"},
                    {"type": concept(f"{CARIN}/C4BBIdentifierType", "npi"), "system": NPI, "value": "1234567893"},
                ],
            }
        ],
        "extension": [variable("clm_srvc_clsfctn_type_cd", valueCoding={"code": "1"})],
        "identifier": [{"system": f"{VARIABLES}/clm_id", "value": "100"}],
        "status": "active",
        "type": {
            "coding": [
                {"system": f"{VARIABLES}/nch_clm_type_cd", "code": "60"},
                {"system": f"{CODES}/eob-type", "code": "INPATIENT"},
                {"system": f"{HL7}/claim-type", "code": "institutional"},
            ]
        },
        "use": "claim",
        "outcome": "complete",
        "patient": {"reference": "Patient/-7"},
        "billablePeriod": {"start": "2026-01-05", "end": "2026-01-08"},
        "provider": {"reference": "#provider-org"},
        "facility": {"extension": [variable("clm_fac_type_cd", valueCoding={"code": "1"})]},
        "supportingInfo": [
            fact("admissionperiod", timingPeriod={"start": "2026-01-05", "end": "2026-01-08"}),
            {"category": concept(f"{CODES}/information", f"{VARIABLES}/clm_drg_cd"), "code": drg},
            fact("typeofbill", code=concept(f"{VARIABLES}/clm_freq_cd", "1")),
            fact("discharge-status", code=concept(f"{VARIABLES}/ptnt_dschrg_stus_cd", "6")),
        ],
        "item": [{"sequence": 1, "revenue": concept(f"{VARIABLES}/rev_cntr", "120")}],
        "payment": {"amount": money(12000.00)},
        "benefitBalance": balance(nch_bene_ip_ddctbl_amt=1600.0, prpayamt=0.0),
    }
    return resource | changes


def visit(**changes: Any) -> Resource:
    """A professional claim of R4 with one line: allowed 110, paid 88."""
    resource = {
        "resourceType": "ExplanationOfBenefit",
        "id": "carrier-200",
        "status": "active",
        "type": {
            "coding": [
                {"system": f"{VARIABLES}/nch_clm_type_cd", "code": "71"},
                {"system": f"{CODES}/eob-type", "code": "CARRIER"},
            ]
        },
        "outcome": "complete",
        "patient": {"reference": "Patient/-7"},
        "billablePeriod": {"start": "2026-01-06", "end": "2026-01-06"},
        "careTeam": [team_member(1, "performing", "1000000004", specialty="20")],
        "diagnosis": [diagnosis(1, "M17.11", "principal")],
        "item": [
            {
                "sequence": 1,
                "careTeamSequence": [1],
                "diagnosisSequence": [1],
                "productOrService": concept(f"{CODES}/hcpcs", "99213"),
                "servicedPeriod": {"start": "2026-01-06", "end": "2026-01-06"},
                "locationCodeableConcept": concept(f"{VARIABLES}/line_place_of_srvc_cd", "11"),
                "quantity": {"value": 1},
                "adjudication": [
                    adjudication("benefit", "line_nch_pmt_amt", 88.00),
                    adjudication("eligible", "line_alowd_chrg_amt", 110.00),
                    adjudication("submitted", "line_sbmtd_chrg_amt", 250.5),
                ],
            }
        ],
        "payment": {"amount": money(88)},
    }
    return resource | changes


def outpatient(*lines: Resource, **changes: Any) -> Resource:
    """An outpatient claim of R4 with the lines given."""
    types = [{"system": f"{VARIABLES}/nch_clm_type_cd", "code": "40"}]
    return stay(id="outpatient-300", identifier=[], type={"coding": types}, item=list(lines)) | changes


def revenue_line(number: int, center: str, **amounts: float) -> Resource:
    """A facility line with amounts by variable."""
    return {
        "sequence": number,
        "revenue": concept(f"{VARIABLES}/rev_cntr", center),
        "servicedDate": "2026-01-06",
        "adjudication": [adjudication("submitted", name, value) for name, value in amounts.items()],
    }


def team_member(number: int, role: str, npi: str, specialty: str | None = None) -> Resource:
    """A member of the care team."""
    identifier = {"type": concept(f"{CARIN}/C4BBIdentifierType", "npi"), "value": npi}
    member: Resource = {
        "sequence": number,
        "provider": {"identifier": identifier},
        "role": concept(f"{CARIN}/C4BBClaimCareTeamRole", role),
    }
    if specialty:
        member["qualification"] = concept(f"{VARIABLES}/prvdr_spclty", specialty)
    return member


def diagnosis(number: int, code: str, *types: str, **more: Any) -> Resource:
    """A diagnosis of some types."""
    return {
        "sequence": number,
        "diagnosisCodeableConcept": concept("http://hl7.org/fhir/sid/icd-10-cm", code),
        "type": [concept(f"{HL7}/ex-diagnosistype", one) for one in types],
        **more,
    }


def newest(code: str = "60", **changes: Any) -> Resource:
    """An inpatient claim as the newest server gives it."""
    own = lambda name, code: {"system": f"{NEWEST}/{name}", "code": code}  # noqa: E731
    resource = {
        "resourceType": "ExplanationOfBenefit",
        "meta": {"tag": [own("Final-Action", "FinalAction")]},
        "contained": [
            {
                "resourceType": "Organization",
                "id": "org",
                "identifier": [
                    {"system": NPI, "value": "1548226988"},
                    {"system": "http://terminology.hl7.org/NamingSystem/CCN", "value": "360035"},
                ],
            },
            {"resourceType": "Practitioner", "id": "p1", "identifier": [{"system": NPI, "value": "1942945159"}]},
        ],
        "identifier": [{"type": concept(f"{CARIN}/C4BBIdentifierType", "uc"), "value": "-500"}],
        "status": "active",
        "outcome": "complete",
        "type": {"coding": [own("CLM-TYPE-CD", code)]},
        "patient": {"reference": "https://server/fhir/Patient/-7/_history/1"},
        "billablePeriod": {"start": "2026-01-05", "end": "2026-01-08"},
        "provider": {"reference": "#org"},
        "careTeam": [
            {
                "sequence": 1,
                "provider": {"reference": "#p1"},
                "role": {"coding": [{"system": f"{HL7}/claimcareteamrole", "code": "operating"}]},
            }
        ],
        "supportingInfo": [
            fact("drg", code=concept("https://www.cms.gov/MS-DRG-Classifications-and-Software", "70")),
            fact("typeofbill", code={"coding": [own("TypeOfBill", "0111"), own("CLM-BILL-FREQ-CD", "111")]}),
            fact("admissionperiod", timingPeriod={"start": "2026-01-05", "end": "0999-12-27"}),
            fact("discharge-status", code={"coding": [own("BENE-PTNT-STUS-CD", "06")]}),
        ],
        "payment": {"amount": money(9000)},
        "total": [
            newest_amount("eligible", "CLM_ALOWD_CHRG_AMT", 0.0),
            newest_amount("deductible", "CLM_MDCR_DDCTBL_AMT", 1600.0),
            newest_amount("coinsurance", "CLM_MDCR_COINSRNC_AMT", 10.5),
        ],
        "adjudication": [newest_amount(None, "CLM_OPRTNL_IME_AMT", 300.0)],
        "item": [],
    }
    return resource | changes


def newest_amount(word: str | None, name: str, value: float) -> Resource:
    """An amount as the newest server gives it."""
    coding = [{"system": f"{HL7}/adjudication", "code": word}] if word else []
    return {
        "category": {"coding": [*coding, {"system": f"{NEWEST}/Adjudication", "code": name}]},
        "amount": money(value),
    }


def stu3(**changes: Any) -> Resource:
    """An inpatient claim of STU3."""
    resource = {
        "resourceType": "ExplanationOfBenefit",
        "identifier": [{"system": f"{VARIABLES}/clm_id", "value": "600"}],
        "status": "active",
        "type": {"coding": [{"system": f"{CODES}/eob-type", "code": "INPATIENT"}]},
        "patient": {"reference": "Patient/-7"},
        "billablePeriod": {"start": "2015-04-01", "end": "2015-04-01"},
        "provider": {"identifier": {"system": f"{VARIABLES}/prvdr_num", "value": "360035"}},
        "organization": {"identifier": {"system": NPI, "value": "1234567893"}},
        "hospitalization": {"start": "2015-04-01", "end": "2015-04-03"},
        "information": [],
        "diagnosis": [{"packageCode": concept(f"{VARIABLES}/clm_drg_cd", "470")}],
        "extension": [variable("nch_bene_ip_ddctbl_amt", valueMoney={"value": 1000.0, "code": "USD"})],
        "payment": {"amount": {"value": 10000.0, "code": "USD"}},
        "totalCost": {"value": 30000.0},
        "item": [],
    }
    return resource | changes


def patient(**changes: Any) -> Resource:
    """A woman of Ohio."""
    resource = {
        "resourceType": "Patient",
        "id": "-7",
        "gender": "female",
        "birthDate": "1950-02-28",
        "address": [{"state": "OH", "postalCode": "45219"}],
    }
    return resource | changes


def coverage(plan: str, period: Resource | None = None, **changes: Any) -> Resource:
    """A coverage of a part of Medicare."""
    classes = [{"type": concept(f"{HL7}/coverage-class", "plan"), "value": plan}]
    resource: Resource = {
        "resourceType": "Coverage",
        "id": f"{plan.lower().replace(' ', '-')}--7",
        "beneficiary": {"reference": "Patient/-7"},
        "class": classes,
    }
    if period is not None:
        resource["period"] = period
    return resource | changes
