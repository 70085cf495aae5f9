"""Worked cases, computed by hand, of the oracle and of the engine; and properties of the oracle on random claims.

Unless a case says otherwise: a hip replacement (DRG 470) at an acute hospital, 2026-03-01 to 2026-03-04, of a
person with Parts A and B. The discharge day is day 1, so the episode ends on March 4 + 29 = April 2, and the
post-episode period runs from April 3 to April 2 + 30 = May 2.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from comparison import compare
from oracle.episodes import (
    ADD_ONS,
    CLAIM_PAID_SETTINGS,
    Built,
    Options,
    Row,
    build,
    provider_type_of_ccn,
    round_half_up,
)
from strategies import (
    LADDER,
    Tables,
    claim_tables,
    contract_row,
    random_options,
    random_tables,
    run_options,
    to_frames,
)

ACUTE, OTHER_ACUTE, CRITICAL_ACCESS, MARYLAND = "100001", "330101", "101300", "210001"


def day(month: int, number: int) -> date:
    return date(2026, month, number)


class Case:
    """Claims of one person, written row by row."""

    def __init__(self, **record: Any) -> None:
        self.tables: Tables = {
            "claims": [],
            "lines": [],
            "beneficiaries": [contract_row("beneficiaries", beneficiary_id="P", **record)],
            "coverage": [],
        }
        self.cover("part_a", date(2020, 1, 1))
        self.cover("part_b", date(2020, 1, 1))

    def cover(self, kind: str, start: date, end: date | None = None) -> None:
        row = contract_row("coverage", beneficiary_id="P", kind=kind, start_date=start, end_date=end)
        self.tables["coverage"].append(row)

    def claim(self, claim_id: str, setting: str, start: date, end: date, cents: int | None, **more: Any) -> None:
        row = contract_row(
            "claims",
            beneficiary_id="P",
            claim_id=claim_id,
            setting=setting,
            from_date=start,
            thru_date=end,
            standardized_cents=cents,
            allowed_cents=cents,
            paid_cents=cents,
        )
        self.tables["claims"].append({**row, **more})

    def line(self, claim_id: str, number: int, on: date | None, cents: int | None = None, **more: Any) -> None:
        row = contract_row(
            "lines",
            beneficiary_id="P",
            claim_id=claim_id,
            line_number=number,
            service_date=on,
            standardized_cents=cents,
            allowed_cents=cents,
            paid_cents=cents,
        )
        self.tables["lines"].append({**row, **more})

    def stay(self, claim_id: str, start: date, end: date, drg: str, cents: int = 0, **more: Any) -> None:
        self.claim(claim_id, "inpatient", start, end, cents, **{"ms_drg": drg, "ccn": ACUTE, **more})

    def anchor(self) -> None:
        self.stay("anchor", day(3, 1), day(3, 4), "470", 1_000_000)

    def one_line(self, claim_id: str, setting: str, on: date, cents: int, **more: Any) -> None:
        self.claim(claim_id, setting, on, on, None, ccn=ACUTE if setting == "outpatient" else None)
        self.line(claim_id, 1, on, cents, **more)

    def build(self, **options: Any) -> Built:
        built = build(self.tables, Options(**options))
        assert built.total() == input_total(self.tables, Options(**options))
        compare(self.tables, Options(**options))  # the engine gives the same
        return built


def input_total(tables: Tables, options: Options) -> int:
    """Payable cents of the input, summed without the oracle's own functions."""
    total = 0
    known = {}
    for claim in tables["claims"]:
        if options.as_of and claim["process_date"] and claim["process_date"] > options.as_of:
            continue
        known[claim["beneficiary_id"], claim["claim_id"]] = claim
        if claim["setting"] in CLAIM_PAID_SETTINGS and claim[f"{options.basis}_cents"] is not None:
            total += claim[f"{options.basis}_cents"]
            if options.basis != "standardized":
                total -= sum(claim[column] for column in ADD_ONS)
    for line in tables["lines"]:
        of_claim = known.get((line["beneficiary_id"], line["claim_id"]))
        if of_claim and of_claim["setting"] not in CLAIM_PAID_SETTINGS:
            total += line[f"{options.basis}_cents"] or 0
    return total


def parts(built: Built, claim_id: str) -> list[tuple[str, int]]:
    """(period, cents) of the included rows of a claim."""
    return [
        (row["period"], row["cents"])
        for row in built.services
        if row["claim_id"] == claim_id and row["disposition"] == "included"
    ]


def exclusions(built: Built) -> dict[tuple[str, int], str]:
    """Reason by claim and line of the excluded rows."""
    return {
        (row["claim_id"], row["line_number"]): row["reason"]
        for row in built.services
        if row["disposition"] == "excluded"
    }


def booked(built: Built) -> dict[tuple[str, str | None, str | None], int]:
    return {(row["destination"], row["period"], row["reason"]): row["cents"] for row in built.balance}


def only(built: Built) -> Row:
    assert len(built.episodes) == 1
    return built.episodes[0]


# --- windows ------------------------------------------------------------------------------------------------


def test_the_discharge_day_is_day_one_of_thirty() -> None:
    case = Case()
    case.anchor()
    for number, on in enumerate((day(2, 28), day(3, 1), day(3, 4), day(4, 2), day(4, 3), day(5, 2), day(5, 3))):
        case.one_line(f"visit{number}", "professional", on, 10 ** (number + 1), place_of_service="11")
    built = case.build()
    episode = only(built)
    assert (episode["anchor_start"], episode["anchor_end"]) == (day(3, 1), day(3, 4))
    assert (episode["episode_start"], episode["episode_end"]) == (day(3, 1), day(4, 2))
    assert episode["post_episode_end"] == day(5, 2)
    assert episode["length_of_stay"] == 3
    assert episode["status"] == "final"
    # anchor: the stay and March 1; the discharge day is post, except professional lines in hospital
    assert episode["anchor_cents"] == 1_000_000 + 100
    assert episode["post_cents"] == 1_000 + 10_000
    assert episode["post_episode_cents"] == 100_000 + 1_000_000
    assert booked(built)["outside", None, None] == 10 + 10_000_000  # February 28 and May 3


@pytest.mark.parametrize(("place", "period"), [("21", "anchor"), ("23", "anchor"), ("11", "post"), (None, "post")])
def test_professional_lines_of_the_discharge_day_go_by_place(place: str | None, period: str) -> None:
    case = Case()
    case.anchor()
    case.one_line("visit", "professional", day(3, 4), 500, place_of_service=place)
    case.one_line("clinic", "outpatient", day(3, 4), 700, place_of_service="21")
    built = case.build()
    assert parts(built, "visit") == [(period, 500)]
    assert parts(built, "clinic") == [("post", 700)]


def test_an_outpatient_anchor_is_one_day() -> None:
    case = Case()
    case.one_line("knee", "outpatient", day(3, 4), 900_000, hcpcs="27447")
    case.one_line("same_day", "outpatient", day(3, 4), 700)
    built = case.build()
    episode = only(built)
    assert (episode["anchor_setting"], episode["anchor_code"], episode["price_code"]) == (
        "outpatient",
        "27447",
        "470",
    )
    assert (episode["anchor_start"], episode["anchor_end"]) == (day(3, 4), day(3, 4))
    assert (episode["episode_end"], episode["length_of_stay"]) == (day(4, 2), 1)
    assert parts(built, "same_day") == [("anchor", 700)]


# --- proration ----------------------------------------------------------------------------------------------


def test_a_nursing_stay_is_split_by_days() -> None:
    case = Case()
    case.anchor()
    # 20 days March 24 to April 12, 10 of them to April 2: 100,001 x 10/20 = 50,000.5, half up 50,001
    case.claim("snf", "snf", day(3, 24), day(4, 12), 100_001)
    # 58 days March 24 to May 20: 58,000 x 10/58 = 10,000; all of the remainder is post-episode
    case.claim("long", "hospice", day(3, 24), day(5, 20), 58_000)
    # begins in the post-episode period: 20 days April 24 to May 13, 9 of them to May 2: 20,000 x 9/20 = 9,000
    case.claim("late", "snf", day(4, 24), day(5, 13), 20_000)
    # ends on the last day: not split
    case.claim("exact", "snf", day(3, 4), day(4, 2), 7)
    built = case.build()
    assert parts(built, "snf") == [("post", 50_001), ("post_episode", 50_000)]
    assert parts(built, "long") == [("post", 10_000), ("post_episode", 48_000)]
    assert parts(built, "late") == [("post_episode", 9_000)]
    assert parts(built, "exact") == [("post", 7)]
    assert booked(built)["outside", None, "past_windows"] == 11_000


def test_a_negative_half_cent_rounds_up() -> None:
    case = Case()
    case.anchor()
    # 2 days, 1 inside: -25 x 1/2 = -12.5, half up -12; the remainder is -25 + 12 = -13
    case.claim("snf", "snf", day(4, 2), day(4, 3), -25)
    assert parts(case.build(), "snf") == [("post", -12), ("post_episode", -13)]


def test_the_other_amounts_are_split_alike() -> None:
    case = Case()
    case.anchor()
    # 4 days April 1 to 4, 2 inside; add-ons come off the allowed amount: 1,101 - 100 = 1,001 -> 501 + 500
    case.stay(
        "cah",
        day(4, 1),
        day(4, 4),
        "291",
        601,  # -> 301 + 300
        ccn=CRITICAL_ACCESS,
        allowed_cents=1_101,
        ime_cents=100,
    )
    inside, beyond = [row for row in case.build().services if row["claim_id"] == "cah"]
    assert (inside["cents"], inside["standardized_cents"], inside["allowed_cents"]) == (301, 301, 501)
    assert (beyond["cents"], beyond["standardized_cents"], beyond["allowed_cents"]) == (300, 300, 500)
    inside, beyond = [row for row in case.build(basis="allowed").services if row["claim_id"] == "cah"]
    assert (inside["full_cents"], inside["cents"], beyond["cents"]) == (1_001, 501, 500)


@pytest.mark.parametrize(
    ("drg", "admitted", "expected"),
    [
        # DRG 291, GMLOS 4.0. Admitted March 31: 3 days to April 2, count 3 + 1 = 4 = g: the whole amount
        ("291", day(3, 31), [("post", 10_001)]),
        # Admitted April 1: 2 days, count 3 = g - 1: 10,001 x 3/4 = 7,500.75, half up 7,501
        ("291", day(4, 1), [("post", 7_501), ("post_episode", 2_500)]),
        # Admitted April 2: 1 day, count 2: 10,001 x 2/4 = 5,000.5, half up 5,001
        ("291", day(4, 2), [("post", 5_001), ("post_episode", 5_000)]),
        # DRG 194, GMLOS 3.1. Admitted March 31: count 4 >= 3.1. April 1: count 3: 10,001 x 30/31 = 9,678.39
        ("194", day(3, 31), [("post", 10_001)]),
        ("194", day(4, 1), [("post", 9_678), ("post_episode", 323)]),
        # Admitted May 1, in the post-episode period: 2 days to May 2, count 3 = g - 1; the remainder is lost
        ("291", day(5, 1), [("post_episode", 7_501)]),
    ],
)
def test_a_readmission_is_split_by_geometric_mean_length(
    drg: str, admitted: date, expected: list[tuple[str, int]]
) -> None:
    case = Case()
    case.anchor()
    case.stay("again", admitted, admitted + timedelta(days=9), drg, 10_001)
    assert parts(case.build(), "again") == expected


@pytest.mark.parametrize("ccn", [CRITICAL_ACCESS, MARYLAND, "103025", "10T001"])
def test_stays_elsewhere_are_split_by_days(ccn: str) -> None:
    case = Case()
    case.anchor()
    # 10 days April 1 to 10, 2 inside: 10,001 x 2/10 = 2,000.2
    case.stay("again", day(4, 1), day(4, 10), "291", 10_001, ccn=ccn)
    assert parts(case.build(), "again") == [("post", 2_000), ("post_episode", 8_001)]


@pytest.mark.parametrize("drg", ["998", "997"])  # a GMLOS of zero, and none
def test_without_a_geometric_mean_length_nothing_is_split(drg: str) -> None:
    case = Case()
    case.anchor()
    case.stay("again", day(4, 2), day(4, 10), drg, 10_001)
    built = case.build()
    assert parts(built, "again") == [("post", 10_001)]
    assert only(built)["flags"] == ["gmlos_missing"]


def test_the_length_is_of_the_billed_drg() -> None:
    case = Case()
    case.anchor()
    # 291 has 4.0 days, 466 has 7.0; admitted on April 2: 1 day, count 2: 2/4
    case.stay("again", day(4, 2), day(4, 10), "291", 4_000, pricing_drg="466")
    assert parts(case.build(), "again") == [("post", 2_000), ("post_episode", 2_000)]


def test_a_bill_of_a_stay_counts_from_the_admission() -> None:
    case = Case()
    case.anchor()
    # Admitted March 24, discharged April 12, billed from April 1: 20 days, 10 of them inside
    case.claim(
        "stay",
        "snf",
        day(4, 1),
        day(4, 5),
        400,
        admission_date=day(3, 24),
        discharge_date=day(4, 12),
    )
    # A discharge before the admission counts as one day
    case.claim("odd", "snf", day(4, 1), day(4, 30), 400, discharge_date=day(3, 20))
    built = case.build()
    assert parts(built, "stay") == [("post", 200), ("post_episode", 200)]
    assert parts(built, "odd") == [("post", 400)]


def test_the_length_is_of_the_discharge_year_or_the_nearest() -> None:
    lengths = {(2025, "291"): Decimal("8.0"), (2027, "291"): Decimal("5.0")}
    case = Case()
    case.anchor()
    # Discharged in fiscal year 2026: 2025 and 2027 are equally near, the earlier counts: 2 of 8
    case.stay("again", day(4, 2), day(4, 10), "291", 8_000)
    assert parts(case.build(gmlos=lengths), "again") == [("post", 2_000), ("post_episode", 6_000)]
    case = Case()
    case.stay("anchor", day(9, 1), day(9, 2), "470")  # the episode ends on October 1
    # Discharged on October 1: fiscal year 2027, not past the end. On October 2: 2 of 5
    case.stay("exact", day(10, 1), day(10, 1), "291", 5_000)
    case.stay("again", day(10, 1), day(10, 2), "291", 5_000)
    built = case.build(gmlos=lengths)
    assert parts(built, "exact") == [("post", 5_000)]
    assert parts(built, "again") == [("post", 2_000), ("post_episode", 3_000)]


VISIT: Row = {"revenue_center": "0421", "hcpcs": "G0151", "charge_cents": 100}


def test_home_health_is_split_by_visits() -> None:
    case = Case()
    case.anchor()
    # Visits March 25 to April 8 are 15 days, 9 of them to April 2: 30,000 x 9/15 = 18,000
    case.claim("split", "home_health", day(3, 20), day(4, 18), 30_000)
    case.line("split", 1, day(3, 25), **VISIT)
    case.line("split", 2, day(4, 8), **VISIT)
    case.line("split", 3, day(4, 15), **{**VISIT, "hcpcs": "Q5001"})  # not visits:
    case.line("split", 4, day(4, 16), **{**VISIT, "revenue_center": "0270"})
    case.line("split", 5, day(4, 17), **{**VISIT, "noncovered_charge_cents": 100})
    case.line("split", 6, day(4, 18), **{**VISIT, "charge_cents": None})
    # No visit: 30 days March 20 to April 18, 14 inside: 30,000 x 14/30 = 14,000
    case.claim("none", "home_health", day(3, 20), day(4, 18), 30_000)
    # The last visit on April 2: whole
    case.claim("early", "home_health", day(3, 20), day(4, 18), 30_000)
    case.line("early", 1, day(4, 2), **VISIT)
    # Both visits after the end: nothing inside
    case.claim("late", "home_health", day(3, 20), day(4, 18), 30_000)
    case.line("late", 1, day(4, 3), **VISIT)
    # An undated visit counts at the claim's first day: March 24 to April 12, 10 of 20 days
    case.claim("undated", "home_health", day(3, 24), day(4, 22), 30_000)
    case.line("undated", 1, None, **VISIT)
    case.line("undated", 2, day(4, 12), **VISIT)
    built = case.build()
    assert parts(built, "split") == [("post", 18_000), ("post_episode", 12_000)]
    assert parts(built, "none") == [("post", 14_000), ("post_episode", 16_000)]
    assert parts(built, "early") == [("post", 30_000)]
    assert parts(built, "late") == [("post", 0), ("post_episode", 30_000)]
    assert parts(built, "undated") == [("post", 15_000), ("post_episode", 15_000)]


# --- anchors ------------------------------------------------------------------------------------------------


def test_a_procedure_three_days_before_is_a_lead_in() -> None:
    case = Case()
    case.anchor()
    case.one_line("knee", "outpatient", day(2, 26), 900, hcpcs="27447")  # March 1 - 3 days
    episode = only(built := case.build())
    assert episode["flags"] == ["outpatient_lead_in"]
    assert (episode["episode_start"], episode["anchor_start"]) == (day(2, 26), day(3, 1))
    assert episode["anchor_setting"] == "inpatient"
    assert parts(built, "knee") == [("anchor", 900)]


def test_a_procedure_four_days_before_is_an_anchor_of_its_own() -> None:
    case = Case()
    case.anchor()
    case.one_line("knee", "outpatient", day(2, 25), 900, hcpcs="27447")  # March 1 - 4 days
    first, second = case.build().episodes
    assert (first["anchor_setting"], first["status"], first["reasons"]) == (
        "outpatient",
        "overlapped",
        ["cancelled_by_later_episode"],
    )
    assert (second["anchor_setting"], second["status"]) == ("inpatient", "final")
    assert second["episode_start"] == day(3, 1)
    assert first["flags"] == second["flags"] == ["overlap"]


def test_a_procedure_of_another_category_is_no_lead_in() -> None:
    case = Case()
    case.anchor()
    case.one_line("spine", "outpatient", day(2, 28), 900, hcpcs="22551")
    first, second = case.build().episodes
    assert (first["category"], first["status"]) == ("SPINAL_FUSION", "final")
    assert (second["status"], second["reasons"]) == ("overlapped", ["within_earlier_episode"])


def test_several_lead_ins_go_to_the_earliest_stay() -> None:
    case = Case()
    case.stay("B", day(3, 2), day(3, 2), "470")
    case.stay("A", day(3, 3), day(3, 3), "470")
    case.one_line("knee", "outpatient", day(2, 28), 900, hcpcs="27447")  # 2 and 3 days before
    case.one_line("hip", "outpatient", day(3, 1), 900, hcpcs="27130")
    by_claim = {episode["anchor_claim_id"]: episode for episode in case.build().episodes}
    assert by_claim["B"]["episode_start"] == day(2, 28)
    assert by_claim["A"]["episode_start"] == day(3, 3)


def test_of_stays_that_begin_together_the_lowest_claim_takes_the_lead_in() -> None:
    case = Case()
    case.stay("10", day(3, 2), day(3, 2), "470")
    case.stay("9", day(3, 2), day(3, 3), "470")
    case.one_line("1", "outpatient", day(3, 1), 900, hcpcs="27447")
    by_claim = {episode["anchor_claim_id"]: episode for episode in case.build().episodes}
    assert (by_claim["9"]["episode_start"], by_claim["10"]["episode_start"]) == (day(3, 1), day(3, 2))


def test_a_transfer_chain_is_one_anchor() -> None:
    case = Case()
    case.stay("first", day(3, 1), day(3, 4), "291", 200, ccn=ACUTE, operating_npi="1")
    case.stay("second", day(3, 4), day(3, 6), "291", 300, ccn=CRITICAL_ACCESS)
    case.stay("last", day(3, 6), day(3, 8), "470", 400, ccn=ACUTE, operating_npi="2")
    episode = only(case.build())
    assert episode["key"] == ("P", "inpatient", "last", day(3, 1))
    assert (episode["anchor_ccn"], episode["operating_npi"], episode["transfers"]) == (ACUTE, "1", 2)
    assert (episode["anchor_start"], episode["anchor_end"]) == (day(3, 1), day(3, 8))
    assert episode["anchor_cents"] == 900
    assert episode["length_of_stay"] == 7


@pytest.mark.parametrize(
    ("second_start", "second_ccn"),
    [(day(3, 5), OTHER_ACUTE), (day(3, 4), ACUTE), (day(3, 4), "103025"), (day(3, 3), OTHER_ACUTE)],
    ids=["a day later", "same hospital", "rehabilitation", "a day earlier"],
)
def test_no_transfer(second_start: date, second_ccn: str) -> None:
    case = Case()
    case.anchor()
    case.stay("second", second_start, day(3, 8), "291", 300, ccn=second_ccn)
    episode = only(case.build())
    assert (episode["transfers"], episode["anchor_end"]) == (0, day(3, 4))


def test_the_last_leg_decides() -> None:
    case = Case()
    case.anchor()
    case.stay("second", day(3, 4), day(3, 8), "291", 300, ccn=OTHER_ACUTE)
    built = case.build()
    assert built.episodes == []
    assert booked(built) == {("no_episode", None, None): 1_000_300}


def test_legs_of_one_day_follow_their_processing() -> None:
    case = Case()
    # Two stays of March 4 alone: the one without a processing date comes first, the later processed is last
    case.stay("1", day(3, 4), day(3, 4), "470", ccn=ACUTE, process_date=day(4, 2))
    case.stay("2", day(3, 4), day(3, 4), "291", ccn=OTHER_ACUTE, process_date=day(4, 1))
    case.stay("3", day(3, 4), day(3, 4), "291", ccn=ACUTE, process_date=None)
    episode = only(case.build())
    assert (episode["anchor_claim_id"], episode["transfers"]) == ("1", 2)


def test_stays_that_are_not_inner_cannot_anchor() -> None:
    case = Case()
    case.stay("anchor", day(3, 1), day(3, 4), "470", keep_inner=False)
    assert case.build().episodes == []


@pytest.mark.parametrize(
    ("ends", "said", "anchors"),
    [
        (day(3, 20), None, ["inside"]),  # encloses the acute stay of March 5 to 8: the inner one counts
        (day(3, 8), None, ["inside"]),  # ends with it
        (day(3, 7), None, ["inside", "longer"]),  # does not enclose it
        (day(3, 20), True, ["inside", "longer"]),  # the claim says that it counts
    ],
)
def test_a_longer_stay_gives_way_to_the_acute_stay_inside(ends: date, said: bool | None, anchors: list[str]) -> None:
    case = Case()
    case.stay("longer", day(3, 1), ends, "470", ccn="102000", keep_inner=said)
    case.stay("inside", day(3, 5), day(3, 8), "470")
    assert sorted(episode["anchor_claim_id"] for episode in case.build().episodes) == anchors


def test_two_unknown_hospitals_do_not_differ() -> None:
    case = Case()
    case.stay("first", day(3, 1), day(3, 4), "291", ccn=None, provider_type="acute")
    case.stay("second", day(3, 4), day(3, 8), "470", ccn=None, provider_type="acute")
    assert only(case.build())["transfers"] == 0


def test_the_pricing_drg_triggers_and_the_billed_one_is_shown() -> None:
    case = Case()
    case.stay("anchor", day(3, 1), day(3, 4), "291", pricing_drg="480")
    episode = only(case.build())
    assert (episode["category"], episode["price_code"], episode["anchor_code"]) == ("SHFFT", "480", "291")


@pytest.mark.parametrize(("discharged", "episodes"), [(date(2024, 9, 30), 1), (date(2024, 10, 1), 0)])
def test_old_fusion_codes_trigger_up_to_their_last_day(discharged: date, episodes: int) -> None:
    case = Case()
    case.stay("anchor", date(2024, 9, 28), discharged, "459")
    built = case.build(period=(date(2024, 1, 1), date(2024, 12, 31)), own_period=False)
    assert [(e["price_code"], e["status"]) for e in built.episodes] == [("459-460", "final")] * episodes


def test_one_outpatient_anchor_a_day() -> None:
    def winner(**options: Any) -> tuple[str, str]:
        episode = only(case.build(**options))
        return episode["anchor_claim_id"], episode["anchor_code"]

    case = Case()
    for claim_id, processed in (("10", day(4, 1)), ("9", day(4, 1)), ("8", None), ("7", day(4, 2))):
        case.claim(claim_id, "outpatient", day(3, 4), day(3, 4), None, ccn=ACUTE, process_date=processed)
    case.line("10", 1, day(3, 4), 500, hcpcs="27447", charge_cents=3)
    case.line("9", 1, day(3, 4), 500, hcpcs="27130", charge_cents=3)
    case.line("8", 1, day(3, 4), 500, hcpcs="27702", charge_cents=9)
    assert winner() == ("9", "27130")  # equal but for the number: 9 is lower than 10
    case.claim("A", "dme", day(3, 4), day(3, 4), None)
    assert winner() == ("10", "27447")  # as text "10" is lower than "9"
    case.line("9", 2, day(3, 4), 500, hcpcs="22551", charge_cents=4)
    assert winner() == ("9", "22551")  # the higher charge
    case.line("7", 1, day(3, 4), 500, hcpcs="22630", charge_cents=None)
    assert winner() == ("7", "22630")  # processed later
    case.line("8", 2, day(3, 4), 501, hcpcs="22554", allowed_cents=None)
    assert winner() == ("8", "22554")  # the higher amount
    assert winner(basis="allowed") == ("7", "22630")  # where it has none


def test_claim_ids_of_other_people_are_other_claims() -> None:
    case = Case()
    case.anchor()
    case.tables["claims"].append({**case.tables["claims"][0], "beneficiary_id": "Q", "ms_drg": "291"})
    built = case.build()
    assert [row["key"] for row in built.services] == [("P", "inpatient", "anchor", day(3, 1))]
    assert booked(built)["no_episode", None, None] == 1_000_000


# --- ladder -------------------------------------------------------------------------------------------------


def reasons(case: Case, **options: Any) -> list[str]:
    reasons_of_only: list[str] = only(case.build(**options))["reasons"]
    return reasons_of_only


def test_every_reason_is_collected_in_order() -> None:
    case = Case(death_date=day(3, 4))
    case.tables["coverage"] = []
    case.cover("medicare_advantage", day(4, 1))
    case.stay("anchor", date(2025, 12, 30), day(3, 4), "470", ccn="21T005", primary_payer_paid_cents=1)
    assert reasons(case) == [
        "outside_model_dates",
        "not_acute_hospital",
        "excluded_state",
        "not_in_part_a_and_b",
        "other_primary_payer",
        "death_in_anchor",
    ]  # not medicare_advantage: the window ends with death on March 4
    assert reasons(case, period=(date(2025, 1, 1), date(2025, 12, 31)), own_period=False)[0] == "out_of_period"
    assert only(case.build(switched_off=frozenset(LADDER)))["status"] == "final"


def test_the_period_is_of_the_last_day_of_the_anchor() -> None:
    for period, expected in (
        ((day(3, 4), day(3, 4)), []),
        ((day(1, 1), day(3, 3)), ["out_of_period"]),
        ((day(3, 5), day(12, 31)), ["out_of_period"]),
    ):
        case = Case()
        case.anchor()
        assert reasons(case, period=period) == expected


def test_coverage_is_tested_on_every_day_of_the_episode() -> None:
    def case_with(end_a: date | None, start_b: date) -> Case:
        case = Case()
        case.tables["coverage"] = []
        case.cover("part_a", day(1, 1), end_a)
        case.cover("part_b", start_b)
        case.anchor()
        return case

    assert reasons(case_with(day(4, 2), day(1, 1))) == []
    assert reasons(case_with(day(4, 1), day(1, 1))) == ["not_in_part_a_and_b"]
    assert reasons(case_with(None, day(3, 1))) == []
    assert reasons(case_with(None, day(3, 2))) == ["not_in_part_a_and_b"]
    continued = case_with(day(3, 10), day(1, 1))
    continued.cover("part_a", day(3, 11))
    assert reasons(continued) == []
    blank = case_with(day(3, 10), day(1, 1))
    blank.cover("unknown", day(3, 11), day(3, 11))
    blank.cover("part_a", day(3, 12))
    assert reasons(blank) == ["coverage_unknown"]
    assert reasons(blank, switched_off=frozenset({"coverage_unknown"})) == []
    unknown = blank.tables["coverage"][-2]
    unknown["detail"] = "part_a"
    assert reasons(blank) == ["coverage_unknown"]
    unknown["detail"] = "part_b"  # says nothing of Part A
    assert reasons(blank) == ["not_in_part_a_and_b", "coverage_unknown"]


@pytest.mark.parametrize("kind", ["medicare_advantage", "esrd_entitlement", "united_mine_workers"])
def test_coverage_that_excludes_must_meet_the_window(kind: str) -> None:
    for start, end, expected in (
        (day(1, 1), day(2, 28), []),
        (day(1, 1), day(3, 1), [kind]),
        (day(4, 2), None, [kind]),
        (day(4, 3), None, []),
    ):
        case = Case()
        case.anchor()
        case.cover(kind, start, end)
        assert reasons(case) == expected


def test_a_person_without_any_record() -> None:
    case = Case()
    case.anchor()
    case.tables["coverage"] = []
    assert reasons(case) == ["not_in_part_a_and_b"]
    case.tables["beneficiaries"] = []
    assert reasons(case) == ["no_enrolment_record", "not_in_part_a_and_b"]


def test_rural_demonstration_hospitals_are_out_while_it_lasts() -> None:
    for start, expected in ((day(4, 30), True), (day(5, 1), False)):  # 170074 ends on 2026-04-30
        case = Case()
        case.stay("anchor", start, day(5, 4), "470", ccn="170074")
        assert ("rural_community_hospital_demonstration" in reasons(case)) is expected


# --- death --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("death", "status", "flags", "episode_end", "post_episode_end"),
    [
        (day(2, 28), "final", ["death_before_anchor"], day(4, 2), day(5, 2)),
        (day(3, 1), "excluded", ["died_in_episode"], day(3, 4), day(3, 4)),
        (day(3, 4), "excluded", ["died_in_episode"], day(3, 4), day(3, 4)),
        (day(3, 5), "final", ["died_in_episode"], day(3, 5), day(3, 5)),
        (day(4, 2), "final", ["died_in_episode"], day(4, 2), day(4, 2)),
        (day(4, 3), "final", [], day(4, 2), day(4, 3)),
        (day(5, 2), "final", [], day(4, 2), day(5, 2)),
        (day(5, 3), "final", [], day(4, 2), day(5, 2)),
    ],
)
def test_death_ends_the_windows(
    death: date, status: str, flags: list[str], episode_end: date, post_episode_end: date
) -> None:
    case = Case(death_date=death)
    case.anchor()
    episode = only(case.build())
    assert (episode["status"], episode["flags"]) == (status, flags)
    assert (episode["episode_end"], episode["post_episode_end"]) == (episode_end, post_episode_end)
    assert episode["scheduled_end"] == day(4, 2)


def test_what_is_left_at_death_is_lost() -> None:
    case = Case(death_date=day(3, 13))
    case.anchor()
    # 20 days March 4 to 23, 10 to March 13: 5,000 in; no post-episode period, 5,000 past the windows
    case.claim("snf", "snf", day(3, 4), day(3, 23), 10_000)
    built = case.build()
    assert parts(built, "snf") == [("post", 5_000)]
    assert booked(built)["outside", None, "past_windows"] == 5_000


def test_discharge_status_of_the_last_leg() -> None:
    case = Case()
    case.stay("first", day(3, 1), day(3, 4), "291", discharge_status="20")
    case.stay("last", day(3, 4), day(3, 5), "470", ccn=OTHER_ACUTE)
    assert reasons(case) == []
    case.tables["claims"][1]["discharge_status"] = "20"
    assert reasons(case) == ["death_in_anchor"]


# --- overlap ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drg", "start", "expected"),
    [
        ("469", day(4, 2), [("overlapped", ["cancelled_by_later_episode"]), ("final", [])]),
        ("469", day(4, 3), [("final", []), ("final", [])]),
        ("480", day(4, 2), [("final", []), ("overlapped", ["within_earlier_episode"])]),
        ("480", day(4, 3), [("final", []), ("final", [])]),
    ],
    ids=["same category", "same category, a day later", "other category", "other category, a day later"],
)
def test_overlap(drg: str, start: date, expected: list[tuple[str, list[str]]]) -> None:
    case = Case()
    case.anchor()
    case.stay("second", start, start, drg, 500)
    built = case.build()
    assert [(episode["status"], episode["reasons"]) for episode in built.episodes] == expected
    flags = ["overlap"] if start == day(4, 2) else []
    assert [episode["flags"] for episode in built.episodes] == [flags, flags]


def test_the_one_that_gave_way_does_not_come_back() -> None:
    case = Case()
    case.anchor()  # LEJR to April 2
    case.stay("hip", day(3, 20), day(3, 20), "480")  # within the first
    case.stay("knee", day(4, 2), day(4, 2), "470")  # cancels the first
    assert [episode["status"] for episode in case.build().episodes] == ["overlapped", "overlapped", "final"]


def test_excluded_candidates_overlap_nobody() -> None:
    case = Case()
    case.anchor()
    case.stay("knee", day(3, 20), day(3, 20), "470", ccn=CRITICAL_ACCESS)
    assert [episode["status"] for episode in case.build().episodes] == ["final", "excluded"]


# --- services -----------------------------------------------------------------------------------------------


def test_an_excluded_readmission_takes_its_professional_lines_along() -> None:
    case = Case()
    case.anchor()
    case.stay("trauma", day(3, 10), day(3, 12), "956", 50_000)  # on the list
    case.stay("eye", day(3, 20), day(3, 22), "121", 60_000)  # MDC 02
    case.stay("birth", day(3, 25), day(3, 26), "291", 70_000, mdc="14")  # MDC of the claim
    case.stay("heart", day(3, 28), day(3, 29), "291", 80_000)
    for claim_id, on in (("a", day(3, 9)), ("b", day(3, 10)), ("c", day(3, 12)), ("d", day(3, 13))):
        case.one_line(claim_id, "professional", on, 100)
    case.one_line("e", "professional", day(3, 21), 100)
    case.one_line("f", "professional", day(3, 28), 100)
    case.one_line("g", "outpatient", day(3, 11), 100)
    built = case.build()
    assert exclusions(built) == {
        ("trauma", 0): "excluded_readmission_drg",
        ("eye", 0): "excluded_readmission_mdc",
        ("birth", 0): "excluded_readmission_mdc",
        ("b", 1): "professional_in_excluded_stay",
        ("c", 1): "professional_in_excluded_stay",
        ("e", 1): "professional_in_excluded_stay",
    }
    assert only(built)["post_cents"] == 80_000 + 4 * 100  # a, d, f, g
    assert booked(built)["excluded", None, "professional_in_excluded_stay"] == 300


def test_stays_before_the_last_day_of_the_anchor_and_anchor_lines_are_not_excluded() -> None:
    case = Case()
    case.anchor()
    case.stay("during", day(3, 3), day(3, 3), "956", 50, keep_inner=False)
    case.stay("last_day", day(3, 4), day(3, 6), "956", 60)
    case.one_line("hospital", "professional", day(3, 4), 100, place_of_service="21")
    case.one_line("office", "professional", day(3, 4), 100, place_of_service="11")
    built = case.build()
    assert parts(built, "during") == [("anchor", 50)]
    assert parts(built, "hospital") == [("anchor", 100)]
    assert exclusions(built) == {
        ("last_day", 0): "excluded_readmission_drg",
        ("office", 1): "professional_in_excluded_stay",
    }


def test_bars_come_before_exclusions() -> None:
    case = Case()
    case.anchor()
    case.one_line("pills", "drug", day(3, 10), 100)
    case.one_line("factor", "professional", day(3, 10), 100, hcpcs="J7170")
    case.one_line("drug", "dme", day(3, 10), 100, hcpcs="J0135")
    case.one_line("device", "outpatient", day(3, 10), 100, status_indicator="H")
    case.one_line("device_line", "professional", day(3, 10), 100, status_indicator="H")
    case.claim("unpriced", "snf", day(3, 10), day(3, 12), None, primary_payer_paid_cents=5)
    case.stay("paid", day(3, 14), day(3, 15), "956", 100, primary_payer_paid_cents=5)
    case.one_line("inside", "professional", day(3, 14), 100)
    built = case.build()
    assert exclusions(built) == {
        ("pills", 1): "setting_not_covered",
        ("factor", 1): "clotting_factor",
        ("drug", 1): "excluded_part_b_drug",
        ("device", 1): "device_pass_through",
        ("unpriced", 0): "no_amount_on_basis",
        ("paid", 0): "other_payer",
    }
    assert only(built)["post_cents"] == 200  # device_line and inside: its stay is barred, not excluded


def test_the_anchors_own_items_are_always_in() -> None:
    case = Case()
    case.one_line("knee", "outpatient", day(3, 4), 100, hcpcs="27447", status_indicator="H")
    case.tables["lines"][0]["primary_payer_paid_cents"] = 7
    built = case.build()
    assert only(built)["reasons"] == ["other_primary_payer"]
    assert only(built)["anchor_cents"] == 100
    case.tables["lines"][0]["standardized_cents"] = None
    row = case.build().services[0]
    assert (row["disposition"], row["reason"], row["full_cents"], row["cents"]) == ("included", None, 0, 0)


def test_all_legs_are_the_anchors_own_items() -> None:
    case = Case()
    case.stay("first", day(3, 1), day(3, 4), "956", 300)
    case.stay("second", day(3, 4), day(3, 4), "956", 200, ccn=OTHER_ACUTE, keep_inner_outer=False)
    case.stay("last", day(3, 4), day(3, 4), "470", 100, process_date=day(4, 1), primary_payer_paid_cents=1)
    built = case.build()
    assert only(built)["anchor_cents"] == 600
    assert exclusions(built) == {}


def test_stays_that_are_not_kept_are_outside() -> None:
    case = Case()
    case.anchor()
    case.stay("inner", day(3, 10), day(3, 12), "291", 500, keep_inner_outer=False)
    built = case.build()
    assert parts(built, "inner") == []
    assert booked(built)["outside", None, "not_kept_stay"] == 500


# --- status and balance -------------------------------------------------------------------------------------


def test_an_episode_is_open_until_its_run_out_has_passed() -> None:
    case = Case()
    case.anchor()
    # April 2 + 30 + 60 = July 1
    assert only(case.build(as_of=day(7, 1)))["status"] == "open"
    assert only(case.build(as_of=day(7, 2)))["status"] == "final"
    case.one_line("late", "professional", day(3, 10), 100)
    case.tables["claims"][1]["process_date"] = day(7, 3)
    assert parts(case.build(as_of=day(7, 2)), "late") == []
    assert parts(case.build(as_of=day(7, 3)), "late") == [("post", 100)]


def test_each_cent_is_booked_once() -> None:
    case = Case()
    case.anchor()  # to April 2, post-episode to May 2
    case.stay("second", day(4, 10), day(4, 12), "470", 500)  # final as well, to May 11
    case.one_line("both", "professional", day(4, 20), 30)  # post-episode of the first, post of the second
    case.one_line("first", "professional", day(4, 5), 4)  # post-episode of the first
    # 20 days March 24 to April 12: 10 in the first, 10 post-episode
    case.claim("snf", "snf", day(3, 24), day(4, 12), 200)
    built = case.build()
    assert [episode["status"] for episode in built.episodes] == ["final", "final"]
    assert parts(built, "second") == [("post_episode", 500), ("anchor", 500)]
    assert booked(built) == {
        ("final_episode", "anchor", None): 1_000_000 + 500,
        ("final_episode", "post", None): 100 + 30,
        ("post_episode", None, None): 100 + 4,
    }
    case.tables["claims"][1]["ccn"] = CRITICAL_ACCESS  # the second is excluded now
    case.stay("trauma", day(4, 21), day(4, 22), "956", 7_000)  # excluded in the first, seen by the second
    case.one_line("pills", "drug", day(4, 5), 80_000)
    assert booked(case.build()) == {
        ("final_episode", "anchor", None): 1_000_000,
        ("final_episode", "post", None): 100,
        ("post_episode", None, None): 500 + 30 + 4 + 100,
        ("not_final", None, None): 7_000,
        ("excluded", None, "setting_not_covered"): 80_000,
    }


# --- small parts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ccn", "expected"),
    [
        ("100001", "acute"),
        ("100886", "acute"),
        ("100887", "other"),
        ("450888", "acute"),  # by its whole number only
        ("210001", "acute"),
        ("101300", "cah"),
        ("050146", "cancer"),  # before acute
        ("10001E", "emergency"),
        ("1000V1", "veteran"),
        ("102000", "ltch"),
        ("103025", "irf"),
        ("10T001", "irf"),
        ("103300", "childrens"),
        ("104499", "ipf"),
        ("10S001", "ipf"),
        ("10Z300", "swing_bed"),
        ("107000", "home_health"),
        ("105000", "snf"),
        ("00001", "other"),
        (None, "other"),
    ],
)
def test_provider_type_of_a_number(ccn: str | None, expected: str) -> None:
    assert provider_type_of_ccn(ccn) == expected


@pytest.mark.parametrize(("tenths", "expected"), [(25, 3), (24, 2), (-25, -2), (-26, -3), (0, 0)])
def test_rounding(tenths: int, expected: int) -> None:
    assert round_half_up(Fraction(tenths, 10)) == expected


# --- properties on random claims ----------------------------------------------------------------------------

SEEDS = range(300)


def test_the_balance_equals_the_input() -> None:
    for seed in SEEDS:
        tables, options = random_tables(seed, people=1 + seed % 4), random_options(seed)
        assert build(tables, options).total() == input_total(tables, options), f"seed {seed}"


@settings(max_examples=60, deadline=None)
@given(claim_tables(), run_options())
def test_episodes_and_services_agree(tables: Tables, options: Options) -> None:
    built = build(tables, options)
    assert built.total() == input_total(tables, options)
    assert len({episode["key"] for episode in built.episodes}) == len(built.episodes)
    for episode in built.episodes:
        rows = [row for row in built.services if row["key"] == episode["key"]]
        inside = [row for row in rows if row["period"] != "post_episode"]
        assert episode["episode_cents"] == sum(row["cents"] for row in inside)
        assert episode["episode_start"] <= episode["anchor_start"] <= episode["anchor_end"]
        assert episode["anchor_end"] <= episode["episode_end"] <= episode["post_episode_end"]
        assert episode["episode_end"] <= episode["scheduled_end"]
        assert (episode["status"] in {"excluded", "overlapped"}) == bool(episode["reasons"])
    final = sum(episode["episode_cents"] for episode in built.episodes if episode["status"] == "final")
    assert final == sum(row["cents"] for row in built.balance if row["destination"] == "final_episode")


def test_the_order_of_the_rows_does_not_matter() -> None:
    for seed in range(40):
        tables, options = random_tables(seed, people=3), random_options(seed)
        shuffled = {name: Random(seed).sample(rows, len(rows)) for name, rows in tables.items()}
        assert build(shuffled, options) == build(tables, options)


def test_the_generator_keeps_the_contract() -> None:
    from episodes.claims.contract import TABLES

    for seed in range(40):
        tables = random_tables(seed, people=4)
        for name, frame in to_frames(tables).items():
            assert frame.height == len(tables[name])
            TABLES[name].validate(frame, cast=True)
        claims = {(row["beneficiary_id"], row["claim_id"]) for row in tables["claims"]}
        assert {(row["beneficiary_id"], row["claim_id"]) for row in tables["lines"]} <= claims


def test_the_generator_reaches_every_rule() -> None:
    seen: Counter[Any] = Counter()
    for seed in SEEDS:
        built = build(random_tables(seed, people=4), random_options(seed))
        for episode in built.episodes:
            seen.update([episode["status"], *episode["reasons"], *episode["flags"]])
            seen[episode["category"], episode["anchor_setting"]] += 1
            seen["transfers", episode["transfers"]] += 1
        seen.update((row["period"], row["disposition"]) for row in built.services)
        seen.update(row["reason"] for row in built.services)
        seen.update(row["destination"] for row in built.balance)
        seen.update(row["reason"] for row in built.balance)
    expected = {
        *("final", "excluded", "overlapped", "open"),
        *LADDER,
        *("cancelled_by_later_episode", "within_earlier_episode"),
        *("overlap", "outpatient_lead_in", "death_before_anchor", "died_in_episode", "gmlos_missing"),
        *("setting_not_covered", "no_amount_on_basis", "other_payer", "clotting_factor"),
        *("excluded_readmission_drg", "excluded_readmission_mdc", "professional_in_excluded_stay"),
        *("excluded_part_b_drug", "device_pass_through", "past_windows", "not_kept_stay"),
        *("final_episode", "post_episode", "not_final", "outside", "no_episode"),
        *((period, how) for period in ("anchor", "post", "post_episode") for how in ("included", "excluded")),
        *((category, "inpatient") for category in ("LEJR", "SHFFT", "CABG", "SPINAL_FUSION", "MAJOR_BOWEL")),
        *((category, "outpatient") for category in ("LEJR", "SPINAL_FUSION")),
        *(("transfers", count) for count in (0, 1, 2)),
    }
    rare = {name for name in expected if seen[name] < 10}
    assert not rare
