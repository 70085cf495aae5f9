"""Network planning: physicians needed by specialty from population and market share, and the gap by year."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import polars as pl

from episodes.errors import ArgumentError, unknown_name
from episodes.money import Rate, exact
from episodes.pricing.checks import exact_in_range, with_columns

NEW_PHYSICIAN_PRODUCTIVITY = Decimal("0.65")

PLAN_SCHEMA = {
    "specialty": pl.String,
    "year": pl.Int32,
    "needed_fte": pl.Float64,
    "established_fte": pl.Float64,
    "new_fte": pl.Float64,
    "supply_fte": pl.Float64,
    "gap_fte": pl.Float64,
    "recruits_to_close": pl.Int64,
}


def plan_network(
    specialties: pl.DataFrame,
    years: Sequence[int],
    *,
    population: Rate,
    market_share: Rate,
    population_growth: Rate = 0,
    retirements: pl.DataFrame | None = None,
    recruits: pl.DataFrame | None = None,
    new_physician_productivity: Rate = NEW_PHYSICIAN_PRODUCTIVITY,
    years_to_full_productivity: int = 1,
) -> pl.DataFrame:
    """Physicians needed and at hand by specialty and year, and how many recruits would close the gap.

    needed = population × growth × market share × physicians per 100,000; supply = established physicians less
    retirements, plus new ones at their productivity. Physicians retire, and recruits begin, with the year's first day;
    a recruit counts as established after `years_to_full_productivity` years.

    Args:
        specialties: specialty, physicians_per_100000 (full-time equivalents that 100,000 people need), current_fte.
        years: in a row, such as [2026, 2027, 2028].
        population: of the service area in the first year.
        market_share: part of it that the network serves, 0 to 1.
        population_growth: a year, as a fraction (0.01).
        retirements, recruits: specialty, year, fte; None: none.
        new_physician_productivity: of a new physician against an established one.

    Returns:
        specialty, year, needed_fte, established_fte, new_fte (at their productivity), supply_fte, gap_fte (needed less
        supply; minus: more than needed), recruits_to_close (whole new physicians for that year's gap).

    Raises:
        ArgumentError: a share out of range, years that do not follow each other, an unknown specialty.

    Source: an arithmetic of planning, no regulation; 65 % for new physicians is a common assumption.

    Example:
        >>> import polars as pl
        >>> area = pl.DataFrame({"specialty": ["orthopedics"], "physicians_per_100000": [8.0], "current_fte": [9.0]})
        >>> leaving = pl.DataFrame({"specialty": ["orthopedics"], "year": [2027], "fte": [2.0]})
        >>> plan = plan_network(area, [2026, 2027], population=400_000, market_share=0.3, retirements=leaving)
        >>> plan.select("year", "needed_fte", "supply_fte", "gap_fte", "recruits_to_close").rows()
        [(2026, 9.6, 9.0, 0.6, 1), (2027, 9.6, 7.0, 2.6, 4)]
    """
    people = exact_in_range("population", population, 0)
    share = exact_in_range("market_share", market_share, 0, 1)
    growth = 1 + exact_in_range("population_growth", population_growth, -1)
    productivity = exact_in_range("new_physician_productivity", new_physician_productivity, 0, 1)
    if not years or any(later != earlier + 1 for earlier, later in pairwise(years)):
        raise ArgumentError("years follow each other, each once, such as [2026, 2027, 2028].")
    if productivity == 0 or years_to_full_productivity < 0:
        raise ArgumentError("new_physician_productivity is above 0, years_to_full_productivity 0 or more.")
    columns = ("specialty", "physicians_per_100000", "current_fte")
    listed = with_columns(specialties, "specialties", columns).select(columns).rows()
    names = [name for name, _, _ in listed]
    leaving, coming = (_by_year(frame, names) for frame in (retirements, recruits))
    rows = []
    for name, per_100000, current in listed:
        need = exact_in_range("physicians_per_100000", per_100000, 0) * share / 100_000
        established = exact_in_range("current_fte", current, 0)
        for number, year in enumerate(years):
            matured = coming.get((name, year - years_to_full_productivity), Fraction(0))
            established = max(Fraction(0), established - leaving.get((name, year), Fraction(0))) + matured
            young = [year - back for back in range(years_to_full_productivity)]
            new = productivity * sum((coming.get((name, one), Fraction(0)) for one in young), Fraction(0))
            needed = need * people * growth**number
            gap = needed - established - new
            recruited = max(0, math.ceil(gap / (productivity if years_to_full_productivity else 1)))
            figures = (float(figure) for figure in (needed, established, new, established + new, gap))
            rows.append((name, year, *figures, recruited))
    return pl.DataFrame(rows, schema=PLAN_SCHEMA, orient="row")


def _by_year(frame: pl.DataFrame | None, names: Sequence[str]) -> dict[tuple[str, int], Fraction]:
    found: dict[tuple[str, int], Fraction] = {}
    if frame is None:
        return found
    columns = ("specialty", "year", "fte")
    for name, year, fte in with_columns(frame, "retirements or recruits", columns).select(columns).iter_rows():
        if name not in names:
            raise ArgumentError(unknown_name("specialty", str(name), names))
        found[name, year] = found.get((name, year), Fraction(0)) + exact(fte)
    return found
