"""The page on attribution names what there is."""

from __future__ import annotations

from pathlib import Path

from episodes.attribution import ATTRIBUTION_COLUMNS, METHODS, attribution_rules
from episodes.attribution.judging import FLAGS, INTERVALS
from episodes.attribution.parties import PARTY_KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "attribution.md").read_text(encoding="utf-8")


def first_cells(head: str) -> list[str]:
    """The names in the first column of the table with this head."""
    table = PAGE.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0]
    return [row.split("|")[1].strip().strip("`") for row in table.splitlines()[2:]]


def test_columns_and_methods_are_those_of_the_code() -> None:
    assert first_cells("column") == list(ATTRIBUTION_COLUMNS)
    assert first_cells("method") == list(METHODS)


def test_every_name_stands_on_the_page() -> None:
    rules = attribution_rules()
    names = (*PARTY_KINDS, *FLAGS, *INTERVALS, *rules.arrangements, *rules.centre_ids())
    assert not [name for name in names if f"`{name}`" not in PAGE]
