"""The arrays that the compiled loops read and fill, by name.

Dates are day numbers, amounts int64 cents, codes places in a dictionary (-1 = null), rules one bit each.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Named = TypeVar("Named", bound=NamedTuple)

PERIOD_COUNT, DESTINATION_COUNT, BAND_COUNT, CATEGORY_COUNT = 5, 5, 3, 16


class Policy(NamedTuple):
    """Settings of the programme that the loops ask for."""

    paid: Array
    """By setting number: whether the programme pays it."""
    procedure_day_anchor: Array
    """By setting number: whether services of the day of an outpatient anchor are anchor-period."""
    bar_non_positive: bool
    bar_other_payer: bool
    undated_outpatient_not_grouped: bool
    trigger_line_always_counts: bool
    stays_during_anchor_not_grouped: bool
    split_at_anchor_end: bool
    remainder_by_days: bool
    outlier_by_days: bool
    related_by_any: bool
    emergency_days: int
    """Days of the emergency look-back; -1 = none."""
    surgery_days: int
    """Days of the look-back for global surgery; -1 = none."""
    look_back_days: int
    """The longer of the two, 0 where there is none."""
    modifiers_read: int


class People(NamedTuple):
    """By person with a candidate: where its candidates, items and lines begin and end."""

    episode_from: Array
    episode_to: Array
    item_from: Array
    item_to: Array
    line_from: Array
    line_to: Array


class Candidates(NamedTuple):
    """By candidate episode, sorted by person and start."""

    first_day: Array
    anchor_period_start: Array
    anchor_start: Array
    anchor_end: Array
    post_start: Array
    episode_end: Array
    post_episode_end: Array
    from_stay: Array
    """The anchor is a hospital stay (of a professional anchor: its facility is)."""
    from_outpatient: Array
    final: Array
    stands: Array
    """Final or open."""
    rule_bits: Array
    """Which exclusions of services apply to the episode."""
    surgeon: Array
    """The operating physician's place in the dictionary of rendering physicians; -2 = not there."""
    trigger_line: Array
    facility_claim: Array
    """Claim ordinal of the outpatient facility of a professional anchor; -1 = none."""
    anchor_claim: Array
    """Claim ordinal of an outpatient anchor's claim; -1 = none."""


class ClaimItems(NamedTuple):
    """By item that is paid as a whole claim, sorted by person and start."""

    setting: Array
    start: Array
    end: Array
    span_start: Array
    span_end: Array
    amount: Array
    """Without its outlier part, where that is told apart; the three outlier arrays are those parts."""
    outlier: Array
    allowed: Array
    allowed_outlier: Array
    standardized: Array
    standardized_outlier: Array
    bar: Array
    rule_bits: Array
    method: Array
    gmlos_tenths: Array
    kept: Array
    outside_reason: Array
    own: Array
    """The candidate whose anchor it is; -1 = none."""
    category: Array
    related: Array
    marks: Array
    visit_from: Array
    visit_to: Array
    ccn: Array
    operating: Array
    attending: Array


class Lines(NamedTuple):
    """By line, sorted by person and day."""

    claim: Array
    day: Array
    amount: Array
    allowed: Array
    standardized: Array
    primary_payer: Array
    hcpcs: Array
    revenue_center: Array
    place_of_service: Array
    status_indicator: Array
    diagnosis: Array
    rendering: Array
    modifier_from: Array
    modifier: Array


class LineClaims(NamedTuple):
    """By claim: what its lines need of it."""

    setting: Array
    first_day: Array
    ccn: Array
    operating: Array
    attending: Array
    related: Array
    related_any: Array
    mark_day: Array


class Rules(NamedTuple):
    """Code rules, evaluated once a dictionary value."""

    kind: Array
    always_bits: int
    setting_bits: Array
    hcpcs_bits: Array
    dated_from: Array
    dated_bit: Array
    dated_first: Array
    dated_last: Array
    status_bits: Array
    needs_place_bits: int
    place_first: Array
    component_of_modifier: Array
    surgery_from: Array
    surgery_component: Array
    surgery_first: Array
    surgery_last: Array
    surgery_global: Array
    is_emergency_center: Array
    """Of the look-back."""
    is_look_back_place: Array
    is_anchor_day_place: Array
    is_emergency_named: Array
    """Revenue centers that name a line an emergency service."""
    is_emergency_place: Array
    is_drug: Array
    is_drug_center: Array
    is_anesthesia: Array
    is_assistant: Array
    is_related: Array
    mark_day: Array


class Inclusions(NamedTuple):
    """Inclusion rules in their order."""

    period: Array
    first_day: Array
    last_day: Array
    settings: Array
    emergency_too: Array
    include: Array
    reason: Array


class ExcludedStays(NamedTuple):
    """Excluded stays, person by person."""

    person_from: Array
    episode: Array
    start: Array
    end: Array


class Sums(NamedTuple):
    """What the loops add up."""

    period_cents: Array
    allowed_cents: Array
    standardized_cents: Array
    category_cents: Array
    band_cents: Array
    gmlos_missing: Array
    marked: Array
    marked_ungrouped: Array
    balance_items: Array
    balance_cents: Array
    balance_memo: Array
    rendering: Array
    operating: Array
    attending: Array
    ccn: Array


class Rows(NamedTuple):
    """Service rows: which item in which episode, with what."""

    episode: Array
    item: Array
    period: Array
    reason: Array
    category: Array
    cents: Array
    allowed: Array
    standardized: Array


def frozen(array: Array) -> Array:
    """The array, not to be written: so are those of a store, and the loops are compiled for one kind only."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def places_among(ordinals: Array, wanted: Array) -> Array:
    """Where some ordinals stand among all of them, which ascend; those of a whole bucket leave none out."""
    if ordinals.size and ordinals[-1] - ordinals[0] == ordinals.size - 1:
        return wanted.astype(np.int64) - int(ordinals[0])
    return np.searchsorted(ordinals, wanted).astype(np.int64)


def all_frozen(arrays: Named) -> Named:
    """The same named arrays, none of them to be written."""
    return type(arrays)._make(frozen(each) if isinstance(each, np.ndarray) else each for each in arrays)


def empty_sums(episodes: int, reasons: int, marks: int, parties: dict[str, int]) -> Sums:
    """Sums of nothing. `reasons` counts all numbers of reasons; `parties` are the sizes of the four dictionaries."""
    by_destination = (DESTINATION_COUNT, PERIOD_COUNT, reasons)
    return Sums(
        period_cents=np.zeros((episodes, PERIOD_COUNT), np.int64),
        allowed_cents=np.zeros(episodes, np.int64),
        standardized_cents=np.zeros(episodes, np.int64),
        category_cents=np.zeros((episodes, CATEGORY_COUNT), np.int64),
        band_cents=np.zeros((episodes, BAND_COUNT), np.int64),
        gmlos_missing=np.zeros(episodes, np.bool_),
        marked=np.zeros((marks, episodes), np.bool_),
        marked_ungrouped=np.zeros((marks, episodes), np.int64),
        balance_items=np.zeros(by_destination, np.int64),
        balance_cents=np.zeros(by_destination, np.int64),
        balance_memo=np.zeros(by_destination, np.int64),
        **{name: np.zeros(size, np.int64) for name, size in parties.items()},
    )


def empty_rows(room: int) -> Rows:
    """Room for service rows."""
    return Rows(
        episode=np.zeros(room, np.int32),
        item=np.zeros(room, np.int64),
        period=np.zeros(room, np.uint8),
        reason=np.zeros(room, np.uint8),
        category=np.zeros(room, np.uint8),
        cents=np.zeros(room, np.int64),
        allowed=np.zeros(room, np.int64),
        standardized=np.zeros(room, np.int64),
    )


def first_rows(rows: Rows, number: int) -> Rows:
    """The rows that were written."""
    return Rows(*(array[:number] for array in rows))
