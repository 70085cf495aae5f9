"""Compliance checks: the illegal arrangement is flagged on each count, with its law; pass, fail, cannot tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.alignment import Arrangement, SharingFacts, load_arrangement
from episodes.alignment.compliance import check_rules

ILLEGAL = Path(__file__).parents[1] / "cases" / "alignment" / "illegal_arrangement.toml"
COUNTS = re.findall(r"^#   .+?\s{2,}([a-z_]+)", ILLEGAL.read_text(encoding="utf-8"), flags=re.MULTILINE)
FEES = pl.DataFrame(
    {"npi": ["9100000777", "9100000814"], "tin": ["t", "t"], "fee_schedule_cents": [1_400_000, 700_000]}
)


def result_of(checks: pl.DataFrame, check: str) -> str:
    return str(checks.filter(check=check)["result"].item())


def changed(name: str, **values: Any) -> Arrangement:
    """A packaged arrangement with values at paths such as agreement__signed or parties__0__weight."""
    tree = load_arrangement(name).model_dump(by_alias=True)
    for path, value in values.items():
        *parts, last = (int(part) if part.isdigit() else part for part in path.split("__"))
        node: Any = tree
        for part in parts:
            node = node[part]
        node[last] = value
    return Arrangement.model_validate(tree)


@pytest.fixture(scope="module")
def illegal() -> pl.DataFrame:
    agreed = load_arrangement(ILLEGAL)
    facts = SharingFacts(hospital="360802", program="cjr", amount_cents=7_218_236, fee_schedule=FEES)
    return ep.alignment.check_compliance(agreed, ep.alignment.settle_arrangement(agreed, facts))


@pytest.mark.parametrize("count", COUNTS)
def test_each_count_is_flagged_with_its_citation(illegal: pl.DataFrame, count: str) -> None:
    row = illegal.filter(check=count).row(0, named=True)
    assert row["result"] == "fail"
    assert row["finding"]
    assert "CFR" in row["citation"] or "U.S.C." in row["citation"]
    assert row["status"] in {"regulation", "published", "unverified", "open"}


def test_the_counts_are_all_there_is(illegal: pl.DataFrame) -> None:
    assert len(COUNTS) == 10
    assert set(illegal.filter(result="fail")["check"]) == set(COUNTS)


def test_the_file_alone_is_flagged_too() -> None:
    checks = ep.alignment.check_compliance(load_arrangement(ILLEGAL))
    for count in (
        "volume_or_value",
        "set_in_advance",
        "cap",
        "quality_gate",
        "once_a_year",
        "alignment_limits",
        "records",
    ):
        assert result_of(checks, count) == "fail", count
    assert result_of(checks, "sums") == "cannot tell"


@pytest.mark.parametrize("name", ep.alignment.known_arrangements())
def test_no_packaged_arrangement_fails_by_its_file(name: str) -> None:
    checks = ep.alignment.check_compliance(load_arrangement(name))
    assert checks.filter(result="fail").is_empty()
    assert set(checks["check"]) <= set(check_rules())
    assert set(checks["result"]) <= {"pass", "cannot tell"}


def test_it_says_that_it_is_no_legal_advice() -> None:
    assert "not legal advice" in ep.alignment.DISCLAIMER


CHANGED = {
    "no input named": ("team_gainsharing", {"inputs": []}, "volume_or_value", "cannot tell"),
    "cases counted": (
        "team_gainsharing",
        {"inputs": [{"name": "cases", "kind": "case_count"}]},
        "volume_or_value",
        "fail",
    ),
    "signed on the day of the first service": (
        "team_gainsharing",
        {"parties__0__signed": "2026-01-01"},
        "set_in_advance",
        "fail",
    ),
    "not dated": ("team_gainsharing", {"agreement__formula_set": None}, "set_in_advance", "cannot tell"),
    "between the bands": (
        "team_gainsharing",
        {"parties__0__compensation__percentile": 90},
        "fair_market_value",
        "cannot tell",
    ),
    "above the bands": (
        "team_gainsharing",
        {"parties__0__compensation__percentile": 90.1},
        "fair_market_value",
        "fail",
    ),
    "at the flag": ("team_gainsharing", {"parties__0__compensation__percentile": 75}, "fair_market_value", "pass"),
    "a base above the hours": ("co_management", {"terms__documented_hours": 1_199}, "hours", "fail"),
    "a second directorship": ("co_management", {"terms__other_directorship": True}, "hours", "fail"),
    "above the opinion": (
        "co_management",
        {"parties__0__compensation__opinion_cents": 39_999_999},
        "fair_market_value",
        "fail",
    ),
    "records too short": ("co_management", {"agreement__record_years": 5}, "records", "fail"),
    "an exception without monitoring": (
        "shared_savings",
        {"agreement__monitored_yearly": False},
        "value_based_exception",
        "fail",
    ),
    "no exception named": ("shared_savings", {"agreement__exception": "none"}, "value_based_exception", "cannot tell"),
    "an owner below a third": ("joint_venture", {"parties__1__venture_income_share": "0.33"}, "one_third", "fail"),
    "an owner who paid too little": (
        "joint_venture",
        {"parties__1__invested_cents": 1},
        "fair_value_of_ownership",
        "fail",
    ),
    "full risk that is none": (
        "network",
        {"agreement__exception": "full_financial_risk"},
        "value_based_exception",
        "fail",
    ),
    "a waiver without a programme": ("employment", {"agreement__exception": "model_waiver"}, "model_waiver", "fail"),
}


@pytest.mark.parametrize(("name", "values", "check", "result"), CHANGED.values(), ids=CHANGED)
def test_what_a_change_does_to_a_check(name: str, values: dict[str, Any], check: str, result: str) -> None:
    assert result_of(ep.alignment.check_compliance(changed(name, **values)), check) == result


@pytest.mark.parametrize(("at_risk", "result"), [(None, "cannot tell"), (6_199_999, "fail"), (6_200_000, "pass")])
def test_meaningful_downside_is_a_tenth_of_remuneration(at_risk: int | None, result: str) -> None:
    agreed = changed(
        "employment",
        agreement__exception="meaningful_downside",
        parties=[
            {
                "id": "a",
                "name": "A",
                "kind": "physician",
                "compensation": {"total_cents": 62_000_000, "at_risk_cents": at_risk},
            }
        ],
    )
    assert result_of(ep.alignment.check_compliance(agreed), "downside") == result


def guards(flag: str) -> pl.DataFrame:
    return pl.DataFrame({"party": ["a"], "guard": ["readmission_paid"], "flag": [flag]})


@pytest.mark.parametrize(("flag", "result"), [("alarm", "fail"), ("watch", "pass"), ("cannot_tell", "cannot tell")])
def test_needed_care(flag: str, result: str) -> None:
    agreed = load_arrangement("joint_venture")
    settled = ep.alignment.settle_arrangement(agreed, SharingFacts(guards=guards(flag)))
    assert result_of(ep.alignment.check_compliance(agreed, settled), "needed_care") == result


@pytest.mark.parametrize(
    ("distributed_on", "result"), [(None, "cannot tell"), ("2027-09-30", "fail"), ("2028-01-15", "pass")]
)
def test_the_settled_distribution_counts_on_its_date(distributed_on: str | None, result: str) -> None:
    made = [{"party": "9100000777", "cents": 1_000, "paid_on": "2027-02-01"}]
    agreed = changed("team_gainsharing", payments=made, agreement__distributed_on=distributed_on)
    facts = SharingFacts(hospital="360802", program="team", amount_cents=10_000, fee_schedule=FEES)
    gate = {"met": True, "decided": "2027-06-30"}
    agreed = agreed.model_copy(update={"parties": changed("team_gainsharing", parties__0__gate=gate).parties})
    settled = ep.alignment.settle_arrangement(agreed, facts)
    assert settled.paid_to("9100000777") > 0
    assert result_of(ep.alignment.check_compliance(agreed, settled), "once_a_year") == result


def test_a_run_of_another_programme_supports_no_waiver() -> None:
    agreed = load_arrangement(ILLEGAL)
    facts = SharingFacts(hospital="360802", program="team", amount_cents=1_000, fee_schedule=FEES)
    settled = ep.alignment.settle_arrangement(agreed, facts)
    assert result_of(ep.alignment.check_compliance(agreed, settled), "model_waiver") == "fail"
