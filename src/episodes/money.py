"""Exact arithmetic on cents.

Three rules, used everywhere and written down in no other code (for users: docs/outputs.md, rounding):
a share of an amount rounds *cumulative* boundaries half up, so that the parts sum to the whole;
a split among parties uses the largest remainder; a settlement amount rounds half up once per step.
Rates are exact fractions (`fractions.Fraction`, from decimals), never binary floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

Rate = Fraction | Decimal | int | str | float


def exact(rate: Rate) -> Fraction:
    """A rate as an exact fraction. A float is read as the decimal it prints as (0.1 is one tenth).

    Numbers of numpy count as the plain ones: a whole number of 64 bits would otherwise overflow within the fraction.

    >>> exact(0.17) + exact("0.33") + exact(Decimal("0.5"))
    Fraction(1, 1)
    """
    given: Any = rate
    if isinstance(given, Integral):
        return Fraction(int(given))
    if isinstance(given, Real) and not isinstance(given, Fraction):
        return Fraction(str(given))
    return Fraction(given)


def round_half_up(amount: Fraction | Decimal | int) -> int:
    """The nearest whole cent; a half goes up (towards plus infinity, so -0.5 becomes 0).

    >>> round_half_up(Fraction(5, 2)), round_half_up(Fraction(-5, 2)), round_half_up(7)
    (3, -2, 7)
    """
    fraction = Fraction(amount)
    return (2 * fraction.numerator + fraction.denominator) // (2 * fraction.denominator)


def split_by_boundaries(amount_cents: int, parts: Sequence[int], whole: int) -> list[int]:
    """Split an amount over consecutive parts of a whole, conserving every cent.

    `parts` are counts (days, visits, tenths of a day) out of `whole`; what they leave over is returned as
    a last element. Boundaries, not parts, are rounded half up.

    >>> split_by_boundaries(100, [1, 1], 3)
    [33, 34, 33]
    """
    if whole <= 0 or any(part < 0 for part in parts) or sum(parts) > whole:
        raise ValueError(f"parts {list(parts)} do not fit into a whole of {whole}")
    shares: list[int] = []
    reached = 0
    booked = 0
    for part in parts:
        reached += part
        boundary = round_half_up(Fraction(amount_cents * reached, whole))
        shares.append(boundary - booked)
        booked = boundary
    shares.append(amount_cents - booked)
    return shares


def split_by_largest_remainder(amount_cents: int, weights: Sequence[Rate]) -> list[int]:
    """Split an amount among parties in proportion to weights, conserving every cent.

    Whole cents first, then one cent each to the largest remainders; ties go to the earlier party.

    >>> split_by_largest_remainder(100, [1, 1, 1])
    [34, 33, 33]
    """
    exact_weights = [exact(weight) for weight in weights]
    total = sum(exact_weights)
    if not exact_weights or total <= 0 or any(weight < 0 for weight in exact_weights):
        raise ValueError("weights must be non-negative and sum to more than zero")
    wanted = [amount_cents * weight / total for weight in exact_weights]
    shares = [share.numerator // share.denominator for share in wanted]
    left = amount_cents - sum(shares)
    by_remainder = sorted(range(len(wanted)), key=lambda i: (shares[i] - wanted[i], i))
    for i in by_remainder[:left]:
        shares[i] += 1
    return shares


def scale_parts(parts: Sequence[int], total_cents: int) -> list[int]:
    """Signed parts scaled in proportion to a new total, conserving every cent by largest remainder.

    >>> scale_parts([300, -100], 100), scale_parts([1, 1, 1], -100)
    ([150, -50], [-33, -33, -34])
    """
    whole = sum(parts)
    if whole == 0:
        if total_cents != 0:
            raise ValueError("parts that sum to zero cannot be scaled to another total")
        return list(parts)
    wanted = [Fraction(part * total_cents, whole) for part in parts]
    scaled = [share.numerator // share.denominator for share in wanted]
    by_remainder = sorted(range(len(wanted)), key=lambda i: (scaled[i] - wanted[i], i))
    for i in by_remainder[: total_cents - sum(scaled)]:
        scaled[i] += 1
    return scaled


def dollars(cents: int | None) -> str:
    """Cents as dollars for people to read.

    >>> dollars(-123456), dollars(None)
    ('-$1,234.56', '')
    """
    if cents is None:
        return ""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}${whole:,}.{rest:02d}"
