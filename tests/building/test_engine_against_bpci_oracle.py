"""The engine equals the reference of BPCI Advanced on random claims and random reference tables."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from programme_comparison import compare_bpci, random_bpci_options
from programme_people import BundledPerson, random_references
from strategies import Tables, claim_tables, random_tables


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables=claim_tables(kind=BundledPerson), seed=st.integers(0, 2**32 - 1))
def test_engine_equals_the_reference_on_random_claims(tables: Tables, seed: int) -> None:
    compare_bpci(tables, random_references(seed), random_bpci_options(seed))


@pytest.mark.parametrize("seed", range(4))
def test_engine_equals_the_reference_on_many_people(seed: int) -> None:
    tables = random_tables(seed, 150, BundledPerson)
    assert compare_bpci(tables, random_references(seed), random_bpci_options(seed)) > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_engine_equals_the_reference_on_very_many_people(seed: int) -> None:
    tables = random_tables(seed, 2_500, BundledPerson)
    buckets = Random(seed).choice([1, 3, 8])
    assert compare_bpci(tables, random_references(seed), random_bpci_options(seed), buckets=buckets) > 500
