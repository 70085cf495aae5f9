"""Code rules of a programme evaluated once for each distinct code, as look-ups for the compiled loops."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from episodes.building.arrays import Array, Inclusions, Policy, Rules
from episodes.building.context import Context
from episodes.building.diagnoses import begins_with_listed
from episodes.building.reasons import reason_codes
from episodes.claims.contract import SETTINGS
from episodes.programs.code_tables import load_codes
from episodes.programs.service_rules import HcpcsExclusion, LinesInExcludedStay, StatusIndicatorExclusion

EPOCH = dt.date(1970, 1, 1)
FAR = 1 << 40
"""A day number that no date reaches."""

_KINDS = {"stay_drg": 1, "stay_mdc": 1, "stay_procedure": 2, "lines_in_excluded_stay": 3}
"""Kinds of exclusion that the loops tell apart (`kernels.STAY_RULE` and the others); every other is 0."""
_PERIODS = {"pre": 1, "anchor": 2, "post": 3}
_INCLUDE = {"related": 0, "related_or_surgeon": 1, "none": 2}
DICTIONARIES = ("hcpcs", "revenue_center", "place_of_service", "status_indicator", "diagnosis", "modifiers")
"""Columns of lines whose codes rules look at."""


def day_number(day: dt.date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def policy_of(context: Context) -> Policy:
    """The settings of a programme as the loops ask for them."""
    services = context.program.rules.construction.services
    emergency, surgery = services.emergency_look_back, services.global_surgery_look_back
    emergency_days = emergency.days if emergency is not None else -1
    surgery_days = surgery.days if surgery is not None else -1
    return Policy(
        paid=np.array([setting in services.paid_settings.value for setting in SETTINGS]),
        procedure_day_anchor=np.array(
            [setting in services.procedure_day_anchor_settings.value for setting in SETTINGS]
        ),
        bar_non_positive=services.non_positive_items.value == "bar",
        bar_other_payer=services.other_payer_items.value == "bar",
        undated_outpatient_not_grouped=services.undated_outpatient_lines.value == "not_grouped",
        trigger_line_always_counts=services.trigger_line.value == "always_counts",
        stays_during_anchor_not_grouped=services.stays_during_anchor.value == "not_grouped",
        split_at_anchor_end=services.split_at_anchor_end.value,
        remainder_by_days=services.remainder.value == "by_days",
        outlier_by_days=services.outlier.value == "by_days",
        related_by_any=services.related_by is not None and services.related_by.value == "any",
        emergency_days=emergency_days,
        surgery_days=surgery_days,
        look_back_days=max(0, emergency_days, surgery_days),
        modifiers_read=surgery.modifiers_read if surgery is not None else 0,
    )


def inclusions_of(context: Context) -> Inclusions:
    """The inclusion rules of a programme."""
    rules = context.program.rules.construction.services.inclusions
    codes = reason_codes(context)
    return Inclusions(
        period=np.array([_PERIODS[rule.period] for rule in rules], dtype=np.int64),
        first_day=np.array([-FAR if rule.first_day is None else rule.first_day for rule in rules], dtype=np.int64),
        last_day=np.array([FAR if rule.last_day is None else rule.last_day for rule in rules], dtype=np.int64),
        settings=np.array([[s in rule.settings for s in SETTINGS] for rule in rules], dtype=np.bool_).reshape(
            len(rules), len(SETTINGS)
        ),
        emergency_too=np.array([rule.emergency_too for rule in rules], dtype=np.bool_),
        include=np.array([_INCLUDE[rule.include] for rule in rules], dtype=np.int64),
        reason=np.array([codes.index(rule.id) for rule in rules], dtype=np.int64),
    )


def rules_of(codes: Mapping[str, pl.Series], context: Context) -> Rules:
    """The code rules of a programme over the dictionaries of a bucket (by column of `DICTIONARIES`)."""
    services = context.program.rules.construction.services
    exclusions = services.exclusions
    setting_bits = np.zeros(len(SETTINGS), np.int64)
    status_bits = np.zeros(len(codes["status_indicator"]), np.int64)
    place_first = np.full((len(exclusions), len(codes["place_of_service"])), FAR, np.int64)
    always = needs_place = 0
    for number, rule in enumerate(exclusions):
        bit = 1 << number
        for setting in getattr(rule, "settings", ()):
            setting_bits[SETTINGS.index(setting)] |= bit
        if isinstance(rule, StatusIndicatorExclusion):
            status_bits[_among(codes["status_indicator"], rule.indicators)] |= bit
        elif isinstance(rule, LinesInExcludedStay):
            always |= bit
        elif isinstance(rule, HcpcsExclusion) and rule.places is not None:
            needs_place |= bit
            for place, first in load_codes(rule.places).select("place_of_service", "valid_from").iter_rows():
                since = day_number(dt.date.fromisoformat(first)) if first else -FAR
                place_first[number, _among(codes["place_of_service"], [place])] = since
    return Rules(
        kind=np.array([_KINDS.get(rule.kind, 0) for rule in exclusions], dtype=np.int64),
        always_bits=always,
        setting_bits=setting_bits,
        **_hcpcs_rules(codes["hcpcs"], context),
        status_bits=status_bits,
        needs_place_bits=needs_place,
        place_first=place_first,
        **_surgery_rules(codes["hcpcs"], codes["modifiers"], context),
        **_named_codes(codes, context),
        is_related=related_codes(codes["diagnosis"], context),
        mark_day=mark_days(codes["diagnosis"], context),
    )


def _among(dictionary: pl.Series, listed: Sequence[str]) -> Array:
    """For each code of a dictionary whether it is listed."""
    return dictionary.is_in(list(listed)).to_numpy()


def _hcpcs_rules(dictionary: pl.Series, context: Context) -> dict[str, Array]:
    """Bits of rules by HCPCS: those that hold on any day, and those that hold on some days."""
    bits = np.zeros(len(dictionary), np.int64)
    place = {code: index for index, code in enumerate(dictionary)}
    dated: list[tuple[int, int, int, int]] = []
    for number, rule in enumerate(context.program.rules.construction.services.exclusions):
        if not isinstance(rule, HcpcsExclusion):
            continue
        table = load_codes(rule.table)
        if "valid_from" not in table.columns:
            bits[_among(dictionary, table["hcpcs"].to_list())] |= 1 << number
        else:
            dated += [
                (place[code], 1 << number, _day_of(first, -FAR), _day_of(last, FAR))
                for code, first, last in table.select("hcpcs", "valid_from", "valid_to").iter_rows()
                if code in place
            ]
        if rule.reference is not None:
            dated += [
                (place[code], 1 << number, *_days_of_quarter(quarter))
                for quarter, code in context.references.table(rule.reference).select("quarter", "hcpcs").iter_rows()
                if code in place and (rule.reference_until is None or quarter <= rule.reference_until)
            ]
    dated.sort()
    starts = np.searchsorted([row[0] for row in dated], np.arange(len(dictionary) + 1)).astype(np.int64)
    columns = np.array(dated, dtype=np.int64).reshape(len(dated), 4)
    return {
        "hcpcs_bits": bits,
        "dated_from": starts,
        "dated_bit": np.ascontiguousarray(columns[:, 1]),
        "dated_first": np.ascontiguousarray(columns[:, 2]),
        "dated_last": np.ascontiguousarray(columns[:, 3]),
    }


def _day_of(text: str | None, otherwise: int) -> int:
    return day_number(dt.date.fromisoformat(text)) if text else otherwise


def _days_of_quarter(quarter: str) -> tuple[int, int]:
    """First and last day of a quarter written as 2022Q1."""
    year, number = int(quarter[:4]), int(quarter[-1])
    following = dt.date(year + number // 4, 3 * (number % 4) + 1, 1)
    return day_number(dt.date(year, 3 * number - 2, 1)), day_number(following) - 1


def _surgery_rules(hcpcs: pl.Series, modifiers: pl.Series, context: Context) -> dict[str, Array]:
    """Rows of the fee schedule by HCPCS, in the order of the table: component, days, whether the period is global."""
    rule = context.program.rules.construction.services.global_surgery_look_back
    components = rule.component_modifiers if rule is not None else ()
    number_of = {modifier: number for number, modifier in enumerate(components, 1)}
    place = {code: index for index, code in enumerate(hcpcs)}
    rows = []
    if rule is not None:
        table = context.references.table("fee_schedule")
        for code, modifier, days, first, last in table.select(
            "hcpcs", "modifier", "global_days", "start_date", "end_date"
        ).iter_rows():
            if code in place and (modifier is None or modifier in number_of):
                since = day_number(first) if first else -FAR
                until = day_number(last) if last else FAR
                rows.append((place[code], number_of.get(modifier, 0), since, until, int(days in rule.global_days)))
    rows.sort(key=lambda row: row[0])
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    return {
        "component_of_modifier": np.array([number_of.get(code, 0) for code in modifiers], dtype=np.int64),
        "surgery_from": np.searchsorted(columns[:, 0], np.arange(len(hcpcs) + 1)).astype(np.int64),
        "surgery_component": np.ascontiguousarray(columns[:, 1]),
        "surgery_first": np.ascontiguousarray(columns[:, 2]),
        "surgery_last": np.ascontiguousarray(columns[:, 3]),
        "surgery_global": columns[:, 4] == 1,
    }


def _named_codes(codes: Mapping[str, pl.Series], context: Context) -> dict[str, Array]:
    services = context.program.rules.construction.services
    named, look_back = services.categories, services.emergency_look_back
    first, last = named.anesthesia_hcpcs
    hcpcs, centers, places = codes["hcpcs"], codes["revenue_center"], codes["place_of_service"]
    by_prefix = np.zeros(len(hcpcs), np.bool_)
    for prefix in named.drug_hcpcs_prefixes:
        by_prefix |= hcpcs.str.starts_with(prefix).to_numpy()
    return {
        "is_emergency_center": _among(centers.str.head(4), look_back.revenue_centers if look_back else ()),
        "is_look_back_place": _among(places, look_back.places if look_back else ()),
        "is_anchor_day_place": _among(places, services.discharge_day_anchor_places.value),
        "is_emergency_named": _among(centers, named.emergency_revenue_centers),
        "is_emergency_place": _among(places, named.emergency_places),
        "is_drug": by_prefix,
        "is_drug_center": _among(centers, named.drug_revenue_centers),
        "is_anesthesia": hcpcs.is_between(pl.lit(first), pl.lit(last)).to_numpy(),
        "is_assistant": _among(codes["modifiers"], named.assistant_modifiers),
    }


def related_codes(dictionary: pl.Series, context: Context) -> Array:
    """For each diagnosis of a dictionary whether the programme calls it related."""
    table = context.program.rules.construction.services.related_diagnoses
    if table is None:
        return np.zeros(len(dictionary), np.bool_)
    return begins_with_listed(dictionary, table.value).to_numpy()


def mark_days(dictionary: pl.Series, context: Context) -> Array:
    """By mark and diagnosis of a dictionary: the first day on which a service with it is marked."""
    marks = context.program.rules.construction.services.marks
    days = np.full((len(marks), len(dictionary)), FAR, np.int64)
    for row, mark in zip(days, marks, strict=True):
        for code, since in mark.codes.items():
            row[_among(dictionary, [code])] = day_number(since)
    return days
