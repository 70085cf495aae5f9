"""The default synthetic set and the anchors in it."""

from __future__ import annotations

import polars as pl
import pytest

from episodes.programs.code_tables import load_codes
from episodes.synthetic import synthesize

_OPERATING_ROOM = "0360"


@pytest.fixture(scope="session")
def tables() -> dict[str, pl.DataFrame]:
    """The default set."""
    return synthesize()


@pytest.fixture(scope="session")
def anchors(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Anchors of the default set, found by code alone: one row an anchor stay or trigger line."""
    claims, lines = tables["claims"], tables["lines"]
    columns = ["beneficiary_id", "claim_id", "anchor_setting", "code", "start", "end", "anchor_ccn"]
    stays = claims.filter(pl.col("setting") == "inpatient").with_columns(
        anchor_setting=pl.lit("inpatient"),
        code="ms_drg",
        start="from_date",
        end="thru_date",
        anchor_ccn="ccn",
    )
    operations = (
        lines.filter(pl.col("revenue_center") == _OPERATING_ROOM, pl.col("hcpcs").is_not_null())
        .join(claims.select("claim_id", anchor_ccn="ccn"), on="claim_id")
        .with_columns(anchor_setting=pl.lit("outpatient"), code="hcpcs", start="service_date", end="service_date")
    )
    codes = load_codes("team_anchor_codes").select("anchor_setting", "code", "category")
    earlier = load_codes("team_drg_map").select(
        anchor_setting=pl.lit("inpatient"), code="from_drg", category="category"
    )
    found = pl.concat([stays.select(columns), operations.select(columns)])
    return found.join(pl.concat([codes, earlier]), on=["anchor_setting", "code"]).sort("claim_id", "code")
