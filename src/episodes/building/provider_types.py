"""What kind of provider a CCN belongs to, and in which state it lies.

The number ranges are those of CMS's own programs (packaged table `ccn_provider_type_ranges`). A rule is evaluated
once per distinct CCN, never per claim.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from episodes.programs.code_tables import load_codes

# Where several flags of the table hold for one CCN, the first of these decides: the eleven cancer hospitals, for
# example, also lie in the range of acute hospitals.
_TYPE_OF_FLAG = {
    "cancer_hosp": "cancer",
    "emerg_hosp": "emergency",
    "veteran_hosp": "veteran",
    "ipps": "acute",
    "cah": "cah",
    "ltch": "ltch",
    "irf": "irf",
    "sirf": "irf",
    "child_hosp": "childrens",
    "ipf": "ipf",
    "ipu": "ipf",
    "ssnf": "swing_bed",
    "home_health": "home_health",
    "snf": "snf",
}
_NEEDS_ALL_DIGITS = {"last4", "full6"}


@cache
def _ranges() -> tuple[tuple[str, str, str, str], ...]:
    table = load_codes("ccn_provider_type_ranges")
    return tuple(table.select("flag", "match_basis", "code_from", "code_to").iter_rows())


@cache
def _states() -> dict[str, str]:
    return dict(load_codes("ccn_state_codes").select("ccn_first2", "state").iter_rows())


def flags_of(ccn: str) -> set[str]:
    """Every flag of the range table that a CCN raises."""
    parts = {
        "last4": ccn[2:6],
        "full6": ccn,
        "first2": ccn[:2],
        "char3": ccn[2:3],
        "char5": ccn[4:5],
        "char6": ccn[5:6],
    }
    all_digits = len(ccn) == 6 and ccn.isascii() and ccn.isdigit()
    return {
        flag
        for flag, basis, low, high in _ranges()
        if (all_digits or basis not in _NEEDS_ALL_DIGITS) and len(ccn) == 6 and low <= parts[basis] <= high
    }


def provider_type_of(ccn: str | None) -> str:
    """The provider type of a CCN, `other` where no range fits.

    >>> provider_type_of("360001"), provider_type_of("36T001"), provider_type_of(None)
    ('acute', 'irf', 'other')
    """
    if ccn is None:
        return "other"
    flags = flags_of(ccn)
    return next((kind for flag, kind in _TYPE_OF_FLAG.items() if flag in flags), "other")


def state_of(ccn: str | None) -> str | None:
    """The state of a CCN's first two characters (postal code), null where unknown.

    >>> state_of("210001"), state_of("99X001")
    ('MD', None)
    """
    return None if ccn is None else _states().get(ccn[:2])


def providers_of(ccns: pl.Series) -> pl.DataFrame:
    """ccn, type_of_ccn, provider_state, unit_of_ccn of distinct CCNs (null too), in their order."""
    return pl.DataFrame(
        {
            "ccn": ccns,
            "type_of_ccn": [provider_type_of(ccn) for ccn in ccns],
            "provider_state": [state_of(ccn) for ccn in ccns],
            "unit_of_ccn": ccns.str.contains(r"^..[A-Z]").fill_null(False),
        },
        schema_overrides={"ccn": pl.String, "type_of_ccn": pl.String, "provider_state": pl.String},
    )


def with_provider_columns(claims: pl.DataFrame) -> pl.DataFrame:
    """Add `kind_of_provider` (the claim's own provider_type wins over its CCN), `provider_state`, `unit`.

    A `unit` of a hospital is known by the letter in its number, where the claim states no type. A source that knows its
    distinct CCNs has joined `providers_of` already.
    """
    if "type_of_ccn" not in claims.columns:
        by_ccn = providers_of(claims["ccn"].unique(maintain_order=True))
        claims = claims.join(by_ccn, on="ccn", how="left", nulls_equal=True, maintain_order="left")
    return claims.with_columns(
        kind_of_provider=pl.coalesce(pl.col("provider_type").cast(pl.String), "type_of_ccn"),
        unit=pl.col("provider_type").is_null() & pl.col("unit_of_ccn"),
    ).drop("type_of_ccn", "unit_of_ccn")
