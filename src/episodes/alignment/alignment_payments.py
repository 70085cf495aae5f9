"""Alignment payments: what partners pay towards an amount that the hospital owes, within single and common limits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from episodes.alignment.ledger import LedgerRow, ledger_of, need_parties, need_same_parties
from episodes.money import Rate, round_half_up, split_by_largest_remainder
from episodes.pricing.checks import exact_in_range, whole_cents

SINGLE_LIMIT = Decimal("0.25")
TOTAL_LIMIT = Decimal("0.50")


def alignment_payments(
    repayment_cents: int,
    agreed_shares: Mapping[str, Rate],
    single_limit: Rate | Mapping[str, Rate] = SINGLE_LIMIT,
    total_limit: Rate = TOTAL_LIMIT,
) -> pl.DataFrame:
    """What each party pays towards a repayment: its agreed share, within its limit, all together within theirs.

    Args:
        repayment_cents: what the hospital owes, 0 or more; nothing is charged where nothing is owed.
        agreed_shares: party to the share of the repayment it agreed to, 0 to 1.
        single_limit: the most that one party may bear, as a share of the repayment; or party to such a share (an ACO
            has another limit), where a party that is not named has the limit of 0.25.
        total_limit: the most that all parties may bear together. Beyond it all charges are scaled down alike, with
            the largest remainder. Limits are rounded down to whole cents.

    Returns:
        A ledger: offered_cents is the agreed amount, cap_cents the single limit, paid_cents the charge; `residual` is
        what the hospital bears; paid_cents sums to the repayment.

    Raises:
        ArgumentError: an amount below zero, a share out of range, an unknown party.

    Regulation: 42 CFR 510.500(c)(12)-(13).

    Example:
        >>> alignment_payments(1_000_000, {"a": 0.4, "b": 0.1})["paid_cents"].to_list()
        [250000, 100000, 650000]
    """
    owed = whole_cents("repayment_cents", repayment_cents, minimum=0)
    shares = {
        party: exact_in_range(f"agreed_shares[{party!r}]", share, 0, 1)
        for party, share in need_parties("agreed_shares", agreed_shares).items()
    }
    limits = dict.fromkeys(shares, exact_in_range("single_limit", SINGLE_LIMIT))
    if isinstance(single_limit, Mapping):
        need_same_parties("single_limit", single_limit, shares, complete=False)
        limits |= {party: exact_in_range(f"single_limit[{party!r}]", one, 0, 1) for party, one in single_limit.items()}
    else:
        limits = dict.fromkeys(shares, exact_in_range("single_limit", single_limit, 0, 1))
    together = int(exact_in_range("total_limit", total_limit, 0, 1) * owed)
    agreed = {party: round_half_up(share * owed) for party, share in shares.items()}
    caps = {party: int(limit * owed) for party, limit in limits.items()}
    single = {party: min(agreed[party], caps[party]) for party in shares}
    charged = single
    if sum(single.values()) > together:
        within = split_by_largest_remainder(together, list(single.values()))
        charged = dict(zip(single, within, strict=True))
    rows = []
    for party in shares:
        reason = "total_limit" if charged[party] < single[party] else None
        reason = reason or ("single_limit" if single[party] < agreed[party] else None)
        rows.append(LedgerRow(party, agreed[party], caps[party], charged[party], reason))
    return ledger_of(rows, owed, "borne")
