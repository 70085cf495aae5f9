"""Normalization: what makes the mean risk-adjusted price equal the mean unadjusted one.

For a cell with one price it is the number of episodes over the sum of their multipliers; over several cells each
episode weighs with its price. 42 CFR 512.540(b) for TEAM: computed before trend and discount; 86 FR 23572 for CJR.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import ArgumentError
from episodes.money import Rate, exact
from episodes.pricing.checks import exact_factor, exact_in_range
from episodes.pricing.risk_factors import risk_adjustment, shown_factor
from episodes.programs import Program


def normalization_factor(prices_cents: Sequence[Rate], multipliers: Sequence[Rate]) -> Fraction:
    """The mean unadjusted price over the mean risk-adjusted price, to 12 decimals.

    Args:
        prices_cents: unadjusted price of each episode, not all zero.
        multipliers: risk multiplier of each episode, above zero.

    Example:
        >>> float(normalization_factor([100, 100], [1.2, 1.3]))
        0.8
    """
    if len(prices_cents) != len(multipliers):
        raise ArgumentError("prices_cents and multipliers want one value an episode each.")
    prices = [exact_in_range("prices_cents", price, 0) for price in prices_cents]
    adjusted = sum(
        (
            price * exact_factor("multipliers", multiplier)
            for price, multiplier in zip(prices, multipliers, strict=True)
        ),
        Fraction(0),
    )
    if adjusted == 0:
        raise ArgumentError("There is no normalization of no price above zero.")
    return shown_factor(sum(prices, Fraction(0)) / adjusted)


def normalization_factors(
    episodes: pl.DataFrame, multipliers: pl.DataFrame, program: Program, cell: list[str]
) -> dict[tuple[Any, ...], Fraction]:
    """The normalization of every cell, over the episodes that the programme's `normalization_level` names.

    Args:
        episodes: episode_id, category, capped_cents and the columns of `cell`.
        multipliers: episode_id, risk_multiplier; an episode that is not there has 1.
        program: its level: `cell`, or `category` (nationally, each cell weighing with its mean cost).
        cell: columns of a cell.
    """
    level = cell if risk_adjustment(program).normalization_level.value == "cell" else ["category"]
    found = episodes.join(
        multipliers.select("episode_id", "risk_multiplier"), on="episode_id", how="left"
    ).with_columns(pl.col("risk_multiplier").fill_null(1.0))
    by_cell = (
        found.group_by([*dict.fromkeys([*cell, *level])])
        .agg(number=pl.len(), total=pl.col("capped_cents").sum(), distinct=pl.col("risk_multiplier").sort())
        .sort(cell)
    )
    plain: dict[tuple[Any, ...], Fraction] = {}
    adjusted: dict[tuple[Any, ...], Fraction] = {}
    for row in by_cell.iter_rows(named=True):
        group = tuple(row[name] for name in level)
        price = Fraction(1) if level == cell else Fraction(row["total"], row["number"])
        plain[group] = plain.get(group, Fraction(0)) + price * row["number"]
        adjusted[group] = adjusted.get(group, Fraction(0)) + price * _sum_of(row["distinct"])
    return {
        tuple(row[name] for name in cell): shown_factor(plain[group] / adjusted[group])
        for row in by_cell.iter_rows(named=True)
        if adjusted[group := tuple(row[name] for name in level)] > 0 and plain[group] > 0
    }


def _sum_of(ordered: list[float]) -> Fraction:
    """The exact sum of shown multipliers; equal ones are read once."""
    counted: dict[float, int] = {}
    for value in ordered:
        counted[value] = counted.get(value, 0) + 1
    return sum((exact(value) * number for value, number in counted.items()), Fraction(0))
