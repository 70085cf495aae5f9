"""What denies a claim or a line, for every layout that says so: a code, and nothing paid."""

from __future__ import annotations

import polars as pl

from episodes.claims.layouts.values import text

DENIED = "denied"
"""Why a claim or line is netted that Medicare refused and did not pay."""
DENIED_CLAIMS_KEPT = "denied claims that carry a payment, kept"
DENIED_LINES_KEPT = "denied lines that carry a payment, kept"
"""Doubts: a code denies what was paid for. The payment is believed."""

_PAYMENT_REQUESTED = ("P", "~")
"""Reasons for non-payment that are none: payment is requested; blank, as some servers write it."""
_PAID_OR_LIMITED = (*"123456789", *(f"0{n}" for n in range(1, 10)), "A", "B")
"""Payment denial codes of carrier claims that say who was paid or is liable; every other code is a denial."""
_ALLOWED = ("A", "R", "S")
"""Processing indicators of lines that were allowed: as billed, reprocessed, or as secondary payer."""


def facility_denied(non_payment_reason: str) -> pl.Expr:
    """Whether a facility claim has a reason for non-payment.

    >>> claims = pl.DataFrame({"reason": ["N", "P", None]})
    >>> claims.select(facility_denied("reason"))["reason"].to_list()
    [True, False, False]
    """
    return (~text(non_payment_reason).is_in(_PAYMENT_REQUESTED)).fill_null(False)


def carrier_denied(payment_denial: str) -> pl.Expr:
    """Whether a professional or equipment claim has a code of denial."""
    return (~text(payment_denial).is_in(_PAID_OR_LIMITED)).fill_null(False)


def line_denied(processing_indicator: str) -> pl.Expr:
    """Whether a professional or equipment line has an indicator that says it was not allowed."""
    return (~text(processing_indicator).is_in(_ALLOWED)).fill_null(False)
