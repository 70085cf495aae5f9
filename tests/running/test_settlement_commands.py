"""Commands on settlements over the bundled claims."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from episodes import cli
from episodes.cli_support import write_built, write_result


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    team = ep.load_program("team", performance_year=1)
    prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
    built = ep.build_episodes(claims, team)
    write_built(place / "py1", built, claims, overwrite=False)
    write_result(place / "result", built, prices, ep.reconcile(built, prices), overwrite=False)
    final = built.final().filter("participating")
    more = pl.when(pl.int_range(pl.len()) == 0).then(100_00).otherwise(0)
    theirs = final.select("beneficiary_id", "anchor_claim_id", episode_cents=pl.col("episode_cents") + more)
    theirs.write_csv(place / "payer.csv")
    return place


def command(*arguments: str | Path) -> int:
    code = 0
    try:
        cli.main([str(argument) for argument in arguments])
    except SystemExit as done:
        code = int(done.code or 0)
    return code


def test_audit(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("audit", runs / "py1", "--prices", runs / "result" / "prices", "--payer-file", runs / "payer.csv")
    assert command(*given, "--json", "--out", runs / "audit") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["findings"] == 1
    assert found["kinds"][0]["kind"] == "spending"
    assert pl.read_parquet(runs / "audit" / "findings.parquet").height == 1
    assert command(*given, "--dispute-file", runs / "dispute.csv", "--everything") == 0
    shown = capsys.readouterr().out
    assert "1 findings in" in shown
    assert pl.read_csv(runs / "dispute.csv").height == 1
    people = pl.read_csv(runs / "payer.csv")["beneficiary_id"].to_list()
    assert not any(person in shown for person in people)
    assert command(*given, "--tolerance-cents", "10000", "--json") == 0
    assert json.loads(capsys.readouterr().out)["counts"]["findings"] == 0
    assert command(*given, "--everything") == 1


def test_true_up_tracks_and_statement(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prices = ("--prices", runs / "result" / "prices")
    assert command("true-up", runs / "py1", runs / "py1", *prices, "--json") == 0
    assert {row["change_cents"] for row in json.loads(capsys.readouterr().out)["parties"]} == {0}
    assert command("tracks", runs / "py1", *prices, "--json") == 0
    assert {row["track"] for row in json.loads(capsys.readouterr().out)["tracks"]} == {"1", "3"}
    assert command("statement", runs / "py1", *prices, "--hospital", "360801", "--json") == 0
    assert json.loads(capsys.readouterr().out)["party_id"] == "360801"
    for shown in (
        ("tracks",),
        ("statement", "--hospital", "360801"),
        ("statement", "--hospital", "360801", "--waterfall"),
    ):
        assert command(shown[0], runs / "py1", *prices, *shown[1:]) == 0
        assert "360801" in capsys.readouterr().out
    assert command("true-up", runs / "py1", runs / "py1", *prices) == 0
    assert "earlier + causes = later." in capsys.readouterr().out
    assert command("statement", runs / "py1", *prices, "--hospital", "1") == 1
    assert "Unknown party" in capsys.readouterr().err


def test_tracks_that_the_year_does_not_have(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = (runs / "py1", "--prices", runs / "result" / "prices")
    assert command("tracks", *given) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Track 2 does not exist in performance year 1" in shown
    assert "track 2 (what-if)" not in shown
    assert command("tracks", *given, "--what-if-tracks", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {(row["track"], row["what_if"], row["terms_of_year"]) for row in told["tracks"]} == {
        ("1", False, "1"),
        ("2", True, "2"),
        ("3", False, "1"),
    }
    assert "not the programme's result" in told["notes"][0]
    assert command("tracks", *given, "--what-if-tracks") == 0
    assert "(what-if)" in capsys.readouterr().out
    one = (*given, "--hospital", "360801", "--track", "2")
    assert command("statement", *one) == 1
    assert "--what-if-tracks" in capsys.readouterr().err
    for page in ((), ("--waterfall",)):
        assert command("statement", *one, *page, "--what-if-tracks") == 0
        assert "a what-if: terms of performance year 2" in " ".join(capsys.readouterr().out.split())


def test_the_folder_of_a_demo_is_taken_for_its_runs(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = tmp_path / "demo"
    assert command("demo", "--out", demo) == 0
    capsys.readouterr()
    assert command("tracks", demo, "--prices", demo, "--json") == 0
    of_folder = json.loads(capsys.readouterr().out)
    exact = (demo / "performance", "--prices", demo / "reconciliation" / "prices")
    assert command("tracks", *exact, "--json") == 0
    assert json.loads(capsys.readouterr().out) == of_folder
    assert command("report", demo, "--out", tmp_path / "report") == 0
    assert command("price", demo, "--out", tmp_path / "prices") == 0
    again = pl.read_parquet(tmp_path / "prices" / "target_prices.parquet")
    assert again.equals(pl.read_parquet(demo / "reconciliation" / "prices" / "target_prices.parquet"))
    capsys.readouterr()

    (demo / "performance").rename(tmp_path / "elsewhere")
    assert command("report", demo, "--out", tmp_path / "other") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "holds 2 of them, 0 of which are builds of a performance year" in said
    assert "baseline" in said
    assert command("report", tmp_path / "nothing", "--out", tmp_path / "other") == 1
    assert "no run folder" in capsys.readouterr().err


def test_the_files_of_a_reconciliation(runs: Path) -> None:
    written = {path.stem for path in (runs / "result").glob("*.parquet")}
    assert written == {"hospitals", "parties", "episodes", "steps", "categories", "conveners"}


def test_report_writes_tables_files_and_a_page(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = runs / "report"
    assert command("report", runs / "py1", "--out", out) == 0
    assert "Referrals" in capsys.readouterr().out
    built = pl.read_parquet(runs / "py1" / "episodes.parquet").filter(status="final")
    assert pl.read_parquet(out / "hospitals.parquet")["episodes"].sum() == built.height
    assert pl.read_csv(out / "hospitals.csv")["episodes"].sum() == built.height
    assert sum(row["episodes"] for row in json.loads((out / "report.json").read_text())["hospitals"]) == built.height
    if find_spec("great_tables") is not None:
        assert "Post-acute facilities" in (out / "report.html").read_text()
    assert command("report", runs / "py1", "--out", out) == 1
    assert command("report", runs / "py1", "--out", out, "--overwrite", "--suppress-below", "11", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert any(row["suppressed"] for row in shown["physicians"])


def test_state_episodes_settle_with_who_owns_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    rules = ep.load_program(
        "tenncare-tjr", period=("2026-01-01", "2026-12-31"), without_exclusions=["age", "not_covered"]
    )
    write_built(tmp_path / "built", ep.build_episodes(claims, rules), claims, overwrite=False)
    thresholds = tmp_path / "thresholds.csv"
    thresholds.write_text("category,commendable_cents,acceptable_cents,gain_limit_cents\nTJR,2000000,3000000,1000000\n")
    given = ("reconcile", tmp_path / "built", "--prices", thresholds)
    assert command(*given, "--json", "--out", tmp_path / "result") == 0
    said = json.loads(capsys.readouterr().out)
    owned = pl.read_parquet(tmp_path / "built" / "attribution.parquet").filter(party_kind="physician")
    final = pl.read_parquet(tmp_path / "built" / "episodes.parquet").filter(status="final")
    settled = final.join(owned, on="episode_id", how="semi").height
    assert settled > 0
    assert sum(row["episodes"] for row in said["parties"]) == settled
    assert {row["party_kind"] for row in said["parties"]} == {"physician"}
    assert command(*given, "--track", "1") == 1


def test_share_takes_a_fee_schedule(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = runs / "codes.csv"
    codes.write_text("hcpcs\n27447\n")
    given = ("share", runs / "result", "--build", runs / "py1", "--arrangement", "team_gainsharing", "--json")
    assert command(*given, "--out", runs / "all") == 0
    assert command(*given, "--out", runs / "one", "--fee-schedule", codes) == 0
    capsys.readouterr()
    every, one = (pl.read_parquet(runs / name / "fee_schedule_amounts.parquet") for name in ("all", "one"))
    assert 0 < one["fee_schedule_cents"].sum() < every["fee_schedule_cents"].sum()
