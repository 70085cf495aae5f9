"""Every candidate explained: it adds up, names the rules that fired, and says no more than the engine did."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import get_args

import polars as pl
import pytest

import episodes as ep
import strategies
from comparison import engine
from counted_items import Counted, counted_of
from episodes.building.categories import SERVICE_CATEGORIES
from episodes.building.context import Context
from episodes.building.reasons import BARS, IN_EARLIER
from episodes.errors import ArgumentError, BalanceError
from episodes.explaining import Explanation
from episodes.explaining.rungs import SENTENCES
from episodes.explaining.services import _RULE_OF_BAR, _SAYS_OF_BAR, _SAYS_OF_KIND
from episodes.programs.ladder_rules import Rung
from episodes.programs.service_rules import ServiceExclusion
from episodes.synthetic.configuration import load_configuration

WITH_REASONS = [event for event in load_configuration().planted.events if event.reasons]
WITH_OVERLAP = [event for event in load_configuration().planted.events if event.overlap]


def explained_of(event: str, truth: pl.DataFrame, built: ep.BuiltEpisodes, status: str) -> list[Explanation]:
    """The candidates that an event declares to be of a status."""
    declared = truth.filter((pl.col("event") == event) & (pl.col("status") == status))
    met = built.episodes.join(declared, on=["beneficiary_id", "anchor_claim_id"], how="semi")
    assert met.height == declared.height > 0
    return [ep.explain(built, episode_id) for episode_id in met["episode_id"]]


def citation_of(rule_id: str, built: ep.BuiltEpisodes) -> tuple[str, str]:
    rule = next(rule for rule in built.program.rule_list() if rule["rule"] == rule_id)
    return rule["status"], rule["citation"]


# --- it adds up ---------------------------------------------------------------------------------------------


def test_services_and_subtotals_sum_to_the_row_of_every_candidate(explained: Mapping[str, Explanation]) -> None:
    assert {shown.status for shown in explained.values()} == {"final", "excluded", "overlapped"}
    for shown in explained.values():
        row = shown.episode
        periods = dict(shown.periods.select("period", "cents").iter_rows())
        assert periods == {period: row[f"{period}_cents"] for period in ("pre", "anchor", "post", "post_episode")}
        by_category = dict(shown.categories.select("category", "cents").iter_rows())
        assert all(by_category.get(name, 0) == row[f"{name}_cents"] for name in SERVICE_CATEGORIES)
        assert shown.categories["cents"].sum() == row["episode_cents"]
        included = shown.services.filter(pl.col("disposition") == "included")
        assert included["cents"].sum() == row["episode_cents"] + row["post_episode_cents"]
        assert all(check.services_cents == check.expected_cents for check in shown.checks)


def test_every_cent_that_the_windows_hold_is_counted_or_left_out(explained: Mapping[str, Explanation]) -> None:
    for shown in explained.values():
        once = shown.services.unique(["claim_id", "line_number"])["full_cents"].sum()
        omitted = sum(finding.facts["full_cents"] for finding in shown.left_out)
        assert once == shown.episode["episode_cents"] + shown.episode["post_episode_cents"] + omitted


@pytest.mark.parametrize("column", ["cents", "allowed_cents", "standardized_cents"])
def test_a_cent_that_is_missing_is_an_error_without_identifiers(built: ep.BuiltEpisodes, column: str) -> None:
    row = built.final().row(0, named=True)
    less = dataclasses.replace(built, services=built.services.with_columns(pl.col(column) - 1))
    with pytest.raises(BalanceError, match="do not add up") as caught:
        ep.explain(less, row["episode_id"])
    assert row["episode_id"] not in str(caught.value)
    assert not re.search(r"\$|\d{5}", str(caught.value))


# --- planted events -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", WITH_REASONS, ids=lambda event: event.name)
def test_a_planted_exclusion_is_explained_with_its_citation(
    event: object, truth: pl.DataFrame, built: ep.BuiltEpisodes
) -> None:
    for shown in explained_of(event.name, truth, built, "excluded"):
        assert tuple(finding.subject for finding in shown.exclusions) == event.reasons
        for finding in shown.exclusions:
            rule_id = f"construction.exclusions.{finding.subject}"
            (rule,) = finding.rules
            assert (rule.id, rule.status, rule.citation) == (rule_id, *citation_of(rule_id, built))
            assert rule.citation in str(shown)
        assert "Only candidates that no rung excludes" in str(shown)


@pytest.mark.parametrize("event", WITH_OVERLAP, ids=lambda event: event.name)
def test_a_planted_overlap_names_the_other_episode_from_both_sides(
    event: object, truth: pl.DataFrame, built: ep.BuiltEpisodes
) -> None:
    cancelled = event.overlap == "first_cancelled"
    rule_id = f"construction.overlap.{'same_category' if cancelled else 'other_category'}"
    for shown in explained_of(event.name, truth, built, "overlapped"):
        (decision,) = shown.overlaps
        assert decision.subject == ("cancelled_by_later_episode" if cancelled else "within_earlier_episode")
        assert decision.facts["this_one_gives_way"] is True
        assert [rule.id for rule in decision.rules] == [rule_id]
        other = ep.explain(built, decision.facts["other_episode_id"])
        assert other.status == decision.facts["other_status"] == "final"
        (seen,) = other.overlaps
        assert seen.facts["other_episode_id"] == shown.episode_id
        assert seen.facts["this_one_gives_way"] is False
        assert shown.episode_id in str(other)
        assert other.episode_id in str(shown)


def test_overlap_is_explained_exactly_where_it_was_decided(explained: Mapping[str, Explanation]) -> None:
    for shown in explained.values():
        assert bool(shown.overlaps) == ("overlap" in shown.episode["flags"])
        gives_way = any(decision.facts["this_one_gives_way"] for decision in shown.overlaps)
        assert gives_way == (shown.status == "overlapped")


def test_what_is_left_out_has_a_sentence_rows_and_a_citation(explained: Mapping[str, Explanation]) -> None:
    met: set[str] = set()
    for shown in explained.values():
        omitted = {finding.subject: finding for finding in shown.left_out}
        excluded = shown.services.filter(pl.col("reason").is_not_null())
        counted = dict(excluded.group_by("reason").agg(pl.len()).iter_rows())
        assert {name: omitted[name].facts["rows"] for name in counted} == counted
        assert set(omitted) - set(counted) <= {"past_windows"}
        for finding in omitted.values():
            assert finding.says
            assert finding.rules
            assert all(rule.citation in str(shown) for rule in finding.rules)
        met |= set(omitted)
    ids = [
        "setting_not_covered",
        "no_amount_on_basis",
        "other_payer",
        "excluded_readmission_drg",
        "clotting_factor",
        "excluded_part_b_drug",
        "device_pass_through",
        "professional_in_excluded_stay",
        "past_windows",
    ]
    assert set(ids) <= met


# --- only what fired ----------------------------------------------------------------------------------------


def test_only_rules_that_fired_are_named(explained: Mapping[str, Explanation], built: ep.BuiltEpisodes) -> None:
    number = len(built.program.rule_list())
    for shown in explained.values():
        fired = {rule.id for rule in shown.rules}
        assert len(fired) == len(shown.rules) < number / 2
        assert all((rule.status, rule.citation) == citation_of(rule.id, built) for rule in shown.rules)
        flags = shown.episode["flags"]
        assert ("construction.anchors.transfer_policy" in fired) == ("transfer" in flags)
        assert ("construction.anchors.lead_in_days" in fired) == ("outpatient_lead_in" in flags)
        if "died_in_episode" in flags:
            assert "construction.window.shorten_at_death" in fired
        ladder = {rule for rule in fired if rule.startswith("construction.exclusions.")}
        assert ladder == {f"construction.exclusions.{finding.subject}" for finding in shown.exclusions}


def test_chain_names_every_leg(explained: Mapping[str, Explanation]) -> None:
    chains = [shown for shown in explained.values() if shown.episode["transfers"]]
    assert chains
    for shown in chains:
        legs = next(finding for finding in shown.why if finding.subject == "chain of stays").facts["legs"]
        assert len(legs) == shown.episode["transfers"] + 1
        assert legs[0]["ccn"] == shown.episode["anchor_ccn"]
        assert legs[-1]["claim_id"] == shown.episode["anchor_claim_id"]
        assert legs[0]["service_start"] == shown.episode["anchor_start"]
        assert legs[-1]["service_end"] == shown.episode["anchor_end"]


def test_dates_are_those_of_the_row_and_day_one_counts_to_the_end(explained: Mapping[str, Explanation]) -> None:
    for shown in explained.values():
        dates = {finding.subject: finding.date for finding in shown.dates}
        row = shown.episode
        for column in ("anchor_start", "anchor_end", "episode_start", "episode_end", "post_episode_end"):
            said = column.replace("_start", " starts").replace("_end", " ends").replace("post_episode", "post-episode")
            assert dates[said] == row[column]
        assert (dates["scheduled end"] - dates["day 1"]).days == 29


def test_death_is_the_rule_that_ends_an_episode_early(explained: Mapping[str, Explanation]) -> None:
    early = [shown for shown in explained.values() if shown.episode["episode_end"] < shown.episode["scheduled_end"]]
    assert early
    for shown in early:
        end = next(finding for finding in shown.dates if finding.subject == "episode ends")
        assert [rule.id for rule in end.rules] == ["construction.window.shorten_at_death"]


def test_drg_of_other_years_is_explained_by_the_map_and_a_regrouped_one_by_the_input(
    explained: Mapping[str, Explanation], built: ep.BuiltEpisodes
) -> None:
    families = built.episodes.filter(pl.col("price_code") == "453-455")["episode_id"]
    mapped = ep.explain(built, families[0])
    assert mapped.why[0].rules[0].id == "construction.anchors.drg_map"
    regrouped = built.episodes.filter(
        (pl.col("anchor_setting") == "inpatient")
        & (pl.col("anchor_code") != pl.col("price_code"))
        & ~pl.col("price_code").str.contains("-")
    )["episode_id"]
    shown = ep.explain(built, regrouped[0])
    assert "the input re-grouped" in shown.why[1].says
    assert shown.why[1].rules[0].id == "construction.anchors.codes"


# --- shares -------------------------------------------------------------------------------------------------


def days_said(shown: Explanation, counted: Counted) -> Iterator[str]:
    """Compare the days that each share speaks of with those the engine counted; yields the kind of each."""
    for row in shown.services.filter(pl.col("share").is_not_null()).iter_rows(named=True):
        said = re.match(r"(\d+) of (\d+(?:\.\d)?) days(?: \((mean|first))?", row["share"])
        if said is None:
            continue
        item = counted[shown.episode["beneficiary_id"], row["claim_id"]]
        first, last, tenths = item["span_start"], item["span_end"], item["gmlos_tenths"]
        after = row["period"] == "post_episode"
        boundary = shown.episode["post_episode_end" if after else "episode_end"]
        if said[3] == "mean":
            said_by_engine = ((boundary - row["service_start"]).days + 2, tenths / 10)
        else:
            said_by_engine = (max((boundary - first).days + 1, 0), (last - first).days + 1)
        assert (int(said[1]), float(said[2])) == said_by_engine
        yield said[3] or "days"


def test_the_days_said_of_a_share_are_those_the_engine_counted(
    explained: Mapping[str, Explanation], built: ep.BuiltEpisodes, claims: ep.Claims
) -> None:
    counted = counted_of(claims, Context(built.program))
    kinds = Counter(kind for shown in explained.values() for kind in days_said(shown, counted))
    assert min(kinds[kind] for kind in ("days", "first", "mean")) >= 5, kinds


@pytest.mark.parametrize("seed", [3, 4])
def test_random_candidates_add_up_and_their_days_are_those_counted(seed: int) -> None:
    options = dataclasses.replace(strategies.random_options(seed), gmlos=None)
    tables = strategies.random_tables(seed=seed, people=30)
    built = engine(tables, options)
    assert built is not None
    counted = counted_of(ep.Claims(**strategies.to_frames(tables)), Context(built.program))
    met: Counter[str] = Counter()
    for episode_id in built.episodes["episode_id"]:
        shown = ep.explain(built, episode_id)
        met.update([shown.status, *days_said(shown, counted)])
        assert bool(shown.overlaps) == ("overlap" in shown.episode["flags"])
        assert str(shown)
        assert shown._repr_html_()
        assert json.dumps(shown.to_dict())
    assert min(met[kind] for kind in ("final", "excluded", "days")) > 0, met


def test_split_items_name_the_rule_that_split_them(explained: Mapping[str, Explanation]) -> None:
    for shown in explained.values():
        part = pl.col("cents") != pl.col("full_cents")
        for row in shown.services.filter((pl.col("disposition") == "included") & part).iter_rows(named=True):
            assert row["share"] != "a part of it"
            assert any(".proration." in rule or rule.endswith(".remainder") for rule in row["rules"])


# --- shown --------------------------------------------------------------------------------------------------


def test_plain_data_is_json_and_keeps_every_row(explained: Mapping[str, Explanation]) -> None:
    for shown in list(explained.values())[::7]:
        told = json.loads(json.dumps(shown.to_dict()))
        assert told["episode_id"] == shown.episode_id
        assert len(told["services"]) == shown.services.height
        assert told["dates"][0]["date"] == shown.episode["anchor_start"].isoformat()
        assert told["episode"]["episode_cents"] == shown.episode["episode_cents"]


def test_text_has_every_claim_and_no_line_is_cut(explained: Mapping[str, Explanation]) -> None:
    for shown in list(explained.values())[::7]:
        text = str(shown)
        assert text == repr(shown)
        assert all(claim in text for claim in shown.services["claim_id"])
        assert "…" not in text
        assert text.rstrip() == text


class _Tags(HTMLParser):
    """Checks that tags are closed in order, and keeps what was met."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.add(tag)
        assert {name for name, _ in attrs} <= {"style"}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_whole_loads_nothing_and_escapes_what_claims_say(built: ep.BuiltEpisodes) -> None:
    evil = "<script>alert('x')</script>&"
    episode_id = built.final()["episode_id"][0]
    changed = dataclasses.replace(
        built,
        services=built.services.with_columns(tin=pl.lit(evil), ccn=pl.lit(evil)),
        hospitals=built.hospitals.with_columns(name=pl.lit(evil)),
    )
    html = ep.explain(changed, episode_id)._repr_html_()
    tags = _Tags()
    tags.feed(html)
    tags.close()
    assert not tags.open
    assert "script" not in tags.met
    assert tags.met <= {"div", "h3", "h4", "p", "ul", "li", "table", "tr", "th", "td", "br", "small"}
    assert "&lt;script&gt;" in html
    assert evil not in html


# --- asked in other ways ------------------------------------------------------------------------------------


def test_an_unknown_id_says_how_many_there_are_and_how_to_find_one(built: ep.BuiltEpisodes) -> None:
    with pytest.raises(ArgumentError, match=f"{built.episodes.height:,} candidate episodes") as caught:
        ep.explain(built, "0123456789abcdef0123")
    said = str(caught.value)
    assert "episode_id" in said
    assert "beneficiary_id" in said
    assert not any(episode_id in said for episode_id in built.episodes["episode_id"])


def test_what_is_not_a_build_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="build_episodes"):
        ep.explain("run", "id")  # type: ignore[arg-type]


def test_an_open_episode_says_from_when_it_is_complete(claims: ep.Claims) -> None:
    program = ep.load_program("team", performance_year=1)
    built = ep.build_episodes(claims, program, as_of=dt.date(2026, 9, 30))
    still_open = built.episodes.filter(pl.col("status") == "open")
    shown = ep.explain(built, still_open["episode_id"][0])
    complete = shown.dates[-1]
    assert complete.subject == "run-out ends"
    assert complete.date == shown.episode["scheduled_end"] + dt.timedelta(days=90)
    assert "known at 2026-09-30" in complete.says
    assert "construction.window.run_out_days" in {rule.id for rule in complete.rules}
    assert "does not count yet" in str(shown)


def test_what_was_switched_off_or_overridden_is_said(claims: ep.Claims) -> None:
    program = ep.load_program("team", performance_year=1).for_period("2022-01-01", "2026-12-31")
    changed = program.without(["medicare_advantage"]).override({"window.post_days": 90})
    built = ep.build_episodes(claims, changed)
    hit = built.episodes.filter(pl.col("reasons_switched_off").list.len() > 0)
    shown = ep.explain(built, hit["episode_id"][0])
    assert [finding.subject for finding in shown.switched_off] == ["medicare_advantage"]
    assert "Switched off for exploration: medicare_advantage" in shown.notes[0]
    assert "construction.window.post_days" in shown.notes[1]
    window = next(rule for rule in shown.rules if rule.id == "construction.window.post_days")
    assert (window.value, window.status) == (90, "overridden")
    assert "switched off" in shown._repr_html_()


def test_the_allowed_basis_names_the_add_ons_that_are_netted_out(claims: ep.Claims) -> None:
    built = ep.build_episodes(claims, ep.load_program("team", performance_year=1), amount_basis="allowed")
    shown = ep.explain(built, built.final()["episode_id"][0])
    amounts = next(finding for finding in shown.why if finding.subject == "amounts")
    assert [rule.id for rule in amounts.rules] == ["construction.amount_basis", "construction.netted_add_ons"]


def test_every_kind_of_rung_and_exclusion_has_its_sentence() -> None:
    def kinds(union: object) -> set[str]:
        return {get_args(part.model_fields["kind"].annotation)[0] for part in get_args(get_args(union)[0])}

    assert kinds(Rung) == set(SENTENCES)
    assert kinds(ServiceExclusion) == set(_SAYS_OF_KIND)
    assert set(_RULE_OF_BAR) == set(_SAYS_OF_BAR) == {*BARS, IN_EARLIER}
