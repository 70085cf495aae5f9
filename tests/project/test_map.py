"""ARCHITECTURE.md is true: every module is on the map, and everything on the map exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "episodes"


def rows_of_the_map() -> list[tuple[str, str]]:
    """Module and what it is for."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([\w/-]+\.(?:py|toml))` \| (.*) \|$", text, flags=re.MULTILINE)


def modules_in_the_tree() -> set[str]:
    python = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if path.name != "__init__.py"}
    return python | {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.toml")}


def test_every_module_is_on_the_map_and_nothing_else() -> None:
    on_the_map = [module for module, _ in rows_of_the_map()]
    assert len(on_the_map) == len(set(on_the_map))
    assert modules_in_the_tree() == set(on_the_map)


def test_the_map_says_of_a_module_what_its_docstring_says() -> None:
    for module, says in rows_of_the_map():
        if module.endswith(".py"):
            docstring = ast.get_docstring(ast.parse((SOURCE / module).read_text(encoding="utf-8")))
            assert docstring is not None, module
            assert says == docstring.splitlines()[0], module


def test_modules_are_small_rooms() -> None:
    too_long = {
        str(path.relative_to(SOURCE)): lines
        for path in SOURCE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not too_long
