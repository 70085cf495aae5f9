"""Lines as arrays for the compiled loop: dictionary codes, days and cents, made from frames in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from episodes.building.arrays import Array, LineClaims, Lines, frozen
from episodes.building.context import Context
from episodes.building.line_rules import DICTIONARIES, FAR, mark_days, related_codes
from episodes.claims.codes_sidecar import NULL_CENTS, NULL_DAY
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


def code_frames(lines: pl.DataFrame, claims: pl.DataFrame, context: Context) -> CodedLines:
    """Code lines and claims of `sources.Selected`; `claim` of the lines points into `claims` by its row."""
    codes: dict[str, pl.Series] = {}
    coded: dict[str, Array] = {}
    for column in DICTIONARIES[:-1]:
        coded[column], codes[column] = coded_text(lines[column])
    counts = lines["modifiers"].list.len().fill_null(0).cast(pl.Int64).to_numpy()
    modifiers = lines["modifiers"].explode(empty_as_null=False, keep_nulls=False)
    modifier, codes["modifiers"] = coded_text(modifiers)
    rendering, rendering_codes = coded_text(lines["rendering_npi"])
    ccn, ccn_codes = coded_text(claims["ccn"])
    operating, operating_codes = coded_text(claims["operating_npi"])
    attending, attending_codes = coded_text(claims["attending_npi"])
    ordinals = claims["claim"].to_numpy()
    related, related_any, marks = _diagnoses_of(claims, context)
    return CodedLines(
        lines=Lines(
            claim=frozen(np.searchsorted(ordinals, lines["claim"].to_numpy()).astype(np.int32)),
            day=frozen(lines["service_date"].to_physical().fill_null(NULL_DAY).to_numpy().astype(np.int32)),
            amount=_cents(lines["amount"]),
            allowed=_cents(lines["allowed_cents"]),
            standardized=_cents(lines["standardized_cents"]),
            primary_payer=_cents(lines["primary_payer_paid_cents"]),
            **{column: frozen(coded[column]) for column in DICTIONARIES[:-1]},
            rendering=frozen(rendering),
            modifier_from=frozen(np.concatenate(([0], np.cumsum(counts))).astype(np.int64)),
            modifier=frozen(modifier),
        ),
        claims=LineClaims(
            setting=frozen(setting_numbers(claims["setting"])),
            first_day=frozen(claims["from_date"].to_physical().to_numpy().astype(np.int32)),
            ccn=frozen(ccn),
            operating=frozen(operating),
            attending=frozen(attending),
            related=related,
            related_any=related_any,
            mark_day=marks,
        ),
        claim_ordinals=ordinals,
        codes=codes,
        parties={
            "rendering": rendering_codes,
            "operating": operating_codes,
            "attending": attending_codes,
            "ccn": ccn_codes,
        },
    )


def coded_text(values: pl.Series) -> tuple[Array, pl.Series]:
    """Places in a dictionary (-1 = null), and the dictionary."""
    dictionary = values.drop_nulls().unique().sort()
    codes = values.replace_strict(dictionary, pl.Series(range(dictionary.len()), dtype=pl.Int32), default=None)
    return codes.cast(pl.Int32).fill_null(-1).to_numpy().astype(np.int32), dictionary


def setting_numbers(settings: pl.Series) -> Array:
    """Settings by their number, the order of the contract."""
    numbers = settings.cast(pl.String).replace_strict(list(SETTINGS), list(range(len(SETTINGS))), return_dtype=pl.Int8)
    return numbers.to_numpy().astype(np.int8)


def _cents(values: pl.Series) -> Array:
    return frozen(values.cast(pl.Int64).fill_null(NULL_CENTS).to_numpy().astype(np.int64))


def _diagnoses_of(claims: pl.DataFrame, context: Context) -> tuple[Array, Array, Array]:
    counts = claims["diagnoses"].list.len().fill_null(0).cast(pl.Int64).to_numpy()
    codes, dictionary = coded_text(claims["diagnoses"].explode(empty_as_null=False, keep_nulls=False))
    return facts_of_diagnoses(np.concatenate(([0], np.cumsum(counts))), codes, dictionary, context)


def facts_of_diagnoses(
    offsets: Array, codes: Array, dictionary: pl.Series, context: Context
) -> tuple[Array, Array, Array]:
    """By claim: whether its first diagnosis is related, whether any is, and from which day on its services are marked.

    `codes[offsets[c] : offsets[c + 1]]` are the diagnoses of claim c, places in the dictionary (-1 = null).
    """
    services = context.program.rules.construction.services
    size = offsets.size - 1
    related, related_any = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    marks = np.full((len(services.marks), size), FAR, np.int64)
    if services.related_diagnoses is not None or services.marks:
        of_claim = np.repeat(np.arange(size), np.diff(offsets))
        known = codes >= 0
        is_related = related_codes(dictionary, context)
        np.logical_or.at(related_any, of_claim[known], is_related[codes[known]])
        has_any = offsets[1:] > offsets[:-1]
        first = codes[offsets[:-1][has_any]]
        related[np.flatnonzero(has_any)] = (first >= 0) & np.append(is_related, False)[first]
        for row, days in zip(marks, mark_days(dictionary, context), strict=True):
            np.minimum.at(row, of_claim[known], days[codes[known]])
    return frozen(related), frozen(related_any), frozen(marks)
