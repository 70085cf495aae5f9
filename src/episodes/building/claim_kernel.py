"""The compiled loop over items that are paid as a whole claim: stays, SNF, home health, hospice.

Each item is put into the windows of every candidate episode of its person, split where it runs over a boundary, and
booked once. Excluded stays are remembered for the lines that are dated within them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from episodes.building.kernels import (
    ANCHOR,
    FIRST_RULE,
    INCLUDED,
    NO_PERIOD,
    POST,
    POST_EPISODE,
    PRE,
    STAY_PROCEDURE_RULE,
    STAY_RULE,
    add_row,
    book_item,
    boundary_of,
    inclusion_reason,
    note_row,
    start_item,
)

WHOLE, BY_DAYS, BY_GMLOS, BY_VISITS = 0, 1, 2, 3
INPATIENT = 0
"""Setting number of a stay; settings are numbered as in `contract.SETTINGS`."""
PART, WHOLE_OF, APART_PART, APART_WHOLE = 0, 1, 2, 3


@njit(inline="always")
def plain_period(policy, candidates, e, setting, day):
    """The period of an item by its first day alone; NO_PERIOD where it is not grouped."""
    if day < candidates.first_day[e] or day > candidates.post_episode_end[e]:
        return NO_PERIOD
    if day < candidates.anchor_period_start[e]:
        return PRE
    if day < candidates.post_start[e]:
        if setting == INPATIENT and candidates.from_stay[e] and policy.stays_during_anchor_not_grouped:
            return NO_PERIOD
        return ANCHOR
    if day == candidates.anchor_end[e] and candidates.from_outpatient[e] and policy.procedure_day_anchor[setting]:
        return ANCHOR
    if day <= candidates.episode_end[e]:
        return POST
    return POST_EPISODE


@njit(inline="always")
def shares_by_days(policy, candidates, e, items, i, period, shares):
    """Cumulative shares of an item by days; returns the first period that has one."""
    start, end = items.span_start[i], items.span_end[i]
    episode_end, last_day = candidates.episode_end[e], candidates.post_episode_end[e]
    length = end - start + 1
    over_anchor = policy.split_at_anchor_end and period == ANCHOR and start < candidates.post_start[e] <= end
    boundary = last_day if period == POST_EPISODE else episode_end
    if not over_anchor and end <= boundary:
        return NO_PERIOD
    for q in range(shares.shape[0]):
        shares[q, WHOLE_OF] = length
    if not policy.remainder_by_days:
        inside = max(0, min(boundary, end) - start + 1)
        if over_anchor:
            shares[ANCHOR, PART] = candidates.post_start[e] - start
            shares[POST, PART] = inside
        else:
            shares[period, PART] = inside
        if period != POST_EPISODE and end > boundary and last_day > episode_end:
            shares[POST_EPISODE, PART] = length
        return period
    reached = np.int64(0)
    first = NO_PERIOD
    for q in range(PRE, POST_EPISODE + 1):
        low = start
        high = episode_end
        if q < period:
            continue
        if q == period and over_anchor:
            high = candidates.post_start[e] - 1
        elif q == POST and period == ANCHOR and over_anchor:
            low = candidates.post_start[e]
        elif q == POST_EPISODE:
            low = max(start, episode_end + 1)
            high = last_day
        elif q != period:
            continue
        days = min(high, end) - max(low, start) + 1
        if days > 0:
            reached += days
            shares[q, PART] = reached
            if first == NO_PERIOD:
                first = q
    return first


@njit(inline="always")
def shares_by_gmlos(policy, candidates, e, items, i, period, shares):
    """Cumulative shares of a stay by GMLOS, the first day counted twice; its outlier part apart, by days."""
    start, end = items.span_start[i], items.span_end[i]
    episode_end, last_day = candidates.episode_end[e], candidates.post_episode_end[e]
    boundary = last_day if period == POST_EPISODE else episode_end
    if end <= boundary:
        return NO_PERIOD
    length = end - start + 1
    inside = boundary - start + 1
    beyond = min(last_day, end) - episode_end if period != POST_EPISODE else 0
    tenths = items.gmlos_tenths[i]
    part, whole = np.int64(1), np.int64(1)
    if tenths > 0:
        part, whole = np.int64(min(tenths, 10 * (inside + 1))), np.int64(tenths)
    has_outlier = policy.outlier_by_days and (
        items.outlier[i] != 0 or items.allowed_outlier[i] != 0 or items.standardized_outlier[i] != 0
    )
    for q in range(shares.shape[0]):
        shares[q, WHOLE_OF] = whole
        shares[q, APART_WHOLE] = length
    shares[period, PART] = part
    shares[period, APART_PART] = inside
    if beyond > 0 and (part < whole or has_outlier):
        shares[POST_EPISODE, PART] = whole
        shares[POST_EPISODE, APART_PART] = inside + beyond
    return period


@njit(inline="always")
def shares_by_visits(policy, candidates, e, items, visit_day, i, setting, shares):
    """Cumulative shares of a claim by the visits of each period; those outside every period count in the total."""
    total = items.visit_to[i] - items.visit_from[i]
    first = NO_PERIOD
    reached = np.int64(0)
    for q in range(PRE, POST_EPISODE + 1):
        count = 0
        for v in range(items.visit_from[i], items.visit_to[i]):
            if plain_period(policy, candidates, e, setting, visit_day[v]) == q:
                count += 1
        if count > 0:
            reached += count
            shares[q, PART] = reached
            shares[q, WHOLE_OF] = total
            if first == NO_PERIOD:
                first = q
    return first


@njit(inline="always")
def claim_reason(candidates, items, rules, inclusions, e, i, period):
    """The first bar, exclusion or inclusion that takes an item out of an episode; INCLUDED if none does."""
    if items.bar[i] != INCLUDED:
        return items.bar[i]
    start, end = items.start[i], items.end[i]
    bits = items.rule_bits[i] & candidates.rule_bits[e]
    spared_stay = period == PRE or (candidates.from_stay[e] and start < candidates.post_start[e])
    r = 0
    while bits != 0:
        if bits & 1:
            kind = rules.kind[r]
            is_stay_rule = kind in (STAY_RULE, STAY_PROCEDURE_RULE)
            spared = kind == STAY_PROCEDURE_RULE and (
                candidates.episode_end[e] < start and end <= candidates.post_episode_end[e]
            )
            if not (is_stay_rule and spared_stay) and not spared:
                return FIRST_RULE + r
        bits >>= 1
        r += 1
    return inclusion_reason(
        inclusions,
        period,
        start - candidates.post_start[e] + 1,
        items.setting[i],
        False,
        items.related[i],
        False,
    )


@njit(cache=True, nogil=True, _nrt=False)
def assign_claims(
    policy,
    people,
    candidates,
    items,
    visit_day,
    rules,
    inclusions,
    reasons,
    stays,
    sums,
    rows,
    keep_rows,
    state,
    shares,
):
    """Put every item into the windows of every candidate episode of its person; returns the number of rows.

    `stays` gets the excluded stays: person by person, with the episode that they are excluded from. `reasons` holds the
    numbers of reasons that no rule carries: past_windows, in_earlier_episode. `state` and `shares` are
    room to work in.
    """
    past_windows, in_earlier = reasons
    written = 0
    excluded_stays = 0
    for p in range(people.episode_from.size):
        stays.person_from[p] = excluded_stays
        for i in range(people.item_from[p], people.item_to[p]):
            start_item(state)
            in_earlier_one = False
            setting = items.setting[i]
            start = items.start[i]
            for e in range(people.episode_from[p], people.episode_to[p]):
                own = items.own[i] == e
                if not own and (
                    not items.kept[i] or start < candidates.first_day[e] or start > candidates.post_episode_end[e]
                ):
                    continue
                for q in range(shares.shape[0]):
                    for k in range(shares.shape[1]):
                        shares[q, k] = 0
                if own:
                    period = ANCHOR
                    first = NO_PERIOD
                elif items.method[i] == BY_VISITS:
                    first = shares_by_visits(policy, candidates, e, items, visit_day, i, setting, shares)
                    period = first
                else:
                    period = plain_period(policy, candidates, e, setting, start)
                    first = NO_PERIOD
                    if period != NO_PERIOD and items.method[i] == BY_DAYS:
                        first = shares_by_days(policy, candidates, e, items, i, period, shares)
                    elif period != NO_PERIOD and items.method[i] == BY_GMLOS:
                        first = shares_by_gmlos(policy, candidates, e, items, i, period, shares)
                for m in range(items.marks.shape[0]):
                    # what is looked at and not grouped is told apart from what is grouped, below
                    if items.marks[m, i]:
                        sums.marked_ungrouped[m, e] += 1
                if period == NO_PERIOD:
                    continue
                reason = INCLUDED
                is_final = candidates.final[e]
                if not own:
                    reason = claim_reason(candidates, items, rules, inclusions, e, i, period)
                    if reason == INCLUDED and period == PRE and candidates.stands[e] and in_earlier_one:
                        reason = in_earlier
                category = np.uint8(0) if own else items.category[i]
                if candidates.stands[e] and period != POST_EPISODE:
                    in_earlier_one = True
                if reason != INCLUDED:
                    kind = rules.kind[reason - FIRST_RULE] if 0 <= reason - FIRST_RULE < rules.kind.size else 0
                    if kind in (STAY_RULE, STAY_PROCEDURE_RULE):
                        stays.episode[excluded_stays] = e
                        stays.start[excluded_stays] = start
                        stays.end[excluded_stays] = items.end[i]
                        excluded_stays += 1
                    shown = first if first != NO_PERIOD else period
                    note_row(state, e, is_final, shown, reason, np.int64(0))
                    written = add_row(
                        rows, written, keep_rows, sums, candidates, e, i, shown, reason, category, start, 0, 0, 0
                    )
                    continue
                for m in range(items.marks.shape[0]):
                    if items.marks[m, i]:
                        sums.marked_ungrouped[m, e] -= 1
                if first != NO_PERIOD and items.method[i] == BY_GMLOS and items.gmlos_tenths[i] <= 0:
                    sums.gmlos_missing[e] = True
                if first == NO_PERIOD:
                    shares[period, PART] = 1
                    shares[period, WHOLE_OF] = 1
                    shares[period, APART_PART] = 1
                    shares[period, APART_WHOLE] = 1
                booked = np.int64(0)
                allowed_booked = np.int64(0)
                standardized_booked = np.int64(0)
                for q in range(PRE, POST_EPISODE + 1):
                    if shares[q, PART] == 0 and shares[q, APART_PART] == 0 and q != first:
                        continue
                    part, whole = shares[q, PART], shares[q, WHOLE_OF]
                    # an outlier part that is not apart is split with the rest
                    apart_part = shares[q, APART_PART] if shares[q, APART_WHOLE] > 0 else part
                    apart_whole = shares[q, APART_WHOLE] if shares[q, APART_WHOLE] > 0 else whole
                    reached = boundary_of(items.amount[i], part, whole, items.outlier[i], apart_part, apart_whole)
                    allowed_reached = boundary_of(
                        items.allowed[i], part, whole, items.allowed_outlier[i], apart_part, apart_whole
                    )
                    standardized_reached = boundary_of(
                        items.standardized[i], part, whole, items.standardized_outlier[i], apart_part, apart_whole
                    )
                    cents = reached - booked
                    note_row(state, e, is_final, q, INCLUDED, cents)
                    written = add_row(
                        rows,
                        written,
                        keep_rows,
                        sums,
                        candidates,
                        e,
                        i,
                        q,
                        INCLUDED,
                        category,
                        start,
                        cents,
                        allowed_reached - allowed_booked,
                        standardized_reached - standardized_booked,
                    )
                    if q != POST_EPISODE:
                        for m in range(items.marks.shape[0]):
                            if items.marks[m, i]:
                                sums.marked[m, e] = True
                        if is_final:
                            if items.ccn[i] >= 0:
                                sums.ccn[items.ccn[i]] += cents
                            if items.operating[i] >= 0:
                                sums.operating[items.operating[i]] += cents
                            if items.attending[i] >= 0:
                                sums.attending[items.attending[i]] += cents
                    booked = reached
                    allowed_booked = allowed_reached
                    standardized_booked = standardized_reached
            book_item(state, sums, items.amount[i] + items.outlier[i], past_windows, items.outside_reason[i])
    stays.person_from[people.episode_from.size] = excluded_stays
    return written
