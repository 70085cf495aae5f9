"""Programmes for tests of settlement: the packaged one, or its settlement part over the construction of another."""

from __future__ import annotations

import copy
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import episodes as ep
from episodes.programs import Program
from episodes.programs.program import resolved

PARTS = Path(__file__).parents[1] / "cases" / "settlement_parts"
CATEGORIES = {"bpci-advanced": ["SEPSIS"], "epm-2017": ["AMI", "CABG", "SHFFT"]}
YEARS = {"bpci-advanced": ["8"], "epm-2017": ["1", "2", "3", "4", "5"]}


def program_of(name: str, year: str | None = None, *, discount: float = 0.03) -> Program:
    """A programme with settlement and prices; TEAM's prices stand in where the packaged one has none."""
    if name in ep.programs.known_programs():
        loaded = ep.load_program(name, year)
        if loaded.rules.price is not None:
            return loaded
        tree = copy.deepcopy(dict(loaded._source))
    else:
        tree = copy.deepcopy(dict(ep.load_program("cjr", 8)._source))
        tree |= {"id": name, "name": name}
        part = tomllib.loads((PARTS / f"{name}.toml").read_text(encoding="utf-8"), parse_float=Decimal)
        tree["settlement"] = part["settlement"]
        years: list[str] = YEARS.get(name, ["1"])
        span = {"start": "2026-01-01", "end": "2026-12-31"}
        tree["performance_years"] = dict.fromkeys(years, span)
        at_eight = copy.deepcopy(ep.load_program("cjr", 8)._resolved["construction"])
        tree["construction"] = at_eight
    team: dict[str, Any] = copy.deepcopy(ep.load_program("team", 1)._resolved)
    tree["categories"] = {**team["categories"], **{key: key for key in CATEGORIES.get(name, [])}}
    tree["price"] = team["price"]
    tree["price"]["discounts"]["value"] = dict.fromkeys(tree["categories"], Decimal(str(discount)))
    return resolved(tree, year or next(iter(tree["performance_years"])))
