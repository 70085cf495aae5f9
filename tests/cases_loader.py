"""Worked cases of episode construction, written by hand in TOML: read into canonical rows and frames, and compared.

The format knows no implementation: `Case.tables` (rows) or `Case.frames()` go in, `mismatches(case, episodes,
services)` takes rows with the columns of `built.episodes` and `built.services` and says what differs.

A folder holds the cases of one programme, whose id is the folder's name. A file has `section`, may have
`performance_year`, `coverage_kinds` (what people are enrolled in; Parts A and B) and `[bases.<name>]` (rows that a case
starts with, beside those below), and has `[[case]]` tables:

* `id`, `shows`; `section` where it is not the file's;
* `base`: "stay" (claim A: DRG 470, 2022-03-01 to 2022-03-04 at 100001, 1,000,000 cents) or "procedure" (claim O,
  line 1: HCPCS 27447 on 2022-03-01 at 100001, 800,000 cents, status J1);
* `stays`, `snf`, `home_health`, `hospice`: one row a claim: `id`, `from`, `thru`, `cents`;
* `outpatient`, `professional`, `dme`, `drug`: one row a line: `id`, `line` (1), `date`, `cents`; rows of one id are
  lines of one claim, whose own columns stand in the first of them;
* `visits`: lines of home health claims: `id`, `date`, and `center` (0551), `charge` (10,000 cents);
* any other key of a row is a column of the claims contract, or one of the SHORT names below;
* `person` (columns of beneficiaries), `coverage` (added to open `coverage_kinds` from 2005), `enrolled = false` (none
  of those), `known = false` (no row of the person);
* `options`: `performance_year`, `period`, `amount_basis`, `without_exclusions`; `references`: tables that replace those
  of the folder (`references.toml`), or the packaged ones where it has none.

Expected: `episodes`, one table each with `anchor` (the claim id; `anchor_start` where a claim has two) and any columns
of `built.episodes`; they are all there are. `services`, strings "<item> <period> <cents>" or "<item> excluded
<reason>", the item being a claim id or claim id/line number; a table of such lists by anchor where there are several
episodes. They are all rows but those of the anchor's own claims, which are compared if one of them is named, and
included rows of 0 cents.
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.contract import CLAIM_PAID_SETTINGS, TABLES, metadata_of, types_of

Row = dict[str, Any]

PERSON = "P"
SHORT = {
    "from": "from_date",
    "thru": "thru_date",
    "date": "service_date",
    "drg": "ms_drg",
    "payer": "primary_payer_paid_cents",
    "place": "place_of_service",
    "center": "revenue_center",
    "charge": "charge_cents",
    "noncovered": "noncovered_charge_cents",
    "status": "status_indicator",
}
CCNS = {
    "inpatient": "100001",
    "outpatient": "100001",
    "snf": "105001",
    "home_health": "107001",
    "hospice": "101501",
}
BASES: dict[str, dict[str, list[Row]]] = {
    "stay": {
        "stays": [{"id": "A", "from": date(2022, 3, 1), "thru": date(2022, 3, 4), "drg": "470", "cents": 1_000_000}]
    },
    "procedure": {
        "outpatient": [{"id": "O", "date": date(2022, 3, 1), "hcpcs": "27447", "status": "J1", "cents": 800_000}]
    },
}
SETTING_OF = {
    "stays": "inpatient",
    **{name: name for name in ("snf", "home_health", "hospice", "outpatient", "professional", "dme", "drug")},
}
OWN_KEYS = {
    "id",
    "section",
    "shows",
    "base",
    "person",
    "coverage",
    "enrolled",
    "known",
    "options",
    "references",
    "visits",
    "episodes",
    "services",
    *SETTING_OF,
}
REFERENCE_TYPES: dict[str, dict[str, Any]] = {
    "ms_drgs": {
        "fiscal_year": pl.Int32,
        "ms_drg": pl.String,
        "mdc": pl.String,
        "relative_weight": pl.Float64,
        "gmlos": pl.Float64,
    },
    "fee_schedule": {
        "hcpcs": pl.String,
        "modifier": pl.String,
        "global_days": pl.String,
        "start_date": pl.Date,
        "end_date": pl.Date,
    },
    "opps": {
        "calendar_year": pl.Int32,
        "hcpcs": pl.String,
        "status_indicator": pl.String,
        "apc": pl.String,
        "j1_rank": pl.Int32,
        "rate": pl.Int64,
    },
    "apc_map": {
        "calendar_year": pl.Int32,
        "hcpcs": pl.String,
        "secondary": pl.String,
        "apc": pl.String,
        "rate": pl.Int64,
        "comprehensive": pl.Boolean,
    },
    "clotting": {"quarter": pl.String, "hcpcs": pl.String},
    "drg_remap": {
        "direction": pl.String,
        "effective_date": pl.Date,
        "from_drg": pl.String,
        "to_drg": pl.String,
        "conditions": pl.String,
    },
}


@dataclass(frozen=True)
class Case:
    """One worked case: what goes in, and what is expected."""

    id: str
    program: str
    section: str
    shows: str
    tables: dict[str, list[Row]]
    references: dict[str, list[Row]]
    options: Row
    episodes: list[Row]
    services: dict[str, list[str]]

    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables as frames with the contract's types (enums as text)."""
        frames = {}
        for name, rows in self.tables.items():
            schema = {
                column: pl.String() if isinstance(dtype, pl.Enum) else dtype
                for column, dtype in types_of(TABLES[name]).items()
            }
            frames[name] = pl.DataFrame(rows, schema=schema, orient="row")
        return frames

    def reference_frames(self) -> dict[str, pl.DataFrame]:
        """The reference tables as frames."""
        return {
            name: pl.DataFrame(rows, schema=REFERENCE_TYPES[name], orient="row")
            for name, rows in self.references.items()
        }


# --- reading ------------------------------------------------------------------------------------------------


def load_cases(folder: Path) -> list[Case]:
    """All cases of a folder, in the order of its files."""
    references = read_references(folder) if (folder / "references.toml").exists() else {}
    cases = []
    for path in sorted(folder.glob("*.toml")):
        if path.name == "references.toml":
            continue
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        head = {key: value for key, value in content.items() if key != "case"}
        unknown = head.keys() - {"section", "performance_year", "coverage_kinds", "bases"}
        if unknown:
            raise ValueError(f"{path.name}: unknown keys {sorted(unknown)}")
        program = folder.name.replace("_", "-")
        cases += [case_of(raw, program, head, references) for raw in content["case"]]
    doubled = {case.id for case in cases if sum(other.id == case.id for other in cases) > 1}
    if doubled:
        raise ValueError(f"case ids used more than once: {sorted(doubled)}")
    return cases


def read_references(folder: Path) -> dict[str, list[Row]]:
    """`references.toml`, and `tables/apc_map.csv`."""
    content = tomllib.loads((folder / "references.toml").read_text(encoding="utf-8"))
    tables: dict[str, list[Row]] = {name: [] for name in REFERENCE_TYPES}
    years = content["ms_drgs"].pop("fiscal_years")
    for drg, row in content.pop("ms_drgs").items():
        tables["ms_drgs"] += [reference_row("ms_drgs", {"fiscal_year": year, "ms_drg": drg, **row}) for year in years]
    for name, rows in content.items():
        tables[name] = [reference_row(name, row) for row in rows]
    with (folder / "tables" / "apc_map.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(line for line in text if not line.startswith("#")):
            tables["apc_map"].append(
                {
                    "calendar_year": int(row["calendar_year"]),
                    "hcpcs": row["hcpcs"],
                    "secondary": row["secondary"] or None,
                    "apc": row["apc"] or None,
                    "rate": int(row["rate"]) if row["rate"] else None,
                    "comprehensive": row["comprehensive"] == "true",
                }
            )
    return tables


def reference_row(name: str, given: Row) -> Row:
    unknown = given.keys() - REFERENCE_TYPES[name].keys()
    if unknown:
        raise ValueError(f"reference table {name} has no columns {sorted(unknown)}")
    return {column: given.get(column) for column in REFERENCE_TYPES[name]}


def case_of(raw: Row, program: str, head: Row, references: dict[str, list[Row]]) -> Case:
    unknown = raw.keys() - OWN_KEYS
    if unknown:
        raise ValueError(f"case {raw['id']}: unknown keys {sorted(unknown)}")
    bases = {**BASES, **head.get("bases", {})}
    base = bases[raw["base"]] if "base" in raw else {}
    claims: dict[str, Row] = {}
    lines: list[Row] = []
    for key, setting in SETTING_OF.items():
        for row in [*base.get(key, []), *raw.get(key, [])]:
            add_row(setting, row, claims, lines)
    numbers: dict[str, int] = {}
    for visit in raw.get("visits", []):
        numbers[visit["id"]] = numbers.get(visit["id"], 0) + 1
        columns = {"center": "0551", "charge": 10_000, **visit, "line": numbers[visit["id"]]}
        lines.append(contract_row("lines", line_columns(columns)))
    coverage = list(raw.get("coverage", []))
    if raw.get("enrolled", True):
        kinds = head.get("coverage_kinds", ["part_a", "part_b"])
        coverage += [{"kind": kind, "start_date": date(2005, 1, 1)} for kind in kinds]
    people = [{"beneficiary_id": PERSON, **raw.get("person", {})}] if raw.get("known", True) else []
    services = raw.get("services", {})
    if isinstance(services, list):
        services = {raw["episodes"][0]["anchor"]: services}
    given = {name: [reference_row(name, row) for row in rows] for name, rows in raw.get("references", {}).items()}
    return Case(
        id=raw["id"],
        program=program,
        section=raw.get("section", head["section"]),
        shows=raw["shows"],
        tables={
            "claims": list(claims.values()),
            "lines": lines,
            "beneficiaries": [contract_row("beneficiaries", row) for row in people],
            "coverage": [contract_row("coverage", {"beneficiary_id": PERSON, **row}) for row in coverage],
        },
        references={**references, **given},
        options={**_year_of(head), **raw.get("options", {})},
        episodes=raw["episodes"],
        services=services,
    )


def _year_of(head: Row) -> Row:
    return {"performance_year": head["performance_year"]} if "performance_year" in head else {}


def add_row(setting: str, row: Row, claims: dict[str, Row], lines: list[Row]) -> None:
    """A claim that is paid as a whole; or a line, with its claim where it is the first of it."""
    named = {SHORT.get(key, key): value for key, value in row.items() if key not in {"id", "line", "cents", "outlier"}}
    amounts = {f"{kind}_cents": row["cents"] for kind in ("allowed", "paid", "standardized") if "cents" in row}
    claim = {"beneficiary_id": PERSON, "claim_id": row["id"], "setting": setting, "ccn": CCNS.get(setting)}
    if setting in CLAIM_PAID_SETTINGS:
        outlier = {name: row["outlier"] for name in ("outlier_cents", "standardized_outlier_cents") if "outlier" in row}
        claims[row["id"]] = contract_row("claims", {**claim, **amounts, **outlier, **named})
        return
    if row["id"] not in claims:
        day = named.get("service_date") or named["from_date"]
        own = {key: value for key, value in named.items() if key in columns_of("claims") - columns_of("lines")}
        claims[row["id"]] = contract_row("claims", {**claim, "from_date": day, "thru_date": day, **own})
    of_claim = claims[row["id"]]
    if named.get("service_date"):
        of_claim["from_date"] = min(of_claim["from_date"], named["service_date"])
        of_claim["thru_date"] = max(of_claim["thru_date"], named["service_date"])
    lines.append(contract_row("lines", line_columns(row)))


def line_columns(row: Row) -> Row:
    names = columns_of("lines")
    amounts = {f"{kind}_cents": row["cents"] for kind in ("allowed", "paid", "standardized") if "cents" in row}
    named = {SHORT.get(key, key): value for key, value in row.items() if key not in {"id", "line", "cents"}}
    keys = {"beneficiary_id": PERSON, "claim_id": row["id"], "line_number": row.get("line", 1)}
    claim_only = columns_of("claims") - names
    return {**keys, **amounts, **{key: value for key, value in named.items() if key not in claim_only}}


def contract_row(table: str, given: Row) -> Row:
    """A row with all columns of a canonical table."""
    unknown = given.keys() - columns_of(table)
    if unknown:
        raise ValueError(f"{table} has no columns {sorted(unknown)}")
    return {**defaults_of(table), **given}


@cache
def defaults_of(table: str) -> Row:
    schema = TABLES[table]
    return {column: metadata_of(schema, column).get("default") for column in columns_of(table)}


@cache
def columns_of(table: str) -> frozenset[str]:
    return frozenset(types_of(TABLES[table]))


# --- comparing ----------------------------------------------------------------------------------------------


def mismatches(case: Case, episodes: list[Row], services: list[Row], link: str = "episode_id") -> list[str]:
    """What differs from what a case expects; `link` is the column that ties services to their episode."""
    found = []
    left = list(episodes)
    matched: dict[str, Row] = {}
    for expected in case.episodes:
        wanted = {"anchor_claim_id" if key == "anchor" else key: value for key, value in expected.items()}
        same_anchor = [
            episode
            for episode in left
            if episode["anchor_claim_id"] == expected["anchor"]
            and episode["anchor_start"] == expected.get("anchor_start", episode["anchor_start"])
        ]
        if len(same_anchor) != 1:
            found.append(f"{len(same_anchor)} episodes of anchor {expected['anchor']}")
            continue
        left.remove(same_anchor[0])
        matched.setdefault(expected["anchor"], same_anchor[0])
        found += [
            f"{expected['anchor']} {column}: {same_anchor[0].get(column)!r}, expected {value!r}"
            for column, value in wanted.items()
            if same_anchor[0].get(column) != value
        ]
    found += [f"episode not expected: {episode['anchor_claim_id']} {episode['anchor_start']}" for episode in left]
    for anchor, expected_rows in case.services.items():
        if anchor in matched:
            episode = matched[anchor]
            of_episode = [row for row in services if row[link] == episode[link]]
            found += differing_rows(anchor, expected_rows, written(case, episode, of_episode, expected_rows))
    return found


def written(case: Case, episode: Row, rows: list[Row], expected: list[str]) -> list[str]:
    """The rows as the cases write them; the anchor's own only where the case names one of them."""
    lines_of = [line["claim_id"] for line in case.tables["lines"]]
    named = {text.split()[0].split("/")[0] for text in expected}
    strings = []
    for row in rows:
        is_own = row["claim_id"] == episode["anchor_claim_id"]
        if is_own and row["claim_id"] not in named:
            continue
        several = row["line_number"] > 0 and lines_of.count(row["claim_id"]) > 1
        item = f"{row['claim_id']}/{row['line_number']}" if several else row["claim_id"]
        if row["disposition"] == "excluded":
            strings.append(f"{item} excluded {row['reason']}")
        elif row["cents"] != 0:
            strings.append(f"{item} {row['period']} {row['cents']}")
    return strings


def differing_rows(anchor: str, expected: list[str], found: list[str]) -> list[str]:
    missing = [f"{anchor}: no row '{text}'" for text in expected if text not in found]
    return missing + [f"{anchor}: row not expected '{text}'" for text in found if text not in expected]
