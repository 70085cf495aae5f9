"""Which lines carry payments: not the total of a claim, and none of a claim that is paid as a whole."""

from __future__ import annotations

import polars as pl

TOTAL_LINE = "total_line"
"""Why a line is netted that states the total of the others: its amounts would count twice."""
PAID_BY_CLAIM = "part_of_payment_of_claim"
"""Why the amount of a line is no payment: its claim is paid as a whole."""
SUM_OF_LINES = "sum_of_lines"
"""Why an amount of the lines is booked on the claims: the source has no payment of the claim itself."""
TOTAL_REVENUE_CENTER = "0001"
"""The revenue center of the total of a claim."""


def total_line(revenue_center: pl.Expr, hcpcs: pl.Expr) -> pl.Expr:
    """Whether a line is the total of its claim: revenue center 0001 (four digits) without a procedure code.

    With one it is a service line, for some synthetic releases put 0001 on every line.

    >>> lines = pl.DataFrame({"center": ["0001", "0001", "0360"], "code": [None, "99213", None]})
    >>> lines.select(total=total_line(pl.col("center"), pl.col("code")))["total"].to_list()
    [True, False, False]
    """
    return (revenue_center == TOTAL_REVENUE_CENTER).fill_null(False) & hcpcs.is_null()
