"""Rows with a known risk model behind them: the planted truth that fitted coefficients are held against."""

from __future__ import annotations

import numpy as np
import polars as pl

AGES = {"0-64": 0.10, "65-74": 0.0, "75-84": 0.12, "85+": 0.30}
GROUPS = {"total_knee": 0.0, "total_hip": 0.05, "partial_hip": 0.45}
HCC_EFFECTS = {"37": 0.08, "226": 0.25}
DUAL = 0.15
INTERCEPT = float(np.log(20_000_00))
NOISE = 0.35
LOGIT = -2.2
YEAR_EFFECT = 0.012
"""What a year of age above 60 adds to the log odds of the event."""


def planted(number: int, seed: int, category: str = "LEJR") -> pl.DataFrame:
    """Rows of one category with cost, its exact expected value, an event and its exact probability."""
    draw = np.random.default_rng(seed)
    age_class = draw.choice(list(AGES), number, p=[0.15, 0.4, 0.3, 0.15])
    group = draw.choice(list(GROUPS), number, p=[0.5, 0.35, 0.15])
    dual = draw.random(number) < 0.2
    flags = {hcc: draw.random(number) < 0.15 for hcc in HCC_EFFECTS}
    age = draw.integers(60, 95, number)
    weight = draw.choice([0.17, 0.33, 0.5], number)
    log_cost = INTERCEPT + np.array([AGES[a] for a in age_class]) + np.array([GROUPS[g] for g in group]) + DUAL * dual
    for hcc, effect in HCC_EFFECTS.items():
        log_cost = log_cost + effect * flags[hcc]
    log_odds = LOGIT + YEAR_EFFECT * (age - 60) + 0.6 * dual + 0.9 * flags["226"]
    probability = 1 / (1 + np.exp(-log_odds))
    hccs = [[hcc for hcc in HCC_EFFECTS if flags[hcc][place]] for place in range(number)]
    return pl.DataFrame(
        {
            "episode_id": [f"{category}{place:07d}" for place in range(number)],
            "category": [category] * number,
            "age_class": age_class,
            "age": age,
            "procedure_group": group,
            "full_dual": dual,
            "hccs": pl.Series(hccs, dtype=pl.List(pl.String)),
            "weight": weight,
            "episode_cents": np.round(np.exp(log_cost + draw.normal(0, NOISE, number))).astype(np.int64),
            "true_cents": np.exp(log_cost + NOISE**2 / 2),
            "event": draw.random(number) < probability,
            "true_probability": probability,
        }
    )


TERMS = ["age_class", "procedure_group", "full_dual", "hccs=37", "hccs=226"]
EVENT_TERMS = ["age", "full_dual", "hccs=226"]
