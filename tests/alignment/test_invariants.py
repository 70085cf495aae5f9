"""What holds for every pool: sums are exact, caps are never exceeded, failed gates earn nothing; wrong numbers fail."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import episodes as ep
from episodes.alignment.ledger import REASONS
from episodes.errors import ArgumentError

CENTS = st.integers(0, 10**9)
SHARES = st.fractions(0, 1, max_denominator=1000)
PARTIES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True)


def by_party(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return PARTIES.flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, values)))


def without_residual(ledger: pl.DataFrame) -> list[dict[str, Any]]:
    return ledger.filter(pl.col("party") != "residual").to_dicts()


@given(
    amount=CENTS,
    parties=by_party(st.tuples(st.fractions(0, 5, max_denominator=50), CENTS, st.booleans())),
    cap_share=st.none() | SHARES,
    residual=st.sampled_from(["keep", "reshare"]),
)
def test_gainshare(amount: int, parties: dict[str, Any], cap_share: Fraction | None, residual: Any) -> None:
    weights = {party: weight for party, (weight, _, _) in parties.items()}
    fees = {party: fee for party, (_, fee, _) in parties.items()}
    gate = {party: met for party, (_, _, met) in parties.items()}
    ledger = ep.alignment.gainshare(amount, weights, fees, cap_share, gate=gate, residual=residual)
    assert ledger["paid_cents"].sum() == amount
    assert set(ledger["reason"].drop_nulls()) <= set(REASONS)
    for row in without_residual(ledger):
        party, share = row["party"], row["paid_cents"]
        assert 0 <= share <= row["offered_cents"]
        assert cap_share is None or share <= cap_share * fees[party]
        assert (share == 0) or (gate[party] and weights[party] > 0)
    left = ledger["paid_cents"].to_list()[-1]
    if residual == "reshare" and left:
        assert all(
            row["paid_cents"] == row["cap_cents"] or not gate[row["party"]] or weights[row["party"]] == 0
            for row in without_residual(ledger)
        )


@given(
    amount=CENTS,
    parties=by_party(st.tuples(SHARES, SHARES)),
    total=SHARES,
)
def test_alignment_payments(amount: int, parties: dict[str, Any], total: Fraction) -> None:
    agreed = {party: share for party, (share, _) in parties.items()}
    single = {party: limit for party, (_, limit) in parties.items()}
    ledger = ep.alignment.alignment_payments(amount, agreed, single_limit=single, total_limit=total)
    charged = without_residual(ledger)
    assert ledger["paid_cents"].sum() == amount
    assert sum(row["paid_cents"] for row in charged) <= total * amount
    for row in charged:
        assert 0 <= row["paid_cents"] <= min(row["offered_cents"], single[row["party"]] * amount)


@given(
    amount=CENTS,
    metrics=by_party(st.tuples(st.integers(1, 20), SHARES)),
    base_share=SHARES,
)
def test_fees_and_scorecards(amount: int, metrics: dict[str, Any], base_share: Fraction) -> None:
    whole = sum(weight for weight, _ in metrics.values())
    weights = {metric: Fraction(weight, whole) for metric, (weight, _) in metrics.items()}
    levels = {metric: level for metric, (_, level) in metrics.items()}
    earned = amount * sum(weights[metric] * levels[metric] for metric in weights)
    ledger = ep.alignment.scorecard(amount, weights, levels)
    rows = without_residual(ledger)
    assert ledger["paid_cents"].sum() == amount
    assert abs(sum(row["paid_cents"] for row in rows) - earned) <= Fraction(1, 2)
    assert all(row["paid_cents"] <= row["offered_cents"] for row in rows)
    fee = ep.alignment.co_management(amount, base_share, levels, weights)
    assert fee["paid_cents"].sum() == amount
    assert all(row["paid_cents"] <= row["offered_cents"] for row in without_residual(fee))


@given(part_a=CENTS, part_b=CENTS, discount_a=SHARES, discount_b=SHARES, premium=st.none() | CENTS)
def test_ace_bundle(part_a: int, part_b: int, discount_a: Fraction, discount_b: Fraction, premium: int | None) -> None:
    found = ep.alignment.ace_bundle(part_a, part_b, discount_a, discount_b, premium_cents=premium)
    assert found.bundle_cents + found.medicare_savings_cents == part_a + part_b
    assert 0 <= found.beneficiary_cents <= (found.medicare_savings_cents if premium is None else premium)


@given(levels=st.sampled_from("ABCDE"), benchmark=CENTS, expenditure=CENTS, revenue=st.none() | CENTS)
def test_shared_savings_stay_within_limits(levels: str, benchmark: int, expenditure: int, revenue: int | None) -> None:
    amount = ep.alignment.shared_savings(levels, benchmark, expenditure, revenue_cents=revenue).amount_cents
    assert amount <= max(0, benchmark - expenditure)
    assert amount <= Fraction(benchmark, 10) + Fraction(1, 2)
    assert amount >= (0 if levels in "AB" else -Fraction(benchmark, 25) - Fraction(1, 2))


WRONG = {
    "a cap in percent": lambda a: a.gainshare(10, {"a": 1}, {"a": 10}, 50),
    "a negative pool": lambda a: a.gainshare(-1, {"a": 1}, {"a": 10}, 0.5),
    "a pool of dollars": lambda a: a.gainshare(10.5, {"a": 1}, {"a": 10}, 0.5),
    "a cap without its amount": lambda a: a.gainshare(10, {"a": 1, "b": 1}, {"a": 10}, 0.5),
    "a gate of a stranger": lambda a: a.gainshare(10, {"a": 1}, {"a": 10}, 0.5, gate={"b": False}),
    "a gate that is no answer": lambda a: a.gainshare(10, {"a": 1}, {"a": 10}, 0.5, gate={"a": "yes"}),
    "an unknown residual": lambda a: a.gainshare(10, {"a": 1}, {"a": 10}, 0.5, residual="burn"),
    "nobody": lambda a: a.gainshare(10, {}, {}, 0.5),
    "a party called residual": lambda a: a.gainshare(10, {"residual": 1}, {"residual": 10}, 0.5),
    "a negative weight": lambda a: a.gainshare(10, {"a": -1}, {"a": 10}, 0.5),
    "a share in percent": lambda a: a.pool(
        reconciliation_cents=1, internal_savings_cents=1, reconciliation_share=50, savings_share=0
    ),
    "a repayment below zero": lambda a: a.alignment_payments(-1, {"a": 0.1}),
    "an agreed share in percent": lambda a: a.alignment_payments(1, {"a": 25}),
    "a limit of a stranger": lambda a: a.alignment_payments(1, {"a": 0.1}, single_limit={"b": 0.5}),
    "weights that miss one": lambda a: a.scorecard(10, {"a": 0.5, "b": 0.4}, {"a": 1, "b": 1}),
    "a metric without a level": lambda a: a.scorecard(10, {"a": 0.5, "b": 0.5}, {"a": 1}),
    "a level above one": lambda a: a.scorecard(10, {"a": 1}, {"a": 1.1}),
    "a gate that is no yes or no": lambda a: a.scorecard(10, {"a": 1}, {"a": 1}, gates={"g": 0.5}),
    "a metric called base": lambda a: a.co_management(10, 0.5, {"base": 1}, {"base": 1}),
    "a base share above one": lambda a: a.co_management(10, 1.5, {"a": 1}, {"a": 1}),
    "tiers out of order": lambda a: a.productivity_pay(10, [(5, 1), (0, 1)]),
    "no tiers": lambda a: a.productivity_pay(10, []),
    "negative work": lambda a: a.productivity_pay(-1, [(0, 1)]),
    "an unknown level": lambda a: a.shared_savings("F", 10, 10),
    "a minimum rate in percent": lambda a: a.shared_savings("A", 10, 10, msr=2),
    "a discount in percent": lambda a: a.ace_bundle(10, 10, 4.4, 0),
    "a member paid twice": lambda a: a.distribute_within_group(10, {"a": 1}, {"a": 10}, 0.5, {"a"}),
    "more quality than its pool": lambda a: a.employment_pay(
        productivity_cents=1, quality_pool_cents=1, quality_earned_cents=2
    ),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_errors(call: Any) -> None:
    with pytest.raises(ArgumentError):
        call(ep.alignment)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ArgumentError, match="Known: A, B, C, D, E"):
        ep.alignment.shared_savings("enhanced", 10, 10)
    with pytest.raises(ArgumentError, match="Known: keep, reshare"):
        ep.alignment.gainshare(10, {"a": 1}, None, None, residual="split")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="ace"):
        ep.alignment.sharing_limits("acme")


@pytest.mark.parametrize(
    ("program", "year", "cap"),
    [
        ("cjr", None, 0.5),
        ("cjr", "5.2", 0.5),
        ("cjr", 6, "none"),
        ("cjr", "8", "none"),
        ("bpci-advanced", "8", 0.5),
        ("ace", None, 0.25),
        ("team", 1, "none"),
        ("commercial-tjr", None, "none"),
        ("none", None, "none"),
    ],
)
def test_caps_of_programmes(program: str, year: Any, cap: Any) -> None:
    found = ep.alignment.sharing_limits(program, year).cap_share.value
    assert found == cap if isinstance(cap, str) else Fraction(found) == Fraction(str(cap))
