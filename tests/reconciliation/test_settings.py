"""Settings of points that are not established, and rules that a step cannot do without."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.errors import EpisodesError, ProgramError
from episodes.reconciliation import (
    composite_quality_score,
    post_episode_excess,
    quality_gates,
    reconcile_thresholds,
    settle,
    settle_thresholds,
)
from episodes.reconciliation.quality_categories import category_of
from pricing.hand_built_episodes import episode, hand_built
from reconciliation.programmes import program_of

CJR = program_of("cjr", "4")
STATE = program_of("tenncare-tjr")
TERMS: dict[str, Any] = {
    "commendable_cents": 10_000,
    "acceptable_cents": 12_000,
    "gain_limit_cents": 8_000,
    "quality_passed": True,
}


@pytest.mark.parametrize(
    ("score", "text", "category"),
    [
        (Fraction(0), "later_rule", "below acceptable"),
        (Fraction(499, 100), "later_rule", "below acceptable"),
        (5, "later_rule", "acceptable"),
        (Fraction(689, 100), "later_rule", "acceptable"),
        (Fraction(69, 10), "later_rule", "good"),
        (15, "later_rule", "good"),
        (Fraction(1501, 100), "later_rule", "excellent"),
        (Fraction(399, 100), "first_rule", "below acceptable"),
        (4, "first_rule", "acceptable"),
        (6, "first_rule", "good"),
        (Fraction(66, 5), "first_rule", "good"),
        (Fraction(1321, 100), "first_rule", "excellent"),
    ],
)
def test_bounds_of_categories(score: Any, text: str, category: str) -> None:
    quality = CJR.override({"category_text": text}).settlement.quality
    assert quality is not None
    assert category_of(quality, Fraction(score)).name == category


def test_the_undefined_gap_is_said() -> None:
    for score in (4, 4.5, 4.99):
        note = settle(CJR, target_cents=100, actual_cents=50, quality_score=score).steps.row(1, named=True)["note"]
        assert "below acceptable" in note
        assert "acceptable by the bounds of first_rule (the texts conflict: payment): no payment" in note
    assert settle(CJR, target_cents=100, actual_cents=90, quality_score=4.5).amount_cents == 0
    first = CJR.override({"category_text": "first_rule"})
    assert settle(first, target_cents=100, actual_cents=90, quality_score=4.5).amount_cents == 10


def test_discounts_after_quality() -> None:
    def discount(year: str, percentile: float) -> float | None:
        measures = pl.DataFrame({"measure": ["complications", "hcahps"], "percentile": [percentile] * 2})
        return composite_quality_score(program_of("cjr", year), measures).discount

    assert [discount("5.1", at) for at in (0, 30, 50, 99)] == [0.03, 0.02, 0.02, 0.015]
    assert [discount("7", at) for at in (0, 30, 50, 99)] == [0.03, 0.015, 0.015, 0.0]


def test_two_deciles_by_bands() -> None:
    measures = pl.DataFrame({"measure": ["complications"], "percentile": [70.0], "previous_percentile": [59.0]})
    by_percentile = composite_quality_score(CJR, measures)
    by_band = composite_quality_score(CJR.override({"improvement_measured": "decile_bands"}), measures)
    assert by_band.exact - by_percentile.exact == 1
    assert by_band.weights == {"complications": 0.5, "hcahps": 0.4, "patient_reported_outcomes": 0.1}


def test_volumes_do_not_matter_to_points() -> None:
    measures = pl.DataFrame({"measure": ["complications", "hcahps"], "percentile": [95, 95], "volume": [300, None]})
    assert composite_quality_score(CJR, measures).score == 18.0


def test_too_few_cases_are_no_value() -> None:
    def points(cases: int) -> Any:
        columns = {"measure": ["complications"], "percentile": [95], "previous_percentile": [10], "volume": [cases]}
        return composite_quality_score(CJR, pl.DataFrame(columns))

    assert points(25).points["complications"] == 11.0
    few = points(24)
    assert few.points["complications"] == 7.0
    assert "no value of complications, fewer than 25 cases: points of percentile 50" in few.notes


CJR_TERMS = st.fixed_dictionaries(
    {
        "target_cents": st.integers(0, 10**9),
        "actual_cents": st.integers(0, 2 * 10**9),
        "quality_score": st.none() | st.decimals("0", "20", places=2),
        "post_episode_excess_cents": st.integers(0, 10**7),
        "hospital_class": st.sampled_from([None, "rural", "sole_community"]),
    }
)
YEARS = st.sampled_from(["1", "2", "3", "4", "5.1", "5.2"])
BY_YEAR = {year: ep.load_program("cjr", year) for year in ("1", "2", "3", "4", "5.1", "5.2")}


@given(CJR_TERMS, YEARS, st.integers(-(10**8), 10**8), st.integers(0, 10**7))
def test_both_looks_together_are_one_settlement(terms: dict[str, Any], year: str, earlier: int, more: int) -> None:
    whole = settle(BY_YEAR[year], **terms)
    second = settle(BY_YEAR[year], **terms, previous_cents=earlier)
    assert second.amount_cents + earlier == whole.amount_cents
    start = terms["target_cents"] - terms["actual_cents"]
    assert start + second.steps["change_cents"].sum() == second.amount_cents
    if year == "1":
        assert whole.amount_cents + terms["post_episode_excess_cents"] >= 0
    kinder = settle(BY_YEAR[year], **terms, repayment_target_cents=terms["target_cents"] + more)
    # a later target for repayment never costs, but its limit on loss is a share of the larger target
    assert kinder.amount_cents >= whole.amount_cents - more


@given(CJR_TERMS, YEARS, st.integers(0, 10**8))
def test_spending_less_never_pays_less_in_cjr(terms: dict[str, Any], year: str, saved: int) -> None:
    better = terms | {"actual_cents": terms["actual_cents"] - saved}
    assert settle(BY_YEAR[year], **better).amount_cents >= settle(BY_YEAR[year], **terms).amount_cents


def test_the_base_of_the_limit_on_money_owed() -> None:
    given: dict[str, Any] = {
        "target_cents": 970_000,
        "repayment_target_cents": 980_000,
        "actual_cents": 2_000_000,
        "quality_score": 10,
    }
    assert settle(CJR, **given).amount_cents == -196_000
    assert settle(CJR.override({"repayment_limit_base": "target"}), **given).amount_cents == -194_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quality_score": 20.1}, "quality_score must be from 0 to 20"),
        ({"hospital_class": "urban"}, "Unknown hospital class 'urban'.*rural_referral_center"),
        ({"repayment_target_cents": 99}, "must not be less than target_cents"),
        ({"previous_cents": 1.5}, "previous_cents must be a whole number"),
        ({"track": 1}, "Unknown track of performance year 4 '1'.*standard"),
        (
            {
                "categories": pl.DataFrame(
                    {"category": ["LEJR"], "target_cents": [100], "actual_cents": [50], "baseline_episodes": [1]}
                )
            },
            None,
        ),
    ],
)
def test_arguments_of_cjr(arguments: dict[str, Any], message: str | None) -> None:
    arguments_given = {"target_cents": 100, "actual_cents": 50} | arguments
    if message is None:
        assert settle(CJR, **arguments_given).amount_cents == 20
        return
    with pytest.raises(EpisodesError, match=message):
        settle(CJR, **arguments_given)


def test_scores_of_bpci_advanced() -> None:
    bpci = program_of("bpci-advanced")
    measures = pl.DataFrame(
        {"measure": ["readmission", "safety", "planning"], "scaled_score": [0.8, 0.5, None], "volume": [30, 10, 5]}
    )
    scored = composite_quality_score(bpci, measures)
    assert scored.exact == Fraction(29, 40)  # (0.8 x 30 + 0.5 x 10) / 40
    assert scored.notes == ("left out, too little data: planning",)
    assert composite_quality_score(bpci, pl.DataFrame({"measure": ["a"], "percentile": [80]})).score == 0.8
    assert composite_quality_score(bpci, measures.filter(measure="planning")).status == "unknown"
    with pytest.raises(EpisodesError, match="scaled_score must be from 0 to 1"):
        composite_quality_score(bpci, pl.DataFrame({"measure": ["a"], "scaled_score": [80]}))
    with pytest.raises(EpisodesError, match="quality_score must be from 0 to 1"):
        settle(bpci, target_cents=1, actual_cents=1, quality_score=1.5)
    with pytest.raises(EpisodesError, match="no limit on post-episode spending"):
        post_episode_excess(bpci, participant_mean_cents=1, regional_mean_cents=1, regional_sd_cents=1, episodes=1)


def test_programmes_without_a_score() -> None:
    ace = program_of("ace")
    with pytest.raises(EpisodesError, match="has no composite quality score"):
        composite_quality_score(ace, pl.DataFrame({"measure": ["a"], "percentile": [80]}))
    with pytest.raises(EpisodesError, match="does not use quality_score"):
        settle(ace, target_cents=1, actual_cents=1, quality_score=1)


def test_measures_of_two_models_are_refused() -> None:
    epm = program_of("epm-2017")
    measures = pl.DataFrame({"measure": ["ami_mortality", "cabg_mortality"], "percentile": [1, 2]})
    with pytest.raises(EpisodesError, match="measures of different categories"):
        composite_quality_score(epm, measures)


# --- thresholds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"risk_weights": [1] * 4}, "5 costs_cents and 4 risk_weights"),
        ({"risk_weights": [1, 1, 1, 1, 0]}, "risk_weights must be above 0"),
        ({"gain_limit_cents": 10_001}, "thresholds must ascend"),
        ({"acceptable_cents": 9_999}, "thresholds must ascend"),
        ({"commendable_cents": -1}, "commendable_cents must be 0 or more"),
        ({"costs_cents": [1.5] * 5}, "costs_cents must be a whole number"),
    ],
)
def test_wrong_thresholds(changes: dict[str, Any], message: str) -> None:
    given = {**TERMS, "costs_cents": [9_000] * 5, "risk_weights": [1] * 5} | changes
    with pytest.raises(EpisodesError, match=message):
        settle_thresholds(STATE, **given)


def test_other_shares_and_restored_weights() -> None:
    given = {**TERMS, "costs_cents": [18_000] * 5, "risk_weights": [2] * 5}
    assert settle_thresholds(STATE, **given).amount_cents == 2_500
    restored = STATE.override({"risk_weight_restored": True})
    assert settle_thresholds(restored, **given).amount_cents == 5_000
    whole = STATE.override({"gain_share": 1, "minimum_episodes": 6})
    assert settle_thresholds(whole, **given).reason == "too_few_episodes"
    free = STATE.override({"gain_needs_quality": False})
    assert settle_thresholds(free, **given | {"quality_passed": False}).amount_cents == 2_500


def test_the_other_kind_of_settlement_is_named() -> None:
    with pytest.raises(ProgramError, match="Use settle_thresholds"):
        settle(STATE, target_cents=1, actual_cents=1)
    with pytest.raises(ProgramError, match="Use settle, or reconcile"):
        settle_thresholds(CJR, costs_cents=[], risk_weights=[], **TERMS)


def test_quality_gates() -> None:
    metrics = pl.DataFrame(
        {
            "measure": ["readmissions", "screening", "follow_up"],
            "value": [0.05, 0.90, None],
            "threshold": [0.05, 0.95, 0.5],
            "higher_is_better": [False, True, True],
        }
    )
    found = quality_gates(STATE, metrics)
    assert (found.passed, found.failed, found.without_value) == (False, ("screening", "follow_up"), ("follow_up",))
    lenient = STATE.override({"gate_without_value": "passed"})
    assert quality_gates(lenient, metrics.filter(pl.col("measure") != "screening")).passed
    with pytest.raises(EpisodesError, match="more than once"):
        quality_gates(STATE, pl.concat([metrics, metrics]))
    with pytest.raises(EpisodesError, match="without threshold"):
        quality_gates(STATE, metrics.with_columns(threshold=pl.lit(None, dtype=pl.Float64)))


def test_providers_of_a_state_programme() -> None:
    rows = [episode(9_000, program=STATE.id) for _ in range(5)] + [episode(15_000, program=STATE.id) for _ in range(6)]
    built = hand_built(STATE, rows)
    ids = built.episodes["episode_id"].to_list()
    attributed = pl.DataFrame({"episode_id": ids[:10], "party_kind": "physician", "party_id": ["A"] * 5 + ["B"] * 5})
    thresholds = pl.DataFrame(
        {"category": ["LEJR"], **{name: [cents] for name, cents in TERMS.items() if name != "quality_passed"}}
    )
    passed = pl.DataFrame({"party_id": ["A"], "quality_passed": [True]})
    result = reconcile_thresholds(built, thresholds, attributed, quality=passed)
    assert dict(result.parties.select("party_id", "amount_cents").iter_rows()) == {"A": 2_500, "B": -7_500}
    assert result.steps["party_id"].n_unique() == 2
    assert result.notes == (
        "1 final episode attributed to nobody: not settled.",
        "No risk weights are given: every episode weighs 1.",
        "Quality of 1 provider is not known: taken as not passed, no gain.",
    )
    with pytest.raises(EpisodesError, match="no thresholds for LEJR"):
        reconcile_thresholds(built, thresholds.filter(pl.lit(False)), attributed)


# --- rules that contradict each other ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settlement.steps": ["repayment_price"]}, "settlement.repayment_limit_base: is missing"),
        ({"settlement.steps": ["payment_eligibility"]}, "settlement.quality.categories: is missing"),
        (
            {"tracks": {"1": {"quality_positive": 0.1}, "3": {"stop_gain": 0.1}}},
            "settlement.tracks.1.stop_gain: is missing",
        ),
        ({"settlement.steps": ["sharing"]}, "settlement.steps.1: should be 'low_volume_floor'"),
        ({"highest_score": 40}, "settlement.quality.neutral_score: should be less than or equal to 40"),
        ({"quality.form": "points"}, "hybrid_hwr: wants points or submission_points"),
    ],
)
def test_wrong_rules_of_team(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        ep.load_program("team", overrides=change)


def test_wrong_rules_of_cjr() -> None:
    for change, message in (
        ({"category_text": "mine"}, "category_text: 'mine' is none of the texts; texts: first_rule, later_rule"),
        (
            {"quality.measures": {"a": {"points": [[0, 1], [50, 2]], "status": "open", "citation": "own"}}},
            "must descend",
        ),
    ):
        with pytest.raises(ProgramError, match=message):
            ep.load_program("cjr", 4, overrides=change)
