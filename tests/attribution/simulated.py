"""Costs of surgeons in hospitals with known effects, drawn directly: what estimates are held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.attribution import judge, judging_rules, surgeon_and_hospital

Floats = npt.NDArray[np.float64]
SURGEONS, HOSPITALS = 60, 12
SURGEON_SD, HOSPITAL_SD, NOISE = 0.10, 0.05, 0.45
"""Of the ratio of cost to expected cost: standard deviations of the effects; noise is log-normal, as costs are."""
LOWEST, HIGHEST = 8, 90
"""Episodes of a surgeon."""


@dataclass(frozen=True)
class World:
    """One row an episode, and the truth by surgeon, in the order of their names."""

    rows: pl.DataFrame
    ratio: Floats
    surgeon_effect: Floats


def simulate(seed: int) -> World:
    """Surgeons of different volume, some at two hospitals; mean-one noise on an expected cost that varies."""
    draw = np.random.default_rng(seed)
    effect = draw.normal(0, SURGEON_SD, SURGEONS)
    at = draw.normal(0, HOSPITAL_SD, HOSPITALS)
    home, second = draw.integers(0, HOSPITALS, SURGEONS), draw.integers(0, HOSPITALS, SURGEONS)
    volume = draw.integers(LOWEST, HIGHEST, SURGEONS)
    surgeon = np.repeat(np.arange(SURGEONS), volume)
    elsewhere = (draw.random(len(surgeon)) < 0.3) & (surgeon % 3 == 0)
    hospital = np.where(elsewhere, second[surgeon], home[surgeon])
    expected = draw.uniform(15_000_00, 40_000_00, len(surgeon))
    factor = 1 + effect[surgeon] + at[hospital]
    noise = draw.lognormal(-(NOISE**2) / 2, NOISE, len(surgeon))
    truth = np.bincount(surgeon, expected * factor) / np.bincount(surgeon, expected)
    rows = pl.DataFrame(
        {
            "surgeon": [f"s{number:03}" for number in surgeon],
            "hospital": [f"h{number:02}" for number in hospital],
            "episode_id": [f"e{number:06}" for number in range(len(surgeon))],
            "observed_cents": np.round(expected * factor * noise).astype(np.int64),
            "expected_cents": expected,
        }
    )
    return World(rows, truth, effect)


@dataclass(frozen=True)
class Scores:
    """What one seed shows, as means over its surgeons."""

    raw_covered: float
    shrunken_covered: float
    effect_covered: float
    raw_error: float
    shrunken_error: float
    raw_misclassified: float
    shrunken_misclassified: float


def score(seed: int, *, model: bool = True) -> Scores:
    """Estimates of one simulated world against its truth."""
    world = simulate(seed)
    table = judge(world.rows, ["surgeon"], rules=judging_rules())
    raw, drawn = table["ratio"].to_numpy(), table["shrunken_ratio"].to_numpy()
    effect_covered = float("nan")
    if model:
        ratios = world.rows.with_columns(ratio=pl.col("observed_cents") / pl.col("expected_cents"))
        found = surgeon_and_hospital(ratios, surgeon="surgeon", hospital="hospital").surgeons
        effect_covered = covered(found, "effect", world.surgeon_effect)
    return Scores(
        raw_covered=covered(table, "ratio", world.ratio),
        shrunken_covered=covered(table, "shrunken", world.ratio),
        effect_covered=effect_covered,
        raw_error=float(((raw - world.ratio) ** 2).mean()),
        shrunken_error=float(((drawn - world.ratio) ** 2).mean()),
        raw_misclassified=misclassified(raw, world.ratio),
        shrunken_misclassified=misclassified(drawn, world.ratio),
    )


def covered(table: pl.DataFrame, name: str, truth: Floats) -> float:
    """Share of intervals that hold the truth."""
    low, high = table[f"{name}_low"].to_numpy(), table[f"{name}_high"].to_numpy()
    return float(((low <= truth) & (truth <= high)).mean())


def misclassified(estimate: Floats, truth: Floats) -> float:
    """Share of surgeons put on the wrong side of the dearest quarter."""
    dearest = len(truth) // 4
    named, right = set(np.argsort(-estimate)[:dearest]), set(np.argsort(-truth)[:dearest])
    return len(named ^ right) / len(truth)
