"""How much the choice of method changes who is judged, and how."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from math import fsum

import polars as pl

from episodes.attribution.judging import JudgingRules
from episodes.attribution.parties import UNATTRIBUTED, UNKNOWN
from episodes.attribution.scorecards import physician_scorecard
from episodes.checks import with_columns
from episodes.errors import ArgumentError, unknown_name

BANDS = {"tercile": 3, "quartile": 4, "quintile": 5}
NOT_RANKED = "not_ranked"
_COLUMNS = ("episode_id", "method", "party_kind", "party_id", "role", "share", "cents")


def method_agreement(attribution: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """For each pair of methods, how often they name the same party, and how much of the responsibility stays with it.

    Args:
        attribution: rows as `attribute` returns them, of two methods or more.

    Returns:
        method_a, method_b (every ordered pair, each with itself too); episodes; same_party: share of episodes whose
        main party (largest share; of equals the first by kind and id) is the same; same_share: mean over episodes of
        the share that both give to the same party; attributed_a, attributed_b: share of episodes that go to a known
        party.

    Example:
        >>> rows = pl.DataFrame(
        ...     {
        ...         "episode_id": ["1", "1", "1"], "method": ["operating", "proportional", "proportional"],
        ...         "party_kind": "physician", "party_id": ["a", "a", "b"], "role": "r", "share": [1.0, 0.75, 0.25],
        ...         "cents": [4, 3, 1],
        ...     }
        ... )
        >>> method_agreement(rows).select("method_a", "method_b", "same_party", "same_share").row(1)
        ('operating', 'proportional', 1.0, 0.75)
    """
    rows = with_columns(attribution.lazy().collect(), "attribution", _COLUMNS)
    party = ["party_kind", "party_id"]
    numbers = rows.select(party).unique().sort(party).with_row_index("_party").with_columns(_known=_is_known())
    parties = (
        rows.select("method", "share", *party, _episode=pl.col("episode_id").cast(pl.Categorical).to_physical())
        .join(numbers, on=party, how="left")
        .group_by("method", "_episode", "_party", "_known")
        .agg(pl.col("share").sum().round(12))
        .sort("method", "_episode", "share", "_party", descending=[False, False, True, False])
    )
    by_method = {str(name): frame for (name,), frame in parties.partition_by("method", as_dict=True).items()}
    main = {name: frame.unique("_episode", keep="first", maintain_order=True) for name, frame in by_method.items()}
    found = []
    for one, other in combinations_with_replacement(by_method, 2):
        both = main[one].join(main[other], on="_episode", suffix="_b")
        shared = by_method[one].join(by_method[other], on=["_episode", "_party"], suffix="_b")
        kept = shared.select(pl.min_horizontal("share", "share_b").clip(0.0)).to_series()
        pair = {
            "episodes": both.height,
            "same_party": _share_of(both["_party"] == both["_party_b"]),
            "same_share": fsum(kept) / both.height if both.height else None,
        }
        known = [_share_of(both["_known"]), _share_of(both["_known_b"])]
        found.append({"method_a": one, "method_b": other, **pair, "attributed_a": known[0], "attributed_b": known[1]})
        if one != other:
            found.append(
                {"method_a": other, "method_b": one, **pair, "attributed_a": known[1], "attributed_b": known[0]}
            )
    return pl.DataFrame(found, schema=_AGREEMENT).sort("method_a", "method_b")


_AGREEMENT = {
    "method_a": pl.String,
    "method_b": pl.String,
    "episodes": pl.Int64,
    "same_party": pl.Float64,
    "same_share": pl.Float64,
    "attributed_a": pl.Float64,
    "attributed_b": pl.Float64,
}


def _is_known() -> pl.Expr:
    return ~pl.col("party_id").is_in([UNKNOWN, UNATTRIBUTED])


def _share_of(found: pl.Series) -> float | None:
    return int(found.sum()) / len(found) if len(found) else None


def reclassification(
    episodes: pl.DataFrame,
    attribution: pl.DataFrame | pl.LazyFrame,
    expected: pl.DataFrame | None = None,
    *,
    classes: str = "quartile",
    party_kind: str = "physician",
    rules: JudgingRules | None = None,
) -> pl.DataFrame:
    """How many parties are put into another class when the method of attribution changes.

    Args:
        episodes: rows as in `built.episodes`; only final ones count.
        attribution: rows as `attribute` returns them, of two methods or more.
        expected: episode_id, expected_cents; None: `expected_costs`.
        classes: `tercile`, `quartile` or `quintile` of observed over expected among the parties with the minimum volume
            (1 is the cheapest; the others are `not_ranked`); or `flag`, the flags of `judge`.
        party_kind: whose classes.
        rules: how to judge, see `judging_rules`.

    Returns:
        method_a, method_b, class_a, class_b, parties (number), share (of the parties that either method has), changed
        (whether the classes differ). A party that a method does not have at all is `absent` there. Summed over
        `changed`, the share says how many of the parties are judged differently.

    Raises:
        ArgumentError: unknown classes.

    Source: Mehrotra, Adams, Thomas and McGlynn, Ann Intern Med 2010;152:649, who found 17 to 61 % of physicians in
    another category under another rule.

    Example:
        >>> episodes = pl.DataFrame({"episode_id": ["1", "2"], "episode_cents": [100, 300]})
        >>> rows = pl.DataFrame(
        ...     {
        ...         "episode_id": ["1", "2", "1", "2"], "method": ["operating", "operating", "attending", "attending"],
        ...         "party_kind": "physician", "party_id": ["a", "b", "a", "a"], "role": "r", "share": 1.0,
        ...         "cents": [100, 300, 100, 300],
        ...     }
        ... )
        >>> changed = reclassification(episodes, rows).filter("changed")
        >>> changed.select("method_a", "class_a", "class_b", "parties").rows()
        [('attending', 'absent', 'not_ranked', 1), ('operating', 'not_ranked', 'absent', 1)]
    """
    if classes != "flag" and classes not in BANDS:
        raise ArgumentError(unknown_name("classes", classes, [*BANDS, "flag"]))
    rows = with_columns(attribution.lazy().collect(), "attribution", _COLUMNS)
    by_method = {
        method: _classified(
            physician_scorecard(
                episodes, rows, expected, method=method, party_kind=party_kind, measures=(), rules=rules
            ),
            classes,
        )
        for method in rows["method"].unique().sort()
    }
    tables = []
    for one, other in product(by_method, repeat=2):
        if one == other:
            continue
        both = by_method[one].join(by_method[other], on="party_id", how="full", coalesce=True, suffix="_b")
        tables.append(
            both.select(class_a=pl.col("class").fill_null("absent"), class_b=pl.col("class_b").fill_null("absent"))
            .group_by("class_a", "class_b")
            .agg(parties=pl.len().cast(pl.Int64))
            .with_columns(method_a=pl.lit(one), method_b=pl.lit(other), share=pl.col("parties") / both.height)
        )
    columns = {"method_a": pl.String, "method_b": pl.String, "class_a": pl.String, "class_b": pl.String}
    empty = pl.DataFrame(schema={**columns, "parties": pl.Int64, "share": pl.Float64})
    return (
        pl.concat([empty, *(table.select(empty.columns) for table in tables)])
        .with_columns(changed=pl.col("class_a") != pl.col("class_b"))
        .sort("method_a", "method_b", "class_a", "class_b")
    )


def _classified(card: pl.DataFrame, classes: str) -> pl.DataFrame:
    """party_id and class."""
    if classes == "flag":
        return card.select("party_id", pl.col("flag").alias("class"))
    few = pl.col("reasons").list.contains("below_minimum_volume") | pl.col("ratio").is_null()
    ranked = card.filter(~few).sort("ratio", "party_id")
    number = BANDS[classes]
    place = pl.int_range(pl.len())
    return pl.concat(
        [
            ranked.select("party_id", (1 + place * number // pl.len()).cast(pl.String).alias("class")),
            card.filter(few).select("party_id", pl.lit(NOT_RANKED).alias("class")),
        ]
    )
