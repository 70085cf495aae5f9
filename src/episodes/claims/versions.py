"""Versions of a claim, resolved to final action: originals, adjustments, cancellations and rows met twice.

Pure functions over frames, one step each, for any layout that delivers the history of claims. Every frame has the
columns `beneficiary_id` and `claim_id`; every function says what remains and what was netted against what. A layout
strings together the steps that its source needs and books the netted rows with `book_netted`.

A cancellation copies the claim that it cancels, so it is paired with an original or adjustment of the same amounts
among related claims, and both go. What remains is final action: mostly one claim a set of related ones, sometimes
more (two originals of one day), never a cancellation. Because a pair carries the same amount with opposite signs, the
debits less the credits of a complete history are the sum of what remains.

Source of the pairing: CMS Claim and Claim Line Feed Information Packet, sections 5.1 to 5.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from episodes.claims.report import ReadingReport

ORIGINAL, ADJUSTMENT, CANCELLATION = "original", "adjustment", "cancellation"
"""What a version is, in the column `kind`."""

KEYS = ["beneficiary_id", "claim_id"]
NETTED_SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys(("beneficiary_id", "claim_id", "reason", "against_claim_id"), pl.String()),
    "paid_cents": pl.Int64(),
}
"""Columns of a table of netted rows; `paid_cents` is what the row itself states, null where it states no payment."""

_EVER, _NEVER = date.min, date.max


class Resolved(NamedTuple):
    """What a step leaves, in its order, and the rows it netted."""

    remaining: pl.DataFrame
    netted: pl.DataFrame
    """beneficiary_id, claim_id, reason, against_claim_id (null: against nothing that was delivered)."""


def final_action(
    versions: pl.DataFrame, *, related: Sequence[str], equal: Sequence[str], delivered: str | None = None
) -> Resolved:
    """Pair cancellations with the originals and adjustments that they cancel; both go.

    Args:
        versions: one row a version, with `kind` and `processed` (date; null where not known).
        related: columns that, with the beneficiary, tell which versions belong together.
        equal: columns, such as amounts, that a cancellation has in common with what it cancels.
        delivered: column that sorts deliveries, where there are several.

    An original precedes its cancellation, whatever the dates; an adjustment must have been processed, or delivered,
    before it. One of the same moment, or of an unknown one, is cancelled only where other claims of the set were
    delivered as originals or remain: else it is the replacement that came together with the cancellation of a claim
    from before the delivery. Of several that fit, the oldest is cancelled. A cancellation that finds nothing to cancel
    changes nothing and goes: `cancellation_without_original`.

    Example:
        >>> history = pl.DataFrame({"beneficiary_id": ["a"] * 3, "claim_id": ["1", "2", "3"], "paid": [200, 200, 210],
        ...     "kind": ["original", "cancellation", "adjustment"], "processed": [date(2024, 7, 20)] * 3})
        >>> final_action(history, related=[], equal=["paid"]).remaining["claim_id"].to_list()
        ['3']
    """
    group = ["beneficiary_id", *related]
    cancelling = versions.filter(pl.col("kind") == CANCELLATION).select(group).unique()
    # Most claims are never touched again; only sets with a cancellation need a closer look.
    marked = (
        versions.with_row_index("_row")
        .join(cancelling, on=group, how="semi", nulls_equal=True, maintain_order="left")
        .with_columns(_delivered=pl.col(delivered) if delivered else pl.lit(0))
    )
    sure = _pairs(marked, [*group, *equal], strict=True)
    rest = marked.join(_rows_in(sure), on="_row", how="anti", maintain_order="left")
    likely = _without_replacements(marked, sure, _pairs(rest, [*group, *equal], strict=False), group)
    pairs = pl.concat([sure, likely])

    orphans = marked.filter(pl.col("kind") == CANCELLATION).join(_rows_in(pairs), on="_row", how="anti")
    netted = pl.concat(
        [
            _one_side(marked, pairs, "_debit", "_credit", "cancelled"),
            _one_side(marked, pairs, "_credit", "_debit", "cancellation"),
            orphans.select("_row", "kind", *_netted_columns(orphans, "cancellation_without_original")),
        ]
    ).sort("_row")
    remaining = versions.with_row_index("_row").join(netted, on="_row", how="anti", maintain_order="left").drop("_row")
    return Resolved(remaining, netted.select(*NETTED_SCHEMA, "kind"))


def without_repeated_rows(rows: pl.DataFrame, *, apart_from: Sequence[str] = ()) -> Resolved:
    """Rows met again word for word; of each the last stays. `apart_from` names columns that may differ."""
    compared = [column for column in rows.columns if column not in apart_from]
    marked = rows.with_row_index("_row")
    kept = marked.unique(subset=compared, keep="last", maintain_order=True)
    if kept.height == rows.height:
        return Resolved(rows, nothing_netted())
    again = marked.join(kept.select("_row"), on="_row", how="anti", maintain_order="left")
    return Resolved(kept.drop("_row"), netted_rows(again, "repeated_row", pl.col("claim_id")))


def latest_of(rows: pl.DataFrame, *, key: Sequence[str], order: Sequence[str], reason: str) -> Resolved:
    """One row a key: the last in the order of these columns (null first); a row with a blank in its key stays."""
    known = pl.all_horizontal(pl.col(column).is_not_null() for column in key)
    marked = rows.with_row_index("_row")
    last = (
        marked.filter(known)
        .sort(*order, "_row", nulls_last=False, maintain_order=True)
        .unique(subset=list(key), keep="last", maintain_order=True)
    )
    earlier = marked.filter(known).join(last.select("_row"), on="_row", how="anti", maintain_order="left")
    if earlier.is_empty():
        return Resolved(rows, nothing_netted())
    against = earlier.join(last.select(*key, _against="claim_id"), on=list(key), how="left", maintain_order="left")
    remaining = marked.join(earlier.select("_row"), on="_row", how="anti", maintain_order="left").drop("_row")
    return Resolved(remaining, netted_rows(against, reason, pl.col("_against")))


def with_their_claims(rows: pl.DataFrame, *, remaining: pl.DataFrame, netted: pl.DataFrame) -> Resolved:
    """Rows that belong to a claim go where it went: netted with its reason unless the claim remains."""
    left = rows.with_row_index("_row").join(remaining.select(KEYS).unique(), on=KEYS, how="anti", maintain_order="left")
    fate = netted.select(*KEYS, "reason", "against_claim_id").unique(subset=KEYS, keep="last", maintain_order=True)
    # A row takes its own amount with it, not that of its claim.
    gone = left.join(fate, on=KEYS, how="inner", maintain_order="left").with_columns(_paid_of(left))
    if gone.is_empty():
        return Resolved(rows, nothing_netted())
    stay = rows.with_row_index("_row").join(gone.select("_row"), on="_row", how="anti", maintain_order="left")
    return Resolved(stay.drop("_row"), gone.select(NETTED_SCHEMA.keys()))


def netted_rows(rows: pl.DataFrame, reason: str, against: pl.Expr | None = None) -> pl.DataFrame:
    """Rows as a table of netted rows, all with one reason."""
    return rows.select(_netted_columns(rows, reason, against))


def nothing_netted() -> pl.DataFrame:
    """An empty table of netted rows."""
    return pl.DataFrame(schema=NETTED_SCHEMA)


def book_netted(report: ReadingReport, table: str, netted: pl.DataFrame) -> None:
    """Count netted rows and their cents by reason in a canonical table, and keep what they were netted against."""
    if netted.is_empty():
        return
    plain = netted.select(NETTED_SCHEMA.keys())
    by_reason = plain.group_by("reason").agg(pl.len(), pl.col("paid_cents").cast(pl.Int128).sum())
    for reason, rows, cents in by_reason.sort("reason").iter_rows():
        report.table(table).take_up(reason, rows, int(cents or 0))
    held = report.netted.get(table)
    report.netted[table] = plain if held is None else pl.concat([held, plain])


def _netted_columns(rows: pl.DataFrame, reason: str, against: pl.Expr | None = None) -> list[pl.Expr]:
    return [
        *(pl.col(column) for column in KEYS),
        pl.lit(reason).alias("reason"),
        (pl.lit(None, dtype=pl.String) if against is None else against).alias("against_claim_id"),
        _paid_of(rows),
    ]


def _paid_of(rows: pl.DataFrame) -> pl.Expr:
    """The payment that rows state; null where they state none."""
    stated = pl.col("paid_cents") if "paid_cents" in rows.columns else pl.lit(None)
    return stated.cast(pl.Int64).alias("paid_cents")


def _pairs(rows: pl.DataFrame, alike: list[str], *, strict: bool) -> pl.DataFrame:
    """Rows that cancel each other (`_debit`, `_credit`), the first with the first, the second with the second.

    `strict` lets a cancellation come before adjustments of the same moment, and has unknown moments fit nothing.
    """
    kind = pl.col("kind")
    credit = kind == CANCELLATION
    unknown = pl.when(credit == strict).then(pl.lit(_EVER)).otherwise(pl.lit(_NEVER))
    events = rows.with_columns(
        _credit=credit,
        _moment=pl.col("processed").fill_null(unknown),
        _turn=pl.when(credit == strict).then(0).otherwise(1),
    ).sort(
        kind != ORIGINAL, "_moment", "_delivered", "_turn", "claim_id", "_row", nulls_last=False, maintain_order=True
    )
    open_debits = pl.when("_credit").then(-1).otherwise(1).cum_sum().over(alike)
    events = events.with_columns(_open=open_debits).with_columns(
        _lowest=pl.col("_open").cum_min().shift(1).over(alike).fill_null(0).clip(upper_bound=0)
    )
    # A cancellation at which more was cancelled than there was before it has nothing to cancel.
    events = events.filter(~pl.col("_credit") | (pl.col("_open") >= pl.col("_lowest")))
    numbered = events.with_columns(_number=pl.int_range(pl.len()).over([*alike, "_credit"]))
    debits = numbered.filter(~pl.col("_credit")).select(*alike, "_number", _debit="_row")
    credits = numbered.filter("_credit").select(*alike, "_number", _credit="_row")
    return debits.join(credits, on=[*alike, "_number"], how="inner", nulls_equal=True, maintain_order="left").select(
        "_debit", "_credit"
    )


def _without_replacements(
    rows: pl.DataFrame, sure: pl.DataFrame, likely: pl.DataFrame, group: list[str]
) -> pl.DataFrame:
    """Pairs of the same moment that hold: not those that would leave nothing of a set without an original."""
    if likely.is_empty():
        return likely
    cancelled = pl.concat([sure, likely]).select(_row="_debit")
    debits = rows.filter(pl.col("kind") != CANCELLATION)
    standing = pl.concat(
        [
            debits.filter(pl.col("kind") == ORIGINAL).select(group),
            debits.join(cancelled, on="_row", how="anti").select(group),
        ]
    ).unique()
    placed = likely.join(rows.select(*group, _debit="_row"), on="_debit", how="left", maintain_order="left")
    return placed.join(standing, on=group, how="semi", nulls_equal=True, maintain_order="left").select(
        "_debit", "_credit"
    )


def _rows_in(pairs: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([pairs.select(_row="_debit"), pairs.select(_row="_credit")])


def _one_side(rows: pl.DataFrame, pairs: pl.DataFrame, own: str, other: str, reason: str) -> pl.DataFrame:
    partner = rows.select(_other="_row", _against="claim_id")
    paired = rows.join(pairs.select(_row=own, _other=other), on="_row", how="inner", maintain_order="left")
    return paired.join(partner, on="_other", how="left", maintain_order="left").select(
        "_row", "kind", *_netted_columns(paired, reason, pl.col("_against"))
    )
