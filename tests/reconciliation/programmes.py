"""Packaged programmes with the prices of TEAM in place of their own, so that price tables by code and region fit."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import episodes as ep
from episodes.programs import Program
from episodes.programs.program import resolved


def program_of(name: str, year: str | None = None, *, discount: float = 0.03) -> Program:
    """A packaged programme whose prices are set as TEAM's are, with one discount for all categories."""
    loaded = ep.load_program(name, year)
    tree: dict[str, Any] = copy.deepcopy(dict(loaded._source))
    team: dict[str, Any] = copy.deepcopy(ep.load_program("team", 1)._resolved)
    tree["categories"] = {**team["categories"], **tree["categories"]}
    tree["price"] = team["price"]
    tree["price"]["discounts"]["value"] = dict.fromkeys(tree["categories"], Decimal(str(discount)))
    return resolved(tree, loaded.performance_year)
