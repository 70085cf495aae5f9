"""Rules as data: the model of a programme, its loader, the rules files and the code tables."""

from __future__ import annotations

from episodes.programs.loading import load_program
from episodes.programs.program import Program, known_programs

__all__ = ["Program", "known_programs", "load_program"]
