"""Fixtures that any test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is not a fault of the code: no test asserts on time.
settings.register_profile("episodes", deadline=None, print_blob=True)
settings.load_profile("episodes")


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of public sample files: EPISODES_SHARED, or `shared` beside the repository; skips without it."""
    named = os.environ.get("EPISODES_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("no folder of public sample files (set EPISODES_SHARED)")
    return folder
