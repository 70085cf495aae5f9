"""The DRG that prices a stay: stated, or regrouped to the programme's version by the rules of a re-map table.

CMS shadow-bundle programs, DRG remapping: rules are looked up by the billed DRG, those with more conditions first; the
first that passes fills the DRG of one fiscal year, and gaps are filled from the years beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import polars as pl

from episodes.building.context import Context
from episodes.programs.code_tables import load_codes

CODES_READ = 25
"""Diagnoses and procedures of a stay that conditions look at."""


def with_drg(stays: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add `drg` (for pricing) to stays with ms_drg, pricing_drg, stay_end and, with a re-map table, their codes."""
    anchors = context.program.rules.construction.anchors
    rules = context.references.table("drg_remap")
    if not regroups(context):
        return stays.with_columns(drg=pl.coalesce("pricing_drg", "ms_drg"))
    assert anchors.pricing_year is not None
    assert anchors.first_drg_year is not None
    years = (anchors.first_drg_year.value, anchors.pricing_year.value)
    by_drg = _rules_by_drg(rules)
    regrouped = [
        _regrouped(row, by_drg.get(row["ms_drg"], []), years) if row["pricing_drg"] is None else row["pricing_drg"]
        for row in stays.select("ms_drg", "pricing_drg", "stay_end", "procedures", "diagnoses").iter_rows(named=True)
    ]
    return stays.with_columns(drg=pl.Series(regrouped, dtype=pl.String))


def regroups(context: Context) -> bool:
    """Whether the programme regroups DRGs and a table says how."""
    anchors = context.program.rules.construction.anchors
    named = anchors.pricing_year is not None and anchors.first_drg_year is not None
    return named and not context.references.table("drg_remap").is_empty()


def fiscal_year(day: dt.date) -> int:
    """The federal fiscal year of a day: October to September."""
    return day.year + (day.month >= 10)


def _rules_by_drg(rules: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    by_drg: dict[str, list[dict[str, Any]]] = {}
    for row in rules.iter_rows(named=True):
        by_drg.setdefault(row["from_drg"], []).append({**row, "asked": list(_conditions(row["conditions"]))})
    for listed in by_drg.values():
        listed.sort(key=lambda rule: (rule["direction"], rule["effective_date"], -len(rule["asked"])))
    return by_drg


def _conditions(text: str | None) -> Iterator[tuple[str, frozenset[str]]]:
    for part in (text or "").split(";"):
        field, _, codes = part.partition("=")
        if field.strip():
            yield field.strip(), frozenset(code.strip() for code in codes.split("|"))


def _regrouped(stay: dict[str, Any], rules: list[dict[str, Any]], years: tuple[int, int]) -> str | None:
    """The DRG of the last of the years, null where a discharge outside them meets no rule that writes it."""
    first, last = years
    found: dict[int, str] = {}
    codes = {
        "any_procedure": set((stay["procedures"] or [])[:CODES_READ]),
        "any_dx": set((stay["diagnoses"] or [])[:CODES_READ]),
        "principal_dx": set((stay["diagnoses"] or [])[:1]),
    }
    for rule in rules:
        effective = rule["effective_date"]
        if rule["direction"] == "forward":
            year = effective.year + 1 if stay["stay_end"] < effective else None
        else:
            year = effective.year if stay["stay_end"] >= effective else None
        if year is not None and year not in found and all(codes[field] & asked for field, asked in rule["asked"]):
            found[year] = rule["to_drg"]
    of_discharge = fiscal_year(stay["stay_end"])
    if first <= of_discharge <= last:
        found[of_discharge] = stay["ms_drg"]
    # years that nothing fills take the next later one, then the one before: what stands last carries on
    known = [year for year in found if first <= year <= last]
    return found[max(known)] if known else None


def mdc_by_drg(drgs: pl.Series, context: Context) -> pl.DataFrame:
    """drg, mdc_of_drg: the major diagnostic category of each DRG, from the reference table, else from packaged ranges.

    The table is read for the pricing year where the programme names one (the nearest year at hand), else any year.
    """
    table = context.references.drgs.drop_nulls("mdc")
    pricing_year = context.program.rules.construction.anchors.pricing_year
    if pricing_year is not None:
        table = table.filter(pl.col("fiscal_year") == nearest_year(context, pricing_year.value))
    listed = dict(table.select("ms_drg", "mdc").iter_rows())
    ranges = list(load_codes("ms_drg_mdc_ranges").select("mdc", "from_drg", "to_drg").iter_rows())
    distinct = drgs.drop_nulls().unique().sort()
    found = [
        listed.get(drg) or next((mdc for mdc, first, last in ranges if first <= drg <= last), None) for drg in distinct
    ]
    return pl.DataFrame({"drg": distinct, "mdc_of_drg": pl.Series(found, dtype=pl.String)})


def nearest_year(context: Context, year: int) -> int | None:
    """The fiscal year of the DRG table that stands for a year: itself, else the nearest, the earlier on a tie."""
    at_hand = context.references.drgs["fiscal_year"].unique().to_list()
    return min(at_hand, key=lambda other: (abs(other - year), other)) if at_hand else None
