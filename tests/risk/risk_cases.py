"""Worked cases of risk variables: from a case's few lines to canonical tables, and the BPCI Advanced rules of risk."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

import episodes as ep
from episodes.programs.program import Program, resolved

CASES = Path(__file__).resolve().parents[1] / "cases" / "risk"
PERSON = {"beneficiary_id": "p", "birth_date": dt.date(1950, 6, 15), "sex": "2", "original_entitlement_reason": "0"}
ANCHOR = {"category": "LEJR", "setting": "inpatient", "start": dt.date(2022, 3, 10), "end": dt.date(2022, 3, 14)}
CLAIM = {"setting": "professional", "standardized_cents": 10_000}
BPCI_CATEGORIES = (
    "MS-Major joint replacement of the lower extremity",
    "MS-Major joint replacement of the upper extremity",
    "IP-Stroke",
    "IP-Inflammatory Bowel Disease",
)


@cache
def program_of(name: str) -> Program:
    """TEAM, CJR (year 7), or a programme that has TEAM's construction and the risk rules of BPCI Advanced."""
    if name != "bpci":
        return ep.load_program(name, performance_year={"team": 1, "cjr": 7}[name])
    text = (files("episodes.programs") / "rules" / "team.toml").read_text(encoding="utf-8")
    tree = tomllib.loads(text, parse_float=Decimal)
    rules = tomllib.loads((CASES / "bpci_rules.toml").read_text(encoding="utf-8"), parse_float=Decimal)
    tree = {key: value for key, value in tree.items() if key not in ("price", "settlement")} | rules
    tree["categories"] |= dict.fromkeys(BPCI_CATEGORIES, "")
    return resolved(tree, "1")


def risk_of_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """The row of the case's one episode."""
    anchor = ANCHOR | case.get("anchor", {})
    program = program_of(case["program"])
    if "override" in case:
        program = program.override(case["override"])
    own = {key: value for key, value in anchor.items() if key not in ("category", "start", "end", "hcpcs", "modifiers")}
    claims = [
        {"beneficiary_id": "p", "claim_id": "A", "from_date": anchor["start"], "thru_date": anchor["end"]}
        | {"standardized_cents": 1_000_000, "ms_drg": "470"}
        | own
    ]
    for number, claim in enumerate(case.get("claims", ()), start=1):
        given = CLAIM | claim
        given.setdefault("thru_date", given["from_date"])
        claims.append({"beneficiary_id": "p", "claim_id": f"C{number}"} | given)
    line = {
        "beneficiary_id": "p",
        "claim_id": "A",
        "line_number": 1,
        "service_date": anchor["start"],
        "hcpcs": anchor.get("hcpcs"),
        "modifiers": anchor.get("modifiers"),
    }
    lines = [line, *({"beneficiary_id": "p", "line_number": 1} | given for given in case.get("lines", ()))]
    coverage = [{"beneficiary_id": "p"} | given for given in case.get("coverage", ())]
    canonical = ep.Claims(
        claims=pl.DataFrame(claims, infer_schema_length=None),
        lines=pl.DataFrame(lines, infer_schema_length=None),
        beneficiaries=pl.DataFrame([PERSON | case.get("person", {})]),
        coverage=pl.DataFrame(coverage, infer_schema_length=None) if coverage else None,
    )
    assert canonical.report.tables["claims"].rows_out == len(claims)
    episodes = pl.DataFrame(
        {
            "episode_id": ["E"],
            "beneficiary_id": ["p"],
            "category": [anchor["category"]],
            "anchor_setting": [anchor["setting"]],
            "anchor_claim_id": ["A"],
            "anchor_code": [anchor.get("hcpcs") or anchor.get("ms_drg", "470")],
            "anchor_start": [anchor["start"]],
            "anchor_end": [anchor["end"]],
            "episode_start": [case.get("episode_start", anchor["start"])],
        }
    )
    tables = [canonical.table(name).collect() for name in ("claims", "lines", "beneficiaries", "coverage")]
    return ep.risk.risk_of(episodes, *tables, program).row(0, named=True)
