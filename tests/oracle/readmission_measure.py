"""A literal restatement of the readmission measure over plain stays of one person, sharing no code with the library.

Stays are rows with id, start, end, hospital, diagnosis, procedures and status, acute ones only. The words it follows:
a stay elsewhere that begins on the day of discharge or the day after continues the stay, as does a return to the same
hospital on that day with the same diagnosis, and a stay within another one; the first admission on days 1 to N after
the last discharge counts, and if it was planned, nothing later does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from oracle.planned_readmissions import planned_by_code

MAX_GAP_DAYS = 1


@dataclass(frozen=True)
class Stay:
    """An acute stay."""

    id: str
    start: date
    end: date
    hospital: str
    diagnosis: str
    procedures: tuple[str, ...]
    status: str


def chains(stays: list[Stay]) -> list[list[Stay]]:
    """Stays that belong together, in order."""
    together: list[list[Stay]] = []
    seen: list[Stay] = []
    for stay in sorted(stays, key=lambda item: (item.start, item.end, item.hospital, item.id)):
        furthest = None
        for earlier in seen:
            if furthest is None or earlier.end >= furthest.end:
                furthest = earlier
        seen.append(stay)
        if furthest is not None and _continues(furthest, stay):
            together[-1].append(stay)
        else:
            together.append([stay])
    return together


def _continues(furthest: Stay, stay: Stay) -> bool:
    gap = (stay.start - furthest.end).days
    if stay.hospital != furthest.hospital:
        return gap <= MAX_GAP_DAYS
    return gap < 0 or (gap == 0 and stay.diagnosis == furthest.diagnosis)


def first_readmission(stays: list[Stay], anchor: str, days: int) -> tuple[bool | None, str | None]:
    """Whether the anchor's readmission counts (None: not asked), and its stay."""
    together = chains(stays)
    index = next(chain for chain in together if anchor in [stay.id for stay in chain])
    discharged = max(stay.end for stay in index)
    last = [stay for stay in index if stay.end == discharged][-1]
    if last.status in ("20", "07"):
        return None, None
    admissions = [chain[0] for chain in together if chain is not index]
    within = [stay for stay in admissions if 1 <= (stay.start - discharged).days <= days]
    if not within:
        return False, None
    first = min(within, key=lambda stay: stay.start)
    return not planned_by_code(first.diagnosis, list(first.procedures)), first.id
