"""Tuva medical and pharmacy claims: rows of lines become claims and lines."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from episodes.claims.casting import LAYOUT_REASONS, as_date, repeats_in
from episodes.claims.contract import CLAIM_PAID_SETTINGS
from episodes.claims.layouts.outpatient_payments import with_payments_of_claims
from episodes.claims.layouts.payable_lines import PAID_BY_CLAIM, TOTAL_LINE, total_line
from episodes.claims.layouts.tuva_settings import EQUIPMENT, PSYCHIATRY, REHABILITATION, provider_type, setting
from episodes.claims.layouts.tuva_tables import (
    AMOUNTS,
    CLAIM,
    DIAGNOSES,
    HCPCS_MODIFIERS,
    LINE,
    PERSON,
    PRESENT,
    PROCEDURE_DATES,
    PROCEDURES,
)
from episodes.claims.layouts.tuva_values import day, digits, number_text, without_trailing_zeros
from episodes.claims.layouts.values import (
    cents,
    not_an_amount,
    reasons,
    sum_of_given,
    text,
    whole_number,
    without_repeats,
)
from episodes.claims.report import ReadingReport, paid_sum

KEYS = (PERSON, CLAIM)
CLAIM_WITHOUT_LINES = "row_of_claim_without_lines"
"""Why a row that only describes its claim is netted among the lines."""
MS_DRG = "ms-drg"
SHARES = ("coinsurance_amount", "copayment_amount", "deductible_amount")
_BETWEEN = "\x1f"
"""The unit separator: stands in no code."""
PAYMENT_AMOUNTS = ("paid_amount", "allowed_amount", *SHARES)
FIRST_DAYS = ("claim_start_date", "admission_date")
LAST_DAYS = ("claim_end_date", "discharge_date", "paid_date")
DATES = (*FIRST_DAYS, *LAST_DAYS)
"""Dates of a claim that stand on each of its rows; of those that differ the first, or the last, is taken."""
COMPARED = ("claim_type", "bill_type", "drg")
"""What lines of a claim should agree on."""


class ClaimsAndLines(NamedTuple):
    """Canonical claims and lines, not yet brought to the types of the contract."""

    claims: pl.DataFrame
    lines: pl.DataFrame


def medical(given: pl.DataFrame, report: ReadingReport) -> ClaimsAndLines:
    """Claims and lines of medical claims."""
    rows = _in_order(_distinct(given.with_columns(without_trailing_zeros(AMOUNTS)), report))
    headers = _headers(_without_repeated_totals(rows, report), report)
    lines = _without_header_rows(_with_claim(rows, headers), report)
    # Lines whose claim is of no known setting are set aside with their amounts.
    paid_by_line = ~pl.col("setting").is_in(CLAIM_PAID_SETTINGS).fill_null(False)
    report.table("lines").net_cents(PAID_BY_CLAIM, paid_sum(lines.filter(~paid_by_line), cents("paid_amount")))
    canonical_lines = lines.select(
        _line_failures().alias(LAYOUT_REASONS),
        beneficiary_id=PERSON,
        claim_id=CLAIM,
        line_number="line_number",
        service_date=day("claim_line_start_date"),
        service_thru=day("claim_line_end_date"),
        hcpcs=text("hcpcs_code"),
        modifiers=_listed(HCPCS_MODIFIERS, keep_gaps=False),
        revenue_center=digits("revenue_center_code", 4),
        place_of_service=digits("place_of_service_code", 2),
        rendering_npi=number_text("rendering_npi"),
        tin=pl.coalesce(number_text("rendering_tin"), number_text("billing_tin")),
        units=text("service_unit_quantity"),
        allowed_cents=pl.when(paid_by_line).then(_allowed()),
        paid_cents=pl.when(paid_by_line).then(cents("paid_amount")),
        charge_cents=cents("charge_amount"),
    )
    report.tally(
        "outpatient lines without a date: they trigger nothing",
        lines.filter((pl.col("setting") == "outpatient") & text("claim_line_start_date").is_null()).height,
    )
    claims = _canonical_claims(headers)
    # The layout has no amounts of other payers.
    with_payers = (part.with_columns(primary_payer_paid_cents=pl.lit(0)) for part in (claims, canonical_lines))
    outpatient, all_lines = next(with_payers).filter(setting="outpatient"), next(with_payers)
    lines_paid = with_payments_of_claims(outpatient, all_lines, report)
    return ClaimsAndLines(claims, lines_paid.drop("primary_payer_paid_cents"))


def pharmacy(given: pl.DataFrame, report: ReadingReport) -> ClaimsAndLines:
    """Drug claims and their lines."""
    rows = _in_order(_distinct(given.with_columns(without_trailing_zeros(AMOUNTS)), report))
    lines = rows.select(
        *KEYS,
        "_sources_differ",
        "_repeated",
        _line_failures().alias(LAYOUT_REASONS),
        paid_date=day("paid_date"),
        line_number=text(LINE),
        service_date=day("dispensing_date"),
        units=text("quantity"),
        allowed_cents=_allowed(),
        paid_cents=cents("paid_amount"),
        charge_cents=cents("charge_amount"),
    )
    unreadable = text("paid_date").is_not_null() & as_date(pl.col("paid_date")).is_null()
    failures = {
        "duplicate_key": pl.col("_repeated").any(),
        "data_sources_differ": pl.col("_sources_differ").any(),
        "paid_date_not_a_date": unreadable.any(),
    }
    claims = lines.group_by(KEYS, maintain_order=True).agg(
        reasons(failures).first().alias(LAYOUT_REASONS),
        setting=pl.lit("drug"),
        from_date=as_date(pl.col("service_date")).min(),
        thru_date=as_date(pl.col("service_date")).max(),
        process_date=as_date(pl.col("paid_date")).max(),
        allowed_cents=_sum_or_null("allowed_cents"),
        paid_cents=_sum_or_null("paid_cents"),
    )
    bare = pl.col("line_number").is_null() & pl.col("allowed_cents").is_null() & pl.col("paid_cents").is_null()
    readable = pl.col(LAYOUT_REASONS).list.len() == 0
    services = lines.filter(~(bare & readable))
    report.table("lines").take_up(CLAIM_WITHOUT_LINES, lines.height - services.height)
    named = {PERSON: "beneficiary_id", CLAIM: "claim_id"}
    made = services.drop("_sources_differ", "_repeated", "paid_date").with_columns(service_thru="service_date")
    return ClaimsAndLines(claims.rename(named), made.rename(named))


def _distinct(given: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Rows met once, marked where they contradict each other or come from several sources under one claim."""
    named = given.with_columns(text(PERSON).alias(PERSON), text(CLAIM).alias(CLAIM), number_text(LINE).alias(LINE))
    kept, contradicting = without_repeats(named, (*KEYS, LINE))
    # What a claim is paid is the sum of its rows, so their amounts come into both tables.
    paid = cents("paid_amount")
    report.read_amounts("lines", named, paid, not_an_amount("paid_amount"))
    report.table("claims").read_amounts(paid_sum(named, paid))
    if kept.height < named.height:
        again = paid_sum(repeats_in(named), paid)
        report.table("lines").take_up("exact_duplicate", named.height - kept.height, again)
        report.table("claims").net_cents("exact_duplicate", again)
    repeated = contradicting.select(*KEYS, LINE, _repeated=pl.lit(True))
    return kept.join(repeated, on=(*KEYS, LINE), how="left", maintain_order="left").with_columns(
        pl.col("_repeated").fill_null(False),
        _sources_differ=pl.col("data_source").drop_nulls().n_unique().over(KEYS) > 1,
    )


def _without_repeated_totals(rows: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """Rows without the amounts of total lines of claims that have a payment on another row.

    Where no other row has one, the total line tells what the claim was paid.
    """
    total = _is_total()
    elsewhere = ((cents("paid_amount") != 0).fill_null(False) & ~total).any().over(KEYS)
    marked = rows.with_columns(_repeats=total & elsewhere)
    report.table("claims").net_cents(TOTAL_LINE, paid_sum(marked.filter("_repeats"), cents("paid_amount")))
    readable = {column: pl.col(column).is_null() | ~not_an_amount(column) for column in PAYMENT_AMOUNTS}
    return marked.with_columns(
        pl.when(~(pl.col("_repeats") & readable[column])).then(pl.col(column)).alias(column)
        for column in PAYMENT_AMOUNTS
    ).drop("_repeats")


def _is_total() -> pl.Expr:
    return total_line(digits("revenue_center_code", 4), text("hcpcs_code"))


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Claims in the order in which they come first, their rows by line number."""
    return (
        rows.with_row_index("_row")
        .with_columns(_first=pl.col("_row").min().over(KEYS), _number=whole_number(LINE))
        .sort("_first", "_number", "_row", nulls_last=True)
        .drop("_row", "_first", "_number")
    )


def _headers(rows: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """What the rows of a claim say of it: the first value given in the order of lines, sums of amounts."""
    stated = {
        "claim_type": text("claim_type").str.to_lowercase(),
        "bill_type": number_text("bill_type_code").str.replace(r"^0(\w{3})$", "$1"),
        "drg": _drg(),
        "discharge_status": digits("discharge_disposition_code", 2),
        "facility_npi": number_text("facility_npi"),
        "place_of_service": text("place_of_service_code"),
    }
    dated = rows.with_columns(as_date(day(name)).alias(f"_{name}") for name in DATES)
    typed = dated.with_columns(
        **{f"_{name}": value for name, value in stated.items()},
        **{f"_{name}_unreadable": text(name).is_not_null() & pl.col(f"_{name}").is_null() for name in DATES},
        **{f"_{name}_unreadable": not_an_amount(name) for name in PAYMENT_AMOUNTS},
        drg_of_medicare=_is_ms_drg(),
        _equipment=text("hcpcs_code").str.contains(EQUIPMENT),
        _rehabilitation=digits("revenue_center_code", 4).is_in(REHABILITATION),
        _psychiatry=digits("revenue_center_code", 4).is_in(PSYCHIATRY),
        _paid=cents("paid_amount"),
        _allowed=cents("allowed_amount"),
        _shared=sum_of_given(cents(column) for column in ("paid_amount", *SHARES)),
        _by_line=_allowed(),
    )
    summed = {"paid": "_paid", "allowed": "_allowed", "shared": "_shared", "by_line": "_by_line"}
    headers = typed.group_by(KEYS, maintain_order=True).agg(
        *(pl.col(f"_{name}").first(ignore_nulls=True).alias(name) for name in stated),
        *(pl.col(f"_{name}").min().alias(f"{name}_least") for name in COMPARED),
        *(pl.col(f"_{name}").max().alias(f"{name}_most") for name in COMPARED),
        *(pl.col(f"_{name}").min().alias(name) for name in FIRST_DAYS),
        *(pl.col(f"_{name}").max().alias(name) for name in LAST_DAYS),
        *(pl.col(f"_{name}_unreadable").any().alias(f"{name}_not_a_date") for name in DATES),
        *(pl.col(f"_{name}_unreadable").any().alias(f"{name}_not_an_amount") for name in PAYMENT_AMOUNTS),
        *(pl.col(column).sum().alias(name) for name, column in summed.items()),
        *(pl.col(column).count().alias(f"{name}_given") for name, column in summed.items()),
        pl.col("_repeated", "_sources_differ", "drg_of_medicare").any(),
        rehabilitation=pl.col("_rehabilitation").any(),
        psychiatry=pl.col("_psychiatry").any(),
        only_equipment=pl.col("_equipment").min(),
        rows=pl.len(),
    )
    given = {name: pl.when(pl.col(f"{name}_given") > 0).then(name) for name in summed}
    with_drg = headers.with_columns(
        *(
            pl.col(f"{name}_least").ne(pl.col(f"{name}_most")).fill_null(False).alias(f"{name}_differs")
            for name in COMPARED
        ),
        ms_drg=pl.when("drg_of_medicare").then("drg"),
        only_equipment=pl.col("only_equipment").fill_null(False),
        paid_cents=given["paid"],
        whole_allowed_cents=pl.coalesce(given["allowed"], given["shared"]),
        line_allowed_cents=given["by_line"],
    )
    _note_headers(with_drg, report)
    set_up = with_drg.with_columns(setting=setting()).with_columns(provider_type=provider_type())
    for columns, names in ((DIAGNOSES, "diagnoses"), (PROCEDURES, "procedures")):
        set_up = set_up.join(_codes_of_claims(rows, columns, names), on=KEYS, how="left", maintain_order="left")
    return set_up


def _codes_of_claims(rows: pl.DataFrame, columns: tuple[str, ...], name: str) -> pl.DataFrame:
    """Codes, with what stands beside them, of the first row of a claim that has any."""
    dated = name == "procedures"
    beside, beside_name = (PROCEDURE_DATES, "procedure_dates") if dated else (PRESENT, "present_on_admission")
    given = rows.filter(pl.any_horizontal(text(column).is_not_null() for column in columns))
    return given.unique(subset=KEYS, keep="first", maintain_order=True).select(
        *KEYS,
        # Codes are without points in the contract; some payers deliver them with one.
        _listed(columns, keep_gaps=True, drop=".").alias(name),
        _listed(beside, keep_gaps=True).alias(beside_name),
    )


def _canonical_claims(headers: pl.DataFrame) -> pl.DataFrame:
    stay = pl.col("setting").is_in(["inpatient", "snf"])
    paid_as_whole = pl.col("setting").is_in(CLAIM_PAID_SETTINGS)
    failures = {
        "claim_type_not_known": pl.col("setting").is_null(),
        "duplicate_key": pl.col("_repeated"),
        "data_sources_differ": pl.col("_sources_differ"),
        **{f"{name}_not_a_date": pl.col(f"{name}_not_a_date") for name in DATES},
        # A line that cannot be read is set aside by itself where lines are paid; here it is part of the payment.
        **{f"{name}_not_an_amount": paid_as_whole & pl.col(f"{name}_not_an_amount") for name in PAYMENT_AMOUNTS},
    }
    return headers.select(
        reasons(failures).alias(LAYOUT_REASONS),
        "setting",
        "discharge_status",
        "ms_drg",
        "facility_npi",
        "provider_type",
        "diagnoses",
        "present_on_admission",
        "procedures",
        "procedure_dates",
        "paid_cents",
        "bill_type",
        beneficiary_id=PERSON,
        claim_id=CLAIM,
        from_date="claim_start_date",
        thru_date="claim_end_date",
        admission_date=pl.when(stay).then("admission_date"),
        discharge_date=pl.when(stay).then("discharge_date"),
        allowed_cents=pl.when(paid_as_whole).then("whole_allowed_cents").otherwise("line_allowed_cents"),
        process_date="paid_date",
    )


def _with_claim(rows: pl.DataFrame, headers: pl.DataFrame) -> pl.DataFrame:
    return rows.join(headers.select(*KEYS, "setting", "rows"), on=KEYS, how="left", maintain_order="left")


def _without_header_rows(rows: pl.DataFrame, report: ReadingReport) -> pl.DataFrame:
    """The rows that are lines.

    A row without line number, procedure code and revenue center describes a claim that came without lines. Where
    lines are paid, it is the one line of its claim if it has an amount.
    """
    bare = text(LINE).is_null() & text("hcpcs_code").is_null() & text("revenue_center_code").is_null()
    amount = pl.any_horizontal(text(column).is_not_null() for column in ("paid_amount", "allowed_amount"))
    only_line = bare & amount & ~pl.col("setting").is_in(CLAIM_PAID_SETTINGS).fill_null(False) & (pl.col("rows") == 1)
    marked = rows.with_columns(
        _header=bare & (~amount | pl.col("setting").is_in(CLAIM_PAID_SETTINGS).fill_null(False)),
        line_number=pl.when(only_line).then(pl.lit("1")).otherwise(text(LINE)),
    )
    headers = marked.filter("_header")
    totals = marked.filter(~pl.col("_header") & _is_total())
    counts = report.table("lines")
    counts.take_up(CLAIM_WITHOUT_LINES, headers.height, paid_sum(headers, cents("paid_amount")))
    counts.take_up(TOTAL_LINE, totals.height, paid_sum(totals, cents("paid_amount")))
    return marked.filter(~pl.col("_header") & ~_is_total())


def _note_headers(headers: pl.DataFrame, report: ReadingReport) -> None:
    for name in COMPARED:
        report.tally(
            f"claims whose lines state several values of {name}; that of the first line counts",
            headers.filter(pl.col(f"{name}_differs")).height,
        )
    other = pl.col("drg").is_not_null() & pl.col("ms_drg").is_null()
    report.tally("claims with a DRG of another grouper than MS-DRG, kept without a DRG", headers.filter(other).height)
    report.tally(
        "institutional claims without a bill type",
        headers.filter((pl.col("claim_type") == "institutional") & pl.col("bill_type").is_null()).height,
    )


def _drg() -> pl.Expr:
    """The DRG with three digits."""
    code = number_text("drg_code").str.replace(r"^0+(\d{3})$", "$1")
    return pl.when(code.str.contains(r"^\d+$")).then(code.str.zfill(3)).otherwise(code)


def _is_ms_drg() -> pl.Expr:
    """Whether a DRG stands, whose grouper is that of Medicare or not said."""
    grouper = text("drg_code_type").str.to_lowercase()
    return text("drg_code").is_not_null() & (grouper.is_null() | (grouper == MS_DRG))


def _allowed() -> pl.Expr:
    return pl.coalesce(cents("allowed_amount"), sum_of_given(cents(column) for column in ("paid_amount", *SHARES)))


def _sum_or_null(column: str) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null().any()).then(pl.col(column).sum())


def _listed(columns: tuple[str, ...], *, keep_gaps: bool, drop: str = "") -> pl.Expr:
    """Repeated columns as a list; gaps keep their place, blanks at the end do not. Null when all are blank."""
    values = [text(column).fill_null("") if keep_gaps else text(column) for column in columns]
    # Joined and split again, which is several times faster than making a list of many columns.
    joined = pl.concat_str(values, separator=_BETWEEN, ignore_nulls=True).str.strip_chars_end(_BETWEEN)
    if drop:
        joined = joined.str.replace_all(drop, "", literal=True)
    place = pl.element()
    listed = joined.str.split(_BETWEEN)
    if keep_gaps:
        listed = listed.list.eval(pl.when(place != "").then(place))
    return pl.when(joined != "").then(listed)


def _line_failures() -> pl.Expr:
    broken = {f"{column}_not_an_amount": not_an_amount(column) for column in AMOUNTS}
    return reasons({"duplicate_key": pl.col("_repeated"), **broken})
