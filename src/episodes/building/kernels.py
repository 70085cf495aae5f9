"""Loops over sorted arrays, compiled by numba; every function also runs as plain Python (`kernel.py_func`).

Kernels take and return arrays. Dates are day numbers, amounts int64 cents, codes small integers; nothing here knows of
files, frames or programmes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ANCHOR, POST, POST_EPISODE = 1, 2, 3
"""Periods of an item within an episode."""

INCLUDED = 0
NO_PRORATION, BY_DAYS, BY_GMLOS = 0, 1, 2
CANCEL_FIRST, FIRST_WINS = 0, 1
KEPT, CANCELLED_BY_LATER, WITHIN_EARLIER = 0, 1, 2


@njit(cache=True, nogil=True)
def resolve_overlap(person, start, end, category, same_category, other_category, verdict, touched):
    """Decide between episodes of one person that overlap in time.

    Episodes are sorted by person and start. `verdict` gets KEPT, CANCELLED_BY_LATER or WITHIN_EARLIER; `touched` marks
    both sides of every overlap.
    """
    previous = -1
    for current in range(person.size):
        if previous >= 0 and person[previous] != person[current]:
            previous = -1
        if previous < 0 or start[current] > end[previous]:
            previous = current
            continue
        touched[previous] = True
        touched[current] = True
        policy = same_category if category[previous] == category[current] else other_category
        if policy == CANCEL_FIRST:
            verdict[previous] = CANCELLED_BY_LATER
            previous = current
        else:
            verdict[current] = WITHIN_EARLIER


@njit(cache=True, nogil=True)
def count_rows(episode_from, episode_to, window_start, window_end, item_start, room):
    """How many rows an episode can need at most: two (its part and the remainder) for each item in its windows.

    `episode_from` and `episode_to` bound the person's items, which are sorted by start.
    """
    for e in range(episode_from.size):
        low = np.searchsorted(item_start[episode_from[e] : episode_to[e]], window_start[e], side="left")
        high = np.searchsorted(item_start[episode_from[e] : episode_to[e]], window_end[e], side="right")
        room[e] = 2 * (high - low)


@njit(cache=True, nogil=True)
def share_of(amount, part, whole):
    """`amount` x `part` / `whole`, rounded half up (towards plus infinity)."""
    return (2 * amount * part + whole) // (2 * whole)


@njit(cache=True, nogil=True)
def assign_items(
    # episodes, sorted by person
    episode_from,
    episode_to,
    window_start,
    anchor_end,
    episode_end,
    post_episode_end,
    outpatient_anchor,
    # items, sorted by person and start
    item_start,
    item_end,
    span_start,
    span_end,
    amount,
    allowed,
    standardized,
    bar,
    stay_exclusion,
    line_exclusion,
    in_stay_exclusion,
    anchor_day_item,
    kept,
    method,
    gmlos_tenths,
    own_episode,
    # output, with room for each episode from `row_from`
    row_from,
    row_item,
    row_period,
    row_reason,
    row_cents,
    row_allowed,
    row_standardized,
    rows_written,
    gmlos_missing,
):
    """Put every item into the windows of every candidate episode of its person: period, reason, share.

    An episode's own items (anchor stay and legs, or the trigger line) count in full. An item that runs over the end
    of the episode, or of the post-episode window, is split; what is left of an in-episode item goes to the
    post-episode period.
    """
    for e in range(episode_from.size):
        low = episode_from[e] + np.searchsorted(
            item_start[episode_from[e] : episode_to[e]], window_start[e], side="left"
        )
        high = episode_from[e] + np.searchsorted(
            item_start[episode_from[e] : episode_to[e]], post_episode_end[e], side="right"
        )
        written = row_from[e]
        for i in range(low, high):
            own = own_episode[i] == e
            if not own and not kept[i]:
                continue
            start = item_start[i]
            if (
                own
                or start < anchor_end[e]
                or (start == anchor_end[e] and (outpatient_anchor[e] or anchor_day_item[i]))
            ):
                period = ANCHOR
            elif start <= episode_end[e]:
                period = POST
            else:
                period = POST_EPISODE

            reason = INCLUDED
            if not own:
                if bar[i] != INCLUDED:
                    reason = bar[i]
                elif stay_exclusion[i] != INCLUDED and (outpatient_anchor[e] or start >= anchor_end[e]):
                    reason = stay_exclusion[i]
                elif line_exclusion[i] != INCLUDED:
                    reason = line_exclusion[i]
                elif in_stay_exclusion[i] != INCLUDED and period != ANCHOR:
                    for s in range(low, high):
                        if (
                            stay_exclusion[s] != INCLUDED
                            and bar[s] == INCLUDED
                            and kept[s]
                            and own_episode[s] != e
                            and (outpatient_anchor[e] or item_start[s] >= anchor_end[e])
                            and item_start[s] <= start <= item_end[s]
                        ):
                            reason = in_stay_exclusion[i]
                            break

            part = 1
            whole = 1
            if reason == INCLUDED and not own and method[i] != NO_PRORATION:
                boundary = post_episode_end[e] if period == POST_EPISODE else episode_end[e]
                if span_end[i] > boundary:
                    if method[i] == BY_DAYS:
                        whole = span_end[i] - span_start[i] + 1
                        part = max(0, boundary - span_start[i] + 1)
                    elif gmlos_tenths[i] > 0:
                        # the first day counts twice: days inside plus one, in tenths of a day
                        whole = gmlos_tenths[i]
                        part = min(whole, 10 * (boundary - start + 2))
                    else:
                        gmlos_missing[e] = True

            row_item[written] = i
            row_period[written] = period
            row_reason[written] = reason
            if reason == INCLUDED:
                row_cents[written] = share_of(amount[i], part, whole)
                row_allowed[written] = share_of(allowed[i], part, whole)
                row_standardized[written] = share_of(standardized[i], part, whole)
            written += 1
            if part < whole and period != POST_EPISODE and post_episode_end[e] > episode_end[e]:
                row_item[written] = i
                row_period[written] = POST_EPISODE
                row_reason[written] = INCLUDED
                row_cents[written] = amount[i] - share_of(amount[i], part, whole)
                row_allowed[written] = allowed[i] - share_of(allowed[i], part, whole)
                row_standardized[written] = standardized[i] - share_of(standardized[i], part, whole)
                written += 1
        rows_written[e] = written - row_from[e]


@njit(cache=True, nogil=True)
def book_items(
    row_episode,
    row_item,
    row_period,
    row_reason,
    row_cents,
    is_final,
    in_episode,
    in_cents,
    in_period,
    after_episode,
    after_cents,
    excluded_reason,
    considered,
    seen_cents,
):
    """Book every item once, by precedence (docs/outputs.md, balance); arrays of items are filled in place.

    Rows are sorted by episode, episodes by person and start, so the first row met is that of the earliest episode.
    """
    for r in range(row_item.size):
        i = row_item[r]
        seen_cents[i] += row_cents[r]
        if not is_final[row_episode[r]]:
            considered[i] = True
        elif row_reason[r] != INCLUDED:
            if excluded_reason[i] == INCLUDED:
                excluded_reason[i] = row_reason[r]
        elif row_period[r] != POST_EPISODE:
            in_episode[i] = row_episode[r]
            in_cents[i] = row_cents[r]
            in_period[i] = row_period[r]
    for r in range(row_item.size):
        i = row_item[r]
        counts = is_final[row_episode[r]] and row_reason[r] == INCLUDED and row_period[r] == POST_EPISODE
        free = in_episode[i] < 0 and after_episode[i] < 0
        if counts and (free or in_episode[i] == row_episode[r]):
            after_episode[i] = row_episode[r]
            after_cents[i] = row_cents[r]
