"""Clinically integrated networks and joint ventures: a pool by class and quality, a profit by ownership."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from episodes.alignment.ledger import LedgerRow, ledger_of, need_parties, need_sum_of_one
from episodes.alignment.terms import as_cap, parameters
from episodes.errors import ArgumentError, unknown_name
from episodes.money import Rate, round_half_up, split_by_largest_remainder
from episodes.pricing.checks import exact_in_range, whole_cents, with_columns

NETWORK_COLUMNS = ("party", "class", "quality_score", "participation", "year_share")


def network_distribution(
    pool_cents: int,
    members: pl.DataFrame,
    class_shares: Mapping[str, Rate],
    *,
    infrastructure_cents: int = 0,
    reserve_share: Rate = 0,
) -> pl.DataFrame:
    """Distribute a network's pool: less infrastructure and reserve, split by class, then by quality and participation.

    Args:
        pool_cents: what the network earned, 0 or more.
        members: party, class, quality_score (0 to 1), participation (0 to 1), year_share (part of the year as a
            member, 0 to 1), and optionally lives (attributed people; where a class has them, shares go by
            lives × quality × participation × year). No referrals, admissions or orders: there is no column for them.
        class_shares: class (such as primary_care, specialist, hospital) to its share; they sum to 1.
        infrastructure_cents: the network's cost, taken off first.
        reserve_share: part of what is left that is kept in reserve, 0 to 1.

    Returns:
        A ledger: rows `infrastructure` and `reserve`, a row a member in the members' order, and `residual`: the shares
        of classes of which nobody earned anything. paid_cents sums to the pool.

    Raises:
        ArgumentError: class shares that do not sum to 1, a member of an unknown class, a score out of range, a party
            that is repeated.

    Law: 42 CFR 411.354(d)(5)-(6): no volume or value of referrals. The distribution itself is a proposal of ours.

    Example:
        >>> import polars as pl
        >>> members = pl.DataFrame({"party": ["a", "b"], "class": ["specialist"] * 2, "quality_score": [1.0, 0.5],
        ...                         "participation": [1.0, 1.0], "year_share": [1.0, 1.0]})
        >>> network_distribution(100_000, members, {"specialist": 1}, reserve_share=0.1)["paid_cents"].to_list()
        [0, 10000, 60000, 30000, 0]
    """
    amount = whole_cents("pool_cents", pool_cents, minimum=0)
    shares = {
        name: exact_in_range(f"class_shares[{name!r}]", share, 0, 1)
        for name, share in need_parties("class_shares", class_shares).items()
    }
    need_sum_of_one("class_shares", shares)
    costs = min(whole_cents("infrastructure_cents", infrastructure_cents, minimum=0), amount)
    reserve = round_half_up(exact_in_range("reserve_share", reserve_share, 0, 1) * (amount - costs))
    by_class = dict(
        zip(shares, split_by_largest_remainder(amount - costs - reserve, list(shares.values())), strict=True)
    )
    weights = _weights(members, shares)
    paid: dict[str, int] = {}
    for name, of_class in by_class.items():
        within = {party: weight for party, (of, weight) in weights.items() if of == name and weight > 0}
        if within:
            paid |= dict(zip(within, split_by_largest_remainder(of_class, list(within.values())), strict=True))
    rows = [
        LedgerRow("infrastructure", costs, None, costs),
        LedgerRow("reserve", reserve, None, reserve),
        *(
            LedgerRow(party, paid.get(party, 0), None, paid.get(party, 0), None if party in paid else "no_weight")
            for party in weights
        ),
    ]
    return ledger_of(rows, amount, "kept")


def _weights(members: pl.DataFrame, shares: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    rows = with_columns(members, "members", NETWORK_COLUMNS, {"lives": pl.Float64})
    found: dict[str, tuple[str, Any]] = {}
    of_lives = set(rows.filter(pl.col("lives").is_not_null())["class"])
    for row in rows.iter_rows(named=True):
        party, of = str(row["party"]), str(row["class"])
        if of not in shares:
            raise ArgumentError(unknown_name("class", of, shares))
        if party in found:
            raise ArgumentError("members repeats a party. Give one row each; a part of the year goes into year_share.")
        weight = exact_in_range("quality_score", row["quality_score"], 0, 1)
        weight *= exact_in_range("participation", row["participation"], 0, 1)
        weight *= exact_in_range("year_share", row["year_share"], 0, 1)
        if of in of_lives:
            weight *= exact_in_range("lives", row["lives"] or 0, 0)
        found[party] = (of, weight)
    need_parties("members", found)
    return found


@dataclass(frozen=True)
class VentureFlag:
    """A test of an owner or of the venture: passed, failed, or not to be told for want of a figure (None)."""

    test: str
    party: str
    passed: bool | None
    status: str
    citation: str


@dataclass(frozen=True)
class JointVenture:
    """A joint venture's distribution and its flags.

    Attributes:
        ledger: a row an owner, in proportion to ownership; paid_cents sums to what is distributed.
        flags: the tests; no legal advice.
    """

    ledger: pl.DataFrame
    flags: tuple[VentureFlag, ...]


def joint_venture(profit_cents: int, owners: pl.DataFrame) -> JointVenture:
    """Distribute a joint venture's profit in proportion to ownership, and flag what safe harbours ask for.

    Args:
        profit_cents: what is distributed, 0 or more.
        owners: party, ownership (they sum to 1); and, where known: referral_source (true, false), invested_cents and
            fair_value_cents of the interest, venture_income_share (the part of the owner's medical practice income
            that comes from procedures at centers of this kind), venture_procedure_share (the part of the owner's
            procedures that are done here).

    Returns:
        `.ledger` and `.flags`: `one_third_income`, `one_third_procedures` and `fair_value` for each owner that is a
        referral source.

    Raises:
        ArgumentError: ownership that does not sum to 1, a share out of range.

    Law: 42 CFR 1001.952(r) (surgical centers: the one-third tests; return in proportion to investment).

    Example:
        >>> import polars as pl
        >>> owners = pl.DataFrame({"party": ["hospital", "surgeon"], "ownership": [0.6, 0.4],
        ...                        "referral_source": [False, True], "venture_income_share": [None, 0.2]})
        >>> venture = joint_venture(100_000, owners)
        >>> venture.ledger["paid_cents"].to_list(), [flag.passed for flag in venture.flags]
        ([60000, 40000, 0], [False, None, None])
    """
    amount = whole_cents("profit_cents", profit_cents, minimum=0)
    optional = {
        "referral_source": pl.Boolean,
        "invested_cents": pl.Int64,
        "fair_value_cents": pl.Int64,
        "venture_income_share": pl.Float64,
        "venture_procedure_share": pl.Float64,
    }
    rows = with_columns(owners, "owners", ("party", "ownership"), optional).to_dicts()
    shares = {str(row["party"]): exact_in_range("ownership", row["ownership"], 0, 1) for row in rows}
    need_parties("owners", shares)
    if len(shares) != len(rows):
        raise ArgumentError("owners repeats a party. Give one row each.")
    need_sum_of_one("ownership", shares)
    paid = split_by_largest_remainder(amount, list(shares.values()))
    ledger = ledger_of(
        [LedgerRow(party, cents, None, cents) for party, cents in zip(shares, paid, strict=True)], amount, "kept"
    )
    third = parameters().ownership_income_share
    least = as_cap(third.value)
    flags = []
    for row in rows:
        if row["referral_source"] is False:
            continue
        party = str(row["party"])
        for test, name in (
            ("one_third_income", "venture_income_share"),
            ("one_third_procedures", "venture_procedure_share"),
        ):
            known = (
                None if row[name] is None else exact_in_range(name, row[name], 0, 1) >= exact_in_range("third", least)
            )
            flags.append(VentureFlag(test, party, known, third.status, third.citation))
        invested, value = row["invested_cents"], row["fair_value_cents"]
        fair = None if invested is None or value is None else invested >= value
        flags.append(
            VentureFlag("fair_value", party, fair, third.status, "42 CFR 1001.952(r), 411.357(f): paid at fair value")
        )
    return JointVenture(ledger, tuple(flags))
