"""Payable items: the claim where payment is set for the claim, the line where it is set by line.

Every dollar belongs to exactly one item. Each item gets its amount on the run's basis, its dates, the span by which it
would be prorated, and the code rules that hold for it whatever the episode (docs/claims-contract.md).
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from episodes.building.context import Context
from episodes.building.provider_types import with_provider_columns
from episodes.building.stays import drg_for_pricing, stay_end, stay_start
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS
from episodes.programs.code_tables import load_codes
from episodes.programs.service_rules import (
    HcpcsExclusion,
    LinesInExcludedStay,
    StatusIndicatorExclusion,
    StayDrgExclusion,
    StayMdcExclusion,
)

BARS = ("setting_not_covered", "no_amount_on_basis", "other_payer", "not_positive")
"""Reasons that bar an item whatever the episode, in order of precedence."""

NO_PRORATION, BY_DAYS, BY_GMLOS = 0, 1, 2


def basis_amount(context: Context, *, line: bool) -> pl.Expr:
    """The amount of an item on the run's basis, null where the source has none."""
    basis = context.program.amount_basis
    if basis == "standardized":
        return pl.col("standardized_cents")
    return _netted(f"{basis}_cents", context, line=line)


def _netted(column: str, context: Context, *, line: bool) -> pl.Expr:
    """Allowed and paid amounts of whole claims hold add-ons that the programme nets out."""
    if line:
        return pl.col(column)
    add_ons = context.program.rules.construction.netted_add_ons.value
    return pl.col(column) - pl.sum_horizontal([pl.lit(0, dtype=pl.Int64), *(pl.col(name) for name in add_ons)])


def payable_items(claims: pl.DataFrame, lines: pl.DataFrame, context: Context) -> pl.DataFrame:
    """One row a payable item of the claims given.

    Columns: keys, setting, start, end, span_start, span_end (days as dates), amount, allowed, standardized (cents on
    the basis and beside it, null = 0), bar, stay_exclusion, line_exclusion (reason codes or null), method,
    gmlos_tenths, kept (counts where stays overlap), and what names a service (ccn, npi, codes).
    """
    headers = with_provider_columns(claims)
    whole = _claim_items(headers, lines, context)
    by_line = _line_items(headers, lines, context)
    items = pl.concat([whole, by_line], how="diagonal")
    items = _with_stay_exclusions(items, context)
    items = _with_line_exclusions(items, context)
    return _with_proration(items, context)


def _claim_items(headers: pl.DataFrame, lines: pl.DataFrame, context: Context) -> pl.DataFrame:
    whole = headers.filter(pl.col("setting").cast(pl.String).is_in(list(CLAIM_PAID_SETTINGS)))
    is_stay = pl.col("setting").cast(pl.String).is_in(["inpatient", "snf"])
    visits = _billable_visits(lines, headers, context)
    return (
        whole.join(visits, on=["beneficiary_id", "claim_id"], how="left", maintain_order="left")
        .with_columns(
            start=pl.when(is_stay).then(stay_start()).otherwise("from_date"),
            end=pl.when(is_stay).then(stay_end()).otherwise("thru_date"),
        )
        .with_columns(
            line_number=pl.lit(0, dtype=pl.Int32),
            span_start=pl.coalesce("first_visit", "start"),
            span_end=pl.coalesce("last_visit", "end"),
            drg=drg_for_pricing(),
            **_amounts(context, line=False),
        )
        .select(
            "beneficiary_id",
            "claim_id",
            "line_number",
            pl.col("setting").cast(pl.String),
            "start",
            "end",
            "span_start",
            "span_end",
            "amount",
            "has_amount",
            "allowed",
            "standardized",
            "bar",
            "ccn",
            "kind_of_provider",
            "provider_state",
            "drg",
            "mdc",
            billed_drg=pl.coalesce("ms_drg", "pricing_drg"),
            kept=pl.when(pl.col("setting") == "inpatient")
            .then(pl.col("keep_inner_outer").fill_null(True))
            .otherwise(True),
        )
    )


def _line_items(headers: pl.DataFrame, lines: pl.DataFrame, context: Context) -> pl.DataFrame:
    of_claim = headers.filter(pl.col("setting").cast(pl.String).is_in(list(LINE_PAID_SETTINGS))).select(
        "beneficiary_id",
        "claim_id",
        "setting",
        "from_date",
        "ccn",
        "kind_of_provider",
        "provider_state",
        "bill_type",
    )
    return (
        lines.join(of_claim, on=["beneficiary_id", "claim_id"], how="inner", maintain_order="left")
        .with_columns(start=pl.coalesce("service_date", "from_date"))
        .with_columns(**_amounts(context, line=True))
        .select(
            "beneficiary_id",
            "claim_id",
            "line_number",
            pl.col("setting").cast(pl.String),
            "start",
            "amount",
            "has_amount",
            "allowed",
            "standardized",
            "bar",
            "ccn",
            "kind_of_provider",
            "provider_state",
            "hcpcs",
            "modifiers",
            "revenue_center",
            "place_of_service",
            "status_indicator",
            "rendering_npi",
            "tin",
            end="start",
            span_start="start",
            span_end="start",
            undated=pl.col("service_date").is_null(),
            kept=pl.lit(True),
        )
    )


def _amounts(context: Context, *, line: bool) -> dict[str, pl.Expr]:
    """Amounts of an item (null = 0) and the reason that bars it, if one does."""
    services = context.program.rules.construction.services
    amount = basis_amount(context, line=line)
    setting = pl.col("setting").cast(pl.String)
    hits: list[tuple[pl.Expr, str]] = [
        (~setting.is_in(list(services.paid_settings.value)), BARS[0]),
        (amount.is_null(), BARS[1]),
    ]
    if services.other_payer_items.value == "bar":
        hits.append((pl.col("primary_payer_paid_cents") > 0, BARS[2]))
    if services.non_positive_items.value == "bar":
        hits.append((amount <= 0, BARS[3]))
    return {
        "amount": amount.fill_null(0),
        "has_amount": amount.is_not_null(),
        "allowed": _netted("allowed_cents", context, line=line).fill_null(0),
        "standardized": pl.col("standardized_cents").fill_null(0),
        "bar": pl.coalesce(pl.when(hit).then(pl.lit(reason)) for hit, reason in hits),
    }


def _billable_visits(lines: pl.DataFrame, headers: pl.DataFrame, context: Context) -> pl.DataFrame:
    """First and last billable visit of each home health claim."""
    rule = context.program.rules.construction.services.visits
    covered = pl.col("charge_cents") - pl.col("noncovered_charge_cents").fill_null(0)
    center = pl.col("revenue_center")
    of_claim = headers.filter(pl.col("setting") == "home_health").select("beneficiary_id", "claim_id", "from_date")
    return (
        lines.filter(
            pl.any_horizontal([center.str.starts_with(prefix) for prefix in rule.revenue_center_prefixes])
            & (covered > 0)
            & ~pl.col("hcpcs").is_in(list(rule.not_hcpcs)).fill_null(False)
        )
        .join(of_claim, on=["beneficiary_id", "claim_id"], how="inner")
        .with_columns(_visit=pl.coalesce("service_date", "from_date"))
        .group_by("beneficiary_id", "claim_id")
        .agg(first_visit=pl.col("_visit").min(), last_visit=pl.col("_visit").max())
    )


def _with_stay_exclusions(items: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The reason for which an inpatient stay after the anchor is not charged, first rule that holds."""
    items = items.join(
        _mdc_of_drg(items["drg"], context), on="drg", how="left", nulls_equal=False, maintain_order="left"
    )
    items = items.with_columns(mdc=pl.coalesce("mdc", "_mdc"))
    reason: pl.Expr | None = None
    for rule in reversed(context.program.rules.construction.services.exclusions):
        if isinstance(rule, StayDrgExclusion):
            listed = load_codes(rule.table)["ms_drg"].unique().sort().to_list()
            hit = pl.col("drg").is_in(listed)
        elif isinstance(rule, StayMdcExclusion):
            hit = pl.col("mdc").is_in(list(rule.mdcs))
        else:
            continue
        reason = pl.when(hit.fill_null(False)).then(pl.lit(rule.id)).otherwise(reason)
    inpatient = pl.col("setting") == "inpatient"
    return items.with_columns(
        stay_exclusion=pl.when(inpatient).then(reason) if reason is not None else pl.lit(None, dtype=pl.String)
    ).drop("_mdc")


def _mdc_of_drg(drgs: pl.Series, context: Context) -> pl.DataFrame:
    """The major diagnostic category of each distinct DRG: from the reference table, else from the packaged ranges."""
    listed = dict(context.references.drgs.drop_nulls("mdc").select("ms_drg", "mdc").iter_rows())
    ranges = list(load_codes("ms_drg_mdc_ranges").select("mdc", "from_drg", "to_drg").iter_rows())
    distinct = drgs.drop_nulls().unique().sort()
    found = [
        listed.get(drg) or next((mdc for mdc, first, last in ranges if first <= drg <= last), None) for drg in distinct
    ]
    return pl.DataFrame({"drg": distinct, "_mdc": pl.Series(found, dtype=pl.String)})


def _with_line_exclusions(items: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The reason for which a line is not charged, first rule that holds; and whether the stay rule applies to it."""
    reason: pl.Expr | None = None
    in_stay: list[str] = []
    in_stay_reason: str | None = None
    for rule in reversed(context.program.rules.construction.services.exclusions):
        if isinstance(rule, HcpcsExclusion):
            listed = load_codes(rule.table)["hcpcs"].unique().sort().to_list()
            hit = pl.col("hcpcs").is_in(listed)
        elif isinstance(rule, StatusIndicatorExclusion):
            hit = pl.col("status_indicator").is_in(list(rule.indicators))
        else:
            if isinstance(rule, LinesInExcludedStay):
                in_stay, in_stay_reason = list(rule.settings), rule.id
            continue
        hit = hit.fill_null(False) & pl.col("setting").is_in(list(rule.settings))
        reason = pl.when(hit).then(pl.lit(rule.id)).otherwise(reason)
    return items.with_columns(
        line_exclusion=reason if reason is not None else pl.lit(None, dtype=pl.String),
        in_stay_exclusion=pl.when(pl.col("setting").is_in(in_stay)).then(pl.lit(in_stay_reason, dtype=pl.String)),
    )


def _with_proration(items: pl.DataFrame, context: Context) -> pl.DataFrame:
    """How an item that runs over a window's end is split: the first rule of the programme that fits."""
    method = pl.lit(NO_PRORATION)
    by_stay_span = pl.lit(False)
    for rule in reversed(context.program.rules.construction.services.proration):
        fits = pl.col("setting").is_in(list(rule.settings))
        if rule.provider_types is not None:
            fits = fits & pl.col("kind_of_provider").is_in(list(rule.provider_types))
        if rule.states_not:
            fits = fits & ~pl.col("provider_state").is_in(list(rule.states_not)).fill_null(False)
        method = pl.when(fits).then(BY_DAYS if rule.method == "days" else BY_GMLOS).otherwise(method)
        by_stay_span = pl.when(fits).then(rule.span == "stay").otherwise(by_stay_span)
    return (
        _with_gmlos(items, context)
        .with_columns(method=method.cast(pl.UInt8), _by_stay=by_stay_span)
        .with_columns(
            span_start=pl.when("_by_stay").then("start").otherwise("span_start"),
            span_end=pl.when("_by_stay").then("end").otherwise("span_end"),
        )
        .drop("_by_stay")
    )


def _with_gmlos(items: pl.DataFrame, context: Context) -> pl.DataFrame:
    """GMLOS in tenths of a day, of the billed DRG in the fiscal year of discharge, else of the nearest year at hand."""
    discharge_year = pl.col("end").dt.year() + (pl.col("end").dt.month() >= 10).cast(pl.Int32)
    keyed = items.with_columns(_year=discharge_year, _item=pl.int_range(pl.len()))
    wanted = keyed.filter(pl.col("setting") == "inpatient").select("billed_drg", "_year").unique().drop_nulls()
    distance = (pl.col("fiscal_year") - pl.col("_year")).abs()
    nearest = (
        wanted.join(context.references.drgs.drop_nulls("gmlos"), left_on="billed_drg", right_on="ms_drg", how="inner")
        .sort("billed_drg", "_year", distance, "fiscal_year")
        .unique(["billed_drg", "_year"], keep="first", maintain_order=True)
        .select(
            "billed_drg",
            "_year",
            gmlos_tenths=pl.col("gmlos").map_elements(_tenths, return_dtype=pl.Int32),
        )
    )
    return (
        keyed.join(nearest, on=["billed_drg", "_year"], how="left", maintain_order="left")
        .with_columns(gmlos_tenths=pl.col("gmlos_tenths").fill_null(0))
        .drop("_year", "_item")
    )


def _tenths(days: float) -> int:
    """GMLOS is published with one decimal; read it as that decimal, not as the binary float beside it."""
    return int((Decimal(repr(days)) * 10).to_integral_value())
