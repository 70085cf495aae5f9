"""The packaged programmes: every year loads, the values that a reader would look up, the lists; and own tables."""

from __future__ import annotations

import csv
import datetime as dt
from importlib.resources import files
from pathlib import Path

import pytest

import episodes as ep
from episodes.errors import ProgramError
from episodes.programs.code_tables import load_codes

CASE_TABLES = Path(__file__).resolve().parents[1] / "cases" / "bpci_advanced" / "tables"


@pytest.mark.parametrize("name", ep.programs.known_programs())
def test_every_year_loads_and_every_value_has_a_citation(name: str) -> None:
    for year in ep.load_program(name).rules.performance_years:
        program = ep.load_program(name, year)
        assert all(rule["citation"] for rule in program.rule_list())
        assert all(load_codes(table).height > 0 for table in program.code_tables())


def test_the_programmes_of_the_design_are_there() -> None:
    wanted = {"team", "cjr", "bpci-advanced", "ace", "tenncare-tjr", "commercial-tjr", "epm-2017"}
    assert set(ep.programs.known_programs()) >= wanted


@pytest.mark.parametrize(
    ("name", "year", "pre", "day_one", "post", "after"),
    [
        ("team", "1", 0, "anchor_end", 30, 30),
        ("bpci-advanced", "8", 0, "anchor_end", 90, 30),
        ("cjr", "1", 0, "anchor_end", 90, 30),
        ("epm-2017", "1", 0, "anchor_end", 90, 30),
        ("ace", "1", 0, "day_after_anchor_end", 0, 0),
        ("tenncare-tjr", "2019", 45, "day_after_anchor_end", 90, 0),
        ("commercial-tjr", "2025", 30, "day_after_anchor_end", 90, 0),
    ],
)
def test_windows(name: str, year: str, pre: int, day_one: str, post: int, after: int) -> None:
    window = ep.load_program(name, year).rules.construction.window
    said = (window.pre_days.value, window.day_one.value, window.post_days.value, window.post_episode_days.value)
    assert said == (pre, day_one, post, after)


def codes_of(name: str, category: str | None = None, year: str | None = None) -> set[str]:
    table = load_codes(ep.load_program(name, year).rules.construction.anchors.codes.value)
    return set((table if category is None else table.filter(category=category))["code"])


def test_anchors_by_programme() -> None:
    assert len(codes_of("ace", "CARDIAC")) == 28
    assert len(codes_of("ace", "ORTHOPEDIC")) == 9
    assert codes_of("epm-2017", "CABG") == {"231", "232", "233", "234", "235", "236"}
    assert codes_of("tenncare-tjr") == codes_of("commercial-tjr") == {"27130", "27447"}
    assert codes_of("cjr", year="5.2") == {"469", "470", "521", "522"}
    assert codes_of("cjr", year="6") == {"469", "470", "521", "522", "27130", "27447"}


# --- BPCI Advanced ------------------------------------------------------------------------------------------


def test_bpci_advanced_has_109_drgs_and_31_procedures_in_34_categories_of_8_service_lines() -> None:
    table = load_codes("bpci_advanced_anchor_codes")
    assert table.filter(anchor_setting="inpatient").height == 109
    assert table.filter(anchor_setting="outpatient").height == 31
    assert table["service_line"].n_unique() == 8
    assert set(table["category"]) == set(ep.load_program("bpci-advanced").rules.categories)
    assert len(set(table["category"])) == 34


def test_the_ladder_of_bpci_advanced_is_the_published_one() -> None:
    rules = ep.load_program("bpci-advanced").rules.construction
    assert [rung.id for rung in rules.exclusions] == [
        "not_cont_enr_ab_no_c",
        "no_bene_enr_info",
        "death_dur_anchor",
        "esrd",
        "other_primary_payer",
        "los_gt_59",
        "non_ach",
        "excluded_state",
        "non_highest_j1",
        "trans_w_cah_cancer",
        "rch_demo",
        "rural_pa",
        "mdc",
        "trans_w_exc_drg_mdc",
        "out_of_period",
    ]
    assert rules.overlap.reason is not None
    assert rules.overlap.reason.value == "bpcia_overlap"


@pytest.mark.parametrize(
    ("of_cases", "packaged", "columns"),
    [
        ("tavr_procedures", "tavr_procedures", {"procedure": "procedure"}),
        ("upper_joint_procedures", "upper_joint_procedures", {"procedure": "procedure"}),
        ("inflammatory_bowel_drugs", "inflammatory_bowel_drugs", {"hcpcs": "hcpcs"}),
        ("pennsylvania_rural_hospitals", "pennsylvania_rural_hospitals", {"ccn": "ccn", "model_start": "start_date"}),
        ("inpatient_triggers", "bpci_advanced_anchor_codes", {"category": "category", "ms_drg": "code"}),
        ("outpatient_triggers", "bpci_advanced_anchor_codes", {"category": "category", "hcpcs": "code"}),
    ],
)
def test_lists_of_the_worked_cases_are_the_packaged_ones(of_cases: str, packaged: str, columns: dict[str, str]) -> None:
    with (CASE_TABLES / f"{of_cases}.csv").open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(line for line in text if not line.startswith("#"))
        listed = {tuple(row[column] for column in columns) for row in rows}
    table = load_codes(packaged)
    if "triggers" in of_cases:
        table = table.filter(anchor_setting=of_cases.partition("_")[0])
    assert set(table.select(columns.values()).rows()) == listed


# --- a programme of one's own -------------------------------------------------------------------------------

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples"


def copy_of_example(folder: Path) -> Path:
    for path in EXAMPLE.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / "spine-bundle.toml"


def test_own_tables_are_found_beside_the_rules_file_and_where_they_lie_does_not_matter(tmp_path: Path) -> None:
    moved = ep.load_program(copy_of_example(tmp_path))
    assert moved.fingerprint == ep.load_program(EXAMPLE / "spine-bundle.toml").fingerprint
    assert all(Path(table).parent == tmp_path for table in moved.code_tables())


def test_what_is_in_an_own_table_counts(tmp_path: Path) -> None:
    path = copy_of_example(tmp_path)
    before = ep.load_program(path).fingerprint
    with (tmp_path / "spine_excluded_stays.csv").open("a", encoding="utf-8") as table:
        table.write("016,transplant of stem cells\n")
    changed = ep.load_program(path)
    assert changed.fingerprint != before
    assert "016" in set(load_codes(str(tmp_path / "spine_excluded_stays.csv"))["ms_drg"])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("spine_anchor_codes.csv", None, "anchors.codes: There is no code table 'spine_anchor_codes.csv'.*beside its"),
        ("spine_anchor_codes.csv", "", "anchors.codes: The code table 'spine_anchor_codes.csv' is not a CSV file"),
        ("spine_excluded_stays.csv", "drg\n650\n", "paid_apart: the code table .* has no ms_drg"),
        (
            "spine_anchor_codes.csv",
            "category,anchor_setting,code,price_code,family\nFUSHION,inpatient,451,451,\n",
            "anchors.codes: .*categories that are not the programme's: FUSHION; its categories: DECOMPRESSION, FUSION",
        ),
    ],
)
def test_a_wrong_own_table_is_said(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    path = copy_of_example(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ProgramError, match=says):
        ep.load_program(path)


@pytest.mark.parametrize(
    ("program", "old", "new", "says"),
    [
        (
            "bpci-advanced",
            'second_categories = ["IP-Transcatheter aortic valve replacement"]',
            'second_categories = ["TAVR"]',
            "first_gives_way.valve_after_coronary_intervention: not a category: TAVR; categories: IP-Acute",
        ),
        (
            "bpci-advanced",
            '"OP-Percutaneous coronary intervention"]\nstatus',
            '"PCI"]\nstatus',
            "exclusions.tavr_in_pci_episode: not a category: PCI",
        ),
        (
            "bpci-advanced",
            "[construction.anchors.pricing_year]\nvalue = 2024",
            "[construction.anchors.pricing_yeer]\nvalue = 2024",
            "anchors.pricing_yeer: is not a name known here",
        ),
        (
            "tenncare-tjr",
            "[construction.services.related_by]",
            "[construction.services.x]",
            "services.x: is not a name known here",
        ),
        (
            "cjr",
            '[construction.anchors.fracture]\nid = "hip_fracture"',
            "[construction.anchors.fracture]",
            "fracture.id: is missing",
        ),
    ],
)
def test_a_wrong_rule_of_a_packaged_programme_is_said(
    tmp_path: Path, program: str, old: str, new: str, says: str
) -> None:
    text = (files("episodes.programs") / "rules" / f"{program}.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ProgramError, match=says):
        ep.load_program(tmp_path / "mine.toml")


def without(program: str, part: str, folder: Path) -> Path:
    """The rules file without one part."""
    text = (files("episodes.programs") / "rules" / f"{program}.toml").read_text(encoding="utf-8")
    begin = text.index(f"[{part}]")
    end = text.index("\n[", begin)
    path = folder / "mine.toml"
    path.write_text(text[:begin] + text[end + 1 :], encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("program", "part", "says"),
    [
        ("tenncare-tjr", "construction.services.related_diagnoses", "unrelated_before.* needs related_diagnoses"),
        ("cjr", "construction.anchors.fracture", "price_cell: price_code_and_fracture needs a part anchors.fracture"),
        ("bpci-advanced", "construction.anchors.pricing_year", "table_else_apc needs anchors.pricing_year"),
    ],
)
def test_a_part_that_another_rule_asks_for_must_be_there(tmp_path: Path, program: str, part: str, says: str) -> None:
    with pytest.raises(ProgramError, match=says):
        ep.load_program(without(program, part, tmp_path))


def test_model_years_before_the_published_one_say_what_is_not_established() -> None:
    published = ep.load_program("bpci-advanced")
    assert published.performance_year == "8"
    assert published.rules.construction.published_for is not None
    assert published.rules.construction.published_for.status == "published"
    # Model year 6 is 2023 and lowered the discount of medical categories and the limit on the realized trend.
    expected = dict.fromkeys(range(1, 6), (0.03, 0.10)) | dict.fromkeys((6, 7, 8), (0.02, 0.05))
    for year, (discount, limit) in expected.items():
        program = ep.load_program("bpci-advanced", year)
        rules = {rule["rule"]: rule for rule in program.rule_list()}
        assert float(rules["price.medical_discount"]["value"]) == discount
        assert float(rules["price.realized_trend_limit"]["value"]) == limit
        start, end = (rules[f"price.baseline.{side}"] for side in ("start", "end"))
        assert (start["value"], end["value"]) == (dt.date(2011 + year, 10, 1), dt.date(2015 + year, 9, 30))
        status = {8: "published", 1: "open", 2: "open"}.get(year, "unverified")
        assert {start["status"], end["status"]} == {status}
        assert rules["construction.published_for"]["value"] == "8"
        assert rules["construction.published_for"]["status"] == ("published" if year == 8 else "open")
        if year < 8:
            assert {day.year for day in program.period} == {2017 + year}


def test_a_dated_value_may_bring_what_supports_it(tmp_path: Path) -> None:
    text = (files("episodes.programs") / "rules" / "team.toml").read_text(encoding="utf-8")
    plain = 'by_year = { 1 = "1", 2 = "3", 3 = "3", 4 = "3", 5 = "3" }'
    assert plain in text
    own = plain.replace('2 = "3"', '2 = { value = "3", status = "open", citation = "of its own" }')
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(plain, own), encoding="utf-8")
    found = [ep.load_program(file, year).settlement.default_track for year in (1, 2, 3)]
    assert [rule.value for rule in found] == ["1", "3", "3"]
    assert [rule.status for rule in found] == ["regulation", "open", "regulation"]
    assert found[1].citation == "of its own"


def test_the_default_year_is_one_of_the_years(tmp_path: Path) -> None:
    text = (files("episodes.programs") / "rules" / "team.toml").read_text(encoding="utf-8")
    file = tmp_path / "mine.toml"
    file.write_text(f'default_performance_year = "3"\n{text}', encoding="utf-8")
    assert ep.load_program(file).performance_year == "3"
    file.write_text(f'default_performance_year = "9"\n{text}', encoding="utf-8")
    with pytest.raises(ProgramError, match="Unknown performance year '9'"):
        ep.load_program(file)


def test_the_dates_of_the_published_construction() -> None:
    assert ep.load_program("bpci-advanced", 8).period == (dt.date(2019, 10, 1), dt.date(2023, 9, 30))
