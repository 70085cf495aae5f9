"""An ExplanationOfBenefit as one flat row of text, its items as a list inside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from episodes.claims.layouts.fhir_facts import (
    amount_of,
    care_team_of,
    facts_of_claim,
    facts_of_extensions,
    first_given,
    first_of_each,
    npi_of_role,
    numbers_of_providers,
)
from episodes.claims.layouts.fhir_items import ITEM, Row, rows_of_items
from episodes.claims.layouts.fhir_json import Resource, codings, first_code, in_order, listed, part, variable_name, word
from episodes.claims.layouts.fhir_shapes import (
    CLAIM_IDS,
    CLAIM_MEANINGS,
    NOT_CLAIM_IDS,
    OTHER_CLAIM_TYPES,
    SHARED_SYSTEMS_FROM,
    Shape,
    setting_of,
    shape_of,
)

_BILL_TYPE_PARTS = ("facility_type", "facility_class", "frequency")
_TEXTS = (
    "shape",
    "last_updated",
    "content",
    "status",
    "outcome",
    "use",
    "setting",
    "shared_system",
    "other_claim_type",
    "claim_id",
    "from_date",
    "thru_date",
    "first_service",
    "last_service",
    "payment_date",
    "ccn",
    "facility_npi",
    "attending_npi",
    "operating_npi",
    "items_renumbered",
    *(meaning for meaning in CLAIM_MEANINGS if meaning not in _BILL_TYPE_PARTS),
)
CLAIM_COLUMNS: dict[str, pl.DataType] = {
    **dict.fromkeys(_TEXTS, pl.String()),
    **dict.fromkeys(("diagnoses", "present_on_admission", "procedures", "procedure_dates"), pl.List(pl.String)),
    "items": pl.List(ITEM),
}

_FACILITIES = frozenset({"inpatient", "snf", "home_health", "hospice", "outpatient"})
_NOT_BILLED_DIAGNOSES = frozenset({"admitting", "patientreasonforvisit", "externalcauseofinjury"})
_ID_PREFIX = re.compile(r"^(?:carrier|dme|hha|hospice|inpatient|outpatient|pde|snf)-")


def person_of(reference: Any) -> str | None:
    """The id of the person a reference points to, whatever server it names.

    >>> person_of({"reference": "Patient/-10000000000066"})
    '-10000000000066'
    """
    pointed = word(part(reference, "reference"))
    if pointed is None:
        return word(part(reference, "identifier", "value"))
    return pointed.removeprefix("urn:uuid:").rpartition("Patient/")[2].partition("/")[0] or None


def row_of_eob(eob: Resource) -> Row:
    """The row of an ExplanationOfBenefit: what its shape's names say, and what must be looked up by reference."""
    shape = shape_of(eob)
    said = first_of_each(facts_of_claim(eob, shape))
    fields = {meaning: first_given(said, names) for meaning, names in shape.claim.items()}
    bill_type = _bill_type(fields)
    types = dict(codings(eob.get("type"))) | dict(codings(eob.get("subType")))
    setting = setting_of(types, bill_type)
    diagnoses = _diagnoses(eob)
    procedures = in_order(eob.get("procedure"))
    type_code = fields.get("type_code") or ""
    row = {
        **{meaning: text for meaning, text in fields.items() if meaning not in _BILL_TYPE_PARTS},
        **_billed(diagnoses),
        **_providers_and_items(eob, shape, diagnoses, facility=setting in _FACILITIES),
        "shape": shape.name,
        "status": word(eob.get("status")),
        "outcome": word(eob.get("outcome")) or first_code(eob.get("outcome")),
        "use": word(eob.get("use")),
        "setting": setting,
        "shared_system": "yes" if type_code.isdigit() and int(type_code) >= SHARED_SYSTEMS_FROM else None,
        "other_claim_type": "yes" if types.get("claim_type") in OTHER_CLAIM_TYPES else None,
        "claim_id": _claim_id(eob),
        "from_date": word(part(eob, "billablePeriod", "start")),
        "thru_date": word(part(eob, "billablePeriod", "end")),
        "bill_type": bill_type,
        "low_utilization": _low_utilization(said, shape),
        "payment": amount_of(part(eob, "payment", "amount")) or fields.get("payment"),
        "payment_date": word(part(eob, "payment", "date")),
        "procedures": [_code(first_code(one.get("procedureCodeableConcept"))) for one in procedures] or None,
        "procedure_dates": _without_trailing_nulls([word(one.get("date")) for one in procedures]),
    }
    # Two deliveries of the same resource differ in nothing but the day they were last touched.
    row["content"] = hashlib.md5(repr(sorted(row.items())).encode(), usedforsecurity=False).hexdigest()
    return {
        **row,
        "resource": "ExplanationOfBenefit",
        "person": person_of(eob.get("patient")),
        "last_updated": word(part(eob, "meta", "lastUpdated")),
    }


def _providers_and_items(eob: Resource, shape: Shape, diagnoses: list[_Diagnosis], *, facility: bool) -> Row:
    contained = {f"#{one.get('id')}": one for one in listed(eob.get("contained"))}
    billing = numbers_of_providers([eob.get(name) for name in ("provider", "organization", "facility")], contained)
    team = care_team_of(eob, contained)
    code_of = {one.sequence: one.code for one in diagnoses}
    tin = None if facility else billing.get("tin")
    items = rows_of_items(eob, shape, team, code_of, tin=tin, single=not facility)
    numbers = [item["line_number"] for item in items]
    renumbered = None in numbers or len(set(numbers)) < len(numbers)
    if renumbered:
        for place, item in enumerate(items, start=1):
            item["line_number"] = str(place)
    days = [day for item in items for day in (item["service_date"], item["service_thru"]) if day]
    by_role = facility or not shape.roles_of_facilities
    return {
        "ccn": billing.get("ccn") if facility else None,
        "facility_npi": billing.get("npi") if facility else None,
        "attending_npi": npi_of_role(team, shape.attending) if by_role else None,
        "operating_npi": npi_of_role(team, shape.operating) if by_role else None,
        "items": items,
        "items_renumbered": "yes" if renumbered else None,
        "first_service": min(days, default=None),
        "last_service": max(days, default=None),
    }


def _claim_id(eob: Resource) -> str | None:
    """The payer's own id of the claim; else the id of the resource, which starts with the kind of claim."""
    by_system = {
        variable_name(word(one.get("system")) or ""): (word(one.get("value")), first_code(one.get("type")))
        for one in reversed(listed(eob.get("identifier")))
    }
    for system in CLAIM_IDS:
        if system in by_system:
            return by_system[system][0]
    unique = (value for system, (value, kind) in by_system.items() if kind == "uc" and system not in NOT_CLAIM_IDS)
    named = next(unique, None) or word(eob.get("id"))
    return _ID_PREFIX.sub("", named) if named else None


def _bill_type(fields: Mapping[str, str | None]) -> str | None:
    """Facility, class and frequency: complete in one place, or in three."""
    complete = fields.get("bill_type") or ""
    if len(complete) >= 3:
        return complete[1:] if len(complete) == 4 and complete.startswith("0") else complete
    parts = [part or "" for part in map(fields.get, _BILL_TYPE_PARTS)]
    return "".join(parts) if all(parts) else None


def _low_utilization(said: Mapping[str, str], shape: Shape) -> str | None:
    """An indicator that is there and blank says that the claim is no low-utilization claim."""
    stated = [said[name] for name in shape.claim.get("low_utilization", ()) if name in said]
    return ("true" if stated[0] == "L" else "false") if stated else None


@dataclass(frozen=True)
class _Diagnosis:
    sequence: str | None
    code: str
    types: frozenset[str]
    present: str | None


def _diagnoses(eob: Resource) -> list[_Diagnosis]:
    found = []
    for one in in_order(eob.get("diagnosis")):
        code = _code(first_code(one.get("diagnosisCodeableConcept")))
        if code is None:  # an entry of the grouping alone
            continue
        by_extension = (value for name, value in facts_of_extensions(one.get("extension")) if "poa_ind" in name)
        types = frozenset(code for kind in listed(one.get("type")) for _, code in codings(kind))
        present = next(by_extension, None) or first_code(one.get("onAdmission"))
        found.append(_Diagnosis(word(one.get("sequence")), code, types, present))
    return found


def _billed(diagnoses: list[_Diagnosis]) -> Row:
    """Codes with the principal first, and whether each was present on admission.

    Where diagnoses are typed and none is the principal, a null stands first, so that no other passes for it.
    """
    principal = [one for one in diagnoses if "principal" in one.types]
    others = [
        one
        for one in diagnoses
        if "principal" not in one.types and not (one.types and one.types <= _NOT_BILLED_DIAGNOSES)
    ]
    present: dict[str | None, str | None] = {}
    if others and not principal and any(one.types for one in diagnoses):
        present[None] = None
    for one in (*principal, *others):
        present[one.code] = present.get(one.code) or one.present
    return {
        "diagnoses": list(present) or None,
        "present_on_admission": _without_trailing_nulls(list(present.values())),
    }


def _code(code: str | None) -> str | None:
    return code.replace(".", "").upper() if code else None


def _without_trailing_nulls(values: list[str | None]) -> list[str | None] | None:
    last = max((place for place, value in enumerate(values, start=1) if value is not None), default=0)
    return values[:last] or None
