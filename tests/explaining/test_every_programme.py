"""Every candidate of the worked cases of every programme is explained: it adds up, and names the rules of the case."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import polars as pl
import pytest

import episodes as ep
from building.test_worked_cases import CASES, built, built_with
from cases_loader import REFERENCE_TYPES, Case
from counted_items import Counted, counted_of
from episodes.building.context import Context
from episodes.explaining import Explanation
from oracle.programmes import PROGRAMMES
from programme_comparison import random_bpci_options, random_windows_options, run
from programme_people import KINDS, BundledPerson, random_references
from strategies import random_tables, to_frames


@cache
def explained(case_id: str) -> tuple[Explanation, ...]:
    """Every candidate of a case, by the anchor's start."""
    of_build = built(built_with(CASES[case_id]))
    found = of_build.episodes.filter(beneficiary_id=case_id).sort("anchor_start", "anchor_claim_id")
    return tuple(ep.explain(of_build, episode_id) for episode_id in found["episode_id"])


def check(shown: Explanation, program: ep.programs.Program) -> None:
    """What holds of every explanation."""
    row = shown.episode
    assert all(check.services_cents == check.expected_cents for check in shown.checks)
    assert shown.periods["cents"].sum() == row["episode_cents"] + row["post_episode_cents"]
    assert json.dumps(shown.to_dict())
    assert shown._repr_html_()
    text = str(shown)
    own = {str(rule["rule"]): (rule["status"], rule["citation"]) for rule in program.rule_list()}
    assert all(own[rule.id] == (rule.status, rule.citation) for rule in shown.rules)
    assert set(shown.services["rules"].explode().drop_nulls()) <= set(own)
    assert bool(shown.overlaps) == ("overlap" in row["flags"])
    assert any(met.facts["this_one_gives_way"] for met in shown.overlaps) == (shown.status == "overlapped")
    ladder = [finding.subject for finding in shown.exclusions]
    assert ladder == [reason for reason in row["reasons"] if f"construction.exclusions.{reason}" in own]
    for finding in (*shown.exclusions, *shown.switched_off, *shown.left_out, *shown.overlaps):
        assert finding.rules, finding.subject
        assert all(rule.citation in text for rule in finding.rules)
        assert not finding.says.startswith(("The rung", "Left out for")), finding.says
    for service in shown.services.iter_rows(named=True):
        if service["reason"] is not None:
            assert f"left out: {service['reason']}" in text
        elif service["cents"] != service["full_cents"]:
            assert service["share"] not in (None, "a part of it"), service
            assert any(".proration." in rule for rule in service["rules"]), service


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.id)
def test_every_candidate_of_a_worked_case_is_explained(case: Case) -> None:
    program = built(built_with(case)).program
    for shown in explained(case.id):
        check(shown, program)


@pytest.mark.parametrize(
    ("case_id", "sentences"),
    [
        # anchors
        ("tavr-with-procedure", ["needed procedure", "only with a procedure of the list 'tavr_procedures'"]),
        ("epm-intervention-with-heart-attack", ["needed diagnosis", "only with a diagnosis of the list"]),
        ("remap-forward-day-before", ["Priced as 521: the DRG that 469 is re-grouped to in fiscal year 2024"]),
        ("apc-two-lines-of-one-code", ["the APC of 2024 of 92920", "APC 5193 in 2022", "(complexity adjustment)"]),
        ("apc-base", ["APC 5192 in 2022, the year of the procedure."]),
        ("j1-better-ranked-line", ["27447 is not the highest ranked comprehensive procedure (J1) of the claim O"]),
        ("cjr-fracture", ["price cell 470/fracture", "is in the list 'hip_fracture_diagnoses'"]),
        ("cjr-no-diagnosis", ["price cell 470/no_fracture", "is not in the list 'hip_fracture_diagnoses'"]),
        ("tenn-anchor", ["The professional claim", "Rendered in the stay"]),
        ("tenn-outpatient-facility", ["No stay holds the day; the outpatient claim"]),
        # windows
        ("tenn-boundaries", ["45 days before the anchor", "The day after the anchor is day 1.", "Day 90 of 90."]),
        ("ace-the-stay-only", ["With the anchor: no days after it belong to the episode."]),
        ("transfer-two-legs", ["attribution ends", "Physicians are looked for to the end of the first stay"]),
        ("death-on-discharge-day", ["the person died in the anchor, which does not shorten the window"]),
        ("death-the-day-after-discharge", ["The day of death.", "nothing follows a death in it"]),
        # the ladder
        ("enrolment-from-the-month-after", ["Some day from 2021-09-", "or has coverage of kind medicare_advantage"]),
        ("transfer-middle-leg-cancer", ["A leg of the chain of stays was at a provider of type cah or cancer."]),
        ("transfer-leg-of-excluded-drg", ["has a DRG of the list 'excluded_readmission_ms_drg'"]),
        ("tenn-no-facility", ["No stay holds the day of the procedure"]),
        ("tenn-fracture", ["has a diagnosis of the list 'joint_replacement_disqualifying_diagnoses'"]),
        ("tenn-clean-period-90", ["Another trigger of the person lies from"]),
        ("tenn-17-years", ["The person was younger than 18 or older than 64 years on"]),
        # services
        ("pb-emergency-the-day-before", ["emergency look-back"]),
        ("pb-global-surgery-the-day-before", ["global surgery look-back", "services.global_surgery_look_back"]),
        ("pb-discharge-day-places", ["place of service on the anchor's last day"]),
        ("procedure-windows", ["day 1"]),
        ("tenn-before", ["clinically related, or the surgeon's own", "left out: pre_medication", "related_diagnoses"]),
        ("tenn-emergency-after", ["clinically related, or an emergency"]),
        ("tenn-stays-after", ["Services from day 31 that are not clinically related"]),
        ("commercial-second-joint-after-the-end", ["left out: in_earlier_episode", "construction.window.pre_days"]),
        ("covid-from-april-2020", ["covid", "carries a diagnosis of covid (U071 from 2020-04-01"]),
        ("no-positive-amount", ["left out: non_positive_amount"]),
        # splits
        ("gmlos-below", ["3 of 4.0 days (mean length of stay", "what the episode's share leaves over"]),
        ("gmlos-outlier-by-days", ["an outlier part apart, 2 of 4 days", "construction.services.outlier"]),
        ("gmlos-missing", ["or all of it where none is known", "construction.services.missing_gmlos"]),
        ("hospital-critical-access", ["3 of 5 days", "2 of 5 days"]),
        ("cjr-skilled-nursing-past-the-end", ["3 of 10 days"]),
        # overlap
        ("overlap-two-lower-joints", ["overlap.first_gives_way.lower_joints_of_one_setting", "overlap.reason"]),
        ("overlap-lower-joints-outpatient-then-inpatient", ["first_gives_way.lower_joints_of_two_settings"]),
        ("overlap-lower-joints-of-one-day", ["construction.overlap.same_category"]),
        ("overlap-tavr-after-inpatient-pci", ["first_gives_way.valve_after_coronary_intervention"]),
        ("overlap-switched-off", ["would not count, had the user not switched this off"]),
    ],
)
def test_what_a_case_is_about_is_said(case_id: str, sentences: list[str]) -> None:
    text = "\n".join(str(shown) for shown in explained(case_id))
    assert [said for said in sentences if said not in text] == []


# --- random people: nothing that is said is other than what the engine counted --------------------------------


def said_of(shown: Explanation, counted: Counted) -> Iterator[str]:
    """Compare what each share says with what the engine counted by; yields the method."""
    for row in shown.services.filter(pl.col("share").is_not_null()).iter_rows(named=True):
        item = counted[shown.episode["beneficiary_id"], row["claim_id"]]
        share = row["share"]
        if ", or " in share:
            yield "either"
            continue
        mean, days, visits = (
            re.match(r"(\d+) of (\d+\.\d) days \(mean", share),
            re.match(r"(\d+) of (\d+) days(?! \(first)", share),
            re.match(r"(\d+)/(\d+) of its visits", share),
        )
        if mean and item["outlier"] != 0:
            assert share.endswith("if none of it is an outlier part")
            yield "outlier"
        elif mean:
            assert (item["method"], float(mean[2])) == ("gmlos", item["gmlos_tenths"] / 10)
            yield "gmlos"
        elif visits:
            assert item["method"] == "visits"
            assert len(item["visit_days"]) % int(visits[2]) == 0
            yield "visits"
        elif days:
            assert item["method"] == "days"
            assert int(days[2]) == (item["span_end"] - item["span_start"]).days + 1
            yield "days"


def explain_all(of_build: ep.BuiltEpisodes, tables: Mapping[str, Any], references: ep.References) -> Counter[str]:
    """Check every candidate of a build; what was met."""
    counted = counted_of(ep.Claims(**to_frames(tables)), Context(of_build.program, references=references))
    met: Counter[str] = Counter()
    for episode_id in of_build.episodes["episode_id"]:
        shown = ep.explain(of_build, episode_id)
        check(shown, of_build.program)
        met.update([shown.status, *said_of(shown, counted)])
    return met


@pytest.mark.parametrize("seed", [5, 18])
def test_random_people_of_bpci_advanced(seed: int) -> None:
    tables = random_tables(seed, 25, BundledPerson)
    options = random_bpci_options(seed)
    program = ep.load_program("bpci-advanced", amount_basis=options.basis, without_exclusions=options.switched_off)
    frames = {
        name: pl.DataFrame(rows, schema=REFERENCE_TYPES[name], orient="row")
        for name, rows in random_references(seed).items()
    }
    references = ep.References(**frames)
    of_build = run(tables, program, references)
    assert of_build is not None
    met = explain_all(of_build, tables, references)
    assert min(met[what] for what in ("final", "excluded", "days")) > 0, met


@pytest.mark.parametrize("name", sorted(PROGRAMMES))
def test_random_people_of_the_other_programmes(name: str) -> None:
    tables = random_tables(8, 40, KINDS[name])
    options = random_windows_options(8, PROGRAMMES[name])
    program = ep.load_program(name, PROGRAMMES[name].year, amount_basis=options.basis)
    of_build = run(tables, program, ep.References())
    assert of_build is not None
    met = explain_all(of_build, tables, ep.References())
    assert met["final"] > 0, met
