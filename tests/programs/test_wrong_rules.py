"""Wrong rules are found when they are loaded or overridden: the rule's id, and what is allowed in its place."""

from __future__ import annotations

import datetime as dt
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

import episodes as ep
from episodes.claims import contract
from episodes.errors import ProgramError
from episodes.programs import rule

TEAM_FILE = files("episodes.programs") / "rules" / "team.toml"
DISCOUNTS = {"LEJR": 0.02, "SHFFT": 0.02, "CABG": 0.015, "SPINAL_FUSION": 0.02, "MAJOR_BOWEL": 0.015}
TERMS = {"stop_gain": 0.1, "quality_positive": 0.1}


def test_names_of_the_contract_are_those_of_the_contract() -> None:
    assert get_args(rule.Setting) == contract.SETTINGS
    assert get_args(rule.ProviderType) == contract.PROVIDER_TYPES
    assert get_args(rule.CoverageKind) == contract.COVERAGE_KINDS
    with_zero = [
        column
        for column in contract.types_of(contract.ClaimsTable)
        if contract.metadata_of(contract.ClaimsTable, column).get("default") == 0
    ]
    assert set(get_args(rule.AddOn)) == set(with_zero) - {"primary_payer_paid_cents"}


# --- overrides ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"window.post_days": -1}, "construction.window.post_days: should be greater than or equal to 0; given: -1"),
        ({"window.post_days": True}, "construction.window.post_days: should be a number, not true or false"),
        ({"post_episode_days": -1}, "construction.window.post_episode_days: .* equal to 0"),
        ({"run_out_days": -1}, "construction.window.run_out_days: .* equal to 0"),
        ({"lead_in_days": -2}, "construction.anchors.lead_in_days: .* equal to -1"),
        ({"upper_percentile": 101}, "price.cap.upper_percentile: .* equal to 100"),
        ({"upper_percentile": -1}, "price.cap.upper_percentile: .* equal to 0"),
        ({"thin_cell_episodes": -1}, "price.baseline.thin_cell_episodes: .* equal to 0"),
        ({"baseline.weights": [1.2, -0.4, 0.2]}, r"price.baseline.weights.1: .* equal to 1; given: 1.2"),
        ({"baseline.years": [2024, 2023, 2022]}, "years must ascend"),
        ({"baseline.years": [22, 23, 24]}, "price.baseline.years.1: .* equal to 1000"),
        ({"prospective_trend": 0}, "price.prospective_trend: should be greater than 0"),
        ({"prospective_normalization": -1}, "price.prospective_normalization: should be greater than 0"),
        ({"trend_history_years": -1}, "price.trend_history_years: .* equal to 0"),
        ({"normalization_level": "nation"}, "price.risk.normalization_level: should be 'cell' or 'category'"),
        ({"cap.method": "p99"}, "price.cap.method: should be 'sas5', 'linear', 'mean_2sd' or 'none'; given: p99"),
        ({"participation.eligibility": {"1": {"only": ["small"]}}}, "no kind of hospital: small; kinds: essential"),
        ({"final_trend_limit": 3}, "price.final_trend_limit: .* equal to 1; given: 3"),
        ({"final_normalization_limit": -0.1}, "price.final_normalization_limit: .* equal to 0"),
        ({"discounts": DISCOUNTS | {"CABG": 2}}, "price.discounts.CABG: .* equal to 1; given: 2"),
        ({"discounts": DISCOUNTS | {"CABG": "NaN"}}, "price.discounts.CABG: should be a finite number"),
        ({"discounts": {"LEJR": 0.02}}, "price.discounts: .*missing: CABG, MAJOR_BOWEL, SHFFT, SPINAL_FUSION$"),
        ({"discounts": DISCOUNTS | {"HIP": 0.02}}, "price.discounts: .*CABG, LEJR, .*; not a category: HIP$"),
        ({"tracks": {"1": TERMS | {"stop_gain": 20}}}, "settlement.tracks.1.stop_gain: .* equal to 1; given: 20"),
        ({"tracks": {"1": TERMS | {"stop_los": 0.1}}}, "settlement.tracks.1.stop_los: is not a name known here"),
        ({"default_track": "2"}, "settlement.default_track: '2' is no track of the year; tracks: 1, 3"),
        ({"low_volume_threshold": -1}, "settlement.low_volume_threshold: .* equal to 0"),
        ({"post_episode_sd": -3}, "settlement.post_episode_sd: .* equal to 0"),
        ({"neutral_score": 101}, "settlement.quality.neutral_score: .* equal to 100"),
        ({"when_unknown": -1}, "settlement.quality.when_unknown: .* equal to 0"),
        (
            {"measures": {"mine": {"categories": ["HIP"], "status": "open", "citation": "own"}}},
            "settlement.quality.measures.mine: not a category: HIP; categories: CABG, LEJR",
        ),
        ({"steps": ["limits", "limits"]}, "settlement.steps: limits stands more than once"),
        ({"anchors.codes": "team_anchors"}, "codes: Unknown code table 'team_anchors'.*Known: .*team_anchor_codes"),
        ({"anchors.codes": "ms_drgs"}, "'ms_drgs' has no .*price_code; tables .* needed: .*team_anchor_codes"),
        ({"drg_map": "ms_drgs"}, "construction.anchors.drg_map: .*tables .* needed: team_drg_map"),
        ({"netted_add_ons": ["ime"]}, "construction.netted_add_ons.1: should be 'outlier_cents', .*; given: ime"),
        ({"paid_settings": ["Inpatient"]}, "construction.services.paid_settings.1: should be 'inpatient', 'snf'"),
        ({"transfer_provider_types": ["hospital"]}, "transfer_provider_types.1: should be 'acute', 'cah'"),
        ({"discharge_day_anchor_places": [21]}, "discharge_day_anchor_places.1: should be a valid string"),
    ],
)
def test_a_wrong_override_names_the_rule_and_what_is_allowed(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ProgramError, match=says) as caught:
        ep.load_program("team", overrides=change)
    original = None if caught.value.__suppress_context__ else caught.value.__context__
    assert (caught.value.__cause__ or original) is None, "the engine's own message is shown with ours"


@pytest.mark.parametrize(
    "change",
    [
        {"window.post_days": 1, "post_episode_days": 0, "run_out_days": 0, "lead_in_days": -1},
        {"upper_percentile": 100, "final_trend_limit": 0, "final_normalization_limit": 1, "post_episode_sd": 0},
        {"discounts": dict.fromkeys(DISCOUNTS, 0), "low_volume_threshold": 0, "neutral_score": 100, "when_unknown": 0},
        {"tracks": {"9": TERMS}, "default_track": "9"},
        {"baseline.years": [2023, 2024], "baseline.weights": [0.25, 0.75]},
    ],
)
def test_the_ends_of_a_range_are_allowed(change: dict[str, Any]) -> None:
    assert set(ep.load_program("team", overrides=change).overrides)


def test_an_unknown_rule_is_answered_with_the_three_nearest() -> None:
    with pytest.raises(ProgramError) as caught:
        ep.load_program("team", overrides={"windows.postdays": 90})
    message = str(caught.value)
    [nearest] = re.findall(r"Nearest: ([^ ]+), ([^ ]+), ([^ ]+)\. ", message)
    assert nearest[0] == "construction.window.post_days"
    assert "`episodes check-program team` lists all" in message
    assert len(message) < 300


@pytest.mark.parametrize("key", ["discounts.LEJR", "price.discounts.LEJR"])
def test_a_part_of_a_value_is_answered_with_the_whole(key: str) -> None:
    with pytest.raises(ProgramError, match="replaced as a whole") as caught:
        ep.load_program("team", overrides={key: 0.03})
    [form] = re.findall(r"--override 'price.discounts=(\{.*?\})'", str(caught.value))
    assert '"CABG": 0.015' in form
    assert json.loads(form) == DISCOUNTS


def test_an_exclusion_is_not_overridden_but_switched_off() -> None:
    for key in ("medicare_advantage", "exclusions.medicare_advantage.kinds"):
        with pytest.raises(ProgramError, match=r"--without-exclusion medicare_advantage, or without_exclusions=\['med"):
            ep.load_program("team", overrides={key: False})
    for key in ("clotting_factor", "visits.not_hcpcs", "ipps_gmlos"):
        with pytest.raises(ProgramError, match="several parameters .*: change it in a rules file"):
            ep.load_program("team", overrides={key: False})


def test_overrides_are_a_mapping() -> None:
    with pytest.raises(ProgramError, match="a mapping of rule to value"):
        ep.load_program("team", overrides=["window.post_days=90"])  # type: ignore[arg-type]


# --- exclusions, periods, years -----------------------------------------------------------------------------


def test_one_exclusion_may_be_given_as_text() -> None:
    assert ep.load_program("team", without_exclusions="medicare_advantage").switched_off == ("medicare_advantage",)
    assert ep.load_program("team").without("esrd_entitlement").switched_off == ("esrd_entitlement",)


def test_exclusions_of_services_are_not_switched_off() -> None:
    with pytest.raises(ProgramError, match=r"Unknown exclusion 'clotting_factor'.*takes services out of episodes"):
        ep.load_program("team", without_exclusions="clotting_factor")


def test_a_period_may_be_given_as_text() -> None:
    expected = (dt.date(2026, 1, 1), dt.date(2026, 6, 30))
    assert ep.load_program("team", period=("2026-01-01", "2026-06-30")).period == expected
    assert ep.load_program("team").for_period("2026-01-01", dt.datetime(2026, 6, 30)).period == expected  # noqa: DTZ001


@pytest.mark.parametrize(
    ("period", "says"),
    [
        ("2026-01-01:2026-12-31", "two dates, .start, end.; given: a str"),
        (("2026-01-01",), "two dates"),
        (("2026-01-01", "January"), "YYYY-MM-DD; given: 'January'"),
        ((2026, 2027), "YYYY-MM-DD; given: 2026"),
    ],
)
def test_a_wrong_period_is_refused(period: Any, says: str) -> None:
    with pytest.raises(ProgramError, match=says):
        ep.load_program("team", period=period)


def test_an_unknown_year_is_answered_with_years_and_their_dates() -> None:
    with pytest.raises(
        ProgramError, match=r"Known, by name: 1 \(2026-01-01 to 2026-12-31\), 2 \(2027-01-01 to"
    ) as caught:
        ep.load_program("team", 9)
    assert "calendar" not in str(caught.value)
    with pytest.raises(ProgramError, match="2028 is a calendar year: its performance year is named 3"):
        ep.load_program("team", 2028)


# --- rules files --------------------------------------------------------------------------------------------


def mine(folder: Path, *changes: tuple[str, str]) -> Path:
    """A rules file of one's own: TEAM with changes."""
    text = TEAM_FILE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('id = "esrd_entitlement"', 'id = "medicare_advantage"', "exclusions: the id 'medicare_advantage' stands more"),
        ('id = "clotting_factor"', 'id = "device_pass_through"', "services.exclusions: the id 'device_pass_through'"),
        ('id = "actual_days"', 'id = "ipps_gmlos"', "services.proration: the id 'ipps_gmlos'"),
        ('table = "hemophilia_hcpcs"', 'table = "hemophilia"', "exclusions.clotting_factor: Unknown code table 'hemo"),
        ('table = "hemophilia_hcpcs"', 'table = "ms_drgs"', "exclusions.clotting_factor: the code table .* no hcpcs"),
        ('table = "rural_community_hospital_demo"', 'table = "ms_drgs"', "demonstration: the code table .* no ccn"),
        ('states = ["MD"]', 'states = ["Maryland"]', "exclusions.excluded_state: Maryland is no state"),
        ('states_not = ["MD"]', 'states_not = ["md"]', "proration.ipps_gmlos: md is no state"),
        ('allowed = ["acute"]', 'allowed = ["Acute"]', r"not_acute_hospital.allowed.1: should be 'acute'"),
        ('kinds = ["esrd_entitlement"]', 'kinds = ["ESRD"]', "exclusions.esrd_entitlement.kinds.1: should be 'part_a'"),
        ('settings = ["home_health"]', 'settings = ["home"]', "home_health_visits.settings.1: should be"),
        ('mdcs = ["02"', 'mdcs = ["2"', "excluded_readmission_mdc.mdcs.1: "),
        ("latest_episode_end = 2030", "latest_episode_end = 2020", "outside_model_dates: the latest episode end lies"),
        ("1 = { start = 2026-01-01", "1 = { start = 2027-01-01", r"performance_years.1: ends \(2026-12-31\) before"),
        ("1 = { start = 2026-01-01,", "1 = { begin = 2026-01-01,", "performance_years.1.start: is missing"),
        ('MAJOR_BOWEL = "Major bowel procedure"\n', "", "anchors.codes: .* not the programme's: MAJOR_BOWEL"),
        ("1 = [2022, 2023, 2024]\n", "", "'price.baseline.years' has no value for .* year '1': it has one for 2"),
        ('by_year = { 1 = "1", 2 = "3", 3 = "3", 4 = "3", 5 = "3" }', 'by_year = ["1"]', "by_year is a table of year"),
    ],
)
def test_a_wrong_rules_file_names_the_rule(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(ProgramError, match=says):
        ep.load_program(mine(tmp_path, (old, new)), 1)


def test_every_problem_is_said_at_once(tmp_path: Path) -> None:
    path = mine(tmp_path, ('states = ["MD"]', 'states = ["XX"]'), ("LEJR = 0.02\n", ""), ('"team_drg_map"', '"map"'))
    with pytest.raises(ProgramError, match="The programme 'team' has 3 problems:"):
        ep.load_program(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('id = "mine"\n', r"'mine.toml' lacks a table \[performance_years\] .*start = 2026-01-01"),
        ('id = "mine"\nperformance_years = {}\n', r"lacks a table \[performance_years\]"),
        ("[performance_years]\n1 = { start = 2026-01-01, end = 2026-12-31 }\n", 'lacks a name, such as  id = "mine"'),
        ("", "lacks a name.* and a table .*Is it a rules file"),
        ('id = "mine"\n[performance_years]\n1 = 2026\n', "performance_years.1: should be a valid dictionary"),
    ],
)
def test_a_file_that_is_no_rules_file_is_said_to_be_none(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ProgramError, match=says):
        ep.load_program(tmp_path / "mine.toml")


def test_a_file_of_another_encoding_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes('name = "Länder"'.encode("latin-1"))
    with pytest.raises(ProgramError, match=r"'mine.toml' is not valid TOML: it is not UTF-8 text"):
        ep.load_program(tmp_path / "mine.toml")


def test_a_name_without_ending_is_a_packaged_programme() -> None:
    with pytest.raises(ProgramError, match=r"Unknown programme 'mine'.*path, which ends in .toml"):
        ep.load_program("mine")


# --- kinds of price -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hospital_weight": "3/2"}, "price.hospital_weight: should be from 0 to 1"),
        ({"hospital_weight": "half"}, 'price.hospital_weight: should be a number or a fraction such as "2/3"'),
        ({"hospital_weight": True}, "price.hospital_weight: should be a number, not true or false"),
        ({"repayment_discounts": {}}, "price.repayment_discounts: wants one discount .*missing: LEJR"),
        ({"low_volume_episodes": -1}, "price.low_volume_episodes: .* equal to 0"),
    ],
)
def test_a_wrong_price_of_another_kind(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ProgramError, match=says):
        ep.load_program("cjr", 1, overrides=change)


def test_a_weight_may_be_a_fraction_or_a_number() -> None:
    for given, expected in (("1/3", "1/3"), (0.25, "1/4"), (1, "1")):
        changed = ep.load_program("cjr", 1, overrides={"hospital_weight": given})
        assert str(changed.price.hospital_weight.value) == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("written", "changed", "says"),
    [
        ('kind = "regional_baseline"', 'kind = "global_budget"', "global_budget.*expected tags"),
        ('kind = "regional_baseline"', "", "price: .*kind"),
        ("starts = [1, 2, 3, 4]", "starts = [1, 2, 3]", "hcc_count: .*one level more than starts"),
        ("starts = [65, 75, 85]", "starts = [65, 85, 75]", "age_bracket: .*starts must ascend"),
        ('id = "age_bracket"', 'id = "hcc_count"', "the id hcc_count stands more than once"),
        (
            'categories = ["MAJOR_BOWEL"]\nstatus',
            'categories = ["BOWEL"]\nstatus',
            "institutional: not a category: BOWEL",
        ),
    ],
)
def test_a_file_with_a_wrong_price(tmp_path: Path, written: str, changed: str, says: str) -> None:
    text = TEAM_FILE.read_text(encoding="utf-8")
    assert written in text
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(written, changed, 1), encoding="utf-8")
    with pytest.raises(ProgramError, match=re.compile(says, re.DOTALL)):
        ep.load_program(file)


def test_a_ladder_of_more_rungs_than_bits_is_refused(tmp_path: Path) -> None:
    text = TEAM_FILE.read_text(encoding="utf-8")
    rung = '[[construction.exclusions]]\nid = "age_{}"\nkind = "age"\nyoungest = 18\nstatus = "open"\ncitation = "-"\n'
    (tmp_path / "long.toml").write_text(text + "\n".join(rung.format(n) for n in range(60)), encoding="utf-8")
    with pytest.raises(ProgramError, match="construction.exclusions"):
        ep.load_program(tmp_path / "long.toml", performance_year=1)
