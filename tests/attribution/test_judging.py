"""Judging parties: formulas against hand-made numbers, reasons, flags, and what suppression blanks."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from episodes.attribution import judge, judging_rules, suppress_small_cells, variance_components
from episodes.attribution.variances import VarianceComponents, shrunken
from episodes.errors import ArgumentError, ContractError


def rows_of(parties: dict[str, list[int]], expected: float = 100.0, **columns: Any) -> pl.DataFrame:
    rows = [
        {"party_id": party, "episode_id": f"{party}{number}", "observed_cents": cost, "expected_cents": expected}
        for party, costs in parties.items()
        for number, cost in enumerate(costs)
    ]
    return pl.DataFrame(rows).with_columns(**columns)


def any_volume(**changes: Any) -> Any:
    settings = {"minimum_episodes": 0, "reliability_threshold": 0}
    return judging_rules(settings=settings, **changes)


def test_the_ratio_is_that_of_sums_and_the_pooled_interval_that_of_the_formula() -> None:
    # a: 90, 110 -> 1.0, squares 2 x 0.01; b: 140, 160 -> 1.5, the same. within = 0.04 / (4 - 2) = 0.02
    table = judge(rows_of({"a": [90, 110], "b": [140, 160]}), ["party_id"], rules=any_volume())
    assert table["ratio"].to_list() == [1.0, 1.5]
    half = stats.t.ppf(0.975, 2) * np.sqrt(0.02 / 2)
    assert table["ratio_low"].to_list() == pytest.approx([1 - half, 1.5 - half])
    assert table["ratio_high"].to_list() == pytest.approx([1 + half, 1.5 + half])
    # between: mean square 2 x (0.25^2 + 0.25^2) / 1 = 0.25; (0.25 - 0.02) / 2 = 0.115; R = 0.115 / (0.115 + 0.01)
    assert table["reliability"].to_list() == pytest.approx([0.92, 0.92])
    assert table["shrunken_ratio"].to_list() == pytest.approx([1.25 - 0.92 * 0.25, 1.25 + 0.92 * 0.25])
    # two-sided t of 0.25 / 0.1 on 2 degrees, equal for both, so Benjamini-Hochberg leaves it
    p = 2 * stats.t.sf(2.5, 2)
    assert table["p_value"].to_list() == pytest.approx([p, p])
    assert table["q_value"].to_list() == pytest.approx([p, p])
    assert table["episode_ids"].to_list() == [["a0", "a1"], ["b0", "b1"]]


def test_an_own_interval_is_students() -> None:
    costs = [80, 90, 120, 130]
    table = judge(rows_of({"a": costs, "b": [100]}), ["party_id"], rules=any_volume(interval="own"))
    low, high = stats.t.interval(0.95, 3, np.mean(costs) / 100, stats.sem(costs) / 100)
    assert table.select("ratio_low", "ratio_high").row(0) == pytest.approx((low, high))
    assert table.select("ratio_low", "ratio_high").row(1) == (None, None)


def test_the_exact_interval_of_counts() -> None:
    # 3 events of 2.5 expected: chi-square limits 0.6187 and 8.7673, over 2.5; none: 0 and 3.6889 / 2.5
    events = rows_of({"a": [1, 1, 1, 0, 0], "b": [0] * 5}, expected=0.5)
    table = judge(events, ["party_id"], rules=any_volume(interval="exact_poisson"))
    assert table["ratio_low"].to_list() == pytest.approx([0.6187 / 2.5, 0.0], abs=1e-4)
    assert table["ratio_high"].to_list() == pytest.approx([8.7673 / 2.5, 3.6889 / 2.5], abs=1e-4)
    with pytest.raises(ArgumentError, match="counts"):
        judge(events.with_columns(observed_cents=pl.lit(0.5)), ["party_id"], rules=any_volume(interval="exact_poisson"))


def test_reasons_for_not_judging() -> None:
    rng = np.random.default_rng(1)
    parties = {f"p{n}": (rng.normal(100 + 8 * n, 30, 40)).astype(int).tolist() for n in range(6)}
    parties |= {"few": [100, 120]}
    table = judge(
        pl.concat([rows_of(parties), rows_of({"zero": [5] * 12}, expected=0.0)]), ["party_id"], rules=judging_rules()
    )
    reasons = dict(table.select("party_id", "reasons").iter_rows())
    assert reasons["few"] == ["below_minimum_volume"]
    assert reasons["zero"] == ["nothing_expected"]
    assert reasons["p0"] == []
    assert set(table.filter(pl.col("reasons").list.len() > 0)["flag"]) == {"not_judged"}
    strict = judge(rows_of(parties), ["party_id"], rules=judging_rules(settings={"reliability_threshold": 0.99}))
    assert strict.filter(pl.col("party_id") == "p0")["reasons"].to_list() == [["low_reliability"]]


def test_one_party_has_no_peers() -> None:
    table = judge(rows_of({"a": [90, 110] * 10}), ["party_id"])
    assert table.select("flag", "reasons", "reliability").row(0) == ("not_judged", ["no_peers"], None)
    assert table["ratio_low"].item() is not None


def test_flags_hold_the_false_discovery_rate() -> None:
    """Of 200 parties 20 differ: those flagged are mostly of them, where raw p-values would flag 9 others."""
    rng = np.random.default_rng(8)
    truth = np.ones(200)
    truth[:20] = 1.6
    rows = {f"p{n:03}": np.round(100 * truth[n] * rng.normal(1, 0.3, 30)).astype(int).tolist() for n in range(200)}
    table = judge(rows_of(rows), ["party_id"], rules=any_volume())
    higher = set(table.filter(pl.col("flag") == "higher")["party_id"])
    assert {f"p{n:03}" for n in range(20)} <= higher
    assert len(higher) <= 23
    assert (table["q_value"] >= table["p_value"]).all()
    judged_alone = table.filter(pl.col("p_value") < 0.05).height
    assert judged_alone > len(higher)


def test_peers_are_compared_with_peers_only() -> None:
    rng = np.random.default_rng(2)
    rows = rows_of(
        {
            f"{kind}{n}": rng.normal(level, 10, 30).astype(int).tolist()
            for kind, level in (("x", 100), ("y", 300))
            for n in range(5)
        },
        peers=pl.col("party_id").str.head(1),
    )
    apart = judge(rows, ["party_id"], peer_group="peers", rules=any_volume())
    assert apart["flag"].to_list() == ["not_different"] * 10
    assert apart.filter(pl.col("peer_group") == "y")["peer_ratio"].to_list() == pytest.approx([3.0] * 5, rel=0.05)
    together = judge(rows, ["party_id"], rules=any_volume())
    assert together["flag"].to_list() == ["lower"] * 5 + ["higher"] * 5


def test_order_of_rows_does_not_matter_and_parts_of_an_episode_are_one() -> None:
    rng = np.random.default_rng(3)
    rows = rows_of({f"p{n}": rng.integers(1, 10**6, 17).tolist() for n in range(9)})
    table = judge(rows, ["party_id"])
    assert judge(rows.sample(fraction=1, shuffle=True, seed=4), ["party_id"]).equals(table)
    halves = pl.concat(
        [
            rows.with_columns(pl.col("observed_cents") - 5, pl.col("expected_cents") / 2),
            rows.with_columns(observed_cents=5, expected_cents=pl.col("expected_cents") / 2),
        ],
        how="vertical_relaxed",
    )
    assert judge(halves, ["party_id"]).equals(table)


def test_no_rows_are_an_empty_table() -> None:
    assert judge(rows_of({"a": [1]}).clear(), ["party_id"]).columns == judge(rows_of({"a": [1]}), ["party_id"]).columns


def test_what_cannot_be_judged_is_an_error() -> None:
    rows = rows_of({"a": [1, 2]})
    with pytest.raises(ContractError, match="lacks 1 column"):
        judge(rows.drop("expected_cents"), ["party_id"])
    with pytest.raises(ContractError, match="2 rows have no expected_cents"):
        judge(rows.with_columns(expected_cents=pl.lit(None, dtype=pl.Float64)), ["party_id"])
    with pytest.raises(ContractError, match="two peer groups"):
        judge(rows.with_columns(peers=pl.Series(["x", "y"])), ["party_id"], peer_group="peers")
    with pytest.raises(ArgumentError, match="Did you mean 'pooled'"):
        judging_rules(interval="poold")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="level"):
        judging_rules(level=1.0)


def test_variance_components_of_unequal_parties() -> None:
    """By hand: n = 2, 3, 5, so n0 = (10 - 38/10) / 2 = 3.1."""
    n, mean, squares = np.array([2, 3, 5]), np.array([1.0, 2.0, 4.0]), np.array([0.7, 0.7, 0.7])
    centre = (2 * 1 + 3 * 2 + 5 * 4) / 10
    mean_square = (2 * (1 - centre) ** 2 + 3 * (2 - centre) ** 2 + 5 * (4 - centre) ** 2) / 2
    found = variance_components(n, mean, squares)
    assert found.within == pytest.approx(0.3)
    assert found.between == pytest.approx((mean_square - 0.3) / 3.1)
    assert variance_components([3, 3], [1.0, 1.0], [1.0, 1.0]).between == 0.0


def test_shrunken_with_no_differences_is_the_grand_mean() -> None:
    found = shrunken([5, 50], [1.2, 0.9], VarianceComponents(0.0, 1.0, 1.0, 50, 2))
    assert found.estimate.tolist() == [1.0, 1.0]
    assert found.reliability.tolist() == [0.0, 0.0]


def test_suppression_blanks_what_rests_on_few() -> None:
    table = pl.DataFrame(
        {
            "party_id": ["few", "events", "non_events", "none", "fine"],
            "episodes": [10, 40, 40, 40, 40],
            "ratio": [1.0, 1.1, 1.2, 1.3, 1.4],
            "died_events": [1, 4, 35, 0, 15],
            "died_episodes": [10, 40, 40, 40, 40],
            "died_rate": [0.1, 0.1, 0.875, 0.0, 0.375],
            "episode_ids": [["e"]] * 5,
        }
    )
    shown = suppress_small_cells(table, 11, names=["party_id"], events={"died": "died_episodes"})
    assert shown["episodes"].to_list() == [None, 40, 40, 40, 40]
    assert shown["ratio"].to_list() == [None, 1.1, 1.2, 1.3, 1.4]
    assert shown["died_events"].to_list() == [None, None, None, 0, 15]
    assert shown["died_rate"].to_list() == [None, None, None, 0.0, 0.375]
    assert shown["suppressed"].to_list() == [True, True, True, False, False]
    assert "episode_ids" not in shown.columns
    assert suppress_small_cells(table, None, names=["party_id"]).equals(table)
    with pytest.raises(ArgumentError, match="suppress_below"):
        suppress_small_cells(table, 0, names=["party_id"])
