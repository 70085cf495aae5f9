"""CMS's file of target price components (BPCI Advanced) as a price sheet.

One row an initiator, hospital and category. The columns are those that participants read: PGP_ACH (PGP or ACH),
CCN_TIN (the initiator), ASSOC_ACH_CCN (the hospital of a group's row), EPI_TYPE and EPI_CAT (together the category,
as IP-Sepsis), Prelim_PCMA, PAT, CASE_MIX, TARGET_PRICE, PAYMENT_RATIO. The target price is taken as it stands; the
case mix in it is what a final one replaces. Of a group's row that is its hospital's case mix with the group's
relative to it.

Source: github.com/Milliman-PRM/BPCIA_BPCI-Advanced, program 101T (names of the columns only).
"""

from __future__ import annotations

import polars as pl

from episodes.errors import PriceError, count_of
from episodes.programs import Program

NEEDED = ("PGP_ACH", "CCN_TIN", "EPI_TYPE", "EPI_CAT", "TARGET_PRICE")
_FACTORS = {"pcma": "PRELIM_PCMA", "pgp_case_mix": "CASE_MIX", "real_ratio": "PAYMENT_RATIO"}


def is_component_file(table: pl.DataFrame) -> bool:
    """Whether a table has the columns of the file."""
    return set(NEEDED) <= {column.upper() for column in table.columns}


def price_sheet_of(table: pl.DataFrame, program: Program, name: str) -> pl.DataFrame:
    """The file's rows with the columns of a price sheet; rows of all categories together (EPI_CAT All) are passed over.

    Raises:
        PriceError: a row that is neither a hospital's nor a group's, a group's without its hospital.
    """
    upper = table.rename({column: column.upper() for column in table.columns})
    optional = {"ASSOC_ACH_CCN": pl.String, **dict.fromkeys(_FACTORS.values(), pl.String)}
    absent = [pl.lit(None, dtype=pl.String).alias(column) for column in optional if column not in upper.columns]
    rows = upper.with_columns(absent).with_columns(pl.col(pl.String).str.strip_chars().replace("", None))
    rows = rows.filter(pl.col("EPI_CAT").str.to_lowercase() != "all")
    named = {category.lower(): category for category in program.rules.categories}
    is_group = pl.col("PGP_ACH").str.to_uppercase() == "PGP"
    lower = pl.concat_str("EPI_TYPE", pl.lit("-"), "EPI_CAT").str.to_lowercase()
    target = pl.col("TARGET_PRICE").cast(pl.String)
    ccn = pl.when(is_group).then("ASSOC_ACH_CCN").otherwise("CCN_TIN").cast(pl.String).str.pad_start(6, "0")
    sheet = rows.select(
        ccn=ccn,
        party_id=pl.when(is_group).then(pl.col("CCN_TIN").cast(pl.String)),
        category=lower.replace(named),
        price_dollars=target,
        pgp_target_dollars=pl.when(is_group).then(target),
        **{ours: pl.col(theirs) for ours, theirs in _FACTORS.items()},
        kind=pl.col("PGP_ACH").str.to_uppercase(),
    )
    strange = sheet.filter(~pl.col("kind").is_in(["PGP", "ACH"]).fill_null(False)).height
    lost = sheet.filter(pl.col("ccn").is_null()).height
    if strange or lost:
        raise PriceError(
            f"The file of price components {name!r} has {count_of(strange, 'row')} whose PGP_ACH is neither PGP nor "
            f"ACH, and {count_of(lost, 'row')} without a hospital (CCN_TIN, or ASSOC_ACH_CCN of a group)."
        )
    priced = sheet.filter(pl.col("price_dollars").is_not_null())
    return priced.with_columns(pgp_case_mix=pl.when(pl.col("kind") == "PGP").then("pgp_case_mix")).drop("kind")
