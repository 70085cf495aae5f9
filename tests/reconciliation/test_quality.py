"""The composite quality score."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import EpisodesError
from episodes.reconciliation import composite_quality_score

TEAM = ep.load_program("team", performance_year=1)


def score(**columns: Any) -> Any:
    year = columns.pop("performance_year", None)
    return composite_quality_score(TEAM, pl.DataFrame(columns), performance_year=year)


def test_weighed_by_volume() -> None:
    # (80 x 300 + 40 x 300 + 10 x 100) / 700 = 37000 / 700
    result = score(measure=["hybrid_hwr", "psi_90", "pro_pm"], scaled_score=[80, 40, 10], volume=[300, 300, 100])
    assert result.exact == Fraction(370, 7)
    assert result.score == pytest.approx(52.857142857)
    assert result.weights == {"hybrid_hwr": 3 / 7, "psi_90": 3 / 7, "pro_pm": 1 / 7}
    assert (result.category, result.discount, result.status) == (None, None, "known")


def test_without_volumes_all_weigh_the_same() -> None:
    assert score(measure=["hybrid_hwr", "psi_90"], percentile=[80, 41]).score == 60.5


def test_scaled_score_wins_over_percentile() -> None:
    result = score(measure=["hybrid_hwr", "psi_90"], scaled_score=[80, None], percentile=[10, 20])
    assert result.score == 50.0


def test_no_score_is_neutral_and_no_volume_is_no_weight() -> None:
    # (50 x 1 + 80 x 3) / 4 = 72.5
    result = score(measure=["psi_90", "hybrid_hwr", "pro_pm"], percentile=[None, 80.0, 0.0], volume=[1, 3, 0])
    assert result.score == 72.5
    assert result.notes == ("neutral score 50 for psi_90",)
    assert result.weights["pro_pm"] == 0


def test_nothing_that_weighs_is_unknown() -> None:
    for columns in (
        {"measure": ["pro_pm"], "percentile": [90], "volume": [0]},
        {"measure": pl.Series([], dtype=pl.String), "percentile": pl.Series([], dtype=pl.Float64)},
    ):
        result = score(**columns)
        assert (result.score, result.status) == (50.0, "unknown")
        assert result.weights == {}


def test_measures_are_those_of_the_year() -> None:
    assert score(measure=["falls_with_injury"], percentile=[90], performance_year=2).score == 90.0
    with pytest.raises(EpisodesError, match=r"performance year 1 'falls_with_injury'.*hybrid_hwr, pro_pm, psi_90"):
        score(measure=["falls_with_injury"], percentile=[90])
    with pytest.raises(EpisodesError, match=r"performance year 2 'psi_90'"):
        score(measure=["psi_90"], percentile=[90], performance_year="2")


def test_other_programmes_columns_are_not_used() -> None:
    plain = score(measure=["psi_90"], percentile=[90])
    assert score(measure=["psi_90"], percentile=[90], previous_percentile=[10], submitted=[True]) == plain


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"measure": ["hybrid"], "percentile": [1]}, "Unknown quality measure.*Did you mean 'hybrid_hwr'"),
        ({"measure": ["psi_90", "psi_90"], "percentile": [1, 2]}, "more than once"),
        ({"measure": ["psi_90"], "percentile": [101]}, "from 0 to 100"),
        ({"measure": ["psi_90"]}, "has no score"),
        ({"percentile": [1]}, "lacks 1 column: measure"),
        ({"measure": ["psi_90"], "percentile": [1], "volume": [-1]}, "volume must be 0 or more"),
        ({"measure": ["psi_90"], "percentile": [1], "volume": [1.5]}, "volume must be a whole number"),
        (
            {"measure": ["psi_90", "pro_pm"], "percentile": [1, 2], "volume": [5, None]},
            "1 of 2 quality measures have no volume",
        ),
    ],
)
def test_errors(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(EpisodesError, match=message):
        score(**columns)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 1000)), min_size=3, max_size=3))
def test_score_lies_between_its_measures(values: list[tuple[int, int]]) -> None:
    scores, volumes = zip(*values, strict=True)
    result = score(measure=["hybrid_hwr", "psi_90", "pro_pm"], scaled_score=scores, volume=volumes)
    assert min(scores) <= result.exact <= max(scores)
    assert sum(result.weights.values()) == pytest.approx(1)
