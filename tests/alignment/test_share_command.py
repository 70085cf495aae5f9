"""`episodes share`: from the demo's run folders to statements in one command, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from episodes import cli
from episodes.running.run_folder import read_manifest
from episodes.tables import sha256_of

ILLEGAL = Path(__file__).parents[1] / "cases" / "alignment" / "illegal_arrangement.toml"


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "demo"
    assert run("demo", "--out", place) == 0
    return place


@pytest.fixture(scope="module")
def shared(demo: Path) -> Path:
    """The packaged gainsharing arrangement, settled on the demo."""
    out = demo.parent / "shared"
    assert run("share", demo, "--arrangement", "team_gainsharing", "--out", out) == 0
    return out


def test_one_command_gives_ledgers_checks_and_a_statement_a_physician(shared: Path, demo: Path) -> None:
    manifest = read_manifest(shared, "sharing")
    assert manifest["arrangement"]["hospital"] == "360802"
    assert "not legal advice" in manifest["disclaimer"]
    tables = {name: pl.read_parquet(shared / f"{name}.parquet") for name in ("ledger", "entries", "checks", "scores")}
    settled = pl.read_parquet(demo / "reconciliation" / "hospitals.parquet").filter(ccn="360802")["amount_cents"].item()
    moved = tables["entries"].filter(basis="share of the reconciliation")["amount_cents"].sum()
    assert moved == (max(0, settled) + 1) // 2
    assert tables["ledger"].filter(pl.col("paid_cents") > pl.col("cap_cents")).is_empty()
    assert ep.alignment.account_balances(tables["entries"])["net_cents"].sum() == 0
    assert set(tables["checks"].filter(result="fail")["check"]) <= {"needed_care"}
    statements = sorted(path.stem for path in (shared / "statements").glob("*.md"))
    assert len(statements) == 7
    said = (shared / "statements" / "9100000777.md").read_text(encoding="utf-8")
    assert "How the figure came about" in said
    assert "Cost beside outcomes" in said


def test_no_beneficiary_or_claim_is_named(shared: Path) -> None:
    """Statements go to physicians: they carry parties and sums only."""
    people = pl.read_parquet(shared.parent / "demo" / "performance" / "episodes.parquet")
    ids = {*people["beneficiary_id"], *people["anchor_claim_id"]}
    for path in (shared / "statements").glob("*.md"):
        assert not ids & set(path.read_text(encoding="utf-8").replace("|", " ").split())


@pytest.mark.parametrize("place", ["reconciliation", "performance"])
def test_the_same_from_either_run_folder(demo: Path, shared: Path, place: str, tmp_path: Path) -> None:
    assert run("share", demo / place, "--arrangement", "team_gainsharing", "--out", tmp_path / "out") == 0
    for name in ("ledger", "entries", "checks"):
        assert sha256_of(tmp_path / "out" / f"{name}.parquet") == sha256_of(shared / f"{name}.parquet")


@pytest.mark.parametrize("name", [name for name in ep.alignment.known_arrangements() if name != "team_gainsharing"])
def test_every_packaged_arrangement_runs(demo: Path, name: str, tmp_path: Path) -> None:
    assert run("share", demo, "--arrangement", name, "--out", tmp_path / "out") == 0
    entries = pl.read_parquet(tmp_path / "out" / "entries.parquet")
    pool = ep.alignment.account_balances(entries).filter(account="pool")["net_cents"].to_list()
    assert pool in ([], [0])


def test_the_illegal_arrangement_is_flagged(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("share", demo, "--arrangement", ILLEGAL, "--out", tmp_path / "out", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    failed = {check["check"] for check in found["checks"] if check["result"] == "fail"}
    assert {"volume_or_value", "cap", "set_in_advance", "model_waiver"} <= failed


def test_another_hospital_owes_and_its_partners_pay(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    hospitals = pl.read_parquet(demo / "reconciliation" / "hospitals.parquet").sort("amount_cents")
    ccn, amount = hospitals.select("ccn", "amount_cents").row(0)
    assert run("share", demo, "--arrangement", "team_gainsharing", "--hospital", ccn, "--out", out) == 0
    alignment = pl.read_parquet(out / "ledger.parquet").filter(ledger="alignment")
    assert amount < 0
    assert alignment["paid_cents"].sum() == -amount
    assert "You pay" in (out / "statements" / "9100000814.md").read_text(encoding="utf-8")


def test_an_earlier_sharing_is_recouped(demo: Path, shared: Path, tmp_path: Path) -> None:
    text = (Path(ep.alignment.__file__).parent / "arrangements" / "team_gainsharing.toml").read_text(encoding="utf-8")
    smaller = tmp_path / "smaller.toml"
    smaller.write_text(text.replace("value = 0.50", "value = 0.05", 1), encoding="utf-8")
    assert run("share", demo, "--arrangement", smaller, "--earlier", shared, "--out", tmp_path / "out") == 0
    found = pl.read_parquet(tmp_path / "out" / "recoupment.parquet")
    assert found["recouped_cents"].sum() > 0
    assert found.select((pl.col("paid_cents") - pl.col("recouped_cents") <= pl.col("corrected_cents")).all()).item()


def test_models_compared_beside_the_statements(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run("share", demo, "--arrangement", "team_gainsharing", "--compare", "--out", out) == 0
    table = pl.read_parquet(out / "comparison.parquet")
    settled = pl.read_parquet(demo / "reconciliation" / "hospitals.parquet").filter(ccn="360802")["amount_cents"].item()
    assert table.filter(model="independent", side="hospital")["expected_cents"].item() == settled
    said = (out / "comparison.md").read_text(encoding="utf-8")
    assert said in capsys.readouterr().out
    if (out / "comparison.html").is_file():
        assert "gainsharing" in (out / "comparison.html").read_text(encoding="utf-8")


def failure(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert run("share", *arguments) == 1
    return capsys.readouterr().err


def test_errors_help(demo: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packaged = ("--arrangement", "team_gainsharing")
    assert "exists" in failure(capsys, demo, *packaged, "--out", shared)
    assert "Known:" in failure(capsys, demo, "--arrangement", "nothing", "--out", tmp_path / "o")
    assert "reconciliation" in failure(capsys, tmp_path, *packaged, "--out", tmp_path / "o")
    assert "--claims" in failure(capsys, demo, "--arrangement", "full_risk", "--compare", "--out", tmp_path / "o")
    assert "Known:" in failure(capsys, demo, *packaged, "--hospital", "999999", "--out", tmp_path / "o")
    alone = tmp_path / "alone"
    alone.mkdir()
    (demo / "reconciliation").rename(alone / "reconciliation")
    try:
        assert "--build" in failure(capsys, alone, *packaged, "--out", tmp_path / "o")
    finally:
        (alone / "reconciliation").rename(demo / "reconciliation")
