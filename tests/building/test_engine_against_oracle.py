"""The engine equals the oracle on random claims."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import strategies
from comparison import compare
from oracle.episodes import Options


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables=strategies.claim_tables(), options=strategies.run_options())
def test_engine_equals_oracle_on_random_claims(tables: Any, options: Options) -> None:
    compare(tables, options)


@pytest.mark.parametrize("seed", range(6))
def test_engine_equals_oracle_on_many_people(seed: int) -> None:
    tables = strategies.random_tables(seed=seed, people=150)
    assert compare(tables, strategies.random_options(seed)) > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_engine_equals_oracle_on_very_many_people(seed: int) -> None:
    options = strategies.random_options(seed)
    buckets = Random(seed).choice([1, 3, 8])
    assert compare(strategies.random_tables(seed=seed, people=2_500), options, buckets=buckets) > 500
