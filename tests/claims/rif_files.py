"""Tiny RIF files for tests: default rows of each kind, writing them, and reading a folder as `read_claims` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

import episodes as ep
from episodes.claims.layouts import rif
from episodes.claims.layouts.rif_columns import MONTHS
from episodes.claims.report import ReadingReport

Row = dict[str, str]

PERSON = "-10000010254618"


def claim(**changes: str) -> Row:
    """What every claims file has."""
    row = {
        "DML_IND": "INSERT",
        "BENE_ID": PERSON,
        "CLM_ID": "-10000930037831",
        "CLM_GRP_ID": "-100000220",
        "FINAL_ACTION": "F",
        "CLM_FROM_DT": "05-Jan-2026",
        "CLM_THRU_DT": "08-Jan-2026",
        "NCH_WKLY_PROC_DT": "23-JAN-2026",
        "CLM_PMT_AMT": "12000.00",
        "PRNCPAL_DGNS_CD": "M1711",
        "ICD_DGNS_CD1": "M1711",
        "ICD_DGNS_CD2": "E119",
    }
    return row | changes


def facility(**changes: str) -> Row:
    row = {
        "FI_CLM_PROC_DT": "20-JAN-2026",
        "PRVDR_NUM": "360035",
        "CLM_FAC_TYPE_CD": "1",
        "CLM_SRVC_CLSFCTN_TYPE_CD": "1",
        "CLM_FREQ_CD": "1",
        "CLM_MDCR_NON_PMT_RSN_CD": "",
        "NCH_PRMRY_PYR_CLM_PD_AMT": "0",
        "ORG_NPI_NUM": "1999999976",
        "AT_PHYSN_NPI": "1999999984",
        "CLM_MCO_PD_SW": "0",
        "PTNT_DSCHRG_STUS_CD": "6",
        "CLM_LINE_NUM": "1",
        "REV_CNTR": "0360",
        "HCPCS_CD": "",
        "REV_CNTR_UNIT_CNT": "2",
        "REV_CNTR_TOT_CHRG_AMT": "1500.5",
        "REV_CNTR_NCVRD_CHRG_AMT": "0",
        "RNDRNG_PHYSN_NPI": "1999999992",
    }
    return claim() | row | changes


def stay(**changes: str) -> Row:
    row = {
        "OP_PHYSN_NPI": "1999999968",
        "CLM_ADMSN_DT": "05-Jan-2026",
        "NCH_BENE_DSCHRG_DT": "08-Jan-2026",
        "CLM_DRG_CD": "470",
        "NCH_BENE_IP_DDCTBL_AMT": "1736.00",
        "NCH_BENE_PTA_COINSRNC_LBLTY_AM": "0",
        "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM": "0",
        "ICD_PRCDR_CD1": "0SRC0J9",
        "PRCDR_DT1": "05-Jan-2026",
        "ICD_PRCDR_CD2": "",
        "PRCDR_DT2": "",
    }
    return facility() | row | changes


def inpatient(**changes: str) -> Row:
    """A stay of four days, DRG 470, paid 12,000 with 1,736 deductible."""
    row = {
        "CLM_POA_IND_SW1": "Y",
        "CLM_POA_IND_SW2": "N",
        "NCH_DRG_OUTLIER_APRVD_PMT_AMT": "0",
        "CLM_PPS_CPTL_OUTLIER_AMT": "0",
        "IME_OP_CLM_VAL_AMT": "0",
        "CLM_PPS_CPTL_IME_AMT": "0",
        "DSH_OP_CLM_VAL_AMT": "0",
        "CLM_PPS_CPTL_DSPRPRTNT_SHR_AMT": "0",
        "CLM_UNCOMPD_CARE_PMT_AMT": "0",
        "CLM_PASS_THRU_PER_DIEM_AMT": "10",
    }
    return stay() | row | changes


def snf(**changes: str) -> Row:
    """Twenty days with coinsurance."""
    return stay(NCH_QLFYD_STAY_FROM_DT="05-Jan-2026", NCH_BENE_PTA_COINSRNC_LBLTY_AM="209.50", REV_CNTR="22") | changes


def home_health(**changes: str) -> Row:
    """A period of care; its line carries an amount that is not money of its own."""
    row = {
        "CLM_HHA_LUPA_IND_CD": "",
        "REV_CNTR_DT": "06-Jan-2026",
        "REV_CNTR": "0551",
        "HCPCS_CD": "G0299",
        "REV_CNTR_PMT_AMT_AMT": "345.12",
        "REV_CNTR_APC_HIPPS_CD": "1AFK1",
        "REV_CNTR_STUS_IND_CD": " A",
        "CLM_ADMSN_DT": "01-Jan-2026",
    }
    return facility() | row | changes


def hospice(**changes: str) -> Row:
    """Days of routine home care."""
    row = {"CLM_HOSPC_START_DT_ID": "05-Jan-2026", "REV_CNTR_DT": "05-Jan-2026", "REV_CNTR": "651"}
    return facility() | row | changes


def outpatient(**changes: str) -> Row:
    """A visit of one line, paid 80 with 20 coinsurance."""
    row = {
        "CLM_PMT_AMT": "80.00",
        "CLM_SRVC_CLSFCTN_TYPE_CD": "3",
        "NCH_BENE_PTB_DDCTBL_AMT": "0",
        "NCH_BENE_PTB_COINSRNC_AMT": "20",
        "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM": "0",
        "REV_CNTR_DT": "05-Jan-2026",
        "REV_CNTR": "0450",
        "HCPCS_CD": "99284",
        "HCPCS_1ST_MDFR_CD": "25",
        "HCPCS_2ND_MDFR_CD": "",
        "REV_CNTR_APC_HIPPS_CD": "05024",
        "REV_CNTR_STUS_IND_CD": "V",
        "REV_CNTR_PRVDR_PMT_AMT": "80.00",
        "REV_CNTR_BENE_PMT_AMT": "0",
        "REV_CNTR_PMT_AMT_AMT": "80.00",
        "REV_CNTR_PTNT_RSPNSBLTY_PMT": "20.00",
        "REV_CNTR_CASH_DDCTBL_AMT": "0",
        "REV_CNTR_BLOOD_DDCTBL_AMT": "0",
        "REV_CNTR_COINSRNC_WGE_ADJSTD_C": "20.00",
        "REV_CNTR_RDCD_COINSRNC_AMT": "0",
        "REV_CNTR_1ST_MSP_PD_AMT": "0",
        "REV_CNTR_2ND_MSP_PD_AMT": "0",
    }
    return facility() | row | changes


def carrier(**changes: str) -> Row:
    """An emergency visit, allowed 110, paid 88."""
    row = {
        "CARR_CLM_PMT_DNL_CD": "1",
        "CLM_PMT_AMT": "88.00",
        "NCH_CARR_CLM_ALOWD_AMT": "110.00",
        "CARR_CLM_PRMRY_PYR_PD_AMT": "0",
        "LINE_NUM": "1",
        "PRF_PHYSN_NPI": "1999999950",
        "TAX_NUM": "433177117",
        "PRVDR_SPCLTY": "6",
        "LINE_SRVC_CNT": "1.0",
        "LINE_PLACE_OF_SRVC_CD": "23",
        "LINE_1ST_EXPNS_DT": "05-Jan-2026",
        "LINE_LAST_EXPNS_DT": "06-Jan-2026",
        "HCPCS_CD": "99285",
        "HCPCS_1ST_MDFR_CD": "26",
        "LINE_NCH_PMT_AMT": "88.00",
        "LINE_BENE_PRMRY_PYR_PD_AMT": "0",
        "LINE_SBMTD_CHRG_AMT": "400",
        "LINE_ALOWD_CHRG_AMT": "110.00",
        "LINE_PRCSG_IND_CD": "A",
        "LINE_ICD_DGNS_CD": "M1711",
    }
    return claim() | row | changes


def equipment(**changes: str) -> Row:
    """A walker."""
    row = {"DMERC_LINE_SUPPLR_TYPE_CD": "3", "PRVDR_NPI": "1999999943", "HCPCS_CD": "E0143"}
    return {name: value for name, value in carrier().items() if name != "PRF_PHYSN_NPI"} | row | changes


def drug_event(**changes: str) -> Row:
    """A filled prescription: 100 gross, 60 from the plan, 10 low-income subsidy."""
    row = {
        "DML_IND": "INSERT",
        "PDE_ID": "-100000806",
        "FINAL_ACTION": "F",
        "BENE_ID": PERSON,
        "SRVC_DT": "07-Jan-2026",
        "PD_DT": "09-Jan-2026",
        "PRSCRBR_ID_QLFYR_CD": "01",
        "PRSCRBR_ID": "1999999935",
        "QTY_DSPNSD_NUM": "30",
        "ADJSTMT_DLTN_CD": "",
        "PTNT_PAY_AMT": "30.00",
        "LICS_AMT": "10.00",
        "CVRD_D_PLAN_PD_AMT": "60.00",
        "TOT_RX_CST_AMT": "100.00",
    }
    return row | changes


def beneficiary(**changes: str) -> Row:
    """A woman of Ohio, parts A and B all of 2026, fee for service, no Medicaid."""
    row = {
        "DML_IND": "UPDATE",
        "BENE_ID": PERSON,
        "STATE_CODE": "36",
        "BENE_COUNTY_CD": "460",
        "BENE_BIRTH_DT": "17-Mar-1950",
        "BENE_SEX_IDENT_CD": "2",
        "BENE_ENTLMT_RSN_ORIG": "0",
        "BENE_ENTLMT_RSN_CURR": "0",
        "BENE_ESRD_IND": "0",
        "DEATH_DT": "",
        "RFRNC_YR": "2026",
        "A_MO_CNT": "12",
        "B_MO_CNT": "12",
        "HMO_MO_CNT": "0",
    }
    row |= {f"MDCR_STUS_{month}_CD": "10" for month in MONTHS}
    row |= {f"MDCR_ENTLMT_BUYIN_{n}_IND": "3" for n in range(1, 13)}
    row |= {f"HMO_{n}_IND": "0" for n in range(1, 13)}
    row |= {f"PTC_CNTRCT_{month}_ID": "N" for month in MONTHS}
    row |= {f"META_DUAL_ELGBL_STUS_{month}_CD": "NA" for month in MONTHS}
    row |= {f"CST_SHR_GRP_{month}_CD": "09" for month in MONTHS}
    return row | changes


def as_text(rows: list[Row], delimiter: str = "|") -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return (
        "\n".join(delimiter.join(line) for line in [names, *([row.get(n, "") for n in names] for row in rows)]) + "\n"
    )


def read(path: Path) -> ep.Claims:
    """What `read_claims` does with a layout."""
    report = ReadingReport(layout="rif")
    rows: dict[str, list[pl.DataFrame]] = {}
    for file in rif.source_files(path, report):
        rows.setdefault(file.kind, []).extend(rif.read_rows(file))
    tables: dict[str, Any] = rif.reshape({kind: pl.concat(batches) for kind, batches in rows.items()}, report)
    claims = ep.Claims(**tables, report=report)
    assert counts_hold(claims)
    return claims


def read_these(folder: Path, *rows: Row, name: str = "file.csv") -> ep.Claims:
    (folder / name).write_text(as_text(list(rows)))
    return read(folder)


def counts_hold(claims: ep.Claims) -> bool:
    return all(
        report.rows_in == report.rows_out + sum(report.netted.values()) + sum(report.quarantined.values())
        and report.rows_out == claims.table(name).collect().height
        for name, report in claims.report.tables.items()
    )


def rows_of(claims: ep.Claims, table: str) -> list[dict[str, Any]]:
    return claims.table(table).collect().to_dicts()


def netted(claims: ep.Claims, table: str) -> dict[str, int]:
    return claims.report.table(table).netted
