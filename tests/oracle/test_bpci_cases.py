"""The oracle of BPCI Advanced gives what the worked cases expect, which were computed by hand from the methodology."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from cases_loader import Case, load_cases, mismatches
from oracle.bpci_advanced import Built, Options, build
from oracle.bpci_flags import LADDER
from strategies import random_tables

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "bpci_advanced"
CASES = load_cases(FOLDER)


def run(case: Case) -> Built:
    options = Options()
    if "period" in case.options:
        options.period = tuple(case.options["period"])
    options.basis = case.options.get("amount_basis", options.basis)
    options.switched_off = frozenset(case.options.get("without_exclusions", []))
    return build(case.tables, case.references, options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_worked_case(case: Case) -> None:
    built = run(case)
    assert mismatches(case, built.episodes, built.services, link="key") == []
    assert_no_item_gives_more_than_it_has(built)


def assert_no_item_gives_more_than_it_has(built: Built) -> None:
    given: Counter[tuple[object, ...]] = Counter()
    full = {}
    for row in built.services:
        item = (row["key"], row["claim_id"], row["line_number"])
        given[item] += row["cents"]
        full[item] = row["full_cents"]
    assert all(0 <= given[item] <= max(full[item], 0) for item in given)


def test_the_cases_make_frames() -> None:
    for case in CASES:
        for name, frame in case.frames().items():
            assert frame.height == len(case.tables[name]), case.id
        for name, frame in case.reference_frames().items():
            assert frame.height == len(case.references[name]), case.id


def test_the_cases_keep_the_claims_contract() -> None:
    for case in CASES:
        claims = {row["claim_id"]: row for row in case.tables["claims"]}
        assert all(row["thru_date"] >= row["from_date"] for row in claims.values()), case.id
        assert all(line["claim_id"] in claims for line in case.tables["lines"]), case.id


def test_there_are_cases_enough() -> None:
    assert len(CASES) >= 150


@pytest.mark.parametrize("seed", range(3))
def test_random_people(seed: int) -> None:
    options = Options(period=(date(2025, 1, 1), date(2027, 12, 31)))
    built = build(random_tables(seed, people=30), CASES[0].references, options)
    assert_no_item_gives_more_than_it_has(built)
    rows = [(row["key"], row["claim_id"], row["line_number"], row["period"]) for row in built.services]
    assert len(rows) == len(set(rows))
    finals = {}
    for episode in built.episodes:
        assert episode["flags"] == sorted(episode["flags"], key=LADDER.index)
        assert (episode["status"] == "final") == (episode["reasons"] == [])
        if episode["status"] == "final":
            previous = finals.get(episode["beneficiary_id"])
            assert previous is None or episode["anchor_start"] > previous["episode_end"]
            finals[episode["beneficiary_id"]] = episode
    assert finals
