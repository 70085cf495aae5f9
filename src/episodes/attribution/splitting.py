"""Splitting the cents of many episodes among their parties at once, conserving every cent."""

from __future__ import annotations

import polars as pl


def split_by_largest_remainder(parts: pl.DataFrame, whole: str) -> pl.DataFrame:
    """Whole cents of parts whose exact amounts are fractions: `episodes.money`'s largest remainder, over a frame.

    Args:
        parts: one row a part: the column `whole` (which episode), `numerator` and `denominator` (whole numbers, the
            same denominator within an episode, below 2^63). The numerators of an episode sum to its cents times the
            denominator. Ties go to the earlier row.
        whole: name of the column of the episode.

    Returns:
        The rows in their order, with `cents` in place of numerator and denominator.

    Example:
        >>> thirds = pl.DataFrame({"episode": [7, 7, 7], "numerator": [100, 100, 100], "denominator": [3, 3, 3]})
        >>> split_by_largest_remainder(thirds, "episode")["cents"].to_list()
        [34, 33, 33]
    """
    numerator, denominator = pl.col("numerator").cast(pl.Int128), pl.col("denominator").cast(pl.Int128)
    floored = parts.with_columns(cents=numerator // denominator).with_columns(
        _left=(numerator - pl.col("cents") * denominator).cast(pl.Int64)
    )
    uneven = floored.filter(pl.col("_left") != 0)
    if uneven.is_empty():
        return floored.with_columns(pl.col("cents").cast(pl.Int64)).drop("numerator", "denominator", "_left")
    missing = (pl.col("_left").cast(pl.Int128).sum().over(whole) // denominator).cast(pl.Int64)
    place = (-pl.col("_left")).rank("ordinal").over(whole).cast(pl.Int64)
    return (
        floored.with_columns(_more=place <= missing)
        .with_columns(cents=(pl.col("cents") + pl.col("_more").cast(pl.Int128)).cast(pl.Int64))
        .drop("numerator", "denominator", "_left", "_more")
    )


def with_shares(parts: pl.DataFrame, whole: str) -> pl.DataFrame:
    """The share of each part in its episode, from its `weight`: shares sum to one.

    Where the weights of an episode sum to zero, they count without their sign; where all are zero, parts are equal. A
    share can be below 0 or above 1 where amounts of an episode have both signs.

    Example:
        >>> with_shares(pl.DataFrame({"episode": [1, 1], "weight": [3, 1]}), "episode")["share"].to_list()
        [0.75, 0.25]
    """
    weight = pl.col("weight").cast(pl.Int128)
    total, size = weight.sum().over(whole), weight.abs().sum().over(whole)
    return parts.with_columns(
        share=pl.when(total != 0)
        .then(weight.cast(pl.Float64) / total.cast(pl.Float64))
        .when(size != 0)
        .then(weight.abs().cast(pl.Float64) / size.cast(pl.Float64))
        .otherwise(1.0 / pl.len().over(whole))
    ).drop("weight")
