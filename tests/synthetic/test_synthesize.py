"""The synthetic claims: in contract, deterministic, and with every kind of anchor in them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from episodes.building.provider_types import provider_type_of, state_of
from episodes.claims import read_claims
from episodes.claims.contract import CLAIM_PAID_SETTINGS, TABLES
from episodes.errors import LayoutError
from episodes.synthetic import synthesize, write_set
from episodes.synthetic.background_assumptions import load_background
from episodes.synthetic.claim_book import CLAIM_NUMBERS_A_PERSON, SCENARIO_CLAIMS
from episodes.synthetic.configuration import load_configuration
from episodes.synthetic.writing import WrittenLayout
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
    assert claims["claim_id"].str.contains(r"^C[0-9]{10}$").all()
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
    small, large = synthesize(beneficiaries=100, dense=dense), synthesize(beneficiaries=200, dense=dense)
    for name in ("claims", "lines", "beneficiaries", "coverage"):
        first_100 = large[name].filter(pl.col("beneficiary_id") <= "B0000100")
        assert small[name].equals(first_100), name
    for name in ("hospitals", "participants", "clinicians", "quality"):
        assert small[name].equals(large[name]), name


def test_the_default_set_is_small(tables: Tables, tmp_path: Path) -> None:
    bytes_of(tables, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5_000_000


def test_years_bound_the_anchors() -> None:
    claims = synthesize(beneficiaries=150, years=(2023, 2023))["claims"]
    near = pl.col("from_date").dt.year().is_between(2022, 2024)
    assert claims.select(near.all()).item()


def test_a_population_has_few_anchors_and_much_other_care() -> None:
    made = synthesize(beneficiaries=600, dense=False)
    planted = len(load_configuration().planted.events)
    ordinary = made.truth["episodes"].filter(pl.col("event").is_null())
    assert 0.03 < ordinary["beneficiary_id"].n_unique() / (600 - planted) < 0.12
    assert 40 < made["lines"].height / 600 / 5 < 60


def test_care_of_a_population_is_kept_away_from_anchors() -> None:
    made = synthesize(beneficiaries=150, dense=False)
    number = pl.col("claim_id").str.slice(1).cast(pl.Int64) % CLAIM_NUMBERS_A_PERSON
    background = made["claims"].filter(number >= SCENARIO_CLAIMS)
    near = background.join(made.truth["episodes"], on="beneficiary_id").filter(
        pl.col("thru_date") >= pl.col("episode_start").dt.offset_by("-45d"),
        pl.col("from_date") <= pl.col("anchor_end").dt.offset_by("90d"),
    )
    assert background.height > 5000
    assert near.is_empty()


def test_writing_in_blocks_is_the_same_for_any_number_of_processes(tmp_path: Path) -> None:
    people = load_background().blocks.people_per_block + 60
    first, second = tmp_path / "one", tmp_path / "two"
    for folder, processes in ((first, 1), (second, 2)):
        write_set(folder, beneficiaries=people, years=(2026, 2026), dense=False, processes=processes)
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert Path("claims/00001.parquet") in files
    assert Path("truth/services/00001.parquet") in files
    assert {file: sha256_of(first / file) for file in files} == {file: sha256_of(second / file) for file in files}
    assert read_claims(first).claims.select(pl.col("beneficiary_id").n_unique()).collect().item() > 1800


@pytest.mark.parametrize("layout", ["rif", "cclf", "tuva", "fhir-eob"])
def test_a_set_is_written_in_other_layouts(layout: WrittenLayout, tmp_path: Path) -> None:
    written = write_set(tmp_path / "set", beneficiaries=60, years=(2026, 2026), layout=layout)
    claims = read_claims(tmp_path / "set")
    assert claims.report.layout == layout
    assert claims.report.quarantined_rows() == 0
    assert claims.claims.select(pl.len()).collect().item() == written.rows["claims"]
    assert claims.lines.select(pl.len()).collect().item() == written.rows["lines"]


def test_a_set_is_written_only_where_there_is_room_for_it(tmp_path: Path) -> None:
    write_set(tmp_path / "set", beneficiaries=5)
    with pytest.raises(LayoutError, match="exists"):
        write_set(tmp_path / "set", beneficiaries=5)
    write_set(tmp_path / "set", beneficiaries=5, overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("not claims")
    with pytest.raises(LayoutError, match="no synthetic set"):
        write_set(tmp_path / "other", beneficiaries=5, overwrite=True)
    with pytest.raises(LayoutError, match="layout to write"):
        write_set(tmp_path / "third", beneficiaries=5, layout="x12")  # type: ignore[arg-type]
