"""The run folder: nothing half-written, read back as it was, refused where the rules differ."""

from __future__ import annotations

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
