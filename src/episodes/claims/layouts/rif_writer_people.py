"""Canonical beneficiaries and coverage as RIF beneficiary files: a row a person and year, codes for each month."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from episodes.claims.contract import empty_table
from episodes.claims.layouts import rif_columns as rif
from episodes.claims.layouts.rif_headers import header_of_kind
from episodes.claims.layouts.rif_people import state_of_code
from episodes.claims.layouts.rif_values import writing

KINDS_HELD = (
    *rif.MONTH_COUNTS,
    *("esrd", "esrd_entitlement", "full_dual", "partial_dual", "low_income_subsidy", "unknown"),
)
"""Kinds of coverage that the monthly codes can say."""

FIRST_YEAR_OF_MEDICARE = 1966
"""Year of the rows of people of whom no year is known."""

_FULL_AGE = 65


def write_people(tables: dict[str, pl.DataFrame], folder: Path) -> None:
    """Write `beneficiary_<year>.csv` for each year that the claims (else the coverage) span, with a byte order mark.

    A person has no row after the year of death, but one in the first year in any case.
    """
    beneficiaries = tables.get("beneficiaries", empty_table("beneficiaries"))
    coverage = tables.get("coverage", empty_table("coverage")).with_columns(pl.col("kind").cast(pl.String))
    if beneficiaries.is_empty():
        return
    first, last = _years(tables["claims"], coverage)
    years = pl.DataFrame({"year": range(first, last + 1)}, schema={"year": pl.Int32})
    rows = beneficiaries.join(years, how="cross", maintain_order="left_right").filter(
        (pl.col("year") <= pl.col("death_date").dt.year()).fill_null(True) | (pl.col("year") == first)
    )
    coded = _coded_years(rows, coverage)
    header = header_of_kind(rif.BENEFICIARY)
    blank = [pl.lit(None, dtype=pl.String).alias(column) for column in header if column not in coded.columns]
    complete = coded.with_columns(blank)
    for year in complete["year"].unique().sort():
        complete.filter(pl.col("year") == year).select(header).write_csv(
            folder / f"beneficiary_{year}.csv", separator="|", include_bom=True
        )


def _years(claims: pl.DataFrame, coverage: pl.DataFrame) -> tuple[int, int]:
    """The first and the last year of the files."""
    for table, start, end in ((claims, "from_date", "thru_date"), (coverage, "start_date", "end_date")):
        span = table.select(first=pl.col(start).min().dt.year(), last=pl.max_horizontal(start, end).max().dt.year())
        first, last = span.row(0)
        if first is not None:
            return first, last
    return FIRST_YEAR_OF_MEDICARE, FIRST_YEAR_OF_MEDICARE


def _coded_years(rows: pl.DataFrame, coverage: pl.DataFrame) -> pl.DataFrame:
    """Rows of persons and years with the columns of a RIF beneficiary file, as text."""
    months = _months(rows, coverage).with_columns(**_codes())
    lists = months.group_by("beneficiary_id", "year", maintain_order=True).agg(
        *rif.MONTHLY,
        pl.col("_esrd").all(),
        **{
            column: pl.when(pl.col(kind).is_not_null().all()).then(pl.col(kind).sum().cast(pl.String))
            for kind, column in rif.MONTH_COUNTS.items()
        },
    )
    described = {field.column: writing(field, name) for name, field in rif.PERSON_FIELDS.items()}
    return rows.join(lists, on=["beneficiary_id", "year"], how="left", maintain_order="left").select(
        "year",
        *rif.MONTH_COUNTS.values(),
        **(described | {"STATE_CODE": _state_code()}),
        DML_IND=pl.lit("INSERT"),
        BENE_ID="beneficiary_id",
        RFRNC_YR=pl.col("year").cast(pl.String),
        BENE_ENTLMT_RSN_CURR="original_entitlement_reason",
        BENE_ESRD_IND=pl.when("_esrd").then(pl.lit("Y")).otherwise(pl.lit("0")),
        AGE=(pl.col("year") - pl.col("birth_date").dt.year()).cast(pl.String),
        V_DOD_SW=pl.when(pl.col("death_date").is_not_null()).then(pl.lit("V")),
        **{
            rif.monthly(name, month): pl.col(name).list.get(month - 1) for name in rif.MONTHLY for month in range(1, 13)
        },
    )


def _months(rows: pl.DataFrame, coverage: pl.DataFrame) -> pl.DataFrame:
    """Each month of each row: which kinds cover its first day; null where parts A, B or a plan are not known."""
    months = (
        rows.select("beneficiary_id", "year", "birth_date")
        .join(
            pl.DataFrame({"month": range(1, 13)}, schema={"month": pl.Int8}), how="cross", maintain_order="left_right"
        )
        .with_columns(day=pl.date("year", "month", 1))
    )
    covering = (
        months.select("beneficiary_id", "day")
        .join(coverage.filter(pl.col("kind").is_in(KINDS_HELD)), on="beneficiary_id", how="inner")
        .filter((pl.col("start_date") <= pl.col("day")) & (pl.col("end_date") >= pl.col("day")).fill_null(True))
        .sort("beneficiary_id", "day", "kind", "detail")
    )
    unknown = pl.col("kind") == "unknown"
    states = covering.group_by("beneficiary_id", "day", maintain_order=True).agg(
        **{f"_{kind}": (pl.col("kind") == kind).any() for kind in KINDS_HELD},
        **{
            f"_unknown_{kind}": (unknown & (pl.col("detail").is_null() | (pl.col("detail") == kind))).any()
            for kind in rif.MONTH_COUNTS
        },
        contract=pl.col("detail").filter(pl.col("kind") == "medicare_advantage").drop_nulls().first(),
    )
    flags = [column for column in states.columns if column.startswith("_")]
    joined = months.join(states, on=["beneficiary_id", "day"], how="left", maintain_order="left").with_columns(
        pl.col(flags).fill_null(False)
    )
    return joined.with_columns(
        pl.when(pl.col(f"_{kind}") | ~pl.col(f"_unknown_{kind}")).then(pl.col(f"_{kind}")).alias(kind)
        for kind in rif.MONTH_COUNTS
    )


def _codes() -> dict[str, pl.Expr]:
    """The codes of a month; blank where it is not known."""
    part_a, part_b = pl.col("part_a"), pl.col("part_b")
    aged = (pl.col("day") >= pl.col("birth_date").dt.offset_by(f"{_FULL_AGE}y")).fill_null(True)
    both_known = part_a.is_not_null() & part_b.is_not_null()

    def text(condition: pl.Expr, yes: str, no: str | None) -> pl.Expr:
        return pl.when(condition).then(pl.lit(yes)).otherwise(pl.lit(no, dtype=pl.String))

    of_esrd = text(aged, "11", "21")
    return {
        "buy_in": pl.when(part_a & part_b)
        .then(pl.lit("3"))
        .when(both_known & part_a)
        .then(pl.lit("1"))
        .when(both_known & part_b)
        .then(pl.lit("2"))
        .when(both_known)
        .then(pl.lit("0")),
        "status": pl.when(both_known & pl.col("_esrd_entitlement"))
        .then(pl.lit("31"))
        .when(both_known & pl.col("_esrd"))
        .then(of_esrd)
        .when(both_known & (part_a | part_b))
        .then(text(aged, "10", "20"))
        .when(both_known)
        .then(pl.lit("00")),
        "managed_care": pl.when(pl.col("medicare_advantage"))
        .then(pl.lit("C"))
        .when(~pl.col("medicare_advantage"))
        .then(pl.lit("0")),
        "plan": pl.when(pl.col("medicare_advantage"))
        .then("contract")
        .when(~pl.col("medicare_advantage"))
        .then(pl.lit("N")),
        "dual": pl.when(pl.col("_full_dual")).then(pl.lit("02")).otherwise(text(pl.col("_partial_dual"), "03", "NA")),
        "subsidy": text(pl.col("_low_income_subsidy"), "03", "09"),
    }


def _state_code() -> pl.Expr:
    """The SSA code of a state; a place without one keeps its postal code."""
    code_of_state = {state: code for code, state in state_of_code().items()}
    return pl.col("state").replace(code_of_state)
