"""SynPUF beneficiary summaries: rows of a person and year become people and intervals of coverage."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date
from episodes.claims.layouts.values import (
    numeric_code,
    reasons,
    text,
    whole_number,
    without_repeats,
)
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError

PERSON, CLAIM = "DESYNPUF_ID", "CLM_ID"
KEYS = (PERSON, CLAIM)
YEAR = "BENE_YEAR"
MONTH_COUNTS = {
    "part_a": "BENE_HI_CVRAGE_TOT_MONS",
    "part_b": "BENE_SMI_CVRAGE_TOT_MONS",
    "medicare_advantage": "BENE_HMO_CVRAGE_TOT_MONS",
}
"""Kind of coverage to the column that counts its months of the year."""

_SSA_STATES = [f"{number:02d}" for number in range(1, 54)]
"""SSA codes of one state each. SynPUF pools the rest under 54, in hospital numbers the code of one state."""


class PeopleAndCoverage(NamedTuple):
    """Canonical beneficiaries and coverage, not yet brought to the types of the contract."""

    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame


def year_in_name(name: str) -> int:
    """The year of a beneficiary summary, from a file name as CMS writes it.

    >>> year_in_name("DE1_0_2008_Beneficiary_Summary_File_Sample_2.csv")
    2008
    """
    years = set(re.findall(r"(?<!\d)(?:19|20)\d{2}(?!\d)", name))
    if len(years) != 1:
        raise LayoutError(
            f"{name}: the year of this beneficiary summary is not known: it has no column {YEAR}, and its "
            "name does not hold one year. Keep the name that CMS gave (DE1_0_2008_Beneficiary_Summary_File_...), "
            f"or add the column {YEAR}."
        )
    return int(years.pop())


def people(rows: pl.DataFrame, report: ReadingReport) -> PeopleAndCoverage:
    """One row a person over the years, and the intervals of coverage that the years tell of.

    What changes is taken from the latest year that states it.
    """
    kept, contradicting = without_repeats(rows, (PERSON, YEAR))
    counts = report.table("beneficiaries")
    counts.take_up("exact_duplicate", rows.height - kept.height)
    kept = kept.join(
        contradicting.with_columns(_contradicting=True), on=(PERSON, YEAR), how="left", maintain_order="left"
    )
    typed = kept.select(
        reasons(_failures()).alias(LAYOUT_REASONS),
        beneficiary_id=text(PERSON),
        year=whole_number(YEAR),
        birth_date=as_date(pl.col("BENE_BIRTH_DT")),
        death_date=as_date(pl.col("BENE_DEATH_DT")),
        sex=text("BENE_SEX_IDENT_CD").str.replace(r"\.0+$", ""),
        state=numeric_code("SP_STATE_CODE", 2).replace_strict(_state_of_code(), default=None),
        county=numeric_code("BENE_COUNTY_CD", 3),
        esrd=text("BENE_ESRD_IND").str.replace(r"\.0+$", "").is_in(["Y", "1"]),
        **{kind: whole_number(column) for kind, column in MONTH_COUNTS.items()},
    )
    broken = (pl.col(LAYOUT_REASONS).list.len() > 0) | pl.col("beneficiary_id").is_null()
    years = typed.filter(~broken).drop(LAYOUT_REASONS).sort("year", maintain_order=True)
    described = ("birth_date", "death_date", "sex", "state", "county")
    persons = years.group_by("beneficiary_id", maintain_order=True).agg(
        pl.col(column).drop_nulls().last() for column in described
    )
    counts.take_up("later_year_of_same_person", years.height - persons.height)
    stateless = persons["state"].null_count()
    report.tally("people with a blank, pooled or unknown state code, kept without a state", stateless)
    set_aside = typed.filter(broken).select(LAYOUT_REASONS, "beneficiary_id", *described)
    years = years.drop("death_date").join(
        persons.select("beneficiary_id", "death_date"), on="beneficiary_id", how="left", maintain_order="left"
    )
    return PeopleAndCoverage(pl.concat([persons, set_aside], how="diagonal"), _coverage(years))


def _failures() -> dict[str, pl.Expr]:
    """The ways in which a row cannot be read."""
    year = whole_number(YEAR)
    failures = {
        "duplicate_key": pl.col("_contradicting").fill_null(False),
        "year_not_a_year": ~year.is_between(1900, 2100).fill_null(False),
    }
    for name, column in (("birth_date", "BENE_BIRTH_DT"), ("death_date", "BENE_DEATH_DT")):
        failures[f"{name}_not_a_date"] = text(column).is_not_null() & as_date(pl.col(column)).is_null()
    for kind, column in MONTH_COUNTS.items():
        months = whole_number(column).is_between(0, 12).fill_null(False)
        failures[f"{kind}_months_not_a_month_count"] = text(column).is_not_null() & ~months
    return failures


def _coverage(years: pl.DataFrame) -> pl.DataFrame:
    """Intervals of a calendar year.

    The source says how many months were covered, not which: all of the year (in the year of death all months
    up to the death) is coverage, none is none, anything between, or a blank, is `unknown` for the year.
    """
    years = years.with_row_index("_row").with_columns(
        start_date=pl.date("year", 1, 1), end_date=pl.date("year", 12, 31)
    )
    died = pl.col("death_date").dt.year() == pl.col("year")
    intervals = []
    for order, kind in enumerate(MONTH_COUNTS):
        months = pl.col(kind)
        whole = (months == 12) | (died & (months >= pl.col("death_date").dt.month()))
        covered = whole.fill_null(False)
        intervals.append(
            years.filter(covered | (months != 0).fill_null(True)).select(
                "_row",
                "beneficiary_id",
                "start_date",
                "end_date",
                _order=pl.lit(order),
                kind=pl.when(covered).then(pl.lit(kind)).otherwise(pl.lit("unknown")),
                detail=pl.when(~covered).then(pl.lit(kind)),
            )
        )
    # The flag says that the person has the disease, not that it is why the person is entitled.
    intervals.append(
        years.filter("esrd").select(
            "_row",
            "beneficiary_id",
            "start_date",
            "end_date",
            _order=pl.lit(len(MONTH_COUNTS)),
            kind=pl.lit("esrd"),
            detail=pl.lit(None, dtype=pl.String),
        )
    )
    return pl.concat(intervals).sort("_row", "_order").drop("_row", "_order")


@cache
def _state_of_code() -> dict[str, str]:
    """SSA state code to postal code: the first two characters of a CCN are the SSA code of its state.

    The table is read as packaged data, so that the room of claims imports nothing of the programmes.
    """
    packaged = files("episodes") / "programs" / "codes" / "ccn_state_codes.csv"
    table = pl.read_csv(packaged.read_bytes(), infer_schema=False)
    return dict(table.filter(pl.col("ccn_first2").is_in(_SSA_STATES)).select("ccn_first2", "state").iter_rows())
