"""Target prices from baseline episodes."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.errors import BasisError, ContractError, PriceError
from episodes.pricing import TargetPrices, target_prices
from pricing.hand_built_episodes import OHIO, OHIO_TOO, PUERTO_RICO, TEXAS, episode, hand_built

TEAM = ep.load_program("team", performance_year=1)
BASELINE = TEAM.for_baseline()
YEARS = (2022, 2023, 2024)


def prices_of(rows: list[dict[str, Any]], program: ep.Program = TEAM, **tables: Any) -> TargetPrices:
    return target_prices(hand_built(program.for_baseline(), rows, **tables), program)


def cell(prices: TargetPrices, price_code: str = "470", region: int = 3) -> dict[str, Any]:
    found = prices.prices.filter(price_code=price_code, region=region)
    assert found.height == 1
    return found.row(0, named=True)


def a_cell(*means: int, ccn: str = OHIO, **changes: Any) -> list[dict[str, Any]]:
    """One episode in each baseline year."""
    return [episode(cents, year=year, anchor_ccn=ccn, **changes) for cents, year in zip(means, YEARS, strict=True)]


def test_one_cell_by_hand() -> None:
    prices = prices_of(
        [
            *a_cell(10_000, 11_000, 13_000),
            *a_cell(10_000, 11_000, 11_200, ccn=TEXAS),
        ]
    )
    row = cell(prices)
    # national means 10000, 11000, (13000 + 11200) / 2 = 12100: factors 1.21, 1.1, 1
    assert [row[f"factor_{year}"] for year in YEARS] == [1.21, 1.1, 1.0]
    assert [row[f"mean_{year}_cents"] for year in YEARS] == [10_000, 11_000, 13_000]
    # 0.17 x 12100 + 0.33 x 12100 + 0.5 x 13000 = 6050 + 6500 = 12550
    assert row["baseline_cents"] == 12_550
    # x 1 x 1 x 0.98 = 12299
    assert row["price_cents"] == 12_299
    assert (row["discount"], row["trend"], row["trend_status"]) == (0.02, 1.0, "open")
    assert (row["price_source"], row["price_status"], row["thin_cell"]) == ("own", "preliminary", True)
    assert (row["program"], row["performance_year"], row["basis"]) == ("team", "1", "standardized")
    assert row["weights_used"] == "0.17 0.33 0.5"
    assert row["note"] is None
    # 0.5 x 12100 + 0.5 x 11200 = 11650, x 0.98 = 11417
    assert cell(prices, region=7)["price_cents"] == 11_417
    assert prices.baseline_fingerprint == BASELINE.fingerprint


def test_each_year_is_capped_apart() -> None:
    # 2024: 99 episodes of 100 dollars and one of 10000; n x p = 99: mean of the last two, 5050
    rows = [episode(10_000, year=2024) for _ in range(99)] + [episode(1_000_000, year=2024)]
    prices = prices_of([*rows, episode(20_000, year=2022), episode(20_000, year=2023)])
    assert prices.capped is not None
    cut = prices.capped.filter(pl.col("cut_cents") > 0)
    assert cut.select("capped_cents", "cut_cents").rows() == [(505_000, 495_000)]
    # (99 x 10000 + 505000) / 100
    assert cell(prices)["mean_2024_cents"] == 14_950
    assert cell(prices)["thin_cell"] is False

    pooled = TEAM.override({"cap.each_year_apart": False})
    together = prices_of([*rows, episode(20_000, year=2022), episode(20_000, year=2023)], pooled)
    assert together.capped is not None
    # 102 episodes: n x p = 100.98, the 101st: 20000
    assert together.capped.get_column("capped_cents").max() == 20_000


def test_final_episodes_of_all_hospitals_count() -> None:
    prices = prices_of(
        [
            *a_cell(100, 100, 100),
            *a_cell(300, 300, 300, ccn=OHIO_TOO, participating=False),
            *a_cell(90_000, 90_000, 90_000, status="excluded"),
        ]
    )
    assert cell(prices)["baseline_cents"] == 200
    assert prices.volumes is not None
    assert prices.volumes.rows() == [(OHIO, "LEJR", 3), (OHIO_TOO, "LEJR", 3)]


def test_a_cell_without_a_year_says_so() -> None:
    prices = prices_of([episode(100, year=2023), episode(200, year=2024), *a_cell(100, 100, 200, ccn=TEXAS)])
    row = cell(prices)
    assert row["weights_used"] == "0 0.3976 0.6024"
    assert row["note"].startswith("no episodes in 2022")
    assert (row["episodes_2022"], row["mean_2022_cents"], row["factor_2022"]) == (0, None, None)
    # nationally 100, 100, 200: factor of 2023 is 2; both years are 200
    assert row["baseline_cents"] == 200
    assert prices.counts["cells_with_scaled_weights"] == 1


def test_no_last_year_anywhere() -> None:
    row = cell(prices_of([episode(100, year=2022), episode(200, year=2023)]))
    assert row["baseline_cents"] == 200
    assert "in dollars of 2023" in row["note"]


def test_a_family_prices_all_its_codes() -> None:
    spine = {"category": "SPINAL_FUSION"}
    prices = prices_of(
        [
            *a_cell(1_000, 1_000, 1_000, price_code="453-455", **spine),
            episode(3_000, year=2024, price_code="402", **spine),
            *a_cell(500, 500, 500, price_code="451", **spine),
            *a_cell(700, 700, 700, ccn=TEXAS, price_code="426", **spine),
        ]
    )
    codes = prices.prices.filter(region=3, price_source="family").get_column("price_code").to_list()
    assert codes == ["402", "426", "427", "428", "429", "430"]
    row = cell(prices, "426")
    # 2024: (1000 + 3000) / 2
    assert (row["baseline_episodes"], row["mean_2024_cents"]) == (4, 2_000)
    # nationally (1000 + 700) / 2 = 850, 850, (1000 + 3000 + 700) / 3 = 4700 / 3: factor 94 / 51
    assert row["factor_2022"] == pytest.approx(94 / 51)
    # 0.5 x 1000 x 94 / 51 + 0.5 x 2000 = 1921.57
    assert row["baseline_cents"] == 1_922
    assert cell(prices, "402")["price_cents"] == row["price_cents"]
    # no episode came in as 459-460: its codes are priced from their own
    assert cell(prices, "451")["price_source"] == "own"
    assert "453-455" not in prices.prices.get_column("price_code").to_list()


def test_adjustment_levels() -> None:
    rows = [*a_cell(100, 150, 300), *a_cell(100, 100, 100, ccn=TEXAS)]
    assert cell(prices_of(rows, TEAM.override({"adjustment_level": "cell"})))["baseline_cents"] == 300
    # 0.17 x 100 + 0.33 x 150 + 0.5 x 300 = 216.5, half up 217
    assert cell(prices_of(rows, TEAM.override({"adjustment_level": "none"})))["baseline_cents"] == 217


def test_no_region_is_counted_and_not_priced() -> None:
    prices = prices_of([*a_cell(100, 100, 100), *a_cell(900, 900, 900, ccn=PUERTO_RICO)])
    assert prices.counts["no_region"] == 3
    assert prices.counts["priced_from"] == 3
    assert prices.prices.get_column("region").to_list() == [3]
    given = pl.DataFrame({"ccn": [PUERTO_RICO], "region": [5]})
    built = hand_built(BASELINE, a_cell(900, 900, 900, ccn=PUERTO_RICO))
    assert target_prices(built, TEAM, hospitals=given).prices.get_column("region").to_list() == [5]


def test_unknown_price_code_is_counted() -> None:
    prices = prices_of([*a_cell(100, 100, 100), episode(5, year=2024, price_code="999")])
    assert prices.counts["unknown_price_code"] == 1


def test_no_episodes() -> None:
    prices = prices_of([])
    assert prices.prices.height == 0
    assert "0 cells" in repr(prices)


def test_order_of_episodes_does_not_matter() -> None:
    random = Random(5)
    rows = [
        episode(
            random.randrange(10**6),
            year=random.choice(YEARS),
            anchor_ccn=random.choice([OHIO, TEXAS]),
            price_code=random.choice(["469", "470"]),
        )
        for _ in range(200)
    ]
    shuffled = random.sample(rows, len(rows))
    assert prices_of(rows).prices.equals(prices_of(shuffled).prices)


def test_mismatches() -> None:
    built = hand_built(BASELINE, a_cell(100, 100, 100))
    with pytest.raises(PriceError, match="3 final episodes of 3 end their anchor outside"):
        target_prices(hand_built(TEAM, a_cell(1, 1, 1)), TEAM.override({"baseline.years": [2019, 2020, 2021]}))
    with pytest.raises(PriceError, match=r"1 other construction rule .*construction\.window\.post_days"):
        target_prices(built, TEAM.override({"window.post_days": 90}))
    mixed = dataclasses.replace(built, basis="allowed")
    for kind in (PriceError, BasisError):
        with pytest.raises(kind, match="on the allowed basis"):
            target_prices(mixed, TEAM)
    with pytest.raises(ContractError, match="lacks 1 column: price_code"):
        target_prices(dataclasses.replace(built, episodes=built.episodes.drop("price_code")), TEAM)
