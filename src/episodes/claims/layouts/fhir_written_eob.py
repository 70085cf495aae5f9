"""A canonical claim and its lines as an ExplanationOfBenefit, R4 of the CARIN profile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from episodes.claims.layouts.fhir_written_items import Team, item_of
from episodes.claims.layouts.fhir_written_parts import (
    CARIN,
    CODES,
    HL7,
    VARIABLES,
    Resource,
    Row,
    concept,
    money,
    share_cents,
    variable,
    without_blanks,
)

_ICD_10_FROM = dt.date(2015, 10, 1)


@dataclass(frozen=True)
class _Form:
    """How claims of a setting are written."""

    type_code: str | None
    eob_type: str
    claim_type: str
    sub_type: str | None
    profile: str
    near_line: str | None
    part: str
    share: str | None
    """The variable that holds what the beneficiary owes of the whole claim."""


_INPATIENT = "Inpatient-Institutional"
_PROFESSIONAL = "Professional-NonClinician"
_FORMS = {
    "inpatient": _Form("60", "INPATIENT", "institutional", "inpatient", _INPATIENT, "V", "a", "nch_bene_ip_ddctbl_amt"),
    "snf": _Form("20", "SNF", "institutional", "inpatient", _INPATIENT, "V", "a", "nch_bene_pta_coinsrnc_lblty_amt"),
    "home_health": _Form("10", "HHA", "institutional", "outpatient", _INPATIENT, "V", "a", None),
    "hospice": _Form("50", "HOSPICE", "institutional", "inpatient", _INPATIENT, "V", "a", None),
    "outpatient": _Form(
        "40",
        "OUTPATIENT",
        "institutional",
        "outpatient",
        "Outpatient-Institutional",
        "W",
        "b",
        "nch_bene_ptb_coinsrnc_amt",
    ),
    "professional": _Form("71", "CARRIER", "professional", None, _PROFESSIONAL, "O", "b", None),
    "dme": _Form("82", "DME", "professional", None, _PROFESSIONAL, "M", "b", None),
    "drug": _Form(None, "PDE", "pharmacy", None, "Pharmacy", None, "d", None),
}
_ADD_ONS = {
    "ime_cents": "ime_op_clm_val_amt",
    "dsh_cents": "dsh_op_clm_val_amt",
    "uncompensated_care_cents": "clm_uncompd_care_pmt_amt",
}


_REASON_NOT_PAID = ("clm_mdcr_non_pmt_rsn_cd", "N")
_NOT_PAID_TO_SUPPLIER = ("carr_clm_pmt_dnl_cd", "0")


def resource_of_claim(
    claim: Row, lines: Iterable[Row], *, status: str = "active", denied: bool = False, updated: dt.date | None = None
) -> Resource:
    """The ExplanationOfBenefit of a claim; numbers are texts that end in NUL.

    Args:
        claim: the canonical claim.
        lines: its lines, in order.
        status: of the resource.
        denied: whether the claim was refused.
        updated: the day on which this version of the resource came about; None: not said.
    """
    form = _FORMS[claim["setting"]]
    team = Team(claim)
    diagnoses = [code for code in claim.get("diagnoses") or [] if code]
    items = [item_of(line, claim["setting"], team, diagnoses) for line in lines]
    organization = _organization(claim)
    person = claim["beneficiary_id"]
    return without_blanks(
        {
            "resourceType": "ExplanationOfBenefit",
            "id": f"{form.eob_type.lower()}-{claim['claim_id']}",
            "meta": {
                **({"lastUpdated": f"{updated}T00:00:00+00:00"} if updated else {}),
                "profile": [f"{CARIN}/StructureDefinition/C4BB-ExplanationOfBenefit-{form.profile}"],
            },
            "contained": [organization] if organization else None,
            "extension": _extensions(claim, form, denied=denied),
            "identifier": [
                {
                    "type": concept((f"{CARIN}/CodeSystem/C4BBIdentifierType", "uc")),
                    "system": f"{VARIABLES}/{'clm_id' if form.type_code else 'pde_id'}",
                    "value": claim["claim_id"],
                }
            ],
            "status": status,
            "type": concept(
                *([(f"{VARIABLES}/nch_clm_type_cd", form.type_code)] if form.type_code else []),
                (f"{CODES}/eob-type", form.eob_type),
                (f"{HL7}/claim-type", form.claim_type),
            ),
            "subType": concept((f"{CARIN}/CodeSystem/C4BBInstitutionalClaimSubType", form.sub_type))
            if form.sub_type
            else None,
            "use": "claim",
            "patient": {"reference": f"Patient/{person}"},
            "billablePeriod": {"start": claim["from_date"], "end": claim["thru_date"]},
            "created": claim.get("process_date") or claim["thru_date"],
            "insurer": {"identifier": {"value": "CMS"}},
            "provider": {"reference": "#provider-org"} if organization else None,
            "facility": _facility(claim),
            "outcome": "complete",
            "careTeam": team.members(),
            "supportingInfo": _supporting_info(claim),
            "diagnosis": _diagnoses(claim),
            "procedure": _procedures(claim),
            "insurance": [{"focal": True, "coverage": {"reference": f"Coverage/part-{form.part}-{person}"}}],
            "item": items,
            "total": _totals(claim),
            "payment": _payment(claim),
            "benefitBalance": _balances(claim, form),
        }
    )


# --- parts of the claim -------------------------------------------------------------------------------------


def _extensions(claim: Row, form: _Form, *, denied: bool) -> list[Resource]:
    refusal = _NOT_PAID_TO_SUPPLIER if form.claim_type == "professional" else _REASON_NOT_PAID
    bill_type = claim.get("bill_type")
    return [
        *([variable("nch_near_line_rec_ident_cd", form.near_line)] if form.near_line else []),
        *(
            {"url": f"{VARIABLES}/{name}", "valueMoney": money(claim[column])}
            for column, name in _ADD_ONS.items()
            if claim.get(column)
        ),
        *([variable("clm_srvc_clsfctn_type_cd", bill_type[1])] if bill_type else []),
        *([variable(*refusal)] if denied else []),
    ]


def _organization(claim: Row) -> Resource | None:
    numbers = [
        {"type": concept((f"{HL7}/v2-0203", "PRN")), "value": claim.get("ccn")},
        {
            "type": concept((f"{CARIN}/CodeSystem/C4BBIdentifierType", "npi")),
            "system": "http://hl7.org/fhir/sid/us-npi",
            "value": claim.get("facility_npi"),
        },
    ]
    given = [number for number in numbers if number["value"]]
    if not given:
        return None
    return {"resourceType": "Organization", "id": "provider-org", "identifier": given, "active": True}


def _facility(claim: Row) -> Resource | None:
    bill_type = claim.get("bill_type")
    return {"extension": [variable("clm_fac_type_cd", bill_type[0])]} if bill_type else None


def _supporting_info(claim: Row) -> list[Resource]:
    info_type = f"{CARIN}/CodeSystem/C4BBSupportingInfoType"
    stay = without_blanks({"start": claim.get("admission_date"), "end": claim.get("discharge_date")})
    facts: list[Resource] = []
    if claim.get("process_date") and claim["setting"] != "drug":
        received = concept((info_type, "clmrecvddate"), (f"{CODES}/information", f"{VARIABLES}/nch_wkly_proc_dt"))
        facts.append({"category": received, "timingDate": claim["process_date"]})
    if stay:
        facts.append({"category": concept((info_type, "admissionperiod")), "timingPeriod": stay})
    if claim.get("ms_drg"):
        facts.append({"category": _information("clm_drg_cd"), "code": _coded("clm_drg_cd", claim["ms_drg"])})
    if claim.get("bill_type"):
        frequency = _coded("clm_freq_cd", claim["bill_type"][2])
        facts.append({"category": concept((info_type, "typeofbill")), "code": frequency})
    if claim.get("discharge_status"):
        status = _coded("ptnt_dschrg_stus_cd", claim["discharge_status"])
        facts.append({"category": concept((info_type, "discharge-status")), "code": status})
    if claim.get("low_utilization") is not None:
        indicator = _coded("clm_hha_lupa_ind_cd", "L" if claim["low_utilization"] else None)
        facts.append({"category": _information("clm_hha_lupa_ind_cd"), "code": indicator})
    return [{"sequence": number, **fact} for number, fact in enumerate(facts, start=1)]


def _information(name: str) -> Resource:
    own = (f"{CODES}/information", f"{VARIABLES}/{name}")
    return concept((f"{HL7}/claiminformationcategory", "info"), own)


def _coded(name: str, code: str | None) -> Resource:
    return concept((f"{VARIABLES}/{name}", code))


def _diagnoses(claim: Row) -> list[Resource]:
    codes = claim.get("diagnoses") or []
    present = claim.get("present_on_admission") or []
    old = claim["thru_date"] < _ICD_10_FROM
    system = "http://hl7.org/fhir/sid/icd-9-cm" if old else "http://hl7.org/fhir/sid/icd-10-cm"
    other = "secondary" if claim["setting"] in {"professional", "dme"} else "other"
    found: list[Resource] = []
    for place, code in enumerate(codes):
        if code is None:
            continue
        kind = (f"{HL7}/ex-diagnosistype", "principal")
        if place > 0:
            kind = (f"{CARIN}/CodeSystem/C4BBClaimDiagnosisType", other)
        flag = present[place] if place < len(present) else None
        found.append(
            without_blanks(
                {
                    "extension": [variable(f"clm_poa_ind_sw{place + 1}", flag)] if flag else None,
                    "sequence": len(found) + 1,
                    "diagnosisCodeableConcept": concept((system, code)),
                    "type": [concept(kind)],
                }
            )
        )
    return found


def _procedures(claim: Row) -> list[Resource]:
    days = claim.get("procedure_dates") or []
    old = claim["thru_date"] < _ICD_10_FROM
    system = "http://hl7.org/fhir/sid/icd-9-cm" if old else "http://www.cms.gov/Medicare/Coding/ICD10"
    return [
        without_blanks(
            {
                "sequence": number,
                "date": f"{days[number - 1]}T00:00:00+00:00" if number <= len(days) and days[number - 1] else None,
                "procedureCodeableConcept": concept((system, code)),
            }
        )
        for number, code in enumerate(claim.get("procedures") or [], start=1)
    ]


def _totals(claim: Row) -> list[Resource]:
    if claim.get("allowed_cents") is None:
        return []
    return [{"category": concept((f"{HL7}/adjudication", "eligible")), "amount": money(claim["allowed_cents"])}]


def _payment(claim: Row) -> Resource:
    paid = claim.get("paid_cents")
    day = claim.get("process_date") if claim["setting"] == "drug" else None
    return without_blanks({"date": day, "amount": None if paid is None else money(paid)})


def _balances(claim: Row, form: _Form) -> list[Resource]:
    amounts = {
        "prpayamt": claim.get("primary_payer_paid_cents"),
        "nch_drg_outlier_aprvd_pmt_amt": claim.get("outlier_cents"),
    }
    given = {name: cents for name, cents in amounts.items() if cents}
    share = share_cents(claim)
    if form.share and share is not None:
        given[form.share] = share
    financial = [
        {"type": concept((f"{CODES}/benefit-balance", f"{VARIABLES}/{name}")), "usedMoney": money(cents)}
        for name, cents in given.items()
    ]
    return [{"category": concept((f"{HL7}/ex-benefitcategory", "1")), "financial": financial}] if financial else []
