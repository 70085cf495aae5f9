"""TEAM's first year from the frames of a build to every hospital's steps, slowly and obviously, in whole numbers.

Written from the methodology alone: caps, prices, quality, limits and the post-episode excess are formed again from
rows of episodes, hospitals and measures with `int` and `Fraction`; nothing of pricing or reconciliation is called. Risk
coefficients, trend and final factors are not given in these runs and are 1.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any

from episodes.building.built import BuiltEpisodes
from episodes.programs.code_tables import load_codes

WEIGHTS = {2022: Fraction(17, 100), 2023: Fraction(33, 100), 2024: Fraction(50, 100)}
DISCOUNT = {
    "LEJR": Fraction(2, 100),
    "SHFFT": Fraction(2, 100),
    "SPINAL_FUSION": Fraction(2, 100),
    "CABG": Fraction(15, 1000),
    "MAJOR_BOWEL": Fraction(15, 1000),
}
LEAST_VOLUME = 31
NEUTRAL = 50
EXCESS_DEVIATIONS = 3


@dataclass(frozen=True)
class Terms:
    """Percent of the target for the limits, percent of the amount for quality; None: no downside."""

    gain: int
    loss: int | None
    quality_of_gain: int = 10
    quality_of_loss: int | None = None


TRACKS = {"1": Terms(10, None), "2": Terms(5, 5, 10, 15), "3": Terms(20, 20, 10, 10)}
STEPS = ("low_volume_floor", "quality_adjustment", "limits", "downside_waiver", "post_episode")

Cell = tuple[str, int]


def half_up(amount: Fraction) -> int:
    """The nearest whole cent, a half upwards."""
    return (amount + Fraction(1, 2)).__floor__()


def cap_of(values: Iterable[int]) -> int:
    """The 99th percentile of SAS definition 5: with 99 n / 100 = j + g the (j+1)th, at g = 0 the mean with the jth."""
    ordered = sorted(values)
    j, g = divmod(99 * len(ordered), 100)
    if g or j == 0:
        return ordered[j]
    return half_up(Fraction(ordered[j - 1] + ordered[min(j, len(ordered) - 1)], 2))


def final_rows(built: BuiltEpisodes) -> list[dict[str, Any]]:
    """The final episodes with the region of their hospital, as plain rows."""
    region = dict(built.hospitals.select("ccn", "region").iter_rows())
    columns = (
        "episode_id",
        "category",
        "price_code",
        "anchor_ccn",
        "anchor_end",
        "episode_cents",
        "post_episode_cents",
    )
    rows = [row for row in built.episodes.select("status", *columns).to_dicts() if row["status"] == "final"]
    return [{**row, "region": region[row["anchor_ccn"]]} for row in rows]


def prices_of(baseline: BuiltEpisodes) -> dict[Cell, tuple[int, int]]:
    """Price and baseline episodes by price code and region.

    Each episode is capped within its cell and year; the mean of a year is brought to 2024 by the national means of the
    cell; 17, 33 and 50 percent; less the discount.
    """
    codes = load_codes("team_anchor_codes").select("price_code", "category", "family").unique().to_dicts()
    rows = final_rows(baseline)
    pooled = {row["price_code"] for row in rows} & {code["family"] for code in codes if code["family"]}
    cell_of = {c["price_code"]: c["family"] if c["family"] in pooled else c["price_code"] for c in codes}
    cell_of |= {family: family for family in pooled}
    spent: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for row in rows:
        spent[cell_of[row["price_code"]], row["region"], row["anchor_end"].year].append(row["episode_cents"])
    sums: dict[tuple[str, int | None, int], list[int]] = defaultdict(lambda: [0, 0])
    for (cell, region, year), values in spent.items():
        cap = cap_of(values)
        for place in (region, None):
            sums[cell, place, year][0] += sum(min(value, cap) for value in values)
            sums[cell, place, year][1] += len(values)
    mean = {key: Fraction(total, number) for key, (total, number) in sums.items()}
    found = {}
    for code in codes:
        cell = cell_of[code["price_code"]]
        for region in sorted({place for name, place, _ in spent if name == cell}):
            years = [year for year in WEIGHTS if (cell, region, year) in mean]
            latest = max(year for year in WEIGHTS if (cell, None, year) in mean)
            whole = sum(WEIGHTS[year] for year in years)
            base = half_up(
                sum(
                    WEIGHTS[year] / whole * mean[cell, region, year] * mean[cell, None, latest] / mean[cell, None, year]
                    for year in years
                )
            )
            number = sum(sums[cell, region, year][1] for year in years)
            found[code["price_code"], region] = (half_up(base * (1 - DISCOUNT[code["category"]])), number)
    return found


@dataclass(frozen=True)
class Hospital:
    """What is settled for a hospital, whatever its track."""

    episodes: int
    target: int
    actual: int
    lost_in_low_volume: int
    score: Fraction
    excess: int

    @property
    def difference(self) -> int:
        """The amount before limits: the sum of the episodes' differences."""
        return self.target - self.actual

    def waterfall(self, track: str) -> list[int]:
        """The amount after each of `STEPS`."""
        terms = TRACKS[track]
        amount = self.difference + self.lost_in_low_volume
        after = [amount]
        quality = self.score / 100
        if amount >= 0:
            amount = half_up(amount * (1 - Fraction(terms.quality_of_gain, 100) * (1 - quality)))
        elif terms.quality_of_loss is not None:
            amount = half_up(amount * (1 - Fraction(terms.quality_of_loss, 100) * quality))
        after.append(amount)
        highest = Fraction(terms.gain * self.target, 100)
        lowest = None if terms.loss is None else Fraction(-terms.loss * self.target, 100)
        if amount > highest:
            amount = half_up(highest)
        elif lowest is not None and amount < lowest:
            amount = half_up(lowest)
        after.append(amount)
        amount = max(amount, 0) if terms.loss is None else amount
        after.append(amount)
        after.append(max(amount - self.excess, 0) if terms.loss is None else amount - self.excess)
        return after


def hospitals_of(
    built: BuiltEpisodes, baseline: BuiltEpisodes, prices: Mapping[Cell, int], quality: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Hospital], dict[str, int]]:
    """Every participating hospital with a final episode, and each of its episodes' differences."""
    taking_part = {
        row["entity_id"]
        for row in built.participants.to_dicts()
        if row["program"] == "team" and row["entity_kind"] == "hospital"
    }
    rows = final_rows(built)
    spent: dict[Cell, list[int]] = defaultdict(list)
    for row in rows:
        spent[row["price_code"], row["region"]].append(row["episode_cents"])
    caps = {cell: cap_of(values) for cell, values in spent.items()}
    after = excess_limits(rows)
    volume = Counter((row["anchor_ccn"], row["category"]) for row in final_rows(baseline))
    measures = list(quality)

    own: dict[str, list[dict[str, Any]]] = defaultdict(list)
    differences = {}
    for row in rows:
        cell = (row["price_code"], row["region"])
        if row["anchor_ccn"] not in taking_part or cell not in prices:
            continue
        capped = min(row["episode_cents"], caps[cell])
        differences[row["episode_id"]] = prices[cell] - capped
        own[row["anchor_ccn"]].append({**row, "target": prices[cell], "capped": capped})

    found = {}
    for ccn, mine in own.items():
        by_category: dict[str, int] = defaultdict(int)
        for row in mine:
            by_category[row["category"]] += row["target"] - row["capped"]
        small = {name for name in by_category if volume[ccn, name] < LEAST_VOLUME}
        found[ccn] = Hospital(
            episodes=len(mine),
            target=sum(row["target"] for row in mine),
            actual=sum(row["capped"] for row in mine),
            lost_in_low_volume=-sum(min(by_category[name], 0) for name in small),
            score=score_of([row for row in measures if row["ccn"] == ccn and row["performance_year"] == "1"]),
            excess=excess_of([row["post_episode_cents"] for row in mine], after[mine[0]["region"]]),
        )
    return found, differences


def score_of(measures: list[Mapping[str, Any]]) -> Fraction:
    """Percentiles weighed by volume; a measure without one, and a hospital without measures, has the neutral score."""
    weighed = [
        (Fraction(NEUTRAL) if row["percentile"] is None else Fraction(str(row["percentile"])), row["volume"])
        for row in measures
    ]
    whole = sum(volume for _, volume in weighed)
    return sum((score * volume for score, volume in weighed), Fraction(0)) / whole if whole else Fraction(NEUTRAL)


def excess_limits(rows: Iterable[Mapping[str, Any]]) -> dict[int, Fraction]:
    """Mean of post-episode spending plus three standard deviations (n - 1) by region, the root to a millionth cent."""
    spent: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        spent[row["region"]].append(row["post_episode_cents"])
    limits = {}
    for region, values in spent.items():
        mean = Fraction(sum(values), len(values))
        squares = Fraction(sum(value * value for value in values)) - len(values) * mean * mean
        variance = squares / (len(values) - 1)
        root = Fraction(isqrt(variance.numerator * 10**12 // variance.denominator), 10**6)
        limits[region] = mean + EXCESS_DEVIATIONS * root
    return limits


def excess_of(values: list[int], limit: Fraction) -> int:
    """What the mean lies above the limit, times the episodes."""
    return half_up(max(Fraction(sum(values), len(values)) - limit, Fraction(0)) * len(values))
