"""Reconciliation over every kind of price: what the year brings to it, and with whom it is settled."""

from __future__ import annotations

import copy
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.errors import EpisodesError
from episodes.pricing import TargetPrices
from episodes.programs import Program
from episodes.programs.program import resolved
from episodes.reconciliation import reconcile, reconcile_thresholds
from pricing.hand_built_episodes import OHIO, episode, hand_built

PARTS = Path(__file__).parents[1] / "pricing" / "rules"
GROUP = "123456789"


def program_of(name: str, year: str | None = None) -> Program:
    """The packaged programme, with the price part of the tests where its file has none."""
    loaded = ep.load_program(name, year)
    if loaded.rules.price is not None:
        return loaded
    tree: dict[str, Any] = copy.deepcopy(dict(loaded._source))
    text = (PARTS / f"{name}.toml").read_text(encoding="utf-8")
    tree["price"] = tomllib.loads(text, parse_float=Decimal)["price"]
    return resolved(tree, loaded.performance_year)


def given(program: Program, **columns: Any) -> TargetPrices:
    frame = pl.DataFrame({name: values if isinstance(values, list) else [values] for name, values in columns.items()})
    return TargetPrices(
        prices=frame.with_columns(pl.col("region").cast(pl.Int32)) if "region" in columns else frame,
        program_id=program.id,
        performance_year=program.performance_year,
        basis=program.amount_basis,
        origin="given",
    )


def test_cjr_prices_money_owed_with_its_own_discount() -> None:
    cjr = program_of("cjr", "2")
    prices = given(
        cjr,
        price_code="470",
        region=3,
        regional_mean_cents=100_000,
        discount=0.03,
        repayment_discount=0.02,
        price_cents=97_000,
    )
    quality = pl.DataFrame(
        {
            "ccn": [OHIO] * 2,
            "measure": ["complications", "hcahps"],
            "performance_year": ["2"] * 2,
            "percentile": [55.0, 0.0],
        }
    )
    for cost, target, change, amount in (
        (98_500, 98_000, 500, 0),  # good: 2 and 1 percent; between 98000 and 99000 nothing is owed
        (99_500, 98_000, 1_000, -500),
        (97_000, 98_000, 0, 1_000),
    ):
        built = hand_built(cjr, [episode(cost, program="cjr")])
        [party] = reconcile(built, prices, quality=quality).parties.to_dicts()
        assert (party["target_cents"], party["repayment_price_effect_cents"]) == (target, change)
        assert (party["quality_category"], party["amount_cents"]) == ("good", amount)


def test_spending_in_a_disaster_counts_up_to_the_target() -> None:
    cjr = program_of("cjr", "4")
    prices = given(cjr, price_code="470", region=3, regional_mean_cents=1_000, discount=0.03, price_cents=970)
    built = hand_built(cjr, [episode(5_000, program="cjr"), episode(900, program="cjr")])
    result = reconcile(built, prices, disaster_episodes=["e00000", "e00001"])
    assert result.episodes["difference_cents"].to_list() == [0, 80]  # good: 980
    assert (result.episodes["capped_cents"] + result.episodes["cut_cents"]).to_list() == [5_000, 900]
    team = program_of("team", "1")
    with pytest.raises(EpisodesError, match="team has no rule for episodes in a disaster"):
        reconcile(hand_built(team, []), given(team, price_code="470", region=3, price_cents=1), disaster_episodes=["e"])


def test_team_takes_multipliers_and_final_factors() -> None:
    team = program_of("team", "1")
    prices = given(
        team,
        price_code="470",
        price_cell="470",
        region=3,
        baseline_cents=1_000_000,
        trend=1.0,
        normalization=1.0,
        discount=0.02,
        price_cents=980_000,
    )
    built = hand_built(team, [episode(900_000)])
    factors = pl.DataFrame(
        {"price_cell": ["470"], "region": [3], "final_trend": [1.10], "final_normalization": [1.0]},
        schema_overrides={"region": pl.Int32},
    )
    preliminary = reconcile(built, prices, track=3)
    assert preliminary.episodes["price_cents"].to_list() == [980_000]
    assert "no risk multiplier, final trend or final normalization is applied" in preliminary.notes[0]
    final = reconcile(built, prices, track=3, final_factors=factors)
    assert final.episodes["price_cents"].to_list() == [1_009_400]  # the trend is held at 1.03
    assert final.episodes["price_trend"].to_list() == [1.03]
    assert "no risk multiplier is applied" in final.notes[0]


def test_bpci_advanced_is_settled_in_real_dollars() -> None:
    bpci = program_of("bpci-advanced")
    prices = given(
        bpci,
        ccn=OHIO,
        category="IP-Sepsis",
        sbs_cents=1_000,
        pcma=1.0,
        pat=1.0,
        discount=0.03,
        real_ratio=1.1,
        price_cents=1_067,
    )
    rows = [episode(cost, program=bpci.id, category="IP-Sepsis", price_code="871") for cost in (900, 1_100, 500)]
    owners = pl.DataFrame(
        {"episode_id": ["e00000", "e00001"], "party_kind": ["group", "hospital"], "party_id": [GROUP, OHIO]}
    )
    result = reconcile(hand_built(bpci, rows), prices, attributed=owners)
    # 1000 x 0.97 x 1.1 = 1067; 900 x 1.1 = 990, 1100 x 1.1 = 1210; score 0.5: x 0.95
    assert result.episodes["capped_cents"].to_list() == [990, 1_210]
    assert (result.episodes["capped_cents"] + result.episodes["cut_cents"]).equals(result.episodes["actual_cents"])
    assert dict(result.parties.select("party_id", "amount_cents").iter_rows()) == {GROUP: 73, OHIO: -136}
    assert result.episodes["settled_cents"].sum() == result.parties["amount_cents"].sum()


def test_ace_settles_nothing_afterwards() -> None:
    ace = program_of("ace")
    prices = given(ace, price_code="470", ccn=OHIO, part_a_cents=900, discount_a=0.1, price_cents=810)
    built = hand_built(ace, [episode(700, program="ace", category="ORTHOPEDIC")])
    [party] = reconcile(built, prices).parties.to_dicts()
    assert (party["difference_cents"], party["prospective_effect_cents"], party["amount_cents"]) == (110, -110, 0)
    assert (party["quality_score"], party["quality_status"]) == (None, "none")


def test_states_settle_against_their_own_thresholds() -> None:
    state = program_of("tenncare-tjr", "2024")
    thresholds = given(
        state,
        category="TJR",
        commendable_cents=10_000,
        acceptable_cents=12_000,
        gain_limit_cents=8_000,
        price_cents=12_000,
    )
    built = hand_built(state, [episode(9_000, program=state.id, category="TJR") for _ in range(5)])
    owners = built.episodes.select("episode_id", party_kind=pl.lit("physician"), party_id=pl.lit("A"))
    passed = pl.DataFrame({"party_id": ["A"], "quality_passed": [True]})
    result = reconcile_thresholds(built, thresholds, owners, quality=passed)
    assert result.parties["amount_cents"].to_list() == [2_500]


@pytest.mark.parametrize("name", ["team", "cjr", "bpci-advanced", "epm-2017", "ace"])
def test_every_programme_says_who_settles_and_how(name: str) -> None:
    settlement = program_of(name).settlement
    assert settlement.steps.value
    assert settlement.default_track.value in settlement.tracks.value
