"""The surgeon-in-hospital model: exact where balanced, right where crossed, honest where nothing can be separated."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from episodes.attribution import surgeon_and_hospital
from episodes.errors import ArgumentError


def nested(
    hospitals: int, surgeons: int, episodes: int, seed: int, spread: tuple[float, float] = (0.4, 0.5)
) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    of_hospital = draw.normal(0, spread[0], hospitals)
    of_surgeon = draw.normal(0, spread[1], (hospitals, surgeons))
    value = 1 + of_hospital[:, None, None] + of_surgeon[:, :, None] + draw.normal(0, 1, (hospitals, surgeons, episodes))
    place = np.indices(value.shape).reshape(3, -1)
    return pl.DataFrame(
        {
            "operating_npi": [f"s{h:02}-{s:02}" for h, s in zip(place[0], place[1], strict=True)],
            "anchor_ccn": [f"h{h:02}" for h in place[0]],
            "ratio": value.ravel(),
            "truth": np.broadcast_to(of_surgeon[:, :, None], value.shape).ravel(),
        }
    )


def test_balanced_nested_designs_give_the_analysis_of_variance() -> None:
    hospitals, surgeons, episodes = 12, 5, 8
    rows = nested(hospitals, surgeons, episodes, seed=1)
    y = rows["ratio"].to_numpy().reshape(hospitals, surgeons, episodes)
    square_hospital = surgeons * episodes * ((y.mean((1, 2)) - y.mean()) ** 2).sum() / (hospitals - 1)
    square_surgeon = episodes * ((y.mean(2) - y.mean((1, 2))[:, None]) ** 2).sum() / (hospitals * (surgeons - 1))
    square_rest = ((y - y.mean(2)[..., None]) ** 2).sum() / (hospitals * surgeons * (episodes - 1))
    expected = [
        (square_hospital - square_surgeon) / (surgeons * episodes),
        (square_surgeon - square_rest) / episodes,
        square_rest,
    ]
    assert min(expected) > 0
    model = surgeon_and_hospital(rows)
    assert model.variances["variance"].to_list() == pytest.approx(expected, rel=1e-5)
    assert model.mean == pytest.approx(y.mean())
    assert (model.design, model.separable, model.reason) == ("nested", True, None)
    assert model.variances["share"].sum() == pytest.approx(1)


def test_the_equations_give_the_same_as_dense_algebra() -> None:
    """Effects and errors against the textbook formulas with the full covariance matrix, in a crossed design."""
    draw = np.random.default_rng(5)
    surgeon, hospital = draw.integers(0, 6, 80), draw.integers(0, 4, 80)
    value = 2 + draw.normal(0, 0.6, 6)[surgeon] + draw.normal(0, 0.5, 4)[hospital] + draw.normal(0, 1, 80)
    rows = pl.DataFrame({"operating_npi": surgeon.astype(str), "anchor_ccn": hospital.astype(str), "ratio": value})
    model = surgeon_and_hospital(rows)
    of_hospital, of_surgeon, rest = model.variances["variance"].to_list()
    zs, zh, one = np.eye(6)[surgeon], np.eye(4)[hospital], np.ones((80, 1))
    v = of_surgeon * zs @ zs.T + of_hospital * zh @ zh.T + rest * np.eye(80)
    inverse = np.linalg.inv(v)
    mean = (one.T @ inverse @ value).item() / (one.T @ inverse @ one).item()
    projection = inverse - inverse @ one @ one.T @ inverse / (one.T @ inverse @ one)
    effect = of_surgeon * zs.T @ inverse @ (value - mean)
    error = np.sqrt(np.diag(of_surgeon * np.eye(6) - of_surgeon**2 * zs.T @ projection @ zs))
    assert model.design == "crossed"
    assert model.mean == pytest.approx(mean)
    assert model.surgeons["effect"].to_numpy() == pytest.approx(effect)
    half = (model.surgeons["effect_high"] - model.surgeons["effect_low"]).to_numpy() / 2
    assert (half >= 1.959964 * error).all()
    assert half == pytest.approx(1.959964 * error, rel=0.5)
    assert (1 - error**2 / of_surgeon) == pytest.approx(model.surgeons["reliability"].to_numpy(), rel=1e-5)

    def deviance(hospital_variance: float, surgeon_variance: float, residual: float) -> float:
        v = surgeon_variance * zs @ zs.T + hospital_variance * zh @ zh.T + residual * np.eye(80)
        inverse = np.linalg.inv(v)
        middle = (one.T @ inverse @ one).item()
        fitted = (one.T @ inverse @ value).item() / middle
        return float(np.linalg.slogdet(v)[1] + np.log(middle) + (value - fitted) @ inverse @ (value - fitted))

    best = deviance(of_hospital, of_surgeon, rest)
    for number in range(3):
        for factor in (0.97, 1.03):
            changed = [of_hospital, of_surgeon, rest]
            changed[number] *= factor
            assert deviance(*changed) >= best


def test_intervals_of_surgeons_within_hospitals_cover() -> None:
    covered = []
    for seed in range(20):
        rows = nested(15, 6, 12, seed)
        truth = rows.unique("operating_npi").sort("operating_npi")["truth"].to_numpy()
        found = surgeon_and_hospital(rows).surgeons
        covered.append(((found["effect_low"].to_numpy() <= truth) & (truth <= found["effect_high"].to_numpy())).mean())
    assert 0.92 <= float(np.mean(covered)) <= 0.98


def test_shares_of_the_variance_have_intervals_that_cover() -> None:
    truth = np.array([0.16, 0.25, 1.0]) / 1.41
    covered = []
    for seed in range(25):
        found = surgeon_and_hospital(nested(25, 6, 12, seed)).variances
        covered.append((found["share_low"].to_numpy() <= truth) & (truth <= found["share_high"].to_numpy()))
    assert 0.88 <= float(np.mean(covered)) <= 1.0
    assert surgeon_and_hospital(nested(10, 1, 20, seed=2)).variances["share_low"].null_count() == 2


def test_one_surgeon_at_one_hospital_cannot_be_separated() -> None:
    model = surgeon_and_hospital(nested(10, 1, 20, seed=2))
    assert (model.design, model.separable, model.reason) == ("one_to_one", False, "one_surgeon_one_hospital")
    assert model.variances["component"].to_list() == ["surgeon_and_hospital", "residual"]
    assert set(model.surgeons["reason"]) == {"one_surgeon_one_hospital"}
    assert model.hospitals["effect"].to_list() == model.surgeons["effect"].to_list()


def test_one_hospital_has_no_effect_of_its_own() -> None:
    model = surgeon_and_hospital(nested(1, 8, 20, seed=2))
    assert (model.separable, model.reason) == (False, "one_hospital")
    assert model.variances["component"].to_list() == ["surgeon", "residual"]
    assert model.hospitals.is_empty()


def test_a_surgeon_alone_at_a_hospital_is_said() -> None:
    rows = nested(6, 4, 10, seed=3).filter((pl.col("anchor_ccn") != "h00") | (pl.col("operating_npi") == "s00-00"))
    surgeons = surgeon_and_hospital(rows).surgeons
    alone = surgeons.filter(~pl.col("separable"))
    assert alone.select("surgeon", "reason").rows() == [("s00-00", "only_surgeon_of_the_hospital")]
    assert surgeons.filter("separable")["reason"].null_count() == surgeons.height - 1


def test_no_differences_are_a_variance_of_zero() -> None:
    rows = nested(6, 4, 10, seed=7, spread=(0.0, 0.0)).with_columns(
        ratio=pl.col("ratio") - pl.col("ratio").mean().over("operating_npi")
    )
    model = surgeon_and_hospital(rows)
    assert model.variances["variance"].to_list()[:2] == [0.0, 0.0]
    assert set(model.surgeons["reliability"]) == {0.0}


def test_what_the_model_cannot_use_is_counted_or_refused() -> None:
    rows = nested(4, 3, 5, seed=4)
    gaps = rows.with_columns(operating_npi=pl.when(pl.int_range(pl.len()) > 1).then("operating_npi"))
    assert surgeon_and_hospital(gaps).left_out == 2
    with pytest.raises(ArgumentError, match="two surgeons"):
        surgeon_and_hospital(rows.filter(pl.col("operating_npi") == "s00-00"))
    with pytest.raises(ArgumentError, match="level"):
        surgeon_and_hospital(rows, level=95)
