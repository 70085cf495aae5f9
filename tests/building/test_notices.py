"""Inputs that empty a result are said aloud; a what-if is said wherever its result goes."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

import episodes as ep
from episodes.errors import ArgumentError, BasisError, PriceError

TEAM = ep.load_program("team", performance_year=1)


@pytest.fixture(scope="module")
def claims() -> ep.Claims:
    return ep.read_claims(ep.synthetic.bundled_folder())


@pytest.fixture(scope="module")
def prices(claims: ep.Claims) -> object:
    return ep.target_prices(ep.build_episodes(claims, TEAM.for_baseline()), TEAM)


def again(of: ep.Claims, /, **changed: pl.LazyFrame | None) -> ep.Claims:
    tables = {name: of.table(name) for name in ep.claims.TABLES} | changed
    return ep.Claims(**tables, validate="none")  # type: ignore[arg-type]


def notes(claims: ep.Claims) -> str:
    return "\n".join(ep.build_episodes(claims, TEAM).counts["notes"])


def test_a_sound_delivery_is_silent_but_for_the_references(claims: ep.Claims) -> None:
    assert notes(claims).splitlines() == [line for line in notes(claims).splitlines() if "mean lengths of stay" in line]


def test_no_coverage_is_said(claims: ep.Claims) -> None:
    assert "There is no coverage table" in notes(again(claims, coverage=None))


def test_coverage_of_other_ids_is_said(claims: ep.Claims) -> None:
    other = claims.coverage.with_columns(pl.lit("other ").add(pl.col("beneficiary_id")).alias("beneficiary_id"))
    people = claims.claims.select(pl.col("beneficiary_id").n_unique()).collect().item()
    said = notes(again(claims, coverage=other))
    assert f"None of the {people:,} people with claims is in the coverage table" in said


def test_stays_without_drg_or_hospital_are_said(claims: ep.Claims) -> None:
    nothing = pl.lit(None, dtype=pl.String)
    assert "has a DRG" in notes(again(claims, claims=claims.claims.with_columns(ms_drg=nothing, pricing_drg=nothing)))
    assert "has a CCN" in notes(again(claims, claims=claims.claims.with_columns(ccn=nothing)))


def test_dollars_in_place_of_cents_are_noticed(claims: ep.Claims) -> None:
    dollars = pl.col("standardized_cents") // 100
    small = again(claims, claims=claims.claims.with_columns(dollars), lines=claims.lines.with_columns(dollars))
    assert "Are the amounts dollars?" in notes(small)


def test_a_lost_leading_zero_is_noticed(claims: ep.Claims) -> None:
    short = ep.Claims(
        claims=claims.claims.with_columns(pl.col("ccn").str.replace("^360801$", "36081")), lines=claims.lines
    )
    assert any("of 5 digits" in note for note in short.report.all_notes())


@pytest.mark.parametrize("table", ["claims", "lines"])
def test_amounts_missing_from_one_kind_of_item_stop_the_run(claims: ep.Claims, table: str) -> None:
    nothing = pl.lit(None, dtype=pl.Int64)
    broken = again(claims, **{table: claims.table(table).with_columns(standardized_cents=nothing)})
    with pytest.raises(BasisError, match="--amount-basis allowed"):
        ep.build_episodes(broken, TEAM)


def test_prices_of_another_construction_are_refused(claims: ep.Claims, prices: ep.pricing.TargetPrices) -> None:
    longer = ep.build_episodes(claims, TEAM.override({"window.post_days": 90}))
    with pytest.raises(PriceError, match=r"construction\.window\.post_days"):
        ep.reconcile(longer, prices)


def test_a_what_if_is_said_with_the_result(claims: ep.Claims, prices: ep.pricing.TargetPrices) -> None:
    changed = TEAM.without(["medicare_advantage"]).override({"settlement.default_track": "3"})
    said = "\n".join(ep.reconcile(ep.build_episodes(claims, changed), prices).notes)
    assert "Exclusions switched off: medicare_advantage" in said
    assert "settlement.default_track = 3" in said


def test_episodes_that_nobody_settles_are_said(claims: ep.Claims, prices: ep.pricing.TargetPrices) -> None:
    built = ep.build_episodes(claims, TEAM)
    said = "\n".join(ep.reconcile(built, prices).notes)
    assert "of 1 hospital that take no part are not settled" in said
    nobody = again(claims, participants=claims.participants.head(1).with_columns(entity_id=pl.lit("000001")))
    empty = ep.reconcile(ep.build_episodes(nobody, TEAM), prices)
    assert empty.hospitals.is_empty()
    assert "nothing is settled" in "\n".join(empty.notes)
    everybody = again(claims, participants=None)
    assert "every hospital takes part" in "\n".join(ep.reconcile(ep.build_episodes(everybody, TEAM), prices).notes)


def test_a_track_for_an_unknown_hospital_is_an_error(claims: ep.Claims, prices: ep.pricing.TargetPrices) -> None:
    with pytest.raises(ArgumentError, match="36018"):
        ep.reconcile(ep.build_episodes(claims, TEAM), prices, track={"36018": 3})


def test_switched_off_rungs_say_what_they_would_have_hit(claims: ep.Claims) -> None:
    on, off = ep.build_episodes(claims, TEAM), ep.build_episodes(claims, TEAM.without(["out_of_period"]))
    hits = {reason: anywhere for reason, _, anywhere, _ in on.ladder().iter_rows()}
    would_hit = {reason: (first, anywhere, applied) for reason, first, anywhere, applied in off.ladder().iter_rows()}
    assert would_hit["out_of_period"] == (0, hits["out_of_period"], "switched off")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"claims": "my-claims"}, "claims is a str; give what read_claims"),
        ({"program": "team"}, "program is a str; give what load_program"),
        ({"as_of": "2026-13-01"}, "as_of is a date or YYYY-MM-DD; given: '2026-13-01'"),
        ({"as_of": 20260501}, "as_of is a date or YYYY-MM-DD"),
        ({"references": pl.DataFrame()}, "references is a DataFrame"),
        ({"threads": 0}, "threads and buckets"),
        ({"buckets": 0}, "threads and buckets"),
    ],
)
def test_arguments_of_another_kind_are_named(claims: ep.Claims, arguments: dict[str, object], says: str) -> None:
    good: dict[str, object] = {"claims": claims, "program": TEAM, "as_of": dt.date(2027, 12, 31)}
    with pytest.raises(ArgumentError, match=says):
        ep.build_episodes(**(good | arguments))  # type: ignore[arg-type]


def test_the_construction_of_another_year_is_said(claims: ep.Claims) -> None:
    said = "The construction of episodes is that of performance year 8, not of 5 (construction.published_for, open)"
    for year, wanted in ((5, True), (8, False)):
        program = ep.load_program("bpci-advanced", year)
        told = ep.build_episodes(claims, program, with_tables=()).counts["notes"]
        assert any(note.startswith(said) for note in told) is wanted


def test_the_date_claims_are_known_at_may_be_text(claims: ep.Claims) -> None:
    def at(as_of: object) -> ep.building.BuiltEpisodes:
        return ep.build_episodes(claims, TEAM, as_of=as_of, with_tables=())  # type: ignore[arg-type]

    of_date, of_text, of_moment = map(
        at, (dt.date(2026, 6, 30), "2026-06-30", dt.datetime(2026, 6, 30, 23, tzinfo=dt.UTC))
    )
    assert of_text.counts == of_date.counts == of_moment.counts
    assert of_text.counts["episodes_by_status"]["open"] > 0
    assert of_text.episodes.equals(of_date.episodes)


def test_reference_tables_that_rules_read_and_nobody_gave_are_said(claims: ep.Claims) -> None:
    program = ep.load_program("bpci-advanced")
    said = "\n".join(ep.build_episodes(claims, program, with_tables=()).counts["notes"])
    for table in ("fee_schedule", "opps", "drg_remap", "clotting"):
        assert f"The reference table '{table}' is not at hand" in said
    schedule = pl.DataFrame({"hcpcs": ["27447"], "global_days": ["090"]})
    given = ep.build_episodes(claims, program, ep.References(fee_schedule=schedule), with_tables=())
    assert "'fee_schedule'" not in "\n".join(given.counts["notes"])
    assert "is not at hand" not in notes(claims)
