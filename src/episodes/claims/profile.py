"""A data profile of claims: how much of what there is, what is missing, and what looks suspicious. Counts only."""

from __future__ import annotations

from typing import Any

import polars as pl

from episodes.claims.claims import Claims
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS

THIN_MONTH_SHARE = 1 / 3
"""A month with less than this share of the mean of its two neighbours' claims is suspicious."""

FEW_CLAIMS = 30
"""Months whose neighbours have fewer claims than this are not judged."""

_BASES = ("standardized_cents", "allowed_cents", "paid_cents")


def profile(claims: Claims) -> dict[str, Any]:
    """Describe claims by counts.

    Returns:
        A mapping of plain data: `reading` (layout, rows in and out, netted and quarantined by reason), `people`,
        `settings` (a list: setting, claims, lines, first_day, last_day, and the share of payable items with each kind
        of amount), `missing` (share of claims or lines without what names a provider), `coverage` (intervals by kind),
        `months` (claims by setting and month), `suspicious` (sentences).

    Example:
        >>> import episodes as ep
        >>> ep.claims.profile(ep.read_claims(ep.synthetic.bundled_folder()))["people"]["with_claims"]
        1497
    """
    headers = claims.claims.with_columns(pl.col("setting").cast(pl.String))
    months = _months(headers)
    settings = _settings(claims, headers)
    missing = _missing(claims, headers)
    return {
        "reading": claims.report.to_dict(),
        "people": _people(claims),
        "settings": settings,
        "missing": missing,
        "coverage": dict(
            claims.coverage.group_by(pl.col("kind").cast(pl.String)).len().sort("kind").collect().iter_rows()
        ),
        "months": months.select("setting", pl.col("month").dt.strftime("%Y-%m"), "claims").to_dicts(),
        "suspicious": [*_thin_months(months), *_thin_settings(settings), *_thin_names(missing)],
    }


def _people(claims: Claims) -> dict[str, int]:
    with_claims = claims.claims.select("beneficiary_id").unique()
    listed = claims.beneficiaries.select("beneficiary_id").unique()
    return {
        "with_claims": with_claims.select(pl.len()).collect().item(),
        "in_beneficiaries": listed.select(pl.len()).collect().item(),
        "with_claims_and_no_record": with_claims.join(listed, on="beneficiary_id", how="anti")
        .select(pl.len())
        .collect()
        .item(),
        "with_coverage": claims.coverage.select(pl.col("beneficiary_id").n_unique()).collect().item(),
        "died": claims.beneficiaries.filter(pl.col("death_date").is_not_null()).select(pl.len()).collect().item(),
    }


def _settings(claims: Claims, headers: pl.LazyFrame) -> list[dict[str, Any]]:
    keys = ["beneficiary_id", "claim_id"]
    of_claims = headers.group_by("setting").agg(
        claims=pl.len(),
        first_day=pl.col("from_date").min().cast(pl.String),
        last_day=pl.col("thru_date").max().cast(pl.String),
    )
    lines = claims.lines.join(headers.select(*keys, "setting"), on=keys, how="inner")
    amounts = pl.concat(
        [
            headers.filter(pl.col("setting").is_in(list(CLAIM_PAID_SETTINGS))).select("setting", *_BASES),
            lines.filter(pl.col("setting").is_in(list(LINE_PAID_SETTINGS))).select("setting", *_BASES),
        ]
    )
    shares = amounts.group_by("setting").agg(
        payable_items=pl.len(),
        **{f"share_with_{basis.removesuffix('_cents')}": pl.col(basis).is_not_null().mean() for basis in _BASES},
    )
    counted = lines.group_by("setting").agg(lines=pl.len())
    table = of_claims.join(counted, on="setting", how="left").join(shares, on="setting", how="left")
    return table.with_columns(pl.col("lines", "payable_items").fill_null(0)).sort("setting").collect().to_dicts()


def _missing(claims: Claims, headers: pl.LazyFrame) -> dict[str, float | None]:
    """Share of claims or lines without what names a provider or prices a stay; null where there is none at all."""
    stays = headers.filter(pl.col("setting") == "inpatient")
    facility = headers.filter(pl.col("setting").is_in(["inpatient", "snf", "home_health", "hospice", "outpatient"]))
    keys = ["beneficiary_id", "claim_id"]
    professional = claims.lines.join(headers.filter(pl.col("setting") == "professional"), on=keys, how="semi")

    def share(frame: pl.LazyFrame, column: str) -> float | None:
        value: float | None = frame.select(pl.col(column).is_null().mean()).collect().item()
        return value

    return {
        "ms_drg of inpatient claims": share(stays, "ms_drg"),
        "attending_npi of inpatient claims": share(stays, "attending_npi"),
        "operating_npi of inpatient claims": share(stays, "operating_npi"),
        "discharge_status of inpatient claims": share(stays, "discharge_status"),
        "ccn of facility claims": share(facility, "ccn"),
        "rendering_npi of professional lines": share(professional, "rendering_npi"),
        "tin of professional lines": share(professional, "tin"),
        "hcpcs of professional lines": share(professional, "hcpcs"),
    }


def _months(headers: pl.LazyFrame) -> pl.DataFrame:
    return (
        headers.group_by("setting", month=pl.col("from_date").dt.truncate("1mo"))
        .agg(claims=pl.len())
        .sort("setting", "month")
        .collect()
    )


def _thin_months(months: pl.DataFrame) -> list[str]:
    """Months, absent ones too, with far fewer claims than their neighbours: often a file that was not delivered."""
    if months.is_empty():
        return []
    spans = months.group_by("setting").agg(first=pl.col("month").min(), last=pl.col("month").max())
    complete = (
        spans.with_columns(month=pl.date_ranges("first", "last", interval="1mo"))
        .explode("month")
        .join(months, on=["setting", "month"], how="left")
        .with_columns(pl.col("claims").fill_null(0).cast(pl.Int64))
        .sort("setting", "month")
    )
    neighbours = (pl.col("claims").shift(1) + pl.col("claims").shift(-1)).over("setting") / 2
    thin = complete.with_columns(around=neighbours).filter(
        (pl.col("around") >= FEW_CLAIMS) & (pl.col("claims") < THIN_MONTH_SHARE * pl.col("around"))
    )
    return [
        f"{setting}: {month:%Y-%m} has {number:,} claims, its neighbours {around:,.0f} on average"
        for setting, month, number, around in thin.select("setting", "month", "claims", "around").iter_rows()
    ]


def _thin_settings(settings: list[dict[str, Any]]) -> list[str]:
    """Amounts that most, but not all, payable items of a setting have."""
    found = []
    for row in settings:
        for basis in ("standardized", "allowed", "paid"):
            share = row[f"share_with_{basis}"]
            if share is not None and 0 < share < 0.99:
                found.append(f"{row['setting']}: {1 - share:.1%} of payable items without {basis} amount")
    return found


def _thin_names(missing: dict[str, float | None]) -> list[str]:
    return [f"{share:.1%} without {what}" for what, share in missing.items() if share is not None and share > 0.5]
