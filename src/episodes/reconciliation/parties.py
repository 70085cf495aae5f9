"""Who settles: the party of each episode, its track, convener, class and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import ArgumentError, ProgramError, count_of
from episodes.pricing.checks import with_columns
from episodes.programs import Program
from episodes.programs.settlement_rules import HospitalClass

Track = str | int | Mapping[str, str | int] | None

_PARTY_KINDS = ("hospital", "group")


def with_party(
    program: Program, episodes: pl.DataFrame, built: BuiltEpisodes, attributed: pl.DataFrame | None
) -> tuple[pl.DataFrame, list[str]]:
    """The episodes with party_kind and party_id (null: nobody settles them), and notes.

    Args:
        program: says whether the anchor's hospital or the attributed party settles.
        episodes: all final episodes, with anchor_ccn and participating.
        built: its attribution is used where none is given.
        attributed: episode_id, party_kind (hospital | group), party_id, at most one row an episode.
    """
    hospital = pl.when("participating").then("anchor_ccn")
    of_anchor = episodes.with_columns(
        party_kind=pl.when(hospital.is_not_null()).then(pl.lit("hospital")), party_id=hospital
    )
    if program.settlement.party.value == "anchor_hospital":
        return of_anchor, []
    table = owners_of(built) if attributed is None else attributed
    if attributed is None and table is not None:
        table = table.filter(pl.col("party_kind").cast(pl.String).is_in(_PARTY_KINDS))
    if table is None:
        note = "No attribution is given: each episode is settled by the hospital of its anchor, groups by none."
        return of_anchor, [note]
    known = _one_party_each(table)
    found = episodes.join(known, on="episode_id", how="left", maintain_order="left")
    alone = found.filter(pl.col("party_id").is_null()).height
    notes = [f"{count_of(alone, 'final episode')} attributed to no episode initiator: not settled."] if alone else []
    return found.with_columns(participating=pl.col("party_id").is_not_null()), notes


def owners_of(built: BuiltEpisodes) -> pl.DataFrame | None:
    """Who owns an episode whole by the programme's own method, where the build has its rows; nobody: no row."""
    if built.attribution is None or built.program.rules.attribution is None:
        return None
    own = built.attribution.filter(pl.col("method") == built.program.attribution.method.value).collect()
    if own.is_empty() and built.episodes.height:
        return None
    return own.filter(pl.col("party_kind").cast(pl.String) != "other", pl.col("share") == 1)


def _one_party_each(table: pl.DataFrame) -> pl.DataFrame:
    columns = ["episode_id", "party_kind", "party_id"]
    rows = with_columns(table, "attribution", columns).select(pl.col(columns).cast(pl.String)).unique().sort(columns)
    repeated = rows.height - rows["episode_id"].n_unique()
    if repeated:
        raise ArgumentError(
            f"The attribution gives {count_of(repeated, 'episode')} more than one party. An episode is settled by one: "
            "give the rows of the programme's own method only (attributed=...)."
        )
    strange = sorted(set(rows["party_kind"].drop_nulls()) - set(_PARTY_KINDS))
    if strange:
        raise ArgumentError(f"Unknown kind of party {', '.join(strange)}. Known: {', '.join(_PARTY_KINDS)}.")
    return rows


@dataclass(frozen=True)
class Participants:
    """Tracks and conveners of the participants table, by party id, and the programme's default."""

    program: Program
    tracks: Mapping[str, str]
    conveners: Mapping[str, str]

    @classmethod
    def of(cls, built: BuiltEpisodes) -> Participants:
        """The participants of the build's programme in its period."""
        start, end = built.program.period
        rows = built.participants.filter(
            pl.col("program") == built.program.id,
            pl.col("entity_kind").cast(pl.String).is_in(_PARTY_KINDS),
            pl.col("start_date").is_null() | (pl.col("start_date") <= end),
            pl.col("end_date").is_null() | (pl.col("end_date") >= start),
        )
        return cls(built.program, _one_each(rows, "track"), _one_each(rows, "convener_id"))

    def track_of(self, party: str, asked: Track) -> str:
        """The track asked for, else the participant's own, else the programme's default."""
        wanted = asked.get(party) if isinstance(asked, Mapping) else asked
        if wanted is not None:
            return str(wanted)
        return self.tracks.get(party, self.program.settlement.default_track.value)


def _one_each(rows: pl.DataFrame, column: str) -> dict[str, str]:
    named = rows.filter(pl.col(column).is_not_null()).select("entity_id", column).unique().sort("entity_id")
    repeated = named.height - named.get_column("entity_id").n_unique()
    if repeated:
        raise ProgramError(
            f"The participants table gives {count_of(repeated, 'hospital')} more than one {column} in the "
            "period. Give one a hospital, or dates that tell them apart."
        )
    return dict(named.iter_rows())


def names_of(hospitals: pl.DataFrame) -> dict[str, str]:
    """CCN to the latest name of a hospital."""
    listed = with_columns(hospitals, "hospitals", ["ccn"], {"name": pl.String, "start_date": pl.Date})
    named = listed.filter(pl.col("name").is_not_null()).sort("ccn", "start_date", "name", nulls_last=False)
    return dict(named.select("ccn", "name").iter_rows())


def classes_of(program: Program, hospitals: pl.DataFrame) -> dict[str, str]:
    """CCN to the first class of a hospital for which the programme has limits; columns that are absent name nobody."""
    classes: list[str] = [
        name
        for name in get_args(HospitalClass)
        if any(name in terms.stop_loss_by_class for terms in program.settlement.tracks.value.values())
    ]
    found: dict[str, str] = {}
    for name in reversed([name for name in classes if name in hospitals.columns]):
        for ccn in hospitals.filter(pl.col(name).cast(pl.Boolean))["ccn"].cast(pl.String).to_list():
            found[ccn] = name
    return found


def need_known_parties(what: str, given: Any, parties: Iterable[str]) -> None:
    """Refuse a mapping that names parties without an episode to settle."""
    if not isinstance(given, Mapping):
        return
    unknown = sorted(set(given) - set(parties))
    if unknown:
        raise ArgumentError(
            f"{what} are given for {count_of(len(unknown), 'hospital')} without an episode to settle: "
            f"{', '.join(unknown[:5])}. Give the CCN of a participating hospital, six characters."
        )
