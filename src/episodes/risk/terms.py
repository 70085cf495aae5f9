"""The terms of a risk model: what a name such as `age_class`, `hccs=37` or `age^2` means as columns of numbers.

A term is one of

* `column`: text gives a column for each level but one, yes/no a column for level `true`, a number itself;
* `column=value`: 1 where a list has the value (or text is it), else 0;
* `column^2`: a power of a number;
* `term*term`: the products of the two terms' columns; both terms must stand in the model by themselves as well.

A text or yes/no that is not known is a level of its own, `missing`; a number that is not known leaves its row out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from episodes.errors import ArgumentError, RiskError, unknown_name
from episodes.programs import Program
from episodes.programs.code_tables import load_codes

INTERCEPT = "(intercept)"
SMEARING = "(smearing)"
MISSING = "missing"


@dataclass(frozen=True)
class Column:
    """One column of a design: the term and level it belongs to, and how it is computed."""

    term: str
    level: str

    @property
    def name(self) -> str:
        """As people read it: `age_class: 85+`, `hccs=37`."""
        return f"{self.term}: {self.level}" if self.level not in ("", "true") else self.term

    def expression(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        """The column's values as numbers."""
        if self.term == INTERCEPT:
            return pl.lit(1.0)
        if "*" in self.term:
            (left, right), (left_level, right_level) = self.term.split("*", 1), self.level.split("*", 1)
            return Column(left, left_level).expression(schema) * Column(right, right_level).expression(schema)
        column, power, _ = _parts(self.term)
        if is_number(self.term, schema):
            return pl.col(column).cast(pl.Float64) ** power
        return (levels_of(self.term, schema) == self.level).cast(pl.Float64)


def hcc_terms(program: Program) -> dict[str, tuple[str, ...]]:
    """The terms of the single condition categories that are factors of a programme's model, by category of episode.

    Raises:
        RiskError: the programme's rules name none.

    Regulation: TEAM 42 CFR 512.545(a)(6).

    Example:
        >>> import episodes as ep
        >>> ep.risk.hcc_terms(ep.load_program("team", performance_year=1))["LEJR"][:3]
        ('hccs=17', 'hccs=36', 'hccs=37')
    """
    rule = program.risk.hcc.flags
    if rule is None:
        raise RiskError(f"The rules of {program.id!r} name no single condition categories (risk.hcc.flags).")
    table = load_codes(rule.value).group_by("category", maintain_order=True).agg("hcc")
    return {category: tuple(f"hccs={hcc}" for hcc in hccs) for category, hccs in table.iter_rows()}


def need_terms(terms: Sequence[str], schema: Mapping[str, pl.DataType]) -> None:
    """Say which terms cannot be read from a frame's columns.

    Raises:
        ArgumentError: a term twice, an unknown column, or a column of a kind that the term cannot use.
    """
    for term in terms:
        if terms.count(term) > 1:
            raise ArgumentError(f"The term {term!r} is given more than once.")
        if "*" in term:
            for part in term.split("*", 1):
                if part not in terms:
                    raise ArgumentError(f"The product {term!r} needs the term {part!r} by itself as well: add it.")
            continue
        column, power, value = _parts(term)
        if column not in schema:
            raise ArgumentError(unknown_name(f"column of the term {term!r}:", column, schema))
        if isinstance(schema[column], pl.List) and value is None:
            raise ArgumentError(f"{column!r} is a list: a term names one of its values, such as '{column}=37'.")
        if power != 1 and not is_number(term, schema):
            raise ArgumentError(f"{term!r}: only a number has powers, and {column!r} is {schema[column]}.")


def is_number(term: str, schema: Mapping[str, pl.DataType]) -> bool:
    """Whether a term enters as a number, not by levels."""
    column, _, value = _parts(term)
    return value is None and schema[column].is_numeric()


def levels_of(term: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """The level of each row: text, `true` or `false`, or `missing`."""
    column, _, value = _parts(term)
    kind = schema[column]
    if value is None and kind != pl.Boolean:
        return pl.col(column).cast(pl.String).fill_null(MISSING)
    if value is None:
        holds = pl.col(column)
    elif isinstance(kind, pl.List):
        holds = pl.col(column).list.contains(value).fill_null(False)
    else:
        holds = (pl.col(column).cast(pl.String) == value).fill_null(False)
    return pl.when(holds).then(pl.lit("true")).when(~holds).then(pl.lit("false")).otherwise(pl.lit(MISSING))


def numbers_of(terms: Sequence[str], schema: Mapping[str, pl.DataType]) -> Iterator[str]:
    """The columns of numbers whose nulls leave a row out."""
    for term in terms:
        if "*" not in term and is_number(term, schema):
            yield _parts(term)[0]


def columns_of(
    terms: Sequence[str], frame: pl.DataFrame, references: Mapping[str, str]
) -> tuple[list[Column], list[Column]]:
    """The columns that the terms make of a frame's rows, and the reference levels they leave out.

    The reference is the level named in `references`; else `false`; else the most frequent, of equals the first.
    """
    schema = frame.schema
    columns, left_out = [Column(INTERCEPT, "")], []
    of_term: dict[str, list[Column]] = {}
    for term in terms:
        if "*" in term:
            left, right = term.split("*", 1)
            of_term[term] = [Column(term, f"{a.level}*{b.level}") for a in of_term[left] for b in of_term[right]]
        elif is_number(term, schema):
            of_term[term] = [Column(term, "")]
        else:
            number = frame.select(level=levels_of(term, schema)).group_by("level").len().sort("level")
            reference = _reference(term, dict(number.iter_rows()), references.get(term))
            left_out.append(Column(term, reference))
            levels = number["level"].to_list()
            if "=" in term and "true" not in levels:
                levels.append("true")
            of_term[term] = [Column(term, level) for level in levels if level != reference]
        columns += of_term[term]
    return columns, left_out


def _reference(term: str, number: Mapping[str, int], named: str | None) -> str:
    if named is not None:
        if named not in number:
            raise ArgumentError(unknown_name(f"reference level of {term!r}:", named, number))
        return named
    if "=" in term or set(number) <= {"true", "false", MISSING}:
        return "false"
    return max(sorted(number), key=lambda level: number[level])


def _parts(term: str) -> tuple[str, int, str | None]:
    """Column, power and value of a term that is no product."""
    column, equals, value = term.partition("=")
    if equals:
        return column, 1, value
    column, caret, power = term.partition("^")
    if caret and not (power.isdigit() and int(power) > 1):
        raise ArgumentError(f"{term!r}: a power is a whole number above 1, such as age^2.")
    return column, int(power) if caret else 1, None
