"""The kernels give the same as plain Python as compiled, and their arithmetic is that of `episodes.money`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import episodes as ep
import strategies
from episodes.building import compiled
from episodes.building.compiled import kernels
from episodes.money import split_by_boundaries


class PlainKernels:
    """The kernel module with every compiled function replaced by its Python source."""

    def __init__(self) -> None:
        self.module = kernels()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.module, name)
        return getattr(value, "py_func", value)


def test_plain_python_gives_the_same_as_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = strategies.random_tables(seed=3, people=40)
    program = ep.load_program("team", 1)

    def run() -> ep.BuiltEpisodes:
        return ep.build_episodes(ep.Claims(**strategies.to_frames(tables)), program)

    fast = run()
    plain = PlainKernels()
    for module in ("assignment", "balance", "status"):
        monkeypatch.setattr(f"episodes.building.{module}.kernels", lambda: plain)
    slow = run()
    assert fast.episodes.height > 20
    assert_frame_equal(fast.episodes, slow.episodes)
    assert_frame_equal(fast.services.collect(), slow.services.collect())
    assert_frame_equal(fast.balance, slow.balance)


@given(st.integers(-(10**11), 10**11), st.integers(1, 10_000), st.data())
def test_share_is_the_first_part_of_a_split_by_boundaries(amount: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    expected, rest = split_by_boundaries(amount, [part], whole)
    assert kernels().share_of.py_func(amount, part, whole) == expected
    assert kernels().share_of(amount, part, whole) == expected
    assert expected + rest == amount


def test_cache_key_follows_the_kernel_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Numba does not notice a change in a callee of another file, so the folder's key must."""
    before = compiled.kernel_key()
    changed = tmp_path / "kernels.py"
    changed.write_bytes(b"# another source")
    monkeypatch.setattr(compiled, "files", lambda _package: tmp_path)
    assert compiled.kernel_key() != before


def test_every_compiled_function_stands_in_a_source_of_the_key() -> None:
    import inspect

    compiled_functions = [value for value in vars(kernels()).values() if hasattr(value, "py_func")]
    assert compiled_functions
    for function in compiled_functions:
        assert inspect.getsourcefile(function.py_func).endswith(compiled.KERNEL_SOURCES)
