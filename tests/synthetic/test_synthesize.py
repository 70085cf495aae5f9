"""The synthetic claims: in contract, deterministic, and with every kind of anchor in them."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("status", "kinds", "within"),
    [
        ("03", ["snf"], 0),
        ("62", ["inpatient"], 0),
        ("63", ["inpatient"], 0),
        ("02", ["inpatient"], 0),
        ("06", ["home_health"], 6),
    ],
)
def test_discharge_status_agrees_with_the_next_setting(
    tables: Tables, status: str, kinds: list[str], within: int
) -> None:
    claims = tables["claims"].with_columns(setting=pl.col("setting").cast(pl.String))
    sent = claims.filter(pl.col("setting").is_in(["inpatient", "snf"]), pl.col("discharge_status") == status)
    arrivals = claims.filter(pl.col("setting").is_in(kinds)).select("beneficiary_id", arrival="from_date")
    wait = (pl.col("arrival") - pl.col("thru_date")).dt.total_days()
    arrived = sent.join(arrivals, on="beneficiary_id").filter(wait.is_between(0, within))
    assert sent.height > 5
    # Missing: people who die first, join Medicare Advantage, or are admitted again before home health begins.
    assert arrived["claim_id"].n_unique() >= 0.93 * sent.height


def test_the_dead_have_no_claims(tables: Tables) -> None:
    claims = tables["claims"].join(tables["beneficiaries"], on="beneficiary_id")
    after_death = claims.filter(pl.col("thru_date") > pl.col("death_date"))
    planted = load_configuration().planted
    copies = -(-tables["beneficiaries"].height // planted.cycle)
    # Only those whose date of death is planted before their anchor.
    assert after_death["beneficiary_id"].n_unique() <= copies
    deaths = tables["beneficiaries"].select("beneficiary_id", thru_date="death_date").drop_nulls()
    died = tables["claims"].filter(pl.col("setting") == "inpatient", pl.col("discharge_status") == "20")
    assert died.height > 5
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
    operated = synthesize(beneficiaries=600, dense=False)["lines"].filter(pl.col("revenue_center") == "0360")
    assert 0.2 < operated["beneficiary_id"].n_unique() / 600 < 0.6


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


def test_every_setting_category_and_anchor_setting_is_there(tables: Tables, anchors: pl.DataFrame) -> None:
    assert set(tables["claims"]["setting"].cast(pl.String)) == set(SETTINGS)
    assert set(anchors["category"]) == set(load_program("team").rules.categories)
    assert set(anchors["anchor_setting"]) == {"inpatient", "outpatient"}


def test_every_anchor_code_of_the_programme_can_occur() -> None:
    procedures = load_configuration().anchors.procedures.values()
    possible = {code for procedure in procedures for code in (*procedure.drgs, *procedure.outpatient)}
    earlier = {code for procedure in procedures for code in procedure.earlier_drgs.values()}
    assert possible == set(load_codes("team_anchor_codes")["code"])
    assert earlier <= set(load_codes("team_drg_map")["from_drg"])


def test_common_cells_have_baseline_episodes(tables: Tables, anchors: pl.DataFrame) -> None:
    regions = tables["hospitals"].select("region", anchor_ccn="ccn")
    anchors = anchors.join(regions, on="anchor_ccn")
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


def test_hospitals_differ_in_facility_care(tables: Tables, anchors: pl.DataFrame) -> None:
    stays = tables["claims"].filter(pl.col("setting") == "inpatient")
    shares = (
        anchors.filter(pl.col("category") == "LEJR")
        .join(stays.select("claim_id", "discharge_status"), on="claim_id")
        .group_by("anchor_ccn")
        .agg(pl.len(), share=pl.col("discharge_status").is_in(["03", "62"]).mean())
        .filter(pl.col("len") > 30)
    )
    low, high = shares["share"].min(), shares["share"].max()
    assert low is not None
    assert high is not None
    assert high - low > 0.1  # type: ignore[operator]
