"""The tracks of a programme side by side: the same episodes settled on the terms of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.pricing.target_prices import TargetPrices
from episodes.reconciliation.reconcile import reconcile

_SHOWN = (
    "party_kind",
    "party_id",
    "name",
    "category",
    "track",
    "episodes",
    "target_cents",
    "actual_cents",
    "difference_cents",
    "quality_score",
    "amount_cents",
    "outcome",
)


def compare_tracks(
    built: BuiltEpisodes,
    prices: TargetPrices,
    tracks: Iterable[str | int] | None = None,
    **arguments: Any,
) -> pl.DataFrame:
    """Settle the same episodes on several tracks of the performance year.

    Args:
        built, prices: as for `reconcile`.
        tracks: the tracks to compare. Default: all of the year.
        **arguments: further arguments of `reconcile`, but `track`.

    Returns:
        One row a party and track, sorted by party and track: party_kind, party_id, name, category, track, episodes,
        target_cents, actual_cents, difference_cents, quality_score, amount_cents, outcome, and `best` (whether no other
        track of the party settles higher).

    Raises:
        ArgumentError: an unknown track.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> team = ep.load_program("team", performance_year=1)
        >>> prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
        >>> compared = compare_tracks(ep.build_episodes(claims, team), prices)
        >>> compared["track"].unique().sort().to_list()
        ['1', '3']
    """
    asked = list(built.program.settlement.tracks.value) if tracks is None else [str(track) for track in tracks]
    found = [reconcile(built, prices, track=track, **arguments).parties.select(_SHOWN) for track in asked]
    by = ["party_kind", "party_id", "category"]
    return (
        pl.concat(found)
        .with_columns(best=pl.col("amount_cents") == pl.col("amount_cents").max().over(by))
        .sort(*by, "track", nulls_last=False)
    )
