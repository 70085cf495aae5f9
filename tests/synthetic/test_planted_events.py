"""Every planted event is in the default set, found from the frames alone: who, when and what it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pytest

from episodes.building.provider_types import provider_type_of
from episodes.programs.code_tables import load_codes
from episodes.synthetic.configuration import load_configuration

Tables = dict[str, pl.DataFrame]
WINDOW_END, POST_EPISODE_END = 29, 59  # days after the anchor's end


@dataclass(frozen=True)
class Facts:
    """Rows of each table beside the anchors of the same person, with days counted from the anchor's end."""

    anchors: pl.DataFrame
    claims: pl.DataFrame
    lines: pl.DataFrame
    coverage: pl.DataFrame
    people: pl.DataFrame
    unknown: pl.DataFrame

    def claim(self, setting: str, *tests: pl.Expr) -> int:
        return self.claims.filter(pl.col("setting") == setting, OTHER, *tests).height

    def anchor_stay(self, *tests: pl.Expr) -> int:
        return self.claims.filter(pl.col("setting") == "inpatient", OWN, *tests).height

    def planted_stay(self, principal: str, *tests: pl.Expr, within: int = 999, after: int = 0) -> int:
        """Stays with this principal diagnosis, more than `after` and at most `within` days from the admission."""
        wait = (pl.col("from_date") - pl.col("start")).dt.total_days()
        stays = (pl.col("diagnoses").list.first() == principal, wait > after, wait <= within)
        return self.claim("inpatient", *stays, *tests)

    def line(self, *tests: pl.Expr) -> int:
        return self.lines.filter(OTHER, INSIDE, *tests).height

    def interval(self, kind: str) -> int:
        meets = (pl.col("first") <= WINDOW_END) & (pl.col("last").is_null() | (pl.col("last") >= 0))
        return self.coverage.filter(pl.col("kind") == kind, meets).height

    def ends_between(self, kind: str, low: int, high: int) -> int:
        """Intervals that end in these days, of people who have another of the kind later."""
        kinds = self.coverage.filter(pl.col("kind") == kind)
        ended = kinds.filter(pl.col("last").is_between(low, high))
        resumed = kinds.filter(pl.col("first") > low)
        return ended.join(resumed, on="anchor_claim_id", how="semi").height

    def death(self, *tests: pl.Expr) -> int:
        return self.people.filter(*tests).height

    def pairs(self, *tests: pl.Expr) -> int:
        """Two anchors of one person: the second (`_right`) begins `gap` days after the first ends."""
        both = self.anchors.join(self.anchors, on="beneficiary_id")
        both = both.filter(pl.col("anchor_claim_id") != pl.col("anchor_claim_id_right"))
        gap = (pl.col("start_right") - pl.col("end")).dt.total_days()
        return both.with_columns(gap=gap).filter(*tests).height


def days_from_end(column: str) -> pl.Expr:
    return (pl.col(column) - pl.col("end")).dt.total_days()


@pytest.fixture(scope="module")
def facts(tables: Tables, anchors: pl.DataFrame) -> Facts:
    anchors = anchors.rename({"claim_id": "anchor_claim_id"})
    people, coverage = tables["beneficiaries"], tables["coverage"]
    offset, end_offset = days_from_end("from_date"), days_from_end("thru_date")
    settings = tables["claims"].select("claim_id", "setting")
    return Facts(
        anchors=anchors,
        claims=tables["claims"]
        .join(anchors, on="beneficiary_id")
        .with_columns(
            offset=offset,
            end_offset=end_offset,
            before_start=(pl.col("thru_date") - pl.col("start")).dt.total_days(),
        ),
        lines=tables["lines"]
        .join(settings, on="claim_id")
        .join(anchors, on="beneficiary_id")
        .with_columns(offset=days_from_end("service_date")),
        coverage=coverage.join(anchors, on="beneficiary_id").with_columns(
            first=days_from_end("start_date"), last=days_from_end("end_date")
        ),
        people=people.join(anchors, on="beneficiary_id").with_columns(
            from_start=(pl.col("death_date") - pl.col("start")).dt.total_days(),
            from_end=days_from_end("death_date"),
        ),
        unknown=anchors.join(people, on="beneficiary_id", how="anti").join(coverage, on="beneficiary_id", how="anti"),
    )


def codes_of(table: str, column: str) -> list[str]:
    return load_codes(table)[column].to_list()


def provider(kind: str) -> pl.Expr:
    return pl.col("ccn").map_elements(lambda ccn: provider_type_of(ccn) == kind, return_dtype=pl.Boolean)


OPERATED = pl.col("procedures").list.len().fill_null(0) > 0
OWN = pl.col("claim_id") == pl.col("anchor_claim_id")
OTHER = pl.col("claim_id") != pl.col("anchor_claim_id")
INSIDE = pl.col("offset").is_between(0, WINDOW_END)
ACROSS_END = INSIDE & (pl.col("end_offset") > WINDOW_END)
ACROSS_POST = (pl.col("offset") <= POST_EPISODE_END) & (pl.col("end_offset") > POST_EPISODE_END)
ELSEWHERE = pl.col("ccn") != pl.col("anchor_ccn")
MEDICAL = ~pl.col("ms_drg").is_in(codes_of("team_anchor_codes", "code")) & provider("acute")
SAME_CATEGORY = pl.col("category") == pl.col("category_right")
INPATIENT = (pl.col("anchor_setting") == "inpatient") & (pl.col("anchor_setting_right") == "inpatient")
LEAD_IN = SAME_CATEGORY & (pl.col("anchor_setting") == "outpatient") & (pl.col("anchor_setting_right") == "inpatient")
BECAME_CHAIN = (pl.col("before_start") == 0) & ELSEWHERE & (pl.col("discharge_status") == "02")
VISIT_IN_EXCLUDED_STAY = pl.col("hcpcs") == "99232"

EVENTS: dict[str, Callable[[Facts], int]] = {
    # who is covered
    "no_enrolment_record": lambda f: f.unknown.height,
    "part_a_gap": lambda f: f.ends_between("part_a", 0, WINDOW_END),
    "part_b_gap": lambda f: f.ends_between("part_b", 0, WINDOW_END),
    "gap_outside_window": lambda f: f.ends_between("part_b", -200, -60),
    "medicare_advantage_entry": lambda f: f.interval("medicare_advantage"),
    "esrd_entitlement": lambda f: f.interval("esrd_entitlement"),
    "other_primary_payer": lambda f: f.interval("other_primary_payer"),
    "united_mine_workers": lambda f: f.interval("united_mine_workers"),
    "unknown_month": lambda f: f.interval("unknown"),
    # who dies
    "death_in_anchor": lambda f: f.death(pl.col("from_start") >= 0, pl.col("from_end") <= 0),
    "death_in_window": lambda f: f.death(pl.col("from_end").is_between(1, WINDOW_END)),
    "death_in_post_episode": lambda f: f.death(pl.col("from_end").is_between(WINDOW_END + 1, POST_EPISODE_END)),
    "death_later": lambda f: f.death(pl.col("from_end") > POST_EPISODE_END),
    "death_before_anchor": lambda f: f.death(pl.col("from_start") < 0),
    # where
    "critical_access_anchor": lambda f: f.anchor_stay(provider("cah")),
    "maryland_anchor": lambda f: f.anchors.filter(pl.col("anchor_ccn").str.starts_with("21")).height,
    "rural_demonstration_anchor": lambda f: (
        f.anchors.filter(pl.col("anchor_ccn").is_in(codes_of("rural_community_hospital_demo", "ccn"))).height
    ),
    "transfer_same_day": lambda f: f.claim("inpatient", BECAME_CHAIN, pl.col("procedures").is_null()),
    "transfer_from_critical_access": lambda f: f.claim("inpatient", BECAME_CHAIN, provider("cah")),
    "transfer_after_surgery": lambda f: f.claim("inpatient", BECAME_CHAIN, pl.col("procedures").is_not_null()),
    "next_day_admission_elsewhere": lambda f: f.claim("inpatient", pl.col("offset") == 1, ELSEWHERE, MEDICAL),
    "same_day_return_same_hospital": lambda f: f.claim("inpatient", pl.col("offset") == 0, ~ELSEWHERE, MEDICAL),
    # several anchors
    "outpatient_lead_in": lambda f: f.pairs(LEAD_IN, pl.col("gap").is_between(0, 3)),
    "outpatient_lead_in_too_early": lambda f: f.pairs(LEAD_IN, pl.col("gap").is_between(4, WINDOW_END)),
    "staged_within_window": lambda f: f.pairs(SAME_CATEGORY, INPATIENT, pl.col("gap").is_between(1, WINDOW_END)),
    "staged_outside_window": lambda f: f.pairs(SAME_CATEGORY, INPATIENT, pl.col("gap") > WINDOW_END),
    "other_category_within_window": lambda f: f.pairs(~SAME_CATEGORY, pl.col("gap").is_between(1, WINDOW_END)),
    "two_outpatient_triggers": lambda f: (
        f.anchors.filter(pl.struct("anchor_claim_id", "start").is_duplicated())
        .filter(pl.col("anchor_setting") == "outpatient")
        .height
    ),
    "undated_outpatient_line": lambda f: (
        f.lines.filter(pl.col("setting") == "outpatient", pl.col("service_date").is_null()).height
    ),
    # codes
    "regrouped_fusion": lambda f: f.anchor_stay(pl.col("pricing_drg") != pl.col("ms_drg")),
    "readmission_without_gmlos": lambda f: f.claim(
        "inpatient", ACROSS_END, ~pl.col("ms_drg").is_in(codes_of("ms_drgs", "ms_drg"))
    ),
    "stay_without_admission_date": lambda f: f.anchor_stay(pl.col("admission_date").is_null()),
    # after the anchor
    "readmission_in_window": lambda f: f.claim("inpatient", INSIDE, MEDICAL, pl.col("end_offset") <= WINDOW_END),
    "readmission_across_window_end": lambda f: f.claim("inpatient", ACROSS_END, MEDICAL),
    "readmission_across_post_episode_end": lambda f: f.claim("inpatient", ACROSS_POST, MEDICAL),
    "excluded_readmission": lambda f: (
        f.claims.filter(INSIDE, pl.col("ms_drg").is_in(codes_of("excluded_readmission_ms_drg", "ms_drg")))
        .select("anchor_claim_id", "from_date", "thru_date")
        .join(f.lines.filter(VISIT_IN_EXCLUDED_STAY), on="anchor_claim_id")
        .filter(pl.col("service_date").is_between("from_date", "thru_date"))
        .height
    ),
    "stay_not_kept": lambda f: f.claim("inpatient", INSIDE, ~pl.col("keep_inner_outer")),
    "snf_across_window_end": lambda f: f.claim("snf", ACROSS_END, pl.col("end_offset") <= POST_EPISODE_END),
    "snf_across_post_episode_end": lambda f: f.claim("snf", INSIDE, ACROSS_POST),
    "rehabilitation_stay": lambda f: f.claim("inpatient", INSIDE, provider("irf")),
    "long_term_hospital_stay": lambda f: f.claim("inpatient", ACROSS_END, provider("ltch")),
    "hospice_stay": lambda f: f.claim("hospice", ACROSS_END),
    "home_health_across_window_end": lambda f: (
        f.lines.filter(pl.col("setting") == "home_health", pl.col("visits") == 1, pl.col("offset") > WINDOW_END)
        .join(f.claims.filter(ACROSS_END), on=["anchor_claim_id", "claim_id"], how="semi")
        .height
    ),
    "low_utilization": lambda f: f.claim("home_health", pl.col("low_utilization")),
    "emergency_visit": lambda f: f.line(pl.col("revenue_center") == "0450", pl.col("hcpcs").is_in(["99283", "99284"])),
    # complications and a planned readmission
    "complication_pneumonia": lambda f: f.planted_stay("J189", within=7),
    "pneumonia_too_late": lambda f: f.planted_stay("J189", after=7),
    "complication_heart_attack": lambda f: f.planted_stay("I214", within=7),
    "complication_sepsis": lambda f: f.planted_stay("A419", within=7),
    "complication_embolism": lambda f: f.planted_stay("I2699", within=30),
    "embolism_too_late": lambda f: f.planted_stay("I2699", after=30),
    "complication_bleeding": lambda f: f.planted_stay("M96840", OPERATED, within=30),
    "bleeding_without_procedure": lambda f: f.planted_stay("M96840", ~OPERATED, within=30),
    "complication_mechanical": lambda f: f.planted_stay("T84032A", OPERATED, within=90),
    "complication_infection": lambda f: f.planted_stay("T8453XA", OPERATED, within=90),
    "planned_readmission": lambda f: f.planted_stay("K8020", OPERATED, within=30),
    # services left out, and amounts
    "clotting_factor": lambda f: min(
        f.line(pl.col("hcpcs").is_in(codes_of("hemophilia_hcpcs", "hcpcs"))),
        f.anchor_stay(pl.col("clotting_factor_cents") > 0),
    ),
    "excluded_part_b_drug": lambda f: f.line(pl.col("hcpcs").is_in(codes_of("excluded_part_b_drugs", "hcpcs"))),
    "device_pass_through": lambda f: f.line(pl.col("status_indicator") == "H"),
    "negative_line": lambda f: f.line(pl.col("standardized_cents") < 0),
    "line_without_standardized": lambda f: f.line(
        pl.col("setting") == "professional", pl.col("standardized_cents").is_null()
    ),
    "claim_without_standardized": lambda f: f.claim("home_health", INSIDE, pl.col("standardized_cents").is_null()),
    "anchor_paid_by_other": lambda f: f.anchor_stay(pl.col("primary_payer_paid_cents") > 0),
    "service_paid_by_other": lambda f: f.line(pl.col("primary_payer_paid_cents") > 0),
    "outlier_payment": lambda f: f.anchor_stay(pl.col("outlier_cents") > 0, pl.col("standardized_outlier_cents") > 0),
    "new_technology_payment": lambda f: f.anchor_stay(pl.col("new_technology_cents") > 0),
    "demonstration_code": lambda f: f.anchor_stay(pl.col("demonstration_codes").list.len() > 0),
    "late_processing": lambda f: (
        f.claims.filter(OWN, (pl.col("process_date") - pl.col("thru_date")).dt.total_days() == 182).height
    ),
}


@pytest.mark.parametrize("name", [event.name for event in load_configuration().planted.events])
def test_planted_event_is_in_the_default_set(facts: Facts, name: str) -> None:
    assert EVENTS[name](facts) >= 1


def test_events_fit_into_their_cycle() -> None:
    planted = load_configuration().planted
    names = [event.name for event in planted.events]
    assert len(names) == len(set(names)) < planted.cycle
    assert set(names) == set(EVENTS)
    assert planted.event_of(planted.cycle + 1, dense=True) == planted.events[0]
    assert planted.event_of(planted.cycle + 1, dense=False) is None
    assert planted.event_of(planted.sparse_cycle + 1, dense=False) == planted.events[0]


def test_ordinary_drugs_are_on_no_list_of_exclusions(facts: Facts) -> None:
    excluded = codes_of("excluded_part_b_drugs", "hcpcs") + codes_of("hemophilia_hcpcs", "hcpcs")
    drugs = facts.lines.filter(pl.col("hcpcs").str.starts_with("J"))
    people = drugs.filter(pl.col("hcpcs").is_in(excluded))["beneficiary_id"].n_unique()
    assert people <= 2 * facts.anchors.height // load_configuration().planted.cycle + 2
    assert drugs.filter(~pl.col("hcpcs").is_in(excluded)).height > 0
