"""Naming services: the category of each service. No amount depends on it.

Lines get theirs in the compiled loop (`line_kernel.category_of`), by these codes; claims that are paid as a whole here.
"""

from __future__ import annotations

import polars as pl

SERVICE_CATEGORIES = (
    "anchor_facility",
    "readmission",
    "ltch",
    "irf",
    "ipf",
    "snf",
    "home_health",
    "hospice",
    "surgeon",
    "assistant",
    "anesthesia",
    "professional",
    "emergency",
    "outpatient",
    "drugs",
    "dme",
)
"""Categories of a service, in the order of tables; their places are the numbers in the loops."""


def claim_category() -> pl.Expr:
    """The category number of an item that is paid as a whole claim and is no anchor."""
    inpatient = pl.col("setting") == "inpatient"
    post_acute = pl.col("kind_of_provider").is_in(["ltch", "irf", "ipf"])
    named = (
        pl.when(inpatient & post_acute)
        .then("kind_of_provider")
        .when(inpatient)
        .then(pl.lit("readmission"))
        .otherwise("setting")
    )
    return named.replace_strict(list(SERVICE_CATEGORIES), list(range(len(SERVICE_CATEGORIES))), return_dtype=pl.UInt8)
