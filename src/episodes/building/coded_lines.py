"""Lines and their claims as arrays for the compiled loop, with the dictionaries that their codes point to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from episodes.building.arrays import Array, LineClaims, Lines, frozen
from episodes.building.codes import Codes
from episodes.building.context import Context
from episodes.building.line_rules import FAR, mark_days, related_codes
from episodes.claims.contract import SETTINGS

PARTIES = ("rendering", "operating", "attending", "ccn")


@dataclass(frozen=True)
class CodedLines:
    """Lines and their claims as arrays.

    Attributes:
        lines, claims: the arrays.
        claim_ordinals: the ordinal of each coded claim, ascending.
        codes: dictionaries by column of `line_rules.DICTIONARIES`.
        parties: dictionaries of rendering, operating, attending physicians and of facilities.
    """

    lines: Lines
    claims: LineClaims
    claim_ordinals: Array
    codes: Mapping[str, pl.Series]
    parties: Mapping[str, pl.Series]


def setting_numbers(settings: pl.Series) -> Array:
    """Settings by their number, the order of the contract."""
    numbers = settings.cast(pl.String).replace_strict(list(SETTINGS), list(range(len(SETTINGS))), return_dtype=pl.Int8)
    return numbers.to_numpy().astype(np.int8)


def looks_at_diagnoses(context: Context) -> bool:
    """Whether some rule for services looks at the diagnoses of claims."""
    services = context.program.rules.construction.services
    return services.related_diagnoses is not None or bool(services.marks)


def facts_of_diagnoses(codes: Codes, context: Context) -> tuple[Array, Array, Array]:
    """By claim: whether its first diagnosis is related, whether any is, from which day on its services are marked."""
    services = context.program.rules.construction.services
    size = codes.array("claims.setting").size
    related, related_any = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    marks = np.full((len(services.marks), size), FAR, np.int64)
    if looks_at_diagnoses(context):
        offsets, places = codes.array("claims.diagnoses.offsets"), codes.array("claims.diagnoses.elements")
        dictionary = codes.dictionary("claims.diagnoses.elements")
        of_claim = np.repeat(np.arange(size), np.diff(offsets))
        known = places >= 0
        is_related = related_codes(dictionary, context)
        np.logical_or.at(related_any, of_claim[known], is_related[places[known]])
        has_any = offsets[1:] > offsets[:-1]
        first = places[offsets[:-1][has_any]]
        related[np.flatnonzero(has_any)] = (first >= 0) & np.append(is_related, False)[first]
        for row, days in zip(marks, mark_days(dictionary, context), strict=True):
            np.minimum.at(row, of_claim[known], days[places[known]])
    return frozen(related), frozen(related_any), frozen(marks)
