"""Target prices as files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from episodes.errors import BasisError, PriceError
from episodes.pricing import read_target_prices, target_prices
from pricing.hand_built_episodes import episode, hand_built

TEAM = ep.load_program("team", performance_year=1)


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
