"""Rules as data: the model of a programme, its loader, the rules files and the code tables."""

from __future__ import annotations

from episodes.programs.loading import load_program
from episodes.programs.program import Program, known_programs
from episodes.programs.tracks import TrackDecision, track_for

__all__ = ["Program", "TrackDecision", "known_programs", "load_program", "track_for"]
