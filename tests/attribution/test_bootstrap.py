"""The bootstrap: reproducible whatever the threads, the same as plain Python, right in distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from episodes import compiling
from episodes.attribution import bootstrap_ratios
from episodes.attribution.bootstrap import bootstrap_intervals
from episodes.compiling import compiled
from episodes.errors import ArgumentError

DRAW = np.random.default_rng(3)
SIZES = [7, 1, 40, 12]
OBSERVED = DRAW.integers(1, 10**6, sum(SIZES))
EXPECTED = DRAW.uniform(1, 10**6, sum(SIZES))
NAMES = ["a", "b", "c", "d"]


def ratios(**changes: Any) -> np.ndarray[Any, Any]:
    arguments = {"replicates": 50, "seed": 11, "threads": 1} | changes
    return bootstrap_ratios(OBSERVED, EXPECTED, SIZES, NAMES, **arguments)


def test_threads_do_not_matter_and_seeds_do() -> None:
    assert (ratios(threads=1) == ratios(threads=3)).all()
    assert (ratios(replicates=20) == ratios()[:20]).all()
    assert (ratios() != ratios(seed=12))[:, 0].all()


def test_a_party_does_not_depend_on_the_others() -> None:
    alone = bootstrap_ratios(OBSERVED[8:48], EXPECTED[8:48], [40], ["c"], replicates=50, seed=11)
    assert (alone[:, 0] == ratios()[:, 2]).all()


def test_one_episode_is_always_drawn() -> None:
    assert (ratios()[:, 1] == OBSERVED[7] / EXPECTED[7]).all()


def test_plain_python_gives_the_same_as_compiled() -> None:
    kernels = compiled("episodes.attribution")
    plain = np.empty((3, 4))
    starts = np.concatenate([[0], np.cumsum(SIZES)])
    keys = np.array([5, 6, 7, 8], dtype=np.uint64)
    amounts = np.stack([OBSERVED.astype(float), EXPECTED], axis=1)
    fast = np.empty((3, 4))
    kernels.resampled_ratios(amounts, starts, keys, np.uint64(9), 0, fast)
    with np.errstate(over="ignore"):
        kernels.resampled_ratios.py_func(amounts, starts, keys, np.uint64(9), 0, plain)
    assert (fast == plain).all()


def test_draws_are_even() -> None:
    """Each of ten episodes is drawn a tenth of the time: chi-square of 200,000 draws on 9 degrees."""
    drawn = np.zeros(10)
    for number in range(10):
        marked = (np.arange(10) == number).astype(float)
        drawn[number] = bootstrap_ratios(marked, np.ones(10), [10], ["x"], replicates=20_000, seed=1).sum() * 10
    assert drawn.sum() == pytest.approx(200_000)
    assert ((drawn - 20_000) ** 2 / 20_000).sum() < 27.9  # 0.999 of chi-square with 9 degrees


def test_intervals_have_the_width_that_theory_gives() -> None:
    observed = np.random.default_rng(5).normal(100, 20, 400)
    low, high = bootstrap_intervals(
        observed, np.full(400, 100.0), np.array([400]), ["x"], level=0.95, replicates=4000, seed=1
    )
    half = (high[0] - low[0]) / 2
    assert half == pytest.approx(1.96 * observed.std() / 100 / 20, rel=0.05)


def test_one_episode_has_no_interval() -> None:
    low, high = bootstrap_intervals(
        OBSERVED.astype(float), EXPECTED, np.array(SIZES), NAMES, level=0.9, replicates=30, seed=1
    )
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, False, False]


def test_wrong_arguments_are_errors() -> None:
    with pytest.raises(ArgumentError, match="replicates"):
        ratios(replicates=0)
    with pytest.raises(ArgumentError, match="seed"):
        ratios(seed=-1)
    with pytest.raises(ArgumentError, match="sizes"):
        bootstrap_ratios(OBSERVED, EXPECTED, [1, 2], ["a", "b"], replicates=1, seed=1)


def test_cache_key_follows_the_kernel_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    before = compiling.kernel_key("episodes.attribution", ("kernels.py",))
    (tmp_path / "kernels.py").write_bytes(b"# another source")
    monkeypatch.setattr(compiling, "files", lambda _package: tmp_path)
    assert compiling.kernel_key("episodes.attribution", ("kernels.py",)) != before


def test_an_unwritable_cache_folder_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(file / "below"))
    assert compiling.writable_cache_folder() != file / "below"
