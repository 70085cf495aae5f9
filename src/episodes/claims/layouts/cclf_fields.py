"""The files of a CCLF delivery, version 38: their fields with positions and pictures, and which of them are read.

Source: CMS Claim and Claim Line Feed Information Packet, version 38.0 (2024-02-02), record layouts.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

SUMMARY = "CCLF0"
"""The summary of a delivery: delimited by pipes, with the records and the record length of every other file."""

CROSSWALK = "CCLF9"

DESCRIPTIONS = {
    "CCLF1": "Part A Claims Header File",
    "CCLF2": "Part A Claims Revenue Center Detail File",
    "CCLF3": "Part A Procedure Code File",
    "CCLF4": "Part A Diagnosis Code File",
    "CCLF5": "Part B Physicians File",
    "CCLF6": "Part B DME File",
    "CCLF7": "Part D File",
    "CCLF8": "Beneficiary Demographics File",
    "CCLF9": "BENE XREF File",
    "CCLFA": "Part A BE and Demo Codes File",
    "CCLFB": "Part B BE and Demo Codes File",
}
"""Kind of file to its description in the summary, in the order of the summary."""

CLAIM, MBI = "CUR_CLM_UNIQ_ID", "BENE_MBI_ID"
PERSON, ORDER, DELIVERED = "PERSON", "DELIVERY_ORDER", "DELIVERED_ON"
"""Columns that every row gets: the current identifier, the place of its file in the order of deliveries (as text that
sorts), and the day in the file's name (null where the name has none)."""

_MODIFIERS = tuple(f"HCPCS_{n}_MDFR_CD" for n in range(1, 6))
DEMONSTRATIONS = tuple(f"CLM_DEMO_{n}_NUM" for n in ("1ST", "2ND", "3RD", "4TH", "5TH"))
LINE_DIAGNOSES = tuple(f"CLM_DGNS_{n}_CD" for n in range(1, 13))

_READ: dict[str, tuple[str, ...]] = {
    "CCLF1": (
        CLAIM,
        MBI,
        "CLM_TYPE_CD",
        "CLM_FROM_DT",
        "CLM_THRU_DT",
        "CLM_BILL_FAC_TYPE_CD",
        "CLM_BILL_CLSFCTN_CD",
        "CLM_BILL_FREQ_CD",
        "PRNCPL_DGNS_CD",
        "CLM_MDCR_NPMT_RSN_CD",
        "CLM_PMT_AMT",
        "CLM_NCH_PRMRY_PYR_CD",
        "BENE_PTNT_STUS_CD",
        "DGNS_DRG_CD",
        "CLM_ADJSMT_TYPE_CD",
        "CLM_EFCTV_DT",
        "CLM_IDR_LD_DT",
        "CLM_MDCR_IP_PPS_CPTL_IME_AMT",
        "CLM_OPRTNL_IME_AMT",
        "CLM_MDCR_IP_PPS_DSPRPRTNT_AMT",
        "CLM_OPRTNL_DSPRPRTNT_AMT",
        "CLM_HIPPS_UNCOMPD_CARE_AMT",
        "PRVDR_OSCAR_NUM",
        "CLM_BLG_PRVDR_OSCAR_NUM",
        "FAC_PRVDR_NPI_NUM",
        "CLM_BLG_PRVDR_NPI_NUM",
        "ATNDG_PRVDR_NPI_NUM",
        "CLM_ATNDG_PRVDR_NPI_NUM",
        "OPRTG_PRVDR_NPI_NUM",
        "CLM_OPRTG_PRVDR_NPI_NUM",
    ),
    "CCLF2": (
        CLAIM,
        MBI,
        "CLM_LINE_NUM",
        "CLM_LINE_FROM_DT",
        "CLM_LINE_THRU_DT",
        "CLM_LINE_INSTNL_REV_CTR_DT",
        "CLM_LINE_PROD_REV_CTR_CD",
        "CLM_LINE_HCPCS_CD",
        "CLM_LINE_SRVC_UNIT_QTY",
        "CLM_LINE_CVRD_PD_AMT",
        "CLM_REV_APC_HIPPS_CD",
        *_MODIFIERS,
    ),
    "CCLF3": (CLAIM, MBI, "CLM_VAL_SQNC_NUM", "CLM_PRCDR_CD", "CLM_PRCDR_PRFRM_DT"),
    "CCLF4": (CLAIM, MBI, "CLM_PROD_TYPE_CD", "CLM_VAL_SQNC_NUM", "CLM_DGNS_CD", "CLM_POA_IND"),
    "CCLF5": (
        CLAIM,
        MBI,
        "CLM_LINE_NUM",
        "CLM_TYPE_CD",
        "CLM_FROM_DT",
        "CLM_THRU_DT",
        "CLM_PRVDR_SPCLTY_CD",
        "CLM_POS_CD",
        "CLM_LINE_FROM_DT",
        "CLM_LINE_THRU_DT",
        "CLM_LINE_HCPCS_CD",
        "CLM_LINE_CVRD_PD_AMT",
        "CLM_LINE_ALOWD_CHRG_AMT",
        "CLM_LINE_PRMRY_PYR_CD",
        "CLM_LINE_DGNS_CD",
        "CLM_LINE_SRVC_UNIT_QTY",
        "CLM_RNDRG_PRVDR_TAX_NUM",
        "RNDRG_PRVDR_NPI_NUM",
        "CLM_RNDRG_PRVDR_NPI_NUM",
        "CLM_CARR_PMT_DNL_CD",
        "CLM_PRCSG_IND_CD",
        "CLM_ADJSMT_TYPE_CD",
        "CLM_DISP_CD",
        "CLM_EFCTV_DT",
        "CLM_IDR_LD_DT",
        "CLM_CNTL_NUM",
        *_MODIFIERS,
        *LINE_DIAGNOSES,
    ),
    "CCLF6": (
        CLAIM,
        MBI,
        "CLM_LINE_NUM",
        "CLM_TYPE_CD",
        "CLM_FROM_DT",
        "CLM_THRU_DT",
        "CLM_POS_CD",
        "CLM_LINE_FROM_DT",
        "CLM_LINE_THRU_DT",
        "CLM_LINE_HCPCS_CD",
        "CLM_LINE_CVRD_PD_AMT",
        "CLM_LINE_ALOWD_CHRG_AMT",
        "CLM_PRMRY_PYR_CD",
        "PAYTO_PRVDR_NPI_NUM",
        "CLM_BLG_PRVDR_NPI_NUM",
        "CLM_CARR_PMT_DNL_CD",
        "CLM_PRCSG_IND_CD",
        "CLM_ADJSMT_TYPE_CD",
        "CLM_DISP_CD",
        "CLM_EFCTV_DT",
        "CLM_IDR_LD_DT",
        "CLM_CNTL_NUM",
    ),
    "CCLF7": (
        CLAIM,
        MBI,
        "CLM_LINE_FROM_DT",
        "PRVDR_SRVC_ID_QLFYR_CD",
        "CLM_SRVC_PRVDR_GNRC_ID_NUM",
        "CLM_DSPNSNG_STUS_CD",
        "CLM_LINE_SRVC_UNIT_QTY",
        "CLM_ADJSMT_TYPE_CD",
        "CLM_EFCTV_DT",
        "CLM_IDR_LD_DT",
        "CLM_LINE_RX_SRVC_RFRNC_NUM",
        "CLM_LINE_RX_FILL_NUM",
    ),
    "CCLF8": (
        MBI,
        "BENE_FIPS_STATE_CD",
        "GEO_USPS_STATE_CD",
        "BENE_FIPS_CNTY_CD",
        "BENE_DOB",
        "BENE_DEATH_DT",
        "BENE_SEX_CD",
        "BENE_MDCR_STUS_CD",
        "BENE_DUAL_STUS_CD",
        "BENE_RNG_BGN_DT",
        "BENE_ORGNL_ENTLMT_RSN_CD",
        "BENE_PART_A_ENRLMT_BGN_DT",
        "BENE_PART_B_ENRLMT_BGN_DT",
    ),
    CROSSWALK: ("HICN_MBI_XREF_IND", "CRNT_NUM", "PRVS_NUM", "PRVS_ID_EFCTV_DT", "PRVS_ID_OBSLT_DT"),
    "CCLFA": (
        CLAIM,
        MBI,
        "CLM_ACTV_CARE_FROM_DT",
        "CLM_MDCR_IP_BENE_DDCTBL_AMT",
        "CLM_MDCR_DDCTBL_AMT",
        "CLM_MDCR_COINSRNC_AMT",
        "CLM_BLOOD_LBLTY_AMT",
        "CLM_OPRTNL_OUTLR_AMT",
        "CLM_MDCR_NEW_TECH_AMT",
        *DEMONSTRATIONS,
    ),
    "CCLFB": (CLAIM, MBI, "CLM_LINE_NUM", *DEMONSTRATIONS),
}
_MAY_BE_ABSENT = frozenset(
    {
        "PRVDR_OSCAR_NUM",
        "FAC_PRVDR_NPI_NUM",
        "CLM_BLG_PRVDR_NPI_NUM",
        "ATNDG_PRVDR_NPI_NUM",
        "CLM_ATNDG_PRVDR_NPI_NUM",
        "OPRTG_PRVDR_NPI_NUM",
        "CLM_OPRTG_PRVDR_NPI_NUM",
        "RNDRG_PRVDR_NPI_NUM",
        "CLM_RNDRG_PRVDR_NPI_NUM",
        "PAYTO_PRVDR_NPI_NUM",
        "CLM_REV_APC_HIPPS_CD",
        "CLM_IDR_LD_DT",
        "CLM_DISP_CD",
        "GEO_USPS_STATE_CD",
        "BENE_RNG_BGN_DT",
        "PRVS_ID_EFCTV_DT",
        "CLM_BLOOD_LBLTY_AMT",
        *_MODIFIERS,
        *LINE_DIAGNOSES,
        *DEMONSTRATIONS,
    }
)
"""Fields that a delimited file need not have: another field says the same, or the rest can be read without them."""


class Field(NamedTuple):
    """A field of a fixed-width record; positions count from 1 and are inclusive."""

    name: str
    start: int
    end: int
    picture: str

    @property
    def length(self) -> int:
        """Characters of the field."""
        return self.end - self.start + 1


@cache
def fields_of(kind: str) -> tuple[Field, ...]:
    """All fields of a kind of file, in their order.

    >>> fields_of("CCLF1")[12]
    Field(name='CLM_PMT_AMT', start=82, end=98, picture='-9(13).99')
    """
    text = files("episodes.claims.layouts").joinpath("cclf_fields.csv").read_text(encoding="utf-8")
    return tuple(
        Field(row["field"], int(row["start"]), int(row["end"]), row["picture"])
        for row in csv.DictReader(text.splitlines())
        if row["file"] == kind
    )


def record_length(kind: str) -> int:
    """Characters of a fixed-width record.

    >>> record_length("CCLF1"), record_length("CCLFB")
    (437, 128)
    """
    return fields_of(kind)[-1].end


def fields_read(kind: str) -> tuple[str, ...]:
    """The fields of a kind of file that are read."""
    return _READ[kind]


def fields_needed(kind: str) -> list[str]:
    """The fields without which a delimited file cannot be read."""
    return [name for name in _READ[kind] if name not in _MAY_BE_ABSENT]
