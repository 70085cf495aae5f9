"""The setting of a Tuva claim and the kind of its provider, from claim type, bill type, revenue centers and codes."""

from __future__ import annotations

import polars as pl

INSTITUTIONAL = "institutional"
PROFESSIONAL = ("professional", "dental", "vision")

SETTING_OF_BILL = {
    "11": "inpatient",
    "12": "outpatient",
    "13": "outpatient",
    "14": "outpatient",
    "18": "snf",
    "21": "snf",
    "22": "outpatient",
    "23": "outpatient",
    "28": "snf",
    "32": "home_health",
    "33": "home_health",
    "34": "home_health",
    "41": "inpatient",
    "42": "outpatient",
    "43": "outpatient",
    "65": "snf",
    "66": "snf",
    "71": "outpatient",
    "72": "outpatient",
    "73": "outpatient",
    "74": "outpatient",
    "75": "outpatient",
    "76": "outpatient",
    "77": "outpatient",
    "78": "outpatient",
    "79": "outpatient",
    "81": "hospice",
    "82": "hospice",
    "83": "outpatient",
    "84": "outpatient",
    "85": "outpatient",
    "86": "outpatient",
    "87": "outpatient",
    "89": "outpatient",
}
"""Facility and class of a bill type to setting (NUBC type of bill)."""
BILL_OF_SETTING = {"inpatient": "111", "snf": "211", "home_health": "329", "hospice": "811", "outpatient": "131"}
"""The bill type that is written for a claim that has none."""

PROVIDER_OF_BILL = {
    "11": "acute",
    "12": "acute",
    "13": "acute",
    "14": "acute",
    "18": "swing_bed",
    "21": "snf",
    "22": "snf",
    "23": "snf",
    "28": "swing_bed",
    "32": "home_health",
    "33": "home_health",
    "34": "home_health",
    "81": "hospice",
    "82": "hospice",
    "85": "cah",
}
"""Facility and class of a bill type to kind of provider."""
REHABILITATION = ("0024", "0118", "0128", "0138", "0148", "0158")
"""Revenue centers of a rehabilitation facility: its payment code, and rehabilitation room and board."""
PSYCHIATRY = ("0114", "0124", "0134", "0144", "0154")
"""Revenue centers of psychiatric room and board."""

EQUIPMENT = r"^(?:A[4-8]|B[4-9]|E[0-8]|K[01]|L[0-9])\d{3}$"
"""HCPCS codes of equipment, prosthetics, orthotics and supplies. Ambulance (A0), drugs and radiopharmaceuticals (A9)
are not among them."""


def bill_group(bill_type: pl.Expr) -> pl.Expr:
    """Facility and class: the first two of the three characters."""
    return bill_type.str.slice(0, 2)


def is_institutional() -> pl.Expr:
    """By the claim type; where that is something else, by whether there is a bill type."""
    known = pl.col("claim_type").is_in([INSTITUTIONAL, *PROFESSIONAL]).fill_null(False)
    return (pl.col("claim_type") == INSTITUTIONAL).fill_null(False) | (~known & pl.col("bill_type").is_not_null())


def setting() -> pl.Expr:
    """The setting of claims with `claim_type`, `bill_type`, `ms_drg`, `only_equipment` and `place_of_service`.

    An institutional claim without a known bill type is inpatient when it has a DRG, else outpatient. A professional
    claim is of equipment when all its procedure codes are. Null where neither claim type nor place says what it is.
    """
    by_bill = bill_group(pl.col("bill_type")).replace_strict(SETTING_OF_BILL, default=None, return_dtype=pl.String)
    without_bill = pl.when(pl.col("ms_drg").is_not_null()).then(pl.lit("inpatient")).otherwise(pl.lit("outpatient"))
    professional = pl.col("claim_type").is_in(PROFESSIONAL).fill_null(False) | pl.col("place_of_service").is_not_null()
    return (
        pl.when(is_institutional())
        .then(pl.coalesce(by_bill, without_bill))
        .when(professional & pl.col("only_equipment"))
        .then(pl.lit("dme"))
        .when(professional)
        .then(pl.lit("professional"))
    )


def provider_type() -> pl.Expr:
    """The kind of provider of institutional claims with `setting`, `rehabilitation` and `psychiatry`."""
    kind = bill_group(pl.col("bill_type")).replace_strict(PROVIDER_OF_BILL, default=None, return_dtype=pl.String)
    inpatient = pl.col("setting") == "inpatient"
    return pl.when(is_institutional()).then(
        pl.when(inpatient & pl.col("rehabilitation"))
        .then(pl.lit("irf"))
        .when(inpatient & pl.col("psychiatry"))
        .then(pl.lit("ipf"))
        .when(inpatient & kind.is_null())
        .then(pl.lit("acute"))
        .otherwise(kind)
    )
