"""Naming services: the category of each service row. No amount depends on it."""

from __future__ import annotations

import polars as pl

from episodes.building.context import Context

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
"""Categories of a service, in the order of tables."""


def service_category(context: Context) -> pl.Expr:
    """The category of a service row; needs the columns of `assignment.services_frame` and `own_item`."""
    codes = context.program.rules.construction.services.categories
    setting, hcpcs = pl.col("setting"), pl.col("hcpcs")
    own_facility = pl.col("own_item") | (
        (pl.col("_anchor_setting") == "outpatient")
        & (setting == "outpatient")
        & (pl.col("claim_id") == pl.col("_anchor_claim"))
        & (pl.col("period") == "anchor")
    )
    is_drug = pl.any_horizontal([hcpcs.str.starts_with(prefix) for prefix in codes.drug_hcpcs_prefixes])
    is_drug = is_drug | pl.col("revenue_center").is_in(list(codes.drug_revenue_centers))
    assistant = pl.col("modifiers").list.eval(pl.element().is_in(list(codes.assistant_modifiers))).list.any()
    first_code, last_code = codes.anesthesia_hcpcs
    return (
        pl.when(own_facility)
        .then(pl.lit("anchor_facility"))
        .when((setting == "inpatient") & pl.col("kind_of_provider").is_in(["ltch", "irf", "ipf"]))
        .then("kind_of_provider")
        .when(setting == "inpatient")
        .then(pl.lit("readmission"))
        .when(setting.is_in(["snf", "home_health", "hospice", "dme"]))
        .then("setting")
        .when((setting == "drug") | is_drug.fill_null(False))
        .then(pl.lit("drugs"))
        .when((setting == "outpatient") & pl.col("revenue_center").is_in(list(codes.emergency_revenue_centers)))
        .then(pl.lit("emergency"))
        .when(setting == "outpatient")
        .then(pl.lit("outpatient"))
        .when(hcpcs.is_between(pl.lit(first_code), pl.lit(last_code)).fill_null(False))
        .then(pl.lit("anesthesia"))
        .when(assistant.fill_null(False))
        .then(pl.lit("assistant"))
        .when((pl.col("period") == "anchor") & (pl.col("rendering_npi") == pl.col("_operating_npi")).fill_null(False))
        .then(pl.lit("surgeon"))
        .otherwise(pl.lit("professional"))
    )
