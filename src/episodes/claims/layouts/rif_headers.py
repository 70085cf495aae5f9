"""Headers of RIF files, in the order of their columns, as the BFD samples have them."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from itertools import product

from episodes.claims.layouts.rif_columns import MONTHS

_REPEATED = re.compile(r"\(([^)]*)\)x(\d+)|(\S+)")


@cache
def header_of_kind(kind: str) -> list[str]:
    """The column names of a kind of file.

    >>> header_of_kind("pde")[:3], len(header_of_kind("inpatient"))
    (['DML_IND', 'PDE_ID', 'CLM_GRP_ID'], 275)
    """
    packaged = files("episodes") / "claims" / "layouts" / "rif_headers.toml"
    return expanded(tomllib.loads(packaged.read_text("utf-8"))[kind])


def expanded(text: str) -> list[str]:
    """Column names from their short form: `#` stands for a number, `@` for a month.

    >>> expanded("CLM_ID (CD# DT#)x2 (HMO_@_IND)x12")[:6]
    ['CLM_ID', 'CD1', 'DT1', 'CD2', 'DT2', 'HMO_JAN_IND']
    """
    names: list[str] = []
    for group, times, single in _REPEATED.findall(text):
        if single:
            names.append(single)
            continue
        for n, name in product(range(1, int(times) + 1), group.split()):
            names.append(name.replace("#", str(n)) if "#" in name else name.replace("@", MONTHS[n - 1]))
    return names
