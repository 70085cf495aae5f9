"""The shapes of an ExplanationOfBenefit: where each server puts what, as tables of names.

Payers name their own fields by the variables of their source files; the name is the last part of the URL by which a
code, an extension or an amount is known (`.../variables/clm_drg_cd`, `CLM_LINE_CVRD_PD_AMT`). Three vocabularies occur:
those of the Chronic Conditions Warehouse (the STU3 and the first R4 server of CMS), those of the Integrated Data
Repository (its newest server), and the words of the CARIN profile, which every payer's R4 resources share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from episodes.claims.layouts.fhir_json import codings, listed, part

Names = Mapping[str, tuple[str, ...]]
"""What a field means to the variables that may say it; the first one given counts."""


@dataclass(frozen=True)
class Shape:
    """Where a server puts what."""

    name: str
    information: str
    """The element of coded claim facts."""
    service: str
    """The element of an item that holds the procedure code."""
    care_team_links: str
    diagnosis_links: str
    attending: str
    operating: str
    rendering: tuple[str, ...]
    """Care team roles; of several that a line names, the first in this order."""
    roles_of_facilities: bool
    """The attending and operating roles mean that on facility claims only."""
    claim: Names
    line: Names


_CARIN_CLAIM: Names = {
    "bill_type": ("typeofbill",),
    "drg": ("drg",),
    "discharge_status": ("discharge_status",),
    "admission": ("admissionperiod",),
    "discharge": ("admissionperiod_end",),
    "payment": ("benefit",),
    "eligible": ("eligible",),
    "deductible": ("deductible",),
    "coinsurance": ("coinsurance",),
    "copay": ("copay",),
    "primary_payer": ("priorpayerpaid",),
}
_CARIN_LINE: Names = {
    "paid": ("benefit", "paidtoprovider"),
    "eligible": ("eligible",),
    "deductible": ("deductible",),
    "coinsurance": ("coinsurance",),
    "copay": ("copay",),
    "primary_payer": ("priorpayerpaid",),
    "charge": ("submitted",),
    "noncovered_charge": ("noncovered",),
}

_CCW_CLAIM: Names = {
    "type_code": ("nch_clm_type_cd",),
    "facility_type": ("clm_fac_type_cd",),
    "facility_class": ("clm_srvc_clsfctn_type_cd",),
    "frequency": ("clm_freq_cd",),
    "drg": ("clm_drg_cd",),
    "discharge_status": ("ptnt_dschrg_stus_cd",),
    "admission": ("admissionperiod",),
    "discharge": ("admissionperiod_end",),
    "process_date": ("nch_wkly_proc_dt",),
    "low_utilization": ("clm_hha_lupa_ind_cd",),
    "non_payment_reason": ("clm_mdcr_non_pmt_rsn_cd",),
    "payment_denial": ("carr_clm_pmt_dnl_cd",),
    "managed_care_paid": ("clm_mco_pd_sw",),
    "final_action": ("final_action",),
    "deletion": ("adjstmt_dltn_cd",),
    "carrier_allowed": ("nch_carr_clm_alowd_amt",),
    "deductible": ("nch_bene_ip_ddctbl_amt", "nch_bene_ptb_ddctbl_amt"),
    "coinsurance": ("nch_bene_pta_coinsrnc_lblty_amt", "nch_bene_ptb_coinsrnc_amt"),
    "blood_deductible": ("nch_bene_blood_ddctbl_lblty_am",),
    "primary_payer": ("prpayamt",),
    "outlier": ("nch_drg_outlier_aprvd_pmt_amt",),
    "capital_outlier": ("clm_pps_cptl_outlier_amt",),
    "ime": ("ime_op_clm_val_amt",),
    "capital_ime": ("clm_pps_cptl_ime_amt",),
    "dsh": ("dsh_op_clm_val_amt",),
    "capital_dsh": ("clm_pps_cptl_dsprprtnt_shr_amt",),
    "uncompensated_care": ("clm_uncompd_care_pmt_amt",),
}
_CCW_LINE: Names = {
    "processing_indicator": ("line_prcsg_ind_cd",),
    "units": ("rev_cntr_unit_cnt",),
    "status_indicator": ("rev_cntr_stus_ind_cd",),
    "apc": ("rev_cntr_apc_hipps_cd",),
    "tin": ("tax_num",),
    "paid": ("line_nch_pmt_amt", "rev_cntr_pmt_amt_amt", "cvrd_d_plan_pd_amt"),
    "allowed": ("line_alowd_chrg_amt", "tot_rx_cst_amt"),
    "deductible": ("line_bene_ptb_ddctbl_amt", "rev_cntr_cash_ddctbl_amt"),
    "blood_deductible": ("rev_cntr_blood_ddctbl_amt",),
    "coinsurance": ("line_coinsrnc_amt", "rev_cntr_coinsrnc_wge_adjstd_c"),
    "reduced_coinsurance": ("rev_cntr_rdcd_coinsrnc_amt",),
    "primary_payer": ("line_bene_prmry_pyr_pd_amt", "rev_cntr_1st_msp_pd_amt", "plro_amt"),
    "second_payer": ("rev_cntr_2nd_msp_pd_amt",),
    "charge": ("line_sbmtd_chrg_amt", "rev_cntr_tot_chrg_amt"),
    "noncovered_charge": ("rev_cntr_ncvrd_chrg_amt",),
}

_IDR_CLAIM: Names = {
    "type_code": ("clm_type_cd",),
    "bill_type": ("typeofbill",),
    "drg": ("drg",),
    "discharge_status": ("bene_ptnt_stus_cd",),
    "admission": ("admissionperiod",),
    "discharge": ("admissionperiod_end",),
    "process_date": ("clm_nch_wkly_proc_dt",),
    "low_utilization": ("clm_hha_lup_ind_cd",),
    "non_payment_reason": ("clm_mdcr_npmt_rsn_cd",),
    "payment_denial": ("clm_carr_pmt_dnl_cd",),
    "managed_care_paid": ("clm_mdcr_instnl_mco_pd_sw",),
    "final_action": ("final_action", "clm_finl_actn_ind"),
    "adjudication_status": ("adjudication_status",),
    "adjustment_type": ("clm_adjstmt_type_cd",),
    # Not of facility claims, where the server writes zero.
    "carrier_allowed": ("clm_alowd_chrg_amt",),
    "deductible": ("clm_mdcr_ip_bene_ddctbl_amt", "clm_mdcr_ddctbl_amt"),
    "coinsurance": ("clm_mdcr_coinsrnc_amt",),
    "blood_deductible": ("clm_blood_lblty_amt",),
    "primary_payer": ("clm_mdcr_instnl_prmry_pyr_amt", "clm_mdcr_prfnl_prmry_pyr_amt"),
    "outlier": ("clm_instnl_drg_outlier_amt",),
    "capital_outlier": ("clm_mdcr_ip_pps_outlier_amt",),
    "ime": ("clm_oprtnl_ime_amt",),
    "capital_ime": ("clm_mdcr_ip_pps_cptl_ime_amt",),
    "dsh": ("clm_oprtnl_dsprtnt_amt",),
    "capital_dsh": ("clm_mdcr_ip_pps_dsprprtnt_amt",),
    "uncompensated_care": ("clm_hipps_uncompd_care_amt",),
}
_IDR_LINE: Names = {
    "processing_indicator": ("clm_prcsg_ind_cd",),
    "status_indicator": ("clm_rev_cntr_stus_cd",),
    "apc": ("clm_rev_apc_hipps_cd",),
    "specialty": ("clm_prvdr_spclty_cd",),
    "paid": ("clm_line_cvrd_pd_amt", "clm_line_prvdr_pmt_amt"),
    "allowed": ("clm_line_alowd_chrg_amt", "tot_rx_cst_amt"),
    "deductible": ("clm_line_mdcr_ddctbl_amt",),
    "blood_deductible": ("clm_line_blood_ddctbl_amt",),
    "coinsurance": ("clm_line_mdcr_coinsrnc_amt", "clm_line_instnl_adjstd_amt"),
    "reduced_coinsurance": ("clm_line_instnl_rdcd_amt",),
    "primary_payer": ("clm_bene_prmry_pyr_pd_amt", "clm_line_instnl_msp1_pd_amt", "clm_line_plro_amt"),
    "second_payer": ("clm_line_instnl_msp2_pd_amt",),
    "charge": ("clm_line_sbmt_chrg_amt",),
    "noncovered_charge": ("clm_line_ncvrd_chrg_amt",),
}


def _either(first: Names, second: Names) -> Names:
    """The names of two vocabularies, those of the first preferred."""
    return {meaning: (*first.get(meaning, ()), *second.get(meaning, ())) for meaning in {**first, **second}}


STU3 = Shape(
    name="STU3",
    information="information",
    service="service",
    care_team_links="careTeamLinkId",
    diagnosis_links="diagnosisLinkId",
    attending="primary",
    operating="assist",
    rendering=("primary",),
    roles_of_facilities=True,
    claim=_CCW_CLAIM,
    line=_CCW_LINE,
)
R4 = Shape(
    name="R4",
    information="supportingInfo",
    service="productOrService",
    care_team_links="careTeamSequence",
    diagnosis_links="diagnosisSequence",
    attending="attending",
    operating="operating",
    rendering=("performing", "rendering", "primary"),
    roles_of_facilities=False,
    claim=_either(_CCW_CLAIM, _CARIN_CLAIM),
    line=_either(_CCW_LINE, _CARIN_LINE),
)
NEWEST_R4 = Shape(
    name="newest R4",
    information="supportingInfo",
    service="productOrService",
    care_team_links="careTeamSequence",
    diagnosis_links="diagnosisSequence",
    attending="attending",
    operating="operating",
    rendering=("performing", "rendering"),
    roles_of_facilities=False,
    claim=_IDR_CLAIM,
    line=_IDR_LINE,
)
SHAPES = (STU3, R4, NEWEST_R4)

CLAIM_MEANINGS = tuple(dict.fromkeys(meaning for shape in SHAPES for meaning in shape.claim))
LINE_MEANINGS = tuple(dict.fromkeys(meaning for shape in SHAPES for meaning in shape.line))

_STU3_ELEMENTS = frozenset({"information", "totalCost", "hospitalization", "organization"})


def shape_of(eob: Mapping[str, Any]) -> Shape:
    """The shape of an ExplanationOfBenefit.

    >>> shape_of({"totalCost": {"value": "1.00"}}).name
    'STU3'
    """
    systems = {system for system, _ in codings(eob.get("type"))}
    if "clm_type_cd" in systems:
        return NEWEST_R4
    if eob.keys() & _STU3_ELEMENTS or "ex_claimtype" in systems or any("service" in i for i in listed(eob.get("item"))):
        return STU3
    return R4


# --- what codes and names stand for -------------------------------------------------------------------------

PROCEDURE_CODES = frozenset({"hcpcs", "hcpcs_cd", "cpt", "hcpcsreleasecodesets", "hippscodes"})
"""Systems of HCPCS and CPT codes and their modifiers, and of the HIPPS codes that take their place."""
OWN_REVENUE_CODES = frozenset({"rev_cntr", "clm_rev_cntr_cd"})
NUBC_REVENUE_CODES = "revenuecodes"
SPECIALTIES = frozenset({"prvdr_spclty", "clm_prvdr_spclty_cd"})
CLAIM_IDS = ("clm_id", "pde_id")
NOT_CLAIM_IDS = frozenset({"claim_group", "rx_srvc_rfrnc_num"})

_NPI, _CCN, _TIN = "npi", "ccn", "tin"
_NUMBER_OF_SYSTEM = {
    "us_npi": _NPI,
    "prvdr_num": _CCN,
    "ccn": _CCN,
    "v2_0203": _TIN,
    "urn:oid:2.16.840.1.113883.4.4": _TIN,
}
_NUMBER_OF_TYPE = {"npi": _NPI, "prn": _CCN, "tax": _TIN}


def number_kind(identifier: Mapping[str, Any], system: str) -> str | None:
    """Whether an identifier of a provider is its npi, ccn or tin.

    >>> number_kind({"value": "1234567890"}, "us_npi")
    'npi'
    """
    types = (_NUMBER_OF_TYPE.get(code.lower()) for _, code in codings(part(identifier, "type")))
    return next(filter(None, types), None) or _NUMBER_OF_SYSTEM.get(system)


_SETTING_OF_TYPE_CODE = {
    **dict.fromkeys(("1", "2", "3", "4"), "drug"),
    "10": "home_health",
    **dict.fromkeys(("20", "30"), "snf"),
    "40": "outpatient",
    "50": "hospice",
    **dict.fromkeys(("60", "61", "62", "63", "64"), "inpatient"),
    **dict.fromkeys(("71", "72"), "professional"),
    **dict.fromkeys(("81", "82"), "dme"),
}
_SETTING_OF_EOB_TYPE = {
    "INPATIENT": "inpatient",
    "SNF": "snf",
    "HHA": "home_health",
    "HOSPICE": "hospice",
    "OUTPATIENT": "outpatient",
    "CARRIER": "professional",
    "DME": "dme",
    "PDE": "drug",
}
_SETTING_OF_BILL_TYPE = {
    **dict.fromkeys(("11", "41"), "inpatient"),
    **dict.fromkeys(("18", "21", "28"), "snf"),
    **dict.fromkeys(("32", "33"), "home_health"),
    **dict.fromkeys(("81", "82"), "hospice"),
}
_SETTING_OF_CLAIM_TYPE = {"professional": "professional", "pharmacy": "drug"}
OTHER_CLAIM_TYPES = frozenset({"oral", "vision"})
SHARED_SYSTEMS_FROM = 1000
"""Claim types from here on are claims still with the shared systems; they come again from the national history."""


def setting_of(types: Mapping[str, str], bill_type: str | None) -> str | None:
    """The setting of a claim: by the payer's own type, else by the bill type and sub type that every payer gives.

    Args:
        types: name of the code system to code, of the claim's type and sub type.
        bill_type: facility, class, frequency.

    >>> setting_of({"nch_clm_type_cd": "60"}, None), setting_of({"claim_type": "institutional"}, "329")
    ('inpatient', 'home_health')
    """
    own = _SETTING_OF_TYPE_CODE.get(types.get("nch_clm_type_cd") or types.get("clm_type_cd") or "")
    own = own or _SETTING_OF_EOB_TYPE.get(types.get("eob_type", ""))
    claim_type = types.get("claim_type") or types.get("ex_claimtype") or ""
    if own or claim_type in _SETTING_OF_CLAIM_TYPE:
        return own or _SETTING_OF_CLAIM_TYPE[claim_type]
    if claim_type != "institutional":
        return None
    if bill_type:
        return _SETTING_OF_BILL_TYPE.get(bill_type[:2], "outpatient")
    sub_type = types.get("c4bbinstitutionalclaimsubtype")
    return sub_type if sub_type in {"inpatient", "outpatient"} else None
