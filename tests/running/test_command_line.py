"""The command line as a user meets it: exit codes, JSON, run folders, the same bytes whatever the threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import episodes as ep
from episodes import cli
from episodes.tables import sha256_of

BUNDLED = ep.synthetic.bundled_folder()


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, as a batch job would run it."""
    environment = {name: value for name, value in os.environ.items() if name != "POLARS_MAX_THREADS"}
    return subprocess.run(
        [sys.executable, "-c", "from episodes.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment,
    )


def tables_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(folder.rglob("*.parquet"))}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole line, command by command, over the bundled claims."""
    place = tmp_path_factory.mktemp("line")
    for arguments in (
        ("build", BUNDLED, "--baseline", "--out", place / "baseline"),
        ("build", BUNDLED, "--performance-year", "1", "--out", place / "py1"),
        ("price", place / "baseline", "--out", place / "prices"),
        ("reconcile", place / "py1", "--prices", place / "prices", "--out", place / "result"),
    ):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
    return place


def test_command_by_command_gives_the_same_as_the_library(line: Path) -> None:
    import polars as pl

    claims = ep.read_claims(BUNDLED)
    team = ep.load_program("team", performance_year=1)
    prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
    result = ep.reconcile(ep.build_episodes(claims, team), prices)
    assert pl.read_parquet(line / "result" / "hospitals.parquet").to_dicts() == result.hospitals.to_dicts()


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_threads_change_no_byte(line: Path, tmp_path: Path, threads: int) -> None:
    done = run("build", BUNDLED, "--performance-year", "1", "--threads", str(threads), "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert tables_of(tmp_path / "run") == tables_of(line / "py1")


def test_demo_ends_with_the_statement_and_the_run_folder(tmp_path: Path) -> None:
    done = run("demo", "--out", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    after_title = done.stdout[done.stdout.index("Reconciliation") :]
    for word in ("hospital", "episodes", "target", "actual", "quality effect", "limit", "payment", "repayment"):
        assert word in after_title
    assert done.stdout.strip().splitlines()[-1].startswith("Run folder: ")
    again = run("demo", "--out", tmp_path / "demo", "--json")
    assert again.returncode == 0, again.stderr
    assert {"ccn", "amount_cents"} <= set(json.loads(again.stdout)["hospitals"][0])


def test_json_says_what_was_switched_off_and_closes_the_balance(tmp_path: Path) -> None:
    done = run(
        "build", BUNDLED, "--json", "--without-exclusion", "medicare_advantage", "--override", "window.post_days=90",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["program"]["switched_off"] == ["medicare_advantage"]
    assert said["program"]["overrides"] == {"construction.window.post_days": 90}
    assert sum(row["cents"] for row in said["balance"]) == said["counts"]["payable_cents"]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["program"]["switched_off"] == ["medicare_advantage"]
    assert {"construction.window.post_days"} <= {rule["rule"] for rule in manifest["program"]["open_rules"]}
    assert {file["taken_for"] for file in manifest["source"]["files"]} >= {"claims", "lines"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("build", "no-such-folder"), 1, "no file or folder"),
        (("build", BUNDLED, "--program", "teem"), 1, "Did you mean 'team'"),
        (("build", BUNDLED, "--performance-year", "9"), 1, "1 (2026-01-01 to 2026-12-31), 2 (2027"),
        (
            ("build", BUNDLED, "--performance-year", "2026"),
            1,
            "2026 is a calendar year: its performance year is named 1",
        ),
        (("build", BUNDLED, "--without-exclusion", "nonsense"), 1, "Unknown exclusion 'nonsense'"),
        (("build", BUNDLED, "--override", "window.post_days"), 1, "KEY=VALUE"),
        (("build", BUNDLED, "--override", "window.post_days=soon"), 1, "valid integer"),
        (("build", BUNDLED, "--override", "window.post_days=-1"), 1, "greater than or equal to 0"),
        (("build", BUNDLED, "--override", "discounts.CABG=0"), 1, "--override 'price.discounts={"),
        (("build", BUNDLED, "--period", "2026"), 1, "START:END"),
        (("build", BUNDLED, "--baseline", "--period", "2026-01-01:2026-12-31"), 1, "--baseline or --period, not both"),
        (("build", BUNDLED, "--threads", "-1"), 1, "--threads is 0 (all cores) or a number of threads from 1 on"),
        (("build", BUNDLED, "--out", Path(__file__)), 1, "'test_command_line.py' is a file"),
        (("build", BUNDLED, "--out", Path(__file__) / "run"), 1, "'run' would lie below it"),
        (("price", "no-such-run", "--out", "prices"), 1, "There is no run folder 'no-such-run'"),
        (("synth", "--out", Path(__file__) / "claims", "--beneficiaries", "5"), 1, "where a folder is needed"),
        (("build", BUNDLED, "--period", "2026-13-01:2027-01-01"), 1, "YYYY-MM-DD"),
        (("build", BUNDLED, "--layout", "rif2"), 1, "Unknown layout 'rif2'"),
        (("build",), 2, ""),
        (("bild",), 2, "build"),
        (("build", BUNDLED, "--colour", "red"), 2, ""),
        (("--help",), 0, ""),
        (("build", "--help"), 0, ""),
    ],
)
def test_exit_codes_and_words(arguments: tuple[str | Path, ...], code: int, says: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_existing_folder_is_kept_unless_told(line: Path, tmp_path: Path) -> None:
    refused = run("price", line / "baseline", "--out", line / "prices")
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    foreign = run("price", line / "baseline", "--out", tmp_path / "mine", "--overwrite")
    assert foreign.returncode == 1
    assert "not a run folder" in foreign.stderr
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_run_of_another_kind_is_refused(line: Path) -> None:
    done = run("price", line / "prices", "--out", line / "nothing")
    assert done.returncode == 1
    assert "kind 'prices', expected 'built'" in done.stderr


def test_claims_without_amounts_on_the_basis_name_the_way_out(tmp_path: Path) -> None:
    import polars as pl

    for name in ("claims", "lines"):
        frame = pl.read_parquet(BUNDLED / f"{name}.parquet").drop("standardized_cents")
        frame.write_parquet(tmp_path / f"{name}.parquet")
    done = run("build", tmp_path)
    assert done.returncode == 1
    assert "--amount-basis" in done.stderr
    assert run("build", tmp_path, "--amount-basis", "allowed").returncode == 0


# --- what the machine refuses -------------------------------------------------------------------------------


def said_of(error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command line says of an error that a command raises."""

    def failing(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(cli, "app", failing)
    with pytest.raises(SystemExit) as ended:
        cli.main(["build"])
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (FileNotFoundError(2, "No such file", "/home/me/claims.csv"), "'claims.csv' is not there. Was it moved"),
        (
            FileNotFoundError("No such file or directory (os error 2): /home/me/x y.parquet"),
            "'x y.parquet' is not there",
        ),
        (
            FileNotFoundError(2, "Failed to open local file '/home/me/x.parquet'. Detail: none"),
            "'x.parquet' is not there",
        ),
        (FileNotFoundError(), "a file is not there"),
        (PermissionError(13, "Permission denied", "/home/me/runs"), "no permission to read or write 'runs'"),
        (NotADirectoryError(20, "Not a directory", "/home/me/a/b"), "'b' is a file, or lies below one"),
        (FileExistsError(17, "File exists", "claims"), "'claims' is a file, or lies below one"),
        (
            IsADirectoryError(21, "Is a directory", "/home/me/mine.toml"),
            "'mine.toml' is a folder where a file is needed",
        ),
        (OSError(28, "No space left on device", "/home/me/x"), "the disk is full. Free some space"),
        (OSError(12, "Cannot allocate memory"), "memory ran out"),
        (MemoryError(), "memory ran out"),
        (OSError(5, "Input/output error", "/home/me/x.parquet"), "Input/output error: 'x.parquet'"),
        (TimeoutError(), "TimeoutError: a file"),
    ],
)
def test_what_the_machine_refuses_is_said_by_the_name_of_the_file(
    error: BaseException, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = said_of(error, monkeypatch, capsys)
    assert said.startswith(f"episodes: {says}")
    assert "/home" not in said
    assert ("memory" in said or "disk" in said) == ("memory" in says or "disk" in says)


def test_a_fault_of_the_library_shows_where_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyError):
        said_of(KeyError("column"), monkeypatch, capsys)


@pytest.mark.parametrize("arguments", [("--json",), ()])
def test_a_reader_that_has_gone_ends_the_command_quietly(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", "from episodes.cli import main; main()", "check-program", "team", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()
    assert running.returncode in (0, 1)
    assert said == b""
