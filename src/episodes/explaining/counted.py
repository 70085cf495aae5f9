"""What was counted against what in a split, as far as the cents tell: days, visits, the mean length of stay."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from episodes.money import round_half_up, split_by_boundaries

LONGEST_TENTHS = 1_000
"""No mean length of stay is longer than so many tenths of a day."""
MOST_VISITS = 100
"""Shares of visits are looked for among fractions of so many at most."""


def between_visits(inside: int, whole: int, full: int, cents: int) -> str:
    """The days from the first visit to the end, of those to the last, which the cents tell if one pair alone fits.

    A claim without billable visits goes by its own days, `inside` of `whole`.

    >>> between_visits(6, 30, 198_605, 51_810), between_visits(29, 50, 300_000, 174_000)
    ('6 of 23 days (first to last billable visit)', '29 of 50 days')
    >>> between_visits(6, 30, 100_000, 50_000)
    'days to the end, of those from its first to its last billable visit'
    """
    fitting = [
        (part, days)
        for part in range(max(inside, 0) + 1)
        for days in range(max(part, 1), part + whole - inside + 1)
        if 2 * abs(full * part - cents * days) <= days and split_by_boundaries(full, [part], days)[0] == cents
    ]
    if len(fitting) != 1:
        return "days to the end, of those from its first to its last billable visit"
    ((part, days),) = fitting
    return f"{part} of {days} days" + ("" if (part, days) == (inside, whole) else " (first to last billable visit)")


def of_mean_stay(days: int, full: int, cents: int) -> str:
    """The days counted against the mean length of stay, which the cents tell to a tenth where they are enough.

    >>> of_mean_stay(3, 1_000_000, 300_000), of_mean_stay(3, 1_000_000, 1_000_001)
    ('3 of 10.0 days (mean length of stay; the first day counts twice)', '')
    """
    counted, amount, booked = 10 * days, abs(full), abs(cents)
    unsaid = f"{days} days (the first twice) against the mean length of stay"
    if booked == 0:
        return unsaid if split_by_boundaries(full, [counted], max(counted, LONGEST_TENTHS))[0] == 0 else ""
    first = (2 * counted * amount) // (2 * booked + 1)
    last = -((-2 * counted * amount) // (2 * booked - 1))
    tenths = [
        tried
        for tried in range(max(first, counted), last + 1)
        if split_by_boundaries(full, [counted], tried)[0] == cents
    ]
    if not tenths:
        return ""
    if len(tenths) > 1:
        return unsaid
    whole, tenth = divmod(tenths[0], 10)
    return f"{days} of {whole}.{tenth} days (mean length of stay; the first day counts twice)"


def of_visits(full: int, cents: Sequence[int]) -> list[str]:
    """The share of the claim's visits that each part holds, in lowest terms, where the cents tell it.

    >>> of_visits(300_000, [120_000, 180_000]), of_visits(10, [4])
    (['2/5 of its visits', '3/5 of its visits'], ['its visits of these days, of all its visits'])
    """
    reached, before = 0, Fraction(0)
    said = []
    for part in cents:
        reached += part
        fraction = _fraction(full, reached)
        if fraction is None:
            return ["its visits of these days, of all its visits"] * len(cents)
        share = fraction - before
        said.append(f"{share.numerator}/{share.denominator} of its visits")
        before = fraction
    return said


def _fraction(full: int, reached: int) -> Fraction | None:
    """The only fraction of few parts that gives the cents of an amount; null where there are several or none."""
    found = {
        Fraction(round_half_up(Fraction(reached * whole, full)), whole)
        for whole in range(1, MOST_VISITS + 1)
        if full != 0
    }
    fitting = [one for one in found if 0 <= one <= 1 and round_half_up(full * one) == reached]
    return fitting[0] if len(fitting) == 1 else None
