"""The worked cases of attribution, and what every method must hold on any episodes."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.attribution import ATTRIBUTION_COLUMNS, METHODS, attribute
from episodes.errors import ArgumentError, ContractError

CASES = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "cases" / "attribution" / "methods.toml").read_text(encoding="utf-8")
)["case"]
BEFORE = dt.date(2025, 3, 9)
"""Day 0: the day before the anchor."""


def day(number: int | None) -> dt.date | None:
    return None if number is None else BEFORE + dt.timedelta(days=number)


def episode_of(case: dict[str, Any]) -> pl.DataFrame:
    row: dict[str, Any] = {
        "episode_id": "e1",
        "beneficiary_id": "b1",
        "program": "bpci-advanced",
        "category": "LEJR",
        "anchor_setting": "inpatient",
        "anchor_claim_id": "a1",
        "anchor_code": "470",
        "anchor_ccn": "490001",
        "attending_npi": "1000000001",
        "operating_npi": "1000000002",
        "anchor_start": day(1),
        "anchor_end": day(3),
        "attribution_start": day(0),
        "attribution_end": day(3),
        "episode_cents": case.get("cents", sum(service["cents"] for service in case["services"])),
    }
    row |= {name: value or None for name, value in case.get("episode", {}).items()}
    return pl.DataFrame([row], schema_overrides={name: pl.String for name, value in row.items() if value is None})


def services_of(case: dict[str, Any]) -> pl.DataFrame:
    rows = [
        {
            "episode_id": "e1",
            "claim_id": service.get("claim_id", f"s{number}"),
            "line_number": 1,
            "setting": service["setting"],
            "category": service["category"],
            "period": service["period"],
            "disposition": service.get("disposition", "included"),
            "service_start": day(service.get("day", 2)),
            "service_end": day(service.get("last_day", service.get("day", 2))),
            "cents": service["cents"],
            "full_cents": service.get("full_cents", service["cents"]),
            "ccn": service.get("ccn"),
            "rendering_npi": service.get("rendering_npi"),
            "tin": service.get("tin"),
        }
        for number, service in enumerate(case["services"])
    ]
    text = ("episode_id", "claim_id", "setting", "category", "period", "disposition", "ccn", "rendering_npi", "tin")
    schema = dict.fromkeys(text, pl.String) | {"line_number": pl.Int32, "cents": pl.Int64, "full_cents": pl.Int64}
    return pl.DataFrame(rows, schema={**schema, "service_start": pl.Date, "service_end": pl.Date})


def lines_of(case: dict[str, Any]) -> pl.DataFrame | None:
    if "lines" not in case:
        return None
    rows = [
        {"beneficiary_id": "b1", "line_number": 1, "service_date": day(line["day"])}
        | {name: line.get(name) for name in ("claim_id", "hcpcs", "rendering_npi", "tin", "allowed_cents", "modifiers")}
        for line in case["lines"]
    ]
    text = dict.fromkeys(("beneficiary_id", "claim_id", "hcpcs", "rendering_npi", "tin"), pl.String)
    rest = {"line_number": pl.Int32, "service_date": pl.Date, "allowed_cents": pl.Int64}
    return pl.DataFrame(rows, schema={**text, **rest, "modifiers": pl.List(pl.String)})


def participants_of(case: dict[str, Any]) -> pl.DataFrame | None:
    if "participants" not in case:
        return None
    rows = [
        {
            "program": one.get("program", "bpci-advanced"),
            "entity_kind": one["entity_kind"],
            "entity_id": one["entity_id"],
            "category": one.get("category"),
            "start_date": day(one.get("start_day")),
            "end_date": day(one.get("end_day")),
        }
        for one in case["participants"]
    ]
    text = dict.fromkeys(("program", "entity_kind", "entity_id", "category"), pl.String)
    return pl.DataFrame(rows, schema={**text, "start_date": pl.Date, "end_date": pl.Date})


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_worked_case(case: dict[str, Any]) -> None:
    outcomes = pl.DataFrame([{"episode_id": "e1", **row} for row in case["outcomes"]]) if "outcomes" in case else None
    table = attribute(
        episode_of(case),
        services_of(case),
        lines_of(case),
        participants_of(case),
        outcomes=outcomes,
        methods=list(case["expected"]),
        settings=case.get("settings"),
    )
    for method, expected in case["expected"].items():
        rows = table.filter(pl.col("method") == method).select("party_kind", "party_id", "role", "cents").rows()
        assert [list(row) for row in rows] == expected, method
    assert table.group_by("method").agg(pl.col("share").sum()).filter((pl.col("share") - 1).abs() > 1e-12).is_empty()


def test_every_method_has_a_worked_case() -> None:
    assert {method for case in CASES for method in case["expected"]} == set(METHODS)


def test_physicians_as_groups_by_claims_then_by_the_list_of_clinicians() -> None:
    """1000000002 billed under 541111111; 1000000003's TIN is listed, the one of that day; 1000000004 has none."""
    professional = {"setting": "professional", "category": "professional", "period": "post"}
    case = {
        "services": [
            {**professional, "cents": 60, "rendering_npi": "1000000002", "tin": "541111111"},
            {**professional, "cents": 30, "rendering_npi": "1000000003"},
            {**professional, "cents": 10, "rendering_npi": "1000000004"},
        ]
    }
    clinicians = pl.DataFrame(
        {
            "npi": ["1000000003", "1000000003"],
            "tin": ["540000000", "543333333"],
            "start_date": [None, day(1)],
            "end_date": [day(0), None],
        }
    )
    table = attribute(episode_of(case), services_of(case), clinicians=clinicians, methods="own_claims", unit="group")
    assert table.select("party_kind", "party_id", "cents").rows() == [
        ("group", "541111111", 60),
        ("group", "543333333", 30),
        ("other", "unknown", 10),
    ]


def test_another_arrangement_and_another_setting_change_the_split() -> None:
    case = {"services": [{"setting": "snf", "category": "snf", "period": "post", "cents": 100, "ccn": "495001"}]}
    given = {
        "title": "t",
        "status": "open",
        "citation": "c",
        "shares": {"every_centre": {"post_acute": 0.7, "other": 0.3}},
    }

    def split(arrangement: Any) -> list[tuple[Any, ...]]:
        table = attribute(episode_of(case), services_of(case), methods="controllable", arrangement=arrangement)
        return table.select("party_id", "cents").rows()

    assert split("controllable") == [("1000000002", 100)]
    assert split("controllable_hospital_orders") == [("490001", 100)]
    assert split(given) == [("495001", 70), ("unknown", 30)]


def test_methods_come_in_the_order_asked_for_and_once() -> None:
    case = CASES[0]
    table = attribute(episode_of(case), services_of(case), methods=["operating", "hospital", "operating"])
    assert table["method"].to_list() == ["operating", "hospital"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"methods": ["hospitl"]}, "Did you mean 'hospital'"),
        ({"methods": []}, "No method"),
        ({"arrangement": "controlable"}, "Did you mean 'controllable'"),
        ({"unit": "tin"}, "Unknown unit"),
        ({"settings": {"plurality_cost_share": 30}}, "plurality_cost_share"),
        ({"settings": {"plurality": 0.3}}, "Unknown setting"),
        (
            {"arrangement": {"title": "t", "status": "open", "citation": "c", "shares": {"snf": {"hospital": 1}}}},
            "says nothing",
        ),
    ],
)
def test_wrong_arguments_are_said(arguments: dict[str, Any], said: str) -> None:
    case = CASES[0]
    with pytest.raises(ArgumentError, match=said):
        attribute(episode_of(case), services_of(case), **arguments)


def test_wrong_tables_are_said() -> None:
    case = CASES[0]
    episode, services = episode_of(case), services_of(case)
    with pytest.raises(ContractError, match="episode_cents"):
        attribute(episode.drop("episode_cents"), services)
    with pytest.raises(ContractError, match="more than once"):
        attribute(pl.concat([episode, episode]), services)
    with pytest.raises(ContractError, match="1 episode without"):
        attribute(episode.with_columns(episode_cents=pl.lit(None, dtype=pl.Int64)), services)
    with pytest.raises(ContractError, match="category of a service"):
        attribute(episode, services.with_columns(category=pl.lit("surgery")), methods="own_claims")


def test_order_of_rows_does_not_matter() -> None:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
    table = attribute(built.episodes, built.services, claims.lines, built.participants)
    named = table.filter(~pl.col("party_id").is_in(["unknown", "unattributed"]))
    assert set(named["party_kind"].unique()) == {"hospital", "physician", "post_acute"}
    reversed_rows = built.services.collect().reverse()
    reordered = attribute(built.episodes.reverse(), reversed_rows, claims.lines, built.participants)
    key = ["episode_id", "method", "party_kind", "party_id", "role"]
    assert reordered.sort(key).equals(table.sort(key))


def test_columns_may_be_enumerations() -> None:
    case = CASES[9]
    services = services_of(case).with_columns(
        setting=pl.col("setting").cast(pl.Enum(["inpatient", "professional", "snf", "dme", "hospice"])),
        category=pl.col("category").cast(pl.Categorical),
    )
    methods = list(case["expected"])
    expected = attribute(episode_of(case), services_of(case), methods=methods)
    assert attribute(episode_of(case).lazy(), services.lazy(), methods=methods).equals(expected)


def test_no_episodes_are_an_empty_table() -> None:
    case = CASES[0]
    empty = attribute(episode_of(case).clear(), services_of(case), lines_of(CASES[6]))
    assert empty.is_empty()
    assert dict(empty.schema) == ATTRIBUTION_COLUMNS
    assert attribute(episode_of(case), services_of(case).clear()).height == len(METHODS)
