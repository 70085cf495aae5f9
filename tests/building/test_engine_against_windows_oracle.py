"""The engine equals the oracle of CJR, the 2017 models, ACE, TennCare and the commercial bundle on random claims."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.programmes import PROGRAMMES, SPINE
from programme_comparison import compare_windows, random_windows_options
from programme_people import KINDS
from strategies import claim_tables, random_tables

ALL = {**PROGRAMMES, "spine-bundle": SPINE}
"""The packaged ones, and the example of a programme in a file of one's own."""


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), program=st.sampled_from(sorted(ALL)), seed=st.integers(0, 2**32 - 1))
def test_engine_equals_the_oracle_on_random_claims(data: Any, program: str, seed: int) -> None:
    tables = data.draw(claim_tables(kind=KINDS[program]))
    compare_windows(tables, ALL[program], random_windows_options(seed, ALL[program]))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("program", sorted(ALL))
def test_engine_equals_the_oracle_on_many_people(program: str, seed: int) -> None:
    tables = random_tables(seed, 150, KINDS[program])
    assert compare_windows(tables, ALL[program], random_windows_options(seed, ALL[program])) > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
@pytest.mark.parametrize("program", sorted(ALL))
def test_engine_equals_the_oracle_on_very_many_people(program: str, seed: int) -> None:
    tables = random_tables(seed, 2_500, KINDS[program])
    options = random_windows_options(seed, ALL[program])
    assert compare_windows(tables, ALL[program], options, buckets=Random(seed).choice([1, 3, 8])) > 500
