"""Items of an ExplanationOfBenefit as flat rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from episodes.claims.layouts.fhir_facts import Member, facts_of_item, first_given, first_of_each, npi_of_role
from episodes.claims.layouts.fhir_json import Resource, codings, first_code, listed, part, word
from episodes.claims.layouts.fhir_shapes import (
    LINE_MEANINGS,
    NUBC_REVENUE_CODES,
    OWN_REVENUE_CODES,
    PROCEDURE_CODES,
    Shape,
)

Row = dict[str, Any]

_TEXTS = (
    "line_number",
    "service_date",
    "service_thru",
    "hcpcs",
    "revenue_center",
    "place_of_service",
    "rendering_npi",
    "tin",
    "specialty",
    "units",
    "diagnosis",
)
_ALL_TEXTS = tuple(dict.fromkeys((*_TEXTS, *LINE_MEANINGS)))
ITEM = pl.Struct({**dict.fromkeys(_ALL_TEXTS, pl.String()), "modifiers": pl.List(pl.String)})
"""A line, all text."""


def rows_of_items(
    eob: Resource, shape: Shape, team: list[Member], code_of: Mapping[str | None, str], *, tin: str | None, single: bool
) -> list[Row]:
    """The lines of a claim.

    Args:
        eob: the resource.
        shape: its shape.
        team: its care team.
        code_of: sequence number of a diagnosis to its code.
        tin: the billing provider's, for lines that name none.
        single: where no line names anybody, the only one who could have rendered them did.
    """
    items = listed(eob.get("item"))
    rendering = {member.npi for member in team if member.npi and not member.roles.isdisjoint(shape.rendering)}
    single = single and len(rendering) == 1 and not any(_links(item.get(shape.care_team_links)) for item in items)
    return [_row(item, shape, team, team if single else [], code_of, tin) for item in items]


def _row(
    item: Resource,
    shape: Shape,
    team: list[Member],
    unnamed: list[Member],
    code_of: Mapping[str | None, str],
    tin: str | None,
) -> Row:
    said = first_of_each(facts_of_item(item, shape))
    fields = {meaning: first_given(said, names) for meaning, names in shape.line.items()}
    linked = _links(item.get(shape.care_team_links))
    members = [member for member in team if member.sequence in linked] if linked else unnamed
    specialty = next((member.specialty for member in members if member.specialty), None)
    pointed = _links(item.get(shape.diagnosis_links))
    period = item.get("servicedPeriod")
    day = word(item.get("servicedDate"))
    modifiers = [
        code for one in listed(item.get("modifier")) for system, code in codings(one) if system in PROCEDURE_CODES
    ]
    return {
        **dict.fromkeys(_ALL_TEXTS),
        **fields,
        "line_number": word(item.get("sequence")),
        "service_date": day or word(part(period, "start")),
        "service_thru": day or word(part(period, "end")),
        "hcpcs": next((code for system, code in codings(item.get(shape.service)) if system in PROCEDURE_CODES), None),
        "modifiers": modifiers or None,
        "revenue_center": _revenue_center(item),
        "place_of_service": first_code(item.get("locationCodeableConcept")),
        "rendering_npi": next(filter(None, (npi_of_role(members, role) for role in shape.rendering)), None),
        "tin": fields.get("tin") or next((member.tin for member in members if member.tin), None) or tin,
        "specialty": specialty or fields.get("specialty"),
        "units": fields.get("units") or word(part(item, "quantity", "value")),
        "diagnosis": code_of.get(pointed[0]) if pointed else None,
    }


def _links(links: Any) -> list[str]:
    return [link for link in links if isinstance(link, str)] if isinstance(links, list) else []


def _revenue_center(item: Resource) -> str | None:
    """The payer's own coding; the public one may hold something else beside it."""
    by_system = dict(reversed(codings(item.get("revenue"))))
    own = next((by_system[system] for system in OWN_REVENUE_CODES if system in by_system), None)
    return own or by_system.get(NUBC_REVENUE_CODES)
