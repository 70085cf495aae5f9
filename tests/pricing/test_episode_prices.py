"""The price of each episode: its cell's price, and what reconciliation changes in it."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import ContractError, PriceError
from episodes.money import exact, round_half_up
from episodes.pricing import (
    TargetPrices,
    explain_price,
    price_at_discount,
    price_episodes,
    reconciliation_factors,
    target_prices,
)
from pricing.hand_built_episodes import OHIO, OHIO_TOO, PUERTO_RICO, TEXAS, episode, hand_built
from pricing.priced_programs import priced_program

TEAM = ep.load_program("team", performance_year=1)
AGES = pl.DataFrame({"factor": ["age_bracket"] * 2, "level": ["75-84", "85+"], "multiplier": [1.25, 1.5]})


def a_cell(*years: int, cents: int = 1_000_000, ccn: str = OHIO) -> list[dict[str, Any]]:
    return [episode(cents, year=year, anchor_ccn=ccn) for year in years]


PRICES = target_prices(hand_built(TEAM.for_baseline(), a_cell(2022, 2023, 2024)), TEAM)
"""TEAM, DRG 470 in region 3: baseline 10,000 dollars, price 9,800."""


def priced(
    rows: list[dict[str, Any]], prices: TargetPrices = PRICES, program: ep.Program = TEAM, **given: Any
) -> pl.DataFrame:
    built = hand_built(program, rows)
    return price_episodes(prices, built.episodes, program, built.hospitals, **given)


def ages(*years: int | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"episode_id": [f"e{n:05d}" for n in range(len(years))], "age": years},
        schema={"episode_id": pl.String, "age": pl.Int32},
    )


def factors(**values: float | None) -> pl.DataFrame:
    return pl.DataFrame({"price_cell": ["470"], "region": [3], **{name: [value] for name, value in values.items()}})


def test_a_preliminary_price() -> None:
    row = priced([episode(1)]).row(0, named=True)
    assert (row["price_cents"], row["price_status"], row["reason"]) == (980_000, "preliminary", None)
    assert (row["risk_multiplier"], row["risk_status"]) == (1.0, "not_adjusted")


def test_what_has_no_price_says_why_and_stays() -> None:
    found = priced([episode(1), episode(1, price_code="469"), episode(1, anchor_ccn=PUERTO_RICO)])
    assert found["reason"].to_list() == [None, "no_target_price", "no_region"]
    assert found["price_cents"].to_list() == [980_000, None, None]


def test_risk_multiplies() -> None:
    found = priced([episode(1)] * 3, risk=ages(80, 70, None), coefficients=AGES)
    # 1000000 x 0.98 x 1.25
    assert found["price_cents"].to_list() == [1_225_000, 980_000, 980_000]
    assert found["risk_status"].to_list() == ["known", "known", "no_risk_variables"]
    with pytest.raises(PriceError, match="no risk variables"):
        priced([episode(1)], coefficients=AGES)
    with pytest.raises(ContractError, match="lacks 1 column: age"):
        priced([episode(1)], risk=ages(80).drop("age"), coefficients=AGES)


def test_final_factors_are_held_and_shown_as_used() -> None:
    row = priced([episode(1)], final_factors=factors(final_trend=1.5, final_normalization=0.98)).row(0, named=True)
    # 1000000 x 1.03 (held) x 0.98 x 0.98 = 989212
    assert (row["trend"], row["normalization"], row["price_cents"]) == (1.03, 0.98, 989_212)
    assert row["price_status"] == "final"
    trended = priced([episode(1)], final_factors=factors(final_trend=1.01)).row(0, named=True)
    assert (trended["price_cents"], trended["price_status"]) == (989_800, "trended")
    nothing = priced([episode(1)], final_factors=factors(final_trend=None)).row(0, named=True)
    assert (nothing["price_cents"], nothing["price_status"]) == (980_000, "preliminary")
    with pytest.raises(PriceError, match="final factors repeat"):
        priced([episode(1)], final_factors=pl.concat([factors(final_trend=1.0)] * 2))


def test_the_years_own_factors() -> None:
    rows = [episode(1_040_000), episode(1_060_000), episode(99, price_code="469")]
    built = hand_built(TEAM, rows)
    found = reconciliation_factors(
        PRICES, built.episodes, TEAM, built.hospitals, risk=ages(80, 70, 70), coefficients=AGES
    )
    # trend: mean 1050000 over 1000000; normalization: 2 / (1.25 + 1)
    assert found.filter(price_cell="470").row(0) == ("470", 3, 2, 1.05, float(exact(0.888888888889)))
    # no price, no trend
    assert found.filter(price_cell="469")["final_trend"].to_list() == [None]
    final = priced(rows, risk=ages(80, 70, 70), coefficients=AGES, final_factors=found)
    assert final["price_status"].to_list() == ["final", "final", None]
    # 1.05 held at 1.03, 0.888... held at 0.95
    assert final["trend"][0] == 1.03
    assert final["normalization"][0] == 0.95


def test_prices_given_whole_are_multiplied_by_the_ratios() -> None:
    table = pl.DataFrame({"price_code": ["470"], "region": [3], "price_cents": [2_000_000], "trend": [1.02]})
    given = TargetPrices(table, "team", "1", "standardized", "given")
    row = priced([episode(1)], given, risk=ages(90), coefficients=AGES, final_factors=factors(final_trend=1.0302))
    # 2000000 x (1.0302 / 1.02) x 1.5
    assert row["price_cents"].to_list() == [3_030_000]
    assert row.select("trend", "prospective_trend").rows() == [(1.01, 1.02)]
    # without a final trend nothing multiplies the price: its own trend is within it
    assert priced([episode(1)], given)["price_cents"].to_list() == [2_000_000]
    seventh = ep.load_program("cjr", 7)
    table = table.rename({"trend": "market_trend"})
    regional = TargetPrices(table, "cjr", "7", "standardized", "given")
    assert priced([episode(1)], regional, seventh)["price_cents"].to_list() == [2_000_000]
    final = priced([episode(1)], regional, seventh, final_factors=factors(market_trend=1.0302))
    assert final["price_cents"].to_list() == [2_020_000]


def test_repeated_prices_are_refused() -> None:
    table = pl.DataFrame({"price_code": ["470"] * 2, "region": [3] * 2, "price_cents": [1, 2]})
    with pytest.raises(PriceError, match="repeat 1 cell: an episode would have two targets"):
        priced([episode(1)], TargetPrices(table, "team", "1", "standardized", "given"))


# --- CJR ----------------------------------------------------------------------------------------------------


def cjr_prices(program: ep.Program, year: int) -> TargetPrices:
    rows = [episode(3_000_000, year=year) for _ in range(20)] + [
        episode(2_400_000, year=year, anchor_ccn=OHIO_TOO) for _ in range(10)
    ]
    return target_prices(hand_built(program.for_baseline(), rows), program)


def test_cjr_takes_the_hospitals_row_before_the_regions() -> None:
    second = ep.load_program("cjr", 2)
    rows = [episode(1), episode(1, anchor_ccn=OHIO_TOO), episode(1, anchor_ccn="360099")]
    found = priced(rows, cjr_prices(second, 2013), second)
    # (2 x 3000000 + 2800000) / 3 x 0.97; 2800000 x 0.97, the hospital small or new
    assert found["price_cents"].to_list() == [2_845_333, 2_716_000, 2_716_000]
    # the same less 2 percent for money owed
    assert found["repayment_price_cents"].to_list() == [2_874_667, 2_744_000, 2_744_000]
    assert found["hospital_weight"].to_list() == ["2/3", "0", "0"]


def test_cjr_quality_lowers_the_discount_of_a_hospital() -> None:
    second = ep.load_program("cjr", 2)
    rows = [episode(1, anchor_ccn=OHIO_TOO), episode(1, anchor_ccn="360099")]
    found = priced(rows, cjr_prices(second, 2013), second, discount_reductions={OHIO_TOO: 0.015})
    # 3 - 1.5 and 2 - 1.5 points: 2800000 x 0.985 and x 0.995
    assert found["price_cents"].to_list() == [2_758_000, 2_716_000]
    assert found["repayment_price_cents"].to_list() == [2_786_000, 2_744_000]
    assert found["price_status"].to_list() == ["final", "preliminary"]
    # never below no discount
    whole = priced(rows[:1], cjr_prices(second, 2013), second, discount_reductions={OHIO_TOO: 0.5})
    assert whole["price_cents"].to_list() == [2_800_000]


def test_cjr_year_7_at_reconciliation() -> None:
    seventh = ep.load_program("cjr", 7)
    found = priced(
        [episode(1), episode(1)],
        cjr_prices(seventh, 2021),
        seventh,
        risk=ages(60, 90),
        coefficients=AGES,
        final_factors=factors(market_trend=1.1, normalization=0.9),
    )
    # 2800000 x 0.97 x 0.9 x 1.1 = 2688840; x 1.5 = 4033260
    assert found["price_cents"].to_list() == [2_688_840, 4_033_260]
    assert found["price_status"].unique().to_list() == ["final"]
    built = hand_built(seventh, [episode(3_080_000)])
    own = reconciliation_factors(cjr_prices(seventh, 2021), built.episodes, seventh, built.hospitals)
    assert own.row(0) == ("470", 3, 1, 1.1, None)
    fourth = ep.load_program("cjr", 4)
    with pytest.raises(PriceError, match="no final factors in performance year 4"):
        reconciliation_factors(cjr_prices(fourth, 2015), built.episodes, fourth, built.hospitals)


# --- BPCI Advanced, ACE, states -----------------------------------------------------------------------------

BPCI = priced_program("bpci-advanced", "8")


def of_bpci(**columns: list[Any]) -> TargetPrices:
    table = pl.DataFrame({"ccn": [OHIO], "category": ["LEJR"], **columns})
    return TargetPrices(table, "bpci-advanced", "8", "standardized", "given")


def test_bpci_final_case_mix_and_realized_trend() -> None:
    prices = of_bpci(price_cents=[0], sbs_cents=[2_000_000], pcma=[1.1], pat=[0.98], discount=[0.03], real_ratio=[1.25])
    final = pl.DataFrame({"ccn": [OHIO], "category": ["LEJR"], "final_pcma": [1.21], "realized_trend": [1.08]})
    row = priced([episode(1)], prices, BPCI, final_factors=final).row(0, named=True)
    # 2000000 x 1.1 x 0.98 x 0.97 = 2091320; / 1.1 x 1.21 = 2300452; x 1.05 (held) x 1.25 = 3019343.25
    assert (row["price_cents"], row["realized_trend"], row["price_status"]) == (3_019_343, 1.05, "final")


def test_bpci_a_groups_row_before_its_hospitals() -> None:
    table = pl.DataFrame(
        {
            "ccn": [OHIO, OHIO],
            "category": ["LEJR", "LEJR"],
            "party_id": [None, "123456789"],
            "price_cents": [900_000, 1_600_000],
            "pgp_target_cents": [None, 1_600_000],
            "pgp_case_mix": [None, 1.25],
            "pcma": [1.0, 1.1],
        }
    )
    prices = TargetPrices(table, "bpci-advanced", "8", "standardized", "given")
    built = hand_built(BPCI, [episode(1), episode(1)])
    parties = built.episodes.with_columns(party_id=pl.Series(["123456789", None]))
    found = price_episodes(prices, parties, BPCI, built.hospitals)
    assert found["price_cents"].to_list() == [1_600_000, 900_000]
    final = pl.DataFrame({"ccn": [OHIO], "category": ["LEJR"], "final_pcma": [1.65]})
    adjusted = price_episodes(prices, parties.head(1), BPCI, built.hospitals, final_factors=final)
    # 1600000 / 1.25 x 1.65 / 1.1
    assert adjusted["price_cents"].to_list() == [1_920_000]


def test_ace_prices_by_cell_and_hospital() -> None:
    ace = priced_program("ace")
    rows = [episode(2_500_000, year=2007, anchor_facility_cents=2_000_000)]
    prices = target_prices(hand_built(ace.for_baseline(), rows), ace)
    found = priced([episode(1), episode(1, anchor_ccn=TEXAS)], prices, ace)
    assert found["price_cents"].to_list() == [2_335_000, None]
    assert found["reason"].to_list() == [None, "no_target_price"]


def test_thresholds_are_no_prices_of_episodes() -> None:
    state = priced_program("tenncare-tjr")
    prices = target_prices(hand_built(state.for_baseline(), []), state)
    with pytest.raises(PriceError, match="no price each"):
        priced([], prices, state)


# --- all of them --------------------------------------------------------------------------------------------


@given(
    st.integers(1, 10**7),
    st.decimals("0.8", "1.3", places=4),
    st.decimals("0.8", "1.3", places=4),
    st.lists(st.sampled_from([60, 70, 80, 90]), min_size=1, max_size=4),
)
def test_the_price_is_the_product_of_its_columns(cents: int, trend: Any, normal: Any, years: list[int]) -> None:
    prices = target_prices(hand_built(TEAM.for_baseline(), a_cell(2022, 2023, 2024, cents=cents)), TEAM)
    found = priced(
        [episode(1) for _ in years],
        prices,
        risk=ages(*years),
        coefficients=AGES,
        final_factors=factors(final_trend=float(trend), final_normalization=float(normal)),
    )
    for row in found.iter_rows(named=True):
        product = Fraction(row["baseline_cents"])
        for name in ("trend", "normalization", "risk_multiplier"):
            product *= exact(row[name])
        assert row["price_cents"] == round_half_up(product * (1 - exact(row["discount"])))
        assert 0.97 <= row["trend"] <= 1.03
        assert 0.95 <= row["normalization"] <= 1.05


def test_with_no_risk_differences_adjusted_and_unadjusted_means_agree() -> None:
    random = Random(7)
    years = [random.choice([60, 70, 80, 90]) for _ in range(300)]
    rows = [episode(1_000_000, year=random.choice([2022, 2023, 2024])) for _ in years]
    baseline = hand_built(TEAM.for_baseline(), rows)
    prices = target_prices(baseline, TEAM, risk=ages(*years), coefficients=AGES)
    assert prices.prices["normalization_status"].to_list() == ["computed"]
    adjusted = price_episodes(prices, baseline.episodes, TEAM, baseline.hospitals, risk=ages(*years), coefficients=AGES)
    # every price is rounded by itself: half a cent each at most
    assert adjusted["price_cents"].mean() == pytest.approx(980_000, abs=0.5)


def test_order_does_not_matter() -> None:
    rows = [episode(1, anchor_ccn=ccn) for ccn in (TEXAS, OHIO, PUERTO_RICO, OHIO)]
    built = hand_built(TEAM, rows)
    found = price_episodes(PRICES, built.episodes, TEAM, built.hospitals)
    turned = price_episodes(PRICES, built.episodes.reverse(), TEAM, built.hospitals)
    assert found["episode_id"].to_list() == built.episodes["episode_id"].to_list()
    assert turned.sort("episode_id").equals(found.sort("episode_id"))


# --- the waterfall ------------------------------------------------------------------------------------------


def test_a_price_is_explained_from_its_row() -> None:
    row = priced(
        [episode(1)], risk=ages(90), coefficients=AGES, final_factors=factors(final_trend=1.02, final_normalization=1.0)
    ).row(0, named=True)
    steps = explain_price(row, TEAM).steps
    # 1000000; x 1.02; x 1; x 0.98; x 1.5
    assert steps["after_cents"].to_list()[:5] == [1_000_000, 1_020_000, 1_020_000, 999_600, 1_499_400]
    assert steps["change_cents"].sum() == row["price_cents"] == 1_499_400
    table = explain_price(PRICES.prices.row(0, named=True), TEAM)
    assert table.price_cents == 980_000


def test_every_kind_of_price_is_explained() -> None:
    second, seventh = ep.load_program("cjr", 2), ep.load_program("cjr", 7)
    blended, regional = cjr_prices(second, 2013), cjr_prices(seventh, 2021)
    for program, prices in ((second, blended), (seventh, regional)):
        for row in prices.prices.iter_rows(named=True):
            assert explain_price(row, program).price_cents == row["price_cents"]
    bpci = of_bpci(price_cents=[0], sbs_cents=[2_000_000], pcma=[1.1], pat=[0.98], discount=[0.03], real_ratio=[1.25])
    final = pl.DataFrame({"ccn": [OHIO], "category": ["LEJR"], "final_pcma": [1.21], "realized_trend": [1.08]})
    row = priced([episode(1)], bpci, BPCI, final_factors=final).row(0, named=True)
    assert explain_price(row, BPCI).steps["change_cents"].sum() == 3_019_343


def test_what_cannot_be_explained_says_so() -> None:
    with pytest.raises(PriceError, match="no price to explain"):
        explain_price({"price_cents": None, "baseline_cents": 1}, TEAM)
    with pytest.raises(PriceError, match="do not make its price"):
        explain_price({"price_cents": 5, "baseline_cents": 1}, TEAM)


def test_a_price_at_another_discount_is_exact() -> None:
    second = ep.load_program("cjr", 2)
    row = priced([episode(1)], cjr_prices(second, 2013), second).row(0, named=True)
    # (2 x 3000000 + 2800000) / 3 = 2933333.33..., x 0.985 = 2889333.33
    assert price_at_discount(row, second, 0.015) == 2_889_333
    assert price_at_discount(row, second, row["discount"]) == row["price_cents"]
    with pytest.raises(PriceError, match="given whole"):
        price_at_discount({"price_cents": 5}, second, 0.01)
    given = TargetPrices(
        pl.DataFrame({"price_code": ["470"], "region": [3], "price_cents": [100]}), "cjr", "2", "standardized", "given"
    )
    whole = priced([episode(1)], given, second).row(0, named=True)
    assert (whole["price_cents"], whole["discount"]) == (100, None)
    with pytest.raises(PriceError, match="given whole"):
        price_at_discount(whole, second, 0.01)
