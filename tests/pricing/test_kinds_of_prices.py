"""Target prices from baseline episodes, for the kinds of price other than TEAM's; arithmetic in the comments."""

from __future__ import annotations

import dataclasses
from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.errors import ContractError, PriceError
from episodes.money import exact, round_half_up
from episodes.pricing import TargetPrices, target_prices
from pricing.hand_built_episodes import OHIO, OHIO_TOO, TEXAS, episode, hand_built
from pricing.priced_programs import priced_program


def prices_of(program: ep.Program, rows: list[dict[str, Any]], **given: Any) -> TargetPrices:
    return target_prices(hand_built(program.for_baseline(), rows), program, **given)


def only(prices: TargetPrices, **named: Any) -> dict[str, Any]:
    wanted = [pl.col(name).is_null() if value is None else pl.col(name) == value for name, value in named.items()]
    found = prices.prices.filter(wanted)
    assert found.height == 1
    return found.row(0, named=True)


# --- CJR ----------------------------------------------------------------------------------------------------

CJR = {year: ep.load_program("cjr", year) for year in ("1", "2", "3", "4", "7")}


def a_blend(year: int = 2013) -> list[dict[str, Any]]:
    """Ohio: 20 episodes of 30,000 at one hospital, 10 of 24,000 at another; Texas: one of 10,000."""
    return [
        *(episode(3_000_000, year=year) for _ in range(20)),
        *(episode(2_400_000, year=year, anchor_ccn=OHIO_TOO) for _ in range(10)),
        episode(1_000_000, year=year, anchor_ccn=TEXAS),
    ]


def test_cjr_blends_hospital_and_region() -> None:
    prices = prices_of(CJR["1"], a_blend())
    row = only(prices, ccn=OHIO)
    # region (20 x 3000000 + 10 x 2400000) / 30 = 2800000, sd about 287,678: nothing is capped
    assert (row["regional_mean_cents"], row["hospital_mean_cents"]) == (2_800_000, 3_000_000)
    # (2 x 3000000 + 2800000) / 3 = 2933333.33; x 0.97 = 2845333.33
    assert (row["hospital_weight"], row["price_cents"]) == ("2/3", 2_845_333)
    # ten episodes in all: the region alone, 2800000 x 0.97
    small = only(prices, ccn=OHIO_TOO)
    assert (small["hospital_weight"], small["price_cents"]) == ("0", 2_716_000)
    assert small["note"] == "10 baseline episodes in all: the region alone"
    # the region's row, for hospitals without one
    assert only(prices, ccn=None, region=3)["price_cents"] == 2_716_000
    assert prices.counts["low_volume_hospitals"] == 2


def test_cjr_year_4_has_regional_prices_only() -> None:
    prices = prices_of(CJR["4"], a_blend(2015))
    assert prices.prices["ccn"].null_count() == prices.prices.height == 2
    assert only(prices, region=7)["price_cents"] == 970_000


def test_cjr_money_owed_has_its_own_discount() -> None:
    row = only(prices_of(CJR["2"], a_blend()), ccn=None, region=3)
    # 2800000 x 0.97 and x 0.98
    assert (row["price_cents"], row["repayment_price_cents"]) == (2_716_000, 2_744_000)


def test_cjr_caps_at_the_regional_mean_and_two_deviations() -> None:
    # ten of 0 and one of 1100000: mean 100000, variance (1210000000000 - 11 x 10^10) / 10 = 1.1e11,
    # 2 sd = 663324.958, limit 763324.958, half up 763325
    rows = [*(episode(0, year=2015) for _ in range(10)), episode(1_100_000, year=2015)]
    prices = prices_of(CJR["4"], rows)
    assert prices.capped is not None
    assert prices.capped["cut_cents"].max() == 1_100_000 - 763_325
    # 763325 / 11 = 69393.18 -> 69393; x 0.97 = 67311.21
    assert only(prices, region=3)["price_cents"] == 67_311


def test_cjr_prices_fractures_in_cells_of_their_own() -> None:
    rows = [
        episode(2_000_000, year=2021),
        episode(4_000_000, year=2021),
        episode(3_000_000, year=2021, price_code="522"),
    ]
    risk = pl.DataFrame({"episode_id": ["e00000", "e00001", "e00002"], "fracture": [False, True, True]})
    prices = prices_of(CJR["7"], rows, risk=risk)
    cells = dict(prices.prices.select("price_cell", "regional_mean_cents").iter_rows())
    assert cells == {"470": 2_000_000, "522": 3_500_000}
    # a cell that tells of the fracture says it by itself, and wins over what is known besides
    split = [episode(2_000_000, year=2021, price_cell="470/no_fracture"), *rows[2:]]
    split.append(episode(4_000_000, year=2021, price_cell="470/fracture"))
    for known in (risk, None):
        told = prices_of(CJR["7"], split, risk=known).prices.select("price_cell", "regional_mean_cents")
        assert dict(told.iter_rows()) == cells
    # without knowledge of fractures all of 470 are one cell
    assert dict(prices_of(CJR["7"], rows).prices.select("price_cell", "regional_mean_cents").iter_rows()) == {
        "470": 3_000_000,
        "522": 3_000_000,
    }


def test_cjr_belongs_to_the_year_an_episode_ends_in() -> None:
    rows = [episode(100, anchor_end=date(2020, 12, 1), episode_end=date(2021, 2, 28))]
    assert prices_of(CJR["7"], rows).counts["baseline_episodes"] == 1
    late = [episode(100, anchor_end=date(2021, 12, 1), episode_end=date(2022, 2, 28))]
    with pytest.raises(PriceError, match="1 final episode of 1 end outside the baseline 2021-01-01 to 2021-12-31"):
        prices_of(CJR["7"], late)


def test_cjr_normalization_is_computed_where_multipliers_are() -> None:
    rows = [episode(2_000_000, year=2021) for _ in range(4)]
    risk = pl.DataFrame({"episode_id": [f"e0000{n}" for n in range(4)], "age": [60, 70, 80, 90]})
    coefficients = pl.DataFrame({"factor": ["age_bracket"] * 2, "level": ["75-84", "85+"], "multiplier": [1.2, 1.8]})
    row = only(prices_of(CJR["7"], rows, risk=risk, coefficients=coefficients), region=3)
    # 4 / (1 + 1 + 1.2 + 1.8) = 0.8; 2000000 x 0.97 x 0.8
    assert (row["normalization"], row["normalization_status"], row["price_cents"]) == (0.8, "computed", 1_552_000)


def test_coefficients_without_risk_variables_are_refused() -> None:
    coefficients = pl.DataFrame({"factor": ["age_bracket"], "level": ["85+"], "multiplier": [1.2]})
    with pytest.raises(PriceError, match="no risk variables of the baseline"):
        prices_of(CJR["7"], [episode(1, year=2021)], coefficients=coefficients)


# --- BPCI Advanced ------------------------------------------------------------------------------------------

BPCI = priced_program("bpci-advanced", "8")
FALL = date(2021, 11, 1)  # fiscal year 2022


def a_baseline() -> list[dict[str, Any]]:
    """41 of 10,000 each at one hospital, 41 of 30,000 at another, 40 at a third; two price codes."""
    return [
        *(episode(1_000_000, anchor_end=FALL) for _ in range(41)),
        *(episode(3_000_000, anchor_end=FALL, anchor_ccn=OHIO_TOO) for _ in range(41)),
        *(episode(2_000_000, anchor_end=FALL, anchor_ccn=TEXAS) for _ in range(40)),
    ]


def test_bpci_standardized_spending_by_hospital() -> None:
    prices = prices_of(BPCI, a_baseline())
    row = only(prices, ccn=OHIO)
    # one price cell: expected is the nation's mean, 2000000, and the case mix is 1
    assert (row["sbs_cents"], row["pcma"], row["pcma_status"]) == (1_000_000, 1.0, "means_of_price_cells")
    # 1000000 x 1 x 1 x 0.97
    assert (row["discount"], row["price_cents"], row["update_status"]) == (0.03, 970_000, "open")
    # forty baseline episodes are not enough
    assert prices.prices["ccn"].to_list() == [OHIO, OHIO_TOO]
    assert prices.counts["below_minimum_volume"] == 40


def test_bpci_case_mix_from_expected_costs() -> None:
    rows = a_baseline()
    ids = [f"e{n:05d}" for n in range(len(rows))]
    expected = pl.DataFrame(
        {"episode_id": ids, "expected_cents": [1_200_000] * 41 + [2_800_000] * 41 + [2_000_000] * 40}
    )
    row = only(prices_of(BPCI, rows, expected=expected), ccn=OHIO)
    # observed 1000000 over expected 1200000, times the nation's mean 2000000: 1666666.67
    assert row["sbs_cents"] == 1_666_667
    # 1200000 over the nation's mean expected 2000000
    assert (row["pcma"], row["pcma_status"]) == (0.6, "given")
    # 1666667 x 0.6 x 0.97 = 970000.19
    assert row["price_cents"] == 970_000
    with pytest.raises(PriceError, match="lack 41 baseline episodes of 122"):
        prices_of(BPCI, rows, expected=expected.head(81))


def test_bpci_peer_trend_and_medical_discount() -> None:
    medical = [episode(1_000_000, anchor_end=FALL, category="IP-Sepsis") for _ in range(41)]
    trends = pl.DataFrame({"ccn": [OHIO], "category": ["IP-Sepsis"], "pat": [0.95]})
    row = only(prices_of(BPCI, medical, peer_trends=trends), ccn=OHIO)
    # 1000000 x 0.95 x 0.98
    assert (row["pat"], row["pat_status"], row["discount"], row["price_cents"]) == (0.95, "given", 0.02, 931_000)
    earlier = priced_program("bpci-advanced", "5")
    # the baseline of model year 5 ends three years before that of model year 8
    of_its_baseline = [episode(1_000_000, anchor_end=date(2019, 11, 1), category="IP-Sepsis") for _ in range(41)]
    assert only(prices_of(earlier, of_its_baseline), ccn=OHIO)["discount"] == 0.03
    with pytest.raises(PriceError, match="outside the baseline 2016-10-01 to 2020-09-30 of performance year 5"):
        prices_of(earlier, medical)


def test_bpci_winsorizes_both_sides_by_fiscal_year() -> None:
    # 100 episodes, n x p = 1 and 99: the mean of the first and second, and of the 99th and 100th
    costs = [0, *[1_000_000] * 98, 5_000_000]
    prices = prices_of(BPCI, [episode(cost, anchor_end=FALL) for cost in costs])
    assert prices.capped is not None
    assert sorted(prices.capped["capped_cents"])[0] == 500_000
    assert sorted(prices.capped["capped_cents"])[-1] == 3_000_000
    assert prices.capped["cut_cents"].min() == -500_000
    apart = [episode(cost, anchor_end=FALL if place < 50 else date(2022, 11, 1)) for place, cost in enumerate(costs)]
    capped = prices_of(BPCI, apart).capped
    assert capped is not None
    # fifty a year: 0.5 and 49.5, the first and the last: nothing is cut
    assert capped["cut_cents"].abs().sum() == 0


def test_bpci_update_factors() -> None:
    parts = {"anchor_facility_cents": 600_000, "snf_cents": 300_000, "professional_cents": 100_000}
    rows = [episode(1_000_000, anchor_end=FALL, **parts) for _ in range(41)]
    factors = pl.DataFrame(
        {
            "ccn": [None, None, OHIO],
            "fiscal_year": [2022, 2022, 2022],
            "setting": ["anchor", "snf", "snf"],
            "factor": [1.1, 9.0, 1.2],
        }
    )
    row = only(prices_of(BPCI, rows, update_factors=factors), ccn=OHIO)
    # anchor 600000 x 1.1 = 660000; snf 300000 x 1.2, professional 100000 x 1: (360000 + 100000) / 400000 = 1.15
    # 400000 x 1.15 = 460000; 1120000 in all
    assert (row["baseline_mean_cents"], row["update_status"]) == (1_120_000, "given")
    with pytest.raises(PriceError, match="Unknown setting of an update factor 'hospice'"):
        prices_of(
            BPCI, rows, update_factors=pl.DataFrame({"fiscal_year": [2022], "setting": ["hospice"], "factor": [1]})
        )
    with pytest.raises(PriceError, match="repeat 1 row"):
        prices_of(BPCI, rows, update_factors=pl.concat([factors, factors.head(1)]))


# --- ACE, state thresholds ----------------------------------------------------------------------------------


def test_ace_discounts_the_hospital_and_not_the_physicians() -> None:
    ace = priced_program("ace")
    rows = [
        episode(2_400_000, year=2007, anchor_facility_cents=2_000_000),
        episode(2_600_000, year=2007, anchor_facility_cents=2_000_000),
    ]
    row = only(prices_of(ace, rows), ccn=OHIO)
    # 2000000 x 0.9175 + 500000
    assert (row["part_a_cents"], row["part_b_cents"], row["price_cents"]) == (2_000_000, 500_000, 2_335_000)
    # saved 165000, half of it at most the patient's
    assert (row["medicare_savings_cents"], row["beneficiary_share_cents"]) == (165_000, 82_500)
    hillcrest = ace.override({"price.site": "hillcrest"})
    # 2500000 x 0.956
    assert only(prices_of(hillcrest, rows), ccn=OHIO)["price_cents"] == 2_390_000
    with pytest.raises(ep.EpisodesError, match="'nowhere' made no bid; sites with one: baptist, hillcrest"):
        ace.override({"price.site": "nowhere"})
    built = hand_built(ace.for_baseline(), rows)
    without = dataclasses.replace(built, episodes=built.episodes.drop("anchor_facility_cents"))
    with pytest.raises(ContractError, match="lacks 1 column: anchor_facility_cents"):
        target_prices(without, ace)


def test_thresholds_are_percentiles_of_provider_means() -> None:
    state = priced_program("tenncare-tjr")
    rows = [
        episode(100_000 * place, year=2013, anchor_ccn=f"44{place:04d}") for place in range(1, 11) for _ in range(5)
    ]
    few = [episode(9_900_000, year=2013, anchor_ccn="440099") for _ in range(4)]
    row = only(prices_of(state, [*rows, *few]), category="LEJR")
    # ten providers: 10 x 0.9 = 9, (900000 + 1000000) / 2; 10 x 0.5 = 5, (500000 + 600000) / 2; 10 x 0.1 = 1, 150000
    assert row["baseline_providers"] == 10
    found = [row[f"{name}_cents"] for name in ("acceptable", "commendable", "gain_limit")]
    assert found == [950_000, 550_000, 150_000]
    published = {"LEJR": {"commendable": 400_000, "acceptable": 700_000, "gain_limit": 100_000}}
    own = only(prices_of(state.override({"thresholds_cents": published}), rows), category="LEJR")
    assert (own["price_source"], own["acceptable_cents"], own["price_cents"]) == ("given", 700_000, 700_000)
    with pytest.raises(ep.EpisodesError, match="the gain limit at or below commendable"):
        state.override({"thresholds_cents": {"LEJR": published["LEJR"] | {"gain_limit": 500_000}}})


# --- all of them --------------------------------------------------------------------------------------------


def products(program: ep.Program, rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Every price with the product of its columns."""
    found = []
    for row in prices_of(program, rows).prices.iter_rows(named=True):
        value = {
            "regional_baseline": lambda r: exact(r["baseline_cents"]) * exact(r["trend"]) * exact(r["normalization"]),
            "hospital_regional_blend": lambda r: (
                r["regional_mean_cents"]
                + Fraction(r["hospital_weight"]) * ((r["hospital_mean_cents"] or 0) - r["regional_mean_cents"])
            ),
            "standardized_baseline": lambda r: r["sbs_cents"] * exact(r["pcma"]) * exact(r["pat"]),
        }[program.price.kind](row)
        found.append((row["price_cents"], round_half_up(value * (1 - exact(row["discount"])))))
    return found


@pytest.mark.parametrize(
    ("program", "rows"),
    [
        (ep.load_program("team"), [episode(c, year=y) for y in (2022, 2023, 2024) for c in (777_777, 1_234_567)]),
        (CJR["1"], [episode(1_000_003 * n, year=2013, anchor_ccn=c) for n in range(1, 26) for c in (OHIO, OHIO_TOO)]),
        (BPCI, [episode(7_777 * n, anchor_end=FALL, price_code=c) for n in range(1, 60) for c in ("469", "470")]),
    ],
    ids=["team", "cjr", "bpci-advanced"],
)
def test_a_price_is_the_product_of_its_columns(program: ep.Program, rows: list[dict[str, Any]]) -> None:
    pairs = products(program, rows)
    assert pairs
    assert all(price == product for price, product in pairs)


@pytest.mark.parametrize(
    ("name", "year"),
    [("bpci-advanced", "8"), ("ace", None), ("tenncare-tjr", None), ("commercial-tjr", "2026"), ("epm-2017", "2")],
)
def test_no_episodes_no_prices(name: str, year: str | None) -> None:
    assert prices_of(priced_program(name, year), []).prices.height == 0
