"""Which of the payer's episodes is which of ours: by claim, by person and day, by person and dates; one to one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.pricing.checks import with_columns
from episodes.reconciliation.auditing.payer_file import SETTING_CENTS
from episodes.reconciliation.result import ReconciliationResult

Row = Mapping[str, Any]

_OPTIONAL: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("beneficiary_id", "anchor_claim_id", "anchor_ccn", "category", "price_code"), pl.String),
    **dict.fromkeys(("anchor_start", "anchor_end", "episode_end"), pl.Date),
}

MATCHED_BY = ("claim", "person_and_day", "person_and_dates", "claim_of_other_person")
"""Ways to match, the surest first: the person's anchor claim; the person, the day the anchor starts and the hospital;
the person and anchors that overlap; the anchor claim under another id of a person."""


@dataclass(frozen=True)
class Matches:
    """Pairs of ours and theirs, and what is left over.

    Attributes:
        pairs: our row, the payer's row, and how they were matched.
        repeated: the payer's rows that are the same episode of ours again, with that row of ours.
        only_ours, only_theirs: rows without a partner.
    """

    pairs: tuple[tuple[Row, Row, str], ...]
    repeated: tuple[tuple[Row, Row], ...]
    only_ours: tuple[Row, ...]
    only_theirs: tuple[Row, ...]


def our_episodes(result: ReconciliationResult, built: BuiltEpisodes) -> pl.DataFrame:
    """All candidates of the build, the settled ones with price, capped cost and party, and spending by setting."""
    shown = with_columns(built.episodes, "episodes", ["episode_id", "status", "episode_cents"], _OPTIONAL)
    candidates = shown.select(
        "episode_id",
        pl.col("status").cast(pl.String),
        pl.col("reasons") if "reasons" in shown.columns else pl.lit([], dtype=pl.List(pl.String)).alias("reasons"),
        *(pl.col(name).cast(dtype) for name, dtype in _OPTIONAL.items()),
        "episode_cents",
    )
    settled = result.episodes.select(
        "episode_id",
        "party_kind",
        "party_id",
        "price_cents",
        "repayment_price_cents",
        "capped_cents",
        "cut_cents",
        "reason",
    )
    return (
        candidates.join(settled, on="episode_id", how="left", maintain_order="left")
        .join(_by_setting(built), on="episode_id", how="left", maintain_order="left")
        .sort("episode_id")
    )


def _by_setting(built: BuiltEpisodes) -> pl.DataFrame:
    """Included spending of each episode by setting, where the build has services."""
    names = set(built.services.collect_schema().names())
    settings = [name.removesuffix("_cents") for name in SETTING_CENTS]
    if not {"episode_id", "setting", "period", "disposition", "cents"} <= names:
        return pl.DataFrame(schema={"episode_id": pl.String, **dict.fromkeys(SETTING_CENTS, pl.Int64)})
    setting = pl.col("setting").cast(pl.String)
    return (
        built.services.filter(
            pl.col("period").cast(pl.String) != "post_episode", pl.col("disposition").cast(pl.String) == "included"
        )
        .group_by("episode_id")
        .agg(pl.col("cents").filter(setting == name).sum().cast(pl.Int64).alias(f"{name}_cents") for name in settings)
        .collect()
    )


def match(ours: Iterable[Row], theirs: Iterable[Row]) -> Matches:
    """Match the payer's episodes with ours, one to one, the surest way first; final episodes before others."""
    left = sorted(ours, key=lambda row: (row["status"] != "final", row["episode_id"]))
    right = list(theirs)
    pairs: list[tuple[Row, Row, str]] = []
    taken: dict[str, Row] = {}
    matched: set[int] = set()
    for way in MATCHED_BY:
        places = _places(left, way)
        for row in right:
            if row["payer_row"] in matched:
                continue
            found = next((own for own in _found(places, row, way) if own["episode_id"] not in taken), None)
            if found is not None:
                taken[found["episode_id"]] = row
                matched.add(row["payer_row"])
                pairs.append((found, row, way))
    repeated, alone = [], []
    by_way = {way: _places(left, way) for way in MATCHED_BY[:2]}
    for row in (row for row in right if row["payer_row"] not in matched):
        again = next((own for way, places in by_way.items() for own in _found(places, row, way)), None)
        if again is None:
            alone.append(row)
        else:
            repeated.append((again, row))
    rest = tuple(row for row in left if row["episode_id"] not in taken)
    return Matches(tuple(pairs), tuple(repeated), rest, tuple(alone))


def _claim(row: Row) -> str | None:
    """A claim id, as a number where it is one."""
    text = row["anchor_claim_id"]
    return None if text is None else (str(int(text)) if text.isdecimal() else text)


_KEYS: Mapping[str, Callable[[Row], tuple[Any, ...]]] = {
    "claim": lambda row: (row["beneficiary_id"], _claim(row)),
    "person_and_day": lambda row: (row["beneficiary_id"], row["anchor_start"], row["anchor_ccn"]),
    "person_and_dates": lambda row: (row["beneficiary_id"],),
    "claim_of_other_person": lambda row: (_claim(row),),
}


def _places(rows: Iterable[Row], way: str) -> dict[tuple[Any, ...], list[Row]]:
    places: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        key = _KEYS[way](row)
        if None not in key:
            places[key].append(row)
    return places


def _found(places: Mapping[tuple[Any, ...], list[Row]], row: Row, way: str) -> list[Row]:
    key = _KEYS[way](row)
    found = [] if None in key else places.get(key, [])
    if way == "person_and_dates":
        return [own for own in found if _overlap(own, row)]
    return found


def _overlap(ours: Row, theirs: Row) -> bool:
    """Whether the anchors share a day; an end that is not known is the start."""
    if ours["anchor_start"] is None or theirs["anchor_start"] is None:
        return False
    ends = [row["anchor_end"] or row["anchor_start"] for row in (ours, theirs)]
    return bool(ours["anchor_start"] <= ends[1] and theirs["anchor_start"] <= ends[0])
