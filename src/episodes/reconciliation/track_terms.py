"""On whose terms a track is settled: the performance year's own, or as a what-if those of the nearest that has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from episodes.errors import count_of
from episodes.programs import Program
from episodes.programs.tracks import tracks_of_other_years, with_track_of_other_year


@dataclass(frozen=True)
class TrackTaken:
    """A track with the programme that has its terms, and the performance year they are of."""

    track: str
    program: Program
    year: str


class TracksTaken:
    """The tracks that parties settle on, each looked up once.

    Attributes:
        program: the programme, with every track that was brought in from another year (`settlement.tracks` is then
            marked `overridden`).
    """

    def __init__(self, program: Program, *, what_if: bool) -> None:
        self.program = program
        self._own = program
        self._elsewhere = tracks_of_other_years(program) if what_if else {}
        self._taken: dict[str, TrackTaken] = {}

    def terms_of(self, track: str) -> TrackTaken:
        """The terms of a track; one that is not to be had comes back as of the year, for settling to refuse."""
        if track not in self._taken:
            year = self._elsewhere.get(track)
            if year is None:
                self._taken[track] = TrackTaken(track, self._own, self._own.performance_year)
            else:
                self.program = with_track_of_other_year(self.program, track)
                self._taken[track] = TrackTaken(track, with_track_of_other_year(self._own, track), year)
        return self._taken[track]

    def notes(self, settled_on: Iterable[str]) -> list[str]:
        """What must be said of the tracks that parties settled on: a sentence for each that the year does not have."""
        parties = Counter(settled_on)
        return [
            said_of_what_if(self._own, track, self._elsewhere[track])
            + f" {count_of(parties[track], 'settlement')} here."
            for track in sorted(parties)
            if track in self._elsewhere
        ]


def said_of_what_if(program: Program, track: str, year: str) -> str:
    """That a track does not exist in the year, by which rule, and whose terms stand in.

    >>> import episodes as ep
    >>> said_of_what_if(ep.load_program("team", performance_year=1), "2", "2").partition(" (")[0]
    'Track 2 does not exist in performance year 1'
    """
    rule = program.settlement.tracks
    return (
        f"Track {track} does not exist in performance year {program.performance_year} ({rule.citation}; "
        f"{rule.status}): a what-if on its terms of performance year {year}, not the programme's result."
    )
