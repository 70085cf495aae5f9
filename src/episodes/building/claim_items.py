"""Items that are paid as a whole claim: what each is, whatever the episode, as arrays for the compiled loop.

Dates, amounts, what bars it, which exclusions its codes meet, how it would be split.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from episodes.building.amounts import allowed_amount, outlier_parts
from episodes.building.arrays import Array, ClaimItems, LineClaims, frozen, places_among
from episodes.building.categories import claim_category
from episodes.building.coded_lines import CodedLines
from episodes.building.context import Context
from episodes.building.inpatient_anchors import has_listed_procedure
from episodes.building.lengths_of_stay import with_gmlos
from episodes.building.reasons import BARS, NOT_KEPT, REMOVED, reason_codes
from episodes.building.stays import stay_end, stay_start, with_stay_columns
from episodes.building.visits import with_billable_visits
from episodes.programs.code_tables import load_codes
from episodes.programs.service_rules import Proration

METHODS = {"days": 1, "gmlos": 2, "visits": 3}
"""Numbers of proration methods in the compiled loop; 0 = whole."""


def claim_items(claims: pl.DataFrame, lines: pl.DataFrame, context: Context) -> pl.DataFrame:
    """One row an item, by person and start, with an ordinal `item`; `claims` and `lines` are those of `Selected`.

    Columns beside those of claims: start, end, span_start, span_end, bar, kept, outside_reason (numbers of reasons),
    method, gmlos_tenths, category, rule_bits, visit_days (list), and the amounts without their outlier parts.
    """
    services = context.program.rules.construction.services
    dated = with_stay_columns(claims, context).with_columns(_dates(services.snf_dates.value))
    with_visits = with_billable_visits(dated, lines, context)
    codes = reason_codes(context)
    of_stay = pl.col("setting") == "inpatient"
    removed = pl.col("ccn").is_in(list(context.program.rules.construction.anchors.removed_hospitals.value))
    removed = (of_stay & removed).fill_null(False)
    kept = pl.when(of_stay).then(pl.col("keep_inner_outer").fill_null(True)).otherwise(True)
    return (
        with_gmlos(_by_person_and_start(with_visits), context)
        .with_columns(
            **outlier_parts(context),
            **_proration(services.proration),
            bar=_bar(context),
            kept=kept & ~removed,
            outside_reason=pl.when(removed)
            .then(codes.index(REMOVED))
            .when(~kept)
            .then(codes.index(NOT_KEPT))
            .otherwise(0),
            has_amount=pl.col("amount").is_not_null(),
            category=claim_category(),
            rule_bits=_rule_bits(context),
        )
        .with_columns(
            span_start=pl.when("_by_visits").then(pl.coalesce("first_visit", "start")).otherwise("start"),
            span_end=pl.when("_by_visits").then(pl.coalesce("last_visit", "end")).otherwise("end"),
            amount=pl.col("amount").fill_null(0) - pl.col("outlier"),
            allowed=allowed_amount(context, line=False).fill_null(0) - pl.col("allowed_outlier"),
            standardized=pl.col("standardized_cents").fill_null(0) - pl.col("standardized_outlier"),
        )
        .with_row_index("item")
    )


def _by_person_and_start(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims sorted by person and first day; most are, and those that are equal come in the order of claims already."""
    key = (claims["person"].to_numpy().astype(np.int64) << 32) + claims["start"].to_physical().to_numpy()
    return claims if (key[1:] >= key[:-1]).all() else claims[np.argsort(key, kind="stable")]


def arrays_of(items: pl.DataFrame, own: Array, coded: CodedLines, *, related_by_any: bool) -> tuple[ClaimItems, Array]:
    """The items as arrays, and the days of visits that they point into; `own` is the candidate of each, or -1."""
    visits = items["visit_days"].list.len().fill_null(0).cast(pl.Int64).to_numpy()
    ends = np.cumsum(visits)
    rows = places_among(coded.claim_ordinals, items["claim"].to_numpy())
    of_claim: LineClaims = coded.claims
    first_days = items["start"].to_physical().to_numpy()
    last_days = np.maximum(first_days, items["end"].to_physical().to_numpy())

    def numbers(column: str, dtype: Any = np.int64) -> Array:
        return frozen(items[column].to_physical().to_numpy().astype(dtype))

    arrays = ClaimItems(
        setting=frozen(of_claim.setting[rows]),
        **{name: numbers(name) for name in ("start", "end", "span_start", "span_end")},
        **{name: numbers(name) for name in ("amount", "outlier", "allowed", "allowed_outlier")},
        **{name: numbers(name) for name in ("standardized", "standardized_outlier", "bar", "rule_bits", "method")},
        gmlos_tenths=numbers("gmlos_tenths"),
        kept=numbers("kept", np.bool_),
        outside_reason=numbers("outside_reason"),
        own=frozen(own),
        category=numbers("category", np.uint8),
        related=frozen((of_claim.related_any if related_by_any else of_claim.related)[rows]),
        marks=frozen(of_claim.mark_day[:, rows] <= last_days),
        visit_from=frozen(ends - visits),
        visit_to=frozen(ends),
        ccn=frozen(of_claim.ccn[rows]),
        operating=frozen(of_claim.operating[rows]),
        attending=frozen(of_claim.attending[rows]),
    )
    days = items["visit_days"].explode(empty_as_null=False, keep_nulls=False)
    return arrays, frozen(days.to_physical().to_numpy().astype(np.int64))


def _dates(snf_dates: str) -> list[pl.Expr]:
    of_stay = ["inpatient", "snf"] if snf_dates == "admission" else ["inpatient"]
    is_stay = pl.col("setting").is_in(of_stay)
    return [
        pl.when(is_stay).then(stay_start()).otherwise("from_date").alias("start"),
        pl.when(is_stay).then(stay_end()).otherwise(pl.max_horizontal("thru_date", "from_date")).alias("end"),
    ]


def _bar(context: Context) -> pl.Expr:
    """The number of the first bar that holds, 0 if none does."""
    services = context.program.rules.construction.services
    hits = [
        (BARS[0], ~pl.col("setting").is_in(list(services.paid_settings.value))),
        (BARS[1], pl.col("amount").is_null()),
    ]
    if services.non_positive_items.value == "bar":
        hits.append((BARS[2], pl.col("amount") <= 0))
    if services.other_payer_items.value == "bar":
        hits.append((BARS[3], pl.col("primary_payer_paid_cents") > 0))
    codes = reason_codes(context)
    return pl.coalesce(*[pl.when(hit).then(codes.index(name)) for name, hit in hits], pl.lit(0))


def _rule_bits(context: Context) -> pl.Expr:
    """One bit for each exclusion whose codes a claim meets."""
    bits = pl.lit(0, dtype=pl.Int64)
    for number, rule in enumerate(context.program.rules.construction.services.exclusions):
        test = _CLAIM_TESTS.get(rule.kind)
        if test is not None:
            bits = bits + pl.when(test(rule).fill_null(False)).then(1 << number).otherwise(0).cast(pl.Int64)
    return bits


def _stay_drg(rule: Any) -> pl.Expr:
    return _inpatient() & pl.col("drg").is_in(load_codes(rule.table)["ms_drg"].unique().sort().to_list())


def _stay_mdc(rule: Any) -> pl.Expr:
    return _inpatient() & pl.col("mdc_of_stay").is_in(list(rule.mdcs))


def _stay_procedure(rule: Any) -> pl.Expr:
    return _inpatient() & pl.col("drg").is_in(list(rule.drgs)) & has_listed_procedure(rule.table)


def _hospice_demonstration(rule: Any) -> pl.Expr:
    of_bill = pl.any_horizontal([pl.col("bill_type").str.starts_with(start) for start in rule.bill_type_prefixes])
    asked = pl.col("demonstration_codes").list.eval(pl.element().is_in(list(rule.demonstration_codes))).list.any()
    return (pl.col("setting") == "hospice") & of_bill & asked


def _low_utilization_unknown(_rule: Any) -> pl.Expr:
    return (pl.col("setting") == "home_health") & pl.col("low_utilization").is_null()


def _inpatient() -> pl.Expr:
    return pl.col("setting") == "inpatient"


_CLAIM_TESTS: dict[str, Callable[[Any], pl.Expr]] = {
    "stay_drg": _stay_drg,
    "stay_mdc": _stay_mdc,
    "stay_procedure": _stay_procedure,
    "hospice_demonstration": _hospice_demonstration,
    "low_utilization_unknown": _low_utilization_unknown,
}


def _proration(rules: tuple[Proration, ...]) -> dict[str, pl.Expr]:
    """How an item that runs over a boundary is split: the first rule of the programme that fits."""
    method, by_visits = pl.lit(0), pl.lit(False)
    for rule in reversed(rules):
        fits = pl.col("setting").is_in(list(rule.settings))
        if rule.provider_types is not None:
            fits = fits & pl.col("kind_of_provider").is_in(list(rule.provider_types))
        if rule.states_not:
            fits = fits & ~pl.col("provider_state").is_in(list(rule.states_not)).fill_null(False)
        if not rule.units:
            fits = fits & ~pl.col("unit")
        if rule.low_utilization is not None:
            fits = fits & (pl.col("low_utilization") == rule.low_utilization).fill_null(False)
        method = pl.when(fits).then(METHODS[rule.method]).otherwise(method)
        by_visits = pl.when(fits).then(rule.span == "billable_visits").otherwise(by_visits)
    return {"method": method.cast(pl.Int64), "_by_visits": by_visits}
