"""Edges that once gave a wrong number."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.errors import ContractError, PriceError

TEAM = ep.load_program("team", performance_year=1)
COVERED = pl.DataFrame(
    {"beneficiary_id": ["p", "p"], "kind": ["part_a", "part_b"], "start_date": [dt.date(2020, 1, 1)] * 2}
)


def stay(**changed: Any) -> dict[str, Any]:
    return {
        "beneficiary_id": "p",
        "claim_id": "7",
        "setting": "inpatient",
        "ms_drg": "470",
        "ccn": "360001",
        "from_date": dt.date(2026, 3, 1),
        "thru_date": dt.date(2026, 3, 4),
        "standardized_cents": 1_000_000,
    } | changed


def build(*claims: dict[str, Any], program: ep.Program = TEAM, lines: pl.DataFrame | None = None) -> ep.BuiltEpisodes:
    return ep.build_episodes(ep.Claims(claims=pl.DataFrame(list(claims)), lines=lines, coverage=COVERED), program)


def test_an_anchor_without_an_amount_is_flagged_and_said() -> None:
    again = stay(claim_id="8", ms_drg="291", from_date=dt.date(2026, 3, 9), thru_date=dt.date(2026, 3, 10))
    built = build(stay(standardized_cents=None), again)
    assert built.episodes["flags"].to_list() == [["anchor_without_amount"]]
    assert any("anchor without an amount" in note for note in built.counts["notes"])
    assert build(stay(), again).episodes["flags"].to_list() == [[]]


def test_claim_ids_that_are_equal_as_numbers_keep_an_order_of_their_own() -> None:
    twins = [stay(claim_id="7", ms_drg="470"), stay(claim_id="07", ms_drg="469", ccn="360002")]
    one, other = build(*twins), build(*reversed(twins))
    assert one.episodes.equals(other.episodes)
    assert one.services.collect().equals(other.services.collect())


def test_two_triggers_of_a_claim_and_day_have_ids_of_their_own() -> None:
    procedure = stay(setting="outpatient", ms_drg=None, thru_date=dt.date(2026, 3, 1))
    lines = pl.DataFrame(
        {
            "beneficiary_id": ["p", "p"],
            "claim_id": ["7", "7"],
            "line_number": [1, 2],
            "service_date": [dt.date(2026, 3, 1)] * 2,
            "hcpcs": ["27447", "27130"],
            "standardized_cents": [900_000, 800_000],
        }
    )
    program = TEAM.override({"one_outpatient_anchor_a_day": False})
    ids = build(procedure, lines=lines, program=program).episodes["episode_id"]
    assert ids.len() == ids.n_unique() == 2


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "America/New_York"])
def test_a_moment_is_of_the_day_it_was_written(zone: str | None) -> None:
    late = pl.Series([dt.datetime(2026, 3, 1, 22)]).dt.replace_time_zone(zone)  # noqa: DTZ001
    frame = pl.DataFrame([stay()]).with_columns(from_date=late)
    read = ep.Claims(claims=frame, coverage=COVERED).claims.select("from_date").collect()
    assert read.item() == dt.date(2026, 3, 1)


def test_an_add_on_free_programme_nets_nothing() -> None:
    program = TEAM.override({"netted_add_ons": [], "amount_basis": "allowed"})
    built = build(stay(allowed_cents=1_200_000, ime_cents=50_000), program=program)
    assert built.episodes["episode_cents"].to_list() == [1_200_000]


def test_a_trusted_table_that_cannot_be_read_shows_no_value() -> None:
    trusted = ep.Claims(claims=pl.DataFrame([stay(standardized_cents="a secret")]), validate="none")
    with pytest.raises(ContractError, match="'claims' cannot be read") as caught:
        ep.build_episodes(trusted, TEAM)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("price", [24_500.75, 24_500.0])
def test_a_price_with_a_fraction_is_refused_never_cut(tmp_path: Any, price: float) -> None:
    pl.DataFrame({"price_code": ["470"], "region": [3], "price_cents": [price]}).write_parquet(tmp_path / "p.parquet")
    if price.is_integer():
        assert ep.read_target_prices(tmp_path / "p.parquet", TEAM).prices["price_cents"].to_list() == [24_500]
    else:
        with pytest.raises(PriceError):
            ep.read_target_prices(tmp_path / "p.parquet", TEAM)


def test_episodes_without_a_price_owe_nothing_for_their_post_episode_spending(tmp_path: Any) -> None:
    """One hospital with a dear unpriced episode, many others with none: nothing of it may be settled."""
    claims, coverage = [], []
    for number in range(30):
        person = f"p{number}"
        dear = number == 0
        claims.append(
            stay(
                beneficiary_id=person,
                claim_id=str(number),
                ms_drg="469" if dear else "470",
                ccn="360001" if dear else "360002",
            )
        )
        claims.append(
            stay(
                beneficiary_id=person,
                claim_id=str(100 + number),
                setting="snf",
                ms_drg=None,
                ccn="365001",
                from_date=dt.date(2026, 4, 10),
                thru_date=dt.date(2026, 4, 20),
                standardized_cents=90_000_000 if dear else 1_000,
            )
        )
        coverage.append(COVERED.with_columns(beneficiary_id=pl.lit(person)))
    built = ep.build_episodes(ep.Claims(claims=pl.DataFrame(claims), coverage=pl.concat(coverage)), TEAM)
    pl.DataFrame({"price_code": ["470"], "region": [3], "price_cents": [1_100_000]}).write_csv(tmp_path / "p.csv")
    result = ep.reconcile(built, ep.read_target_prices(tmp_path / "p.csv", TEAM), track="3")
    assert result.hospitals.filter(ccn="360001").select("target_cents", "amount_cents").row(0) == (0, 0)
