"""Bringing a table to the types of the contract, and setting aside the rows that break it.

A value that cannot be cast, or that breaks a rule of the schema, never becomes a silent null: its row goes to
quarantine with a reason code made of the column and what is wrong with it.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from episodes.claims.contract import OPEN_TABLES, TABLES, metadata_of, required_columns, types_of
from episodes.claims.report import ReadingReport
from episodes.errors import ContractError, count_of

LIST_SEPARATOR = "|"
"""Between the elements of a list column in a text file."""

_TRUE = ["true", "t", "1", "y", "yes"]
_FALSE = ["false", "f", "0", "n", "no"]
_RULE_WORDS = {"nullability": "missing", "regex": "malformed", "min": "out_of_range", "max": "out_of_range"}


def conform(name: str, frame: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Cast a table to the contract, fill what may be absent, and quarantine what breaks a rule.

    Returns the rows that hold; `report` gets the counts, the quarantined rows and notes.
    """
    schema = TABLES[name]
    _need_required_columns(name, schema, frame)
    extra = [column for column in frame.columns if column not in schema.columns()]
    if extra and name not in OPEN_TABLES:
        report.notes.append(
            f"{name}: {count_of(len(extra), 'column')} not in the contract ignored: {', '.join(sorted(extra))}"
        )
    counts = report.table(name)
    counts.rows_in += frame.height

    cast, reasons = _cast_columns(schema, frame)
    kept_extra = extra if name in OPEN_TABLES else []
    typed = frame.select(
        *[expression.alias(column) for column, expression in cast.items()],
        *[pl.col(column) for column in kept_extra],
        _reasons=pl.concat_list([pl.when(bad).then(pl.lit(reason)) for reason, bad in reasons.items()])
        .list.drop_nulls()
        if reasons
        else pl.lit([], dtype=pl.List(pl.String)),
    )
    unreadable = typed.filter(pl.col("_reasons").list.len() > 0)
    report.set_aside(name, unreadable.rename({"_reasons": "reasons"}))
    typed = typed.filter(pl.col("_reasons").list.len() == 0).drop("_reasons")

    unique = typed.unique(maintain_order=True)
    if unique.height < typed.height:
        counts.netted["exact_duplicate"] = counts.netted.get("exact_duplicate", 0) + typed.height - unique.height

    good, failures = schema.filter(unique.select(list(schema.columns())), cast=False)
    if failures.counts():
        report.set_aside(name, _with_reasons(failures.details()))
        if kept_extra:
            good = unique.join(good.select(required_columns(schema)).unique(), on=required_columns(schema), how="semi")
    elif kept_extra:
        good = unique
    counts.rows_out += good.height
    counts.check(name)
    return pl.DataFrame(good)


def _need_required_columns(name: str, schema: type[dy.Schema], frame: pl.DataFrame) -> None:
    missing = [column for column in required_columns(schema) if column not in frame.columns]
    if missing:
        raise ContractError(
            f"Table {name!r} lacks {count_of(len(missing), 'required column')}: {', '.join(missing)}. "
            f"It has: {', '.join(frame.columns) or 'no columns'}. "
            "Rename the columns to those of the claims contract, or name the layout of the file."
        )


def _cast_columns(schema: type[dy.Schema], frame: pl.DataFrame) -> tuple[dict[str, pl.Expr], dict[str, pl.Expr]]:
    """For each column of the contract its cast expression, and for each way to fail the rows it hits."""
    cast: dict[str, pl.Expr] = {}
    failed: dict[str, pl.Expr] = {}
    for column, wanted in types_of(schema).items():
        default = metadata_of(schema, column).get("default")
        if column not in frame.columns:
            cast[column] = pl.lit(default, dtype=wanted)
            continue
        expression, kind = _cast(pl.col(column), frame.schema[column], wanted)
        filled = _filled(pl.col(column), frame.schema[column])
        if kind is not None:
            failed[f"{column}_not_{kind}"] = filled & expression.is_null()
        cast[column] = expression if default is None else expression.fill_null(default)
    return cast, failed


def _filled(column: pl.Expr, have: pl.DataType) -> pl.Expr:
    """True where a value was given: not null, not blank, not NaN."""
    if have == pl.String:
        return column.is_not_null() & (column.str.strip_chars() != "")
    if have.is_float():
        return column.is_not_null() & column.is_not_nan()
    return column.is_not_null()


def _cast(column: pl.Expr, have: pl.DataType, wanted: pl.DataType) -> tuple[pl.Expr, str | None]:  # noqa: PLR0911
    """A cast that gives null where it fails, and the noun for what a failing value is not."""
    if wanted == pl.String:
        return _as_text(column, have), None
    if have == pl.Null:
        return pl.lit(None, dtype=wanted), None
    if wanted == pl.Date:
        return _as_date(column, have), "a_date"
    if wanted.is_integer():
        return _as_whole_number(column, have, wanted), "a_whole_number"
    if wanted == pl.Float64:
        return _blank_to_null(column, have).cast(pl.Float64, strict=False), "a_number"
    if wanted == pl.Boolean:
        return _as_boolean(column, have), "true_or_false"
    if isinstance(wanted, pl.Enum):
        return _as_text(column, have).cast(wanted, strict=False), "a_known_value"
    if isinstance(wanted, pl.List):
        return _as_list(column, have, wanted), "a_list"
    raise AssertionError(f"no cast to {wanted}")


def _blank_to_null(column: pl.Expr, have: pl.DataType) -> pl.Expr:
    if have != pl.String:
        return column
    stripped = column.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _as_text(column: pl.Expr, have: pl.DataType) -> pl.Expr:
    if have.is_float():
        whole = column.is_not_nan() & (column == column.floor())
        return pl.when(whole).then(column.cast(pl.Int64, strict=False)).cast(pl.String)
    return _blank_to_null(column.cast(pl.String), pl.String())


def _as_date(column: pl.Expr, have: pl.DataType) -> pl.Expr:
    if have in (pl.Date, pl.Datetime):
        return column.cast(pl.Date)
    text = column.cast(pl.String).str.strip_chars()
    return pl.coalesce(text.str.to_date(form, strict=False) for form in ("%Y-%m-%d", "%Y%m%d"))


def _as_whole_number(column: pl.Expr, have: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    if have.is_float() or have.is_decimal():
        whole = column == column.floor()
        return pl.when(whole).then(column).cast(wanted, strict=False)
    return _blank_to_null(column, have).cast(wanted, strict=False)


def _as_boolean(column: pl.Expr, have: pl.DataType) -> pl.Expr:
    if have == pl.Boolean:
        return column
    text = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    return pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False)


def _as_list(column: pl.Expr, have: pl.DataType, wanted: pl.List) -> pl.Expr:
    if isinstance(have, pl.List | pl.Array):
        return column.cast(wanted, strict=False)
    parts = _blank_to_null(column.cast(pl.String), pl.String()).str.split(LIST_SEPARATOR)
    if wanted.inner == pl.Date:
        return parts.list.eval(pl.element().str.to_date("%Y-%m-%d", strict=False))
    return parts


def _with_reasons(details: pl.DataFrame) -> pl.DataFrame:
    """The failed rows with their reason codes, from dataframely's column a rule."""
    rules = [column for column, dtype in details.schema.items() if _is_rule_column(column, dtype)]
    reasons = pl.concat_list(
        [pl.when(pl.col(rule).cast(pl.String) == "invalid").then(pl.lit(_reason_of(rule))) for rule in rules]
    ).list.drop_nulls()
    return details.with_columns(reasons=reasons).drop(rules)


def _is_rule_column(column: str, dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Enum) and "invalid" in dtype.categories.to_list() and column != "setting"


def _reason_of(rule: str) -> str:
    """`ms_drg|regex` becomes `ms_drg_malformed`; `primary_key` becomes `duplicate_key`.

    >>> _reason_of("ms_drg|regex"), _reason_of("primary_key"), _reason_of("thru_before_from")
    ('ms_drg_malformed', 'duplicate_key', 'thru_before_from')
    """
    if rule == "primary_key":
        return "duplicate_key"
    column, _, kind = rule.partition("|")
    return f"{column}_{_RULE_WORDS.get(kind, kind)}" if kind else column
