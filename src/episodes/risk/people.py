"""What is known of the person of an episode: age, sex, entitlement, dual eligibility, institution, deprivation."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl

from episodes.programs.risk_rules import RiskRules
from episodes.risk.hcc import sex_in_words

ENTITLED_BY_AGE = 65
"""From this age on a person is entitled to Medicare by age, and no longer by disability."""


def of_the_person(
    episodes: pl.DataFrame, beneficiaries: pl.DataFrame, coverage: pl.DataFrame, rules: RiskRules
) -> pl.DataFrame:
    """The episodes' `_row`, and the person's variables on the days that the rules name.

    `episodes` has the window of the look-back as `_lookback_start` and `_lookback_end`.
    """
    reasons = list(rules.originally_disabled_reasons.value)
    columns = ["birth_date", "sex", "original_entitlement_reason", "deprivation_percentile"]
    described = episodes.join(
        beneficiaries.select("beneficiary_id", *columns), on="beneficiary_id", how="left", maintain_order="left"
    )
    age = completed_years("birth_date", rules.age_on.value)
    disabled = pl.col("original_entitlement_reason").is_in(reasons).fill_null(False)
    known = described.select(
        "_row",
        age=age,
        age_class=class_of(age, rules.age_classes.value if rules.age_classes else ()),
        sex=sex_in_words(),
        originally_disabled=disabled,
        disabled=(disabled & (age < ENTITLED_BY_AGE)).fill_null(False),
        deprivation_percentile=pl.col("deprivation_percentile").cast(pl.Float64),
    )
    first, last = _covered_days(rules.covered_on.value)
    looked_back = (pl.col("_lookback_start"), pl.col("_lookback_end"))
    holds = {
        "full_dual": _covered(episodes, coverage, "full_dual", first, last),
        "partial_dual": _covered(episodes, coverage, "partial_dual", first, last),
        "low_income_subsidy": _covered(episodes, coverage, "low_income_subsidy", first, last),
        "institutional": _covered(episodes, coverage, "long_term_institution", *looked_back),
        "esrd": _covered(episodes, coverage, "esrd", *looked_back),
    }
    return known.with_columns(**{name: pl.col("_row").is_in(rows.implode()) for name, rows in holds.items()})


def completed_years(birth: str, day: str) -> pl.Expr:
    """Whole years from a birth to a day; one born on 29 February completes a year on 1 March of ordinary years."""

    def day_of_year(column: str) -> pl.Expr:
        return pl.col(column).dt.month().cast(pl.Int32) * 100 + pl.col(column).dt.day().cast(pl.Int32)

    years = pl.col(day).dt.year() - pl.col(birth).dt.year()
    return years - (day_of_year(day) < day_of_year(birth)).cast(pl.Int32)


def class_of(number: pl.Expr, starts: tuple[int, ...]) -> pl.Expr:
    """The class of a whole number: `<65`, `65-74`, `3`, and `85+` for the last; null stays null, and without classes.

    >>> import polars as pl
    >>> pl.DataFrame({"n": [0, 2, 9]}).select(count=class_of(pl.col("n"), (0, 1, 4)))["count"].to_list()
    ['0', '1-3', '4+']
    """
    if not starts:
        return pl.lit(None, dtype=pl.String)
    chosen: Any = pl.when(number >= starts[-1]).then(pl.lit(f"{starts[-1]}+"))
    for first, after in reversed(list(pairwise(starts))):
        wide = f"<{after}" if first == 0 else f"{first}-{after - 1}"
        chosen = chosen.when(number >= first).then(pl.lit(str(first) if after - first == 1 else wide))
    named: pl.Expr = chosen.otherwise(None)
    return named


def _covered_days(kind: str) -> tuple[pl.Expr, pl.Expr]:
    if kind == "month_of_anchor_end":
        return pl.col("anchor_end").dt.month_start(), pl.col("anchor_end").dt.month_end()
    return pl.col(kind), pl.col(kind)


def _covered(episodes: pl.DataFrame, coverage: pl.DataFrame, kind: str, first: pl.Expr, last: pl.Expr) -> pl.Series:
    """Rows of the episodes whose person has an interval of the kind that meets the days."""
    of_kind = coverage.filter(pl.col("kind").cast(pl.String) == kind).select("beneficiary_id", "start_date", "end_date")
    return (
        episodes.select("_row", "beneficiary_id", _first=first, _last=last)
        .join(of_kind, on="beneficiary_id", how="inner")
        .filter((pl.col("start_date") <= pl.col("_last")) & (pl.col("end_date") >= pl.col("_first")).fill_null(True))
    )["_row"].unique()
