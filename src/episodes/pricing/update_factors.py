"""Price updates: baseline costs brought to the prices of a later fiscal year, setting by setting (BPCI Advanced).

A table of update factors is the user's: fiscal_year, setting (`anchor`, `inpatient`, `irf`, `professional`, `snf`,
`home_health`, `other`), factor; ccn, category, price_code and fiscal_year may be null: the row is for all of them.
The row that names most counts. What no row names has the programme's `update_factor` (1, open).
`computed_update_factors` makes the rows whose inputs are public and at hand; physician, nursing and home health
updates want fee schedules and case-mix weights that are not, and come from the user.

Per hospital, category and fiscal year the settings weigh with their share of what is not the anchor's payment:
updated cost = sum(share x factor) x (cost - anchor) + anchor factor x anchor. Source: CMS shadow-bundle programs, price
update.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, PriceError, count_of, unknown_name
from episodes.money import Rate, exact, round_half_up
from episodes.pricing.checks import exact_factor, exact_in_range, with_columns
from episodes.pricing.risk_factors import shown_factor
from episodes.programs.price import StandardizedBaselinePrice

SETTING_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "inpatient": ("readmission_cents",),
    "irf": ("irf_cents",),
    "professional": ("surgeon_cents", "assistant_cents", "anesthesia_cents", "professional_cents"),
    "snf": ("snf_cents",),
    "home_health": ("home_health_cents",),
}
"""Setting of an update factor to the columns of an episode that it updates; `other` is all that is left."""

SETTINGS = ("anchor", *SETTING_COLUMNS, "other")
_KEYS = ("ccn", "category", "price_code")
SCHEMA = {
    "ccn": pl.String,
    "category": pl.String,
    "price_code": pl.String,
    "fiscal_year": pl.Int32,
    "setting": pl.String,
    "factor": pl.Float64,
}

Table = Mapping[tuple[Any, ...], Fraction]


def payment_update(weight_update: Rate, base_update: Rate, weight_year: Rate = 1, base_year: Rate = 1) -> Fraction:
    """How much a weighted base payment grew: (weight x base) of the update year over that of the year.

    >>> payment_update(2, 6600, 2, 6000)
    Fraction(11, 10)
    """
    numbers = {"weight_update": weight_update, "base_update": base_update}
    divisors = {"weight_year": weight_year, "base_year": base_year}
    above = [exact_factor(name, value) for name, value in numbers.items()]
    below = [exact_factor(name, value) for name, value in divisors.items()]
    return above[0] * above[1] / (below[0] * below[1])


def economic_index_update(
    increases: Mapping[int, Rate], from_year: int, update_year: int, first_year_share: Rate = Decimal("0.25")
) -> Fraction:
    """Growth of the Medicare Economic Index from a fiscal year to the update year.

    The first year counts with a share of its increase (as an exponent), the years after it whole:
    (1 + m of the first year) ^ share x product of (1 + m).

    Args:
        increases: calendar year to increase, 0.03 for 3 percent.
        from_year, update_year: fiscal years.
        first_year_share: 0 to 1.

    Raises:
        ArgumentError: a year between the two has no increase.

    Example:
        >>> float(economic_index_update({2022: 0.021, 2023: 0.038, 2024: 0.046}, 2023, 2024, 0))
        1.046
    """
    lacking = [str(year) for year in range(from_year, update_year + 1) if year not in increases]
    if lacking or update_year < from_year:
        raise ArgumentError(
            f"The index has no increase for {', '.join(lacking) or 'years in that order'}: give each year from "
            f"{from_year} to {update_year}."
        )
    share = exact_in_range("first_year_share", first_year_share, 0, 1)
    first = exact_factor("increase", 1 + exact(increases[from_year]))
    power = (Decimal(first.numerator) / Decimal(first.denominator)) ** (
        Decimal(share.numerator) / Decimal(share.denominator)
    )
    growth = Fraction(power)
    for year in range(from_year + 1, update_year + 1):
        growth *= 1 + exact(increases[year])
    return shown_factor(growth)


def computed_update_factors(
    price: StandardizedBaselinePrice,
    ms_drgs: pl.DataFrame | None = None,
    stays: pl.DataFrame | None = None,
    economic_index: Mapping[int, Rate] | None = None,
) -> pl.DataFrame:
    """The update factors whose inputs are public: hospital stays, rehabilitation, and by index all others.

    Args:
        price: its base rates and update year.
        ms_drgs: fiscal_year, ms_drg, relative_weight; for `anchor` by price code, and with `stays` for `inpatient`.
            A DRG without a weight in both years has no row.
        stays: ccn, category, fiscal_year (of the anchor's end), ms_drg: the readmissions of baseline episodes; their
            mean weights make `inpatient` by hospital and category.
        economic_index: calendar year to increase of the Medicare Economic Index; for `other`.

    Returns:
        ccn, category, price_code (null: all), fiscal_year, setting, factor.
    """
    update = price.update_year.value
    bases = {int(year): exact(rate) for year, rate in price.ipps_base_rates.value.items()}
    rehabilitation = {int(year): exact(rate) for year, rate in price.irf_base_rates.value.items()}
    rows: list[tuple[Any, ...]] = [
        (None, None, None, year, "irf", payment_update(1, rehabilitation[update], 1, rate))
        for year, rate in sorted(rehabilitation.items())
        if update in rehabilitation and year <= update
    ]
    weights = _weights(ms_drgs)
    if update in bases:
        rows += [
            (None, None, drg, year, "anchor", payment_update(weights[update, drg], bases[update], weight, bases[year]))
            for (year, drg), weight in sorted(weights.items())
            if (update, drg) in weights and year in bases and year <= update
        ]
        rows += _of_stays(stays, weights, bases, update)
    if economic_index is not None:
        share = price.other_first_year_share.value
        rows += [
            (None, None, None, year, "other", economic_index_update(economic_index, year, update, share))
            for year in sorted(bases)
            if year <= update and all(known in economic_index for known in range(year, update + 1))
        ]
    listed = [(*row[:5], float(shown_factor(row[5]))) for row in rows]
    return pl.DataFrame(listed, schema=SCHEMA, orient="row")


def _weights(ms_drgs: pl.DataFrame | None) -> dict[tuple[int, str], Fraction]:
    if ms_drgs is None:
        return {}
    table = with_columns(ms_drgs, "ms_drgs", ["fiscal_year", "ms_drg", "relative_weight"])
    return {
        (int(year), str(drg)): exact(weight)
        for year, drg, weight in table.select("fiscal_year", "ms_drg", "relative_weight").iter_rows()
        if weight is not None and weight > 0
    }


def _of_stays(
    stays: pl.DataFrame | None,
    weights: Mapping[tuple[int, str], Fraction],
    bases: Mapping[int, Fraction],
    update: int,
) -> list[tuple[Any, ...]]:
    """Mean weights of the readmissions of a hospital and category, of the update year over the anchor's year."""
    if stays is None:
        return []
    table = with_columns(stays, "stays", ["ccn", "category", "fiscal_year", "ms_drg"])
    sums: dict[tuple[str, str, int], list[Fraction]] = {}
    for ccn, category, year, drg in table.select("ccn", "category", "fiscal_year", "ms_drg").iter_rows():
        if (update, drg) in weights and (year, drg) in weights and year in bases:
            found = sums.setdefault((ccn, category, year), [Fraction(0), Fraction(0)])
            found[0] += weights[update, drg]
            found[1] += weights[year, drg]
    return [
        (ccn, category, None, year, "inpatient", payment_update(later, bases[update], earlier, bases[year]))
        for (ccn, category, year), (later, earlier) in sorted(sums.items())
    ]


def updated_costs(
    episodes: pl.DataFrame, price: StandardizedBaselinePrice, factors: pl.DataFrame | None
) -> tuple[pl.DataFrame, str]:
    """The episodes with their cost in prices of the update year, in `updated_cents`, and the status of the update.

    Args:
        episodes: category, anchor_ccn, fiscal_year, price_code, episode_cents; with factors also
            anchor_facility_cents and the columns of `SETTING_COLUMNS`.
        price: the factor of what no row names.
        factors: see the module; None: costs stay as they are.

    Returns:
        The same rows, and `given`, or the status of the rule that stands in for a table.
    """
    if factors is None and price.update_factor.value == 1:
        return episodes.with_columns(updated_cents=pl.col("episode_cents")), price.update_factor.status
    table = _read(factors)
    needed = ["anchor_facility_cents", *(column for columns in SETTING_COLUMNS.values() for column in columns)]
    rows = with_columns(episodes, "episodes", needed)
    default = Fraction(price.update_factor.value)
    groups = ["anchor_ccn", "category", "fiscal_year"]
    sums = rows.group_by(groups).agg(
        *(pl.sum_horizontal(columns).sum().alias(setting) for setting, columns in SETTING_COLUMNS.items()),
        whole=(pl.col("episode_cents") - pl.col("anchor_facility_cents")).sum(),
    )
    of_group = {}
    for row in sums.iter_rows(named=True):
        key = (row["anchor_ccn"], row["category"], row["fiscal_year"])
        known = {setting: row[setting] for setting in SETTING_COLUMNS}
        known["other"] = row["whole"] - sum(known.values())
        mixed = sum(
            (cents * _factor(table, *key, setting, None, default) for setting, cents in known.items()), Fraction(0)
        )
        of_group[key] = shown_factor(mixed / row["whole"]) if row["whole"] > 0 else default
    updated = []
    columns = (*groups, "price_code", "episode_cents", "anchor_facility_cents")
    for ccn, category, year, code, cents, anchor in rows.select(columns).iter_rows():
        of_anchor = _factor(table, ccn, category, year, "anchor", code, default)
        updated.append(round_half_up(of_group[ccn, category, year] * (cents - anchor) + of_anchor * anchor))
    status = price.update_factor.status if factors is None else "given"
    return rows.with_columns(pl.Series("updated_cents", updated, dtype=pl.Int64)), status


def _read(factors: pl.DataFrame | None) -> Table:
    if factors is None:
        return {}
    optional = dict.fromkeys(_KEYS, pl.String)
    table = with_columns(factors, "update_factors", ["fiscal_year", "setting", "factor"], optional)
    read: dict[tuple[Any, ...], Fraction] = {}
    for *keys, year, setting, factor in table.select(*_KEYS, "fiscal_year", "setting", "factor").iter_rows():
        if setting not in SETTINGS:
            raise PriceError(unknown_name("setting of an update factor", str(setting), SETTINGS))
        read[(*keys, None if year is None else int(year), setting)] = exact_factor("factor", factor)
    twice = table.height - len(read)
    if twice:
        raise PriceError(
            f"The update factors repeat {count_of(twice, 'row')}: keep one a hospital, category and setting."
        )
    return read


def _factor(
    table: Table, ccn: str, category: str, year: int, setting: str, code: str | None, default: Fraction
) -> Fraction:
    """The factor of the row that names most: hospital before category before price code before year."""
    for key in product((ccn, None), (category, None), (code, None), (year, None)):
        if (*key, setting) in table:
            return table[(*key, setting)]
    return default
