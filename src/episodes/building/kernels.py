"""What the compiled loops share: overlap of episodes, splitting of amounts, booking of items.

Kernels take and return arrays. Dates are day numbers, amounts int64 cents, codes small integers; nothing here knows of
files, frames or programmes. Every function also runs as plain Python (`kernel.py_func`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

NO_PERIOD, PRE, ANCHOR, POST, POST_EPISODE = 0, 1, 2, 3, 4
"""Periods of an item within an episode."""

INCLUDED = 0
SETTING_NOT_COVERED, NO_AMOUNT, NON_POSITIVE, OTHER_PAYER = 1, 2, 3, 4
FIRST_RULE = 5
"""Reasons: 0 = included, then the bars, then the programme's rules in their order."""

PLAIN_RULE, STAY_RULE, STAY_PROCEDURE_RULE, IN_EXCLUDED_STAY_RULE = 0, 1, 2, 3
"""Kinds of exclusion that the loops tell apart."""

INCLUDE_RELATED, INCLUDE_RELATED_OR_SURGEON, INCLUDE_NONE = 0, 1, 2

CANCEL_FIRST, FIRST_WINS = 0, 1
KEPT, CANCELLED_BY_LATER, WITHIN_EARLIER = 0, 1, 2
ANY = -1

FINAL_EPISODE, AFTER_EPISODE, NOT_FINAL, EXCLUDED, OUTSIDE = 0, 1, 2, 3, 4
"""Where an item is booked."""

# Places of the state of one item while its episodes are gone through.
IN_EPISODE, FIRST_AFTER, AFTER_OF_IN, CONSIDERED, REASON, SEEN, FIRST_AFTER_CENTS, AFTER_OF_IN_CENTS = range(8)
IN_CENTS, IN_ROWS = 8, 13
STATE_SIZE = 18


@njit(cache=True, nogil=True)
def resolve_overlap(
    person,
    start,
    end,
    category,
    setting,
    same_category,
    other_category,
    first_gives_way,
    second_gives_way,
    same_setting,
    same_start,
    verdict,
    touched,
):
    """Decide between episodes of one person that overlap in time.

    Episodes are sorted by person and start. `first_gives_way[k, c]` and `second_gives_way[k, c]` say whether category c
    stands on a side of exception k. `verdict` gets KEPT, CANCELLED_BY_LATER or WITHIN_EARLIER; `touched` marks both
    sides of every overlap.
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
        for k in range(same_setting.size):
            if (
                first_gives_way[k, category[previous]]
                and second_gives_way[k, category[current]]
                and (same_setting[k] == ANY or same_setting[k] == (setting[previous] == setting[current]))
                and (same_start[k] == ANY or same_start[k] == (start[previous] == start[current]))
            ):
                policy = CANCEL_FIRST
        if policy == CANCEL_FIRST:
            verdict[previous] = CANCELLED_BY_LATER
            previous = current
        else:
            verdict[current] = WITHIN_EARLIER


@njit(inline="always")
def boundary_of(amount, part, whole, apart, apart_part, apart_whole):
    """`amount` x `part` / `whole` + `apart` x `apart_part` / `apart_whole`, rounded half up (towards plus infinity)."""
    if apart == 0:
        return (2 * amount * part + whole) // (2 * whole)
    together = amount * part * apart_whole + apart * apart_part * whole
    return (2 * together + whole * apart_whole) // (2 * whole * apart_whole)


@njit(inline="always")
def first_at_least(days, low, high, day):
    """The first place in days[low:high] (ascending) whose day is not before the given one."""
    while low < high:
        middle = (low + high) // 2
        if days[middle] < day:
            low = middle + 1
        else:
            high = middle
    return low


@njit(inline="always")
def inclusion_reason(rules, period, day_after, setting, emergency, related, by_surgeon):
    """The reason for which an item is not included, by the first inclusion rule that fits it; INCLUDED if none."""
    for k in range(rules.period.size):
        if (
            rules.period[k] == period
            and (period != POST or rules.first_day[k] <= day_after <= rules.last_day[k])
            and rules.settings[k, setting]
            and (rules.emergency_too[k] or not emergency)
        ):
            mode = rules.include[k]
            if mode == INCLUDE_NONE or not (related or (mode == INCLUDE_RELATED_OR_SURGEON and by_surgeon)):
                return rules.reason[k]
            return INCLUDED
    return INCLUDED


@njit(inline="always")
def note_row(state, episode, final, period, reason, cents):
    """Take a row of an item into account for its booking. Rows come by episode, then by period."""
    state[SEEN] += cents
    if not final:
        state[CONSIDERED] = 1
    elif reason != INCLUDED:
        if state[REASON] == INCLUDED:
            state[REASON] = reason
    elif period != POST_EPISODE:
        if state[IN_EPISODE] < 0 or state[IN_EPISODE] == episode:
            state[IN_EPISODE] = episode
            state[IN_CENTS + period] += cents
            state[IN_ROWS + period] = 1
    else:
        if state[FIRST_AFTER] < 0:
            state[FIRST_AFTER] = episode
            state[FIRST_AFTER_CENTS] = cents
        if state[IN_EPISODE] == episode:
            state[AFTER_OF_IN] = 1
            state[AFTER_OF_IN_CENTS] = cents


@njit(inline="always")
def start_item(state):
    """Forget the item before."""
    for k in range(STATE_SIZE):
        state[k] = 0
    state[IN_EPISODE] = -1
    state[FIRST_AFTER] = -1


@njit(inline="always")
def enter(sums, destination, period, reason, cents, memo):
    """One entry of the balance."""
    sums.balance_items[destination, period, reason] += 1
    sums.balance_cents[destination, period, reason] += cents
    sums.balance_memo[destination, period, reason] += memo


@njit(inline="always")
def book_item(state, sums, full, past_windows, outside_reason):
    """Book an item once, by precedence (docs/outputs.md, balance), from the state that its rows have left."""
    booked = np.int64(0)
    after = np.int64(0)
    has_after = False
    if state[IN_EPISODE] >= 0:
        for period in range(PRE, POST_EPISODE):
            booked += state[IN_CENTS + period]
        has_after = state[AFTER_OF_IN] == 1
        after = state[AFTER_OF_IN_CENTS]
    elif state[FIRST_AFTER] >= 0:
        has_after = True
        after = state[FIRST_AFTER_CENTS]
    memo = state[SEEN] - booked - after
    if state[IN_EPISODE] < 0 and not has_after:
        if state[CONSIDERED] == 1:
            enter(sums, NOT_FINAL, NO_PERIOD, 0, full, memo)
        elif state[REASON] != INCLUDED:
            enter(sums, EXCLUDED, NO_PERIOD, state[REASON], full, memo)
        else:
            enter(sums, OUTSIDE, NO_PERIOD, outside_reason, full, memo)
        return
    if state[IN_EPISODE] >= 0:
        for period in range(PRE, POST_EPISODE):
            if state[IN_ROWS + period] == 1:
                enter(sums, FINAL_EPISODE, period, 0, state[IN_CENTS + period], memo)
                memo = np.int64(0)
    if has_after:
        enter(sums, AFTER_EPISODE, NO_PERIOD, 0, after, memo)
    rest = full - booked - after
    if rest != 0:
        enter(sums, OUTSIDE, NO_PERIOD, past_windows, rest, np.int64(0))


@njit(inline="always")
def add_row(
    rows, written, keep, sums, candidates, e, item, period, reason, category, start, cents, allowed, standardized
):
    """Add a row of an item to the sums of its episode, and to the rows where they are kept; returns rows written."""
    if reason == INCLUDED:
        sums.period_cents[e, period] += cents
        if period != POST_EPISODE:
            sums.allowed_cents[e] += allowed
            sums.standardized_cents[e] += standardized
            sums.category_cents[e, category] += cents
        if period >= POST:
            day = start
            if period == POST_EPISODE and day <= candidates.episode_end[e]:
                day = candidates.episode_end[e] + 1
            band = (day - candidates.anchor_end[e]) // 30
            if 0 <= band < sums.band_cents.shape[1]:
                sums.band_cents[e, band] += cents
    if keep:
        rows.episode[written] = e
        rows.item[written] = item
        rows.period[written] = period
        rows.reason[written] = reason
        rows.category[written] = category
        rows.cents[written] = cents
        rows.allowed[written] = allowed
        rows.standardized[written] = standardized
        written += 1
    return written
