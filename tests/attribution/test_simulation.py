"""Over many simulated worlds with known effects: intervals cover, shrinking helps, and how often a rank is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.simulated import Scores, score


def means(seeds: range, *, model: bool) -> dict[str, float]:
    scores = [score(seed, model=model) for seed in seeds]
    return {name: float(np.mean([getattr(one, name) for one in scores])) for name in Scores.__dataclass_fields__}


def holds(found: dict[str, float], slack: float) -> None:
    assert 0.93 - slack <= found["raw_covered"] <= 0.97 + slack
    assert 0.93 - slack <= found["shrunken_covered"] <= 0.97 + slack
    assert found["shrunken_error"] < 0.8 * found["raw_error"]
    assert found["shrunken_misclassified"] <= found["raw_misclassified"]


def test_a_few_worlds() -> None:
    holds(means(range(1000, 1020), model=False), slack=0.01)


@pytest.mark.slow
def test_two_hundred_worlds() -> None:
    found = means(range(200), model=True)
    print({name: round(value, 4) for name, value in found.items()})
    holds(found, slack=0.0)
    assert 0.93 <= found["effect_covered"] <= 0.97
