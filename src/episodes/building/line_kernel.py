"""The compiled loop over lines, the items that are paid by line: each line is touched once.

A line is put into the windows of every candidate episode of its person, and booked once. Code rules were evaluated
once a dictionary value before: here they are look-ups.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from episodes.building.kernels import (
    ANCHOR,
    FIRST_RULE,
    IN_EXCLUDED_STAY_RULE,
    INCLUDED,
    NO_AMOUNT,
    NO_PERIOD,
    NON_POSITIVE,
    OTHER_PAYER,
    OUTSIDE,
    POST,
    POST_EPISODE,
    PRE,
    SETTING_NOT_COVERED,
    add_row,
    book_item,
    first_at_least,
    inclusion_reason,
    note_row,
    start_item,
)

NULL_DAY = np.iinfo(np.int32).min
NULL_CENTS = np.iinfo(np.int64).min
FAR_DAY = 1 << 40
OUTPATIENT, PROFESSIONAL, DME, DRUG = 4, 5, 6, 7
"""Setting numbers, as in `contract.SETTINGS`."""
FACILITY = 0
SURGEON, ASSISTANT, ANESTHESIA, PROFESSIONAL_CARE, EMERGENCY, OUTPATIENT_CARE, DRUGS, EQUIPMENT = range(8, 16)
"""Category numbers, as in `categories.SERVICE_CATEGORIES`."""


@njit(inline="always")
def bar_of(policy, lines, setting, line):
    """The bar that holds for a line whatever the episode; INCLUDED if none does."""
    if not policy.paid[setting]:
        return SETTING_NOT_COVERED
    amount = lines.amount[line]
    if amount == NULL_CENTS:
        return NO_AMOUNT
    if policy.bar_non_positive and amount <= 0:
        return NON_POSITIVE
    if policy.bar_other_payer and lines.primary_payer[line] > 0:
        return OTHER_PAYER
    return INCLUDED


@njit(inline="always")
def bits_of(rules, lines, setting, line, day):
    """The exclusions whose codes a line carries on its day, one bit a rule."""
    bits = rules.always_bits
    hcpcs = lines.hcpcs[line]
    if hcpcs >= 0:
        bits |= rules.hcpcs_bits[hcpcs]
        for k in range(rules.dated_from[hcpcs], rules.dated_from[hcpcs + 1]):
            if rules.dated_first[k] <= day <= rules.dated_last[k]:
                bits |= rules.dated_bit[k]
    status = lines.status_indicator[line]
    if status >= 0:
        bits |= rules.status_bits[status]
    bits &= rules.setting_bits[setting]
    if setting == PROFESSIONAL and bits & rules.needs_place_bits:
        place = lines.place_of_service[line]
        for r in range(rules.kind.size):
            bit = np.int64(1) << r
            if bits & rules.needs_place_bits & bit and (place < 0 or day < rules.place_first[r, place]):
                bits &= ~bit
    return bits


@njit(inline="always")
def line_reason(rules, candidates, stays, p, e, bits, period, day):
    """The first exclusion that takes a line out of an episode; INCLUDED if none does."""
    bits &= candidates.rule_bits[e]
    r = 0
    while bits != 0:
        if bits & 1:
            if rules.kind[r] != IN_EXCLUDED_STAY_RULE:
                return FIRST_RULE + r
            if period != ANCHOR:
                for s in range(stays.person_from[p], stays.person_from[p + 1]):
                    if stays.episode[s] == e and stays.start[s] <= day <= stays.end[s]:
                        return FIRST_RULE + r
        bits >>= 1
        r += 1
    return INCLUDED


@njit(inline="always")
def is_global_surgery(policy, rules, lines, line, day):
    """Whether the fee schedule gives a line a global surgical period, by its component modifier."""
    hcpcs = lines.hcpcs[line]
    if hcpcs < 0:
        return False
    component = 0
    named = 0
    last = min(lines.modifier_from[line + 1], lines.modifier_from[line] + policy.modifiers_read)
    for m in range(lines.modifier_from[line], last):
        code = lines.modifier[m]
        if code >= 0 and rules.component_of_modifier[code] > 0:
            component = rules.component_of_modifier[code]
            named += 1
    if named > 1:
        return False
    for k in range(rules.surgery_from[hcpcs], rules.surgery_from[hcpcs + 1]):
        if rules.surgery_component[k] == component and rules.surgery_first[k] <= day <= rules.surgery_last[k]:
            return rules.surgery_global[k]
    return False


@njit(inline="always")
def category_of(rules, candidates, lines, e, line, claim, setting, period, own):
    """The service category of a line within an episode; no amount depends on it."""
    if own or (setting == OUTPATIENT and period == ANCHOR and candidates.anchor_claim[e] == claim):
        return FACILITY
    if setting == DME:
        return EQUIPMENT
    hcpcs, center = lines.hcpcs[line], lines.revenue_center[line]
    if setting == DRUG or (hcpcs >= 0 and rules.is_drug[hcpcs]) or (center >= 0 and rules.is_drug_center[center]):
        return DRUGS
    if setting == OUTPATIENT:
        return EMERGENCY if center >= 0 and rules.is_emergency_named[center] else OUTPATIENT_CARE
    if hcpcs >= 0 and rules.is_anesthesia[hcpcs]:
        return ANESTHESIA
    for m in range(lines.modifier_from[line], lines.modifier_from[line + 1]):
        code = lines.modifier[m]
        if code >= 0 and rules.is_assistant[code]:
            return ASSISTANT
    if period == ANCHOR and lines.rendering[line] >= 0 and lines.rendering[line] == candidates.surgeon[e]:
        return SURGEON
    return PROFESSIONAL_CARE


@njit(inline="always")
def line_period(policy, rules, candidates, lines, e, line, setting, day, emergency_days):
    """The period of a line within an episode; NO_PERIOD where it is not grouped."""
    begin = candidates.anchor_start[e]
    if day <= begin:
        if setting == OUTPATIENT and day >= begin - policy.emergency_days:
            center = lines.revenue_center[line]
            if center >= 0 and rules.is_emergency_center[center]:
                return ANCHOR
        if setting == PROFESSIONAL:
            if day >= begin - policy.emergency_days and (emergency_days >> (begin - day)) & 1:
                place = lines.place_of_service[line]
                if place >= 0 and rules.is_look_back_place[place]:
                    return ANCHOR
            if day >= begin - policy.surgery_days and is_global_surgery(policy, rules, lines, line, day):
                return ANCHOR
    if day < candidates.first_day[e]:
        return NO_PERIOD
    if day < candidates.anchor_period_start[e]:
        return PRE
    if day < candidates.post_start[e]:
        return ANCHOR
    if day == candidates.anchor_end[e]:
        if candidates.from_outpatient[e] and policy.procedure_day_anchor[setting]:
            return ANCHOR
        if setting == PROFESSIONAL:
            place = lines.place_of_service[line]
            if place >= 0 and rules.is_anchor_day_place[place]:
                return ANCHOR
    if day <= candidates.episode_end[e]:
        return POST
    return POST_EPISODE


@njit(inline="always")
def remembered_emergency_days(policy, rules, candidates, lines, claims, stays, p, e, low, high):
    """Days of the look-back with a grouped emergency line: bit k is k days before the anchor's first day."""
    if policy.emergency_days < 0:
        return 0
    found = 0
    begin = candidates.anchor_start[e]
    line = first_at_least(lines.day, low, high, begin - policy.emergency_days)
    while line < high and lines.day[line] <= begin:
        claim = lines.claim[line]
        setting = claims.setting[claim]
        center = lines.revenue_center[line]
        if (
            setting == OUTPATIENT
            and center >= 0
            and rules.is_emergency_center[center]
            and bar_of(policy, lines, setting, line) == INCLUDED
        ):
            day = lines.day[line]
            bits = bits_of(rules, lines, setting, line, day)
            if line_reason(rules, candidates, stays, p, e, bits, ANCHOR, day) == INCLUDED:
                found |= 1 << (begin - day)
        line += 1
    return found


@njit(cache=True, nogil=True, _nrt=False)
def room_for_lines(policy, people, candidates, lines):
    """How many rows the lines of all episodes can need at most."""
    room = 0
    for p in range(people.episode_from.size):
        low, high = people.line_from[p], people.line_to[p]
        undated = first_at_least(lines.day, low, high, NULL_DAY + 1) - low
        for e in range(people.episode_from[p], people.episode_to[p]):
            first = min(candidates.first_day[e], candidates.anchor_start[e] - policy.look_back_days)
            room += undated + first_at_least(lines.day, low, high, candidates.post_episode_end[e] + 1)
            room -= first_at_least(lines.day, low, high, first)
    return room


@njit(cache=True, nogil=True, _nrt=False)
def payable_lines(chosen, person_lines, claim_of_line, setting, amount, totals):
    """Number and cents of the lines that are paid by line: of the people not chosen, of those chosen (each in turn).

    `totals` has room for two numbers and two sums.
    """
    for p in range(chosen.size):
        of = 1 if chosen[p] else 0
        items = np.int64(0)
        cents = np.int64(0)
        for line in range(person_lines[p], person_lines[p + 1]):
            if setting[claim_of_line[line]] >= OUTPATIENT:
                items += 1
                if amount[line] != NULL_CENTS:
                    cents += amount[line]
        totals[0, of] += items
        totals[1, of] += cents
    return totals


@njit(cache=True, nogil=True, _nrt=False)
def assign_lines(
    policy,
    people,
    candidates,
    lines,
    claims,
    rules,
    inclusions,
    reasons,
    stays,
    sums,
    rows,
    keep_rows,
    state,
    emergency,
):
    """Put every line into the windows of every candidate episode of its person; returns the number of rows.

    `state` and `emergency` (as long as the most candidates of a person) are room to work in.
    """
    past_windows, in_earlier = reasons
    written = 0
    for p in range(people.episode_from.size):
        low, high = people.line_from[p], people.line_to[p]
        e_from, e_to = people.episode_from[p], people.episode_to[p]
        first_of_all = FAR_DAY
        last_of_all = -FAR_DAY
        for e in range(e_from, e_to):
            first = min(candidates.first_day[e], candidates.anchor_start[e] - policy.look_back_days)
            first_of_all = min(first_of_all, first)
            last_of_all = max(last_of_all, candidates.post_episode_end[e])
            emergency[e - e_from] = remembered_emergency_days(
                policy, rules, candidates, lines, claims, stays, p, e, low, high
            )
        for line in range(low, high):
            claim = lines.claim[line]
            setting = claims.setting[claim]
            if setting < OUTPATIENT:
                continue
            amount = lines.amount[line]
            cents = np.int64(0) if amount == NULL_CENTS else amount
            day = np.int64(lines.day[line])
            dated = day != NULL_DAY
            if not dated:
                day = np.int64(claims.first_day[claim])
            if day < first_of_all or day > last_of_all:
                sums.balance_items[OUTSIDE, NO_PERIOD, 0] += 1
                sums.balance_cents[OUTSIDE, NO_PERIOD, 0] += cents
                continue
            start_item(state)
            in_earlier_one = False
            bar = bar_of(policy, lines, setting, line)
            bits = bits_of(rules, lines, setting, line, day)
            looked_from_before = setting in (OUTPATIENT, PROFESSIONAL)
            groupable = dated or setting != OUTPATIENT or not policy.undated_outpatient_not_grouped
            for e in range(e_from, e_to):
                own = candidates.trigger_line[e] == line or (
                    candidates.facility_claim[e] == claim and dated and day == candidates.anchor_start[e]
                )
                always = own and policy.trigger_line_always_counts
                if not always:
                    if not groupable or day > candidates.post_episode_end[e]:
                        continue
                    looked_from = candidates.first_day[e]
                    if looked_from_before:
                        looked_from = min(looked_from, candidates.anchor_start[e] - policy.look_back_days)
                    if day < looked_from:
                        continue
                marked = False
                for m in range(claims.mark_day.shape[0]):
                    mark_day = claims.mark_day[m, claim]
                    if lines.diagnosis[line] >= 0:
                        mark_day = min(mark_day, rules.mark_day[m, lines.diagnosis[line]])
                    if mark_day <= day:
                        marked = True
                        sums.marked_ungrouped[m, e] += 1
                if always:
                    period = ANCHOR
                else:
                    period = line_period(policy, rules, candidates, lines, e, line, setting, day, emergency[e - e_from])
                    if period == NO_PERIOD:
                        continue
                reason = INCLUDED
                is_final = candidates.final[e]
                if not always:
                    reason = bar
                    if reason == INCLUDED:
                        reason = line_reason(rules, candidates, stays, p, e, bits, period, day)
                    if reason == INCLUDED and inclusions.period.size > 0:
                        diagnosis = lines.diagnosis[line]
                        if policy.related_by_any:
                            related = claims.related_any[claim] or (diagnosis >= 0 and rules.is_related[diagnosis])
                        else:
                            related = rules.is_related[diagnosis] if diagnosis >= 0 else claims.related[claim]
                        center, place = lines.revenue_center[line], lines.place_of_service[line]
                        is_emergency = (center >= 0 and rules.is_emergency_named[center] and setting == OUTPATIENT) or (
                            place >= 0 and rules.is_emergency_place[place] and setting == PROFESSIONAL
                        )
                        by_surgeon = candidates.surgeon[e] >= 0 and lines.rendering[line] == candidates.surgeon[e]
                        reason = inclusion_reason(
                            inclusions,
                            period,
                            day - candidates.post_start[e] + 1,
                            setting,
                            is_emergency,
                            related,
                            by_surgeon,
                        )
                    if reason == INCLUDED and period == PRE and candidates.stands[e] and in_earlier_one:
                        reason = in_earlier
                if candidates.stands[e] and period != POST_EPISODE:
                    in_earlier_one = True
                category = category_of(rules, candidates, lines, e, line, claim, setting, period, own)
                if reason != INCLUDED:
                    note_row(state, e, is_final, period, reason, np.int64(0))
                    written = add_row(
                        rows, written, keep_rows, sums, candidates, e, line, period, reason, category, day, 0, 0, 0
                    )
                    continue
                if marked:
                    for m in range(claims.mark_day.shape[0]):
                        mark_day = claims.mark_day[m, claim]
                        if lines.diagnosis[line] >= 0:
                            mark_day = min(mark_day, rules.mark_day[m, lines.diagnosis[line]])
                        if mark_day <= day:
                            sums.marked_ungrouped[m, e] -= 1
                            if period != POST_EPISODE:
                                sums.marked[m, e] = True
                allowed = lines.allowed[line]
                standardized = lines.standardized[line]
                note_row(state, e, is_final, period, INCLUDED, cents)
                written = add_row(
                    rows,
                    written,
                    keep_rows,
                    sums,
                    candidates,
                    e,
                    line,
                    period,
                    INCLUDED,
                    category,
                    day,
                    cents,
                    np.int64(0) if allowed == NULL_CENTS else allowed,
                    np.int64(0) if standardized == NULL_CENTS else standardized,
                )
                if is_final and period != POST_EPISODE:
                    if lines.rendering[line] >= 0:
                        sums.rendering[lines.rendering[line]] += cents
                    if claims.ccn[claim] >= 0:
                        sums.ccn[claims.ccn[claim]] += cents
                    if claims.operating[claim] >= 0:
                        sums.operating[claims.operating[claim]] += cents
                    if claims.attending[claim] >= 0:
                        sums.attending[claims.attending[claim]] += cents
            book_item(state, sums, cents, past_windows, 0)
    return written
