"""The region of a hospital: one of the nine census divisions, or none.

The first that is known decides: `hospitals.region`, else the division of `hospitals.state`, else the division
of the state that the first two characters of the CCN stand for. A territory has no division, nor has a CCN
that names no state: such a hospital has no region, which is said and never guessed.
"""

from __future__ import annotations

import polars as pl

from episodes.pricing.checks import with_columns
from episodes.programs.code_tables import load_codes

NO_REGION = "no_region"
"""Reason code of an episode whose hospital lies in no region."""


def known_regions() -> list[int]:
    """The numbers of the census divisions.

    >>> known_regions()
    [1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    return _division_of_state().get_column("region").unique().sort().to_list()


def regions_of(ccns: pl.Series, hospitals: pl.DataFrame) -> pl.DataFrame:
    """The region of each hospital.

    Args:
        ccns: CCNs, repeats allowed.
        hospitals: the hospitals table (`ccn`; of its other columns `region`, `state`, `start_date` are
            read). Of several rows of one CCN the latest with a region, or a state, counts.

    Returns:
        One row a distinct CCN, sorted: ccn, region (Int32, null: none).

    Example:
        >>> hospitals = pl.DataFrame({"ccn": ["360001"], "state": ["OH"]})
        >>> regions_of(pl.Series(["360001", "400001"]), hospitals).to_dicts()
        [{'ccn': '360001', 'region': 3}, {'ccn': '400001', 'region': None}]
    """
    listed = with_columns(
        hospitals,
        "hospitals",
        ["ccn"],
        {"region": pl.Int32, "state": pl.String, "start_date": pl.Date},
    )
    stated = (
        listed.with_columns(pl.col("ccn", "state").cast(pl.String), pl.col("region").cast(pl.Int32))
        .sort("ccn", "start_date", "region", "state", nulls_last=False)
        .group_by("ccn", maintain_order=True)
        .agg(pl.col("region", "state").drop_nulls().last())
    )
    prefixes = load_codes("ccn_state_codes").select(pl.col("ccn_first2"), prefix_state=pl.col("state"))
    divisions = _division_of_state()
    return (
        pl.DataFrame({"ccn": ccns.cast(pl.String).unique().sort()})
        .join(stated, on="ccn", how="left", maintain_order="left")
        .with_columns(ccn_first2=pl.col("ccn").str.slice(0, 2))
        .join(prefixes, on="ccn_first2", how="left", maintain_order="left")
        .with_columns(state=pl.coalesce("state", "prefix_state"))
        .join(divisions, on="state", how="left", maintain_order="left", suffix="_of_state")
        .select("ccn", region=pl.coalesce("region", "region_of_state"))
    )


def with_region(episodes: pl.DataFrame, hospitals: pl.DataFrame) -> pl.DataFrame:
    """The episodes with the region of their anchor's hospital in `region`."""
    regions = regions_of(episodes.get_column("anchor_ccn"), hospitals)
    return episodes.join(regions, left_on="anchor_ccn", right_on="ccn", how="left", maintain_order="left")


def _division_of_state() -> pl.DataFrame:
    table = load_codes("state_census_division")
    return table.select(pl.col("state"), region=pl.col("census_division").cast(pl.Int32))
