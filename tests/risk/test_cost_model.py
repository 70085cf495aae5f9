"""Expected cost: planted coefficients are found, collinear columns named, the arithmetic is that of numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import ArgumentError, RiskError
from risk.synthetic_rows import AGES, DUAL, GROUPS, HCC_EFFECTS, INTERCEPT, NOISE, TERMS, planted

PLANTED = {
    **{("age_class", level): effect for level, effect in AGES.items()},
    **{("procedure_group", level): effect for level, effect in GROUPS.items()},
    **{(f"hccs={hcc}", "true"): effect for hcc, effect in HCC_EFFECTS.items()},
    ("full_dual", "true"): DUAL,
    ("(intercept)", ""): INTERCEPT,
}
REFERENCES = {"age_class": "65-74", "procedure_group": "total_knee"}


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return planted(20_000, seed=11)


def test_planted_coefficients_are_found_within_their_errors(rows: pl.DataFrame) -> None:
    model = ep.risk.fit_cost_model(rows, terms=TERMS, references=REFERENCES)
    estimated = model.coefficients.filter(status="estimated").drop_nulls("standard_error")
    found = {
        (term, level): (b, se)
        for term, level, b, se in estimated.select("term", "level", "coefficient", "standard_error").iter_rows()
    }
    assert len(found) == 9
    assert all(abs(b - PLANTED[key]) < 4 * se for key, (b, se) in found.items())
    assert all(0.0 < se < 0.02 for _, se in found.values())
    fit = model.fits.row(0, named=True)
    assert fit["residual_sd"] == pytest.approx(NOISE, rel=0.03)
    assert fit["smearing"] == pytest.approx(np.exp(NOISE**2 / 2), rel=0.01)
    assert not model.notes


def test_expected_cost_is_on_the_scale_of_cents(rows: pl.DataFrame) -> None:
    """Without smearing the expectation would lie 6 % below the mean: exp(0.35^2 / 2) = 1.063."""
    for form in ("log", "linear"):
        model = ep.risk.fit_cost_model(rows, terms=TERMS, form=form, references=REFERENCES)
        expected = ep.risk.expected_cost(model, rows)
        assert expected.columns == ["episode_id", "expected_cents"]
        assert expected["expected_cents"].dtype == pl.Int64
        said = ep.risk.diagnostics(rows["true_cents"], expected["expected_cents"])
        assert said.ratio == pytest.approx(1, abs=0.01)
        assert said.r_squared > (0.99 if form == "log" else 0.9)
        seen = ep.risk.diagnostics(rows["episode_cents"], expected["expected_cents"])
        assert seen.calibration["ratio"].is_between(0.95, 1.05).all()


@pytest.mark.parametrize("weights", [None, "weight"])
@pytest.mark.parametrize("form", ["log", "linear"])
def test_equal_to_numpy(rows: pl.DataFrame, weights: str | None, form: str) -> None:
    few = rows.head(3_000)
    model = ep.risk.fit_cost_model(
        few, terms=[*TERMS, "age", "age^2"], form=form, weights=weights, references=REFERENCES
    )
    age = few["age"].to_numpy().astype(float)
    columns = [np.ones(few.height)]
    columns += [(few["age_class"] == level).to_numpy().astype(float) for level in ("0-64", "75-84", "85+")]
    columns += [(few["procedure_group"] == level).to_numpy().astype(float) for level in ("partial_hip", "total_hip")]
    columns += [few["full_dual"].to_numpy().astype(float)]
    columns += [few["hccs"].list.contains(hcc).to_numpy().astype(float) for hcc in ("37", "226")]
    design = np.column_stack([*columns, age, age**2])
    cost = few["episode_cents"].to_numpy().astype(float)
    values = np.log(cost) if form == "log" else cost
    weight = few[weights].to_numpy() if weights else np.ones(few.height)
    root = np.sqrt(weight)
    solution = np.linalg.lstsq(design * root[:, None], values * root)[0]
    residuals = values - design @ solution
    variance = (weight * residuals**2).sum() / (few.height - design.shape[1])
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ (design * weight[:, None]))))
    estimated = model.coefficients.filter(status="estimated").drop_nulls("standard_error")
    np.testing.assert_allclose(estimated["coefficient"], solution, rtol=1e-7)
    np.testing.assert_allclose(estimated["standard_error"], errors, rtol=1e-5)
    mean = (weight * values).sum() / weight.sum()
    r_squared = 1 - (weight * residuals**2).sum() / (weight * (values - mean) ** 2).sum()
    assert model.fits["r_squared"][0] == pytest.approx(r_squared, abs=1e-10)


def test_the_order_of_rows_does_not_matter(rows: pl.DataFrame) -> None:
    model = ep.risk.fit_cost_model(rows, terms=TERMS, weights="weight")
    shuffled = ep.risk.fit_cost_model(rows.sample(fraction=1, shuffle=True, seed=3), terms=TERMS, weights="weight")
    assert model.coefficients.equals(shuffled.coefficients)
    assert model.fits.equals(shuffled.fits)


def test_categories_are_fitted_apart(rows: pl.DataFrame) -> None:
    other = planted(2_000, seed=12, category="CABG").with_columns(pl.col("episode_cents") * 3)
    both = pl.concat([rows, other])
    model = ep.risk.fit_cost_model(both, terms={"LEJR": TERMS, "CABG": ["full_dual"]})
    alone = ep.risk.fit_cost_model(rows, terms=TERMS)
    assert model.fits["category"].to_list() == ["CABG", "LEJR"]
    assert model.coefficients.filter(category="LEJR").equals(alone.coefficients)
    assert model.terms("CABG") == ["full_dual"]
    assert ep.risk.expected_cost(model, both)["expected_cents"].null_count() == 0
    whole = ep.risk.fit_cost_model(both, terms=["full_dual"], by=None)
    assert whole.coefficients["category"].unique().to_list() == ["ALL"]
    assert ep.risk.expected_cost(whole, both.drop("category")).height == both.height


def test_collinear_columns_are_set_aside_and_named(rows: pl.DataFrame) -> None:
    doubled = rows.with_columns(
        old=pl.col("age_class") == "85+", never=pl.lit(False), months=pl.col("age") * 12, constant=pl.lit("one")
    )
    terms = ["age_class", "old", "never", "age", "months", "constant", "hccs=999"]
    model = ep.risk.fit_cost_model(doubled, terms=terms, references=REFERENCES)
    by_term = {
        (term, level): (status, note)
        for term, level, status, note in model.coefficients.select("term", "level", "status", "note").iter_rows()
    }
    assert by_term["old", "true"] == ("aliased", "is a combination of age_class: 85+")
    assert by_term["months", ""] == ("aliased", "is a combination of age")
    assert by_term["hccs=999", "true"] == ("not_seen", "is in no row")
    assert by_term["never", "false"][0] == "reference"
    assert by_term["constant", "one"][0] == "reference"
    assert "LEJR: old is a combination of age_class: 85+." in model.notes
    plain = ep.risk.fit_cost_model(rows, terms=["age_class", "age"], references=REFERENCES)
    left = (
        ep.risk.expected_cost(model, doubled)["expected_cents"] - ep.risk.expected_cost(plain, rows)["expected_cents"]
    )
    assert left.abs().max() <= 1


def test_rows_that_cannot_be_used_are_counted(rows: pl.DataFrame) -> None:
    few = rows.head(100).with_columns(
        age=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise("age"),
        episode_cents=pl.when(pl.int_range(pl.len()).is_between(2, 6)).then(0).otherwise("episode_cents"),
        weight=pl.when(pl.int_range(pl.len()) == 50).then(0.0).otherwise("weight"),
    )
    fit = ep.risk.fit_cost_model(few, terms=["age"], weights="weight").fits.row(0, named=True)
    assert (fit["rows"], fit["missing_value"], fit["non_positive_outcome"], fit["zero_weight"]) == (92, 3, 4, 1)
    linear = ep.risk.fit_cost_model(few, terms=["age"], form="linear")
    assert linear.fits["rows"].item() == 97
    assert ep.risk.expected_cost(linear, few)["expected_cents"].null_count() == 3


def test_missing_levels_are_levels(rows: pl.DataFrame) -> None:
    holed = rows.with_columns(age_class=pl.when(pl.col("age") == 70).then(None).otherwise("age_class"))
    model = ep.risk.fit_cost_model(holed, terms=["age_class"])
    assert "missing" in model.coefficients["level"].to_list()
    assert ep.risk.expected_cost(model, holed)["expected_cents"].null_count() == 0


def test_products(rows: pl.DataFrame) -> None:
    """A fully crossed model gives each cell its own mean."""
    model = ep.risk.fit_cost_model(
        rows, terms=["full_dual", "procedure_group", "full_dual*procedure_group"], form="linear"
    )
    means = rows.group_by("full_dual", "procedure_group").agg(mean=pl.col("episode_cents").mean())
    expected = rows.select("episode_id", "full_dual", "procedure_group").join(
        ep.risk.expected_cost(model, rows), on="episode_id"
    )
    joined = expected.join(means, on=["full_dual", "procedure_group"])
    assert (joined["expected_cents"] - joined["mean"]).abs().max() < 1
    with pytest.raises(ArgumentError, match="needs the term 'full_dual' by itself"):
        ep.risk.fit_cost_model(rows, terms=["procedure_group", "full_dual*procedure_group"])


def test_multipliers_are_exponentials_and_their_product(rows: pl.DataFrame) -> None:
    model = ep.risk.fit_cost_model(rows, terms=TERMS, references=REFERENCES)
    one = pl.DataFrame(
        {"episode_id": ["a", "b"], "category": ["LEJR"] * 2, "age_class": ["85+", "65-74"], "full_dual": [True, False]}
        | {"procedure_group": ["total_knee"] * 2, "hccs": [["226", "1"], []]}
    )
    said = ep.risk.multipliers(model, one)
    b = {(t, level): value for t, level, value in model.coefficients.select("term", "level", "coefficient").iter_rows()}
    wanted = [b["age_class", "85+"], 0.0, b["full_dual", "true"], 0.0, b["hccs=226", "true"]]
    np.testing.assert_allclose(said["multipliers"][0].to_list(), np.exp(wanted))
    assert said["multiplier"][0] == pytest.approx(np.exp(sum(wanted)))
    assert said["multipliers"][1].to_list() == [1.0] * 5
    with pytest.raises(ArgumentError, match="model of form log"):
        ep.risk.multipliers(ep.risk.fit_cost_model(rows, terms=TERMS, form="linear"), one)


def test_coefficients_go_to_a_file_and_back(rows: pl.DataFrame, tmp_path: Path) -> None:
    for form in ("log", "linear"):
        model = ep.risk.fit_cost_model(rows, terms=[*TERMS, "hccs=999"], form=form)
        ep.risk.write_coefficients(model, tmp_path / f"{form}.csv")
        again = ep.risk.read_coefficients(tmp_path / f"{form}.csv")
        assert again.form == form
        assert again.coefficients.equals(model.coefficients)
        assert ep.risk.expected_cost(again, rows).equals(ep.risk.expected_cost(model, rows))


def test_published_multipliers_are_used_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "published.csv"
    file.write_text(
        "category,term,level,multiplier\n"
        "LEJR,hcc_count_class,0,1\nLEJR,hcc_count_class,1,1.0731\nLEJR,hcc_count_class,2+,1.31\nLEJR,full_dual,true,1.05\n",
        encoding="utf-8",
    )
    model = ep.risk.read_coefficients(file, form="log")
    rows = pl.DataFrame(
        {"episode_id": ["a", "b"], "category": ["LEJR"] * 2, "hcc_count_class": ["1", "2+"], "full_dual": [True, False]}
    )
    assert ep.risk.multipliers(model, rows)["multipliers"].to_list() == [[1.0731, 1.05], [1.31, 1.0]]
    with pytest.raises(RiskError, match=r"no \(intercept\) for LEJR"):
        ep.risk.expected_cost(model, rows)
    strange = rows.with_columns(hcc_count_class=pl.lit("3"))
    with pytest.raises(RiskError, match=r"1 level of 'hcc_count_class' \(3\), which 2 rows have"):
        ep.risk.multipliers(model, strange)
    as_reference = ep.risk.multipliers(model, strange, unknown_levels="reference")
    assert as_reference["multipliers"].to_list() == [[1.0, 1.05], [1.0, 1.0]]
    with pytest.raises(RiskError, match="Unknown category 'CABG'"):
        ep.risk.multipliers(model, rows.with_columns(category=pl.lit("CABG")))


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("category,term\nA,b\n", "log", "lacks: level"),
        ("category,term,level\nA,b,c\n", "log", "neither coefficient nor multiplier"),
        ("category,term,level,multiplier\nA,b,c,1\n", None, "give form="),
        ("category,term,level,multiplier\nA,b,c,1\nA,b,c,1\n", "log", "1 row too many"),
        ("category,term,level,multiplier\nA,b,c,0\n", "log", "1 multiplier of zero or less"),
        ("category,term,level,multiplier\nA,b,c,1.1\n", "linear", "multipliers for a linear model"),
        ("category,term,level,multiplier\nA,b,c,\n", "log", "1 row without coefficient"),
        ("category,term,level,multiplier\nA,b,c,1..2\n", "log", "1 number that cannot be read"),
    ],
)
def test_a_wrong_file_is_said(text: str, form: str | None, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    with pytest.raises(RiskError, match=said):
        ep.risk.read_coefficients(tmp_path / "x.csv", form=form)
    with pytest.raises(RiskError, match="no file of coefficients"):
        ep.risk.read_coefficients(tmp_path / "y.csv", form=form)


def test_an_unknown_form_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("category,term,level,multiplier\nA,b,c,1\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match="Unknown form 'probit'"):
        ep.risk.read_coefficients(tmp_path / "x.csv", form="probit")
    with pytest.raises(ArgumentError, match="Unknown form 'probit'"):
        ep.risk.fit_cost_model(planted(10, seed=1), terms=[], form="probit")


def test_wrong_arguments_are_said(rows: pl.DataFrame) -> None:
    few = rows.head(50)
    for terms, said in (
        (["ages"], "column of the term 'ages'"),
        (["hccs"], "is a list: a term names one of its values"),
        (["age_class^2"], "only a number has powers"),
        (["age^x"], "a power is a whole number above 1"),
        (["age", "age"], "more than once"),
        ("age", "a list of terms"),
    ):
        with pytest.raises(ArgumentError, match=said):
            ep.risk.fit_cost_model(few, terms=terms)
    with pytest.raises(ArgumentError, match="Unknown column of the outcome"):
        ep.risk.fit_cost_model(few, terms=["age"], cost="cents")
    with pytest.raises(ArgumentError, match="reference level of 'age_class'"):
        ep.risk.fit_cost_model(few, terms=["age_class"], references={"age_class": "65"})
    with pytest.raises(ArgumentError, match="50 weights in 'weight' is below zero"):
        ep.risk.fit_cost_model(few.with_columns(-pl.col("weight")), terms=["age"], weights="weight")
    with pytest.raises(RiskError, match="No terms are given"):
        ep.risk.fit_cost_model(few, terms={"CABG": ["age"]})
    with pytest.raises(RiskError, match="50 non_positive_outcome"):
        ep.risk.fit_cost_model(few.with_columns(episode_cents=0), terms=["age"])
    with pytest.raises(ArgumentError, match="Unknown unknown_levels"):
        ep.risk.expected_cost(ep.risk.fit_cost_model(few, terms=["age"]), few, unknown_levels="drop")


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.sampled_from("abc"), st.integers(1, 4)), min_size=3, max_size=25),
)
def test_a_weight_is_a_number_of_equal_rows(rows: list[tuple[int, str, int]]) -> None:
    frame = pl.DataFrame(rows, schema=["episode_cents", "group", "weight"], orient="row").with_row_index("episode_id")
    repeated = (
        frame.select(pl.all().repeat_by("weight")).explode(pl.all()).drop("episode_id").with_row_index("episode_id")
    )
    weighted = ep.risk.fit_cost_model(frame, terms=["group"], by=None, weights="weight", references={})
    plain = ep.risk.fit_cost_model(repeated, terms=["group"], by=None)
    means = ep.risk.expected_cost(weighted, frame)["expected_cents"]
    again = ep.risk.expected_cost(plain, frame)["expected_cents"]
    assert ((means - again).abs() <= 1 + means * 1e-9).all()
