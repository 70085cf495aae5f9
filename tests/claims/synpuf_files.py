"""Tiny SynPUF files for tests: default rows of each kind, and writing them as CMS does."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

Row = dict[str, str]

PERSON = "0A1B2C3D4E5F6071"
CLAIM = "271828182845904"


def inpatient(**changes: str) -> Row:
    """A stay of four days, DRG 470, paid 12,000 with 1,024 deductible."""
    row = {
        "DESYNPUF_ID": PERSON,
        "CLM_ID": CLAIM,
        "SEGMENT": "1",
        "CLM_FROM_DT": "20090307",
        "CLM_THRU_DT": "20090311",
        "PRVDR_NUM": "3600TV",
        "CLM_PMT_AMT": "12000.00",
        "NCH_PRMRY_PYR_CLM_PD_AMT": "0.00",
        "AT_PHYSN_NPI": "9555702213",
        "OP_PHYSN_NPI": "1833938179",
        "OT_PHYSN_NPI": "",
        "CLM_ADMSN_DT": "20090307",
        "NCH_BENE_IP_DDCTBL_AMT": "1024.00",
        "NCH_BENE_PTA_COINSRNC_LBLTY_AM": "0.00",
        "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM": "0.00",
        "NCH_BENE_DSCHRG_DT": "20090311",
        "CLM_DRG_CD": "470",
        "ICD9_DGNS_CD_1": "71536",
        "ICD9_DGNS_CD_2": "4019",
        "ICD9_PRCDR_CD_1": "8154",
        "ICD9_PRCDR_CD_2": "",
    }
    return row | changes


def outpatient(**changes: str) -> Row:
    """A visit of one day with two procedure codes, paid 300 with 90 coinsurance."""
    row = {
        "DESYNPUF_ID": PERSON,
        "CLM_ID": "391582254311834",
        "SEGMENT": "1",
        "CLM_FROM_DT": "20090425",
        "CLM_THRU_DT": "20090425",
        "PRVDR_NUM": "3600PH",
        "CLM_PMT_AMT": "300.00",
        "NCH_PRMRY_PYR_CLM_PD_AMT": "0.00",
        "AT_PHYSN_NPI": "3986765315",
        "OP_PHYSN_NPI": "",
        "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM": "0.00",
        "ICD9_DGNS_CD_1": "4019",
        "ICD9_DGNS_CD_2": "",
        "ICD9_PRCDR_CD_1": "",
        "NCH_BENE_PTB_DDCTBL_AMT": "0.00",
        "NCH_BENE_PTB_COINSRNC_AMT": "90.00",
        "HCPCS_CD_1": "",
        "HCPCS_CD_2": "80048",
        "HCPCS_CD_3": "83880",
    }
    return row | changes


def carrier(lines: int = 2, **changes: str) -> Row:
    """A professional claim of one day; line 1 is an emergency visit, the others are empty."""
    row = {
        "DESYNPUF_ID": PERSON,
        "CLM_ID": "737633361724024",
        "CLM_FROM_DT": "20090425",
        "CLM_THRU_DT": "20090425",
        "ICD9_DGNS_CD_1": "9791",
        "ICD9_DGNS_CD_2": "3004",
    }
    first = {
        "PRF_PHYSN_NPI": "1916683578",
        "TAX_NUM": "433177117",
        "HCPCS_CD": "99285",
        "LINE_NCH_PMT_AMT": "90.00",
        "LINE_BENE_PTB_DDCTBL_AMT": "0.00",
        "LINE_BENE_PRMRY_PYR_PD_AMT": "0.00",
        "LINE_COINSRNC_AMT": "20.00",
        "LINE_ALOWD_CHRG_AMT": "110.00",
        "LINE_PRCSG_IND_CD": "A",
        "LINE_ICD9_DGNS_CD": "9779",
    }
    for family, value in first.items():
        for n in range(1, lines + 1):
            row[f"{family}_{n}"] = value if n == 1 else ("0.00" if "AMT" in family else "")
    return row | changes


def beneficiary(**changes: str) -> Row:
    """A woman of Ohio, covered by parts A and B all year."""
    row = {
        "DESYNPUF_ID": PERSON,
        "BENE_BIRTH_DT": "19370301",
        "BENE_DEATH_DT": "",
        "BENE_SEX_IDENT_CD": "2",
        "BENE_ESRD_IND": "0",
        "SP_STATE_CODE": "36",
        "BENE_COUNTY_CD": "460",
        "BENE_HI_CVRAGE_TOT_MONS": "12",
        "BENE_SMI_CVRAGE_TOT_MONS": "12",
        "BENE_HMO_CVRAGE_TOT_MONS": "0",
    }
    return row | changes


def drug_event() -> Row:
    """A filled prescription."""
    return {
        "DESYNPUF_ID": PERSON,
        "PDE_ID": "83014463559763",
        "SRVC_DT": "20081220",
        "TOT_RX_CST_AMT": "10.00",
    }


def as_text(rows: list[Row], delimiter: str = ",") -> bytes:
    """Rows as CMS writes them: quoted header, carriage returns, no quotes in the body."""
    lines = [delimiter.join(f'"{column}"' for column in rows[0])]
    lines += [delimiter.join(row.values()) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


def write(folder: Path, name: str, rows: list[Row]) -> Path:
    """Write rows to a plain, gzipped or zipped file, by the ending of its name."""
    content = as_text(rows)
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(content, mtime=0))
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name.removesuffix(".zip"), content)
    else:
        path.write_bytes(content)
    return path
