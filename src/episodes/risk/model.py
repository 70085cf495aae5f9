"""A risk model: its coefficients by category, term and level, and what they say of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import polars as pl

from episodes.errors import ArgumentError, RiskError, count_of, unknown_name
from episodes.risk.terms import INTERCEPT, SMEARING, Column, is_number, levels_of, need_terms

Form = Literal["linear", "log", "logistic"]
FORMS: tuple[Form, ...] = ("linear", "log", "logistic")
UnknownLevels = Literal["error", "reference"]

EVERYTHING = "ALL"
"""The category of a model that is fitted over all rows at once."""

COEFFICIENT_SCHEMA = {
    "category": pl.String,
    "term": pl.String,
    "level": pl.String,
    "coefficient": pl.Float64,
    "standard_error": pl.Float64,
    "multiplier": pl.Float64,
    "rows": pl.Int64,
    "status": pl.String,
    "note": pl.String,
}
"""Columns of `RiskModel.coefficients`; status: estimated, reference, aliased, separated, not_seen, given."""


@dataclass(frozen=True)
class RiskModel:
    """A fitted risk model, or one whose coefficients were given.

    Attributes:
        form: `linear` (cents), `log` (logarithm of cents) or `logistic` (log odds of an event).
        coefficients: one row a category, term and level: coefficient, standard_error, multiplier (exponential of the
            coefficient; null in a linear model), rows (how many have the level), status, note. The intercept stands
            as term `(intercept)`, the smearing factor of a log model as `(smearing)`. Reference levels are rows with
            coefficient 0; what could not be estimated has none and counts as the reference.
        fits: one row a category, how the fit went; empty where coefficients were given.
        by: the column that gives a row's category; null = one model over all rows.
    """

    form: Form
    coefficients: pl.DataFrame
    fits: pl.DataFrame = field(default_factory=pl.DataFrame)
    by: str | None = "category"

    def __repr__(self) -> str:
        return "\n".join(self._summary())

    def _repr_html_(self) -> str:
        return f"<p>{'<br>'.join(self._summary())}</p>{self.coefficients._repr_html_()}"

    def _summary(self) -> list[str]:
        categories = self.coefficients["category"].unique().sort()
        return [
            f"Risk model, {self.form}: {', '.join(categories)}",
            f"{count_of(self.coefficients.height, 'coefficient')}",
            *self.notes,
        ]

    @property
    def notes(self) -> list[str]:
        """What could not be estimated, and why, one sentence a column."""
        unsound = self.coefficients.filter(pl.col("status").is_in(["aliased", "separated", "not_seen"]))
        rows = unsound.select("category", "term", "level", "note").iter_rows()
        return [f"{category}: {Column(term, level).name} {note}." for category, term, level, note in rows]

    def terms(self, category: str) -> list[str]:
        """The terms of a category, in order, without intercept and smearing."""
        own = self.coefficients.filter(pl.col("category") == category)["term"].unique(maintain_order=True)
        return [term for term in own if term not in (INTERCEPT, SMEARING)]


def expected_cost(
    model: RiskModel, frame: pl.DataFrame, *, by: str = "episode_id", unknown_levels: UnknownLevels = "error"
) -> pl.DataFrame:
    """What each episode would be expected to cost.

    Args:
        model: `linear` or `log`, with an intercept.
        frame: `by`, the category and the columns of the model's terms.
        by: names a row.
        unknown_levels: `error`, or `reference`: a level that the model does not have counts as the reference.

    Returns:
        `by` and `expected_cents` (rounded half up; with smearing in a log model; null where a number is missing).

    Raises:
        ArgumentError: a logistic model, or columns that are missing.
        RiskError: a category or level that the model does not have, or no intercept.

    Example:
        >>> import polars as pl
        >>> rows = pl.DataFrame({"episode_id": ["a", "b", "c"], "category": ["X"] * 3, "age": [60, 70, 80],
        ...     "episode_cents": [1_000_00, 1_100_00, 1_200_00]})
        >>> from episodes.risk import fit_cost_model
        >>> model = fit_cost_model(rows, terms=["age"], form="linear")
        >>> expected_cost(model, rows)["expected_cents"].to_list()
        [100000, 110000, 120000]
    """
    _need_form(model, ("linear", "log"), "expected_cost")
    _need_intercept(model)
    scores = _scores(model, frame, unknown_levels)
    cents = pl.col("_score") if model.form == "linear" else pl.col("_score").exp()
    whole = (cents + 0.5).floor().cast(pl.Int64).alias("expected_cents")
    return pl.DataFrame([frame[by], scores]).select(by, whole)


def expected_events(
    model: RiskModel, frame: pl.DataFrame, *, by: str = "episode_id", unknown_levels: UnknownLevels = "error"
) -> pl.DataFrame:
    """The probability of the event for each episode; arguments and errors as of `expected_cost`.

    Returns:
        `by` and `probability` (null where a number is missing).
    """
    _need_form(model, ("logistic",), "expected_events")
    _need_intercept(model)
    scores = _scores(model, frame, unknown_levels)
    return pl.DataFrame([frame[by], scores]).select(by, probability=1 / (1 + (-pl.col("_score")).exp()))


def multipliers(
    model: RiskModel, frame: pl.DataFrame, *, by: str = "episode_id", unknown_levels: UnknownLevels = "error"
) -> pl.DataFrame:
    """The risk multipliers of each episode, as TEAM and CJR apply them to a target price.

    Args:
        model: of form `log`; an intercept is not needed, and not used, nor is the smearing factor.
        frame, by, unknown_levels: as in `expected_cost`.

    Returns:
        `by`, `multipliers` (list: for each term the exponential of its coefficient, 1 at the reference) and
        `multiplier`, their product in the order of the terms.

    Regulation: TEAM 42 CFR 512.545; CJR 86 FR 23572.
    """
    _need_form(model, ("log",), "multipliers")
    made = [pl.DataFrame(schema={"_place": pl.UInt32, "multipliers": pl.List(pl.Float64), "multiplier": pl.Float64})]
    for category, rows in _by_category(model, frame):
        terms = model.terms(category)
        need_terms(terms, rows.schema)
        each = [_term_multiplier(model, category, term, rows, unknown_levels) for term in terms]
        product = pl.lit(1.0)
        for factor in each:
            product = product * factor
        none: pl.Expr = pl.lit([], dtype=pl.List(pl.Float64))
        made.append(rows.select("_place", multipliers=pl.concat_list(each) if each else none, multiplier=product))
    named = frame.select(by).with_row_index("_place")
    return named.join(pl.concat(made), on="_place", how="left", maintain_order="left").drop("_place")


def price_coefficients(model: RiskModel, *, factors: Mapping[str, str] | None = None) -> pl.DataFrame:
    """A model's multipliers in the form in which target prices take them.

    Args:
        model: of form `log`, whose terms are the factors of the programme's prices.
        factors: term to factor, where they have not the same name. Default: `hccs` (flags of single condition
            categories) is factor `hcc`.

    Returns:
        category, factor, level, multiplier: for a term such as `hccs=37` the level is `37`; only what was estimated
        (or given), reference levels multiply by 1 and need no row.

    Raises:
        ArgumentError: another form, or terms that are numbers or products: a price's factor has levels.
    """
    _need_form(model, ("log",), "price_coefficients")
    used = model.coefficients.filter(
        ~pl.col("term").is_in([INTERCEPT, SMEARING]) & pl.col("status").is_in(["estimated", "given"])
    )
    unfit = used.filter((pl.col("level") == "") | pl.col("term").str.contains("*", literal=True))
    if unfit.height:
        names = ", ".join(unfit["term"].unique().sort())
        raise ArgumentError(f"A price's factor has levels; these terms are numbers or products: {names}.")
    renamed = {"hccs": "hcc"} if factors is None else dict(factors)
    column, value = pl.col("term").str.split("=").list.first(), pl.col("term").str.extract("=(.*)$")
    return used.select(
        category=pl.when(pl.col("category") != EVERYTHING).then("category"),
        factor=column.replace(renamed),
        level=pl.coalesce(value, "level"),
        multiplier="multiplier",
    )


# --- scores -------------------------------------------------------------------------------------------------


def _scores(model: RiskModel, frame: pl.DataFrame, unknown_levels: UnknownLevels) -> pl.Series:
    """The linear predictor of each row, intercept and smearing included."""
    if unknown_levels not in get_args(UnknownLevels):
        raise ArgumentError(unknown_name("unknown_levels", str(unknown_levels), get_args(UnknownLevels)))
    parts = [pl.DataFrame(schema={"_place": pl.UInt32, "_score": pl.Float64})]
    for category, rows in _by_category(model, frame):
        terms = [INTERCEPT, *model.terms(category)]
        smearing = model.coefficients.filter((pl.col("category") == category) & (pl.col("term") == SMEARING))
        added = float(smearing["coefficient"].sum())
        parts.append(rows.select("_place", _score=_term_scores(model, category, terms, rows, unknown_levels) + added))
    placed = frame.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("_place"))
    return placed.join(pl.concat(parts), on="_place", how="left", maintain_order="left")["_score"]


def _by_category(model: RiskModel, frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The frame's rows by category, with their `_place`."""
    placed = frame.with_row_index("_place")
    if model.by is None:
        yield EVERYTHING, placed
        return
    if model.by not in frame.columns:
        raise ArgumentError(unknown_name("column of the category:", model.by, frame.columns))
    known = set(model.coefficients["category"])
    for (category,), rows in sorted(placed.partition_by(model.by, as_dict=True).items(), key=lambda pair: str(pair[0])):
        if category not in known:
            raise RiskError(
                f"The model has no coefficients for the category of {count_of(rows.height, 'row')}; "
                f"{unknown_name('category', str(category), known)}"
            )
        yield str(category), rows


def _term_scores(
    model: RiskModel, category: str, terms: Sequence[str], rows: pl.DataFrame, unknown_levels: UnknownLevels
) -> pl.Series:
    """The sum, term by term, of what the coefficients add for each row."""
    need_terms(model.terms(category), rows.schema)
    total: Any = pl.zeros(pl.len())
    for term in terms:
        for column, coefficient, _ in _columns(model, category, term, rows, unknown_levels):
            total = total + column.expression(rows.schema) * coefficient
    return rows.select(_score=total)["_score"]


def _term_multiplier(
    model: RiskModel, category: str, term: str, rows: pl.DataFrame, unknown_levels: UnknownLevels
) -> pl.Expr:
    """What a term multiplies a price by: a multiplier that was given is used as it was given."""
    product: pl.Expr = pl.lit(1.0)
    for column, _, multiplier in _columns(model, category, term, rows, unknown_levels):
        product = product * pl.lit(multiplier).pow(column.expression(rows.schema))
    return product


def _columns(
    model: RiskModel, category: str, term: str, rows: pl.DataFrame, unknown_levels: UnknownLevels
) -> list[tuple[Column, float, float]]:
    """A term's columns with coefficient and multiplier, those without effect left out."""
    own = model.coefficients.filter((pl.col("category") == category) & (pl.col("term") == term))
    if unknown_levels == "error":
        _need_levels(term, category, own["level"].to_list(), rows)
    effective = own.filter(pl.col("coefficient").fill_null(0.0) != 0.0).select("level", "coefficient", "multiplier")
    return [(Column(term, level), coefficient, multiplier) for level, coefficient, multiplier in effective.iter_rows()]


def _need_levels(term: str, category: str, known: Sequence[str], rows: pl.DataFrame) -> None:
    if term == INTERCEPT or "*" in term or is_number(term, rows.schema):
        return
    there = rows.group_by(levels_of(term, rows.schema).alias("level")).len()
    strange = there.filter(~pl.col("level").is_in([*known, "false"]))
    if strange.height:
        names = ", ".join(sorted(strange["level"].to_list())[:5])
        raise RiskError(
            f"The model of {category} has no coefficient for {count_of(strange.height, 'level')} of {term!r} "
            f"({names}), which {count_of(int(strange['len'].sum()), 'row')} have. Known: {', '.join(known)}. "
            "Add rows for them to the coefficients (the reference level is one with coefficient 0), or say "
            "unknown_levels='reference'."
        )


def _need_form(model: RiskModel, forms: Sequence[str], name: str) -> None:
    if model.form not in forms:
        raise ArgumentError(f"{name} takes a model of form {' or '.join(forms)}; this one is {model.form}.")


def _need_intercept(model: RiskModel) -> None:
    with_one = set(model.coefficients.filter(pl.col("term") == INTERCEPT)["category"])
    if without := sorted(set(model.coefficients["category"]) - with_one):
        raise RiskError(
            f"The model has no {INTERCEPT} for {', '.join(without)}: it says how costs differ, not what they are. "
            "Use multipliers(...), or add a row with that term."
        )
