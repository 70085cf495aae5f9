"""`episodes explain`: the same as the library, over a run folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import episodes as ep
from episodes import cli
from episodes.running.run_folder import about_built, built_tables, read_built, write_run


@pytest.fixture(scope="module")
def run(built: ep.BuiltEpisodes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained") / "run"
    return write_run(folder, "built", built_tables(built), about_built(built))


def command(*arguments: str | Path) -> int:
    """Exit code of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_command_says_what_the_library_says(
    run: Path, built: ep.BuiltEpisodes, capsys: pytest.CaptureFixture[str]
) -> None:
    episode_id = built.episodes["episode_id"][3]
    assert command("explain", run, episode_id) == 0
    assert capsys.readouterr().out == f"{ep.explain(built, episode_id)}\n"
    assert str(ep.explain(read_built(run), episode_id)) == str(ep.explain(built, episode_id))


def test_json_is_the_plain_data(run: Path, built: ep.BuiltEpisodes, capsys: pytest.CaptureFixture[str]) -> None:
    episode_id = built.episodes["episode_id"][4]
    assert command("explain", run, episode_id, "--json") == 0
    assert json.loads(capsys.readouterr().out) == ep.explain(built, episode_id).to_dict()


def test_exit_codes(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("explain", run, "no-such-episode") == 1
    said = capsys.readouterr().err
    assert "candidate episodes of this run" in said
    assert "Traceback" not in said
    assert command("explain", tmp_path / "nothing", "id") == 1
    assert "There is no run folder 'nothing'" in capsys.readouterr().err
    assert command("explain", run) == 2
