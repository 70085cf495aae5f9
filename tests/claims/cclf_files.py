"""Small CCLF deliveries for tests: records of each kind with defaults, and writing them as CMS does."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from episodes.claims import Claims, ReadingReport
from episodes.claims.layouts import cclf
from episodes.claims.layouts.cclf_fields import DESCRIPTIONS, fields_of, record_length

Row = dict[str, str]
Delivery = Mapping[str, Sequence[Row]]

PERSON = "1EG4TE5MK73"
CLAIM = "1000000000001"
HOSPITAL = "360035"


def header(**changes: str) -> Row:
    """An inpatient stay of a week, DRG 470, paid 200."""
    row = {
        "CUR_CLM_UNIQ_ID": CLAIM,
        "BENE_MBI_ID": PERSON,
        "CLM_TYPE_CD": "60",
        "CLM_FROM_DT": "2024-07-01",
        "CLM_THRU_DT": "2024-07-08",
        "CLM_BILL_FAC_TYPE_CD": "1",
        "CLM_BILL_CLSFCTN_CD": "1",
        "CLM_BILL_FREQ_CD": "1",
        "PRNCPL_DGNS_CD": "M1711",
        "CLM_PMT_AMT": "200.00",
        "BENE_PTNT_STUS_CD": "01",
        "DGNS_DRG_CD": "470",
        "CLM_ADJSMT_TYPE_CD": "0",
        "CLM_EFCTV_DT": "2024-07-20",
        "CLM_IDR_LD_DT": "2024-07-22",
        "CLM_BLG_PRVDR_OSCAR_NUM": HOSPITAL,
        "CLM_BLG_PRVDR_NPI_NUM": "1000000004",
    }
    return row | changes


def revenue_line(**changes: str) -> Row:
    """A line of the stay, without a payment."""
    row = {
        "CUR_CLM_UNIQ_ID": CLAIM,
        "CLM_LINE_NUM": "1",
        "BENE_MBI_ID": PERSON,
        "CLM_LINE_FROM_DT": "2024-07-01",
        "CLM_LINE_THRU_DT": "2024-07-01",
        "CLM_LINE_PROD_REV_CTR_CD": "0360",
        "CLM_LINE_SRVC_UNIT_QTY": "1.0000",
        "CLM_LINE_CVRD_PD_AMT": "0.00",
    }
    return row | changes


def procedure(**changes: str) -> Row:
    """A knee replacement on the first day of the stay."""
    row = {
        "CUR_CLM_UNIQ_ID": CLAIM,
        "BENE_MBI_ID": PERSON,
        "CLM_VAL_SQNC_NUM": "1",
        "CLM_PRCDR_CD": "0SRD0J9",
        "CLM_PRCDR_PRFRM_DT": "2024-07-01",
    }
    return row | changes


def diagnosis(**changes: str) -> Row:
    """Another diagnosis of the stay."""
    row = {
        "CUR_CLM_UNIQ_ID": CLAIM,
        "BENE_MBI_ID": PERSON,
        "CLM_PROD_TYPE_CD": "D",
        "CLM_VAL_SQNC_NUM": "02",
        "CLM_DGNS_CD": "E119",
        "CLM_POA_IND": "Y",
    }
    return row | changes


def physician_line(**changes: str) -> Row:
    """A surgeon's line, paid 80 of 100 allowed."""
    row = {
        "CUR_CLM_UNIQ_ID": "2000000000001",
        "CLM_LINE_NUM": "1",
        "BENE_MBI_ID": PERSON,
        "CLM_TYPE_CD": "71",
        "CLM_FROM_DT": "2024-07-01",
        "CLM_THRU_DT": "2024-07-01",
        "CLM_PRVDR_SPCLTY_CD": "20",
        "CLM_POS_CD": "21",
        "CLM_LINE_FROM_DT": "2024-07-01",
        "CLM_LINE_THRU_DT": "2024-07-01",
        "CLM_LINE_HCPCS_CD": "27447",
        "CLM_LINE_CVRD_PD_AMT": "80.00",
        "CLM_LINE_ALOWD_CHRG_AMT": "100.00",
        "CLM_LINE_DGNS_CD": "M1711",
        "CLM_RNDRG_PRVDR_TAX_NUM": "123456789",
        "CLM_RNDRG_PRVDR_NPI_NUM": "1000000012",
        "CLM_CARR_PMT_DNL_CD": "1",
        "CLM_PRCSG_IND_CD": "A",
        "CLM_ADJSMT_TYPE_CD": "0",
        "CLM_EFCTV_DT": "2024-07-20",
        "CLM_IDR_LD_DT": "2024-07-22",
        "CLM_CNTL_NUM": "CONTROL1",
        "CLM_LINE_SRVC_UNIT_QTY": "1.0000",
        "CLM_DGNS_1_CD": "M1711",
        "CLM_DGNS_2_CD": "E119",
    }
    return row | changes


def equipment_line(**changes: str) -> Row:
    """A walker, paid 40 of 50 allowed."""
    row = {
        "CUR_CLM_UNIQ_ID": "3000000000001",
        "CLM_LINE_NUM": "1",
        "BENE_MBI_ID": PERSON,
        "CLM_TYPE_CD": "82",
        "CLM_FROM_DT": "2024-07-09",
        "CLM_THRU_DT": "2024-07-09",
        "CLM_POS_CD": "12",
        "CLM_LINE_FROM_DT": "2024-07-09",
        "CLM_LINE_THRU_DT": "2024-07-09",
        "CLM_LINE_HCPCS_CD": "E0143",
        "CLM_LINE_CVRD_PD_AMT": "40.00",
        "CLM_LINE_ALOWD_CHRG_AMT": "50.00",
        "PAYTO_PRVDR_NPI_NUM": "1000000020",
        "CLM_CARR_PMT_DNL_CD": "1",
        "CLM_PRCSG_IND_CD": "A",
        "CLM_ADJSMT_TYPE_CD": "0",
        "CLM_EFCTV_DT": "2024-07-20",
        "CLM_CNTL_NUM": "CONTROL2",
    }
    return row | changes


def drug_event(**changes: str) -> Row:
    """A filled prescription of thirty pills."""
    row = {
        "CUR_CLM_UNIQ_ID": "4000000000001",
        "BENE_MBI_ID": PERSON,
        "CLM_LINE_NDC_CD": "00093015001",
        "CLM_TYPE_CD": "01",
        "CLM_LINE_FROM_DT": "2024-07-10",
        "PRVDR_SRVC_ID_QLFYR_CD": "01",
        "CLM_SRVC_PRVDR_GNRC_ID_NUM": "1234567893",
        "CLM_LINE_SRVC_UNIT_QTY": "30.0000",
        "CLM_LINE_BENE_PMT_AMT": "5.00",
        "CLM_ADJSMT_TYPE_CD": "0",
        "CLM_EFCTV_DT": "1000-01-01",
        "CLM_LINE_RX_SRVC_RFRNC_NUM": "000000000777",
        "CLM_LINE_RX_FILL_NUM": "001",
    }
    return row | changes


def person(**changes: str) -> Row:
    """A woman of Ohio with Part A and Part B."""
    row = {
        "BENE_MBI_ID": PERSON,
        "BENE_FIPS_STATE_CD": "39",
        "BENE_FIPS_CNTY_CD": "035",
        "BENE_DOB": "1947-03-01",
        "BENE_SEX_CD": "2",
        "BENE_MDCR_STUS_CD": "10",
        "BENE_DUAL_STUS_CD": "NA",
        "BENE_DEATH_DT": "9999-12-31",
        "BENE_ORGNL_ENTLMT_RSN_CD": "0",
        "BENE_PART_A_ENRLMT_BGN_DT": "2012-03-01",
        "BENE_PART_B_ENRLMT_BGN_DT": "2013-01-01",
    }
    return row | changes


def replaced_identifier(previous: str, current: str, **changes: str) -> Row:
    """An entry of the identifier crosswalk."""
    row = {
        "HICN_MBI_XREF_IND": "M",
        "CRNT_NUM": current,
        "PRVS_NUM": previous,
        "PRVS_ID_EFCTV_DT": "2018-01-01",
        "PRVS_ID_OBSLT_DT": "2023-01-01",
    }
    return row | changes


def supplement(**changes: str) -> Row:
    """Benefit enhancement row of the stay: what the beneficiary owes."""
    row = {
        "CUR_CLM_UNIQ_ID": CLAIM,
        "BENE_MBI_ID": PERSON,
        "CLM_ACTV_CARE_FROM_DT": "1000-01-01",
        "CLM_MDCR_IP_BENE_DDCTBL_AMT": "0.00",
        "CLM_MDCR_COINSRNC_AMT": "0.00",
        "CLM_BLOOD_LBLTY_AMT": "0.00",
        "CLM_MDCR_DDCTBL_AMT": "0.00",
    }
    return row | changes


def line_supplement(**changes: str) -> Row:
    """Benefit enhancement row of the surgeon's line."""
    return {"CUR_CLM_UNIQ_ID": "2000000000001", "CLM_LINE_NUM": "1", "BENE_MBI_ID": PERSON} | changes


def records(kind: str, rows: Sequence[Row], end: str = "\n") -> str:
    """Rows as fixed-width records."""
    lines = []
    for row in rows:
        unknown = row.keys() - {field.name for field in fields_of(kind)}
        if unknown:
            raise ValueError(f"{kind} has no fields {sorted(unknown)}")
        lines.append("".join(row.get(field.name, "").ljust(field.length) for field in fields_of(kind)) + end)
    return "".join(lines)


def delimited(kind: str, rows: Sequence[Row], delimiter: str = "|") -> str:
    """Rows as delimited text with the field names as header."""
    names = [field.name for field in fields_of(kind)]
    lines = [delimiter.join(names), *(delimiter.join(row.get(name, "") for name in names) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def summary(numbers: Mapping[str, int], lengths: Mapping[str, int] | None = None) -> str:
    """The summary of a delivery with these records a kind of file."""
    lines = ["File Number  |File Description    |Total Records Count |Record Length"]
    for kind, number in numbers.items():
        length = (lengths or {}).get(kind, record_length(kind))
        lines.append(f"{kind:<7}|{DESCRIPTIONS[kind]:<43}|{number:>11}|{length:>5}")
    return "\n".join(lines)


def file_name(kind: str, day: str = "240815") -> str:
    return f"P.A1234.ACO.{kind}.D{day}.T0100000"


def write(folder: Path, delivery: Delivery, day: str = "240815", packing: str = "plain") -> None:
    """Write a delivery with its summary: plain files, `.gz`, or one zip."""
    texts = {kind: records(kind, rows) for kind, rows in delivery.items()}
    texts["CCLF0"] = summary({kind: len(rows) for kind, rows in delivery.items()})
    folder.mkdir(parents=True, exist_ok=True)
    if packing == "zip":
        with zipfile.ZipFile(folder / f"P.A1234.ACO.ZCY24.D{day}.T0100000.zip", "w") as archive:
            for kind, text in texts.items():
                archive.writestr(file_name(kind, day), text)
        return
    for kind, text in texts.items():
        path = folder / (file_name(kind, day) + (".gz" if packing == "gz" else ""))
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if packing == "gz" else text.encode())


def rows_of(path: Path, report: ReadingReport) -> dict[str, pl.DataFrame]:
    """The raw rows of a folder by kind of file."""
    rows: dict[str, list[pl.DataFrame]] = {}
    for file in cclf.source_files(path, report):
        rows.setdefault(file.kind, []).extend(cclf.read_rows(file))
    return {kind: pl.concat(batches) for kind, batches in rows.items() if batches}


def read(path: Path) -> Claims:
    """Read a folder as the one door for all layouts does."""
    report = ReadingReport(layout="cclf")
    return Claims(**cclf.reshape(rows_of(path, report), report), report=report)


def read_delivery(folder: Path, delivery: Delivery, day: str = "240815") -> Claims:
    """Write a delivery and read it."""
    write(folder, delivery, day)
    return read(folder)
