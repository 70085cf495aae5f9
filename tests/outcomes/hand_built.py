"""People built by hand: a few claims around one anchor, as the worked cases of `tests/cases/outcomes` write them.

The anchor of a case is, unless it says otherwise, a knee replacement at hospital 360001 from 2 to 5 March 2026.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

import episodes as ep
from episodes.outcomes import outcome_rules, outcomes_of

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "outcomes"
KNEE = {
    "id": "A",
    "from": dt.date(2026, 3, 2),
    "thru": dt.date(2026, 3, 5),
    "ccn": "360001",
    "dx": ["M1711"],
    "px": ["0SRC0J9"],
    "drg": "470",
    "status": "01",
    "attending": "1000000001",
    "operating": "2000000001",
}
_COLUMNS = {
    "id": "claim_id",
    "from": "from_date",
    "thru": "thru_date",
    "dx": "diagnoses",
    "px": "procedures",
    "px_dates": "procedure_dates",
    "poa": "present_on_admission",
    "status": "discharge_status",
    "drg": "ms_drg",
    "attending": "attending_npi",
    "operating": "operating_npi",
}


def cases(name: str) -> list[dict[str, Any]]:
    """The worked cases of a file, each with its file's defaults."""
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return [{**document.get("defaults", {}), **case} for case in document["case"]]


def tables(case: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """Canonical claims, lines, beneficiaries and coverage of a case."""
    anchor = {**KNEE, **case.get("anchor", {})}
    stays = [{"setting": "inpatient", **stay} for stay in [anchor, *case.get("stays", [])]]
    claims, lines = [], []
    for claim in [*stays, *case.get("care", [])]:
        for number, line in enumerate(claim.get("lines", []), 1):
            row = {"beneficiary_id": "B", "claim_id": claim["id"], "line_number": number}
            lines.append({**row, **{("service_date" if key == "day" else key): value for key, value in line.items()}})
        facts = {
            key: None if value == "null" else value for key, value in claim.items() if key not in ("lines", "code")
        }
        dates = {"admission_date": claim["from"], "discharge_date": claim["thru"]}
        own = dates if claim["setting"] in ("inpatient", "snf") else {}
        claims.append({"beneficiary_id": "B", **own, **{_COLUMNS.get(key, key): value for key, value in facts.items()}})
    person = {
        "beneficiary_id": "B",
        "birth_date": case.get("born", dt.date(1950, 6, 1)),
        "death_date": case.get("died"),
    }
    given = ep.Claims(
        claims=pl.DataFrame(claims, infer_schema_length=None),
        lines=pl.DataFrame(
            lines or [{"beneficiary_id": "B", "claim_id": "A", "line_number": 1}], infer_schema_length=None
        ),
        beneficiaries=pl.DataFrame([person], schema_overrides={"death_date": pl.Date}),
        coverage=pl.DataFrame(
            [{"beneficiary_id": "B", **interval} for interval in case.get("coverage", [])]
            or [{"beneficiary_id": "B", "kind": "part_a", "start_date": dt.date(2015, 1, 1), "end_date": None}],
            schema_overrides={"end_date": pl.Date},
        ),
    )
    return {name: given.table(name).collect() for name in ("claims", "lines", "beneficiaries", "coverage")}


def episode(case: Mapping[str, Any]) -> pl.DataFrame:
    """The episode of a case: its anchor stay, or what `episode` says otherwise; 30 days from the discharge day on."""
    anchor = {**KNEE, **case.get("anchor", {})}
    said = case.get("episode", {})
    end = said.get("anchor_end", anchor["thru"])
    scheduled = said.get("scheduled_end", end + dt.timedelta(days=29))
    died = case.get("died")
    row = {
        "episode_id": "E",
        "beneficiary_id": "B",
        "anchor_setting": anchor.get("setting", "inpatient"),
        "anchor_claim_id": anchor["id"],
        "anchor_code": anchor.get("code", anchor["drg"]),
        "anchor_ccn": anchor["ccn"],
        "attending_npi": anchor.get("attending"),
        "operating_npi": anchor.get("operating"),
        "anchor_start": anchor["from"],
        "anchor_end": end,
        "scheduled_end": scheduled,
        "episode_end": min(scheduled, died) if died and died >= anchor["from"] else scheduled,
        "length_of_stay": max((end - anchor["from"]).days, 1),
    }
    given = {key: None if value == "null" else value for key, value in {**row, **said}.items()}
    return pl.DataFrame([given], schema_overrides={"operating_npi": pl.String, "attending_npi": pl.String})


def measured(case: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The outcomes of a case, by measure."""
    given = tables(case)
    outcomes = outcomes_of(
        episode(case),
        given["claims"],
        given["lines"],
        given["beneficiaries"],
        day_one=case.get("day_one", "anchor_end"),
        complete_through=case.get("complete_through"),
        rules=outcome_rules(overrides=case.get("rules")),
    )
    return {row["measure"]: row for row in outcomes.iter_rows(named=True)}
