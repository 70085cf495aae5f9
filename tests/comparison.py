"""Engine against oracle: episodes, services and balance, row by row and cent by cent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

import episodes as ep
import strategies
from episodes.errors import BasisError
from oracle import episodes as oracle

EPISODE_FIELDS = [
    "category",
    "anchor_code",
    "price_code",
    "anchor_ccn",
    "attending_npi",
    "operating_npi",
    "anchor_end",
    "episode_start",
    "episode_end",
    "scheduled_end",
    "post_episode_end",
    "length_of_stay",
    "transfers",
    "status",
    "reasons",
    "anchor_cents",
    "post_cents",
    "post_episode_cents",
    "episode_cents",
    "episode_allowed_cents",
    "episode_standardized_cents",
]
SERVICE_FIELDS = [
    "claim_id",
    "line_number",
    "setting",
    "period",
    "disposition",
    "reason",
    "full_cents",
    "cents",
    "allowed_cents",
    "standardized_cents",
]
KEY = ["beneficiary_id", "anchor_setting", "anchor_claim_id", "anchor_start"]


def engine(tables: dict[str, list[dict[str, Any]]], options: oracle.Options, **how: Any) -> ep.BuiltEpisodes | None:
    """The engine's run with the oracle's options; None where no claim has an amount on the basis."""
    program = ep.load_program("team", 1, amount_basis=options.basis, without_exclusions=options.switched_off)
    program = replace(program, period=options.period, own_period=options.own_period)
    references = ep.References()
    if options.gmlos is not None:
        listed = [
            {"fiscal_year": year, "ms_drg": drg, "gmlos": float(days)} for (year, drg), days in options.gmlos.items()
        ]
        references = ep.References(ms_drgs=pl.DataFrame(listed))
    claims = ep.Claims(**strategies.to_frames(tables))
    assert claims.report.quarantined_rows() == 0, claims.report.to_dict()
    try:
        return ep.build_episodes(claims, program, references=references, as_of=options.as_of, with_tables=(), **how)
    except BasisError:
        return None


def compare(tables: dict[str, list[dict[str, Any]]], options: oracle.Options, **how: Any) -> int:
    """Assert that engine and oracle agree; return how many episodes they agreed on."""
    built = engine(tables, options, **how)
    if built is None:
        return 0
    expected = oracle.build(tables, options)

    theirs = {tuple(row["key"]): row for row in expected.episodes}
    ours = {tuple(row[name] for name in KEY): row for row in built.episodes.iter_rows(named=True)}
    assert sorted(ours, key=str) == sorted(theirs, key=str)
    for key, row in theirs.items():
        for name in EPISODE_FIELDS:
            assert ours[key][name] == row[name], (name, key, ours[key][name], row[name])
        ours_alone = {"transfer", "anchor_without_amount"}
        assert [flag for flag in ours[key]["flags"] if flag not in ours_alone] == row["flags"]

    key_of = {row["episode_id"]: key for key, row in ours.items()}
    our_services = sorted(
        (
            (key_of[row["episode_id"]], *(row[name] for name in SERVICE_FIELDS))
            for row in built.services.collect().iter_rows(named=True)
        ),
        key=str,
    )
    their_services = sorted(
        ((tuple(row["key"]), *(row[name] for name in SERVICE_FIELDS)) for row in expected.services), key=str
    )
    assert our_services == their_services

    booked = {(r["destination"], r["period"], r["reason"]): r["cents"] for r in built.balance.iter_rows(named=True)}
    wanted = {(r["destination"], r["period"], r["reason"]): r["cents"] for r in expected.balance}
    assert {k: v for k, v in booked.items() if v} == {k: v for k, v in wanted.items() if v}
    return len(ours)
