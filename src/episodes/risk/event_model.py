"""The expected probability of an event (a readmission, a complication): logistic regression.

Solved by iteratively reweighted least squares. A level in which everybody or nobody has the event has no finite
coefficient (separation): it is not estimated, counts as the reference, and is named. Separation by several columns at
once cannot be mended that way and is an error that names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from episodes.errors import ArgumentError, RiskError, count_of
from episodes.risk.cost_model import coefficient_rows
from episodes.risk.diagnostics import c_statistic
from episodes.risk.least_squares import Floats, Independent, independent_columns, products, products_with
from episodes.risk.model import COEFFICIENT_SCHEMA, RiskModel
from episodes.risk.rows import Rows, Terms, rows_by_category
from episodes.risk.terms import INTERCEPT

MOST_STEPS = 50
CONVERGED = 1e-10
"""Relative change of the deviance at which the solution stands."""
CERTAIN = 30.0
"""Log odds beyond which a row is as good as certain: only separated columns lead there."""


def fit_event_model(
    frame: pl.DataFrame,
    *,
    terms: Terms,
    event: str = "event",
    weights: str | None = None,
    by: str | None = "category",
    row: str = "episode_id",
    references: Mapping[str, str] | None = None,
) -> RiskModel:
    """Fit the probability of an event on risk variables, a model a category.

    Args:
        frame: `row`, `event` (yes/no), the category and the terms' columns.
        terms, weights, by, row, references: as in `fit_cost_model`.

    Returns:
        `RiskModel` of form `logistic`; `expected_events` gives the probabilities. `fits` has rows, events, deviance,
        steps and the c statistic of each category.

    Raises:
        ArgumentError: an unknown column, or an event that is no yes/no.
        RiskError: a category where everybody or nobody has the event, or separation by several columns.

    Example:
        >>> import polars as pl
        >>> rows = pl.DataFrame({"episode_id": range(8), "category": ["X"] * 8, "old": [False] * 4 + [True] * 4,
        ...     "event": [True, False, False, False, True, True, True, False]})
        >>> model = fit_event_model(rows, terms=["old"])
        >>> model.coefficients.filter(term="old", level="true")["multiplier"].round(6).to_list()   # odds 3 over 1/3
        [9.0]
    """
    if event in frame.columns and frame.schema[event] != pl.Boolean:
        raise ArgumentError(f"The event {event!r} must be yes/no (Boolean), not {frame.schema[event]}.")
    parts = rows_by_category(
        frame, terms=terms, outcome=event, weights=weights, by=by, row=row, references=references or {}, positive=False
    )
    fitted = [_fitted(rows, event, weights) for rows in parts]
    return RiskModel(
        form="logistic",
        coefficients=pl.concat([coefficients for coefficients, _ in fitted]),
        fits=pl.DataFrame([fit for _, fit in fitted], infer_schema_length=None),
        by=by,
    )


def _fitted(rows: Rows, event: str, weights: str | None) -> tuple[pl.DataFrame, dict[str, Any]]:
    happened = rows.numbers(event)
    weight = rows.numbers(weights) if weights is not None else np.ones(happened.size)
    events = int(happened.sum())
    if events in (0, happened.size):
        who = "nobody" if events == 0 else "everybody"
        raise RiskError(
            f"In {rows.category} {who} of {count_of(happened.size, 'row')} has the event: there is nothing to fit."
        )
    separated = _separated_levels(rows, happened)
    design = rows.design.copy()
    design[:, list(separated)] = 0.0
    columns = independent_columns(products(design, weight))
    solution, probability, deviance, steps = _solve(rows, design, happened, weight, columns)
    information = independent_columns(products(design, weight * probability * (1 - probability)))
    written = coefficient_rows(rows, solution, np.sqrt(information.variances()), columns, True, separated)
    fit: dict[str, Any] = {
        "category": rows.category,
        "rows": happened.size,
        **rows.left_out,
        "events": events,
        "columns": len(columns.kept),
        "separated": len(separated),
        "deviance": deviance,
        "steps": steps,
        "c_statistic": c_statistic(happened > 0, probability),
    }
    return pl.DataFrame(written, schema=COEFFICIENT_SCHEMA, orient="row"), fit


def _separated_levels(rows: Rows, happened: Floats) -> dict[int, str]:
    """Places of the yes/no columns in which everybody or nobody has the event, with what is said of them."""
    found: dict[int, str] = {}
    for place, column in enumerate(rows.columns):
        values = rows.design[:, place]
        if column.term == INTERCEPT or not np.isin(values, (0.0, 1.0)).all():
            continue
        size, events = int(values.sum()), int((values * happened).sum())
        if size and events in (0, size):
            who = "nobody" if events == 0 else "everybody"
            found[place] = (
                f"separates: {who} of its {count_of(size, 'row')} has the event, so it counts as the reference"
            )
    return found


def _solve(
    rows: Rows, design: Floats, happened: Floats, weight: Floats, columns: Independent
) -> tuple[Floats, Floats, float, int]:
    """Coefficients, probabilities, deviance and the number of steps."""
    solution = np.zeros(design.shape[1])
    share = float(np.sum(weight * happened) / weight.sum())
    solution[0] = np.log(share / (1 - share))
    odds = design @ solution
    deviance = _deviance(odds, happened, weight)
    kept = np.zeros(design.shape[1], dtype=bool)
    kept[columns.kept] = True
    for step in range(1, MOST_STEPS + 1):
        probability = 1 / (1 + np.exp(-odds))
        slopes = products_with(design, weight * (happened - probability))
        information = independent_columns(products(design, weight * probability * (1 - probability)))
        change = information.solve(np.where(kept, slopes, 0.0))
        for _ in range(20):
            tried = design @ (solution + change)
            after = _deviance(tried, happened, weight)
            if after <= deviance * (1 + 1e-12):
                break
            change = change / 2
        solution, odds = solution + change, tried
        settled = abs(deviance - after) <= CONVERGED * (abs(after) + 0.1)
        deviance = after
        if np.abs(odds).max() > CERTAIN:
            break
        if settled:
            return solution, 1 / (1 + np.exp(-odds)), deviance, step
    reach = np.abs(solution) * design.std(axis=0)
    suspects = [place for place in np.argsort(-reach, kind="stable")[:5] if reach[place] > 0.2 * reach.max()]
    names = ", ".join(rows.columns[place].name for place in suspects)
    raise RiskError(
        f"The event of {rows.category} is separated: together, {names} tell it without error for some rows, so that no "
        "finite coefficients exist. Leave one of these terms out, or bring rare levels together."
    )


def _deviance(odds: Floats, happened: Floats, weight: Floats) -> float:
    """Minus twice the log likelihood."""
    return float(2 * np.sum(weight * (np.logaddexp(0.0, odds) - happened * odds)))
