"""Reconciliation of hand-built episodes."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import episodes as ep
from episodes.building.built import BuiltEpisodes
from episodes.claims.contract import empty_table
from episodes.errors import BasisError, EpisodesError, PriceError
from episodes.pricing import TargetPrices, target_prices
from episodes.reconciliation import ReconciliationResult, reconcile, settle
from pricing.hand_built_episodes import OHIO, OHIO_TOO, PUERTO_RICO, TEXAS, episode, hand_built

TEAM = ep.load_program("team", performance_year=1)
FOUND = ["ccn", "episodes", "unpriced_episodes", "target_cents", "actual_cents", "difference_cents"]


def given_prices(cells: dict[tuple[str, int], int], volumes: dict[tuple[str, str], int] | None = None) -> TargetPrices:
    prices = pl.DataFrame(
        [(code, region, cents) for (code, region), cents in cells.items()],
        schema={"price_code": pl.String, "region": pl.Int32, "price_cents": pl.Int64},
        orient="row",
    )
    counted = [(ccn, category, number) for (ccn, category), number in (volumes or {}).items()]
    schema = {"ccn": pl.String, "category": pl.String, "baseline_episodes": pl.Int64}
    return TargetPrices(
        prices=prices,
        program_id="team",
        performance_year="1",
        basis="standardized",
        origin="given",
        volumes=None if volumes is None else pl.DataFrame(counted, schema=schema, orient="row"),
    )


PRICES = given_prices({("470", 3): 1_000, ("470", 7): 2_000, ("231", 3): 5_000})


def table(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    empty = empty_table(name)
    full = [{column: row.get(column) for column in empty.columns} for row in rows]
    return pl.DataFrame(full, schema=empty.schema)


def quality(*rows: tuple[str, str, float | None, int | None], year: str = "1") -> pl.DataFrame:
    names = ("ccn", "measure", "percentile", "volume")
    listed = [dict(zip(names, row, strict=True)) | {"performance_year": year} for row in rows]
    return table("quality", *listed)


def hospital(result: ReconciliationResult, ccn: str = OHIO) -> dict[str, Any]:
    return result.hospitals.filter(ccn=ccn).row(0, named=True)


def test_two_hospitals_by_hand() -> None:
    built = hand_built(
        TEAM,
        [
            episode(900),
            episode(800),
            episode(5_100, category="CABG", price_code="231"),
            episode(2_500, anchor_ccn=TEXAS),
        ],
    )
    result = reconcile(built, PRICES, quality=quality((OHIO, "psi_90", 100.0, None)), track=3)
    ohio = hospital(result)
    # 470: n x p = 2 x 0.99 = 1.98, the 2nd: nothing is cut; target 2 x 1000 + 5000, actual 900 + 800 + 5100
    assert [ohio[name] for name in FOUND] == [OHIO, 3, 0, 7_000, 6_800, 200]
    assert (ohio["quality_score"], ohio["quality_status"], ohio["quality_effect_cents"]) == (100.0, "known", 0)
    assert (ohio["amount_cents"], ohio["outcome"], ohio["track"]) == (200, "payment", "3")
    texas = hospital(result, TEXAS)
    # -500 x (1 - 0.1 x 0.5) = -475; stop-loss 0.2 x 2000 = 400
    assert (texas["quality_score"], texas["quality_status"]) == (50.0, "unknown")
    assert (texas["quality_effect_cents"], texas["limit_effect_cents"]) == (25, 75)
    assert (texas["amount_cents"], texas["outcome"]) == (-400, "repayment")

    columns = ["price_cents", "actual_cents", "capped_cents", "difference_cents", "region", "reason"]
    assert result.episodes.select(columns).rows() == [
        (1_000, 900, 900, 100, 3, None),
        (1_000, 800, 800, 200, 3, None),
        (5_000, 5_100, 5_100, -100, 3, None),
        (2_000, 2_500, 2_500, -500, 7, None),
    ]
    assert result.steps.filter(party_id=TEXAS).select("before_cents", "after_cents").rows() == [
        (-500, -500),
        (-500, -475),
        (-475, -400),
        (-400, -400),
        (-400, -400),
    ]
    assert result.parties.get_column("party_kind").unique().to_list() == ["hospital"]
    assert result.open_rules == TEAM.open_rules()
    assert "total -$2.00" in repr(result)
    assert "<table" in result._repr_html_()


def test_tables_as_claims_hold_them() -> None:
    built = hand_built(TEAM, [episode(900)])
    score = quality((OHIO, "psi_90", 90.0, None))
    eager = reconcile(built, PRICES, quality=score, hospitals=built.hospitals)
    lazy = reconcile(built, PRICES, quality=score.lazy(), hospitals=built.hospitals.lazy())
    assert lazy.parties.equals(eager.parties)


def test_caps_come_from_all_final_episodes() -> None:
    rows = [episode(100, anchor_ccn=OHIO_TOO, participating=False) for _ in range(99)]
    built = hand_built(TEAM, [*rows, episode(10_000), episode(90_000, status="excluded")])
    result = reconcile(built, PRICES)
    # 100 final episodes: n x p = 99 exactly: (100 + 10000) / 2 = 5050
    row = result.episodes.row(0, named=True)
    assert (result.episodes.height, row["capped_cents"], row["cut_cents"]) == (1, 5_050, 4_950)
    assert result.hospitals.get_column("ccn").to_list() == [OHIO]
    assert hospital(result)["actual_cents"] == 5_050


def test_episodes_without_a_price_stay_and_are_counted() -> None:
    built = hand_built(
        TEAM,
        [
            episode(900),
            episode(700, price_code="469"),
            episode(600, anchor_ccn=PUERTO_RICO),
            episode(500, price_code=None),
        ],
    )
    result = reconcile(built, PRICES)
    assert result.episodes.get_column("reason").to_list() == [
        None,
        "no_target_price",
        "no_region",
        "no_target_price",
    ]
    ohio = hospital(result)
    assert [ohio[name] for name in FOUND] == [OHIO, 3, 2, 1_000, 900, 100]
    island = hospital(result, PUERTO_RICO)
    assert [island[name] for name in FOUND] == [PUERTO_RICO, 1, 1, 0, 0, 0]
    assert island["outcome"] == "none"
    partial = "The amounts of these hospitals are partial."
    assert f"2 final episodes of 1 hospital not settled: no_target_price. {partial}" in result.notes
    assert f"1 final episode of 1 hospital not settled: no_region. {partial}" in result.notes


def test_track_argument_then_participants_then_default() -> None:
    rows = [episode(2_000, anchor_ccn=ccn) for ccn in (OHIO, OHIO_TOO)] + [episode(9_000, anchor_ccn=TEXAS)]
    participants = table(
        "participants",
        {"program": "team", "entity_kind": "hospital", "entity_id": OHIO, "track": "3", "convener_id": "C1"},
        {"program": "cjr", "entity_kind": "hospital", "entity_id": TEXAS, "track": "9"},
        {
            "program": "team",
            "entity_kind": "hospital",
            "entity_id": OHIO_TOO,
            "track": "3",
            "end_date": date(2025, 12, 31),
        },
    )
    built = hand_built(TEAM, rows, participants=participants)
    by_ccn = dict(reconcile(built, PRICES).hospitals.select("ccn", "track").iter_rows())
    assert by_ccn == {OHIO: "3", OHIO_TOO: "1", TEXAS: "1"}
    named = reconcile(built, PRICES, track={TEXAS: 3, OHIO: "1"}).hospitals
    assert dict(named.select("ccn", "track").iter_rows()) == {OHIO: "1", OHIO_TOO: "1", TEXAS: "3"}
    assert set(reconcile(built, PRICES, track=3).hospitals.get_column("track")) == {"3"}
    parties = reconcile(built, PRICES).parties
    assert dict(parties.select("party_id", "convener_id").iter_rows())[OHIO] == "C1"
    with pytest.raises(EpisodesError, match=r"Unknown track of performance year 1 '2'.*Known: 1, 3"):
        reconcile(built, PRICES, track="2")

    twice = pl.concat([participants, participants.head(1).with_columns(track=pl.lit("1"))])
    with pytest.raises(EpisodesError, match="1 hospital more than one track"):
        reconcile(dataclasses.replace(built, participants=twice), PRICES)


def test_low_volume_by_category() -> None:
    rows = [episode(1_400), episode(4_900, category="CABG", price_code="231")]
    volumes = {(OHIO, "LEJR"): 30, (OHIO, "CABG"): 31}
    cells = {("470", 3): 1_000, ("231", 3): 5_000}
    built = hand_built(TEAM, rows, quality=quality((OHIO, "psi_90", 100.0, None)))
    with_volumes = hospital(reconcile(built, given_prices(cells, volumes), track=3))
    assert (with_volumes["difference_cents"], with_volumes["low_volume_effect_cents"]) == (-300, 400)
    assert with_volumes["amount_cents"] == 100
    # a hospital that is not in the volumes had no baseline episodes
    nobody = hospital(reconcile(built, given_prices(cells, {(TEXAS, "LEJR"): 99}), track=3))
    assert nobody["low_volume_effect_cents"] == 400
    without = reconcile(built, given_prices(cells), track=3)
    assert hospital(without)["low_volume_effect_cents"] == 0
    assert "Baseline volumes are not known: no category is treated as low volume." in without.notes


def test_post_episode_excess() -> None:
    # 17 episodes with nothing and one with 1800: mean 100; sum of squares 1800^2 = 3240000;
    # variance (3240000 - 18 x 100^2) / 17 = 180000; sd 424.264...; limit 100 + 3 sd = 1372.79...
    # excess (1800 - 1372.792...) x 1 = 427.207..., half up 427
    rows = [episode(1_000, anchor_ccn=OHIO_TOO, participating=False) for _ in range(17)]
    built = hand_built(TEAM, [*rows, episode(500, post_episode_cents=1_800)])
    known = {"quality": quality((OHIO, "psi_90", 100.0, None))}
    two_sided = hospital(reconcile(built, PRICES, track=3, **known))
    # target 1000, actual 500: gain 500, limit 200, minus 427
    assert two_sided["post_episode_excess_cents"] == 427
    assert (two_sided["limit_effect_cents"], two_sided["amount_cents"]) == (-300, -227)
    one_sided = hospital(reconcile(built, PRICES, track=1, **known))
    # gain 500, limit 100, and not below zero
    assert (one_sided["post_episode_excess_cents"], one_sided["post_episode_effect_cents"]) == (427, -100)
    assert one_sided["amount_cents"] == 0


def test_quality_measures_are_weighed_by_their_episodes() -> None:
    rows = [episode(900), episode(900), episode(4_000, category="CABG", price_code="231")]
    # psi_90 counts 3 episodes, pro_pm the 2 joint replacements: (90 x 3 + 40 x 2) / 5 = 70
    counted = hand_built(TEAM, rows, quality=quality((OHIO, "psi_90", 90.0, None), (OHIO, "pro_pm", 40.0, None)))
    assert hospital(reconcile(counted, PRICES))["quality_score"] == 70.0
    # a given volume wins: (90 x 1 + 40 x 2) / 3
    stated = quality((OHIO, "psi_90", 90.0, 1), (OHIO, "pro_pm", 40.0, None))
    assert hospital(reconcile(counted, PRICES, quality=stated))["quality_score"] == pytest.approx(170 / 3)
    # a percentile that is missing is neutral: (50 x 3 + 40 x 2) / 5
    neutral = quality((OHIO, "psi_90", None, None), (OHIO, "pro_pm", 40.0, None))
    assert hospital(reconcile(counted, PRICES, quality=neutral))["quality_score"] == 46.0


def test_measures_of_others() -> None:
    mixed = quality((OHIO, "psi_90", 90.0, None), (OHIO, "hcahps", 10.0, None))
    built = hand_built(TEAM, [episode(900)], quality=mixed)
    result = reconcile(built, PRICES)
    assert hospital(result)["quality_score"] == 90.0
    assert "Measures that are not the programme's in this year are not used: hcahps." in result.notes
    with pytest.raises(EpisodesError, match="Unknown quality measure of performance year 1 'hcahps'"):
        reconcile(built, PRICES, quality=mixed)
    other_year = reconcile(built, PRICES, quality=quality((OHIO, "psi_90", 90.0, None), year="2"))
    assert hospital(other_year)["quality_status"] == "unknown"
    assert "The quality table has no row of performance year 1." in other_year.notes


def test_names_and_regions_come_from_the_hospitals_table() -> None:
    hospitals = table("hospitals", {"ccn": OHIO, "name": "Lakeside", "region": 7})
    built = hand_built(TEAM, [episode(900)])
    row = hospital(reconcile(built, PRICES, hospitals=hospitals))
    assert (row["name"], row["target_cents"]) == ("Lakeside", 2_000)
    assert hospital(reconcile(built, PRICES, hospitals=hospitals.select("ccn")))["name"] is None


def test_what_was_switched_off_is_said() -> None:
    built = hand_built(TEAM.without(["excluded_state"]), [episode(900)])
    said = "Exclusions switched off: excluded_state. This is not the programme's result."
    assert said in reconcile(built, PRICES).notes


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"program_id": "cjr"}, PriceError, "for programme 'cjr', not 'team'"),
        ({"performance_year": "2"}, PriceError, "for performance year '2', not '1'"),
        ({"basis": "allowed"}, PriceError, "on the allowed basis"),
        ({"basis": "allowed"}, BasisError, "must share one"),
    ],
)
def test_prices_of_another_run_are_refused(changes: dict[str, str], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        reconcile(hand_built(TEAM, [episode(900)]), dataclasses.replace(PRICES, **changes))


def test_repeated_prices_are_refused() -> None:
    twice = dataclasses.replace(PRICES, prices=pl.concat([PRICES.prices, PRICES.prices.head(1)]))
    with pytest.raises(PriceError, match="repeat 1 cell"):
        reconcile(hand_built(TEAM, [episode(900)]), twice)


def test_no_episodes() -> None:
    result = reconcile(hand_built(TEAM, []), PRICES)
    assert (result.hospitals.height, result.episodes.height, result.steps.height) == (0, 0, 0)
    assert "0 hospitals, total $0.00" in repr(result)


def test_from_baseline_to_amount(tmp_path: Path) -> None:
    baseline = hand_built(TEAM.for_baseline(), [episode(1_000, year=year) for year in (2022, 2023, 2024) * 40])
    prices = target_prices(baseline, TEAM)
    prices.write(tmp_path)
    built = hand_built(TEAM, [episode(1_000), episode(1_000)])
    result = reconcile(built, ep.read_target_prices(tmp_path, TEAM), track=3)
    row = hospital(result)
    # price 1000 x 0.98; 120 baseline episodes carry downside; -40 x (1 - 0.1 x 0.5)
    assert (row["target_cents"], row["difference_cents"], row["amount_cents"]) == (1_960, -40, -38)


EPISODES = st.builds(
    lambda cents, ccn, code, part, after: episode(
        cents,
        anchor_ccn=ccn,
        price_code=code,
        category="CABG" if code == "231" else "LEJR",
        participating=part,
        post_episode_cents=after,
    ),
    st.integers(-1_000, 10**7),
    st.sampled_from([OHIO, OHIO_TOO, TEXAS, PUERTO_RICO]),
    st.sampled_from(["470", "231", "469"]),
    st.booleans(),
    st.integers(0, 10**6),
)


def built_of(rows: list[dict[str, Any]]) -> BuiltEpisodes:
    return hand_built(TEAM, rows, quality=quality((OHIO, "psi_90", 33.0, None), (TEXAS, "hybrid_hwr", 71.5, 7)))


@settings(max_examples=40, deadline=None)
@given(st.lists(EPISODES, max_size=25), st.sampled_from(["1", "3"]))
def test_every_cent_is_accounted_for(rows: list[dict[str, Any]], track: str) -> None:
    result = reconcile(
        built_of(rows), given_prices({("470", 3): 10**6, ("231", 7): 10**6}, {(OHIO, "LEJR"): 40}), track=track
    )
    found = result.hospitals
    assert result.episodes.height == sum(row["participating"] for row in rows)
    assert found.get_column("episodes").sum() == result.episodes.height
    assert found.get_column("unpriced_episodes").sum() == result.episodes.get_column("reason").count()
    assert (result.episodes["capped_cents"] + result.episodes["cut_cents"]).equals(result.episodes["actual_cents"])
    assert found.get_column("difference_cents").sum() == result.episodes.get_column("difference_cents").sum()
    effects = found.select(
        pl.sum_horizontal(
            "difference_cents",
            "low_volume_effect_cents",
            "quality_effect_cents",
            "limit_effect_cents",
            "downside_waiver_cents",
            "post_episode_effect_cents",
        )
    ).to_series()
    assert effects.to_list() == found.get_column("amount_cents").to_list()
    # the plain function, called with the numbers shown, gives the same amount where no floor was applied
    for row in found.filter(low_volume_effect_cents=0).iter_rows(named=True):
        alone = settle(
            TEAM,
            track=track,
            target_cents=row["target_cents"],
            actual_cents=row["actual_cents"],
            quality_score=row["quality_score"],
            post_episode_excess_cents=row["post_episode_excess_cents"],
        )
        assert alone.amount_cents == row["amount_cents"]


@settings(max_examples=20, deadline=None)
@given(st.lists(EPISODES, max_size=20), st.randoms(use_true_random=False))
def test_order_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    one, other = reconcile(built_of(rows), PRICES), reconcile(built_of(shuffled), PRICES)
    assert one.hospitals.equals(other.hospitals)
    assert one.steps.equals(other.steps)
