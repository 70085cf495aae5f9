"""Gainsharing: the pool, offers by weight, caps by fee-schedule amount, what caps leave over, and groups' members."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

import polars as pl

from episodes.alignment.ledger import RESIDUAL, LedgerRow, ledger_of, need_parties, need_same_parties
from episodes.errors import ArgumentError, unknown_name
from episodes.money import Rate, round_half_up, split_by_largest_remainder
from episodes.pricing.checks import exact_in_range, whole_cents, with_columns

Residual = Literal["keep", "reshare"]


def pool(
    *, reconciliation_cents: int, internal_savings_cents: int, reconciliation_share: Rate, savings_share: Rate
) -> int:
    """The pool that gainsharing divides: shares of the reconciliation payment and of measured internal savings.

    Args:
        reconciliation_cents: the settled amount; owed amounts (minus) put nothing into the pool, see
            `alignment_payments` for them.
        internal_savings_cents: measured savings of the hospital itself, see `internal_savings`; a loss puts nothing
            into the pool and takes nothing out of it.
        reconciliation_share, savings_share: the parts that are shared, 0 to 1.

    Returns:
        Cents, rounded half up once.

    Raises:
        ArgumentError: a share out of range, an amount that is no whole number.

    Regulation: 42 CFR 510.500(c)(3), (6): no more than the reconciliation payment is shared from it.

    Example:
        >>> pool(reconciliation_cents=100_000, internal_savings_cents=50_000, reconciliation_share=0.5, savings_share=1)
        100000
    """
    reconciliation = whole_cents("reconciliation_cents", reconciliation_cents)
    savings = whole_cents("internal_savings_cents", internal_savings_cents)
    of_reconciliation = exact_in_range("reconciliation_share", reconciliation_share, 0, 1)
    of_savings = exact_in_range("savings_share", savings_share, 0, 1)
    return round_half_up(of_reconciliation * max(0, reconciliation) + of_savings * max(0, savings))


def internal_savings(items: pl.DataFrame) -> int:
    """Measured internal cost savings: lower unit costs times volume; an item or case that cost more counts as zero.

    Args:
        items: item, baseline_unit_cost_cents, actual_unit_cost_cents, volume; one row an item (implant, drug) or
            case, the hospital's own actual costs.

    Returns:
        Cents, 0 or more.

    Raises:
        ContractError, ArgumentError: a column is missing, or a figure is no whole number of 0 or more.

    Regulation: 42 CFR 510.500(c)(3): actual, measured savings by generally accepted accounting; nothing on paper.
    The floor of zero by row is a reading of ours.

    Example:
        >>> import polars as pl
        >>> implants = pl.DataFrame({"item": ["knee", "hip"], "baseline_unit_cost_cents": [500_000, 400_000],
        ...                          "actual_unit_cost_cents": [450_000, 410_000], "volume": [10, 10]})
        >>> internal_savings(implants)
        500000
    """
    columns = ("baseline_unit_cost_cents", "actual_unit_cost_cents", "volume")
    total = 0
    for figures in with_columns(items, "items", ("item", *columns)).select(columns).iter_rows():
        checked = (whole_cents(name, figure, minimum=0) for name, figure in zip(columns, figures, strict=True))
        baseline, actual, volume = checked
        total += max(0, baseline - actual) * volume
    return total


def gainshare(
    pool_cents: int,
    weights: Mapping[str, Rate],
    fee_schedule_cents: Mapping[str, int] | None,
    cap_share: Rate | None,
    gate: Mapping[str, bool] | None = None,
    residual: Residual = "keep",
) -> pl.DataFrame:
    """Divide a gainsharing pool among parties by weights, within caps.

    Args:
        pool_cents: 0 or more.
        weights: party to weight, 0 or more, set before the year; they need not sum to 1.
        fee_schedule_cents: party to the fee-schedule amount of its services in episodes of the year; needed for
            every party where there is a cap.
        cap_share: the cap as a share of that amount, 0 to 1; None: no cap. A cap is rounded down.
        gate: party to whether its quality gate was met; a party that is not named has none. A failed gate's weight
            drops out before shares are formed.
        residual: `keep`: what caps leave over stays with the hospital; `reshare`: it is offered to those with room, by
            weight, until nobody has any.

    Returns:
        A ledger: party, offered_cents (all passes together), cap_cents (null: none), paid_cents, reason (a code of
        `ledger.REASONS`; null: paid as offered). Its last row, `residual`, holds what nobody takes; paid_cents sums
        to the pool.

    Raises:
        ArgumentError: numbers out of range, a party without the amount its cap needs, an unknown party or choice.

    Regulation: 42 CFR 510.500(c)(4), (5), (7); BPCI Advanced and ACE cap likewise (`sharing_limits`).

    Example:
        >>> shared = gainshare(100_000, {"a": 3, "b": 1}, {"a": 100_000, "b": 100_000}, 0.5)
        >>> shared.select("party", "offered_cents", "paid_cents").rows()
        [('a', 75000, 50000), ('b', 25000, 25000), ('residual', 0, 25000)]
    """
    amount = whole_cents("pool_cents", pool_cents, minimum=0)
    wanted = {
        party: exact_in_range(f"weights[{party!r}]", weight, 0)
        for party, weight in need_parties("weights", weights).items()
    }
    if residual not in ("keep", "reshare"):
        raise ArgumentError(unknown_name("treatment of the residual", str(residual), ("keep", "reshare")))
    failed = _failed_gates(gate, wanted)
    caps = _caps(wanted, fee_schedule_cents, cap_share)
    active = {party: weight for party, weight in wanted.items() if weight > 0 and party not in failed}
    first = _by_weight(amount, active)
    offered = dict.fromkeys(wanted, 0) | first
    paid = {party: _within(offered[party], caps[party]) for party in wanted}
    reshared: set[str] = set()
    while residual == "reshare" and (left := amount - sum(paid.values())):
        with_room = {party: weight for party, weight in active.items() if _room(paid[party], caps[party])}
        if not with_room:
            break
        for party, more in _by_weight(left, with_room).items():
            offered[party] += more
            now = _within(paid[party] + more, caps[party])
            reshared |= {party} if now > paid[party] else set()
            paid[party] = now
    rows = []
    for party, weight in wanted.items():
        reason = _reason(party in failed, weight == 0, paid[party] < offered[party], party in reshared)
        rows.append(LedgerRow(party, offered[party], caps[party], paid[party], reason))
    return ledger_of(rows, amount, "kept")


def distribute_within_group(
    payment_cents: int,
    weights: Mapping[str, Rate],
    billed_cents: Mapping[str, int] | None,
    cap_share: Rate | None,
    direct_agreements: frozenset[str] | set[str] = frozenset(),
) -> pl.DataFrame:
    """Distribute a group's gainsharing payment among its members, each within its own cap.

    Args:
        payment_cents: what the group was paid; its members together get no more.
        weights: member to weight.
        billed_cents: member to what the group billed for the member's services in episodes of the year.
        cap_share: as in `gainshare`.
        direct_agreements: members with a sharing arrangement of their own with the hospital; none may have one.

    Returns:
        A ledger; `residual` is what the group keeps.

    Raises:
        ArgumentError: a member is also paid directly, or as `gainshare`.

    Regulation: 42 CFR 510.505 (distribution arrangements).

    Example:
        >>> distribute_within_group(30_000, {"a": 1, "b": 1}, {"a": 20_000, "b": 90_000}, 0.5)["paid_cents"].to_list()
        [10000, 15000, 5000]
    """
    twice = [member for member in weights if member in direct_agreements]
    if twice:
        raise ArgumentError(
            f"{len(twice)} of the members have a sharing arrangement of their own with the hospital, so they may not "
            f"be paid through the group too: {', '.join(twice)}. Leave them out of one of the two (42 CFR 510.505)."
        )
    return gainshare(payment_cents, weights, billed_cents, cap_share)


def recoup(earlier: pl.DataFrame, corrected: pl.DataFrame) -> pl.DataFrame:
    """What is recouped where a payment turns out to have rested on too much: a base that was overpaid, a true-up.

    Args:
        earlier: the ledger that was paid. corrected: the ledger as it should have been.

    Returns:
        party, paid_cents, corrected_cents, recouped_cents (what the party returns, 0 or more), further_cents (what it
        was paid too little; whether that is paid is for the agreement, which distributes once a year). The row
        `residual` is left out.

    Regulation: 42 CFR 510.500(c): a gainsharing payment is recouped where it rested on an overpayment.

    Example:
        >>> paid = gainshare(100, {"a": 1, "b": 1}, None, None)
        >>> recoup(paid, gainshare(60, {"a": 1, "b": 1}, None, None))["recouped_cents"].to_list()
        [20, 20]
    """
    named = [
        with_columns(ledger, "ledger", ("party", "paid_cents"))
        .filter(pl.col("party") != RESIDUAL)
        .select("party", pl.col("paid_cents").alias(name))
        for ledger, name in ((earlier, "paid_cents"), (corrected, "corrected_cents"))
    ]
    both = named[0].join(named[1], on="party", how="full", coalesce=True, maintain_order="left_right")
    difference = pl.col("paid_cents") - pl.col("corrected_cents")
    return both.with_columns(pl.col("paid_cents", "corrected_cents").fill_null(0)).with_columns(
        recouped_cents=difference.clip(lower_bound=0), further_cents=(-difference).clip(lower_bound=0)
    )


def _failed_gates(gate: Mapping[str, bool] | None, wanted: Mapping[str, Fraction]) -> set[str]:
    if gate is None:
        return set()
    need_same_parties("gate", gate, wanted, complete=False)
    wrong = [party for party, met in gate.items() if met not in (True, False)]
    if wrong:
        raise ArgumentError(f"gate says true or false for each party; it does not for {', '.join(wrong)}.")
    return {party for party, met in gate.items() if not met}


def _caps(
    wanted: Mapping[str, Fraction], fee_schedule_cents: Mapping[str, int] | None, cap_share: Rate | None
) -> dict[str, int | None]:
    if cap_share is None:
        return dict.fromkeys(wanted)
    share = exact_in_range("cap_share", cap_share, 0, 1)
    amounts = fee_schedule_cents or {}
    missing = [party for party in wanted if party not in amounts]
    if missing:
        raise ArgumentError(
            f"fee_schedule_cents lacks {', '.join(missing)}: a cap is a share of it. Give an amount for every party "
            "(0: none), or cap_share=None where there is no cap."
        )
    return {
        party: int(share * whole_cents(f"fee_schedule_cents[{party!r}]", amounts[party], minimum=0)) for party in wanted
    }


def _by_weight(amount: int, weights: Mapping[str, Fraction]) -> dict[str, int]:
    if not weights:
        return {}
    return dict(zip(weights, split_by_largest_remainder(amount, list(weights.values())), strict=True))


def _within(amount: int, cap: int | None) -> int:
    return amount if cap is None else min(amount, cap)


def _room(paid: int, cap: int | None) -> bool:
    return cap is None or paid < cap


def _reason(failed: bool, weightless: bool, held: bool, reshared: bool) -> str | None:
    named = {"quality_gate": failed, "no_weight": weightless, "cap": held, "reshare": reshared}
    return next((reason for reason, holds in named.items() if holds), None)
