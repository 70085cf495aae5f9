"""True-ups: every cent of a change has a cause."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import EpisodesError
from episodes.reconciliation import ReconciliationResult, TrueUp, reconcile, true_up
from episodes.reconciliation.true_up import CAUSES
from pricing.hand_built_episodes import OHIO, TEXAS, episode, hand_built
from reconciliation.test_parties import blended, prices
from reconciliation.test_reconcile import quality

TEAM = ep.load_program("team", performance_year=1)


def run(
    *rows: dict[str, Any], program: Any = TEAM, score: float | None = None, **arguments: Any
) -> ReconciliationResult:
    given_prices = arguments.pop("given_prices", prices(program))
    listed = None if score is None else quality((OHIO, "psi_90", score, None))
    built = hand_built(program, [{**row, "program": program.id} for row in rows])
    return reconcile(built, given_prices, quality=listed, **arguments)


def causes(compared: TrueUp, party: str = OHIO) -> dict[str, int]:
    row = compared.parties.filter(party_id=party).row(0, named=True)
    assert sum(row[f"{cause}_cents"] for cause in CAUSES) == row["change_cents"]
    return {cause: row[f"{cause}_cents"] for cause in CAUSES if row[f"{cause}_cents"]}


def test_late_claims() -> None:
    compared = true_up(
        run(episode(900), episode(950), track=3, score=100), run(episode(900), episode(980), track=3, score=100)
    )
    assert causes(compared) == {"late_claims": -30}
    row = compared.episodes.row(0, named=True)
    assert (row["what"], row["why"], row["change_cents"]) == ("changed", "spending", -30)
    assert compared.parties.select("episodes_changed", "episodes_same").row(0) == (1, 1)


def test_late_claims_within_a_limit_change_nothing() -> None:
    # gain 1000 of 2000: stop-gain 400 in both runs
    compared = true_up(
        run(episode(500), episode(500), track=3, score=100), run(episode(500), episode(600), track=3, score=100)
    )
    assert causes(compared) == {}


def test_eligibility_says_why() -> None:
    earlier = run(episode(900), episode(950), track=3, score=100)
    later = run(
        episode(900), episode(950, status="excluded", reasons=["medicare_advantage"]), episode(990), track=3, score=100
    )
    compared = true_up(earlier, later)
    assert causes(compared) == {"eligibility": -40}  # -50 + 10
    assert compared.episodes.select("what", "why").rows() == [
        ("gone", "medicare_advantage"),
        ("new", "not a candidate in the other run"),
    ]


def test_quality() -> None:
    compared = true_up(run(episode(900), score=100, track=3), run(episode(900), score=0, track=3))
    assert causes(compared) == {"quality": -10}


def test_quality_that_changes_the_price() -> None:
    cjr = ep.load_program("cjr", "4")
    given_prices = blended(970)

    def scored(percentile: float) -> ReconciliationResult:
        measures = pl.DataFrame(
            {
                "ccn": [OHIO] * 2,
                "measure": ["complications", "hcahps"],
                "performance_year": ["4"] * 2,
                "percentile": [percentile] * 2,
            }
        )
        built = hand_built(cjr, [episode(900, program="cjr")])
        return reconcile(built, given_prices, quality=measures)

    # 970 acceptable or below; at percentile 0 below acceptable: no payment; at 95 excellent: 985
    assert causes(true_up(scored(0), scored(95))) == {"quality": 85}
    assert causes(true_up(scored(30), scored(95))) == {"quality": 5}  # 9.9, good: 980


def test_prices_by_component() -> None:
    parts = {"baseline_cents": [1_000] * 2, "trend": [1.0] * 2, "normalization": [1.0] * 2}
    old = prices(TEAM, 1_000, **parts)
    new = prices(TEAM, 1_050, **{"baseline_cents": [1_019] * 2, "trend": [1.02] * 2, "normalization": [1.01] * 2})
    arguments: dict[str, Any] = {"track": 3, "score": 100}
    compared = true_up(
        run(episode(900), given_prices=old, **arguments), run(episode(900), given_prices=new, **arguments)
    )
    # 1000 -> x 1.01 = 1010 -> x 1.02 = 1030.2 -> 1050
    assert causes(compared) == {"case_mix": 10, "trend": 20, "price": 20}
    unsplit = true_up(run(episode(900), **arguments), run(episode(900), given_prices=prices(TEAM, 1_050), **arguments))
    assert causes(unsplit) == {"price": 50}


def test_terms() -> None:
    compared = true_up(run(episode(5_000), track=1, score=0), run(episode(5_000), track=3, score=0))
    assert causes(compared) == {"terms": -200}


def test_a_party_in_one_run_only() -> None:
    compared = true_up(run(episode(900), track=3, score=100), run(episode(900, anchor_ccn=TEXAS), track=3))
    assert causes(compared) == {"attribution": -100}
    assert causes(compared, TEXAS) == {"attribution": 95}  # unknown quality: 50
    assert compared.parties["change_cents"].sum() == -5
    assert "True-up: $1.00 to $0.95, a change of -$0.05" in repr(compared)
    assert compared.to_dict()["parties"][0]["party_id"] == OHIO


def test_other_periods_are_refused() -> None:
    mine = run(episode(900))
    second = run(episode(900), program=ep.load_program("team", performance_year=2))
    half = run(episode(900), program=TEAM.for_period("2026-01-01", "2026-06-30"))
    for other, message in (
        (second, "differ in their performance year: 1 and 2"),
        (half, "differ in their period"),
        (dataclasses.replace(mine, inputs={}), "put together by hand"),
    ):
        with pytest.raises(EpisodesError, match=message):
            true_up(mine, other)


def test_an_episode_that_lost_its_price() -> None:
    no_price = prices(TEAM).prices.filter(pl.lit(False))
    earlier = run(episode(900), track=3, score=100)
    later = run(episode(900), track=3, score=100, given_prices=dataclasses.replace(prices(TEAM), prices=no_price))
    compared = true_up(earlier, later)
    assert causes(compared) == {"price": -100}
    assert compared.episodes["why"].to_list() == ["no_target_price"]


EPISODES = st.lists(
    st.builds(
        lambda cents, ccn, status, code, after: episode(
            cents, anchor_ccn=ccn, status=status, price_code=code, post_episode_cents=after
        ),
        st.integers(0, 5_000),
        st.sampled_from([OHIO, TEXAS]),
        st.sampled_from(["final", "final", "excluded"]),
        st.sampled_from(["470", "470", "469"]),
        st.integers(0, 3_000),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(EPISODES, EPISODES, st.integers(0, 100), st.integers(0, 100), st.integers(800, 1_200), st.sampled_from([1, 3]))
def test_causes_sum_to_the_change(
    one: list[dict[str, Any]], other: list[dict[str, Any]], low: int, high: int, price: int, track: int
) -> None:
    earlier = run(*one, score=low, track=track)
    later = run(*other, score=high, track=3, given_prices=prices(TEAM, price))
    compared = true_up(earlier, later)
    for name, result in (("earlier", earlier), ("later", later)):
        assert compared.parties[f"{name}_cents"].sum() == result.parties["amount_cents"].sum()
    sums = compared.parties.select(pl.sum_horizontal(f"{cause}_cents" for cause in CAUSES)).to_series()
    assert sums.to_list() == compared.parties["change_cents"].to_list()
