"""Post-episode spending: what a hospital's mean exceeds its region's limit by."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import polars as pl

from episodes.errors import ArgumentError
from episodes.money import Rate, round_half_up
from episodes.pricing.checks import exact_in_range, whole_cents
from episodes.programs import Program


def post_episode_excess(
    program: Program,
    *,
    participant_mean_cents: Rate,
    regional_mean_cents: Rate,
    regional_sd_cents: Rate,
    episodes: int,
) -> int:
    """What a hospital's mean post-episode spending exceeds the regional limit by, over its episodes.

    The limit is the regional mean plus the programme's number of standard deviations. Positive cents,
    rounded half up once; 0 where the mean is within the limit.

    Source: 42 CFR 512.550(f) for TEAM, 510.305(j) for CJR; the product with the number of episodes is a reading.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> post_episode_excess(
        ...     team, participant_mean_cents=500, regional_mean_cents=100, regional_sd_cents=100, episodes=4
        ... )
        400
    """
    rule = program.settlement.post_episode_sd
    if rule is None:
        raise ArgumentError(f"{program.id} has no limit on post-episode spending: no step of its settlement reads one.")
    deviations = Fraction(rule.value)
    limit = exact_in_range("regional_mean_cents", regional_mean_cents)
    limit += deviations * exact_in_range("regional_sd_cents", regional_sd_cents, 0)
    beyond = exact_in_range("participant_mean_cents", participant_mean_cents) - limit
    return round_half_up(max(beyond, Fraction(0)) * whole_cents("episodes", episodes, minimum=0))


def party_excesses(
    program: Program, episodes: pl.DataFrame, final: pl.DataFrame, by_category: bool = False
) -> dict[tuple[str, str | None], int]:
    """Each party's excess in cents, by party id and category (None: all together).

    Args:
        program: its number of standard deviations is used; without such a rule there is no excess.
        episodes: the episodes to settle: party_id, category, region, post_episode_cents.
        final: all final episodes, from which a region's mean and standard deviation (n - 1) come.
        by_category: each category of a party by itself, against the region's episodes of that category.

    Returns:
        A party without a region, or in one of fewer than two episodes, is left out: there is no limit to exceed. A
        party with episodes in several regions sums its excess over them.
    """
    if program.settlement.post_episode_sd is None:
        return {}
    category = pl.col("category") if by_category else pl.lit(None, dtype=pl.String)
    amount = pl.col("post_episode_cents").cast(pl.Int128)
    sums = [pl.len(), amount.sum().alias("total"), (amount * amount).sum().alias("squares")]
    limits: dict[tuple[int, str | None], tuple[Fraction, Fraction]] = {}
    for region, kind, number, total, squares in final.group_by("region", category.alias("of")).agg(sums).iter_rows():
        if region is not None and number > 1:
            variance = Fraction(number * squares - total * total, number * (number - 1))
            limits[region, kind] = (Fraction(total, number), _root(variance))
    own = episodes.group_by("party_id", category.alias("of"), "region").agg(
        pl.len(), pl.col("post_episode_cents").sum()
    )
    excesses: dict[tuple[str, str | None], int] = {}
    for party, kind, region, number, total in own.iter_rows():
        if (region, kind) in limits:
            found = post_episode_excess(
                program,
                participant_mean_cents=Fraction(total, number),
                regional_mean_cents=limits[region, kind][0],
                regional_sd_cents=limits[region, kind][1],
                episodes=number,
            )
            excesses[party, kind] = excesses.get((party, kind), 0) + found
    return excesses


def _root(variance: Fraction) -> Fraction:
    """The square root to a millionth of a cent, rounded down: the same on every machine."""
    return Fraction(isqrt(variance.numerator * 10**12 // variance.denominator), 10**6)
