"""Programmes with prices over the anchors of TEAM, so that hand-built episodes fit all of them.

The price part is that of the packaged rules file; of a programme whose file has none yet, that of `rules/`.
"""

from __future__ import annotations

import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import episodes as ep
from episodes.programs import known_programs

PARTS = Path(__file__).parent / "rules"
HEAD = "# --- price ---"

TEAM_CATEGORIES = ("LEJR", "SHFFT", "CABG", "SPINAL_FUSION", "MAJOR_BOWEL")
YEARS = {"tenncare-tjr": range(2015, 2026), "commercial-tjr": range(2024, 2029)}
"""Names of the performance years; 1 to 8 where nothing else is said."""


@cache
def priced_program(name: str, year: str | None = None) -> ep.Program:
    """The programme of a performance year (default: its first), priced."""
    if name in ("team", "cjr"):
        return ep.load_program(name, year)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.toml"
        file.write_text(_rules_of(name), encoding="utf-8")
        return ep.load_program(file, year)


def _price_part(name: str) -> str:
    packaged = files("episodes.programs") / "rules" / f"{name}.toml"
    text = packaged.read_text(encoding="utf-8") if name in known_programs() else ""
    if HEAD not in text:
        return (PARTS / f"{name}.toml").read_text(encoding="utf-8")
    return HEAD + text.split(HEAD, 1)[1].split("\n# --- ", 1)[0]


def _rules_of(name: str) -> str:
    team = (files("episodes.programs") / "rules" / "team.toml").read_text(encoding="utf-8")
    construction = team[team.index("# --- construction") : team.index("# --- participation")]
    part = _price_part(name)
    every = ", ".join(f"{category} = 0.03" for category in TEAM_CATEGORIES)
    part = part.replace("{ AMI = 0.03, CABG = 0.03, SHFFT = 0.03 }", f"{{ {every} }}")
    medical = part.split("medical_categories]", 1)[1].split("]", 1)[0].split("\n")[2:-1] if "medical_c" in part else []
    named = [f'{line.strip().rstrip(",")} = "medical"' for line in medical]
    head = [f'id = "{name}"', f'name = "{name}"', 'citation = "none"', "known_as_of = 2026-11-21", "[categories]"]
    dates = "{ start = 2026-01-01, end = 2026-12-31 }"
    years = ["[performance_years]", *(f"{year} = {dates}" for year in YEARS.get(name, range(1, 9)))]
    categories = [f'{category} = "surgical"' for category in TEAM_CATEGORIES]
    return "\n".join([*head, *categories, *named, *years, construction, part])
