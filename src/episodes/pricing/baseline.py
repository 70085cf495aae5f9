"""The baseline mean: earlier years brought to the last year's dollars, then weighted.

42 CFR 512.540(b) for TEAM. At which level the factor is taken is not established: nationally by default; at
the level of the cell itself every year becomes the last one, so that the weights cancel out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from episodes.errors import ArgumentError, ProgramError, count_of
from episodes.money import Rate, round_half_up
from episodes.pricing.checks import exact_in_range
from episodes.programs import Program
from episodes.programs.price import Baseline, RegionalBaselinePrice


@dataclass(frozen=True)
class BaselineMean:
    """A baseline mean with what it was made of, oldest year first.

    Attributes:
        mean_cents: the weighted mean, rounded half up once.
        factors: what each year was multiplied by; None for a year without a mean.
        weights: the weights used; 0 for a year without a mean.
        dollars_of: the year whose dollars the mean is in; None where nothing was adjusted.
    """

    mean_cents: int
    factors: tuple[Fraction | None, ...]
    weights: tuple[Fraction, ...]
    dollars_of: int | None


def baseline_mean(
    program: Program,
    means_cents: Sequence[Rate | None],
    national_means_cents: Sequence[Rate | None] | None = None,
    adjust: bool = True,
) -> BaselineMean:
    """The weighted mean of the baseline years in the dollars of the last one.

    Args:
        program: its baseline years and weights are used.
        means_cents: mean of each baseline year, oldest first; None for a year without episodes, whose weight
            then goes to the other years in proportion.
        national_means_cents: national mean of each year; the factor of a year is that of the last year over
            its own. Left out: the factors come from `means_cents` itself.
        adjust: False leaves every year in its own dollars.

    Returns:
        `.mean_cents`, `.factors`, `.weights`, `.dollars_of`.

    Raises:
        ArgumentError: not one mean a baseline year, no mean at all, or a mean that no factor can be formed
            from.
        ProgramError: the programme takes its baseline years together, without weights.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> earlier = baseline_mean(team, [20_000_00, 25_000_00, 25_000_00])
        >>> earlier.factors[0], earlier.mean_cents
        (Fraction(5, 4), 2500000)
    """
    baseline = _weighted_baseline(program)
    years = baseline.years.value
    means = _one_a_year("means_cents", means_cents, years)
    present = [place for place, mean in enumerate(means) if mean is not None]
    if not present:
        raise ArgumentError("means_cents has no mean in any baseline year: there is nothing to price.")
    factors, dollars_of = [Fraction(1)] * len(years), None
    if adjust:
        national = national_means_cents
        levels = means if national is None else _one_a_year("national_means_cents", national, years)
        factors, dollars_of = _factors(levels, present, years)
    stated = [Fraction(weight) for weight in baseline.weights.value]
    whole = sum(stated[place] for place in present)
    if whole == 0:
        raise ArgumentError("The baseline years that have a mean carry no weight.")
    weights = [stated[place] / whole if place in present else Fraction(0) for place in range(len(years))]
    terms = zip(weights, factors, means, strict=True)
    mean = sum((weight * factor * mean for weight, factor, mean in terms if mean is not None), Fraction(0))
    return BaselineMean(
        mean_cents=round_half_up(mean),
        factors=tuple(factors[place] if place in present else None for place in range(len(years))),
        weights=tuple(weights),
        dollars_of=dollars_of,
    )


def _weighted_baseline(program: Program) -> Baseline:
    price = program.price
    if not isinstance(price, RegionalBaselinePrice):
        raise ProgramError(f"The baseline years of {program.id!r} have no weights: their episodes are taken together.")
    return price.baseline


def _one_a_year(name: str, means: Sequence[Rate | None], years: Sequence[int]) -> list[Fraction | None]:
    if len(means) != len(years):
        raise ArgumentError(
            f"{name} has {count_of(len(means), 'mean')}; the programme has {len(years)} baseline years "
            f"({', '.join(str(year) for year in years)}), oldest first."
        )
    return [None if mean is None else exact_in_range(name, mean) for mean in means]


def _factors(
    levels: Sequence[Fraction | None], present: Sequence[int], years: Sequence[int]
) -> tuple[list[Fraction], int]:
    """Last level over each year's own. The last year is the last that has a level."""
    known = {place: level for place, level in enumerate(levels) if level is not None}
    if not set(present) <= set(known) or any(level <= 0 for level in known.values()):
        raise ArgumentError(
            "A baseline year that is to be adjusted has no mean above zero to form its factor from. "
            "Give its mean, or adjust=False."
        )
    last = max(known)
    factors = [known[last] / known.get(place, known[last]) for place in range(len(years))]
    return factors, years[last]
