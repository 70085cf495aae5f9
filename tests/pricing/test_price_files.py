"""Target prices as files."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.errors import BasisError, PriceError
from episodes.pricing import (
    price_episodes,
    read_coefficients,
    read_final_factors,
    read_target_prices,
    target_prices,
)
from pricing.hand_built_episodes import episode, hand_built
from pricing.priced_programs import priced_program

TEAM = ep.load_program("team", performance_year=1)
CASES = Path(__file__).parents[1] / "cases" / "pricing" / "price_sheets.toml"
SHEETS: list[dict[str, Any]] = tomllib.loads(CASES.read_text(encoding="utf-8"))["case"]


def table(folder: Path, text: str) -> Path:
    path = folder / "prices.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_comes_back_as_it_went(tmp_path: Path) -> None:
    rows = [episode(1_000 * year, year=year) for year in (2022, 2023, 2024)]
    prices = target_prices(hand_built(TEAM.for_baseline(), rows), TEAM)
    prices.write(tmp_path / "prices")
    again = read_target_prices(tmp_path / "prices", TEAM)
    assert again.prices.equals(prices.prices)
    assert again.volumes is not None
    assert again.volumes.equals(prices.volumes)
    assert again.capped is not None
    assert again.capped.equals(prices.capped)
    assert (again.origin, again.baseline_fingerprint) == ("estimated", prices.baseline_fingerprint)
    assert dict(again.counts) == dict(prices.counts)
    first = {path.name: path.read_bytes() for path in (tmp_path / "prices").iterdir()}
    prices.write(tmp_path / "prices")
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "prices").iterdir()}


@pytest.mark.parametrize("case", SHEETS, ids=[case["name"] for case in SHEETS])
def test_what_an_episode_is_priced_at(tmp_path: Path, case: dict[str, Any]) -> None:
    program = ep.load_program(case["program"], case["year"])
    path = table(tmp_path, case["sheet"].lstrip())
    if "refused" in case:
        with pytest.raises(PriceError, match=case["refused"]):
            read_target_prices(path, program)
        return
    prices = read_target_prices(path, program)
    assert prices.prices["price_cents"].to_list() == [case["price"]]
    built = hand_built(program, [episode(1)])
    found = price_episodes(prices, built.episodes, program, built.hospitals)
    assert found["price_cents"].to_list() == [case["price"]]


def test_real_dollars_are_not_in_the_price_of_a_sheet(tmp_path: Path) -> None:
    program = ep.load_program("bpci-advanced")
    text = "ccn,category,sbs_cents,pcma,real_ratio\n360001,IP-Sepsis,1000000,1.1,1.25\n"
    # 1000000 x 1.1, less nothing; the ratio brings the price of an episode to real dollars
    assert read_target_prices(table(tmp_path, text), program).prices["price_cents"].to_list() == [1_100_000]


def test_a_simple_table(tmp_path: Path) -> None:
    path = table(tmp_path, "price_code,region,price_cents,remark\n471,3,100,b\n470,3,2450000,a\n")
    prices = read_target_prices(path, TEAM)
    assert prices.origin == "given"
    assert prices.prices.select("category", "price_code", "region", "price_cents", "remark").rows() == [
        ("LEJR", "470", 3, 2_450_000, "a"),
        ("SPINAL_FUSION", "471", 3, 100, "b"),
    ]
    assert (prices.volumes, prices.capped) == (None, None)
    assert prices.prices.get_column("price_status").unique().to_list() == ["preliminary"]

    parquet = tmp_path / "prices.parquet"
    prices.prices.select("price_code", "region", "price_cents", "performance_year").write_parquet(parquet)
    assert read_target_prices(parquet, TEAM).prices.get_column("price_cents").to_list() == [2_450_000, 100]

    volumes = pl.DataFrame({"ccn": ["360001"], "category": ["LEJR"], "baseline_episodes": [31]})
    with_volumes = read_target_prices(path, TEAM, volumes=volumes)
    assert with_volumes.volumes is not None
    assert with_volumes.volumes.rows() == [("360001", "LEJR", 31)]
    assert with_volumes.prices.equals(prices.prices)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("price_code,region\n470,3\n", "lacks 1 column: price_cents"),
        ("price_code,region,price_cents\n470,3,24500.50\n", "1 row whose price_cents is not a whole"),
        ("price_code,region,price_cents\n470,3,-1\n", "1 row whose price_cents is not a whole"),
        ("price_code,region,price_cents\n470,10,1\n470,x,1\n", "2 rows with a region that is not 1 to 9"),
        ("price_code,region,price_cents\n47,3,1\n", r"1 row with an unknown price code \(47\)"),
        ("price_code,region,price_cents\n470,3,1\n470,3,2\n", "1 row repeating"),
        ("price_code,region,price_cents,program\n470,3,1,cjr\n", "for programme 'cjr', not 'team'"),
        ("price_code,region,price_cents,performance_year\n470,3,1,2\n", "for performance year '2', not '1'"),
        ("price_code,region,price_cents,basis\n470,3,1,paid\n", "on the paid basis"),
        ("price_code,region,price_cents,basis\n470,3,1,paid\n471,3,1,\n", "2 different values"),
        ("", "cannot be read as csv"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PriceError, match=message):
        read_target_prices(table(tmp_path, text), TEAM)


def test_mixed_bases_are_both_errors(tmp_path: Path) -> None:
    with pytest.raises(BasisError, match="must share one"):
        read_target_prices(table(tmp_path, "price_code,region,price_cents,basis\n470,3,1,paid\n"), TEAM)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match="no price table or price folder 'nowhere"):
        read_target_prices(tmp_path / "nowhere.csv", TEAM)
    with pytest.raises(PriceError, match="was not written by TargetPrices"):
        read_target_prices(tmp_path, TEAM)


def test_an_empty_table_has_no_prices(tmp_path: Path) -> None:
    assert read_target_prices(table(tmp_path, "price_code,region,price_cents\n"), TEAM).prices.height == 0


# --- sheets of the payer ------------------------------------------------------------------------------------


def test_amounts_in_dollars_and_cents(tmp_path: Path) -> None:
    path = table(tmp_path, 'price_code,region,price_dollars\n470,3,"$24,500.10"\n469,3,31000\n471,3,7.5\n')
    found = read_target_prices(path, TEAM).prices
    assert dict(found.select("price_code", "price_cents").iter_rows()) == {
        "470": 2_450_010,
        "469": 3_100_000,
        "471": 750,
    }
    with pytest.raises(PriceError, match="1 row whose price_dollars is no amount"):
        read_target_prices(table(tmp_path, "price_code,region,price_dollars\n470,3,24500.105\n"), TEAM)


def test_components_make_a_price_that_is_not_given(tmp_path: Path) -> None:
    path = table(tmp_path, "price_code,region,baseline_cents,trend,discount\n470,3,2000000,1.02,0.02\n")
    # 2000000 x 1.02 x 0.98
    assert read_target_prices(path, TEAM).prices["price_cents"].to_list() == [1_999_200]
    with pytest.raises(PriceError, match="1 row whose trend is no number"):
        read_target_prices(table(tmp_path, "price_code,region,baseline_cents,trend\n470,3,1,high\n"), TEAM)


DELIVERIES = (
    "price_code,region,price_cents,price_status,as_of\n"
    "470,3,100,preliminary,2025-11-15\n470,3,110,final,2027-06-30\n469,3,200,preliminary,2025-11-15\n"
)


def test_the_latest_delivery_counts(tmp_path: Path) -> None:
    path = table(tmp_path, DELIVERIES)
    latest = read_target_prices(path, TEAM)
    shown = ("price_code", "price_cents", "price_status")
    assert latest.prices.select(shown).rows() == [("469", 200, "preliminary"), ("470", 110, "final")]
    assert latest.counts["earlier_deliveries"] == 1
    earlier = read_target_prices(path, TEAM, as_of=date(2026, 1, 1))
    assert earlier.prices["price_cents"].to_list() == [200, 100]
    final = read_target_prices(path, TEAM, price_status="final")
    assert final.prices.select(shown).rows() == [("470", 110, "final")]
    with pytest.raises(PriceError, match="Unknown price_status 'draft'. Known: final, preliminary, trended"):
        read_target_prices(path, TEAM, price_status="draft")
    with pytest.raises(PriceError, match="Unknown price_status 'draft'"):
        read_target_prices(table(tmp_path, DELIVERIES.replace("final", "draft")), TEAM)
    with pytest.raises(PriceError, match="1 row whose as_of is no date"):
        read_target_prices(table(tmp_path, DELIVERIES.replace("2027-06-30", "June")), TEAM)
    with pytest.raises(PriceError, match="no column as_of"):
        read_target_prices(table(tmp_path, "price_code,region,price_cents\n470,3,1\n"), TEAM, as_of=date(2026, 1, 1))


def test_a_sheet_of_hospitals(tmp_path: Path) -> None:
    first = ep.load_program("cjr", 1)
    path = table(
        tmp_path,
        "price_code,region,ccn,regional_mean_cents,hospital_mean_cents,discount\n"
        "470,,360001,2800000,3000000,0.03\n470,3,,2800000,,0.03\n",
    )
    prices = read_target_prices(path, first)
    # (2 x 3000000 + 2800000) / 3 x 0.97 and 2800000 x 0.97
    assert sorted(prices.prices["price_cents"]) == [2_716_000, 2_845_333]
    with pytest.raises(PriceError, match="1 row with a region that is not 1 to 9"):
        read_target_prices(table(tmp_path, "price_code,region,ccn,price_cents\n470,,,5\n"), first)


def test_sheets_of_other_kinds(tmp_path: Path) -> None:
    bpci = priced_program("bpci-advanced", "8")
    path = table(tmp_path, "ccn,category,sbs_cents,pcma,pat,discount\n360001,LEJR,2000000,1.1,0.98,0.03\n")
    assert read_target_prices(path, bpci).prices["price_cents"].to_list() == [2_091_320]
    with pytest.raises(PriceError, match=r"1 row with an unknown category \(HIP\)"):
        read_target_prices(table(tmp_path, "ccn,category,price_cents\n360001,HIP,1\n"), bpci)
    with pytest.raises(PriceError, match="lacks 1 column: category"):
        read_target_prices(table(tmp_path, "ccn,price_cents\n360001,1\n"), bpci)
    ace = priced_program("ace")
    path = table(tmp_path, "price_code,ccn,part_a_cents,discount_a\n470,360001,1000,0.1\n")
    assert read_target_prices(path, ace).prices["price_cents"].to_list() == [900]
    state = priced_program("tenncare-tjr")
    head = "category,commendable_cents,acceptable_cents,gain_limit_cents\n"
    row = read_target_prices(table(tmp_path, f"{head}LEJR,200,300,100\n"), state).prices.row(0, named=True)
    assert (row["commendable_cents"], row["price_cents"]) == (200, 300)
    with pytest.raises(PriceError, match="1 row whose thresholds are not in order"):
        read_target_prices(table(tmp_path, f"{head}LEJR,200,300,250\n"), state)


def test_coefficients_and_final_factors(tmp_path: Path) -> None:
    path = table(tmp_path, "factor,level,multiplier\nage_bracket,85+,1.25\n")
    assert read_coefficients(path, TEAM).rows() == [(None, "age_bracket", "85+", 1.25)]
    with pytest.raises(PriceError, match="without level or multiplier"):
        read_coefficients(table(tmp_path, "factor,level,multiplier\nage_bracket,85+,high\n"), TEAM)
    path = table(tmp_path, "price_code,region,final_trend\n470,3,1.02\n")
    assert read_final_factors(path, TEAM).rows() == [("470", 3, 1.02)]
    for text, message in (
        ("price_code,final_trend\n470,1\n", "lacks region"),
        ("price_code,region\n470,3\n", "lacks final_trend, final_normalization"),
        ("price_code,region,final_trend\n470,3,0\n", "1 value that is no number above 0"),
        ("price_code,region,final_trend\n470,3,x\n", "1 value that is no number above 0"),
    ):
        with pytest.raises(PriceError, match=message):
            read_final_factors(table(tmp_path, text), TEAM)
    with pytest.raises(PriceError, match="no table of final factors 'nowhere.csv'"):
        read_final_factors(tmp_path / "nowhere.csv", TEAM)


COMPONENTS = (
    "INITIATOR_BPID,PGP_ACH,CCN_TIN,ASSOC_ACH_CCN,EPI_TYPE,EPI_CAT,SBS,Prelim_PCMA,PAT,CASE_MIX,TARGET_PRICE,PAYMENT_RATIO\n"
    '1-0001,ACH,60001,,IP,sepsis,"$20,000.00",1.1,0.98,,"$20,913.20",1.25\n'
    '1-0002,PGP,123456789,360001,IP,Sepsis,"$20,000.00",1.1,0.98,1.25,"$20,000.00",1.5\n'
    "1-0002,PGP,123456789,360001,IP,All,,,,,$1.00,\n"
    "1-0003,ACH,360002,,IP,Sepsis,,,,,,\n"
)


def test_cms_file_of_components(tmp_path: Path) -> None:
    bpci = priced_program("bpci-advanced", "8")
    prices = read_target_prices(table(tmp_path, COMPONENTS), bpci)
    shown = prices.prices.select("ccn", "party_id", "category", "price_cents", "pgp_target_cents", "real_ratio")
    # a CCN that lost its zero, a category by any case; rows of all categories, and rows without a price, are no prices
    assert shown.rows() == [
        ("060001", None, "IP-Sepsis", 2_091_320, None, 1.25),
        ("360001", "123456789", "IP-Sepsis", 2_000_000, 2_000_000, 1.5),
    ]
    rows = [episode(1, category="IP-Sepsis", anchor_ccn="060001"), episode(1, category="IP-Sepsis")]
    built = hand_built(bpci, rows)
    parties = built.episodes.with_columns(party_id=pl.Series([None, "123456789"]))
    final = pl.DataFrame({"ccn": ["060001", "360001"], "category": ["IP-Sepsis"] * 2, "final_pcma": [1.21, 1.65]})
    found = price_episodes(prices, parties, bpci, built.hospitals, final_factors=final)
    # 2091320 x (1.21 / 1.1) x 1.25 = 2875565; 2000000 / 1.25 x (1.65 / 1.1) x 1.5 = 3600000
    assert found["price_cents"].to_list() == [2_875_565, 3_600_000]
    with pytest.raises(PriceError, match="1 row whose PGP_ACH is neither PGP nor ACH, and 0 rows without a hospital"):
        read_target_prices(table(tmp_path, COMPONENTS.replace("1,ACH,60001", "1,HOSP,60001")), bpci)
