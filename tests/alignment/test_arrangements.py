"""Packaged arrangements settled by hand; wrong files say what is wrong; entries conserve every cent."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.alignment import Arrangement, SettledArrangement, SharingFacts, known_arrangements, load_arrangement
from episodes.alignment.ledger import REASONS
from episodes.errors import ArgumentError
from episodes.money import dollars

FOLDER = Path(__file__).parents[1] / "cases" / "alignment"
CASES = tomllib.loads((FOLDER / "arrangements.toml").read_text(encoding="utf-8"))["case"]
PACKAGED = Path(ep.alignment.__file__).parent / "arrangements"


def facts_of_case(case: dict[str, Any]) -> SharingFacts:
    fees = None
    if "fees" in case:
        columns = {"npi": pl.String, "tin": pl.String, "fee_schedule_cents": pl.Int64}
        fees = pl.DataFrame(case["fees"], schema=columns, orient="row")
    rows = [
        (f"{surgeon}-{number}", surgeon, None, 1 if number < events else 0)
        for surgeon, (events, number_of) in case.get("readmitted", {}).items()
        for number in range(number_of)
    ]
    columns = {
        "episode_id": pl.String,
        "operating_npi": pl.String,
        "attending_npi": pl.String,
        "readmission_cents": pl.Int64,
    }
    episodes = pl.DataFrame(rows, schema=columns, orient="row") if "readmitted" in case else None
    return SharingFacts(
        hospital="360802",
        program="team",
        amount_cents=case.get("amount"),
        target_cents=case.get("target"),
        actual_cents=case.get("actual"),
        episodes=episodes,
        fee_schedule=fees,
    )


def assert_conserved(settled: SettledArrangement) -> None:
    """Accounts net to zero, the pool to nothing, and every ledger's rows to what went through it."""
    balances = ep.alignment.account_balances(settled.entries)
    assert balances["net_cents"].sum() == 0
    assert balances.filter(account="pool")["net_cents"].to_list() in ([], [0])
    assert set(settled.ledger["reason"].drop_nulls()) <= set(REASONS)
    assert settled.ledger.filter(pl.col("paid_cents") > pl.col("cap_cents")).is_empty()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['arrangement']} {case.get('amount', '')}")
def test_case(case: dict[str, Any]) -> None:
    settled = ep.alignment.settle_arrangement(load_arrangement(case["arrangement"]), facts_of_case(case))
    assert {party: settled.paid_to(party) for party in case["paid"]} == case["paid"]
    assert {name: settled.figures[name] for name in case.get("figures", {})} == case.get("figures", {})
    assert_conserved(settled)


def test_every_packaged_arrangement_has_a_case() -> None:
    assert {case["arrangement"] for case in CASES} == set(known_arrangements())


def test_names_may_be_written_with_hyphens() -> None:
    assert load_arrangement("team-gainsharing") == load_arrangement("team_gainsharing")


def test_unknown_arrangement_lists_the_packaged_ones() -> None:
    with pytest.raises(ArgumentError, match=r"co_management.*team_gainsharing"):
        load_arrangement("gainshare")
    with pytest.raises(ArgumentError, match="no arrangement file"):
        load_arrangement("nowhere.toml")


def changed(name: str, old: str, new: str, tmp_path: Path) -> Path:
    text = (PACKAGED / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    place = tmp_path / "mine.toml"
    place.write_text(text.replace(old, new, 1), encoding="utf-8")
    return place


WRONG = {
    "a share in percent": ("value = 0.50", "value = 50", "terms.*reconciliation_share"),
    "an unknown key": ('residual]\nvalue = "keep"', 'leftover]\nvalue = "keep"', "not a name known here"),
    "an input of no kind": ('kind = "quality"', 'kind = "goodwill"', "inputs"),
    "a party twice": ('id = "9100000814"', 'id = "9100000777"', "a party is named twice"),
    "a metric that is not declared": ('gate_metrics = ["readmission"]', 'gate_metrics = ["mortality"]', "mortality"),
    "bounds the wrong way": ("stretch = 0.06", "stretch = 0.30", "do not go in its direction"),
    "no TOML": ("[terms]", "[terms", "not valid TOML"),
}


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_says_what_is_wrong(old: str, new: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=said) as error:
        load_arrangement(changed("team_gainsharing", old, new, tmp_path))
    assert "mine.toml" in str(error.value)


def test_a_contract_cap_above_the_programmes_is_held_at_the_programmes(tmp_path: Path) -> None:
    file = changed("team_gainsharing", 'program = "team"', 'program = "cjr"', tmp_path)
    file.write_text(
        file.read_text(encoding="utf-8").replace("[terms.cap_share]\nvalue = 0.50", "[terms.cap_share]\nvalue = 0.90")
    )
    case = next(case for case in CASES if case["arrangement"] == "team_gainsharing")
    settled = ep.alignment.settle_arrangement(load_arrangement(file), facts_of_case(case))
    assert settled.paid_to("9100000777") == 702_626


def test_caps_without_fee_schedule_amounts_are_an_error() -> None:
    with pytest.raises(ArgumentError, match="--claims"):
        ep.alignment.settle_arrangement(load_arrangement("team_gainsharing"), SharingFacts(amount_cents=100))


def test_an_arrangement_of_a_reconciliation_needs_one() -> None:
    with pytest.raises(ArgumentError, match="amount_cents is not"):
        ep.alignment.settle_arrangement(load_arrangement("team_gainsharing"))


def test_a_member_may_not_be_paid_twice() -> None:
    agreed = load_arrangement("team_gainsharing")
    tree = agreed.model_dump(by_alias=True)
    tree["parties"][-1]["members"][0]["id"] = "9100000777"
    case = next(case for case in CASES if case["arrangement"] == "team_gainsharing")
    with pytest.raises(ArgumentError, match="510.505"):
        ep.alignment.settle_arrangement(Arrangement.model_validate(tree), facts_of_case(case))


def test_statements_say_how_the_figure_came_about() -> None:
    case = next(case for case in CASES if case["arrangement"] == "team_gainsharing")
    agreed = load_arrangement("team_gainsharing")
    settled = ep.alignment.settle_arrangement(agreed, facts_of_case(case))
    checks = ep.alignment.check_compliance(agreed, settled)
    said = ep.alignment.statement(settled, "9100000777", checks)
    for fact in ("$7,026.26", "$72,182.36", "$39,591.18", "0.35 of 0.9", "$14,052.52", "not legal advice", "threshold"):
        assert fact in said
    group = ep.alignment.statement(settled, "691000044")
    assert "$7,005.93 go to your members" in group
    assert "Your group offers you $6,158.63" in ep.alignment.statement(settled, "9100001073")
    with pytest.raises(ArgumentError, match="Unknown party"):
        ep.alignment.statement(settled, "nobody")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['arrangement']} {case.get('amount', '')}")
def test_every_participant_gets_a_statement_with_the_amount(case: dict[str, Any]) -> None:
    settled = ep.alignment.settle_arrangement(load_arrangement(case["arrangement"]), facts_of_case(case))
    for party in ep.alignment.participants(settled):
        said = ep.alignment.statement(settled, party)
        assert dollars(abs(settled.paid_to(party))) in said.splitlines()[2]


@given(amount=st.integers(-(10**9), 10**9), fees=st.lists(st.integers(0, 10**8), min_size=7, max_size=7))
def test_any_settled_amount_is_conserved_within_caps_and_limits(amount: int, fees: list[int]) -> None:
    case = next(case for case in CASES if case["arrangement"] == "team_gainsharing")
    rows = [[npi, tin, fee] for (npi, tin, _), fee in zip(case["fees"], fees, strict=True)]
    facts = facts_of_case(case | {"amount": amount, "fees": rows})
    settled = ep.alignment.settle_arrangement(load_arrangement("team_gainsharing"), facts)
    assert_conserved(settled)
    by_npi = {npi: fee for npi, _, fee in rows}
    for npi, paid in settled.ledgers["gainsharing"].select("party", "paid_cents").iter_rows():
        assert npi not in by_npi or 2 * paid <= by_npi[npi]
    if amount < 0:
        ledger = settled.ledgers["alignment"]
        charged = ledger.filter(pl.col("party") != "residual")["paid_cents"]
        assert 2 * charged.sum() <= -amount
        assert 4 * charged.max() <= -amount
        assert ledger["paid_cents"].sum() == -amount


def test_gates_decided_in_the_file_win_over_metrics() -> None:
    agreed = load_arrangement("team_gainsharing")
    tree = agreed.model_dump(by_alias=True)
    tree["parties"][0]["gate"] = {"met": False, "decided": dt.date(2027, 6, 30)}
    case = next(case for case in CASES if case["arrangement"] == "team_gainsharing")
    settled = ep.alignment.settle_arrangement(Arrangement.model_validate(tree), facts_of_case(case))
    assert settled.paid_to("9100000777") == 0
    assert settled.gates["9100000777"] == (False, "decided 2027-06-30: not met")
