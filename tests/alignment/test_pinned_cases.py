"""The worked cases under cases/alignment/, through the public functions."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep

FOLDER = Path(__file__).parents[1] / "cases" / "alignment"


def cases(file: str, kind: str) -> Any:
    """The cases of a kind, as a decorator; numbers with decimals are exact."""
    listed = tomllib.loads((FOLDER / f"{file}.toml").read_text(encoding="utf-8"), parse_float=Decimal)[kind]
    return pytest.mark.parametrize("case", listed, ids=lambda case: case["name"])


def paid(ledger: pl.DataFrame) -> list[int]:
    assert ledger.columns == ["party", "offered_cents", "cap_cents", "paid_cents", "reason"]
    assert ledger["party"].to_list()[-1] == "residual"
    return ledger["paid_cents"].to_list()


@cases("gainsharing", "pool")
def test_pool(case: dict[str, Any]) -> None:
    found = ep.alignment.pool(
        reconciliation_cents=case["reconciliation"],
        internal_savings_cents=case["savings"],
        reconciliation_share=case["reconciliation_share"],
        savings_share=case["savings_share"],
    )
    assert found == case["cents"]


@cases("gainsharing", "gainshare")
def test_gainshare(case: dict[str, Any]) -> None:
    ledger = ep.alignment.gainshare(
        case["pool"],
        case["weights"],
        case.get("fees"),
        case.get("cap_share"),
        gate=case.get("gate"),
        residual=case.get("residual", "keep"),
    )
    parties = list(case["weights"])
    assert ledger["party"].to_list() == [*parties, "residual"]
    assert ledger["offered_cents"].to_list() == [*case["offered"], 0]
    assert ledger["cap_cents"].to_list() == [*case.get("caps", [None] * len(parties)), None]
    assert paid(ledger) == case["paid"]
    assert [reason or "" for reason in ledger["reason"]] == case["reasons"]


@cases("gainsharing", "group")
def test_group(case: dict[str, Any]) -> None:
    found = ep.alignment.distribute_within_group(case["payment"], case["weights"], case["billed"], case["cap_share"])
    assert paid(found) == case["paid"]


@cases("alignment_payments", "case")
def test_alignment_payments(case: dict[str, Any]) -> None:
    limits = {"single_limit": case["single"]} if "single" in case else {}
    ledger = ep.alignment.alignment_payments(case["repayment"], case["agreed"], **limits)
    assert ledger["offered_cents"].to_list()[:-1] == case["offered"]
    assert ledger["cap_cents"].to_list()[:-1] == case["caps"]
    assert paid(ledger) == case["paid"]


@cases("fees_and_scorecards", "co_management")
def test_co_management(case: dict[str, Any]) -> None:
    ledger = ep.alignment.co_management(case["fee"], case["base_share"], case["levels"], case["weights"])
    assert ledger["party"].to_list() == ["base", *case["weights"], "residual"]
    assert paid(ledger) == case["paid"]


@cases("fees_and_scorecards", "scorecard")
def test_scorecard(case: dict[str, Any]) -> None:
    ledger = ep.alignment.scorecard(case["pool"], case["weights"], case["levels"], gates=case.get("gates"))
    assert ledger["party"].to_list() == [*case["weights"], "residual"]
    assert paid(ledger) == case["paid"]


@cases("amounts", "productivity")
def test_productivity_pay(case: dict[str, Any]) -> None:
    assert ep.alignment.productivity_pay(case["wrvu"], case["tiers"]) == case["cents"]


@cases("amounts", "shared_savings")
def test_shared_savings(case: dict[str, Any]) -> None:
    options = {name: case[name] for name in ("msr", "quality_met") if name in case}
    settled = ep.alignment.shared_savings(
        case["level"], case["benchmark"], case["expenditure"], revenue_cents=case.get("revenue"), **options
    )
    assert settled.amount_cents == case["cents"]
    steps = settled.steps
    assert steps["after_cents"].to_list()[-1] == case["cents"]
    assert steps["change_cents"].sum() == case["cents"]
    assert steps["before_cents"].to_list() == [0, *steps["after_cents"].to_list()[:-1]]


@cases("amounts", "full_risk")
def test_full_risk(case: dict[str, Any]) -> None:
    found = ep.alignment.full_risk(
        premium_cents=case["premium"],
        claims_cents=case["claims"],
        reinsurance_premium_cents=case.get("reinsurance_premium", 0),
        attachment_cents=case.get("attachment"),
        coinsurance=case.get("coinsurance", 1),
        aggregate_corridors=[tuple(corridor) for corridor in case.get("corridors", [])],
    )
    assert found.amount_cents == case["cents"]


@cases("amounts", "ace")
def test_ace_bundle(case: dict[str, Any]) -> None:
    found = ep.alignment.ace_bundle(
        case["part_a"], case["part_b"], case["discount_a"], case["discount_b"], premium_cents=case.get("premium")
    )
    assert (found.bundle_cents, found.medicare_savings_cents, found.beneficiary_cents) == (
        case["bundle"],
        case["savings"],
        case["beneficiary"],
    )
