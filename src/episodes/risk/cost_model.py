"""Expected cost: a weighted linear regression of cents, or of their logarithm with a smearing factor.

A model of log cost gives multipliers (exponentials of its coefficients). To say what an episode costs, the mean of the
exponentiated residuals is multiplied in (Duan 1983, J Am Stat Assoc 78:605), for the exponential of a mean logarithm
lies below the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from episodes.errors import ArgumentError, unknown_name
from episodes.risk.least_squares import Floats, Independent, weighted_least_squares
from episodes.risk.model import COEFFICIENT_SCHEMA, RiskModel
from episodes.risk.rows import Rows, Terms, rows_by_category
from episodes.risk.terms import SMEARING, Column

CostForm = Literal["linear", "log"]


def fit_cost_model(
    frame: pl.DataFrame,
    *,
    terms: Terms,
    cost: str = "episode_cents",
    form: CostForm = "log",
    weights: str | None = None,
    by: str | None = "category",
    row: str = "episode_id",
    references: Mapping[str, str] | None = None,
) -> RiskModel:
    """Fit what episodes cost on their risk variables, a model a category.

    Args:
        frame: `row`, `cost` (cents), the category and the terms' columns: `built.risk` joined with the episodes.
        terms: the same for every category, or a mapping of category to terms. What a term can be: docs/risk.md.
        cost: name of the cost; capped cost where the programme caps it.
        form: `log` (rows without a positive cost are left out and counted), or `linear`.
        weights: name of a weight (weights of baseline years, say); default: every row counts once.
        by: the column of the category; null = one model over all rows.
        row: names a row; rows are summed in its order, so that their order in the frame does not matter.
        references: term to reference level. Default: `false`, or the most frequent level.

    Returns:
        `RiskModel`. Columns that depend on others, or that no row has, are not estimated: they have their status and
        a note that names the others, and `model.notes` says all of them.

    Raises:
        ArgumentError: an unknown column, form or reference level, or a negative weight.
        RiskError: a category without terms, or without rows to use.

    Regulation: TEAM 42 CFR 512.545 (weighted regression by category); CJR 86 FR 23572 (linear regression of log cost).

    Example:
        >>> import polars as pl
        >>> rows = pl.DataFrame({"episode_id": ["a", "b", "c", "d"], "category": ["X"] * 4,
        ...     "fracture": [False, False, True, True], "episode_cents": [1_000_00, 1_000_00, 1_500_00, 1_500_00]})
        >>> model = fit_cost_model(rows, terms=["fracture"])
        >>> model.coefficients.filter(level="true")["multiplier"].round(6).to_list()
        [1.5]
    """
    if form not in get_args(CostForm):
        raise ArgumentError(unknown_name("form", str(form), get_args(CostForm)))
    parts = rows_by_category(
        frame,
        terms=terms,
        outcome=cost,
        weights=weights,
        by=by,
        row=row,
        references=references or {},
        positive=form == "log",
    )
    fitted = [_fitted(rows, cost, form, weights) for rows in parts]
    return RiskModel(
        form=form,
        coefficients=pl.concat([coefficients for coefficients, _ in fitted]),
        fits=pl.DataFrame([fit for _, fit in fitted], infer_schema_length=None),
        by=by,
    )


def _fitted(rows: Rows, cost: str, form: CostForm, weights: str | None) -> tuple[pl.DataFrame, dict[str, Any]]:
    cents = rows.numbers(cost)
    values = np.log(cents) if form == "log" else cents
    weight = rows.numbers(weights) if weights is not None else np.ones(values.size)
    solved = weighted_least_squares(rows.design, values, weight)
    written = coefficient_rows(rows, solved.coefficients, solved.standard_errors, solved.columns, form != "linear")
    fit: dict[str, Any] = {
        "category": rows.category,
        "rows": values.size,
        **rows.left_out,
        "weight": float(weight.sum()),
        "columns": len(solved.columns.kept),
        "r_squared": solved.r_squared,
        "residual_sd": float(np.sqrt(solved.residual_variance)),
    }
    if form == "log":
        smearing = float(np.sum(weight * np.exp(solved.residuals)) / weight.sum())
        fit["smearing"] = smearing
        row = (rows.category, SMEARING, "", float(np.log(smearing)), None, smearing, values.size, "estimated", None)
        written.append(row)
    return pl.DataFrame(written, schema=COEFFICIENT_SCHEMA, orient="row"), fit


def coefficient_rows(
    rows: Rows,
    coefficients: Floats,
    errors: Floats,
    columns: Independent,
    exponentiated: bool,
    separated: Mapping[int, str] | None = None,
) -> list[tuple[Any, ...]]:
    """Coefficients as rows of the table, a term's reference level before its others."""
    count = (rows.design != 0).sum(axis=0)
    listed: list[tuple[Any, ...]] = []
    reference = {column.term: column.level for column in rows.references}
    for place, column in enumerate(rows.columns):
        if column.term in reference:
            listed.append(_reference_row(rows, column.term, reference.pop(column.term), exponentiated))
        status, note = _status(place, rows.columns, columns, separated or {})
        estimated = status == "estimated"
        value = float(coefficients[place]) if estimated else None
        listed.append(
            (
                rows.category,
                column.term,
                column.level,
                value,
                float(errors[place]) if estimated and np.isfinite(errors[place]) else None,
                float(np.exp(value)) if value is not None and exponentiated else None,
                int(count[place]),
                status,
                note,
            )
        )
    listed += [_reference_row(rows, term, level, exponentiated) for term, level in reference.items()]
    return listed


def _reference_row(rows: Rows, term: str, level: str, exponentiated: bool) -> tuple[Any, ...]:
    number = int(rows.frame.select((Column(term, level).expression(rows.frame.schema) != 0).sum()).item())
    return (rows.category, term, level, 0.0, None, 1.0 if exponentiated else None, number, "reference", None)


def _status(
    place: int, columns: list[Column], independent: Independent, separated: Mapping[int, str]
) -> tuple[str, str | None]:
    if place in separated:
        return "separated", separated[place]
    if place not in independent.aliased:
        return "estimated", None
    others = independent.aliased[place]
    if not others:
        return "not_seen", "is in no row"
    return "aliased", f"is a combination of {', '.join(columns[other].name for other in others)}"
