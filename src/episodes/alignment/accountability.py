"""Tiered accountability without moving anybody by noise, guards against stinting, and value as quality over cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

import polars as pl
from pydantic import Field, model_validator

from episodes.errors import ArgumentError
from episodes.money import Rate, exact
from episodes.pricing.checks import exact_in_range, whole_cents, with_columns
from episodes.programs.rule import Count, Multiplier, Part, Share

TIERS = ("bonus", "standard", "feedback", "improvement_plan", "reduced_incentive")
"""From the best to the worst."""

TIER_SCHEMA = {
    "party": pl.String,
    "period": pl.String,
    "band": pl.String,
    "tier_before": pl.String,
    "tier": pl.String,
    "reason": pl.String,
}


class AccountabilityPolicy(Part):
    """Bands of a ratio to the expected value (1 is as expected, lower is better), and when a band moves a tier.

    A band's bound belongs to it: a ratio of `bonus_up_to` still earns the bonus.
    """

    bonus_up_to: Multiplier
    standard_up_to: Multiplier
    feedback_up_to: Multiplier
    improvement_plan_up_to: Multiplier
    periods_in_a_row: Annotated[int, Field(ge=1)] = 2
    minimum_reliability: Share = Decimal("0.7")
    minimum_volume: Count = 10

    @model_validator(mode="after")
    def _bounds_in_order(self) -> AccountabilityPolicy:
        bounds = self.bounds
        if list(bounds) != sorted(bounds):
            raise ValueError("the bounds of the bands do not rise from bonus to improvement plan")
        return self

    @property
    def bounds(self) -> tuple[Fraction, ...]:
        """Upper bounds of all bands but the last."""
        named = (self.bonus_up_to, self.standard_up_to, self.feedback_up_to, self.improvement_plan_up_to)
        return tuple(map(Fraction, named))

    def band(self, ratio: Rate) -> str:
        """The tier that a ratio alone would lie in."""
        return TIERS[sum(exact(ratio) > bound for bound in self.bounds)]


def tiers_over_time(policy: AccountabilityPolicy, results: pl.DataFrame) -> pl.DataFrame:
    """The tier of each party, period by period.

    Everybody begins at `standard`. A period whose reliability or volume is below the policy's minimum moves nobody and
    is passed over. A tier changes when as many reliable periods in a row as the policy asks for lie beyond it on the
    same side; it moves to the nearest of their bands, so one extreme period cannot carry the others.

    Args:
        policy: the declared bands.
        results: party, period (in text that sorts), ratio (observed over expected), reliability (0 to 1; null: not
            known, which moves nobody), volume.

    Returns:
        One row a party and period: band, tier_before, tier, reason (`reliability`, `volume`: passed over;
        `persistence`: beyond the tier, but not long enough; `moved`; null: within the tier).

    Source: HFMA and others on scorecards that physicians accept; the rule itself is a proposal of ours.

    Example:
        >>> import polars as pl
        >>> policy = AccountabilityPolicy(bonus_up_to=0.9, standard_up_to=1.1, feedback_up_to=1.2,
        ...                               improvement_plan_up_to=1.3)
        >>> seen = pl.DataFrame({"party": ["a"] * 3, "period": ["1", "2", "3"], "ratio": [1.15, 1.25, 1.15],
        ...                      "reliability": [0.8, 0.8, 0.8], "volume": [40, 40, 40]})
        >>> tiers_over_time(policy, seen)["tier"].to_list()
        ['standard', 'feedback', 'feedback']
    """
    columns = ("party", "period", "ratio", "reliability", "volume")
    rows = with_columns(results, "results", columns).select(columns).sort("party", "period")
    moved = []
    for (party,), seen in rows.group_by("party", maintain_order=True):
        tier, beyond = TIERS.index("standard"), list[int]()
        for _, period, ratio, reliability, volume in seen.iter_rows():
            before, band = tier, TIERS.index(policy.band(ratio))
            reason = _passed_over(policy, reliability, volume)
            if reason is None:
                same_side = [one for one in beyond if (one > tier) == (band > tier)]
                beyond = [*same_side, band][-policy.periods_in_a_row :] if band != tier else []
                if len(beyond) == policy.periods_in_a_row:
                    tier = min(beyond) if band > before else max(beyond)
                    beyond, reason = [], "moved"
                else:
                    reason = "persistence" if beyond else None
            moved.append((party, period, TIERS[band], TIERS[before], TIERS[tier], reason))
    return pl.DataFrame(moved, schema=TIER_SCHEMA, orient="row")


def _passed_over(policy: AccountabilityPolicy, reliability: float | None, volume: int | None) -> str | None:
    if reliability is None or exact(reliability) < policy.minimum_reliability:
        return "reliability"
    return "volume" if (volume or 0) < policy.minimum_volume else None


@dataclass(frozen=True)
class Value:
    """Value as quality over cost, in both versions that are in use.

    Attributes:
        points_per_thousand_dollars: quality points for each $1,000 of cost: depends on the scale of the points.
        relative_to_peers: (quality / peers' quality) / (cost / peers' cost): 1 is as peers.
    """

    points_per_thousand_dollars: float
    relative_to_peers: float


def value_of(quality: Rate, cost_cents: int, *, peer_quality: Rate, peer_cost_cents: int) -> Value:
    """Quality over cost, in both versions.

    Args:
        quality, peer_quality: points on one scale; the peers' above 0.
        cost_cents, peer_cost_cents: mean cost of an episode, above 0.

    Example:
        >>> value_of(80, 2_000_000, peer_quality=64, peer_cost_cents=2_000_000)
        Value(points_per_thousand_dollars=4.0, relative_to_peers=1.25)
    """
    points, peers = exact_in_range("quality", quality, 0), exact_in_range("peer_quality", peer_quality, 0)
    cost, peer_cost = whole_cents("cost_cents", cost_cents), whole_cents("peer_cost_cents", peer_cost_cents)
    if peers == 0 or cost <= 0 or peer_cost <= 0:
        raise ArgumentError("peer_quality, cost_cents and peer_cost_cents must be above 0: they stand below the line.")
    per_thousand = points / Fraction(cost, 100_000)
    relative = (points / peers) / Fraction(cost, peer_cost)
    return Value(float(per_thousand), float(relative))


GUARD_SCHEMA = {
    "party": pl.String,
    "guard": pl.String,
    "before": pl.Float64,
    "after": pl.Float64,
    "episodes_before": pl.Int64,
    "episodes_after": pl.Int64,
    "cost_change": pl.Float64,
    "chance": pl.Float64,
    "flag": pl.String,
}
_GUARDED_OUTCOMES = ("complication_any", "readmission_30", "readmission_90", "mortality_90", "emergency_return_30")
LONG_STAY = 0.9
"""Quantile of earlier stays' days beyond which a stay counts as a long one."""
_RARE = 0.05


def stinting_guards(
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    party: str = "operating_npi",
    parties: Sequence[str] | None = None,
    outcomes_before: pl.DataFrame | None = None,
    outcomes_after: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Cost beside readmissions, complications and long stays, so that savings at the patients' expense are seen.

    Args:
        before, after: final episodes of the baseline and of the year: the party's column, episode_id, episode_cents,
            length_of_stay, readmission_cents.
        party: the column whose values are the parties.
        parties: only these; None: all of `after`.
        outcomes_before, outcomes_after: episode_id, measure, event; None: episodes alone are looked at.

    Returns:
        One row a party and guard (`readmission_paid`: episodes with a paid readmission; `long_stay`: stays beyond the
        baseline's 90th percentile; each outcome measured on both sides): before and after (rates), cost_change (share
        of the earlier mean cost), chance (of a rise so large if nothing had changed: Fisher's exact test, one-sided),
        flag: `alarm` (cost fell, the rate rose beyond chance), `watch` (cost fell, the rate rose), `none`,
        `cannot_tell` (nothing to compare).

    Law: no reduction of needed care, section 1128A(b) of the Social Security Act.

    Example:
        >>> import polars as pl
        >>> def year(cents, readmitted): return pl.DataFrame({"operating_npi": ["a"] * 20, "length_of_stay": [3] * 20,
        ...     "episode_id": [f"{cents}-{i}" for i in range(20)], "episode_cents": [cents] * 20,
        ...     "readmission_cents": [1] * readmitted + [0] * (20 - readmitted)})
        >>> stinting_guards(year(100, 1), year(80, 12))["flag"].to_list()
        ['alarm', 'none']
    """
    needed = (party, "episode_id", "episode_cents", "length_of_stay", "readmission_cents")
    earlier, later = (with_columns(frame, "episodes", needed).select(needed) for frame in (before, after))
    long = earlier["length_of_stay"].quantile(LONG_STAY, interpolation="higher") or 0
    events = {
        "readmission_paid": [
            frame.select("episode_id", party, event=pl.col("readmission_cents") > 0) for frame in (earlier, later)
        ],
        "long_stay": [
            frame.select("episode_id", party, event=pl.col("length_of_stay") > long) for frame in (earlier, later)
        ],
    }
    if outcomes_before is not None and outcomes_after is not None:
        for measure in _GUARDED_OUTCOMES:
            sides = [
                frame.select("episode_id", party).join(
                    outcomes.filter(pl.col("measure") == measure).select("episode_id", "event"), on="episode_id"
                )
                for frame, outcomes in ((earlier, outcomes_before), (later, outcomes_after))
            ]
            if not any(side.is_empty() for side in sides):
                events[measure] = sides
    wanted = sorted(later[party].drop_nulls().unique()) if parties is None else list(parties)
    rows = []
    for name in wanted:
        costs = [frame.filter(pl.col(party) == name)["episode_cents"] for frame in (earlier, later)]
        means = [None if cost.is_empty() else int(cost.sum()) / cost.len() for cost in costs]
        change = (means[1] - means[0]) / means[0] if means[0] and means[1] is not None else None
        for guard, sides in events.items():
            counted = [side.filter(pl.col(party) == name)["event"].drop_nulls() for side in sides]
            rows.append((name, guard, *_guarded(counted, change)))
    return pl.DataFrame(rows, schema=GUARD_SCHEMA, orient="row")


def _guarded(sides: Sequence[pl.Series], cost_change: float | None) -> tuple[object, ...]:
    sizes = [side.len() for side in sides]
    hits = [int(side.sum()) for side in sides]
    if not all(sizes) or cost_change is None:
        rates = [hit / size if size else None for hit, size in zip(hits, sizes, strict=True)]
        return (*rates, *sizes, cost_change, None, "cannot_tell")
    from scipy.stats import fisher_exact

    table = [[hits[1], sizes[1] - hits[1]], [hits[0], sizes[0] - hits[0]]]
    chance = float(fisher_exact(table, alternative="greater").pvalue)
    rose = hits[1] * sizes[0] > hits[0] * sizes[1]
    flag = "none"
    if cost_change < 0 and rose:
        flag = "alarm" if chance < _RARE else "watch"
    return hits[0] / sizes[0], hits[1] / sizes[1], *sizes, cost_change, chance, flag
