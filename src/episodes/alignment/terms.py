"""Terms: values of contracts and programmes with what supports them, and the packaged limits of programmes."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from episodes.errors import ArgumentError, unknown_name
from episodes.programs.rule import Count, Part, Share

Value = TypeVar("Value")
TermStatus = Literal["regulation", "published", "unverified", "open", "agreed"]
"""As the statuses of rules; `agreed`: the parties set it in their contract."""
ShareOrNone = Share | Literal["none"]


class Term(Part, Generic[Value]):
    """One value with its status and citation."""

    value: Value
    status: TermStatus
    citation: str
    note: str | None = None


class SharingLimits(Part):
    """What a programme allows in sharing: caps, limits of alignment payments, how often, how long records are kept."""

    cap_share: Term[ShareOrNone]
    alignment_single_limit: Term[Share]
    alignment_aco_limit: Term[Share]
    alignment_total_limit: Term[Share]
    distributions_a_year: Term[Count]
    record_years: Term[Count]


class SharedSavingsLevel(Part):
    """The terms of a level of the Shared Savings Program's BASIC track; loss terms are `none` where it is one-sided."""

    sharing_rate: Term[Share]
    gain_limit: Term[Share]
    loss_rate: Term[ShareOrNone]
    loss_limit_of_revenue: Term[ShareOrNone]
    loss_limit_of_benchmark: Term[ShareOrNone]


class AceTerms(Part):
    """What the Acute Care Episode demonstration fixes of a bundle."""

    beneficiary_share: Term[Share]


class FairMarketBands(Part):
    """Percentiles of benchmark compensation from which pay is looked at, and from which it is not defended."""

    flag_above: Term[Annotated[Decimal, Field(ge=0, le=100)]]
    stop_above: Term[Annotated[Decimal, Field(ge=0, le=100)]]


class Parameters(Part):
    """The packaged parameters (`parameters.toml`)."""

    sharing: dict[str, SharingLimits]
    sharing_as: dict[str, str]
    shared_savings_basic: dict[str, SharedSavingsLevel]
    ace: AceTerms
    fair_market_value: FairMarketBands
    meaningful_downside: Term[Share]
    ownership_income_share: Term[Share]
    fee_schedule_not_payable: Term[tuple[str, ...]]


@lru_cache(maxsize=1)
def parameters() -> Parameters:
    """The packaged parameters, each with status and citation.

    >>> parameters().sharing["cjr"].cap_share.value
    Decimal('0.50')
    """
    text = (files("episodes.alignment") / "parameters.toml").read_text(encoding="utf-8")
    return Parameters.model_validate(tomllib.loads(text, parse_float=Decimal))


def sharing_limits(program: str, performance_year: str | int | None = None) -> SharingLimits:
    """The limits of sharing that a programme sets.

    Args:
        program: a programme's id, or `none` for arrangements outside a programme.
        performance_year: as the programme writes it; CJR dropped its caps from year 6 on.

    Raises:
        ArgumentError: a programme whose limits are not packaged.

    Example:
        >>> sharing_limits("cjr", 7).cap_share.value
        'none'
    """
    known, other = parameters().sharing, parameters().sharing_as
    name = other.get(f"{program}/{performance_year}", other.get(program, program))
    if name not in known:
        raise ArgumentError(unknown_name("programme with sharing limits", name, [*known, *other]))
    return known[name]


def as_cap(value: Any) -> Decimal | None:
    """A share, or None where a term says `none`."""
    return None if value == "none" else value
