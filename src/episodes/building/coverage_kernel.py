"""The compiled loops over intervals of coverage: which candidates one meets, which are covered throughout."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def mark_meeting(first, last, low, high, start, end, is_asked, found):
    """Mark candidates with some day from first to last that lies in an interval that is asked for.

    `start[low[e] : high[e]]` are the intervals of the person of candidate e.
    """
    for e in range(first.size):
        for i in range(low[e], high[e]):
            if is_asked[i] and start[i] <= last[e] and end[i] >= first[e]:
                found[e] = True
                break


@njit(cache=True, nogil=True)
def mark_covered(first, last, low, high, start, end, is_asked, found):
    """Mark candidates all of whose days lie in one spell: intervals that overlap or adjoin, one after the other.

    The intervals of a person come by their start.
    """
    for e in range(first.size):
        in_spell = False
        since = until = start[0] if start.size else first[e]
        for i in range(low[e], high[e]):
            if not is_asked[i]:
                continue
            if in_spell and start[i] <= until + 1:
                until = max(until, end[i])
                continue
            if in_spell and since <= first[e] and until >= last[e]:
                break
            in_spell = True
            since = start[i]
            until = end[i]
        found[e] = in_spell and since <= first[e] and until >= last[e]
