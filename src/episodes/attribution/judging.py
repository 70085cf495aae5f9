"""Judging parties: observed over expected with an interval, reliability, shrinkage, and flags that mean something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.attribution.arrangements import settings_with
from episodes.attribution.bootstrap import bootstrap_intervals
from episodes.attribution.variances import shrunken, variance_components
from episodes.checks import whole_cents, with_columns
from episodes.errors import ArgumentError, ContractError, unknown_name

Floats = npt.NDArray[np.float64]
Interval = Literal["pooled", "own", "bootstrap", "exact_poisson"]
INTERVALS: tuple[Interval, ...] = get_args(Interval)
FLAGS = ("higher", "lower", "not_different", "not_judged")
REASONS = ("nothing_expected", "below_minimum_volume", "no_peers", "low_reliability")
"""Why a party is not judged."""


@dataclass(frozen=True)
class JudgingRules:
    """How parties are judged; `judging_rules` makes them from the named settings.

    Attributes:
        interval: how the interval of observed over expected is made, see `judge`.
        level: of intervals, 0.95 is 95 %.
        minimum_episodes: parties with fewer are not judged.
        reliability_threshold: less reliable parties are not judged.
        false_discovery_rate: share of flags that may be false, on average.
        replicates, seed: of the bootstrap.
    """

    interval: Interval
    level: float
    minimum_episodes: int
    reliability_threshold: float
    false_discovery_rate: float
    replicates: int
    seed: int


def judging_rules(
    *,
    interval: Interval = "pooled",
    level: float = 0.95,
    settings: Mapping[str, Any] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> JudgingRules:
    """Rules of judging: minimum volume, reliability and flags from the named settings, the rest as said.

    Raises:
        ArgumentError: an unknown interval or setting, a number out of its range.

    Example:
        >>> judging_rules(settings={"minimum_episodes": 25}).minimum_episodes
        25
    """
    if interval not in INTERVALS:
        raise ArgumentError(unknown_name("interval", str(interval), INTERVALS))
    if not 0 < level < 1:
        raise ArgumentError("level must be between 0 and 1: 0.95 is a 95 % interval.")
    named = settings_with(settings)
    return JudgingRules(
        interval=interval,
        level=level,
        minimum_episodes=named.minimum_episodes.value,
        reliability_threshold=float(named.reliability_threshold.value),
        false_discovery_rate=float(named.false_discovery_rate.value),
        replicates=whole_cents("replicates", replicates, minimum=1),
        seed=whole_cents("seed", seed, minimum=0),
    )


def judge(
    rows: pl.DataFrame,
    by: Sequence[str],
    *,
    observed: str = "observed_cents",
    expected: str = "expected_cents",
    peer_group: str | None = None,
    rules: JudgingRules | None = None,
) -> pl.DataFrame:
    """Observed over expected of parties, with how sure it is and what may be said of it.

    The ratio is that of sums. Each episode's residual, in units of its party's mean expectation, has one variance
    within a peer group (`within`); the variance between the parties' true ratios comes from the method of moments.

    Intervals of the ratio: `pooled` (t, variance of all episodes of the peer group: also for parties with few
    episodes), `own` (t, variance of the party's own episodes), `bootstrap` (percentiles over its episodes, drawn with
    replacement), `exact_poisson` (of counts of events: Garwood's limits over the expected number). The interval of the
    shrunken ratio is empirical Bayes (Morris).

    A flag compares a party with its peers: two-sided t test against the peers' mean ratio, the false discovery rate
    over all judged parties of the table held by Benjamini and Hochberg. A party is judged only with enough episodes
    and enough reliability.

    Args:
        rows: one row an episode (or part of it) of a party; several of one episode count as one.
        by: columns that name the party.
        observed: column of what was; no nulls.
        expected: column of what was expected; no nulls.
        peer_group: column that says with whom a party is compared (one value a party); None: everyone with everyone.
        rules: default: `judging_rules()`.

    Returns:
        The columns of `by`, peer_group, episodes, observed, expected, ratio, ratio_low, ratio_high, p_value, q_value,
        peer_ratio, reliability, shrunken_ratio, shrunken_low, shrunken_high, flag (`higher`, `lower`, `not_different`,
        `not_judged`), reasons (list: `nothing_expected`, `below_minimum_volume`, `no_peers`, `low_reliability`),
        episode_ids (list); sorted by `by`. Ratios are null where nothing is expected, reliability where a peer group
        has fewer than two parties or no party with two episodes.

    Raises:
        ContractError: a missing column, a null amount, a party in two peer groups.

    Source: Adams and others, N Engl J Med 2010;362:1014; Morris, J Am Stat Assoc 1983;78:47; Benjamini and Hochberg,
    J R Stat Soc B 1995;57:289; Garwood, Biometrika 1936;28:437.

    Example:
        >>> rows = pl.DataFrame(
        ...     {
        ...         "surgeon": ["a", "a", "b", "b"], "episode_id": ["1", "2", "3", "4"],
        ...         "observed_cents": [90, 110, 140, 160], "expected_cents": [100.0] * 4,
        ...     }
        ... )
        >>> judge(rows, ["surgeon"]).select("surgeon", "ratio", "flag", "reasons").rows()
        [('a', 1.0, 'not_judged', ['below_minimum_volume']), ('b', 1.5, 'not_judged', ['below_minimum_volume'])]
    """
    rules = rules or judging_rules()
    episodes = _episodes(rows, list(by), observed, expected, peer_group)
    parties = (
        episodes.group_by(*by, "peer_group", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("episodes"),
            pl.col("observed").sum(),
            pl.col("expected").sum(),
            pl.col("episode_id").alias("episode_ids"),
        )
        .with_row_index("_party")
    )
    if parties.select(by).is_duplicated().any():
        raise ContractError("Some parties stand in two peer groups: give each party one, or name it by its group too.")
    if parties.is_empty():
        return _shaped(parties.with_columns(pl.lit(None).alias(name) for name in _MEASURES), list(by), rules)
    return _shaped(_measured(parties, episodes, list(by), rules), list(by), rules)


_MEASURES = (
    "ratio",
    "ratio_low",
    "ratio_high",
    "p_value",
    "peer_ratio",
    "reliability",
    "shrunken_ratio",
    "shrunken_low",
    "shrunken_high",
)


def _episodes(rows: pl.DataFrame, by: list[str], observed: str, expected: str, peer_group: str | None) -> pl.DataFrame:
    """One row a party and episode, sorted, so that sums of floats are always made in the same order."""
    needed = [*by, "episode_id", observed, expected, *([peer_group] if peer_group else [])]
    known = with_columns(rows, "rows", needed)
    for amount in (observed, expected):
        if known[amount].null_count():
            raise ContractError(f"{known[amount].null_count():,} rows have no {amount}: each needs one, or must go.")
    peers = pl.col(peer_group).cast(pl.String).fill_null("none") if peer_group else pl.lit("all")
    return (
        known.select(
            *by,
            "episode_id",
            peer_group=peers,
            observed=pl.col(observed).cast(pl.Float64),
            expected=pl.col(expected).cast(pl.Float64),
        )
        .sort(*by, "peer_group", "episode_id", "observed", "expected")
        .group_by(*by, "peer_group", "episode_id", maintain_order=True)
        .agg(pl.col("observed", "expected").sum())
    )


def _measured(parties: pl.DataFrame, episodes: pl.DataFrame, by: list[str], rules: JudgingRules) -> pl.DataFrame:
    """The parties with all their measures, peer group by peer group."""
    sizes = parties["episodes"].to_numpy()
    ends = np.concatenate([[0], np.cumsum(sizes)])
    observed, expected = episodes["observed"].to_numpy(), episodes["expected"].to_numpy()
    sum_observed, sum_expected = np.add.reduceat(observed, ends[:-1]), np.add.reduceat(expected, ends[:-1])
    usable = sum_expected > 0
    ratio = np.divide(sum_observed, sum_expected, out=np.full(len(sizes), np.nan), where=usable)
    residual = (observed - np.repeat(ratio, sizes) * expected) * np.repeat(
        sizes / np.where(usable, sum_expected, 1), sizes
    )
    squares = np.add.reduceat(residual**2, ends[:-1])
    peers = parties["peer_group"].to_numpy()
    columns = {name: np.full(len(sizes), np.nan) for name in _MEASURES}
    columns["ratio"] = ratio
    for peer in np.unique(peers):
        own = np.flatnonzero((peers == peer) & usable)
        if len(own):
            for name, values in _within_peers(sizes[own], ratio[own], squares[own], rules).items():
                columns[name][own] = values
    if rules.interval == "own":
        columns["ratio_low"], columns["ratio_high"] = _own_interval(sizes, ratio, squares, rules.level)
    elif rules.interval == "exact_poisson":
        columns["ratio_low"], columns["ratio_high"] = _poisson_interval(sum_observed, sum_expected, rules.level)
    elif rules.interval == "bootstrap":
        names = parties.select(pl.concat_str(pl.col(by).cast(pl.String).fill_null(""), separator="\x1f")).to_series()
        columns["ratio_low"], columns["ratio_high"] = bootstrap_intervals(
            observed, expected, sizes, names.to_list(), level=rules.level, replicates=rules.replicates, seed=rules.seed
        )
    return parties.with_columns(pl.Series(name, values, nan_to_null=True) for name, values in columns.items())


def _within_peers(
    sizes: npt.NDArray[np.int64], ratio: Floats, squares: Floats, rules: JudgingRules
) -> dict[str, Floats]:
    """What follows from comparing the parties of one peer group: pooled intervals, tests, shrinkage."""
    from scipy import stats

    components = variance_components(sizes, ratio, squares)
    drawn = shrunken(sizes, ratio, components)
    error = np.sqrt(components.within / sizes)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = stats.t.ppf((1 + rules.level) / 2, components.within_degrees) if components.within_degrees else np.nan
        away = np.nan_to_num(np.abs(ratio - components.grand_mean) / error, nan=0.0, posinf=np.inf)
        p_value = 2 * stats.t.sf(away, max(components.within_degrees, 1))
    z = stats.norm.ppf((1 + rules.level) / 2)
    unknown = np.full(len(sizes), np.nan)
    compared = components.parties > 1 and np.isfinite(components.between)
    return {
        "ratio_low": ratio - t * error,
        "ratio_high": ratio + t * error,
        "peer_ratio": np.full(len(sizes), components.grand_mean),
        "p_value": p_value if compared else unknown,
        "reliability": drawn.reliability if compared else unknown,
        "shrunken_ratio": drawn.estimate if compared else unknown,
        "shrunken_low": drawn.estimate - z * drawn.standard_error if compared else unknown,
        "shrunken_high": drawn.estimate + z * drawn.standard_error if compared else unknown,
    }


def _own_interval(sizes: npt.NDArray[np.int64], ratio: Floats, squares: Floats, level: float) -> tuple[Floats, Floats]:
    """Student's interval from a party's own episodes: none below two."""
    from scipy import stats

    degrees = np.maximum(sizes - 1, 1)
    half = stats.t.ppf((1 + level) / 2, degrees) * np.sqrt(squares / degrees / sizes)
    half = np.where(sizes > 1, half, np.nan)
    return ratio - half, ratio + half


def _poisson_interval(observed: Floats, expected: Floats, level: float) -> tuple[Floats, Floats]:
    """Exact limits of a count of events over the number expected."""
    from scipy import stats

    if (observed < 0).any() or (observed != np.round(observed)).any():
        raise ArgumentError("The interval exact_poisson is for counts of events: whole numbers, 0 or more.")
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.where(observed > 0, stats.chi2.ppf(tail, 2 * observed) / 2, 0.0) / expected
        high = stats.chi2.isf(tail, 2 * observed + 2) / 2 / expected
    nothing = expected <= 0
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def _shaped(parties: pl.DataFrame, by: list[str], rules: JudgingRules) -> pl.DataFrame:
    """Reasons, flags and the order of columns."""
    found = {
        "nothing_expected": pl.col("ratio").is_null(),
        "below_minimum_volume": pl.col("episodes") < rules.minimum_episodes,
        "no_peers": pl.col("ratio").is_not_null() & pl.col("reliability").is_null(),
        "low_reliability": (pl.col("reliability") < rules.reliability_threshold)
        & (pl.col("episodes") >= rules.minimum_episodes),
    }
    reasons = pl.concat_list(
        pl.when(found[reason].fill_null(False)).then(pl.lit(reason)).otherwise(pl.lit(None, dtype=pl.String))
        for reason in REASONS
    ).list.drop_nulls()
    judged = parties.with_columns(pl.col(_MEASURES).cast(pl.Float64), reasons=reasons)
    higher = pl.col("ratio") > pl.col("peer_ratio")
    return (
        judged.with_columns(_q_values(judged))
        .with_columns(
            flag=pl.when(pl.col("reasons").list.len() > 0)
            .then(pl.lit("not_judged"))
            .when((pl.col("q_value") <= rules.false_discovery_rate) & higher)
            .then(pl.lit("higher"))
            .when(pl.col("q_value") <= rules.false_discovery_rate)
            .then(pl.lit("lower"))
            .otherwise(pl.lit("not_different"))
        )
        .sort(by)
        .select(
            *by,
            "peer_group",
            "episodes",
            "observed",
            "expected",
            "ratio",
            "ratio_low",
            "ratio_high",
            "p_value",
            "q_value",
            "peer_ratio",
            "reliability",
            "shrunken_ratio",
            "shrunken_low",
            "shrunken_high",
            "flag",
            "reasons",
            "episode_ids",
        )
    )


def _q_values(parties: pl.DataFrame) -> pl.Series:
    """p-values of the judged parties, adjusted for how many are judged at once."""
    from scipy import stats

    judged = (parties["reasons"].list.len() == 0).to_numpy()
    adjusted = np.full(parties.height, np.nan)
    if judged.any():
        adjusted[judged] = stats.false_discovery_control(parties["p_value"].to_numpy()[judged], method="bh")
    return pl.Series("q_value", adjusted, nan_to_null=True)
