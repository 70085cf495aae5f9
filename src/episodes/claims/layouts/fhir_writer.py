"""Canonical tables as a bulk export of FHIR resources: R4 of the CARIN profile, with the code systems of CMS's server.

Three NDJSON files, a resource a line: ExplanationOfBenefit, Patient, Coverage. Where CMS's server has no place for a
field that CARIN has a word for (the allowed amount of facility lines, coverage other than Parts A to C), the word is
used. Same tables, same bytes.

History: a cancelled claim is one resource of that status; an earlier version is the same resource, updated before the
final one; a denied claim has a reason for non-payment or a denial code. With a history, every claim says when it was
updated last: the day on which it was processed.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.contract import TABLES, empty_table, types_of
from episodes.claims.layouts.fhir_people import (
    DUAL_PLAN,
    FULL_DUAL,
    KIND_OF_PLAN,
    PARTIAL_DUAL,
    SEX_OF_GENDER,
    plan_kinds,
)
from episodes.claims.layouts.fhir_written_eob import resource_of_claim
from episodes.claims.layouts.fhir_written_parts import BARE, VARIABLES, coded_extension, without_blanks
from episodes.claims.layouts.written_history import CANCELLED, DENIED, EARLIER, History

FILES = {
    "ExplanationOfBenefit": "ExplanationOfBenefit.ndjson",
    "Patient": "Patient.ndjson",
    "Coverage": "Coverage.ndjson",
}

LACKS: dict[str, tuple[str, ...]] = {
    # No server gives the re-grouped DRG, its category, kinds of provider, how overlapping stays count, or
    # demonstrations; payments for new technology and clotting factors are inside the payment; standardized amounts
    # are no part of a claim.
    "claims": (
        "pricing_drg",
        "mdc",
        "provider_type",
        "new_technology_cents",
        "clotting_factor_cents",
        "standardized_cents",
        "standardized_outlier_cents",
        "keep_inner",
        "keep_inner_outer",
        "demonstration_codes",
    ),
    # Visits are counted for a whole claim alone.
    "lines": ("visits", "standardized_cents"),
    "beneficiaries": ("deprivation_percentile",),
    # Not resources about a person: a delivery of claims does not have them.
    **{name: tuple(types_of(TABLES[name])) for name in ("hospitals", "participants", "clinicians", "quality")},
}
"""Canonical table to the columns that do not survive writing and reading back."""

_BARE_NUMBER = re.compile(rf'"(-?[0-9.]+){json.dumps(BARE)[1:-1]}"'.replace("\\", r"\\"))

_DUAL_STATUS = "https://bluebutton.cms.gov/fhir/StructureDefinition/BENE-DUAL-STUS-CD"
_CARIN = "http://hl7.org/fhir/us/carin-bb/StructureDefinition"
_COVERAGE_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
_GENDER_OF_SEX = {sex: gender for gender, sex in SEX_OF_GENDER.items()}
_PLAN_OF_KIND = {kind: plan for plan, kind in plan_kinds().items()} | {
    kind: plan for plan, kind in KIND_OF_PLAN.items()
}
_DUAL_STATUS_OF_KIND = {"full_dual": FULL_DUAL[0], "partial_dual": PARTIAL_DUAL[0]}


def write(tables: Mapping[str, pl.DataFrame], folder: Path, history: History | None = None) -> None:
    """Write canonical tables as NDJSON files of a folder.

    Args:
        tables: canonical tables; those that FHIR claims do not have (see `LACKS`) are left out.
        folder: made if need be.
        history: versions that do not stand, and claims delivered twice; default: none.

    Example:
        >>> import tempfile, episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> one = {"claims": claims.claims.head(1).collect()}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(one, Path(folder))
        ...     sorted(file.name for file in Path(folder).iterdir())
        ['Coverage.ndjson', 'ExplanationOfBenefit.ndjson', 'Patient.ndjson']
    """
    folder.mkdir(parents=True, exist_ok=True)
    given = {name: tables.get(name, empty_table(name)) for name in ("claims", "lines", "beneficiaries", "coverage")}
    claims = _resources_of_claims(given["claims"], given["lines"], dated=history is not None)
    if history is not None:
        claims = chain(claims, _resources_of_history(given["claims"], given["lines"], history))
    _write_lines(folder / FILES["ExplanationOfBenefit"], claims)
    persons = given["beneficiaries"].sort("beneficiary_id")
    _write_lines(folder / FILES["Patient"], map(_patient, persons.iter_rows(named=True)))
    _write_lines(folder / FILES["Coverage"], _resources_of_coverage(given["coverage"]))


def _write_lines(path: Path, resources: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for resource in resources:
            text = json.dumps(resource, separators=(",", ":"), default=dt.date.isoformat)
            stream.write(_BARE_NUMBER.sub(r"\1", text) + "\n")


def _resources_of_history(claims: pl.DataFrame, lines: pl.DataFrame, history: History) -> Iterator[dict[str, Any]]:
    """Versions that do not stand, then final claims that are delivered twice."""
    keys = ["beneficiary_id", "claim_id"]
    number = history.claims.select(*keys, _id=pl.when(pl.col("version") == EARLIER).then("stands_for"))
    versions, of_versions = (
        frame.join(number, on=keys, how="left", maintain_order="left")
        .with_columns(claim_id=pl.coalesce("_id", "claim_id"))
        .drop("_id")
        for frame in (history.claims, history.lines)
    )
    yield from _resources_of_claims(versions, of_versions, dated=True)
    again = [frame.join(history.repeated, on=keys, how="semi", maintain_order="left") for frame in (claims, lines)]
    yield from _resources_of_claims(*again, dated=True)


def _resources_of_claims(claims: pl.DataFrame, lines: pl.DataFrame, *, dated: bool) -> Iterator[dict[str, Any]]:
    keys = ["beneficiary_id", "claim_id"]
    of_claim = (
        lines.sort(*keys, "line_number")
        .select(*keys, _lines=pl.struct(lines.columns))
        .group_by(keys, maintain_order=True)
        .agg("_lines")
    )
    plain = claims.with_columns(pl.col("setting").cast(pl.String)).sort(keys)
    for claim in plain.join(of_claim, on=keys, how="left", maintain_order="left").iter_rows(named=True):
        version = claim.get("version")
        yield resource_of_claim(
            claim,
            claim["_lines"] or [],
            status="cancelled" if version == CANCELLED else "active",
            denied=version == DENIED,
            updated=(claim.get("process_date") or claim["thru_date"]) if dated else None,
        )


def _patient(person: Mapping[str, Any]) -> dict[str, Any]:
    address = without_blanks({"district": person.get("county"), "state": person.get("state")})
    reason = person.get("original_entitlement_reason")
    return without_blanks(
        {
            "resourceType": "Patient",
            "id": person["beneficiary_id"],
            "meta": {"profile": [f"{_CARIN}/C4BB-Patient"]},
            "extension": [coded_extension(f"{VARIABLES}/orec", reason)] if reason else [],
            "identifier": [{"system": f"{VARIABLES}/bene_id", "value": person["beneficiary_id"]}],
            "gender": _GENDER_OF_SEX.get(person.get("sex") or ""),
            "birthDate": person.get("birth_date"),
            "deceasedDateTime": person.get("death_date"),
            "address": [address] if address else [],
        }
    )


def _resources_of_coverage(coverage: pl.DataFrame) -> Iterator[dict[str, Any]]:
    plain = coverage.with_columns(pl.col("kind").cast(pl.String))
    ordered = plain.sort("beneficiary_id", "kind", "start_date", "end_date", "detail").with_columns(
        _place=pl.int_range(pl.len()).over("beneficiary_id", "kind")
    )
    for interval in ordered.iter_rows(named=True):
        yield _coverage(interval)


def _coverage(interval: Mapping[str, Any]) -> dict[str, Any]:
    person, kind, detail = interval["beneficiary_id"], interval["kind"], interval.get("detail")
    status = _DUAL_STATUS_OF_KIND.get(kind)
    plan = DUAL_PLAN if status else _PLAN_OF_KIND[kind]
    slug = re.sub("[^a-z]+", "-", plan.lower())
    further = f"-{interval['_place'] + 1}" if interval["_place"] else ""
    return without_blanks(
        {
            "resourceType": "Coverage",
            "id": f"{slug}-{person}{further}",
            "meta": {"profile": [f"{_CARIN}/C4BB-Coverage"]},
            "extension": [coded_extension(_DUAL_STATUS, status)] if status else [],
            "status": "active",
            "beneficiary": {"reference": f"Patient/{person}"},
            "relationship": {"coding": [{"code": "self"}]},
            "period": without_blanks({"start": interval["start_date"], "end": interval.get("end_date")}),
            "payor": [{"identifier": {"value": "Centers for Medicare and Medicaid Services"}}],
            "class": [_class("plan", plan), *([_class("subplan", detail)] if detail else [])],
        }
    )


def _class(kind: str, value: str) -> dict[str, Any]:
    return {"type": {"coding": [{"system": _COVERAGE_CLASS, "code": kind}]}, "value": value}
