"""The run folder: nothing half-written, read back as it was, refused where the rules differ."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import episodes as ep
from episodes.errors import RunFolderError
from episodes.running import run_folder


@pytest.fixture(scope="module")
def built() -> ep.BuiltEpisodes:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    program = ep.load_program(
        "team", 1, without_exclusions=["medicare_advantage"], overrides={"window.run_out_days": 90}
    )
    return ep.build_episodes(claims, program)


def test_read_back_as_it_was(built: ep.BuiltEpisodes, tmp_path: Path) -> None:
    folder = run_folder.write_run(
        tmp_path / "run", "built", run_folder.built_tables(built), run_folder.about_built(built)
    )
    again = run_folder.read_built(folder)
    assert again.program.fingerprint == built.program.fingerprint
    assert again.program.switched_off == ("medicare_advantage",)
    assert_frame_equal(again.episodes, built.episodes)
    assert_frame_equal(again.services.collect(), built.services.collect())
    assert_frame_equal(again.balance, built.balance)
    assert_frame_equal(again.hospitals, built.hospitals)
    assert again.risk is not None
    assert built.risk is not None
    assert_frame_equal(again.risk, built.risk)
    for read, made in ((again.outcomes, built.outcomes), (again.attribution, built.attribution)):
        assert read is not None
        assert made is not None
        assert_frame_equal(read.collect(), made.collect())


def test_a_build_without_further_tables_is_read_back_without_them(built: ep.BuiltEpisodes, tmp_path: Path) -> None:
    bare = dataclasses.replace(built, risk=None, outcomes=None, attribution=None)
    folder = run_folder.write_run(
        tmp_path / "run", "built", run_folder.built_tables(bare), run_folder.about_built(bare)
    )
    again = run_folder.read_built(folder)
    assert (again.risk, again.outcomes, again.attribution) == (None, None, None)


def test_a_failing_write_leaves_the_old_run_and_nothing_half_written(
    built: ep.BuiltEpisodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "run"
    run_folder.write_run(place, "built", {"balance": built.balance}, {})
    before = (place / "manifest.json").read_text()

    def full_disk(frame: pl.DataFrame, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_folder, "write_parquet", full_disk)
    with pytest.raises(OSError, match="No space"):
        run_folder.write_run(place, "built", {"balance": built.balance}, {}, overwrite=True)
    assert (place / "manifest.json").read_text() == before
    monkeypatch.undo()
    run_folder.write_run(place, "built", {"balance": built.balance}, {}, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_other_rules_than_those_of_the_run_are_refused(built: ep.BuiltEpisodes, tmp_path: Path) -> None:
    folder = run_folder.write_run(
        tmp_path / "run", "built", run_folder.built_tables(built), run_folder.about_built(built)
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["program"]["fingerprint"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match="other rules"):
        run_folder.read_built(folder)


def test_a_lost_cent_fails_loudly(built: ep.BuiltEpisodes) -> None:
    from episodes.building.balance import check_balance
    from episodes.errors import BalanceError

    total = int(built.balance["cents"].sum())
    check_balance(built.balance, total, 1)
    with pytest.raises(BalanceError, match="fault of the library"):
        check_balance(built.balance, total + 1, 1)


# --- what can be wrong with a run folder --------------------------------------------------------------------


@pytest.fixture
def folder(built: ep.BuiltEpisodes, tmp_path: Path) -> Path:
    return run_folder.write_run(
        tmp_path / "run", "built", run_folder.built_tables(built), run_folder.about_built(built)
    )


def test_a_folder_that_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="There is no run folder 'nowhere' at the place given"):
        run_folder.read_built(tmp_path / "nowhere")
    with pytest.raises(RunFolderError, match="There is no run folder 'nowhere'"):
        run_folder.read_built(str(tmp_path / "nowhere"))
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunFolderError, match="'letter.txt' is a file, not a run folder: give the folder that holds"):
        run_folder.read_manifest(tmp_path / "letter.txt")
    with pytest.raises(RunFolderError, match="is not a run folder: it has no manifest.json"):
        run_folder.read_manifest(tmp_path)


def test_a_folder_given_as_a_dot_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    with pytest.raises(RunFolderError, match="'mine' is not a run folder"):
        run_folder.read_manifest(Path())
    with pytest.raises(RunFolderError, match="The folder 'mine' exists"):
        run_folder.check_place(Path(), overwrite=False)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"kind": "built"}', '{"tables": {}}', '{"kind": "built", "tables": []}', "\udcff"]
)
def test_a_damaged_manifest_is_an_error_that_names_it(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunFolderError, match="Run folder 'run': 'manifest.json' .*Copy the folder again") as caught:
        run_folder.read_built(folder)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("key", ["basis", "counts", "source", "program", "program.overrides", "program.fingerprint"])
def test_a_manifest_that_lacks_something_is_damaged(folder: Path, key: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    parent, _, name = key.rpartition(".")
    del (manifest[parent] if parent else manifest)[name]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match="'manifest.json' does not say all that a build says of itself"):
        run_folder.read_built(folder)


@pytest.mark.parametrize("name", ["services.parquet", "episodes.parquet", "exclusions.parquet"])
def test_a_table_that_is_missing_or_exchanged_is_named(folder: Path, name: str) -> None:
    run_folder.read_built(folder)
    whole = (folder / name).read_bytes()
    other = (folder / "balance.parquet").read_bytes()
    for content in (whole[: len(whole) // 2], other, whole + b"x", b""):
        (folder / name).write_bytes(content)
        with pytest.raises(RunFolderError, match=f"Run folder 'run': '{name}' is not the file that was written"):
            run_folder.read_built(folder)
    (folder / name).unlink()
    with pytest.raises(RunFolderError, match=f"'{name}' is missing"):
        run_folder.read_built(folder)


def test_a_table_that_the_manifest_does_not_list_is_not_read(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["tables"]["quality.parquet"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match=r"'manifest.json' does not list 'quality.parquet'"):
        run_folder.read_built(folder)


def test_a_run_under_rules_of_ones_own_asks_for_the_file(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["program"]["id"] = "mine"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match=r"a rules file of the user's own \('mine'\).*--rules-file FILE"):
        run_folder.read_built(folder)


def test_a_place_that_is_a_file_or_below_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="'letter.txt' is a file: a run is written into a folder of its own"):
            run_folder.check_place(tmp_path / "letter.txt", overwrite=overwrite)
        with pytest.raises(RunFolderError, match="'letter.txt' is a file, and 'run' would lie below it"):
            run_folder.check_place(tmp_path / "letter.txt" / "deep" / "run", overwrite=overwrite)
    run_folder.check_place(tmp_path / "deep" / "run", overwrite=False)
