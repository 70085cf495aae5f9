"""Engine against the oracles of BPCI Advanced and of the other programmes, row by row and cent by cent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl

import episodes as ep
from cases_loader import REFERENCE_TYPES
from comparison import KEY, SERVICE_FIELDS
from episodes.errors import BasisError
from oracle import bpci_advanced, windows
from oracle.bpci_codes import References
from oracle.episodes import Row
from strategies import Tables, random_gmlos, to_frames

NOT_COMPARED = {"key", "beneficiary_id", "anchor_setting", "anchor_claim_id", "anchor_start", "flags"}
FLAGS_OF_BOTH = {"overlap", "death_before_anchor", "died_in_episode"}


# --- the engine's run ---------------------------------------------------------------------------------------


def run(tables: Tables, program: ep.programs.Program, references: ep.References, **how: Any) -> ep.BuiltEpisodes | None:
    """None where no claim has an amount on the basis."""
    claims = ep.Claims(**to_frames(tables))
    assert claims.report.quarantined_rows() == 0, claims.report.to_dict()
    try:
        return ep.build_episodes(claims, program, references=references, with_tables=(), **how)
    except BasisError:
        return None


def assert_equal_episodes(
    built: ep.BuiltEpisodes, expected: list[Row], columns: list[str]
) -> dict[str, tuple[Any, ...]]:
    """Candidates and their columns are the same; returns the key of each episode id."""
    theirs = {key_of(row): row for row in expected}
    ours = {key_of(row): row for row in built.episodes.iter_rows(named=True)}
    assert len(ours) == built.episodes.height
    assert sorted(ours, key=str) == sorted(theirs, key=str)
    for key, row in theirs.items():
        for name in columns:
            assert ours[key][name] == row[name], (name, key, ours[key][name], row[name])
    return {row["episode_id"]: key for key, row in ours.items()}


def key_of(row: Row) -> tuple[Any, ...]:
    return (*(row[name] for name in KEY), row["anchor_end"])


def assert_equal_services(
    built: ep.BuiltEpisodes, key_of_id: dict[str, tuple[Any, ...]], expected: list[Row], keys: dict[Any, Any]
) -> None:
    ours = [
        (key_of_id[row["episode_id"]], *(row[name] for name in SERVICE_FIELDS))
        for row in built.services.collect().iter_rows(named=True)
    ]
    theirs = [(keys[row["key"]], *(row[name] for name in SERVICE_FIELDS)) for row in expected]
    assert sorted(ours, key=str) == sorted(theirs, key=str)


# --- BPCI Advanced ------------------------------------------------------------------------------------------


def random_bpci_options(seed: int) -> bpci_advanced.Options:
    rng = Random(seed)
    options = bpci_advanced.Options()
    if rng.random() < 0.4:
        options.basis = rng.choice(("allowed", "paid"))
    if rng.random() < 0.3:
        options.period = (date(2021, 7, 1), date(2022, 6, 30))
    if rng.random() < 0.3:
        options.switched_off = frozenset(rng.sample(bpci_advanced.LADDER, rng.randint(1, 4)))
    return options


def compare_bpci(tables: Tables, references: References, options: bpci_advanced.Options, **how: Any) -> int:
    """Assert that the engine and the reference agree; return how many episodes they agreed on."""
    program = ep.load_program("bpci-advanced", amount_basis=options.basis, without_exclusions=options.switched_off)
    program = replace(program, period=options.period, own_period=options.period == bpci_advanced.Options().period)
    frames = {name: pl.DataFrame(rows, schema=REFERENCE_TYPES[name], orient="row") for name, rows in references.items()}
    built = run(tables, program, ep.References(**frames), **how)
    if built is None:
        return 0
    expected = bpci_advanced.build(tables, references, options)
    columns = [name for name in bpci_advanced.EPISODE_COLUMNS if name not in NOT_COMPARED]
    key_of_id = assert_equal_episodes(built, expected.episodes, columns)
    assert_equal_services(built, key_of_id, expected.services, {row["key"]: key_of(row) for row in expected.episodes})
    return len(expected.episodes)


# --- the others ---------------------------------------------------------------------------------------------


def random_windows_options(seed: int, programme: windows.Programme) -> windows.Options:
    rng = Random(seed)
    options = windows.Options()
    if rng.random() < 0.5:
        return options
    if rng.random() < 0.6:
        options.basis = rng.choice(("standardized", "allowed", "paid"))
    if rng.random() < 0.3:
        options.period = (programme.period[0] - timedelta(days=40), programme.period[1] - timedelta(days=100))
    if rng.random() < 0.4:
        options.switched_off = frozenset(rng.sample(programme.ladder, rng.randint(1, 4)))
    if rng.random() < 0.4:
        options.as_of = programme.period[0] + timedelta(days=rng.randint(100, 500))
    if rng.random() < 0.3:
        options.gmlos = random_gmlos(rng)
    return options


def compare_windows(tables: Tables, programme: windows.Programme, options: windows.Options, **how: Any) -> int:
    """Assert that the engine and the oracle agree; return how many episodes they agreed on."""
    program = ep.load_program(
        programme.id,
        programme.year,
        period=options.period,
        amount_basis=options.basis,  # type: ignore[arg-type]
        without_exclusions=options.switched_off,
    )
    references = ep.References()
    if options.gmlos is not None:
        listed = [
            {"fiscal_year": year, "ms_drg": drg, "gmlos": float(days)} for (year, drg), days in options.gmlos.items()
        ]
        references = ep.References(ms_drgs=pl.DataFrame(listed))
    built = run(tables, program, references, as_of=options.as_of, **how)
    if built is None:
        return 0
    expected = windows.build(tables, programme, options)
    columns = [name for name in windows.EPISODE_COLUMNS if name not in NOT_COMPARED]
    key_of_id = assert_equal_episodes(built, expected.episodes, columns)
    flags_of = {key_of_id[row["episode_id"]]: set(row["flags"]) for row in built.episodes.iter_rows(named=True)}
    for row in expected.episodes:
        assert flags_of[key_of(row)] & FLAGS_OF_BOTH == set(row["flags"]) & FLAGS_OF_BOTH, row["key"]
    assert_equal_services(built, key_of_id, expected.services, {row["key"]: key_of(row) for row in expected.episodes})

    booked = {(r["destination"], r["period"], r["reason"]): r["cents"] for r in built.balance.iter_rows(named=True)}
    wanted = {(r["destination"], r["period"], r["reason"]): r["cents"] for r in expected.balance}
    assert {k: v for k, v in booked.items() if v} == {k: v for k, v in wanted.items() if v}
    return len(expected.episodes)
