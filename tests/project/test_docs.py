"""The reference pages are true: their tables have the columns of the code and no others, and their examples run."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

import episodes as ep
from episodes.building.balance import BALANCE_COLUMNS, DESTINATIONS
from episodes.building.bucket import PROVIDER_COLUMNS
from episodes.building.built import STATUSES, BuiltEpisodes
from episodes.building.categories import SERVICE_CATEGORIES
from episodes.building.coded_lines import PARTIES
from episodes.building.context import Context
from episodes.building.reasons import reason_codes
from episodes.building.services import PERIODS, SERVICE_COLUMNS
from episodes.building.status import overlap_reasons
from episodes.building.summary import _FLAGS, EPISODE_COLUMNS
from episodes.claims.contract import COVERAGE_KINDS, PROVIDER_TYPES, SETTINGS, TABLES, metadata_of, types_of
from episodes.pricing import TargetPrices
from episodes.programs.code_tables import load_codes
from episodes.programs.ladder_rules import Rung
from episodes.programs.rule import Status
from episodes.programs.service_rules import Inclusion, Proration, ServiceExclusion
from episodes.programs.settlement_rules import StepKind
from episodes.reconciliation import ReconciliationResult
from episodes.running.run_folder import built_tables

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONTRACT = (DOCS / "claims-contract.md").read_text(encoding="utf-8")
OUTPUTS = (DOCS / "outputs.md").read_text(encoding="utf-8")
RULES = (DOCS / "rules-and-statuses.md").read_text(encoding="utf-8")

Line = tuple[BuiltEpisodes, TargetPrices, ReconciliationResult]


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = page.split(f"\n{heading}\n", 1)[1]
    below = re.split(r"^#", section, maxsplit=1, flags=re.MULTILINE)[0]
    table = below.split("\n|", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in f"|{table}".splitlines()[2:]]


def columns_of(page: str, heading: str) -> list[str]:
    """The first cells of that table: column names in backticks."""
    return [row[0].removeprefix("`").removesuffix("`") for row in rows_of(page, heading)]


def not_named(page: str, names: Iterable[str]) -> set[str]:
    """Which of the names stand nowhere on a page in backticks."""
    return {name for name in names if f"`{name}`" not in page}


def type_in_words(column: str, dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        return "list of dates" if dtype.inner == pl.Date else "list of text"
    if isinstance(dtype, pl.Enum):
        return "choice"
    if column.endswith("cents"):
        return "cents"
    words = {pl.String: "text", pl.Date: "date", pl.Boolean: "yes/no", pl.Float64: "number", pl.Float32: "number"}
    return next((word for kind, word in words.items() if dtype == kind), "whole number")


# --- the claims contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_the_contract_page_has_every_column_with_its_type_and_default(name: str) -> None:
    schema = TABLES[name]
    expected = []
    for column, dtype in types_of(schema).items():
        said = metadata_of(schema, column)
        absent = "required" if said.get("required") else str(said.get("default", "null"))
        expected.append([f"`{column}`", type_in_words(column, dtype), absent])
    rows = rows_of(CONTRACT, f"## `{name}`")
    assert [row[:3] for row in rows] == expected
    assert all(row[3] for row in rows)


def test_the_contract_page_names_every_choice() -> None:
    assert not not_named(CONTRACT, (*TABLES, *SETTINGS, *PROVIDER_TYPES, *COVERAGE_KINDS))


# --- what comes out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("episodes", EPISODE_COLUMNS),
        ("services", SERVICE_COLUMNS),
        ("balance", tuple(BALANCE_COLUMNS)),
        ("providers", tuple(PROVIDER_COLUMNS)),
    ],
)
def test_the_outputs_page_has_every_column_of_a_build(name: str, columns: tuple[str, ...]) -> None:
    assert columns_of(OUTPUTS, f"## `{name}`") == list(columns)


@pytest.fixture(scope="module")
def line() -> Line:
    """A build, prices and a settlement of a small part of the bundled people: their columns are what is looked at."""
    whole = ep.read_claims(ep.synthetic.bundled_folder())
    few = whole.claims.select("beneficiary_id").collect()["beneficiary_id"].unique().sort().head(150).to_list()
    tables = {name: whole.table(name) for name in TABLES}
    for name in ("claims", "lines", "beneficiaries", "coverage"):
        tables[name] = tables[name].filter(pl.col("beneficiary_id").is_in(few))
    claims = ep.Claims(**tables, validate="none")
    team = ep.load_program("team", performance_year=1)
    prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
    built = ep.build_episodes(claims, team)
    return built, prices, ep.reconcile(built, prices)


def test_the_outputs_page_has_every_column_and_type_of_every_table(line: Line) -> None:
    built, prices, result = line
    assert built.outcomes is not None
    assert built.attribution is not None
    tables = {
        "## `episodes`": built.episodes,
        "## `services`": built.services.collect(),
        "## `risk`": built.risk,
        "## `outcomes`": built.outcomes.collect(),
        "## `attribution`": built.attribution.collect(),
        "## `balance`": built.balance,
        "## `providers`": built.providers,
        "## The exclusion ladder": built.ladder(),
        "## Target prices": prices.prices,
        "### `result.episodes`": result.episodes,
        "### `result.parties`": result.parties,
        "### `result.steps`": result.steps,
    }
    for heading, frame in tables.items():
        assert frame is not None
        words = {
            re.sub(r"(?<=_)\d{4}", "<year>", column): type_in_words(column, dtype)
            for column, dtype in frame.schema.items()
        }
        rows = rows_of(OUTPUTS, heading)
        assert [row[:2] for row in rows] == [[f"`{column}`", word] for column, word in words.items()], heading
        assert all(row[2] for row in rows), heading


def test_the_outputs_page_names_the_tables_beside_prices_and_in_a_run_folder(line: Line) -> None:
    built, prices, _ = line
    assert prices.volumes is not None
    assert prices.capped is not None
    assert not not_named(OUTPUTS, (*prices.volumes.columns, *prices.capped.columns, *built_tables(built)))


def test_hospitals_are_the_parties_as_the_page_says(line: Line) -> None:
    _, _, result = line
    left = [column for column in result.parties.columns if column not in ("party_kind", "party_id", "convener_id")]
    assert result.hospitals.columns == ["ccn", *left]


def test_the_sums_that_the_outputs_page_promises(line: Line) -> None:
    built, _, result = line
    total = pl.sum_horizontal
    parts = [f"{category}_cents" for category in SERVICE_CATEGORIES]
    days = [column for column in EPISODE_COLUMNS if column.startswith("days_")]
    effects = [column for column in result.parties.columns if column.endswith("_effect_cents")]
    promised = {
        "cost": pl.col("episode_cents") == total("pre_cents", "anchor_cents", "post_cents"),
        "parts": pl.col("episode_cents") == total(parts),
        "days": total(days) == total("post_cents", "post_episode_cents"),
    }
    assert built.episodes.select(**promised).select(pl.all().all()).row(0) == (True, True, True)
    reached = pl.col("target_cents") - pl.col("actual_cents") + total(*effects, "downside_waiver_cents")
    assert result.parties.select((reached == pl.col("amount_cents")).all()).item()
    not_counted = built.episodes.filter(pl.col("status").is_in(["excluded", "overlapped"])).height
    assert built.ladder()["as_first_reason"].sum() == not_counted


def test_the_outputs_page_names_every_status_flag_period_and_destination() -> None:
    discharged_to = load_codes("discharge_status_destinations")["destination"].unique()
    assert not not_named(OUTPUTS, (*STATUSES, *_FLAGS, *PERIODS.values(), *DESTINATIONS, *PARTIES, *discharged_to))


@pytest.mark.parametrize("name", ep.programs.known_programs())
def test_the_outputs_page_names_every_reason_and_mark_of_a_programme(name: str) -> None:
    program = ep.load_program(name)
    construction = program.rules.construction
    of_services = [reason for reason in reason_codes(Context(program)) if reason is not None]
    marks = [column for mark in construction.services.marks for column in (mark.id, f"{mark.id}_ungrouped")]
    assert not not_named(OUTPUTS, (*overlap_reasons(program), *of_services, *marks))
    assert columns_of(OUTPUTS, f"### `{name}`") == [rung.id for rung in construction.exclusions]


# --- rules --------------------------------------------------------------------------------------------------


def test_the_rules_page_names_every_kind_and_status() -> None:
    kinds = [
        get_args(member.model_fields["kind"].annotation)[0]
        for union in (Rung, ServiceExclusion)
        for member in get_args(get_args(union)[0])
    ]
    kinds += [
        str(kind) for field in ("period", "include") for kind in get_args(Inclusion.model_fields[field].annotation)
    ]
    kinds += list(get_args(Proration.model_fields["method"].annotation))
    assert not not_named(RULES, (*kinds, *get_args(StepKind), *get_args(Status)))


# --- examples and links -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_the_examples_of_a_page_run(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DOCS.parent)
    shown = (DOCS / page).read_text(encoding="utf-8").count(">>> ")
    done = doctest.testfile(str(DOCS / page), module_relative=False, encoding="utf-8")
    assert done.failed == 0
    assert (done.attempted > 0) == (shown > 0)


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, place = target.partition("#")
        if "://" in file:
            continue
        aimed = DOCS / file if file else DOCS / page
        assert aimed.is_file(), target
        headings = re.findall(r"^#+ (.+)$", aimed.read_text(encoding="utf-8"), flags=re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not place or place in slugs, target


def test_docstrings_point_to_pages_that_exist() -> None:
    source = DOCS.parent / "src" / "episodes"
    named = {
        page
        for path in source.rglob("*.py")
        for page in re.findall(r"docs/([\w-]+\.md)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= {path.name for path in DOCS.glob("*.md")}
