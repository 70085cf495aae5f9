"""Which track a hospital is in: what it asked for, what the year offers, and what it is eligible for.

A track that the year does not offer has no terms in it. As a what-if, and only when asked for, those of the nearest
year that offers it stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from episodes.errors import ArgumentError, ProgramError, unknown_name
from episodes.programs.participation import Participation
from episodes.programs.program import Program


@dataclass(frozen=True)
class TrackDecision:
    """The track a hospital is in.

    Attributes:
        track: its name, as in the settlement rules.
        reason: `requested`; `no_request` (the default track); `not_available` in the year, or `not_eligible`
            (the default track in place of the one asked for).
        explanation: the same as a sentence.
    """

    track: str
    reason: str
    explanation: str


def track_for(
    program: Program, performance_year: str | int, hospital: Mapping[str, Any], requested: str | int | None = None
) -> TrackDecision:
    """The track of a hospital in a performance year.

    Args:
        program: a programme with tracks.
        performance_year: by its name.
        hospital: flags, true or false: safety_net, rural, medicare_dependent, medicare_dependent_authorised (the
            Medicare-dependent hospital programme is authorised when choices are due; without it
            medicare_dependent does not count), sole_community, essential_access. What is left out, or null, is false.
        requested: the track asked for in time, taken as approved where the hospital is eligible; None: none was.

    Returns:
        `.track`, `.reason`, `.explanation`.

    Raises:
        ArgumentError: an unknown flag or track, or a flag that is not true or false.
        ProgramError: an unknown year, or a programme without tracks.

    Source: 42 CFR 512.520 for TEAM.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> ep.programs.track_for(team, 2, {"safety_net": True}, requested=1).track
        '1'
        >>> ep.programs.track_for(team, 2, {"rural": True}, requested=1).reason
        'not_eligible'
    """
    resolved = program.for_year(performance_year)
    participation = resolved.rules.participation
    if participation is None:
        raise ProgramError(f"The rules of {program.id!r} have no part [participation]: it has no tracks to choose.")
    kinds = _kinds(participation, hospital)
    default = resolved.settlement.default_track.value
    year = f"performance year {resolved.performance_year}"
    if requested is None:
        return TrackDecision(default, "no_request", f"No choice was filed: Track {default} in {year}.")
    asked = str(requested)
    known = _tracks_of_all_years(program)
    if asked not in known:
        raise ArgumentError(unknown_name("track", asked, known))
    terms = participation.eligibility.value.get(asked)
    if terms is None:
        said = f"Track {asked} is not available in {year}: Track {default}."
        return TrackDecision(default, "not_available", said)
    if terms.only is not None and not kinds & set(terms.only):
        said = f"Track {asked} is open to {', '.join(terms.only)} hospitals only in {year}: Track {default}."
        return TrackDecision(default, "not_eligible", said)
    return TrackDecision(asked, "requested", f"Track {asked} as asked for in {year}.")


def years_of_track(program: Program, track: str) -> tuple[str, ...]:
    """The performance years in which a track exists, in the order of the programme's file."""
    return tuple(year for year in program.performance_years if track in program.for_year(year).settlement.tracks.value)


def tracks_of_other_years(program: Program) -> dict[str, str]:
    """Tracks that the performance year does not have, and the nearest year that has them; of two as near the later.

    >>> import episodes as ep
    >>> tracks_of_other_years(ep.load_program("team", performance_year=1))
    {'2': '2'}
    """
    years = program.performance_years
    here = years.index(program.performance_year)
    found: dict[str, str] = {}
    for year in sorted(years, key=lambda name: (abs(years.index(name) - here), -years.index(name))):
        for track in program.for_year(year).settlement.tracks.value:
            found.setdefault(track, year)
    own = program.settlement.tracks.value
    return {track: year for track, year in sorted(found.items()) if track not in own}


def with_track_of_other_year(program: Program, track: str) -> Program:
    """A what-if: the programme with a track that its year does not have, on the terms of the nearest year that has it.

    The rule `settlement.tracks` is marked `overridden`. A track that the year has, or no year has, changes nothing.
    """
    year = tracks_of_other_years(program).get(track)
    if year is None:
        return program
    own, other = (_written_tracks(each) for each in (program, program.for_year(year)))
    return program.override({"settlement.tracks": {**own, track: other[track]}})


def _written_tracks(program: Program) -> dict[str, Any]:
    return {
        name: terms.model_dump(exclude_none=True, exclude_defaults=True)
        for name, terms in program.settlement.tracks.value.items()
    }


def open_to(program: Program, track: str) -> str | None:
    """To whom a track is open in the year: `every hospital`, kinds of hospital, `nobody`; None: rules do not say."""
    participation = program.rules.participation
    if participation is None:
        return None
    terms = participation.eligibility.value.get(track)
    if terms is None:
        return "nobody"
    return "every hospital" if terms.only is None else ", ".join(terms.only)


def _kinds(participation: Participation, hospital: Mapping[str, Any]) -> set[str]:
    """The kinds of hospital it counts as."""
    only_while = participation.only_while.value
    known = [*participation.hospital_kinds.value, *only_while.values()]
    if not isinstance(hospital, Mapping):
        raise ArgumentError(f"hospital is a mapping of flags, such as {{'safety_net': True}}; known: {_listed(known)}.")
    for name, value in hospital.items():
        if name not in known:
            raise ArgumentError(unknown_name("flag of a hospital", str(name), known))
        is_flag = isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", None) == "b"  # or numpy's
        if value is not None and not is_flag:
            raise ArgumentError(f"The flag {name} is true or false, not a {type(value).__name__}.")
    is_set = {name for name, value in hospital.items() if value}
    return {name for name in is_set if name not in only_while or only_while[name] in is_set}


def _tracks_of_all_years(program: Program) -> set[str]:
    found: set[str] = set()
    for year in program.performance_years:
        part = program.for_year(year).rules.participation
        found |= set() if part is None else set(part.eligibility.value)
    return found


def _listed(names: list[str]) -> str:
    return ", ".join(names)
