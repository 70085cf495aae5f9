"""Bringing a table to the types of the contract, and setting aside the rows that break it.

A value that cannot be cast, or that breaks a rule of the schema, never becomes a silent null: its row goes to
quarantine with a reason code made of the column and what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import polars as pl

from episodes.claims.contract import OPEN_TABLES, TABLES, metadata_of, required_columns, types_of
from episodes.claims.report import MONEY_TABLES, ReadingReport, digits_of_code, paid_sum
from episodes.errors import ContractError, count_of

LIST_SEPARATOR = "|"
"""Between the elements of a list column in a text file."""

LAYOUT_REASONS = "_reasons"
"""In this column (lists of text) a layout hands over its own reason codes; such rows are set aside."""

_TRUE = ["true", "t", "1", "y", "yes"]
_FALSE = ["false", "f", "0", "n", "no"]
_RULE_WORDS = {
    "nullability": "missing",
    "regex": "malformed",
    "min": "out_of_range",
    "max": "out_of_range",
    "inf": "out_of_range",
}


def conform(name: str, frame: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Cast a table to the contract, fill what may be absent, and quarantine what breaks a rule.

    Returns the rows that hold; `report` gets the counts, the quarantined rows and notes.

    Raises:
        ContractError: a required column is missing, or a column has a type that cannot hold its values.
    """
    schema = TABLES[name]
    need_required_columns(name, frame.columns)
    _need_possible_types(name, frame)
    extra = [column for column in frame.columns if column not in (*schema.columns(), LAYOUT_REASONS)]
    kept_extra = extra if name in OPEN_TABLES else []
    if extra:
        _note_other_columns(name, extra, frame.columns, report)
    counts = report.table(name)
    counts.rows_in += frame.height

    cast, failures = _cast_columns(name, frame)
    typed = frame.select(
        *[expression.alias(column) for column, expression in cast.items()],
        *[pl.col(column) for column in kept_extra],
        _reasons_of_row(frame, failures).alias(LAYOUT_REASONS),
    )
    if name in MONEY_TABLES and not counts.amounts_read:
        unreadable = failures.get("paid_cents_not_a_whole_number", pl.lit(False))
        report.tally_unreadable(name, frame.filter(unreadable).height)
        counts.cents_in += paid_sum(typed)
    broken = pl.col(LAYOUT_REASONS).list.len() > 0
    report.set_aside(name, typed.filter(broken).rename({LAYOUT_REASONS: "reasons"}))
    typed = typed.filter(~broken).drop(LAYOUT_REASONS)

    unique, repeats = once_and_again(typed, schema.primary_key())
    if repeats.height:
        counts.add_netted("exact_duplicate", repeats.height, paid_sum(repeats))

    filtered, failed = schema.filter(unique.select(schema.column_names()), cast=False)
    good = pl.DataFrame(filtered)
    if good.height < unique.height:
        report.set_aside(name, _with_reasons(failed.details()))
    if kept_extra:
        columns = schema.column_names()
        good = unique.join(good.unique(), on=columns, how="semi", nulls_equal=True, maintain_order="left")
    counts.rows_out += good.height
    counts.cents_out += paid_sum(good) if name in MONEY_TABLES else 0
    counts.check(name)
    return good


def once_and_again(rows: pl.DataFrame, key: Sequence[str] = ()) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows, the first of those that agree word for word, and the rows that repeat an earlier one.

    Rows that agree in everything agree in their `key`: where one is given, only rows that share it are compared, which
    is much less work for wide rows.
    """
    shared = rows.select(key or rows.columns).is_duplicated()
    if not shared.any():
        return rows, rows.clear()
    marked = rows.with_row_index("_place")
    compared = marked.filter(shared)
    first = compared.unique(subset=rows.columns, keep="first", maintain_order=True)
    again = compared.join(first.select("_place"), on="_place", how="anti", maintain_order="left")
    once = marked.join(again.select("_place"), on="_place", how="anti", maintain_order="left")
    return once.drop("_place"), again.drop("_place")


def repeats_in(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that repeat an earlier one word for word."""
    return once_and_again(rows)[1]


def trust(name: str, frame: pl.LazyFrame, *, leave_words: bool = False) -> pl.LazyFrame:
    """A table taken at its word: absent columns filled, nothing checked but that required ones are there.

    `leave_words`: a column of listed words that is text stays text. A scan filters text before it is read, which no
    cast lets it do; whether the words are known is then for the caller to see.
    """
    schema = TABLES[name]
    given = frame.collect_schema()
    present = given.names()
    need_required_columns(name, present)
    types = types_of(schema)
    if leave_words:
        is_text = {column for column, dtype in given.items() if dtype == pl.String}
        types = {
            column: pl.String() if column in is_text and isinstance(dtype, pl.Enum) else dtype
            for column, dtype in types.items()
        }
    filled = [
        pl.lit(metadata_of(schema, column).get("default"), dtype=dtype).alias(column)
        for column, dtype in types.items()
        if column not in present
    ]
    extra = [column for column in present if column not in types] if name in OPEN_TABLES else []
    return (
        frame.cast({column: dtype for column, dtype in types.items() if column in present})
        .with_columns(filled)
        .select(*types, *extra)
    )


def as_date(column: pl.Expr, have: pl.DataType | type[pl.DataType] = pl.String) -> pl.Expr:
    """A date; text may read YYYY-MM-DD (also with midnight behind it) or YYYYMMDD, and anything else becomes null."""
    if isinstance(have, pl.Datetime):
        # The day as written where it was written: a cast alone would first move it to another time zone.
        return column.dt.replace_time_zone(None).cast(pl.Date)
    if have in (pl.Date, pl.Datetime):
        return column.cast(pl.Date)
    text = _as_text(column, have)
    # The pattern comes first because a date parser alone takes 26-1-5 for the year 26. Databases export a date as a
    # timestamp at midnight; another time of day is none, for it may be a moment of another time zone.
    dashed = r"^\d{4}-\d{2}-\d{2}([ T]00:00:00(\.0+)?)?$"
    return pl.coalesce(
        pl.when(text.str.contains(dashed)).then(text.str.head(10)).str.to_date("%Y-%m-%d", strict=False),
        pl.when(text.str.contains(r"^\d{8}$")).then(text).str.to_date("%Y%m%d", strict=False),
    )


def need_required_columns(name: str, present: list[str]) -> None:
    """Raise `ContractError` when a table lacks a required column."""
    missing = [column for column in required_columns(TABLES[name]) if column not in present]
    if missing:
        raise ContractError(
            f"Table {name!r} lacks {count_of(len(missing), 'required column')}: {', '.join(missing)}. "
            f"It has: {', '.join(present) or 'no columns'}. "
            "Rename the columns to those of the claims contract, or name the layout of the file."
        )


def _note_other_columns(name: str, extra: list[str], present: Iterable[str], report: ReadingReport) -> None:
    """Say which columns are not the contract's, and what a misspelt one may have meant: it would lose its values."""
    absent = [column for column in TABLES[name].columns() if column not in present]
    kept = name in OPEN_TABLES
    meant = {column: get_close_matches(column.lower(), absent, n=1, cutoff=0.8 if kept else 0.6) for column in extra}
    shown = [f"{one} (did you mean {meant[one][0]}?)" if meant[one] else one for one in sorted(extra)]
    if not kept:
        report.notes.append(f"{name}: {count_of(len(extra), 'column')} not in the contract ignored: {', '.join(shown)}")
    elif any(meant.values()):
        near = [text for text, one in zip(shown, sorted(extra), strict=True) if meant[one]]
        report.notes.append(f"{name}: kept as {count_of(len(near), 'column')} of a programme's own: {', '.join(near)}")


def _need_possible_types(name: str, frame: pl.DataFrame) -> None:
    wrong = [
        f"{column} is {frame.schema[column]}, expected {wanted}"
        for column, wanted in types_of(TABLES[name]).items()
        if column in frame.columns and not _possible(frame.schema[column], wanted)
    ]
    if wrong:
        raise ContractError(
            f"Table {name!r} has {count_of(len(wrong), 'column')} of an impossible type: {'; '.join(wrong)}. "
            "Usual cause: columns under the wrong names. Cast them to the expected types, or to text."
        )


def _possible(have: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether any value of one type can be read as the other."""
    if have in (pl.Null, wanted):
        return True
    is_text = have in (pl.String, pl.Categorical, pl.Enum)
    if isinstance(wanted, pl.List):
        return is_text or (isinstance(have, pl.List | pl.Array) and _possible(_inner(have), _inner(wanted)))
    if have.is_nested() or have in (pl.Object, pl.Binary):
        return False
    if wanted == pl.Date:
        return is_text or have in (pl.Date, pl.Datetime) or have.is_integer() or have.is_float()
    if wanted.is_numeric() or wanted == pl.Boolean:
        return not have.is_temporal()
    return True


def _inner(lists: pl.List | pl.Array) -> pl.DataType:
    return lists.inner() if isinstance(lists.inner, type) else lists.inner


def _reasons_of_row(frame: pl.DataFrame, failures: dict[str, pl.Expr]) -> pl.Expr:
    """The reason codes of each row: those of the layout, then one for each value that cannot be cast."""
    parts = [pl.lit([], dtype=pl.List(pl.String))]
    if LAYOUT_REASONS in frame.columns:
        parts.append(pl.col(LAYOUT_REASONS).fill_null([]))
    for reason, bad in failures.items():
        parts.append(pl.when(bad).then(pl.lit(reason)))
    return pl.concat_list(parts).list.drop_nulls()


def _cast_columns(name: str, frame: pl.DataFrame) -> tuple[dict[str, pl.Expr], dict[str, pl.Expr]]:
    """For each column of the contract its cast expression, and for each way to fail the rows it hits."""
    schema = TABLES[name]
    cast: dict[str, pl.Expr] = {}
    failed: dict[str, pl.Expr] = {}
    for column, wanted in types_of(schema).items():
        default = metadata_of(schema, column).get("default")
        if column not in frame.columns:
            cast[column] = pl.lit(default, dtype=wanted)
            continue
        have = frame.schema[column]
        expression, kind = _cast(pl.col(column), have, wanted)
        if have == pl.String and digits_of_code(name, column) is not None:
            # A spreadsheet writes DRG 470 as 470.0, which is whole as the number 470.0 is. A code that lost its leading
            # zeros stays too short in every type: nothing tells 064 from a mistyped 64.
            expression = expression.str.replace(r"\.0+$", "")
        if have != wanted:
            failed[f"{column}_not_{kind}"] = _filled(pl.col(column), have) & expression.is_null()
        cast[column] = expression if default is None else expression.fill_null(default)
    return cast, failed


def _filled(column: pl.Expr, have: pl.DataType) -> pl.Expr:
    """True where a value was given: not null, not blank, not NaN."""
    if have == pl.String:
        return column.is_not_null() & (column.str.strip_chars() != "")
    if have.is_float():
        return column.is_not_null() & column.is_not_nan()
    return column.is_not_null()


def _cast(  # noqa: PLR0911 - one return a type
    column: pl.Expr, have: pl.DataType, wanted: pl.DataType
) -> tuple[pl.Expr, str]:
    """A cast that gives null where it fails, and the noun for what a failing value is not."""
    if wanted == pl.String:
        return _as_text(column, have), "text"
    if wanted == pl.Date:
        return as_date(column, have), "a_date"
    if wanted.is_integer():
        return _as_whole_number(column, have, wanted), "a_whole_number"
    if wanted == pl.Float64:
        return _blank_to_null(column, have).cast(pl.Float64, strict=False).fill_nan(None), "a_number"
    if wanted == pl.Boolean:
        return _as_boolean(column, have), "true_or_false"
    if isinstance(wanted, pl.Enum):
        return _as_text(column, have).cast(wanted, strict=False), "a_known_value"
    if isinstance(wanted, pl.List):
        return _as_list(column, have, wanted), "a_list"
    raise AssertionError(f"no cast to {wanted}")


def _blank_to_null(column: pl.Expr, have: pl.DataType | type[pl.DataType]) -> pl.Expr:
    if have != pl.String:
        return column
    stripped = column.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _as_text(column: pl.Expr, have: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """Text without outer blanks. Codes and ids that arrive as floats must be whole; others become null."""
    if have.is_float():
        whole = column.is_not_nan() & (column == column.floor())
        return pl.when(whole).then(column.cast(pl.Int64, strict=False)).cast(pl.String)
    return _blank_to_null(column.cast(pl.String), pl.String)


def _as_whole_number(column: pl.Expr, have: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """Whole numbers; 12.0 is one, 12.5 is not, in text as in floats."""
    if have.is_float() or have.is_decimal():
        whole = column == column.floor()
        return pl.when(whole).then(column).cast(wanted, strict=False)
    if have == pl.String:
        return _blank_to_null(column, have).str.replace(r"\.0+$", "").cast(wanted, strict=False)
    return column.cast(wanted, strict=False)


def _as_boolean(column: pl.Expr, have: pl.DataType) -> pl.Expr:
    if have == pl.Boolean:
        return column
    text = _as_text(column, have).str.to_lowercase()
    return pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False)


def _as_list(column: pl.Expr, have: pl.DataType, wanted: pl.List) -> pl.Expr:
    """A list of text or dates; null where any element that was given cannot be read."""
    if have == wanted:
        return column
    if isinstance(have, pl.List | pl.Array):
        parts, element = column.cast(pl.List(_inner(have))), _inner(have)
    else:
        parts, element = _as_text(column, have).str.split(LIST_SEPARATOR), pl.String()
    read, _ = _cast(pl.element(), element, _inner(wanted))
    elements = parts.list.eval(read)
    given = parts.list.eval(_filled(pl.element(), element)).list.sum()
    return pl.when(elements.list.drop_nulls().list.len() >= given).then(elements)


def _with_reasons(details: pl.DataFrame) -> pl.DataFrame:
    """The failed rows with their reason codes, from dataframely's column a rule."""
    rules = [column for column, dtype in details.schema.items() if _is_rule_column(dtype)]
    reasons = pl.concat_list(
        [pl.when(pl.col(rule).cast(pl.String) == "invalid").then(pl.lit(_reason_of(rule))) for rule in rules]
    ).list.drop_nulls()
    return details.with_columns(reasons=reasons).drop(rules)


def _is_rule_column(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Enum) and "invalid" in dtype.categories.to_list()


def _reason_of(rule: str) -> str:
    """`ms_drg|regex` becomes `ms_drg_malformed`; `primary_key` becomes `duplicate_key`.

    >>> _reason_of("ms_drg|regex"), _reason_of("primary_key"), _reason_of("thru_before_from")
    ('ms_drg_malformed', 'duplicate_key', 'thru_before_from')
    """
    if rule == "primary_key":
        return "duplicate_key"
    column, _, kind = rule.partition("|")
    return f"{column}_{_RULE_WORDS.get(kind, kind)}" if kind else column
