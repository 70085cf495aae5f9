"""Expected events: planted odds are found, the optimum equals an independent one, separation is detected and said."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize

import episodes as ep
from episodes.errors import ArgumentError, RiskError
from risk.synthetic_rows import EVENT_TERMS, LOGIT, YEAR_EFFECT, planted

PLANTED = {"(intercept)": LOGIT - 60 * YEAR_EFFECT, "age": YEAR_EFFECT, "full_dual": 0.6, "hccs=226": 0.9}


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return planted(30_000, seed=21)


def test_planted_odds_are_found_within_their_errors(rows: pl.DataFrame) -> None:
    model = ep.risk.fit_event_model(rows, terms=EVENT_TERMS)
    estimated = model.coefficients.filter(status="estimated").select("term", "coefficient", "standard_error")
    assert estimated.height == 4
    for term, coefficient, error in estimated.iter_rows():
        assert abs(coefficient - PLANTED[term]) < 4 * error, term
        assert 0 < error < 0.2
    probability = ep.risk.expected_events(model, rows)["probability"]
    said = ep.risk.diagnostics(rows["event"], probability)
    assert said.ratio == pytest.approx(1, abs=1e-6)
    assert said.calibration["ratio"].is_between(0.85, 1.15).all()
    assert said.c_statistic == pytest.approx(model.fits["c_statistic"][0])
    assert (probability - rows["true_probability"]).abs().max() < 0.03


@pytest.mark.parametrize("weights", [None, "weight"])
def test_equal_to_an_independent_optimum(rows: pl.DataFrame, weights: str | None) -> None:
    few = rows.head(2_000)
    model = ep.risk.fit_event_model(few, terms=EVENT_TERMS, weights=weights)
    age = few["age"].to_numpy().astype(float)
    dual, failing = few["full_dual"].to_numpy().astype(float), few["hccs"].list.contains("226").to_numpy().astype(float)
    design = np.column_stack([np.ones(few.height), (age - 75) / 10, dual, failing])
    event = few["event"].to_numpy().astype(float)
    weight = few[weights].to_numpy() if weights else np.ones(few.height)

    def loss(b: np.ndarray) -> float:
        odds = design @ b
        return float((weight * (np.logaddexp(0, odds) - event * odds)).sum())

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7}).x
    found = model.coefficients.filter(status="estimated")["coefficient"].to_numpy()
    np.testing.assert_allclose(found, [best[0] - 7.5 * best[1], best[1] / 10, best[2], best[3]], atol=1e-4)
    assert model.fits["deviance"][0] == pytest.approx(2 * loss(best), rel=1e-8)


def test_the_order_of_rows_does_not_matter(rows: pl.DataFrame) -> None:
    model = ep.risk.fit_event_model(rows, terms=EVENT_TERMS)
    again = ep.risk.fit_event_model(rows.sample(fraction=1, shuffle=True, seed=4), terms=EVENT_TERMS)
    assert model.coefficients.equals(again.coefficients)


def test_a_level_that_separates_is_said_and_counts_as_the_reference(rows: pl.DataFrame) -> None:
    few = (
        rows.head(500)
        .with_columns(rare=pl.int_range(pl.len()) < 5, sure=pl.int_range(pl.len()).is_between(5, 8))
        .with_columns(event=pl.when("rare").then(False).when("sure").then(True).otherwise("event"))
    )
    model = ep.risk.fit_event_model(few, terms=["full_dual", "rare", "sure"])
    status = {
        term: status
        for term, level, status in model.coefficients.select("term", "level", "status").iter_rows()
        if level == "true"
    }
    assert status == {"full_dual": "estimated", "rare": "separated", "sure": "separated"}
    assert "LEJR: rare separates: nobody of its 5 rows has the event, so it counts as the reference." in model.notes
    plain = ep.risk.fit_event_model(few, terms=["full_dual"])
    assert ep.risk.expected_events(model, few)["probability"].to_list() == pytest.approx(
        ep.risk.expected_events(plain, few)["probability"].to_list()
    )
    assert model.fits["separated"].item() == 2


def test_separation_by_a_number_is_an_error_that_names_it(rows: pl.DataFrame) -> None:
    few = rows.head(200).with_columns(event=pl.col("age") > 75)
    with pytest.raises(RiskError, match=r"LEJR is separated: together, age tell it .*Leave one of these terms out"):
        ep.risk.fit_event_model(few, terms=["age", "full_dual"])


def test_nothing_to_fit_is_said(rows: pl.DataFrame) -> None:
    with pytest.raises(RiskError, match="In LEJR nobody of 30,000 rows has the event"):
        ep.risk.fit_event_model(rows.with_columns(event=pl.lit(False)), terms=["age"])
    with pytest.raises(RiskError, match="everybody"):
        ep.risk.fit_event_model(rows.with_columns(event=pl.lit(True)), terms=["age"])
    with pytest.raises(ArgumentError, match="must be yes/no"):
        ep.risk.fit_event_model(rows, terms=["full_dual"], event="age")
    model = ep.risk.fit_event_model(rows, terms=["age"])
    with pytest.raises(ArgumentError, match="expected_cost takes a model of form linear or log"):
        ep.risk.expected_cost(model, rows)
