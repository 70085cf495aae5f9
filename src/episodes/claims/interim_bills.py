"""Stays of interim bills: inpatient claims of one admission that were billed in parts become one stay.

A hospital bills a long stay in parts: the frequency of the bill type (its last character) says 2 for the first bill, 3
for a continuing one, 4 for the last; or the patient status of all bills but the last says 30, still a patient. Two
claims are parts of one stay when

* they are inpatient claims of one person at one hospital: of the same CCN, or of the same NPI where the layout has no
  CCN;
* they have the same admission date, or neither has one; an admission date on one of them alone decides nothing, and
  they stay two claims;
* the later begins on the last day of the earlier, or on the day after, and no other claim of the admission begins
  between them;
* the earlier says that more is to come: its frequency is 2 or 3 and that of the later 3 or 4, or its status is 30.
  Where the admission date is not known, a later bill of frequency 1 or 2 (it begins with an admission) is a new stay.

A patient who is discharged and comes back to the same hospital on the same or the next day has two stays: nothing but
the dates joins them. A replacement (frequency 7) or a void (8) is a version of a claim and no part of a stay. Only
inpatient claims are joined: those of skilled nursing facilities, monthly as they are, stay claims, because their days
are prorated claim by claim.

The canonical layout, and frames handed over by the caller, are taken at their word: a row is a stay already.

Sources: Medicare Claims Processing Manual, chapter 1, section 50.2 (frequency of billing), and chapter 25, section 75
(type of bill, patient discharge status).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

from episodes.claims.claims import Claims
from episodes.claims.contract import TABLES, types_of
from episodes.claims.report import ReadingReport
from episodes.claims.versions import KEYS, NETTED_SCHEMA, netted_rows, nothing_netted

REASON = "interim_bill"
"""Why the other bills of a stay leave the table: the row of the last bill stands for them, with their amounts."""

_STILL_A_PATIENT = "30"
_MORE_TO_COME, _CONTINUES, _BEGINS_WITH_ADMISSION = ("2", "3"), ("3", "4"), ("1", "2")
_VERSIONS = ("7", "8")

_ADMISSION = ["beneficiary_id", "_hospital", "admission_date"]
"""What claims of one admission have in common."""

_TYPES = types_of(TABLES["claims"])
_AMOUNTS = [column for column in _TYPES if column.endswith("_cents")]
_STANDARDIZED = ["standardized_cents", "standardized_outlier_cents"]
_OF_THE_LAST_BILL = ["keep_inner", "keep_inner_outer"]
_MADE_OF_ALL = [
    *("from_date", "thru_date", "admission_date", "discharge_date", "process_date"),
    *("diagnoses", "present_on_admission", "procedures", "procedure_dates", "demonstration_codes"),
]
_OF_THE_LAST_THAT_SAYS = [
    column for column in _TYPES if column not in (*KEYS, *_AMOUNTS, *_OF_THE_LAST_BILL, *_MADE_OF_ALL)
]


class Stays(NamedTuple):
    """Claims and lines after the step, in their order; a stay stands where its last bill stood."""

    claims: pl.DataFrame
    lines: pl.DataFrame
    netted: pl.DataFrame
    """Every bill that is not its stay's last, against the stay, with its own payment."""
    tallies: dict[str, int]


def with_stays(claims: Claims) -> Claims:
    """Validated claims of a layout with interim bills joined into stays, and booked in their report.

    Every path that reads a delivery goes through here before anything is written, so that all give the same rows.
    """
    if claims.report.layout == "canonical":
        return claims
    stays = stays_of(claims.claims.collect(), claims.lines.collect())
    if stays.netted.is_empty():
        return claims
    _book(claims.report, stays)
    tables: dict[str, Any] = {name: claims.table(name) for name in TABLES}
    tables |= {"claims": stays.claims, "lines": stays.lines}
    validation = claims.report.validation
    joined = Claims(**tables, validate="none", report=claims.report)
    joined.report.validation = validation
    return joined


def stays_of(claims: pl.DataFrame, lines: pl.DataFrame) -> Stays:
    """Join the interim bills among canonical claims; their lines move to the stay, numbered anew in order of time.

    The stay has the claim id of the last bill, and of the last bill that has one: DRG, bill type, discharge status,
    physicians and facility. It lasts from the first day to the last and was processed when its last bill was. Amounts
    are sums; a standardized amount that one of the bills lacks is not known of the stay either. Diagnoses are those of
    the last bill, then others of the bills before it; procedures come in order of time, each once a date.

    Example:
        >>> import datetime as dt, episodes as ep
        >>> bills = pl.DataFrame({"beneficiary_id": ["a", "a"], "claim_id": ["1", "2"], "setting": ["inpatient"] * 2,
        ...     "from_date": [dt.date(2026, 1, 5), dt.date(2026, 2, 1)], "ccn": ["360001"] * 2,
        ...     "thru_date": [dt.date(2026, 1, 31), dt.date(2026, 2, 9)], "bill_type": ["112", "114"],
        ...     "paid_cents": [500_000, 200_000]})
        >>> claims = ep.Claims(claims=bills)
        >>> stays = stays_of(claims.claims.collect(), claims.lines.collect())
        >>> stays.claims.select("claim_id", "from_date", "paid_cents").row(0)
        ('2', datetime.date(2026, 1, 5), 700000)
    """
    stays = Stays(claims, lines, nothing_netted(), {})
    # A joined stay may say what its last bill left blank, such as the patient's status: the next bill may then join it.
    while not (bills := _bills(stays.claims)).is_empty():
        made = _stays(bills)
        netted = netted_rows(bills.filter(pl.col("claim_id") != pl.col("_stay")), REASON, pl.col("_stay"))
        tallies = _tallies(bills)
        stays = Stays(
            _in_place_of(stays.claims, bills, made),
            _moved(stays.lines, bills),
            pl.concat([_against_new_stay(stays.netted, bills), netted]),
            {what: stays.tallies.get(what, 0) + number for what, number in tallies.items()},
        )
    return stays


def _book(report: ReadingReport, stays: Stays) -> None:
    """The bills were counted when they came in; now their stays' rows stand for them, and hold their amounts."""
    counts = report.table("claims")
    counts.rows_out -= stays.netted.height
    counts.add_netted(REASON, stays.netted.height)
    counts.check("claims")
    held = report.netted.get("claims")
    report.netted["claims"] = stays.netted if held is None else pl.concat([held, stays.netted])
    for what, number in stays.tallies.items():
        report.tally(what, number)


# --- which claims are parts of one stay ---------------------------------------------------------------------


def _bills(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims that are parts of a stay of several bills, in order of time, with `_row`, `_stay` (its claim) and `_turn`.

    Most data has none, which a look at two columns tells.
    """
    code = pl.col("bill_type")
    frequency = pl.when(code.str.len_chars() >= 3).then(code.str.slice(-1))
    still = pl.col("discharge_status") == _STILL_A_PATIENT
    open_bill = (still | frequency.is_in(_MORE_TO_COME)).fill_null(False)
    inpatient = pl.col("setting") == "inpatient"
    if claims.lazy().select((inpatient & open_bill).any()).collect().item() is not True:
        return pl.DataFrame()
    parts = (
        claims.with_row_index("_row")
        .filter(inpatient)
        .with_columns(
            _frequency=frequency,
            _still=still.fill_null(False),
            _open=open_bill,
            _hospital=pl.coalesce(pl.concat_str(pl.lit("ccn "), "ccn"), pl.concat_str(pl.lit("npi "), "facility_npi")),
        )
        .filter(pl.col("_hospital").is_not_null(), ~pl.col("_frequency").is_in(_VERSIONS).fill_null(False))
    )
    with_open = parts.filter("_open").select(_ADMISSION).unique()
    ordered = parts.join(with_open, on=_ADMISSION, how="semi", nulls_equal=True).sort(
        *_ADMISSION, "from_date", "thru_date", "claim_id", nulls_last=False
    )
    numbered = ordered.with_columns(_number=(~_continues()).cum_sum()).filter(pl.len().over("_number") > 1)
    return numbered.with_columns(
        _stay=pl.col("claim_id").last().over("_number"),
        _turn=pl.int_range(pl.len()).over("_number"),
    )


def _continues() -> pl.Expr:
    """Whether a claim continues the one before it, in order of time."""
    same = pl.all_horizontal(pl.col(column).eq_missing(pl.col(column).shift(1)) for column in _ADMISSION)
    days_between = (pl.col("from_date") - pl.col("thru_date").shift(1)).dt.total_days()
    adjoins = days_between.is_in([0, 1])
    # Two claims of one and the same day repeat rather than continue each other.
    repeats = (pl.col("from_date") == pl.col("from_date").shift(1)) & (
        pl.col("thru_date") == pl.col("thru_date").shift(1)
    )
    by_frequency = pl.col("_frequency").shift(1).is_in(_MORE_TO_COME) & pl.col("_frequency").is_in(_CONTINUES)
    new_admission = pl.col("admission_date").is_null() & pl.col("_frequency").is_in(_BEGINS_WITH_ADMISSION)
    by_status = pl.col("_still").shift(1) & ~new_admission.fill_null(False)
    return (same & adjoins & ~repeats & (by_frequency.fill_null(False) | by_status)).fill_null(False)


# --- what becomes of them -----------------------------------------------------------------------------------


def _stays(bills: pl.DataFrame) -> pl.DataFrame:
    """One row a stay, with the columns of claims and the `_row` of its last bill."""
    # An earlier bill may call its own last day a discharge; the patient was there when the last bill began.
    ended = pl.col("discharge_date") >= pl.col("from_date").max()
    whole = bills.group_by("_number", maintain_order=True).agg(
        pl.col("_row", *KEYS, *_OF_THE_LAST_BILL).last(),
        *(pl.col(column).drop_nulls().last() for column in _OF_THE_LAST_THAT_SAYS),
        pl.col("from_date", "admission_date").min(),
        pl.col("thru_date", "process_date").max(),
        pl.col("discharge_date").filter(ended).last(),
        *(_sum_of(column) for column in _AMOUNTS),
    )
    lists = (
        _codes(bills, "diagnoses", "present_on_admission", last_bill_first=True),
        _codes(bills, "procedures", "procedure_dates"),
        _codes(bills, "demonstration_codes"),
    )
    for codes in lists:
        whole = whole.join(codes, on="_number", how="left", maintain_order="left")
    return whole.select("_row", *(pl.col(column).cast(dtype) for column, dtype in _TYPES.items()))


def _sum_of(column: str) -> pl.Expr:
    known = pl.col("standardized_cents").is_not_null().all() if column in _STANDARDIZED else True
    return pl.when((pl.col(column).count() > 0) & known).then(pl.col(column).sum()).alias(column)


def _codes(
    bills: pl.DataFrame, codes: str, beside: str | None = None, *, last_bill_first: bool = False
) -> pl.DataFrame:
    """The codes of all bills of a stay, each once, with what stands beside each in a second list.

    With `last_bill_first` the last bill's codes come as they are, and from the others what it does not have: what
    tells codes apart is the code alone. Else it is the code with what stands beside it.
    """
    columns = [codes] if beside is None else [codes, beside]
    listed = bills.select(
        *("_number", "_turn", *columns),
        _last=(pl.col("_turn") == pl.col("_turn").max().over("_number")) & pl.lit(last_bill_first),
        _place=pl.int_ranges(pl.col(codes).list.len()),
    )
    entries = listed.explode(codes, "_place").filter(pl.col("_place").is_not_null())
    if beside is not None:
        entries = entries.with_columns(pl.col(beside).list.get(pl.col("_place"), null_on_oob=True))
    alike = ["_number", codes] if last_bill_first else ["_number", *columns]
    own = entries.filter("_last")
    others = (
        entries.filter(~pl.col("_last"), pl.col(codes).is_not_null())
        .join(own, on=alike, how="anti", nulls_equal=True)
        .sort("_number", "_turn", "_place")
        .unique(subset=alike, keep="first", maintain_order=True)
    )
    together = pl.concat([own, others]).sort("_number", ~pl.col("_last"), "_turn", "_place")
    made = together.group_by("_number", maintain_order=True).agg(*columns)
    if beside is None:
        return made
    says = bills.group_by("_number", maintain_order=True).agg(_says=pl.col(beside).is_not_null().any())
    return (
        made.join(says, on="_number", how="left", maintain_order="left")
        .with_columns(pl.when("_says").then(pl.col(beside)).alias(beside))
        .drop("_says")
    )


def _in_place_of(claims: pl.DataFrame, bills: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Claims without the bills, and with each stay where its last bill stood."""
    others = claims.with_row_index("_row").join(bills.select("_row"), on="_row", how="anti", maintain_order="left")
    return pl.concat([others, made.select(others.columns)]).sort("_row").drop("_row")


def _moved(lines: pl.DataFrame, bills: pl.DataFrame) -> pl.DataFrame:
    """Lines of the bills under the claim id of their stay, numbered from 1 in order of bills and lines."""
    of_bills = bills.select(*KEYS, "_stay", "_number", "_turn")
    marked = lines.with_row_index("_line")
    moved = marked.join(of_bills, on=KEYS, how="inner")
    if moved.is_empty():
        return lines
    renumbered = moved.sort("_number", "_turn", "line_number").with_columns(
        claim_id="_stay", line_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("_number")
    )
    others = marked.join(moved.select("_line"), on="_line", how="anti", maintain_order="left")
    return pl.concat([others, renumbered.select(others.columns)]).sort("_line").drop("_line")


def _against_new_stay(netted: pl.DataFrame, bills: pl.DataFrame) -> pl.DataFrame:
    """Bills that were joined into a stay which itself became a part of another belong to that one."""
    into = bills.select("beneficiary_id", "_stay", against_claim_id="claim_id")
    return (
        netted.join(into, on=["beneficiary_id", "against_claim_id"], how="left", maintain_order="left")
        .with_columns(against_claim_id=pl.coalesce("_stay", "against_claim_id"))
        .select(NETTED_SCHEMA.keys())
    )


def _tallies(bills: pl.DataFrame) -> dict[str, int]:
    """How many stays lack an amount that some, but not all, of their bills have."""
    some = {
        column: (pl.col(column).null_count() > 0) & (pl.col(column).count() > 0)
        for column in ("standardized_cents", "allowed_cents", "paid_cents")
    }
    counts = bills.group_by("_number").agg(**some).select(pl.col(list(some)).sum()).row(0, named=True)
    return {
        "stays of interim bills without a standardized amount, which one of their bills lacks": counts[
            "standardized_cents"
        ],
        "stays of interim bills with an allowed amount that one of their bills lacks": counts["allowed_cents"],
        "stays of interim bills with a paid amount that one of their bills lacks": counts["paid_cents"],
    }
