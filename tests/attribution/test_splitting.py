"""Splits over frames are those of `episodes.money`, and shares sum to one."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from episodes import money
from episodes.attribution.splitting import split_by_largest_remainder, with_shares

splits = st.lists(
    st.tuples(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=6).filter(any)),
    min_size=1,
    max_size=8,
)


@given(splits)
def test_a_split_over_frames_is_that_of_money(episodes: list[tuple[int, list[int]]]) -> None:
    rows = [
        {"episode": number, "numerator": cents * weight, "denominator": sum(weights)}
        for number, (cents, weights) in enumerate(episodes)
        for weight in weights
    ]
    frame = pl.DataFrame(rows, schema={"episode": pl.Int64, "numerator": pl.Int128, "denominator": pl.Int128})
    expected = [part for cents, weights in episodes for part in money.split_by_largest_remainder(cents, weights)]
    assert split_by_largest_remainder(frame, "episode")["cents"].to_list() == expected


@given(st.lists(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6), min_size=1, max_size=5))
def test_shares_sum_to_one_whatever_the_signs(episodes: list[list[int]]) -> None:
    rows = [{"episode": number, "weight": weight} for number, weights in enumerate(episodes) for weight in weights]
    shares = with_shares(pl.DataFrame(rows), "episode").group_by("episode").agg(pl.col("share").sum())
    assert all(abs(total - 1) < 1e-6 for total in shares["share"])
