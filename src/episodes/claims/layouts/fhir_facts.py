"""What an ExplanationOfBenefit says, by name: extensions, coded facts, amounts, and the numbers of its providers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from episodes.claims.layouts.fhir_json import Resource, codings, listed, part, variable_name, word
from episodes.claims.layouts.fhir_shapes import SPECIALTIES, Shape, number_kind

Facts = Iterator[tuple[str, str]]
"""(name, value); the value is blank where a name stands without one."""

_AMOUNT_IN_CENTS = re.compile(r"-?\d+(?:\.\d{1,2})?")
_TRAILING_ZEROS = re.compile(r"(-?\d+\.\d{2})0+")


def first_of_each(facts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name to value; of several values the first that is not blank.

    >>> first_of_each([("a", ""), ("a", "1"), ("a", "2")])
    {'a': '1'}
    """
    said: dict[str, str] = {}
    for name, value in facts:
        if not said.get(name):
            said[name] = value
    return said


def first_given(said: Mapping[str, str], names: Iterable[str]) -> str | None:
    """The value of the first of some names that has one."""
    for name in names:
        if value := said.get(name):
            return value
    return None


def facts_of_claim(eob: Resource, shape: Shape) -> Facts:
    """Everything that is said of the claim as a whole."""
    yield from codings(eob.get("type"))
    yield from facts_of_extensions(eob.get("extension"))
    yield from facts_of_extensions(part(eob, "facility", "extension"))
    yield from codings({"coding": part(eob, "meta", "tag")})
    for fact in listed(eob.get(shape.information)):
        yield from _facts_of_information(fact)
    for diagnosis in listed(eob.get("diagnosis")):
        yield from codings(diagnosis.get("packageCode"))
    for balance in listed(eob.get("benefitBalance")):
        yield from _facts_of_amounts(balance.get("financial"), "type", ("usedMoney", "allowedMoney"))
    for element in ("adjudication", "total"):
        yield from _facts_of_amounts(eob.get(element), "category", ("amount",))
    stay = eob.get("hospitalization")
    yield "admissionperiod", word(part(stay, "start")) or ""
    yield "admissionperiod_end", word(part(stay, "end")) or ""


def facts_of_item(item: Resource, shape: Shape) -> Facts:
    """Everything that is said of a line."""
    yield from _facts_of_amounts(item.get("adjudication"), "category", ("amount",))
    for entry in listed(item.get("adjudication")):
        yield from codings(entry.get("reason"))
    for holder in (item, item.get("revenue"), item.get(shape.service)):
        yield from facts_of_extensions(part(holder, "extension"))


def facts_of_extensions(extensions: Any) -> Facts:
    """What extensions say, whatever the type of their value."""
    for extension in listed(extensions):
        value = next((value for key, value in extension.items() if key.startswith("value")), None)
        if isinstance(value, dict):
            value = value.get("value") if "value" in value else value.get("code")
        yield variable_name(word(extension.get("url")) or ""), word(value) or ""


def amount_of(money: Any) -> str | None:
    """An amount as it stands, but for zeros after the cents.

    >>> amount_of({"value": "12.500", "currency": "USD"})
    '12.50'
    """
    text = word(part(money, "value"))
    if text is None or _AMOUNT_IN_CENTS.fullmatch(text):
        return text
    longer = _TRAILING_ZEROS.fullmatch(text)
    return longer.group(1) if longer else text


def _facts_of_information(fact: Resource) -> Facts:
    """A coded fact goes by the name of its category and by that of its code's system."""
    values = codings(fact.get("code"))
    period = fact.get("timingPeriod")
    value = values[0][1] if values else word(fact.get("timingDate")) or word(part(period, "start"))
    for _, category in codings(fact.get("category")):
        name = variable_name(category)
        yield name, value or ""
        if period is not None:
            yield f"{name}_end", word(part(period, "end")) or ""
    yield from values


def _facts_of_amounts(entries: Any, named_by: str, held_in: tuple[str, ...]) -> Facts:
    """A payer's own name of an amount wins over the profile's word, which stands for several of its amounts."""
    for entry in listed(entries):
        codes = [code for _, code in codings(entry.get(named_by))]
        own = next((code for code in codes if "/" in code or "_" in code), None)
        amount = next((amount for key in held_in if (amount := amount_of(entry.get(key)))), None)
        if codes and amount is not None:
            yield variable_name(own or codes[0]), amount


# --- providers ----------------------------------------------------------------------------------------------


def numbers_of_providers(references: Iterable[Any], contained: Mapping[str, Resource]) -> dict[str, str]:
    """The npi, ccn and tin of providers, named outright or contained in the resource."""
    found: dict[str, str] = {}
    for reference in references:
        pointed = contained.get(word(part(reference, "reference")) or "")
        for identifier in [*listed(part(reference, "identifier")), *listed(part(pointed, "identifier"))]:
            kind = number_kind(identifier, variable_name(word(identifier.get("system")) or ""))
            value = word(identifier.get("value"))
            if kind and value:
                found.setdefault(kind, value)
    return found


@dataclass(frozen=True)
class Member:
    """A member of the care team."""

    sequence: str | None
    roles: frozenset[str]
    npi: str | None
    tin: str | None
    specialty: str | None


def care_team_of(eob: Resource, contained: Mapping[str, Resource]) -> list[Member]:
    """The care team, in the order of the resource."""
    team = []
    for member in listed(eob.get("careTeam")):
        numbers = numbers_of_providers([member.get("provider")], contained)
        specialties = (code for system, code in codings(member.get("qualification")) if system in SPECIALTIES)
        team.append(
            Member(
                sequence=word(member.get("sequence")),
                roles=frozenset(code for _, code in codings(member.get("role"))),
                npi=numbers.get("npi"),
                tin=numbers.get("tin"),
                specialty=next(specialties, None),
            )
        )
    return team


def npi_of_role(team: Iterable[Member], role: str) -> str | None:
    """The NPI of the first member with a role."""
    return next((member.npi for member in team if role in member.roles and member.npi), None)
