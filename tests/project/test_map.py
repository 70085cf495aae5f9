"""ARCHITECTURE.md is true: every module is on the map, and everything on the map exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "episodes"


def modules_on_the_map() -> set[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([\w/-]+\.(?:py|toml))` \|", text, flags=re.MULTILINE))


def modules_in_the_tree() -> set[str]:
    python = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if path.name != "__init__.py"}
    return python | {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.toml")}


def test_every_module_is_on_the_map_and_nothing_else() -> None:
    assert modules_in_the_tree() == modules_on_the_map()


def test_modules_are_small_rooms() -> None:
    too_long = {
        str(path.relative_to(SOURCE)): lines
        for path in SOURCE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not too_long
