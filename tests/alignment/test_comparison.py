"""Models compared: both sides share the same money in every draw, the seed decides, the text carries the figures."""

from __future__ import annotations

import polars as pl
import pytest

import episodes as ep
from episodes.alignment import ModelComparison, compare_models, comparison_paragraph, comparison_terms
from episodes.errors import ArgumentError

TEAM = ep.load_program("team", performance_year=1)
MODELS = ["independent", "employment", "professional_services", "co_management", "gainsharing", "shared_savings"]


def year(costs: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "category": ["LEJR" if number % 2 else "SHFFT" for number in range(len(costs))],
            "price_cents": [2_000_000] * len(costs),
            "capped_cents": costs,
            "fee_cents": [140_000 + 1_000 * number for number in range(len(costs))],
            "readmission_cents": [50_000 if number % 7 == 0 else 0 for number in range(len(costs))],
        }
    )


GOOD = year([1_500_000, 1_700_000, 2_300_000, 1_800_000, 1_650_000, 2_900_000, 1_400_000, 1_300_000])
BAD = year([2_500_000, 2_700_000, 2_300_000, 1_800_000, 2_650_000, 2_900_000, 2_400_000, 1_900_000])


@pytest.fixture(scope="module", params=["a good year", "a bad year"])
def compared(request: pytest.FixtureRequest) -> ModelComparison:
    return compare_models(
        GOOD if request.param == "a good year" else BAD, TEAM, track="3", quality_score=80, repeats=60
    )


def test_every_model_has_both_sides(compared: ModelComparison) -> None:
    sides = [(model, side) for model in MODELS for side in ("hospital", "physicians")]
    assert compared.table.select("model", "side").rows() == sides


def test_in_every_draw_the_sides_share_the_same_money(compared: ModelComparison) -> None:
    sums = compared.draws.group_by("draw", "model").agg(pl.col("amount_cents").sum())
    without = sums.filter(pl.col("model") != "shared_savings")
    assert without.group_by("draw").agg(pl.col("amount_cents").n_unique())["amount_cents"].unique().to_list() == [1]


def test_percentiles_lie_around_the_mean_and_risk_is_divided(compared: ModelComparison) -> None:
    table = compared.table
    assert table.select((pl.col("p5_cents") <= pl.col("mean_cents")).all()).item()
    assert table.select((pl.col("mean_cents") <= pl.col("p95_cents")).all()).item()
    shares = table.group_by("model").agg(pl.col("risk_share").sum())["risk_share"].to_list()
    assert shares == pytest.approx([1] * len(MODELS))


def test_gainsharing_moves_risk_to_the_physicians(compared: ModelComparison) -> None:
    risk = {
        model: share
        for model, side, share in compared.table.select("model", "side", "risk_share").rows()
        if side == "physicians"
    }
    assert risk["gainsharing"] > risk["co_management"]


def test_the_seed_decides() -> None:
    first, again, other = (compare_models(GOOD, TEAM, track="3", repeats=20, seed=seed) for seed in (5, 5, 6))
    assert first.draws.equals(again.draws)
    assert not first.draws.equals(other.draws)


def test_by_hand() -> None:
    """One episode: every draw is the year itself. 500000 below a target of 2000000, up to the stop-gain of 20 %."""
    one = GOOD.head(1)
    found = compare_models(one, TEAM, track="3", quality_score=100, repeats=3)
    table = {(model, side): mean for model, side, mean in found.table.select("model", "side", "mean_cents").rows()}
    assert found.year.settled_cents == 400_000
    assert table["independent", "hospital"] == 400_000
    assert table["independent", "physicians"] == 84_000  # 140000 less 40 %
    assert table["gainsharing", "physicians"] == 154_000  # half of 400000, capped at 70000
    assert table["gainsharing", "hospital"] == 330_000
    # co-management 28000: base 16800; of 11200 the cost half (0.75 <= 0.92: stretch), not readmission (1 of 1)
    assert table["co_management", "physicians"] == 84_000 + 16_800 + 5_600
    # wRVU 140000 x 0.5 / 3300 = 21.2121; x 3900 = 82727.27 -> 82727; bonus 8273 x 0.5 = 4136.5 -> 4137
    assert table["employment", "physicians"] == 82_727 + 4_137
    assert table["employment", "hospital"] == 400_000 + 84_000 - 86_864
    assert table["professional_services", "physicians"] == 86_864
    # level E: 500000 x 0.5 = 250000, held at 10 % of 2000000; 40 % of it
    assert table["shared_savings", "physicians"] == 84_000 + 80_000
    assert table["shared_savings", "hospital"] == 120_000


def test_terms_can_be_replaced() -> None:
    terms = comparison_terms().replaced(reconciliation_share="0.1")
    found = compare_models(GOOD.head(1), TEAM, track="3", quality_score=100, repeats=2, terms=terms)
    paid = found.table.filter(model="gainsharing", side="physicians")["mean_cents"].item()
    assert paid == 84_000 + 40_000
    assert terms.reconciliation_share.status == "agreed"
    with pytest.raises(ArgumentError, match="Known: work_share"):
        terms.replaced(luck=1)


def test_baseline_volumes_bring_the_low_volume_rule() -> None:
    floored = compare_models(
        BAD, TEAM, track="3", quality_score=0, baseline_episodes={"LEJR": 5, "SHFFT": 5}, repeats=2
    )
    plain = compare_models(BAD, TEAM, track="3", quality_score=0, repeats=2)
    assert floored.year.settled_cents == 0
    assert plain.year.settled_cents < 0
    assert any("low-volume" in note for note in plain.notes)


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="no settled episode"):
        compare_models(GOOD.head(0), TEAM)
    with pytest.raises(ArgumentError, match="repeats"):
        compare_models(GOOD, TEAM, repeats=0)


def test_the_paragraph_carries_the_figures(compared: ModelComparison) -> None:
    said = comparison_paragraph(compared)
    for words in ("gainsharing", "co-management", "employment", "shared savings", "nine years of ten"):
        assert words in said
    assert "no legal advice" in said
    assert ("owes" in said) == (compared.year.settled_cents < 0)


def test_the_picture_has_a_bar_a_model_and_side(compared: ModelComparison) -> None:
    pytest.importorskip("altair")
    from episodes.reports.sharing_charts import model_comparison

    drawn = model_comparison(compared).to_dict()
    text = str(drawn)
    assert all(model.replace("_", " ") in text for model in MODELS)
