"""Ledgers: what each party was offered, held at and paid, and who paid it to whom; both conserve every cent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.alignment.terms import Term
from episodes.errors import ArgumentError, BalanceError, count_of

RESIDUAL = "residual"
"""The party of the row that holds what nobody takes."""
POOL = "pool"
"""The account that an arrangement's money passes through."""

LEDGER_SCHEMA = {
    "party": pl.String,
    "offered_cents": pl.Int64,
    "cap_cents": pl.Int64,
    "paid_cents": pl.Int64,
    "reason": pl.String,
}

ENTRY_SCHEMA = {
    "order": pl.Int32,
    "from_party": pl.String,
    "to_party": pl.String,
    "amount_cents": pl.Int64,
    "rule": pl.String,
    "basis": pl.String,
    "status": pl.String,
    "citation": pl.String,
}

REASONS = {
    "cap": "held at the cap; what is beyond it goes on or stays with the hospital",
    "reshare": "took part in what the caps of others left over",
    "quality_gate": "the quality gate was not met: the weight dropped out before shares were formed",
    "no_weight": "the weight is zero",
    "single_limit": "held at the limit for one party",
    "total_limit": "scaled down so that all parties stay within their common limit",
    "level": "the level that was reached earns only a part",
    "not_reached": "the threshold was not reached",
    "gate_closed": "a gate of the scorecard is closed: no part of it is earned",
    "kept": "left over by caps and gates",
    "unearned": "incentive that was not earned",
    "borne": "borne by the hospital itself",
}
"""Reason codes of ledgers, and what they mean; null: paid as offered."""


@dataclass(frozen=True)
class LedgerRow:
    """What one party was offered and paid."""

    party: str
    offered_cents: int
    cap_cents: int | None
    paid_cents: int
    reason: str | None = None

    def as_row(self) -> tuple[Any, ...]:
        """The values in the order of `LEDGER_SCHEMA`."""
        return tuple(getattr(self, name) for name in LEDGER_SCHEMA)


def ledger_of(rows: Sequence[LedgerRow], pool_cents: int, residual_reason: str) -> pl.DataFrame:
    """A ledger: the rows, and a last one, `residual`, with what is left of the pool (0 where nothing is).

    Raises:
        BalanceError: the rows pay more than the pool, less than nothing, or more than a cap.
    """
    left = pool_cents - sum(row.paid_cents for row in rows)
    broken = [
        row for row in rows if row.paid_cents < 0 or (row.cap_cents is not None and row.paid_cents > row.cap_cents)
    ]
    if left < 0 or broken:
        raise BalanceError(
            "A ledger pays more than its pool or a cap holds. Please report it: this is a fault of ours."
        )
    residual = LedgerRow(RESIDUAL, 0, None, left, residual_reason if left else None)
    return pl.DataFrame([row.as_row() for row in (*rows, residual)], schema=LEDGER_SCHEMA, orient="row")


def need_parties(name: str, given: Any) -> Mapping[str, Any]:
    """The argument as a mapping from party (or metric) to number, none of them called `residual`.

    Raises:
        ArgumentError: not a mapping, empty, or with names that cannot be used.
    """
    if not isinstance(given, Mapping) or not given:
        raise ArgumentError(f"{name} is a mapping from name to number with at least one name, such as {{'a': 0.5}}.")
    wrong = [party for party in given if not isinstance(party, str) or party in ("", RESIDUAL, POOL)]
    if wrong:
        raise ArgumentError(
            f"{name} has {count_of(len(wrong), 'name')} that cannot be used: names are text, and {RESIDUAL!r} and "
            f"{POOL!r} have a meaning of their own in ledgers."
        )
    return given


def need_same_parties(name: str, given: Mapping[str, Any], known: Iterable[str], *, complete: bool = True) -> None:
    """The argument names no party beyond the known ones and, if `complete`, all of them."""
    names = list(known)
    strange = [party for party in given if party not in names]
    missing = [party for party in names if party not in given] if complete else []
    if strange or missing:
        said = f"names {', '.join(map(repr, strange))}, which no weight has" if strange else ""
        lacks = f"lacks {', '.join(map(repr, missing))}" if missing else ""
        raise ArgumentError(
            f"{name} {' and '.join(part for part in (said, lacks) if part)}. Known: {', '.join(names)}."
        )


def need_sum_of_one(name: str, shares: Mapping[str, Fraction]) -> None:
    """The shares sum to 1; shares given as floats (thirds, say) may miss it by a billionth."""
    total = sum(shares.values(), start=Fraction(0))
    if abs(total - 1) > Fraction(1, 10**9):
        raise ArgumentError(f"{name} sum to {float(total):g}, not to 1. Shares are fractions: 0.3, not 30.")


@dataclass
class Journal:
    """Entries of an arrangement in the order in which they are made: from, to, amount, rule, basis."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def move(self, source: str, target: str, amount_cents: int, rule: str, term: Term[Any], basis: str) -> None:
        """Move an amount from one account to another; a zero moves nothing and is left out."""
        if amount_cents < 0:
            raise BalanceError("An entry moves a negative amount. Please report it: this is a fault of ours.")
        if amount_cents:
            order = len(self.rows) + 1
            self.rows.append((order, source, target, amount_cents, rule, basis, term.status, term.citation))

    @property
    def entries(self) -> pl.DataFrame:
        """The entries as a frame; every account in between, the pool above all, comes out at zero.

        Raises:
            BalanceError: the pool does not.
        """
        frame = pl.DataFrame(self.rows, schema=ENTRY_SCHEMA, orient="row")
        left = account_balances(frame).filter(account=POOL)["net_cents"].to_list()
        if left not in ([], [0]):
            raise BalanceError("The entries leave money in the pool. Please report it: this is a fault of ours.")
        return frame


def account_balances(entries: pl.DataFrame) -> pl.DataFrame:
    """What came into and went out of each account: account, in_cents, out_cents, net_cents; net sums to zero.

    Example:
        >>> import polars as pl
        >>> entries = pl.DataFrame({"from_party": ["hospital"], "to_party": ["pool"], "amount_cents": [5]})
        >>> account_balances(entries).select("account", "net_cents").rows()
        [('hospital', -5), ('pool', 5)]
    """
    moved = pl.concat(
        [
            entries.select(account="from_party", in_cents=pl.lit(0, pl.Int64), out_cents="amount_cents"),
            entries.select(account="to_party", in_cents="amount_cents", out_cents=pl.lit(0, pl.Int64)),
        ]
    )
    summed = moved.group_by("account").agg(pl.col("in_cents", "out_cents").sum()).sort("account")
    return summed.with_columns(net_cents=pl.col("in_cents") - pl.col("out_cents"))
