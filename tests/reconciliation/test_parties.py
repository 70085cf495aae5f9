"""Episode initiators that are hospitals or groups, conveners, and amounts carried back to episodes."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import episodes as ep
from episodes.building.built import BuiltEpisodes
from episodes.errors import EpisodesError
from episodes.money import scale_parts
from episodes.pricing import TargetPrices
from episodes.reconciliation import reconcile
from pricing.hand_built_episodes import OHIO, TEXAS, episode, hand_built
from reconciliation.programmes import program_of
from reconciliation.test_reconcile import quality, table

BPCI = program_of("bpci-advanced")
GROUP = "123456789"


def prices(program: Any, cents: int = 1_000, **columns: Any) -> TargetPrices:
    frame = pl.DataFrame({"price_code": ["470", "470"], "region": [3, 7], "price_cents": [cents, cents], **columns})
    return TargetPrices(
        prices=frame.with_columns(pl.col("region").cast(pl.Int32)),
        program_id=program.id,
        performance_year=program.performance_year,
        basis=program.amount_basis,
        origin="given",
    )


def blended(cents: int, discount: float = 0.03) -> TargetPrices:
    """Prices of CJR in year 4: a regional mean of 1000 less the discount."""
    columns = {"regional_mean_cents": [1_000] * 2, "discount": [discount] * 2, "repayment_discount": [discount] * 2}
    return prices(ep.load_program("cjr", "4"), cents, **columns)


def owners(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["episode_id", "party_kind", "party_id"], orient="row")


def built(*costs: int, **tables: Any) -> BuiltEpisodes:
    return hand_built(BPCI, [episode(cost, program=BPCI.id) for cost in costs], **tables)


def test_groups_and_hospitals_settle_their_own_episodes() -> None:
    given_to = owners(("e00000", "group", GROUP), ("e00001", "hospital", OHIO), ("e00002", "group", GROUP))
    scores = quality((GROUP, "readmission", 100.0, None), (OHIO, "readmission", 100.0, None), year="8")
    result = reconcile(built(900, 1_100, 850, 500), prices(BPCI), attributed=given_to, quality=scores)
    found = result.parties.select("party_kind", "party_id", "episodes", "difference_cents", "amount_cents").rows()
    # group: 100 + 150, quality 1 keeps it, cap 0.2 x 2000 = 400; hospital: -100 x (1 - 0.1) = -90
    assert found == [("group", GROUP, 2, 250, 250), ("hospital", OHIO, 1, -100, -90)]
    assert result.hospitals["ccn"].to_list() == [OHIO]
    assert "1 final episode attributed to no episode initiator: not settled." in result.notes
    assert "1 hospital and 1 group" in repr(result)
    assert result.episodes.height == 3


def test_without_attribution_the_hospital_settles_and_it_is_said() -> None:
    result = reconcile(built(900), prices(BPCI))
    assert result.parties["party_kind"].to_list() == ["hospital"]
    assert any("No attribution is given" in note for note in result.notes)


def test_an_episode_of_two_parties_is_refused() -> None:
    twice = owners(("e00000", "group", GROUP), ("e00000", "hospital", OHIO))
    with pytest.raises(EpisodesError, match="1 episode more than one party"):
        reconcile(built(900), prices(BPCI), attributed=twice)
    with pytest.raises(EpisodesError, match="Unknown kind of party physician"):
        reconcile(built(900), prices(BPCI), attributed=owners(("e00000", "physician", "1")))


def test_conveners_add_up_and_the_cap_is_carried_back() -> None:
    participants = table(
        "participants",
        {"program": BPCI.id, "entity_kind": "group", "entity_id": GROUP, "convener_id": "C1"},
        {"program": BPCI.id, "entity_kind": "hospital", "entity_id": OHIO, "convener_id": "C1"},
    )
    given_to = owners(
        ("e00000", "group", GROUP),
        ("e00001", "group", GROUP),
        ("e00002", "group", GROUP),
        ("e00003", "hospital", OHIO),
    )
    scores = quality((GROUP, "readmission", 100.0, None), (OHIO, "readmission", 0.0, None), year="8")
    result = reconcile(
        built(300, 301, 800, 1_100, participants=participants), prices(BPCI), attributed=given_to, quality=scores
    )
    # group: 700 + 699 + 200 = 1599, cap 0.2 x 3000 = 600; factor 600 / 1599:
    # 262.66, 262.28, 75.04 -> 263, 262, 75
    by_episode = dict(result.episodes.select("episode_id", "settled_cents").iter_rows())
    assert by_episode == {"e00000": 263, "e00001": 262, "e00002": 75, "e00003": -100}
    convener = result.conveners.row(0, named=True)
    assert (convener["convener_id"], convener["parties"], convener["amount_cents"]) == ("C1", 2, 500)
    assert result.categories["settled_cents"].sum() == 500


def test_categories_settled_apart() -> None:
    epm = program_of("epm-2017", "5")
    rows = [
        episode(800, category="AMI", program=epm.id),
        episode(1_500, category="CABG", program=epm.id),
    ]
    scores = pl.DataFrame(
        {"ccn": [OHIO], "measure": ["ami_mortality"], "performance_year": ["5"], "percentile": [90.0]}
    )
    result = reconcile(hand_built(epm, rows), prices(epm, 970, discount=[0.03, 0.03]), quality=scores)
    assert result.parties["category"].to_list() == ["AMI", "CABG"]
    assert result.parties["difference_cents"].sum() == result.episodes["difference_cents"].sum()
    assert result.waterfall(OHIO, "AMI").rows["after_cents"].to_list()[-1] == result.parties["amount_cents"][0]
    with pytest.raises(EpisodesError, match="Unknown settled category"):
        result.waterfall(OHIO)


def test_quality_changes_the_price_of_cjr() -> None:
    cjr = ep.load_program("cjr", "4")
    rows = [episode(900, program="cjr"), episode(900, program="cjr", anchor_ccn=TEXAS)]
    scores = pl.DataFrame(
        {
            "ccn": [OHIO, OHIO],
            "measure": ["complications", "hcahps"],
            "performance_year": ["4", "4"],
            "percentile": [95.0, 95.0],
        }
    )
    result = reconcile(hand_built(cjr, rows), blended(970), quality=scores)
    ohio, texas = result.parties.sort("party_id").to_dicts()
    # 970 / 0.97 = 1000; excellent (18): 3 - 1.5 = 1.5 percent; unknown 12.6, good: 2 percent
    assert (ohio["quality_category"], ohio["target_cents"], ohio["amount_cents"]) == ("excellent", 985, 85)
    assert (texas["quality_category"], texas["target_cents"], texas["quality_status"]) == ("good", 980, "unknown")
    assert result.episodes["price_before_quality_cents"].to_list() == [970, 970]
    second = reconcile(hand_built(cjr, rows), blended(970), quality=scores, previous={OHIO: 100})
    assert second.parties.sort("party_id")["amount_cents"].to_list()[0] == -15
    overlap = reconcile(hand_built(cjr, rows), blended(970), shared_savings_overlap={TEXAS: 30})
    assert overlap.parties.sort("party_id")["shared_savings_effect_cents"].to_list() == [0, -30]


def test_classes_come_from_the_hospitals_table() -> None:
    cjr = ep.load_program("cjr", "4")
    hospitals = pl.DataFrame({"ccn": [OHIO], "region": [3], "rural": [True], "sole_community": [True]})
    lost = hand_built(cjr, [episode(5_000, program="cjr")])
    result = reconcile(lost, blended(970), hospitals=hospitals)
    assert result.parties["amount_cents"].to_list() == [-49]  # good: 2 percent, 0.05 x 980
    assert "hospital class rural" in str(result.steps.filter(step="class_limits")["note"][0])


def test_later_amounts_are_refused_where_nothing_reads_them() -> None:
    with pytest.raises(EpisodesError, match="does not use previous_cents"):
        reconcile(built(900), prices(BPCI), previous={OHIO: 1})
    cjr = ep.load_program("cjr", "4")
    one = hand_built(cjr, [episode(900, program="cjr")])
    with pytest.raises(EpisodesError, match="Earlier amounts are given for 1 hospital without an episode"):
        reconcile(one, blended(970), previous={"999999": 1})


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30), st.integers(-(10**9), 10**9))
def test_scaled_parts_sum_to_the_total_and_stay_within_a_cent(parts: list[int], total: int) -> None:
    if sum(parts) == 0:
        return
    scaled = scale_parts(parts, total)
    assert sum(scaled) == total
    assert all(
        abs(new - part * total / sum(parts)) < 1 + abs(new) * 1e-9 for new, part in zip(scaled, parts, strict=True)
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=20),
    st.floats(0, 100),
)
def test_carried_back_amounts_conserve_every_cent(rows: list[tuple[int, str]], percentile: float) -> None:
    given_to = owners(*[(f"e{number:05d}", "group", party) for number, (_, party) in enumerate(rows)])
    scores = quality(*[(party, "readmission", percentile, None) for party in "abc"], year="8")
    result = reconcile(built(*[cost for cost, _ in rows]), prices(BPCI), attributed=given_to, quality=scores)
    by_party = dict(result.episodes.group_by("party_id").agg(pl.col("settled_cents").sum()).iter_rows())
    assert by_party == dict(result.parties.select("party_id", "amount_cents").iter_rows())
    differences = dict(result.episodes.group_by("party_id").agg(pl.col("difference_cents").sum()).iter_rows())
    assert differences == dict(result.parties.select("party_id", "difference_cents").iter_rows())
