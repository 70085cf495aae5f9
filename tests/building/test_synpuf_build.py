"""TEAM over the CMS DE-SynPUF files, where they are at hand: every row, trigger, reason and dollar accounted for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import polars as pl
import pytest

import episodes as ep

PERIOD = (dt.date(2008, 1, 1), dt.date(2010, 12, 31))
FAILING = ["not_acute_hospital", "no_enrolment_record", "not_in_part_a_and_b", "coverage_unknown"]


@pytest.fixture(scope="module")
def subsamples(shared_folder: Path) -> Path:
    return shared_folder / "claims" / "synpuf_10k_subsamples"


@pytest.fixture(scope="module")
def claims(subsamples: Path) -> ep.Claims:
    return ep.read_claims(subsamples, layout="synpuf")


def build(claims: ep.Claims, **how: object) -> ep.BuiltEpisodes:
    return ep.build_episodes(claims, ep.load_program("team", 1, period=PERIOD, amount_basis="paid", **how))  # type: ignore[arg-type]


def test_triggers_by_drg_agree_with_plain_sql(claims: ep.Claims, subsamples: Path) -> None:
    """Transfers cannot hide a trigger here: scrambled numbers are of no hospital type that chains."""
    built = build(claims)
    drgs = [*range(231, 237), *range(329, 332), *range(453, 456), 459, 460, *range(469, 474), *range(480, 483)]
    codes = "('" + "','".join(map(str, drgs)) + "')"
    counted = duckdb.sql(
        f"select CLM_DRG_CD, count(*) from read_csv('{subsamples}/*Inpatient*.csv.gz', all_varchar=true) "
        f"where SEGMENT = '1' and CLM_DRG_CD in {codes} group by all"
    ).fetchall()
    ours = dict(built.episodes.group_by("anchor_code").len().iter_rows())
    assert ours == dict(counted)
    by_category = dict(built.episodes.group_by("category").len().iter_rows())
    assert by_category == {"LEJR": 229, "SHFFT": 322, "CABG": 1450, "SPINAL_FUSION": 894, "MAJOR_BOWEL": 495}


def test_with_all_exclusions_every_anchor_fails_and_every_dollar_is_booked(claims: ep.Claims) -> None:
    built = build(claims)
    assert built.final().is_empty()
    ladder = {reason: anywhere for reason, _, anywhere, _ in built.ladder().iter_rows()}
    assert ladder["not_acute_hospital"] == built.episodes.height
    paid = claims.claims.select(pl.col("paid_cents").sum()).collect().item()
    assert built.balance["cents"].sum() == paid == 92_632_539_000
    assert built.balance["items"].sum() == 97_073


def test_switched_off_exclusions_are_said_and_give_episodes(claims: ep.Claims) -> None:
    built = build(claims, without_exclusions=FAILING)
    assert built.final().height > 2_000
    assert set(built.program.switched_off) == set(FAILING)
    said = {reason: applied for reason, _, _, applied in built.ladder().iter_rows()}
    assert {reason for reason, applied in said.items() if applied == "switched off"} == set(FAILING)
    assert built.balance["cents"].sum() == 92_632_539_000


def test_linked_files_give_episodes_with_professional_and_outpatient_services(shared_folder: Path) -> None:
    claims = ep.read_claims(shared_folder / "claims" / "synpuf_500bene_multifile")
    built = build(claims, without_exclusions=FAILING)
    assert built.final().height >= 5
    settings = set(
        built.services.join(built.final().select("episode_id").lazy(), on="episode_id", how="semi")
        .filter(pl.col("disposition") == "included")
        .collect()["setting"]
    )
    assert {"inpatient", "professional", "outpatient"} <= settings
