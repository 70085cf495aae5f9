"""RIF columns and what they mean in the claims contract: one table, used for reading and for writing.

A kind of file is known by its header. A `Field` says in which RIF column a column of the contract stands, and in
which form; what is made of several columns (allowed amounts, diagnoses, bill type) is listed beside the fields.
Column names are those of the BFD samples; `OTHER_NAMES` has the names that other releases of CCW files use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Form = Literal["text", "number", "cents", "day", "npi", "two_digits", "revenue_center", "drg", "apc"]
"""How a value is written; `rif_values` reads and writes each form."""

PERSON = "BENE_ID"
FINAL_ACTION, CLAIM_GROUP, RECORD_CHANGE = "FINAL_ACTION", "CLM_GRP_ID", "DML_IND"
NOT_STATED = "not stated"
"""What stands in `FINAL_ACTION` of rows from a file without that column; no file writes it."""

MODIFIERS = tuple(f"HCPCS_{place}_MDFR_CD" for place in ("1ST", "2ND", "3RD", "4TH", "5TH"))
BILL_TYPE = ("CLM_FAC_TYPE_CD", "CLM_SRVC_CLSFCTN_TYPE_CD", "CLM_FREQ_CD")
PROCESS_DATES = ("NCH_WKLY_PROC_DT", "FI_CLM_PROC_DT")
"""The first that is given is the process date."""

PRINCIPAL, DIAGNOSIS, PRESENT_ON_ADMISSION = "PRNCPAL_DGNS_CD", "ICD_DGNS_CD", "CLM_POA_IND_SW"
PROCEDURE, PROCEDURE_DATE = "ICD_PRCDR_CD", "PRCDR_DT"
NOT_PAID_REASON, DENIAL, LINE_INDICATOR = "CLM_MDCR_NON_PMT_RSN_CD", "CARR_CLM_PMT_DNL_CD", "LINE_PRCSG_IND_CD"
MANAGED_CARE, LOW_UTILIZATION, DRUG_DELETION = "CLM_MCO_PD_SW", "CLM_HHA_LUPA_IND_CD", "ADJSTMT_DLTN_CD"
CLAIM_PAID = "CLM_PMT_AMT"
DRUG_PAID = ("CVRD_D_PLAN_PD_AMT", "LICS_AMT")
"""What a Part D plan paid for covered drugs, and what Medicare paid of the low-income cost sharing."""

PRESCRIBER_ID_KIND = "PRSCRBR_ID_QLFYR_CD"
"""What kind of number the prescriber's is; 01 is an NPI."""

OUTPATIENT_PAID = ("REV_CNTR_PRVDR_PMT_AMT", "REV_CNTR_BENE_PMT_AMT")
OUTPATIENT_PAID_ELSE = "REV_CNTR_PMT_AMT_AMT"
OUTPATIENT_SHARE = "REV_CNTR_PTNT_RSPNSBLTY_PMT"
OUTPATIENT_DEDUCTIBLES = ("REV_CNTR_CASH_DDCTBL_AMT", "REV_CNTR_BLOOD_DDCTBL_AMT")
OUTPATIENT_COINSURANCE = ("REV_CNTR_RDCD_COINSRNC_AMT", "REV_CNTR_COINSRNC_WGE_ADJSTD_C")
"""The reduced coinsurance counts where the hospital elected one, else the wage-adjusted."""
OUTPATIENT_PRIMARY_PAYER = ("REV_CNTR_1ST_MSP_PD_AMT", "REV_CNTR_2ND_MSP_PD_AMT")
OUTPATIENT_AMOUNTS = (
    *(*OUTPATIENT_PAID, OUTPATIENT_PAID_ELSE, OUTPATIENT_SHARE),
    *(*OUTPATIENT_DEDUCTIBLES, *OUTPATIENT_COINSURANCE, *OUTPATIENT_PRIMARY_PAYER),
)


@dataclass(frozen=True)
class Field:
    """The RIF column of a column of the contract, and the form of its values."""

    column: str
    form: Form = "text"


Fields = Mapping[str, Field]


@dataclass(frozen=True)
class ClaimKind:
    """A kind of claims file."""

    setting: str
    known_by: tuple[str, ...]
    """Columns that no other kind has (kinds are tried in order)."""
    needed: tuple[str, ...]
    claim: Fields
    line: Fields
    shares: tuple[str, ...] = ()
    """The beneficiary's part of a claim's allowed amount, beside payment and primary payer."""
    add_ons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parts of a claim's allowed amount: the columns whose sum each is."""
    claim_codes: tuple[str, ...] = ()
    """Further claim columns that rules read."""
    line_columns: tuple[str, ...] = ()
    """Further line columns that rules read."""
    diagnoses: int = 25
    present_on_admission: bool = False
    procedures: int = 0
    modifiers: bool = True

    @property
    def keys(self) -> tuple[str, str]:
        """The columns that name a claim."""
        return (PERSON, self.claim["claim_id"].column)

    @property
    def diagnosis_columns(self) -> list[str]:
        """Principal diagnosis, then the numbered ones."""
        return [PRINCIPAL, *numbered(DIAGNOSIS, self.diagnoses)] if self.diagnoses else []

    def columns_of_lines(self) -> list[str]:
        """The columns that differ by line; all others repeat on every line of a claim."""
        of_lines = [one.column for one in self.line.values()]
        return [*of_lines, *(MODIFIERS if self.modifiers else ()), *self.line_columns]

    def columns(self) -> list[str]:
        """Every column that is read, once, in a fixed order."""
        coded = [
            *self.diagnosis_columns,
            *(numbered(PRESENT_ON_ADMISSION, self.diagnoses) if self.present_on_admission else ()),
            *numbered(PROCEDURE, self.procedures),
            *numbered(PROCEDURE_DATE, self.procedures),
        ]
        names = [
            *(RECORD_CHANGE, CLAIM_GROUP, FINAL_ACTION),
            *(one.column for one in self.claim.values()),
            *self.shares,
            *(column for parts in self.add_ons.values() for column in parts),
            *self.claim_codes,
            *coded,
            *self.columns_of_lines(),
        ]
        return list(dict.fromkeys(names))


def numbered(family: str, number: int) -> list[str]:
    """The columns of a family, `ICD_DGNS_CD1` to the last."""
    return [f"{family}{n}" for n in range(1, number + 1)]


_ANY_CLAIM: Fields = {
    "beneficiary_id": Field(PERSON),
    "claim_id": Field("CLM_ID"),
    "from_date": Field("CLM_FROM_DT", "day"),
    "thru_date": Field("CLM_THRU_DT", "day"),
    "paid_cents": Field(CLAIM_PAID, "cents"),
}
_FACILITY: Fields = {
    **_ANY_CLAIM,
    "ccn": Field("PRVDR_NUM"),
    "facility_npi": Field("ORG_NPI_NUM", "npi"),
    "attending_npi": Field("AT_PHYSN_NPI", "npi"),
    "discharge_status": Field("PTNT_DSCHRG_STUS_CD", "two_digits"),
    "primary_payer_paid_cents": Field("NCH_PRMRY_PYR_CLM_PD_AMT", "cents"),
}
_OPERATING: Fields = {"operating_npi": Field("OP_PHYSN_NPI", "npi")}
_STAY: Fields = {
    **_FACILITY,
    **_OPERATING,
    "admission_date": Field("CLM_ADMSN_DT", "day"),
    "discharge_date": Field("NCH_BENE_DSCHRG_DT", "day"),
    "ms_drg": Field("CLM_DRG_CD", "drg"),
}
_REVENUE_LINE: Fields = {
    "line_number": Field("CLM_LINE_NUM", "number"),
    "revenue_center": Field("REV_CNTR", "revenue_center"),
    "service_date": Field("REV_CNTR_DT", "day"),
    "hcpcs": Field("HCPCS_CD"),
    "rendering_npi": Field("RNDRNG_PHYSN_NPI", "npi"),
    "units": Field("REV_CNTR_UNIT_CNT", "number"),
    "charge_cents": Field("REV_CNTR_TOT_CHRG_AMT", "cents"),
    "noncovered_charge_cents": Field("REV_CNTR_NCVRD_CHRG_AMT", "cents"),
}
_PRICED_REVENUE_LINE: Fields = {
    **_REVENUE_LINE,
    "status_indicator": Field("REV_CNTR_STUS_IND_CD"),
    "apc": Field("REV_CNTR_APC_HIPPS_CD", "apc"),
}
_SUPPLIER_CLAIM: Fields = {
    **_ANY_CLAIM,
    "allowed_cents": Field("NCH_CARR_CLM_ALOWD_AMT", "cents"),
    "primary_payer_paid_cents": Field("CARR_CLM_PRMRY_PYR_PD_AMT", "cents"),
}
_SUPPLIER_LINE: Fields = {
    "line_number": Field("LINE_NUM", "number"),
    "service_date": Field("LINE_1ST_EXPNS_DT", "day"),
    "service_thru": Field("LINE_LAST_EXPNS_DT", "day"),
    "hcpcs": Field("HCPCS_CD"),
    "place_of_service": Field("LINE_PLACE_OF_SRVC_CD", "two_digits"),
    "tin": Field("TAX_NUM"),
    "specialty": Field("PRVDR_SPCLTY", "two_digits"),
    "units": Field("LINE_SRVC_CNT", "number"),
    "allowed_cents": Field("LINE_ALOWD_CHRG_AMT", "cents"),
    "paid_cents": Field("LINE_NCH_PMT_AMT", "cents"),
    "primary_payer_paid_cents": Field("LINE_BENE_PRMRY_PYR_PD_AMT", "cents"),
    "charge_cents": Field("LINE_SBMTD_CHRG_AMT", "cents"),
    "diagnosis": Field("LINE_ICD_DGNS_CD"),
}

_PAYMENT_OF_CLAIM = ("CLM_ID", "CLM_FROM_DT", "CLM_THRU_DT", CLAIM_PAID)
_OF_FACILITY = (*_PAYMENT_OF_CLAIM, "PRVDR_NUM", "NCH_PRMRY_PYR_CLM_PD_AMT", "CLM_LINE_NUM", "REV_CNTR")
_OF_SUPPLIER = (*_PAYMENT_OF_CLAIM, "LINE_NUM", "LINE_NCH_PMT_AMT", "LINE_ALOWD_CHRG_AMT")
_BLOOD = "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM"
_PART_A_SHARES = ("NCH_BENE_IP_DDCTBL_AMT", "NCH_BENE_PTA_COINSRNC_LBLTY_AM", _BLOOD)
_PART_B_SHARES = ("NCH_BENE_PTB_DDCTBL_AMT", "NCH_BENE_PTB_COINSRNC_AMT")
_FACILITY_CODES = (*BILL_TYPE, *PROCESS_DATES, NOT_PAID_REASON, MANAGED_CARE)

CLAIM_KINDS: dict[str, ClaimKind] = {
    "pde": ClaimKind(
        setting="drug",
        known_by=("PDE_ID",),
        needed=("PDE_ID", "SRVC_DT", "TOT_RX_CST_AMT", DRUG_PAID[0]),
        claim={
            "beneficiary_id": Field(PERSON),
            "claim_id": Field("PDE_ID"),
            "from_date": Field("SRVC_DT", "day"),
            "thru_date": Field("SRVC_DT", "day"),
            "process_date": Field("PD_DT", "day"),
            "allowed_cents": Field("TOT_RX_CST_AMT", "cents"),
        },
        line={
            "service_date": Field("SRVC_DT", "day"),
            "rendering_npi": Field("PRSCRBR_ID", "npi"),
            "units": Field("QTY_DSPNSD_NUM", "number"),
            "allowed_cents": Field("TOT_RX_CST_AMT", "cents"),
        },
        claim_codes=(*DRUG_PAID, DRUG_DELETION),
        line_columns=(PRESCRIBER_ID_KIND,),
        diagnoses=0,
        modifiers=False,
    ),
    "hha": ClaimKind(
        setting="home_health",
        known_by=(LOW_UTILIZATION,),
        needed=_OF_FACILITY,
        claim=_FACILITY,
        line=_PRICED_REVENUE_LINE,
        shares=_PART_B_SHARES,
        claim_codes=(*_FACILITY_CODES, LOW_UTILIZATION),
    ),
    "hospice": ClaimKind(
        setting="hospice",
        known_by=("CLM_HOSPC_START_DT_ID",),
        needed=_OF_FACILITY,
        claim=_FACILITY,
        line=_REVENUE_LINE,
        shares=_PART_B_SHARES,
        claim_codes=_FACILITY_CODES,
    ),
    "snf": ClaimKind(
        setting="snf",
        known_by=("NCH_QLFYD_STAY_FROM_DT",),
        needed=(*_OF_FACILITY, *_PART_A_SHARES, "CLM_ADMSN_DT", "NCH_BENE_DSCHRG_DT"),
        claim=_STAY,
        line=_REVENUE_LINE,
        shares=_PART_A_SHARES,
        claim_codes=_FACILITY_CODES,
        procedures=25,
    ),
    "inpatient": ClaimKind(
        setting="inpatient",
        known_by=("CLM_DRG_CD",),
        needed=(*_OF_FACILITY, *_PART_A_SHARES, "CLM_ADMSN_DT", "NCH_BENE_DSCHRG_DT", "CLM_DRG_CD"),
        claim=_STAY,
        line=_REVENUE_LINE,
        shares=_PART_A_SHARES,
        add_ons={
            "outlier_cents": ("NCH_DRG_OUTLIER_APRVD_PMT_AMT", "CLM_PPS_CPTL_OUTLIER_AMT"),
            "ime_cents": ("IME_OP_CLM_VAL_AMT", "CLM_PPS_CPTL_IME_AMT"),
            "dsh_cents": ("DSH_OP_CLM_VAL_AMT", "CLM_PPS_CPTL_DSPRPRTNT_SHR_AMT"),
            "uncompensated_care_cents": ("CLM_UNCOMPD_CARE_PMT_AMT",),
            "new_technology_cents": ("CLM_MDCR_NEW_TECH_AMT",),
        },
        claim_codes=_FACILITY_CODES,
        present_on_admission=True,
        procedures=25,
    ),
    "outpatient": ClaimKind(
        setting="outpatient",
        known_by=(_PART_B_SHARES[0],),
        needed=(*_OF_FACILITY, *_PART_B_SHARES, OUTPATIENT_PAID[0], OUTPATIENT_PAID_ELSE),
        claim={**_FACILITY, **_OPERATING},
        line=_PRICED_REVENUE_LINE,
        shares=(*_PART_B_SHARES, _BLOOD),
        claim_codes=_FACILITY_CODES,
        line_columns=OUTPATIENT_AMOUNTS,
        procedures=25,
    ),
    "dme": ClaimKind(
        setting="dme",
        known_by=("LINE_NCH_PMT_AMT", "DMERC_LINE_SUPPLR_TYPE_CD"),
        needed=_OF_SUPPLIER,
        claim=_SUPPLIER_CLAIM,
        line={**_SUPPLIER_LINE, "rendering_npi": Field("PRVDR_NPI", "npi")},
        claim_codes=(*PROCESS_DATES, DENIAL),
        line_columns=(LINE_INDICATOR,),
        diagnoses=12,
    ),
    "carrier": ClaimKind(
        setting="professional",
        known_by=("LINE_NCH_PMT_AMT",),
        needed=_OF_SUPPLIER,
        claim=_SUPPLIER_CLAIM,
        line={**_SUPPLIER_LINE, "rendering_npi": Field("PRF_PHYSN_NPI", "npi")},
        claim_codes=(*PROCESS_DATES, DENIAL),
        line_columns=(LINE_INDICATOR,),
        diagnoses=12,
    ),
}
"""Kinds of claims file, in the order in which a header is tried."""

# --- people -------------------------------------------------------------------------------------------------

BENEFICIARY, HISTORY = "beneficiary", "beneficiary history"
YEAR = "RFRNC_YR"
PERSON_FIELDS: Fields = {
    "birth_date": Field("BENE_BIRTH_DT", "day"),
    "death_date": Field("DEATH_DT", "day"),
    "sex": Field("BENE_SEX_IDENT_CD"),
    "state": Field("STATE_CODE"),
    "county": Field("BENE_COUNTY_CD"),
    "original_entitlement_reason": Field("BENE_ENTLMT_RSN_ORIG"),
}
ESRD, CURRENT_REASON = "BENE_ESRD_IND", "BENE_ENTLMT_RSN_CURR"
MONTH_COUNTS = {"part_a": "A_MO_CNT", "part_b": "B_MO_CNT", "medicare_advantage": "HMO_MO_CNT"}
"""Kind of coverage to the column that counts its months of the year."""

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEPT", "OCT", "NOV", "DEC")
MONTHLY = {
    "status": ("MDCR_STUS_{month}_CD", "MDCR_STATUS_CODE_{nn}"),
    "buy_in": ("MDCR_ENTLMT_BUYIN_{n}_IND", "MDCR_ENTLMT_BUYIN_IND_{nn}", "MDCR_ENTLMT_BUYIN_IND_{month}"),
    "managed_care": ("HMO_{n}_IND", "HMO_IND_{nn}"),
    "plan": ("PTC_CNTRCT_{month}_ID", "PTC_CNTRCT_ID_{nn}"),
    "dual": ("META_DUAL_ELGBL_STUS_{month}_CD", "DUAL_STUS_CD_{nn}"),
    "subsidy": ("CST_SHR_GRP_{month}_CD", "CST_SHR_GRP_CD_{nn}"),
}
"""Monthly columns: the name in the samples, then the names of the master beneficiary summary file."""


def monthly(name: str, month: int) -> str:
    """The column of a monthly code, by the name of the samples.

    >>> monthly("status", 9), monthly("buy_in", 9)
    ('MDCR_STUS_SEPT_CD', 'MDCR_ENTLMT_BUYIN_9_IND')
    """
    return _of_month(MONTHLY[name][0], month)


def _of_month(pattern: str, month: int) -> str:
    return pattern.format(month=MONTHS[month - 1], n=month, nn=f"{month:02d}")


OTHER_NAMES = {
    "NCH_BENE_PTA_COINSRNC_LBLTY_AMT": "NCH_BENE_PTA_COINSRNC_LBLTY_AM",
    "NCH_BENE_BLOOD_DDCTBL_LBLTY_AMT": "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM",
    "REV_CNTR_COINSRNC_WGE_ADJSTD_AMT": "REV_CNTR_COINSRNC_WGE_ADJSTD_C",
    "BENE_ENROLLMT_REF_YR": YEAR,
    "BENE_DEATH_DT": "DEATH_DT",
    "SEX_IDENT_CD": "BENE_SEX_IDENT_CD",
    "COUNTY_CD": "BENE_COUNTY_CD",
    "ENTLMT_RSN_ORIG": "BENE_ENTLMT_RSN_ORIG",
    "ENTLMT_RSN_CURR": CURRENT_REASON,
    "ESRD_IND": ESRD,
    "BENE_HI_CVRAGE_TOT_MONS": MONTH_COUNTS["part_a"],
    "BENE_SMI_CVRAGE_TOT_MONS": MONTH_COUNTS["part_b"],
    "BENE_HMO_CVRAGE_TOT_MONS": MONTH_COUNTS["medicare_advantage"],
} | {
    _of_month(other, month): _of_month(patterns[0], month)
    for patterns in MONTHLY.values()
    for other in patterns[1:]
    for month in range(1, 13)
}
"""Names of other releases, to the name used here."""


def standard_name(column: str) -> str:
    """The name used here for a column as a header writes it.

    >>> standard_name("bene_id"), standard_name("SEX_IDENT_CD")
    ('BENE_ID', 'BENE_SEX_IDENT_CD')
    """
    return OTHER_NAMES.get(column.upper(), column.upper())


def kind_of(header: Iterable[str]) -> str | None:
    """The kind of a file by its standard column names; None where it is of none that is read.

    >>> kind_of(["BENE_ID", "CLM_ID", "CLM_DRG_CD", "REV_CNTR"])
    'inpatient'
    """
    present = set(header)
    if PERSON not in present:
        return None
    if "BENE_BIRTH_DT" in present:
        return BENEFICIARY if YEAR in present else HISTORY
    return next((name for name, kind in CLAIM_KINDS.items() if set(kind.known_by) <= present), None)


def columns_of(kind: str) -> list[str]:
    """The columns of a kind of file that are read, in a fixed order."""
    if kind in CLAIM_KINDS:
        return CLAIM_KINDS[kind].columns()
    return [
        *(PERSON, RECORD_CHANGE, YEAR),
        *(one.column for one in PERSON_FIELDS.values()),
        *(ESRD, CURRENT_REASON, *MONTH_COUNTS.values()),
        *(monthly(name, month) for name in MONTHLY for month in range(1, 13)),
    ]


def missing_in(header: Iterable[str], kind: str) -> list[str]:
    """The columns without which a file of a kind cannot be read."""
    needed = CLAIM_KINDS[kind].needed if kind in CLAIM_KINDS else (YEAR, "BENE_BIRTH_DT", "DEATH_DT")
    present = set(header)
    return [column for column in needed if column not in present]
