"""What a synthetic delivery holds beside final claims: their history, and stays that are billed in parts.

Final claims are the canonical tables. Beside them come versions that a reader must net away, made from copies of some
of the block's claims, so that they have their hospital, days and codes:

* cancelled: the claim was billed once too often, and taken back when the one that stands was processed;
* earlier version: first processed with lower amounts, then replaced by the claim that stands;
* denied: first refused, nothing paid, then billed again as the claim that stands;
* repeated: the claim that stands is delivered twice, word for word;
* interim bill: a long stay is billed in two parts, the last of which has the claim id of the stay.

A claim has at most one of these. Whether it has depends on its person's number and own claims alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS
from episodes.claims.layouts.written_history import CANCELLED, DENIED, EARLIER, KEYS, REPEATED, History
from episodes.synthetic.assumptions import Versions
from episodes.synthetic.bulk_draws import BulkDraw
from episodes.synthetic.claim_book import CLAIM_NUMBERS_A_PERSON
from episodes.synthetic.draws import Stream

FIRST_NUMBER = 1900
"""Running numbers of a person's claims from here on belong to versions that do not stand, their cancellations, and
bills of a part of a stay."""
INTERIM = "interim_bill"

_MOST_A_PERSON = (CLAIM_NUMBERS_A_PERSON - FIRST_NUMBER) // 2
_FACILITIES = [*CLAIM_PAID_SETTINGS, "outpatient"]
_SAME_STAY = ["beneficiary_id", "setting", "ccn", "from_date", "thru_date"]
_CHARGES = ("charge_cents", "noncovered_charge_cents")
_SUMMED = ("allowed_cents", "paid_cents", "primary_payer_paid_cents", "standardized_cents")
_ADMISSION = ["beneficiary_id", "setting", "ccn", "admission_date"]
_WHOLE_STAY, _FIRST_BILL, _LAST_BILL = "1", "2", "4"
"""Frequency of the bill: the last character of its type."""
_STILL_A_PATIENT = "30"


class Delivery(NamedTuple):
    """What is written of some people."""

    tables: dict[str, pl.DataFrame]
    """Canonical tables, of which some stays are billed in parts."""
    history: History
    interim_bills: int
    """Bills of a first part of a stay."""

    def counts(self) -> dict[str, int]:
        """Claims beside those that stand, by kind."""
        return {**self.history.counts(), INTERIM: self.interim_bills}


def delivery_of(tables: dict[str, pl.DataFrame], seed: int, assumed: Versions) -> Delivery:
    """The claims of some people as a payer delivers them.

    Args:
        tables: canonical tables, with claim ids as `claim_book.claim_id` makes them.
        seed: of the set.
        assumed: how many claims have which history.

    Example:
        >>> from episodes.synthetic import synthesize
        >>> from episodes.synthetic.configuration import load_configuration
        >>> delivery = delivery_of(synthesize(beneficiaries=60), 1, load_configuration().versions)
        >>> all(delivery.counts().values())
        True
    """
    claims, lines = tables["claims"], tables["lines"]
    drawn = _drawn(_candidates(claims, lines), seed, assumed)
    numbered = _numbered(drawn.filter(pl.col("version").is_not_null() & (pl.col("version") != REPEATED)))
    versions, stays = numbered.filter(pl.col("version") != INTERIM), numbered.filter(version=INTERIM)
    of_versions = _versions_of_lines(versions, lines)
    history = History(
        _versions_of_claims(versions, claims, of_versions), of_versions, drawn.filter(version=REPEATED).select(KEYS)
    )
    in_bills = {"claims": _claims_in_bills(stays, claims), "lines": _lines_in_bills(stays, lines)}
    return Delivery({**tables, **in_bills}, history, stays.height)


# --- which claims -------------------------------------------------------------------------------------------


def _candidates(claims: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Every claim with what may happen to it: `_versions` (it was paid, and processed some time after its last day),
    `_denial`, `_repetition`, `_parts` (it was a stay of so many nights, of one bill).

    Of facility claims only one that is alone on its days: which of two alike claims a cancellation cancels cannot be
    told.
    """
    amounts = lines.group_by(KEYS).agg(
        _of_lines=pl.col("paid_cents").sum(),
        _negative=pl.min_horizontal("paid_cents", "allowed_cents").min() < 0,
    )
    setting = pl.col("setting").cast(pl.String)
    number = pl.col("claim_id").str.slice(1).cast(pl.Int64)
    by_line = setting.is_in(LINE_PAID_SETTINGS)
    paid = pl.when(by_line).then("_of_lines").otherwise("paid_cents").fill_null(0)
    waited = (pl.col("process_date") - pl.col("thru_date")).dt.total_days()
    joined = (
        claims.select(
            *(*KEYS, "setting", "ccn", "from_date", "thru_date", "admission_date", "process_date", "paid_cents"),
            *("bill_type", "discharge_status", "procedures"),
        )
        .join(amounts, on=KEYS, how="left", maintain_order="left")
        .with_columns(
            _person=number // CLAIM_NUMBERS_A_PERSON,
            _number=number % CLAIM_NUMBERS_A_PERSON,
            _paid=paid,
            _waited=waited.fill_null(0),
            _has_lines=pl.col("_of_lines").is_not_null(),
        )
    )
    alone = ~setting.is_in(_FACILITIES) | (pl.len().over(_SAME_STAY) == 1)
    room = pl.col("_number").max().over("_person") < FIRST_NUMBER
    early = alone & room & (pl.col("_waited") > 1) & pl.col("_has_lines")
    return joined.select(
        *(*KEYS, "_person", "_waited", "_paid"),
        _denial=early & (setting != "drug"),
        _repetition=pl.col("_has_lines"),
        _versions=early & ~pl.col("_negative").fill_null(False),
        _parts=pl.when(_is_one_bill() & room).then((pl.col("thru_date") - pl.col("from_date")).dt.total_days()),
    )


def _is_one_bill() -> pl.Expr:
    """Whether a claim is a stay that could have been billed in parts, and read back as it is."""
    return (
        (pl.col("setting").cast(pl.String) == "inpatient")
        & pl.col("bill_type").str.ends_with(_WHOLE_STAY)
        & (pl.col("discharge_status") != _STILL_A_PATIENT)
        & (pl.col("admission_date") == pl.col("from_date"))
        & pl.col("ccn").is_not_null()
        & (pl.len().over(_ADMISSION) == 1)
        # Of a procedure that is coded twice, the bills of a stay would keep one.
        & (pl.col("procedures").list.n_unique() == pl.col("procedures").list.len()).fill_null(True)
    ).fill_null(False)


def _drawn(candidates: pl.DataFrame, seed: int, assumed: Versions) -> pl.DataFrame:
    """Claims with the `version` that was drawn (null: none), the days it came earlier and its part of the amounts."""
    ordered = candidates.sort("_person", "claim_id")
    sizes = ordered.group_by("_person", maintain_order=True).len()
    marked = ordered.hstack(_draws(sizes, seed, assumed))
    enough = pl.col("_paid") >= assumed.least_paid_dollars * 100
    allowed = {
        CANCELLED: pl.col("_versions") & enough,
        EARLIER: pl.col("_versions") & enough,
        DENIED: pl.col("_denial"),
        REPEATED: pl.col("_repetition"),
    }
    version = pl.lit(None, dtype=pl.String)
    reached = 0.0
    for kind, share in assumed.shares().items():
        of_kind = pl.col("_fate").is_between(reached, reached + share, closed="left")
        version = pl.when(of_kind & allowed[kind]).then(pl.lit(kind)).otherwise(version)
        reached += share
    long = (pl.col("_parts") >= assumed.interim_from_nights).fill_null(False)
    interim = pl.when(long & pl.col("_in_bills")).then(pl.lit(INTERIM))
    return marked.select(*(*KEYS, "_person", "_waited", "_gap", "_percent"), version=pl.coalesce(version, interim))


def _draws(sizes: pl.DataFrame, seed: int, assumed: Versions) -> pl.DataFrame:
    """A row of draws for each claim, from a stream of its person's own."""
    claims = int(sizes["len"].sum())
    fates, gaps = np.empty(claims, dtype=np.float64), np.empty(claims, dtype=np.int64)
    percents, in_bills = np.empty_like(gaps), np.empty(claims, dtype=np.bool_)
    start = 0
    for person, size in sizes.iter_rows():
        draw, own = BulkDraw(seed, Stream.VERSIONS, person), slice(start, start + size)
        fates[own] = draw.fractions(size)
        gaps[own] = draw.between(assumed.earlier_days, size)
        percents[own] = draw.between(assumed.earlier_percent, size)
        in_bills[own] = draw.chances(assumed.interim_share, size)
        start += size
    return pl.DataFrame({"_fate": fates, "_gap": gaps, "_percent": percents, "_in_bills": in_bills})


def _numbered(chosen: pl.DataFrame) -> pl.DataFrame:
    """Versions with ids of their own: two numbers each, the second of their cancellation; so many fit a person."""
    place = pl.int_range(pl.len()).over("_person")
    first = pl.col("_person") * CLAIM_NUMBERS_A_PERSON + FIRST_NUMBER + 2 * pl.col("_place")
    return (
        chosen.with_columns(_place=place)
        .filter(pl.col("_place") < _MOST_A_PERSON)
        .with_columns(
            _own_id=_id(first),
            _cancellation_id=pl.when(pl.col("version").is_in([CANCELLED, EARLIER])).then(_id(first + 1)),
            # Processed before the claim that stands, and after its last day.
            _gap=pl.min_horizontal("_gap", pl.col("_waited") - 1),
        )
    )


def _id(number: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit("C"), number.cast(pl.String).str.zfill(10))


# --- what they are ------------------------------------------------------------------------------------------


def _versions_of_lines(versions: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    joined = lines.join(
        versions.select(*KEYS, "version", "_percent", "_own_id"), on=KEYS, how="inner", maintain_order="left"
    )
    # What is refused is not covered.
    noncovered = pl.when(pl.col("version") == DENIED).then("charge_cents").otherwise("noncovered_charge_cents")
    return (
        joined.with_columns(_amounts_of(joined), noncovered_charge_cents=noncovered, claim_id="_own_id")
        .select(lines.columns)
        .sort(*KEYS, "line_number")
    )


def _versions_of_claims(versions: pl.DataFrame, claims: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Amounts of a claim that is paid by line are the sums of its lines, as of the claims that stand."""
    joined = claims.join(
        versions.select(*KEYS, "version", "_percent", "_own_id", "_cancellation_id", "_gap"),
        on=KEYS,
        how="inner",
        maintain_order="left",
    )
    stands_for = pl.when(pl.col("version") == EARLIER).then("claim_id").otherwise("_own_id")
    made = joined.with_columns(
        _amounts_of(joined),
        stands_for=stands_for,
        claim_id="_own_id",
        cancellation_id="_cancellation_id",
        cancelled_on=pl.when(pl.col("_cancellation_id").is_not_null()).then("process_date"),
        process_date=pl.col("process_date") - pl.duration(days="_gap"),
    )
    sums = lines.group_by(KEYS).agg(pl.col(column).sum().alias(f"_{column}") for column in _SUMMED)
    by_line = pl.col("setting").cast(pl.String).is_in(LINE_PAID_SETTINGS)
    return (
        made.join(sums, on=KEYS, how="left", maintain_order="left")
        .with_columns(pl.when(by_line).then(f"_{column}").otherwise(column).alias(column) for column in _SUMMED)
        .select(*claims.columns, "version", "stands_for", "cancellation_id", "cancelled_on")
        .sort(KEYS)
    )


def _amounts_of(rows: pl.DataFrame) -> list[pl.Expr]:
    """Amounts of versions: of denied ones nothing, of earlier ones a part, of cancelled ones all; charges stay."""
    amounts = [column for column in rows.columns if column.endswith("_cents") and column not in _CHARGES]
    version = pl.col("version")
    return [
        pl.when((version == DENIED) & pl.col(amount).is_not_null())
        .then(0)
        .when(version == EARLIER)
        .then(pl.col(amount) * pl.col("_percent") // 100)
        .otherwise(amount)
        .alias(amount)
        for amount in amounts
    ]


# --- stays in parts -----------------------------------------------------------------------------------------


def _claims_in_bills(stays: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Claims with some stays as two bills: the first ends halfway, the patient still there, with half the amounts."""
    marked = claims.join(stays.select(*KEYS, "_own_id"), on=KEYS, how="left", maintain_order="left")
    whole, others = marked.filter(pl.col("_own_id").is_not_null()), marked.filter(pl.col("_own_id").is_null())
    amounts = [column for column in claims.columns if column.endswith("_cents")]
    halfway = pl.col("from_date") + pl.duration(days=(pl.col("thru_date") - pl.col("from_date")).dt.total_days() // 2)
    in_part = pl.col("bill_type").str.head(-1)
    first = whole.with_columns(
        *(pl.col(column) // 2 for column in amounts),
        claim_id="_own_id",
        thru_date=halfway,
        discharge_date=pl.lit(None, dtype=pl.Date),
        discharge_status=pl.lit(_STILL_A_PATIENT),
        bill_type=in_part + _FIRST_BILL,
        process_date=pl.col("process_date") - (pl.col("thru_date") - halfway),
    )
    last = whole.with_columns(
        *(pl.col(column) - pl.col(column) // 2 for column in amounts),
        from_date=halfway + pl.duration(days=1),
        bill_type=in_part + _LAST_BILL,
    )
    return pl.concat([others, first, last]).select(claims.columns).sort(KEYS)


def _lines_in_bills(stays: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Lines of these stays on the two bills, half of them on each, numbered from 1."""
    marked = lines.join(stays.select(*KEYS, "_own_id"), on=KEYS, how="left", maintain_order="left")
    number = pl.col("line_number")
    first_ones = pl.len().over(KEYS) // 2
    of_first = pl.col("_own_id").is_not_null() & (number <= first_ones)
    of_last = pl.col("_own_id").is_not_null() & (number > first_ones)
    return (
        marked.with_columns(
            claim_id=pl.when(of_first).then("_own_id").otherwise("claim_id"),
            line_number=pl.when(of_last).then(number - first_ones.cast(pl.Int32)).otherwise(number),
        )
        .select(lines.columns)
        .sort(*KEYS, "line_number")
    )
