"""The tracks of a programme side by side: the same episodes settled on the terms of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import ArgumentError
from episodes.pricing.target_prices import TargetPrices
from episodes.programs import Program
from episodes.programs.tracks import open_to, tracks_of_other_years
from episodes.reconciliation.reconcile import reconcile
from episodes.reconciliation.result import STEP_OF_COLUMN, outcome_of
from episodes.reconciliation.settle import settle_amounts
from episodes.reconciliation.track_terms import TracksTaken, said_of_what_if

_OF_PARTY = (
    "party_kind",
    "party_id",
    "name",
    "category",
    "performance_year",
    "episodes",
    "target_cents",
    "actual_cents",
    "difference_cents",
    "quality_score",
)
"""What is of the party's episodes and score, and so the same on every track."""


def compare_tracks(
    built: BuiltEpisodes,
    prices: TargetPrices,
    tracks: Iterable[str | int] | None = None,
    *,
    what_if_tracks: bool = False,
    **arguments: Any,
) -> pl.DataFrame:
    """Settle the same episodes on several tracks.

    Args:
        built, prices: as for `reconcile`.
        tracks: the tracks to compare. Default: all of the year; with `what_if_tracks` all of the programme.
        what_if_tracks: also compare tracks that the year does not have, on the terms of the nearest year that has them.
            Their rows say so (`what_if`, `terms_of_year`), and they are never the best.
        **arguments: further arguments of `reconcile`, but `track`.

    Returns:
        One row a party and track, sorted by party and track: party_kind, party_id, name, category, track,
        performance_year, terms_of_year (the year whose terms of the track were used), what_if (the performance year has
        no such track), open_to (kinds of hospital that may be in the track in the performance year; `every hospital`,
        `nobody`; null: the rules do not say), episodes, target_cents, actual_cents, difference_cents, quality_score,
        what each settlement step added (low_volume_effect_cents, ..., as in `ReconciliationResult.parties`),
        amount_cents, outcome, and `best` (whether no other track of the year settles the party higher).

    Raises:
        ArgumentError: an unknown track, or one that the year does not have without `what_if_tracks`.

    Source: 42 CFR 512.520 for TEAM.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> team = ep.load_program("team", performance_year=1)
        >>> prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
        >>> built = ep.build_episodes(claims, team)
        >>> compare_tracks(built, prices)["track"].unique().sort().to_list()
        ['1', '3']
        >>> compared = compare_tracks(built, prices, what_if_tracks=True)
        >>> compared.select("track", "terms_of_year", "what_if", "open_to").unique().sort("track").rows()
        [('1', '1', False, 'every hospital'), ('2', '2', True, 'nobody'), ('3', '1', False, 'every hospital')]
    """
    program = built.program
    known = _tracks(program, what_if=what_if_tracks)
    asked = known if tracks is None else list(dict.fromkeys(str(track) for track in tracks))
    if not asked:
        raise ArgumentError("tracks names no track. Name one or more, or leave it out for all.")
    # What is settled does not depend on the track: the episodes are summed once, and settled on the terms of each.
    once = reconcile(built, prices, track=asked[0], what_if_tracks=what_if_tracks, **arguments)
    taken = TracksTaken(program, what_if=what_if_tracks)
    rows = []
    for party in once.parties.to_dicts():
        given = once.inputs[party["party_kind"], party["party_id"], party["category"]]
        for track in asked:
            terms = taken.terms_of(track)
            amount = settle_amounts(terms.program, track, given)
            rows.append(
                {
                    **{name: party[name] for name in _OF_PARTY},
                    "track": track,
                    "terms_of_year": terms.year,
                    "what_if": terms.year != program.performance_year,
                    "open_to": open_to(program, track),
                    **{column: amount.change_of(step) for column, step in STEP_OF_COLUMN.items()},
                    "amount_cents": amount.amount_cents,
                    "outcome": outcome_of(amount.amount_cents),
                }
            )
    types = once.parties.schema
    schema = {name: _ADDED.get(name) or types[name] for name in _COLUMNS}
    by = ["party_kind", "party_id", "category"]
    of_year = pl.when(~pl.col("what_if")).then("amount_cents")
    return (
        pl.DataFrame(rows, schema=schema)
        .with_columns(best=(of_year == of_year.max().over(by)).fill_null(value=False))
        .sort(*by, "track", nulls_last=False)
    )


_COLUMNS = (
    *_OF_PARTY[:4],
    "track",
    "performance_year",
    "terms_of_year",
    "what_if",
    "open_to",
    *_OF_PARTY[5:],
    *STEP_OF_COLUMN,
    "amount_cents",
    "outcome",
)
_ADDED = {"what_if": pl.Boolean, "open_to": pl.String}


def track_notes(program: Program, *, what_if: bool) -> list[str]:
    """What a reader of tracks side by side must know: which tracks the year lacks, and to whom its own are open."""
    elsewhere = tracks_of_other_years(program)
    year = program.performance_year
    notes = []
    for track, of_year in elsewhere.items():
        if what_if:
            notes.append(said_of_what_if(program, track, of_year))
        else:
            rule = program.settlement.tracks
            notes.append(
                f"Track {track} does not exist in performance year {year} ({rule.citation}; {rule.status}). "
                f"--what-if-tracks shows it on its terms of performance year {of_year}."
            )
    for track in program.settlement.tracks.value:
        kinds = open_to(program, track)
        if kinds not in (None, "every hospital"):
            notes.append(f"Track {track} is open in performance year {year} to: {kinds}; on request.")
    return notes


def _tracks(program: Program, *, what_if: bool) -> list[str]:
    """The tracks of the year, and with `what_if` those of other years."""
    own = list(program.settlement.tracks.value)
    return sorted([*own, *tracks_of_other_years(program)]) if what_if else own
