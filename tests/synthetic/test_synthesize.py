"""The synthetic claims: in contract, deterministic, and with every planted event in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from episodes.building.provider_types import provider_type_of, state_of
from episodes.claims.contract import CLAIM_PAID_SETTINGS, SETTINGS, TABLES
from episodes.errors import EpisodesError
from episodes.programs import load_program
from episodes.programs.code_tables import load_codes
from episodes.synthetic import synthesize
from episodes.synthetic.configuration import load_configuration
from episodes.tables import sha256_of, write_parquet

Tables = dict[str, pl.DataFrame]
WINDOW_END, POST_EPISODE_END = 29, 59  # days after the anchor's end


@pytest.fixture(scope="module")
def tables() -> Tables:
    return synthesize()


def bytes_of(tables: Tables, folder: Path) -> dict[str, str]:
    for name, frame in tables.items():
        write_parquet(frame, folder / f"{name}.parquet")
    return {name: sha256_of(folder / f"{name}.parquet") for name in tables}


# --- contract -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_is_in_contract(tables: Tables, name: str) -> None:
    _, failures = TABLES[name].filter(tables[name], cast=False)
    assert failures.counts() == {}
    assert tables[name].columns == TABLES[name].column_names()
    assert tables[name].height > 0


def test_keys_are_unique_and_sorted(tables: Tables) -> None:
    claims, lines = tables["claims"], tables["lines"]
    assert claims["claim_id"].is_unique().all()
    assert claims["claim_id"].str.contains(r"^C[0-9]{9}$").all()
    assert claims.equals(claims.sort("beneficiary_id", "claim_id"))
    assert lines.equals(lines.sort("beneficiary_id", "claim_id", "line_number"))
    assert lines.join(claims, on=["beneficiary_id", "claim_id"], how="anti").is_empty()


def test_identifiers_have_their_form(tables: Tables) -> None:
    npis = pl.concat([tables["lines"]["rendering_npi"], tables["claims"]["attending_npi"]]).drop_nulls()
    assert npis.str.contains(r"^[0-9]{10}$").all()
    assert npis.is_in(tables["clinicians"]["npi"].to_list()).all()
    assert tables["lines"]["tin"].drop_nulls().str.contains(r"^[0-9]{9}$").all()
    for ccn, state in tables["hospitals"].select("ccn", "state").iter_rows():
        assert provider_type_of(ccn) in ("acute", "cah")
        assert state_of(ccn) == state
    types = {provider_type_of(ccn) for ccn in tables["claims"]["ccn"].drop_nulls().unique()}
    assert {"acute", "cah", "irf", "ltch", "snf", "home_health"} <= types


def test_amounts_hang_together(tables: Tables) -> None:
    claim_paid = tables["claims"].filter(pl.col("setting").cast(pl.String).is_in(CLAIM_PAID_SETTINGS))
    keys = ["beneficiary_id", "claim_id"]
    assert tables["lines"].join(claim_paid, on=keys)["allowed_cents"].is_null().all()
    add_ons = pl.sum_horizontal(
        "outlier_cents", "new_technology_cents", "ime_cents", "dsh_cents", "uncompensated_care_cents"
    )
    assert claim_paid.select((pl.col("allowed_cents") > add_ons).all()).item()
    below = pl.col("standardized_outlier_cents") <= pl.col("standardized_cents")
    assert claim_paid.select(below.fill_null(True).all()).item()
    for frame in (claim_paid, tables["lines"].filter(pl.col("allowed_cents") >= 0)):
        share = pl.col("allowed_cents") - pl.col("paid_cents") - pl.col("primary_payer_paid_cents")
        assert frame.select((share >= 0).all()).item()
        assert frame.select((pl.col("paid_cents") >= 0).all()).item()


def test_discharge_status_agrees_with_the_next_setting(tables: Tables) -> None:
    claims = tables["claims"]
    stays = claims.filter(pl.col("setting") == "inpatient")
    to_snf = stays.filter(pl.col("discharge_status") == "03")
    starts = claims.filter(pl.col("setting") == "snf").select("beneficiary_id", thru_date="from_date")
    assert to_snf.height > 100
    assert to_snf.join(starts, on=["beneficiary_id", "thru_date"], how="anti").height <= 0.02 * to_snf.height
    deaths = tables["beneficiaries"].select("beneficiary_id", thru_date="death_date").drop_nulls()
    died = stays.filter(pl.col("discharge_status") == "20")
    assert died.join(deaths, on=["beneficiary_id", "thru_date"], how="anti").is_empty()


# --- the same again -----------------------------------------------------------------------------------------


def test_same_seed_same_bytes_and_another_seed_differs(tmp_path: Path) -> None:
    first = bytes_of(synthesize(beneficiaries=80, seed=7), tmp_path / "first")
    again = bytes_of(synthesize(beneficiaries=80, seed=7), tmp_path / "again")
    other = bytes_of(synthesize(beneficiaries=80, seed=8), tmp_path / "other")
    assert first == again
    assert first["claims"] != other["claims"]
    assert first["lines"] != other["lines"]


@pytest.mark.parametrize("dense", [True, False])
def test_a_person_is_the_same_in_a_set_of_any_size(dense: bool) -> None:
    small, large = synthesize(beneficiaries=200, dense=dense), synthesize(beneficiaries=400, dense=dense)
    for name in ("claims", "lines", "beneficiaries", "coverage"):
        first_200 = large[name].filter(pl.col("beneficiary_id") <= "B0000200")
        assert small[name].equals(first_200), name
    for name in ("hospitals", "participants", "clinicians", "quality"):
        assert small[name].equals(large[name]), name


def test_the_default_set_is_small(tables: Tables, tmp_path: Path) -> None:
    bytes_of(tables, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5_000_000


def test_years_bound_the_anchors() -> None:
    claims = synthesize(beneficiaries=150, years=(2023, 2023))["claims"]
    near = pl.col("from_date").dt.year().is_between(2022, 2024)
    assert claims.select(near.all()).item()


def test_sparse_people_mostly_have_no_anchor() -> None:
    anchors = anchors_in(synthesize(beneficiaries=600, dense=False)["claims"], None)
    assert 0.2 < anchors["beneficiary_id"].n_unique() / 600 < 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beneficiaries": 0}, "nobody"),
        ({"years": (2026, 2022)}, "in order"),
        ({"years": (1999, 2001)}, "in order"),
        ({"seed": -1}, "negative"),
    ],
)
def test_impossible_wishes_are_errors(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(EpisodesError, match=message):
        synthesize(**arguments)  # type: ignore[arg-type]


# --- what is in it ------------------------------------------------------------------------------------------


def anchors_in(claims: pl.DataFrame, lines: pl.DataFrame | None) -> pl.DataFrame:
    """Anchor claims: beneficiary_id, claim_id, anchor_setting, code, category, start, end, anchor_ccn."""
    codes = load_codes("team_anchor_codes").select("anchor_setting", "code", "category")
    earlier = load_codes("team_drg_map").select(
        code="from_drg", category="category", anchor_setting=pl.lit("inpatient")
    )
    known = pl.concat([codes, earlier.select(codes.columns)])
    stays = claims.filter(pl.col("setting") == "inpatient").with_columns(
        anchor_setting=pl.lit("inpatient"), code="ms_drg", start="from_date", end="thru_date"
    )
    columns = ["beneficiary_id", "claim_id", "anchor_setting", "code", "start", "end", "ccn"]
    found = stays.select(columns)
    if lines is not None:
        dated = lines.filter(pl.col("revenue_center") == "0360").drop_nulls(["service_date", "hcpcs"])
        operations = dated.join(claims.select("claim_id", "ccn"), on="claim_id").with_columns(
            anchor_setting=pl.lit("outpatient"), code="hcpcs", start="service_date", end="service_date"
        )
        found = pl.concat([found, operations.select(columns)])
    return found.join(known, on=["anchor_setting", "code"]).rename({"ccn": "anchor_ccn"})


def test_every_setting_category_and_anchor_setting_is_there(tables: Tables) -> None:
    assert set(tables["claims"]["setting"].cast(pl.String)) == set(SETTINGS)
    anchors = anchors_in(tables["claims"], tables["lines"])
    assert set(anchors["category"]) == set(load_program("team").rules.categories)
    assert set(anchors["anchor_setting"]) == {"inpatient", "outpatient"}


def test_every_anchor_code_of_the_programme_can_occur() -> None:
    procedures = load_configuration().anchors.procedures.values()
    possible = {code for procedure in procedures for code in (*procedure.drgs, *procedure.outpatient)}
    earlier = {code for procedure in procedures for code in procedure.earlier_drgs.values()}
    assert possible == set(load_codes("team_anchor_codes")["code"])
    assert earlier <= set(load_codes("team_drg_map")["from_drg"])


def test_common_cells_have_baseline_episodes(tables: Tables) -> None:
    regions = tables["hospitals"].select("region", anchor_ccn="ccn")
    anchors = anchors_in(tables["claims"], tables["lines"]).join(regions, on="anchor_ccn")
    baseline = anchors.filter(pl.col("end").dt.year().is_between(2022, 2024))
    for code in ("470", "469", "521", "522", "480", "481", "482", "233", "236", "473", "330", "27447"):
        cells = baseline.filter(pl.col("code") == code, pl.col("region").is_in([3, 5]))
        assert cells["region"].n_unique() == 2, code
    assert anchors.filter(pl.col("end").dt.year() == 2026).height > 200


def test_participants_and_quality(tables: Tables) -> None:
    participants, quality = tables["participants"], tables["quality"]
    assert set(participants["track"]) == {"1", "3"}
    acute = tables["hospitals"].filter(pl.col("region").is_in([3, 5]), pl.col("state") != "MD", pl.col("beds") > 25)
    assert acute.height - participants.height == 1
    assert set(quality["measure"]) == {"hybrid_hwr", "psi_90", "pro_pm"}
    assert quality["percentile"].null_count() == 1


def test_hospitals_differ_in_facility_care(tables: Tables) -> None:
    anchors = anchors_in(tables["claims"], tables["lines"]).filter(pl.col("category") == "LEJR")
    stays = tables["claims"].filter(pl.col("setting") == "inpatient").select("claim_id", "discharge_status")
    shares = (
        anchors.join(stays, on="claim_id")
        .group_by("anchor_ccn")
        .agg(pl.len(), share=pl.col("discharge_status").is_in(["03", "62"]).mean())
        .filter(pl.col("len") > 30)
    )
    low, high = shares["share"].min(), shares["share"].max()
    assert low is not None
    assert high is not None
    assert high - low > 0.1  # type: ignore[operator]


# --- planted events -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """The tables, and claims, lines, coverage and people beside the anchors of the same person."""

    tables: Tables
    anchors: pl.DataFrame
    claims: pl.DataFrame
    lines: pl.DataFrame
    coverage: pl.DataFrame
    people: pl.DataFrame

    def stays(self, *tests: pl.Expr) -> int:
        return self.claims.filter(pl.col("setting") == "inpatient", *tests).height


@pytest.fixture(scope="module")
def facts(tables: Tables) -> Facts:
    anchors = anchors_in(tables["claims"], tables["lines"]).rename({"claim_id": "anchor_claim_id"})
    offset, end_offset = _days("from_date"), _days("thru_date")
    claims = tables["claims"].join(anchors, on="beneficiary_id").with_columns(offset=offset, end_offset=end_offset)
    lines = (
        tables["lines"]
        .join(tables["claims"].select("claim_id", "setting"), on="claim_id")
        .join(anchors, on="beneficiary_id")
        .with_columns(offset=_days("service_date"))
    )
    coverage = tables["coverage"].join(anchors, on="beneficiary_id").with_columns(
        first=_days("start_date"), last=_days("end_date")
    )
    people = tables["beneficiaries"].join(anchors, on="beneficiary_id").with_columns(
        from_start=(pl.col("death_date") - pl.col("start")).dt.total_days(), from_end=_days("death_date")
    )
    return Facts(tables, anchors, claims, lines, coverage, people)


def _days(column: str) -> pl.Expr:
    return (pl.col(column) - pl.col("end")).dt.total_days()


OTHER = pl.col("claim_id") != pl.col("anchor_claim_id")
OWN = pl.col("claim_id") == pl.col("anchor_claim_id")
INSIDE = pl.col("offset").is_between(0, WINDOW_END)
ACROSS_END = INSIDE & (pl.col("end_offset") > WINDOW_END)
ACROSS_POST = (pl.col("offset") <= POST_EPISODE_END) & (pl.col("end_offset") > POST_EPISODE_END)
SAME_HOSPITAL = pl.col("ccn") == pl.col("anchor_ccn")
MEDICAL = ~pl.col("ms_drg").is_in(load_codes("team_anchor_codes")["code"].to_list())
EXCLUDED_DRGS = load_codes("excluded_readmission_ms_drg")["ms_drg"].to_list()
EXCLUDED_DRUGS = load_codes("excluded_part_b_drugs")["hcpcs"].to_list()
CLOTTING = load_codes("hemophilia_hcpcs")["hcpcs"].to_list()


def interval(facts: Facts, kind: str) -> int:
    meets = (pl.col("first") <= WINDOW_END) & (pl.col("last").is_null() | (pl.col("last") >= 0))
    return facts.coverage.filter(pl.col("kind") == kind, meets).height


def gap(facts: Facts, kind: str, *tests: pl.Expr) -> int:
    return facts.coverage.filter(pl.col("kind") == kind, pl.col("last").is_not_null(), *tests).height


def setting(facts: Facts, name: str, *tests: pl.Expr) -> int:
    return facts.claims.filter(pl.col("setting") == name, OTHER, *tests).height


def line(facts: Facts, *tests: pl.Expr) -> int:
    return facts.lines.filter(OTHER, INSIDE, *tests).height


def pairs(facts: Facts, *tests: pl.Expr) -> int:
    """Anchors of one person, earlier and later (`_right`), with the days between the first's end and the other."""
    both = facts.anchors.join(facts.anchors, on="beneficiary_id").filter(pl.col("anchor_claim_id") != pl.col("anchor_claim_id_right"))
    return both.with_columns(gap=(pl.col("start_right") - pl.col("end")).dt.total_days()).filter(*tests).height


SAME_CATEGORY = pl.col("category") == pl.col("category_right")
BOTH_INPATIENT = (pl.col("anchor_setting") == "inpatient") & (pl.col("anchor_setting_right") == "inpatient")
LEAD_IN = SAME_CATEGORY & (pl.col("anchor_setting") == "outpatient") & (pl.col("anchor_setting_right") == "inpatient")
LATER = pl.col("end").dt.year() > 2024
ANCHOR_STATE = pl.col("anchor_ccn").str.head(2)

EVENTS: dict[str, Callable[[Facts], int]] = {
    "no_enrolment_record": lambda f: f.anchors.join(f.tables["beneficiaries"], on="beneficiary_id", how="anti").join(f.tables["coverage"], on="beneficiary_id", how="anti").height,
    "part_a_gap": lambda f: gap(f, "part_a", pl.col("last").is_between(0, WINDOW_END)),
    "part_b_gap": lambda f: gap(f, "part_b", pl.col("last").is_between(0, WINDOW_END)),
    "gap_outside_window": lambda f: gap(f, "part_b", pl.col("last") < -60),
    "medicare_advantage_entry": lambda f: interval(f, "medicare_advantage"),
    "esrd_entitlement": lambda f: interval(f, "esrd_entitlement"),
    "other_primary_payer": lambda f: interval(f, "other_primary_payer"),
    "united_mine_workers": lambda f: interval(f, "united_mine_workers"),
    "unknown_month": lambda f: interval(f, "unknown"),
    "death_in_anchor": lambda f: f.people.filter(pl.col("from_start") >= 0, pl.col("from_end") <= 0).height,
    "death_in_window": lambda f: f.people.filter(pl.col("from_end").is_between(1, WINDOW_END)).height,
    "death_in_post_episode": lambda f: f.people.filter(pl.col("from_end").is_between(WINDOW_END + 1, POST_EPISODE_END)).height,
    "death_later": lambda f: f.people.filter(pl.col("from_end") > POST_EPISODE_END).height,
    "death_before_anchor": lambda f: f.people.filter(pl.col("from_start") < 0).height,
}
