"""A model fitted as TEAM and CJR describe theirs, over the bundled set: from episodes to multipliers of a price."""

from __future__ import annotations

import polars as pl
import pytest

import episodes as ep
from episodes.errors import ArgumentError, RiskError
from risk.synthetic_rows import EVENT_TERMS, TERMS, planted

TABLES = ("claims", "lines", "beneficiaries", "coverage")


@pytest.fixture(scope="module")
def baseline() -> pl.DataFrame:
    """Final baseline episodes of TEAM with their risk variables, in the levels that TEAM's price factors have."""
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    team = ep.load_program("team", performance_year=1).for_baseline()
    built = ep.build_episodes(claims, team)
    risk = ep.risk.risk_of(built.episodes, *[claims.table(name).collect() for name in TABLES], team)
    deprived = (pl.col("deprivation_percentile") > 80).fill_null(False)
    return (
        built.final()
        .join(risk.drop("category"), on="episode_id")
        .with_columns(
            hcc_count=pl.col("hcc_count").clip(0, 4).cast(pl.String).replace("4", "4+"),
            age_bracket=pl.when(pl.col("age") < 65)
            .then(pl.lit("<65"))
            .when(pl.col("age") < 75)
            .then(pl.lit("65-74"))
            .when(pl.col("age") < 85)
            .then(pl.lit("75-84"))
            .when(pl.col("age") >= 85)
            .then(pl.lit("85+")),
            economic=deprived | pl.col("low_income_subsidy") | pl.col("full_dual"),
            weight=pl.col("anchor_end").dt.year().replace_strict({2022: 0.17, 2023: 0.33, 2024: 0.5}),
        )
    )


def test_a_model_of_team(baseline: pl.DataFrame) -> None:
    flags = ep.risk.hcc_terms(ep.load_program("team", performance_year=1))
    common = ["hcc_count", "age_bracket", "economic"]
    terms = {category: [*common, "prior_post_acute", *flags[category]] for category in flags}
    terms["LEJR"] = [*terms["LEJR"], "originally_disabled", "procedure_group"]
    model = ep.risk.fit_cost_model(
        baseline, terms=terms, weights="weight", references={"hcc_count": "0", "age_bracket": "65-74"}
    )
    assert model.fits["category"].to_list() == ["CABG", "LEJR", "MAJOR_BOWEL", "SHFFT", "SPINAL_FUSION"]
    assert (model.fits["r_squared"] > 0).all()
    assert any("hccs=" in note and note.endswith("is in no row.") for note in model.notes)
    expected = ep.risk.expected_cost(model, baseline)
    said = ep.risk.diagnostics(baseline["episode_cents"], expected["expected_cents"])
    assert said.ratio == pytest.approx(1, abs=0.05)
    assert said.r_squared > 0.2
    partial_hip = model.coefficients.filter(term="procedure_group", level="partial_hip")
    assert partial_hip["multiplier"].item() > 1
    prices = ep.risk.price_coefficients(model)
    assert prices.columns == ["category", "factor", "level", "multiplier"]
    assert {"hcc_count", "age_bracket", "economic", "procedure_group", "hcc"} <= set(prices["factor"])
    assert set(prices.filter(factor="economic")["level"]) == {"true"}
    assert prices.filter(factor="hcc")["level"].str.contains(r"^[0-9]+$").all()
    assert prices["multiplier"].null_count() == 0
    with pytest.raises(RiskError, match="name no single condition categories"):
        ep.risk.hcc_terms(ep.load_program("cjr", performance_year=7))


def test_multipliers_and_normalization_leave_the_mean_price(baseline: pl.DataFrame) -> None:
    joints = baseline.filter(category="LEJR")
    model = ep.risk.fit_cost_model(joints, terms=["hcc_count", "age_bracket", "full_dual"])
    factors = ep.risk.multipliers(model, joints)["multiplier"]
    unadjusted = [20_000_00] * joints.height
    adjusted = [round(price * factor) for price, factor in zip(unadjusted, factors, strict=True)]
    factor = ep.risk.normalization(unadjusted, adjusted)
    assert sum(adjusted) * factor == sum(unadjusted)


def test_only_levels_become_factors_of_a_price() -> None:
    rows = planted(500, seed=2)
    with pytest.raises(ArgumentError, match="numbers or products: age"):
        ep.risk.price_coefficients(ep.risk.fit_cost_model(rows, terms=["age", "full_dual"]))
    with pytest.raises(ArgumentError, match="takes a model of form log"):
        ep.risk.price_coefficients(ep.risk.fit_event_model(rows, terms=EVENT_TERMS))
    whole = ep.risk.fit_cost_model(rows, terms=TERMS, by=None)
    prices = ep.risk.price_coefficients(whole, factors={"hccs": "conditions"})
    assert prices["category"].null_count() == prices.height
    assert prices.filter(factor="conditions")["level"].to_list() == ["37", "226"]


def test_a_model_shows_what_it_is() -> None:
    model = ep.risk.fit_cost_model(planted(200, seed=3), terms=[*TERMS, "hccs=1"])
    assert repr(model).startswith("Risk model, log: LEJR\n")
    assert "LEJR: hccs=1 is in no row." in repr(model)
    assert "<table" in model._repr_html_()
    said = ep.risk.diagnostics([1.0, 2.0], [1.0, 2.0], groups=1)
    assert repr(said) == "2 rows: observed over expected 1.0000, R squared 1.0000"
