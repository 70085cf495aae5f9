"""Building blocks of written resources: concepts, amounts, extensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Resource = dict[str, Any]
Row = Mapping[str, Any]

VARIABLES = "https://bluebutton.cms.gov/resources/variables"
CODES = "https://bluebutton.cms.gov/resources/codesystem"
CARIN = "http://hl7.org/fhir/us/carin-bb"
HL7 = "http://terminology.hl7.org/CodeSystem"
BARE = "\x00"
"""Ends a text that is written as a number, so that an amount stays a decimal: NUL stands in no code."""

BY_REVENUE_CENTER = ("inpatient", "snf", "home_health", "hospice", "outpatient")
"""Settings of facilities, whose lines are revenue centers."""


def concept(*system_and_code: tuple[str, str | None]) -> Resource:
    """A CodeableConcept; a coding may name a system without a code, which says that the code is blank.

    >>> concept(("http://terminology.hl7.org/CodeSystem/claim-type", "pharmacy"))
    {'coding': [{'system': 'http://terminology.hl7.org/CodeSystem/claim-type', 'code': 'pharmacy'}]}
    """
    return {"coding": [without_blanks({"system": system, "code": code}) for system, code in system_and_code]}


def money(cents: int) -> Resource:
    """An amount in dollars, its value a text that is to be written bare."""
    dollars, rest = divmod(abs(cents), 100)
    return {"value": f"{'-' if cents < 0 else ''}{dollars}.{rest:02d}{BARE}", "currency": "USD"}


def without_blanks(resource: Resource) -> Resource:
    """A resource without the elements that hold nothing, which FHIR does not allow."""
    return {name: value for name, value in resource.items() if value not in (None, [], {})}


def coded_extension(url: str, code: str) -> Resource:
    """An extension that holds a code of the system of its own name."""
    return {"url": url, "valueCoding": {"system": url, "code": code}}


def variable(name: str, code: str) -> Resource:
    """A coded extension named by a variable of the claims warehouse."""
    return coded_extension(f"{VARIABLES}/{name}", code)


def share_cents(row: Row) -> int | None:
    """What is allowed and neither paid by Medicare nor by the primary payer; None where that is not known."""
    if row.get("allowed_cents") is None or row.get("paid_cents") is None:
        return None
    return int(row["allowed_cents"] - row["paid_cents"] - (row.get("primary_payer_paid_cents") or 0))
