"""The IDR tables that are read: how a header is known, which columns are needed, and which are welcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from episodes.claims.layouts.layout import SourceFile
from episodes.claims.layouts.text_files import header_of, read_text_table
from episodes.errors import LayoutError, count_of

CLAIM = "CLM_UNIQ_ID"
CLAIM_KEY = ("GEO_BENE_SK", "CLM_DT_SGNTR_SK", "CLM_TYPE_CD", "CLM_NUM_SK")
"""The four-part key of a claim; most tables name their claim by it and not by `CLM_UNIQ_ID`."""
LINE = "CLM_LINE_NUM"
BENEFICIARY = "BENE_SK"
PERSON = "PERSON"
"""Added in reading: the key under which a person is known today, which is the canonical beneficiary id."""

BLANK = "~"
"""What the IDR writes where a code is not given."""


@dataclass(frozen=True)
class Table:
    """A table of the IDR: the columns by which its header is known, and those that are read."""

    known_by: tuple[str, ...]
    needed: tuple[str, ...] = ()
    welcome: tuple[str, ...] = ()
    """Columns that are read where the delivery has them."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        return tuple(dict.fromkeys((*self.known_by, *self.needed, *self.welcome)))

    def reads(self, column: str) -> bool:
        """Whether a column is read; deliveries write names in capitals or not."""
        return column.upper() in self.columns

    def complete(self, rows: pl.DataFrame | None) -> pl.DataFrame:
        """The rows with every column of the table, as text; absent ones are blank."""
        columns = (*self.columns, CLAIM, PERSON)
        if rows is None:
            return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
        absent = [column for column in dict.fromkeys(columns) if column not in rows.columns]
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias(column) for column in absent)


_RECORD = ("IDR_LTST_TRANS_FLG", "IDR_TRANS_EFCTV_TS", "IDR_TRANS_OBSLT_TS")
"""Which version of a beneficiary record is the latest, and when it held."""
_RANGE = ("BENE_RNG_BGN_DT", "BENE_RNG_END_DT")

TABLES = {
    "CLM": Table(
        known_by=(CLAIM, BENEFICIARY, "CLM_PMT_AMT"),
        needed=(*CLAIM_KEY, "CLM_FROM_DT", "CLM_THRU_DT", "CLM_FINL_ACTN_IND"),
        welcome=(
            "CLM_LTST_CLM_IND",
            "CLM_EFCTV_DT",
            "CLM_BILL_FAC_TYPE_CD",
            "CLM_BILL_CLSFCTN_CD",
            "CLM_BILL_FREQ_CD",
            "CLM_MDCR_DDCTBL_AMT",
            "CLM_MDCR_COINSRNC_AMT",
            "CLM_BLOOD_LBLTY_AMT",
            "CLM_ALOWD_CHRG_AMT",
            "CLM_BLG_PRVDR_OSCAR_NUM",
            "PRVDR_BLG_PRVDR_NPI_NUM",
            "CLM_BLG_PRVDR_NPI_NUM",
            "CLM_ATNDG_PRVDR_NPI_NUM",
            "PRVDR_ATNDG_PRVDR_NPI_NUM",
            "CLM_OPRTG_PRVDR_NPI_NUM",
            "PRVDR_OPRTG_PRVDR_NPI_NUM",
            "CLM_RNDRG_PRVDR_NPI_NUM",
            "PRVDR_RNDRNG_PRVDR_NPI_NUM",
        ),
    ),
    "CLM_LINE": Table(
        known_by=(LINE, "CLM_LINE_CVRD_PD_AMT"),
        needed=(*CLAIM_KEY, "CLM_LINE_FROM_DT", "CLM_LINE_THRU_DT", "CLM_LINE_ALOWD_CHRG_AMT", "CLM_LINE_HCPCS_CD"),
        welcome=(
            CLAIM,
            "CLM_LINE_MDCR_DDCTBL_AMT",
            "CLM_LINE_MDCR_COINSRNC_AMT",
            "CLM_LINE_BLOOD_DDCTBL_AMT",
            "CLM_LINE_BENE_PMT_AMT",
            "CLM_LINE_SBMT_CHRG_AMT",
            "CLM_LINE_NCVRD_CHRG_AMT",
            "CLM_LINE_SRVC_UNIT_QTY",
            "CLM_LINE_REV_CTR_CD",
            "CLM_LINE_DGNS_CD",
            "CLM_POS_CD",
            "CLM_RNDRG_PRVDR_NPI_NUM",
            "PRVDR_RNDRNG_PRVDR_NPI_NUM",
            "CLM_RNDRG_PRVDR_TAX_NUM",
            "CLM_RNDRG_FED_PRVDR_SPCLTY_CD",
            *(f"HCPCS_{n}_MDFR_CD" for n in range(1, 6)),
        ),
    ),
    "CLM_LINE_INSTNL": Table(
        known_by=(LINE, "CLM_LINE_INSTNL_ADJSTD_AMT"),
        needed=CLAIM_KEY,
        welcome=(
            "CLM_LINE_INSTNL_RDCD_AMT",
            "CLM_LINE_INSTNL_MSP1_PD_AMT",
            "CLM_LINE_INSTNL_MSP2_PD_AMT",
            "CLM_LINE_INSTNL_REV_CTR_DT",
            "CLM_REV_CNTR_STUS_CD",
            "CLM_REV_APC_HIPPS_CD",
        ),
    ),
    "CLM_LINE_PRFNL": Table(
        known_by=(LINE, "CLM_BENE_PRMRY_PYR_PD_AMT"),
        needed=CLAIM_KEY,
        welcome=("CLM_PRVDR_SPCLTY_CD", "CLM_PRCSG_IND_CD"),
    ),
    "CLM_LINE_RX": Table(
        known_by=(LINE, "CLM_LINE_LIS_AMT"),
        needed=CLAIM_KEY,
        welcome=(
            "CLM_LINE_INGRDNT_CST_AMT",
            "CLM_LINE_SRVC_CST_AMT",
            "CLM_LINE_SLS_TAX_AMT",
            "CLM_LINE_VCCN_ADMIN_FEE_AMT",
        ),
    ),
    "CLM_INSTNL": Table(
        known_by=("DGNS_DRG_CD", "BENE_PTNT_STUS_CD"),
        needed=CLAIM_KEY,
        welcome=(
            "CLM_MDCR_IP_BENE_DDCTBL_AMT",
            "CLM_MDCR_INSTNL_PRMRY_PYR_AMT",
            "CLM_INSTNL_DRG_OUTLIER_AMT",
            "CLM_MDCR_IP_PPS_OUTLIER_AMT",
            "CLM_MDCR_IP_PPS_DSPRPRTNT_AMT",
            "CLM_MDCR_IP_PPS_CPTL_IME_AMT",
            "CLM_HIPPS_UNCOMPD_CARE_AMT",
            "CLM_HHA_LUP_IND_CD",
            "CLM_MDCR_NPMT_RSN_CD",
        ),
    ),
    "CLM_PRFNL": Table(known_by=("CLM_MDCR_PRFNL_PRMRY_PYR_AMT",), needed=CLAIM_KEY, welcome=("CLM_CARR_PMT_DNL_CD",)),
    "CLM_PROD": Table(
        known_by=("CLM_PROD_TYPE_CD", "CLM_VAL_SQNC_NUM"),
        needed=(*CLAIM_KEY, "CLM_DGNS_CD", "CLM_PRCDR_CD", "CLM_PRCDR_PRFRM_DT"),
        welcome=("CLM_POA_IND",),
    ),
    "CLM_VAL": Table(known_by=("CLM_VAL_CD", "CLM_VAL_AMT"), needed=CLAIM_KEY),
    "CLM_DT_SGNTR": Table(
        known_by=("CLM_DT_SGNTR_SK", "CLM_CMS_PROC_DT"),
        welcome=("CLM_NCH_WKLY_PROC_DT", "CLM_ACTV_CARE_FROM_DT", "CLM_DSCHRG_DT"),
    ),
    "BENE_HSTRY": Table(
        known_by=(BENEFICIARY, "BENE_BRTH_DT"),
        needed=("BENE_SEX_CD",),
        welcome=("BENE_XREF_SK", "BENE_XREF_EFCTV_SK", "BENE_DEATH_DT", "GEO_USPS_STATE_CD", *_RECORD),
    ),
    "BENE_XREF": Table(
        known_by=(BENEFICIARY, "BENE_XREF_SK", "BENE_KILL_CRED_CD"), welcome=("SRC_REC_UPDT_TS", *_RECORD)
    ),
    "BENE_MDCR_ENTLMT": Table(
        known_by=(BENEFICIARY, "BENE_MDCR_ENTLMT_TYPE_CD"),
        needed=_RANGE,
        welcome=("BENE_MDCR_ENTLMT_STUS_CD", *_RECORD),
    ),
    "BENE_MDCR_ENTLMT_RSN": Table(known_by=(BENEFICIARY, "BENE_MDCR_ENTLMT_RSN_CD"), needed=_RANGE, welcome=_RECORD),
    "BENE_MDCR_STUS": Table(
        known_by=(BENEFICIARY, "BENE_MDCR_STUS_CD"), needed=("MDCR_STUS_BGN_DT", "MDCR_STUS_END_DT"), welcome=_RECORD
    ),
    "BENE_CMBND_DUAL_MDCR": Table(
        known_by=(BENEFICIARY, "BENE_DUAL_STUS_CD"),
        needed=("BENE_MDCD_ELGBLTY_BGN_DT", "BENE_MDCD_ELGBLTY_END_DT"),
        welcome=_RECORD,
    ),
    "BENE_LIS": Table(known_by=(BENEFICIARY, "BENE_LIS_EFCTV_CD"), needed=_RANGE, welcome=_RECORD),
    "BENE_LIS_CMBND": Table(
        known_by=(BENEFICIARY, "BENE_CMBND_DEEMD_IND"),
        needed=("BENE_CMBND_DEEMD_EFCTV_DT", "BENE_CMBND_DEEMD_TRMNTN_DT"),
        welcome=_RECORD,
    ),
    "BENE_MAPD_ENRLMT": Table(
        known_by=(BENEFICIARY, "BENE_CVRG_TYPE_CD"),
        needed=("BENE_ENRLMT_BGN_DT", "BENE_ENRLMT_END_DT"),
        welcome=("BENE_CNTRCT_NUM", *_RECORD),
    ),
}
"""Table name to what is read of it, in the order in which a header is tried."""

OF_A_CLAIM = tuple(name for name in TABLES if name.startswith("CLM_") and name != "CLM_DT_SGNTR")
"""Tables whose rows belong to the person of their claim."""
OF_A_PERSON = tuple(name for name, table in TABLES.items() if BENEFICIARY in table.columns)
"""Tables that name the person themselves."""


@dataclass(frozen=True)
class IdrFile(SourceFile):
    """A file of a delivery, with the files that say whose its rows are."""

    claims: tuple[Path, ...] = ()
    histories: tuple[Path, ...] = ()
    cross_references: tuple[Path, ...] = ()


def table_of(header: list[str]) -> str | None:
    """The table a header belongs to.

    >>> table_of(["BENE_SK", "BENE_BRTH_DT", "BENE_SEX_CD"])
    'BENE_HSTRY'
    """
    named = {column.upper() for column in header}
    return next((name for name, table in TABLES.items() if named.issuperset(table.known_by)), None)


def table_of_file(file: Path) -> str | None:
    """The table a file holds, None where it holds none or is not readable as comma-delimited text."""
    try:
        return table_of(header_of(file))
    except LayoutError:
        return None


def check_columns(file: Path, name: str) -> None:
    """Raise when a file lacks columns that are needed.

    Raises:
        LayoutError: the file, what it was taken for, and the columns it lacks.
    """
    header = {column.upper() for column in header_of(file)}
    missing = [column for column in TABLES[name].needed if column not in header]
    if missing:
        raise LayoutError(
            f"{file.name}: taken for the IDR table {name}, it lacks {count_of(len(missing), 'column')}: "
            f"{', '.join(missing)}. Usual causes: columns were renamed or cut out in the export. "
            "Export the table again with these columns."
        )


def whole_table(files: tuple[Path, ...], name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """Some columns of all files of a table, blanks as null."""
    wanted = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    parts = [tidied(read_text_table(file, keep=lambda column: column.upper() in columns)) for file in files]
    return TABLES[name].complete(pl.concat([wanted, *parts], how="diagonal")).select(columns)


def tidied(rows: pl.DataFrame) -> pl.DataFrame:
    """Names in capitals, values without outer blanks; blank and `~` are null."""
    rows = rows.rename({column: column.upper() for column in rows.columns})
    stripped = pl.all().str.strip_chars()
    return rows.with_columns(pl.when((stripped != "") & (stripped != BLANK)).then(stripped))
