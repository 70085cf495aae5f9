"""The public names load, are documented with an example, and the import stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import episodes as ep


@pytest.mark.parametrize("name", ep.__all__)
def test_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(ep, name).__doc__


@pytest.mark.parametrize(
    "name",
    ["Claims", "References", "build_episodes", "explain", "load_program", "read_claims", "reconcile", "target_prices"],
)
def test_public_callable_has_a_runnable_example(name: str) -> None:
    assert ">>>" in getattr(ep, name).__doc__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ep.nothing  # noqa: B018


def test_import_and_help_load_no_heavy_library() -> None:
    script = (
        "import sys, episodes, episodes.cli;"
        "heavy = {'polars', 'numba', 'scipy', 'altair', 'pyarrow', 'duckdb'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
