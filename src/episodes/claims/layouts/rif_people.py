"""RIF beneficiary files: rows of a person and year become people, and monthly codes become intervals of coverage."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date
from episodes.claims.layouts import rif_columns as rif
from episodes.claims.layouts.rif_values import day, reading
from episodes.claims.layouts.values import numeric_code, reasons, text, whole_number, without_repeats
from episodes.claims.report import ReadingReport

# Codes of one month. Sources: CCW codebooks of the master beneficiary summary file.
PART_A = {"covered": ("1", "3", "A", "C"), "not_covered": ("0", "2", "B")}
PART_B = {"covered": ("2", "3", "B", "C"), "not_covered": ("0", "1", "A")}
"""Entitlement and buy-in: 1 part A, 2 part B, 3 both; A, B, C the same with the premium paid by the state."""

ENTITLED, ENTITLED_WITH_ESRD, BECAUSE_OF_ESRD = ("10", "11", "20", "21", "31"), ("11", "21", "31"), ("31",)
"""Medicare status: aged, disabled, each with and without ESRD, and ESRD alone."""

MANAGED_CARE = {"covered": ("1", "2", "A", "B", "C"), "not_covered": ("0", "4")}
"""HMO indicator; 4 is fee for service in a demonstration."""

NO_PLAN = ("N", "0", "*")
"""What stands for no part C contract."""

FULL_DUAL, PARTIAL_DUAL = ("02", "04", "08"), ("01", "03", "05", "06")
LOW_INCOME_SUBSIDY = ("01", "02", "03", "04", "05", "06", "07", "08")
"""Cost sharing groups with a premium or cost sharing subsidy."""

_SSA_STATES = [f"{number:02d}" for number in range(1, 54)]
"""SSA codes of one state each. Codes above are of places outside the states."""

_DESCRIBED = tuple(rif.PERSON_FIELDS)


class PeopleAndCoverage(NamedTuple):
    """Canonical beneficiaries and coverage, not yet brought to the types of the contract."""

    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame


def people(rows: pl.DataFrame, report: ReadingReport) -> PeopleAndCoverage:
    """One row a person over the years, and the intervals of coverage that the months tell of.

    What changes is taken from the latest year that states it. Every row of a person and year counts for
    `beneficiaries`.
    """
    counts = report.table("beneficiaries")
    deleted = text(rif.RECORD_CHANGE).str.to_uppercase().eq_missing(pl.lit("DELETE")).any().over(rif.PERSON, rif.YEAR)
    standing = rows.filter(~deleted)
    counts.take_up("deleted", rows.height - standing.height)
    kept, contradicting = without_repeats(standing.drop(rif.RECORD_CHANGE), (rif.PERSON, rif.YEAR))
    counts.take_up("exact_duplicate", standing.height - kept.height)
    marked = kept.join(
        contradicting.with_columns(_contradicting=True), on=(rif.PERSON, rif.YEAR), how="left", maintain_order="left"
    )
    typed = marked.with_columns(
        reasons(_failures()).alias(LAYOUT_REASONS),
        beneficiary_id=text(rif.PERSON),
        year=whole_number(rif.YEAR),
        **{name: _described(name) for name in _DESCRIBED},
    )
    broken = (pl.col(LAYOUT_REASONS).list.len() > 0) | pl.col("beneficiary_id").is_null()
    years = typed.filter(~broken).sort("year", maintain_order=True)
    persons = years.group_by("beneficiary_id", maintain_order=True).agg(
        pl.col(column).drop_nulls().last() for column in _DESCRIBED
    )
    counts.take_up("later_year_of_same_person", years.height - persons.height)
    report.tally("people with a blank or unknown state code kept without a state", persons["state"].null_count())
    set_aside = typed.filter(broken).select(LAYOUT_REASONS, "beneficiary_id", *_DESCRIBED)
    coverage = _coverage(years.drop("death_date"), persons.select("beneficiary_id", "death_date"), report)
    return PeopleAndCoverage(pl.concat([persons, set_aside], how="diagonal"), coverage)


def _described(name: str) -> pl.Expr:
    field = rif.PERSON_FIELDS[name]
    match name:
        case "birth_date" | "death_date":
            return as_date(day(field.column))
        case "state":
            return _state(field.column)
        case "county":
            # Of five digits the first two are the state once more.
            code = text(field.column)
            with_state = (code.str.len_chars() == 5) & (code.str.head(2) == text(rif.PERSON_FIELDS["state"].column))
            return pl.when(with_state).then(code.str.tail(3)).otherwise(code.str.zfill(3))
        case _:
            return reading(field)


def _state(column: str) -> pl.Expr:
    """The postal code, from an SSA code or as it stands."""
    known = state_of_code()
    code = text(column)
    return (
        pl.when(code.str.contains(r"^[A-Za-z]{2}$"))
        .then(code.str.to_uppercase())
        .otherwise(numeric_code(column, 2).replace_strict(known, default=None))
    )


def _failures() -> dict[str, pl.Expr]:
    """The ways in which a row cannot be read."""
    failures = {
        "duplicate_key": pl.col("_contradicting").fill_null(False),
        "year_not_a_year": ~whole_number(rif.YEAR).is_between(1900, 2100).fill_null(False),
    }
    for name in ("birth_date", "death_date"):
        column = rif.PERSON_FIELDS[name].column
        failures[f"{name}_not_a_date"] = text(column).is_not_null() & as_date(day(column)).is_null()
    return failures


# --- coverage -----------------------------------------------------------------------------------------------


def _coverage(years: pl.DataFrame, deaths: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Intervals of whole months. A month counts when its code says covered; a blank one is `unknown`.

    Months after the month of death are neither.
    """
    months = pl.concat([_month(years, month) for month in range(1, 13)]).join(
        deaths, on="beneficiary_id", how="left", maintain_order="left"
    )
    last = pl.col("death_date").dt.year() * 12 + pl.col("death_date").dt.month()
    alive = months.filter((pl.col("month") <= last).fill_null(True))
    report.tally("months without a dual status code, taken as not dual", alive.filter(pl.col("dual").is_null()).height)
    found = [_months_of(alive, kind, covered, detail) for kind, covered, detail in _kinds()]
    found += [_months_of(alive, "unknown", pl.col(kind).is_null(), pl.lit(kind)) for kind in rif.MONTH_COUNTS]
    return _intervals(pl.concat(found))


def _month(years: pl.DataFrame, month: int) -> pl.DataFrame:
    """The codes of a month in plain terms: covered (true), not covered (false), not known (null)."""
    code = {name: text(rif.monthly(name, month)) for name in rif.MONTHLY}
    status = _two_digits(code["status"])
    entitled = _known(status, {"covered": ENTITLED, "not_covered": ("00",)})
    plan = pl.when(code["plan"].is_not_null()).then(~code["plan"].is_in(NO_PLAN))
    parts = {"part_a": PART_A, "part_b": PART_B}
    return years.select(
        "beneficiary_id",
        month=pl.col("year") * 12 + month,
        **{
            kind: pl.coalesce(_known(code["buy_in"], codes), entitled, _whole_year(rif.MONTH_COUNTS[kind]))
            for kind, codes in parts.items()
        },
        medicare_advantage=pl.coalesce(
            _known(code["managed_care"], MANAGED_CARE), plan, _whole_year(rif.MONTH_COUNTS["medicare_advantage"])
        ),
        contract=pl.when(plan).then(code["plan"]),
        dual=_two_digits(code["dual"]),
        subsidy=_two_digits(code["subsidy"]),
        esrd=status.is_in(ENTITLED_WITH_ESRD).fill_null(False)
        | text(rif.ESRD).str.replace(r"\.0+$", "").is_in(["Y", "1"]).fill_null(False),
        esrd_entitlement=pl.coalesce(
            pl.when(status.is_in(ENTITLED)).then(status.is_in(BECAUSE_OF_ESRD)),
            text(rif.CURRENT_REASON) == "2",
            pl.lit(False),
        ),
    )


def _two_digits(code: pl.Expr) -> pl.Expr:
    return code.str.replace(r"\.0+$", "").str.zfill(2)


def _known(code: pl.Expr, codes: dict[str, tuple[str, ...]]) -> pl.Expr:
    return pl.when(code.is_in(codes["covered"])).then(True).when(code.is_in(codes["not_covered"])).then(False)


def _whole_year(column: str) -> pl.Expr:
    """What the year's count of months says of each of them: none or all; null for any other count."""
    count = whole_number(column)
    return pl.when(count == 12).then(True).when(count == 0).then(False)


def _kinds() -> Iterable[tuple[str, pl.Expr, pl.Expr]]:
    """Kind of coverage, the condition of its months, and its detail."""
    nothing = pl.lit(None, dtype=pl.String)
    yield "part_a", pl.col("part_a"), nothing
    yield "part_b", pl.col("part_b"), nothing
    yield "medicare_advantage", pl.col("medicare_advantage"), pl.col("contract")
    yield "esrd", pl.col("esrd"), nothing
    yield "esrd_entitlement", pl.col("esrd_entitlement"), nothing
    yield "full_dual", pl.col("dual").is_in(FULL_DUAL), nothing
    yield "partial_dual", pl.col("dual").is_in(PARTIAL_DUAL), nothing
    yield "low_income_subsidy", pl.col("subsidy").is_in(LOW_INCOME_SUBSIDY), nothing


def _months_of(months: pl.DataFrame, kind: str, covered: pl.Expr, detail: pl.Expr) -> pl.DataFrame:
    return months.filter(covered).select("beneficiary_id", "month", kind=pl.lit(kind), detail=detail)


def _intervals(months: pl.DataFrame) -> pl.DataFrame:
    """Months of a person, kind and detail that follow each other joined into intervals."""
    same = ["beneficiary_id", "kind", "detail"]
    ordered = months.unique().sort(*same, "month")
    run = pl.col("month") - pl.int_range(pl.len()).over(same)
    start, end = pl.col("month").min() - 1, pl.col("month").max() - 1
    return (
        ordered.with_columns(_run=run)
        .group_by(*same, "_run", maintain_order=True)
        .agg(
            start_date=pl.date(start // 12, start % 12 + 1, 1),
            end_date=pl.date(end // 12, end % 12 + 1, 1).dt.month_end(),
        )
        .drop("_run")
        .sort("beneficiary_id", "start_date", "kind", "detail")
    )


@cache
def state_of_code() -> dict[str, str]:
    """SSA state code to postal code: the first two characters of a CCN are the SSA code of its state.

    The table is read as packaged data, so that the room of claims imports nothing of the programmes.
    """
    packaged = files("episodes") / "programs" / "codes" / "ccn_state_codes.csv"
    table = pl.read_csv(packaged.read_bytes(), infer_schema=False)
    return dict(table.filter(pl.col("ccn_first2").is_in(_SSA_STATES)).select("ccn_first2", "state").iter_rows())
