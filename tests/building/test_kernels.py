"""The kernels give the same as plain Python as compiled, and their arithmetic is that of `episodes.money`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from episodes.building import compiled
from episodes.building.compiled import kernels
from episodes.money import round_half_up, split_by_boundaries

BUILD = """
import json, sys
import episodes as ep
import strategies

built = ep.build_episodes(
    ep.Claims(**strategies.to_frames(strategies.random_tables(seed=3, people=40))), ep.load_program(sys.argv[1])
)
print(json.dumps([built.episodes.height, *(
    frame.write_json() for frame in (built.episodes, built.services.collect(), built.balance, built.providers)
)]))
"""


@pytest.mark.parametrize("program", ["team"])
def test_plain_python_gives_the_same_as_compiled(program: str) -> None:
    """Numba's own switch runs every kernel, callees too, as the Python that it is written in."""
    tests = str(Path(__file__).parents[1])

    def run(**environment: str) -> list[Any]:
        given = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]), **environment}
        done = subprocess.run(
            [sys.executable, "-c", BUILD, program], env=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found: list[Any] = json.loads(done.stdout)
        return found

    fast, plain = run(), run(NUMBA_DISABLE_JIT="1")
    assert fast[0] > 20
    assert fast == plain


@given(st.integers(-(10**11), 10**11), st.integers(1, 10_000), st.data())
def test_a_boundary_is_that_of_a_split(amount: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    expected, rest = split_by_boundaries(amount, [part], whole)
    assert kernels().boundary_of.py_func(amount, part, whole, 0, 1, 1) == expected
    assert kernels().boundary_of(amount, part, whole, 0, 1, 1) == expected
    assert expected + rest == amount


@given(
    st.integers(-(10**9), 10**9),
    st.integers(-(10**8), 10**8),
    st.integers(1, 400),
    st.integers(1, 400),
    st.integers(0, 400),
    st.integers(0, 400),
)
def test_an_outlier_apart_is_rounded_with_the_rest(
    amount: int, outlier: int, whole: int, days: int, part: int, inside: int
) -> None:
    exact = Fraction(amount * part, whole) + Fraction(outlier * inside, days)
    assert kernels().boundary_of(amount, part, whole, outlier, inside, days) == round_half_up(exact)


def test_cache_key_follows_the_kernel_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Numba does not notice a change in a callee of another file, so the folder's key must."""
    before = compiled.kernel_key()
    for name in compiled.KERNEL_SOURCES:
        (tmp_path / name).write_bytes(b"# another source")
    monkeypatch.setattr("episodes.compiling.files", lambda _package: tmp_path)
    assert compiled.kernel_key() != before


def test_every_compiled_function_stands_in_a_source_of_the_key() -> None:
    import inspect

    compiled_functions = [value for value in vars(kernels()).values() if hasattr(value, "py_func")]
    assert compiled_functions
    for function in compiled_functions:
        assert inspect.getsourcefile(function.py_func).endswith(compiled.KERNEL_SOURCES)
