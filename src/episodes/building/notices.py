"""What a reader of a run must know: inputs that are absent or suspicious, said aloud because they empty the result.

Each is a count and a sentence; none stops the run, for the claims may be meant so.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from episodes.building.context import Context
from episodes.building.facts import Facts
from episodes.errors import count_of
from episodes.money import dollars

UNLIKELY_EPISODE_CENTS = 50_000
"""Final episodes that cost less than this on average: amounts may have been given in dollars."""


def notices(facts: Facts, episodes: pl.DataFrame, context: Context) -> list[str]:
    """Sentences about the claims, the references and the episodes of a run."""
    return [
        *_about_construction(context),
        *_about_coverage(facts, context),
        *_about_stays(facts),
        *_about_costs(episodes),
        *_about_lengths_of_stay(context),
        *_about_empty_references(context),
    ]


def _about_construction(context: Context) -> list[str]:
    """Episodes that are built by the rules of another year."""
    rule, year = context.program.rules.construction.published_for, context.program.performance_year
    if rule is None or rule.value == year:
        return []
    return [
        f"The construction of episodes is that of performance year {rule.value}, not of {year} "
        f"(construction.published_for, {rule.status}): {rule.citation}."
    ]


def _about_coverage(facts: Facts, context: Context) -> list[str]:
    """Without coverage no episode passes a rung that asks for it."""
    asked = {
        rung.id for rung in context.program.rules.construction.exclusions if rung.kind == "continuous_coverage"
    } - set(context.program.switched_off)
    if not asked or facts.claims == 0:
        return []
    way_out = f"Give one, or switch off {' and '.join(sorted(asked))} to explore."
    if facts.coverage_intervals == 0:
        return [f"There is no coverage table: nobody can be shown to be covered. {way_out}"]
    if facts.covered_people == 0:
        return [
            f"None of the {count_of(facts.people, 'person', 'people')} with claims is in the coverage table: are its "
            "ids those of the claims?"
        ]
    return []


def _about_stays(facts: Facts) -> list[str]:
    found = []
    stays = count_of(facts.stays, "inpatient claim")
    if facts.stays and facts.stays_with_drg == 0:
        found.append(f"None of the {stays} has a DRG (ms_drg): no stay can start an episode.")
    if facts.stays and facts.stays_with_hospital == 0:
        found.append(f"None of the {stays} has a CCN or a provider_type: no hospital is known to be an acute one.")
    return found


def _about_costs(episodes: pl.DataFrame) -> list[str]:
    final = episodes.select("flags", "episode_cents").filter(episodes["status"] == "final")
    if final.is_empty():
        return []
    found = []
    without = int(final["flags"].list.contains("anchor_without_amount").sum())
    if without:
        found.append(
            f"{count_of(without, 'final episode')} have an anchor without an amount on the basis (flag "
            "anchor_without_amount): their cost is too low. Give the amount, or leave them out."
        )
    mean = int(final["episode_cents"].sum()) // final.height
    if mean >= UNLIKELY_EPISODE_CENTS:
        return found
    return [
        *found,
        f"Final episodes cost {dollars(mean)} on average. Are the amounts dollars? They must be whole cents.",
    ]


def _about_lengths_of_stay(context: Context) -> list[str]:
    start, end = context.program.period
    needed = set(range(_fiscal_year(start), _fiscal_year(end) + 1))
    at_hand = set(context.references.drgs.drop_nulls("gmlos")["fiscal_year"].to_list())
    absent = sorted(needed - at_hand)
    if not absent:
        return []
    return [
        f"No geometric mean lengths of stay of fiscal year {', '.join(str(year) for year in absent)}: inpatient stays "
        f"that run over a window's end are split by those of the nearest year at hand "
        f"({', '.join(str(year) for year in sorted(at_hand)) or 'none'}). References(ms_drgs=...) takes your own table."
    ]


def _fiscal_year(day: dt.date) -> int:
    return day.year + (day.month >= 10)


def _about_empty_references(context: Context) -> list[str]:
    """Rules of the programme that read a reference table which is not at hand: they hold for nothing."""
    construction, references = context.program.rules.construction, context.references
    surgery = construction.services.global_surgery_look_back
    kinds = {rung.kind for rung in construction.exclusions} - {
        rung.kind for rung in construction.exclusions if rung.id in context.program.switched_off
    }
    read = {
        "fee_schedule": ("global surgery before the anchor", surgery is not None),
        "opps": ("the rank of comprehensive procedures (J1)", "not_highest_j1" in kinds),
        "drg_remap": ("the regrouping of DRGs of other years", construction.anchors.first_drg_year is not None),
        "clotting": (
            "the list of clotting factors by quarter",
            any(getattr(rule, "reference", None) == "clotting" for rule in construction.services.exclusions),
        ),
    }
    return [
        f"The reference table {table!r} is not at hand: {what} is not looked at. References({table}=...) takes one."
        for table, (what, is_read) in read.items()
        if is_read and references.table(table).is_empty()
    ]
